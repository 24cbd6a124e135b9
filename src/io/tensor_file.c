/* Files of tensors: opening by content, lookup, typed metadata. */
#include "io/tensor_file.h"
#include "base/checked.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "io/kinds.h"
#include "io/reader.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int io_grow_tensors(struct tf *f, size_t n, struct err *e)
{
    struct io_index *x = f->index;
    size_t want = f->n_tensors + n; /* both at most TF_MAX_TENSORS */
    if (f->tensors && want <= x->tensor_cap) return OK;
    if (f->tensors && want < 8) want = 8;
    if (want < 2 * x->tensor_cap) want = 2 * x->tensor_cap;
    struct tf_tensor *v = mem_grow(f->tensors, f->n_tensors * sizeof *v, want * sizeof *v);
    if (!v) FAIL(e, ERR_MEMORY, "%s: out of memory for %zu tensors", f->path, want);
    f->tensors = v;
    x->tensor_cap = want;
    return OK;
}

static int cmp_tensor(const void *a, const void *b)
{
    const struct tf_tensor *x = *(const struct tf_tensor *const *)a, *y = *(const struct tf_tensor *const *)b;
    int c = strcmp(x->name, y->name);
    return c ? c : (x > y) - (x < y);
}

static int cmp_kv(const void *a, const void *b)
{
    const struct tf_kv *x = *(const struct tf_kv *const *)a, *y = *(const struct tf_kv *const *)b;
    int c = strcmp(x->key, y->key);
    return c ? c : (x > y) - (x < y);
}

int io_index_build(struct tf *f, const uint64_t *where_kv, const uint64_t *where_t, struct err *e)
{
    struct io_index *x = f->index;
    char q[IO_QUOTE];
    x->by_name = mem_array(f->n_tensors, sizeof *x->by_name);
    x->by_key = mem_array(f->n_kv, sizeof *x->by_key);
    if (!x->by_name || !x->by_key) FAIL(e, ERR_MEMORY, "%s: out of memory for the index of names", f->path);
    for (size_t i = 0; i < f->n_tensors; i++) x->by_name[i] = &f->tensors[i];
    for (size_t i = 0; i < f->n_kv; i++) x->by_key[i] = &f->kv[i];
    if (f->n_tensors > 1) qsort(x->by_name, f->n_tensors, sizeof *x->by_name, cmp_tensor);
    if (f->n_kv > 1) qsort(x->by_key, f->n_kv, sizeof *x->by_key, cmp_kv);
    for (size_t i = 1; i < f->n_kv; i++) {
        const char *s = x->by_key[i]->key;
        if (strcmp(x->by_key[i - 1]->key, s) != 0) continue;
        FAIL(e, ERR_FORMAT, "%s: offset %" PRIu64 ": metadata key is %s a second time, expected unique keys", f->path,
             where_kv ? where_kv[x->by_key[i] - f->kv] : 8, io_quote(q, s, strlen(s)));
    }
    for (size_t i = 1; i < f->n_tensors; i++) {
        const struct tf_tensor *t = x->by_name[i];
        if (strcmp(x->by_name[i - 1]->name, t->name) != 0) continue;
        FAIL(e, ERR_FORMAT, "%s: offset %" PRIu64 ": tensor name is %s a second time, expected unique names",
             tf_file_of(f, t), where_t ? where_t[t - f->tensors] : t->offset, io_quote(q, t->name, strlen(t->name)));
    }
    return OK;
}

/* Decides by the first bytes. */
static int open_file(struct tf *f, const char *path, struct err *e)
{
    TRY(io_add_map(f, path, e));
    const struct file_map *m = &f->maps[0].map;
    if (m->size >= 8 && !memcmp(m->data, "GGUF", 4)) return gguf_open(f, e);
    if (m->size > 8 && m->data[8] == '{') {
        TRY(safetensors_read(f, e));
        return io_index_build(f, NULL, NULL, e);
    }
    bool cut = m->size >= 4 && m->size < 8 && !memcmp(m->data, "GGUF", 4);
    if (!cut) TRY(io_check_kind(path, m->data, m->size, e));
    if (m->size < 8) FAIL(e, ERR_FORMAT, "%s: offset 0: size of the file is %zu, expected at least 8 bytes", path, m->size);
    FAIL(e, ERR_FORMAT, "%s: offset 0: file starts with %02x %02x %02x %02x, expected GGUF or a safetensors header", path,
         m->data[0], m->data[1], m->data[2], m->data[3]);
}

