/* What the variants share: who fills which part of the table, and the scalar definitions that each of them must
 * reproduce to the bit. Internal to kernel/. */
#ifndef KERNEL_VARIANTS_H
#define KERNEL_VARIANTS_H

#include <math.h>
#include <string.h>
#include "kernel/kernel.h"

/* Each sets the entries it has something better for; called in this order up to the wanted level. */
void gemm_init_c(struct kernels *k);
void qmul_init_c(struct kernels *k);
void vector_init_c(struct kernels *k);
void activation_init_c(struct kernels *k);
void attention_init_c(struct kernels *k);
void qcache_init_c(struct kernels *k);
#if defined(__x86_64__)
void gemm_init_avx2(struct kernels *k);
void qmul_init_avx2(struct kernels *k);
void vector_init_avx2(struct kernels *k);
void activation_init_avx2(struct kernels *k);
void attention_init_avx2(struct kernels *k);
void qcache_init_avx2(struct kernels *k);
void gemm_init_avx512(struct kernels *k);
void vector_init_avx512(struct kernels *k);
void activation_init_avx512(struct kernels *k);
void attention_init_avx512(struct kernels *k);
void qmul_init_avx512_vnni(struct kernels *k);
void gemm_init_avx512_bf16(struct kernels *k);
#elif defined(__aarch64__)
void gemm_init_neon(struct kernels *k);
void qmul_init_neon(struct kernels *k);
void vector_init_neon(struct kernels *k);
void activation_init_neon(struct kernels *k);
void attention_init_neon(struct kernels *k);
void qcache_init_neon(struct kernels *k);
void qmul_init_neon_dotprod(struct kernels *k);
void qmul_init_neon_i8mm(struct kernels *k);
#endif

/* For micro-kernels: loops of constant length over accumulators must vanish before registers are assigned. */
#define INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

/* One row against panels of `width` columns, `most` at a time: the frame of gemm_kernel.row. */
typedef void row_group_fn(bool bf16, int P, int64_t kc, const float *a, const char *b, size_t stride, float *c, bool accumulate);
INLINE void row_groups(row_group_fn *group, int most, int width, bool bf16, int64_t kc, const float *a, const char *b,
                       size_t stride, int panels, float *c, bool accumulate)
{
    for (; panels >= most; panels -= most, b += (size_t)most * stride, c += most * width)
        group(bf16, most, kc, a, b, stride, c, accumulate);
    for (; panels > 0; panels--, b += stride, c += width) group(bf16, 1, kc, a, b, stride, c, accumulate);
}

enum { LANES = 16, Q8_BLOCK = 32, Q8_BYTES = 34 };

static inline uint32_t float_bits(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}
static inline float bits_float(uint32_t u)
{
    float f;
    memcpy(&f, &u, 4);
    return f;
}

/* exp(x) = 2^n * exp(r), n = round(x / ln 2). Adding 1.5 * 2^23 rounds to an integer and leaves n in the low bits.
 * n * LN2_HIGH is exact inside the fma and so is the first difference. The polynomial of degree 6 is a minimax fit
 * of the relative error on |r| <= ln(2) / 2 (3.1e-9 before the coefficients are rounded to float). */
#define EXP_LOG2E 0x1.715476p+0f
#define EXP_MAGIC 0x1.8p+23f
#define EXP_LN2_HIGH 0x1.62e430p-1f
#define EXP_LN2_LOW -0x1.05c610p-29f
#define EXP_C2 0x1.fffffcp-2f
#define EXP_C3 0x1.555492p-3f
#define EXP_C4 0x1.5558f2p-5f
#define EXP_C5 0x1.123a20p-7f
#define EXP_C6 0x1.6a23d0p-10f
#define EXP_LOW (-87.33f) /* below: 0. The results above are normal numbers. */
#define EXP_HIGH 88.72f   /* above: infinity */

