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

int64_t cache_pages(int64_t rows) { return ceil_div(rows, PAGE_ROWS); }

int cache_shape(struct cache *k, const struct config *c, enum dtype dtype, int64_t pages, struct err *e)
{
    *k = (struct cache){
        .dtype = dtype, .layers = (int)(c->layers + c->mtp_layers), .pages = pages, .width = config_cache_width(c)};
    if (dtype != DT_F32 && dtype != DT_BF16 && dtype != DT_Q8_0)
        FAIL(e, ERR_UNSUPPORTED, "a cache of %s, expected f32, bf16 or q8_0", formats[dtype].name);
    if (!parts_divide(c, formats[dtype].block))
        FAIL(e, ERR_UNSUPPORTED, "a cache of %s needs widths that are multiples of %d, and this model's %s; f32 and bf16 fit any",
             formats[dtype].name, formats[dtype].block, part_names(c, (char[80]){0}, 80));
    int64_t rows, numbers;
    if (!mul_i64(pages, PAGE_ROWS, &rows) || !mul_i64(rows, k->width, &numbers) || numbers > MOST_NUMBERS)
        FAIL(e, ERR_LIMIT, "a cache of %lld pages of %d tokens is more than a machine can address", (long long)pages, PAGE_ROWS);
    return OK;
}

size_t cache_row_bytes(const struct cache *k) { return format_bytes(k->dtype, k->width); }
size_t cache_page_bytes(const struct cache *k) { return (size_t)k->layers * PAGE_ROWS * cache_row_bytes(k); }
size_t cache_bytes(const struct cache *k) { return (size_t)k->pages * cache_page_bytes(k); }

int cache_init(struct cache *k, const struct config *c, enum dtype dtype, int64_t pages, struct err *e)
{
    TRY(cache_shape(k, c, dtype, pages, e));
    TRY(arena_init(&k->mem, cache_bytes(k), "cache", e));
    arena_alloc_raw(&k->mem, cache_bytes(k));
    return OK;
}

void cache_free(struct cache *k)
{
    arena_free(&k->mem);
    *k = (struct cache){0};
}

char *cache_rows(const struct cache *k, int64_t page, int layer)
{
    return k->mem.base + (size_t)page * cache_page_bytes(k) + (size_t)layer * PAGE_ROWS * cache_row_bytes(k);
}

struct cache_layer cache_layer(const struct cache *k, int layer)
{
    char *base = k->mem.base ? cache_rows(k, 0, layer) : NULL;
    return (struct cache_layer){base, k->dtype, k->width, cache_page_bytes(k)};
}
