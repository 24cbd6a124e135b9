/* Classes of characters, as bits, for cutting text into pieces and for telling what normalisation leaves alone. One
 * table for the process, made at first use from utf8proc's. */
#ifndef TEXT_UNICODE_H
#define TEXT_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    UC_LETTER = 1,       /* \p{L} */
    UC_MARK = 2,         /* \p{M} */
    UC_NUMBER = 4,       /* \p{N} */
    UC_PUNCT = 8,        /* \p{P} */
    UC_SYMBOL = 16,      /* \p{S} */
    UC_SPACE = 32,       /* White_Space, which is what \s means to the "tokenizers" library */
    UC_NEWLINE = 64,     /* CR and LF */
    UC_OTHER = 128,      /* [^\s\p{L}\p{N}] */
    UC_CJK = 256,        /* the sets of pretok_sets.h */
    UC_CASED = 512,
    UC_MARKS = 1024,
    UC_WIDE = 2048,
    UC_STABLE = 4096,    /* NFC keeps it, and nothing before it combines with it */
    UC_UPPER = 8192,     /* [\p{Lu}\p{Lt}] */
    UC_LOWER = 16384,    /* \p{Ll} */
};

enum { UC_BLOCK = 128, UC_BLOCKS = 0x110000 / UC_BLOCK, UC_MAX_KINDS = 1024 };

struct unicode {
    uint16_t index[UC_BLOCKS];
    uint16_t kind[UC_MAX_KINDS][UC_BLOCK]; /* the different blocks; kind[0] is U+0000 to U+007F */
};

/* Never fails, any thread. */
const struct unicode *unicode_table(void);

static inline unsigned unicode_class(const struct unicode *u, uint32_t cp)
{
    return u->kind[u->index[cp / UC_BLOCK]][cp % UC_BLOCK];
}

/* \w for the "tokenizers" library: letters, marks, digits, connectors, and what else is alphabetic. */
bool unicode_is_word(uint32_t cp);

/* The character at s, which is valid UTF-8, and its length. */
static inline uint32_t unicode_char(const char *s, size_t *n)
{
    const uint8_t *p = (const uint8_t *)s;
    if (p[0] < 0x80) return *n = 1, p[0];
    if (p[0] < 0xE0) return *n = 2, (p[0] & 0x1Fu) << 6 | (p[1] & 0x3Fu);
    if (p[0] < 0xF0) return *n = 3, (p[0] & 0x0Fu) << 12 | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu);
    return *n = 4, (p[0] & 0x07u) << 18 | (p[1] & 0x3Fu) << 12 | (p[2] & 0x3Fu) << 6 | (p[3] & 0x3Fu);
}

#endif
