/* Storing rows in a cache and gathering them again. Inference only: no gradients.
 *
 * Attention reads a cache where it lies (attention_args.cached), through the view that op_cache gives; op_cache_rows is
 * for what must be computed from all visible rows, as keys and values of plain MLA. */
#include <assert.h>
#include <string.h>
#include "tensor/ops_internal.h"

/* Bytes of a row, and the segment that row n of the batch belongs to. */
static size_t row_bytes(const struct tensor *t) { return format_bytes(t->dtype, t->ld); }
static const struct segment *segment_of(const struct batch *b, int64_t n)
{
    const struct segment *seg = b->segs;
    while (seg + 1 < b->segs + b->n_segs && n >= seg[1].row0) seg++;
    return seg;
}

static void cache_shape_op(struct run *r, struct step *s)
{
    const struct cache_layer *c = &s->p.cache.layer;
    const struct batch *b = s->p.cache.batch;
    int64_t rows = 1;
    assert(!r->taping && tensor_cols(s->in[0]) == c->width);
    for (int64_t i = 0; i < b->n_segs; i++)
        rows = max_i64(rows, b->segs[i].slot * c->slot_rows + b->segs[i].past + b->segs[i].n);
    struct tensor *y = arena_alloc(&r->meta, sizeof *y);
    *y = (struct tensor){
        .dtype = c->dtype, .nd = 2, .ne = {rows, c->width}, .ld = c->width, .data = r->measure ? NULL : c->base, .name = "cache"};
    s->out[0] = y;
}

static void cache_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    const struct job *j = ctx;
    const struct tensor *x = j->s->in[0], *y = j->s->out[0];
    const struct cache_layer *c = &j->s->p.cache.layer;
    for (int64_t n = task_row0(task); n < task_row1(task, tensor_rows(x)); n++) {
        const struct segment *seg = segment_of(j->s->p.cache.batch, n);
        int64_t row = seg->slot * c->slot_rows + seg->past + (n - seg->row0);
        const float *src = tensor_f32(x) + n * x->ld;
        char *dst = (char *)y->data + (size_t)row * row_bytes(y);
        if (c->dtype == DT_F32) memcpy(dst, src, row_bytes(y));
        else formats[c->dtype].from_f32(dst, src, c->width);
    }
}

static void cache_forward(struct run *r, struct step *s) { for_rows(r, s, tensor_rows(s->in[0]), cache_task); }

static const struct op cache_op = {"cache", cache_shape_op, cache_forward, NULL, false};

struct tensor *op_cache(struct run *r, struct tensor *kv, const struct batch *b, const struct cache_layer *c)
{
    struct step s = {.in = {kv}};
    s.p.cache.batch = b;
    s.p.cache.layer = *c;
    return run_op(r, &cache_op, &s);
}

/* ---- cache_rows ---- */

/* The rows of one segment in an f32 cache are where they should be already. */
static bool in_place(const struct step *s) { return s->in[0]->dtype == DT_F32 && s->p.cache.batch->n_segs == 1; }
static const char *slot_of(const struct step *s, const struct segment *seg)
{
    return (const char *)s->in[0]->data + (size_t)(seg->slot * s->p.cache.layer.slot_rows) * row_bytes(s->in[0]);
}

static void rows_shape(struct run *r, struct step *s)
{
    const struct tensor *x = s->in[0];
    const struct batch *b = s->p.cache.batch;
    assert(!r->taping);
    if (!in_place(s)) {
        s->out[0] = run_tensor2(r, b->n_keys, tensor_cols(x), "cache_rows");
        return;
    }
    struct tensor *y = arena_alloc(&r->meta, sizeof *y);
    *y = *x;
    y->ne[0] = b->n_keys;
    y->data = r->measure ? NULL : (void *)slot_of(s, &b->segs[0]);
    s->out[0] = y;
}

static void rows_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    const struct job *j = ctx;
    const struct tensor *x = j->s->in[0], *y = j->s->out[0];
    const struct batch *b = j->s->p.cache.batch;
    for (int64_t i = 0; i < b->n_segs; i++) {
        const struct segment *seg = &b->segs[i];
        int64_t end = seg->key0 + seg->past + seg->n;
        int64_t k0 = max_i64(task_row0(task), seg->key0), k1 = min_i64(task_row1(task, b->n_keys), end);
        for (int64_t k = k0; k < k1; k++) {
            const char *src = slot_of(j->s, seg) + (size_t)(k - seg->key0) * row_bytes(x);
            float *dst = tensor_f32(y) + k * y->ld;
            if (x->dtype == DT_F32) memcpy(dst, src, row_bytes(x));
            else formats[x->dtype].to_f32(dst, src, x->ld);
        }
    }
}

static void rows_forward(struct run *r, struct step *s)
{
    if (!in_place(s)) for_rows(r, s, s->p.cache.batch->n_keys, rows_task);
}

static const struct op rows_op = {"cache_rows", rows_shape, rows_forward, NULL, false};

struct tensor *op_cache_rows(struct run *r, struct tensor *cached, const struct batch *b, int64_t slot_rows)
{
    struct step s = {.in = {cached}};
    s.p.cache.batch = b;
    s.p.cache.layer = (struct cache_layer){.dtype = cached->dtype, .slot_rows = slot_rows, .width = tensor_cols(cached)};
    return run_op(r, &rows_op, &s);
}
