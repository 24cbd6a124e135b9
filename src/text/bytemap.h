/* The printable alphabet of byte-level BPE files: each byte is written as one code point (GPT-2's table).
 * Bytes 33-126, 161-172 and 174-255 stand for themselves; the other 68, in increasing order, are U+0100 to U+0143. */
#ifndef TEXT_BYTEMAP_H
#define TEXT_BYTEMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"

static inline uint32_t bytemap_char(uint8_t b)
{
    if (b <= 32) return 256u + b;
    if (b >= 127 && b <= 160) return 289u + (b - 127u);
    return b == 173 ? 323u : b;
}

/* The byte a code point stands for, or -1. */
static inline int bytemap_byte(uint32_t c)
{
    if (c >= 256 && c <= 288) return (int)c - 256;
    if (c >= 289 && c <= 322) return (int)c - 289 + 127;
    if (c == 323) return 173;
    return c > 255 || c <= 32 || (c >= 127 && c <= 160) || c == 173 ? -1 : (int)c;
}

/* Byte number i (0 to 255) in the order of the alphabet's code points: '!' first. */
static inline uint8_t bytemap_order(int i)
{
    if (i < 94) return (uint8_t)(33 + i);
    if (i < 106) return (uint8_t)(161 + i - 94);
    if (i < 188) return (uint8_t)(174 + i - 106);
    return (uint8_t)bytemap_byte(256u + (uint32_t)i - 188u);
}

/* Appends the bytes in the printable alphabet. */
void bytemap_write(struct buf *b, const char *bytes, size_t n);
/* Appends the bytes that the printable text stands for; false (b cut back) if a character is not in the alphabet. */
bool bytemap_read(struct buf *b, const char *text, size_t n);

#endif
