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

static bool chosen(const char *head, const struct hub_file *f) { return !head || hub_same_split(head, f->path); }

/* Copies those files of l that `head` chooses (NULL: all) from one folder to another. */
static int copy_files(const struct hub_listing *l, const char *head, const char *from, const char *to,
                      bool (*stop)(void), struct err *e)
{
    char source[PATH_MAX], copy[PATH_MAX], dir[PATH_MAX];
    for (size_t i = 0; i < l->n; i++) {
        const char *path = l->files[i].path;
        if (!chosen(head, &l->files[i])) continue;
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
    struct dir_out o;
    TRY(dir_out_open(&o, to, e));
    int rc = copy_files(l, head, from, dir_out_path(&o), stop, e);
    if (!rc) rc = dir_out_commit(&o, e);
    dir_out_abort(&o); /* no effect after commit */
    return rc;
}

/* The chosen files of one folder into another that exists; on failure none of them stays. */
static int move_files(const struct hub_listing *l, const char *head, const char *from, const char *to, struct err *e)
{
    char source[PATH_MAX], place[PATH_MAX];
    int rc = OK;
    size_t i;
    for (i = 0; i < l->n && !rc; i++) {
        if (!chosen(head, &l->files[i])) continue;
        rc = path_join(source, sizeof source, from, l->files[i].path, e);
        if (!rc) rc = path_join(place, sizeof place, to, l->files[i].path, e);
        if (!rc) rc = dir_move_new(source, place, e);
    }
    if (!rc) return file_sync_dir(to, e);
    for (size_t k = 0; k + 1 < i; k++)
        if (chosen(head, &l->files[k]) && !path_join(place, sizeof place, to, l->files[k].path, NULL)) file_remove(place, NULL);
    return rc;
}

/* All parts are copied before the first one appears. */
static int copy_into(const struct hub_listing *l, const char *head, const char *from, const char *to, bool (*stop)(void),
                     struct err *e)
{
    char beside[PATH_MAX];
    struct dir_out o;
    TRY(path_join(beside, sizeof beside, to, head, e));
    TRY(dir_out_open(&o, beside, e));
    int rc = copy_files(l, head, from, dir_out_path(&o), stop, e);
    if (!rc) rc = move_files(l, head, dir_out_path(&o), to, e);
    dir_out_abort(&o);
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
    struct file_look l = file_look(out, false);
    TRY(file_known(&l, out, e));
    if (l.kind != FILE_MISSING) FAIL(e, ERR_USAGE, "%s exists already; remove it or name another", out);
    return OK;
}

static int copy_parts(char out[PATH_MAX], const struct hub_listing *l, const char *dir, const char *head,
                      const char *to, bool into, bool (*stop)(void), struct err *e)
{
    char folder[PATH_MAX];
    size_t parts = 0;
    for (size_t i = 0; i < l->n; i++) parts += hub_same_split(head, l->files[i].path);
    if (parts == 0) FAIL(e, ERR_NOTFOUND, "%s/%s: it is not there any more", dir, head);
    if (parts == 1) {
        char source[PATH_MAX];
        TRY(path_join(source, sizeof source, dir, head, e));
        TRY(target(out, to, head, into, e));
        return file_copy(source, out, stop, e);
    }
    if (str_ends_with(to, ".gguf")) FAIL(e, ERR_USAGE, "%s: %s has %zu parts; name a folder for them", to, head, parts);
    if (into) {
        for (size_t i = 0; i < l->n; i++)
            if (hub_same_split(head, l->files[i].path)) TRY(target(folder, to, l->files[i].path, true, e));
        TRY(copy_into(l, head, dir, to, stop, e));
        return path_join(out, PATH_MAX, to, head, e);
    }
    TRY(target(folder, to, "", false, e));
    TRY(copy_folder(l, head, dir, folder, stop, e));
    return path_join(out, PATH_MAX, folder, head, e);
}

/* Whether to is a folder, in which the copy goes under its own name. */
static int is_folder(bool *yes, const char *path, struct err *e)
{
    struct file_look l = file_look(path, true);
    *yes = l.kind == FILE_FOLDER;
    return file_known(&l, path, e);
}

int hub_copy(char out[PATH_MAX], const char *path, const struct hub_ref *ref, const char *to, bool (*stop)(void),
             struct err *e)
{
    struct hub_listing l = {0};
    char dir[PATH_MAX], name[HUB_PATH];
    bool folder, into;
    int rc;
    if (!*to) FAIL(e, ERR_USAGE, "the name of the copy is empty");
    TRY(is_folder(&folder, path, e));
    TRY(is_folder(&into, to, e));
    if (folder) {
        TRY(target(out, to, base_of(ref->repo), into, e));
        TRY(local_files_all(&l, path, e));
        rc = copy_folder(&l, NULL, path, out, stop, e);
    } else {
        TRY(copy_name(name, sizeof name, path, ref, e));
        if (strcmp(name, base_of(path)) != 0 || !hub_is_part(name)) { /* a blob of Ollama's, or a whole file */
            TRY(target(out, to, name, into, e));
            return file_copy(path, out, stop, e);
        }
        TRY(path_dir(dir, sizeof dir, path, e));
        TRY(local_files(&l, dir, e));
        rc = copy_parts(out, &l, dir, name, to, into, stop, e);
    }
    listing_free(&l);
    return rc;
}
