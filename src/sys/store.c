/* Links, locks, partial files and copies on POSIX. */
#include "sys/store.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/mem.h"
#include "sys/calls.h"
#include "sys/file.h"

enum { COPY_BLOCK = 1 << 20, TRIES = 100 };

int file_link(const char *target, const char *path, struct err *e)
{
    char *tmp = NULL;
    int no = EEXIST;
    temp_sweep(path);
    for (int i = 0; i < TRIES && (no == EEXIST || no == ENOENT); i++) { /* ENOENT: a sweep came between */
        TRY(temp_name(&tmp, path, e));
        no = sys_symlink(target, tmp) ? errno : 0;
        bool made = no == 0;
        if (made && sys_rename(tmp, path)) no = errno;
        if (made && no) sys_unlink_at(AT_FDCWD, tmp, 0);
        mem_free(tmp);
        if (!made && no == ENOENT) break; /* no such folder */
    }
    if (no) FAIL(e, call_error(no), "%s: cannot make a symbolic link: %s", path, strerror(no));
    return OK;
}

int file_link_target(char *out, size_t cap, const char *path, struct err *e)
{
    ssize_t n = sys_readlink(path, out, cap);
    if (n < 0) FAIL(e, ERR_IO, "%s: cannot read the link: %s", path, strerror(errno));
    if ((size_t)n >= cap) FAIL(e, ERR_LIMIT, "%s: the link is longer than %zu bytes", path, cap - 1);
    out[n] = 0;
    return OK;
}

