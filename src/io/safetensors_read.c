/* safetensors:
 *
 *   u64 N | N bytes of JSON | data
 *   {"__metadata__": {"key": "text"}, "name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}, ...}
 *
 * Offsets count from the end of the JSON. The tensors must cover the data exactly: no hole, no overlap, nothing after
 * the last, so that a file cannot be a second thing at the same time. */
#include "base/checked.h"
#include "base/mem.h"
#include "io/reader.h"
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEADER_DEPTH = 3,
    MAX_HEADER = 100 * 1000 * 1000, /* as the reference implementation */
    MAX_JSON_VALUES = 12 * TF_MAX_TENSORS
};

/* The parser spends up to a few hundred bytes on a value: they are counted first. */
static int check_json(const struct json_source *src, int max_depth, struct err *e)
{
    int depth = 0;
    size_t values = 0;
    bool in_str = false;
    for (size_t i = 0; i < src->len; i++) {
        char c = src->text[i];
        if (in_str) {
            if (c == '\\') i++;
            else if (c == '"') in_str = false;
            continue;
        }
        if (c == '"') in_str = true;
        else if (c == ']' || c == '}') depth--;
        else if (c == '[' || c == '{') depth++, values++;
        else if (c == ',') values++;
        if (depth > max_depth)
            FAIL(e, ERR_LIMIT, "%s: offset %" PRIu64 ": nesting of JSON is %d, expected at most %d", src->path,
                 src->base + i, depth, max_depth);
        if (values > MAX_JSON_VALUES)
            FAIL(e, ERR_LIMIT, "%s: offset %" PRIu64 ": number of JSON values is above %d, expected at most that",
                 src->path, src->base + i, MAX_JSON_VALUES);
    }
    return OK;
}

int safetensors_parse_json(json_t **out, const struct json_source *src, int depth, struct err *e)
{
    char name[PATH_MAX + 64];
    *out = NULL;
    TRY(check_json(src, depth, e));
    snprintf(name, sizeof name, "%s: offset %" PRIu64 ": header", src->path, src->base);
    TRY(json_parse(out, src->text, src->len, name, e));
    if (json_is_object(*out)) return OK;
    json_decref(*out);
    *out = NULL;
    FAIL(e, ERR_FORMAT, "%s: offset %" PRIu64 ": JSON is not an object, expected one", src->path, src->base);
}

static int read_metadata(struct tf *f, const json_t *meta, struct err *e)
{
    struct io_index *x = f->index;
    const char *path = f->maps[f->n_maps - 1].path, *key, *fault;
    char q[IO_QUOTE];
    json_t *v;
    if (!json_is_object(meta)) FAIL(e, ERR_FORMAT, "%s: offset 8: __metadata__ is not an object, expected one", path);
    size_t n = json_object_size(meta);
    if (n > IO_MAX_KV)
        FAIL(e, ERR_LIMIT, "%s: offset 8: number of metadata entries is %zu, expected at most %d", path, n, IO_MAX_KV);
    f->kv = mem_array(n, sizeof *f->kv);
    if (!f->kv) FAIL(e, ERR_MEMORY, "%s: out of memory for %zu metadata entries", path, n);
    json_object_foreach((json_t *)(uintptr_t)meta, key, v)
    {
        fault = io_name_fault(key, strlen(key), IO_KEY_MAX);
        if (fault)
            FAIL(e, ERR_FORMAT, "%s: offset 8: key of __metadata__ is %s, which %s, expected 1 to %d bytes", path,
                 io_quote(q, key, strlen(key)), fault, IO_KEY_MAX);
        if (!json_is_string(v))
            FAIL(e, ERR_FORMAT, "%s: offset 8: __metadata__ entry %s is not a string, expected one", path,
                 io_quote(q, key, strlen(key)));
        struct tf_kv *kv = &f->kv[f->n_kv];
        kv->type = TF_STR;
        kv->gguf_type = GGUF_STR;
        kv->key = io_strings_add(&x->strings, key, strlen(key));
        kv->v.str.len = json_string_length(v);
        kv->v.str.s = io_strings_add(&x->strings, json_string_value(v), kv->v.str.len);
        if (!kv->key || !kv->v.str.s) FAIL(e, ERR_MEMORY, "%s: out of memory for metadata", path);
        f->n_kv++;
    }
    return OK;
}

