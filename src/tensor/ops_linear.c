/* Linear maps: y = x W^T, and the per-head slices of one matrix that absorbed MLA needs. */
#include "tensor/ops_internal.h"
#include <assert.h>

/* ---- linear: x (N, K or wider: the first K columns count), W (M, K) -> (N, M) ---- */

static bool is_q8_packed(const struct tensor *w) { return w->packed && w->dtype == DT_Q8_0; }

static void linear_shape(struct run *r, struct step *s)
{
    int64_t n = tensor_rows(s->in[0]), k = tensor_cols(s->in[1]), m = tensor_rows(s->in[1]);
    assert(tensor_cols(s->in[0]) >= k);
    s->out[0] = run_tensor2(r, n, m, s->in[1]->name);
    if (is_q8_packed(s->in[1])) run_scratch_need(r, q8_scratch_bytes(n, k));
}

static void linear_product(struct run *r, struct step *s, enum compute compute)
{
    const struct tensor *x = s->in[0], *w = s->in[1];
    int64_t n = tensor_rows(x), k = tensor_cols(w), m = tensor_rows(w);
    float *y = tensor_f32(s->out[0]);
    if (is_q8_packed(w)) {
        q8_run(r->ks, r->pool, w->packed, m, k, tensor_f32(x), x->ld, n, y, m, run_scratch(r));
        return;
    }
    struct gemm g = {.m = n, .n = m, .k = k, .a = tensor_f32(x), .a_rs = x->ld, .a_cs = 1, .b = w->packed ? NULL : w->data,
                     .b_type = w->dtype, .b_rs = 1, .b_cs = w->ld, .b_packed = w->packed, .c = y, .ldc = m};
    gemm_run(r->ks, r->pool, compute, &g, 1, r->scratch);
}

static void linear_products_back(struct run *r, struct step *s, enum compute compute)
{
    struct tensor *x = s->in[0], *w = s->in[1];
    int64_t n = tensor_rows(x), k = tensor_cols(w), m = tensor_rows(w), ldx = tensor_cols(x);
    const float *dy = s->out[0]->grad;
    bool narrow = ldx > k; /* the product does not cover x */
    if (s->fresh[0] && narrow) zero(x->grad, tensor_count(x));
    if (x->needs_grad) { /* dx (N, K) = dy (N, M) W (M, K) */
        struct gemm g = {.m = n, .n = k, .k = m, .a = dy, .a_rs = m, .a_cs = 1, .b = w->data, .b_type = w->dtype, .b_rs = w->ld,
                         .b_cs = 1, .c = x->grad, .ldc = ldx, .accumulate = narrow || !s->fresh[0]};
        gemm_run(r->ks, r->pool, compute, &g, 1, r->scratch);
    }
    if (w->needs_grad) { /* dW (M, K) += dy^T (M, N) x (N, K) */
        struct gemm g = {.m = m, .n = k, .k = n, .a = dy, .a_rs = 1, .a_cs = m, .b = x->data, .b_type = DT_F32, .b_rs = x->ld,
                         .b_cs = 1, .c = w->grad, .ldc = k, .accumulate = !s->fresh[1]};
        gemm_run(r->ks, r->pool, compute, &g, 1, r->scratch);
    }
}

static void linear_forward(struct run *r, struct step *s) { linear_product(r, s, r->compute); }
static void linear_backward(struct run *r, struct step *s) { linear_products_back(r, s, r->compute); }
static const struct op linear_op = {"linear", linear_shape, linear_forward, linear_backward, false};

struct tensor *op_linear(struct run *r, struct tensor *x, struct tensor *w)
{
    return run_op(r, &linear_op, &(struct step){.in = {x, w}});
}

static void linear_f32_forward(struct run *r, struct step *s) { linear_product(r, s, COMPUTE_F32); }
static void linear_f32_backward(struct run *r, struct step *s) { linear_products_back(r, s, COMPUTE_F32); }
static const struct op linear_f32_op = {"linear_f32", linear_shape, linear_f32_forward, linear_f32_backward, false};

struct tensor *op_linear_f32(struct run *r, struct tensor *x, struct tensor *w)
{
    return run_op(r, &linear_f32_op, &(struct step){.in = {x, w}});
}

