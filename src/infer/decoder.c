/* The decoder: batches out of pieces, and their pages. */
#include "infer/decoder.h"
#include <string.h>
#include "base/checked.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "infer/session.h"

enum { MAX_CHUNK = 4096, MAX_SLOTS = 1024, MAX_PAGES = 1 << 30 };

/* One pass over the batch in d. Returns the logits of the rows in d->last (n_last), or NULL when there are none.
 * Used for measuring too: then nothing is computed. */
static struct tensor *forward(struct decoder *d, int64_t rows, int n_segs, int64_t n_keys, int64_t n_last)
{
    struct batch b = {.n = rows, .ids = d->ids, .pos = d->pos, .segs = d->segs, .n_segs = n_segs, .n_keys = n_keys};
    struct forward_args a = {.batch = &b, .cache = &d->cache};
    run_reset(&d->run);
    d->hidden = net_forward(&d->run, &d->en->net, &a, NULL);
    return n_last > 0 ? net_logits(&d->run, &d->en->net, d->hidden, d->last, n_last) : NULL;
}

/* Fills the batch arrays with the largest batch of `rows` rows: every slot full to the end. */
static void worst_batch(struct decoder *d, int64_t rows)
{
    int64_t row = 0, key = 0;
    for (int i = 0; i < d->slots; i++) {
        int64_t n = i + 1 < d->slots ? 1 : rows - row;
        d->segs[i] = (struct segment){.row0 = row, .n = n, .past = d->context - n, .key0 = key};
        row += n;
        key += d->context;
    }
}

static void grow_size(struct run_size *a, struct run_size b)
{
    if (b.meta > a->meta) a->meta = b.meta;
    if (b.mem > a->mem) a->mem = b.mem;
    if (b.scratch > a->scratch) a->scratch = b.scratch;
}

static int alloc_arrays(struct decoder *d, struct err *e)
{
    size_t rows = (size_t)d->rows * sizeof(int32_t);
    TRY(mem_new((void **)&d->ids, rows, "a batch", e));
    TRY(mem_new((void **)&d->pos, rows, "a batch", e));
    TRY(mem_new((void **)&d->last, rows, "a batch", e));
    return mem_new((void **)&d->segs, (size_t)d->slots * sizeof *d->segs, "a batch", e);
}

/* Headers of one block and of what is outside blocks; a generous bound, checked by run_measure. */
static size_t meta_bound(const struct engine *en) { return (size_t)(en->net.config.layers + 8) << 16; }

/* Measures with the arrays and the cache's shape in d: the full batch, and single rows (which some operations may
 * treat on another path). */
static int measure(struct run_size *size, struct decoder *d, struct err *e)
{
    const struct engine *en = d->en;
    int64_t tries[2] = {d->rows, d->slots};
    *size = (struct run_size){0};
    for (int i = 0; i < 2; i++) {
        TRY(run_measure(&d->run, &en->ks, en->pool, en->compute, meta_bound(en), e));
        worst_batch(d, tries[i]);
        forward(d, tries[i], d->slots, d->slots * d->context, min_i64(tries[i], d->most_logits));
        grow_size(size, run_sized(&d->run));
        run_free(&d->run);
        d->run = (struct run){0};
    }
    return OK;
}

int decoder_complete(struct decoder_options *o, struct err *e)
{
    if (o->chunk < 0 || o->chunk > MAX_CHUNK)
        FAIL(e, ERR_USAGE, "chunk is %lld, expected 1 to %d", (long long)o->chunk, MAX_CHUNK);
    if (o->slots < 0 || o->slots > MAX_SLOTS)
        FAIL(e, ERR_USAGE, "%d sequences at once, expected 1 to %d", o->slots, MAX_SLOTS);
    if (o->pages < 0 || o->pages > MAX_PAGES)
        FAIL(e, ERR_USAGE, "a cache of %lld pages, expected 1 to %d", (long long)o->pages, MAX_PAGES);
    if (o->more_logits < 0 || o->more_logits > MAX_CHUNK)
        FAIL(e, ERR_USAGE, "logits of %lld more rows, expected 0 to %d", (long long)o->more_logits, MAX_CHUNK);
    if (!o->chunk) o->chunk = o->all_logits ? DECODER_SCORED : DECODER_CHUNK;
    if (!o->slots) o->slots = 1;
    return OK;
}