/* An array of non-negative integers; messages name the tensor `q` (already quoted) and the key. */
static int read_ints(int64_t *out, int *n, int max, const json_t *a, const char *where, struct err *e)
{
    if (!json_is_array(a)) FAIL(e, ERR_FORMAT, "%s is not an array, expected one of integers", where);
    if (json_array_size(a) > (size_t)max)
        FAIL(e, ERR_UNSUPPORTED, "%s has %zu elements, expected at most %d", where, json_array_size(a), max);
    *n = (int)json_array_size(a);
    for (int i = 0; i < *n; i++) {
        const json_t *v = json_array_get(a, (size_t)i);
        if (!json_is_integer(v)) FAIL(e, ERR_FORMAT, "%s[%d] is not an integer, expected 0 to 2^63 - 1", where, i);
        out[i] = json_integer_value(v);
        if (out[i] < 0) FAIL(e, ERR_FORMAT, "%s[%d] is %" PRId64 ", expected 0 to 2^63 - 1", where, i, out[i]);
    }
    return OK;
}

/* dtype and shape give the bytes; data_offsets must agree with them. `where` is "FILE: offset 8: tensor NAME". */
static int read_tensor(struct tf_tensor *t, const json_t *v, uint64_t data_bytes, const char *where, struct err *e)
{
    char place[PATH_MAX + IO_QUOTE + 96];
    int64_t off[2];
    int n;
    uint64_t elements;
    if (!json_is_object(v)) FAIL(e, ERR_FORMAT, "%s is not an object, expected one", where);
    const json_t *dt = json_object_get(v, "dtype"), *sh = json_object_get(v, "shape"),
                 *of = json_object_get(v, "data_offsets");
    if (!dt || !sh || !of || json_object_size(v) != 3)
        FAIL(e, ERR_FORMAT, "%s has %zu keys, expected exactly dtype, shape and data_offsets", where, json_object_size(v));
    if (!json_is_string(dt)) FAIL(e, ERR_FORMAT, "%s: dtype is not a string, expected one", where);
    const struct raw_type *r = io_safetensors_type(json_string_value(dt));
    char q[IO_QUOTE];
    if (!r || strlen(r->name) != json_string_length(dt))
        FAIL(e, ERR_UNSUPPORTED, "%s: dtype is %s, expected a known one such as F32 or BF16", where,
             io_quote(q, json_string_value(dt), json_string_length(dt)));
    t->raw_type = r->id;
    t->known = format_by_safetensors(r->name, &t->dtype);
    snprintf(place, sizeof place, "%s: shape", where);
    TRY(read_ints(t->ne, &t->nd, TF_MAX_DIMS, sh, place, e));
    snprintf(place, sizeof place, "%s: data_offsets", where);
    TRY(read_ints(off, &n, 2, of, place, e));
    if (n != 2) FAIL(e, ERR_FORMAT, "%s has %d elements, expected 2", place, n);
    if (!io_elements(t->ne, t->nd, &elements) || elements % r->block != 0 ||
        !mul_u64(elements / r->block, r->bytes, &t->bytes))
        FAIL(e, ERR_FORMAT,
             "%s: shape has a number of elements that overflows or does not fill bytes of %s, expected a valid one", where,
             r->name);
    if (off[0] > off[1] || (uint64_t)off[1] > data_bytes)
        FAIL(e, ERR_FORMAT, "%s is [%" PRId64 ", %" PRId64 "], expected to rise within 0 to %" PRIu64, place, off[0],
             off[1], data_bytes);
    t->offset = (uint64_t)off[0];
    if ((uint64_t)(off[1] - off[0]) != t->bytes)
        FAIL(e, ERR_FORMAT, "%s is %" PRId64 " bytes, expected %" PRIu64 " from dtype and shape", place, off[1] - off[0],
             t->bytes);
    return OK;
}

