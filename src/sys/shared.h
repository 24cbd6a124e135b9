/* A file that is written and read as memory: made once, mapped by every later run. */
#ifndef SYS_SHARED_H
#define SYS_SHARED_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "sys/temp.h"

struct shared {
    uint8_t *data; /* NULL: closed */
    size_t bytes;
    char *path;    /* owned */
    struct temp temp; /* while it is being made */
    /* Of a file that was opened. */
    int64_t modified, changed; /* seconds: of the bytes, of anything about the file */
    long modified_nanoseconds;
    bool safe; /* its owner is who runs this, or the superuser: nobody else can change it behind our back */
};

/* Maps an existing file of exactly this size read-only; ERR_NOTFOUND when there is none. */
int shared_open(struct shared *s, const char *path, size_t bytes, struct err *e);
/* A new file without a name, or with a temporary one (sys/temp.h), mapped for writing; others may read it if they may read
 * `like` (NULL: they may). ERR_LIMIT, with figures, when the disk has no room; ERR_IO. */
int shared_create(struct shared *s, const char *path, size_t bytes, const char *like, struct err *e);
/* The system's own time for a file that is being made, which another machine's disk may keep. */
int shared_now(int64_t *seconds, const struct shared *s, struct err *e);
/* Brings what has been written so far to the disk; stop (NULL allowed) is looked at meanwhile: ERR_INTERRUPTED. */
int shared_sync(struct shared *s, const volatile sig_atomic_t *stop, struct err *e);
/* Makes the file last, with this time as that of its bytes, visible under its name in place of a file that may have it, and
 * read-only here. After an error: shared_close, or shared_keep. */
int shared_commit(struct shared *s, int64_t modified, struct err *e);
/* The memory of a file that is not to be committed, for this run: nothing of it stays behind. */
void shared_keep(struct shared *s);
void shared_close(struct shared *s); /* accepts a zeroed one; a file that was not committed is removed */

/* Whether the file lies on a disk that is memory (tmpfs): mapping it takes nothing more. */
bool file_in_memory(const char *path);
/* Writes n bytes at `at` of an existing file, then sets the time of its bytes. */
int file_patch(const char *path, const void *data, size_t n, uint64_t at, int64_t modified, struct err *e);

/* Who makes something of the file or folder `of` (flock on it). */
enum claim { CLAIM_OURS, CLAIM_THEIRS, CLAIM_NONE }; /* NONE: no locks are to be had there */
/* Takes the claim until *fd is given to file_unclaim or the process ends; *fd is 0 unless it is ours. */
enum claim file_claim(int *fd, const char *of);
void file_unclaim(int fd); /* 0 allowed */

/* Pages of a read-only mapping of a file inside [p, p + n) need not stay in memory. */
void memory_forget(const void *p, size_t n);

#endif
