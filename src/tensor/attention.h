/* What the files of attention share: blocks of rows, and the work on one chunk of keys.
 *
 * score(t, s) = scale * (q1(t) . k1(s) + q2(t) . k2(s));  p = softmax over the visible s;  o(t) = sum_s p(t, s) v(s).
 *
 * Arithmetic. Keys are cut into chunks of KEYS at multiples of their position in the sequence. In a chunk c a score is one
 * chain over d1 and then d2; m_c is the largest scaled score, p = exp(scaled score - m_c), l_c their sum in the lanes of
 * exp_sum counted from the chunk's start, o_c the chain of p v over the chunk's keys; a masked key has p = 0, which
 * changes no bit of a sum. Chunks are merged in increasing order by attention_merge (the online softmax of
 * arXiv 2205.14135). So a row's result depends on its keys alone: not on the rows beside it, nor on who computes which
 * chunk. All products are f32, or:
 *
 * In 8 bits (attention_is_int8) keys and values are a Q8_0 cache, and a chunk is two products of integer panels
 * (kernel/qpanel.h): scores are those of the quantised query with keys as they are stored; o_c is that of quantised p with
 * tiles of VALUE_TILE values (kernels.q8_values), for each row only of tiles that it sees whole, to which the chain of p v in
 * f32 over the rest is added. So here too a row's result depends on nothing that it does not see.
 *
 * A group is the query heads that share a kv head; its rows are the pairs (token i, head h), row i * G + h. */
#ifndef TENSOR_ATTENTION_H
#define TENSOR_ATTENTION_H

#include "tensor/ops_internal.h"

enum {
    KEYS = PAGE_ROWS,   /* part of the definition of the result */
    KEY_LD = KEYS + 16, /* of a tile of scores: rows do not share sets of a cache */
    BLOCK_STEP = 48,    /* heights of blocks: a multiple of every kernel's tile */
    VALUE_PAD = 16,     /* floats between rows of values made floats */
    ROW_BLOCK = 144,    /* most rows of a block; how many changes the time only */
    VALUE_ROWS = 128,   /* rows of values made floats at a time */
    VALUE_TILE = QP_BLOCK /* values that share scales in 8 bits; part of the definition too */
};

/* Rows [r0, r1) of the group of kv head `kv` in a segment, and the chunks that at least one of them sees. */
struct attention_block {
    const struct segment *seg;
    int kv;
    int64_t r0, r1, chunk0, chunk1;
};

/* Working memory of one worker. */
struct attention_tile {
    void *gemm;      /* scratch of gemm_run_serial; backward only */
    float *q;        /* (ROW_BLOCK, d1 + d2) */
    float *p;        /* (ROW_BLOCK, KEY_LD) scores, then probabilities relative to the chunk's maximum */
    float *panel;    /* (d, KEY_PANEL) transposed keys; in 8 bits: panels of the keys of a chunk, then of its values */
    float *wide;     /* (VALUE_ROWS, dv + 16) values as floats, or KEY_PANEL keys */
    float *o;        /* (ROW_BLOCK, dv) of one chunk */
    float *max, *sum; /* (ROW_BLOCK) of one chunk; sum 0: the row sees none of its keys */
    void *q8, *p8;   /* in 8 bits: q and p quantised (qgemm.h) */
    float *dp, *dq, *dout, *delta; /* backward only: (ROW_BLOCK, KEY_LD), as q, as o, (ROW_BLOCK) */
};

/* Keys [lo, hi) of a chunk, counted from its start, are those that a block sees; lo a multiple of KEY_PANEL. */
struct attention_span {
    int64_t lo, hi;
};

/* Rows of keys or values of one kv head, from a given position on. */
struct key_rows {
    const char *data;
    enum dtype type;
    int64_t ld, count; /* count: rows there are in memory, visible or not; of a cache in one page */
};

