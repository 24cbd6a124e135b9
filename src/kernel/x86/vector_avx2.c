/* Reductions and element-wise kernels for AVX2. Lanes 0 to 7 and 8 to 15 of a reduction are two accumulators. */
#include "kernel/variants.h"
#include "kernel/x86/simd256.h"

static void round_bf16_avx2(float *dst, const float *src, int64_t n)
{
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) _mm256_storeu_ps(dst + i, _mm256_castsi256_ps(round_bf16_bits(_mm256_loadu_ps(src + i))));
    for (; i < n; i++) dst[i] = bf16_to_f32(bf16_from_f32(src[i]));
}

static float dot_avx2(const float *a, const float *b, int64_t n)
{
    __m256 lo = _mm256_setzero_ps(), hi = lo;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        lo = _mm256_fmadd_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i), lo);
        hi = _mm256_fmadd_ps(_mm256_loadu_ps(a + i + 8), _mm256_loadu_ps(b + i + 8), hi);
    }
    if (i < n) {
        __m256i m0 = mask8(n - i), m1 = mask8(n - i - 8);
        __m256 s0 = _mm256_fmadd_ps(_mm256_maskload_ps(a + i, m0), _mm256_maskload_ps(b + i, m0), lo);
        __m256 s1 = _mm256_fmadd_ps(_mm256_maskload_ps(a + i + 8, m1), _mm256_maskload_ps(b + i + 8, m1), hi);
        lo = _mm256_blendv_ps(lo, s0, _mm256_castsi256_ps(m0));
        hi = _mm256_blendv_ps(hi, s1, _mm256_castsi256_ps(m1));
    }
    return lanes_sum8(lo, hi);
}

static float sum_sq_avx2(const float *x, int64_t n) { return dot_avx2(x, x, n); }

static float sum_avx2(const float *x, int64_t n)
{
    __m256 lo = _mm256_setzero_ps(), hi = lo;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        lo = _mm256_add_ps(lo, _mm256_loadu_ps(x + i));
        hi = _mm256_add_ps(hi, _mm256_loadu_ps(x + i + 8));
    }
    if (i < n) {
        __m256i m0 = mask8(n - i), m1 = mask8(n - i - 8);
        lo = _mm256_blendv_ps(lo, _mm256_add_ps(lo, _mm256_maskload_ps(x + i, m0)), _mm256_castsi256_ps(m0));
        hi = _mm256_blendv_ps(hi, _mm256_add_ps(hi, _mm256_maskload_ps(x + i + 8, m1)), _mm256_castsi256_ps(m1));
    }
    return lanes_sum8(lo, hi);
}

static float max_avx2(const float *x, int64_t n)
{
    __m256 lo = _mm256_set1_ps(-INFINITY), hi = lo;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        lo = _mm256_max_ps(_mm256_loadu_ps(x + i), lo);
        hi = _mm256_max_ps(_mm256_loadu_ps(x + i + 8), hi);
    }
    if (i < n) {
        __m256i m0 = mask8(n - i), m1 = mask8(n - i - 8);
        lo = _mm256_blendv_ps(lo, _mm256_max_ps(_mm256_maskload_ps(x + i, m0), lo), _mm256_castsi256_ps(m0));
        hi = _mm256_blendv_ps(hi, _mm256_max_ps(_mm256_maskload_ps(x + i + 8, m1), hi), _mm256_castsi256_ps(m1));
    }
    return lanes_max8(lo, hi);
}

static void axpy_avx2(float *y, float a, const float *x, int64_t n)
{
    const __m256 va = _mm256_set1_ps(a);
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) _mm256_storeu_ps(y + i, _mm256_fmadd_ps(va, _mm256_loadu_ps(x + i), _mm256_loadu_ps(y + i)));
    for (; i < n; i++) y[i] = fmaf(a, x[i], y[i]);
}

static void scale_avx2(float *y, float a, int64_t n)
{
    const __m256 va = _mm256_set1_ps(a);
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) _mm256_storeu_ps(y + i, _mm256_mul_ps(_mm256_loadu_ps(y + i), va));
    for (; i < n; i++) y[i] *= a;
}

static void add_avx2(float *y, const float *a, const float *b, int64_t n)
{
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) _mm256_storeu_ps(y + i, _mm256_add_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i)));
    for (; i < n; i++) y[i] = a[i] + b[i];
}

static void mul_avx2(float *y, const float *a, const float *b, int64_t n)
{
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) _mm256_storeu_ps(y + i, _mm256_mul_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i)));
    for (; i < n; i++) y[i] = a[i] * b[i];
}

/* adamw_scalar, eight at a time. */
static void adamw_avx2(float *w, float *m, float *v, const float *g, int64_t n, const struct adamw_args *a)
{
    const struct adamw_consts c = adamw_prepare(a);
    const __m256 scale = _mm256_set1_ps(c.scale), b1 = _mm256_set1_ps(c.b1), c1 = _mm256_set1_ps(c.c1);
    const __m256 b2 = _mm256_set1_ps(c.b2), c2 = _mm256_set1_ps(c.c2), r1 = _mm256_set1_ps(c.r1), r2 = _mm256_set1_ps(c.r2);
    const __m256 eps = _mm256_set1_ps(c.eps), decay = _mm256_set1_ps(c.decay), lr = _mm256_set1_ps(-c.lr);
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 gs = _mm256_mul_ps(_mm256_loadu_ps(g + i), scale), cg = _mm256_mul_ps(c2, gs), old = _mm256_loadu_ps(w + i);
        __m256 mi = _mm256_fmadd_ps(b1, _mm256_loadu_ps(m + i), _mm256_mul_ps(c1, gs));
        __m256 vi = _mm256_fmadd_ps(b2, _mm256_loadu_ps(v + i), _mm256_mul_ps(cg, gs));
        __m256 root = _mm256_add_ps(_mm256_sqrt_ps(_mm256_mul_ps(vi, r2)), eps);
        __m256 step = _mm256_div_ps(_mm256_mul_ps(mi, r1), root);
        _mm256_storeu_ps(m + i, mi);
        _mm256_storeu_ps(v + i, vi);
        _mm256_storeu_ps(w + i, _mm256_fmadd_ps(lr, _mm256_fmadd_ps(decay, old, step), old));
    }
    for (; i < n; i++) adamw_scalar(&w[i], &m[i], &v[i], g[i], &c);
}

void vector_init_avx2(struct kernels *k)
{
    k->round_bf16 = round_bf16_avx2;
    k->dot = dot_avx2;
    k->sum_sq = sum_sq_avx2;
    k->sum = sum_avx2;
    k->max = max_avx2;
    k->axpy = axpy_avx2;
    k->scale = scale_avx2;
    k->add = add_avx2;
    k->mul = mul_avx2;
    k->adamw = adamw_avx2;
}
