/* Pieces that the blocks of several architectures share: grouped-query attention, the MLP, the mixture of experts.
 *
 * Shape letters: N rows of the batch, S key rows, D dim, H heads, G key heads, A width of a head. */
#include "model/blocks.h"

/* One of q, k: (N, heads A), with its norm per head and turned. */
static struct tensor *turned(struct run *r, const struct block_ctx *b, struct tensor *x, struct tensor *norm, int heads, bool q)
{
    const struct config *c = &b->net->config;
    bool local = c->arch->local_rope && config_is_local(c, b->layer), scaled = q && config_has_temperature(c);
    const struct rope_table *rope = local ? &b->net->rope_local : scaled ? &b->net->rope_q : &b->net->rope;
    if (norm) x = op_rmsnorm(r, x, norm, (float)c->norm_eps);
    if (!config_has_rope(c, b->layer)) return x;
    return op_rope(r, x, rope, b->args->batch->pos, heads, (int)c->head_dim, 0);
}

struct tensor *block_gqa(struct run *r, const struct block_ctx *b, struct tensor *x)
{
    const struct config *c = &b->net->config;
    const struct layer *w = &b->net->layers[b->layer];
    int heads = (int)c->heads, groups = (int)c->kv_heads, width = (int)c->head_dim;
    struct tensor *weights[] = {w->wq, w->wk, w->wv}, *y[3];
    op_linears(r, x, weights, 3, y);                                  /* (N, H A), (N, G A), (N, G A) */
    if (w->bq) {
        y[0] = op_bias(r, y[0], w->bq);
        y[1] = op_bias(r, y[1], w->bk);
        y[2] = op_bias(r, y[2], w->bv);
    }
    struct tensor *q = turned(r, b, y[0], w->q_head_norm, heads, true);
    struct tensor *kv = op_concat(r, turned(r, b, y[1], w->k_head_norm, groups, false), y[2]); /* (N, 2 G A) */
    struct attention_args a = {.batch = b->args->batch,
                               .heads = heads,
                               .kv_heads = groups,
                               .d1 = width,
                               .dv = width,
                               .scale = b->net->softmax_scale,
                               .window = config_is_local(c, b->layer) ? c->window : 0,
                               .q1 = {0, 0, width},
                               .k1 = {1, 0, width},
                               .v = {1, (int64_t)groups * width, width}};
    if (b->args->cache) {
        struct cache_layer layer = cache_layer(b->args->cache, b->layer);
        kv = op_cache(r, kv, b->args->batch, &layer);
        a.cached = true;
        a.int8 = b->net->int8 && layer.dtype == DT_Q8_0;
        a.page_stride = layer.stride;
    }
    struct tensor *in[] = {q, kv};
    return op_linear(r, op_attention(r, in, 2, &a), w->wo);
}

/* W_down(silu(W_gate x) * W_up x). */
static struct tensor *mlp(struct run *r, struct tensor *x, struct tensor *gate, struct tensor *up, struct tensor *down)
{
    struct tensor *weights[] = {gate, up}, *y[2];
    op_linears(r, x, weights, 2, y);
    return op_linear(r, op_swiglu(r, y[0], y[1]), down);
}

/* A mixture of experts, and shared experts where the layer has them: arXiv 2412.19437, section 2.1.2, equations 12 to 20.
 * x (N, D), after the norm -> (N, D). */
static struct tensor *mixture(struct run *r, const struct block_ctx *b, struct tensor *x)
{
    const struct config *c = &b->net->config;
    const struct layer *w = &b->net->layers[b->layer];
    const struct forward_stats *st = &b->args->stats;
    struct route_args a = {.experts = (int)c->experts,
                           .top_k = (int)c->experts_used,
                           .groups = (int)c->expert_groups,
                           .group_top_k = (int)c->expert_groups_used,
                           .softmax = !c->arch->sigmoid,
                           .group_best = !c->arch->group_pairs,
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

struct tensor *block_pre_norm(struct run *r, const struct block_ctx *b, struct tensor *x, attention_fn *attention)
{
    const struct layer *w = &b->net->layers[b->layer];
    float eps = (float)b->net->config.norm_eps;
    struct tensor *h = op_add(r, x, attention(r, b, op_rmsnorm(r, x, w->attn_norm, eps)));
    struct tensor *n = op_rmsnorm(r, h, w->ffn_norm, eps);
    return op_add(r, h, w->router ? mixture(r, b, n) : mlp(r, n, w->gate, w->up, w->down));
}
