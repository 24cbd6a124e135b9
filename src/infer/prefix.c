/* Pages of prefixes, held without a session. */
#include "infer/prefix.h"
#include <assert.h>
#include <string.h>
#include "base/mem.h"

/* Room for n / PAGE_ROWS pages and their ids. */
static int make(struct prefix *p, struct decoder *d, const int32_t *ids, int64_t n, struct err *e)
{
    int64_t n_pages = n / PAGE_ROWS;
    *p = (struct prefix){0};
    p->ids = mem_array((size_t)(n_pages * PAGE_ROWS), sizeof *p->ids);
    p->pages = mem_array((size_t)n_pages, sizeof *p->pages);
    if (!p->ids || !p->pages) {
        prefix_release(p);
        FAIL(e, ERR_MEMORY, "out of memory for a prefix of %lld tokens", (long long)n);
    }
    p->dec = d;
    p->n = n_pages * PAGE_ROWS;
    memcpy(p->ids, ids, (size_t)p->n * sizeof *ids);
    return OK;
}

int prefix_take(struct prefix *p, const struct session *s, int64_t n, struct err *e)
{
    *p = (struct prefix){0};
    if (n < 0 || n > s->n) FAIL(e, ERR_USAGE, "%lld rows of a session that has %lld", (long long)n, (long long)s->n);
    TRY(make(p, s->dec, s->ids, n, e));
    for (int64_t i = 0; i < p->n / PAGE_ROWS; i++) {
        p->pages[i] = s->pages[i];
        pages_share(&p->dec->pages, p->pages[i]);
    }
    return OK;
}

int prefix_new(struct prefix *p, struct decoder *d, const int32_t *ids, int64_t n, struct err *e)
{
    *p = (struct prefix){0};
    if (n < 0 || n > d->context)
        FAIL(e, ERR_LIMIT, "a prefix of %lld tokens, the context holds %lld", (long long)n, (long long)d->context);
    if (n / PAGE_ROWS > d->pages.n_free) return decoder_no_pages(d, n / PAGE_ROWS, e);
    TRY(make(p, d, ids, n, e));
    for (int64_t i = 0; i < p->n / PAGE_ROWS; i++) p->pages[i] = pages_take(&d->pages);
    return OK;
}

void prefix_attach(struct session *s, const struct prefix *p, int64_t n)
{
    assert(n <= p->n && (n == 0 || p->dec == s->dec));
    session_attach(s, p->ids, p->pages, n);
}

void prefix_release(struct prefix *p)
{
    for (int64_t i = 0; i < p->n / PAGE_ROWS; i++) pages_release(&p->dec->pages, p->pages[i]);
    mem_free(p->ids);
    mem_free(p->pages);
    *p = (struct prefix){0};
}

char *prefix_page(const struct prefix *p, int64_t i) { return cache_rows(&p->dec->cache, p->pages[i], 0); }
size_t prefix_page_bytes(const struct decoder *d) { return cache_page_bytes(&d->cache); }
