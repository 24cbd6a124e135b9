/* Folders that appear and disappear as a whole, lists of names, locks. */
#ifndef SYS_DIR_H
#define SYS_DIR_H

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"
#include "sys/temp.h"

/* A folder that is made under another name and appears when it is whole (file_out does the same for a file):
 * dir_out_open, then files below dir_out_path, then dir_out_commit. It takes the place of nothing or of an empty folder, else
 * ERR_USAGE, if need be before the work begins. */
struct dir_out {
    struct temp temp;
    char *path; /* owned: the name it gets */
    bool over;  /* in place of a folder with files */
};
int dir_out_open(struct dir_out *o, const char *path, struct err *e);
/* As dir_out_open, also in place of a folder of which `ours` knows all names; then those files go. */
int dir_out_open_over(struct dir_out *o, const char *path, bool (*ours)(const char *name), struct err *e);
const char *dir_out_path(const struct dir_out *o);
/* The files inside must have been synced (file_out_commit does). After an error dir_out_abort removes what was made. */
int dir_out_commit(struct dir_out *o, struct err *e);
void dir_out_abort(struct dir_out *o); /* no effect after commit; accepts a zeroed one */

/* Gives a file or folder another name that nothing has (ERR_USAGE if something does). */
int dir_move_new(const char *from, const char *to, struct err *e);

/* Removes path and everything below it; links are removed, not followed, other file systems are left alone. Missing is OK. */
int dir_remove_tree(const char *path, struct err *e);
/* The same with 0 or -1 and errno; a signal handler may call it. */
int tree_remove(const char *path);
/* Removes path if it is an empty folder; otherwise nothing happens. */
void dir_remove_empty(const char *path);

/* Names in a folder without "." and "..", sorted by bytes; those that `wanted` (NULL: all) says true to. Owned: names_free.
 * A list is whole or an error. */
int dir_names(char ***names, size_t *n, const char *dir, bool (*wanted)(const char *name), struct err *e);
void names_free(char **names, size_t n);

/* Takes the file `path` (created if need be) as a lock until the process ends or *fd is closed by dir_unlock.
 * ERR_USAGE when another process has it. */
int dir_lock(int *fd, const char *path, struct err *e);
void dir_unlock(int fd); /* -1 allowed */

#endif
