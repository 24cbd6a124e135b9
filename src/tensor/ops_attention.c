/* Causal attention inside the segments of a batch, for any layout of heads: plain MLA (keys and values per head, one
 * rotary key for all), absorbed MLA (one key and value for all heads) and ordinary multi-head attention.
 *
 * score(t, s) = scale * (q1(t) . k1(s) + q2(t) . k2(s)) for s <= t;  p = softmax;  o(t) = sum_s p(t, s) v(s).
 *
 * A group is the heads that share k1: its rows are the pairs (token i, head h), row i * G + h. Work is cut into
 * (segment, group, block of rows). Each score is one chain over d1 then d2, each output one chain over the keys in
 * order, the softmax sum depends on key indices only: hence the same bits for any cutting of the prompt.
 * The tile of scores is kept whole (rows x keys), so that no rescaling depends on block boundaries. */
#include "tensor/ops_internal.h"
#include <assert.h>
#include <string.h>

enum { ROW_BLOCK = 64 };

/* One (segment, group): base pointers and strides. q, o rows are uniform: row r at base + r * stride. */
struct group {
    const struct segment *seg;
    int heads;              /* G: heads in this group */
    int64_t rows, keys;     /* n * G, past + n */
    int64_t q1, q2, k1, k2, v, o; /* offsets of row or key 0, head 0 of the group */
    int64_t q1_rs, q2_rs, o_rs, k1_rs, k2_rs, v_rs;
};

static int group_heads(const struct attention_args *a) { return a->k1.hs == 0 ? a->heads : 1; }
static int group_count(const struct attention_args *a) { return a->heads / group_heads(a); }

static struct group make_group(const struct step *s, const struct segment *seg, int g, bool grads)
{
    const struct attention_args *a = &s->p.attention;
    int heads = group_heads(a), h0 = g * heads;
    /* Gradients are contiguous; numbers may be views with a longer row. */
#define LD(view) (grads ? tensor_cols(s->in[(view).in]) : s->in[(view).in]->ld)
    int64_t lq1 = LD(a->q1), lq2 = LD(a->q2), lk1 = LD(a->k1), lk2 = LD(a->k2), lv = LD(a->v), lo = tensor_cols(s->out[0]);
#undef LD
    struct group x = {.seg = seg, .heads = heads, .rows = seg->n * heads, .keys = seg->past + seg->n};
    x.q1 = seg->row0 * lq1 + a->q1.off + h0 * a->q1.hs;
    x.q2 = seg->row0 * lq2 + a->q2.off + h0 * a->q2.hs;
    x.k1 = seg->key0 * lk1 + a->k1.off + h0 * a->k1.hs;
    x.k2 = seg->key0 * lk2 + a->k2.off + h0 * a->k2.hs;
    x.v = seg->key0 * lv + a->v.off + h0 * a->v.hs;
    x.o = seg->row0 * lo + (int64_t)h0 * a->dv;
    x.q1_rs = heads > 1 ? a->q1.hs : lq1;
    x.q2_rs = heads > 1 ? a->q2.hs : lq2;
    x.o_rs = heads > 1 ? a->dv : lo;
    x.k1_rs = lk1;
    x.k2_rs = lk2;
    x.v_rs = lv;
    return x;
}

/* Keys that row r of the group may see. */
static int64_t visible(const struct group *g, int64_t r) { return g->seg->past + r / g->heads + 1; }

/* Per worker: gemm scratch, then two tiles (ROW_BLOCK, keys). */
static size_t tile_bytes(int64_t keys) { return (size_t)(ROW_BLOCK * keys) * sizeof(float); }
static size_t worker_bytes(const struct run *r, int64_t keys)
{
    return round_up(gemm_scratch_bytes(r->ks, 1) + 2 * tile_bytes(keys), 64);
}

