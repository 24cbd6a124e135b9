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
/* h = x + attention(norm(x)); y = h + feed-forward(norm(h)). The feed-forward part is a gated MLP, or a mixture of experts
 * where the layer has a router. */
struct tensor *block_pre_norm(struct run *r, const struct block_ctx *b, struct tensor *x, attention_fn *attention);

#endif
