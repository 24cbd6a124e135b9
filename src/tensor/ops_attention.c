/* Causal attention inside the segments of a batch, for any layout of heads: grouped queries, plain MLA (keys and values per
 * head, one rotary key for all) and absorbed MLA (one key and value for all heads). attention.h defines the arithmetic.
 *
 * Long segments (prefill, training) are cut into (kv head, block of rows); a task walks over the chunks of its block. Short
 * ones (decoding) are cut into (kv head, block, chunk): the tasks leave their parts in scratch, and whoever finishes the
 * last part of a block merges them all, in order. Parts are limited: a long context passes in several waves. A table of the
 * segments' first units keeps the search for a unit short, however many sequences there are. */
#include <assert.h>
#include <stdatomic.h>
#include <string.h>
#include "tensor/attention.h"

enum {
    SHORT_TOKENS = 4, /* segments up to this length are cut along the keys */
    PART_ROWS = 32,   /* parts of rows, per query head, that there is room for */
    TASKS = 4         /* per thread */
};

struct work {
    struct run *r;
    struct step *s;
    int64_t height;      /* rows of a block */
    int64_t long_tasks;  /* in this wave: they come first */
    int64_t first;       /* short unit of this wave */
    int64_t count;       /* short units of this wave */
    int64_t first_group; /* of the unit `first` */
    int64_t part_rows;   /* rows of a part */
};

/* A chunk of a block of a short segment. group: number of the block among all short ones; first, last: the units of it. */
struct unit {
    struct attention_block b;
    int64_t chunk, group, first, last;
};

/* Units and groups of the short segments before one. */
struct start {
    int64_t unit, group;
};

static int64_t part_capacity(const struct attention_args *a) { return (int64_t)a->heads * PART_ROWS; }
static size_t counter_bytes(const struct attention_args *a)
{
    return round_up((size_t)part_capacity(a) * sizeof(atomic_int), 64);
}
static char *shared_scratch(const struct run *r, const struct attention_args *a)
{
    return (char *)run_scratch(r) + (size_t)pool_threads(r->pool) * attention_tile_bytes(r, a);
}
static size_t start_bytes(const struct attention_args *a)
{
    return round_up((size_t)(a->batch->n_segs + 1) * sizeof(struct start), 64);
}
static struct start *starts(const struct work *w)
{
    const struct attention_args *a = &w->s->p.attention;
    return (struct start *)(void *)(shared_scratch(w->r, a) + counter_bytes(a));
}
static atomic_int *counter(const struct work *w, int64_t group)
{
    return (atomic_int *)(void *)shared_scratch(w->r, &w->s->p.attention) + (group - w->first_group);
}

/* Part of a unit: maxima and sums (part_rows each), then o (part_rows, dv). */
static float *part_of(const struct work *w, int64_t u)
{
    const struct attention_args *a = &w->s->p.attention;
    char *parts = shared_scratch(w->r, a) + counter_bytes(a) + start_bytes(a);
    return (float *)(void *)parts + (u - w->first) * w->part_rows * (a->dv + 2);
}

static void attention_shape(struct run *r, struct step *s)
{
    const struct attention_args *a = &s->p.attention;
    const struct batch *b = a->batch;
    assert(a->kv_heads > 0 && a->heads % a->kv_heads == 0 && !(r->taping && a->cached));
    s->out[0] = run_tensor2(r, b->n, (int64_t)a->heads * a->dv, "attention");
    s->out[1] = run_tensor2(r, b->n * a->heads, 2, "softmax"); /* maximum, and 1 / sum */
    if (r->taping && a->d2 && a->k2.hs == 0 && a->kv_heads > 1) /* gradients of the shared key, per kv head */
        s->out[2] = run_tensor2(r, b->n_keys, (int64_t)a->kv_heads * a->d2, "dk2");
    size_t parts = (size_t)(part_capacity(a) * (a->dv + 2)) * sizeof(float);
    size_t shared = counter_bytes(a) + start_bytes(a) + parts;
    run_scratch_need(r, (size_t)pool_threads(r->pool) * attention_tile_bytes(r, a) + shared);
}

