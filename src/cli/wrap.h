/* Breaking lines between words while a text streams to a terminal. A word is held back until it is complete, so it is
 * never cut at the edge; only spaces at a break are lost. Lines of fenced code (CommonMark 0.31, section 4.5) are left as they
 * are: who copies them wants no breaks in them. Elsewhere than on a terminal use plain writing: nothing may
 * be added to what a file or a pipe gets. */
#ifndef CLI_WRAP_H
#define CLI_WRAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include "base/buf.h"

struct wrap {
    FILE *f;
    int columns;
    int indent; /* blanks at the beginning of lines that a break begins; 0 unless set */
    int column; /* cells used in this line, without what is held back */
    int spaces; /* held back */
    struct buf word;
    int word_cells;
    char fence; /* within code: of which character its fence is, and how long; else 0 */
    int fence_len;
    struct {    /* the line so far */
        char mark; /* the run of '`' or '~' that it begins with, behind blanks */
        int run;
        bool begun, after; /* something but blanks; something behind the run */
        bool text, tick;   /* behind the run: not only blanks; a '`' */
    } line;
};
void wrap_init(struct wrap *w, FILE *f, int columns);
/* Whole characters, already without control characters (text_sanitize_terminal). */
void wrap_add(struct wrap *w, const char *s, size_t n);
void wrap_end(struct wrap *w); /* writes what is held back; frees */

#endif
