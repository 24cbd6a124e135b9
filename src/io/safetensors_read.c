/* safetensors:
 *
 *   u64 N | N bytes of JSON | data
 *   {"__metadata__": {"key": "text"}, "name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}, ...}
 *
 * Offsets count from the end of the JSON. The tensors must cover the data exactly: no hole, no overlap, nothing after
 * the last, so that a file cannot be a second thing at the same time. The JSON is read in one pass: memory is a small
 * multiple of its length. */
#include "base/checked.h"
#include "base/json_scan.h"
#include "base/mem.h"
#include "io/kinds.h"
#include "io/reader.h"
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_HEADER = 100 * 1000 * 1000 /* as the reference implementation */ };

struct header {
    struct json_scan json;
    struct tf *f;
    const char *path;
    uint64_t start; /* of the data */
    bool keep_metadata;
    size_t kv_cap;
    char where[PATH_MAX + IO_QUOTE + 96]; /* "FILE: offset 8: tensor NAME", made when something is wrong */
};

/* Begins messages about tensor t, or about one of its keys. */
static const char *where(struct header *h, const struct tf_tensor *t, const char *key)
{
    char q[IO_QUOTE];
    snprintf(h->where, sizeof h->where, "%s: offset %" PRIu64 ": tensor %s%s%s", h->path, h->json.base + h->json.pos,
             io_quote(q, t->name, strlen(t->name)), key ? ": " : "", key ? key : "");
    return h->where;
}

/* ---- __metadata__ ---- */

static struct tf_kv *new_kv(struct header *h)
{
    struct tf *f = h->f;
    if (f->n_kv == h->kv_cap) {
        size_t cap = h->kv_cap ? 2 * h->kv_cap : 4;
        struct tf_kv *v = mem_grow(f->kv, f->n_kv * sizeof *v, cap * sizeof *v);
        if (!v) return NULL;
        f->kv = v;
        h->kv_cap = cap;
    }
    return &f->kv[f->n_kv];
}

static int read_entry(struct header *h, struct err *e)
{
    struct io_index *x = h->f->index;
    const char *s, *fault;
    char q[IO_QUOTE];
    size_t n;
    uint64_t at = h->json.base + h->json.pos;
    TRY(json_scan_key(&h->json, &s, &n, e));
    if ((fault = io_name_fault(s, n, IO_KEY_MAX)))
        FAIL(e, ERR_FORMAT, "%s: offset %" PRIu64 ": key of __metadata__ is %s, which %s, expected 1 to %d bytes", h->path, at,
             io_quote(q, s, n), fault, IO_KEY_MAX);
    if (json_scan_peek(&h->json) != '"')
        FAIL(e, ERR_FORMAT, "%s: offset %" PRIu64 ": __metadata__ entry %s is not a string, expected one", h->path, at,
             io_quote(q, s, n));
    if (!h->keep_metadata) return json_scan_string(&h->json, &s, &n, e);
    if (h->f->n_kv == IO_MAX_KV)
        FAIL(e, ERR_LIMIT, "%s: offset %" PRIu64 ": number of metadata entries is above %d, expected at most that", h->path,
             at, IO_MAX_KV);
    struct tf_kv *kv = new_kv(h);
    if (!kv || !(kv->key = io_strings_add(&x->strings, s, n))) FAIL(e, ERR_MEMORY, "%s: out of memory for metadata", h->path);
    TRY(json_scan_string(&h->json, &s, &n, e));
    kv->type = TF_STR;
    kv->gguf_type = GGUF_STR;
    kv->v.str.len = n;
    kv->v.str.s = io_strings_add(&x->strings, s, n);
    if (!kv->v.str.s) FAIL(e, ERR_MEMORY, "%s: out of memory for metadata", h->path);
    h->f->n_kv++;
    return OK;
}