static float *output_row(const struct step *s, const struct attention_block *b, int64_t row)
{
    return tensor_f32(s->out[0]) + attention_pair(&s->p.attention, b, row) * s->p.attention.dv;
}
static float *state_row(const struct step *s, const struct attention_block *b, int64_t row)
{
    return tensor_f32(s->out[1]) + 2 * attention_pair(&s->p.attention, b, row);
}

/* Adds a chunk's results, part rows from b->r0 on, to the rows that see any of it. */
static void merge_chunk(const struct work *w, const struct attention_block *b, int64_t chunk, const float *max, const float *sum,
                        const float *o)
{
    const struct attention_args *a = &w->s->p.attention;
    for (int64_t r = b->r0; r < b->r1; r++, max++, sum++, o += a->dv) {
        int64_t pos = attention_position(a, b, r), first = attention_first(a, pos) / KEYS;
        if (chunk < first || chunk > pos / KEYS) continue;
        attention_merge(w->r->ks, output_row(w->s, b, r), state_row(w->s, b, r), o, *max, *sum, a->dv, chunk == first);
    }
}

static void finish_block(const struct work *w, const struct attention_block *b)
{
    const struct attention_args *a = &w->s->p.attention;
    for (int64_t r = b->r0; r < b->r1; r++) {
        float *state = state_row(w->s, b, r);
        state[1] = 1.0f / state[1];
        w->r->ks->scale(output_row(w->s, b, r), state[1], a->dv);
    }
}

static int64_t segment_rows(const struct attention_args *a, const struct segment *seg) { return seg->n * attention_group(a); }
static int64_t segment_blocks(const struct work *w, const struct segment *seg)
{
    return ceil_div(segment_rows(&w->s->p.attention, seg), w->height);
}
/* One thread gains nothing from parts. */
static bool is_short(const struct work *w, const struct segment *seg)
{
    return seg->n <= SHORT_TOKENS && pool_threads(w->r->pool) > 1;
}
static struct attention_block block_of(const struct work *w, const struct segment *seg, int kv, int64_t index)
{
    const struct attention_args *a = &w->s->p.attention;
    int64_t r0 = index * w->height;
    return attention_block(a, seg, kv, r0, min_i64(r0 + w->height, segment_rows(a, seg)));
}

static void long_task(const struct work *w, int64_t task, int worker)
{
    const struct attention_args *a = &w->s->p.attention;
    const struct segment *seg = a->batch->segs;
    for (;; seg++) {
        int64_t tasks = is_short(w, seg) ? 0 : segment_blocks(w, seg) * a->kv_heads;
        if (task < tasks) break;
        task -= tasks;
    }
    int64_t index = segment_blocks(w, seg) - 1 - task / a->kv_heads; /* the last blocks see most keys: they go first */
    struct attention_block b = block_of(w, seg, (int)(task % a->kv_heads), index);
    struct attention_tile t = attention_tile(w->r, a, worker);
    attention_queries(w->r, w->s, &b, &t);
    for (int64_t c = b.chunk0; c < b.chunk1; c++) {
        struct attention_span span = attention_scores(w->r, w->s, &b, c, &t);
        attention_values(w->r, w->s, &b, c, span, &t, t.o);
        merge_chunk(w, &b, c, t.max, t.sum, t.o);
    }
    finish_block(w, &b);
}

/* Fills the table of starts, with the sums behind the last; *tallest: rows of the tallest block. */
static struct start count_units(const struct work *w, int64_t *tallest)
{
    const struct attention_args *a = &w->s->p.attention;
    struct start *table = starts(w), at = {0, 0};
    *tallest = 1;
    for (int64_t i = 0; i < a->batch->n_segs; i++) {
        const struct segment *seg = &a->batch->segs[i];
        int64_t blocks = is_short(w, seg) ? segment_blocks(w, seg) : 0;
        table[i] = at;
        for (int64_t k = 0; k < blocks; k++) {
            struct attention_block b = block_of(w, seg, 0, k);
            *tallest = max_i64(*tallest, b.r1 - b.r0);
            at.unit += (b.chunk1 - b.chunk0) * a->kv_heads;
            at.group += a->kv_heads;
        }
    }
    return table[a->batch->n_segs] = at;
}

