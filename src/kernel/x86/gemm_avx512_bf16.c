/* GEMM on vdpbf16ps: each lane adds the products of two pairs of bf16 to a float. Both panels hold pairs along k. The
 * instruction flushes denormals and rounds in its own way; tile and row use it in the same order, so they agree. */
#include "kernel/x86/simd512.h"
#include "kernel/x86/pack256.h"

enum { MR = 12, NR = 32, ROW_GROUP = 4 };

INLINE __m512 dot_pairs(__m512 acc, __m512i a, __m512i b)
{
    __m512bh x, y;
    memcpy(&x, &a, sizeof x);
    memcpy(&y, &b, sizeof y);
    return _mm512_dpbf16_ps(acc, x, y);
}

static void tile_bf16(int64_t kc, const void *pa, const void *pb, float *c, int64_t ldc, bool accumulate)
{
    const int32_t *a = pa; /* pairs */
    const char *b = pb;
    __m512 acc[MR][2];
    UNROLL
    for (int i = 0; i < MR; i++) {
        acc[i][0] = accumulate ? _mm512_loadu_ps(c + i * ldc) : _mm512_setzero_ps();
        acc[i][1] = accumulate ? _mm512_loadu_ps(c + i * ldc + 16) : _mm512_setzero_ps();
    }
    for (int64_t k = 0; k < kc; k += 2, a += MR, b += 4 * NR) {
        __m512i b0 = _mm512_loadu_si512((const void *)b), b1 = _mm512_loadu_si512((const void *)(b + 64));
        UNROLL
        for (int i = 0; i < MR; i++) {
            __m512i x = _mm512_set1_epi32(a[i]);
            acc[i][0] = dot_pairs(acc[i][0], x, b0);
            acc[i][1] = dot_pairs(acc[i][1], x, b1);
        }
    }
    UNROLL
    for (int i = 0; i < MR; i++) {
        _mm512_storeu_ps(c + i * ldc, acc[i][0]);
        _mm512_storeu_ps(c + i * ldc + 16, acc[i][1]);
    }
}

/* a[k] and a[k + 1], which are bf16 values, as a pair in every lane. */
INLINE __m512i pair_of(const float *a)
{
    return _mm512_set1_epi32((int)(float_bits(a[0]) >> 16 | (float_bits(a[1]) & 0xffff0000u)));
}

INLINE void row_group(int P, int64_t kc, const float *a, const char *b, size_t stride, float *c, bool accumulate)
{
    __m512 acc[2 * ROW_GROUP];
    UNROLL
    for (int p = 0; p < 2 * P; p++) acc[p] = accumulate ? _mm512_loadu_ps(c + 16 * p) : _mm512_setzero_ps();
    for (int64_t k = 0; k < kc; k += 2, b += 4 * NR) {
        __m512i x = pair_of(a + k);
        UNROLL
        for (int p = 0; p < 2 * P; p++)
            acc[p] = dot_pairs(acc[p], x, _mm512_loadu_si512((const void *)(b + (size_t)(p / 2) * stride + 64 * (p % 2))));
    }
    UNROLL
    for (int p = 0; p < 2 * P; p++) _mm512_storeu_ps(c + 16 * p, acc[p]);
}

static void row_bf16(int64_t kc, const float *a, const void *pb, size_t stride, int panels, float *c, bool accumulate)
{
    const char *b = pb;
    for (; panels >= ROW_GROUP; panels -= ROW_GROUP, b += ROW_GROUP * stride, c += ROW_GROUP * NR)
        row_group(ROW_GROUP, kc, a, b, stride, c, accumulate);
    for (; panels > 0; panels--, b += stride, c += NR) row_group(1, kc, a, b, stride, c, accumulate);
}

static void pack_a_bf16(void *dst, const float *src, int64_t rs, int64_t cs, int rows, int64_t kc)
{
    pack_panel_bf16(MR, dst, &(struct pack_source){src, DT_F32, rs, cs, rows}, kc);
}

static void pack_b_bf16(void *dst, const void *src, enum dtype type, int64_t rs, int64_t cs, int cols, int64_t kc)
{
    pack_panel_bf16(NR, dst, &(struct pack_source){src, type, cs, rs, cols}, kc);
}

static double peak(int64_t rounds, float x[2])
{
    enum { CHAINS = 24 };
    const __m512i a = pair_of(x);
    __m512 acc[CHAINS];
    UNROLL
    for (int i = 0; i < CHAINS; i++) acc[i] = _mm512_set1_ps((float)i);
    for (int64_t r = 0; r < rounds; r++) {
        UNROLL
        for (int i = 0; i < CHAINS; i++) acc[i] = dot_pairs(acc[i], a, a);
    }
    UNROLL
    for (int i = 0; i < CHAINS; i++) x[0] += _mm256_cvtss_f32(low_half(acc[i]));
    return 2.0 * 32 * CHAINS * (double)rounds;
}

void gemm_init_avx512_bf16(struct kernels *k)
{
    k->gemm_bf16 = (struct gemm_kernel){MR, NR, 2, 2, 2, 240, 384, 512, pack_a_bf16, pack_b_bf16, tile_bf16, row_bf16, peak};
}
