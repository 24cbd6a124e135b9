/* Linear maps: y = x W^T, and the per-head slices of one matrix that absorbed MLA needs. */
#include "tensor/ops_internal.h"
#include "tensor/qgemm.h"
#include <assert.h>

/* ---- linear: x (N, K or wider: the first K columns count), W (M, K) -> (N, M) ---- */

static void linear_shape(struct run *r, struct step *s)
{
    int64_t n = tensor_rows(s->in[0]), k = tensor_cols(s->in[1]), m = tensor_rows(s->in[1]);
    assert(tensor_cols(s->in[0]) >= k);
    s->out[0] = run_tensor2(r, n, m, s->in[1]->name);
    if (tensor_is_integer(s->in[1])) run_scratch_need(r, qrows_bytes(n, k));
}

static void linear_product(struct run *r, struct step *s, enum compute compute)
{
    const struct tensor *x = s->in[0], *w = s->in[1];
    int64_t n = tensor_rows(x), k = tensor_cols(w), m = tensor_rows(w);
    float *y = tensor_f32(s->out[0]);
    if (tensor_is_integer(w)) {
        struct qrows q = qrows_in(run_scratch(r), n, k);
        struct qproduct p = {.type = w->dtype, .panels = w->packed, .n = m, .rows = n, .y = y, .ldy = m};
        qrows_fill(r->ks, r->pool, &q, tensor_f32(x), x->ld);
        qproducts_run(r->ks, r->pool, &q, &p, 1);
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

/* ---- linears: several weights with one x, in one go. Inference only: with a tape each is a step of its own. ---- */

enum { MAX_LINEARS = 5 };

static int linears_count(const struct step *s)
{
    int n = 0;
    while (n < MAX_LINEARS && s->in[1 + n]) n++;
    return n;
}

static bool all_integer(const struct step *s)
{
    for (int i = 0; i < linears_count(s); i++)
        if (!tensor_is_integer(s->in[1 + i])) return false;
    return true;
}

static void linears_shape(struct run *r, struct step *s)
{
    int64_t n = tensor_rows(s->in[0]), k = tensor_cols(s->in[1]);
    for (int i = 0; i < linears_count(s); i++) {
        const struct tensor *w = s->in[1 + i];
        assert(tensor_cols(w) == k && tensor_cols(s->in[0]) >= k);
        s->out[i] = run_tensor2(r, n, tensor_rows(w), w->name);
        if (tensor_is_integer(w)) run_scratch_need(r, qrows_bytes(n, k));
    }
}

static void linears_integer(struct run *r, struct step *s)
{
    const struct tensor *x = s->in[0];
    int64_t n = tensor_rows(x);
    struct qproduct p[MAX_LINEARS];
    struct qrows q = qrows_in(run_scratch(r), n, tensor_cols(s->in[1]));
    int count = linears_count(s);
    for (int i = 0; i < count; i++)
        p[i] = (struct qproduct){.type = s->in[1 + i]->dtype,
                                 .panels = s->in[1 + i]->packed,
                                 .n = tensor_cols(s->out[i]),
                                 .rows = n,
                                 .y = tensor_f32(s->out[i]),
                                 .ldy = tensor_cols(s->out[i])};
    qrows_fill(r->ks, r->pool, &q, tensor_f32(x), x->ld);
    qproducts_run(r->ks, r->pool, &q, p, count);
}

static void linears_forward(struct run *r, struct step *s)
{
    if (all_integer(s)) {
        linears_integer(r, s);
        return;
    }
    for (int i = 0; i < linears_count(s); i++) {
        struct step one = {.in = {s->in[0], s->in[1 + i]}, .out = {s->out[i]}};
        linear_product(r, &one, r->compute);
    }
}

static const struct op linears_op = {"linears", linears_shape, linears_forward, NULL, false};

void op_linears(struct run *r, struct tensor *x, struct tensor *const *w, int n, struct tensor **out)
{
    assert(n <= MAX_LINEARS);
    if (r->taping || r->recompute || x->needs_grad) {
        for (int i = 0; i < n; i++) out[i] = op_linear(r, x, w[i]);
        return;
    }
    struct step s = {.in = {x}};
    for (int i = 0; i < n; i++) s.in[1 + i] = w[i];
    run_op(r, &linears_op, &s);
    for (int i = 0; i < n; i++) out[i] = s.out[i];
}

/* ---- head_product: x (N, H * in_hs), stack W (H, M, K) in integer panels -> (N, H * M). No gradient. ---- */

static void head_product_shape(struct run *r, struct step *s)
{
    const struct tensor *w = s->in[1];
    int64_t n = tensor_rows(s->in[0]);
    assert(tensor_is_integer(w));
    s->out[0] = run_tensor2(r, n, w->ne[0] * w->ne[1], w->name);
    run_scratch_need(r, round_up((size_t)w->ne[0] * sizeof(struct qproduct), 64) + qrows_bytes(n * w->ne[0], w->ne[2]));
}

/* The rows of head h are rows [h N, (h + 1) N) of the quantised input. */
static struct qrows head_rows(const struct qrows *q, int64_t h, int64_t n)
{
    int64_t at = h * n, blocks = q->k / QP_BLOCK;
    return (struct qrows){n, q->k, q->q + at * q->k, q->d + at * blocks, q->sx + at * blocks, q->half + at * blocks * 2};
}

static void head_product_forward(struct run *r, struct step *s)
{
    const struct tensor *x = s->in[0], *w = s->in[1];
    int64_t n = tensor_rows(x), heads = w->ne[0], m = w->ne[1];
    struct qproduct *p = run_scratch(r);
    struct qrows q = qrows_in((char *)p + round_up((size_t)heads * sizeof *p, 64), n * heads, w->ne[2]);
    for (int64_t h = 0; h < heads; h++) {
        struct qrows one = head_rows(&q, h, n);
        qrows_fill(r->ks, r->pool, &one, tensor_f32(x) + s->p.heads.in_off + h * s->p.heads.in_hs, x->ld);
        p[h] = (struct qproduct){.type = w->dtype,
                                 .panels = (const char *)w->packed + h * w->packed_stride,
                                 .n = m,
                                 .row0 = h * n,
                                 .rows = n,
                                 .y = tensor_f32(s->out[0]) + h * m,
                                 .ldy = heads * m};
    }
    qproducts_run(r->ks, r->pool, &q, p, heads);
}

static const struct op head_product_op = {"head_product", head_product_shape, head_product_forward, NULL, false};

struct tensor *op_head_product(struct run *r, struct tensor *x, struct tensor *w, int64_t in_off, int64_t in_hs)
{
    struct step s = {.in = {x, w}};
    s.p.heads.in_off = in_off;
    s.p.heads.in_hs = in_hs;
    return run_op(r, &head_product_op, &s);
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
