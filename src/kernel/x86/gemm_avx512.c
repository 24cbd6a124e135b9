/* GEMM for AVX-512: tiles of 12 x 32 (24 accumulators). bf16 without the bf16 instructions: panels of B stay bf16 pairs
 * and are widened by shifts, packed A is rounded but kept as floats, as for AVX2. */
#include "kernel/x86/simd512.h"
#include "kernel/x86/pack256.h"

enum { MR = 12, NR = 32, ROW_GROUP = 4 };

INLINE void load_acc(__m512 acc[MR][2], const float *c, int64_t ldc, bool accumulate)
{
    UNROLL
    for (int i = 0; i < MR; i++) {
        acc[i][0] = accumulate ? _mm512_loadu_ps(c + i * ldc) : _mm512_setzero_ps();
        acc[i][1] = accumulate ? _mm512_loadu_ps(c + i * ldc + 16) : _mm512_setzero_ps();
    }
}

INLINE void store_acc(__m512 acc[MR][2], float *c, int64_t ldc)
{
    UNROLL
    for (int i = 0; i < MR; i++) {
        _mm512_storeu_ps(c + i * ldc, acc[i][0]);
        _mm512_storeu_ps(c + i * ldc + 16, acc[i][1]);
    }
}

/* acc += a[i * step] * b, rank one. */
INLINE void update(__m512 acc[MR][2], const float *a, int step, __m512 b0, __m512 b1)
{
    UNROLL
    for (int i = 0; i < MR; i++) {
        __m512 x = _mm512_set1_ps(a[i * step]);
        acc[i][0] = _mm512_fmadd_ps(x, b0, acc[i][0]);
        acc[i][1] = _mm512_fmadd_ps(x, b1, acc[i][1]);
    }
}

static void tile_f32(int64_t kc, const void *pa, const void *pb, float *c, int64_t ldc, bool accumulate)
{
    const float *a = pa, *b = pb;
    __m512 acc[MR][2];
    load_acc(acc, c, ldc, accumulate);
    for (int64_t k = 0; k < kc; k++, a += MR, b += NR) update(acc, a, 1, _mm512_loadu_ps(b), _mm512_loadu_ps(b + 16));
    store_acc(acc, c, ldc);
}

INLINE __m512i load_si(const void *p) { return _mm512_loadu_si512(p); }
INLINE __m512 even(__m512i pairs) { return _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16)); }
INLINE __m512 odd(__m512i pairs) { return _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32((int)0xffff0000))); }

static void tile_bf16(int64_t kc, const void *pa, const void *pb, float *c, int64_t ldc, bool accumulate)
{
    const float *a = pa;
    const char *b = pb;
    __m512 acc[MR][2];
    load_acc(acc, c, ldc, accumulate);
    for (int64_t k = 0; k < kc; k += 2, a += 2 * MR, b += 4 * NR) {
        __m512i p0 = load_si(b), p1 = load_si(b + 64);
        update(acc, a, 2, even(p0), even(p1));
        update(acc, a + 1, 2, odd(p0), odd(p1));
    }
    store_acc(acc, c, ldc);
}

/* One row against P panels at once: 2 P chains hide the latency of the FMA. */
INLINE void row_group(bool bf16, int P, int64_t kc, const float *a, const char *b, size_t stride, float *c, bool accumulate)
{
    __m512 acc[ROW_GROUP][2];
    UNROLL
    for (int p = 0; p < 2 * P; p++) acc[p / 2][p % 2] = accumulate ? _mm512_loadu_ps(c + 16 * p) : _mm512_setzero_ps();
    for (int64_t k = 0; k < kc; k += bf16 ? 2 : 1, b += 4 * NR) {
        __m512 x0 = _mm512_set1_ps(a[k]), x1 = bf16 ? _mm512_set1_ps(a[k + 1]) : x0;
        UNROLL
        for (int p = 0; p < 2 * P; p++) {
            const char *at = b + (size_t)(p / 2) * stride + 64 * (p % 2);
            __m512 *sum = &acc[p / 2][p % 2];
            if (bf16) *sum = _mm512_fmadd_ps(x1, odd(load_si(at)), _mm512_fmadd_ps(x0, even(load_si(at)), *sum));
            else *sum = _mm512_fmadd_ps(x0, _mm512_loadu_ps(at), *sum);
        }
    }
    UNROLL
    for (int p = 0; p < 2 * P; p++) _mm512_storeu_ps(c + 16 * p, acc[p / 2][p % 2]);
}

static void row_f32(int64_t kc, const float *a, const void *b, size_t stride, int panels, float *c, bool accumulate)
{
    row_groups(row_group, ROW_GROUP, NR, false, kc, a, b, stride, panels, c, accumulate);
}

static void row_bf16(int64_t kc, const float *a, const void *b, size_t stride, int panels, float *c, bool accumulate)
{
    row_groups(row_group, ROW_GROUP, NR, true, kc, a, b, stride, panels, c, accumulate);
}

static void pack_a_f32(void *dst, const float *src, int64_t rs, int64_t cs, int rows, int64_t kc)
{
    pack_panel_f32(MR, dst, &(struct pack_source){src, DT_F32, rs, cs, rows}, kc);
}

static void pack_b_f32(void *dst, const void *src, enum dtype type, int64_t rs, int64_t cs, int cols, int64_t kc)
{
    pack_panel_f32(NR, dst, &(struct pack_source){src, type, cs, rs, cols}, kc);
}

static void pack_a_bf16(void *dst, const float *src, int64_t rs, int64_t cs, int rows, int64_t kc)
{
    int64_t k = 0;
    if (cs == 1 && rows == MR) k = pack_columns_pairs(MR, dst, src, rs, kc);
    else if (rs == 1 && rows == MR) k = pack_rows_pairs(MR, dst, src, cs, kc);
    pack_floats(dst, MR, 2, true, &(struct pack_source){src, DT_F32, rs, cs, rows}, k, kc);
}

static void pack_b_bf16(void *dst, const void *src, enum dtype type, int64_t rs, int64_t cs, int cols, int64_t kc)
{
    pack_panel_bf16(NR, dst, &(struct pack_source){src, type, cs, rs, cols}, kc);
}

static double peak(int64_t rounds, float x[2])
{
    enum { CHAINS = 24 };
    const __m512 a = _mm512_set1_ps(x[0]), b = _mm512_set1_ps(x[1]);
    __m512 acc[CHAINS];
    UNROLL
    for (int i = 0; i < CHAINS; i++) acc[i] = _mm512_set1_ps((float)i);
    for (int64_t r = 0; r < rounds; r++) {
        UNROLL
        for (int i = 0; i < CHAINS; i++) acc[i] = _mm512_fmadd_ps(acc[i], a, b);
    }
    UNROLL
    for (int i = 0; i < CHAINS; i++) x[0] += _mm256_cvtss_f32(low_half(acc[i]));
    return 2.0 * 16 * CHAINS * (double)rounds;
}

void gemm_init_avx512(struct kernels *k)
{
    k->gemm_f32 = (struct gemm_kernel){MR, NR, 1, 4, 4, 240, 192, 512, pack_a_f32, pack_b_f32, tile_f32, row_f32, peak};
    k->gemm_bf16 = (struct gemm_kernel){MR, NR, 2, 4, 2, 240, 256, 512, pack_a_bf16, pack_b_bf16, tile_bf16, row_bf16, peak};
}
