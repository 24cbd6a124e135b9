/* For fuzz targets of files of tensors: the input becomes a file in memory, is opened, and everything that was opened
 * is looked at in the way a caller would. */
#ifndef FUZZ_FILE_H
#define FUZZ_FILE_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/mem.h"
#include "io/tensor_file.h"

/* A promise of tf_open is broken: ends the program so that the fuzzer keeps the input. */
static inline void fuzz_broken(const char *what)
{
    fprintf(stderr, "broken promise: %s\n", what);
    abort();
}

/* The path of a file in memory that holds the input; the same file each time. NULL when the system has none. */
static inline const char *fuzz_file(const uint8_t *data, size_t size)
{
    static int fd = -1;
    static char path[64];
    if (fd < 0) {
        fd = memfd_create("fuzz", MFD_CLOEXEC);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    if (fd < 0 || ftruncate(fd, 0) != 0) return NULL;
    return pwrite(fd, data, size, 0) == (ssize_t)size ? path : NULL;
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
        for (int k = 0; k < t->nd; k++) n *= (uint64_t)t->ne[k];
        if (t->nd < 0 || t->nd > TF_MAX_DIMS) fuzz_broken("number of dimensions");
        if (t->offset > tf_file_bytes(f) || t->bytes > tf_file_bytes(f) - t->offset) fuzz_broken("data outside the file");
        if (t->known && t->bytes != format_bytes(t->dtype, (int64_t)n)) fuzz_broken("bytes and shape differ");
        if (tf_find(f, t->name) != t) fuzz_broken("a tensor is not found by its name");
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

static inline int fuzz_tensor_file(const uint8_t *data, size_t size)
{
    struct tf f;
    struct err e = {0};
    const char *path = fuzz_file(data, size);
    if (!path) return 0;
    if (tf_open(&f, path, &e)) {
        if (e.code == OK || strncmp(e.msg, path, strlen(path)) != 0) fuzz_broken("an error without code or file name");
        return 0;
    }
    fuzz_look_at_tensors(&f);
    for (size_t i = 0; i < f.n_kv; i++) fuzz_look_at_kv(&f, &f.kv[i]);
    tf_close(&f);
    return 0;
}

#endif
