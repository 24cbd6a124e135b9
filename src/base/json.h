/* JSON through jansson, with the strictness that outside data needs: duplicate keys refused (in files of models: warned of),
 * depth limited, sizes limited, and getters whose errors name the place, the value found and the value wanted. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

/* Parses one whole text. `name` is the file (or "request body") for messages, which also carry line and column. An integer
 * beyond 64 bits becomes a real number. What the tree takes is counted before it is made: small texts can ask for much.
 * *out is owned by the caller: json_decref. */
int json_parse(json_t **out, const char *text, size_t len, const char *name, struct err *e);
/* The same for a text that may also be a string, a number, true, false or null. */
int json_parse_any(json_t **out, const char *text, size_t len, const char *name, struct err *e);

/* A message of a stranger: nested at most 64 levels deep. */
int json_parse_request(json_t **out, const char *text, size_t len, const char *name, struct err *e);

/* A file that came with a model, as Python writes it: a byte order mark is skipped; NaN, Infinity and numbers beyond a
 * double become texts, which are no trouble in a member that nobody reads, and which the getters of numbers refuse by
 * name. Of two members with one name the last counts, with a warning. The tree may be large, as that of a tokenizer is, and
 * nested as deep as Python reads it. */
int json_parse_file(json_t **out, const char *text, size_t len, const char *name, struct err *e);

/* Getters on an object. `where` names the object in messages. A missing key is an error in json_get_*, and leaves
 * *out as it is in json_opt_*; JSON null counts as missing. Integers are range-checked: [lo, hi]. Strings are
 * borrowed from obj. */
int json_get_i64(const json_t *obj, const char *key, int64_t lo, int64_t hi, int64_t *out, const char *where, struct err *e);
int json_opt_i64(const json_t *obj, const char *key, int64_t lo, int64_t hi, int64_t *out, const char *where, struct err *e);
int json_opt_f64(const json_t *obj, const char *key, double lo, double hi, double *out, const char *where, struct err *e);
int json_opt_bool(const json_t *obj, const char *key, bool *out, const char *where, struct err *e);
int json_opt_str(const json_t *obj, const char *key, const char **out, const char *where, struct err *e);

/* Appends or sets a new value, which is given away. When there is none (a text that is not UTF-8, a number that is not finite, no
 * memory), nothing of this thread becomes a text until json_bad has said so: nothing is left out in silence. */
void json_add(json_t *list, json_t *value);
void json_put(json_t *object, const char *key, json_t *value);
/* After jansson made nothing of values of ours: ERR_MEMORY if memory ran short, else ERR_FORMAT, since a text is not UTF-8 or a
 * number not finite. `what` was to be written. */
int json_bad(const char *what, struct err *e);

/* The text of v (compact, keys in insertion order), owned by the caller: mem_free. NULL when out of memory, never empty. */
char *json_text(const json_t *v);
char *json_text_pretty(const json_t *v);
char *json_text_result(const json_t *v); /* compact, numbers with 15 digits: 0.7 stays 0.7 */

#endif
