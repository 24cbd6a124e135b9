/* Rows of a Q8_0 cache as panels, for Advanced SIMD: keys by transposing four rows of four groups, values by bringing four
 * rows to one scale and interleaving them. */
#include "kernel/arm/simd_neon.h"
#include "kernel/qcache.h"

/* Rows r to r + 3 of a unit. */
INLINE void transpose_rows(unsigned char *unit, const unsigned char *rows, size_t row_bytes, int r)
{
    UNROLL
    for (int half = 0; half < 2; half++) {
        float32x4_t v[4];
        UNROLL
        for (int i = 0; i < 4; i++)
            v[i] = vreinterpretq_f32_u8(vld1q_u8(rows + (size_t)(r + i) * row_bytes + 2 + 16 * half));
        transpose4(v);
        UNROLL
        for (int g = 0; g < 4; g++) vst1q_u8(unit + 32 + 64 * (4 * half + g) + 4 * r, vreinterpretq_u8_f32(v[g]));
    }
    UNROLL
    for (int i = 0; i < 4; i++) memcpy(unit + 2 * (r + i), rows + (size_t)(r + i) * row_bytes, 2);
}

static void q8_keys_neon(void *panels, const void *rows, size_t row_bytes, int64_t n, int64_t k)
{
    const unsigned char *src = rows;
    unsigned char *unit = panels;
    for (; n >= QP_ROWS; n -= QP_ROWS, src += QP_ROWS * row_bytes)
        for (int64_t b = 0; b < k / QP_BLOCK; b++, unit += qlayout_unit(DT_Q8_0))
            for (int r = 0; r < QP_ROWS; r += 4) transpose_rows(unit, src + (size_t)b * Q8_BYTES, row_bytes, r);
    if (n > 0) qpanel_pack_rows(DT_Q8_0, unit, src, row_bytes, n, k);
}

/* 16 integers times a factor. */
INLINE int8x16_t to_scale(const unsigned char *q, int16_t factor)
{
    int8x16_t v = vreinterpretq_s8_u8(vld1q_u8(q));
    int16x8_t lo = vqrdmulhq_n_s16(vmovl_s8(vget_low_s8(v)), factor), hi = vqrdmulhq_n_s16(vmovl_high_s8(v), factor);
    return vcombine_s8(vmovn_s16(lo), vmovn_s16(hi));
}

/* Group g of a panel: four rows, 16 columns from `rows` on. */
INLINE void tile_group(unsigned char *unit, const unsigned char *rows, size_t row_bytes, int g, const uint16_t *factor)
{
    int8x16_t v[4];
    UNROLL
    for (int i = 0; i < 4; i++) v[i] = to_scale(rows + (size_t)(4 * g + i) * row_bytes, (int16_t)factor[4 * g + i]);
    int16x8_t a = vreinterpretq_s16_s8(vzip1q_s8(v[0], v[1])), b = vreinterpretq_s16_s8(vzip1q_s8(v[2], v[3]));
    int16x8_t c = vreinterpretq_s16_s8(vzip2q_s8(v[0], v[1])), d = vreinterpretq_s16_s8(vzip2q_s8(v[2], v[3]));
    int16_t *to = (void *)(unit + 32 + 64 * g);
    vst1q_s16(to, vzip1q_s16(a, b));
    vst1q_s16(to + 8, vzip2q_s16(a, b));
    vst1q_s16(to + 16, vzip1q_s16(c, d));
    vst1q_s16(to + 24, vzip2q_s16(c, d));
}

static void tile_columns(unsigned char *const unit[2], const unsigned char *rows, size_t row_bytes)
{
    uint16_t scale[QP_BLOCK], factor[QP_BLOCK], top = qcache_scales(scale, rows, row_bytes);
    for (int t = 0; t < QP_BLOCK; t++) factor[t] = qcache_factor(scale[t], top);
    for (int h = 0; h < 2; h++) {
        for (int r = 0; r < QP_ROWS; r++) memcpy(unit[h] + 2 * r, &top, 2);
        for (int g = 0; g < QP_BLOCK / 4; g++) tile_group(unit[h], rows + 2 + QP_ROWS * h, row_bytes, g, factor);
    }
}

static void q8_values_neon(void *panels, const void *rows, size_t row_bytes, int64_t tiles, int64_t n)
{
    qcache_values(tile_columns, panels, rows, row_bytes, tiles, n);
}

void qcache_init_neon(struct kernels *k)
{
    k->q8_keys = q8_keys_neon;
    k->q8_values = q8_values_neon;
}
