/* Locked files with random access. */
#include "sys/block_file.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include "base/mem.h"
#include "sys/calls.h"

/* Whether the path still means the open file: who had the lock before may have removed it. */
static bool is_still(int fd, const char *path, uint64_t *size, int *no)
{
    struct stat a, b;
    *no = sys_fstat(&a, fd) ? errno : S_ISREG(a.st_mode) ? 0 : EINVAL;
    *size = *no ? 0 : (uint64_t)a.st_size;
    return !*no && sys_stat(&b, path, false) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

/* 0, or errno; EWOULDBLOCK: another has it, ESTALE: it is another file by now. */
static int open_locked(int *fd, const char *path, uint64_t *size)
{
    int no = 0;
    *fd = sys_open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (*fd < 0) return errno;
    if (sys_lock(*fd)) no = errno;
    else if (!is_still(*fd, path, size, &no) && !no) no = ESTALE;
    if (no) sys_close(*fd);
    return no;
}

int block_file_open(struct block_file *f, const char *path, bool *taken, struct err *e)
{
    enum { TRIES = 20 };
    int fd = -1, no = ESTALE;
    uint64_t size = 0;
    *f = (struct block_file){0};
    *taken = false;
    for (int i = 0; i < TRIES && no == ESTALE; i++) no = open_locked(&fd, path, &size);
    if (no == EWOULDBLOCK) {
        *taken = true;
        return OK;
    }
    if (no) FAIL(e, call_error(no), "%s: cannot open and lock: %s", path, strerror(no));
    *f = (struct block_file){.fd = fd, .path = mem_strdup(path), .size = size};
    if (f->path) return OK;
    block_file_close(f);
    FAIL(e, ERR_MEMORY, "%s: out of memory", path);
}

int block_file_read(const struct block_file *f, uint64_t at, void *out, size_t n, struct err *e)
{
    char *to = out;
    while (n > 0) {
        ssize_t k = sys_pread(f->fd, to, n, at);
        if (k < 0) FAIL(e, ERR_IO, "%s: cannot read at byte %llu: %s", f->path, (unsigned long long)at, strerror(errno));
        if (k == 0) FAIL(e, ERR_INTEGRITY, "%s: ends at byte %llu, within what is read", f->path, (unsigned long long)at);
        to += k;
        at += (uint64_t)k;
        n -= (size_t)k;
    }
    return OK;
}

int block_file_write(struct block_file *f, uint64_t at, const void *data, size_t n, struct err *e)
{
    const char *from = data;
    while (n > 0) {
        ssize_t k = sys_pwrite(f->fd, from, n, at);
        if (k <= 0)
            FAIL(e, k ? call_error(errno) : ERR_IO, "%s: cannot write at byte %llu: %s", f->path, (unsigned long long)at,
                 k ? strerror(errno) : "nothing was taken");
        from += k;
        at += (uint64_t)k;
        n -= (size_t)k;
        if (at > f->size) f->size = at;
    }
    return OK;
}

int block_file_cut(struct block_file *f, uint64_t size, struct err *e)
{
    if (sys_ftruncate(f->fd, size) != 0)
        FAIL(e, call_error(errno), "%s: cannot cut to %llu bytes: %s", f->path, (unsigned long long)size, strerror(errno));
    f->size = size;
    return OK;
}

void block_file_close(struct block_file *f)
{
    if (f->fd > 0) sys_close(f->fd);
    mem_free(f->path);
    *f = (struct block_file){0};
}
