/* Growable byte buffer. */
#include "base/buf.h"
#include "base/checked.h"
#include "base/mem.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void buf_free(struct buf *b)
{
    mem_free(b->data);
    *b = (struct buf){0};
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    if (b->data) b->data[0] = 0;
}

void buf_reserve(struct buf *b, size_t n)
{
    size_t want;
    if (b->failed) return;
    if (!add_size(b->len, n, &want) || !add_size(want, 1, &want)) {
        b->failed = true;
        return;
    }
    if (want <= b->cap) return;
    size_t cap = b->cap < 64 ? 64 : b->cap;
    while (cap < want)
        if (!mul_size(cap, 2, &cap)) cap = want;
    char *p = mem_grow(b->data, b->len, cap);
    if (!p) {
        b->failed = true;
        return;
    }
    b->data = p;
    b->cap = cap;
}

void buf_add(struct buf *b, const void *data, size_t n)
{
    buf_reserve(b, n);
    if (b->failed) return;
    if (n) memcpy(b->data + b->len, data, n);
    b->len += n;
    b->data[b->len] = 0;
}

void buf_add_str(struct buf *b, const char *s) { buf_add(b, s, strlen(s)); }

void buf_add_byte(struct buf *b, int c)
{
    char ch = (char)c;
    buf_add(b, &ch, 1);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    buf_reserve(b, n < 0 ? 0 : (size_t)n);
    if (n >= 0 && !b->failed) {
        vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

static void add_le(struct buf *b, uint64_t v, int bytes)
{
    unsigned char t[8];
    for (int i = 0; i < bytes; i++) t[i] = (unsigned char)(v >> 8 * i);
    buf_add(b, t, (size_t)bytes);
}

void buf_u16(struct buf *b, uint16_t v) { add_le(b, v, 2); }
void buf_u32(struct buf *b, uint32_t v) { add_le(b, v, 4); }
void buf_u64(struct buf *b, uint64_t v) { add_le(b, v, 8); }

int buf_check(const struct buf *b, const char *what, struct err *e)
{
    if (b->failed) FAIL(e, ERR_MEMORY, "out of memory while writing %s (%zu bytes so far)", what, b->len);
    return OK;
}
