/* One executed operation: what the tape holds, and the row every operation fills in. */
#ifndef TENSOR_STEP_H
#define TENSOR_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "tensor/tensor.h"

struct run;
struct step;

struct op {
    const char *name;
    void (*shape)(struct run *r, struct step *s);    /* the only one that may allocate on the way forward */
    void (*forward)(struct run *r, struct step *s);
    /* Adds into in[i]->grad for inputs with needs_grad; where s->fresh[i] is set the memory is new and must be
     * overwritten. run_backward has made the gradients. NULL: the operation has no gradient. */
    void (*backward)(struct run *r, struct step *s);
    bool in_place; /* out[0] shares the numbers and the gradient of in[0] */
};

/* Rows of a page of a cache. Attention's chunk is as long, so that its keys lie in one piece. */
enum { PAGE_ROWS = 256 };

/* Rows of a batch that belong to one sequence: rows [row0, row0 + n) of the batch; they see key rows
 * [key0, key0 + past + row + 1), row counted inside the segment. Without a cache past is 0 and key0 == row0. */
struct segment {
    int64_t row0, n, past, key0;
    const int32_t *pages; /* of the cache: key row s lies in pages[s / PAGE_ROWS]; NULL without a cache */
};

/* N rows of tokens, any number of sequences. Rows of a sequence are adjacent and in increasing position. */
struct batch {
    int64_t n;
    const int32_t *ids; /* (N) token ids, checked by the caller to be below the vocabulary */
    const int32_t *pos; /* (N) position in the sequence: rope */
    const struct segment *segs;
    int64_t n_segs;
    int64_t n_keys; /* sum over segments of past + n */
    int64_t window; /* rows per sequence-wise balance window in training; 0: none */
};

/* Where an attention input lies: tensor in[in], head h at off + h * hs (keys and values: kv head h; hs == 0: one for all). */
struct head_view {
    int in;
    int64_t off, hs;
};

struct attention_args {
    const struct batch *batch;
    int heads, kv_heads; /* query head h uses kv head h / (heads / kv_heads) of k1 and v */
    int d1, d2, dv;      /* score = q1 . k1 (d1) + q2 . k2 (d2); value width dv; d2 may be 0 */
    float scale;
    int64_t window; /* row t sees key s only if t - s < window; 0: all up to its own */
    struct head_view q1, q2, k1, k2, v; /* hs of k2 is 0 when one serves all heads */
    bool cached;       /* the tensors of k1, k2, v are views of a layer of a cache: op_cache */
    bool int8;         /* rows of a Q8_0 cache are multiplied as integers, where they suit (attention_is_int8) */
    size_t page_stride; /* cached: of that layer */
};

/* One layer of a cache: in each page PAGE_ROWS rows of `width` numbers in dtype (F32, BF16, Q8_0); those of page p begin at
 * base + p * stride. */
struct cache_layer {
    char *base; /* NULL while measuring */
    enum dtype dtype;
    int64_t width;
    size_t stride;
};

struct route_args {
    int experts, top_k, groups, group_top_k;
    bool softmax;    /* scores are the softmax of the logits, else sigmoids */
    bool group_best; /* a group counts as its best expert, else as the sum of its two best */
    bool normalise; /* weights sum to `scale` */
    float scale;    /* routed_scaling_factor */
    float balance;  /* alpha of the sequence-wise balance loss, already divided by the number of windows; 0: none */
    int64_t window; /* rows per sequence for it */
    int32_t *load;       /* (E) written: rows sent to each expert; NULL: not wanted */
    float *balance_loss; /* (1) written; NULL: not wanted */
};

/* Per-head slices of one matrix: see op_head_linear. */
struct head_linear_args {
    int heads, d_in, d_out;
    int64_t w_off, w_hs, in_off, in_hs;
    bool transpose;
};

struct step {
    const struct op *op;
    struct tensor *in[8];
    struct tensor *out[6]; /* out[0] is the result; others are kept for backward or statistics */
    union {
        struct { const int32_t *idx; int64_t n; } rows; /* embed, rows */
        float eps, scale;
        struct attention_args attention;
        struct route_args route;
        struct {
            const float *cos, *sin;
            const int32_t *pos;
            int heads, hs, off, width;
            bool half;
        } rope; /* (P, width / 2) tables */
        struct { const float *cos, *sin; const int32_t *pos; float eps; int rank, width; } mla_kv;
        struct head_linear_args heads;
        struct { const struct batch *batch; struct cache_layer layer; } cache;
        struct { const int32_t *targets; float scale; } loss;
        struct { struct tensor *(*fn)(struct run *r, const void *ctx, struct tensor *x); const void *ctx; } block;
    } p;
    struct step *prev; /* tape order */
    bool fresh[8];
    int layer;
};

#endif
