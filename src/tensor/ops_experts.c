/* The experts of a mixture (arXiv 2412.19437, section 2.1.2) as grouped products. */
#include "tensor/ops_internal.h"
#include "tensor/qgemm.h"
#include <assert.h>
#include <string.h>

enum { MAX_EXPERTS = 1024 };

/* ---- experts: in x (N, D), weights (N, K), gate, up (E, F, D), down (E, D, F), idx (N, K) -> (N, D) ----
 * Rows are grouped by expert: grouped row g(n, k). out[1]: i32 [E + 1 offsets ; N * K grouped rows]; out[2], out[3] gate and
 * up results (NK, F); out[4] activations (NK, F); out[5] grouped inputs (NK, D), unless the weights are integer panels: then
 * the quantised rows are grouped instead. */

enum { IN_X, IN_W, IN_GATE, IN_UP, IN_DOWN, IN_IDX };

static int64_t grouped_rows(const struct step *s) { return tensor_count(s->in[IN_IDX]); }
static const int32_t *offsets(const struct step *s) { return s->out[1]->data; }
static const int32_t *grouped(const struct step *s) { return (const int32_t *)s->out[1]->data + s->in[IN_GATE]->ne[0] + 1; }

/* Scratch: the list of products, then (forward) expert outputs (NK, D) and quantised rows, or (backward) grouped dy
 * (NK, D), dx (NK, D), and dact, dgate, dup (NK, F). */
static size_t list_bytes(const struct step *s)
{
    size_t one = sizeof(struct gemm) > sizeof(struct qproduct) ? sizeof(struct gemm) : sizeof(struct qproduct);
    return round_up((size_t)(2 * s->in[IN_GATE]->ne[0]) * one, 64);
}
static float *scratch_rows(const struct run *r, const struct step *s)
{
    return (float *)((char *)run_scratch(r) + list_bytes(s));
}

static void experts_shape(struct run *r, struct step *s)
{
    int64_t n = tensor_rows(s->in[IN_X]), d = tensor_cols(s->in[IN_X]), nk = grouped_rows(s), e = s->in[IN_GATE]->ne[0],
            f = s->in[IN_GATE]->ne[1];
    assert(s->in[IN_GATE]->ne[2] == d && s->in[IN_DOWN]->ne[1] == d && s->in[IN_DOWN]->ne[2] == f &&
           tensor_rows(s->in[IN_IDX]) == n);
    s->out[0] = run_tensor2(r, n, d, "experts");
    s->out[1] = run_tensor(r, DT_I32, 2, (const int64_t[]){1, e + 1 + nk}, "groups");
    s->out[2] = run_tensor2(r, nk, f, s->in[IN_GATE]->name);
    s->out[3] = run_tensor2(r, nk, f, s->in[IN_UP]->name);
    s->out[4] = run_tensor2(r, nk, f, "swiglu");
    bool integer = tensor_is_integer(s->in[IN_GATE]);
    assert(integer == tensor_is_integer(s->in[IN_UP]));
    if (!integer) s->out[5] = run_tensor2(r, nk, d, "grouped");
    size_t rows = (size_t)nk * (size_t)(r->taping ? 2 * d + 3 * f : d) * sizeof(float);
    size_t in = integer ? qrows_bytes(n, d) + qrows_bytes(nk, d) : 0;
    size_t act = tensor_is_integer(s->in[IN_DOWN]) ? qrows_bytes(nk, f) : 0;
    run_scratch_need(r, list_bytes(s) + round_up(rows, 64) + (in > act ? in : act));
}

/* Counting sort of the (row, slot) pairs by expert, stable: rows of an expert stay in order. */
static void group_rows(struct step *s)
{
    int64_t nk = grouped_rows(s), e = s->in[IN_GATE]->ne[0];
    int32_t *off = s->out[1]->data, *pos = off + e + 1, next[MAX_EXPERTS];
    const int32_t *idx = s->in[IN_IDX]->data;
    memset(off, 0, (size_t)(e + 1) * sizeof *off);
    for (int64_t i = 0; i < nk; i++) off[idx[i] + 1]++;
    for (int64_t i = 0; i < e; i++) {
        off[i + 1] += off[i];
        next[i] = off[i];
    }
    for (int64_t i = 0; i < nk; i++) pos[i] = next[idx[i]]++;
}

