/* Temporary files and folders: making, naming, sweeping. */
#include "sys/temp.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>
#include "base/mem.h"
#include "sys/calls.h"
#include "sys/dir.h"
#include "sys/file.h"

enum { SLOTS = 32, TRIES = 100, LINK_AGE = 60 };
#define HEAD ".autarky-"
#define TAIL ".tmp"
enum { DIGITS = 16, NAME_LEN = sizeof HEAD - 1 + DIGITS + sizeof TAIL - 1 };

/* ---- names that a signal handler can remove ---- */

static struct slot {
    atomic_int used; /* 0 free, 1 being filled, 2: name is valid */
    pid_t owner;     /* a child between fork and exec must not remove its parent's files */
    char name[PATH_MAX];
} slots[SLOTS];

static int slot_take(const char *name)
{
    if (strlen(name) >= PATH_MAX) return 0;
    for (int i = 0; i < SLOTS; i++) {
        int none = 0;
        if (!atomic_compare_exchange_strong(&slots[i].used, &none, 1)) continue;
        memcpy(slots[i].name, name, strlen(name) + 1);
        slots[i].owner = getpid();
        atomic_store(&slots[i].used, 2);
        return i + 1;
    }
    return 0; /* more than SLOTS at a time: the next sweep finds it */
}

static void slot_free(int i)
{
    if (i > 0) atomic_store(&slots[i - 1].used, 0);
}

static void forget_name(struct temp *t)
{
    slot_free(t->slot);
    mem_free(t->name);
    t->name = NULL;
    t->slot = 0;
}

void temp_remove_all(void)
{
    for (int i = 0; i < SLOTS; i++)
        if (atomic_load(&slots[i].used) == 2 && slots[i].owner == getpid()) tree_remove(slots[i].name);
}

/* ---- names ---- */

int temp_name(char **out, const char *beside, struct err *e)
{
    char dir[PATH_MAX];
    uint64_t random;
    if (getrandom(&random, sizeof random, 0) != sizeof random) { /* names are created exclusively: a clock will do */
        struct timespec now = {0};
        clock_gettime(CLOCK_MONOTONIC, &now);
        random = ((uint64_t)now.tv_nsec << 32 ^ (uint64_t)now.tv_sec) * 0x9e3779b97f4a7c15u + (uint64_t)getpid();
    }
    TRY(path_dir(dir, sizeof dir, beside, e));
    size_t cap = strlen(dir) + NAME_LEN + 2;
    TRY(mem_new((void **)out, cap, "a name", e));
    snprintf(*out, cap, "%s/" HEAD "%016llx" TAIL, dir, (unsigned long long)random);
    return OK;
}

bool temp_is_name(const char *name)
{
    if (strlen(name) != NAME_LEN || memcmp(name, HEAD, sizeof HEAD - 1) != 0) return false;
    name += sizeof HEAD - 1;
    return strspn(name, "0123456789abcdef") == DIGITS && !strcmp(name + DIGITS, TAIL);
}

/* ---- sweeping ---- */

/* Removes path if nobody holds it. The lock is taken first, then it is looked whether the name still means what is locked. */
static void sweep_one(const char *path)
{
    struct stat st, now;
    if (sys_stat(&st, path, false) != 0 || st.st_uid != geteuid()) return;
    if (S_ISLNK(st.st_mode)) { /* cannot be locked, but lives for an instant only */
        if (time(NULL) - st.st_mtime > LINK_AGE) sys_unlink_at(AT_FDCWD, path, 0);
        return;
    }
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) return;
    int fd = sys_open(path, (S_ISREG(st.st_mode) ? O_RDWR : O_RDONLY | O_DIRECTORY) | O_NOFOLLOW | O_NONBLOCK, 0);
    if (fd < 0) return;
    if (sys_lock(fd) == 0 && sys_fstat(&st, fd) == 0 && sys_stat(&now, path, false) == 0 && st.st_ino == now.st_ino &&
        st.st_dev == now.st_dev)
        tree_remove(path);
    sys_close(fd);
}

void temp_sweep(const char *beside)
{
    char dir[PATH_MAX], path[PATH_MAX], **names;
    size_t n;
    if (path_dir(dir, sizeof dir, beside, NULL) || dir_names(&names, &n, dir, temp_is_name, NULL)) return;
    for (size_t i = 0; i < n; i++)
        if (!path_join(path, sizeof path, dir, names[i], NULL)) sweep_one(path);
    names_free(names, n);
}