int64_t decoder_pages(const struct decoder_options *o) { return o->pages ? o->pages : o->slots * cache_pages(o->context); }

/* Everything but memory; *o becomes complete. */
static int set_shape(struct decoder *d, struct decoder_options *o, const struct engine *en, struct err *e)
{
    *d = (struct decoder){.en = en};
    TRY(decoder_complete(o, e));
    if (o->context < 0 || o->context > en->positions)
        FAIL(e, ERR_LIMIT, "a context of %lld is asked for, the model was opened for 1 to %lld", (long long)o->context,
             (long long)en->positions);
    if (!o->context) o->context = en->positions;
    d->context = o->context;
    d->chunk = o->chunk;
    d->slots = o->slots;
    d->rows = max_i64(d->slots, min_i64(d->chunk, d->slots * d->context));
    d->most_logits = o->all_logits ? d->rows : min_i64(d->rows, d->slots + o->more_logits);
    return OK;
}

int decoder_measure(struct run_size *size, const struct engine *en, const struct decoder_options *o, struct err *e)
{
    struct decoder d;
    struct decoder_options shape = *o;
    int rc = set_shape(&d, &shape, en, e);
    if (!rc) rc = cache_shape(&d.cache, &en->net.config, en->cache, decoder_pages(&shape), e);
    if (!rc) rc = alloc_arrays(&d, e);
    if (!rc) rc = measure(size, &d, e);
    decoder_close(&d);
    return rc;
}

int decoder_open(struct decoder *d, const struct engine *en, const struct decoder_options *o, struct err *e)
{
    struct run_size size;
    struct decoder_options shape = *o;
    int rc = set_shape(d, &shape, en, e);
    if (!rc) rc = alloc_arrays(d, e);
    if (!rc) rc = cache_init(&d->cache, &en->net.config, en->cache, decoder_pages(&shape), e);
    if (!rc) rc = pages_init(&d->pages, d->cache.pages, e);
    if (!rc) rc = measure(&size, d, e);
    if (!rc) rc = run_init(&d->run, &en->ks, en->pool, en->compute, size, e);
    if (rc) decoder_close(d);
    return rc;
}

void decoder_close(struct decoder *d)
{
    run_free(&d->run);
    cache_free(&d->cache);
    pages_free(&d->pages);
    mem_free(d->ids);
    mem_free(d->pos);
    mem_free(d->last);
    mem_free(d->segs);
    *d = (struct decoder){0};
}

/* The tokenizer may know tokens for which the network has no row. */
static int no_such_row(const struct decoder *d, int64_t at, int32_t id, struct err *e)
{
    char name[60] = "";
    size_t len = 0;
    const char *s = d->en->tok ? tokenizer_bytes(d->en->tok, id, &len) : NULL;
    if (len) utf8_printable(name, sizeof name, s, len);
    FAIL(e, ERR_FORMAT, "token %lld is id %d%s%s%s, expected 0 to %lld: the network has no row for others", (long long)at, id,
         len ? " (" : "", name, len ? ")" : "", (long long)d->en->net.config.vocab - 1);
}

static int check_piece(const struct decoder *d, const struct piece *p, struct err *e)
{
    int64_t vocab = d->en->net.config.vocab;
    if (p->n <= 0) FAIL(e, ERR_USAGE, "a sequence of %lld tokens cannot be evaluated", (long long)p->n);
    if (p->logits < 0 || p->logits > p->n)
        FAIL(e, ERR_USAGE, "logits of %lld rows are wanted, of a piece of %lld", (long long)p->logits, (long long)p->n);
    if (p->n > d->context - p->s->n)
        FAIL(e, ERR_LIMIT, "%lld tokens after %lld do not fit into a context of %lld", (long long)p->n,
             (long long)p->s->n, (long long)d->context);
    for (int64_t i = 0; i < p->n; i++)
        if (p->ids[i] < 0 || p->ids[i] >= vocab)
            return no_such_row(d, p->s->n + i, p->ids[i], e);
    return OK;
}

