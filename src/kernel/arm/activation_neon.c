/* Norms, softmax, gates and rotary positions for Advanced SIMD. */
#include "kernel/arm/simd_neon.h"

static float rmsnorm_neon(float *y, const float *x, const float *w, int64_t n, float eps)
{
    struct lanes s = lanes_all(0);
    float lane[LANES];
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        UNROLL
        for (int h = 0; h < 4; h++) s.v[h] = vfmaq_f32(s.v[h], vld1q_f32(x + i + 4 * h), vld1q_f32(x + i + 4 * h));
    lanes_store(lane, &s);
    for (int j = 0; i < n; i++, j++) lane[j] = fmaf(x[i], x[i], lane[j]);
    float inv = rms_inverse(lanes_sum(lane), n, eps);
    for (i = 0; i + 4 <= n; i += 4) vst1q_f32(y + i, vmulq_f32(vmulq_n_f32(vld1q_f32(x + i), inv), vld1q_f32(w + i)));
    for (; i < n; i++) y[i] = x[i] * inv * w[i];
    return inv;
}

/* Lanes of fma(dy * w, x). */
static float weighted_dot(const float *dy, const float *w, const float *x, int64_t n)
{
    struct lanes s = lanes_all(0);
    float lane[LANES];
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        UNROLL
        for (int h = 0; h < 4; h++) {
            float32x4_t t = vmulq_f32(vld1q_f32(dy + i + 4 * h), vld1q_f32(w + i + 4 * h));
            s.v[h] = vfmaq_f32(s.v[h], t, vld1q_f32(x + i + 4 * h));
        }
    lanes_store(lane, &s);
    for (int j = 0; i < n; i++, j++) lane[j] = fmaf(dy[i] * w[i], x[i], lane[j]);
    return lanes_sum(lane);
}

static void rmsnorm_back_neon(float *dx, float *dw, const float *dy, const float *x, const float *w, float inv,
                              int64_t n)
{
    float slope = rms_slope(inv, weighted_dot(dy, w, x, n), n);
    const float32x4_t vi = vdupq_n_f32(inv), vs = vdupq_n_f32(slope);
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) {
        float32x4_t d = vld1q_f32(dy + i), xi = vld1q_f32(x + i);
        float32x4_t t = vfmsq_f32(vmulq_f32(d, vld1q_f32(w + i)), xi, vs);
        vst1q_f32(dx + i, vfmaq_f32(vld1q_f32(dx + i), vi, t));
        vst1q_f32(dw + i, vfmaq_f32(vld1q_f32(dw + i), d, vmulq_f32(xi, vi)));
    }
    for (; i < n; i++) {
        dx[i] = fmaf(inv, fmaf(-x[i], slope, dy[i] * w[i]), dx[i]);
        dw[i] = fmaf(dy[i], x[i] * inv, dw[i]);
    }
}

static float scaled_max(const float *x, float scale, int64_t n)
{
    struct lanes s = lanes_all(-INFINITY);
    float lane[LANES];
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        UNROLL
        for (int h = 0; h < 4; h++) s.v[h] = max4(vmulq_n_f32(vld1q_f32(x + i + 4 * h), scale), s.v[h]);
    lanes_store(lane, &s);
    for (int j = 0; i < n; i++, j++) lane[j] = max_scalar(x[i] * scale, lane[j]);
    return lanes_max(lane);
}

static float exp_sum_neon(float *x, float scale, int64_t n, float *max_out)
{
    float top = scaled_max(x, scale, n), shift = top == -INFINITY ? 0.0f : top;
    struct lanes s = lanes_all(0);
    float lane[LANES];
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        UNROLL
        for (int h = 0; h < 4; h++) {
            float32x4_t e = exp4(vsubq_f32(vmulq_n_f32(vld1q_f32(x + i + 4 * h), scale), vdupq_n_f32(shift)));
            vst1q_f32(x + i + 4 * h, e);
            s.v[h] = vaddq_f32(s.v[h], e);
        }
    lanes_store(lane, &s);
    for (int j = 0; i < n; i++, j++) {
        x[i] = exp_scalar(x[i] * scale - shift);
        lane[j] += x[i];
    }
    *max_out = top;
    return lanes_sum(lane);
}

static void swiglu_neon(float *y, const float *g, const float *u, int64_t n)
{
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) {
        float32x4_t gi = vld1q_f32(g + i);
        vst1q_f32(y + i, vmulq_f32(vmulq_f32(gi, sigmoid4(gi)), vld1q_f32(u + i)));
    }
    for (; i < n; i++) y[i] = g[i] * sigmoid_scalar(g[i]) * u[i];
}