/* ---- making ---- */

/* True when the lock is ours and a sweep has not removed the name meanwhile. A file system without locks is no reason to stop:
 * there a sweep cannot lock either, and removes nothing. */
static bool hold(int fd)
{
    struct stat st;
    if (sys_lock(fd) != 0 && errno == EWOULDBLOCK) return false;
    return sys_fstat(&st, fd) != 0 || st.st_nlink > 0;
}

static bool has_proc(int fd)
{
    char at[40];
    struct stat st;
    snprintf(at, sizeof at, "/proc/self/fd/%d", fd);
    return sys_stat(&st, at, false) == 0;
}

/* A file without a name; -1 with errno EOPNOTSUPP where that is not to be had. */
static int open_nameless(const char *dir, unsigned mode)
{
    int fd = sys_open_nameless(dir, mode);
    if (fd < 0 && (errno == EISDIR || errno == EINVAL)) errno = EOPNOTSUPP; /* older kernels, and some file systems */
    if (fd >= 0 && !has_proc(fd)) { /* nobody could give it a name */
        sys_close(fd);
        errno = EOPNOTSUPP;
        fd = -1;
    }
    if (fd >= 0) hold(fd);
    return fd;
}

static int open_new(const char *name, bool folder, unsigned mode)
{
    if (!folder) return sys_open(name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
    if (sys_mkdir(name, mode) != 0) return -1;
    int fd = sys_open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0), no = errno;
    if (fd < 0) sys_unlink_at(AT_FDCWD, name, AT_REMOVEDIR);
    errno = no;
    return fd;
}

/* Under a name that nobody has, locked. */
static int make_named(struct temp *t, const char *beside, bool folder, unsigned mode, struct err *e)
{
    int no = EEXIST;
    for (int i = 0; i < TRIES && no == EEXIST; i++) {
        TRY(temp_name(&t->name, beside, e));
        t->slot = slot_take(t->name);
        int fd = open_new(t->name, folder, mode);
        no = fd < 0 ? errno : 0;
        if (fd >= 0 && hold(fd)) {
            t->fd = fd;
            return OK;
        }
        if (fd >= 0) sys_close(fd);
        if (fd >= 0 || (folder && no == ENOENT)) no = EEXIST; /* a sweep came between: another name */
        forget_name(t);
    }
    FAIL(e, call_error(no), "%s: cannot create: %s", beside, strerror(no));
}

int temp_file(struct temp *t, const char *beside, unsigned mode, struct err *e)
{
    char dir[PATH_MAX];
    *t = (struct temp){0};
    TRY(path_dir(dir, sizeof dir, beside, e));
    temp_sweep(beside);
    int fd = open_nameless(dir, mode);
    if (fd >= 0) {
        t->fd = fd;
        return OK;
    }
    if (errno != EOPNOTSUPP) FAIL(e, call_error(errno), "%s: cannot create: %s", beside, strerror(errno));
    return make_named(t, beside, false, mode, e);
}

int temp_folder(struct temp *t, const char *beside, struct err *e)
{
    *t = (struct temp){0};
    temp_sweep(beside);
    return make_named(t, beside, true, 0755, e);
}

/* ---- becoming ---- */

/* Where a rule of the system forbids to name such a file: its bytes in one that has a name. Hours of work are not lost. */
static int copy_named(struct temp *t, const char *path, struct err *e)
{
    struct temp copy = {0};
    struct stat st;
    char block[1 << 14];
    if (sys_fstat(&st, t->fd) != 0) FAIL(e, call_error(errno), "%s: %s", path, strerror(errno));
    TRY(make_named(&copy, path, false, st.st_mode & 0777, e));
    ssize_t n = 1, k = 1;
    for (uint64_t at = 0; n > 0 && k > 0; at += n > 0 ? (uint64_t)n : 0) {
        n = sys_pread(t->fd, block, sizeof block, at);
        for (ssize_t done = 0; done < n && k > 0; done += k > 0 ? k : 0)
            k = sys_write(copy.fd, block + done, (size_t)(n - done));
    }
    if (n < 0 || k <= 0 || sys_fsync(copy.fd) != 0) {
        int no = errno;
        temp_drop(&copy);
        FAIL(e, call_error(no), "%s: cannot write: %s", path, strerror(no));
    }
    temp_drop(t);
    *t = copy;
    return OK;
}

