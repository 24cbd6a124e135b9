/* Norms, softmax, gates and rotary positions: the definitions in C. */
#include "kernel/variants.h"

static float rmsnorm_c(float *y, const float *x, const float *w, int64_t n, float eps)
{
    float lane[LANES] = {0};
    for (int64_t i = 0; i < n; i++) lane[i % LANES] = fmaf(x[i], x[i], lane[i % LANES]);
    float inv = rms_inverse(lanes_sum(lane), n, eps);
    for (int64_t i = 0; i < n; i++) y[i] = x[i] * inv * w[i];
    return inv;
}

static void rmsnorm_back_c(float *dx, float *dw, const float *dy, const float *x, const float *w, float inv, int64_t n)
{
    float lane[LANES] = {0};
    for (int64_t i = 0; i < n; i++) lane[i % LANES] = fmaf(dy[i] * w[i], x[i], lane[i % LANES]);
    float slope = rms_slope(inv, lanes_sum(lane), n);
    for (int64_t i = 0; i < n; i++) {
        dx[i] = fmaf(inv, fmaf(-x[i], slope, dy[i] * w[i]), dx[i]);
        dw[i] = fmaf(dy[i], x[i] * inv, dw[i]);
    }
}

/* A row of nothing but -inf (all masked) gives zeros, not NaN. */
static float exp_sum_c(float *x, float scale, int64_t n, float *max_out)
{
    float lane[LANES];
    for (int j = 0; j < LANES; j++) lane[j] = -INFINITY;
    for (int64_t i = 0; i < n; i++) lane[i % LANES] = max_scalar(x[i] * scale, lane[i % LANES]);
    float top = lanes_max(lane), shift = top == -INFINITY ? 0.0f : top;
    for (int j = 0; j < LANES; j++) lane[j] = 0;
    for (int64_t i = 0; i < n; i++) {
        x[i] = exp_scalar(x[i] * scale - shift);
        lane[i % LANES] += x[i];
    }
    *max_out = top;
    return lanes_sum(lane);
}

static void swiglu_c(float *y, const float *g, const float *u, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] = g[i] * sigmoid_scalar(g[i]) * u[i];
}

/* silu'(g) = s * (1 + g * (1 - s)), s = sigmoid(g). */
static void swiglu_back_c(float *dg, float *du, const float *dy, const float *g, const float *u, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        float s = sigmoid_scalar(g[i]);
        dg[i] = fmaf(dy[i] * u[i], s * fmaf(g[i], 1.0f - s, 1.0f), dg[i]);
        du[i] = fmaf(dy[i], g[i] * s, du[i]);
    }
}

static void geglu_c(float *y, const float *g, const float *u, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] = g[i] * gelu_gate_scalar(g[i]) * u[i];
}

static void geglu_back_c(float *dg, float *du, const float *dy, const float *g, const float *u, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        float s = gelu_gate_scalar(g[i]);
        dg[i] = fmaf(dy[i] * u[i], gelu_slope_scalar(g[i], s), dg[i]);
        du[i] = fmaf(dy[i], g[i] * s, du[i]);
    }
}

static void sigmoid_c(float *y, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] = sigmoid_scalar(x[i]);
}

static void rope_c(float *x, const float *cos_, const float *sin_, int64_t n, float sign)
{
    for (int64_t i = 0; i < n / 2; i++) {
        float a = x[2 * i], b = x[2 * i + 1], s = sin_[i] * sign;
        x[2 * i] = fmaf(a, cos_[i], -(b * s));
        x[2 * i + 1] = fmaf(b, cos_[i], a * s);
    }
}

static void rope_half_c(float *x, const float *cos_, const float *sin_, int64_t n, float sign)
{
    for (int64_t i = 0; i < n / 2; i++) {
        float a = x[i], b = x[i + n / 2], s = sin_[i] * sign;
        x[i] = fmaf(a, cos_[i], -(b * s));
        x[i + n / 2] = fmaf(b, cos_[i], a * s);
    }
}

void activation_init_c(struct kernels *k)
{
    k->rmsnorm = rmsnorm_c;
    k->rmsnorm_back = rmsnorm_back_c;
    k->exp_sum = exp_sum_c;
    k->swiglu = swiglu_c;
    k->swiglu_back = swiglu_back_c;
    k->sigmoid = sigmoid_c;
    k->geglu = geglu_c;
    k->geglu_back = geglu_back_c;
    k->rope = rope_c;
    k->rope_half = rope_half_c;
}
