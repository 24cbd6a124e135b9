/* Attention's products with a chunk of a Q8_0 cache, in 8 bits: see attention.h. */
#include <string.h>
#include "tensor/attention.h"
#include "tensor/qgemm.h"

enum { NEAR_KEYS = 64, NEAR_VALUES = 128 }; /* of which panels are made at a time: they stay in the first-level cache */

size_t attention_int8_bytes(int64_t width) { return qrows_bytes(ROW_BLOCK, width); }

size_t attention_int8_panels(const struct attention_args *a)
{
    size_t keys = qpanel_bytes(DT_Q8_0, NEAR_KEYS, a->d1 + a->d2), values = qpanel_bytes(DT_Q8_0, NEAR_VALUES, KEYS);
    return round_up(keys > values ? keys : values, 64);
}

/* The first n numbers of row i are x; there may be more. */
static void quantise(const struct run *r, const struct qrows *q, int64_t i, const float *x, int64_t n)
{
    int64_t blocks = q->k / QP_BLOCK, at = i * blocks;
    r->ks->quantize_acts(q->q + i * q->k, q->d + at, q->sx + at, q->half + 2 * at, x, n);
}

/* Zeros from number n of row i on. */
static void clear_rest(const struct qrows *q, int64_t i, int64_t n)
{
    int64_t blocks = q->k / QP_BLOCK, at = i * blocks + n / QP_BLOCK;
    size_t rest = (size_t)(blocks - n / QP_BLOCK);
    memset(q->q + i * q->k + n, 0, rest * QP_BLOCK);
    memset(q->d + at, 0, rest * sizeof *q->d);
    memset(q->sx + at, 0, rest * sizeof *q->sx);
    memset(q->half + 2 * at, 0, rest * 2 * sizeof *q->half);
}

static struct qacts acts(const struct qrows *q) { return (struct qacts){q->q, q->d, q->sx, q->half}; }

void attention_int8_queries(const struct run *r, const struct attention_args *a, int64_t rows,
                            const struct attention_tile *t)
{
    struct qrows q = qrows_in(t->q8, rows, a->d1 + a->d2);
    for (int64_t i = 0; i < rows; i++) quantise(r, &q, i, t->q + i * q.k, q.k);
}

void attention_int8_dots(const struct run *r, const struct step *s, const struct attention_block *b, int64_t chunk,
                         int64_t count, const struct attention_tile *t)
{
    const struct attention_args *a = &s->p.attention;
    struct key_rows k = attention_keys(s, &a->k1, b, chunk * KEYS); /* the second part of a key follows the first */
    struct qrows q = qrows_in(t->q8, b->r1 - b->r0, a->d1 + a->d2);
    struct qacts x = acts(&q);
    size_t row_bytes = format_bytes(DT_Q8_0, k.ld);
    for (int64_t at = 0; at < count; at += NEAR_KEYS) {
        int64_t n = min_i64(NEAR_KEYS, count - at);
        r->ks->q8_keys(t->panel, k.data + (size_t)at * row_bytes, row_bytes, n, q.k);
        r->ks->qmul[DT_Q8_0](t->panel, n, q.k, &x, q.rows, t->p + at, KEY_LD);
    }
}

/* p of the tiles that each row sees whole, times those of the first `tiles` tiles. */
static void whole_tiles(const struct run *r, const struct attention_args *a, const struct attention_block *b,
                        int64_t chunk, const struct key_rows *v, int64_t tiles, const struct attention_tile *t,
                        float *o)
{
    struct qrows q = qrows_in(t->p8, b->r1 - b->r0, tiles * VALUE_TILE);
    struct qacts x = acts(&q);
    for (int64_t i = 0; i < q.rows; i++) {
        int64_t n = max_i64(0, attention_seen(a, b, chunk, b->r0 + i)) / VALUE_TILE * VALUE_TILE;
        quantise(r, &q, i, t->p + i * KEY_LD, n);
        clear_rest(&q, i, n);
    }
    for (int64_t at = 0; at < a->dv; at += NEAR_VALUES) {
        int64_t n = min_i64(NEAR_VALUES, a->dv - at);
        r->ks->q8_values(t->panel, v->data + format_bytes(DT_Q8_0, at), format_bytes(DT_Q8_0, v->ld), tiles, n);
        r->ks->qmul[DT_Q8_0](t->panel, n, q.k, &x, q.rows, o + at, a->dv);
    }
}

/* Adds what rows [i0, i1), which end in one tile, see of it: keys [at, end). */
static void last_tile(const struct run *r, const struct attention_args *a, const struct key_rows *v, int64_t i0,
                      int64_t i1, int64_t at, int64_t end, const struct attention_tile *t, float *o)
{
    attention_widen(r, v, at, end - at, a->dv, t->wide);
    r->ks->product(&(struct product){.m = i1 - i0,
                                     .n = a->dv,
                                     .k = end - at,
                                     .a = t->p + i0 * KEY_LD + at,
                                     .lda = KEY_LD,
                                     .b = t->wide,
                                     .ldb = a->dv + VALUE_PAD,
                                     .c = o + i0 * a->dv,
                                     .ldc = a->dv,
                                     .accumulate = true});
}

void attention_int8_values(const struct run *r, const struct step *s, const struct attention_block *b, int64_t chunk,
                           const struct attention_tile *t, float *o)
{
    const struct attention_args *a = &s->p.attention;
    struct key_rows v = attention_keys(s, &a->v, b, chunk * KEYS);
    int64_t rows = b->r1 - b->r0, tiles = attention_seen(a, b, chunk, b->r1 - 1) / VALUE_TILE, i1;
    if (tiles > 0) whole_tiles(r, a, b, chunk, &v, tiles, t, o);
    else zero(o, rows * a->dv);
    for (int64_t i = 0; i < rows; i = i1) {
        int64_t tile = max_i64(0, attention_seen(a, b, chunk, b->r0 + i)) / VALUE_TILE, end = 0;
        for (i1 = i; i1 < rows; i1++) {
            int64_t seen = attention_seen(a, b, chunk, b->r0 + i1);
            if (max_i64(0, seen) / VALUE_TILE != tile) break;
            end = seen;
        }
        if (end > tile * VALUE_TILE) last_tile(r, a, &v, i, i1, tile * VALUE_TILE, end, t, o);
    }
}
