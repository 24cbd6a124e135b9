/* What is in a unit of a panel, as vectors: sixteen bytes are a group of four k of four rows, quarter q of a panel's
 * sixteen. t is a constant wherever these are used. */
#ifndef KERNEL_ARM_QUNPACK_NEON_H
#define KERNEL_ARM_QUNPACK_NEON_H

#include "kernel/arm/simd_neon.h"
#include "kernel/qlayout.h"

enum { QUARTERS = QP_ROWS / 4 };

/* Every byte with its bits moved from place `from` to place `to`, then masked, unless the shift has done that. */
INLINE uint8x16_t field(uint8x16_t v, int from, int to, int mask)
{
    int kept = from >= to ? 0xff >> (from - to) : 0xff << (to - from) & 0xff;
    if (from > to) v = v >> (from - to);
    if (from < to) v = v << (to - from);
    return kept == mask ? v : vandq_u8(v, vdupq_n_u8((uint8_t)mask));
}

/* The integers n of group g, rows 4 q to 4 q + 3: all of them fit into signed bytes. */
INLINE int8x16_t integers(enum dtype t, const unsigned char *n, int g, int q)
{
    int bits = qlayouts[t].bits;
    n += 16 * q;
    if (bits == 8) return vreinterpretq_s8_u8(vld1q_u8(n + 64 * g));
    uint8x16_t v;
    if (bits <= 3) v = field(vld1q_u8(n + 64 * (g / 4)), 2 * (g % 4), 0, 3);
    else v = field(vld1q_u8(n + 64 * (g % 4)), g / 4 * 4, 0, 15);
    if (bits == 3) v = vorrq_u8(v, field(vld1q_u8(n + 128), g, 2, 4));
    if (bits == 5) v = vorrq_u8(v, field(vld1q_u8(n + 256), g, 4, 16));
    if (bits == 6) v = vorrq_u8(v, field(vld1q_u8(n + 256 + 64 * (g / 4)), 2 * (g % 4), 4, 48));
    if (qlayouts[t].table) return vqtbl1q_s8(vld1q_s8(qtables[qlayouts[t].table]), v);
    return vreinterpretq_s8_u8(v);
}

/* S, and M or T; form HALVES: c and e of the two halves. */
struct scales {
    float32x4_t s[QUARTERS], m[QUARTERS];
    int32x4_t c[2][QUARTERS], e[2][QUARTERS];
};

/* Scales of four rows, as they are stored. The bytes of q4_k and q5_k have six bits. */
INLINE float32x4_t halves_at(const unsigned char *p) { return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p))); }
/* Numbers 4 q to 4 q + 3 of sixteen signed bytes. */
INLINE int32x4_t quarter_of(int8x16_t v, int q)
{
    int16x8_t wide = q < 2 ? vmovl_s8(vget_low_s8(v)) : vmovl_high_s8(v);
    return q % 2 ? vmovl_high_s16(wide) : vmovl_s16(vget_low_s16(wide));
}
INLINE float32x4_t bytes_at(const unsigned char *p, int q)
{
    return vcvtq_f32_s32(quarter_of(vreinterpretq_s8_u8(vld1q_u8(p)), q));
}

/* 2^(e - 128): a shift makes the two subnormal ones. */
INLINE float32x4_t e8m0_half(const unsigned char *p, int q)
{
    int32x4_t e = quarter_of(vreinterpretq_s8_u8(vld1q_u8(p)), q) & 0xff, normal = (e - 1) << 23;
    int32x4_t small = vshlq_s32(vdupq_n_s32(0x00200000), vminq_s32(e, vdupq_n_s32(2)));
    return vreinterpretq_f32_s32(vmaxq_s32(normal, small));
}

/* The pairs c, and e: of form HALVES. */
INLINE void pair_scales(struct scales *o, enum dtype t, const unsigned char *pairs)
{
    const uint8x16x2_t both = vld2q_u8(pairs);
    UNROLL
    for (int q = 0; q < QUARTERS; q++)
        UNROLL
        for (int h = 0; h < 2; h++) {
            uint8x16_t v = both.val[h];
            if (qlayouts[t].scale == QS_NIBBLES) {
                o->c[h][q] = quarter_of(vreinterpretq_s8_u8(vandq_u8(v, vdupq_n_u8(15))), q);
                o->e[h][q] = quarter_of(vreinterpretq_s8_u8(v >> 4), q);
            } else {
                o->c[h][q] = quarter_of(vreinterpretq_s8_u8(v), q);
                o->e[h][q] = o->c[h][q] * (int)qlayouts[t].zero;
            }
        }
}

/* Scales of block b of the unit. */
INLINE void scales_of(struct scales *o, enum dtype t, const unsigned char *unit, int b)
{
    enum qscale kind = qlayouts[t].scale;
    const unsigned char *own = qlayout_block_scales(t, unit, b);
    UNROLL
    for (int q = 0; q < QUARTERS; q++) {
        const unsigned char *f16 = unit + 8 * q;
        float32x4_t s = kind == QS_E8M0 ? e8m0_half(unit, q) : halves_at(f16);
        switch (kind) {
        case QS_D_M: o->m[q] = halves_at(f16 + 32); break;
        case QS_D_INT8: s = vmulq_f32(s, bytes_at(own, q)); break;
        case QS_K:
            s = vmulq_f32(s, bytes_at(own, q));
            o->m[q] = vnegq_f32(vmulq_f32(halves_at(f16 + 32), bytes_at(own + 16 * (qlayouts[t].block / QP_BLOCK), q)));
            break;
        case QS_PAIRS: o->m[q] = vnegq_f32(s); break;
        case QS_NIBBLES: o->m[q] = vnegq_f32(halves_at(f16 + 32)); break;
        default:
            if (qlayouts[t].form == QF_MIN) o->m[q] = vmulq_n_f32(s, -qlayouts[t].zero);
        }
        o->s[q] = s;
    }
    if (qlayouts[t].form == QF_HALVES) pair_scales(o, t, own);
}

#endif
