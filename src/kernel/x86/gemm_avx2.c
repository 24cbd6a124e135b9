/* GEMM for AVX2: tiles of 6 x 16 (12 accumulators, enough to hide the latency of two FMA units). bf16 weights stay
 * bf16 in their panels, as pairs along k, and are widened by a shift and a mask; packed A is rounded but kept as floats. */
#include "kernel/x86/pack256.h"

enum { MR = 6, NR = 16, ROW_GROUP = 4 };

INLINE void load_acc(__m256 acc[MR][2], const float *c, int64_t ldc, bool accumulate)
{
    UNROLL
    for (int i = 0; i < MR; i++) {
        acc[i][0] = accumulate ? _mm256_loadu_ps(c + i * ldc) : _mm256_setzero_ps();
        acc[i][1] = accumulate ? _mm256_loadu_ps(c + i * ldc + 8) : _mm256_setzero_ps();
    }
}

INLINE void store_acc(__m256 acc[MR][2], float *c, int64_t ldc)
{
    UNROLL
    for (int i = 0; i < MR; i++) {
        _mm256_storeu_ps(c + i * ldc, acc[i][0]);
        _mm256_storeu_ps(c + i * ldc + 8, acc[i][1]);
    }
}

/* Keeps the compiler from loading for the next k early, which would spill accumulators. */
INLINE void fence(void) { __asm__ volatile("" ::: "memory"); }

/* acc += a[i * step] * b, rank one. */
INLINE void update(__m256 acc[MR][2], const float *a, int step, __m256 b0, __m256 b1)
{
    UNROLL
    for (int i = 0; i < MR; i++) {
        __m256 x = _mm256_broadcast_ss(a + i * step);
        acc[i][0] = _mm256_fmadd_ps(x, b0, acc[i][0]);
        acc[i][1] = _mm256_fmadd_ps(x, b1, acc[i][1]);
    }
    fence();
}

static void tile_f32(int64_t kc, const void *pa, const void *pb, float *c, int64_t ldc, bool accumulate)
{
    const float *a = pa, *b = pb;
    __m256 acc[MR][2];
    load_acc(acc, c, ldc, accumulate);
    int64_t k = 0;
    for (; k + 4 <= kc; k += 4, a += 4 * MR, b += 4 * NR) {
        UNROLL
        for (int j = 0; j < 4; j++)
            update(acc, a + j * MR, 1, _mm256_loadu_ps(b + j * NR), _mm256_loadu_ps(b + j * NR + 8));
    }
    for (; k < kc; k++, a += MR, b += NR) update(acc, a, 1, _mm256_loadu_ps(b), _mm256_loadu_ps(b + 8));
    store_acc(acc, c, ldc);
}

INLINE __m256i load_si(const void *p) { return _mm256_loadu_si256(p); }
INLINE __m256 even(__m256i pairs) { return _mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16)); }
INLINE __m256 odd(__m256i pairs) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_srli_epi32(pairs, 16), 16)); }

static void tile_bf16(int64_t kc, const void *pa, const void *pb, float *c, int64_t ldc, bool accumulate)
{
    const float *a = pa;
    const uint16_t *b = pb;
    __m256 acc[MR][2];
    load_acc(acc, c, ldc, accumulate);
    for (int64_t k = 0; k < kc; k += 2, a += 2 * MR, b += 2 * NR) {
        update(acc, a, 2, even(load_si(b)), even(load_si(b + NR)));
        update(acc, a + 1, 2, odd(load_si(b)), odd(load_si(b + NR)));
    }
    store_acc(acc, c, ldc);
}

/* One row against P panels at once: 2 P chains hide the latency of the FMA. */
INLINE void row_group(bool bf16, int P, int64_t kc, const float *a, const char *b, size_t stride, float *c, bool accumulate)
{
    __m256 acc[ROW_GROUP][2];
    UNROLL
    for (int p = 0; p < 2 * P; p++) acc[p / 2][p % 2] = accumulate ? _mm256_loadu_ps(c + 8 * p) : _mm256_setzero_ps();
    for (int64_t k = 0; k < kc; k += bf16 ? 2 : 1, b += 4 * NR) {
        __m256 x0 = _mm256_broadcast_ss(a + k), x1 = bf16 ? _mm256_broadcast_ss(a + k + 1) : x0;
        UNROLL
        for (int p = 0; p < 2 * P; p++) {
            const void *at = b + (size_t)(p / 2) * stride + 32 * (p % 2);
            __m256 *sum = &acc[p / 2][p % 2];
            if (bf16) *sum = _mm256_fmadd_ps(x1, odd(load_si(at)), _mm256_fmadd_ps(x0, even(load_si(at)), *sum));
            else *sum = _mm256_fmadd_ps(x0, _mm256_loadu_ps(at), *sum);
        }
    }
    UNROLL
    for (int p = 0; p < 2 * P; p++) _mm256_storeu_ps(c + 8 * p, acc[p / 2][p % 2]);
}

static void row_f32(int64_t kc, const float *a, const void *b, size_t stride, int panels, float *c, bool accumulate)
{
    row_groups(row_group, ROW_GROUP, NR, false, kc, a, b, stride, panels, c, accumulate);
}

static void row_bf16(int64_t kc, const float *a, const void *b, size_t stride, int panels, float *c, bool accumulate)
{
    row_groups(row_group, ROW_GROUP, NR, true, kc, a, b, stride, panels, c, accumulate);
}

