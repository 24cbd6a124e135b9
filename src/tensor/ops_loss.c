/* The output head and the cross-entropy in one operation, in chunks of rows: the logits (N, V) are never stored
 * whole, and with a tape the gradient is made while a chunk of them is still in the cache. */
#include "tensor/ops_internal.h"
#include <assert.h>
#include <math.h>
#include <string.h>

enum { LOSS_CHUNK = 256 }; /* part of the definition of W's gradient: the order in which rows are added */

/* in: x (N, D), W (V, D). out[0] (1) loss, out[1] (N) per row, out[2] (N, D) gradient of x when taping. */
static void loss_shape(struct run *r, struct step *s)
{
    int64_t n = tensor_rows(s->in[0]), d = tensor_cols(s->in[0]), v = tensor_rows(s->in[1]);
    assert(tensor_cols(s->in[1]) == d);
    s->out[0] = run_tensor2(r, 1, 1, "loss");
    s->out[1] = run_tensor2(r, 1, n, "loss_rows");
    if (r->taping) {
        s->out[2] = run_tensor2(r, n, d, "dloss");
        float *seed = arena_alloc(&r->meta, sizeof *seed); /* dL/dL: tells run_backward to start here */
        *seed = 1.0f;
        s->out[0]->grad = seed;
    }
    run_scratch_need(r, (size_t)(min_i64(n, LOSS_CHUNK) * v) * sizeof(float));
}

struct loss_job {
    struct run *r;
    struct step *s;
    int64_t n0, n1;
};

/* One row: loss, and the logits replaced by their gradient scale * (softmax - onehot). */
static void loss_row_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    struct loss_job *j = ctx;
    struct step *s = j->s;
    int64_t v = tensor_rows(s->in[1]), n = j->n0 + task;
    float *z = (float *)run_scratch(j->r) + task * v, max;
    int32_t target = s->p.loss.targets[n];
    if (target < 0) {
        tensor_f32(s->out[1])[n] = 0.0f;
        zero(z, v);
        return;
    }
    float zt = z[target], sum = j->r->ks->exp_sum(z, 1.0f, v, &max);
    tensor_f32(s->out[1])[n] = logf(sum) + (max - zt);
    j->r->ks->scale(z, s->p.loss.scale / sum, v);
    z[target] -= s->p.loss.scale;
}

static void loss_chunk(struct run *r, struct step *s, int64_t n0, int64_t n1)
{
    struct tensor *x = s->in[0], *w = s->in[1];
    int64_t d = tensor_cols(x), v = tensor_rows(w), n = n1 - n0;
    float *z = run_scratch(r);
    struct gemm logits = {.m = n,
                          .n = v,
                          .k = d,
                          .a = tensor_f32(x) + n0 * x->ld,
                          .a_rs = x->ld,
                          .a_cs = 1,
                          .b = w->packed ? NULL : w->data,
                          .b_type = w->dtype,
                          .b_rs = 1,
                          .b_cs = w->ld,
                          .b_packed = w->packed,
                          .c = z,
                          .ldc = v};
    gemm_run(r->ks, r->pool, r->compute, &logits, 1, r->scratch);
    struct loss_job j = {r, s, n0, n1};
    pool_for(r->pool, n, loss_row_task, &j);
    if (!s->out[2]) return;
    struct gemm dx = {.m = n,
                      .n = d,
                      .k = v,
                      .a = z,
                      .a_rs = v,
                      .a_cs = 1,
                      .b = w->data,
                      .b_type = w->dtype,
                      .b_rs = w->ld,
                      .b_cs = 1,
                      .c = tensor_f32(s->out[2]) + n0 * d,
                      .ldc = d};
    gemm_run(r->ks, r->pool, r->compute, &dx, 1, r->scratch);
    if (!w->needs_grad) return;
    struct gemm dw = {.m = v,
                      .n = d,
                      .k = n,
                      .a = z,
                      .a_rs = 1,
                      .a_cs = v,
                      .b = tensor_f32(x) + n0 * x->ld,
                      .b_type = DT_F32,
                      .b_rs = x->ld,
                      .b_cs = 1,
                      .c = w->grad,
                      .ldc = d,
                      .accumulate = true};
    gemm_run(r->ks, r->pool, r->compute, &dw, 1, r->scratch);
}

static void loss_forward(struct run *r, struct step *s)
{
    int64_t n = tensor_rows(s->in[0]);
    assert(s->in[1]->dtype != DT_Q8_0 && (!s->out[2] || !s->in[1]->needs_grad || s->in[1]->grad));
    for (int64_t n0 = 0; n0 < n; n0 += LOSS_CHUNK) loss_chunk(r, s, n0, min_i64(n0 + LOSS_CHUNK, n));
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += tensor_f32(s->out[1])[i];
    tensor_f32(s->out[0])[0] = (float)(sum * s->p.loss.scale);
}

static void loss_backward(struct run *r, struct step *s)
{
    struct tensor *x = s->in[0];
    if (!x->needs_grad) return;
    if (s->fresh[0]) memcpy(x->grad, s->out[2]->data, (size_t)tensor_count(x) * sizeof(float));
    else r->ks->add(x->grad, x->grad, tensor_f32(s->out[2]), tensor_count(x));
}

static const struct op loss_op = {"head_loss", loss_shape, loss_forward, loss_backward, false};

struct tensor *op_head_loss(struct run *r, struct tensor *x, struct tensor *w, const int32_t *targets, float scale,
                            struct tensor **per_row)
{
    struct step s = {.in = {x, w}};
    s.p.loss.targets = targets;
    s.p.loss.scale = scale;
    struct tensor *loss = run_op(r, &loss_op, &s);
    if (per_row) *per_row = s.out[1];
    return loss;
}
