/* Growing lists of this module: a table, its length and its capacity. */
#ifndef GRAMMAR_ROOM_H
#define GRAMMAR_ROOM_H

#include "base/checked.h"
#include "base/mem.h"

/* Room for `more` elements of `size` bytes after the n in *v; at most `most` in all. */
static inline int room_for(void **v, size_t *cap, size_t n, size_t more, size_t size, size_t most, const char *what,
                           struct err *e)
{
    size_t want;
    if (!add_size(n, more, &want) || want > most) FAIL(e, ERR_LIMIT, "grammar: more than %zu %s", most, what);
    if (want <= *cap) return OK;
    size_t to = *cap < 16 ? 16 : 2 * *cap;
    if (to < want) to = want;
    if (to > most) to = most;
    void *p = mem_grow(*v, n * size, to * size);
    if (!p) FAIL(e, ERR_MEMORY, "grammar: out of memory for %zu %s", to, what);
    *v = p;
    *cap = to;
    return OK;
}

/* ROOM(list, cap, n, more, most, what, e): for the table `list` of any type. */
#define ROOM(v, cap, n, more, most, what, e) room_for((void **)&(v), &(cap), (n), (more), sizeof *(v), (most), (what), (e))

#endif