static int read_metadata(struct header *h, struct err *e)
{
    bool more;
    if (json_scan_peek(&h->json) != '{')
        FAIL(e, ERR_FORMAT, "%s: offset %" PRIu64 ": __metadata__ is not an object, expected one", h->path,
             h->json.base + h->json.pos);
    TRY(json_scan_expect(&h->json, '{', e));
    for (bool first = true;; first = false) {
        TRY(json_scan_next(&h->json, '}', first, &more, e));
        if (!more) return OK;
        TRY(read_entry(h, e));
    }
}

/* ---- tensors ---- */

static int read_dtype(struct header *h, struct tf_tensor *t, const struct raw_type **out, struct err *e)
{
    const char *s;
    char q[IO_QUOTE], name[16];
    size_t n;
    if (json_scan_peek(&h->json) != '"') FAIL(e, ERR_FORMAT, "%s: dtype is not a string, expected one", where(h, t, NULL));
    TRY(json_scan_string(&h->json, &s, &n, e));
    const struct raw_type *r = NULL;
    if (n < sizeof name && !memchr(s, 0, n)) {
        memcpy(name, s, n);
        name[n] = 0;
        r = io_safetensors_type(name);
    }
    if (!r)
        FAIL(e, ERR_UNSUPPORTED, "%s: dtype is %s, expected a known one such as F32 or BF16", where(h, t, NULL),
             io_quote(q, s, n));
    t->raw_type = r->id;
    t->known = format_by_safetensors(r->name, &t->dtype);
    *out = r;
    return OK;
}

/* An array of at most max integers. */
static int read_ints(struct header *h, struct tf_tensor *t, const char *key, int64_t *out, int max, int *n, struct err *e)
{
    bool more;
    *n = 0;
    if (json_scan_peek(&h->json) != '[')
        FAIL(e, ERR_FORMAT, "%s is not an array, expected one of integers", where(h, t, key));
    TRY(json_scan_expect(&h->json, '[', e));
    for (;; ++*n) {
        TRY(json_scan_next(&h->json, ']', *n == 0, &more, e));
        if (!more) return OK;
        if (*n == max) FAIL(e, ERR_UNSUPPORTED, "%s has more than %d elements, expected at most that", where(h, t, key), max);
        char c = json_scan_peek(&h->json);
        bool plain = c >= '0' && c <= '9'; /* the message is made only when it will be needed, or may be */
        size_t at = h->json.pos;
        int rc = json_scan_int(&h->json, &out[*n], plain ? h->path : where(h, t, key), e);
        if (rc && plain) {
            h->json.pos = at;
            rc = json_scan_int(&h->json, &out[*n], where(h, t, key), e);
        }
        TRY(rc);
    }
}

enum { HAS_DTYPE = 1, HAS_SHAPE = 2, HAS_OFFSETS = 4, HAS_ALL = 7 };

/* The three keys of a tensor, in any order, each once. */
static int read_keys(struct header *h, struct tf_tensor *t, const struct raw_type **r, int64_t off[2], struct err *e)
{
    static const char *const names[] = {"dtype", "shape", "data_offsets"};
    bool more;
    int seen = 0, n, k;
    TRY(json_scan_expect(&h->json, '{', e));
    for (bool first = true;; first = false) {
        const char *s;
        size_t len;
        TRY(json_scan_next(&h->json, '}', first, &more, e));
        if (!more) break;
        TRY(json_scan_key(&h->json, &s, &len, e));
        for (k = 0; k < 3 && (strlen(names[k]) != len || memcmp(names[k], s, len) != 0); k++) {
        }
        if (k == 3 || seen & 1 << k) {
            char q[IO_QUOTE];
            FAIL(e, ERR_FORMAT, "%s has key %s%s, expected exactly dtype, shape and data_offsets", where(h, t, NULL),
                 io_quote(q, s, len), k == 3 ? "" : " a second time");
        }
        seen |= 1 << k;
        if (k == 0) TRY(read_dtype(h, t, r, e));
        if (k == 1) TRY(read_ints(h, t, names[k], t->ne, TF_LISTED_DIMS, &t->nd, e));
        if (k == 2) {
            TRY(read_ints(h, t, names[k], off, 2, &n, e));
            if (n != 2) FAIL(e, ERR_FORMAT, "%s has %d elements, expected 2", where(h, t, names[k]), n);
        }
    }
    if (seen == HAS_ALL) return OK;
    FAIL(e, ERR_FORMAT, "%s lacks %s, expected exactly dtype, shape and data_offsets", where(h, t, NULL),
         names[!(seen & HAS_DTYPE) ? 0 : !(seen & HAS_SHAPE) ? 1 : 2]);
}