static inline int attention_group(const struct attention_args *a) { return a->heads / a->kv_heads; }
/* Keys and values lie in whole blocks of a Q8_0 cache, the two parts of a key side by side, and no window cuts tiles. */
static inline bool attention_is_int8(const struct attention_args *a)
{
    bool whole = a->d1 % QP_BLOCK == 0 && a->d2 % QP_BLOCK == 0 && a->dv % QP_BLOCK == 0;
    bool joined = a->d2 == 0 || (a->kv_heads == 1 && a->k2.in == a->k1.in && a->k2.off == a->k1.off + a->d1);
    return a->int8 && a->cached && whole && joined && a->window == 0;
}
static inline int64_t attention_position(const struct attention_args *a, const struct attention_block *b, int64_t r)
{
    return b->seg->past + r / attention_group(a);
}
/* The first key that position t sees. */
static inline int64_t attention_first(const struct attention_args *a, int64_t t)
{
    return a->window > 0 ? max_i64(0, t - a->window + 1) : 0;
}

/* Index of row r's (token, head) pair in the batch, among N * heads. */
static inline int64_t attention_pair(const struct attention_args *a, const struct attention_block *b, int64_t r)
{
    int g = attention_group(a);
    return (b->seg->row0 + r / g) * a->heads + (int64_t)b->kv * g + r % g;
}

/* Keys of a chunk that row r of a block sees, counted from the chunk's start; none if <= 0. */
static inline int64_t attention_seen(const struct attention_args *a, const struct attention_block *b, int64_t chunk, int64_t r)
{
    return min_i64(KEYS, attention_position(a, b, r) + 1 - chunk * KEYS);
}

/* A good number of rows for a block of a long segment: a multiple of BLOCK_STEP, at most ROW_BLOCK. */
int64_t attention_height(const struct attention_args *a);
size_t attention_tile_bytes(const struct run *r, const struct attention_args *a);
struct attention_tile attention_tile(const struct run *r, const struct attention_args *a, int worker);

struct attention_block attention_block(const struct attention_args *a, const struct segment *seg, int kv, int64_t r0, int64_t r1);
struct key_rows attention_keys(const struct step *s, const struct head_view *view, const struct attention_block *b, int64_t key);
/* Copies d numbers per row of the block out of x, head h at off + h * hs, to dst with ld. */
void attention_gather(const struct attention_args *a, const struct attention_block *b, const struct tensor *x,
                      const struct head_view *view, int d, float *dst, int64_t ld);
/* t->q, or t->q8. */
void attention_queries(const struct run *r, const struct step *s, const struct attention_block *b,
                       const struct attention_tile *t);
/* p, max and sum of the block's rows for one chunk, from t->q. */
struct attention_span attention_scores(const struct run *r, const struct step *s, const struct attention_block *b, int64_t chunk,
                                       const struct attention_tile *t);
/* c (rows, KEY_LD) = a (rows, d[0] + d[1]) times the keys of a span, each the d[0] numbers of k[0] and the d[1] of k[1]. */
struct attention_dots {
    const float *a;
    int64_t rows;
    struct key_rows k[2];
    int d[2];
    struct attention_span span;
    float *c;
};
void attention_dots(const struct run *r, const struct attention_tile *t, const struct attention_dots *x);
/* dst (n, dv + VALUE_PAD) = n rows of values from `at` on, as floats. */
void attention_widen(const struct run *r, const struct key_rows *v, int64_t at, int64_t n, int64_t dv, float *dst);
/* o (rows, dv) = p V over the span of a chunk. */
void attention_values(const struct run *r, const struct step *s, const struct attention_block *b, int64_t chunk,
                      struct attention_span span, const struct attention_tile *t, float *o);
/* attention_int8.c: the same products in 8 bits. int8_queries quantises t->q into t->q8; int8_dots fills t->p with keys
 * [0, count) of a chunk; int8_values is attention_values. */
size_t attention_int8_bytes(int64_t width);                   /* of t->q8 or t->p8 */
size_t attention_int8_panels(const struct attention_args *a); /* of t->panel */
void attention_int8_queries(const struct run *r, const struct attention_args *a, int64_t rows, const struct attention_tile *t);
void attention_int8_dots(const struct run *r, const struct step *s, const struct attention_block *b, int64_t chunk, int64_t count,
                         const struct attention_tile *t);
void attention_int8_values(const struct run *r, const struct step *s, const struct attention_block *b, int64_t chunk,
                           const struct attention_tile *t, float *o);
/* o, state {maximum, sum} = those with a chunk's added; `first`: there was none before. */
void attention_merge(const struct kernels *ks, float *o, float *state, const float *chunk_o, float max, float sum, int64_t dv,
                     bool first);

/* ops_attention_back.c */
void attention_backward(struct run *r, struct step *s);

#endif
