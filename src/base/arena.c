/* Bump allocator; under AddressSanitizer the unused part is poisoned, so that use after reset is caught. */
#include "base/arena.h"
#include "base/checked.h"
#include "base/mem.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define POISON(p, n) __asan_poison_memory_region((p), (n))
#define UNPOISON(p, n) __asan_unpoison_memory_region((p), (n))
#else
#define POISON(p, n) ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

void arena_measure(struct arena *a, const char *name) { *a = (struct arena){.name = name}; }

int arena_init(struct arena *a, size_t cap, const char *name, struct err *e)
{
    *a = (struct arena){.cap = cap, .owned = true, .name = name};
    void *p;
    TRY(mem_new(&p, cap ? cap : 1, name, e));
    a->base = p;
    POISON(a->base, cap);
    return OK;
}

void arena_over(struct arena *a, void *mem, size_t cap, const char *name)
{
    *a = (struct arena){.base = mem, .cap = cap, .name = name};
}

void arena_free(struct arena *a)
{
    if (a->base && a->owned) {
        UNPOISON(a->base, a->cap);
        mem_free(a->base);
    }
    *a = (struct arena){0};
}

void *arena_alloc_raw(struct arena *a, size_t bytes)
{
    size_t n = round_up(bytes, 64), at = a->used;
    a->used += n;
    if (a->used > a->peak) a->peak = a->used;
    if (!a->base) return NULL;
    if (a->used > a->cap) {
        fprintf(stderr, "bug: arena %s is too small: %zu bytes wanted, %zu measured\n", a->name, a->used, a->cap);
        abort();
    }
    UNPOISON(a->base + at, n);
    return a->base + at;
}

void *arena_alloc(struct arena *a, size_t bytes)
{
    void *p = arena_alloc_raw(a, bytes);
    if (p) memset(p, 0, bytes);
    return p;
}

void arena_reset(struct arena *a, size_t mark)
{
    if (a->base && mark < a->used) POISON(a->base + mark, a->used - mark);
    a->used = mark;
}
