/* GGUF, versions 2 and 3, little-endian:
 *
 *   magic "GGUF" | u32 version | u64 tensors | u64 key/values
 *   key/values: string key, u32 type, value                    string: u64 length, bytes
 *   tensors:    string name, u32 dims, u64 dim[] (fastest first), u32 type, u64 offset
 *   padding to general.alignment | data, where the offsets count from
 *
 * Every count is compared with the bytes that are left before anything is allocated for it. */
#include "base/checked.h"
#include "base/mem.h"
#include "io/reader.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MIN_KV_BYTES = 8 + 1 + 4 + 1,
    MIN_TENSOR_BYTES = 8 + 1 + 4 + 8 + 4 + 8,
    MIN_ALIGNMENT = 8, /* the specification asks for a multiple of 8 */
    MAX_ALIGNMENT = 1 << 20,
    DEFAULT_ALIGNMENT = 32
};

struct gguf {
    struct tf *f;
    const char *path;
    const uint8_t *data;
    uint64_t pos, size;
    struct io_strings *strings;
    uint64_t *where_kv, *where_t; /* places of the names, for messages */
    struct tf_kv *kv;
    uint64_t n_kv, n_t;
    struct tf_tensor *t; /* the tensors of this file */
    uint64_t alignment;
};

/* Makes sure that n more bytes are there. */
static int need(struct gguf *g, uint64_t n, const char *what, struct err *e)
{
    if (range_ok(g->pos, n, g->size)) return OK;
    FAIL(e, ERR_FORMAT,
         "%s: offset %" PRIu64 ": bytes left is %" PRIu64 ", expected at least %" PRIu64 " for %s (is the file whole? it has %" PRIu64
         " bytes)", g->path, g->pos, g->size - g->pos, n, what, g->size);
}

static int read_int(struct gguf *g, uint32_t bytes, uint64_t *out, const char *what, struct err *e)
{
    TRY(need(g, bytes, what, e));
    *out = io_le(g->data + g->pos, bytes);
    g->pos += bytes;
    return OK;
}

static int read_u32(struct gguf *g, uint32_t *out, const char *what, struct err *e)
{
    uint64_t v;
    TRY(read_int(g, 4, &v, what, e));
    *out = (uint32_t)v;
    return OK;
}

static int read_u64(struct gguf *g, uint64_t *out, const char *what, struct err *e) { return read_int(g, 8, out, what, e); }

/* A string: *s points into the mapping. */
static int read_str(struct gguf *g, const char **s, uint64_t *len, const char *what, struct err *e)
{
    uint64_t at = g->pos;
    TRY(read_u64(g, len, what, e));
    if (*len > g->size - g->pos)
        FAIL(e, ERR_FORMAT,
             "%s: offset %" PRIu64 ": length of %s is %" PRIu64 ", expected at most %" PRIu64 " (is the file whole? it has %" PRIu64
             " bytes)", g->path, at, what, *len, g->size - g->pos, g->size);
    *s = (const char *)g->data + g->pos;
    g->pos += *len;
    return OK;
}

/* The name of a tensor or a key, copied into the file's strings. */
static int read_name(struct gguf *g, char **out, size_t max, const char *what, struct err *e)
{
    const char *s;
    uint64_t len, at = g->pos;
    char q[IO_QUOTE];
    TRY(read_str(g, &s, &len, what, e));
    const char *fault = io_name_fault(s, len, max);
    if (fault)
        FAIL(e, ERR_FORMAT,
             "%s: offset %" PRIu64 ": %s is %s (%" PRIu64 " bytes), which %s, expected 1 to %zu bytes of UTF-8", g->path,
             at, what, io_quote(q, s, len), len, fault, max);
    *out = io_strings_add(g->strings, s, len);
    if (!*out) FAIL(e, ERR_MEMORY, "%s: out of memory for names", g->path);
    return OK;
}

