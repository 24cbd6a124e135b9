/* Where the bytes of a struct tf come from: files on disk, mapped, or, for fuzzing, a list of files in memory. */
#include "base/mem.h"
#include "io/reader.h"
#include <string.h>

static const struct io_memory *in_memory(const struct io_index *x, const char *path)
{
    for (size_t i = 0; i < x->n_files; i++)
        if (!strcmp(x->files[i].path, path)) return &x->files[i];
    return NULL;
}

/* The name of a file in memory that lies directly in dir, else NULL. */
static const char *name_in(const struct io_memory *m, const char *dir)
{
    size_t n = strlen(dir);
    return !strncmp(m->path, dir, n) && m->path[n] == '/' && !strchr(m->path + n + 1, '/') ? m->path + n + 1 : NULL;
}

int io_map(const struct tf *f, struct file_map *m, const char *path, struct err *e)
{
    const struct io_index *x = f->index;
    if (!x->files) return file_map(m, path, e);
    const struct io_memory *file = in_memory(x, path);
    *m = (struct file_map){0};
    if (!file) FAIL(e, ERR_NOTFOUND, "%s: cannot open: no such file in memory", path);
    *m = (struct file_map){.data = file->size ? file->data : NULL, .size = file->size};
    return OK;
}

void io_unmap(const struct tf *f, struct file_map *m)
{
    const struct io_index *x = f->index;
    if (!x->files) file_unmap(m);
    *m = (struct file_map){0};
}

bool io_exists(const struct tf *f, const char *path)
{
    const struct io_index *x = f->index;
    return x->files ? in_memory(x, path) != NULL : !file_absent(path);
}

bool io_is_dir(const struct tf *f, const char *path)
{
    const struct io_index *x = f->index;
    if (!x->files) return file_is_dir(path);
    for (size_t i = 0; i < x->n_files; i++)
        if (name_in(&x->files[i], path)) return true;
    return false;
}

int io_find_name(const struct tf *f, const char *dir, bool (*match)(const char *name), char **name, struct err *e)
{
    const struct io_index *x = f->index;
    char **v = NULL;
    size_t n = 0;
    const char *best = NULL;
    *name = NULL;
    if (!x->files) TRY(file_list(&v, &n, dir, e));
    for (size_t i = 0; i < (x->files ? x->n_files : n); i++) {
        const char *s = x->files ? name_in(&x->files[i], dir) : v[i];
        if (s && match(s) && (!best || strcmp(s, best) < 0)) best = s;
    }
    if (best) *name = mem_strdup(best);
    bool failed = best && !*name;
    for (size_t i = 0; i < n; i++) mem_free(v[i]);
    mem_free(v);
    if (failed) FAIL(e, ERR_MEMORY, "%s: out of memory for a name", dir);
    return OK;
}

bool io_is_pickle_name(const char *name)
{
    static const char *const ends[] = {".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".bin.index.json"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (str_ends_with(name, ends[i])) return true;
    return false;
}

int io_add_map(struct tf *f, const char *path, struct err *e)
{
    if ((f->n_maps & (f->n_maps - 1)) == 0) { /* full: room for 1, 2, 4, ... */
        size_t cap = f->n_maps ? 2 * f->n_maps : 1;
        struct tf_map *v = mem_grow(f->maps, f->n_maps * sizeof *v, cap * sizeof *v);
        if (!v) FAIL(e, ERR_MEMORY, "%s: out of memory", path);
        f->maps = v;
    }
    struct tf_map *m = &f->maps[f->n_maps];
    *m = (struct tf_map){.path = mem_strdup(path), .first = f->n_tensors};
    if (!m->path) FAIL(e, ERR_MEMORY, "%s: out of memory", path);
    int rc = io_map(f, &m->map, path, e);
    if (rc) {
        mem_free(m->path);
        m->path = NULL;
        return rc;
    }
    f->n_maps++;
    return OK;
}
