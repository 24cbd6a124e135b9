/* Links, locks, partial files and copies on POSIX. */
#include "sys/store.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "base/mem.h"
#include "sys/file.h"

int flock(int fd, int operation); /* <sys/file.h> would be our own header */

enum { COPY_BLOCK = 1 << 20, TREE_FDS = 16 };

struct file_look file_look(const char *path, bool follow)
{
    struct stat st;
    struct file_look l = {.kind = FILE_MISSING};
    if ((follow ? stat(path, &st) : lstat(path, &st)) != 0) return l;
    l.kind = S_ISREG(st.st_mode)   ? FILE_REGULAR
             : S_ISDIR(st.st_mode) ? FILE_FOLDER
             : S_ISLNK(st.st_mode) ? FILE_LINK
                                   : FILE_OTHER;
    l.size = l.kind == FILE_REGULAR ? (uint64_t)st.st_size : 0;
    l.modified = (int64_t)st.st_mtime;
    return l;
}

int file_link(const char *target, const char *path, struct err *e)
{
    char tmp[PATH_MAX];
    int n = snprintf(tmp, sizeof tmp, "%s.tmp.%ld", path, (long)getpid());
    if (n < 0 || (size_t)n >= sizeof tmp) FAIL(e, ERR_LIMIT, "path is too long: %s", path);
    unlink(tmp); /* of a process that had our number and died */
    if (symlink(target, tmp) != 0) FAIL(e, ERR_IO, "%s: cannot make a symbolic link: %s", path, strerror(errno));
    if (rename(tmp, path) == 0) return OK;
    int no = errno;
    unlink(tmp);
    FAIL(e, ERR_IO, "%s: cannot make a symbolic link: %s", path, strerror(no));
}

int file_link_target(char *out, size_t cap, const char *path, struct err *e)
{
    ssize_t n = readlink(path, out, cap);
    if (n < 0) FAIL(e, ERR_IO, "%s: cannot read the link: %s", path, strerror(errno));
    if ((size_t)n >= cap) FAIL(e, ERR_LIMIT, "%s: the link is longer than %zu bytes", path, cap - 1);
    out[n] = 0;
    return OK;
}

int file_try_lock(int *fd, const char *path, struct err *e)
{
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0664);
    if (*fd < 0) FAIL(e, ERR_IO, "%s: cannot open: %s", path, strerror(errno));
    if (flock(*fd, LOCK_EX | LOCK_NB) == 0) return OK;
    int no = errno;
    close(*fd);
    *fd = -1;
    if (no == EWOULDBLOCK) return OK;
    FAIL(e, ERR_IO, "%s: cannot lock: %s", path, strerror(no));
}

void file_unlock(int fd)
{
    if (fd >= 0) close(fd);
}

int file_free_space(const char *path, uint64_t *out, struct err *e)
{
    char at[PATH_MAX], up[PATH_MAX];
    struct statvfs v;
    if (snprintf(at, sizeof at, "%s", path) >= (int)sizeof at) FAIL(e, ERR_LIMIT, "path is too long: %s", path);
    while (statvfs(at, &v) != 0) {
        if (errno != ENOENT || !strcmp(at, "/") || !strcmp(at, "."))
            FAIL(e, ERR_IO, "%s: cannot ask for the free space: %s", at, strerror(errno));
        TRY(path_dir(up, sizeof up, at, e));
        memcpy(at, up, sizeof at);
    }
    if (__builtin_mul_overflow((uint64_t)v.f_bavail, (uint64_t)v.f_frsize, out)) *out = UINT64_MAX;
    return OK;
}

int part_open(struct part *p, const char *path, struct err *e)
{
    struct stat st;
    *p = (struct part){.fd = -1, .path = mem_strdup(path)};
    if (!p->path) FAIL(e, ERR_MEMORY, "%s: out of memory", path);
    /* O_NOFOLLOW: the folder may be shared, and a link there must not choose what we write to. */
    p->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (p->fd >= 0 && fstat(p->fd, &st) == 0 && S_ISREG(st.st_mode)) {
        p->size = (uint64_t)st.st_size;
        return OK;
    }
    int no = p->fd < 0 ? errno : EINVAL;
    part_close(p);
    FAIL(e, ERR_IO, "%s: cannot create or go on with it: %s", path, strerror(no));
}

