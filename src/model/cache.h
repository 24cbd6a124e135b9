/* The cache: what attention reads back of the tokens seen so far. A row per token and layer: keys and values of all kv heads, or
 * MLA's latent and rotary key. Rows lie in pages: a page is one piece of memory with PAGE_ROWS rows of every layer, layer after
 * layer. Which pages hold which sequence is not known here (struct segment, infer/pages.h).
 *
 * Row layout (numbers): grouped-query attention [head 0 key ; .. ; head 0 value ; ..]; MLA [latent ; roped key].
 * A row is stored rounded to `dtype` and read back before it is used, also by the pass that stored it: so results do
 * not depend on how a text was cut into passes. With DT_F32 they are those of training's forward pass.
 *
 * Invariants: rows that no sequence has hold old numbers, never used; in every page every layer begins at 64 bytes. The memory
 * of a page is the system's until it is written for the first time. */
#ifndef MODEL_CACHE_H
#define MODEL_CACHE_H

#include "base/arena.h"
#include "model/config.h"
#include "tensor/step.h"

struct cache {
    struct arena mem; /* base is NULL when only the shape is known: measuring */
    enum dtype dtype; /* DT_F32, DT_BF16 or DT_Q8_0 */
    int layers;
    int64_t pages, width; /* numbers per row */
};

/* The shape without memory, enough to measure a pass. ERR_UNSUPPORTED when heads do not divide into dtype's blocks. */
int cache_shape(struct cache *k, const struct config *c, enum dtype dtype, int64_t pages, struct err *e);
int64_t cache_pages(int64_t rows);             /* that rows of one sequence need */
size_t cache_row_bytes(const struct cache *k); /* of one layer */
size_t cache_page_bytes(const struct cache *k);
size_t cache_bytes(const struct cache *k);
/* cache_shape with memory. */
int cache_init(struct cache *k, const struct config *c, enum dtype dtype, int64_t pages, struct err *e);
void cache_free(struct cache *k); /* accepts a zeroed cache, or a mere shape */
struct cache_layer cache_layer(const struct cache *k, int layer);
/* The rows of a layer in a page: PAGE_ROWS of cache_row_bytes. Layer 0's begin where the page does. */
char *cache_rows(const struct cache *k, int64_t page, int layer);

#endif
