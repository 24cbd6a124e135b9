/* The store: opening it, its records, reading and writing places. */
#include "infer/kv_store.h"
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/checked.h"
#include "base/mem.h"
#include "base/sum64.h"
#include "infer/kv_folder.h"
#include "sys/file.h"

#define KV_MAGIC "autarky kv 1\0\0\0"
enum { PIECE = 1 << 20, HASH = SHA256_HEX - 1, MOST_PLACES = 1 << 15 /* read at the start, in half a second */ };

/* Little-endian, at the beginning of the index. */
struct kv_head {
    char magic[16], model[64], form[STATE_FORM];
    uint64_t layers, row_bytes, page_rows;
    char hash[HASH]; /* of all before */
};

/* One for each place, behind the head. */
struct kv_place {
    uint64_t used; /* the store's clock; not part of the hash */
    uint64_t rows, depth, sum; /* sum: of the sums of the layers' rows */
    char key[HASH], parent[HASH];
    int32_t ids[PAGE_ROWS];
    char hash[HASH]; /* of all between `used` and here */
};
_Static_assert(sizeof(struct kv_head) == 232 && sizeof(struct kv_place) == 1248, "there are no gaps");

static uint64_t record_at(int32_t slot) { return sizeof(struct kv_head) + (uint64_t)slot * sizeof(struct kv_place); }

/* ---- hashes ---- */

int kv_root(const struct kv_store *s, const char *name, size_t len, char out[SHA256_HEX], struct err *e)
{
    struct sha256 *h;
    TRY(sha256_new(&h, e));
    sha256_add(h, s->key.model, sizeof s->key.model);
    sha256_add(h, s->key.form, sizeof s->key.form);
    sha256_add(h, name, len);
    sha256_hex(h, out);
    return OK;
}

int kv_key(const char *parent, const int32_t *ids, int32_t rows, char out[SHA256_HEX], struct err *e)
{
    struct sha256 *h;
    TRY(sha256_new(&h, e));
    sha256_add(h, parent, HASH);
    sha256_add(h, ids, (size_t)rows * sizeof *ids);
    sha256_hex(h, out);
    return OK;
}

static int hash_place(const struct kv_place *p, char out[SHA256_HEX], struct err *e)
{
    return sha256_of(&p->rows, offsetof(struct kv_place, hash) - offsetof(struct kv_place, rows), out, e);
}

/* Is it a whole record, with ids of this model, whose key follows from its parent's? */
static bool is_right(const struct kv_store *s, const struct kv_place *p)
{
    char hex[SHA256_HEX];
    struct err ignored;
    if (p->rows < 1 || p->rows > PAGE_ROWS || p->depth > (uint64_t)s->dec->context / PAGE_ROWS) return false;
    if (hash_place(p, hex, &ignored) || memcmp(hex, p->hash, HASH) != 0) return false;
    for (uint64_t i = 0; i < p->rows; i++)
        if (p->ids[i] < 0 || p->ids[i] >= s->dec->en->net.config.vocab) return false;
    return !kv_key(p->parent, p->ids, (int32_t)p->rows, hex, &ignored) && !memcmp(hex, p->key, HASH);
}

/* ---- trouble ---- */

/* The disk does not do as it should: nothing is written any more. What lies there can still be read. */
static void give_up(struct kv_store *s, const struct err *why)
{
    if (!s->trouble.code) s->trouble = *why;
}

static bool put_free(struct kv_store *s, int32_t slot)
{
    if (s->n_free == s->cap) {
        int32_t more = s->cap ? 2 * s->cap : 64;
        void *grown = mem_grow(s->free, (size_t)s->cap * sizeof *s->free, (size_t)more * sizeof *s->free);
        if (!grown) return false; /* the place is lost until the next start */
        s->free = grown;
        s->cap = more;
    }
    s->free[s->n_free++] = slot;
    return true;
}

void kv_store_wipe(struct kv_store *s, int32_t slot)
{
    static const struct kv_place nothing;
    struct err e;
    if (block_file_write(&s->index, record_at(slot), &nothing, sizeof nothing, &e)) give_up(s, &e);
    else put_free(s, slot);
}