static inline float exp_scalar(float x)
{
    float t = fmaf(x, EXP_LOG2E, EXP_MAGIC);
    float n = t - EXP_MAGIC;
    float r = fmaf(n, -EXP_LN2_LOW, fmaf(n, -EXP_LN2_HIGH, x));
    float p = fmaf(EXP_C6, r, EXP_C5);
    p = fmaf(p, r, EXP_C4);
    p = fmaf(p, r, EXP_C3);
    p = fmaf(p, r, EXP_C2);
    p = fmaf(p, r, 1.0f);
    p = fmaf(p, r, 1.0f);
    float y = bits_float(float_bits(p) + (float_bits(t) << 23)); /* the low 9 bits of the magic number are zero */
    if (x < EXP_LOW) y = 0;
    if (x > EXP_HIGH) y = INFINITY;
    return x == x ? y : x;
}

static inline float sigmoid_scalar(float x) { return 1.0f / (1.0f + exp_scalar(-x)); }

/* The inner function of the tanh-GELU is GELU_A * x + GELU_B * x^3. */
#define GELU_A 0x1.988454p+0f
#define GELU_B 0x1.2444f2p-4f
static inline float gelu_gate_scalar(float x) { return sigmoid_scalar(x * fmaf(x * x, GELU_B, GELU_A)); }
/* Its derivative, given the gate s: s * (1 + x (1 - s) (A + 3 B x^2)). */
static inline float gelu_slope_scalar(float x, float s)
{
    return s * fmaf(x * (1.0f - s), fmaf(x * x, 3.0f * GELU_B, GELU_A), 1.0f);
}

/* The fixed tree over 16 partial results. */
static inline float lanes_sum(float lane[LANES])
{
    for (int w = LANES / 2; w > 0; w /= 2)
        for (int j = 0; j < w; j++) lane[j] += lane[j + w];
    return lane[0];
}

static inline float max_scalar(float a, float b) { return a > b ? a : b; } /* b when either is NaN */

static inline float lanes_max(float lane[LANES])
{
    for (int w = LANES / 2; w > 0; w /= 2)
        for (int j = 0; j < w; j++) lane[j] = max_scalar(lane[j], lane[j + w]);
    return lane[0];
}

/* The last steps of rmsnorm and rmsnorm_back that come once per row. */
static inline float rms_inverse(float sum_sq, int64_t n, float eps) { return 1.0f / sqrtf(sum_sq / (float)n + eps); }
static inline float rms_slope(float inv, float dot, int64_t n) { return inv * inv * dot / (float)n; }

/* AdamW for one element; the constants are prepared once per call. */
struct adamw_consts {
    float scale, b1, c1, b2, c2, r1, r2, eps, decay, lr; /* c = 1 - beta, r = 1 / bias */
};
static inline struct adamw_consts adamw_prepare(const struct adamw_args *a)
{
    return (struct adamw_consts){a->grad_scale, a->beta1, 1.0f - a->beta1, a->beta2, 1.0f - a->beta2, 1.0f / a->bias1,
                                 1.0f / a->bias2, a->eps, a->weight_decay, a->lr};
}
static inline void adamw_scalar(float *w, float *m, float *v, float g, const struct adamw_consts *c)
{
    float gs = g * c->scale, cg = c->c2 * gs;
    *m = fmaf(c->b1, *m, c->c1 * gs);
    *v = fmaf(c->b2, *v, cg * gs);
    float step = (*m * c->r1) / (sqrtf(*v * c->r2) + c->eps);
    *w = fmaf(-c->lr, fmaf(c->decay, *w, step), *w);
}

/* One value of quantize_acts. d may be so small that x / d leaves the range, or NaN. */
static inline int8_t q8_scalar(float x, float d)
{
    float v = roundf(x / d);
    return (int8_t)(v > 127 ? 127 : v < -127 ? -127 : v == v ? (int)v : 0);
}

#endif