int tf_open_memory(struct tf *f, const char *path, const struct io_memory *files, size_t n, struct err *e)
{
    *f = (struct tf){0};
    f->path = mem_strdup(path);
    struct io_index *x = f->index = mem_alloc(sizeof *x);
    int rc;
    if (!f->path || !x) {
        rc = err_set(e, ERR_MEMORY, __FILE__, __LINE__, "%s: out of memory", path);
    } else {
        x->files = files;
        x->n_files = n;
        bool folder = io_is_dir(f, path);
        rc = folder ? safetensors_open_folder(f, path, e) : open_file(f, path, e);
        if (rc && !folder) io_add_name_hint(e, path);
    }
    if (rc) tf_close(f);
    return rc;
}

int tf_open(struct tf *f, const char *path, struct err *e) { return tf_open_memory(f, path, NULL, 0, e); }

void tf_close(struct tf *f)
{
    struct io_index *x = f->index;
    for (size_t i = 0; i < f->n_maps; i++) {
        io_unmap(f, &f->maps[i].map);
        mem_free(f->maps[i].path);
    }
    if (x) {
        io_strings_free(&x->strings);
        mem_free(x->by_name);
        mem_free(x->by_key);
        mem_free(x);
    }
    mem_free(f->maps);
    mem_free(f->tensors);
    mem_free(f->kv);
    mem_free(f->path);
    *f = (struct tf){0};
}

const char *tf_file_of(const struct tf *f, const struct tf_tensor *t)
{
    size_t i = (size_t)(t - f->tensors), lo = 0, hi = f->n_maps;
    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;
        if (f->maps[mid].first <= i) lo = mid;
        else hi = mid;
    }
    return f->maps[lo].path;
}

uint64_t tf_file_bytes(const struct tf *f)
{
    uint64_t n = 0;
    for (size_t k = 0; k < f->n_maps; k++) n += f->maps[k].map.size;
    return n;
}

void tf_identify(const struct tf *f, struct sha256 *h)
{
    for (size_t k = 0; k < f->n_maps; k++) {
        const struct file_map *m = &f->maps[k].map;
        char line[80];
        int n = snprintf(line, sizeof line, "size %zu time %" PRId64 ".%09ld\n", m->size, m->times.seconds, m->times.nanoseconds);
        sha256_add(h, line, (size_t)n);
    }
}

bool tf_unchanged(const struct tf *f)
{
    for (size_t k = 0; k < f->n_maps; k++) {
        const struct file_map *m = &f->maps[k].map;
        struct file_times now;
        struct file_look look = file_look(f->maps[k].path, true);
        if (file_times(&now, f->maps[k].path, NULL)) return false;
        if (now.seconds != m->times.seconds || now.nanoseconds != m->times.nanoseconds || look.size != m->size) return false;
    }
    return true;
}

const struct tf_tensor *tf_find(const struct tf *f, const char *name)
{
    const struct io_index *x = f->index;
    for (size_t lo = 0, hi = f->n_tensors; lo < hi;) {
        size_t mid = lo + (hi - lo) / 2;
        int c = strcmp(name, x->by_name[mid]->name);
        if (c == 0) return x->by_name[mid];
        if (c < 0) hi = mid;
        else lo = mid + 1;
    }
    return NULL;
}

const struct tf_kv *tf_find_kv(const struct tf *f, const char *key)
{
    const struct io_index *x = f->index;
    for (size_t lo = 0, hi = f->n_kv; lo < hi;) {
        size_t mid = lo + (hi - lo) / 2;
        int c = strcmp(key, x->by_key[mid]->key);
        if (c == 0) return x->by_key[mid];
        if (c < 0) hi = mid;
        else lo = mid + 1;
    }
    return NULL;
}

static int wrong_type(const struct tf *f, const struct tf_kv *kv, const char *want, struct err *e)
{
    static const char *const names[] = {"an integer", "an integer", "a float", "a bool", "a string", "an array"};
    char q[IO_QUOTE];
    FAIL(e, ERR_FORMAT, "%s: metadata %s is %s, expected %s", f->path, io_quote(q, kv->key, strlen(kv->key)),
         names[kv->type], want);
}

