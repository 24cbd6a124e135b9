/* Rows of a Q8_0 cache as panels, for AVX2: keys by transposing eight rows of eight groups, values by bringing four rows to
 * one scale and interleaving them. */
#include "kernel/qcache.h"
#include "kernel/x86/simd256.h"

enum { AHEAD = QP_ROWS }; /* rows lie apart, so that hardware sees no pattern */

/* Rows 8 h to 8 h + 7 of a unit. */
INLINE void transpose_rows(unsigned char *unit, const unsigned char *rows, size_t row_bytes, int h)
{
    __m256 r[8];
    UNROLL
    for (int i = 0; i < 8; i++) {
        const unsigned char *row = rows + (size_t)(8 * h + i) * row_bytes;
        memcpy(unit + 2 * (8 * h + i), row, 2);
        _mm_prefetch((const void *)((uintptr_t)row + AHEAD * row_bytes), _MM_HINT_T0); /* may lie behind the end */
        r[i] = _mm256_loadu_ps((const void *)(row + 2));
    }
    transpose8(r);
    UNROLL
    for (int g = 0; g < 8; g++) _mm256_storeu_ps((void *)(unit + 32 + 64 * g + 32 * h), r[g]);
}

static void q8_keys_avx2(void *panels, const void *rows, size_t row_bytes, int64_t n, int64_t k)
{
    const unsigned char *src = rows;
    unsigned char *unit = panels;
    for (; n >= QP_ROWS; n -= QP_ROWS, src += QP_ROWS * row_bytes)
        for (int64_t b = 0; b < k / QP_BLOCK; b++, unit += qlayout_unit(DT_Q8_0)) {
            transpose_rows(unit, src + (size_t)b * Q8_BYTES, row_bytes, 0);
            transpose_rows(unit, src + (size_t)b * Q8_BYTES, row_bytes, 1);
        }
    if (n > 0) qpanel_pack_rows(DT_Q8_0, unit, src, row_bytes, n, k);
}

/* qcache_factor of eight rows. */
INLINE __m256i factors(const uint16_t *scale, float inverse)
{
    __m256 s = _mm256_cvtph_ps(_mm_loadu_si128((const void *)scale));
    return _mm256_cvtps_epi32(_mm256_min_ps(_mm256_mul_ps(s, _mm256_set1_ps(inverse)), _mm256_set1_ps(32767.0f)));
}

/* 32 integers of a row times its factor. */
INLINE __m256i to_scale(const unsigned char *row, int16_t factor)
{
    const __m256i zero = _mm256_setzero_si256(), f = _mm256_set1_epi16(factor);
    __m256i q = _mm256_loadu_si256((const void *)(row + 2));
    __m256i lo = _mm256_srai_epi16(_mm256_unpacklo_epi8(zero, q), 8),
            hi = _mm256_srai_epi16(_mm256_unpackhi_epi8(zero, q), 8);
    return _mm256_packs_epi16(_mm256_mulhrs_epi16(lo, f), _mm256_mulhrs_epi16(hi, f));
}

/* Group g of both panels: four rows, 32 columns. */
INLINE void tile_group(unsigned char *const unit[2], const unsigned char *rows, size_t row_bytes, int g,
                       const int16_t *factor)
{
    __m256i v[4], pair[4], four[4];
    UNROLL
    for (int i = 0; i < 4; i++) v[i] = to_scale(rows + (size_t)(4 * g + i) * row_bytes, factor[4 * g + i]);
    pair[0] = _mm256_unpacklo_epi8(v[0], v[1]); /* columns 0 to 7 and, in the upper lane, 16 to 23 */
    pair[1] = _mm256_unpacklo_epi8(v[2], v[3]);
    pair[2] = _mm256_unpackhi_epi8(v[0], v[1]);
    pair[3] = _mm256_unpackhi_epi8(v[2], v[3]);
    four[0] = _mm256_unpacklo_epi16(pair[0], pair[1]); /* columns 0 to 3 and 16 to 19 */
    four[1] = _mm256_unpackhi_epi16(pair[0], pair[1]);
    four[2] = _mm256_unpacklo_epi16(pair[2], pair[3]);
    four[3] = _mm256_unpackhi_epi16(pair[2], pair[3]);
    UNROLL
    for (int h = 0; h < 2; h++) {
        _mm256_storeu_si256((void *)(unit[0] + 32 + 64 * g + 32 * h),
                            _mm256_permute2x128_si256(four[2 * h], four[2 * h + 1], 0x20));
        _mm256_storeu_si256((void *)(unit[1] + 32 + 64 * g + 32 * h),
                            _mm256_permute2x128_si256(four[2 * h], four[2 * h + 1], 0x31));
    }
}

static void tile_columns(unsigned char *const unit[2], const unsigned char *rows, size_t row_bytes)
{
    uint16_t scale[QP_BLOCK], top = qcache_scales(scale, rows, row_bytes);
    _Alignas(32) int16_t factor[QP_BLOCK] = {0};
    float inverse = qcache_inverse(top);
    for (int t = 0; inverse != 0 && t < QP_BLOCK; t += 16) {
        __m256i f = _mm256_packs_epi32(factors(scale + t, inverse), factors(scale + t + 8, inverse));
        _mm256_store_si256((void *)(factor + t), _mm256_permute4x64_epi64(f, 0xd8));
    }
    for (int h = 0; h < 2; h++) _mm256_storeu_si256((void *)unit[h], _mm256_set1_epi16((int16_t)top));
    for (int g = 0; g < QP_BLOCK / 4; g++) tile_group(unit, rows, row_bytes, g, factor);
}

static void q8_values_avx2(void *panels, const void *rows, size_t row_bytes, int64_t tiles, int64_t n)
{
    qcache_values(tile_columns, panels, rows, row_bytes, tiles, n);
}

void qcache_init_avx2(struct kernels *k)
{
    k->q8_keys = q8_keys_avx2;
    k->q8_values = q8_values_avx2;
}
