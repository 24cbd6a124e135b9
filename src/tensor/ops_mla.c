/* Rotary positions and the latent of multi-head latent attention (MLA).
 *
 * Easy to get wrong (check_op and check_oracle guard it): DeepSeek pairs neighbours (x[2i], x[2i + 1]), not halves;
 * the norm of the latent does not cover the key; q is rotated on its last dimensions. */
#include "tensor/ops_internal.h"
#include <assert.h>
#include <string.h>

/* ---- rope: in place on x (N, heads * hs), `width` numbers at `off` of each head ---- */

static void rope_shape(struct run *r, struct step *s)
{
    const struct tensor *x = s->in[0];
    assert(tensor_cols(x) == (int64_t)s->p.rope.heads * s->p.rope.hs);
    struct tensor *y = arena_alloc(&r->meta, sizeof *y);
    *y = *x;
    y->name = "rope";
    s->out[0] = y;
}

static void rope_rows(const struct job *j, float *x, int64_t ld, int64_t task, float sign)
{
    const struct step *s = j->s;
    void (*turn)(float *, const float *, const float *, int64_t, float) = s->p.rope.half ? j->r->ks->rope_half : j->r->ks->rope;
    int half = s->p.rope.width / 2;
    for (int64_t n = task_row0(task); n < task_row1(task, tensor_rows(s->in[0])); n++) {
        int64_t at = (int64_t)s->p.rope.pos[n] * half;
        for (int h = 0; h < s->p.rope.heads; h++)
            turn(x + n * ld + (int64_t)h * s->p.rope.hs + s->p.rope.off, s->p.rope.cos + at, s->p.rope.sin + at,
                 s->p.rope.width, sign);
    }
}

static void rope_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    struct job *j = ctx;
    rope_rows(j, tensor_f32(j->s->in[0]), j->s->in[0]->ld, task, 1.0f);
}

static void rope_forward(struct run *r, struct step *s) { for_rows(r, s, tensor_rows(s->in[0]), rope_task); }

static void rope_back_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    struct job *j = ctx;
    rope_rows(j, j->s->out[0]->grad, tensor_cols(j->s->out[0]), task, -1.0f); /* the inverse of a rotation is its transpose */
}

static void rope_backward(struct run *r, struct step *s) { for_rows(r, s, tensor_rows(s->in[0]), rope_back_task); }

static const struct op rope_op = {"rope", rope_shape, rope_forward, rope_backward, true};

struct tensor *op_rope(struct run *r, struct tensor *x, const struct rope_table *t, const int32_t *pos, int heads,
                       int hs, int off)
{
    struct step s = {.in = {x}};
    s.p.rope.cos = t->cos;
    s.p.rope.sin = t->sin;
    s.p.rope.width = t->width;
    s.p.rope.half = t->half;
    s.p.rope.pos = pos;
    s.p.rope.heads = heads;
    s.p.rope.hs = hs;
    s.p.rope.off = off;
    return run_op(r, &rope_op, &s);
}

/* ---- mla_kv: a (N, rank + width), w (rank) -> [rmsnorm(latent) ; rope(key)]; out[1] keeps 1 / rms (N) ---- */

static void mla_kv_shape(struct run *r, struct step *s)
{
    int64_t n = tensor_rows(s->in[0]), d = s->p.mla_kv.rank + s->p.mla_kv.width;
    assert(tensor_cols(s->in[0]) == d && tensor_count(s->in[1]) == s->p.mla_kv.rank);
    s->out[0] = run_tensor2(r, n, d, s->in[1]->name);
    s->out[1] = run_tensor2(r, 1, n, "rms");
    if (r->taping) run_scratch_need(r, row_partials_bytes(n, s->p.mla_kv.rank));
}

static void mla_kv_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    struct job *j = ctx;
    struct step *s = j->s;
    const struct tensor *a = s->in[0];
    int64_t rank = s->p.mla_kv.rank, width = s->p.mla_kv.width, d = rank + width;
    for (int64_t n = task_row0(task); n < task_row1(task, tensor_rows(a)); n++) {
        const float *x = tensor_f32(a) + n * a->ld;
        float *y = tensor_f32(s->out[0]) + n * d;
        int64_t at = (int64_t)s->p.mla_kv.pos[n] * (width / 2);
        tensor_f32(s->out[1])[n] = j->r->ks->rmsnorm(y, x, tensor_f32(s->in[1]), rank, s->p.mla_kv.eps);
        memcpy(y + rank, x + rank, (size_t)width * sizeof(float));
        j->r->ks->rope(y + rank, s->p.mla_kv.cos + at, s->p.mla_kv.sin + at, width, 1.0f);
    }
}

static void mla_kv_forward(struct run *r, struct step *s) { for_rows(r, s, tensor_rows(s->in[0]), mla_kv_task); }

static void mla_kv_back_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    struct job *j = ctx;
    struct step *s = j->s;
    const struct tensor *a = s->in[0];
    int64_t rank = s->p.mla_kv.rank, width = s->p.mla_kv.width, d = rank + width;
    float *dw = (float *)run_scratch(j->r) + task * rank;
    zero(dw, rank);
    for (int64_t n = task_row0(task); n < task_row1(task, tensor_rows(a)); n++) {
        float *da = a->grad + n * d, *dy = s->out[0]->grad + n * d;
        int64_t at = (int64_t)s->p.mla_kv.pos[n] * (width / 2);
        if (s->fresh[0]) zero(da, d);
        j->r->ks->rmsnorm_back(da, dw, dy, tensor_f32(a) + n * a->ld, tensor_f32(s->in[1]), tensor_f32(s->out[1])[n], rank);
        j->r->ks->rope(dy + rank, s->p.mla_kv.cos + at, s->p.mla_kv.sin + at, width, -1.0f); /* dy is not used again */
        j->r->ks->add(da + rank, da + rank, dy + rank, width);
    }
}

static void mla_kv_backward(struct run *r, struct step *s)
{
    int64_t n = tensor_rows(s->in[0]), rank = s->p.mla_kv.rank;
    for_rows(r, s, n, mla_kv_back_task);
    if (s->fresh[1]) zero(s->in[1]->grad, rank);
    row_partials_add(r, s->in[1]->grad, n, rank);
}

static const struct op mla_kv_op = {"mla_kv", mla_kv_shape, mla_kv_forward, mla_kv_backward, false};

struct tensor *op_mla_kv(struct run *r, struct tensor *a, struct tensor *w, const struct rope_table *t,
                         const int32_t *pos, int rank, float eps)
{
    struct step s = {.in = {a, w}};
    s.p.mla_kv.cos = t->cos;
    s.p.mla_kv.sin = t->sin;
    s.p.mla_kv.width = t->width;
    s.p.mla_kv.pos = pos;
    s.p.mla_kv.rank = rank;
    s.p.mla_kv.eps = eps;
    return run_op(r, &mla_kv_op, &s);
}