static void swiglu_back_neon(float *dg, float *du, const float *dy, const float *g, const float *u, int64_t n)
{
    const float32x4_t one = vdupq_n_f32(1.0f);
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) {
        float32x4_t gi = vld1q_f32(g + i), d = vld1q_f32(dy + i), s = sigmoid4(gi);
        float32x4_t slope = vmulq_f32(s, vfmaq_f32(one, gi, vsubq_f32(one, s)));
        vst1q_f32(dg + i, vfmaq_f32(vld1q_f32(dg + i), vmulq_f32(d, vld1q_f32(u + i)), slope));
        vst1q_f32(du + i, vfmaq_f32(vld1q_f32(du + i), d, vmulq_f32(gi, s)));
    }
    for (; i < n; i++) {
        float s = sigmoid_scalar(g[i]);
        dg[i] = fmaf(dy[i] * u[i], s * fmaf(g[i], 1.0f - s, 1.0f), dg[i]);
        du[i] = fmaf(dy[i], g[i] * s, du[i]);
    }
}

INLINE float32x4_t gelu_gate4(float32x4_t x)
{
    float32x4_t p = vfmaq_f32(vdupq_n_f32(GELU_A), vmulq_f32(x, x), vdupq_n_f32(GELU_B));
    return sigmoid4(vmulq_f32(x, p));
}

static void geglu_neon(float *y, const float *g, const float *u, int64_t n)
{
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) {
        float32x4_t gi = vld1q_f32(g + i);
        vst1q_f32(y + i, vmulq_f32(vmulq_f32(gi, gelu_gate4(gi)), vld1q_f32(u + i)));
    }
    for (; i < n; i++) y[i] = g[i] * gelu_gate_scalar(g[i]) * u[i];
}

static void geglu_back_neon(float *dg, float *du, const float *dy, const float *g, const float *u, int64_t n)
{
    const float32x4_t one = vdupq_n_f32(1.0f);
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) {
        float32x4_t gi = vld1q_f32(g + i), d = vld1q_f32(dy + i), s = gelu_gate4(gi);
        float32x4_t p = vfmaq_f32(vdupq_n_f32(GELU_A), vmulq_f32(gi, gi), vdupq_n_f32(3.0f * GELU_B));
        float32x4_t slope = vmulq_f32(s, vfmaq_f32(one, vmulq_f32(gi, vsubq_f32(one, s)), p));
        vst1q_f32(dg + i, vfmaq_f32(vld1q_f32(dg + i), vmulq_f32(d, vld1q_f32(u + i)), slope));
        vst1q_f32(du + i, vfmaq_f32(vld1q_f32(du + i), d, vmulq_f32(gi, s)));
    }
    for (; i < n; i++) {
        float s = gelu_gate_scalar(g[i]);
        dg[i] = fmaf(dy[i] * u[i], gelu_slope_scalar(g[i], s), dg[i]);
        du[i] = fmaf(dy[i], g[i] * s, du[i]);
    }
}

static void sigmoid_neon(float *y, const float *x, int64_t n)
{
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) vst1q_f32(y + i, sigmoid4(vld1q_f32(x + i)));
    for (; i < n; i++) y[i] = sigmoid_scalar(x[i]);
}

/* Four pairs: a = fma(a, c, -(b s)), b = fma(b, c, a s). */
INLINE void turn4(float32x4_t *a, float32x4_t *b, const float *cos_, const float *sin_, float sign)
{
    float32x4_t x = *a, y = *b, c = vld1q_f32(cos_), s = vmulq_n_f32(vld1q_f32(sin_), sign);
    *a = vfmaq_f32(vnegq_f32(vmulq_f32(y, s)), x, c);
    *b = vfmaq_f32(vmulq_f32(x, s), y, c);
}

static void rope_neon(float *x, const float *cos_, const float *sin_, int64_t n, float sign)
{
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        float32x4x2_t v = vld2q_f32(x + i);
        turn4(&v.val[0], &v.val[1], cos_ + i / 2, sin_ + i / 2, sign);
        vst2q_f32(x + i, v);
    }
    for (; i + 2 <= n; i += 2) {
        float a = x[i], b = x[i + 1], c = cos_[i / 2], s = sin_[i / 2] * sign;
        x[i] = fmaf(a, c, -(b * s));
        x[i + 1] = fmaf(b, c, a * s);
    }
}

static void rope_half_neon(float *x, const float *cos_, const float *sin_, int64_t n, float sign)
{
    float *y = x + n / 2;
    int64_t i = 0;
    for (; i + 4 <= n / 2; i += 4) {
        float32x4_t a = vld1q_f32(x + i), b = vld1q_f32(y + i);
        turn4(&a, &b, cos_ + i, sin_ + i, sign);
        vst1q_f32(x + i, a);
        vst1q_f32(y + i, b);
    }
    for (; i < n / 2; i++) {
        float a = x[i], b = y[i], s = sin_[i] * sign;
        x[i] = fmaf(a, cos_[i], -(b * s));
        y[i] = fmaf(b, cos_[i], a * s);
    }
}

void activation_init_neon(struct kernels *k)
{
    k->rmsnorm = rmsnorm_neon;
    k->rmsnorm_back = rmsnorm_back_neon;
    k->exp_sum = exp_sum_neon;
    k->swiglu = swiglu_neon;
    k->swiglu_back = swiglu_back_neon;
    k->sigmoid = sigmoid_neon;
    k->geglu = geglu_neon;
    k->geglu_back = geglu_back_neon;
    k->rope = rope_neon;
    k->rope_half = rope_half_neon;
}
