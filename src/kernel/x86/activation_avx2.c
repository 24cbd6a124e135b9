/* Norms, softmax, gates and rotary positions for AVX2. */
#include "kernel/variants.h"
#include "kernel/x86/simd256.h"

static float sum_sq(const float *x, int64_t n)
{
    __m256 lo = _mm256_setzero_ps(), hi = lo;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        __m256 a = _mm256_loadu_ps(x + i), b = _mm256_loadu_ps(x + i + 8);
        lo = _mm256_fmadd_ps(a, a, lo);
        hi = _mm256_fmadd_ps(b, b, hi);
    }
    if (i < n) {
        __m256i m0 = mask8(n - i), m1 = mask8(n - i - 8);
        __m256 a = _mm256_maskload_ps(x + i, m0), b = _mm256_maskload_ps(x + i + 8, m1);
        lo = _mm256_blendv_ps(lo, _mm256_fmadd_ps(a, a, lo), _mm256_castsi256_ps(m0));
        hi = _mm256_blendv_ps(hi, _mm256_fmadd_ps(b, b, hi), _mm256_castsi256_ps(m1));
    }
    return lanes_sum8(lo, hi);
}

static float rmsnorm_avx2(float *y, const float *x, const float *w, int64_t n, float eps)
{
    float inv = rms_inverse(sum_sq(x, n), n, eps);
    const __m256 vi = _mm256_set1_ps(inv);
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(y + i, _mm256_mul_ps(_mm256_mul_ps(_mm256_loadu_ps(x + i), vi), _mm256_loadu_ps(w + i)));
    for (; i < n; i++) y[i] = x[i] * inv * w[i];
    return inv;
}

/* Lanes of fma(dy * w, x). */
static float weighted_dot(const float *dy, const float *w, const float *x, int64_t n)
{
    __m256 lo = _mm256_setzero_ps(), hi = lo;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        lo = _mm256_fmadd_ps(_mm256_mul_ps(_mm256_loadu_ps(dy + i), _mm256_loadu_ps(w + i)), _mm256_loadu_ps(x + i), lo);
        hi = _mm256_fmadd_ps(_mm256_mul_ps(_mm256_loadu_ps(dy + i + 8), _mm256_loadu_ps(w + i + 8)),
                             _mm256_loadu_ps(x + i + 8), hi);
    }
    if (i < n) {
        __m256i m0 = mask8(n - i), m1 = mask8(n - i - 8);
        __m256 t0 = _mm256_mul_ps(_mm256_maskload_ps(dy + i, m0), _mm256_maskload_ps(w + i, m0));
        __m256 t1 = _mm256_mul_ps(_mm256_maskload_ps(dy + i + 8, m1), _mm256_maskload_ps(w + i + 8, m1));
        lo = _mm256_blendv_ps(lo, _mm256_fmadd_ps(t0, _mm256_maskload_ps(x + i, m0), lo), _mm256_castsi256_ps(m0));
        hi = _mm256_blendv_ps(hi, _mm256_fmadd_ps(t1, _mm256_maskload_ps(x + i + 8, m1), hi), _mm256_castsi256_ps(m1));
    }
    return lanes_sum8(lo, hi);
}

static void rmsnorm_back_avx2(float *dx, float *dw, const float *dy, const float *x, const float *w, float inv, int64_t n)
{
    float slope = rms_slope(inv, weighted_dot(dy, w, x, n), n);
    const __m256 vi = _mm256_set1_ps(inv), vs = _mm256_set1_ps(slope);
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 d = _mm256_loadu_ps(dy + i), xi = _mm256_loadu_ps(x + i);
        __m256 t = _mm256_fnmadd_ps(xi, vs, _mm256_mul_ps(d, _mm256_loadu_ps(w + i)));
        _mm256_storeu_ps(dx + i, _mm256_fmadd_ps(vi, t, _mm256_loadu_ps(dx + i)));
        _mm256_storeu_ps(dw + i, _mm256_fmadd_ps(d, _mm256_mul_ps(xi, vi), _mm256_loadu_ps(dw + i)));
    }
    for (; i < n; i++) {
        dx[i] = fmaf(inv, fmaf(-x[i], slope, dy[i] * w[i]), dx[i]);
        dw[i] = fmaf(dy[i], x[i] * inv, dw[i]);
    }
}

