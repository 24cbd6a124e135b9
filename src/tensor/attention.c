/* Attention's work on one chunk of keys, for the way forward and the way back. See attention.h for what is computed. */
#include "tensor/attention.h"
#include <math.h>
#include <string.h>

enum {
    PIECE = 192,   /* numbers of a key multiplied at a time: a panel of them stays in the first-level cache */
    DIRECT_ROWS = 6, /* up to so many rows read values where they lie: one tile of the kernel sees each only once */
    PACK_ROWS = 10,       /* see attention_height; measured */
    NEAR_FLOATS = 1 << 17 /* of a block's queries, scores and results: they stay in the second-level cache */
};

static int64_t width_of(const struct attention_args *a) { return a->d1 + a->d2; }
static size_t floats(int64_t n) { return round_up((size_t)n * sizeof(float), 64); }

/* A tall block packs keys for more rows; but its upper rows do not see the keys of its lower ones, which are computed all
 * the same. Packing costs about PACK_ROWS / height of the products, masked keys (height / group) / keys. */
int64_t attention_height(const struct attention_args *a)
{
    int64_t keys = a->batch->n_keys / a->batch->n_segs, fit = NEAR_FLOATS / (width_of(a) + KEY_LD + a->dv), height = ROW_BLOCK;
    while (height > BLOCK_STEP && (height * height > PACK_ROWS * attention_group(a) * keys || height > fit)) height -= BLOCK_STEP;
    return height;
}

/* Sizes of the parts of struct attention_tile, in its order; those of the way back are 0 in inference. */
enum { PARTS = 14 };
static void tile_parts(const struct run *r, const struct attention_args *a, size_t part[PARTS])
{
    int64_t d = width_of(a), dv = a->dv, widest = max_i64(d, dv);
    bool int8 = attention_is_int8(a);
    size_t all[PARTS] = {gemm_scratch_bytes(r->ks, 1),
                         floats(ROW_BLOCK * d),
                         floats(ROW_BLOCK * KEY_LD),
                         int8 ? attention_int8_panels(a) : floats(KEY_PANEL * widest),
                         floats(max_i64(VALUE_ROWS * (dv + VALUE_PAD), KEY_PANEL * widest)),
                         floats(ROW_BLOCK * dv),
                         floats(ROW_BLOCK),
                         floats(ROW_BLOCK),
                         int8 ? attention_int8_bytes(d) : 0,
                         int8 ? attention_int8_bytes(KEYS) : 0,
                         floats(ROW_BLOCK * KEY_LD),
                         floats(ROW_BLOCK * d),
                         floats(ROW_BLOCK * dv),
                         floats(ROW_BLOCK)};
    for (int i = 0; i < PARTS; i++) part[i] = r->taping || (i > 0 && i < 10) ? all[i] : 0;
}

size_t attention_tile_bytes(const struct run *r, const struct attention_args *a)
{
    size_t part[PARTS], sum = 0;
    tile_parts(r, a, part);
    for (int i = 0; i < PARTS; i++) sum += part[i];
    return sum;
}

struct attention_tile attention_tile(const struct run *r, const struct attention_args *a, int worker)
{
    size_t part[PARTS];
    char *at[PARTS], *p = (char *)run_scratch(r) + (size_t)worker * attention_tile_bytes(r, a);
    tile_parts(r, a, part);
    for (int i = 0; i < PARTS; p += part[i++]) at[i] = p;
    return (struct attention_tile){.gemm = at[0],
                                   .q = (float *)at[1],
                                   .p = (float *)at[2],
                                   .panel = (float *)at[3],
                                   .wide = (float *)at[4],
                                   .o = (float *)at[5],
                                   .max = (float *)at[6],
                                   .sum = (float *)at[7],
                                   .q8 = at[8],
                                   .p8 = at[9],
                                   .dp = (float *)at[10],
                                   .dq = (float *)at[11],
                                   .dout = (float *)at[12],
                                   .delta = (float *)at[13]};
}

struct attention_block attention_block(const struct attention_args *a, const struct segment *seg, int kv, int64_t r0, int64_t r1)
{
    struct attention_block b = {.seg = seg, .kv = kv, .r0 = r0, .r1 = r1};
    b.chunk0 = attention_first(a, attention_position(a, &b, r0)) / KEYS;
    b.chunk1 = attention_position(a, &b, r1 - 1) / KEYS + 1;
    return b;
}

