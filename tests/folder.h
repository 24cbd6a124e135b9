/* The temporary folder of a test program, and names in it. */
#ifndef TESTS_FOLDER_H
#define TESTS_FOLDER_H

#include <limits.h>
#include "sys/dir.h"
#include "sys/file.h"
#include "tests/test.h"

static char dir[] = "/tmp/autarky-check-XXXXXX";

static inline void folder_make(void) { CHECK(mkdtemp(dir), "%s: no temporary folder", dir); }

/* dir/name; the last eight stay valid. */
static inline const char *in_dir(const char *name)
{
    static char paths[8][PATH_MAX];
    static int next;
    char *p = paths[next++ % 8];
    snprintf(p, PATH_MAX, "%s/%s", dir, name);
    return p;
}

/* With everything in it. */
static inline void folder_remove(void)
{
    struct err e = {0};
    CHECK_OK(dir_remove_tree(dir, &e), &e);
}

#endif
