/* Folders that appear and disappear as a whole: checkpoints. */
#ifndef SYS_DIR_H
#define SYS_DIR_H

#include "base/err.h"

/* Makes the finished folder tmp appear under its name `path` (which must not exist): syncs it, renames it, syncs
 * the parent. The files inside must have been synced already (file_out_commit does). */
int dir_publish(const char *tmp, const char *path, struct err *e);
/* Removes a folder and the files in it; a missing one is OK. A folder inside it is an error: we never make one. */
int dir_remove(const char *path, struct err *e);

/* Takes the file `path` (created if need be) as a lock until the process ends or *fd is closed by dir_unlock.
 * ERR_USAGE when another process has it. */
int dir_lock(int *fd, const char *path, struct err *e);
void dir_unlock(int fd); /* -1 allowed */

#endif