struct key_rows attention_keys(const struct step *s, const struct head_view *view, const struct attention_block *b, int64_t key)
{
    const struct attention_args *a = &s->p.attention;
    const struct tensor *x = s->in[view->in];
    const char *data = x->data;
    int64_t at = view->off + b->kv * view->hs, count = KEYS - key % KEYS;
    if (a->cached) {
        data += (size_t)b->seg->pages[key / KEYS] * a->page_stride;
        at += key % KEYS * x->ld;
    } else {
        at += (b->seg->key0 + key) * x->ld;
        count = tensor_rows(x) - b->seg->key0 - key;
    }
    return (struct key_rows){data + format_bytes(x->dtype, at), x->dtype, x->ld, count};
}

void attention_gather(const struct attention_args *a, const struct attention_block *b, const struct tensor *x,
                      const struct head_view *view, int d, float *dst, int64_t ld)
{
    int g = attention_group(a);
    for (int64_t r = b->r0; r < b->r1; r++, dst += ld) {
        const float *src = tensor_f32(x) + (b->seg->row0 + r / g) * x->ld + view->off + (b->kv * g + r % g) * view->hs;
        memcpy(dst, src, (size_t)d * sizeof *dst);
    }
}

void attention_queries(const struct run *r, const struct step *s, const struct attention_block *b, const struct attention_tile *t)
{
    const struct attention_args *a = &s->p.attention;
    attention_gather(a, b, s->in[a->q1.in], &a->q1, a->d1, t->q, width_of(a));
    if (a->d2) attention_gather(a, b, s->in[a->q2.in], &a->q2, a->d2, t->q + a->d1, width_of(a));
    if (attention_is_int8(a)) attention_int8_queries(r, a, b->r1 - b->r0, t);
}

/* A transposed panel of keys from `at` on. Full panels are packed fastest: rows beyond the span are taken too where there
 * is memory, and what they give is not used. */
static void pack_panel(const struct run *r, const struct key_rows *k, int64_t at, int d, float *wide, float *dst)
{
    int rows = (int)min_i64(KEY_PANEL, k->count - at);
    const char *src = k->data + (size_t)at * format_bytes(k->type, k->ld);
    if (k->type != DT_Q8_0) {
        r->ks->pack_keys(dst, src, k->type, k->ld, rows, d);
        return;
    }
    size_t row_bytes = format_bytes(k->type, k->ld);
    for (int i = 0; i < rows; i++) r->ks->widen(wide + (int64_t)i * d, src + (size_t)i * row_bytes, k->type, d);
    r->ks->pack_keys(dst, wide, DT_F32, d, rows, d);
}

void attention_dots(const struct run *r, const struct attention_tile *t, const struct attention_dots *x)
{
    int64_t width = x->d[0] + x->d[1];
    for (int64_t at = x->span.lo; at < x->span.hi; at += KEY_PANEL) {
        pack_panel(r, &x->k[0], at, x->d[0], t->wide, t->panel);
        if (x->d[1]) pack_panel(r, &x->k[1], at, x->d[1], t->wide, t->panel + x->d[0] * KEY_PANEL);
        for (int64_t k = 0; k < width; k += PIECE)
            r->ks->product(&(struct product){.m = x->rows,
                                             .n = KEY_PANEL,
                                             .k = min_i64(PIECE, width - k),
                                             .a = x->a + k,
                                             .lda = width,
                                             .b = t->panel + k * KEY_PANEL,
                                             .ldb = KEY_PANEL,
                                             .c = x->c + at,
                                             .ldc = KEY_LD,
                                             .accumulate = k > 0});
    }
}

/* One row of scores becomes probabilities; keys [first, end) of the chunk are visible. */
static void softmax_row(const struct run *r, float scale, struct attention_span span, int64_t first, int64_t end, float *p,
                        float *max, float *sum)
{
    *max = -INFINITY;
    *sum = 0;
    if (end > span.lo && first < span.hi) {
        for (int64_t k = span.lo; k < first; k++) p[k] = -INFINITY;
        *sum = r->ks->exp_sum(p + span.lo, scale, end - span.lo, max);
    } else {
        end = span.lo;
    }
    if (end < span.hi) zero(p + end, span.hi - end);
}