void kv_store_used(struct kv_store *s, int32_t slot)
{
    struct err e;
    uint64_t now = ++s->clock;
    if (!s->trouble.code && block_file_write(&s->index, record_at(slot), &now, sizeof now, &e)) give_up(s, &e);
}

/* ---- opening ---- */

static int fill_head(struct kv_head *h, const struct kv_store *s, struct err *e)
{
    char hex[SHA256_HEX];
    *h = (struct kv_head){.magic = KV_MAGIC,
                          .layers = (uint64_t)s->dec->cache.layers,
                          .row_bytes = cache_row_bytes(&s->dec->cache),
                          .page_rows = PAGE_ROWS};
    memcpy(h->model, s->key.model, sizeof h->model);
    memcpy(h->form, s->key.form, sizeof h->form);
    TRY(sha256_of(h, offsetof(struct kv_head, hash), hex, e));
    memcpy(h->hash, hex, HASH);
    return OK;
}

/* A store with another head, or none, begins anew. */
static int check_head(struct kv_store *s, struct err *e)
{
    struct kv_head own, there;
    struct err ignored;
    TRY(fill_head(&own, s, e));
    if (s->index.size >= sizeof there && !block_file_read(&s->index, 0, &there, sizeof there, &ignored) &&
        !memcmp(&own, &there, sizeof own))
        return OK;
    TRY(block_file_cut(&s->index, 0, e));
    TRY(block_file_cut(&s->rows, 0, e));
    return block_file_write(&s->index, 0, &own, sizeof own, e);
}

struct found {
    const struct kv_place *p;
    int32_t slot;
};

/* Beginnings of texts first. */
static int by_depth(const void *x, const void *y)
{
    const struct found *a = x, *b = y;
    if (a->p->depth != b->p->depth) return a->p->depth < b->p->depth ? -1 : 1;
    return a->slot < b->slot ? -1 : a->slot > b->slot;
}

static void tell_found(struct kv_store *s, const struct found *f, size_t of, kv_found_fn *fn, void *ctx)
{
    char key[SHA256_HEX] = {0}, parent[SHA256_HEX] = {0};
    memcpy(key, f->p->key, HASH);
    memcpy(parent, f->p->parent, HASH);
    struct kv_found k = {.key = key, .parent = parent, .ids = f->p->ids, .rows = (int32_t)f->p->rows,
                         .depth = (int32_t)f->p->depth, .slot = f->slot, .used = f->p->used, .of = of};
    if (f->p->used > s->clock && f->p->used < UINT64_MAX / 2) s->clock = f->p->used;
    if (!fn(ctx, &k)) kv_store_wipe(s, f->slot);
}

/* Records that are right become blocks, the other places are empty. */
static int read_index(struct kv_store *s, kv_found_fn *fn, void *ctx, struct err *e)
{
    size_t all = (size_t)(s->index.size - sizeof(struct kv_head)) / sizeof(struct kv_place), n = 0;
    struct kv_place *p = NULL;
    struct found *f = NULL;
    if (all > (size_t)s->most) all = (size_t)s->most;
    s->n = (int32_t)all;
    if (!all) return OK;
    int rc = mem_new((void **)&p, all * sizeof *p, "the index of kept tokens", e);
    if (!rc) rc = mem_new((void **)&f, all * sizeof *f, "the index of kept tokens", e);
    if (!rc) rc = block_file_read(&s->index, sizeof(struct kv_head), p, all * sizeof *p, e);
    for (size_t i = 0; !rc && i < all; i++) {
        if (is_right(s, &p[i])) f[n++] = (struct found){&p[i], (int32_t)i};
        else put_free(s, (int32_t)i);
    }
    if (n) qsort(f, n, sizeof *f, by_depth);
    for (size_t i = 0; !rc && i < n; i++) tell_found(s, &f[i], n, fn, ctx);
    mem_free(p);
    mem_free(f);
    return rc;
}

