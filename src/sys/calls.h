/* The system calls on files, in one place: each begins anew after EINTR, and tests can let the k-th one fail. Only sys/ uses
 * them. They return what the system does, with errno. */
#ifndef SYS_CALLS_H
#define SYS_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include "base/err.h"

/* Closed on exec, and never a standard descriptor: where 0 to 2 are closed, messages would land in the file. */
int sys_open(const char *path, int flags, mode_t mode);
int sys_open_at(int folder, const char *name, int flags);
int sys_open_nameless(const char *folder, mode_t mode); /* O_TMPFILE */
/* fd, or another in its place that is no standard descriptor; -1 with errno. */
int sys_above_standard(int fd);
int sys_close(int fd); /* the descriptor is gone in every case */
ssize_t sys_read(int fd, void *p, size_t n);
ssize_t sys_pread(int fd, void *p, size_t n, uint64_t at);
ssize_t sys_pwrite(int fd, const void *p, size_t n, uint64_t at);
ssize_t sys_write(int fd, const void *p, size_t n);
ssize_t sys_copy(int from, int to, size_t n); /* copy_file_range, from where both are */
int sys_fsync(int fd);
int sys_msync(void *p, size_t n);
int sys_rename(const char *from, const char *to);
/* from takes the place of nothing: EEXIST if there is something of that name. */
int sys_rename_new(const char *from, const char *to);
int sys_rename_exchange(const char *a, const char *b);
/* Gives the open file a name; EEXIST when it is taken. */
int sys_link_fd(int fd, const char *path);
int sys_symlink(const char *target, const char *path);
ssize_t sys_readlink(const char *path, char *out, size_t n);
int sys_unlink_at(int folder, const char *path, int flags);
int sys_mkdir(const char *path, mode_t mode);
int sys_ftruncate(int fd, uint64_t size);
int sys_allocate(int fd, uint64_t size); /* blocks for [0, size) */
void *sys_mmap(size_t n, int prot, int flags, int fd); /* MAP_FAILED */
int sys_stat(struct stat *st, const char *path, bool follow);
int sys_fstat(struct stat *st, int fd);
/* 1 when something is mounted at path, which then cannot be renamed; 0, -1. */
int sys_is_mount(const char *path);
int sys_statvfs(struct statvfs *v, const char *path);
/* Entries of an open folder into buf (getdents64: struct dirent one behind another); 0 at the end, -1. */
ssize_t sys_entries(int fd, void *buf, size_t n);
int sys_lock(int fd); /* flock, exclusive, at once: EWOULDBLOCK */

/* The code of an error of the system: memory that ran short is one of its own. */
enum err_code call_error(int no);

#endif
