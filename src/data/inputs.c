/* Folders and patterns. */
#include "data/inputs.h"
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "base/mem.h"
#include "data/docs.h"
#include "sys/dir.h"
#include "sys/file.h"

void inputs_free(struct inputs *l)
{
    for (size_t i = 0; i < l->n; i++) mem_free(l->v[i]);
    mem_free(l->v);
    *l = (struct inputs){0};
}

int inputs_add_plain(struct inputs *l, const char *input, struct err *e)
{
    if (l->n == INPUTS_MAX) FAIL(e, ERR_LIMIT, "%s: more than %d files", input, INPUTS_MAX);
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 16;
        char **v = mem_grow(l->v, l->cap * sizeof *v, cap * sizeof *v);
        if (!v) FAIL(e, ERR_MEMORY, "%s: out of memory for a list of files", input);
        l->v = v;
        l->cap = cap;
    }
    if (!(l->v[l->n] = mem_strdup(input))) FAIL(e, ERR_MEMORY, "%s: out of memory", input);
    l->n++;
    return OK;
}

/* Files that a folder has besides documents. */
struct others {
    size_t n;
    char first[200];
};

static int add_folder(struct inputs *l, const char *dir, int depth, struct others *others, struct err *e);

static int add_entry(struct inputs *l, const char *dir, const char *name, int depth, struct others *others, struct err *e)
{
    char path[PATH_MAX];
    if (name[0] == '.') return OK;
    TRY(path_join(path, sizeof path, dir, name, e));
    if (file_is_dir(path)) return add_folder(l, path, depth + 1, others, e);
    if (docs_has_name(path)) return inputs_add_plain(l, path, e);
    if (others->n++ == 0) memcpy(others->first, name, strnlen(name, sizeof others->first - 1));
    return OK;
}

static int add_folder(struct inputs *l, const char *dir, int depth, struct others *others, struct err *e)
{
    char **names;
    size_t n;
    if (depth > INPUTS_DEPTH) FAIL(e, ERR_LIMIT, "%s: folders deeper than %d; a link to itself?", dir, INPUTS_DEPTH);
    TRY(file_list(&names, &n, dir, e));
    int rc = OK;
    for (size_t i = 0; i < n && !rc; i++) rc = add_entry(l, dir, names[i], depth, others, e);
    names_free(names, n);
    return rc;
}

static int add_whole_folder(struct inputs *l, const char *dir, struct err *e)
{
    struct others others = {0};
    char root[PATH_MAX];
    size_t before = l->n, len = strlen(dir);
    while (len > 1 && dir[len - 1] == '/') len--;
    if (len >= sizeof root) FAIL(e, ERR_LIMIT, "path is too long: %s", dir);
    memcpy(root, dir, len);
    root[len] = 0;
    TRY(add_folder(l, root, 0, &others, e));
    if (l->n == before)
        FAIL(e, ERR_NOTFOUND, "%s: no file named .txt, .jsonl, .txt.zst or .jsonl.zst in this folder%s%s", dir,
             others.n ? ", but for instance " : "", others.first);
    if (others.n)
        log_warn("%s: %zu %s not read, as the name is not .txt or .jsonl (.zst): %s%s", dir, others.n,
                 others.n == 1 ? "file is" : "files are", others.first, others.n > 1 ? ", ..." : "");
    return OK;
}

static int by_bytes(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static int add_pattern(struct inputs *l, const char *pattern, struct err *e)
{
    glob_t g = {0};
    int rc = OK, no = glob(pattern, GLOB_NOSORT | GLOB_ERR, NULL, &g);
    if (no == GLOB_ABORTED) rc = err_set(e, ERR_IO, __FILE__, __LINE__, "%s: a folder on the way cannot be read", pattern);
    else if (no == GLOB_NOSPACE) rc = err_set(e, ERR_MEMORY, __FILE__, __LINE__, "%s: out of memory for the matches", pattern);
    else if (no) rc = err_set(e, ERR_NOTFOUND, __FILE__, __LINE__, "%s: no file matches", pattern);
    if (!rc) qsort(g.gl_pathv, g.gl_pathc, sizeof *g.gl_pathv, by_bytes); /* glob sorts by the language of the user */
    for (size_t i = 0; i < g.gl_pathc && !rc; i++)
        rc = file_is_dir(g.gl_pathv[i]) ? add_whole_folder(l, g.gl_pathv[i], e) : inputs_add_plain(l, g.gl_pathv[i], e);
    globfree(&g);
    return rc;
}

int inputs_add(struct inputs *l, const char *input, struct err *e)
{
    if (docs_is_generator(input)) return inputs_add_plain(l, input, e);
    if (file_is_dir(input)) return add_whole_folder(l, input, e);
    if (!file_absent(input)) return inputs_add_plain(l, input, e);
    if (strpbrk(input, "*?[")) return add_pattern(l, input, e);
    FAIL(e, ERR_NOTFOUND, "%s: no such file or folder", input);
}

int inputs_add_all(struct inputs *l, char *const *inputs, int n, struct err *e)
{
    for (int i = 0; i < n; i++) TRY(inputs_add(l, inputs[i], e));
    return OK;
}
