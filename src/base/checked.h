/* Checked arithmetic: the one set of helpers for counts that come from outside.
 * Each returns true when the result is exact and stored in *out, false on overflow (then *out is unspecified). */
#ifndef BASE_CHECKED_H
#define BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool add_u64(uint64_t a, uint64_t b, uint64_t *out) { return !__builtin_add_overflow(a, b, out); }
static inline bool mul_u64(uint64_t a, uint64_t b, uint64_t *out) { return !__builtin_mul_overflow(a, b, out); }
static inline bool add_size(size_t a, size_t b, size_t *out) { return !__builtin_add_overflow(a, b, out); }
static inline bool mul_size(size_t a, size_t b, size_t *out) { return !__builtin_mul_overflow(a, b, out); }
static inline bool mul_i64(int64_t a, int64_t b, int64_t *out) { return !__builtin_mul_overflow(a, b, out); }
static inline bool add_i64(int64_t a, int64_t b, int64_t *out) { return !__builtin_add_overflow(a, b, out); }

/* a rounded up to a multiple of align (a power of two). */
static inline bool align_u64(uint64_t a, uint64_t align, uint64_t *out)
{
    uint64_t t;
    if (!add_u64(a, align - 1, &t)) return false;
    *out = t & ~(align - 1);
    return true;
}

/* True when [off, off + len) lies inside [0, size): never overflows. */
static inline bool range_ok(uint64_t off, uint64_t len, uint64_t size) { return off <= size && len <= size - off; }

/* Rounding up for sizes known to be small (our own, never from outside). */
static inline size_t round_up(size_t n, size_t m) { return (n + m - 1) / m * m; }
static inline int64_t ceil_div(int64_t n, int64_t m) { return (n + m - 1) / m; }
static inline int64_t min_i64(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t max_i64(int64_t a, int64_t b) { return a > b ? a : b; }

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
