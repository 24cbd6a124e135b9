/* Stores of several models in one folder. */
#include "infer/kv_folder.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "sys/block_file.h"
#include "sys/dir.h"
#include "sys/file.h"

#define INDEX ".kvindex"
#define ROWS ".kvrows"
enum { NAME = 24 };

int kv_folder_names(struct kv_folder_names *n, const char *folder, const struct state_key *key, struct err *e)
{
    char hex[SHA256_HEX], index[NAME + sizeof INDEX], rows[NAME + sizeof ROWS];
    TRY(sha256_of(key, sizeof *key, hex, e));
    snprintf(index, sizeof index, "%.*s" INDEX, NAME, hex);
    snprintf(rows, sizeof rows, "%.*s" ROWS, NAME, hex);
    TRY(path_join(n->index, sizeof n->index, folder, index, e));
    return path_join(n->rows, sizeof n->rows, folder, rows, e);
}

/* ---- the others ---- */

struct store {
    char index[PATH_MAX], rows[PATH_MAX];
    uint64_t bytes;
    int64_t used;
};

static bool is_index(const char *name) { return str_ends_with(name, INDEX); }

static int look_at(struct store *s, const char *folder, const char *name, struct err *e)
{
    TRY(path_join(s->index, sizeof s->index, folder, name, e));
    int stem = (int)(strlen(s->index) - strlen(INDEX));
    int n = snprintf(s->rows, sizeof s->rows, "%.*s" ROWS, stem, s->index);
    if (n < 0 || (size_t)n >= sizeof s->rows) FAIL(e, ERR_LIMIT, "path is too long: %s", s->index);
    struct file_look i = file_look(s->index, false), r = file_look(s->rows, false);
    s->bytes = i.size + r.size;
    s->used = i.modified;
    return OK;
}

static int by_use(const void *x, const void *y)
{
    const struct store *a = x, *b = y;
    if (a->used != b->used) return a->used < b->used ? -1 : 1;
    return strcmp(a->index, b->index);
}

/* Owned by the caller: mem_free. */
static int list(struct store **out, size_t *n, const char *folder, struct err *e)
{
    char **names;
    size_t all;
    *out = NULL;
    *n = 0;
    TRY(dir_names(&names, &all, folder, is_index, e));
    int rc = all ? mem_new((void **)out, all * sizeof **out, "a list of stores", e) : OK;
    for (size_t i = 0; !rc && i < all; i++) rc = look_at(&(*out)[(*n)++], folder, names[i], e);
    names_free(names, all);
    if (rc) mem_free(*out);
    else if (*n) qsort(*out, *n, sizeof **out, by_use);
    return rc;
}

int kv_folder_bytes(const char *folder, uint64_t *bytes, struct err *e)
{
    struct store *s;
    size_t n;
    *bytes = 0;
    TRY(list(&s, &n, folder, e));
    for (size_t i = 0; i < n; i++) *bytes += s[i].bytes;
    mem_free(s);
    return OK;
}

/* Unless somebody has it open. */
static bool remove_store(const struct store *s)
{
    struct block_file lock;
    struct err ignored;
    bool taken, gone = false;
    if (block_file_open(&lock, s->index, &taken, &ignored) || taken) return false;
    if (!file_remove(s->rows, &ignored)) gone = !file_remove(s->index, &ignored);
    block_file_close(&lock);
    return gone;
}

int kv_folder_trim(const char *folder, const struct kv_folder_names *own, uint64_t most, uint64_t *others, struct err *e)
{
    struct store *s;
    size_t n;
    *others = 0;
    TRY(list(&s, &n, folder, e));
    for (size_t i = 0; i < n; i++)
        if (strcmp(s[i].index, own->index) != 0) *others += s[i].bytes;
    for (size_t i = 0; i < n && *others > most / 2; i++)
        if (strcmp(s[i].index, own->index) != 0 && remove_store(&s[i])) *others -= s[i].bytes;
    mem_free(s);
    return OK;
}