static int read_tensors(struct tf *f, const json_t *root, uint64_t data_bytes, struct err *e)
{
    struct tf_map *m = &f->maps[f->n_maps - 1];
    struct io_index *x = f->index;
    const char *key, *fault;
    char where[PATH_MAX + IO_QUOTE + 64], q[IO_QUOTE];
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)root, key, v)
    {
        if (!strcmp(key, "__metadata__")) continue;
        size_t len = strlen(key);
        fault = io_name_fault(key, len, TF_NAME_MAX - 1);
        if (fault)
            FAIL(e, ERR_FORMAT, "%s: offset 8: tensor name is %s, which %s, expected 1 to %d bytes of UTF-8", m->path,
                 io_quote(q, key, len), fault, TF_NAME_MAX - 1);
        struct tf_tensor *t = &f->tensors[f->n_tensors];
        t->name = io_strings_add(&x->strings, key, len);
        if (!t->name) FAIL(e, ERR_MEMORY, "%s: out of memory for names", m->path);
        snprintf(where, sizeof where, "%s: offset 8: tensor %s", m->path, io_quote(q, key, len));
        TRY(read_tensor(t, v, data_bytes, where, e));
        f->n_tensors++;
        m->n_tensors++;
    }
    return OK;
}

/* By data; an empty tensor comes before the one that starts at the same byte. */
static int by_data(const void *a, const void *b)
{
    const struct tf_tensor *x = a, *y = b;
    if (x->offset != y->offset) return x->offset < y->offset ? -1 : 1;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* Sorts this file's tensors and checks that they follow each other from the first byte of data to the last. */
static int place_data(struct tf *f, uint64_t start, struct err *e)
{
    const struct tf_map *m = &f->maps[f->n_maps - 1];
    struct tf_tensor *v = f->tensors + m->first;
    uint64_t end = 0, total = m->map.size - start;
    char q[IO_QUOTE];
    if (m->n_tensors > 1) qsort(v, m->n_tensors, sizeof *v, by_data);
    for (size_t i = 0; i < m->n_tensors; i++) {
        if (v[i].offset != end)
            FAIL(e, ERR_FORMAT,
                 "%s: offset %" PRIu64 ": data of tensor %s starts at %" PRIu64 " of the data, expected %" PRIu64 " (%s)",
                 m->path, start + v[i].offset, io_quote(q, v[i].name, strlen(v[i].name)), v[i].offset, end,
                 v[i].offset > end ? "a hole" : "an overlap");
        end += v[i].bytes;
        v[i].offset += start;
        v[i].data = m->map.data + v[i].offset;
    }
    if (end != total)
        FAIL(e, ERR_FORMAT, "%s: offset %" PRIu64 ": data after the last tensor is %" PRIu64 " bytes, expected 0", m->path,
             start + end, total - end);
    return OK;
}

static int read_root(struct tf *f, const json_t *root, uint64_t start, struct err *e)
{
    const struct tf_map *m = &f->maps[f->n_maps - 1];
    const json_t *meta = json_object_get(root, "__metadata__");
    size_t n = json_object_size(root) - (meta != NULL);
    if (n > TF_MAX_TENSORS - f->n_tensors)
        FAIL(e, ERR_LIMIT, "%s: offset 8: number of tensors is %zu, expected at most %zu", m->path, n,
             TF_MAX_TENSORS - f->n_tensors);
    TRY(io_grow_tensors(f, n, e));
    f->maps[f->n_maps - 1].first = f->n_tensors;
    if (meta && f->n_maps == 1) TRY(read_metadata(f, meta, e));
    TRY(read_tensors(f, root, m->map.size - start, e));
    return place_data(f, start, e);
}

int safetensors_read(struct tf *f, struct err *e)
{
    const struct tf_map *m = &f->maps[f->n_maps - 1];
    json_t *root;
    f->container = "safetensors";
    f->alignment = 1;
    if (m->map.size < 8)
        FAIL(e, ERR_FORMAT, "%s: offset 0: size of the file is %zu, expected at least 8 bytes", m->path, m->map.size);
    uint64_t n = io_le(m->map.data, 8), most = m->map.size - 8 < MAX_HEADER ? m->map.size - 8 : MAX_HEADER;
    if (n < 2 || n > most)
        FAIL(e, n > MAX_HEADER ? ERR_LIMIT : ERR_FORMAT,
             "%s: offset 0: header length is %" PRIu64 ", expected 2 to %" PRIu64, m->path, n, most);
    if (m->map.data[8] != '{')
        FAIL(e, ERR_FORMAT, "%s: offset 8: first byte of the header is 0x%02x, expected '{'", m->path, m->map.data[8]);
    struct json_source src = {(const char *)m->map.data + 8, n, 8, m->path};
    TRY(safetensors_parse_json(&root, &src, HEADER_DEPTH, e));
    int rc = read_root(f, root, 8 + n, e);
    json_decref(root);
    return rc;
}
