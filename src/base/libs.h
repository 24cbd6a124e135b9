/* The memory of the libraries that build things in it: jansson and OpenSSL take it from base/mem.h, so that a failing allocation
 * of the tests reaches them, and a shortage is said as one. */
#ifndef BASE_LIBS_H
#define BASE_LIBS_H

#include <jansson.h>
#include <stdbool.h>
#include "base/err.h"

/* What the libraries set up at their first use, now: before the large allocations. Again is nothing. */
void libs_prepare(void);

/* json_loadb; *out is NULL when the text is not JSON (then *why), ERR_MEMORY when memory ran short. jansson 2.14 does not
 * survive every allocation that fails: this leaves it at the first one, and gives back what it had taken. */
int libs_json_load(json_t **out, const char *text, size_t len, size_t flags, json_error_t *why, const char *name, struct err *e);

/* Whether an allocation of jansson has failed in this thread since it was asked last. */
bool libs_json_short(void);
void libs_json_set_short(void); /* memory for a text of it has run short */

/* A context of OpenSSL (EVP_MD_CTX) for one hash. */
enum libs_hash { LIBS_SHA256, LIBS_SHA1 };
int libs_hash_new(void **out, enum libs_hash kind, struct err *e);

#endif
