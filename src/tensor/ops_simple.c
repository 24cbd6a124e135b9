/* Operations by element: swiglu, geglu, bias, scale. */
#include "tensor/ops_internal.h"
#include <assert.h>

/* ---- swiglu: silu(g) * u, geglu: gelu(g) * u (N, F) ---- */

static const struct op swiglu_op, geglu_op;

static void gated_shape(struct run *r, struct step *s)
{
    assert(tensor_rows(s->in[0]) == tensor_rows(s->in[1]) && tensor_cols(s->in[0]) == tensor_cols(s->in[1]));
    s->out[0] = run_tensor2(r, tensor_rows(s->in[0]), tensor_cols(s->in[0]), s->op->name);
}

static void gated_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    struct job *j = ctx;
    struct step *s = j->s;
    int64_t d = tensor_cols(s->out[0]), at = task_row0(task) * d, end = task_row1(task, tensor_rows(s->out[0])) * d;
    (s->op == &geglu_op ? j->r->ks->geglu : j->r->ks->swiglu)(tensor_f32(s->out[0]) + at, tensor_f32(s->in[0]) + at,
                                                              tensor_f32(s->in[1]) + at, end - at);
}

static void gated_forward(struct run *r, struct step *s) { for_rows(r, s, tensor_rows(s->out[0]), gated_task); }

static void gated_back_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    struct job *j = ctx;
    struct step *s = j->s;
    int64_t d = tensor_cols(s->out[0]), at = task_row0(task) * d, end = task_row1(task, tensor_rows(s->out[0])) * d;
    for (int i = 0; i < 2; i++)
        if (s->fresh[i]) zero(s->in[i]->grad + at, end - at);
    (s->op == &geglu_op ? j->r->ks->geglu_back : j->r->ks->swiglu_back)(s->in[0]->grad + at, s->in[1]->grad + at,
                                                                        s->out[0]->grad + at, tensor_f32(s->in[0]) + at,
                                                                        tensor_f32(s->in[1]) + at, end - at);
}

static void gated_backward(struct run *r, struct step *s) { for_rows(r, s, tensor_rows(s->out[0]), gated_back_task); }

static const struct op swiglu_op = {"swiglu", gated_shape, gated_forward, gated_backward, false};
static const struct op geglu_op = {"geglu", gated_shape, gated_forward, gated_backward, false};

struct tensor *op_swiglu(struct run *r, struct tensor *g, struct tensor *u)
{
    return run_op(r, &swiglu_op, &(struct step){.in = {g, u}});
}

struct tensor *op_geglu(struct run *r, struct tensor *g, struct tensor *u)
{
    return run_op(r, &geglu_op, &(struct step){.in = {g, u}});
}

/* A header for the numbers of in[0]. */
static void share_first(struct run *r, struct step *s, const char *name)
{
    s->out[0] = arena_alloc(&r->meta, sizeof *s->out[0]);
    *s->out[0] = *s->in[0];
    s->out[0]->name = name;
}

/* ---- bias: x (N, D) + b (D), in place; the gradient of x is that of the result ---- */

static void bias_shape(struct run *r, struct step *s)
{
    int64_t n = tensor_rows(s->in[0]), d = tensor_cols(s->in[0]);
    assert(tensor_count(s->in[1]) == d);
    share_first(r, s, s->in[1]->name);
    if (r->taping) run_scratch_need(r, row_partials_bytes(n, d));
}

static void bias_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    struct job *j = ctx;
    const struct tensor *x = j->s->in[0];
    for (int64_t n = task_row0(task); n < task_row1(task, tensor_rows(x)); n++) {
        float *y = tensor_f32(x) + n * x->ld;
        j->r->ks->add(y, y, tensor_f32(j->s->in[1]), tensor_cols(x));
    }
}

static void bias_forward(struct run *r, struct step *s) { for_rows(r, s, tensor_rows(s->in[0]), bias_task); }

static void bias_back_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    struct job *j = ctx;
    int64_t d = tensor_cols(j->s->in[0]);
    float *db = (float *)run_scratch(j->r) + task * d;
    zero(db, d);
    for (int64_t n = task_row0(task); n < task_row1(task, tensor_rows(j->s->in[0])); n++)
        j->r->ks->add(db, db, j->s->out[0]->grad + n * d, d);
}

static void bias_backward(struct run *r, struct step *s)
{
    int64_t n = tensor_rows(s->in[0]), d = tensor_cols(s->in[0]);
    if (!s->in[1]->needs_grad) return;
    for_rows(r, s, n, bias_back_task);
    if (s->fresh[1]) zero(s->in[1]->grad, d);
    row_partials_add(r, s->in[1]->grad, n, d);
}

static const struct op bias_op = {"bias", bias_shape, bias_forward, bias_backward, true};

struct tensor *op_bias(struct run *r, struct tensor *x, struct tensor *b)
{
    return run_op(r, &bias_op, &(struct step){.in = {x, b}});
}

/* ---- scale: x (N, D) * factor, in place ---- */

static void scale_shape(struct run *r, struct step *s) { share_first(r, s, "scale"); }

static void scale_rows(const struct job *j, float *x, int64_t ld, int64_t task)
{
    const struct tensor *t = j->s->in[0];
    for (int64_t n = task_row0(task); n < task_row1(task, tensor_rows(t)); n++)
        j->r->ks->scale(x + n * ld, j->s->p.scale, tensor_cols(t));
}

static void scale_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    struct job *j = ctx;
    scale_rows(j, tensor_f32(j->s->in[0]), j->s->in[0]->ld, task);
}

static void scale_forward(struct run *r, struct step *s) { for_rows(r, s, tensor_rows(s->in[0]), scale_task); }

static void scale_back_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    struct job *j = ctx;
    scale_rows(j, j->s->out[0]->grad, tensor_cols(j->s->out[0]), task);
}

static void scale_backward(struct run *r, struct step *s) { for_rows(r, s, tensor_rows(s->in[0]), scale_back_task); }

static const struct op scale_op = {"scale", scale_shape, scale_forward, scale_backward, true};

struct tensor *op_scale(struct run *r, struct tensor *x, float factor)
{
    struct step s = {.in = {x}};
    s.p.scale = factor;
    return run_op(r, &scale_op, &s);
}
