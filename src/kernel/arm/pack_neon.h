/* Vectorised packing of GEMM panels with Advanced SIMD, for any even panel width. See pack_vectors in
 * kernel/pack.h. */
#ifndef KERNEL_ARM_PACK_NEON_H
#define KERNEL_ARM_PACK_NEON_H

#include "kernel/arm/simd_neon.h"
#include "kernel/pack.h"

INLINE float32x2_t load2(const void *src, enum dtype type, int64_t i)
{
    if (type == DT_F32) return vld1_f32((const float *)src + i);
    uint32_t pair;
    memcpy(&pair, (const uint16_t *)src + i, 4);
    return vreinterpret_f32_u32(vset_lane_u32(pair & 0xffff0000u, vdup_n_u32(pair << 16), 1));
}

INLINE int64_t pack_rows_f32(int width, void *dst, const void *src, enum dtype type, int64_t along, int64_t kc)
{
    float *d = dst;
    for (int64_t k = 0; k < kc; k++, d += width) {
        UNROLL
        for (int h = 0; h + 4 <= width; h += 4) vst1q_f32(d + h, load4(src, type, k * along + h));
        if (width % 4) vst1_f32(d + width - 2, load2(src, type, k * along + width - 2));
    }
    return kc;
}

INLINE int64_t pack_columns_f32(int width, void *dst, const void *src, enum dtype type, int64_t across, int64_t kc)
{
    float *d = dst;
    int64_t k = 0;
    for (; k + 4 <= kc; k += 4, d += 4 * width) {
        UNROLL
        for (int h = 0; h < width; h += 4) {
            int count = width - h < 4 ? 2 : 4;
            float32x4_t r[4];
            UNROLL
            for (int j = 0; j < 4; j++) r[j] = j < count ? load4(src, type, (h + j) * across + k) : vdupq_n_f32(0);
            transpose4(r);
            UNROLL
            for (int j = 0; j < 4; j++) {
                if (count == 4) vst1q_f32(d + j * width + h, r[j]);
                else vst1_f32(d + j * width + h, vget_low_f32(r[j]));
            }
        }
    }
    return k;
}

/* A whole panel of floats. */
INLINE void pack_panel_f32(int width, void *dst, const struct pack_source *s, int64_t kc)
{
    pack_floats(dst, width, 1, false, s, pack_vectors(pack_rows_f32, pack_columns_f32, width, dst, s, kc), kc);
}

/* Pairs of bf16 along k: [k / 2][width][2]; width a multiple of 4. */
INLINE int64_t pack_rows_bf16(int width, void *dst, const void *src, enum dtype type, int64_t along, int64_t kc)
{
    uint16_t *d = dst;
    int64_t k = 0;
    for (; k + 2 <= kc; k += 2, d += 2 * width) {
        UNROLL
        for (int h = 0; h < width; h += 4) {
            uint32x4_t x = round_bf16_bits(load4(src, type, k * along + h));
            uint32x4_t y = round_bf16_bits(load4(src, type, (k + 1) * along + h));
            vst1q_u16(d + 2 * h, vreinterpretq_u16_u32(vsriq_n_u32(y, x, 16)));
        }
    }
    return k;
}

/* Eight floats become four pairs of bf16; eight bf16 are that already. */
INLINE float32x4_t load_pairs(const void *src, enum dtype type, int64_t i)
{
    if (type == DT_BF16) return vreinterpretq_f32_u16(vld1q_u16((const uint16_t *)src + i));
    uint16x8_t x = vreinterpretq_u16_u32(round_bf16_bits(vld1q_f32((const float *)src + i)));
    uint16x8_t y = vreinterpretq_u16_u32(round_bf16_bits(vld1q_f32((const float *)src + i + 4)));
    return vreinterpretq_f32_u16(vuzp2q_u16(x, y));
}

INLINE int64_t pack_columns_bf16(int width, void *dst, const void *src, enum dtype type, int64_t across, int64_t kc)
{
    uint16_t *d = dst;
    int64_t k = 0;
    for (; k + 8 <= kc; k += 8, d += 8 * width) {
        UNROLL
        for (int h = 0; h < width; h += 4) {
            float32x4_t r[4];
            UNROLL
            for (int j = 0; j < 4; j++) r[j] = load_pairs(src, type, (h + j) * across + k);
            transpose4(r);
            UNROLL
            for (int j = 0; j < 4; j++) vst1q_u16(d + 2 * (j * width + h), vreinterpretq_u16_f32(r[j]));
        }
    }
    return k;
}

INLINE void pack_panel_bf16(int width, void *dst, const struct pack_source *s, int64_t kc)
{
    pack_bf16s(dst, width, 2, s, pack_vectors(pack_rows_bf16, pack_columns_bf16, width, dst, s, kc), kc);
}

#endif
