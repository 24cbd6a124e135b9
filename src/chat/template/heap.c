/* Chunks grow with the use: a short render takes one small one, a long one few large ones. */
#include "chat/template/heap.h"
#include <string.h>
#include "base/checked.h"
#include "base/mem.h"

enum { FIRST_CHUNK = 32 << 10, LAST_CHUNK = 1 << 20, ALIGN = 16 };

struct heap_chunk {
    struct heap_chunk *older;
    size_t size; /* of the whole block */
};

enum { HEADER = sizeof(struct heap_chunk) + (ALIGN - sizeof(struct heap_chunk) % ALIGN) % ALIGN };

void heap_free(struct heap *h)
{
    while (h->chunks) {
        struct heap_chunk *older = h->chunks->older;
        mem_free(h->chunks);
        h->chunks = older;
    }
    *h = (struct heap){.limit = h->limit};
}

void heap_reset(struct heap *h)
{
    if (!h->chunks) return;
    while (h->chunks->older) {
        struct heap_chunk *older = h->chunks->older;
        h->used -= h->chunks->size;
        mem_free(h->chunks);
        h->chunks = older;
    }
    h->at = (char *)h->chunks + HEADER;
    h->end = (char *)h->chunks + h->chunks->size;
    h->full = false;
}

static bool add_chunk(struct heap *h, size_t need)
{
    size_t size, after;
    size_t want = h->used < LAST_CHUNK ? (h->used ? h->used : FIRST_CHUNK) : LAST_CHUNK;
    if (!add_size(need, HEADER, &size)) size = SIZE_MAX;
    if (size < want) size = want;
    if (!add_size(h->used, size, &after) || after > h->limit) {
        h->full = true;
        return false;
    }
    struct heap_chunk *c = mem_alloc(size);
    if (!c) return false;
    *c = (struct heap_chunk){h->chunks, size};
    h->chunks = c;
    h->used = after;
    h->at = (char *)c + HEADER;
    h->end = (char *)c + size;
    return true;
}

void *heap_alloc(struct heap *h, size_t n)
{
    if (n > h->limit) {
        h->full = true;
        return NULL;
    }
    n = round_up(n ? n : 1, ALIGN);
    if (n > (size_t)(h->end - h->at) && !add_chunk(h, n)) return NULL;
    void *p = h->at;
    h->at += n;
    return p;
}

void *heap_array(struct heap *h, size_t count, size_t size)
{
    size_t n;
    if (mul_size(count, size, &n)) return heap_alloc(h, n);
    h->full = true;
    return NULL;
}

void *heap_grow(struct heap *h, void *p, size_t used, size_t old, size_t n)
{
    size_t had = round_up(old ? old : 1, ALIGN);
    if (p && (char *)p + had == h->at && n <= h->limit && round_up(n, ALIGN) <= (size_t)(h->end - (char *)p)) {
        h->at = (char *)p + round_up(n, ALIGN);
        return p;
    }
    void *q = heap_alloc(h, n);
    if (q && used) memcpy(q, p, used);
    return q;
}
