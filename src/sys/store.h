/* What a store of downloaded files needs beyond sys/file.h: symbolic links, locks that other programs honour, partial files,
 * free space, copies. */
#ifndef SYS_STORE_H
#define SYS_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

/* Makes path a symbolic link to target, in place of a file or link that may be there, in one step. */
int file_link(const char *target, const char *path, struct err *e);
/* The target of the link path, NUL-terminated. */
int file_link_target(char *out, size_t cap, const char *path, struct err *e);

/* Takes path (created if need be) as a lock by flock(2). *fd is -1 when another process has it, which is no error. */
int file_try_lock(int *fd, const char *path, struct err *e);
void file_unlock(int fd); /* -1 allowed */

/* Bytes that an ordinary user can still write where path is or, if it does not exist, where it would be made. */
int file_free_space(const char *path, uint64_t *out, struct err *e);
/* All bytes of that disk. */
int file_disk_size(const char *path, uint64_t *out, struct err *e);

/* A file that grows over several runs of the program, and gets its name only when it is whole. */
struct part {
    int fd; /* 0: closed */
    char *path; /* owned */
    uint64_t size;
};
int part_open(struct part *p, const char *path, struct err *e);
int part_read(struct part *p, uint64_t at, void *out, size_t n, struct err *e); /* n bytes inside [0, size) */
int part_append(struct part *p, const void *data, size_t n, struct err *e);
int part_restart(struct part *p, struct err *e); /* to 0 bytes */
int part_finish(struct part *p, const char *name, struct err *e); /* synced, renamed, folder synced; closes */
int part_drop(struct part *p, struct err *e);                     /* closes and removes */
void part_close(struct part *p);                                  /* keeps the file; accepts a zeroed or closed one */

/* Copies a regular file; the copy appears under its name when it is whole. stop (NULL allowed) is asked now and then:
 * true ends the copying with ERR_INTERRUPTED. */
int file_copy(const char *from, const char *to, bool (*stop)(void), struct err *e);

#endif