static int check_version(struct gguf *g, struct err *e)
{
    uint32_t v;
    g->pos = 4;
    TRY(read_u32(g, &v, "the version", e));
    if (v == 2 || v == 3) return OK;
    if (v == 1)
        FAIL(e, ERR_UNSUPPORTED,
             "%s: offset 4: GGUF version is 1, expected 2 or 3; version 1 is obsolete, convert the file", g->path);
    uint32_t swapped = __builtin_bswap32(v);
    if (swapped >= 1 && swapped <= 3)
        FAIL(e, ERR_UNSUPPORTED, "%s: offset 4: byte order is big-endian (version %u), expected little-endian", g->path,
             swapped);
    FAIL(e, ERR_UNSUPPORTED, "%s: offset 4: GGUF version is %u, expected 2 or 3", g->path, v);
}

/* A count found at offset `at`, of things that take min_bytes or more each of the bytes that are left. */
static int check_count(const struct gguf *g, uint64_t at, uint64_t n, uint64_t limit, uint64_t min_bytes, struct err *e)
{
    uint64_t fit = (g->size - g->pos) / min_bytes;
    if (n > limit)
        FAIL(e, ERR_LIMIT, "%s: offset %" PRIu64 ": count is %" PRIu64 ", expected at most %" PRIu64, g->path, at, n,
             limit);
    if (n > fit)
        FAIL(e, ERR_FORMAT,
             "%s: offset %" PRIu64 ": count is %" PRIu64 ", expected at most %" PRIu64 " of %" PRIu64
             " bytes or more (is the file whole? it has %" PRIu64 " bytes)", g->path, at, n, fit, min_bytes, g->size);
    return OK;
}

static int read_counts(struct gguf *g, struct err *e)
{
    TRY(read_u64(g, &g->n_t, "the number of tensors", e));
    TRY(read_u64(g, &g->n_kv, "the number of metadata entries", e));
    TRY(check_count(g, 8, g->n_t, TF_MAX_TENSORS, MIN_TENSOR_BYTES, e));
    return check_count(g, 16, g->n_kv, IO_MAX_KV, MIN_KV_BYTES, e);
}

/* The elements of an array from g->pos: walked once here, trusted afterwards. */
static int read_elements(struct gguf *g, struct tf_kv *kv, struct err *e)
{
    uint32_t elem = kv->v.array.elem, size = io_value_bytes(elem);
    uint64_t n = kv->v.array.n, left = g->size - g->pos, at = g->pos - 8, most = left / (size ? size : 8);
    if (n > most)
        FAIL(e, ERR_FORMAT,
             "%s: offset %" PRIu64 ": number of elements of an array is %" PRIu64 ", expected at most %" PRIu64
             " (is the file whole? it has %" PRIu64 " bytes)", g->path, at, n, most, g->size);
    kv->v.array.data = g->data + g->pos;
    if (elem == GGUF_STR) {
        const char *s;
        uint64_t len;
        for (uint64_t i = 0; i < n; i++) TRY(read_str(g, &s, &len, "a string of an array", e));
    } else {
        g->pos += n * size;
    }
    kv->v.array.bytes = (uint64_t)(g->data + g->pos - kv->v.array.data);
    for (uint64_t i = 0; elem == GGUF_BOOL && i < n; i++)
        if (kv->v.array.data[i] > 1)
            FAIL(e, ERR_FORMAT, "%s: offset %" PRIu64 ": boolean is %u, expected 0 or 1", g->path, at + 8 + i,
                 kv->v.array.data[i]);
    return OK;
}

static int read_array(struct gguf *g, struct tf_kv *kv, struct err *e)
{
    uint64_t at = g->pos;
    kv->type = TF_ARRAY;
    TRY(read_u32(g, &kv->v.array.elem, "the element type of an array", e));
    uint32_t elem = kv->v.array.elem;
    if (elem == GGUF_ARRAY)
        FAIL(e, ERR_UNSUPPORTED, "%s: offset %" PRIu64 ": element type is array, expected a number, bool or string",
             g->path, at);
    if (elem >= GGUF_TYPES)
        FAIL(e, ERR_FORMAT, "%s: offset %" PRIu64 ": element type is %u, expected 0 to %d", g->path, at, elem,
             GGUF_TYPES - 1);
    TRY(read_u64(g, &kv->v.array.n, "the number of elements of an array", e));
    return read_elements(g, kv, e);
}

