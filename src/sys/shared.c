/* Files as memory. */
#include "sys/shared.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "base/mem.h"
#include "sys/calls.h"
#include "sys/file.h"
#include "sys/maps.h"

enum { PATH_CAP = 4200 };

static int keep_path(struct shared *s, const char *path, struct err *e)
{
    if (!(s->path = mem_strdup(path))) FAIL(e, ERR_MEMORY, "out of memory");
    return OK;
}

int shared_open(struct shared *s, const char *path, size_t bytes, struct err *e)
{
    struct stat st;
    *s = (struct shared){0};
    int fd = sys_open(path, O_RDONLY | O_NONBLOCK, 0); /* O_NONBLOCK: a FIFO must not hang us */
    if (fd < 0)
        FAIL(e, errno == ENOENT || errno == ENOTDIR ? ERR_NOTFOUND : call_error(errno), "%s: %s", path, strerror(errno));
    int no = sys_fstat(&st, fd) ? errno : 0;
    bool fits = !no && S_ISREG(st.st_mode) && (uint64_t)st.st_size == (uint64_t)bytes;
    void *map = fits ? sys_mmap(bytes, PROT_READ, MAP_SHARED, fd) : MAP_FAILED;
    if (fits && map == MAP_FAILED) no = errno;
    sys_close(fd);
    if (no) FAIL(e, call_error(no), "%s: cannot map %zu bytes: %s", path, bytes, strerror(no));
    if (!fits) FAIL(e, ERR_NOTFOUND, "%s: not a file of %zu bytes", path, bytes);
    s->data = map;
    s->bytes = bytes;
    maps_add(map, bytes, path);
    int rc = keep_path(s, path, e);
    if (rc) shared_close(s);
    return rc;
}

static uint64_t disk_left(const char *dir)
{
    struct statvfs v;
    return sys_statvfs(&v, dir) ? 0 : (uint64_t)v.f_bavail * v.f_frsize;
}

static int make_file(struct shared *s, const char *path, size_t bytes, struct err *e)
{
    char dir[PATH_CAP];
    TRY(path_dir(dir, sizeof dir, path, e));
    TRY(temp_file(&s->temp, path, 0644, e)); /* sweeps, which may give back the room that is asked for next */
    if (disk_left(dir) < bytes + bytes / 16)
        FAIL(e, ERR_LIMIT, "%s needs %.1f MiB and the disk has %.1f MiB left", path, (double)bytes / 0x1p20,
             (double)disk_left(dir) / 0x1p20);
    if (sys_allocate(s->temp.fd, bytes)) FAIL(e, ERR_IO, "%s: %s", path, strerror(errno));
    void *map = sys_mmap(bytes, PROT_READ | PROT_WRITE, MAP_SHARED, s->temp.fd);
    if (map == MAP_FAILED) FAIL(e, call_error(errno), "%s: cannot map %zu bytes: %s", path, bytes, strerror(errno));
    s->data = map;
    s->bytes = bytes;
    maps_add(map, bytes, path);
    return OK;
}

int shared_create(struct shared *s, const char *path, size_t bytes, struct err *e)
{
    *s = (struct shared){0};
    int rc = keep_path(s, path, e);
    if (!rc) rc = make_file(s, path, bytes, e);
    if (rc) shared_close(s);
    return rc;
}

int shared_commit(struct shared *s, struct err *e)
{
    if (sys_msync(s->data, s->bytes)) FAIL(e, ERR_IO, "%s: cannot sync: %s", s->path, strerror(errno));
    TRY(temp_become(&s->temp, s->path, e));
    mprotect(s->data, s->bytes, PROT_READ);
    return OK;
}

void shared_close(struct shared *s)
{
    if (s->data) {
        maps_remove(s->data);
        munmap(s->data, s->bytes);
    }
    temp_drop(&s->temp);
    mem_free(s->path);
    *s = (struct shared){0};
}

void memory_forget(const void *p, size_t n)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = ((uintptr_t)p + page - 1) / page * page;
    uintptr_t to = ((uintptr_t)p + n) / page * page;
    if (to > from) madvise((void *)from, to - from, MADV_DONTNEED);
}
