/* Element-wise kernels for AVX-512. The reductions stay with AVX2: their sixteen lanes are one chain of additions, bound by
 * latency, and the width of the registers does not change that. */
#include "kernel/x86/simd512.h"

static void axpy_avx512(float *y, float a, const float *x, int64_t n)
{
    const __m512 va = _mm512_set1_ps(a);
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) _mm512_storeu_ps(y + i, _mm512_fmadd_ps(va, _mm512_loadu_ps(x + i), _mm512_loadu_ps(y + i)));
    if (i < n) store_first(y + i, n - i, _mm512_fmadd_ps(va, load_first(x + i, n - i), load_first(y + i, n - i)));
}

static void scale_avx512(float *y, float a, int64_t n)
{
    const __m512 va = _mm512_set1_ps(a);
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) _mm512_storeu_ps(y + i, _mm512_mul_ps(_mm512_loadu_ps(y + i), va));
    if (i < n) store_first(y + i, n - i, _mm512_mul_ps(load_first(y + i, n - i), va));
}

static void add_avx512(float *y, const float *a, const float *b, int64_t n)
{
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) _mm512_storeu_ps(y + i, _mm512_add_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i)));
    if (i < n) store_first(y + i, n - i, _mm512_add_ps(load_first(a + i, n - i), load_first(b + i, n - i)));
}

static void mul_avx512(float *y, const float *a, const float *b, int64_t n)
{
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) _mm512_storeu_ps(y + i, _mm512_mul_ps(_mm512_loadu_ps(a + i), _mm512_loadu_ps(b + i)));
    if (i < n) store_first(y + i, n - i, _mm512_mul_ps(load_first(a + i, n - i), load_first(b + i, n - i)));
}

void vector_init_avx512(struct kernels *k)
{
    k->axpy = axpy_avx512;
    k->scale = scale_avx512;
    k->add = add_avx512;
    k->mul = mul_avx512;
}
