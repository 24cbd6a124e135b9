/* Small Advanced SIMD helpers shared by the *_neon.c files. Compiled with -ffp-contract=off: a product and a sum become one
 * operation only where vfmaq says so. */
#ifndef KERNEL_ARM_SIMD_NEON_H
#define KERNEL_ARM_SIMD_NEON_H

#include <arm_neon.h>
#include "kernel/variants.h"

/* 4 x 4 transpose of 32-bit elements. */
INLINE void transpose4(float32x4_t r[4])
{
    float32x4_t a = vtrn1q_f32(r[0], r[1]), b = vtrn2q_f32(r[0], r[1]);
    float32x4_t c = vtrn1q_f32(r[2], r[3]), d = vtrn2q_f32(r[2], r[3]);
    r[0] = vreinterpretq_f32_f64(vtrn1q_f64(vreinterpretq_f64_f32(a), vreinterpretq_f64_f32(c)));
    r[1] = vreinterpretq_f32_f64(vtrn1q_f64(vreinterpretq_f64_f32(b), vreinterpretq_f64_f32(d)));
    r[2] = vreinterpretq_f32_f64(vtrn2q_f64(vreinterpretq_f64_f32(a), vreinterpretq_f64_f32(c)));
    r[3] = vreinterpretq_f32_f64(vtrn2q_f64(vreinterpretq_f64_f32(b), vreinterpretq_f64_f32(d)));
}

/* Rounds to bf16, to nearest even, a NaN stays one: the 16 bits are the upper half of each lane, the rest is zero. */
INLINE uint32x4_t round_bf16_bits(float32x4_t x)
{
    uint32x4_t u = vreinterpretq_u32_f32(x), odd = vandq_u32(vshrq_n_u32(u, 16), vdupq_n_u32(1));
    uint32x4_t r = vaddq_u32(vaddq_u32(u, vdupq_n_u32(0x7fff)), odd), quiet = vorrq_u32(u, vdupq_n_u32(0x400000));
    return vandq_u32(vbslq_u32(vceqq_f32(x, x), r, quiet), vdupq_n_u32(0xffff0000));
}
INLINE float32x4_t round_bf16(float32x4_t x) { return vreinterpretq_f32_u32(round_bf16_bits(x)); }

/* Numbers i to i + 3 of floats or of bf16. */
INLINE float32x4_t load4(const void *src, enum dtype type, int64_t i)
{
    if (type == DT_F32) return vld1q_f32((const float *)src + i);
    return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16((const uint16_t *)src + i), 16));
}

/* a > b ? a : b, so b when either is NaN: not what FMAX or FMAXNM do. */
INLINE float32x4_t max4(float32x4_t a, float32x4_t b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }

/* Sixteen partial results; element i of a row goes to lane i % 16. */
struct lanes {
    float32x4_t v[4];
};

INLINE struct lanes lanes_all(float x)
{
    float32x4_t v = vdupq_n_f32(x);
    return (struct lanes){{v, v, v, v}};
}

/* The lanes as an array, for the last elements of a row. */
INLINE void lanes_store(float lane[LANES], const struct lanes *s)
{
    UNROLL
    for (int h = 0; h < 4; h++) vst1q_f32(lane + 4 * h, s->v[h]);
}

/* exp_scalar, four at a time, the same operations. */
INLINE float32x4_t exp4(float32x4_t x)
{
    const float32x4_t magic = vdupq_n_f32(EXP_MAGIC), one = vdupq_n_f32(1.0f);
    float32x4_t t = vfmaq_f32(magic, x, vdupq_n_f32(EXP_LOG2E)), n = vsubq_f32(t, magic);
    float32x4_t r = vfmaq_f32(vfmaq_f32(x, n, vdupq_n_f32(-EXP_LN2_HIGH)), n, vdupq_n_f32(-EXP_LN2_LOW));
    float32x4_t p = vfmaq_f32(vdupq_n_f32(EXP_C5), vdupq_n_f32(EXP_C6), r);
    p = vfmaq_f32(vdupq_n_f32(EXP_C4), p, r);
    p = vfmaq_f32(vdupq_n_f32(EXP_C3), p, r);
    p = vfmaq_f32(vdupq_n_f32(EXP_C2), p, r);
    p = vfmaq_f32(one, p, r);
    p = vfmaq_f32(one, p, r);
    uint32x4_t bits = vaddq_u32(vreinterpretq_u32_f32(p), vshlq_n_u32(vreinterpretq_u32_f32(t), 23));
    bits = vbicq_u32(bits, vcltq_f32(x, vdupq_n_f32(EXP_LOW)));
    float32x4_t y = vbslq_f32(vcgtq_f32(x, vdupq_n_f32(EXP_HIGH)), vdupq_n_f32(INFINITY), vreinterpretq_f32_u32(bits));
    return vbslq_f32(vceqq_f32(x, x), y, x);
}

INLINE float32x4_t sigmoid4(float32x4_t x)
{
    const float32x4_t one = vdupq_n_f32(1.0f);
    return vdivq_f32(one, vaddq_f32(one, exp4(vnegq_f32(x))));
}

/* A block of 32: d = max|x| / 127 and the quotients. FCVTAS rounds half away from zero, saturates and makes NaN 0. */
INLINE int8x16x2_t quantize32(const float *x, float *d)
{
    float32x4_t v[8];
    uint32x4_t top = vdupq_n_u32(0);
    UNROLL
    for (int i = 0; i < 8; i++) {
        v[i] = vld1q_f32(x + 4 * i);
        top = vmaxq_u32(top, vreinterpretq_u32_f32(vabsq_f32(v[i])));
    }
    *d = bits_float(vmaxvq_u32(top)) / 127.0f;
    if (*d == 0) return (int8x16x2_t){{vdupq_n_s8(0), vdupq_n_s8(0)}};
    const float32x4_t scale = vdupq_n_f32(*d);
    int16x8_t half[4];
    UNROLL
    for (int i = 0; i < 4; i++)
        half[i] = vcombine_s16(vqmovn_s32(vcvtaq_s32_f32(vdivq_f32(v[2 * i], scale))),
                               vqmovn_s32(vcvtaq_s32_f32(vdivq_f32(v[2 * i + 1], scale))));
    const int8x16_t least = vdupq_n_s8(-127);
    return (int8x16x2_t){{vmaxq_s8(vcombine_s8(vqmovn_s16(half[0]), vqmovn_s16(half[1])), least),
                          vmaxq_s8(vcombine_s8(vqmovn_s16(half[2]), vqmovn_s16(half[3])), least)}};
}

#endif
