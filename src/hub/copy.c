/* Copies of models out of the caches. */
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include "hub/local.h"
#include "sys/dir.h"
#include "sys/file.h"
#include "sys/store.h"

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Copies those files of l that `head` chooses (NULL: all) from one folder to another, which is made. */
static int copy_files(const struct hub_listing *l, const char *head, const char *from, const char *to,
                      bool (*stop)(void), struct err *e)
{
    char source[PATH_MAX], copy[PATH_MAX], dir[PATH_MAX];
    for (size_t i = 0; i < l->n; i++) {
        const char *path = l->files[i].path;
        if (head && !hub_same_split(head, path)) continue;
        TRY(path_join(source, sizeof source, from, path, e));
        TRY(path_join(copy, sizeof copy, to, path, e));
        TRY(path_dir(dir, sizeof dir, copy, e));
        TRY(file_mkdirs(dir, e));
        TRY(file_copy(source, copy, stop, e));
    }
    return OK;
}

/* A folder appears under its name when all of it is there. */
static int copy_folder(const struct hub_listing *l, const char *head, const char *from, const char *to,
                       bool (*stop)(void), struct err *e)
{
    char tmp[PATH_MAX];
    if (snprintf(tmp, sizeof tmp, "%s.incomplete", to) >= PATH_MAX) FAIL(e, ERR_LIMIT, "path is too long: %s", to);
    TRY(dir_remove_tree(tmp, e));
    int rc = file_mkdirs(tmp, e);
    if (!rc) rc = copy_files(l, head, from, tmp, stop, e);
    if (!rc) rc = dir_publish(tmp, to, e);
    if (rc) dir_remove_tree(tmp, NULL);
    return rc;
}

/* The file name of a copy: Ollama's blobs have none. */
static int copy_name(char *out, size_t cap, const char *path, const struct hub_ref *ref, struct err *e)
{
    const char *base = base_of(path);
    int n;
    if (strncmp(base, "sha256-", 7) != 0) n = snprintf(out, cap, "%s", base);
    else n = snprintf(out, cap, "%s%s%s.gguf", base_of(ref->repo), ref->pick[0] ? "-" : "", base_of(ref->pick));
    if (n < 0 || (size_t)n >= cap) FAIL(e, ERR_LIMIT, "%s: the name is too long", base);
    return OK;
}

/* to, or in the folder to: the place of the copy. */
static int target(char out[PATH_MAX], const char *to, const char *name, bool inside, struct err *e)
{
    size_t n = strlen(to);
    while (n > 1 && to[n - 1] == '/') n--; /* "models/" and "models" are the same folder */
    if (snprintf(out, PATH_MAX, "%.*s%s%s", (int)n, to, inside ? "/" : "", inside ? name : "") >= PATH_MAX)
        FAIL(e, ERR_LIMIT, "path is too long: %s", to);
    if (file_look(out, false).kind != FILE_MISSING)
        FAIL(e, ERR_USAGE, "%s exists already; remove it or name another", out);
    return OK;
}

static int copy_parts(char out[PATH_MAX], const struct hub_listing *l, const char *dir, const char *head,
                      const char *to, bool (*stop)(void), struct err *e)
{
    char folder[PATH_MAX];
    size_t parts = 0;
    for (size_t i = 0; i < l->n; i++) parts += hub_same_split(head, l->files[i].path);
    if (parts == 1) {
        char source[PATH_MAX];
        TRY(path_join(source, sizeof source, dir, head, e));
        TRY(target(out, to, head, file_is_dir(to), e));
        return file_copy(source, out, stop, e);
    }
    if (str_ends_with(to, ".gguf")) FAIL(e, ERR_USAGE, "%s: %s has %zu parts; name a folder for them", to, head, parts);
    if (file_is_dir(to)) { /* part by part: the last one makes the model whole */
        for (size_t i = 0; i < l->n; i++)
            if (hub_same_split(head, l->files[i].path)) TRY(target(folder, to, l->files[i].path, true, e));
        TRY(copy_files(l, head, dir, to, stop, e));
        return path_join(out, PATH_MAX, to, head, e);
    }
    TRY(target(folder, to, "", false, e));
    TRY(copy_folder(l, head, dir, folder, stop, e));
    return path_join(out, PATH_MAX, folder, head, e);
}

int hub_copy(char out[PATH_MAX], const char *path, const struct hub_ref *ref, const char *to, bool (*stop)(void),
             struct err *e)
{
    struct hub_listing l = {0};
    char dir[PATH_MAX], name[HUB_PATH];
    int rc;
    if (!*to) FAIL(e, ERR_USAGE, "the name of the copy is empty");
    if (file_is_dir(path)) {
        bool into = file_is_dir(to);
        TRY(target(out, to, base_of(ref->repo), into, e));
        TRY(local_files(&l, path, e));
        rc = copy_folder(&l, NULL, path, out, stop, e);
    } else {
        TRY(copy_name(name, sizeof name, path, ref, e));
        if (strcmp(name, base_of(path)) != 0) { /* a blob of Ollama's */
            TRY(target(out, to, name, file_is_dir(to), e));
            return file_copy(path, out, stop, e);
        }
        TRY(path_dir(dir, sizeof dir, path, e));
        TRY(local_files(&l, dir, e));
        rc = copy_parts(out, &l, dir, name, to, stop, e);
    }
    listing_free(&l);
    return rc;
}
