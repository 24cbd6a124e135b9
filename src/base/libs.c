/* Memory of libraries. */
#include "base/libs.h"
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdint.h>
#include "base/mem.h"

/* ---- jansson ---- */

/* The blocks of one json_loadb: a hash table of addresses, at most half full. */
struct loading {
    jmp_buf out_of_memory;
    void **at;
    size_t n, cap;
};

static _Thread_local struct loading *loading;
static _Thread_local bool ran_short;

static size_t slot_of(const struct loading *l, const void *p)
{
    size_t i = (size_t)(((uintptr_t)p >> 4) * (uintptr_t)0x9e3779b97f4a7c15u) & (l->cap - 1);
    while (l->at[i] && l->at[i] != p) i = (i + 1) & (l->cap - 1);
    return i;
}

static bool loading_grow(struct loading *l)
{
    struct loading w = {.cap = l->cap ? 2 * l->cap : 1024};
    w.at = mem_array(w.cap, sizeof *w.at);
    if (!w.at) return false;
    for (size_t i = 0; i < l->cap; i++)
        if (l->at[i]) w.at[slot_of(&w, l->at[i])] = l->at[i];
    mem_free(l->at);
    l->at = w.at;
    l->cap = w.cap;
    return true;
}

static void *json_take(size_t n)
{
    struct loading *l = loading;
    if (l && 2 * (l->n + 1) > l->cap && !loading_grow(l)) longjmp(l->out_of_memory, 1);
    void *p = mem_lib_alloc(n);
    if (!p) ran_short = true;
    if (!l) return p;
    if (!p) longjmp(l->out_of_memory, 1);
    l->at[slot_of(l, p)] = p;
    l->n++;
    return p;
}

/* Takes p out, and moves up those behind it that would not be found any more. */
static void loading_forget(struct loading *l, const void *p)
{
    size_t hole = slot_of(l, p);
    if (!l->at[hole]) return;
    l->at[hole] = NULL;
    l->n--;
    for (size_t i = (hole + 1) & (l->cap - 1); l->at[i]; i = (i + 1) & (l->cap - 1)) {
        void *q = l->at[i];
        l->at[i] = NULL;
        l->at[slot_of(l, q)] = q;
    }
}

static void json_give(void *p)
{
    if (p && loading) loading_forget(loading, p);
    mem_lib_free(p);
}

bool libs_json_short(void)
{
    bool yes = ran_short;
    ran_short = false;
    return yes;
}

void libs_json_set_short(void) { ran_short = true; }

int libs_json_load(json_t **out, const char *text, size_t len, size_t flags, json_error_t *why, const char *name, struct err *e)
{
    struct loading l = {0};
    *out = NULL;
    if (setjmp(l.out_of_memory) != 0) {
        loading = NULL;
        for (size_t i = 0; i < l.cap; i++) mem_lib_free(l.at[i]);
        mem_free(l.at);
        ran_short = false;
        FAIL(e, ERR_MEMORY, "%s: out of memory for JSON of %zu bytes", name, len);
    }
    loading = &l;
    *out = json_loadb(text, len, flags, why);
    loading = NULL;
    mem_free(l.at);
    return OK;
}

/* ---- OpenSSL ---- */

static EVP_MD *hashes[2];
static atomic_int prepared; /* 0 not, 1 by some thread right now, 2 done */

static void *ssl_take(size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    return n ? mem_lib_alloc(n) : NULL;
}

static void *ssl_grow(void *p, size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    return mem_lib_grow(p, n);
}

static void ssl_give(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    mem_lib_free(p);
}

/* Before main: nothing of theirs may exist yet. */
__attribute__((constructor)) static void set_memory(void)
{
    json_set_alloc_funcs(json_take, json_give);
    CRYPTO_set_mem_functions(ssl_take, ssl_grow, ssl_give);
}

void libs_prepare(void)
{
    int none = 0;
    if (!atomic_compare_exchange_strong(&prepared, &none, 1)) {
        while (atomic_load(&prepared) != 2) {}
        return;
    }
    uint64_t k = mem_fail_left(); /* what is set up once for all does not fail for a test of something else */
    int64_t live = mem_live();
    mem_fail_at(0);
    hashes[LIBS_SHA256] = EVP_MD_fetch(NULL, "SHA256", NULL);
    hashes[LIBS_SHA1] = EVP_MD_fetch(NULL, "SHA1", NULL);
    ERR_clear_error(); /* makes the place for errors of this thread */
    mem_lib_keep(mem_live() - live);
    mem_fail_at(k);
    atomic_store(&prepared, 2);
}

int libs_hash_new(void **out, enum libs_hash kind, struct err *e)
{
    *out = NULL;
    libs_prepare();
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    if (!c || !hashes[kind] || EVP_DigestInit_ex(c, hashes[kind], NULL) != 1) {
        EVP_MD_CTX_free(c);
        ERR_clear_error();
        FAIL(e, ERR_MEMORY, "OpenSSL could not begin a hash");
    }
    *out = c;
    return OK;
}
