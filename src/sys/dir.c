/* Folders on POSIX. */
#include "sys/dir.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/mem.h"
#include "sys/file.h"

int dir_publish(const char *tmp, const char *path, struct err *e)
{
    char parent[PATH_MAX];
    TRY(file_sync_dir(tmp, e));
    if (rename(tmp, path) != 0) FAIL(e, ERR_IO, "%s: cannot rename to %s: %s", tmp, path, strerror(errno));
    TRY(path_dir(parent, sizeof parent, path, e));
    return file_sync_dir(parent, e);
}

int dir_remove(const char *path, struct err *e)
{
    char **names, file[PATH_MAX];
    size_t n;
    int rc = OK;
    if (!file_exists(path)) return OK;
    TRY(file_list(&names, &n, path, e));
    for (size_t i = 0; i < n; i++) {
        if (!rc) rc = path_join(file, sizeof file, path, names[i], e);
        if (!rc) rc = file_remove(file, e);
        mem_free(names[i]);
    }
    mem_free(names);
    if (rc) return rc;
    if (rmdir(path) != 0) FAIL(e, ERR_IO, "%s: cannot remove the folder: %s", path, strerror(errno));
    return OK;
}

int dir_lock(int *fd, const char *path, struct err *e)
{
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (*fd < 0) FAIL(e, ERR_IO, "%s: cannot open: %s", path, strerror(errno));
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(*fd, F_OFD_SETLK, &whole) == 0) return OK;
    int no = errno;
    close(*fd);
    *fd = -1;
    if (no == EAGAIN || no == EACCES) FAIL(e, ERR_USAGE, "%s: another process is using this folder", path);
    FAIL(e, ERR_IO, "%s: cannot lock: %s", path, strerror(no));
}

void dir_unlock(int fd)
{
    if (fd >= 0) close(fd);
}