/* The batch of the pieces; the rows whose logits are wanted are n_last. */
static int lay_out(struct decoder *d, const struct piece *pieces, int n_pieces, int64_t *n_last, struct err *e)
{
    int64_t row = 0, key = 0;
    *n_last = 0;
    for (int i = 0; i < n_pieces; i++) {
        const struct piece *p = &pieces[i];
        TRY(check_piece(d, p, e));
        if (p->n > d->rows - row) FAIL(e, ERR_LIMIT, "more than %lld rows in one pass", (long long)d->rows);
        if (p->logits > d->most_logits - *n_last)
            FAIL(e, ERR_LIMIT, "the decoder was opened for the logits of %lld rows of a pass", (long long)d->most_logits);
        d->segs[i] = (struct segment){.row0 = row, .n = p->n, .past = p->s->n, .key0 = key, .pages = p->s->pages};
        for (int64_t j = 0; j < p->n; j++, row++) {
            d->ids[row] = p->ids[j];
            d->pos[row] = (int32_t)(p->s->n + j);
            if (j >= p->n - p->logits) d->last[(*n_last)++] = (int32_t)row;
        }
        key += p->s->n + p->n;
    }
    return OK;
}

int decoder_no_pages(const struct decoder *d, int64_t lacks, struct err *e)
{
    FAIL(e, ERR_LIMIT, "the cache is full: %lld more pages of %d tokens are needed, %d of %d are free", (long long)lacks,
         PAGE_ROWS, d->pages.n_free, d->pages.n);
}

/* Pages for all pieces, or none. Two that would both write a page that they share count one too many: the second finds it its
 * own. */
static int take_pages(const struct decoder *d, const struct piece *pieces, int n_pieces, struct err *e)
{
    int64_t lacks = 0;
    for (int i = 0; i < n_pieces; i++) lacks += session_lacks(pieces[i].s, pieces[i].s->n + pieces[i].n);
    if (lacks > d->pages.n_free) return decoder_no_pages(d, lacks, e);
    for (int i = 0; i < n_pieces; i++) session_take_pages(pieces[i].s, pieces[i].s->n + pieces[i].n);
    return OK;
}

/* What a pass leaves in the sessions. */
static void keep(struct decoder *d, const struct piece *p, const struct segment *seg, int64_t first_logits)
{
    memmove(p->s->ids + p->s->n, p->ids, (size_t)p->n * sizeof *p->ids);
    p->s->n += p->n;
    p->s->has_logits = p->logits > 0;
    if (p->logits > 0)
        memcpy(p->s->logits, decoder_logits(d, first_logits + p->logits - 1), (size_t)tensor_cols(d->logits) * sizeof(float));
    for (int64_t r = seg->row0; p->sum && r < seg->row0 + seg->n; r++) {
        const float *row = tensor_f32(d->hidden) + r * d->hidden->ld;
        for (int64_t i = 0; i < tensor_cols(d->hidden); i++) p->sum[i] += (double)row[i];
    }
}

int decoder_eval(struct decoder *d, const struct piece *pieces, int n_pieces, struct err *e)
{
    int64_t n_last, first = 0;
    d->logits = d->hidden = NULL;
    if (n_pieces < 1 || n_pieces > d->slots)
        FAIL(e, ERR_LIMIT, "%d sequences in one pass, expected 1 to %d", n_pieces, d->slots);
    TRY(lay_out(d, pieces, n_pieces, &n_last, e));
    TRY(take_pages(d, pieces, n_pieces, e));
    const struct segment *last = &d->segs[n_pieces - 1];
    mem_guard_begin("decode");
    d->logits = forward(d, last->row0 + last->n, n_pieces, last->key0 + last->past + last->n, n_last);
    mem_guard_end();
    for (int i = 0; i < n_pieces; i++) {
        keep(d, &pieces[i], &d->segs[i], first);
        first += pieces[i].logits;
    }
    return OK;
}

const float *decoder_logits(const struct decoder *d, int64_t i) { return tensor_f32(d->logits) + i * d->logits->ld; }