/* Whether path still means the open file: who had the lock before may have removed it. */
static bool is_still(int fd, const char *path)
{
    struct stat a, b;
    return sys_fstat(&a, fd) == 0 && sys_stat(&b, path, true) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

int file_try_lock(int *fd, const char *path, struct err *e)
{
    for (int i = 0; i < TRIES; i++) {
        *fd = sys_open(path, O_RDWR | O_CREAT | O_NONBLOCK, 0664);
        if (*fd < 0) FAIL(e, call_error(errno), "%s: cannot open: %s", path, strerror(errno));
        int no = sys_lock(*fd) ? errno : 0;
        if (!no && is_still(*fd, path)) return OK;
        sys_close(*fd);
        *fd = -1;
        if (no == EWOULDBLOCK) return OK;
        if (no) FAIL(e, ERR_IO, "%s: cannot lock: %s", path, strerror(no));
    }
    FAIL(e, ERR_IO, "%s: cannot lock: it is removed again and again", path);
}

void file_unlock(int fd)
{
    if (fd >= 0) sys_close(fd);
}

/* The disk that path is on or, if it does not exist, would be made on. */
static int look_at_disk(struct statvfs *v, const char *path, struct err *e)
{
    char at[PATH_MAX], up[PATH_MAX];
    if (snprintf(at, sizeof at, "%s", path) >= (int)sizeof at) FAIL(e, ERR_LIMIT, "path is too long: %s", path);
    while (sys_statvfs(v, at) != 0) {
        if (errno != ENOENT || !strcmp(at, "/") || !strcmp(at, "."))
            FAIL(e, ERR_IO, "%s: cannot ask for the free space: %s", at, strerror(errno));
        TRY(path_dir(up, sizeof up, at, e));
        memcpy(at, up, sizeof at);
    }
    return OK;
}

int file_free_space(const char *path, uint64_t *out, struct err *e)
{
    struct statvfs v;
    TRY(look_at_disk(&v, path, e));
    if (__builtin_mul_overflow((uint64_t)v.f_bavail, (uint64_t)v.f_frsize, out)) *out = UINT64_MAX;
    return OK;
}

int file_disk_size(const char *path, uint64_t *out, struct err *e)
{
    struct statvfs v;
    TRY(look_at_disk(&v, path, e));
    if (__builtin_mul_overflow((uint64_t)v.f_blocks, (uint64_t)v.f_frsize, out)) *out = UINT64_MAX;
    return OK;
}

int part_open(struct part *p, const char *path, struct err *e)
{
    struct stat st;
    *p = (struct part){.path = mem_strdup(path)};
    if (!p->path) FAIL(e, ERR_MEMORY, "%s: out of memory", path);
    /* O_NOFOLLOW: the folder may be shared, and a link there must not choose what we write to. */
    int fd = sys_open(path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK, 0644);
    int no = fd < 0 || sys_fstat(&st, fd) ? errno : S_ISREG(st.st_mode) ? 0 : EINVAL;
    p->fd = fd > 0 ? fd : 0;
    if (no) {
        part_close(p);
        FAIL(e, call_error(no), "%s: cannot create or go on with it: %s", path, strerror(no));
    }
    p->size = (uint64_t)st.st_size;
    return OK;
}

int part_read(struct part *p, uint64_t at, void *out, size_t n, struct err *e)
{
    char *to = out;
    while (n > 0) {
        ssize_t k = sys_pread(p->fd, to, n, at);
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
        ssize_t k = sys_write(p->fd, from, n);
        if (k <= 0)
            FAIL(e, ERR_IO, "%s: cannot write at byte %llu: %s", p->path, (unsigned long long)p->size,
                 k ? strerror(errno) : "nothing was taken");
        from += k;
        n -= (size_t)k;
        p->size += (uint64_t)k;
    }
    return OK;
}

int part_restart(struct part *p, struct err *e)
{
    if (sys_ftruncate(p->fd, 0) != 0) FAIL(e, ERR_IO, "%s: cannot empty it: %s", p->path, strerror(errno));
    p->size = 0;
    return OK;
}

int part_finish(struct part *p, const char *name, struct err *e)
{
    char dir[PATH_MAX];
    if (sys_fsync(p->fd) != 0) FAIL(e, ERR_IO, "%s: cannot sync: %s", p->path, strerror(errno));
    if (sys_rename(p->path, name) != 0) FAIL(e, ERR_IO, "%s: cannot rename to %s: %s", p->path, name, strerror(errno));
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
    if (p->fd > 0) sys_close(p->fd);
    mem_free(p->path);
    *p = (struct part){0};
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
        ssize_t n = in_kernel ? sys_copy(in, out->temp.fd, 64 * (size_t)COPY_BLOCK) : sys_read(in, block, COPY_BLOCK);
        if (n <= 0 && in_kernel) {
            in_kernel = false; /* another file system, or the end: reading tells */
        } else if (n < 0) {
            rc = err_set(e, ERR_IO, __FILE__, __LINE__, "%s: cannot read: %s", from, strerror(errno));
        } else if (n == 0) {
            break;
        } else if (in_kernel) {
            out->written += (uint64_t)n;
        } else {
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
    int in = sys_open(from, O_RDONLY | O_NONBLOCK, 0);
    if (in < 0) FAIL(e, errno == ENOENT ? ERR_NOTFOUND : call_error(errno), "%s: cannot open: %s", from, strerror(errno));
    int rc = OK;
    if (sys_fstat(&st, in) != 0) rc = err_set(e, ERR_IO, __FILE__, __LINE__, "%s: %s", from, strerror(errno));
    else if (!S_ISREG(st.st_mode)) rc = err_set(e, ERR_IO, __FILE__, __LINE__, "%s: not a regular file", from);
    if (!rc) rc = file_out_open(&out, to, e);
    if (!rc) {
        rc = copy_bytes(in, &out, from, stop, e);
        if (!rc && out.written != (uint64_t)st.st_size)
            rc = err_set(e, ERR_IO, __FILE__, __LINE__, "%s: had %llu bytes, %llu were read: it changed meanwhile", from,
                         (unsigned long long)st.st_size, (unsigned long long)out.written);
        if (rc) file_out_abort(&out);
        else rc = file_out_commit(&out, e);
    }
    sys_close(in);
    return rc;
}
