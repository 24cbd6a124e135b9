/* The way back through attention: probabilities are computed again, chunk by chunk, from what the way forward kept of each
 * row (maximum and sum). With P the probabilities, dP = dO V^T and delta = dO . O per row (arXiv 2205.14135, appendix B):
 * dS = scale * P * (dP - delta), dV += P^T dO, dK += dS^T Q, dQ = dS K.
 *
 * One task per (segment, kv head): it alone writes the gradients of these keys and values, in a fixed order. */
#include "tensor/attention.h"

/* What a task needs of its (segment, kv head). */
struct back {
    const struct run *r;
    const struct step *s;
    struct attention_tile t;
    struct attention_block b;
    int64_t chunk;
    struct attention_span span;
};

/* Where the gradient of key `key` of the block's segment lies: contiguous rows of `ld`. */
struct sink {
    float *at;
    int64_t ld;
};

static struct sink sink_of(const struct back *x, const struct head_view *view, int64_t key)
{
    int64_t ld = tensor_cols(x->s->in[view->in]);
    return (struct sink){x->s->in[view->in]->grad + (x->b.seg->key0 + key) * ld + view->off + x->b.kv * view->hs, ld};
}

/* The shared key's gradient is first collected per kv head. */
static struct sink k2_sink(const struct back *x, int64_t key)
{
    const struct attention_args *a = &x->s->p.attention;
    if (!x->s->out[2]) return sink_of(x, &a->k2, key);
    int64_t ld = tensor_cols(x->s->out[2]);
    return (struct sink){tensor_f32(x->s->out[2]) + (x->b.seg->key0 + key) * ld + (int64_t)x->b.kv * a->d2, ld};
}

/* grad += m^T x: m (rows, KEY_LD) over the span, x (rows, n). */
static void add_transposed(const struct back *x, const float *m, const float *rows, int64_t ld, int64_t n, struct sink to)
{
    struct gemm g = {.m = x->span.hi - x->span.lo,
                     .n = n,
                     .k = x->b.r1 - x->b.r0,
                     .a = m + x->span.lo,
                     .a_rs = 1,
                     .a_cs = KEY_LD,
                     .b = rows,
                     .b_type = DT_F32,
                     .b_rs = ld,
                     .b_cs = 1,
                     .c = to.at,
                     .ldc = to.ld,
                     .accumulate = true};
    gemm_run_serial(x->r->ks, COMPUTE_F32, &g, x->t.gemm);
}

/* dq (rows, n) += ds K over the span; k begins at the chunk's first key. */
static void add_queries(const struct back *x, const struct key_rows *k, int64_t n, int64_t ld, float *dq)
{
    struct gemm g = {.m = x->b.r1 - x->b.r0,
                     .n = n,
                     .k = x->span.hi - x->span.lo,
                     .a = x->t.p + x->span.lo,
                     .a_rs = KEY_LD,
                     .a_cs = 1,
                     .b = (const float *)(const void *)k->data + x->span.lo * k->ld,
                     .b_type = DT_F32,
                     .b_rs = k->ld,
                     .b_cs = 1,
                     .c = dq,
                     .ldc = ld,
                     .accumulate = true};
    gemm_run_serial(x->r->ks, COMPUTE_F32, &g, x->t.gemm);
}

/* p becomes the probabilities themselves: chunks were relative to their own maximum. */
static void normalise(const struct back *x)
{
    const struct attention_args *a = &x->s->p.attention;
    for (int64_t i = 0; i < x->b.r1 - x->b.r0; i++) {
        const float *state = tensor_f32(x->s->out[1]) + 2 * attention_pair(a, &x->b, x->b.r0 + i);
        float *p = x->t.p + i * KEY_LD + x->span.lo;
        if (x->t.sum[i] > 0) x->r->ks->scale(p, kernel_expf(x->t.max[i] - state[0]) * state[1], x->span.hi - x->span.lo);
    }
}

/* p = scale * p * (dp - delta). */
static void score_gradients(const struct back *x)
{
    float scale = x->s->p.attention.scale;
    for (int64_t i = 0; i < x->b.r1 - x->b.r0; i++) {
        float *p = x->t.p + i * KEY_LD, delta = x->t.delta[i];
        const float *dp = x->t.dp + i * KEY_LD;
        for (int64_t k = x->span.lo; k < x->span.hi; k++) p[k] = scale * (p[k] * (dp[k] - delta));
    }
}

