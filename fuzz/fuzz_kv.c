/* The file of kept tokens: whatever lies in it, opening gives trees that are whole, finding gives rows of the wanted text, and
 * the store works on. Input: a flag, the number of records, records of 1248 bytes, then rows. Unless the flag is '-', the hashes
 * are mended first, as whoever means harm would; then the first byte of a record's parent names another record, or the tenant. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/checked.h"
#include "base/mem.h"
#include "base/sum64.h"
#include "infer/kv_folder.h"
#include "infer/prefix_cache.h"
#include "model/arch.h"
#include "sys/dir.h"

enum { VOCAB = 16, CONTEXT = 600, HEAD = 232, RECORD = 1248, MOST = 6, HASH = 64, LAYERS = 2 };
enum { AT_ROWS = 8, AT_SUM = 24, AT_KEY = 32, AT_PARENT = 96, AT_IDS = 160, AT_HASH = 1184 }; /* in a record */

static struct engine engine;
static struct decoder decoder;
static struct kv_folder_names names;
static struct prefix_options options;
static char folder[] = "/tmp/autarky-fuzz-kv-XXXXXX";
static uint8_t head[HEAD];
static char root[SHA256_HEX];
static size_t place;

static void check(bool ok)
{
    if (!ok) __builtin_trap();
}

static void open_cache(struct prefix_cache *c)
{
    struct err e, why;
    check(!prefix_cache_open(c, &decoder, &options, &why, &e));
    check(c->store && !why.code);
}

static void clean_up(void)
{
    struct err ignored;
    dir_remove_tree(folder, &ignored);
}

/* Before the first input: an empty store gives the head. */
__attribute__((constructor)) static void prepare(void)
{
    struct config c;
    struct net net;
    struct err e;
    struct state_key key;
    struct prefix_cache cache;
    struct block_file f;
    bool taken;
    struct engine_options o = {.compute = ENGINE_F32, .cache = ENGINE_CACHE_Q8_0, .threads = 1};
    config_default_of(&c, &arch_llama);
    c.vocab = VOCAB;
    c.dim = c.head_dim = c.dense_ffn = 32;
    c.layers = LAYERS;
    c.heads = c.kv_heads = 1;
    c.context = CONTEXT;
    c.tied_head = true;
    check(!net_build(&net, &c, &e) && !net_alloc(&net, false, &e));
    net_init(&net, 1, 0.1);
    o.decoder.pages = 8;
    check(!engine_from_net(&engine, &net, &o, &e) && !decoder_open(&decoder, &engine, &o.decoder, &e));
    check(mkdtemp(folder) && !atexit(clean_up));
    check(!state_key(&key, &engine, &e) && !kv_folder_names(&names, folder, &key, &e));
    place = cache_page_bytes(&decoder.cache);
    options.store = (struct kv_store_options){folder, (MOST + 1) * (place + RECORD) + HEAD};
    open_cache(&cache);
    check(!kv_root(cache.store, "a", 1, root, &e));
    prefix_cache_close(&cache);
    check(!block_file_open(&f, names.index, &taken, &e) && !taken && !block_file_read(&f, 0, head, HEAD, &e));
    block_file_close(&f);
}