/* y_e (rows_e, M) = x_e (rows_e, K) W_e^T for the experts of one stack; appends to the list, returns its new length. */
static int64_t add_forward_products(const struct step *s, struct gemm *list, int64_t n, const struct tensor *w,
                                    const float *x, float *y)
{
    int64_t m = w->ne[1], k = w->ne[2];
    const int32_t *off = offsets(s);
    for (int64_t e = 0; e < w->ne[0]; e++) {
        if (off[e + 1] == off[e]) continue;
        list[n++] =
            (struct gemm){.m = off[e + 1] - off[e],
                          .n = m,
                          .k = k,
                          .a = x + off[e] * k,
                          .a_rs = k,
                          .a_cs = 1,
                          .b = w->packed ? NULL : (const char *)w->data + (size_t)e * format_bytes(w->dtype, m * k),
                          .b_type = w->dtype,
                          .b_rs = 1,
                          .b_cs = k,
                          .b_packed = w->packed ? (const char *)w->packed + e * w->packed_stride : NULL,
                          .c = y + off[e] * m,
                          .ldc = m};
    }
    return n;
}

/* The same with integer panels. `one`: there is a single row of x, which all experts share. */
static int64_t add_integer_products(const struct step *s, struct qproduct *list, int64_t n, const struct tensor *w, bool one,
                                    float *y)
{
    int64_t m = w->ne[1];
    const int32_t *off = offsets(s);
    for (int64_t e = 0; e < w->ne[0]; e++)
        if (off[e + 1] > off[e])
            list[n++] = (struct qproduct){.type = w->dtype,
                                          .panels = (const char *)w->packed + e * w->packed_stride,
                                          .n = m,
                                          .row0 = one ? 0 : off[e],
                                          .rows = off[e + 1] - off[e],
                                          .y = y + off[e] * m,
                                          .ldy = m};
    return n;
}

static void gather_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    struct step *s = ((struct job *)ctx)->s;
    const struct tensor *x = s->in[IN_X];
    int64_t d = tensor_cols(x), k = tensor_cols(s->in[IN_IDX]);
    for (int64_t n = task_row0(task); n < task_row1(task, tensor_rows(x)); n++)
        for (int64_t j = 0; j < k; j++)
            memcpy(tensor_f32(s->out[5]) + grouped(s)[n * k + j] * d, tensor_f32(x) + n * x->ld, (size_t)d * sizeof(float));
}

static void activate_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    struct job *j = ctx;
    struct step *s = j->s;
    int64_t f = tensor_cols(s->out[4]), at = task_row0(task) * f, end = task_row1(task, grouped_rows(s)) * f;
    j->r->ks->swiglu(tensor_f32(s->out[4]) + at, tensor_f32(s->out[2]) + at, tensor_f32(s->out[3]) + at, end - at);
}

static void combine_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    struct job *j = ctx;
    struct step *s = j->s;
    int64_t d = tensor_cols(s->out[0]), k = tensor_cols(s->in[IN_IDX]);
    const float *ye = scratch_rows(j->r, s);
    for (int64_t n = task_row0(task); n < task_row1(task, tensor_rows(s->out[0])); n++) {
        float *y = tensor_f32(s->out[0]) + n * d;
        zero(y, d);
        for (int64_t i = 0; i < k; i++) j->r->ks->axpy(y, tensor_f32(s->in[IN_W])[n * k + i], ye + grouped(s)[n * k + i] * d, d);
    }
}

static char *scratch_quantised(const struct run *r, const struct step *s)
{
    size_t rows = (size_t)(grouped_rows(s) * tensor_cols(s->in[IN_X])) * sizeof(float);
    return (char *)scratch_rows(r, s) + round_up(rows, 64);
}

/* Quantised rows of x, and after them the same grouped by expert. */
struct quantised {
    struct qrows x, grouped;
};
static struct quantised quantised_inputs(const struct run *r, const struct step *s)
{
    const struct tensor *x = s->in[IN_X];
    int64_t n = tensor_rows(x), d = tensor_cols(x);
    char *mem = scratch_quantised(r, s);
    return (struct quantised){qrows_in(mem, n, d), qrows_in(mem + qrows_bytes(n, d), grouped_rows(s), d)};
}

static void gather_quantised_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    struct job *j = ctx;
    struct quantised q = quantised_inputs(j->r, j->s);
    int64_t k = tensor_cols(j->s->in[IN_IDX]);
    for (int64_t n = task_row0(task); n < task_row1(task, q.x.rows); n++)
        for (int64_t i = 0; i < k; i++) qrows_copy(&q.grouped, grouped(j->s)[n * k + i], &q.x, n);
}

