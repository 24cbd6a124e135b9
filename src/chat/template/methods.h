/* Methods of strings that filters share. a[0] is a string. */
#ifndef CHAT_TEMPLATE_METHODS_H
#define CHAT_TEMPLATE_METHODS_H

#include "chat/template/value.h"

builtin_fn str_upper, str_lower, str_capitalize, str_strip, str_center, str_replace;

/* The end of the line of t that begins at `at`, and the beginning of the next; next == end: it is the last, without a
 * newline. As splitlines() sees lines. */
void line_end(const struct text *t, size_t at, size_t *end, size_t *next);

#endif