static int read_kv(struct gguf *g, struct tf_kv *kv, struct err *e)
{
    uint64_t at, len;
    TRY(read_name(g, &kv->key, IO_KEY_MAX, "a metadata key", e));
    at = g->pos;
    TRY(read_u32(g, &kv->gguf_type, "the type of a metadata value", e));
    uint32_t size = io_value_bytes(kv->gguf_type);
    if (kv->gguf_type >= GGUF_TYPES)
        FAIL(e, ERR_FORMAT, "%s: offset %" PRIu64 ": type of a metadata value is %u, expected 0 to %d", g->path, at,
             kv->gguf_type, GGUF_TYPES - 1);
    if (kv->gguf_type == GGUF_ARRAY) return read_array(g, kv, e);
    if (kv->gguf_type == GGUF_STR) {
        kv->type = TF_STR;
        TRY(read_str(g, &kv->v.str.s, &len, "a string value", e));
        kv->v.str.len = len;
        return OK;
    }
    TRY(need(g, size, "a metadata value", e));
    if (kv->gguf_type == GGUF_BOOL && g->data[g->pos] > 1)
        FAIL(e, ERR_FORMAT, "%s: offset %" PRIu64 ": boolean is %u, expected 0 or 1", g->path, g->pos, g->data[g->pos]);
    io_scalar(kv, kv->gguf_type, g->data + g->pos);
    g->pos += size;
    return OK;
}

/* The one entry with this key, NULL when there is none. A second one is an error in any file, here of parts as well,
 * whose metadata have no index. */
static int find_own(const struct gguf *g, const char *key, const struct tf_kv **out, uint64_t *at, struct err *e)
{
    *out = NULL;
    for (uint64_t i = 0; i < g->n_kv; i++) {
        if (strcmp(g->kv[i].key, key) != 0) continue;
        if (*out)
            FAIL(e, ERR_FORMAT, "%s: offset %" PRIu64 ": metadata key is \"%s\" a second time, expected unique keys", g->path,
                 g->where_kv[i], key);
        *out = &g->kv[i];
        *at = g->where_kv[i];
    }
    return OK;
}

static int read_alignment(struct gguf *g, struct err *e)
{
    const struct tf_kv *kv;
    uint64_t at;
    g->alignment = DEFAULT_ALIGNMENT;
    TRY(find_own(g, "general.alignment", &kv, &at, e));
    if (!kv) return OK;
    if (kv->gguf_type != GGUF_U32)
        FAIL(e, ERR_FORMAT, "%s: offset %" PRIu64 ": type of general.alignment is %s, expected u32", g->path, at,
             tf_kv_type_name(kv->gguf_type));
    uint64_t a = kv->v.u;
    if (a < MIN_ALIGNMENT || a > MAX_ALIGNMENT || (a & (a - 1)) != 0)
        FAIL(e, ERR_FORMAT, "%s: offset %" PRIu64 ": general.alignment is %" PRIu64 ", expected a power of two from %d to %d",
             g->path, at, a, MIN_ALIGNMENT, MAX_ALIGNMENT);
    g->alignment = a;
    return OK;
}

static int read_all_kv(struct gguf *g, struct err *e)
{
    uint64_t n = g->n_kv;
    g->kv = mem_array(n, sizeof *g->kv);
    g->where_kv = mem_array(n, sizeof *g->where_kv);
    if (!g->kv || !g->where_kv) FAIL(e, ERR_MEMORY, "%s: out of memory for %" PRIu64 " metadata entries", g->path, n);
    for (uint64_t i = 0; i < n; i++) {
        g->where_kv[i] = g->pos;
        TRY(read_kv(g, &g->kv[i], e));
    }
    return read_alignment(g, e);
}

/* ---- the place among the parts ---- */

