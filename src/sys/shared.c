/* Files as memory. */
#include "sys/shared.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "base/mem.h"
#include "sys/calls.h"
#include "sys/file.h"
#include "sys/maps.h"
#include "sys/store.h"

enum { TMPFS = 0x01021994 };
#define RAMFS 0x858458f6ul /* of statfs(2) */
static const size_t sync_step = (size_t)32 << 20; /* bytes between two looks at `stop` */

static int keep_path(struct shared *s, const char *path, struct err *e)
{
    if (!(s->path = mem_strdup(path))) FAIL(e, ERR_MEMORY, "%s: out of memory", path);
    return OK;
}

int shared_open(struct shared *s, const char *path, size_t bytes, struct err *e)
{
    struct stat st;
    *s = (struct shared){0};
    int fd = sys_open(path, O_RDONLY | O_NONBLOCK, 0); /* a FIFO must not hang us */
    if (fd < 0)
        FAIL(e, errno == ENOENT || errno == ENOTDIR ? ERR_NOTFOUND : call_error(errno), "%s: %s", path, strerror(errno));
    int no = sys_fstat(&st, fd) ? errno : 0;
    bool fits = !no && S_ISREG(st.st_mode) && (uint64_t)st.st_size == (uint64_t)bytes;
    void *map = fits ? sys_mmap(bytes, PROT_READ, MAP_SHARED, fd) : MAP_FAILED;
    if (fits && map == MAP_FAILED) no = errno;
    sys_close(fd);
    if (no) FAIL(e, call_error(no), "%s: cannot map %zu bytes: %s", path, bytes, strerror(no));
    if (!fits) FAIL(e, ERR_NOTFOUND, "%s: not a file of %zu bytes", path, bytes);
    *s = (struct shared){.data = map,
                         .bytes = bytes,
                         .modified = (int64_t)st.st_mtim.tv_sec,
                         .modified_nanoseconds = st.st_mtim.tv_nsec,
                         .changed = (int64_t)st.st_ctim.tv_sec,
                         .safe = st.st_uid == geteuid() || st.st_uid == 0};
    maps_add(map, bytes, path);
    int rc = keep_path(s, path, e);
    if (rc) shared_close(s);
    return rc;
}

/* Only what is a file, or nothing, is replaced. */
static int check_place(const char *path, size_t bytes, struct err *e)
{
    struct stat st;
    uint64_t left;
    if (sys_stat(&st, path, false) == 0 && !S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
        FAIL(e, ERR_IO, "%s: exists and is no file", path);
    TRY(file_free_space(path, &left, e));
    if (left >= bytes + bytes / 16) return OK;
    FAIL(e, ERR_LIMIT, "%s needs %.1f MiB and the disk has %.1f MiB left", path, (double)bytes / 0x1p20, (double)left / 0x1p20);
}

static int make_file(struct shared *s, const char *path, size_t bytes, const char *like, struct err *e)
{
    struct stat st = {.st_mode = 0044};
    if (like && sys_stat(&st, like, true) != 0) FAIL(e, call_error(errno), "%s: %s", like, strerror(errno));
    TRY(temp_file(&s->temp, path, 0600 | (st.st_mode & 0044), e)); /* sweeps, which may give back the room that is needed */
    TRY(check_place(path, bytes, e));
    if (sys_allocate(s->temp.fd, bytes) != 0)
        FAIL(e, call_error(errno), "%s: no room for %zu bytes: %s", path, bytes, strerror(errno));
    void *map = sys_mmap(bytes, PROT_READ | PROT_WRITE, MAP_SHARED, s->temp.fd);
    if (map == MAP_FAILED) FAIL(e, call_error(errno), "%s: cannot map %zu bytes: %s", path, bytes, strerror(errno));
    s->data = map;
    s->bytes = bytes;
    maps_add(map, bytes, path);
    return OK;
}

int shared_create(struct shared *s, const char *path, size_t bytes, const char *like, struct err *e)
{
    *s = (struct shared){0};
    int rc = keep_path(s, path, e);
    if (!rc) rc = make_file(s, path, bytes, like, e);
    if (rc) shared_close(s);
    return rc;
}

int shared_now(int64_t *seconds, const struct shared *s, struct err *e)
{
    struct stat st;
    if (futimens(s->temp.fd, NULL) != 0 || sys_fstat(&st, s->temp.fd) != 0)
        FAIL(e, call_error(errno), "%s: cannot tell the time of its disk: %s", s->path, strerror(errno));
    *seconds = (int64_t)st.st_ctim.tv_sec;
    return OK;
}

static int set_time(int fd, int64_t modified, const char *path, struct err *e)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = modified}};
    if (futimens(fd, times) != 0) FAIL(e, call_error(errno), "%s: cannot set its time: %s", path, strerror(errno));
    return OK;
}

