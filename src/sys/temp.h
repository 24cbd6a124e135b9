/* Temporary files and folders: random names beside what they are to become, made exclusively, never through a link, and locked
 * (flock) for as long as their maker lives. Whoever makes the next one in a folder removes those there that nobody holds any
 * more. Where the file system can (O_TMPFILE), a file has no name at all until it is whole. */
#ifndef SYS_TEMP_H
#define SYS_TEMP_H

#include <stdbool.h>
#include "base/err.h"

struct temp {
    int fd;     /* locked, for reading and writing; of a folder: the folder. 0: none, since sys_open never gives 0 to 2 */
    char *name; /* owned; NULL: it has no name, or another by now */
    int slot;   /* where temp_remove_all finds the name, from 1; 0 nowhere */
};

/* A new empty file or folder in the folder of `beside`. mode: before the umask. Messages name `beside`. */
int temp_file(struct temp *t, const char *beside, unsigned mode, struct err *e);
int temp_folder(struct temp *t, const char *beside, struct err *e);
/* Makes the file last (synced) and be `path`, in place of what has that name: a reader sees the old one or the new one. */
int temp_become(struct temp *t, const char *path, struct err *e);
/* The same for a folder, whose files have been synced: in place of nothing or of an empty folder, else ERR_USAGE; it stays
 * temporary then. */
int temp_become_folder(struct temp *t, const char *path, struct err *e);
/* The same in place of the folder that is there; what was in it is removed. */
int temp_replace_folder(struct temp *t, const char *path, struct err *e);
/* Lets it go: a file that has not become anything is removed, a folder with all that is in it. Accepts a zeroed one. */
void temp_drop(struct temp *t);

/* A name for something of ours in the folder of `beside`, owned: mem_free. */
int temp_name(char **out, const char *beside, struct err *e);
bool temp_is_name(const char *name); /* the last part of a path */
/* Removes what earlier processes have left in the folder of `beside`. */
void temp_sweep(const char *beside);
/* Removes all that this process has under way: when a signal ends it. Calls nothing that a signal handler may not. */
void temp_remove_all(void);

#endif