static void integer_inputs(struct run *r, struct step *s)
{
    struct quantised q = quantised_inputs(r, s);
    struct qproduct *list = run_scratch(r);
    bool one = q.x.rows == 1;
    qrows_fill(r->ks, r->pool, &q.x, tensor_f32(s->in[IN_X]), s->in[IN_X]->ld);
    if (!one) for_rows(r, s, q.x.rows, gather_quantised_task);
    int64_t n = add_integer_products(s, list, 0, s->in[IN_GATE], one, tensor_f32(s->out[2]));
    n = add_integer_products(s, list, n, s->in[IN_UP], one, tensor_f32(s->out[3]));
    qproducts_run(r->ks, r->pool, one ? &q.x : &q.grouped, list, n);
}

static void float_inputs(struct run *r, struct step *s)
{
    struct gemm *list = run_scratch(r);
    for_rows(r, s, tensor_rows(s->in[IN_X]), gather_task);
    int64_t n = add_forward_products(s, list, 0, s->in[IN_GATE], tensor_f32(s->out[5]), tensor_f32(s->out[2]));
    n = add_forward_products(s, list, n, s->in[IN_UP], tensor_f32(s->out[5]), tensor_f32(s->out[3]));
    gemm_run(r->ks, r->pool, r->compute, list, n, r->scratch);
}

static void outputs(struct run *r, struct step *s)
{
    float *act = tensor_f32(s->out[4]), *ye = scratch_rows(r, s);
    if (tensor_is_integer(s->in[IN_DOWN])) {
        struct qrows q = qrows_in(scratch_quantised(r, s), grouped_rows(s), tensor_cols(s->out[4]));
        struct qproduct *list = run_scratch(r);
        qrows_fill(r->ks, r->pool, &q, act, q.k);
        qproducts_run(r->ks, r->pool, &q, list, add_integer_products(s, list, 0, s->in[IN_DOWN], false, ye));
        return;
    }
    struct gemm *list = run_scratch(r);
    gemm_run(r->ks, r->pool, r->compute, list, add_forward_products(s, list, 0, s->in[IN_DOWN], act, ye), r->scratch);
}

static void experts_forward(struct run *r, struct step *s)
{
    group_rows(s);
    if (s->out[5]) float_inputs(r, s);
    else integer_inputs(r, s);
    for_rows(r, s, grouped_rows(s), activate_task);
    outputs(r, s);
    for_rows(r, s, tensor_rows(s->out[0]), combine_task);
}

/* dx_e (rows_e, K) = dy_e (rows_e, M) W_e for one stack. */
static void back_inputs(const struct run *r, const struct step *s, const struct tensor *w, const float *dy, float *dx,
                        bool accumulate)
{
    int64_t m = w->ne[1], k = w->ne[2], n = 0;
    const int32_t *off = offsets(s);
    struct gemm *list = run_scratch(r);
    for (int64_t e = 0; e < w->ne[0]; e++)
        if (off[e + 1] > off[e])
            list[n++] = (struct gemm){.m = off[e + 1] - off[e],
                                      .n = k,
                                      .k = m,
                                      .a = dy + off[e] * m,
                                      .a_rs = m,
                                      .a_cs = 1,
                                      .b = tensor_f32(w) + e * m * k,
                                      .b_type = DT_F32,
                                      .b_rs = k,
                                      .b_cs = 1,
                                      .c = dx + off[e] * k,
                                      .ldc = k,
                                      .accumulate = accumulate};
    gemm_run(r->ks, r->pool, r->compute, list, n, r->scratch);
}

/* dW_e (M, K) += dy_e^T (M, rows_e) x_e (rows_e, K) for one stack. */
static void back_weights(const struct run *r, const struct step *s, struct tensor *w, const float *dy, const float *x)
{
    int64_t m = w->ne[1], k = w->ne[2], n = 0;
    const int32_t *off = offsets(s);
    struct gemm *list = run_scratch(r);
    if (!w->needs_grad) return;
    for (int64_t e = 0; e < w->ne[0]; e++)
        if (off[e + 1] > off[e])
            list[n++] = (struct gemm){.m = m,
                                      .n = k,
                                      .k = off[e + 1] - off[e],
                                      .a = dy + off[e] * m,
                                      .a_rs = 1,
                                      .a_cs = m,
                                      .b = x + off[e] * k,
                                      .b_type = DT_F32,
                                      .b_rs = k,
                                      .b_cs = 1,
                                      .c = w->grad + e * m * k,
                                      .ldc = k,
                                      .accumulate = true};
    gemm_run(r->ks, r->pool, r->compute, list, n, r->scratch);
}

