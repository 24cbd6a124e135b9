/* Files on POSIX. */
#include "sys/file.h"
#include "base/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "sys/calls.h"
#include "sys/dir.h"
#include "sys/maps.h"

static uint64_t opens;

uint64_t file_opens(void) { return __atomic_load_n(&opens, __ATOMIC_RELAXED); }

/* errno values that say that a name cannot be anything. */
static bool means_absent(int no) { return no == ENOENT || no == ENOTDIR || no == ENAMETOOLONG; }

static enum err_code error_of(int no) { return means_absent(no) ? ERR_NOTFOUND : call_error(no); }

/* Opens a regular file for reading and tells its size. */
static int open_regular(int *fd, size_t *size, const char *path, struct err *e)
{
    struct stat st;
    *fd = sys_open(path, O_RDONLY | O_NONBLOCK, 0); /* O_NONBLOCK: a FIFO must not hang us */
    if (*fd < 0) FAIL(e, error_of(errno), "%s: cannot open: %s", path, strerror(errno));
    int no = sys_fstat(&st, *fd) ? errno : 0;
    if (no || !S_ISREG(st.st_mode)) {
        sys_close(*fd);
        FAIL(e, call_error(no), "%s: %s", path, no ? strerror(no) : "not a regular file");
    }
    *size = (size_t)st.st_size;
    __atomic_add_fetch(&opens, 1, __ATOMIC_RELAXED);
    return OK;
}

static int map_fd(struct file_map *m, int fd, size_t size, const char *path, struct err *e)
{
    m->size = size;
    if (size == 0) return OK;
    void *p = sys_mmap(size, PROT_READ, MAP_PRIVATE, fd);
    if (p == MAP_FAILED) FAIL(e, call_error(errno), "%s: cannot map %zu bytes: %s", path, size, strerror(errno));
    m->data = p;
    maps_add(p, size, path);
    return OK;
}

int file_map(struct file_map *m, const char *path, struct err *e)
{
    int fd;
    size_t size;
    *m = (struct file_map){0};
    TRY(open_regular(&fd, &size, path, e));
    int rc = map_fd(m, fd, size, path, e);
    struct stat st;
    if (!rc && sys_fstat(&st, fd) == 0) m->times = (struct file_times){(int64_t)st.st_mtim.tv_sec, st.st_mtim.tv_nsec};
    sys_close(fd);
    return rc;
}

void file_unmap(struct file_map *m)
{
    if (m->data) {
        maps_remove(m->data);
        munmap((void *)(uintptr_t)m->data, m->size);
    }
    *m = (struct file_map){0};
}

/* Bytes [from, size) of the open file. */
static int read_fd(char **out, int fd, size_t from, size_t size, const char *path, struct err *e)
{
    size_t n = size - from, got = 0;
    char *p = mem_alloc(n + 1);
    if (!p) FAIL(e, ERR_MEMORY, "%s: out of memory for %zu bytes", path, n);
    ssize_t k = 1;
    while (got < n && (k = sys_pread(fd, p + got, n - got, from + got)) > 0) got += (size_t)k;
    if (got < n) {
        int no = errno;
        mem_free(p);
        FAIL(e, ERR_IO, "%s: read %zu of %zu bytes: %s", path, got, n, k < 0 ? strerror(no) : "it became shorter");
    }
    *out = p;
    return OK;
}

int file_read(char **out, size_t *len, const char *path, size_t max, struct err *e)
{
    int fd, rc;
    size_t size;
    *out = NULL;
    TRY(open_regular(&fd, &size, path, e));
    if (size > max) rc = err_set(e, ERR_LIMIT, __FILE__, __LINE__, "%s: %zu bytes, at most %zu are accepted", path, size, max);
    else rc = read_fd(out, fd, 0, size, path, e);
    sys_close(fd);
    *len = rc ? 0 : size;
    return rc;
}

int file_read_end(char **out, size_t *len, bool *whole, const char *path, size_t most, struct err *e)
{
    int fd;
    size_t size;
    *out = NULL;
    TRY(open_regular(&fd, &size, path, e));
    *whole = size <= most;
    *len = *whole ? size : most;
    int rc = read_fd(out, fd, size - *len, size, path, e);
    sys_close(fd);
    return rc;
}

