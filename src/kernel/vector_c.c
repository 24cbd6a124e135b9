/* Reductions and element-wise kernels: the definitions in C. */
#include "kernel/variants.h"

static void round_bf16_c(float *dst, const float *src, int64_t n)
{
    for (int64_t i = 0; i < n; i++) dst[i] = bf16_to_f32(bf16_from_f32(src[i]));
}

static float dot_c(const float *a, const float *b, int64_t n)
{
    float lane[LANES] = {0};
    for (int64_t i = 0; i < n; i++) lane[i % LANES] = fmaf(a[i], b[i], lane[i % LANES]);
    return lanes_sum(lane);
}

static float sum_sq_c(const float *x, int64_t n)
{
    float lane[LANES] = {0};
    for (int64_t i = 0; i < n; i++) lane[i % LANES] = fmaf(x[i], x[i], lane[i % LANES]);
    return lanes_sum(lane);
}

static float sum_c(const float *x, int64_t n)
{
    float lane[LANES] = {0};
    for (int64_t i = 0; i < n; i++) lane[i % LANES] += x[i];
    return lanes_sum(lane);
}

static float max_c(const float *x, int64_t n)
{
    float lane[LANES];
    for (int j = 0; j < LANES; j++) lane[j] = -INFINITY;
    for (int64_t i = 0; i < n; i++) lane[i % LANES] = max_scalar(x[i], lane[i % LANES]);
    return lanes_max(lane);
}

static void axpy_c(float *y, float a, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] = fmaf(a, x[i], y[i]);
}

static void scale_c(float *y, float a, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] *= a;
}

static void add_c(float *y, const float *a, const float *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] = a[i] + b[i];
}

static void mul_c(float *y, const float *a, const float *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] = a[i] * b[i];
}

static void adamw_c(float *w, float *m, float *v, const float *g, int64_t n, const struct adamw_args *a)
{
    struct adamw_consts c = adamw_prepare(a);
    for (int64_t i = 0; i < n; i++) adamw_scalar(&w[i], &m[i], &v[i], g[i], &c);
}

void vector_init_c(struct kernels *k)
{
    k->round_bf16 = round_bf16_c;
    k->dot = dot_c;
    k->sum_sq = sum_sq_c;
    k->sum = sum_c;
    k->max = max_c;
    k->axpy = axpy_c;
    k->scale = scale_c;
    k->add = add_c;
    k->mul = mul_c;
    k->adamw = adamw_c;
}