static int open_files(struct kv_store *s, const struct kv_store_options *o, bool *taken, struct err *e)
{
    struct kv_folder_names names;
    TRY(state_key(&s->key, s->dec->en, e));
    TRY(kv_folder_names(&names, o->folder, &s->key, e));
    TRY(file_mkdirs(o->folder, e));
    TRY(block_file_open(&s->index, names.index, taken, e));
    if (*taken) return OK;
    TRY(block_file_open(&s->rows, names.rows, taken, e));
    if (*taken) return OK;
    uint64_t others, place = s->place_bytes + sizeof(struct kv_place);
    TRY(kv_folder_trim(o->folder, &names, o->bytes, &others, e));
    s->most = (int32_t)min_i64(MOST_PLACES, others < o->bytes ? (int64_t)((o->bytes - others) / place) : 0);
    if (s->most == 0)
        FAIL(e, ERR_LIMIT, "%s: %llu bytes hold no block of %llu beside what other models have there", o->folder,
             (unsigned long long)o->bytes, (unsigned long long)place);
    TRY(check_head(s, e));
    if (s->rows.size > (uint64_t)s->most * s->place_bytes) TRY(block_file_cut(&s->rows, (uint64_t)s->most * s->place_bytes, e));
    if (s->index.size > record_at(s->most)) TRY(block_file_cut(&s->index, record_at(s->most), e));
    return OK;
}

int kv_store_open(struct kv_store **out, const struct decoder *d, const struct kv_store_options *o, kv_found_fn *found, void *ctx,
                  struct err *e)
{
    void *mem;
    bool taken = false;
    *out = NULL;
    TRY(mem_new(&mem, sizeof **out, "a store of kept tokens", e));
    struct kv_store *s = mem;
    *s = (struct kv_store){.dec = d, .place_bytes = cache_page_bytes(&d->cache)};
    int rc = mem_new((void **)&s->place, sizeof *s->place, "a store of kept tokens", e);
    if (!rc) rc = mem_new((void **)&s->w.sums, (size_t)d->cache.layers * sizeof *s->w.sums, "a store of kept tokens", e);
    if (!rc) rc = open_files(s, o, &taken, e);
    if (!rc && taken)
        rc = err_set(e, ERR_USAGE, __FILE__, __LINE__, "%s: another process keeps tokens of this model there", o->folder);
    if (!rc) rc = read_index(s, found, ctx, e);
    if (rc) kv_store_close(s);
    else *out = s;
    return rc;
}

void kv_store_close(struct kv_store *s)
{
    if (!s) return;
    if (s->w.block) kv_store_stop(s);
    block_file_close(&s->rows);
    block_file_close(&s->index);
    mem_free(s->place);
    mem_free(s->w.sums);
    mem_free(s->free);
    mem_free(s);
}

/* ---- writing ---- */

int32_t kv_store_place(struct kv_store *s)
{
    if (s->trouble.code) return -1;
    if (s->n_free) return s->free[--s->n_free];
    return s->n < s->most ? s->n++ : -1;
}

static size_t layer_bytes(const struct kv_store *s, int64_t rows) { return (size_t)rows * cache_row_bytes(&s->dec->cache); }

static uint64_t layer_at(const struct kv_store *s, int32_t slot, int64_t rows, int layer)
{
    return (uint64_t)slot * s->place_bytes + (uint64_t)layer * layer_bytes(s, rows);
}

void kv_store_begin(struct kv_store *s, struct prefix_block *b)
{
    s->w.block = b;
    s->w.layer = 0;
}

void kv_store_stop(struct kv_store *s)
{
    put_free(s, s->w.block->slot); /* its record is empty: it was not written yet */
    s->w.block = NULL;
}

static int put_record(struct kv_store *s, const struct prefix_block *b, struct err *e)
{
    struct kv_place *p = s->place;
    char hex[SHA256_HEX];
    *p = (struct kv_place){.used = ++s->clock, .rows = (uint64_t)b->rows, .depth = (uint64_t)b->depth,
                           .sum = sum64(s->w.sums, (size_t)s->dec->cache.layers * sizeof *s->w.sums)};
    memcpy(p->key, b->key, HASH);
    memcpy(p->parent, b->parent ? b->parent->key : b->owner->root, HASH);
    memcpy(p->ids, b->ids, (size_t)b->rows * sizeof *b->ids);
    TRY(hash_place(p, hex, e));
    memcpy(p->hash, hex, HASH);
    return block_file_write(&s->index, record_at(b->slot), p, sizeof *p, e);
}