struct attention_span attention_scores(const struct run *r, const struct step *s, const struct attention_block *b, int64_t chunk,
                                       const struct attention_tile *t)
{
    const struct attention_args *a = &s->p.attention;
    int64_t key0 = chunk * KEYS, first = attention_first(a, attention_position(a, b, b->r0)) - key0;
    struct attention_span span = {max_i64(0, first / KEY_PANEL * KEY_PANEL),
                                  min_i64(KEYS, attention_position(a, b, b->r1 - 1) + 1 - key0)};
    if (attention_is_int8(a)) {
        attention_int8_dots(r, s, b, chunk, span.hi, t);
    } else {
        struct attention_dots x = {.a = t->q,
                                   .rows = b->r1 - b->r0,
                                   .k = {attention_keys(s, &a->k1, b, key0)},
                                   .d = {a->d1, a->d2},
                                   .span = span,
                                   .c = t->p};
        if (a->d2) x.k[1] = attention_keys(s, &a->k2, b, key0);
        attention_dots(r, t, &x);
    }
    for (int64_t i = 0; i < b->r1 - b->r0; i++) {
        int64_t from = attention_first(a, attention_position(a, b, b->r0 + i)) - key0;
        softmax_row(r, a->scale, span, from, attention_seen(a, b, chunk, b->r0 + i), t->p + i * KEY_LD, &t->max[i], &t->sum[i]);
    }
    return span;
}

void attention_widen(const struct run *r, const struct key_rows *v, int64_t at, int64_t n, int64_t dv, float *dst)
{
    size_t row_bytes = format_bytes(v->type, v->ld);
    const char *src = v->data + (size_t)at * row_bytes;
    for (int64_t k = 0; k < n; k++, src += row_bytes, dst += dv + VALUE_PAD) {
        if (v->type == DT_F32) memcpy(dst, src, (size_t)dv * sizeof *dst);
        else r->ks->widen(dst, src, v->type, dv);
    }
}

void attention_values(const struct run *r, const struct step *s, const struct attention_block *b, int64_t chunk,
                      struct attention_span span, const struct attention_tile *t, float *o)
{
    const struct attention_args *a = &s->p.attention;
    if (attention_is_int8(a)) {
        attention_int8_values(r, s, b, chunk, t, o);
        return;
    }
    struct key_rows v = attention_keys(s, &a->v, b, chunk * KEYS);
    struct product x = {.m = b->r1 - b->r0, .n = a->dv, .lda = KEY_LD, .c = o, .ldc = a->dv};
    if (x.m <= DIRECT_ROWS && (v.type == DT_F32 || (v.type == DT_BF16 && x.n % 8 == 0))) {
        x.a = t->p + span.lo;
        x.k = span.hi - span.lo;
        x.b = v.data + (size_t)span.lo * format_bytes(v.type, v.ld);
        x.ldb = v.ld;
        (v.type == DT_F32 ? r->ks->product : r->ks->product_bf16)(&x);
        return;
    }
    x.b = t->wide;
    x.ldb = a->dv + VALUE_PAD;
    for (int64_t at = span.lo; at < span.hi; at += x.k, x.accumulate = true) {
        x.k = min_i64(VALUE_ROWS, span.hi - at);
        x.a = t->p + at;
        attention_widen(r, &v, at, x.k, a->dv, t->wide);
        r->ks->product(&x);
    }
}

void attention_merge(const struct kernels *ks, float *o, float *state, const float *chunk_o, float max, float sum, int64_t dv,
                     bool first)
{
    if (first) {
        memcpy(o, chunk_o, (size_t)dv * sizeof *o);
        state[0] = max;
        state[1] = sum;
        return;
    }
    float weight[2] = {state[0], max}; /* becomes exp(old maximum - new), exp(chunk's - new): one of them is 1 */
    ks->exp_sum(weight, 1.0f, 2, &state[0]);
    state[1] = state[1] * weight[0] + sum * weight[1];
    if (weight[0] != 1.0f) ks->scale(o, weight[0], dv);
    ks->axpy(o, weight[1], chunk_o, dv);
}