struct back_rows {
    float *dy, *dx, *dact, *dgate, *dup; /* grouped, in scratch */
};
static struct back_rows back_scratch(const struct run *r, const struct step *s)
{
    int64_t nk = grouped_rows(s), d = tensor_cols(s->in[IN_X]), f = tensor_cols(s->out[4]);
    float *p = scratch_rows(r, s);
    return (struct back_rows){p, p + nk * d, p + 2 * nk * d, p + 2 * nk * d + nk * f, p + 2 * nk * d + 2 * nk * f};
}

static void gather_dy_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    struct job *j = ctx;
    struct step *s = j->s;
    struct back_rows b = back_scratch(j->r, s);
    int64_t d = tensor_cols(s->out[0]), k = tensor_cols(s->in[IN_IDX]);
    for (int64_t n = task_row0(task); n < task_row1(task, tensor_rows(s->out[0])); n++)
        for (int64_t i = 0; i < k; i++)
            memcpy(b.dy + grouped(s)[n * k + i] * d, s->out[0]->grad + n * d, (size_t)d * sizeof(float));
}

/* With dact = dy W_down (not yet weighted): dweight = act . dact; then dact and dy are weighted, and the activation's
 * gradient is taken. */
static void weigh_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    struct job *j = ctx;
    struct step *s = j->s;
    struct back_rows b = back_scratch(j->r, s);
    int64_t d = tensor_cols(s->out[0]), k = tensor_cols(s->in[IN_IDX]), f = tensor_cols(s->out[4]);
    for (int64_t n = task_row0(task); n < task_row1(task, tensor_rows(s->out[0])); n++)
        for (int64_t i = n * k; i < (n + 1) * k; i++) {
            int64_t g = grouped(s)[i];
            float w = tensor_f32(s->in[IN_W])[i];
            if (s->in[IN_W]->needs_grad) {
                float dw = j->r->ks->dot(tensor_f32(s->out[4]) + g * f, b.dact + g * f, f), *to = s->in[IN_W]->grad + i;
                *to = s->fresh[IN_W] ? dw : *to + dw;
            }
            j->r->ks->scale(b.dact + g * f, w, f);
            j->r->ks->scale(b.dy + g * d, w, d);
            zero(b.dgate + g * f, f);
            zero(b.dup + g * f, f);
            j->r->ks->swiglu_back(b.dgate + g * f, b.dup + g * f, b.dact + g * f, tensor_f32(s->out[2]) + g * f,
                                  tensor_f32(s->out[3]) + g * f, f);
        }
}

static void scatter_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    struct job *j = ctx;
    struct step *s = j->s;
    struct back_rows b = back_scratch(j->r, s);
    int64_t d = tensor_cols(s->in[IN_X]), k = tensor_cols(s->in[IN_IDX]);
    for (int64_t n = task_row0(task); n < task_row1(task, tensor_rows(s->in[IN_X])); n++) {
        float *dx = s->in[IN_X]->grad + n * d;
        if (s->fresh[IN_X]) zero(dx, d);
        for (int64_t i = 0; i < k; i++) j->r->ks->add(dx, dx, b.dx + grouped(s)[n * k + i] * d, d);
    }
}

static void experts_backward(struct run *r, struct step *s)
{
    struct back_rows b = back_scratch(r, s);
    int64_t n = tensor_rows(s->in[IN_X]);
    assert(!s->fresh[IN_GATE] && !s->fresh[IN_UP] && !s->fresh[IN_DOWN]); /* parameters */
    for_rows(r, s, n, gather_dy_task);
    back_inputs(r, s, s->in[IN_DOWN], b.dy, b.dact, false);
    for_rows(r, s, n, weigh_task);
    back_weights(r, s, s->in[IN_DOWN], b.dy, tensor_f32(s->out[4]));
    back_weights(r, s, s->in[IN_GATE], b.dgate, tensor_f32(s->out[5]));
    back_weights(r, s, s->in[IN_UP], b.dup, tensor_f32(s->out[5]));
    if (!s->in[IN_X]->needs_grad) return;
    back_inputs(r, s, s->in[IN_GATE], b.dgate, b.dx, false);
    back_inputs(r, s, s->in[IN_UP], b.dup, b.dx, true);
    for_rows(r, s, n, scatter_task);
}

static const struct op experts_op = {"experts", experts_shape, experts_forward, experts_backward, false};

struct tensor *op_experts(struct run *r, struct tensor *x, const struct routing *route, struct tensor *gate, struct tensor *up,
                          struct tensor *down)
{
    struct step s = {.in = {x, route->weights, gate, up, down, route->idx}};
    return run_op(r, &experts_op, &s);
}
