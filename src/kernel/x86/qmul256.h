/* What is in a unit of a panel, as AVX2 vectors of 8 rows: integers and scales of a block of 32. `unit` and `n` point to
 * row 0 or row 8. t is a constant wherever these are used. */
#ifndef KERNEL_X86_QMUL256_H
#define KERNEL_X86_QMUL256_H

#include "kernel/qlayout.h"
#include "kernel/x86/simd256.h"

enum { QP_CHUNK = 8 }; /* blocks of 32 that are unpacked at a time */

INLINE __m256i load256(const void *p) { return _mm256_loadu_si256(p); }

/* Every byte with its bits moved from place `from` to place `to`, then masked. */
INLINE __m256i field(__m256i v, int from, int to, int mask)
{
    if (from > to) v = _mm256_srli_epi16(v, from - to);
    if (from < to) v = _mm256_slli_epi16(v, to - from);
    return _mm256_and_si256(v, _mm256_set1_epi8((char)mask));
}

INLINE __m256i lookup(const int8_t table[16], __m256i index)
{
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)table)), index);
}

/* Codes of three bits: two groups a vector, and two whose bits are in the fourth bits of nibbles. */
INLINE __m256i three_bits(const unsigned char *n, int g)
{
    int place = g == 6 ? 3 : 7;
    if (g < 6) return field(load256(n + 64 * (g / 2)), g % 2 * 4, 0, 7);
    __m256i low = _mm256_or_si256(field(load256(n), place, 0, 1), field(load256(n + 64), place, 1, 2));
    return _mm256_or_si256(low, field(load256(n + 128), place, 2, 4));
}

/* The integers n of group g. */
INLINE __m256i integers(enum dtype t, const unsigned char *n, int g)
{
    int bits = qlayouts[t].bits;
    if (bits == 8) return load256(n + 64 * g);
    if (bits == 1) return field(load256(n), g, 1, 2);
    __m256i v;
    if (bits == 2) v = field(load256(n + 64 * (g / 4)), 2 * (g % 4), 0, 3);
    else if (bits == 3) v = three_bits(n, g);
    else v = field(load256(n + 64 * (g % 4)), g / 4 * 4, 0, 15);
    if (bits == 5) v = _mm256_or_si256(v, field(load256(n + 256), g, 4, 16));
    if (bits == 6) v = _mm256_or_si256(v, field(load256(n + 256 + 64 * (g / 4)), 2 * (g % 4), 4, 48));
    if (qlayouts[t].table) v = lookup(qtables[qlayouts[t].table], v);
    return v;
}

/* S of the two halves, equal except in form TWO, and M or T; form HALVES: c of the two halves, each twice per row, and the
 * pairs e. */
struct scales256 {
    __m256 s[2], m;
    __m256i c[2], e;
};

INLINE __m256 halves_at(const unsigned char *p) { return _mm256_cvtph_ps(_mm_loadu_si128((const void *)p)); }
INLINE __m256i bytes_at(const unsigned char *p) { return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)p)); }
INLINE __m256i int8_at(const unsigned char *p) { return _mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)p)); }
INLINE __m256 times(__m256 d, __m256i v) { return _mm256_mul_ps(d, _mm256_cvtepi32_ps(v)); }
INLINE __m256 odd_scale(__m256 d, __m256i s) { return times(d, _mm256_add_epi32(_mm256_add_epi32(s, s), _mm256_set1_epi32(1))); }
INLINE __m256 minus(__m256 v) { return _mm256_xor_ps(v, _mm256_set1_ps(-0.0f)); }

/* 2^(e - 128): a shift makes the two subnormal ones. */
INLINE __m256 e8m0_half(const unsigned char *p)
{
    __m256i e = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)p));
    __m256i normal = _mm256_slli_epi32(_mm256_sub_epi32(e, _mm256_set1_epi32(1)), 23);
    __m256i small = _mm256_sllv_epi32(_mm256_set1_epi32(0x00200000), _mm256_min_epi32(e, _mm256_set1_epi32(2)));
    return _mm256_castsi256_ps(_mm256_max_epi32(normal, small));
}