struct tiles {
    void *gemm;
    float *p, *dp;
};
static struct tiles worker_tiles(const struct run *r, int worker, int64_t keys_max)
{
    char *base = (char *)run_scratch(r) + (size_t)worker * worker_bytes(r, keys_max);
    float *p = (float *)(base + gemm_scratch_bytes(r->ks, 1));
    return (struct tiles){base, p, p + ROW_BLOCK * keys_max};
}

static void attention_shape(struct run *r, struct step *s)
{
    const struct attention_args *a = &s->p.attention;
    const struct batch *b = a->batch;
    assert(group_heads(a) == 1 ||
           (s->in[a->q1.in]->ld == a->heads * a->q1.hs && (a->d2 == 0 || s->in[a->q2.in]->ld == a->heads * a->q2.hs)));
    s->out[0] = run_tensor2(r, b->n, (int64_t)a->heads * a->dv, "attention");
    if (r->taping && a->d2 && a->k2.hs == 0 && group_count(a) > 1) /* gradients of the shared key, per head */
        s->out[1] = run_tensor2(r, b->n_keys, (int64_t)a->heads * a->d2, "dk2");
    run_scratch_need(r, (size_t)pool_threads(r->pool) * worker_bytes(r, b->n_keys));
}

/* Scores of rows [r0, r1) and softmax numerators in place in p (rows, ld); 1 / sum per row in inv. */
static void probabilities(const struct run *r, const struct step *s, const struct group *g, int64_t r0, int64_t r1,
                          struct tiles *t, float *inv)
{
    const struct attention_args *a = &s->p.attention;
    int64_t keys = visible(g, r1 - 1), rows = r1 - r0;
    struct gemm m = {.m = rows,
                     .n = keys,
                     .k = a->d1,
                     .a = tensor_f32(s->in[a->q1.in]) + g->q1 + r0 * g->q1_rs,
                     .a_rs = g->q1_rs,
                     .a_cs = 1,
                     .b = tensor_f32(s->in[a->k1.in]) + g->k1,
                     .b_type = DT_F32,
                     .b_rs = 1,
                     .b_cs = g->k1_rs,
                     .c = t->p,
                     .ldc = keys};
    gemm_run_serial(r->ks, r->compute, &m, t->gemm);
    if (a->d2) {
        struct gemm m2 = {.m = rows,
                          .n = keys,
                          .k = a->d2,
                          .a = tensor_f32(s->in[a->q2.in]) + g->q2 + r0 * g->q2_rs,
                          .a_rs = g->q2_rs,
                          .a_cs = 1,
                          .b = tensor_f32(s->in[a->k2.in]) + g->k2,
                          .b_type = DT_F32,
                          .b_rs = 1,
                          .b_cs = g->k2_rs,
                          .c = t->p,
                          .ldc = keys,
                          .accumulate = true};
        gemm_run_serial(r->ks, r->compute, &m2, t->gemm);
    }
    for (int64_t i = 0; i < rows; i++) {
        float *p = t->p + i * keys, max;
        int64_t vis = visible(g, r0 + i);
        inv[i] = 1.0f / r->ks->exp_sum(p, a->scale, vis, &max);
        zero(p + vis, keys - vis);
    }
}

static void attention_rows(const struct run *r, const struct step *s, const struct group *g, int64_t r0, int64_t r1,
                           struct tiles t)
{
    const struct attention_args *a = &s->p.attention;
    float inv[ROW_BLOCK];
    probabilities(r, s, g, r0, r1, &t, inv);
    int64_t keys = visible(g, r1 - 1);
    float *o = tensor_f32(s->out[0]) + g->o + r0 * g->o_rs;
    struct gemm m = {.m = r1 - r0,
                     .n = a->dv,
                     .k = keys,
                     .a = t.p,
                     .a_rs = keys,
                     .a_cs = 1,
                     .b = tensor_f32(s->in[a->v.in]) + g->v,
                     .b_type = DT_F32,
                     .b_rs = g->v_rs,
                     .b_cs = 1,
                     .c = o,
                     .ldc = g->o_rs};
    gemm_run_serial(r->ks, r->compute, &m, t.gemm);
    for (int64_t i = 0; i < r1 - r0; i++) r->ks->scale(o + i * g->o_rs, inv[i], a->dv);
}