/* dtype and shape give the bytes; data_offsets must agree with them. */
static int read_tensor(struct header *h, struct tf_tensor *t, struct err *e)
{
    const struct raw_type *r = NULL;
    int64_t off[2] = {0};
    uint64_t elements;
    if (json_scan_peek(&h->json) != '{') FAIL(e, ERR_FORMAT, "%s is not an object, expected one", where(h, t, NULL));
    TRY(read_keys(h, t, &r, off, e));
    if (!io_elements(t->ne, t->nd, &elements) || elements % r->block != 0 ||
        !mul_u64(elements / r->block, r->bytes, &t->bytes))
        FAIL(e, ERR_FORMAT,
             "%s: shape has a number of elements that overflows or does not fill bytes of %s, expected a valid one",
             where(h, t, NULL), r->name);
    if (off[0] > off[1])
        FAIL(e, ERR_FORMAT, "%s is [%" PRId64 ", %" PRId64 "], expected to rise", where(h, t, "data_offsets"), off[0], off[1]);
    if ((uint64_t)(off[1] - off[0]) != t->bytes)
        FAIL(e, ERR_FORMAT, "%s is %" PRId64 " bytes, expected %" PRIu64 " from dtype and shape", where(h, t, "data_offsets"),
             off[1] - off[0], t->bytes);
    t->offset = (uint64_t)off[0];
    if (t->nd > TF_MAX_DIMS) t->known = false;
    return OK;
}

static int new_tensor(struct header *h, const char *name, size_t len, uint64_t at, struct err *e)
{
    struct tf *f = h->f;
    struct io_index *x = f->index;
    char q[IO_QUOTE];
    const char *fault = io_name_fault(name, len, TF_NAME_MAX - 1);
    if (fault)
        FAIL(e, ERR_FORMAT, "%s: offset %" PRIu64 ": tensor name is %s, which %s, expected 1 to %d bytes of UTF-8", h->path, at,
             io_quote(q, name, len), fault, TF_NAME_MAX - 1);
    if (f->n_tensors == TF_MAX_TENSORS)
        FAIL(e, ERR_LIMIT, "%s: offset %" PRIu64 ": number of tensors is above %d, expected at most that", h->path, at,
             TF_MAX_TENSORS);
    TRY(io_grow_tensors(f, 1, e));
    struct tf_tensor *t = &f->tensors[f->n_tensors];
    *t = (struct tf_tensor){.name = io_strings_add(&x->strings, name, len)};
    if (!t->name) FAIL(e, ERR_MEMORY, "%s: out of memory for names", h->path);
    TRY(read_tensor(h, t, e));
    f->n_tensors++;
    f->maps[f->n_maps - 1].n_tensors++;
    return OK;
}

static int read_header(struct header *h, struct err *e)
{
    static const char meta[] = "__metadata__";
    bool more, seen = false;
    TRY(json_scan_expect(&h->json, '{', e));
    for (bool first = true;; first = false) {
        const char *s;
        size_t n;
        TRY(json_scan_next(&h->json, '}', first, &more, e));
        if (!more) return json_scan_end(&h->json, e);
        uint64_t at = h->json.base + h->json.pos;
        TRY(json_scan_key(&h->json, &s, &n, e));
        if (n != strlen(meta) || memcmp(s, meta, n) != 0) {
            TRY(new_tensor(h, s, n, at, e));
            continue;
        }
        if (seen)
            FAIL(e, ERR_FORMAT, "%s: offset %" PRIu64 ": __metadata__ is there a second time, expected once", h->path, at);
        seen = true;
        TRY(read_metadata(h, e));
    }
}

