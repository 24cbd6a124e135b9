/* Folders on Linux. */
#include "sys/dir.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/mem.h"
#include "sys/calls.h"
#include "sys/file.h"

enum { TREE_DEPTH = 64, ENTRIES = 8192 };

/* ---- making ---- */

static bool any_name(const char *name) { return !temp_is_name(name); } /* what an earlier process left will be swept */

/* What is there already must be a folder with nothing in it, which a rename can replace. *real is its own name, behind links. */
static int check_place(char real[PATH_MAX], const char *path, bool (*ours)(const char *name), bool *over, struct err *e)
{
    char **names;
    size_t n;
    int rc = OK;
    struct file_look l = file_look(path, true);
    TRY(file_known(&l, path, e));
    if (l.kind == FILE_MISSING) return OK;
    if (l.kind != FILE_FOLDER) FAIL(e, ERR_USAGE, "%s exists already, and is not a folder", path);
    TRY(dir_names(&names, &n, path, any_name, e));
    for (size_t i = 0; i < n && ours && !rc; i++)
        if (!ours(names[i])) rc = err_set(e, ERR_USAGE, __FILE__, __LINE__, "%s also holds %s: not replaced", path, names[i]);
    names_free(names, n);
    if (rc) return rc;
    if (n > 0 && !ours) FAIL(e, ERR_USAGE, "%s exists already, and is not an empty folder; name another", path);
    *over = n > 0;
    if (!realpath(path, real)) FAIL(e, call_error(errno), "%s: %s", path, strerror(errno));
    int mounted = sys_is_mount(real);
    if (mounted < 0) FAIL(e, call_error(errno), "%s: %s", path, strerror(errno));
    if (mounted) FAIL(e, ERR_USAGE, "%s: a disk is mounted there; name a new folder in it", path);
    return OK;
}

int dir_out_open(struct dir_out *o, const char *path, struct err *e) { return dir_out_open_over(o, path, NULL, e); }

int dir_out_open_over(struct dir_out *o, const char *path, bool (*ours)(const char *name), struct err *e)
{
    char name[PATH_MAX], real[PATH_MAX] = "";
    size_t n = strlen(path);
    *o = (struct dir_out){0};
    while (n > 1 && path[n - 1] == '/') n--; /* "models/" and "models" are the same folder */
    if (n == 0) FAIL(e, ERR_USAGE, "the name of the folder is empty");
    if (n >= sizeof name) FAIL(e, ERR_LIMIT, "path is too long: %s", path);
    memcpy(name, path, n);
    name[n] = 0;
    TRY(check_place(real, name, ours, &o->over, e));
    o->path = mem_strdup(*real ? real : name);
    if (!o->path) FAIL(e, ERR_MEMORY, "%s: out of memory", path);
    int rc = temp_folder(&o->temp, o->path, e);
    if (rc) dir_out_abort(o);
    return rc;
}

const char *dir_out_path(const struct dir_out *o) { return o->temp.name; }

int dir_out_commit(struct dir_out *o, struct err *e)
{
    TRY((o->over ? temp_replace_folder : temp_become_folder)(&o->temp, o->path, e));
    dir_out_abort(o);
    return OK;
}

void dir_out_abort(struct dir_out *o)
{
    temp_drop(&o->temp);
    mem_free(o->path);
    o->path = NULL;
}

int dir_move_new(const char *from, const char *to, struct err *e)
{
    if (sys_rename_new(from, to) == 0) return OK;
    if (errno == EEXIST) FAIL(e, ERR_USAGE, "%s exists already", to);
    FAIL(e, call_error(errno), "%s: cannot rename to %s: %s", from, to, strerror(errno));
}

/* ---- removing ---- */

static int remove_at(int folder, const char *name, int depth);

/* Everything in the open folder. What is removed while entries are read may hide others: read until nothing comes. */
static int empty_it(int fd, int depth)
{
    char buf[ENTRIES] __attribute__((aligned(16)));
    for (bool again = true; again;) {
        ssize_t n;
        again = false;
        if (lseek(fd, 0, SEEK_SET) != 0) return -1;
        while ((n = sys_entries(fd, buf, sizeof buf)) > 0)
            for (ssize_t at = 0; at < n;) {
                const struct dirent64 *x = (const struct dirent64 *)(const void *)(buf + at);
                at += x->d_reclen;
                if (!strcmp(x->d_name, ".") || !strcmp(x->d_name, "..")) continue;
                if (remove_at(fd, x->d_name, depth) != 0) return -1;
                again = true;
            }
        if (n < 0) return -1;
    }
    return 0;
}

