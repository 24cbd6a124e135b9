/* Texts on the command line: how they are read, and windows of them for scoring. */
#ifndef CLI_TEXTS_H
#define CLI_TEXTS_H

#include "cli/options.h"
#include "data/docs.h"
#include "data/inputs.h"
#include "quant/windows.h"

/* --encoding and --skip-bad-lines, and what a command wants (data/docs.h: struct docs_how). */
struct text_args {
    int encoding;
    bool skip_bad, any_name, exact;
    struct docs_left_out left_out; /* of all that was read with it */
};
void text_args_add(struct opts *o, struct text_args *a);
struct docs_how text_args_how(struct text_args *a);
/* A line on stderr about what was left out; nothing if it was nothing. */
void text_args_tell(const struct text_args *a);

/* Fails when there is no such text: before a model is opened. */
int texts_check(const char *input, struct err *e);
/* Calls fn for every document of n inputs, and tells what was left out. A result of TEXTS_ENOUGH ends it without an error. */
enum { TEXTS_ENOUGH = -1 };
int texts_each(struct text_args *a, char *const *inputs, int n, doc_fn *fn, void *ctx, struct err *e);
/* The documents of `input` (data/inputs.h; other names than .jsonl are plain text), exactly as they stand, cut into windows: w
 * was begun by windows_begin. Of chats the texts of the messages, parted by blank lines. */
int texts_read_windows(struct windows *w, const char *input, struct text_args *a, struct err *e);

#endif
