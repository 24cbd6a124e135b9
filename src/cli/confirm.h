/* Questions that a person answers with y or n. */
#ifndef CLI_CONFIRM_H
#define CLI_CONFIRM_H

#include <stdbool.h>
#include "base/err.h"

/* Asks "QUESTION [y/N] " on the terminal. OK: agreed to. ERR_USAGE: not agreed to, or no terminal to ask on: then `instead`
 * tells what to do ("say -y"). ERR_INTERRUPTED: Ctrl-C. `nothing` ends the messages: "nothing is removed". */
int confirm(const char *question, const char *instead, const char *nothing, struct err *e);
/* May path be written? It may when it does not exist, with force, or when a person agrees. A folder counts as existing
 * when it holds a model. */
int confirm_replace(const char *path, bool force, struct err *e);
/* The same without an option --force: `instead` is what to do where there is no terminal. */
int confirm_replace_or(const char *path, const char *instead, struct err *e);
/* The same for what is made again and again from the same inputs: where nobody can be asked, it is replaced. */
int confirm_remake(const char *path, bool force, struct err *e);
/* Refuses to write what is read: both names may lead to one file. in NULL: nothing is read. */
int confirm_not_input(const char *out, const char *in, struct err *e);

#endif
