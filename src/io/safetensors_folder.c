/* A folder of safetensors: one file, or shards named by model.safetensors.index.json:
 *
 *   {"metadata": {...}, "weight_map": {"tensor name": "model-00001-of-00002.safetensors", ...}}
 *
 * The names of shards come from outside: only plain file names are accepted, so that an index cannot reach a file
 * elsewhere. (The files themselves may be links: the cache of the hub is made of them.) */
#include "base/json_scan.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "io/kinds.h"
#include "io/reader.h"
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_INDEX = 200 * 1000 * 1000, MAX_SHARDS = 10000, MAX_SHARD_NAME = 255 };

/* One line of weight_map. */
struct entry {
    const char *tensor, *shard;
};

/* The index while it is read. Shard names are stored once where they repeat. */
struct shard_index {
    struct tf *f;
    const char *path;
    struct json_scan json;
    struct io_strings strings;
    struct entry *entries;
    size_t n, cap;
    const char **shards; /* distinct, sorted */
    size_t n_shards;
};

/* True for "model-00001.safetensors"; false for anything that could leave the folder or deceive a reader. */
static bool plain_name(const char *s, size_t len)
{
    static const char end[] = ".safetensors";
    if (len <= strlen(end) || len > MAX_SHARD_NAME || s[0] == '.' || s[0] == '-') return false;
    for (size_t i = 0, n; i < len; i += n) {
        uint32_t cp;
        n = utf8_decode(s + i, len - i, &cp);
        if (n == 0 || !utf8_is_safe(cp) || cp == '/' || cp == '\\' || cp == ':') return false;
        if (cp == '.' && i + 1 < len && s[i + 1] == '.') return false;
    }
    return !memcmp(s + len - strlen(end), end, strlen(end));
}

static int grow_entries(struct shard_index *x, struct err *e)
{
    if (x->n < x->cap) return OK;
    if (x->n >= TF_MAX_TENSORS)
        FAIL(e, ERR_LIMIT, "%s: offset %zu: weight_map has more than %d tensors, expected at most that", x->path, x->json.pos,
             TF_MAX_TENSORS);
    size_t cap = x->cap ? 2 * x->cap : 64;
    struct entry *v = mem_grow(x->entries, x->n * sizeof *v, cap * sizeof *v);
    if (!v) FAIL(e, ERR_MEMORY, "%s: out of memory for the index after %zu tensors", x->path, x->n);
    x->entries = v;
    x->cap = cap;
    return OK;
}

static int add_entry(struct shard_index *x, struct err *e)
{
    const char *s, *fault;
    char q[IO_QUOTE], q2[IO_QUOTE];
    size_t n;
    uint64_t at = x->json.pos;
    TRY(grow_entries(x, e));
    struct entry *t = &x->entries[x->n];
    TRY(json_scan_key(&x->json, &s, &n, e));
    if ((fault = io_name_fault(s, n, TF_NAME_MAX - 1)))
        FAIL(e, ERR_FORMAT, "%s: offset %" PRIu64 ": weight_map: tensor name is %s, which %s, expected 1 to %d bytes", x->path,
             at, io_quote(q, s, n), fault, TF_NAME_MAX - 1);
    if (!(t->tensor = io_strings_add(&x->strings, s, n))) FAIL(e, ERR_MEMORY, "%s: out of memory for names", x->path);
    io_quote(q, s, n);
    if (json_scan_peek(&x->json) != '"')
        FAIL(e, ERR_FORMAT, "%s: offset %" PRIu64 ": weight_map: shard of tensor %s is not a string, expected a file name",
             x->path, at, q);
    TRY(json_scan_string(&x->json, &s, &n, e));
    if (!plain_name(s, n))
        FAIL(e, ERR_FORMAT,
             "%s: offset %" PRIu64
             ": weight_map: shard of tensor %s is %s, expected a plain file name that ends in .safetensors",
             x->path, at, q, io_quote(q2, s, n));
    const char *last = x->n ? x->entries[x->n - 1].shard : NULL;
    if (last && strlen(last) == n && !memcmp(last, s, n)) t->shard = last;
    else t->shard = io_strings_add(&x->strings, s, n);
    if (!t->shard) FAIL(e, ERR_MEMORY, "%s: out of memory for names", x->path);
    x->n++;
    return OK;
}

static int read_weight_map(struct shard_index *x, struct err *e)
{
    bool more;
    if (x->n || json_scan_peek(&x->json) != '{')
        FAIL(e, ERR_FORMAT, "%s: offset %zu: weight_map is %s, expected one object", x->path, x->json.pos,
             x->n ? "there a second time" : "not an object");
    TRY(json_scan_expect(&x->json, '{', e));
    for (bool first = true;; first = false) {
        TRY(json_scan_next(&x->json, '}', first, &more, e));
        if (!more) return OK;
        TRY(add_entry(x, e));
    }
}

/* The whole text: weight_map, and anything else, which is skipped. */
static int read_index(struct shard_index *x, struct err *e)
{
    bool more;
    const char *s;
    size_t n;
    if (json_scan_peek(&x->json) != '{')
        FAIL(e, ERR_FORMAT, "%s: offset 0: not valid JSON: not an object, expected one with a weight_map", x->path);
    TRY(json_scan_expect(&x->json, '{', e));
    for (bool first = true;; first = false) {
        TRY(json_scan_next(&x->json, '}', first, &more, e));
        if (!more) break;
        TRY(json_scan_key(&x->json, &s, &n, e));
        if (n == strlen("weight_map") && !memcmp(s, "weight_map", n)) TRY(read_weight_map(x, e));
        else TRY(json_scan_skip(&x->json, e));
    }
    TRY(json_scan_end(&x->json, e));
    if (x->n) return OK;
    FAIL(e, ERR_FORMAT, "%s: weight_map is missing or empty, expected tensor names with their shards", x->path);
}

