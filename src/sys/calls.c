/* System calls on files, with the faults that tests ask for. */
#include "sys/calls.h"
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "sys/fault.h"

int flock(int fd, int operation); /* <sys/file.h> would be our own header */

enum { RENAME_NEW = 1, RENAME_SWAP = 2 }; /* of renameat2(2) */

static atomic_uint fault_kinds;
static atomic_uint_fast64_t fault_left, fault_seen;
static atomic_int fault_no, fault_done;

void fault_at(unsigned kinds, uint64_t k, int no)
{
    atomic_store(&fault_no, no);
    atomic_store(&fault_seen, 0);
    atomic_store(&fault_done, 0);
    atomic_store(&fault_left, k);
    atomic_store(&fault_kinds, k ? kinds : 0);
}

uint64_t fault_calls(void) { return atomic_load(&fault_seen); }
int fault_hit(void) { return atomic_load(&fault_done); }

/* 0, or the errno that this call has to fail with, or FAULT_SHORT. */
static int fault(enum fault_kind kind)
{
    if (!(atomic_load_explicit(&fault_kinds, memory_order_relaxed) & kind)) return 0;
    atomic_fetch_add(&fault_seen, 1);
    if (atomic_load(&fault_left) == 0 || atomic_fetch_sub(&fault_left, 1) != 1) return 0;
    atomic_store(&fault_done, 1);
    return atomic_load(&fault_no);
}

/* Asks for a fault, then makes the call; both again as long as a signal came between. */
#define CALL(kind, failed, result, call)                                                           \
    do {                                                                                           \
        int no_ = fault(kind);                                                                     \
        if (no_ > 0) errno = no_;                                                                  \
        result = no_ > 0 ? (failed) : (call);                                                      \
    } while (result == (failed) && errno == EINTR)

#define CALL_INT(kind, call)                                                                       \
    int rc_;                                                                                       \
    CALL(kind, -1, rc_, call);                                                                     \
    return rc_

int sys_above_standard(int fd)
{
    if (fd < 0 || fd > STDERR_FILENO) return fd;
    int up = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1), no = errno;
    close(fd);
    errno = no;
    return up;
}

int sys_open(const char *path, int flags, mode_t mode)
{
    CALL_INT(FAULT_OPEN, sys_above_standard(open(path, flags | O_CLOEXEC, mode)));
}

int sys_open_at(int folder, const char *name, int flags)
{
    CALL_INT(FAULT_OPEN, sys_above_standard(openat(folder, name, flags | O_CLOEXEC)));
}

int sys_open_nameless(const char *folder, mode_t mode)
{
    CALL_INT(FAULT_NAMELESS, sys_above_standard(open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, mode)));
}

int sys_close(int fd)
{
    int no = fault(FAULT_CLOSE), rc = close(fd); /* closed, whatever it says: never again */
    if (rc != 0 && errno == EINTR) rc = 0;
    if (no <= 0 || no == EINTR) return rc;
    errno = no;
    return -1;
}

/* As CALL, for calls that may move fewer bytes than asked. */
#define MOVE(kind, n, call)                                                                        \
    ssize_t rc_;                                                                                   \
    int no_;                                                                                       \
    do {                                                                                           \
        no_ = fault(kind);                                                                         \
        if (no_ == FAULT_SHORT && n > 1) n /= 2;                                                   \
        if (no_ > 0) errno = no_;                                                                  \
        rc_ = no_ > 0 ? -1 : (call);                                                               \
    } while (rc_ < 0 && errno == EINTR);                                                           \
    return rc_

ssize_t sys_read(int fd, void *p, size_t n) { MOVE(FAULT_READ, n, read(fd, p, n)); }
ssize_t sys_pread(int fd, void *p, size_t n, uint64_t at) { MOVE(FAULT_READ, n, pread(fd, p, n, (off_t)at)); }
ssize_t sys_pwrite(int fd, const void *p, size_t n, uint64_t at) { MOVE(FAULT_WRITE, n, pwrite(fd, p, n, (off_t)at)); }
ssize_t sys_write(int fd, const void *p, size_t n) { MOVE(FAULT_WRITE, n, write(fd, p, n)); }
ssize_t sys_copy(int from, int to, size_t n) { MOVE(FAULT_WRITE, n, copy_file_range(from, NULL, to, NULL, n, 0)); }

