/* malloc, free and their bookkeeping. */
#include "base/mem.h"
#include "base/checked.h"
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MEM_ALIGN = 64 };

static atomic_uint_fast64_t n_alloc, fail_at;
static atomic_int_fast64_t n_live;
static _Thread_local const char *guard_phase;
static _Thread_local uint64_t shortages;

static bool must_fail(void)
{
    if (atomic_load_explicit(&fail_at, memory_order_relaxed) == 0) return false;
    return atomic_fetch_sub(&fail_at, 1) == 1;
}

static void *short_of_memory(void)
{
    shortages++;
    return NULL;
}

uint64_t mem_shortages(void) { return shortages; }

int mem_verdict(int rc, uint64_t before, const char *what, struct err *e)
{
    if (shortages == before || rc == ERR_MEMORY) return rc;
    FAIL(e, ERR_MEMORY, "out of memory for %s", what);
}

void *mem_alloc(size_t n)
{
    if (guard_phase) {
        fprintf(stderr, "bug: %zu bytes allocated during %s, where nothing may be\n", n, guard_phase);
        abort();
    }
    atomic_fetch_add_explicit(&n_alloc, 1, memory_order_relaxed);
    if (must_fail() || n > PTRDIFF_MAX - 2 * MEM_ALIGN) return short_of_memory();
    /* calloc knows when pages are fresh and zero already: a large block takes memory only where it is written. */
    char *block = calloc(1, round_up(n ? n : 1, MEM_ALIGN) + MEM_ALIGN);
    if (!block) return short_of_memory();
    atomic_fetch_add_explicit(&n_live, 1, memory_order_relaxed);
    char *p = block + MEM_ALIGN - (uintptr_t)block % MEM_ALIGN; /* at least alignof(max_align_t) behind the beginning */
    ((void **)(void *)p)[-1] = block;
    return p;
}

void *mem_array(size_t count, size_t size)
{
    size_t n;
    return mul_size(count, size, &n) ? mem_alloc(n) : NULL;
}

void *mem_grow(void *p, size_t old_bytes, size_t new_bytes)
{
    void *q = mem_alloc(new_bytes);
    if (!q) return NULL;
    if (old_bytes) memcpy(q, p, old_bytes);
    mem_free(p);
    return q;
}

void mem_free(void *p)
{
    if (!p) return;
    atomic_fetch_sub_explicit(&n_live, 1, memory_order_relaxed);
    free(((void **)p)[-1]);
}

char *mem_strndup(const char *s, size_t n)
{
    char *p = n < SIZE_MAX ? mem_alloc(n + 1) : NULL;
    if (p && n) memcpy(p, s, n);
    return p;
}

char *mem_strdup(const char *s) { return mem_strndup(s, strlen(s)); }

void mem_guard_begin(const char *phase) { guard_phase = phase; }
void mem_guard_end(void) { guard_phase = NULL; }
uint64_t mem_count(void) { return atomic_load(&n_alloc); }
int64_t mem_live(void) { return atomic_load(&n_live); }
void mem_fail_at(uint64_t k) { atomic_store(&fail_at, k); }
uint64_t mem_fail_left(void) { return atomic_load(&fail_at); }

void *mem_lib_grow(void *p, size_t n)
{
    atomic_fetch_add_explicit(&n_alloc, 1, memory_order_relaxed);
    if (must_fail()) return short_of_memory();
    void *q = realloc(p, n ? n : 1);
    if (!q) short_of_memory();
    if (q && !p) atomic_fetch_add_explicit(&n_live, 1, memory_order_relaxed);
    return q;
}

void *mem_lib_alloc(size_t n) { return mem_lib_grow(NULL, n); }

void mem_lib_free(void *p)
{
    if (p) atomic_fetch_sub_explicit(&n_live, 1, memory_order_relaxed);
    free(p);
}

void mem_lib_keep(int64_t blocks) { atomic_fetch_sub(&n_live, blocks); }

int mem_new(void **out, size_t n, const char *what, struct err *e)
{
    *out = mem_alloc(n);
    if (!*out) FAIL(e, ERR_MEMORY, "out of memory: %zu bytes for %s", n, what);
    return OK;
}