/* One of the split.* keys: an integer of any width. */
static int part_number(const struct gguf *g, const char *key, int64_t lo, int64_t hi, int64_t *out, bool *found, struct err *e)
{
    const struct tf_kv *kv;
    uint64_t at;
    TRY(find_own(g, key, &kv, &at, e));
    *found = kv != NULL;
    if (!kv) return OK;
    if (kv->type != TF_I64 && kv->type != TF_U64)
        FAIL(e, ERR_FORMAT, "%s: offset %" PRIu64 ": type of %s is %s, expected an integer", g->path, at, key,
             tf_kv_type_name(kv->gguf_type));
    bool above = kv->type == TF_U64 && kv->v.u > INT64_MAX;
    if (above || kv->v.i < lo || kv->v.i > hi) {
        char text[24];
        snprintf(text, sizeof text, kv->type == TF_U64 ? "%" PRIu64 : "%" PRId64, kv->v.u);
        FAIL(e, ERR_FORMAT, "%s: offset %" PRIu64 ": %s is %s, expected %" PRId64 " to %" PRId64, g->path, at, key, text, lo, hi);
    }
    *out = kv->v.i;
    return OK;
}

static int read_part(const struct gguf *g, struct gguf_part *p, struct err *e)
{
    static const char *const keys[] = {"split.count", "split.no", "split.tensors.count"};
    bool found, no, tensors;
    p->no = 0;
    p->count = 1;
    p->tensors = (int64_t)g->n_t;
    TRY(part_number(g, keys[0], 0, IO_MAX_PARTS, &p->count, &found, e));
    if (p->count == 0) p->count = 1; /* a whole file, for some writers */
    TRY(part_number(g, keys[1], 0, p->count - 1, &p->no, &no, e));
    TRY(part_number(g, keys[2], 0, TF_MAX_TENSORS, &p->tensors, &tensors, e));
    if (p->count == 1 || (no && tensors)) return OK;
    FAIL(e, ERR_FORMAT, "%s: offset 24: %s is missing in part of a file in %" PRId64 " parts, expected it beside %s", g->path,
         keys[no ? 2 : 1], p->count, keys[0]);
}

/* Dimensions come fastest first; tf_tensor has the slowest first. */
static int read_dims(struct gguf *g, struct tf_tensor *t, struct err *e)
{
    uint32_t nd;
    uint64_t at = g->pos, n;
    TRY(read_u32(g, &nd, "the number of dimensions", e));
    if (nd < 1 || nd > TF_MAX_DIMS)
        FAIL(e, ERR_FORMAT, "%s: offset %" PRIu64 ": number of dimensions is %u, expected 1 to %d", g->path, at, nd,
             TF_MAX_DIMS);
    t->nd = (int)nd;
    for (int i = t->nd - 1; i >= 0; i--) {
        at = g->pos;
        TRY(read_u64(g, &n, "a dimension", e));
        if (n < 1 || n > INT64_MAX)
            FAIL(e, ERR_FORMAT, "%s: offset %" PRIu64 ": dimension is %" PRIu64 ", expected 1 to %" PRId64, g->path, at, n,
                 INT64_MAX);
        t->ne[i] = (int64_t)n;
    }
    return OK;
}

/* The number of bytes from dimensions and type; 0 where only the place of the next tensor can tell. `at` is the place of
 * the type. */
static int set_bytes(struct gguf *g, struct tf_tensor *t, uint64_t at, struct err *e)
{
    char q[IO_QUOTE];
    uint64_t n, row = (uint64_t)t->ne[t->nd - 1];
    const struct raw_type *r = io_ggml_type(t->raw_type);
    bool whole = r && row % r->block == 0;
    if (!whole && io_ggml_agreed(t->raw_type))
        FAIL(e, ERR_FORMAT,
             "%s: offset %" PRIu64 ": row of tensor %s is %" PRIu64 " elements, expected a multiple of %u for %s", g->path,
             at, io_quote(q, t->name, strlen(t->name)), row, r->block, r->name);
    if (!io_elements(t->ne, t->nd, &n) || (whole && (!mul_u64(n / r->block, r->bytes, &t->bytes) || t->bytes > INT64_MAX)))
        FAIL(e, ERR_FORMAT,
             "%s: offset %" PRIu64 ": size of tensor %s is above 2^63, expected at most the %" PRIu64 " bytes of the file",
             g->path, at, io_quote(q, t->name, strlen(t->name)), g->size);
    t->known = whole && format_by_ggml(t->raw_type, &t->dtype);
    return OK;
}