static int remove_folder(int folder, const char *name, int depth)
{
    struct stat outer, inner;
    int fd = sys_open_at(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (fd < 0) return errno == ENOENT ? 0 : -1;
    int rc = depth > 0 ? sys_fstat(&inner, fd) : 0;
    if (!rc && depth > 0) rc = sys_fstat(&outer, folder);
    if (!rc && depth > 0 && inner.st_dev != outer.st_dev) {
        errno = EXDEV;
        rc = -1;
    }
    if (!rc) rc = empty_it(fd, depth + 1);
    int no = errno;
    sys_close(fd);
    errno = no;
    if (rc) return rc;
    rc = sys_unlink_at(folder, name, AT_REMOVEDIR);
    return rc != 0 && errno == ENOENT ? 0 : rc;
}

static int remove_at(int folder, const char *name, int depth)
{
    if (sys_unlink_at(folder, name, 0) == 0 || errno == ENOENT) return 0;
    if (errno != EISDIR && errno != EPERM) return -1;
    if (depth < TREE_DEPTH) return remove_folder(folder, name, depth);
    errno = ELOOP;
    return -1;
}

int tree_remove(const char *path) { return remove_at(AT_FDCWD, path, 0); }

int dir_remove_tree(const char *path, struct err *e)
{
    if (tree_remove(path) == 0 || errno == ENOTDIR) return OK;
    FAIL(e, call_error(errno), "%s: cannot remove all of it: %s", path, strerror(errno));
}

void dir_remove_empty(const char *path)
{
    if (sys_unlink_at(AT_FDCWD, path, AT_REMOVEDIR) != 0) return; /* not empty: it stays */
}

/* ---- names ---- */

struct list {
    char **v;
    size_t n, cap;
};

static bool add_name(struct list *l, const char *name)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 16;
        char **w = mem_grow(l->v, l->cap * sizeof *w, cap * sizeof *w);
        if (!w) return false;
        l->v = w;
        l->cap = cap;
    }
    l->v[l->n] = mem_strdup(name);
    if (!l->v[l->n]) return false;
    l->n++;
    return true;
}

/* 0, or an errno. */
static int read_names(struct list *l, int fd, bool (*wanted)(const char *name))
{
    char buf[ENTRIES] __attribute__((aligned(16)));
    ssize_t n;
    while ((n = sys_entries(fd, buf, sizeof buf)) > 0)
        for (ssize_t at = 0; at < n;) {
            const struct dirent64 *x = (const struct dirent64 *)(const void *)(buf + at);
            at += x->d_reclen;
            if (!strcmp(x->d_name, ".") || !strcmp(x->d_name, "..") || (wanted && !wanted(x->d_name))) continue;
            if (!add_name(l, x->d_name)) return ENOMEM;
        }
    return n < 0 ? errno : 0;
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

int dir_names(char ***names, size_t *n, const char *dir, bool (*wanted)(const char *name), struct err *e)
{
    struct list l = {0};
    int fd = sys_open(dir, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0) {
        int why = errno;
        FAIL(e, file_absent(dir) ? ERR_NOTFOUND : call_error(why), "%s: cannot open the folder: %s", dir, strerror(why));
    }
    int no = read_names(&l, fd, wanted);
    sys_close(fd);
    if (no) {
        names_free(l.v, l.n);
        FAIL(e, call_error(no), "%s: cannot list the folder: %s", dir, strerror(no));
    }
    if (l.n) qsort(l.v, l.n, sizeof *l.v, by_name);
    *names = l.v;
    *n = l.n;
    return OK;
}

void names_free(char **names, size_t n)
{
    for (size_t i = 0; i < n; i++) mem_free(names[i]);
    mem_free(names);
}

/* ---- locks ---- */

int dir_lock(int *fd, const char *path, struct err *e)
{
    *fd = sys_open(path, O_RDWR | O_CREAT | O_NONBLOCK, 0644);
    if (*fd < 0) FAIL(e, call_error(errno), "%s: cannot open: %s", path, strerror(errno));
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(*fd, F_OFD_SETLK, &whole) == 0) return OK;
    int no = errno;
    sys_close(*fd);
    *fd = -1;
    if (no == EAGAIN || no == EACCES) FAIL(e, ERR_USAGE, "%s: another process is using this folder", path);
    FAIL(e, ERR_IO, "%s: cannot lock: %s", path, strerror(no));
}

void dir_unlock(int fd)
{
    if (fd >= 0) sys_close(fd);
}
