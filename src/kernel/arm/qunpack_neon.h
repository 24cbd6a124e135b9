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

/* Codes of three bits: two groups a vector, and two whose bits are in the fourth bits of nibbles. */
INLINE uint8x16_t three_bits(const unsigned char *n, int g)
{
    int place = g == 6 ? 3 : 7;
    if (g < 6) return field(vld1q_u8(n + 64 * (g / 2)), g % 2 * 4, 0, 7);
    uint8x16_t low = vorrq_u8(field(vld1q_u8(n), place, 0, 1), field(vld1q_u8(n + 64), place, 1, 2));
    return vorrq_u8(low, field(vld1q_u8(n + 128), place, 2, 4));
}

/* The integers n of group g, rows 4 q to 4 q + 3, the zero of forms ONE and TWO taken off: all fit into signed bytes. */
INLINE int8x16_t integers(enum dtype t, const unsigned char *n, int g, int q)
{
    int bits = qlayouts[t].bits;
    n += 16 * q;
    const int8x16_t zero = vdupq_n_s8(qlayout_exact_zero(t) ? (int8_t)qlayouts[t].zero : 0);
    uint8x16_t v;
    if (bits == 8) v = vld1q_u8(n + 64 * g);
    else if (bits == 1) v = field(vld1q_u8(n), g, 1, 2);
    else if (bits == 2) v = field(vld1q_u8(n + 64 * (g / 4)), 2 * (g % 4), 0, 3);
    else if (bits == 3) v = three_bits(n, g);
    else v = field(vld1q_u8(n + 64 * (g % 4)), g / 4 * 4, 0, 15);
    if (bits == 5) v = vorrq_u8(v, field(vld1q_u8(n + 256), g, 4, 16));
    if (bits == 6) v = vorrq_u8(v, field(vld1q_u8(n + 256 + 64 * (g / 4)), 2 * (g % 4), 4, 48));
    if (qlayouts[t].table) return vqtbl1q_s8(vsubq_s8(vld1q_s8(qtables[qlayouts[t].table]), zero), v);
    return vsubq_s8(vreinterpretq_s8_u8(v), zero);
}

/* S of the two halves, equal except in form TWO, and M or T; form HALVES: c and e of the two halves. */
struct scales {
    float32x4_t s[2][QUARTERS], m[QUARTERS];
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
INLINE int32x4_t int8_at(const unsigned char *p, int q) { return quarter_of(vreinterpretq_s8_u8(vld1q_u8(p)), q); }
INLINE float32x4_t times(float32x4_t d, int32x4_t v) { return vmulq_f32(d, vcvtq_f32_s32(v)); }
INLINE float32x4_t odd_scale(float32x4_t d, int32x4_t s) { return times(d, 2 * s + 1); }

/* 2^(e - 128): a shift makes the two subnormal ones. */
INLINE float32x4_t e8m0_half(const unsigned char *p, int q)
{
    int32x4_t e = int8_at(p, q) & 0xff, normal = (e - 1) << 23;
    int32x4_t small = vshlq_s32(vdupq_n_s32(0x00200000), vminq_s32(e, vdupq_n_s32(2)));
    return vreinterpretq_f32_s32(vmaxq_s32(normal, small));
}

/* E4M3 without its sign, through the exponents of f16, which begin 8 lower. */
INLINE float32x4_t ue4m3(const unsigned char *p, int q)
{
    uint16x4_t h = vreinterpret_u16_s16(vmovn_s32(int8_at(p, q))); /* the shift drops what the sign has become */
    h = vbic_u16(vshl_n_u16(h, 7), vdup_n_u16(0x8000));
    return vmulq_n_f32(vcvt_f32_f16(vreinterpret_f16_u16(h)), 256);
}

/* Pairs of nibbles: c and e of form HALVES. */
INLINE void nibble_scales(struct scales *o, const unsigned char *pairs)
{
    const uint8x16x2_t both = vld2q_u8(pairs);
    UNROLL
    for (int q = 0; q < QUARTERS; q++)
        UNROLL
        for (int h = 0; h < 2; h++) {
            o->c[h][q] = quarter_of(vreinterpretq_s8_u8(vandq_u8(both.val[h], vdupq_n_u8(15))), q);
            o->e[h][q] = quarter_of(vreinterpretq_s8_u8(both.val[h] >> 4), q);
        }
}

/* Quarter q of the scales of block b of the unit. */
INLINE void quarter_scales(struct scales *o, enum dtype t, const unsigned char *unit, int b, int q)
{
    enum qscale kind = qlayouts[t].scale;
    const unsigned char *f16 = unit + 8 * q, *own = qlayout_block_scales(t, unit, b);
    float32x4_t d = kind == QS_E8M0 ? e8m0_half(unit, q) : kind == QS_UE4M3 ? ue4m3(own, q) : halves_at(f16);
    int32x4_t v;
    if (qlayouts[t].step != 1) d = vmulq_n_f32(d, qlayouts[t].step);
    o->s[0][q] = o->s[1][q] = d;
    switch (kind) {
    case QS_D_M: o->m[q] = halves_at(f16 + 32); break;
    case QS_INT8: o->s[0][q] = times(d, int8_at(own, q)); break;
    case QS_INT8_TWO:
        o->s[0][q] = times(d, int8_at(own, q));
        o->s[1][q] = times(d, int8_at(own + 16, q));
        break;
    case QS_K: /* bytes of six bits */
        o->s[0][q] = times(d, int8_at(own, q));
        o->m[q] = vnegq_f32(times(halves_at(f16 + 32), int8_at(own + 16 * (qlayouts[t].block / QP_BLOCK), q)));
        break;
    case QS_NIBBLES: o->m[q] = vnegq_f32(halves_at(f16 + 32)); break;
    case QS_ODD: o->s[0][q] = odd_scale(d, int8_at(own, q) >> b % 2 * 4 & 15); break;
    case QS_DELTA:
        v = int8_at(own, q) >> b % 2 * 4;
        o->s[0][q] = odd_scale(d, v & 7);
        o->m[q] = vbslq_f32(vtstq_s32(v, vdupq_n_s32(8)), vdupq_n_f32(-1.125f), vdupq_n_f32(-0.875f));
        o->m[q] = vmulq_f32(o->s[0][q], o->m[q]);
        break;
    case QS_ODD_TWO:
        v = int8_at(own, q);
        o->s[0][q] = odd_scale(d, v & 15);
        o->s[1][q] = odd_scale(d, v >> 4 & 15);
        break;
    case QS_UE4M3: o->s[1][q] = vmulq_n_f32(ue4m3(own + 16, q), qlayouts[t].step); break;
    default: break;
    }
    if (qlayouts[t].form == QF_MIN && (kind == QS_D || kind == QS_E8M0 || kind == QS_ODD))
        o->m[q] = vmulq_n_f32(o->s[0][q], -qlayouts[t].zero);
}

/* Scales of block b of the unit. */
INLINE void scales_of(struct scales *o, enum dtype t, const unsigned char *unit, int b)
{
    UNROLL
    for (int q = 0; q < QUARTERS; q++) quarter_scales(o, t, unit, b, q);
    if (qlayouts[t].form == QF_HALVES) nibble_scales(o, qlayout_block_scales(t, unit, b));
}

#endif