static int64_t row_blocks(const struct attention_args *a, const struct segment *seg)
{
    return ceil_div(seg->n * group_heads(a), ROW_BLOCK);
}

static void attention_task(void *ctx, int64_t task, int worker)
{
    struct job *j = ctx;
    const struct attention_args *a = &j->s->p.attention;
    const struct segment *seg = a->batch->segs;
    int groups = group_count(a);
    while (task >= row_blocks(a, seg) * groups) task -= row_blocks(a, seg++) * groups;
    struct group g = make_group(j->s, seg, (int)(task % groups), false);
    int64_t r0 = task / groups * ROW_BLOCK;
    attention_rows(j->r, j->s, &g, r0, min_i64(r0 + ROW_BLOCK, g.rows), worker_tiles(j->r, worker, a->batch->n_keys));
}

static void attention_forward(struct run *r, struct step *s)
{
    const struct attention_args *a = &s->p.attention;
    int64_t tasks = 0;
    for (int64_t i = 0; i < a->batch->n_segs; i++) tasks += row_blocks(a, &a->batch->segs[i]) * group_count(a);
    struct job j = {r, s};
    pool_for(r->pool, tasks, attention_task, &j);
}

/* Where the gradients of one group go; offsets as in the group of gradients. */
struct sinks {
    float *q1, *q2, *k1, *k2, *v;
    int64_t k2_rs;
};

static void back_rows(const struct run *r, const struct step *s, const struct group *g, const struct group *gg,
                      const struct sinks *to, int64_t r0, int64_t r1, struct tiles t)
{
    const struct attention_args *a = &s->p.attention;
    float inv[ROW_BLOCK];
    probabilities(r, s, g, r0, r1, &t, inv);
    int64_t keys = visible(g, r1 - 1), rows = r1 - r0;
    const float *dout = s->out[0]->grad + g->o + r0 * g->o_rs;
    struct gemm m = {.m = rows,
                     .n = keys,
                     .k = a->dv,
                     .a = dout,
                     .a_rs = g->o_rs,
                     .a_cs = 1,
                     .b = tensor_f32(s->in[a->v.in]) + g->v,
                     .b_type = DT_F32,
                     .b_rs = 1,
                     .b_cs = g->v_rs,
                     .c = t.dp,
                     .ldc = keys}; /* dP = dO V^T */
    gemm_run_serial(r->ks, r->compute, &m, t.gemm);
    for (int64_t i = 0; i < rows; i++) r->ks->scale(t.p + i * keys, inv[i], visible(g, r0 + i));
    struct gemm dv = {.m = keys,
                      .n = a->dv,
                      .k = rows,
                      .a = t.p,
                      .a_rs = 1,
                      .a_cs = keys,
                      .b = dout,
                      .b_type = DT_F32,
                      .b_rs = g->o_rs,
                      .b_cs = 1,
                      .c = to->v,
                      .ldc = gg->v_rs,
                      .accumulate = true}; /* dV += P^T dO */
    gemm_run_serial(r->ks, r->compute, &dv, t.gemm);
    for (int64_t i = 0; i < rows; i++) { /* dS = scale * P * (dP - sum(P dP)), into p */
        float *p = t.p + i * keys, *dp = t.dp + i * keys, dot = r->ks->dot(p, dp, visible(g, r0 + i));
        for (int64_t k = 0; k < keys; k++) p[k] = a->scale * (p[k] * (dp[k] - dot));
    }
    for (int part = 0; part < 2; part++) {
        const struct head_view *qv = part ? &a->q2 : &a->q1, *kv = part ? &a->k2 : &a->k1;
        int d = part ? a->d2 : a->d1;
        if (d == 0) continue;
        int64_t q_rs = part ? g->q2_rs : g->q1_rs, k_rs = part ? g->k2_rs : g->k1_rs, dq_rs = part ? gg->q2_rs : gg->q1_rs;
        const float *q = tensor_f32(s->in[qv->in]) + (part ? g->q2 : g->q1) + r0 * q_rs,
                    *k = tensor_f32(s->in[kv->in]) + (part ? g->k2 : g->k1);
        struct gemm dk = {.m = keys,
                          .n = d,
                          .k = rows,
                          .a = t.p,
                          .a_rs = 1,
                          .a_cs = keys,
                          .b = q,
                          .b_type = DT_F32,
                          .b_rs = q_rs,
                          .b_cs = 1,
                          .c = part ? to->k2 : to->k1,
                          .ldc = part ? to->k2_rs : gg->k1_rs,
                          .accumulate = true}; /* dK += dS^T Q */
        gemm_run_serial(r->ks, r->compute, &dk, t.gemm);
        struct gemm dq = {.m = rows,
                          .n = d,
                          .k = keys,
                          .a = t.p,
                          .a_rs = keys,
                          .a_cs = 1,
                          .b = k,
                          .b_type = DT_F32,
                          .b_rs = k_rs,
                          .b_cs = 1,
                          .c = (part ? to->q2 : to->q1) + r0 * dq_rs,
                          .ldc = dq_rs,
                          .accumulate = true}; /* dQ += dS K */
        gemm_run_serial(r->ks, r->compute, &dq, t.gemm);
    }
}

