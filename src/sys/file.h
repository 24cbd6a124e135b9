/* Files: mapped for reading, replaced atomically for writing. */
#ifndef SYS_FILE_H
#define SYS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

/* A whole regular file mapped read-only. data is NULL for an empty file. */
struct file_map {
    const uint8_t *data;
    size_t size;
};
int file_map(struct file_map *m, const char *path, struct err *e);
void file_unmap(struct file_map *m);

/* The whole file in memory, NUL-terminated (not counted); *out is owned: mem_free. Refuses more than max bytes. */
int file_read(char **out, size_t *len, const char *path, size_t max, struct err *e);
/* How many files the two have opened since start: tests look that nothing is opened twice. */
uint64_t file_opens(void);

/* Atomic replacement: open a temporary file beside path, write, then commit (fsync, rename, fsync of the folder).
 * A reader sees the old or the new file, never half of one. abort removes the temporary file. */
struct file_out {
    int fd;
    char *path, *tmp;
    uint64_t written;
};
int file_out_open(struct file_out *o, const char *path, struct err *e);
int file_out_write(struct file_out *o, const void *data, size_t n, struct err *e);
int file_out_commit(struct file_out *o, struct err *e); /* closes o in every case */
void file_out_abort(struct file_out *o);                /* no effect after commit */
/* All at once. */
int file_replace(const char *path, const void *data, size_t n, struct err *e);

/* Appends n bytes with one write (O_APPEND), creating the file; for metrics and histories. mode 0600. */
int file_append(const char *path, const void *data, size_t n, struct err *e);
/* Cuts the file to size bytes; a missing file is OK when size is 0. */
int file_truncate(const char *path, uint64_t size, struct err *e);

/* When the file was last written. */
struct file_times {
    int64_t seconds;
    long nanoseconds;
};
int file_times(struct file_times *t, const char *path, struct err *e);

bool file_exists(const char *path);
bool file_is_dir(const char *path);
/* Creates the folder and its parents. */
int file_mkdirs(const char *path, struct err *e);
/* Makes the names in a folder survive a power cut (fsync). */
int file_sync_dir(const char *dir, struct err *e);
int file_remove(const char *path, struct err *e); /* a missing file is OK */
/* Names in a folder without "." and "..", sorted by bytes. free each and the array with mem_free. */
int file_list(char ***names, size_t *n, const char *dir, struct err *e);
/* a + "/" + b in out; ERR_LIMIT when it does not fit. */
int path_join(char *out, size_t cap, const char *a, const char *b, struct err *e);
/* The folder of path ("." if none). */
int path_dir(char *out, size_t cap, const char *path, struct err *e);
/* The folder the running program lies in. */
int path_of_program(char *out, size_t cap, struct err *e);
bool str_ends_with(const char *s, const char *end);

#endif
