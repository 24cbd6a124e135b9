/* Prefixes: rows of a text that are kept without a session, in whole pages, for whoever begins alike. Made of what a session
 * has
 * evaluated, or of pages that were kept elsewhere, as on a disk. A cache of prefixes is built of them; one that keeps single
 * pages uses pages_share and session_attach itself. */
#ifndef INFER_PREFIX_H
#define INFER_PREFIX_H

#include "infer/session.h"

/* Rows [0, n) of the text ids, n a multiple of PAGE_ROWS. */
struct prefix {
    struct decoder *dec; /* borrowed; closed after the prefix is released */
    int32_t *ids;   /* (n) */
    int32_t *pages; /* (n / PAGE_ROWS) */
    int64_t n;
};

/* The whole pages of the first n <= s->n rows; none (p->n == 0) is no error. They are shared with s: no page is needed. */
int prefix_take(struct prefix *p, const struct session *s, int64_t n, struct err *e);
/* Free pages for the whole pages of ids (n), to be filled before use: prefix_page. ERR_LIMIT: there are not as many. */
int prefix_new(struct prefix *p, struct decoder *d, const int32_t *ids, int64_t n, struct err *e);
/* s becomes its first n <= p->n rows: session_attach. */
void prefix_attach(struct session *s, const struct prefix *p, int64_t n);
void prefix_release(struct prefix *p); /* accepts a zeroed one */

/* The memory of page i: prefix_page_bytes, in the layout of model/cache.h, which is the same for every page and run of this
 * model and form (infer/state.h: struct state_key). Written only through prefix_new, before anybody shares it. */
char *prefix_page(const struct prefix *p, int64_t i);
size_t prefix_page_bytes(const struct decoder *d);

#endif
