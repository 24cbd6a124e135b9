/* Storing rows in a cache and gathering them again. Inference only: no gradients.
 *
 * Attention reads a cache where it lies (attention_args.cached), through the view that op_cache gives; op_cache_rows is
 * for what must be computed from all visible rows, as keys and values of plain MLA. */
#include <assert.h>
#include <string.h>
#include "tensor/ops_internal.h"

static char *row_at(const struct cache_layer *c, const struct segment *seg, int64_t row)
{
    size_t in_page = (size_t)(row % PAGE_ROWS) * format_bytes(c->dtype, c->width);
    return c->base + (size_t)seg->pages[row / PAGE_ROWS] * c->stride + in_page;
}

static void cache_shape_op(struct run *r, struct step *s)
{
    const struct cache_layer *c = &s->p.cache.layer;
    assert(!r->taping && tensor_cols(s->in[0]) == c->width);
    struct tensor *y = arena_alloc(&r->meta, sizeof *y);
    *y = (struct tensor){.dtype = c->dtype,
                         .nd = 2,
                         .ne = {PAGE_ROWS, c->width},
                         .ld = c->width,
                         .data = r->measure ? NULL : c->base,
                         .name = "cache"};
    s->out[0] = y;
}

static void cache_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    const struct job *j = ctx;
    const struct tensor *x = j->s->in[0];
    const struct cache_layer *c = &j->s->p.cache.layer;
    const struct batch *b = j->s->p.cache.batch;
    const struct segment *seg = b->segs, *last = b->segs + b->n_segs - 1;
    for (int64_t n = task_row0(task); n < task_row1(task, tensor_rows(x)); n++) {
        while (seg < last && n >= seg[1].row0) seg++;
        const float *src = tensor_f32(x) + n * x->ld;
        char *dst = row_at(c, seg, seg->past + (n - seg->row0));
        if (c->dtype == DT_F32) memcpy(dst, src, (size_t)c->width * sizeof *src);
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

static void rows_shape(struct run *r, struct step *s)
{
    assert(!r->taping);
    s->out[0] = run_tensor2(r, s->p.cache.batch->n_keys, s->p.cache.layer.width, "cache_rows");
}

static void rows_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    const struct job *j = ctx;
    const struct tensor *y = j->s->out[0];
    const struct cache_layer *c = &j->s->p.cache.layer;
    const struct batch *b = j->s->p.cache.batch;
    for (int64_t i = 0; i < b->n_segs; i++) {
        const struct segment *seg = &b->segs[i];
        int64_t end = seg->key0 + seg->past + seg->n;
        int64_t k0 = max_i64(task_row0(task), seg->key0), k1 = min_i64(task_row1(task, b->n_keys), end);
        for (int64_t k = k0; k < k1; k++) {
            const char *src = row_at(c, seg, k - seg->key0);
            float *dst = tensor_f32(y) + k * y->ld;
            if (c->dtype == DT_F32) memcpy(dst, src, (size_t)c->width * sizeof *dst);
            else formats[c->dtype].to_f32(dst, src, c->width);
        }
    }
}

static void rows_forward(struct run *r, struct step *s) { for_rows(r, s, s->p.cache.batch->n_keys, rows_task); }

static const struct op rows_op = {"cache_rows", rows_shape, rows_forward, NULL, false};

struct tensor *op_cache_rows(struct run *r, struct tensor *cached, const struct batch *b, const struct cache_layer *c)
{
    struct step s = {.in = {cached}};
    s.p.cache.batch = b;
    s.p.cache.layer = *c;
    return run_op(r, &rows_op, &s);
}
