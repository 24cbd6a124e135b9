/* The operations. Each is shape + forward + backward in one ops_*.c file, reached through run_op. Shapes in comments;
 * all numbers f32 unless said. x: activations (N rows). Weights W (M, K) row-major, y = x W^T.
 *
 * Where each lives: ops_basic.c embed, rmsnorm, add, concat, rows; ops_simple.c swiglu, geglu, bias, scale;
 * ops_linear.c linear, linears, head_linear, head_product;
 * ops_mla.c rope, mla_kv; ops_cache.c; ops_attention*.c; ops_moe.c route, experts; ops_loss.c head_loss. */
#ifndef TENSOR_OPS_H
#define TENSOR_OPS_H

#include "tensor/run.h"

/* ids (N) rows of table (V, D), in any format, -> (N, D). ids borrowed until backward. */
struct tensor *op_embed(struct run *r, struct tensor *table, const int32_t *ids, int64_t n);
/* x (N, D), w (D) -> (N, D). Root-mean-square norm, arXiv 1910.07467. With w (A), A a divisor of D: each stretch of A
 * numbers, a head, on its own. */
struct tensor *op_rmsnorm(struct run *r, struct tensor *x, struct tensor *w, float eps);
/* a + b, both (N, D). */
struct tensor *op_add(struct run *r, struct tensor *a, struct tensor *b);
/* silu(g) * u, both (N, F). */
struct tensor *op_swiglu(struct run *r, struct tensor *g, struct tensor *u);
/* gelu(g) * u in the tanh form (arXiv 1606.08415), both (N, F). */
struct tensor *op_geglu(struct run *r, struct tensor *g, struct tensor *u);
/* x (N, D) + b (D), and x * factor: in place, the result shares x's numbers and gradient; x must not be used again. */
struct tensor *op_bias(struct run *r, struct tensor *x, struct tensor *b);
struct tensor *op_scale(struct run *r, struct tensor *x, float factor);
/* [a ; b] along columns: (N, A), (N, B) -> (N, A + B). */
struct tensor *op_concat(struct run *r, struct tensor *a, struct tensor *b);
/* Rows idx (M) of x (N, D) -> (M, D). idx borrowed until backward; a row may be taken once at most. */
struct tensor *op_rows(struct run *r, struct tensor *x, const int32_t *idx, int64_t m);

/* x (N, K), W (M, K) in any weight format -> (N, M). x may be wider than K: its first K columns count. */
struct tensor *op_linear(struct run *r, struct tensor *x, struct tensor *w);
/* y_i = x W_i^T for n <= 5 weights of equal K: the same numbers as n calls of op_linear, in one pass over x. */
void op_linears(struct run *r, struct tensor *x, struct tensor *const *w, int n, struct tensor **out);
/* Per head h its own matrix out of a stack W (H, M, K) in integer panels, K numbers at in_off of each head of
 * x (N, H * in_hs) -> (N, H * M). Inference only. */
struct tensor *op_head_product(struct run *r, struct tensor *x, struct tensor *w, int64_t in_off, int64_t in_hs);
/* The same as op_linear, always in f32 products: for the router (arXiv 2412.19437 keeps the gate in high precision). */
struct tensor *op_linear_f32(struct run *r, struct tensor *x, struct tensor *w);
/* Per head h a matrix taken out of W (rows, K): x (N, H * in_hs), reading d_in numbers at in_off of each head.
 * transpose: y_h = W_h^T x_h with W_h = rows [w_off + h * w_hs, + d_in) of W, K = d_out columns.
 * else:      y_h = W_h x_h with W_h = rows [w_off + h * w_hs, + d_out), K = d_in columns. -> (N, H * d_out).
 * The two halves of absorbed MLA: W_UK^T q and W_UV z. */
struct tensor *op_head_linear(struct run *r, struct tensor *x, struct tensor *w, const struct head_linear_args *a);

/* Rotary tables for positions [0, P): cos, sin (P, width / 2). */
struct rope_table {
    float *cos, *sin;
    int width;
    int64_t positions;
    bool half; /* pairs are (x[i], x[i + width / 2]), else neighbours (x[2i], x[2i + 1]) */
};
/* Rotates `width` numbers at `off` of each head of x (N, heads * hs), in place: the result shares x's numbers and
 * gradient; x must not be used again. */
struct tensor *op_rope(struct run *r, struct tensor *x, const struct rope_table *t, const int32_t *pos, int heads,
                       int hs, int off);
/* a (N, rank + width) = [latent ; key], w (rank) -> [rmsnorm(latent) ; rope(key)] (N, rank + width), neighbours paired.
 * What MLA caches. */
struct tensor *op_mla_kv(struct run *r, struct tensor *a, struct tensor *w, const struct rope_table *t,
                         const int32_t *pos, int rank, float eps);

/* Stores rows kv (N, width) in a layer of a cache, in each segment's pages from its row `past` on, rounded to its format, and
 * gives a view of the layer: the numbers of its page 0, the others at the layer's stride. No gradient: inference only. */
struct tensor *op_cache(struct run *r, struct tensor *kv, const struct batch *b, const struct cache_layer *c);
/* The rows of such a view that the batch's segments see, one segment after another as key0 counts them, in f32
 * (n_keys, width). */
struct tensor *op_cache_rows(struct run *r, struct tensor *cached, const struct batch *b, const struct cache_layer *c);

/* Causal attention inside each segment of the batch. Inputs by head_view into in[0 .. n_in): -> (N, heads * dv). */
struct tensor *op_attention(struct run *r, struct tensor *const *in, int n_in, const struct attention_args *a);

/* logits (N, E), bias (E) -> idx (N, K) i32 and weights (N, K), experts of a row in increasing index. DeepSeek V3
 * (arXiv 2412.19437, eq. 12 to 16; balance loss eq. 17 to 20): sigmoid scores, biased scores choose groups (sum of
 * the two best) and experts, unbiased ones weigh. Others take softmax scores, and count a group as its best expert.
 * bias NULL: none. Ties go to the lower index. */
struct routing {
    struct tensor *idx, *weights;
};
struct routing op_route(struct run *r, struct tensor *logits, struct tensor *bias, const struct route_args *a);
/* sum over the row's experts of weight * W_down(silu(W_gate x) * W_up x). Stacks gate, up (E, F, D), down (E, D, F).
 * The grouped buffers have exactly N * K rows whatever the router says. -> (N, D). */
struct tensor *op_experts(struct run *r, struct tensor *x, const struct routing *route, struct tensor *gate, struct tensor *up,
                          struct tensor *down);

/* Cross-entropy of softmax(x W^T) with targets (N), -1: row does not count; multiplied by scale and summed -> (1).
 * out[1]: (N) loss per row in nats (0 where target is -1). When taping, the gradient of x and W is computed in the
 * same visit of the logits, which are never stored whole; W's gradient is added to at once. */
struct tensor *op_head_loss(struct run *r, struct tensor *x, struct tensor *w, const int32_t *targets, float scale,
                            struct tensor **per_row);

#endif
