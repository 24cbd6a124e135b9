/* Packed form of Q8_0 weights, shared by the vector variants: panels of `nr` rows, block after block along k.
 * One block: [8 groups][nr rows][4 int8], then [nr] scales as f16, then, where the variant wants them, [nr] int16 sums of
 * the row's 32 weights. Rows past the end are zeros. */
#ifndef KERNEL_X86_Q8_PANEL_H
#define KERNEL_X86_Q8_PANEL_H

#include "kernel/variants.h"

struct q8_panel {
    int nr;
    bool sums;
};

static inline size_t q8_block_bytes(struct q8_panel p) { return (size_t)p.nr * (p.sums ? Q8_BYTES + 2 : Q8_BYTES); }

static inline size_t q8_panel_bytes(struct q8_panel p, int64_t k) { return (size_t)(k / Q8_BLOCK) * q8_block_bytes(p); }

static inline size_t q8_panels_bytes(struct q8_panel p, int64_t n, int64_t k)
{
    return (size_t)((n + p.nr - 1) / p.nr) * q8_panel_bytes(p, k);
}

static inline void q8_pack_row(char *dst, struct q8_panel p, int row, const char *src)
{
    int16_t sum = 0;
    for (int e = 0; e < Q8_BLOCK; e++) {
        dst[(e / 4 * p.nr + row) * 4 + e % 4] = src[2 + e];
        sum = (int16_t)(sum + (signed char)src[2 + e]);
    }
    memcpy(dst + p.nr * Q8_BLOCK + 2 * row, src, 2);
    if (p.sums) memcpy(dst + p.nr * Q8_BYTES + 2 * row, &sum, 2);
}

static inline void q8_pack_panels(struct q8_panel p, void *dst, const void *q8_0, int64_t n, int64_t k)
{
    int64_t blocks = k / Q8_BLOCK;
    memset(dst, 0, q8_panels_bytes(p, n, k));
    for (int64_t j = 0; j < n; j++) {
        char *d = (char *)dst + (size_t)(j / p.nr) * q8_panel_bytes(p, k);
        const char *src = (const char *)q8_0 + j * blocks * Q8_BYTES;
        for (int64_t b = 0; b < blocks; b++)
            q8_pack_row(d + (size_t)b * q8_block_bytes(p), p, (int)(j % p.nr), src + b * Q8_BYTES);
    }
}

#endif
