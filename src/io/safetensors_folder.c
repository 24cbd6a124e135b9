/* A folder of safetensors: one file, or shards named by model.safetensors.index.json:
 *
 *   {"metadata": {...}, "weight_map": {"tensor name": "model-00001-of-00002.safetensors", ...}}
 *
 * The names of shards come from outside: only plain file names are accepted, so that an index cannot reach a file
 * elsewhere. */
#include "base/mem.h"
#include "io/reader.h"
#include "base/utf8.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { INDEX_DEPTH = 8, MAX_INDEX = 200 * 1000 * 1000, MAX_SHARDS = 10000, MAX_SHARD_NAME = 255 };

/* True for "model-00001.safetensors"; false for anything that could leave the folder or deceive a reader. */
static bool plain_name(const char *s, size_t len)
{
    if (len == 0 || len > MAX_SHARD_NAME || s[0] == '.' || s[0] == '-' || strstr(s, "..")) return false;
    for (size_t i = 0, n; i < len; i += n) {
        uint32_t cp;
        n = utf8_decode(s + i, len - i, &cp);
        if (n == 0 || !utf8_is_safe(cp) || cp == '/' || cp == '\\' || cp == ':') return false;
    }
    return str_ends_with(s, ".safetensors");
}

static int by_string(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/* The distinct shard names, sorted; borrowed from map. */
static int list_shards(const char **v, size_t *n_out, const json_t *map, const char *path, struct err *e)
{
    const char *key;
    char q[IO_QUOTE], q2[IO_QUOTE];
    json_t *s;
    size_t n = 0, k = 0;
    json_object_foreach((json_t *)(uintptr_t)map, key, s)
    {
        const char *name = json_string_value(s);
        if (!name)
            FAIL(e, ERR_FORMAT, "%s: weight_map: shard of tensor %s is not a string, expected a file name", path,
                 io_quote(q, key, strlen(key)));
        if (strlen(name) != json_string_length(s) || !plain_name(name, strlen(name)))
            FAIL(e, ERR_FORMAT,
                 "%s: weight_map: shard of tensor %s is %s, expected a plain file name that ends in .safetensors", path,
                 io_quote(q, key, strlen(key)), io_quote(q2, name, json_string_length(s)));
        v[n++] = name;
    }
    if (n > 1) qsort(v, n, sizeof *v, by_string);
    for (size_t i = 0; i < n; i++)
        if (k == 0 || strcmp(v[k - 1], v[i]) != 0) v[k++] = v[i];
    if (k > MAX_SHARDS)
        FAIL(e, ERR_LIMIT, "%s: weight_map: number of shards is %zu, expected at most %d", path, k, MAX_SHARDS);
    *n_out = k;
    return OK;
}

static int open_shards(struct tf *f, const char *dir, const char *const *v, size_t n, struct err *e)
{
    char path[PATH_MAX];
    for (size_t i = 0; i < n; i++) {
        TRY(path_join(path, sizeof path, dir, v[i], e));
        TRY(io_add_map(f, path, e));
        TRY(safetensors_read(f, e));
    }
    return io_index_build(f, NULL, NULL, e);
}

/* Every tensor of the index must be in the shard it names. Tensors the index does not mention are kept. */
static int check_weight_map(const struct tf *f, const json_t *map, const char *path, struct err *e)
{
    const char *key;
    char q[IO_QUOTE];
    json_t *s;
    json_object_foreach((json_t *)(uintptr_t)map, key, s)
    {
        const struct tf_tensor *t = tf_find(f, key);
        const char *want = json_string_value(s);
        if (!t)
            FAIL(e, ERR_FORMAT, "%s: weight_map: tensor %s is not in any shard, expected in %s", path,
                 io_quote(q, key, strlen(key)), want);
        const char *slash = strrchr(tf_file_of(f, t), '/');
        if (!slash || strcmp(slash + 1, want) != 0)
            FAIL(e, ERR_FORMAT, "%s: weight_map: tensor %s is in %s, expected in %s", path, io_quote(q, key, strlen(key)),
                 tf_file_of(f, t), want);
    }
    return OK;
}

static int open_indexed(struct tf *f, const char *dir, const json_t *root, const char *path, struct err *e)
{
    const json_t *map = json_object_get(root, "weight_map");
    size_t n = 0;
    if (!json_is_object(map) || json_object_size(map) == 0)
        FAIL(e, ERR_FORMAT, "%s: weight_map is missing, empty or not an object, expected tensor names with their shards",
             path);
    const char **v = mem_array(json_object_size(map), sizeof *v);
    if (!v) FAIL(e, ERR_MEMORY, "%s: out of memory for %zu tensors", path, json_object_size(map));
    int rc = list_shards(v, &n, map, path, e);
    if (!rc) rc = open_shards(f, dir, v, n, e);
    if (!rc) rc = check_weight_map(f, map, path, e);
    mem_free(v);
    return rc;
}

int safetensors_open_folder(struct tf *f, const char *dir, struct err *e)
{
    char path[PATH_MAX];
    TRY(path_join(path, sizeof path, dir, "model.safetensors", e));
    if (file_exists(path)) {
        TRY(io_add_map(f, path, e));
        TRY(safetensors_read(f, e));
        return io_index_build(f, NULL, NULL, e);
    }
    TRY(path_join(path, sizeof path, dir, "model.safetensors.index.json", e));
    if (!file_exists(path))
        FAIL(e, ERR_NOTFOUND, "%s: folder has neither model.safetensors nor model.safetensors.index.json, expected one",
             dir);
    char *text;
    size_t len;
    json_t *root;
    TRY(file_read(&text, &len, path, MAX_INDEX, e));
    struct json_source src = {text, len, 0, path};
    int rc = safetensors_parse_json(&root, &src, INDEX_DEPTH, e);
    mem_free(text);
    if (rc) return rc;
    rc = open_indexed(f, dir, root, path, e);
    json_decref(root);
    return rc;
}