/* A disk that is full has as many places as it has. */
static void failed(struct kv_store *s, const struct err *why)
{
    int32_t slot = s->w.block->slot;
    s->w.block = NULL;
    if (slot + 1 == s->n && s->n > 1) s->most = --s->n;
    else give_up(s, why);
}

bool kv_store_step(struct kv_store *s, bool *well)
{
    const struct prefix_block *b = s->w.block;
    const struct cache *k = &s->dec->cache;
    size_t bytes = layer_bytes(s, b->rows), done = 0;
    struct err e;
    int rc = OK;
    *well = false;
    for (; !rc && s->w.layer < k->layers && done < PIECE; s->w.layer++, done += bytes) {
        const char *rows = cache_rows(k, b->page, s->w.layer);
        s->w.sums[s->w.layer] = sum64(rows, bytes);
        rc = block_file_write(&s->rows, layer_at(s, b->slot, b->rows, s->w.layer), rows, bytes, &e);
    }
    if (!rc && s->w.layer < k->layers) return false;
    if (!rc) rc = put_record(s, b, &e);
    if (rc) {
        failed(s, &e);
        return true;
    }
    s->w.block = NULL;
    s->written++;
    *well = true;
    return true;
}

/* ---- reading ---- */

struct reading {
    const struct kv_store *s;
    const struct prefix_block *b;
    int32_t page;
    struct layer_read {
        int rc;
        uint64_t sum;
    } *layer; /* (layers) */
};

static void read_layer(void *ctx, int64_t l, int worker)
{
    const struct reading *r = ctx;
    size_t bytes = layer_bytes(r->s, r->b->rows);
    char *to = cache_rows(&r->s->dec->cache, r->page, (int)l);
    struct err ignored;
    (void)worker;
    r->layer[l].rc = block_file_read(&r->s->rows, layer_at(r->s, r->b->slot, r->b->rows, (int)l), to, bytes, &ignored);
    if (!r->layer[l].rc) r->layer[l].sum = sum64(to, bytes);
}

/* By all threads: copying, and the memory of pages that are touched for the first time, take longer than the disk does. */
static int read_rows(const struct kv_store *s, const struct prefix_block *b, int32_t page, uint64_t *sum, struct err *e)
{
    int layers = s->dec->cache.layers, rc = OK;
    uint64_t *sums;
    struct reading r = {.s = s, .b = b, .page = page};
    TRY(mem_new((void **)&sums, (size_t)layers * (sizeof *sums + sizeof *r.layer), "sums", e));
    r.layer = (struct layer_read *)(void *)(sums + layers);
    pool_for(s->dec->en->pool, layers, read_layer, &r);
    for (int l = 0; l < layers; l++) {
        if (!rc) rc = r.layer[l].rc;
        sums[l] = r.layer[l].sum;
    }
    *sum = sum64(sums, (size_t)layers * sizeof *sums);
    mem_free(sums);
    return rc;
}

static bool is_of(const struct kv_place *p, const struct prefix_block *b)
{
    return p->rows == (uint64_t)b->rows && !memcmp(p->key, b->key, HASH) &&
           !memcmp(p->ids, b->ids, (size_t)b->rows * sizeof *b->ids);
}

bool kv_store_read(struct kv_store *s, const struct prefix_block *b, int32_t page)
{
    struct kv_place *p = s->place;
    struct err e;
    uint64_t sum;
    int rc = block_file_read(&s->index, record_at(b->slot), p, sizeof *p, &e);
    if (!rc && is_right(s, p) && is_of(p, b) && !(rc = read_rows(s, b, page, &sum, &e)) && sum == p->sum) {
        s->read++;
        return true;
    }
    if (rc == ERR_MEMORY) return false;
    s->damaged++;
    kv_store_wipe(s, b->slot);
    return false;
}
