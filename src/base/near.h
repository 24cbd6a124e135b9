/* Names that are nearly the one that was meant. */
#ifndef BASE_NEAR_H
#define BASE_NEAR_H

#include <stddef.h>

/* Edits (insert, delete, replace) that turn a into b; names of 64 bytes and more count as far away. */
int name_distance(const char *a, const char *b);
/* The name in names (n, some may be NULL) that is nearest to word, or NULL if none is near. */
const char *nearest_name(const char *word, const char *const *names, size_t n);

/* For messages about a word that is none of names (NULL at the end): "expected one of a, b, c", and the nearest. */
void choices_text(char *out, size_t cap, const char *word, const char *const *names);

#endif
