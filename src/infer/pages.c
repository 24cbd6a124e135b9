/* Counting the users of pages. */
#include "infer/pages.h"
#include <assert.h>
#include "base/mem.h"

int pages_init(struct pages *p, int64_t n, struct err *e)
{
    *p = (struct pages){0};
    assert(n > 0 && n <= INT32_MAX);
    p->free = mem_array((size_t)n, sizeof *p->free);
    p->users = mem_array((size_t)n, sizeof *p->users);
    if (!p->free || !p->users) {
        pages_free(p);
        FAIL(e, ERR_MEMORY, "out of memory for the list of %lld pages", (long long)n);
    }
    p->n = p->n_free = (int32_t)n;
    for (int32_t i = 0; i < p->n; i++) p->free[i] = p->n - 1 - i;
    return OK;
}

void pages_free(struct pages *p)
{
    mem_free(p->free);
    mem_free(p->users);
    *p = (struct pages){0};
}

int32_t pages_take(struct pages *p)
{
    assert(p->n_free > 0);
    int32_t page = p->free[--p->n_free];
    p->users[page] = 1;
    return page;
}

void pages_share(struct pages *p, int32_t page)
{
    assert(p->users[page] > 0);
    p->users[page]++;
}

void pages_release(struct pages *p, int32_t page)
{
    assert(p->users[page] > 0);
    if (--p->users[page] == 0) p->free[p->n_free++] = page;
}