static int read_tensor(struct gguf *g, struct tf_tensor *t, struct err *e)
{
    char q[IO_QUOTE];
    TRY(read_name(g, &t->name, TF_NAME_MAX - 1, "a tensor name", e));
    TRY(read_dims(g, t, e));
    uint64_t at = g->pos;
    TRY(read_u32(g, &t->raw_type, "the type of a tensor", e));
    TRY(set_bytes(g, t, at, e));
    at = g->pos;
    TRY(read_u64(g, &t->offset, "the offset of a tensor", e));
    if (t->offset % g->alignment != 0)
        FAIL(e, ERR_FORMAT,
             "%s: offset %" PRIu64 ": data offset of tensor %s is %" PRIu64 ", expected a multiple of %" PRIu64, g->path,
             at, io_quote(q, t->name, strlen(t->name)), t->offset, g->alignment);
    return OK;
}

static int read_tensors(struct gguf *g, struct err *e)
{
    struct tf *f = g->f;
    if (g->n_t > TF_MAX_TENSORS - f->n_tensors)
        FAIL(e, ERR_LIMIT, "%s: offset 8: count is %" PRIu64 ", expected at most %zu after the other parts", g->path, g->n_t,
             TF_MAX_TENSORS - f->n_tensors);
    TRY(io_grow_tensors(f, g->n_t, e));
    g->t = f->tensors + f->n_tensors;
    g->where_t = mem_array(g->n_t, sizeof *g->where_t);
    if (!g->where_t) FAIL(e, ERR_MEMORY, "%s: out of memory for %" PRIu64 " tensors", g->path, g->n_t);
    for (uint64_t i = 0; i < g->n_t; i++) {
        g->where_t[i] = g->pos;
        TRY(read_tensor(g, &g->t[i], e));
    }
    return OK;
}

/* Where the last tensor ends by the table, saturated. */
static uint64_t table_end(const struct gguf *g, uint64_t start)
{
    uint64_t end = 0;
    for (uint64_t i = 0; i < g->n_t; i++) {
        uint64_t abs = 0, last = 0;
        bool good = add_u64(start, g->t[i].offset, &abs) && add_u64(abs, g->t[i].bytes, &last);
        if (!good) last = UINT64_MAX;
        if (last > end) end = last;
    }
    return end;
}

/* Offsets become absolute and are checked against the end of the file. */
static int place_data(struct gguf *g, struct err *e)
{
    uint64_t start, abs;
    char q[IO_QUOTE];
    if (!align_u64(g->pos, g->alignment, &start))
        FAIL(e, ERR_FORMAT, "%s: offset %" PRIu64 ": no room for data", g->path, g->pos);
    uint64_t end = table_end(g, start);
    for (uint64_t i = 0; i < g->n_t; i++) {
        struct tf_tensor *t = &g->t[i];
        if (!add_u64(start, t->offset, &abs) || !range_ok(abs, t->bytes, g->size))
            FAIL(e, ERR_FORMAT,
                 "%s: offset %" PRIu64 ": data of tensor %s is %" PRIu64 " bytes at %" PRIu64 " + %" PRIu64
                 ", expected to end within the file's %" PRIu64 " bytes (is the file whole? it has %" PRIu64
                 " bytes, its table says %" PRIu64 "%s%s%s)",
                 g->path, g->where_t[i], io_quote(q, t->name, strlen(t->name)), t->bytes, start, t->offset, g->size, g->size, end,
                 io_ggml_agreed(t->raw_type) ? "" : "; is its type ",
                 io_ggml_agreed(t->raw_type) ? "" : io_ggml_name(t->raw_type), io_ggml_agreed(t->raw_type) ? "" : "?");
        t->offset = abs;
        t->data = g->data + abs;
    }
    return OK;
}

