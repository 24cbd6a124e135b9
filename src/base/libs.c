/* Memory of libraries. */
#include "base/libs.h"
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include "base/mem.h"

/* ---- jansson ---- */

/* In front of every block that jansson has: its neighbours among the blocks of the json_loadb that made it. They mean something
 * only while that runs: it frees no block but its own, and afterwards nobody looks at them. */
struct block {
    _Alignas(max_align_t) struct block *before;
    struct block *after;
};

struct loading {
    jmp_buf out_of_memory;
    struct block all; /* the beginning and end of a ring */
};

static _Thread_local struct loading *loading;
static _Thread_local bool ran_short;

static void *json_take(size_t n)
{
    struct loading *l = loading;
    struct block *b = n <= SIZE_MAX - sizeof *b ? mem_lib_alloc(sizeof *b + n) : NULL;
    if (!b) ran_short = true;
    if (!b && l) longjmp(l->out_of_memory, 1);
    if (!b) return NULL;
    if (l) {
        *b = (struct block){.before = &l->all, .after = l->all.after};
        b->after->before = l->all.after = b;
    }
    return b + 1;
}

static void json_give(void *p)
{
    if (!p) return;
    struct block *b = (struct block *)p - 1;
    if (loading) {
        b->before->after = b->after;
        b->after->before = b->before;
    }
    mem_lib_free(b);
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
    struct loading l;
    l.all.before = l.all.after = &l.all;
    *out = NULL;
    if (setjmp(l.out_of_memory) != 0) {
        loading = NULL;
        for (struct block *b = l.all.after, *after; b != &l.all; b = after) {
            after = b->after;
            mem_lib_free(b);
        }
        ran_short = false;
        FAIL(e, ERR_MEMORY, "%s: out of memory for JSON of %zu bytes", name, len);
    }
    loading = &l;
    *out = json_loadb(text, len, flags, why);
    loading = NULL;
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
