/* Encoding to the K formats and iq4_xs: the fits of superblock.c, packed as in blocks.h. */
#include "format/superblock.h"

static const struct scale_form form_q3_k = {16, -32, 31, {-4, 3, NULL, 1}}, form_q6_k = {16, -128, 127, {-32, 31, NULL, 1}},
                               form_iq4_xs = {32, -32, 31, {-127, 113, iq4_values, 20}};
static const struct line_form form_q2_k = {16, 3, 15}, form_q4_k = {32, 15, 63}, form_q5_k = {32, 31, 63};

/* Fields of 2 bits: element 128 h + 32 k + l goes to bits 2 k of byte 32 h + l. */
static void pack_pairs(uint8_t q[64], const uint8_t codes[SUPER_BLOCK])
{
    memset(q, 0, 64);
    for (int i = 0; i < SUPER_BLOCK; i++) q[i / 128 * 32 + i % 32] |= (uint8_t)((codes[i] & 3) << i % 128 / 32 * 2);
}

/* Nibbles of neighbouring runs of 32: run 2 p in the low, run 2 p + 1 in the high nibbles of q[32 p..]. */
static void pack_nibbles(uint8_t q[128], const uint8_t codes[SUPER_BLOCK])
{
    for (int i = 0; i < 128; i++) {
        const uint8_t *c = codes + i / 32 * 64 + i % 32;
        q[i] = (uint8_t)((c[0] & 15) | (c[32] & 15) << 4);
    }
}

/* One bit of each code: bit i / 32 of high[i % 32]. */
static void pack_bits(uint8_t high[32], const uint8_t codes[SUPER_BLOCK], int bit)
{
    memset(high, 0, 32);
    for (int i = 0; i < SUPER_BLOCK; i++) high[i % 32] |= (uint8_t)((codes[i] >> bit & 1) << i / 32);
}

/* Inverse of scale_min_load for all eight. */
static void pack_scale_min(uint8_t s[12], const int scale[8], const int min[8])
{
    for (int j = 0; j < 4; j++) {
        s[j] = (uint8_t)(scale[j] | scale[j + 4] >> 4 << 6);
        s[j + 4] = (uint8_t)(min[j] | min[j + 4] >> 4 << 6);
        s[j + 8] = (uint8_t)((scale[j + 4] & 15) | (min[j + 4] & 15) << 4);
    }
}

void q2_k_store_weighted(void *dst, const float *src, int64_t n, const float *importance)
{
    struct q2_k_block *b = dst;
    struct super_fit f;
    for (int64_t i = 0; i < n; i += SUPER_BLOCK, b++) {
        super_fit_lines(&f, &form_q2_k, src + i, importance_at(importance, i));
        store_u16(b->d, f.d);
        store_u16(b->dmin, f.dmin);
        for (int j = 0; j < 16; j++) b->scales[j] = (uint8_t)(f.scale[j] | f.min[j] << 4);
        pack_pairs(b->q, f.codes);
    }
}

void q3_k_store_weighted(void *dst, const float *src, int64_t n, const float *importance)
{
    struct q3_k_block *b = dst;
    struct super_fit f;
    for (int64_t i = 0; i < n; i += SUPER_BLOCK, b++) {
        super_fit_scales(&f, &form_q3_k, src + i, importance_at(importance, i));
        store_u16(b->d, f.d);
        memset(b->scales, 0, sizeof b->scales);
        for (int j = 0; j < 16; j++) {
            int s = f.scale[j] + 32;
            b->scales[j % 8] |= (uint8_t)((s & 15) << j / 8 * 4);
            b->scales[8 + j % 4] |= (uint8_t)(s >> 4 << j / 4 * 2);
        }
        pack_pairs(b->q, f.codes);
        pack_bits(b->high, f.codes, 2);
    }
}

void q4_k_store_weighted(void *dst, const float *src, int64_t n, const float *importance)
{
    struct q4_k_block *b = dst;
    struct super_fit f;
    for (int64_t i = 0; i < n; i += SUPER_BLOCK, b++) {
        super_fit_lines(&f, &form_q4_k, src + i, importance_at(importance, i));
        store_u16(b->d, f.d);
        store_u16(b->dmin, f.dmin);
        pack_scale_min(b->scales, f.scale, f.min);
        pack_nibbles(b->q, f.codes);
    }
}

void q5_k_store_weighted(void *dst, const float *src, int64_t n, const float *importance)
{
    struct q5_k_block *b = dst;
    struct super_fit f;
    for (int64_t i = 0; i < n; i += SUPER_BLOCK, b++) {
        super_fit_lines(&f, &form_q5_k, src + i, importance_at(importance, i));
        store_u16(b->d, f.d);
        store_u16(b->dmin, f.dmin);
        pack_scale_min(b->scales, f.scale, f.min);
        pack_nibbles(b->q, f.codes);
        pack_bits(b->high, f.codes, 4);
    }
}

void q6_k_store_weighted(void *dst, const float *src, int64_t n, const float *importance)
{
    struct q6_k_block *b = dst;
    struct super_fit f;
    uint8_t top[SUPER_BLOCK];
    for (int64_t i = 0; i < n; i += SUPER_BLOCK, b++) {
        super_fit_scales(&f, &form_q6_k, src + i, importance_at(importance, i));
        store_u16(b->d, f.d);
        for (int j = 0; j < 16; j++) b->scales[j] = (int8_t)f.scale[j];
        for (int k = 0; k < 128; k++) { /* elements 64 apart share a byte */
            const uint8_t *c = f.codes + k / 64 * 128 + k % 64;
            b->low[k] = (uint8_t)((c[0] & 15) | (c[64] & 15) << 4);
        }
        for (int k = 0; k < SUPER_BLOCK; k++) top[k] = f.codes[k] >> 4;
        pack_pairs(b->high, top);
    }
}

void iq4_xs_store_weighted(void *dst, const float *src, int64_t n, const float *importance)
{
    struct iq4_xs_block *b = dst;
    struct super_fit f;
    for (int64_t i = 0; i < n; i += SUPER_BLOCK, b++) {
        super_fit_scales(&f, &form_iq4_xs, src + i, importance_at(importance, i));
        unsigned high = 0;
        store_u16(b->d, f.d);
        memset(b->scales_low, 0, sizeof b->scales_low);
        for (int j = 0; j < 8; j++) {
            int s = f.scale[j] + 32;
            b->scales_low[j / 2] |= (uint8_t)((s & 15) << j % 2 * 4);
            high |= (unsigned)(s >> 4) << 2 * j;
        }
        store_u16(b->scales_high, (uint16_t)high);
        for (int k = 0; k < 128; k++) {
            const uint8_t *c = f.codes + k / 16 * 32 + k % 16;
            b->q[k] = (uint8_t)(c[0] | c[16] << 4);
        }
    }
}

void q2_k_store(void *dst, const float *src, int64_t n) { q2_k_store_weighted(dst, src, n, NULL); }
void q3_k_store(void *dst, const float *src, int64_t n) { q3_k_store_weighted(dst, src, n, NULL); }
void q4_k_store(void *dst, const float *src, int64_t n) { q4_k_store_weighted(dst, src, n, NULL); }
void q5_k_store(void *dst, const float *src, int64_t n) { q5_k_store_weighted(dst, src, n, NULL); }
void q6_k_store(void *dst, const float *src, int64_t n) { q6_k_store_weighted(dst, src, n, NULL); }
void iq4_xs_store(void *dst, const float *src, int64_t n) { iq4_xs_store_weighted(dst, src, n, NULL); }