int shared_sync(struct shared *s, const volatile sig_atomic_t *stop, struct err *e)
{
    for (size_t at = 0; at < s->bytes; at += sync_step) {
        if (stop && *stop) FAIL(e, ERR_INTERRUPTED, "%s: writing it was stopped, nothing is kept", s->path);
        size_t n = s->bytes - at < sync_step ? s->bytes - at : sync_step;
        if (sys_msync(s->data + at, n) != 0) FAIL(e, call_error(errno), "%s: cannot write: %s", s->path, strerror(errno));
    }
    return OK;
}

int shared_commit(struct shared *s, int64_t modified, struct err *e)
{
    TRY(shared_sync(s, NULL, e));
    if (mprotect(s->data, s->bytes, PROT_READ) != 0) /* from here on nothing changes, nor its time */
        FAIL(e, call_error(errno), "%s: cannot protect: %s", s->path, strerror(errno));
    TRY(set_time(s->temp.fd, modified, s->path, e));
    return temp_become(&s->temp, s->path, e);
}

void shared_keep(struct shared *s) { temp_drop(&s->temp); }

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

bool file_in_memory(const char *path)
{
    struct statfs f;
    return statfs(path, &f) == 0 && ((unsigned long)f.f_type == TMPFS || (unsigned long)f.f_type == RAMFS);
}

int file_patch(const char *path, const void *data, size_t n, uint64_t at, int64_t modified, struct err *e)
{
    int fd = sys_open(path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW, 0);
    if (fd < 0) FAIL(e, call_error(errno), "%s: cannot open: %s", path, strerror(errno));
    int rc = OK;
    if (lseek(fd, (off_t)at, SEEK_SET) < 0 || sys_write(fd, data, n) != (ssize_t)n)
        rc = err_set(e, call_error(errno), __FILE__, __LINE__, "%s: cannot write: %s", path, strerror(errno));
    if (!rc && sys_fsync(fd) != 0)
        rc = err_set(e, call_error(errno), __FILE__, __LINE__, "%s: cannot sync: %s", path, strerror(errno));
    if (!rc) rc = set_time(fd, modified, path, e);
    sys_close(fd);
    return rc;
}

enum claim file_claim(int *fd, const char *of)
{
    *fd = 0;
    int f = sys_open(of, O_RDONLY | O_NONBLOCK, 0);
    if (f < 0) return CLAIM_NONE;
    if (sys_lock(f) == 0) {
        *fd = f;
        return CLAIM_OURS;
    }
    enum claim c = errno == EWOULDBLOCK ? CLAIM_THEIRS : CLAIM_NONE;
    sys_close(f);
    return c;
}

void file_unclaim(int fd)
{
    if (fd > 0) sys_close(fd);
}

void memory_forget(const void *p, size_t n)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = ((uintptr_t)p + page - 1) / page * page;
    uintptr_t to = ((uintptr_t)p + n) / page * page;
    if (to > from) madvise((void *)from, to - from, MADV_DONTNEED);
}