int path_dir(char *out, size_t cap, const char *path, struct err *e)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 1;
    if (slash == path) n = 1;
    if (n + 1 > cap) FAIL(e, ERR_LIMIT, "path is too long: %s", path);
    memcpy(out, slash ? path : ".", n);
    out[n] = 0;
    return OK;
}

int path_join(char *out, size_t cap, const char *a, const char *b, struct err *e)
{
    int n = snprintf(out, cap, "%s/%s", a, b);
    if (n < 0 || (size_t)n >= cap) FAIL(e, ERR_LIMIT, "path is too long: %s/%s", a, b);
    return OK;
}

int path_of_program(char *out, size_t cap, struct err *e)
{
    char exe[PATH_MAX];
    ssize_t n = sys_readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n < 0) FAIL(e, ERR_IO, "/proc/self/exe: %s", strerror(errno));
    exe[n] = 0;
    return path_dir(out, cap, exe, e);
}

/* A rename over /dev/null would be the end of it, and over a FIFO of whoever waits there. */
static int open_direct(struct file_out *o, const char *path, struct err *e)
{
    int fd = sys_open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY, 0); /* O_NONBLOCK: a FIFO that nobody reads is an error */
    if (fd < 0) FAIL(e, ERR_IO, "%s: cannot open: %s", path, strerror(errno));
    fcntl(fd, F_SETFL, 0);
    o->temp.fd = fd;
    o->direct = true;
    return OK;
}

static int out_open(struct file_out *o, const char *path, unsigned mode, struct err *e)
{
    *o = (struct file_out){0};
    if (!*path) FAIL(e, ERR_USAGE, "the name of the file to write is empty");
    struct file_look l = file_look(path, true);
    TRY(file_known(&l, path, e));
    if (l.kind == FILE_FOLDER) FAIL(e, ERR_USAGE, "%s: is a folder; the name of a file is wanted", path);
    o->path = mem_strdup(path);
    if (!o->path) FAIL(e, ERR_MEMORY, "%s: out of memory", path);
    int rc = l.kind == FILE_OTHER ? open_direct(o, path, e) : temp_file(&o->temp, path, mode, e);
    if (rc) file_out_abort(o);
    return rc;
}

int file_out_open(struct file_out *o, const char *path, struct err *e) { return out_open(o, path, 0644, e); }
int file_out_open_private(struct file_out *o, const char *path, struct err *e) { return out_open(o, path, 0600, e); }

static const char shrunk[] = "what is copied cannot be read any more: a file became shorter, or its disk failed";

int file_out_write(struct file_out *o, const void *data, size_t n, struct err *e)
{
    const char *p = data;
    while (n > 0) {
        ssize_t k = sys_write(o->temp.fd, p, n);
        if (k <= 0)
            FAIL(e, k < 0 ? call_error(errno) : ERR_IO, "%s: cannot write at byte %llu: %s", o->path,
                 (unsigned long long)o->written, k == 0 ? "nothing was taken" : errno == EFAULT ? shrunk : strerror(errno));
        p += k;
        n -= (size_t)k;
        o->written += (uint64_t)k;
    }
    return OK;
}

int file_out_map(struct file_map *m, const struct file_out *o, struct err *e)
{
    *m = (struct file_map){0};
    return map_fd(m, o->temp.fd, (size_t)o->written, o->path, e);
}

int file_sync_dir(const char *dir, struct err *e)
{
    int fd = sys_open(dir, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0) FAIL(e, call_error(errno), "%s: cannot open the folder: %s", dir, strerror(errno));
    int rc = sys_fsync(fd), no = errno;
    sys_close(fd);
    if (rc != 0 && no != EINVAL) FAIL(e, ERR_IO, "%s: cannot sync the folder: %s", dir, strerror(no));
    return OK;
}

int file_out_commit(struct file_out *o, struct err *e)
{
    int rc = o->direct ? OK : temp_become(&o->temp, o->path, e);
    file_out_abort(o);
    return rc;
}

void file_out_abort(struct file_out *o)
{
    temp_drop(&o->temp);
    mem_free(o->path);
    *o = (struct file_out){0};
}

