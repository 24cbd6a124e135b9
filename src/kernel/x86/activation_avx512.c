/* The kernels that contain an exponential, for AVX-512; the sixteen lanes of exp_sum are one register. */
#include "kernel/x86/simd512.h"

static float scaled_max(const float *x, float scale, int64_t n)
{
    const __m512 vs = _mm512_set1_ps(scale);
    __m512 top = _mm512_set1_ps(-INFINITY);
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) top = _mm512_max_ps(_mm512_mul_ps(_mm512_loadu_ps(x + i), vs), top);
    if (i < n) top = _mm512_mask_max_ps(top, mask16(n - i), _mm512_mul_ps(load_first(x + i, n - i), vs), top);
    return lanes_max8(low_half(top), high_half(top));
}

static float exp_sum_avx512(float *x, float scale, int64_t n, float *max_out)
{
    float top = scaled_max(x, scale, n);
    const __m512 vs = _mm512_set1_ps(scale), shift = _mm512_set1_ps(top == -INFINITY ? 0.0f : top);
    __m512 sum = _mm512_setzero_ps();
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
        __m512 e = exp16(_mm512_sub_ps(_mm512_mul_ps(_mm512_loadu_ps(x + i), vs), shift));
        _mm512_storeu_ps(x + i, e);
        sum = _mm512_add_ps(sum, e);
    }
    if (i < n) {
        __m512 e = exp16(_mm512_sub_ps(_mm512_mul_ps(load_first(x + i, n - i), vs), shift));
        store_first(x + i, n - i, e);
        sum = _mm512_mask_add_ps(sum, mask16(n - i), sum, e);
    }
    *max_out = top;
    return lanes_sum8(low_half(sum), high_half(sum));
}

INLINE __m512 gate(__m512 g, __m512 u) { return _mm512_mul_ps(_mm512_mul_ps(g, sigmoid16(g)), u); }

static void swiglu_avx512(float *y, const float *g, const float *u, int64_t n)
{
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) _mm512_storeu_ps(y + i, gate(_mm512_loadu_ps(g + i), _mm512_loadu_ps(u + i)));
    if (i < n) store_first(y + i, n - i, gate(load_first(g + i, n - i), load_first(u + i, n - i)));
}

static void swiglu_back_avx512(float *dg, float *du, const float *dy, const float *g, const float *u, int64_t n)
{
    const __m512 one = _mm512_set1_ps(1.0f);
    for (int64_t i = 0; i < n; i += 16) {
        int64_t left = n - i;
        __m512 gi = load_first(g + i, left), d = load_first(dy + i, left), s = sigmoid16(gi);
        __m512 slope = _mm512_mul_ps(s, _mm512_fmadd_ps(gi, _mm512_sub_ps(one, s), one));
        __m512 t = _mm512_mul_ps(d, load_first(u + i, left));
        store_first(dg + i, left, _mm512_fmadd_ps(t, slope, load_first(dg + i, left)));
        store_first(du + i, left, _mm512_fmadd_ps(d, _mm512_mul_ps(gi, s), load_first(du + i, left)));
    }
}

static void sigmoid_avx512(float *y, const float *x, int64_t n)
{
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) _mm512_storeu_ps(y + i, sigmoid16(_mm512_loadu_ps(x + i)));
    if (i < n) store_first(y + i, n - i, sigmoid16(load_first(x + i, n - i)));
}

void activation_init_avx512(struct kernels *k)
{
    k->exp_sum = exp_sum_avx512;
    k->swiglu = swiglu_avx512;
    k->swiglu_back = swiglu_back_avx512;
    k->sigmoid = sigmoid_avx512;
}