static int by_offset(const void *a, const void *b)
{
    const struct tf_tensor *x = *(const struct tf_tensor *const *)a, *y = *(const struct tf_tensor *const *)b;
    return x->offset != y->offset ? (x->offset > y->offset ? 1 : -1) : (x > y) - (x < y);
}

/* A type that programs disagree about counts only where the file has as many bytes for the tensor; else the tensor has
 * what lies there, and its format is not known. */
static void settle_type(const struct gguf *g, struct tf_tensor *t, uint64_t end)
{
    uint64_t room = end - t->offset;
    if (io_ggml_agreed(t->raw_type) || io_fills(t->bytes, room, g->alignment)) return;
    t->known = false;
    t->bytes = room;
}

/* v is the tensors in the order of their data. */
static int check_extents(struct gguf *g, struct tf_tensor **v, struct err *e)
{
    char q[IO_QUOTE], q2[IO_QUOTE];
    for (uint64_t i = 0; i < g->n_t; i++) settle_type(g, v[i], i + 1 < g->n_t ? v[i + 1]->offset : g->size);
    for (uint64_t i = 1; i < g->n_t; i++) {
        const struct tf_tensor *t = v[i], *prev = v[i - 1];
        if (t->offset < prev->offset + prev->bytes)
            FAIL(e, ERR_FORMAT,
                 "%s: offset %" PRIu64 ": data of tensor %s starts inside that of %s, expected %" PRIu64 " or more", g->path,
                 t->offset, io_quote(q, t->name, strlen(t->name)), io_quote(q2, prev->name, strlen(prev->name)),
                 prev->offset + prev->bytes);
    }
    return OK;
}

static int settle_extents(struct gguf *g, struct err *e)
{
    bool sorted = true;
    struct tf_tensor **v = mem_array(g->n_t, sizeof *v);
    if (!v) FAIL(e, ERR_MEMORY, "%s: out of memory for %" PRIu64 " tensors", g->path, g->n_t);
    for (uint64_t i = 0; i < g->n_t; i++) {
        v[i] = &g->t[i];
        sorted = sorted && (i == 0 || v[i - 1]->offset <= v[i]->offset);
    }
    if (!sorted) qsort(v, g->n_t, sizeof *v, by_offset); /* one after the other, as nearly all files have them */
    int rc = check_extents(g, v, e);
    mem_free(v);
    return rc;
}

static int read_all(struct gguf *g, struct gguf_part *p, struct err *e)
{
    TRY(check_version(g, e));
    TRY(read_counts(g, e));
    TRY(read_all_kv(g, e));
    TRY(read_part(g, p, e));
    TRY(read_tensors(g, e));
    TRY(place_data(g, e));
    return settle_extents(g, e);
}

int gguf_read(struct tf *f, struct gguf_part *part, struct err *e)
{
    struct tf_map *m = &f->maps[f->n_maps - 1];
    struct io_index *x = f->index;
    struct gguf g = {.f = f, .path = m->path, .data = m->map.data, .size = m->map.size, .strings = &x->strings};
    int rc = OK;
    *part = (struct gguf_part){0};
    f->container = "gguf";
    if (g.size < 8 || memcmp(g.data, "GGUF", 4) != 0)
        rc = err_set(e, ERR_FORMAT, __FILE__, __LINE__, "%s: offset 0: file does not start with GGUF, expected it", g.path);
    if (!rc) rc = read_all(&g, part, e);
    part->where_kv = g.where_kv;
    part->where_t = g.where_t;
    if (!rc) {
        f->n_tensors += g.n_t;
        m->n_tensors = g.n_t;
    }
    if (f->n_maps > 1) {
        mem_free(g.kv);
        return rc;
    }
    f->kv = g.kv;
    f->n_kv = rc ? 0 : g.n_kv;
    f->alignment = g.alignment;
    return rc;
}
