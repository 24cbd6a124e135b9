/* The formats of JSON Schema as regular expressions. */
#ifndef GRAMMAR_FORMATS_H
#define GRAMMAR_FORMATS_H

#include <stddef.h>

/* The whole text matches it; NULL: no such format. */
const char *format_regex(const char *name);
/* All names, one after another. */
const char *format_name(size_t i);

#endif
