/* Completing what a person types: words of a list, names of files. */
#ifndef CLI_COMPLETE_H
#define CLI_COMPLETE_H

#include <stddef.h>
#include "base/buf.h"

/* typed[0, len) is the beginning of a word or of a file's name (with a quote or "~/" in front, as chat_file_name takes it).
 * Appends to rest what all that fit go on with; and to names, a line each, those that fit, when rest stays empty and there are
 * several. Returns how many fit. */
size_t complete_word(const char *typed, size_t len, const char *const *words, struct buf *rest, struct buf *names);
size_t complete_file(const char *typed, size_t len, struct buf *rest, struct buf *names);

#endif
