/* Files on POSIX. */
#include "sys/file.h"
#include "base/mem.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t opens;

uint64_t file_opens(void) { return __atomic_load_n(&opens, __ATOMIC_RELAXED); }

/* Opens a regular file for reading and tells its size. */
static int open_regular(int *fd, size_t *size, const char *path, struct err *e)
{
    struct stat st;
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* O_NONBLOCK: a FIFO must not hang us */
    if (*fd < 0) FAIL(e, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, "%s: cannot open: %s", path, strerror(errno));
    if (fstat(*fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(*fd);
        FAIL(e, ERR_IO, "%s: not a regular file", path);
    }
    *size = (size_t)st.st_size;
    __atomic_add_fetch(&opens, 1, __ATOMIC_RELAXED);
    return OK;
}

int file_map(struct file_map *m, const char *path, struct err *e)
{
    int fd;
    *m = (struct file_map){0};
    TRY(open_regular(&fd, &m->size, path, e));
    if (m->size > 0) {
        void *p = mmap(NULL, m->size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED) {
            int no = errno;
            close(fd);
            FAIL(e, ERR_IO, "%s: cannot map %zu bytes: %s", path, m->size, strerror(no));
        }
        m->data = p;
    }
    close(fd);
    return OK;
}

void file_unmap(struct file_map *m)
{
    if (m->data) munmap((void *)(uintptr_t)m->data, m->size);
    *m = (struct file_map){0};
}

int file_read(char **out, size_t *len, const char *path, size_t max, struct err *e)
{
    int fd;
    size_t size, got = 0;
    *out = NULL;
    TRY(open_regular(&fd, &size, path, e));
    char *p = size <= max ? mem_alloc(size + 1) : NULL;
    if (!p) {
        close(fd);
        if (size > max) FAIL(e, ERR_LIMIT, "%s: %zu bytes, at most %zu are accepted", path, size, max);
        FAIL(e, ERR_MEMORY, "%s: out of memory for %zu bytes", path, size);
    }
    while (got < size) {
        ssize_t k = read(fd, p + got, size - got);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) break; /* an error, or the file became shorter */
        got += (size_t)k;
    }
    close(fd);
    if (got < size) {
        mem_free(p);
        FAIL(e, ERR_IO, "%s: read %zu of %zu bytes", path, got, size);
    }
    *out = p;
    *len = size;
    return OK;
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
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n < 0) FAIL(e, ERR_IO, "/proc/self/exe: %s", strerror(errno));
    exe[n] = 0;
    return path_dir(out, cap, exe, e);
}

int file_out_open(struct file_out *o, const char *path, struct err *e)
{
    *o = (struct file_out){.fd = -1};
    size_t n = strlen(path) + 32;
    o->path = mem_strdup(path);
    o->tmp = mem_alloc(n);
    if (!o->path || !o->tmp) {
        file_out_abort(o);
        FAIL(e, ERR_MEMORY, "%s: out of memory", path);
    }
    snprintf(o->tmp, n, "%s.tmp.%ld", path, (long)getpid());
    o->fd = open(o->tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (o->fd < 0) {
        int no = errno;
        mem_free(o->tmp); /* nothing of ours to unlink */
        o->tmp = NULL;
        file_out_abort(o);
        FAIL(e, ERR_IO, "%s: cannot create: %s", path, strerror(no));
    }
    return OK;
}

int file_out_write(struct file_out *o, const void *data, size_t n, struct err *e)
{
    const char *p = data;
    while (n > 0) {
        ssize_t k = write(o->fd, p, n);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) FAIL(e, ERR_IO, "%s: cannot write at byte %llu: %s", o->tmp, (unsigned long long)o->written, strerror(errno));
        p += k;
        n -= (size_t)k;
        o->written += (uint64_t)k;
    }
    return OK;
}

int file_sync_dir(const char *dir, struct err *e)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) FAIL(e, ERR_IO, "%s: cannot open the folder: %s", dir, strerror(errno));
    int rc = fsync(fd), no = errno;
    close(fd);
    if (rc != 0 && no != EINVAL) FAIL(e, ERR_IO, "%s: cannot sync the folder: %s", dir, strerror(no));
    return OK;
}

static int sync_parent(const char *path, struct err *e)
{
    char dir[PATH_MAX];
    TRY(path_dir(dir, sizeof dir, path, e));
    return file_sync_dir(dir, e);
}

