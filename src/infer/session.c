/* Sessions: timelines over the pages of a decoder. */
#include "infer/session.h"
#include <assert.h>
#include <math.h>
#include <string.h>
#include "base/checked.h"
#include "base/mem.h"

uint64_t session_bytes(const struct engine *en, const struct decoder_options *o)
{
    int64_t context = o->context ? o->context : en->positions;
    return (uint64_t)(context + cache_pages(context)) * sizeof(int32_t) + (uint64_t)en->net.config.vocab * sizeof(float);
}

int session_open(struct session *s, struct decoder *d, struct err *e)
{
    *s = (struct session){0};
    int rc = mem_new((void **)&s->ids, (size_t)d->context * sizeof *s->ids, "the tokens of a session", e);
    if (!rc) rc = mem_new((void **)&s->pages, (size_t)cache_pages(d->context) * sizeof *s->pages, "the pages of a session", e);
    if (!rc) rc = mem_new((void **)&s->logits, (size_t)d->en->net.config.vocab * sizeof *s->logits, "logits", e);
    if (rc) session_close(s);
    else s->dec = d;
    return rc;
}

void session_close(struct session *s)
{
    while (s->n_pages > 0) pages_release(&s->dec->pages, s->pages[--s->n_pages]);
    mem_free(s->ids);
    mem_free(s->pages);
    mem_free(s->logits);
    *s = (struct session){0};
}

/* ---- pages ---- */

static int too_long(const struct session *s, int64_t n, struct err *e)
{
    long long context = s->dec->context, most = s->dec->en->model_context;
    if (context < most)
        FAIL(e, ERR_LIMIT, "the text has %lld tokens, the context holds %lld; the model allows up to %lld (--ctx)",
             (long long)n,
             context, most);
    FAIL(e, ERR_LIMIT, "the text has %lld tokens, the context holds %lld, which is all that the model allows", (long long)n,
         context);
}

/* Gives back pages that hold no row and are not reserved. */
static void drop_pages(struct session *s)
{
    int64_t keep = cache_pages(max_i64(s->n, s->reserved));
    while (s->n_pages > keep) pages_release(&s->dec->pages, s->pages[--s->n_pages]);
}

/* The first page that rows from n on are written to, or one behind it that does not hold any yet. */
static int64_t first_written(const struct session *s) { return s->n / PAGE_ROWS; }

int64_t session_lacks(const struct session *s, int64_t n)
{
    int64_t pages = cache_pages(n), lacks = max_i64(0, pages - s->n_pages);
    for (int64_t i = first_written(s); n > s->n && i < min_i64(pages, s->n_pages); i++)
        lacks += pages_shared(&s->dec->pages, s->pages[i]);
    return lacks;
}

/* A page of one's own in place of a shared one, with the rows that the session has in it. */
static int32_t own_page(const struct session *s, int64_t i)
{
    const struct cache *k = &s->dec->cache;
    int32_t page = pages_take(&s->dec->pages), old = s->pages[i];
    int64_t rows = s->n - i * PAGE_ROWS;
    for (int l = 0; rows > 0 && l < k->layers; l++)
        memcpy(cache_rows(k, page, l), cache_rows(k, old, l), (size_t)rows * cache_row_bytes(k));
    pages_release(&s->dec->pages, old);
    return page;
}

void session_take_pages(struct session *s, int64_t n)
{
    int64_t pages = cache_pages(n);
    for (int64_t i = first_written(s); n > s->n && i < min_i64(pages, s->n_pages); i++)
        if (pages_shared(&s->dec->pages, s->pages[i])) s->pages[i] = own_page(s, i);
    while (s->n_pages < pages) s->pages[s->n_pages++] = pages_take(&s->dec->pages);
}

int session_reserve(struct session *s, int64_t n, struct err *e)
{
    if (n > s->dec->context) return too_long(s, n, e);
    int64_t lacks = session_lacks(s, n);
    if (lacks > s->dec->pages.n_free) return decoder_no_pages(s->dec, lacks, e);
    session_take_pages(s, n);
    s->reserved = n;
    drop_pages(s);
    return OK;
}

void session_reset(struct session *s)
{
    while (s->n_pages > 0) pages_release(&s->dec->pages, s->pages[--s->n_pages]);
    s->n = s->reserved = 0;
    s->has_logits = false;
}

