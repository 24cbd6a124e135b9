/* The only forward pass: training, prefill, decoding, measuring and recomputation all come through here. What happens
 * inside a layer is the block of the architecture. */
#include <assert.h>
#include <math.h>
#include "model/blocks.h"
#include "base/checked.h"

static struct tensor *embed_tokens(struct run *r, const struct net *net, const int32_t *ids, int64_t n)
{
    struct tensor *x = op_embed(r, net->embed, ids, n);
    return net->config.arch->embed_scaled ? op_scale(r, x, (float)sqrt((double)net->config.dim)) : x;
}

static struct tensor *run_layer(struct run *r, const struct net *net, const struct forward_args *a, int layer, struct tensor *x)
{
    struct block_ctx ctx = {net, a, layer};
    r->layer = layer;
    x = run_block(r, net->config.arch->block, &ctx, sizeof ctx, x);
    r->layer = -1;
    return x;
}

/* Rotary tables are computed as far as passes reach: a long context that nobody uses costs nothing. */
static void need_positions(struct run *r, const struct net *net, const struct batch *b)
{
    int64_t n = 0;
    if (r->measure) return;
    for (int64_t i = 0; i < b->n; i++) n = max_i64(n, (int64_t)b->pos[i] + 1);
    net_fill_rope(net, n, r->pool);
}

struct tensor *net_forward(struct run *r, const struct net *net, const struct forward_args *a, struct tensor **pre_norm)
{
    need_positions(r, net, a->batch);
    struct tensor *x = embed_tokens(r, net, a->batch->ids, a->batch->n);
    for (int l = 0; l < net->config.layers; l++) x = run_layer(r, net, a, l, x);
    if (pre_norm) *pre_norm = x;
    return op_rmsnorm(r, x, net->out_norm, (float)net->config.norm_eps);
}

struct tensor *net_logits(struct run *r, const struct net *net, struct tensor *hidden, const int32_t *idx, int64_t m)
{
    return op_linear(r, idx ? op_rows(r, hidden, idx, m) : hidden, net->head);
}

/* arXiv 2412.19437, section 2.2, equations 21 to 23, depth 1: the embedding half comes first. */
struct tensor *net_forward_mtp(struct run *r, const struct net *net, const struct forward_args *a,
                               struct tensor *hidden, const int32_t *next)
{
    assert(net->config.mtp_layers == 1);
    int layer = (int)net->config.layers;
    const struct layer *w = &net->layers[layer];
    float eps = (float)net->config.norm_eps;
    int32_t *ids = arena_alloc_raw(&r->meta, (size_t)a->batch->n * sizeof *ids);
    for (int64_t n = 0; n < a->batch->n; n++) ids[n] = next[n] < 0 ? 0 : next[n];
    struct tensor *t = op_rmsnorm(r, embed_tokens(r, net, ids, a->batch->n), w->mtp_enorm, eps);
    struct tensor *u = op_linear(r, op_concat(r, t, op_rmsnorm(r, hidden, w->mtp_hnorm, eps)), w->mtp_eh);
    return op_rmsnorm(r, run_layer(r, net, a, layer, u), w->mtp_norm, eps);
}
