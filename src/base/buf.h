/* A growable byte buffer. Zero-initialised is empty. `failed` sticks after the first failed growth, so that a
 * writer may append many times and check once. data is always NUL-terminated when not NULL (NUL not counted). */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

struct buf {
    char *data;
    size_t len, cap;
    bool failed;
};

void buf_free(struct buf *b);
void buf_clear(struct buf *b); /* keeps the memory */
void buf_add(struct buf *b, const void *data, size_t n);
void buf_add_str(struct buf *b, const char *s);
void buf_add_byte(struct buf *b, int c);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_u16(struct buf *b, uint16_t v); /* little-endian */
void buf_u32(struct buf *b, uint32_t v);
void buf_u64(struct buf *b, uint64_t v);
/* Ensures room for n more bytes. */
void buf_reserve(struct buf *b, size_t n);
/* OK, or ERR_MEMORY naming `what` if any append failed. */
int buf_check(const struct buf *b, const char *what, struct err *e);

#endif
