/* Files as memory. */
#include "sys/shared.h"
#include <errno.h>
#include <stdbool.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "base/mem.h"
#include "sys/file.h"

enum { PATH_CAP = 4200 };

static int keep_path(struct shared *s, const char *path, struct err *e)
{
    if (!(s->path = mem_strdup(path))) FAIL(e, ERR_MEMORY, "out of memory");
    return OK;
}

int shared_open(struct shared *s, const char *path, size_t bytes, struct err *e)
{
    struct stat st;
    *s = (struct shared){.fd = -1};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) FAIL(e, ERR_NOTFOUND, "%s: %s", path, strerror(errno));
    bool fits = !fstat(fd, &st) && S_ISREG(st.st_mode) && (uint64_t)st.st_size == (uint64_t)bytes;
    void *map = fits ? mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
    close(fd);
    if (map == MAP_FAILED) FAIL(e, ERR_NOTFOUND, "%s: not a file of %zu bytes", path, bytes);
    s->data = map;
    s->bytes = bytes;
    return keep_path(s, path, e);
}

static uint64_t disk_left(const char *dir)
{
    struct statvfs v;
    return statvfs(dir, &v) ? 0 : (uint64_t)v.f_bavail * v.f_frsize;
}

static int make_file(struct shared *s, const char *path, size_t bytes, struct err *e)
{
    char dir[PATH_CAP], tmp[PATH_CAP + 40];
    TRY(path_dir(dir, sizeof dir, path, e));
    if (disk_left(dir) < bytes + bytes / 16)
        FAIL(e, ERR_LIMIT, "%s needs %.1f MiB and the disk has %.1f MiB left", path, (double)bytes / 0x1p20,
             (double)disk_left(dir) / 0x1p20);
    snprintf(tmp, sizeof tmp, "%.4100s.%ld.tmp", path, (long)getpid());
    if (!(s->tmp = mem_strdup(tmp))) FAIL(e, ERR_MEMORY, "out of memory");
    s->fd = open(tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (s->fd < 0) FAIL(e, ERR_IO, "%s: %s", tmp, strerror(errno));
    int rc = posix_fallocate(s->fd, 0, (off_t)bytes);
    if (rc) FAIL(e, ERR_IO, "%s: %s", tmp, strerror(rc));
    void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd, 0);
    if (map == MAP_FAILED) FAIL(e, ERR_IO, "%s: %s", tmp, strerror(errno));
    s->data = map;
    s->bytes = bytes;
    return OK;
}

int shared_create(struct shared *s, const char *path, size_t bytes, struct err *e)
{
    *s = (struct shared){.fd = -1};
    int rc = keep_path(s, path, e);
    if (!rc) rc = make_file(s, path, bytes, e);
    if (rc) shared_close(s);
    return rc;
}

int shared_commit(struct shared *s, struct err *e)
{
    char dir[PATH_CAP];
    if (msync(s->data, s->bytes, MS_SYNC) || fsync(s->fd) || rename(s->tmp, s->path))
        FAIL(e, ERR_IO, "%s: %s", s->tmp, strerror(errno));
    close(s->fd);
    s->fd = -1;
    mem_free(s->tmp);
    s->tmp = NULL;
    mprotect(s->data, s->bytes, PROT_READ);
    TRY(path_dir(dir, sizeof dir, s->path, e));
    return file_sync_dir(dir, e);
}

void shared_close(struct shared *s)
{
    if (s->data) munmap(s->data, s->bytes);
    if (s->tmp) {
        if (s->fd >= 0) close(s->fd);
        unlink(s->tmp);
    }
    mem_free(s->path);
    mem_free(s->tmp);
    *s = (struct shared){.fd = -1};
}

void memory_forget(const void *p, size_t n)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = ((uintptr_t)p + page - 1) / page * page;
    uintptr_t to = ((uintptr_t)p + n) / page * page;
    if (to > from) madvise((void *)from, to - from, MADV_DONTNEED);
}