/* E4M3 without its sign, through the exponents of f16, which begin 8 lower. */
INLINE __m256 ue4m3(const unsigned char *p)
{
    __m128i h = _mm_slli_epi16(_mm_cvtepu8_epi16(_mm_loadl_epi64((const void *)p)), 7);
    return _mm256_mul_ps(_mm256_cvtph_ps(h), _mm256_set1_ps(256));
}

/* Pairs of nibbles: c and e of form HALVES. */
INLINE void nibble_scales(struct scales256 *o, const unsigned char *pairs)
{
    const __m256i first = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 0, 1, 4, 5, 4, 5, 8, 9, 8, 9, 12, 13, 12, 13));
    const __m256i second = _mm256_broadcastsi128_si256(_mm_setr_epi8(2, 3, 2, 3, 6, 7, 6, 7, 10, 11, 10, 11, 14, 15, 14, 15));
    __m256i v = _mm256_cvtepu8_epi16(_mm_loadu_si128((const void *)pairs)), c = _mm256_and_si256(v, _mm256_set1_epi16(15));
    o->e = _mm256_srli_epi16(v, 4);
    o->c[0] = _mm256_shuffle_epi8(c, first);
    o->c[1] = _mm256_shuffle_epi8(c, second);
}

/* Scales of block b of the unit, rows 8 h to 8 h + 7. */
INLINE struct scales256 scales_of(enum dtype t, const unsigned char *unit, int b, int h)
{
    enum qscale kind = qlayouts[t].scale;
    const unsigned char *f16 = unit + 16 * h, *own = qlayout_block_scales(t, unit, b) + 8 * h;
    const __m256i low = _mm256_set1_epi32(15);
    __m256 d = kind == QS_E8M0 ? e8m0_half(unit + 8 * h) : kind == QS_UE4M3 ? ue4m3(own) : halves_at(f16);
    if (qlayouts[t].step != 1) d = _mm256_mul_ps(d, _mm256_set1_ps(qlayouts[t].step));
    struct scales256 o = {.s = {d, d}};
    __m256i v;
    switch (kind) {
    case QS_D_M: o.m = halves_at(f16 + 32); break;
    case QS_INT8: o.s[0] = times(d, int8_at(own)); break;
    case QS_INT8_TWO:
        o.s[0] = times(d, int8_at(own));
        o.s[1] = times(d, int8_at(own + 16));
        break;
    case QS_K:
        o.s[0] = times(d, bytes_at(own));
        o.m = minus(times(halves_at(f16 + 32), bytes_at(own + 16 * (qlayouts[t].block / QP_BLOCK))));
        break;
    case QS_NIBBLES:
        o.m = minus(halves_at(f16 + 32));
        nibble_scales(&o, own + 8 * h);
        break;
    case QS_ODD:
    case QS_DELTA:
        v = _mm256_srl_epi32(bytes_at(own), _mm_cvtsi32_si128(b % 2 * 4));
        o.s[0] = odd_scale(d, _mm256_and_si256(v, kind == QS_DELTA ? _mm256_set1_epi32(7) : low));
        if (kind == QS_DELTA) {
            __m256i below = _mm256_slli_epi32(v, 28); /* bit 3 becomes the sign, and the sign chooses */
            o.m = _mm256_blendv_ps(_mm256_set1_ps(-0.875f), _mm256_set1_ps(-1.125f), _mm256_castsi256_ps(below));
            o.m = _mm256_mul_ps(o.s[0], o.m);
        }
        break;
    case QS_ODD_TWO:
        v = bytes_at(own);
        o.s[0] = odd_scale(d, _mm256_and_si256(v, low));
        o.s[1] = odd_scale(d, _mm256_srli_epi32(v, 4));
        break;
    case QS_UE4M3: o.s[1] = _mm256_mul_ps(ue4m3(own + 16), _mm256_set1_ps(qlayouts[t].step)); break;
    default: break;
    }
    if (qlayouts[t].form == QF_MIN && (kind == QS_D || kind == QS_E8M0 || kind == QS_ODD))
        o.m = _mm256_mul_ps(_mm256_set1_ps(-qlayouts[t].zero), o.s[0]);
    return o;
}

#endif
