/* Arena: one block and a bump pointer.
 *
 *   base                used            peak              cap
 *    |-- handed out -----|-- was used ---|-- never used ----|
 *
 * Invariants: every pointer is 64-byte aligned; used <= peak; used <= cap except while measuring (base == NULL),
 * when it only counts. arena_mark / arena_reset nest like parentheses. Running over the end is a bug of ours,
 * because the size was found by running the same code, and aborts. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"

struct arena {
    char *base; /* NULL: measuring */
    size_t used, peak, cap;
    bool owned; /* the block is freed by arena_free */
    const char *name;
};

/* Makes a measuring arena: allocations return NULL and are counted. */
void arena_measure(struct arena *a, const char *name);
/* Allocates cap bytes (zeroed). */
int arena_init(struct arena *a, size_t cap, const char *name, struct err *e);
/* Over cap bytes that somebody else owns, 64-byte aligned. */
void arena_over(struct arena *a, void *mem, size_t cap, const char *name);
void arena_free(struct arena *a);

/* Zeroed memory, or NULL while measuring. */
void *arena_alloc(struct arena *a, size_t bytes);
/* The same, not zeroed: for outputs that are fully written. */
void *arena_alloc_raw(struct arena *a, size_t bytes);

static inline size_t arena_mark(const struct arena *a) { return a->used; }
void arena_reset(struct arena *a, size_t mark);

#endif
