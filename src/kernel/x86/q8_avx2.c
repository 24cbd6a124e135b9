/* Q8_0 products for AVX2, panels of 8 rows. vpmaddubsw multiplies unsigned by signed bytes: |w| times x with the sign of
 * w. Its pair sums stay below 2^15 because |w| <= 128 and |x| <= 127. */
#include "kernel/x86/q8_panel.h"
#include "kernel/x86/simd256.h"

enum { NR = 8, GROUPS = Q8_BLOCK / 4 };
static const struct q8_panel panels = {NR, false};

static size_t packed_bytes_avx2(int64_t n, int64_t k) { return q8_panels_bytes(panels, n, k); }
static void pack_avx2(void *dst, const void *q8_0, int64_t n, int64_t k) { q8_pack_panels(panels, dst, q8_0, n, k); }

INLINE __m256i broadcast4(const int8_t *p)
{
    int32_t v;
    memcpy(&v, p, 4);
    return _mm256_set1_epi32(v);
}

/* One panel against M rows of x; acc[i] are the 8 outputs of row i. */
INLINE void panel(int M, const char *w, int64_t k, const int8_t *xq, const float *xd, __m256 acc[])
{
    const __m256i ones = _mm256_set1_epi16(1);
    int64_t blocks = k / Q8_BLOCK;
    for (int64_t b = 0; b < blocks; b++, w += NR * Q8_BYTES) {
        __m256i sum[4];
        UNROLL
        for (int i = 0; i < M; i++) sum[i] = _mm256_setzero_si256();
        UNROLL
        for (int g = 0; g < GROUPS; g++) {
            __m256i q = _mm256_loadu_si256((const void *)(w + 32 * g)), size = _mm256_abs_epi8(q);
            UNROLL
            for (int i = 0; i < M; i++) {
                __m256i x = _mm256_sign_epi8(broadcast4(xq + i * k + b * Q8_BLOCK + 4 * g), q);
                sum[i] = _mm256_add_epi32(sum[i], _mm256_madd_epi16(_mm256_maddubs_epi16(size, x), ones));
            }
        }
        __m256 dw = _mm256_cvtph_ps(_mm_loadu_si128((const void *)(w + NR * Q8_BLOCK)));
        UNROLL
        for (int i = 0; i < M; i++)
            acc[i] = _mm256_fmadd_ps(_mm256_mul_ps(dw, _mm256_set1_ps(xd[i * blocks + b])), _mm256_cvtepi32_ps(sum[i]), acc[i]);
    }
}

INLINE void panel_rows(int M, const char *w, int64_t k, const int8_t *xq, const float *xd, float *y, int64_t ldy, __m256i mask)
{
    __m256 acc[4];
    UNROLL
    for (int i = 0; i < M; i++) acc[i] = _mm256_setzero_ps();
    panel(M, w, k, xq, xd, acc);
    UNROLL
    for (int i = 0; i < M; i++) _mm256_maskstore_ps(y + i * ldy, mask, acc[i]);
}

static void mul_avx2(const void *packed, int64_t n, int64_t k, const int8_t *xq, const float *xd, int64_t m, int64_t j0,
                     int64_t j1, float *y, int64_t ldy)
{
    (void)n;
    int64_t blocks = k / Q8_BLOCK;
    for (int64_t j = j0; j < j1; j += NR) {
        const char *w = (const char *)packed + (size_t)(j / NR) * q8_panel_bytes(panels, k);
        __m256i mask = mask8(j1 - j);
        int64_t i = 0;
        for (; i + 4 <= m; i += 4) panel_rows(4, w, k, xq + i * k, xd + i * blocks, y + i * ldy + j, ldy, mask);
        for (; i < m; i++) panel_rows(1, w, k, xq + i * k, xd + i * blocks, y + i * ldy + j, ldy, mask);
    }
}

void q8_init_avx2(struct kernels *k) { k->q8 = (struct q8_kernel){NR, packed_bytes_avx2, pack_avx2, mul_avx2}; }
