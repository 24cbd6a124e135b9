/* AVX-512 for the *_avx512*.c files, or its emulation: with KERNEL_SIMDE the intrinsics come from SIMDe, so that these
 * kernels can be checked on a machine without AVX-512 (make SIMDE=1). What SIMDe lacks is written around here. */
#ifndef KERNEL_X86_SIMD512_H
#define KERNEL_X86_SIMD512_H

#if defined(KERNEL_SIMDE)
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>
#endif
#include "kernel/x86/simd256.h"

/* The first n of 16 lanes: all for n >= 16, none for n <= 0. */
static inline __mmask16 mask16(int64_t n) { return (__mmask16)(n >= 16 ? 0xffff : n <= 0 ? 0 : (1u << n) - 1); }

#if defined(KERNEL_SIMDE)
static inline __m512 load_first(const float *p, int64_t n)
{
    float f[16] = {0};
    for (int i = 0; i < 16 && i < n; i++) f[i] = p[i];
    return _mm512_loadu_ps(f);
}
static inline void store_first(float *p, int64_t n, __m512 v)
{
    float f[16];
    _mm512_storeu_ps(f, v);
    for (int i = 0; i < 16 && i < n; i++) p[i] = f[i];
}
static inline __m512 join(__m256 lo, __m256 hi) { return _mm512_insertf32x8(_mm512_castps256_ps512(lo), hi, 1); }
static inline __m512i join_ints(__m256i lo, __m256i hi) { return _mm512_inserti32x8(_mm512_castsi256_si512(lo), hi, 1); }
static inline __m512 int_to_float(__m512i v)
{
    return join(_mm256_cvtepi32_ps(_mm512_castsi512_si256(v)), _mm256_cvtepi32_ps(_mm512_extracti64x4_epi64(v, 1)));
}
static inline __m512 half_to_float(const void *p)
{
    return join(_mm256_cvtph_ps(_mm_loadu_si128(p)), _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p + 1)));
}
static inline __m512i madd_pairs(__m512i a, __m512i b) { return simde_mm512_madd_epi16(a, b); }
static inline __m512i short_to_int(const void *p)
{
    __m256i lo = _mm256_cvtepi16_epi32(_mm_loadu_si128(p)), hi = _mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)p + 1));
    return join_ints(lo, hi);
}
static inline __m512i bytes_to_int(const void *p)
{
    __m128i v = _mm_loadu_si128(p);
    return join_ints(_mm256_cvtepi8_epi32(v), _mm256_cvtepi8_epi32(_mm_srli_si128(v, 8)));
}
static inline __m512i ubytes_to_int(const void *p)
{
    __m128i v = _mm_loadu_si128(p);
    return join_ints(_mm256_cvtepu8_epi32(v), _mm256_cvtepu8_epi32(_mm_srli_si128(v, 8)));
}
static inline __m512i ubytes_to_short(const void *p)
{
    return join_ints(_mm256_cvtepu8_epi16(_mm_loadu_si128(p)), _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)p + 1)));
}
static inline __m512i high_shorts(__m512i v)
{
    return join_ints(_mm256_srai_epi32(_mm512_castsi512_si256(v), 16), _mm256_srai_epi32(_mm512_extracti64x4_epi64(v, 1), 16));
}
#else
static inline __m512 load_first(const float *p, int64_t n) { return _mm512_maskz_loadu_ps(mask16(n), p); }
static inline void store_first(float *p, int64_t n, __m512 v) { _mm512_mask_storeu_ps(p, mask16(n), v); }
static inline __m512 int_to_float(__m512i v) { return _mm512_cvtepi32_ps(v); }
static inline __m512 half_to_float(const void *p) { return _mm512_cvtph_ps(_mm256_loadu_si256(p)); }
static inline __m512i madd_pairs(__m512i a, __m512i b) { return _mm512_madd_epi16(a, b); }
static inline __m512i short_to_int(const void *p) { return _mm512_cvtepi16_epi32(_mm256_loadu_si256(p)); }
static inline __m512i bytes_to_int(const void *p) { return _mm512_cvtepi8_epi32(_mm_loadu_si128(p)); }
static inline __m512i ubytes_to_int(const void *p) { return _mm512_cvtepu8_epi32(_mm_loadu_si128(p)); }
static inline __m512i ubytes_to_short(const void *p) { return _mm512_cvtepu8_epi16(_mm256_loadu_si256(p)); }
static inline __m512i high_shorts(__m512i v) { return _mm512_srai_epi32(v, 16); } /* of every dword, as an int */
#endif

/* Lanes 0 to 7 and 8 to 15. */
static inline __m256 low_half(__m512 v) { return _mm512_castps512_ps256(v); }
static inline __m256 high_half(__m512 v) { return _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(v), 1)); }

/* exp_scalar, sixteen at a time, the same operations. */
static inline __m512 exp16(__m512 x)
{
    const __m512 magic = _mm512_set1_ps(EXP_MAGIC), one = _mm512_set1_ps(1.0f);
    __m512 t = _mm512_fmadd_ps(x, _mm512_set1_ps(EXP_LOG2E), magic);
    __m512 n = _mm512_sub_ps(t, magic);
    __m512 r = _mm512_fmadd_ps(n, _mm512_set1_ps(-EXP_LN2_LOW), _mm512_fmadd_ps(n, _mm512_set1_ps(-EXP_LN2_HIGH), x));
    __m512 p = _mm512_fmadd_ps(_mm512_set1_ps(EXP_C6), r, _mm512_set1_ps(EXP_C5));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(EXP_C4));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(EXP_C3));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(EXP_C2));
    p = _mm512_fmadd_ps(p, r, one);
    p = _mm512_fmadd_ps(p, r, one);
    __m512i bits = _mm512_add_epi32(_mm512_castps_si512(p), _mm512_slli_epi32(_mm512_castps_si512(t), 23));
    __m512 y = _mm512_castsi512_ps(bits);
    y = _mm512_mask_mov_ps(y, _mm512_cmp_ps_mask(x, _mm512_set1_ps(EXP_LOW), _CMP_LT_OQ), _mm512_setzero_ps());
    y = _mm512_mask_mov_ps(y, _mm512_cmp_ps_mask(x, _mm512_set1_ps(EXP_HIGH), _CMP_GT_OQ), _mm512_set1_ps(INFINITY));
    return _mm512_mask_mov_ps(y, _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), x);
}

static inline __m512 sigmoid16(__m512 x)
{
    const __m512 one = _mm512_set1_ps(1.0f);
    __m512 minus = _mm512_castsi512_ps(_mm512_xor_si512(_mm512_castps_si512(x), _mm512_set1_epi32((int)0x80000000)));
    return _mm512_div_ps(one, _mm512_add_ps(one, exp16(minus)));
}

#endif