/* ---- head_linear: see ops.h. The products of all heads are one grouped call; their list lies in scratch. ---- */

static void head_linear_shape(struct run *r, struct step *s)
{
    const struct head_linear_args *a = &s->p.heads;
    s->out[0] = run_tensor2(r, tensor_rows(s->in[0]), (int64_t)a->heads * a->d_out, "head_linear");
    run_scratch_need(r, (size_t)a->heads * sizeof(struct gemm));
}

static void head_linear_forward(struct run *r, struct step *s)
{
    const struct head_linear_args *a = &s->p.heads;
    const struct tensor *x = s->in[0], *w = s->in[1];
    struct gemm *g = run_scratch(r);
    for (int h = 0; h < a->heads; h++)
        g[h] = (struct gemm){.m = tensor_rows(x),
                             .n = a->d_out,
                             .k = a->d_in,
                             .a = tensor_f32(x) + a->in_off + h * a->in_hs,
                             .a_rs = x->ld,
                             .a_cs = 1,
                             .b = tensor_f32(w) + (a->w_off + h * a->w_hs) * w->ld,
                             .b_type = DT_F32,
                             .b_rs = a->transpose ? w->ld : 1,
                             .b_cs = a->transpose ? 1 : w->ld,
                             .c = tensor_f32(s->out[0]) + h * a->d_out,
                             .ldc = s->out[0]->ld};
    gemm_run(r->ks, r->pool, r->compute, g, a->heads, r->scratch);
}

static void head_linear_backward(struct run *r, struct step *s)
{
    const struct head_linear_args *a = &s->p.heads;
    struct tensor *x = s->in[0], *w = s->in[1];
    int64_t n = tensor_rows(x), ldy = s->out[0]->ld, k = tensor_cols(w);
    const float *dy = s->out[0]->grad;
    struct gemm *g = run_scratch(r);
    if (s->fresh[0]) zero(x->grad, tensor_count(x)); /* the slices need not cover x */
    if (x->needs_grad) {
        for (int h = 0; h < a->heads; h++)
            g[h] = (struct gemm){.m = n,
                                 .n = a->d_in,
                                 .k = a->d_out,
                                 .a = dy + h * a->d_out,
                                 .a_rs = ldy,
                                 .a_cs = 1,
                                 .b = tensor_f32(w) + (a->w_off + h * a->w_hs) * w->ld,
                                 .b_type = DT_F32,
                                 .b_rs = a->transpose ? 1 : w->ld,
                                 .b_cs = a->transpose ? w->ld : 1,
                                 .c = x->grad + a->in_off + h * a->in_hs,
                                 .ldc = tensor_cols(x),
                                 .accumulate = true};
        gemm_run(r->ks, r->pool, r->compute, g, a->heads, r->scratch);
    }
    if (!w->needs_grad) return;
    assert(!s->fresh[1]); /* W is a parameter */
    for (int h = 0; h < a->heads; h++) {
        const float *xh = tensor_f32(x) + a->in_off + h * a->in_hs, *dyh = dy + h * a->d_out;
        bool t = a->transpose; /* dW_h (d_in, d_out) = x_h^T dy_h, or (d_out, d_in) = dy_h^T x_h */
        g[h] = (struct gemm){.m = t ? a->d_in : a->d_out, .n = t ? a->d_out : a->d_in, .k = n, .a = t ? xh : dyh, .a_rs = 1,
                             .a_cs = t ? x->ld : ldy, .b = t ? dyh : xh, .b_type = DT_F32, .b_rs = t ? ldy : x->ld, .b_cs = 1,
                             .c = w->grad + (a->w_off + h * a->w_hs) * k, .ldc = k, .accumulate = true};
    }
    gemm_run(r->ks, r->pool, r->compute, g, a->heads, r->scratch);
}

static const struct op head_linear_op = {"head_linear", head_linear_shape, head_linear_forward, head_linear_backward, false};

struct tensor *op_head_linear(struct run *r, struct tensor *x, struct tensor *w, const struct head_linear_args *a)
{
    struct step s = {.in = {x, w}};
    s.p.heads = *a;
    return run_op(r, &head_linear_op, &s);
}