/* s becomes n rows, ids (n), that lie in these pages, which somebody else has: all are shared. */
static void attach(struct session *s, const int32_t *ids, const int32_t *pages, int64_t n)
{
    struct pages *all = &s->dec->pages;
    int32_t n_pages = (int32_t)cache_pages(n);
    assert(n >= 0 && n <= s->dec->context && ids != s->ids);
    for (int32_t i = 0; i < n_pages; i++) pages_share(all, pages[i]); /* first: s may be who keeps them */
    session_reset(s);
    memcpy(s->ids, ids, (size_t)n * sizeof *ids);
    memcpy(s->pages, pages, (size_t)n_pages * sizeof *pages);
    s->n = n;
    s->n_pages = n_pages;
}

void session_took(struct session *s, const int32_t *ids, int64_t n)
{
    assert(n <= s->dec->context && cache_pages(n) <= s->n_pages);
    if (n <= s->n) return;
    memcpy(s->ids + s->n, ids + s->n, (size_t)(n - s->n) * sizeof *ids);
    s->n = n;
    s->has_logits = false;
}

void session_share(struct session *s, const int32_t *ids, int32_t page)
{
    int32_t i = (int32_t)(s->n / PAGE_ROWS);
    pages_share(&s->dec->pages, page);
    if (i < s->n_pages) pages_release(&s->dec->pages, s->pages[i]);
    else s->n_pages++;
    s->pages[i] = page;
    session_took(s, ids, (int64_t)(i + 1) * PAGE_ROWS);
}

void session_copy(struct session *s, const int32_t *ids, int32_t page, int64_t n)
{
    const struct cache *k = &s->dec->cache;
    int64_t i = s->n / PAGE_ROWS;
    size_t row = cache_row_bytes(k), from = (size_t)(s->n - i * PAGE_ROWS) * row, rows = (size_t)max_i64(0, n - s->n);
    assert(n <= (i + 1) * PAGE_ROWS && !pages_shared(&s->dec->pages, s->pages[i]));
    for (int l = 0; l < k->layers; l++) memcpy(cache_rows(k, s->pages[i], l) + from, cache_rows(k, page, l) + from, rows * row);
    session_took(s, ids, n);
}

int64_t session_frees(const struct session *s)
{
    int64_t n = 0;
    for (int32_t i = 0; i < s->n_pages; i++) n += !pages_shared(&s->dec->pages, s->pages[i]);
    return n;
}

int session_fork(struct session *dst, const struct session *src, int64_t n, struct err *e)
{
    struct decoder *d = dst->dec;
    int64_t cut = n % PAGE_ROWS;
    if (dst == src || d != src->dec) FAIL(e, ERR_USAGE, "a session cannot become part of itself, nor of another decoder's");
    if (n < 0 || n > src->n) FAIL(e, ERR_USAGE, "%lld rows of a session that has %lld", (long long)n, (long long)src->n);
    if (cut && d->pages.n_free + session_frees(dst) < 1) return decoder_no_pages(d, 1, e);
    attach(dst, src->ids, src->pages, n);
    if (cut) dst->pages[n / PAGE_ROWS] = own_page(dst, n / PAGE_ROWS);
    dst->has_logits = n == src->n && src->has_logits;
    if (dst->has_logits) memcpy(dst->logits, src->logits, (size_t)d->en->net.config.vocab * sizeof *dst->logits);
    return OK;
}

void session_rewind(struct session *s, int64_t n)
{
    if (n >= s->n) return;
    s->n = max_i64(0, n);
    s->has_logits = false;
    drop_pages(s);
}

/* ---- evaluating ---- */

int session_eval(struct session *s, const int32_t *ids, int64_t n, struct err *e)
{
    int64_t chunk = min_i64(s->dec->rows, s->dec->chunk);
    if (n <= 0) FAIL(e, ERR_USAGE, "a sequence of %lld tokens cannot be evaluated", (long long)n);
    if (n > s->dec->context - s->n) return too_long(s, s->n + n, e);
    int64_t lacks = session_lacks(s, s->n + n);
    if (lacks > s->dec->pages.n_free) return decoder_no_pages(s->dec, lacks, e);
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
    int64_t chunk = min_i64(d->most_logits, max_i64(1, d->chunk));
    for (int64_t done = 0; done < n;) {
        int64_t now = min_i64(chunk, n - done);
        struct piece p = {.s = s, .ids = ids + done, .n = now, .logits = now};
        if (s->interrupt && *s->interrupt) FAIL(e, ERR_INTERRUPTED, "interrupted");
        TRY(decoder_eval(d, &p, 1, e));
        TRY(fn(ctx, done, now, decoder_logits(d, 0), d->logits->ld, e));
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