/* Four k of a transposed A, six floats each, into three vectors. */
INLINE void pack_four(float *d, const float *src, int64_t cs, __m256i mask)
{
    __m256 r0 = _mm256_maskload_ps(src, mask), r1 = _mm256_maskload_ps(src + cs, mask);
    __m256 r2 = _mm256_maskload_ps(src + 2 * cs, mask), r3 = _mm256_maskload_ps(src + 3 * cs, mask);
    r1 = _mm256_permutevar8x32_ps(r1, _mm256_setr_epi32(2, 3, 4, 5, 0, 0, 0, 1));
    r2 = _mm256_permutevar8x32_ps(r2, _mm256_setr_epi32(4, 5, 0, 0, 0, 1, 2, 3));
    r3 = _mm256_permutevar8x32_ps(r3, _mm256_setr_epi32(0, 0, 0, 1, 2, 3, 4, 5));
    _mm256_storeu_ps(d, _mm256_blend_ps(r0, r1, 0xc0));
    _mm256_storeu_ps(d + 8, _mm256_blend_ps(r1, r2, 0xf0));
    _mm256_storeu_ps(d + 16, _mm256_blend_ps(r2, r3, 0xfc));
}

/* Where A is not transposed, six floats are stored as eight: the next store overwrites the two too many, so the last k
 * must be left to the scalar end. */
static void pack_a_f32(void *dst, const float *src, int64_t rs, int64_t cs, int rows, int64_t kc)
{
    float *d = dst;
    int64_t k = 0;
    if (rs == 1) {
        __m256i mask = mask8(rows);
        for (; k + 4 <= kc; k += 4) pack_four(d + k * MR, src + k * cs, cs, mask);
    } else if (cs == 1 && rows == MR) {
        for (; k + 8 < kc; k += 8) {
            __m256 r[8];
            UNROLL
            for (int i = 0; i < MR; i++) r[i] = _mm256_loadu_ps(src + i * rs + k);
            r[6] = r[7] = _mm256_setzero_ps();
            transpose8(r);
            UNROLL
            for (int j = 0; j < 8; j++) _mm256_storeu_ps(d + (k + j) * MR, r[j]);
        }
    }
    pack_floats(d, MR, 1, false, &(struct pack_source){src, DT_F32, rs, cs, rows}, k, kc);
}

static void pack_b_f32(void *dst, const void *src, enum dtype type, int64_t rs, int64_t cs, int cols, int64_t kc)
{
    pack_panel_f32(NR, dst, &(struct pack_source){src, type, cs, rs, cols}, kc);
}

/* [k / 2][6][2]: a pair of k is twelve floats, eight and four. */
static void pack_a_bf16(void *dst, const float *src, int64_t rs, int64_t cs, int rows, int64_t kc)
{
    float *d = dst;
    int64_t k = 0;
    if (rs == 1) {
        __m256i mask = mask8(rows);
        for (; k + 2 <= kc; k += 2, d += 2 * MR) {
            __m256 x = _mm256_castsi256_ps(round_bf16_bits(_mm256_maskload_ps(src + k * cs, mask)));
            __m256 y = _mm256_castsi256_ps(round_bf16_bits(_mm256_maskload_ps(src + (k + 1) * cs, mask)));
            __m256 lo = _mm256_unpacklo_ps(x, y), hi = _mm256_unpackhi_ps(x, y);
            _mm256_storeu_ps(d, _mm256_permute2f128_ps(lo, hi, 0x20));
            _mm_storeu_ps(d + 8, _mm256_extractf128_ps(lo, 1));
        }
    } else if (cs == 1 && rows == MR) {
        k = pack_columns_pairs(MR, d, src, rs, kc);
    }
    pack_floats(dst, MR, 2, true, &(struct pack_source){src, DT_F32, rs, cs, rows}, k, kc);
}

static void pack_b_bf16(void *dst, const void *src, enum dtype type, int64_t rs, int64_t cs, int cols, int64_t kc)
{
    pack_panel_bf16(NR, dst, &(struct pack_source){src, type, cs, rs, cols}, kc);
}

static double peak(int64_t rounds, float x[2])
{
    enum { CHAINS = 12 };
    const __m256 a = _mm256_set1_ps(x[0]), b = _mm256_set1_ps(x[1]);
    __m256 acc[CHAINS];
    UNROLL
    for (int i = 0; i < CHAINS; i++) acc[i] = _mm256_set1_ps((float)i);
    for (int64_t r = 0; r < rounds; r++) {
        UNROLL
        for (int i = 0; i < CHAINS; i++) acc[i] = _mm256_fmadd_ps(acc[i], a, b);
    }
    UNROLL
    for (int i = 0; i < CHAINS; i++) x[0] += _mm256_cvtss_f32(acc[i]);
    return 2.0 * 8 * CHAINS * (double)rounds;
}

void gemm_init_avx2(struct kernels *k)
{
    k->gemm_f32 = (struct gemm_kernel){MR, NR, 1, 4, 4, 144, 256, 512, pack_a_f32, pack_b_f32, tile_f32, row_f32, peak};
    k->gemm_bf16 = (struct gemm_kernel){MR, NR, 2, 4, 2, 144, 256, 512, pack_a_bf16, pack_b_bf16, tile_bf16, row_bf16, peak};
}