int file_replace(const char *path, const void *data, size_t n, struct err *e)
{
    struct file_out o;
    TRY(file_out_open(&o, path, e));
    int rc = file_out_write(&o, data, n, e);
    if (rc) {
        file_out_abort(&o);
        return rc;
    }
    return file_out_commit(&o, e);
}

/* The file of lines, open for appending; *size of it, and whether its last line has no end. */
static int open_lines(int *fd, uint64_t *size, bool *cut, const char *path, int mode, struct err *e)
{
    struct stat st;
    char last = '\n';
    *fd = sys_open(path, O_RDWR | O_CREAT | O_APPEND | O_NONBLOCK, mode);
    if (*fd < 0) FAIL(e, call_error(errno), "%s: cannot open: %s", path, strerror(errno));
    int no = sys_fstat(&st, *fd) ? errno : 0;
    if (!no && S_ISREG(st.st_mode) && st.st_size > 0 && sys_pread(*fd, &last, 1, (uint64_t)st.st_size - 1) < 0) no = errno;
    if (no || !S_ISREG(st.st_mode)) {
        sys_close(*fd);
        FAIL(e, call_error(no), "%s: %s", path, no ? strerror(no) : "not a regular file");
    }
    *size = (uint64_t)st.st_size;
    *cut = last != '\n';
    return OK;
}

/* n bytes behind the first `size` ones, or nothing. */
static int append_whole(int fd, uint64_t size, const void *data, size_t n, const char *path, struct err *e)
{
    ssize_t k = sys_write(fd, data, n);
    int no = errno;
    if (k == (ssize_t)n) return OK;
    if (k > 0 && sys_ftruncate(fd, size) != 0) /* then the next append begins a new line */
        FAIL(e, ERR_IO, "%s: %zd of %zu bytes were appended, and not taken back: %s", path, k, n, strerror(errno));
    FAIL(e, ERR_IO, "%s: cannot append %zu bytes: %s", path, n, k < 0 ? strerror(no) : "the disk is full");
}

static int append(const char *path, int mode, const void *data, size_t n, uint64_t *size, struct err *e)
{
    int fd;
    bool cut = false;
    uint64_t before = 0;
    TRY(open_lines(&fd, &before, &cut, path, mode, e));
    char *whole = cut ? mem_alloc(n + 1) : NULL;
    int rc = OK;
    if (cut && !whole) {
        rc = err_set(e, ERR_MEMORY, __FILE__, __LINE__, "%s: out of memory for %zu bytes", path, n);
    } else if (cut) {
        whole[0] = '\n';
        memcpy(whole + 1, data, n);
    }
    if (!rc) rc = append_whole(fd, before, cut ? whole : data, n + cut, path, e);
    if (!rc && size) *size = before + n + cut;
    mem_free(whole);
    sys_close(fd);
    return rc;
}

int file_append(const char *path, const void *data, size_t n, uint64_t *size, struct err *e)
{
    return append(path, 0600, data, n, size, e);
}

int file_append_shared(const char *path, const void *data, size_t n, uint64_t *size, struct err *e)
{
    return append(path, 0666, data, n, size, e);
}

/* An existing file, open for writing; *fd is -1 when there is none. */
static int open_existing(int *fd, const char *path, struct err *e)
{
    *fd = sys_open(path, O_WRONLY | O_NONBLOCK, 0);
    if (*fd < 0 && !means_absent(errno)) FAIL(e, call_error(errno), "%s: cannot open: %s", path, strerror(errno));
    return OK;
}

int file_truncate(const char *path, uint64_t size, struct err *e)
{
    int fd;
    TRY(open_existing(&fd, path, e));
    if (fd < 0 && size == 0) return OK;
    int rc = fd < 0 ? -1 : sys_ftruncate(fd, size), no = fd < 0 ? ENOENT : errno;
    if (fd >= 0) sys_close(fd);
    if (rc != 0) FAIL(e, ERR_IO, "%s: cannot cut to %llu bytes: %s", path, (unsigned long long)size, strerror(no));
    return OK;
}

int file_sync(const char *path, struct err *e)
{
    int fd;
    TRY(open_existing(&fd, path, e));
    if (fd < 0) return OK;
    int rc = sys_fsync(fd), no = errno;
    sys_close(fd);
    if (rc != 0) FAIL(e, ERR_IO, "%s: cannot sync: %s", path, strerror(no));
    return OK;
}

