/* Reductions and element-wise kernels for Advanced SIMD. The sixteen lanes of a reduction are four accumulators. */
#include "kernel/arm/simd_neon.h"

static void round_bf16_neon(float *dst, const float *src, int64_t n)
{
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) vst1q_f32(dst + i, round_bf16(vld1q_f32(src + i)));
    for (; i < n; i++) dst[i] = bf16_to_f32(bf16_from_f32(src[i]));
}

static float dot_neon(const float *a, const float *b, int64_t n)
{
    struct lanes s = lanes_all(0);
    float lane[LANES];
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        UNROLL
        for (int h = 0; h < 4; h++) s.v[h] = vfmaq_f32(s.v[h], vld1q_f32(a + i + 4 * h), vld1q_f32(b + i + 4 * h));
    lanes_store(lane, &s);
    for (int j = 0; i < n; i++, j++) lane[j] = fmaf(a[i], b[i], lane[j]);
    return lanes_sum(lane);
}

static float sum_sq_neon(const float *x, int64_t n) { return dot_neon(x, x, n); }

static float sum_neon(const float *x, int64_t n)
{
    struct lanes s = lanes_all(0);
    float lane[LANES];
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        UNROLL
        for (int h = 0; h < 4; h++) s.v[h] = vaddq_f32(s.v[h], vld1q_f32(x + i + 4 * h));
    lanes_store(lane, &s);
    for (int j = 0; i < n; i++, j++) lane[j] += x[i];
    return lanes_sum(lane);
}

static float max_neon(const float *x, int64_t n)
{
    struct lanes s = lanes_all(-INFINITY);
    float lane[LANES];
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        UNROLL
        for (int h = 0; h < 4; h++) s.v[h] = max4(vld1q_f32(x + i + 4 * h), s.v[h]);
    lanes_store(lane, &s);
    for (int j = 0; i < n; i++, j++) lane[j] = max_scalar(x[i], lane[j]);
    return lanes_max(lane);
}

static void axpy_neon(float *y, float a, const float *x, int64_t n)
{
    const float32x4_t va = vdupq_n_f32(a);
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) vst1q_f32(y + i, vfmaq_f32(vld1q_f32(y + i), va, vld1q_f32(x + i)));
    for (; i < n; i++) y[i] = fmaf(a, x[i], y[i]);
}

static void scale_neon(float *y, float a, int64_t n)
{
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) vst1q_f32(y + i, vmulq_n_f32(vld1q_f32(y + i), a));
    for (; i < n; i++) y[i] *= a;
}

static void add_neon(float *y, const float *a, const float *b, int64_t n)
{
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) vst1q_f32(y + i, vaddq_f32(vld1q_f32(a + i), vld1q_f32(b + i)));
    for (; i < n; i++) y[i] = a[i] + b[i];
}

static void mul_neon(float *y, const float *a, const float *b, int64_t n)
{
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) vst1q_f32(y + i, vmulq_f32(vld1q_f32(a + i), vld1q_f32(b + i)));
    for (; i < n; i++) y[i] = a[i] * b[i];
}

/* adamw_scalar, four at a time. */
static void adamw_neon(float *w, float *m, float *v, const float *g, int64_t n, const struct adamw_args *a)
{
    const struct adamw_consts c = adamw_prepare(a);
    const float32x4_t b1 = vdupq_n_f32(c.b1), b2 = vdupq_n_f32(c.b2), eps = vdupq_n_f32(c.eps),
                      decay = vdupq_n_f32(c.decay);
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) {
        float32x4_t gs = vmulq_n_f32(vld1q_f32(g + i), c.scale), cg = vmulq_n_f32(gs, c.c2), old = vld1q_f32(w + i);
        float32x4_t mi = vfmaq_f32(vmulq_n_f32(gs, c.c1), b1, vld1q_f32(m + i));
        float32x4_t vi = vfmaq_f32(vmulq_f32(cg, gs), b2, vld1q_f32(v + i));
        float32x4_t root = vaddq_f32(vsqrtq_f32(vmulq_n_f32(vi, c.r2)), eps);
        float32x4_t step = vdivq_f32(vmulq_n_f32(mi, c.r1), root);
        vst1q_f32(m + i, mi);
        vst1q_f32(v + i, vi);
        vst1q_f32(w + i, vfmaq_n_f32(old, vfmaq_f32(step, decay, old), -c.lr));
    }
    for (; i < n; i++) adamw_scalar(&w[i], &m[i], &v[i], g[i], &c);
}

void vector_init_neon(struct kernels *k)
{
    k->round_bf16 = round_bf16_neon;
    k->dot = dot_neon;
    k->sum_sq = sum_sq_neon;
    k->sum = sum_neon;
    k->max = max_neon;
    k->axpy = axpy_neon;
    k->scale = scale_neon;
    k->add = add_neon;
    k->mul = mul_neon;
    k->adamw = adamw_neon;
}