int sys_fsync(int fd) { CALL_INT(FAULT_SYNC, fsync(fd)); }
int sys_msync(void *p, size_t n) { CALL_INT(FAULT_SYNC, msync(p, n, MS_SYNC)); }
int sys_rename(const char *from, const char *to) { CALL_INT(FAULT_RENAME, rename(from, to)); }

int sys_rename_new(const char *from, const char *to)
{
    int rc;
    CALL(FAULT_RENAME, -1, rc, renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NEW));
    if (rc == 0 || (errno != EINVAL && errno != ENOSYS)) return rc;
    if (faccessat(AT_FDCWD, to, F_OK, AT_SYMLINK_NOFOLLOW) == 0) { /* a file system that cannot: look first */
        errno = EEXIST;
        return -1;
    }
    return rename(from, to);
}

int sys_rename_exchange(const char *a, const char *b)
{
    CALL_INT(FAULT_RENAME, renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_SWAP));
}

int sys_link_fd(int fd, const char *path)
{
    char at[40];
    snprintf(at, sizeof at, "/proc/self/fd/%d", fd);
    CALL_INT(FAULT_RENAME, linkat(AT_FDCWD, at, AT_FDCWD, path, AT_SYMLINK_FOLLOW));
}

int sys_symlink(const char *target, const char *path) { CALL_INT(FAULT_RENAME, symlink(target, path)); }

ssize_t sys_readlink(const char *path, char *out, size_t n)
{
    ssize_t rc;
    CALL(FAULT_LOOK, -1, rc, readlink(path, out, n));
    return rc;
}

int sys_unlink_at(int folder, const char *path, int flags) { CALL_INT(FAULT_REMOVE, unlinkat(folder, path, flags)); }
int sys_mkdir(const char *path, mode_t mode) { CALL_INT(FAULT_FOLDER, mkdir(path, mode)); }
int sys_ftruncate(int fd, uint64_t size) { CALL_INT(FAULT_TRUNCATE, ftruncate(fd, (off_t)size)); }

int sys_allocate(int fd, uint64_t size)
{
    int no;
    do {
        no = fault(FAULT_ALLOCATE);
        if (no <= 0) no = posix_fallocate(fd, 0, (off_t)size); /* tells the number itself */
    } while (no == EINTR);
    errno = no;
    return no ? -1 : 0;
}

void *sys_mmap(size_t n, int prot, int flags, int fd)
{
    void *p;
    CALL(FAULT_MAP, MAP_FAILED, p, mmap(NULL, n, prot, flags, fd, 0));
    return p;
}

int sys_stat(struct stat *st, const char *path, bool follow)
{
    CALL_INT(FAULT_LOOK, follow ? stat(path, st) : lstat(path, st));
}

int sys_is_mount(const char *path)
{
    struct statx x;
    int rc;
    CALL(FAULT_LOOK, -1, rc, statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_TYPE, &x));
    return rc ? -1 : (x.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

int sys_fstat(struct stat *st, int fd) { CALL_INT(FAULT_LOOK, fstat(fd, st)); }
int sys_statvfs(struct statvfs *v, const char *path) { CALL_INT(FAULT_LOOK, statvfs(path, v)); }

ssize_t sys_entries(int fd, void *buf, size_t n)
{
    long rc;
    CALL(FAULT_LIST, -1, rc, syscall(SYS_getdents64, fd, buf, n));
    return rc;
}

int sys_lock(int fd) { CALL_INT(FAULT_LOCK, flock(fd, LOCK_EX | LOCK_NB)); }

enum err_code call_error(int no) { return no == ENOMEM ? ERR_MEMORY : ERR_IO; }
