/* DeepSeek V3 (arXiv 2412.19437): multi-head latent attention, experts without auxiliary loss, one MTP layer. The only
 * forward pass: training, prefill, decoding, measuring and recomputation all come through here.
 *
 * Shape letters: N rows of the batch, S key rows (n_keys), D dim, H heads, A = nope + rope, R kv rank, P rope, W v. */
#include "model/net.h"
#include <assert.h>
#include <string.h>

struct block_ctx {
    const struct net *net;
    const struct forward_args *args;
    int layer;
};

/* The rows that this batch's queries see: with a cache the past and these, else these alone. (N, R + P) -> (S, R + P) */
static struct tensor *visible(struct run *r, const struct block_ctx *b, struct tensor *kv)
{
    const struct cache *k = b->args->cache;
    return k ? op_cache(r, kv, b->args->batch, cache_rows(k, b->layer, 0), k->context * k->width) : kv;
}

/* Section 2.1.1, equations 1 to 11. x (N, D), after the norm -> (N, D). */
static struct tensor *attention(struct run *r, const struct block_ctx *b, struct tensor *x)
{
    const struct config *c = &b->net->config;
    const struct layer *w = &b->net->layers[b->layer];
    const struct batch *batch = b->args->batch;
    int heads = (int)c->heads, nope = (int)c->qk_nope_dim, rope = (int)c->qk_rope_dim, rank = (int)c->kv_lora_rank,
        v = (int)c->v_dim;
    struct tensor *q = w->wq ? op_linear(r, x, w->wq)                                                      /* (N, H A) */
                             : op_linear(r, op_rmsnorm(r, op_linear(r, x, w->wq_a), w->q_norm, (float)c->norm_eps), w->wq_b);
    q = op_rope(r, q, &b->net->rope, batch->pos, heads, nope + rope, nope);
    struct tensor *kv = op_mla_kv(r, op_linear(r, x, w->wkv_a), w->kv_norm, &b->net->rope, batch->pos, rank, (float)c->norm_eps);
    kv = visible(r, b, kv);                                                                                 /* (S, R + P) */
    struct attention_args a = {
        .batch = batch, .heads = heads, .d2 = rope, .scale = b->net->softmax_scale, .q2 = {0, nope, nope + rope}};
    struct tensor *o;
    if (b->net->absorbed) { /* W_UK moves to the query, W_UV to the output: keys and values are the latent itself */
        struct head_linear_args uk = {heads, nope, rank, 0, nope + v, 0, nope + rope, true};
        struct head_linear_args uv = {heads, rank, v, nope, nope + v, 0, rank, false};
        struct tensor *in[] = {q, op_head_linear(r, q, w->wkv_b, &uk), kv};                                 /* (N, H R) */
        a.d1 = a.dv = rank;
        a.q1 = (struct head_view){1, 0, rank};
        a.k1 = a.v = (struct head_view){2, 0, 0};
        a.k2 = (struct head_view){2, rank, 0};
        o = op_head_linear(r, op_attention(r, in, 3, &a), w->wkv_b, &uv);                                   /* (N, H W) */
    } else {
        struct tensor *in[] = {q, op_linear(r, kv, w->wkv_b), kv}; /* (S, H (nope + W)) */
        a.d1 = nope;
        a.dv = v;
        a.q1 = (struct head_view){0, 0, nope + rope};
        a.k1 = (struct head_view){1, 0, nope + v};
        a.v = (struct head_view){1, nope, nope + v};
        a.k2 = (struct head_view){2, rank, 0};
        o = op_attention(r, in, 3, &a);
    }
    return op_linear(r, o, w->wo);
}

static struct tensor *mlp(struct run *r, struct tensor *x, struct tensor *gate, struct tensor *up, struct tensor *down)
{
    return op_linear(r, op_swiglu(r, op_linear(r, x, gate), op_linear(r, x, up)), down);
}