int file_out_commit(struct file_out *o, struct err *e)
{
    int rc = OK;
    if (fsync(o->fd) != 0) rc = err_set(e, ERR_IO, __FILE__, __LINE__, "%s: cannot sync: %s", o->tmp, strerror(errno));
    if (close(o->fd) != 0 && !rc) rc = err_set(e, ERR_IO, __FILE__, __LINE__, "%s: cannot close: %s", o->tmp, strerror(errno));
    o->fd = -1;
    if (!rc && rename(o->tmp, o->path) != 0)
        rc = err_set(e, ERR_IO, __FILE__, __LINE__, "%s: cannot rename to %s: %s", o->tmp, o->path, strerror(errno));
    if (!rc) {
        mem_free(o->tmp);
        o->tmp = NULL;
        rc = sync_parent(o->path, e);
    }
    file_out_abort(o);
    return rc;
}

void file_out_abort(struct file_out *o)
{
    if (o->fd >= 0) close(o->fd);
    if (o->tmp) unlink(o->tmp);
    mem_free(o->tmp);
    mem_free(o->path);
    *o = (struct file_out){.fd = -1};
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

int file_append(const char *path, const void *data, size_t n, struct err *e)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) FAIL(e, ERR_IO, "%s: cannot open: %s", path, strerror(errno));
    ssize_t k = write(fd, data, n);
    int no = errno;
    close(fd);
    if (k != (ssize_t)n) FAIL(e, ERR_IO, "%s: cannot append %zu bytes: %s", path, n, k < 0 ? strerror(no) : "disk full?");
    return OK;
}

int file_truncate(const char *path, uint64_t size, struct err *e)
{
    if (truncate(path, (off_t)size) == 0 || (errno == ENOENT && size == 0)) return OK;
    FAIL(e, ERR_IO, "%s: cannot cut to %llu bytes: %s", path, (unsigned long long)size, strerror(errno));
}

int file_times(struct file_times *t, const char *path, struct err *e)
{
    struct stat st;
    if (stat(path, &st)) FAIL(e, ERR_IO, "%s: %s", path, strerror(errno));
    *t = (struct file_times){st.st_mtim.tv_sec, st.st_mtim.tv_nsec};
    return OK;
}

bool file_exists(const char *path) { return access(path, F_OK) == 0; }

bool file_is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int file_mkdirs(const char *path, struct err *e)
{
    char p[PATH_MAX];
    int n = snprintf(p, sizeof p, "%s", path);
    if (n < 0 || (size_t)n >= sizeof p) FAIL(e, ERR_LIMIT, "path is too long: %s", path);
    for (char *s = p + 1;; s++) {
        if (*s && *s != '/') continue;
        char c = *s;
        *s = 0;
        if (mkdir(p, 0755) != 0 && errno != EEXIST) FAIL(e, ERR_IO, "%s: cannot create the folder: %s", p, strerror(errno));
        *s = c;
        if (!c) break;
    }
    if (!file_is_dir(path)) FAIL(e, ERR_IO, "%s: exists and is not a folder", path);
    return OK;
}

int file_remove(const char *path, struct err *e)
{
    if (unlink(path) == 0 || errno == ENOENT) return OK;
    FAIL(e, ERR_IO, "%s: cannot remove: %s", path, strerror(errno));
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

int file_list(char ***names, size_t *n, const char *dir, struct err *e)
{
    DIR *d = opendir(dir);
    if (!d) FAIL(e, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, "%s: cannot open the folder: %s", dir, strerror(errno));
    char **v = NULL;
    size_t len = 0, cap = 0;
    bool failed = false;
    for (struct dirent *x; !failed && (x = readdir(d));) {
        if (!strcmp(x->d_name, ".") || !strcmp(x->d_name, "..")) continue;
        if (len == cap) {
            size_t want = cap ? 2 * cap : 16;
            char **w = mem_grow(v, cap * sizeof *v, want * sizeof *v);
            if (!w) {
                failed = true;
                break;
            }
            v = w;
            cap = want;
        }
        v[len] = mem_strdup(x->d_name);
        failed = !v[len];
        len += !failed;
    }
    closedir(d);
    if (failed) {
        for (size_t i = 0; i < len; i++) mem_free(v[i]);
        mem_free(v);
        FAIL(e, ERR_MEMORY, "%s: out of memory for the list of files", dir);
    }
    if (len) qsort(v, len, sizeof *v, by_name);
    *names = v;
    *n = len;
    return OK;
}

bool str_ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), k = strlen(end);
    return n >= k && !memcmp(s + n - k, end, k);
}