static void back_chunk(struct back *x)
{
    const struct attention_args *a = &x->s->p.attention;
    int64_t key0 = x->chunk * KEYS, width = a->d1 + a->d2;
    const struct attention_tile *t = &x->t;
    x->span = attention_scores(x->r, x->s, &x->b, x->chunk, t);
    normalise(x);
    struct attention_dots dp = {.a = t->dout,
                                .rows = x->b.r1 - x->b.r0,
                                .k = {attention_keys(x->s, &a->v, &x->b, key0)},
                                .d = {a->dv, 0},
                                .span = x->span,
                                .c = t->dp};
    attention_dots(x->r, t, &dp);
    int64_t first = key0 + x->span.lo;
    add_transposed(x, t->p, t->dout, a->dv, a->dv, sink_of(x, &a->v, first));
    score_gradients(x);
    struct key_rows k1 = attention_keys(x->s, &a->k1, &x->b, key0);
    add_transposed(x, t->p, t->q, width, a->d1, sink_of(x, &a->k1, first));
    add_queries(x, &k1, a->d1, width, t->dq);
    if (!a->d2) return;
    struct key_rows k2 = attention_keys(x->s, &a->k2, &x->b, key0);
    add_transposed(x, t->p, t->q + a->d1, width, a->d2, k2_sink(x, first));
    add_queries(x, &k2, a->d2, width, t->dq + a->d1);
}

/* Adds d columns of dq to the gradients of the block's queries. */
static void scatter_queries(const struct back *x, const struct head_view *view, int d, const float *dq)
{
    const struct attention_args *a = &x->s->p.attention;
    const struct tensor *q = x->s->in[view->in];
    int g = attention_group(a);
    for (int64_t r = x->b.r0; r < x->b.r1; r++, dq += a->d1 + a->d2) {
        float *to = q->grad + (x->b.seg->row0 + r / g) * tensor_cols(q) + view->off + (x->b.kv * g + r % g) * view->hs;
        x->r->ks->add(to, to, dq, d);
    }
}

static void back_block(struct back *x)
{
    const struct attention_args *a = &x->s->p.attention;
    const struct attention_tile *t = &x->t;
    struct tensor grad = *x->s->out[0];
    grad.data = grad.grad;
    attention_queries(x->r, x->s, &x->b, t);
    attention_gather(a, &x->b, &grad, &(struct head_view){0, 0, a->dv}, a->dv, t->dout, a->dv);
    attention_gather(a, &x->b, x->s->out[0], &(struct head_view){0, 0, a->dv}, a->dv, t->o, a->dv);
    for (int64_t i = 0; i < x->b.r1 - x->b.r0; i++) t->delta[i] = x->r->ks->dot(t->dout + i * a->dv, t->o + i * a->dv, a->dv);
    zero(t->dq, (x->b.r1 - x->b.r0) * (a->d1 + a->d2));
    for (x->chunk = x->b.chunk0; x->chunk < x->b.chunk1; x->chunk++) back_chunk(x);
    scatter_queries(x, &a->q1, a->d1, t->dq);
    if (a->d2) scatter_queries(x, &a->q2, a->d2, t->dq + a->d1);
}

static void back_task(void *ctx, int64_t task, int worker)
{
    struct job *j = ctx;
    const struct attention_args *a = &j->s->p.attention;
    const struct segment *seg = &a->batch->segs[task / a->kv_heads];
    int kv = (int)(task % a->kv_heads);
    struct back x = {.r = j->r, .s = j->s, .t = attention_tile(j->r, a, worker), .b = {.seg = seg, .kv = kv}};
    for (int64_t k = 0; j->s->out[2] && k < seg->past + seg->n; k++) zero(k2_sink(&x, k).at, a->d2);
    int64_t rows = seg->n * attention_group(a), height = attention_height(a);
    for (int64_t r0 = 0; r0 < rows; r0 += height) {
        x.b = attention_block(a, seg, kv, r0, min_i64(r0 + height, rows));
        back_block(&x);
    }
}

static void reduce_k2_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    struct job *j = ctx;
    struct step *s = j->s;
    const struct attention_args *a = &s->p.attention;
    int64_t ld = tensor_cols(s->in[a->k2.in]);
    for (int64_t k = task_row0(task); k < task_row1(task, a->batch->n_keys); k++) {
        float *g = s->in[a->k2.in]->grad + k * ld + a->k2.off;
        for (int h = 0; h < a->kv_heads; h++) j->r->ks->add(g, g, tensor_f32(s->out[2]) + (k * a->kv_heads + h) * a->d2, a->d2);
    }
}

void attention_backward(struct run *r, struct step *s)
{
    const struct attention_args *a = &s->p.attention;
    for (int i = 0; i < 8; i++)
        if (s->in[i] && s->fresh[i]) zero(s->in[i]->grad, tensor_count(s->in[i]));
    struct job j = {r, s};
    pool_for(r->pool, a->batch->n_segs * a->kv_heads, back_task, &j);
    if (s->out[2]) for_rows(r, s, a->batch->n_keys, reduce_k2_task);
}
