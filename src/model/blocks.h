/* Pieces that the blocks of several architectures share. */
#ifndef MODEL_BLOCKS_H
#define MODEL_BLOCKS_H

#include "model/arch.h"

struct block_ctx {
    const struct net *net;
    const struct forward_args *args;
    int layer;
};

/* Attention of x (N, D), which has been normed, -> (N, D). */
typedef struct tensor *attention_fn(struct run *r, const struct block_ctx *b, struct tensor *x);

/* Grouped-query attention (arXiv 2305.13245), with biases and with norms of the heads where the layer has them. */
struct tensor *block_gqa(struct run *r, const struct block_ctx *b, struct tensor *x);
/* W_down(silu(W_gate x) * W_up x). */
struct tensor *block_mlp(struct run *r, struct tensor *x, struct tensor *gate, struct tensor *up, struct tensor *down);
/* A mixture of experts, and shared experts where the layer has them. */
struct tensor *block_mixture(struct run *r, const struct block_ctx *b, struct tensor *x);
/* h = x + attention(norm(x)); y = h + feed-forward(norm(h)). */
struct tensor *block_pre_norm(struct run *r, const struct block_ctx *b, struct tensor *x, attention_fn *attention);


#endif