/* Section 2.1.2, equations 12 to 20. x (N, D), after the norm -> (N, D). */
static struct tensor *mixture(struct run *r, const struct block_ctx *b, struct tensor *x)
{
    const struct config *c = &b->net->config;
    const struct layer *w = &b->net->layers[b->layer];
    const struct forward_stats *st = &b->args->stats;
    struct route_args a = {.experts = (int)c->experts,
                           .top_k = (int)c->experts_used,
                           .groups = (int)c->expert_groups,
                           .group_top_k = (int)c->expert_groups_used,
                           .normalise = c->experts_norm,
                           .scale = (float)c->experts_scale,
                           .balance = b->args->balance,
                           .window = b->args->batch->window,
                           .load = st->load ? st->load + b->layer * c->experts : NULL,
                           .balance_loss = st->balance ? st->balance + b->layer : NULL};
    struct routing route = op_route(r, op_linear_f32(r, x, w->router), w->router_bias, &a);
    struct tensor *y = op_experts(r, x, &route, w->e_gate, w->e_up, w->e_down);
    return w->s_gate ? op_add(r, y, mlp(r, x, w->s_gate, w->s_up, w->s_down)) : y;
}

/* h = x + attention(norm(x)); y = h + feed-forward(norm(h)). */
static struct tensor *block(struct run *r, const void *ctx, struct tensor *x)
{
    const struct block_ctx *b = ctx;
    const struct layer *w = &b->net->layers[b->layer];
    float eps = (float)b->net->config.norm_eps;
    struct tensor *h = op_add(r, x, attention(r, b, op_rmsnorm(r, x, w->attn_norm, eps)));
    struct tensor *n = op_rmsnorm(r, h, w->ffn_norm, eps);
    return op_add(r, h, w->router ? mixture(r, b, n) : mlp(r, n, w->gate, w->up, w->down));
}

static struct tensor *run_layer(struct run *r, const struct net *net, const struct forward_args *a, int layer, struct tensor *x)
{
    struct block_ctx ctx = {net, a, layer};
    r->layer = layer;
    x = run_block(r, block, &ctx, sizeof ctx, x);
    r->layer = -1;
    return x;
}

struct tensor *net_forward(struct run *r, const struct net *net, const struct forward_args *a, struct tensor **pre_norm)
{
    struct tensor *x = op_embed(r, net->embed, a->batch->ids, a->batch->n);
    for (int l = 0; l < net->config.layers; l++) x = run_layer(r, net, a, l, x);
    if (pre_norm) *pre_norm = x;
    return op_rmsnorm(r, x, net->out_norm, (float)net->config.norm_eps);
}

struct tensor *net_logits(struct run *r, const struct net *net, struct tensor *hidden, const int32_t *idx, int64_t m)
{
    return op_linear(r, idx ? op_rows(r, hidden, idx, m) : hidden, net->head);
}

/* Section 2.2, equations 21 to 23, depth 1: the embedding half comes first. */
struct tensor *net_forward_mtp(struct run *r, const struct net *net, const struct forward_args *a,
                               struct tensor *hidden, const int32_t *next)
{
    assert(net->config.mtp_layers == 1);
    int layer = (int)net->config.layers;
    const struct layer *w = &net->layers[layer];
    float eps = (float)net->config.norm_eps;
    int32_t *ids = arena_alloc_raw(&r->meta, (size_t)a->batch->n * sizeof *ids);
    for (int64_t n = 0; n < a->batch->n; n++) ids[n] = next[n] < 0 ? 0 : next[n];
    struct tensor *t = op_rmsnorm(r, op_embed(r, net->embed, ids, a->batch->n), w->mtp_enorm, eps);
    struct tensor *u = op_linear(r, op_concat(r, t, op_rmsnorm(r, hidden, w->mtp_hnorm, eps)), w->mtp_eh);
    return op_rmsnorm(r, run_layer(r, net, a, layer, u), w->mtp_norm, eps);
}
