/* Decoder and sessions: batches out of pieces, and the bookkeeping of the cache. */
#include "infer/session.h"
#include <math.h>
#include <string.h>
#include "base/checked.h"
#include "base/mem.h"
#include "base/utf8.h"

enum { MAX_CHUNK = 4096, MAX_SLOTS = 1024 };

/* ---- decoder ---- */

/* One pass over the batch in d. Returns the logits of the rows in d->last (n_last), or NULL when there are none.
 * Used for measuring too: then nothing is computed. */
static struct tensor *forward(struct decoder *d, int64_t rows, int n_segs, int64_t n_keys, int64_t n_last)
{
    struct batch b = {.n = rows, .ids = d->ids, .pos = d->pos, .segs = d->segs, .n_segs = n_segs, .n_keys = n_keys};
    struct forward_args a = {.batch = &b, .cache = &d->cache};
    run_reset(&d->run);
    struct tensor *hidden = net_forward(&d->run, &d->en->net, &a, NULL);
    return n_last > 0 ? net_logits(&d->run, &d->en->net, hidden, d->last, n_last) : NULL;
}

/* Fills the batch arrays with the largest batch of `rows` rows: every slot full to the end. */
static void worst_batch(struct decoder *d, int64_t rows)
{
    int64_t row = 0, key = 0;
    for (int i = 0; i < d->slots; i++) {
        int64_t n = i + 1 < d->slots ? 1 : rows - row;
        d->segs[i] = (struct segment){.row0 = row, .n = n, .past = d->context - n, .key0 = key, .slot = i};
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
    TRY(mem_new((void **)&d->segs, (size_t)d->slots * sizeof *d->segs, "a batch", e));
    return mem_new((void **)&d->used, (size_t)d->slots * sizeof *d->used, "a batch", e);
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
        forward(d, tries[i], d->slots, d->slots * d->context, d->all_logits ? tries[i] : d->slots);
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
    if (!o->chunk) o->chunk = o->all_logits ? DECODER_SCORED : DECODER_CHUNK;
    if (!o->slots) o->slots = 1;
    return OK;
}

static int set_shape(struct decoder *d, const struct engine *en, const struct decoder_options *wanted, struct err *e)
{
    struct decoder_options o = *wanted;
    *d = (struct decoder){.en = en};
    TRY(decoder_complete(&o, e));
    if (o.context < 0 || o.context > en->positions)
        FAIL(e, ERR_LIMIT, "a context of %lld is asked for, the model was opened for 1 to %lld", (long long)o.context,
             (long long)en->positions);
    d->context = o.context ? o.context : en->positions;
    d->chunk = o.chunk;
    d->slots = o.slots;
    d->all_logits = o.all_logits;
    d->rows = max_i64(d->slots, min_i64(d->chunk, d->context));
    return OK;
}

int decoder_measure(struct run_size *size, const struct engine *en, const struct decoder_options *o, struct err *e)
{
    struct decoder d;
    const struct config *c = &en->net.config;
    int rc = set_shape(&d, en, o, e);
    if (!rc) rc = cache_shape(&d.cache, c, en->cache, d.slots, d.context, e);
    if (!rc) rc = alloc_arrays(&d, e);
    if (!rc) rc = measure(size, &d, e);
    decoder_close(&d);
    return rc;
}

int decoder_open(struct decoder *d, const struct engine *en, const struct decoder_options *o, struct err *e)
{
    struct run_size size;
    int rc = set_shape(d, en, o, e);
    if (!rc) rc = alloc_arrays(d, e);
    if (!rc) rc = cache_init(&d->cache, &en->net.config, en->cache, d->slots, d->context, e);
    if (!rc) rc = measure(&size, d, e);
    if (!rc) rc = run_init(&d->run, &en->ks, en->pool, en->compute, size, e);
    if (rc) decoder_close(d);
    return rc;
}

void decoder_close(struct decoder *d)
{
    run_free(&d->run);
    cache_free(&d->cache);
    mem_free(d->ids);
    mem_free(d->pos);
    mem_free(d->last);
    mem_free(d->segs);
    mem_free(d->used);
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
    if (p->n > d->context - p->s->n)
        FAIL(e, ERR_LIMIT, "%lld tokens after %lld do not fit into a context of %lld", (long long)p->n,
             (long long)p->s->n, (long long)d->context);
    for (int64_t i = 0; i < p->n; i++)
        if (p->ids[i] < 0 || p->ids[i] >= vocab)
            return no_such_row(d, p->s->n + i, p->ids[i], e);
    return OK;
}

/* One pass. The logits of each piece's last row where it wants them, or of all rows; NULL when there are none. */
static int pass(struct decoder *d, const struct piece *pieces, int n_pieces, bool all, struct tensor **logits,
                struct err *e)
{
    int64_t row = 0, key = 0, n_last = 0;
    *logits = NULL;
    if (n_pieces < 1 || n_pieces > d->slots)
        FAIL(e, ERR_LIMIT, "%d sequences in one pass, expected 1 to %d", n_pieces, d->slots);
    for (int i = 0; i < n_pieces; i++) {
        const struct piece *p = &pieces[i];
        TRY(check_piece(d, p, e));
        if (p->n > d->rows - row) FAIL(e, ERR_LIMIT, "more than %lld rows in one pass", (long long)d->rows);
        d->segs[i] = (struct segment){.row0 = row, .n = p->n, .past = p->s->n, .key0 = key, .slot = p->s->slot};
        for (int64_t j = 0; j < p->n; j++, row++) {
            d->ids[row] = p->ids[j];
            d->pos[row] = (int32_t)(p->s->n + j);
            if (all || (p->logits && j + 1 == p->n)) d->last[n_last++] = (int32_t)row;
        }
        key += p->s->n + p->n;
    }
    mem_guard_begin("decode");
    *logits = forward(d, row, n_pieces, key, n_last);
    mem_guard_end();
    for (int i = 0; i < n_pieces; i++) {
        const struct piece *p = &pieces[i];
        memmove(p->s->ids + p->s->n, p->ids, (size_t)p->n * sizeof *p->ids);
        p->s->n += p->n;
        p->s->has_logits = p->logits;
    }
    return OK;
}

int decoder_eval(struct decoder *d, const struct piece *pieces, int n_pieces, struct err *e)
{
    struct tensor *logits;
    TRY(pass(d, pieces, n_pieces, false, &logits, e));
    const float *row = logits ? tensor_f32(logits) : NULL;
    for (int i = 0; i < n_pieces; i++) {
        if (!pieces[i].logits) continue;
        memcpy(pieces[i].s->logits, row, (size_t)tensor_cols(logits) * sizeof *row);
        row += logits->ld;
    }
    return OK;
}

/* ---- sessions ---- */

uint64_t session_bytes(const struct engine *en, const struct decoder_options *o)
{
    return (uint64_t)(o->context ? o->context : en->positions) * sizeof(int32_t) + (uint64_t)en->net.config.vocab * sizeof(float);
}

int session_open(struct session *s, struct decoder *d, struct err *e)
{
    int slot = 0;
    *s = (struct session){0};
    while (slot < d->slots && d->used[slot]) slot++;
    if (slot == d->slots) FAIL(e, ERR_LIMIT, "all %d sequences are in use", d->slots);
    int rc = mem_new((void **)&s->ids, (size_t)d->context * sizeof *s->ids, "the tokens of a session", e);
    if (!rc) rc = mem_new((void **)&s->logits, (size_t)d->en->net.config.vocab * sizeof *s->logits, "logits", e);
    if (rc) {
        session_close(s);
        return rc;
    }
    s->dec = d;
    s->slot = slot;
    d->used[slot] = true;
    return OK;
}

void session_close(struct session *s)
{
    if (s->dec) s->dec->used[s->slot] = false;
    mem_free(s->ids);
    mem_free(s->logits);
    *s = (struct session){0};
}

static int too_long(const struct session *s, int64_t n, struct err *e)
{
    long long context = s->dec->context, most = s->dec->en->model_context;
    if (context < most)
        FAIL(e, ERR_LIMIT, "the text has %lld tokens, the context holds %lld; the model allows up to %lld (--ctx)", (long long)n,
             context, most);
    FAIL(e, ERR_LIMIT, "the text has %lld tokens, the context holds %lld, which is all that the model allows", (long long)n,
         context);
}

int session_eval(struct session *s, const int32_t *ids, int64_t n, struct err *e)
{
    int64_t chunk = min_i64(s->dec->rows, s->dec->chunk);
    if (n <= 0) FAIL(e, ERR_USAGE, "a sequence of %lld tokens cannot be evaluated", (long long)n);
    if (n > s->dec->context - s->n) return too_long(s, s->n + n, e);
    for (int64_t done = 0; done < n;) {
        if (s->interrupt && *s->interrupt) FAIL(e, ERR_INTERRUPTED, "interrupted");
        int64_t now = min_i64(chunk, n - done);
        struct piece p = {.s = s, .ids = ids + done, .n = now, .logits = done + now == n};
        TRY(decoder_eval(s->dec, &p, 1, e));
        done += now;
        if (s->progress && n > chunk) s->progress(s->progress_ctx, done, n);
    }
    return OK;
}

/* In double and in the order of the ids: a softmax over a large vocabulary sums many small numbers. */
double session_nats(const float *logits, int64_t vocab, int32_t target)
{
    double top = logits[0], sum = 0;
    for (int64_t i = 1; i < vocab; i++)
        if (logits[i] > top) top = logits[i];
    for (int64_t i = 0; i < vocab; i++) sum += exp(logits[i] - top);
    return log(sum) + top - logits[target];
}

int session_logits(struct session *s, const int32_t *ids, int64_t n, logits_fn *fn, void *ctx, struct err *e)
{
    struct decoder *d = s->dec;
    int64_t chunk = min_i64(d->rows, d->chunk);
    if (!d->all_logits) FAIL(e, ERR_USAGE, "the decoder was not opened for scoring");
    for (int64_t done = 0; done < n;) {
        struct tensor *logits;
        int64_t now = min_i64(chunk, n - done);
        struct piece p = {.s = s, .ids = ids + done, .n = now};
        if (s->interrupt && *s->interrupt) FAIL(e, ERR_INTERRUPTED, "interrupted");
        TRY(pass(d, &p, 1, true, &logits, e));
        TRY(fn(ctx, done, now, tensor_f32(logits), logits->ld, e));
        done += now;
    }
    return OK;
}

struct scores {
    const int32_t *targets;
    double *nats;
    int64_t vocab;
};

static int score_rows(void *ctx, int64_t first, int64_t rows, const float *logits, int64_t stride, struct err *e)
{
    struct scores *c = ctx;
    (void)e;
    for (int64_t i = 0; i < rows; i++) {
        int32_t target = c->targets[first + i];
        c->nats[first + i] = target < 0 ? 0 : session_nats(logits + i * stride, c->vocab, target);
    }
    return OK;
}

int session_score(struct session *s, const int32_t *ids, int64_t n, const int32_t *targets, double *nats, struct err *e)
{
    struct scores c = {targets, nats, s->dec->en->net.config.vocab};
    for (int64_t i = 0; i < n; i++)
        if (targets[i] >= c.vocab)
            FAIL(e, ERR_FORMAT, "token %lld is id %d, expected 0 to %lld", (long long)i, targets[i],
                 (long long)c.vocab - 1);
    return session_logits(s, ids, n, score_rows, &c, e);
}

void session_rewind(struct session *s, int64_t n)
{
    if (n >= s->n) return;
    s->n = max_i64(0, n);
    s->has_logits = false;
}

int session_sync(struct session *s, const int32_t *ids, int64_t n, int64_t *reused, struct err *e)
{
    if (n <= 0) FAIL(e, ERR_USAGE, "the text is empty: there is nothing to continue from");
    if (n > s->dec->context) return too_long(s, n, e);
    int64_t same = 0;
    while (same < n && same < s->n && s->ids[same] == ids[same]) same++;
    bool ready = same == n && same == s->n && s->has_logits;
    if (same == n && !ready) same--; /* the last row is needed for its logits */
    session_rewind(s, same);
    if (reused) *reused = same;
    return ready ? OK : session_eval(s, ids + same, n - same, e);
}
