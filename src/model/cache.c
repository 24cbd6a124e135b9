/* Shape and memory of the cache. */
#include "model/arch.h"
#include "base/checked.h"
#include <stdio.h>

#define MOST_NUMBERS (INT64_C(1) << 50) /* of a layer: its bytes times NET_MAX_LAYERS stay below 2^63 */

/* Every part of a row, the latent, a key, a value, must begin at a multiple of the block. */
static bool parts_divide(const struct config *c, int64_t block)
{
    if (!c->arch->mla) return c->head_dim % block == 0;
    return c->kv_lora_rank % block == 0 && c->qk_rope_dim % block == 0;
}

static const char *part_names(const struct config *c, char *out, size_t cap)
{
    if (!c->arch->mla) snprintf(out, cap, "heads have %lld numbers", (long long)c->head_dim);
    else snprintf(out, cap, "latent has %lld, its key %lld", (long long)c->kv_lora_rank, (long long)c->qk_rope_dim);
    return out;
}

static size_t layer_bytes(const struct cache *k)
{
    return round_up((size_t)(k->slots * k->context) * format_bytes(k->dtype, k->width), 64);
}

int cache_shape(struct cache *k, const struct config *c, enum dtype dtype, int slots, int64_t context, struct err *e)
{
    *k = (struct cache){.dtype = dtype,
                        .slots = slots,
                        .layers = (int)(c->layers + c->mtp_layers),
                        .context = context,
                        .width = config_cache_width(c)};
    if (dtype != DT_F32 && dtype != DT_BF16 && dtype != DT_Q8_0)
        FAIL(e, ERR_UNSUPPORTED, "a cache of %s, expected f32, bf16 or q8_0", formats[dtype].name);
    if (!parts_divide(c, formats[dtype].block))
        FAIL(e, ERR_UNSUPPORTED, "a cache of %s needs widths that are multiples of %d, and this model's %s; f32 and bf16 fit any",
             formats[dtype].name, formats[dtype].block, part_names(c, (char[80]){0}, 80));
    int64_t rows, numbers;
    if (!mul_i64(slots, context, &rows) || !mul_i64(rows, k->width, &numbers) || numbers > MOST_NUMBERS)
        FAIL(e, ERR_LIMIT, "a cache of %d x %lld tokens is more than a machine can address", slots, (long long)context);
    return OK;
}

size_t cache_bytes(const struct cache *k) { return (size_t)k->layers * layer_bytes(k); }

int cache_init(struct cache *k, const struct config *c, enum dtype dtype, int slots, int64_t context, struct err *e)
{
    TRY(cache_shape(k, c, dtype, slots, context, e));
    TRY(arena_init(&k->mem, cache_bytes(k), "cache", e));
    arena_alloc_raw(&k->mem, cache_bytes(k));
    return OK;
}

void cache_free(struct cache *k)
{
    arena_free(&k->mem);
    *k = (struct cache){0};
}

struct cache_layer cache_layer(const struct cache *k, int layer)
{
    char *base = k->mem.base ? k->mem.base + (size_t)layer * layer_bytes(k) : NULL;
    return (struct cache_layer){base, k->dtype, k->context, k->width};
}
