/* For fuzz targets of files of tensors: the input becomes files in memory, which are opened, and everything that was
 * opened is looked at in the way a caller would. The operating system is not asked for anything: that is what makes tens
 * of thousands of inputs a second. */
#ifndef FUZZ_FILE_H
#define FUZZ_FILE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "io/reader.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FUZZ_ASAN
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define FUZZ_ASAN
#endif
#ifdef FUZZ_ASAN
#include <sanitizer/asan_interface.h>
#endif

/* A promise of the code is broken: ends the program so that the fuzzer keeps the input. */
static inline void fuzz_broken(const char *what)
{
    fprintf(stderr, "broken promise: %s\n", what);
    abort();
}

/* Several files in one input: before each but the last stands its length, 2 bytes. */
enum { FUZZ_MAX_FILES = 4 };
struct fuzz_files {
    struct io_memory file[FUZZ_MAX_FILES];
    uint8_t *block[FUZZ_MAX_FILES]; /* one for each, so that a read beyond its end is seen */
    size_t n;
};

static inline void fuzz_files_free(struct fuzz_files *f)
{
    for (size_t i = 0; i < f->n; i++) mem_free(f->block[i]);
}

/* Cuts the input into n files with these paths; n is at most FUZZ_MAX_FILES. */
static inline void fuzz_files_cut(struct fuzz_files *f, const char *const *paths, size_t n, const uint8_t *data, size_t size)
{
    f->n = n;
    for (size_t i = 0; i < n; i++) {
        size_t len = size;
        if (i + 1 < n) {
            len = size >= 2 ? (size_t)(data[0] | data[1] << 8) : 0;
            data += size >= 2 ? 2 : size;
            size -= size >= 2 ? 2 : size;
            if (len > size) len = size;
        }
        f->block[i] = mem_alloc(len);
        if (!f->block[i]) abort();
        if (len) memcpy(f->block[i], data, len);
#ifdef FUZZ_ASAN
        __asan_poison_memory_region(f->block[i] + len, (64 - len % 64) % 64); /* mem_alloc rounds up */
#endif
        f->file[i] = (struct io_memory){paths[i], f->block[i], len};
        data += len;
        size -= len;
    }
}

static inline unsigned fuzz_sum(const uint8_t *p, uint64_t n)
{
    unsigned sum = 0;
    for (uint64_t i = 0; i < n; i++) sum += p[i];
    return sum;
}

static inline void fuzz_look_at_tensors(const struct tf *f)
{
    for (size_t i = 0; i < f->n_tensors; i++) {
        const struct tf_tensor *t = &f->tensors[i];
        uint64_t n = 1;
        struct err e;
        for (int k = 0; k < t->nd; k++) n *= (uint64_t)t->ne[k];
        if (t->nd < 0 || t->nd > (t->known ? TF_MAX_DIMS : TF_LISTED_DIMS)) fuzz_broken("number of dimensions");
        if (t->offset > tf_file_bytes(f) || t->bytes > tf_file_bytes(f) - t->offset) fuzz_broken("data outside the file");
        if (t->known && t->bytes != format_bytes(t->dtype, (int64_t)n)) fuzz_broken("bytes and shape differ");
        if (tf_find(f, t->name) != t) fuzz_broken("a tensor is not found by its name");
        if (t->known != (tf_check_known(f, t, &e) == OK)) fuzz_broken("a type that is refused and known");
        if (!tf_type_name(f, t)[0] || !tf_file_of(f, t)) fuzz_broken("a type or file without a name");
        volatile unsigned sink = fuzz_sum(t->data, t->bytes); /* every byte must be readable */
        (void)sink;
    }
}

static inline void fuzz_look_at_kv(const struct tf *f, const struct tf_kv *kv)
{
    uint64_t pos = 0, n = 0;
    const char *s;
    size_t len;
    int64_t i;
    double d;
    bool b, found;
    char *str = NULL;
    struct err e;
    if (tf_find_kv(f, kv->key) != kv) fuzz_broken("a key is not found");
    tf_kv_i64(f, kv->key, -10, 10, &i, &found, &e);
    tf_kv_f64(f, kv->key, &d, &found, &e);
    tf_kv_bool(f, kv->key, &b, &found, &e);
    if (tf_kv_str(f, kv->key, &str, &found, &e) == OK && strlen(str) != kv->v.str.len) fuzz_broken("length of a string");
    mem_free(str);
    while (tf_array_next_str(kv, &pos, &s, &len)) {
        volatile unsigned sink = fuzz_sum((const uint8_t *)s, len);
        (void)sink;
        n++;
    }
    if (kv->type == TF_ARRAY && kv->v.array.elem == 8 && n != kv->v.array.n) fuzz_broken("number of strings of an array");
    for (uint64_t k = 0; kv->type == TF_ARRAY && k < kv->v.array.n && k < 64; k++) {
        tf_array_i64(kv, k, &i);
        tf_array_f64(kv, k, &d);
    }
}

/* Opens path among the files; an error must name one of them, or the path. Returns whether it could be opened. */
static inline bool fuzz_open(struct tf *f, const char *path, const struct io_memory *files, size_t n)
{
    struct err e = {0};
    if (tf_open_memory(f, path, files, n, &e) == OK) return true;
    bool named = !strncmp(e.msg, path, strlen(path));
    for (size_t i = 0; i < n && !named; i++) named = !strncmp(e.msg, files[i].path, strlen(files[i].path));
    if (e.code == OK || !named) fuzz_broken("an error without code or file name");
    return false;
}

static inline void fuzz_look(const struct tf *f)
{
    fuzz_look_at_tensors(f);
    for (size_t i = 0; i < f->n_kv; i++) fuzz_look_at_kv(f, &f->kv[i]);
}

static inline int fuzz_tensor_file(const uint8_t *data, size_t size)
{
    struct tf f;
    if (!fuzz_open(&f, "fuzz", &(struct io_memory){"fuzz", data, size}, 1)) return 0;
    fuzz_look(&f);
    tf_close(&f);
    return 0;
}

#endif
