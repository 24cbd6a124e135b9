/* Vectorised packing of GEMM panels with AVX2, for any panel width that is a multiple of 4; also used by the AVX-512
 * kernels, since packing is bound by shuffles and memory. See pack_vectors in kernel/pack.h. */
#ifndef KERNEL_X86_PACK256_H
#define KERNEL_X86_PACK256_H

#include "kernel/pack.h"
#include "kernel/x86/simd256.h"

INLINE __m256 load8(const void *src, enum dtype type, int64_t i)
{
    return type == DT_F32 ? _mm256_loadu_ps((const float *)src + i) : load_bf16((const uint16_t *)src + i);
}

INLINE __m128 load4(const void *src, enum dtype type, int64_t i)
{
    if (type == DT_F32) return _mm_loadu_ps((const float *)src + i);
    return _mm_castsi128_ps(_mm_slli_epi32(_mm_cvtepu16_epi32(_mm_loadl_epi64((const void *)((const uint16_t *)src + i))), 16));
}

INLINE int64_t pack_rows_f32(int width, void *dst, const void *src, enum dtype type, int64_t along, int64_t kc)
{
    float *d = dst;
    for (int64_t k = 0; k < kc; k++, d += width) {
        UNROLL
        for (int h = 0; h + 8 <= width; h += 8) _mm256_storeu_ps(d + h, load8(src, type, k * along + h));
        if (width % 8) _mm_storeu_ps(d + width - 4, load4(src, type, k * along + width - 4));
    }
    return kc;
}

/* Stores the first `count` (8 or 4) of the elements of eight transposed vectors, `step` floats apart. */
INLINE void store_transposed(float *d, int64_t step, int count, const __m256 r[8])
{
    UNROLL
    for (int j = 0; j < 8; j++) {
        if (count == 8) _mm256_storeu_ps(d + j * step, r[j]);
        else _mm_storeu_ps(d + j * step, _mm256_castps256_ps128(r[j]));
    }
}

INLINE int64_t pack_columns_f32(int width, void *dst, const void *src, enum dtype type, int64_t across, int64_t kc)
{
    float *d = dst;
    int64_t k = 0;
    for (; k + 8 <= kc; k += 8)
        for (int h = 0; h < width; h += 8) {
            int count = width - h < 8 ? 4 : 8;
            __m256 r[8];
            UNROLL
            for (int j = 0; j < 8; j++) r[j] = j < count ? load8(src, type, (h + j) * across + k) : _mm256_setzero_ps();
            transpose8(r);
            store_transposed(d + k * width + h, width, count, r);
        }
    return k;
}

/* A whole panel of floats. */
INLINE void pack_panel_f32(int width, void *dst, const struct pack_source *s, int64_t kc)
{
    pack_floats(dst, width, 1, false, s, pack_vectors(pack_rows_f32, pack_columns_f32, width, dst, s, kc), kc);
}

INLINE __m128i round_bf16_bits4(__m128 x) { return _mm256_castsi256_si128(round_bf16_bits(_mm256_castps128_ps256(x))); }

/* Pairs of bf16 along k: [k / 2][width][2]. */
INLINE int64_t pack_rows_bf16(int width, void *dst, const void *src, enum dtype type, int64_t along, int64_t kc)
{
    uint16_t *d = dst;
    int64_t k = 0;
    for (; k + 2 <= kc; k += 2, d += 2 * width) {
        UNROLL
        for (int h = 0; h + 8 <= width; h += 8) {
            __m256i x = round_bf16_bits(load8(src, type, k * along + h)),
                    y = round_bf16_bits(load8(src, type, (k + 1) * along + h));
            _mm256_storeu_si256((void *)(d + 2 * h), _mm256_or_si256(_mm256_srli_epi32(x, 16), y));
        }
        if (width % 8) {
            int h = width - 4;
            __m128i x = round_bf16_bits4(load4(src, type, k * along + h)),
                    y = round_bf16_bits4(load4(src, type, (k + 1) * along + h));
            _mm_storeu_si128((void *)(d + 2 * h), _mm_or_si128(_mm_srli_epi32(x, 16), y));
        }
    }
    return k;
}

/* Sixteen floats become eight pairs of bf16; sixteen bf16 are that already. */
INLINE __m256 load_pairs(const void *src, enum dtype type, int64_t i)
{
    if (type == DT_BF16) return _mm256_castsi256_ps(_mm256_loadu_si256((const void *)((const uint16_t *)src + i)));
    __m256i x = _mm256_srli_epi32(round_bf16_bits(_mm256_loadu_ps((const float *)src + i)), 16);
    __m256i y = _mm256_srli_epi32(round_bf16_bits(_mm256_loadu_ps((const float *)src + i + 8)), 16);
    return _mm256_castsi256_ps(_mm256_permute4x64_epi64(_mm256_packus_epi32(x, y), 0xd8));
}

INLINE int64_t pack_columns_bf16(int width, void *dst, const void *src, enum dtype type, int64_t across, int64_t kc)
{
    uint16_t *d = dst;
    int64_t k = 0;
    for (; k + 16 <= kc; k += 16)
        for (int h = 0; h < width; h += 8) {
            int count = width - h < 8 ? 4 : 8;
            __m256 r[8];
            UNROLL
            for (int j = 0; j < 8; j++) r[j] = j < count ? load_pairs(src, type, (h + j) * across + k) : _mm256_setzero_ps();
            transpose8(r);
            store_transposed((float *)(void *)(d + k * width + 2 * h), width, count, r);
        }
    return k;
}

INLINE void pack_panel_bf16(int width, void *dst, const struct pack_source *s, int64_t kc)
{
    pack_bf16s(dst, width, 2, s, pack_vectors(pack_rows_bf16, pack_columns_bf16, width, dst, s, kc), kc);
}

/* Pairs of floats rounded to bf16 values, [k / 2][width][2], from floats; any even width that is full in the source. */
INLINE int64_t pack_columns_pairs(int width, float *d, const float *src, int64_t across, int64_t kc)
{
    int64_t k = 0;
    for (; k + 4 <= kc; k += 4, d += 4 * width) {
        UNROLL
        for (int i = 0; i < width; i += 2) { /* two columns, four k: (i: k, k + 2) (i + 1: k, k + 2) in units of pairs */
            __m256 r = _mm256_loadu2_m128(src + (i + 1) * across + k, src + i * across + k);
            r = _mm256_castsi256_ps(_mm256_permute4x64_epi64(round_bf16_bits(r), 0xd8));
            _mm_storeu_ps(d + 2 * i, _mm256_castps256_ps128(r));
            _mm_storeu_ps(d + 2 * i + 2 * width, _mm256_extractf128_ps(r, 1));
        }
    }
    return k;
}

/* The same where the source is contiguous across the panel; width a multiple of 4. */
INLINE int64_t pack_rows_pairs(int width, float *d, const float *src, int64_t along, int64_t kc)
{
    int64_t k = 0;
    for (; k + 2 <= kc; k += 2, d += 2 * width) {
        UNROLL
        for (int i = 0; i < width; i += 4) {
            __m256i r = round_bf16_bits(_mm256_loadu2_m128(src + (k + 1) * along + i, src + k * along + i));
            __m128 x = _mm_castsi128_ps(_mm256_castsi256_si128(r)), y = _mm_castsi128_ps(_mm256_extracti128_si256(r, 1));
            _mm_storeu_ps(d + 2 * i, _mm_unpacklo_ps(x, y));
            _mm_storeu_ps(d + 2 * i + 4, _mm_unpackhi_ps(x, y));
        }
    }
    return k;
}

#endif