static float scaled_max(const float *x, float scale, int64_t n)
{
    const __m256 vs = _mm256_set1_ps(scale);
    __m256 lo = _mm256_set1_ps(-INFINITY), hi = lo;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        lo = _mm256_max_ps(_mm256_mul_ps(_mm256_loadu_ps(x + i), vs), lo);
        hi = _mm256_max_ps(_mm256_mul_ps(_mm256_loadu_ps(x + i + 8), vs), hi);
    }
    if (i < n) {
        __m256i m0 = mask8(n - i), m1 = mask8(n - i - 8);
        __m256 a = _mm256_max_ps(_mm256_mul_ps(_mm256_maskload_ps(x + i, m0), vs), lo);
        __m256 b = _mm256_max_ps(_mm256_mul_ps(_mm256_maskload_ps(x + i + 8, m1), vs), hi);
        lo = _mm256_blendv_ps(lo, a, _mm256_castsi256_ps(m0));
        hi = _mm256_blendv_ps(hi, b, _mm256_castsi256_ps(m1));
    }
    return lanes_max8(lo, hi);
}

static float exp_sum_avx2(float *x, float scale, int64_t n, float *max_out)
{
    float top = scaled_max(x, scale, n);
    const __m256 vs = _mm256_set1_ps(scale), shift = _mm256_set1_ps(top == -INFINITY ? 0.0f : top);
    __m256 lo = _mm256_setzero_ps(), hi = lo;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        __m256 a = exp8(_mm256_sub_ps(_mm256_mul_ps(_mm256_loadu_ps(x + i), vs), shift));
        __m256 b = exp8(_mm256_sub_ps(_mm256_mul_ps(_mm256_loadu_ps(x + i + 8), vs), shift));
        _mm256_storeu_ps(x + i, a);
        _mm256_storeu_ps(x + i + 8, b);
        lo = _mm256_add_ps(lo, a);
        hi = _mm256_add_ps(hi, b);
    }
    if (i < n) {
        __m256i m0 = mask8(n - i), m1 = mask8(n - i - 8);
        __m256 a = exp8(_mm256_sub_ps(_mm256_mul_ps(_mm256_maskload_ps(x + i, m0), vs), shift));
        __m256 b = exp8(_mm256_sub_ps(_mm256_mul_ps(_mm256_maskload_ps(x + i + 8, m1), vs), shift));
        _mm256_maskstore_ps(x + i, m0, a);
        _mm256_maskstore_ps(x + i + 8, m1, b);
        lo = _mm256_blendv_ps(lo, _mm256_add_ps(lo, a), _mm256_castsi256_ps(m0));
        hi = _mm256_blendv_ps(hi, _mm256_add_ps(hi, b), _mm256_castsi256_ps(m1));
    }
    *max_out = top;
    return lanes_sum8(lo, hi);
}

static void swiglu_avx2(float *y, const float *g, const float *u, int64_t n)
{
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 gi = _mm256_loadu_ps(g + i);
        _mm256_storeu_ps(y + i, _mm256_mul_ps(_mm256_mul_ps(gi, sigmoid8(gi)), _mm256_loadu_ps(u + i)));
    }
    for (; i < n; i++) y[i] = g[i] * sigmoid_scalar(g[i]) * u[i];
}

static void swiglu_back_avx2(float *dg, float *du, const float *dy, const float *g, const float *u, int64_t n)
{
    const __m256 one = _mm256_set1_ps(1.0f);
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 gi = _mm256_loadu_ps(g + i), d = _mm256_loadu_ps(dy + i), s = sigmoid8(gi);
        __m256 slope = _mm256_mul_ps(s, _mm256_fmadd_ps(gi, _mm256_sub_ps(one, s), one));
        __m256 t = _mm256_mul_ps(d, _mm256_loadu_ps(u + i));
        _mm256_storeu_ps(dg + i, _mm256_fmadd_ps(t, slope, _mm256_loadu_ps(dg + i)));
        _mm256_storeu_ps(du + i, _mm256_fmadd_ps(d, _mm256_mul_ps(gi, s), _mm256_loadu_ps(du + i)));
    }
    for (; i < n; i++) {
        float s = sigmoid_scalar(g[i]);
        dg[i] = fmaf(dy[i] * u[i], s * fmaf(g[i], 1.0f - s, 1.0f), dg[i]);
        du[i] = fmaf(dy[i], g[i] * s, du[i]);
    }
}

INLINE __m256 gelu_gate8(__m256 x)
{
    __m256 p = _mm256_fmadd_ps(_mm256_mul_ps(x, x), _mm256_set1_ps(GELU_B), _mm256_set1_ps(GELU_A));
    return sigmoid8(_mm256_mul_ps(x, p));
}