int tf_kv_i64(const struct tf *f, const char *key, int64_t lo, int64_t hi, int64_t *out, bool *found, struct err *e)
{
    const struct tf_kv *kv = tf_find_kv(f, key);
    *found = kv != NULL;
    if (!kv) return OK;
    if (kv->type != TF_I64 && kv->type != TF_U64) return wrong_type(f, kv, "an integer", e);
    if (kv->type == TF_U64 && (kv->v.u > INT64_MAX || (int64_t)kv->v.u < lo || (int64_t)kv->v.u > hi))
        FAIL(e, ERR_FORMAT, "%s: metadata \"%s\" is %" PRIu64 ", expected %" PRId64 " to %" PRId64, f->path, key, kv->v.u,
             lo, hi);
    if (kv->type == TF_I64 && (kv->v.i < lo || kv->v.i > hi))
        FAIL(e, ERR_FORMAT, "%s: metadata \"%s\" is %" PRId64 ", expected %" PRId64 " to %" PRId64, f->path, key, kv->v.i,
             lo, hi);
    *out = kv->type == TF_U64 ? (int64_t)kv->v.u : kv->v.i;
    return OK;
}

int tf_kv_f64(const struct tf *f, const char *key, double *out, bool *found, struct err *e)
{
    const struct tf_kv *kv = tf_find_kv(f, key);
    double d;
    *found = kv != NULL;
    if (!kv) return OK;
    switch (kv->type) {
    case TF_F64: d = kv->v.f; break;
    case TF_I64: d = (double)kv->v.i; break;
    case TF_U64: d = (double)kv->v.u; break;
    default: return wrong_type(f, kv, "a number", e);
    }
    if (!isfinite(d)) FAIL(e, ERR_NUMERIC, "%s: metadata \"%s\" is %g, expected a finite number", f->path, key, d);
    *out = d;
    return OK;
}

int tf_kv_bool(const struct tf *f, const char *key, bool *out, bool *found, struct err *e)
{
    const struct tf_kv *kv = tf_find_kv(f, key);
    *found = kv != NULL;
    if (!kv) return OK;
    if (kv->type != TF_BOOL) return wrong_type(f, kv, "a bool", e);
    *out = kv->v.b;
    return OK;
}

int tf_kv_str(const struct tf *f, const char *key, char **out, bool *found, struct err *e)
{
    const struct tf_kv *kv = tf_find_kv(f, key);
    *found = kv != NULL;
    if (!kv) return OK;
    if (kv->type != TF_STR) return wrong_type(f, kv, "a string", e);
    if (kv->v.str.len && memchr(kv->v.str.s, 0, kv->v.str.len))
        FAIL(e, ERR_FORMAT, "%s: metadata \"%s\" is a string with a NUL byte, expected none", f->path, key);
    *out = mem_strndup(kv->v.str.s, kv->v.str.len);
    if (!*out) FAIL(e, ERR_MEMORY, "%s: out of memory for metadata \"%s\" of %zu bytes", f->path, key, kv->v.str.len);
    return OK;
}

bool tf_array_next_str(const struct tf_kv *kv, uint64_t *pos, const char **s, size_t *len)
{
    if (kv->type != TF_ARRAY || kv->v.array.elem != GGUF_STR || !range_ok(*pos, 8, kv->v.array.bytes)) return false;
    uint64_t n = io_le(kv->v.array.data + *pos, 8);
    if (!range_ok(*pos + 8, n, kv->v.array.bytes)) return false;
    *s = (const char *)kv->v.array.data + *pos + 8;
    *len = n;
    *pos += 8 + n;
    return true;
}

/* Element i as a value of its own. */
static bool array_element(const struct tf_kv *kv, uint64_t i, struct tf_kv *out)
{
    if (kv->type != TF_ARRAY || i >= kv->v.array.n) return false;
    uint32_t size = io_value_bytes(kv->v.array.elem);
    return size > 0 && io_scalar(out, kv->v.array.elem, kv->v.array.data + i * size);
}

bool tf_array_i64(const struct tf_kv *kv, uint64_t i, int64_t *out)
{
    struct tf_kv x;
    if (!array_element(kv, i, &x)) return false;
    if (x.type == TF_I64) *out = x.v.i;
    else if (x.type == TF_U64 && x.v.u <= INT64_MAX) *out = (int64_t)x.v.u;
    else if (x.type == TF_BOOL) *out = x.v.b;
    else return false;
    return true;
}

bool tf_array_f64(const struct tf_kv *kv, uint64_t i, double *out)
{
    struct tf_kv x;
    if (!array_element(kv, i, &x)) return false;
    if (x.type == TF_F64) *out = x.v.f;
    else if (x.type == TF_I64) *out = (double)x.v.i;
    else if (x.type == TF_U64) *out = (double)x.v.u;
    else return false;
    return true;
}
