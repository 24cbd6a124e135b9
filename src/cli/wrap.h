/* Breaking lines between words while a text streams to a terminal. A word is held back until it is complete, so it is
 * never cut at the edge; only spaces at a break are lost. Elsewhere than on a terminal use plain writing: nothing may
 * be added to what a file or a pipe gets. */
#ifndef CLI_WRAP_H
#define CLI_WRAP_H

#include <stddef.h>
#include <stdio.h>
#include "base/buf.h"

struct wrap {
    FILE *f;
    int columns;
    int column; /* cells used in this line, without what is held back */
    int spaces; /* held back */
    struct buf word;
    int word_cells;
};
void wrap_init(struct wrap *w, FILE *f, int columns);
/* Whole characters, already without control characters (text_sanitize_terminal). */
void wrap_add(struct wrap *w, const char *s, size_t n);
void wrap_end(struct wrap *w); /* writes what is held back; frees */

#endif
