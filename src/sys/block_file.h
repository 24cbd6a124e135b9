/* A file that is read and written at any place, by one process at a time: it is locked (flock) while it is open, and for the
 * user's eyes only (mode 0600). Nothing is synced: whoever needs to know whether what he reads is what was written puts sums
 * into it. */
#ifndef SYS_BLOCK_FILE_H
#define SYS_BLOCK_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

struct block_file {
    int fd; /* 0: closed */
    char *path; /* owned */
    uint64_t size;
};
/* Makes the file if need be. *taken: another process has it; nothing is open then, which is no error. A link is refused. */
int block_file_open(struct block_file *f, const char *path, bool *taken, struct err *e);
/* n bytes; ERR_INTEGRITY when the file ends before. */
int block_file_read(const struct block_file *f, uint64_t at, void *out, size_t n, struct err *e);
int block_file_write(struct block_file *f, uint64_t at, const void *data, size_t n, struct err *e);
int block_file_cut(struct block_file *f, uint64_t size, struct err *e);
void block_file_close(struct block_file *f); /* accepts a zeroed or closed one */

#endif
