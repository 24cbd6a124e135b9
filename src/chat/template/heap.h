/* Memory in chunks with a bound: what is made in it goes with it. Nothing in it is freed alone. */
#ifndef CHAT_TEMPLATE_HEAP_H
#define CHAT_TEMPLATE_HEAP_H

#include <stdbool.h>
#include <stddef.h>

struct heap_chunk;

/* Zeroed it is empty. used <= limit counts whole chunks. */
struct heap {
    struct heap_chunk *chunks; /* the newest first */
    char *at, *end;            /* the free part of the newest */
    size_t used, limit;
    bool full; /* the bound was in the way, not the machine */
};

void heap_free(struct heap *h);
/* Forgets everything but keeps the first chunk. */
void heap_reset(struct heap *h);
/* 16-byte aligned, not zeroed. NULL: the bound or the machine's memory is used up. */
void *heap_alloc(struct heap *h, size_t n);
/* The same for count * size; NULL also when the product overflows. */
void *heap_array(struct heap *h, size_t count, size_t size);
/* The first `used` bytes of p (of old bytes; NULL with 0 allowed) in a block of n >= old bytes, in place where p is the
 * newest block. */
void *heap_grow(struct heap *h, void *p, size_t used, size_t old, size_t n);

#endif
