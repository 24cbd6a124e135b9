/* Who has which page of a cache: a count of users per page, and a stack of those that nobody has. Nothing is allocated after
 * the start, and no memory of a page is touched. */
#ifndef INFER_PAGES_H
#define INFER_PAGES_H

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"

/* free[0 .. n_free) are exactly the pages with 0 users. */
struct pages {
    int32_t n, n_free;
    int32_t *free, *users; /* (n) */
};

int pages_init(struct pages *p, int64_t n, struct err *e); /* 1 <= n < 2^31 */
void pages_free(struct pages *p); /* accepts a zeroed or half-made p */
/* A page nobody had: the one that was given back last. The caller has looked that there is one. */
int32_t pages_take(struct pages *p);
void pages_share(struct pages *p, int32_t page); /* one user more */
void pages_release(struct pages *p, int32_t page);
static inline bool pages_shared(const struct pages *p, int32_t page) { return p->users[page] > 1; }

#endif