int file_times(struct file_times *t, const char *path, struct err *e)
{
    struct stat st;
    if (sys_stat(&st, path, true)) FAIL(e, error_of(errno), "%s: %s", path, strerror(errno));
    *t = (struct file_times){st.st_mtim.tv_sec, st.st_mtim.tv_nsec};
    return OK;
}

struct file_look file_look(const char *path, bool follow)
{
    struct stat st;
    if (sys_stat(&st, path, follow) != 0)
        return (struct file_look){.kind = means_absent(errno) ? FILE_MISSING : FILE_UNKNOWN, .error = errno};
    enum file_kind kind = S_ISREG(st.st_mode)   ? FILE_REGULAR
                          : S_ISDIR(st.st_mode) ? FILE_FOLDER
                          : S_ISLNK(st.st_mode) ? FILE_LINK
                                                : FILE_OTHER;
    uint64_t size = kind == FILE_REGULAR ? (uint64_t)st.st_size : 0;
    return (struct file_look){kind, size, (int64_t)st.st_mtime, (int64_t)st.st_atime, 0};
}

int file_known(const struct file_look *l, const char *path, struct err *e)
{
    if (l->kind != FILE_UNKNOWN) return OK;
    FAIL(e, call_error(l->error), "%s: %s", path, strerror(l->error));
}

int file_is_there(bool *there, const char *path, struct err *e)
{
    struct file_look l = file_look(path, true);
    *there = l.kind != FILE_MISSING;
    return file_known(&l, path, e);
}

bool file_absent(const char *path) { return file_look(path, true).kind == FILE_MISSING; }
bool file_same(const char *a, const char *b)
{
    struct stat x, y;
    return sys_stat(&x, a, true) == 0 && sys_stat(&y, b, true) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

bool file_is_dir(const char *path) { return file_look(path, true).kind == FILE_FOLDER; }
bool file_writable(const char *folder) { return file_is_dir(folder) && access(folder, W_OK | X_OK) == 0; }

struct file_id file_id(const char *path)
{
    struct stat st;
    if (sys_stat(&st, path, true) != 0) return (struct file_id){0};
    return (struct file_id){st.st_dev, st.st_ino};
}

int file_check_private(const char *path, struct err *e)
{
    struct stat st;
    if (sys_stat(&st, path, true) != 0) FAIL(e, call_error(errno), "%s: %s", path, strerror(errno));
    if (st.st_mode & 077)
        FAIL(e, ERR_USAGE, "%s: others may read or write it (mode %03o), expected 600: chmod 600 %s", path,
             st.st_mode & 0777u, path);
    return OK;
}

int file_mkdirs(const char *path, struct err *e)
{
    char p[PATH_MAX];
    int n = snprintf(p, sizeof p, "%s", path);
    if (n == 0) FAIL(e, ERR_USAGE, "the name of the folder is empty");
    if (n < 0 || (size_t)n >= sizeof p) FAIL(e, ERR_LIMIT, "path is too long: %s", path);
    for (char *s = p + 1;; s++) {
        if (*s && *s != '/') continue;
        char c = *s;
        *s = 0;
        if (sys_mkdir(p, 0755) != 0 && errno != EEXIST) {
            int no = errno; /* a parent that is there may be on a disk that cannot be written: EROFS, EACCES */
            if (!file_is_dir(p))
                FAIL(e, call_error(no), "%s: cannot create the folder: %s", p, strerror(no));
        }
        *s = c;
        if (!c) break;
    }
    struct file_look l = file_look(path, true);
    TRY(file_known(&l, path, e));
    if (l.kind != FILE_FOLDER) FAIL(e, ERR_IO, "%s: exists and is not a folder", path);
    return OK;
}

int file_remove(const char *path, struct err *e)
{
    if (sys_unlink_at(AT_FDCWD, path, 0) == 0 || means_absent(errno)) return OK;
    FAIL(e, call_error(errno), "%s: cannot remove: %s", path, strerror(errno));
}

int file_list(char ***names, size_t *n, const char *dir, struct err *e) { return dir_names(names, n, dir, NULL, e); }

bool str_ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), k = strlen(end);
    return n >= k && !memcmp(s + n - k, end, k);
}
