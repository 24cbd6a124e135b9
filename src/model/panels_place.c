/* Places of files of panels, and what is in the cache. */
#include "model/panels_place.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "base/sha256.h"
#include "io/tensor_file.h"
#include "model/panels.h"
#include "sys/dir.h"
#include "sys/file.h"
#include "sys/store.h"

#define END ".panels"
enum { NAME_SHOWN = 60, HASH_SHOWN = 16 };

/* ---- where ---- */

static bool lies_below(const char *path, const char *folder)
{
    char real[PATH_MAX];
    if (!realpath(folder, real)) return false;
    size_t n = strlen(real);
    return !strncmp(path, real, n) && (path[n] == '/' || n == 1);
}

/* "models--org--name/snapshots/..." or ".../blobs/sha256-...": whoever keeps such folders looks after every file in them. */
static bool looks_foreign(const char *path)
{
    if (strstr(path, "/models--") && (strstr(path, "/snapshots/") || strstr(path, "/blobs/"))) return true;
    return strstr(path, "/blobs/sha256-") != NULL;
}

static bool is_foreign(const char *path, const struct panels_rule *r)
{
    for (size_t i = 0; r->foreign && r->foreign[i]; i++)
        if (lies_below(path, r->foreign[i])) return true;
    return looks_foreign(path);
}

static bool beside(char out[PATH_MAX], const char *model)
{
    int n = snprintf(out, PATH_MAX, "%s%s" END, model, file_is_dir(model) ? "/model" : "");
    return n < PATH_MAX;
}

/* Names of the cache tell people which model it is, and a hash of its path tells which of that name. */
static bool in_cache(char out[PATH_MAX], const char *cache, const char *model)
{
    char hash[SHA256_HEX];
    const char *base = strrchr(model, '/');
    if (!cache || !base || sha256_of(model, strlen(model), hash, NULL)) return false;
    base++;
    return snprintf(out, PATH_MAX, "%s/%.*s-%.*s" END, cache, NAME_SHOWN, base, HASH_SHOWN, hash) < PATH_MAX;
}

/* Any part of a divided GGUF opens all of it: the first stands for them. */
static void first_part(char path[PATH_MAX])
{
    char first[PATH_MAX];
    if (tf_first_part(first, sizeof first, path) && !file_absent(first)) memcpy(path, first, sizeof first);
}

void panels_places(struct panels_places *p, const char *model, const struct panels_rule *r)
{
    char named[PATH_MAX], folder[PATH_MAX];
    *p = (struct panels_places){0};
    if (snprintf(named, sizeof named, "%s", model) >= (int)sizeof named) return;
    first_part(named);
    if (!realpath(named, p->model)) return;
    if (!is_foreign(p->model, r) && beside(p->path[0], p->model) && !path_dir(folder, sizeof folder, p->path[0], NULL) &&
        (file_writable(folder) || !file_absent(p->path[0])))
        p->n++;
    if (in_cache(p->path[p->n], r->cache, p->model)) {
        p->cache = r->cache;
        p->n++;
    }
}

static void add_found(struct panels_found *f, const char *path)
{
    struct file_look l = file_look(path, false);
    if (l.kind != FILE_REGULAR) return;
    for (int i = 0; i < f->n; i++)
        if (!strcmp(f->path[i], path)) return;
    memcpy(f->path[f->n++], path, strlen(path) + 1);
    f->bytes += l.size;
}

void panels_find(struct panels_found *f, const char *model, const struct panels_rule *r)
{
    struct panels_head h;
    char real[PATH_MAX], path[PATH_MAX];
    *f = (struct panels_found){0};
    if (realpath(model, real) && beside(path, real)) add_found(f, path);
    if (in_cache(path, r->cache, real)) add_found(f, path);
    /* As earlier versions did: beside a link. */
    if (beside(path, model) && panels_read_head(&h, path)) add_found(f, path);
}

/* ---- the cache ---- */

static bool is_panels(const char *name) { return str_ends_with(name, END); }

void panels_list_free(struct panels_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        mem_free(l->v[i].path);
        mem_free(l->v[i].model);
    }
    mem_free(l->v);
    *l = (struct panels_list){0};
}

/* A model of another size is another model. Whether one of the same size is, its next run finds out. */
static bool is_stale(const struct panels_head *h)
{
    struct file_look l = file_look(h->model, true);
    return l.kind == FILE_MISSING || (l.kind == FILE_REGULAR && l.size != h->model_bytes);
}

static int add_row(struct panels_list *l, const char *path, struct err *e)
{
    struct panels_head h;
    struct file_look at = file_look(path, false);
    if (at.kind != FILE_REGULAR) return OK;
    bool known = panels_read_head(&h, path);
    struct panels_row *row = &l->v[l->n];
    *row = (struct panels_row){.path = mem_strdup(path),
                               .model = mem_strdup(known ? h.model : ""),
                               .bytes = at.size,
                               .used = at.used > at.modified ? at.used : at.modified,
                               .stale = !known || is_stale(&h)};
    l->n++;
    if (!row->path || !row->model) FAIL(e, ERR_MEMORY, "out of memory for the list of packed weights");
    return OK;
}

static int by_use(const void *a, const void *b)
{
    const struct panels_row *x = a, *y = b;
    if (x->stale != y->stale) return x->stale ? -1 : 1;
    if (x->used != y->used) return x->used < y->used ? -1 : 1;
    return strcmp(x->path, y->path);
}

int panels_list(struct panels_list *l, const char *cache, struct err *e)
{
    char **names, path[PATH_MAX];
    size_t n;
    *l = (struct panels_list){0};
    int rc = dir_names(&names, &n, cache, is_panels, e);
    if (rc == ERR_NOTFOUND) return OK;
    TRY(rc);
    rc = n ? mem_new((void **)&l->v, n * sizeof *l->v, "the list of packed weights", e) : OK;
    for (size_t i = 0; !rc && i < n; i++)
        if (!path_join(path, sizeof path, cache, names[i], NULL)) rc = add_row(l, path, e);
    names_free(names, n);
    if (rc) panels_list_free(l);
    else if (l->n) qsort(l->v, l->n, sizeof *l->v, by_use);
    return rc;
}

int panels_make_room(const char *cache, uint64_t bytes, uint64_t most, struct err *e)
{
    struct panels_list l;
    uint64_t sum = bytes;
    if (!most) {
        TRY(file_disk_size(cache, &most, e));
        most /= 4;
    }
    if (bytes > most)
        FAIL(e, ERR_LIMIT, "the packed weights take %.1f MiB, and %s may hold %.1f MiB: they stay in memory",
             (double)bytes / 0x1p20, cache, (double)most / 0x1p20);
    TRY(panels_list(&l, cache, e));
    for (size_t i = 0; i < l.n; i++) sum += l.v[i].bytes;
    int rc = OK;
    for (size_t i = 0; !rc && i < l.n; i++) {
        if (!l.v[i].stale && sum <= most) break;
        rc = file_remove(l.v[i].path, e); /* who has it mapped keeps it until the end */
        sum -= l.v[i].bytes;
    }
    panels_list_free(&l);
    return rc;
}