static bool is_forbidden(int no) { return no == EPERM || no == EACCES || no == EXDEV || no == ENOENT || no == EOPNOTSUPP; }

/* The name of a file that had none: path itself when nothing has it (then *there), else a temporary one. */
static int link_it(struct temp *t, const char *path, bool *there, struct err *e)
{
    *there = sys_link_fd(t->fd, path) == 0;
    for (int i = 0, no = *there ? 0 : errno; !*there && !t->name; i++) {
        if (is_forbidden(no)) return copy_named(t, path, e);
        if (no != EEXIST || i == TRIES) FAIL(e, call_error(no), "%s: cannot create: %s", path, strerror(no));
        TRY(temp_name(&t->name, path, e));
        t->slot = slot_take(t->name);
        if (sys_link_fd(t->fd, t->name) == 0) break;
        no = errno;
        forget_name(t);
    }
    return OK;
}

static int sync_parent(const char *path, struct err *e)
{
    char dir[PATH_MAX];
    TRY(path_dir(dir, sizeof dir, path, e));
    return file_sync_dir(dir, e);
}

int temp_become(struct temp *t, const char *path, struct err *e)
{
    bool there = false;
    if (sys_fsync(t->fd) != 0) FAIL(e, call_error(errno), "%s: cannot sync: %s", path, strerror(errno));
    if (!t->name) TRY(link_it(t, path, &there, e));
    if (!there && sys_rename(t->name, path) != 0)
        FAIL(e, call_error(errno), "%s: cannot rename to it: %s", path, strerror(errno));
    forget_name(t);
    sys_close(t->fd); /* it has been synced: nothing that this could say matters */
    t->fd = 0;
    return sync_parent(path, e);
}

int temp_become_folder(struct temp *t, const char *path, struct err *e)
{
    if (sys_fsync(t->fd) != 0 && errno != EINVAL)
        FAIL(e, call_error(errno), "%s: cannot sync: %s", path, strerror(errno));
    /* rename(2) puts a folder in place of an empty one, and of nothing else */
    int rc = sys_rename_new(t->name, path);
    if (rc != 0 && errno == EEXIST) rc = sys_rename(t->name, path);
    if (rc != 0 && (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR))
        FAIL(e, ERR_USAGE, "%s exists already, and is not an empty folder", path);
    if (rc != 0) FAIL(e, call_error(errno), "%s: cannot rename to it: %s", path, strerror(errno));
    forget_name(t);
    sys_close(t->fd);
    t->fd = 0;
    return sync_parent(path, e);
}

/* Where a file system cannot exchange two names: *old gets the name that the folder at path has afterwards. */
static int exchange_by_hand(struct temp *t, const char *path, struct err *e)
{
    char *old;
    TRY(temp_name(&old, path, e));
    int rc = sys_rename(path, old), no = errno;
    if (!rc && (rc = sys_rename(t->name, path)) != 0) {
        no = errno;
        sys_rename(old, path); /* back */
    } else if (!rc) {
        rc = sys_rename(old, t->name);
        no = errno;
    }
    mem_free(old);
    if (rc) FAIL(e, call_error(no), "%s: cannot be replaced: %s", path, strerror(no));
    return OK;
}

int temp_replace_folder(struct temp *t, const char *path, struct err *e)
{
    if (sys_fsync(t->fd) != 0 && errno != EINVAL)
        FAIL(e, call_error(errno), "%s: cannot sync: %s", path, strerror(errno));
    int rc = sys_rename_exchange(t->name, path);
    if (rc && errno != EINVAL && errno != ENOSYS)
        FAIL(e, call_error(errno), "%s: cannot be replaced: %s", path, strerror(errno));
    if (rc) TRY(exchange_by_hand(t, path, e));
    rc = sync_parent(path, e);
    temp_drop(t); /* the name is the old folder's now */
    return rc;
}

void temp_drop(struct temp *t)
{
    /* Before the lock goes. Twice, since an error may pass; else the next output here sweeps it. */
    if (t->name && tree_remove(t->name) != 0) tree_remove(t->name);
    if (t->fd > 0) sys_close(t->fd);
    forget_name(t);
    *t = (struct temp){0};
}