static void geglu_avx2(float *y, const float *g, const float *u, int64_t n)
{
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 gi = _mm256_loadu_ps(g + i);
        _mm256_storeu_ps(y + i, _mm256_mul_ps(_mm256_mul_ps(gi, gelu_gate8(gi)), _mm256_loadu_ps(u + i)));
    }
    for (; i < n; i++) y[i] = g[i] * gelu_gate_scalar(g[i]) * u[i];
}

static void geglu_back_avx2(float *dg, float *du, const float *dy, const float *g, const float *u, int64_t n)
{
    const __m256 one = _mm256_set1_ps(1.0f);
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 gi = _mm256_loadu_ps(g + i), d = _mm256_loadu_ps(dy + i), s = gelu_gate8(gi);
        __m256 p = _mm256_fmadd_ps(_mm256_mul_ps(gi, gi), _mm256_set1_ps(3.0f * GELU_B), _mm256_set1_ps(GELU_A));
        __m256 slope = _mm256_mul_ps(s, _mm256_fmadd_ps(_mm256_mul_ps(gi, _mm256_sub_ps(one, s)), p, one));
        __m256 t = _mm256_mul_ps(d, _mm256_loadu_ps(u + i));
        _mm256_storeu_ps(dg + i, _mm256_fmadd_ps(t, slope, _mm256_loadu_ps(dg + i)));
        _mm256_storeu_ps(du + i, _mm256_fmadd_ps(d, _mm256_mul_ps(gi, s), _mm256_loadu_ps(du + i)));
    }
    for (; i < n; i++) {
        float s = gelu_gate_scalar(g[i]);
        dg[i] = fmaf(dy[i] * u[i], gelu_slope_scalar(g[i], s), dg[i]);
        du[i] = fmaf(dy[i], g[i] * s, du[i]);
    }
}

static void sigmoid_avx2(float *y, const float *x, int64_t n)
{
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) _mm256_storeu_ps(y + i, sigmoid8(_mm256_loadu_ps(x + i)));
    for (; i < n; i++) y[i] = sigmoid_scalar(x[i]);
}

static void rope_avx2(float *x, const float *cos_, const float *sin_, int64_t n, float sign)
{
    const __m256i twice = _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3);
    const __m128 vs = _mm_set1_ps(sign);
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 v = _mm256_loadu_ps(x + i);
        __m256 c = _mm256_permutevar8x32_ps(_mm256_castps128_ps256(_mm_loadu_ps(cos_ + i / 2)), twice);
        __m256 s = _mm256_permutevar8x32_ps(_mm256_castps128_ps256(_mm_mul_ps(_mm_loadu_ps(sin_ + i / 2), vs)), twice);
        _mm256_storeu_ps(x + i, _mm256_fmaddsub_ps(v, c, _mm256_mul_ps(_mm256_permute_ps(v, 0xb1), s)));
    }
    for (; i + 2 <= n; i += 2) {
        float a = x[i], b = x[i + 1], c = cos_[i / 2], s = sin_[i / 2] * sign;
        x[i] = fmaf(a, c, -(b * s));
        x[i + 1] = fmaf(b, c, a * s);
    }
}

static void rope_half_avx2(float *x, const float *cos_, const float *sin_, int64_t n, float sign)
{
    const __m256 vs = _mm256_set1_ps(sign);
    float *y = x + n / 2;
    int64_t i = 0;
    for (; i + 8 <= n / 2; i += 8) {
        __m256 a = _mm256_loadu_ps(x + i), b = _mm256_loadu_ps(y + i), c = _mm256_loadu_ps(cos_ + i);
        __m256 s = _mm256_mul_ps(_mm256_loadu_ps(sin_ + i), vs);
        _mm256_storeu_ps(x + i, _mm256_fmsub_ps(a, c, _mm256_mul_ps(b, s)));
        _mm256_storeu_ps(y + i, _mm256_fmadd_ps(b, c, _mm256_mul_ps(a, s)));
    }
    for (; i < n / 2; i++) {
        float a = x[i], b = y[i], s = sin_[i] * sign;
        x[i] = fmaf(a, cos_[i], -(b * s));
        y[i] = fmaf(b, cos_[i], a * s);
    }
}

void activation_init_avx2(struct kernels *k)
{
    k->rmsnorm = rmsnorm_avx2;
    k->rmsnorm_back = rmsnorm_back_avx2;
    k->exp_sum = exp_sum_avx2;
    k->swiglu = swiglu_avx2;
    k->swiglu_back = swiglu_back_avx2;
    k->sigmoid = sigmoid_avx2;
    k->geglu = geglu_avx2;
    k->geglu_back = geglu_back_avx2;
    k->rope = rope_avx2;
    k->rope_half = rope_half_avx2;
}
