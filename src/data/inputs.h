/* Inputs as people name them: a file, a folder, a pattern, a generator. Expanded they are files and generators, as docs_each
 * takes them. */
#ifndef DATA_INPUTS_H
#define DATA_INPUTS_H

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"

enum { INPUTS_MAX = 1 << 20, INPUTS_DEPTH = 16 };

struct inputs {
    char **v; /* owned, as are the strings */
    size_t n, cap;
};
void inputs_free(struct inputs *l); /* accepts a zeroed one */

/* Appends what `input` stands for:
 *   an existing file          itself, whatever its name (docs_each looks at that)
 *   a folder                  the files in it and below whose names say that they hold documents, in the order of their bytes.
 *                             Others are named in a warning; names that begin with a dot are not looked at
 *   a pattern with * ? [...]  the files and folders that match it, in the order of their bytes
 *   generate:...              itself
 * ERR_NOTFOUND: there is no such file, no match, or no file of documents in a folder. */
int inputs_add(struct inputs *l, const char *input, struct err *e);
int inputs_add_all(struct inputs *l, char *const *inputs, int n, struct err *e);
/* Appends it as it is. */
int inputs_add_plain(struct inputs *l, const char *input, struct err *e);

#endif
