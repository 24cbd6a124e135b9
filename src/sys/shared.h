/* A file that is written and read as memory: made once, mapped by every later run. */
#ifndef SYS_SHARED_H
#define SYS_SHARED_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "sys/temp.h"

struct shared {
    uint8_t *data;    /* NULL: closed */
    size_t bytes;
    struct temp temp; /* while being made */
    char *path;       /* owned */
};

/* Maps an existing file of exactly this size read-only; ERR_NOTFOUND when there is none, or another. */
int shared_open(struct shared *s, const char *path, size_t bytes, struct err *e);
/* A new file under a temporary name, mapped for writing. ERR_LIMIT, with figures, when the disk has no room; ERR_IO. */
int shared_create(struct shared *s, const char *path, size_t bytes, struct err *e);
/* Makes the file last and visible under its name, and read-only here. */
int shared_commit(struct shared *s, struct err *e);
void shared_close(struct shared *s); /* accepts a zeroed one; a file that was not committed is removed */

/* Pages of a read-only mapping of a file inside [p, p + n) need not stay in memory. */
void memory_forget(const void *p, size_t n);

#endif
