/* The cache: what attention reads back of the tokens seen so far. Per layer `slots` stretches of `context` rows, one
 * stretch per sequence, one row per token: keys and values of all kv heads, or MLA's latent and rotary key.
 *
 * Row layout (numbers): grouped-query attention [head 0 key ; .. ; head 0 value ; ..]; MLA [latent ; roped key].
 * A row is stored rounded to `dtype` and read back before it is used, also by the pass that stored it: so results do
 * not depend on how a text was cut into passes. With DT_F32 they are those of training's forward pass.
 *
 * Invariants: rows above a sequence's length hold old numbers, never used; every layer begins at 64 bytes. */
#ifndef MODEL_CACHE_H
#define MODEL_CACHE_H

#include "base/arena.h"
#include "model/config.h"
#include "tensor/step.h"

struct cache {
    struct arena mem; /* base is NULL when only the shape is known: measuring */
    enum dtype dtype; /* DT_F32, DT_BF16 or DT_Q8_0 */
    int slots, layers;
    int64_t context, width; /* rows per slot, numbers per row */
};

/* The shape without memory, enough to measure a pass. ERR_UNSUPPORTED when heads do not divide into dtype's blocks. */
int cache_shape(struct cache *k, const struct config *c, enum dtype dtype, int slots, int64_t context, struct err *e);
size_t cache_bytes(const struct cache *k);
/* cache_shape with memory. */
int cache_init(struct cache *k, const struct config *c, enum dtype dtype, int slots, int64_t context, struct err *e);
void cache_free(struct cache *k); /* accepts a zeroed cache, or a mere shape */
struct cache_layer cache_layer(const struct cache *k, int layer);

#endif