static void attention_back_task(void *ctx, int64_t task, int worker)
{
    struct job *j = ctx;
    struct step *s = j->s;
    const struct attention_args *a = &s->p.attention;
    int groups = group_count(a), gi = (int)(task % groups);
    const struct segment *seg = &a->batch->segs[task / groups];
    struct group g = make_group(s, seg, gi, false), gg = make_group(s, seg, gi, true);
    struct sinks to = {
        .q1 = s->in[a->q1.in]->grad + gg.q1, .k1 = s->in[a->k1.in]->grad + gg.k1, .v = s->in[a->v.in]->grad + gg.v};
    if (a->d2) {
        to.q2 = s->in[a->q2.in]->grad + gg.q2;
        to.k2 = s->in[a->k2.in]->grad + gg.k2;
        to.k2_rs = gg.k2_rs;
        if (s->out[1]) {
            to.k2_rs = tensor_cols(s->out[1]);
            to.k2 = tensor_f32(s->out[1]) + seg->key0 * to.k2_rs + (int64_t)gi * a->d2;
            for (int64_t k = 0; k < g.keys; k++) zero(to.k2 + k * to.k2_rs, a->d2);
        }
    }
    struct tiles t = worker_tiles(j->r, worker, a->batch->n_keys);
    for (int64_t r0 = 0; r0 < g.rows; r0 += ROW_BLOCK) back_rows(j->r, s, &g, &gg, &to, r0, min_i64(r0 + ROW_BLOCK, g.rows), t);
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
        for (int h = 0; h < a->heads; h++) j->r->ks->add(g, g, tensor_f32(s->out[1]) + (k * a->heads + h) * a->d2, a->d2);
    }
}

static void attention_backward(struct run *r, struct step *s)
{
    const struct attention_args *a = &s->p.attention;
    for (int i = 0; i < 8; i++)
        if (s->in[i] && s->fresh[i]) zero(s->in[i]->grad, tensor_count(s->in[i]));
    struct job j = {r, s};
    pool_for(r->pool, a->batch->n_segs * group_count(a), attention_back_task, &j);
    if (s->out[1]) for_rows(r, s, a->batch->n_keys, reduce_k2_task);
}

static const struct op attention_op = {"attention", attention_shape, attention_forward, attention_backward, false};

struct tensor *op_attention(struct run *r, struct tensor *const *in, int n_in, const struct attention_args *a)
{
    struct step s = {0};
    assert(n_in <= 8);
    for (int i = 0; i < n_in; i++) s.in[i] = in[i];
    s.p.attention = *a;
    return run_op(r, &attention_op, &s);
}