int part_read(struct part *p, uint64_t at, void *out, size_t n, struct err *e)
{
    char *to = out;
    while (n > 0) {
        ssize_t k = pread(p->fd, to, n, (off_t)at);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0)
            FAIL(e, ERR_IO, "%s: cannot read at byte %llu: %s", p->path, (unsigned long long)at,
                 k ? strerror(errno) : "end of file");
        to += k;
        at += (uint64_t)k;
        n -= (size_t)k;
    }
    return OK;
}

int part_append(struct part *p, const void *data, size_t n, struct err *e)
{
    const char *from = data;
    while (n > 0) {
        ssize_t k = write(p->fd, from, n);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0)
            FAIL(e, ERR_IO, "%s: cannot write at byte %llu: %s", p->path, (unsigned long long)p->size, strerror(errno));
        from += k;
        n -= (size_t)k;
        p->size += (uint64_t)k;
    }
    return OK;
}

int part_restart(struct part *p, struct err *e)
{
    if (ftruncate(p->fd, 0) != 0) FAIL(e, ERR_IO, "%s: cannot empty it: %s", p->path, strerror(errno));
    p->size = 0;
    return OK;
}

int part_finish(struct part *p, const char *name, struct err *e)
{
    char dir[PATH_MAX];
    if (fsync(p->fd) != 0) FAIL(e, ERR_IO, "%s: cannot sync: %s", p->path, strerror(errno));
    if (rename(p->path, name) != 0) FAIL(e, ERR_IO, "%s: cannot rename to %s: %s", p->path, name, strerror(errno));
    part_close(p);
    TRY(path_dir(dir, sizeof dir, name, e));
    return file_sync_dir(dir, e);
}

int part_drop(struct part *p, struct err *e)
{
    int rc = p->path ? file_remove(p->path, e) : OK;
    part_close(p);
    return rc;
}

void part_close(struct part *p)
{
    if (p->path && p->fd >= 0) close(p->fd);
    mem_free(p->path);
    *p = (struct part){.fd = -1};
}

/* Inside the kernel where it can (on some file systems the blocks are then shared), else through memory. */
static int copy_bytes(int in, struct file_out *out, const char *from, bool (*stop)(void), struct err *e)
{
    bool in_kernel = true;
    char *block = mem_alloc(COPY_BLOCK);
    if (!block) FAIL(e, ERR_MEMORY, "%s: out of memory for copying", from);
    int rc = OK;
    while (!rc) {
        if (stop && stop()) {
            rc = err_set(e, ERR_INTERRUPTED, __FILE__, __LINE__, "%s: copying was stopped", from);
            break;
        }
        ssize_t n = in_kernel ? copy_file_range(in, NULL, out->fd, NULL, 64 * (size_t)COPY_BLOCK, 0)
                              : read(in, block, COPY_BLOCK);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0 && in_kernel) {
            in_kernel = false; /* another file system, or the end: reading tells */
        } else if (n < 0) {
            rc = err_set(e, ERR_IO, __FILE__, __LINE__, "%s: cannot read: %s", from, strerror(errno));
        } else if (n == 0) {
            break;
        } else if (!in_kernel) {
            rc = file_out_write(out, block, (size_t)n, e);
        }
    }
    mem_free(block);
    return rc;
}

int file_copy(const char *from, const char *to, bool (*stop)(void), struct err *e)
{
    struct file_out out;
    struct stat st;
    int in = open(from, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (in < 0) FAIL(e, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, "%s: cannot open: %s", from, strerror(errno));
    int rc = OK;
    if (fstat(in, &st) != 0 || !S_ISREG(st.st_mode))
        rc = err_set(e, ERR_IO, __FILE__, __LINE__, "%s: not a regular file", from);
    if (!rc) rc = file_out_open(&out, to, e);
    if (!rc) {
        rc = copy_bytes(in, &out, from, stop, e);
        if (rc) file_out_abort(&out);
        else rc = file_out_commit(&out, e);
    }
    close(in);
    return rc;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st;
    (void)type;
    (void)where;
    return remove(path);
}

int dir_remove_tree(const char *path, struct err *e)
{
    if (file_look(path, false).kind == FILE_MISSING) return OK;
    if (nftw(path, remove_one, TREE_FDS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) != 0)
        FAIL(e, ERR_IO, "%s: cannot remove all of it: %s", path, strerror(errno));
    return OK;
}

void dir_remove_empty(const char *path)
{
    if (rmdir(path) != 0) return; /* not empty: it stays */
}