/* The segment of unit u: the last one that begins at or before it (one without units begins where the next does). */
static int64_t segment_of_unit(const struct work *w, int64_t u)
{
    const struct start *table = starts(w);
    int64_t lo = 0, hi = w->s->p.attention.batch->n_segs;
    while (hi - lo > 1) {
        int64_t mid = lo + (hi - lo) / 2;
        *(table[mid].unit <= u ? &lo : &hi) = mid;
    }
    return lo;
}

static struct unit find_unit(const struct work *w, int64_t u)
{
    const struct attention_args *a = &w->s->p.attention;
    int64_t i = segment_of_unit(w, u);
    struct start at = starts(w)[i];
    for (int64_t k = 0;; k++, at.group += a->kv_heads) {
        struct attention_block b = block_of(w, &a->batch->segs[i], 0, k);
        int64_t chunks = b.chunk1 - b.chunk0, end = at.unit + chunks * a->kv_heads;
        if (u < end) {
            b.kv = (int)((u - at.unit) / chunks);
            int64_t first = at.unit + b.kv * chunks;
            return (struct unit){b, b.chunk0 + (u - first), at.group + b.kv, first, first + chunks};
        }
        at.unit = end;
    }
}

/* The parts of the block that this wave has made; the rows are complete with the last of all. */
static void merge_parts(const struct work *w, const struct unit *x)
{
    int64_t u0 = max_i64(x->first, w->first), u1 = min_i64(x->last, w->first + w->count);
    for (int64_t u = u0; u < u1; u++) {
        const float *part = part_of(w, u);
        merge_chunk(w, &x->b, x->b.chunk0 + (u - x->first), part, part + w->part_rows, part + 2 * w->part_rows);
    }
    if (u1 == x->last) finish_block(w, &x->b);
}

static void short_task(const struct work *w, int64_t u, int worker)
{
    const struct attention_args *a = &w->s->p.attention;
    struct unit x = find_unit(w, u);
    struct attention_tile t = attention_tile(w->r, a, worker);
    float *part = part_of(w, u);
    t.max = part;
    t.sum = part + w->part_rows;
    attention_queries(w->r, w->s, &x.b, &t);
    struct attention_span span = attention_scores(w->r, w->s, &x.b, x.chunk, &t);
    attention_values(w->r, w->s, &x.b, x.chunk, span, &t, part + 2 * w->part_rows);
    int64_t units = min_i64(x.last, w->first + w->count) - max_i64(x.first, w->first);
    if (atomic_fetch_add(counter(w, x.group), 1) + 1 == units) merge_parts(w, &x);
}

static void attention_task(void *ctx, int64_t task, int worker)
{
    const struct work *w = ctx;
    if (task < w->long_tasks) long_task(w, task, worker);
    else short_task(w, w->first + task - w->long_tasks, worker);
}

/* Enough blocks for all threads. */
static int64_t block_height(const struct run *r, const struct attention_args *a)
{
    int64_t rows = a->batch->n * a->heads / (pool_threads(r->pool) * TASKS);
    return max_i64(BLOCK_STEP, min_i64(attention_height(a), rows / BLOCK_STEP * BLOCK_STEP));
}

static void attention_forward(struct run *r, struct step *s)
{
    const struct attention_args *a = &s->p.attention;
    struct work w = {.r = r, .s = s, .height = block_height(r, a)};
    for (int64_t i = 0; i < a->batch->n_segs; i++)
        if (!is_short(&w, &a->batch->segs[i])) w.long_tasks += segment_blocks(&w, &a->batch->segs[i]) * a->kv_heads;
    int64_t units = count_units(&w, &w.part_rows).unit;
    do {
        w.count = min_i64(units - w.first, part_capacity(a) / w.part_rows);
        if (w.count > 0) {
            w.first_group = find_unit(&w, w.first).group;
            memset(shared_scratch(r, a), 0, counter_bytes(a));
        }
        pool_for(r->pool, w.long_tasks + w.count, attention_task, &w);
        w.first += w.count;
        w.long_tasks = 0;
    } while (w.first < units);
}

static const struct op attention_op = {"attention", attention_shape, attention_forward, attention_backward, false};

struct tensor *op_attention(struct run *r, struct tensor *const *in, int n_in, const struct attention_args *a)
{
    struct step s = {0};
    assert(n_in <= 8);
    for (int i = 0; i < n_in; i++) s.in[i] = in[i];
    s.p.attention = *a;
    return run_op(r, &attention_op, &s);
}
