/* Files: mapped for reading, replaced atomically for writing. */
#ifndef SYS_FILE_H
#define SYS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "sys/temp.h"

/* When the file was last written. */
struct file_times {
    int64_t seconds;
    long nanoseconds;
};

/* A whole regular file mapped read-only. data is NULL for an empty file. */
struct file_map {
    const uint8_t *data;
    size_t size;
    struct file_times times; /* when it was opened */
};
int file_map(struct file_map *m, const char *path, struct err *e);
void file_unmap(struct file_map *m);

/* The whole file in memory, NUL-terminated (not counted); *out is owned: mem_free. Refuses more than max bytes. */
int file_read(char **out, size_t *len, const char *path, size_t max, struct err *e);
/* The last `most` bytes of a file, or all of it (*whole). */
int file_read_end(char **out, size_t *len, bool *whole, const char *path, size_t most, struct err *e);
/* How many files they have opened since start: tests look that nothing is opened twice. */
uint64_t file_opens(void);

/* Atomic replacement: written under a temporary name (sys/temp.h), then commit: fsync, rename, fsync of the folder. A reader
 * sees the old or the new file, never half of one. A pipe or a device of that name is not replaced: it is written to at once. */
struct file_out {
    struct temp temp;
    bool direct; /* a pipe or a device */
    char *path; /* owned */
    uint64_t written;
};
int file_out_open(struct file_out *o, const char *path, struct err *e);
int file_out_open_private(struct file_out *o, const char *path, struct err *e); /* for the user's eyes: mode 0600 */
int file_out_write(struct file_out *o, const void *data, size_t n, struct err *e);
/* What has been written so far, as memory. */
int file_out_map(struct file_map *m, const struct file_out *o, struct err *e);
int file_out_commit(struct file_out *o, struct err *e); /* o is empty afterwards in every case */
void file_out_abort(struct file_out *o);                /* no effect after commit; accepts a zeroed one */
/* All at once. */
int file_replace(const char *path, const void *data, size_t n, struct err *e);

/* Appends n bytes that end a line, in one write, creating the file with mode 0600. What is written in part
 * only is taken back; behind a line that a crash has cut, a new one begins. *size (NULL allowed): of the file afterwards. */
int file_append(const char *path, const void *data, size_t n, uint64_t *size, struct err *e);
/* The same, with the mode that other files of the user have. */
int file_append_shared(const char *path, const void *data, size_t n, uint64_t *size, struct err *e);
/* Cuts the file to size bytes; a missing file is OK when size is 0. */
int file_truncate(const char *path, uint64_t size, struct err *e);
/* Makes what was appended survive a power cut; a missing file is OK. */
int file_sync(const char *path, struct err *e);

int file_times(struct file_times *t, const char *path, struct err *e);

/* What a name is. An error is not an absence: FILE_MISSING means that there is certainly nothing. */
enum file_kind { FILE_UNKNOWN, FILE_MISSING, FILE_REGULAR, FILE_FOLDER, FILE_LINK, FILE_OTHER };
struct file_look {
    enum file_kind kind; /* FILE_UNKNOWN: the system does not tell; file_known makes an error of it */
    uint64_t size;       /* of a regular file */
    int64_t modified;    /* seconds since 1970 */
    int64_t used;        /* the same, as far as the system keeps that */
    int error;           /* errno */
};
/* follow: what a link leads to (a link that leads nowhere is missing). */
struct file_look file_look(const char *path, bool follow);
int file_known(const struct file_look *l, const char *path, struct err *e);
/* Whether there is something of this name, behind a link. */
int file_is_there(bool *there, const char *path, struct err *e);
/* True when there is certainly nothing of this name. False also when the system does not tell: whoever goes on and opens it gets
 * the error. */
bool file_absent(const char *path);
/* Whether both are there and the same file. */
bool file_same(const char *a, const char *b);
/* True for a folder, or a link to one; false for anything else, and when the system does not tell. */
bool file_is_dir(const char *path);
/* Whether files can be made in the folder. */
bool file_writable(const char *folder);
/* Which file it is, whatever its name: another one that takes its place is another one. Zeroed: none. */
struct file_id {
    uint64_t device, number;
};
struct file_id file_id(const char *path);
/* Refuses a file that anybody but its owner may read or write. */
int file_check_private(const char *path, struct err *e);
/* Creates the folder and its parents. */
int file_mkdirs(const char *path, struct err *e);
/* Makes the names in a folder survive a power cut (fsync). */
int file_sync_dir(const char *dir, struct err *e);
int file_remove(const char *path, struct err *e); /* a missing file is OK */
/* Names in a folder without "." and "..", sorted by bytes. Owned: names_free (sys/dir.h). */
int file_list(char ***names, size_t *n, const char *dir, struct err *e);
/* a + "/" + b in out; ERR_LIMIT when it does not fit. */
int path_join(char *out, size_t cap, const char *a, const char *b, struct err *e);
/* The folder of path ("." if none). */
int path_dir(char *out, size_t cap, const char *path, struct err *e);
/* The folder the running program lies in. */
int path_of_program(char *out, size_t cap, struct err *e);
bool str_ends_with(const char *s, const char *end);

#endif