static int by_string(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/* The distinct shard names, sorted. */
static int list_shards(struct shard_index *x, struct err *e)
{
    size_t k = 0, n = 0;
    x->shards = mem_array(x->n, sizeof *x->shards);
    if (!x->shards) FAIL(e, ERR_MEMORY, "%s: out of memory for %zu tensors", x->path, x->n);
    for (size_t i = 0; i < x->n; i++) /* names that follow each other share their bytes */
        if (n == 0 || x->shards[n - 1] != x->entries[i].shard) x->shards[n++] = x->entries[i].shard;
    if (n > 1) qsort(x->shards, n, sizeof *x->shards, by_string);
    for (size_t i = 0; i < n; i++)
        if (k == 0 || strcmp(x->shards[k - 1], x->shards[i]) != 0) x->shards[k++] = x->shards[i];
    if (k > MAX_SHARDS)
        FAIL(e, ERR_LIMIT, "%s: weight_map: number of shards is %zu, expected at most %d", x->path, k, MAX_SHARDS);
    x->n_shards = k;
    return OK;
}

static int open_shards(struct shard_index *x, const char *dir, struct err *e)
{
    char path[PATH_MAX];
    for (size_t i = 0; i < x->n_shards; i++) {
        TRY(path_join(path, sizeof path, dir, x->shards[i], e));
        if (!io_exists(x->f, path))
            FAIL(e, ERR_NOTFOUND, "%s: shard is missing (%zu of %zu, named by %s), expected beside the others", path, i + 1,
                 x->n_shards, x->path);
        TRY(io_add_map(x->f, path, e));
        TRY(safetensors_read(x->f, e));
    }
    return io_index_build(x->f, NULL, NULL, e);
}

/* Every tensor of the index must be in the shard it names, and there once. Tensors the index does not mention are kept.
 * seen (n_tensors) is zeroed memory of the caller. */
static int check_entries(const struct shard_index *x, bool *seen, struct err *e)
{
    char q[IO_QUOTE];
    if (!seen) FAIL(e, ERR_MEMORY, "%s: out of memory for %zu tensors", x->path, x->f->n_tensors);
    for (size_t i = 0; i < x->n; i++) {
        const struct entry *t = &x->entries[i];
        const struct tf_tensor *found = tf_find(x->f, t->tensor);
        if (!found)
            FAIL(e, ERR_FORMAT, "%s: weight_map: tensor %s is not in any shard, expected in %s", x->path,
                 io_quote(q, t->tensor, strlen(t->tensor)), t->shard);
        const char *slash = strrchr(tf_file_of(x->f, found), '/');
        if (!slash || strcmp(slash + 1, t->shard) != 0)
            FAIL(e, ERR_FORMAT, "%s: weight_map: tensor %s is in %s, expected in %s", x->path,
                 io_quote(q, t->tensor, strlen(t->tensor)), tf_file_of(x->f, found), t->shard);
        bool *again = &seen[found - x->f->tensors];
        if (*again)
            FAIL(e, ERR_FORMAT, "%s: weight_map: tensor %s is there a second time, expected once", x->path,
                 io_quote(q, t->tensor, strlen(t->tensor)));
        *again = true;
    }
    return OK;
}

static int open_indexed(struct tf *f, const char *dir, const char *path, struct err *e)
{
    struct file_map m;
    TRY(io_map(f, &m, path, e));
    struct shard_index x = {.f = f, .path = path};
    x.json = (struct json_scan){.text = (const char *)m.data, .len = m.size, .path = path};
    int rc = OK;
    if (m.size > MAX_INDEX)
        rc = err_set(e, ERR_LIMIT, __FILE__, __LINE__, "%s: offset 0: size of the file is %zu, expected at most %d", path,
                     m.size, MAX_INDEX);
    if (!rc) rc = io_check_json_kind(path, x.json.text, x.json.len, e);
    if (!rc) rc = read_index(&x, e);
    if (!rc) rc = list_shards(&x, e);
    if (!rc) rc = open_shards(&x, dir, e);
    bool *seen = rc ? NULL : mem_array(f->n_tensors, sizeof *seen);
    if (!rc) rc = check_entries(&x, seen, e);
    mem_free(seen);
    json_scan_free(&x.json);
    io_strings_free(&x.strings);
    mem_free(x.entries);
    mem_free(x.shards);
    io_unmap(f, &m);
    return rc;
}

int safetensors_open_folder(struct tf *f, const char *dir, struct err *e)
{
    char path[PATH_MAX], *pickle;
    TRY(path_join(path, sizeof path, dir, "model.safetensors", e));
    if (io_exists(f, path)) {
        TRY(io_add_map(f, path, e));
        TRY(safetensors_read(f, e));
        return io_index_build(f, NULL, NULL, e);
    }
    TRY(path_join(path, sizeof path, dir, "model.safetensors.index.json", e));
    if (io_exists(f, path)) return open_indexed(f, dir, path, e);
    TRY(io_find_name(f, dir, io_is_pickle_name, &pickle, e));
    char q[IO_QUOTE], hint[300] = "";
    if (!pickle) {
        TRY(io_folder_hint(hint, sizeof hint, f, dir, e));
        FAIL(e, ERR_NOTFOUND, "%s: folder has neither model.safetensors nor model.safetensors.index.json, expected one%s", dir,
             hint);
    }
    io_quote(q, pickle, strlen(pickle));
    mem_free(pickle);
    FAIL(e, ERR_UNSUPPORTED,
         "%s: folder has no safetensors but %s; pickle is never read, because reading it runs code: ask for safetensors", dir,
         q);
}