static uint64_t number_at(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* Key, parent, sum and hash of record i. */
static void mend(uint8_t *records, int i, int n, const uint8_t *rows)
{
    uint8_t *r = records + (size_t)i * RECORD;
    char parent[SHA256_HEX] = {0}, hex[SHA256_HEX];
    struct err e;
    uint64_t count = number_at(r + AT_ROWS), sums[LAYERS];
    int from = r[AT_PARENT];
    memcpy(parent, from < n ? (char *)records + (size_t)from * RECORD + AT_KEY : root, HASH);
    memcpy(r + AT_PARENT, parent, HASH);
    if (count >= 1 && count <= PAGE_ROWS) {
        size_t bytes = (size_t)count * cache_row_bytes(&decoder.cache);
        for (size_t l = 0; l < LAYERS; l++) sums[l] = sum64(rows + (size_t)i * place + l * bytes, bytes);
        uint64_t sum = sum64(sums, sizeof sums);
        memcpy(r + AT_SUM, &sum, sizeof sum);
        int32_t ids[PAGE_ROWS];
        memcpy(ids, r + AT_IDS, sizeof ids);
        check(!kv_key(parent, ids, (int32_t)count, hex, &e));
        memcpy(r + AT_KEY, hex, HASH);
    }
    check(!sha256_of(r + AT_ROWS, AT_HASH - AT_ROWS, hex, &e));
    memcpy(r + AT_HASH, hex, HASH);
}

/* Two parts, then zeros up to `all` bytes. */
static void put_file(const char *path, const uint8_t *first, size_t n, const uint8_t *second, size_t m, size_t all)
{
    struct block_file f;
    struct err e;
    bool taken;
    check(!block_file_open(&f, path, &taken, &e) && !taken && !block_file_cut(&f, 0, &e));
    check(!block_file_write(&f, 0, first, n, &e) && !block_file_write(&f, n, second, m, &e));
    check(f.size >= all || !block_file_cut(&f, all, &e));
    block_file_close(&f);
}

static void check_tree(const struct prefix_cache *c)
{
    int64_t blocks = 0, in_file = 0;
    bool used[MOST + 1] = {false};
    for (const struct prefix_tenant *t = c->tree.tenants; t; t = t->next)
        for (const struct prefix_block *b = t->use[PREFIX_FILE].oldest; b; b = b->newer[PREFIX_FILE]) {
            check(b->owner == t && b->slot >= 0 && b->slot < MOST + 1 && !used[b->slot]);
            check(b->rows >= 1 && b->rows <= PAGE_ROWS && (!b->child || b->rows == PAGE_ROWS));
            check(!b->parent || (b->parent->in[PREFIX_FILE] && b->depth == b->parent->depth + 1));
            used[b->slot] = true;
            in_file++;
        }
    blocks = c->tree.blocks;
    check(in_file == c->tree.in[PREFIX_FILE] && in_file <= blocks);
}

/* A text out of the records: what the store may have of it. */
static void find(struct prefix_cache *c, const uint8_t *records, int n)
{
    static int32_t ids[CONTEXT];
    struct session s;
    struct err e;
    for (int i = 0; i < CONTEXT; i++) {
        ids[i] = 0;
        if (n) memcpy(&ids[i], records + (size_t)(i / PAGE_ROWS % n) * RECORD + AT_IDS + (size_t)(i % PAGE_ROWS) * 4, 4);
        ids[i] = (int32_t)((uint32_t)ids[i] % VOCAB);
    }
    struct prefix_tenant *t = prefix_cache_join(c, "a", 1);
    check(t && !session_open(&s, &decoder, &e) && !session_reserve(&s, CONTEXT, &e));
    check(!prefix_cache_extend(c, t, &s, ids, CONTEXT - 1, true, 1e18));
    check(s.n < CONTEXT && (s.n == 0 || !memcmp(s.ids, ids, (size_t)s.n * sizeof *ids)));
    check_tree(c);
    if (s.n < 300) session_took(&s, ids, 300);
    prefix_cache_keep(c, t, &s, s.n);
    session_close(&s);
    check(!prefix_cache_write(c, 1e18));
    check_tree(c);
    prefix_cache_leave(c, t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct prefix_cache c;
    if (size < 2) return 0;
    int n = data[1] % (MOST + 1);
    uint8_t *records = mem_alloc((size_t)MOST * RECORD), *rows = mem_alloc((size_t)MOST * place);
    if (!records || !rows) abort();
    size_t of_records = size - 2 < (size_t)n * RECORD ? size - 2 : (size_t)n * RECORD, rest = size - 2 - of_records;
    if (rest > (size_t)MOST * place) rest = (size_t)MOST * place;
    memcpy(records, data + 2, of_records);
    memcpy(rows, data + 2 + of_records, rest);
    bool mended = data[0] != '-';
    for (int i = 0; mended && i < n; i++) mend(records, i, n, rows);
    put_file(names.index, head, HEAD, records, mended ? (size_t)n * RECORD : of_records, 0);
    put_file(names.rows, rows, rest, NULL, 0, mended ? (size_t)n * place : 0);
    open_cache(&c);
    check_tree(&c);
    find(&c, records, n);
    prefix_cache_close(&c);
    check(decoder.pages.n_free == decoder.pages.n);
    open_cache(&c);
    check_tree(&c);
    prefix_cache_clear(&c, true);
    check(c.tree.blocks == 0);
    prefix_cache_close(&c);
    mem_free(records);
    mem_free(rows);
    return 0;
}