/* ---- data ---- */

/* By data; an empty tensor comes before the one that starts at the same byte. */
static int by_data(const void *a, const void *b)
{
    const struct tf_tensor *x = a, *y = b;
    if (x->offset != y->offset) return x->offset < y->offset ? -1 : 1;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* Sorts this file's tensors (most files have them in order) and checks that they follow each other from the first byte of
 * data to the last. */
static int place_data(struct tf *f, uint64_t start, struct err *e)
{
    const struct tf_map *m = &f->maps[f->n_maps - 1];
    struct tf_tensor *v = m->n_tensors ? f->tensors + m->first : NULL;
    uint64_t end = 0, total = m->map.size - start;
    size_t sorted = 1;
    char q[IO_QUOTE];
    while (sorted < m->n_tensors && by_data(&v[sorted - 1], &v[sorted]) <= 0) sorted++;
    if (sorted < m->n_tensors) qsort(v, m->n_tensors, sizeof *v, by_data);
    for (size_t i = 0; i < m->n_tensors; i++) {
        if (v[i].offset != end)
            FAIL(e, ERR_FORMAT,
                 "%s: offset %" PRIu64 ": data of tensor %s starts at %" PRIu64 " of the data, expected %" PRIu64 " (%s)",
                 m->path, start + v[i].offset, io_quote(q, v[i].name, strlen(v[i].name)), v[i].offset, end,
                 v[i].offset > end ? "a hole" : "an overlap");
        end += v[i].bytes; /* the offsets were below 2^63 */
    }
    if (end > total)
        FAIL(e, ERR_FORMAT,
             "%s: offset %" PRIu64 ": data of the tensors end at %" PRIu64 ", expected to end with the file (is the file whole? it has "
             "%zu bytes, its header says %" PRIu64 ")", m->path, start, start + end, m->map.size, start + end);
    if (end != total)
        FAIL(e, ERR_FORMAT, "%s: offset %" PRIu64 ": data after the last tensor is %" PRIu64 " bytes, expected 0", m->path,
             start + end, total - end);
    for (size_t i = 0; i < m->n_tensors; i++) {
        v[i].offset += start;
        v[i].data = m->map.data + v[i].offset;
    }
    return OK;
}

int safetensors_read(struct tf *f, struct err *e)
{
    const struct tf_map *m = &f->maps[f->n_maps - 1];
    f->container = "safetensors";
    f->alignment = 1;
    if (m->map.size < 8) TRY(io_check_kind(m->path, m->map.data, m->map.size, e));
    if (m->map.size < 8)
        FAIL(e, ERR_FORMAT, "%s: offset 0: size of the file is %zu, expected at least 8 bytes", m->path, m->map.size);
    uint64_t n = io_le(m->map.data, 8), most = m->map.size - 8 < MAX_HEADER ? m->map.size - 8 : MAX_HEADER;
    if (n < 2 || n > most) {
        TRY(io_check_kind(m->path, m->map.data, m->map.size, e));
        char whole[120] = "";
        if (n >= 2 && n <= MAX_HEADER)
            snprintf(whole, sizeof whole, " (is the file whole? it has %zu bytes, and the header alone %" PRIu64 ")", m->map.size,
                     n);
        FAIL(e, n > MAX_HEADER ? ERR_LIMIT : ERR_FORMAT,
             "%s: offset 0: header length is %" PRIu64 ", expected 2 to %" PRIu64 "%s", m->path, n, most, whole);
    }
    if (m->map.data[8] != '{')
        FAIL(e, ERR_FORMAT, "%s: offset 8: first byte of the header is 0x%02x, expected '{'", m->path, m->map.data[8]);
    struct header h = {.f = f, .path = m->path, .start = 8 + n, .keep_metadata = f->n_maps == 1};
    h.json = (struct json_scan){.text = (const char *)m->map.data + 8, .len = n, .base = 8, .path = m->path};
    int rc = read_header(&h, e);
    json_scan_free(&h.json);
    return rc ? rc : place_data(f, 8 + n, e);
}
