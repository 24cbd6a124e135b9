/* Reading lines from a person (with editing and history) or from a pipe. */
#ifndef CLI_LINE_H
#define CLI_LINE_H

#include <stdbool.h>
#include "base/buf.h"

enum line_status {
    LINE_OK,
    LINE_END,         /* Ctrl-D, or the end of the input */
    LINE_INTERRUPTED, /* Ctrl-C on an empty line */
    LINE_CANCELLED,   /* Ctrl-C on a line with text: it is dropped */
    LINE_ERROR,       /* out of memory, or too long */
};

struct line_options {
    bool history;             /* kept in $XDG_STATE_HOME/autarky/history, 0600 */
    const char *const *words; /* what Tab completes at the beginning of a line; NULL-terminated, borrowed */
    const char *const *on_files; /* words behind which Tab completes names of files; the same */
};
struct line_reader;

/* Editing when stdin and stdout are terminals that can move the cursor, else plain reading. */
int line_open(struct line_reader **out, const struct line_options *o, struct err *e);
void line_close(struct line_reader *l); /* NULL allowed */
bool line_editing(const struct line_reader *l);

/* One line without its newline; prompt ends in a space. A pasted text with several lines is one line with newlines in it. */
enum line_status line_read(struct line_reader *l, const char *prompt, struct buf *out);
/* Puts text (which may hold newlines) into the history, unless it begins with a space. */
void line_remember(struct line_reader *l, const char *text);

#endif
