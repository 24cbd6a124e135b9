/* Inside of the front end for JSON Schema. Whatever is asked of one value is a conjunction: a list of schemas that all hold.
 * $ref and allOf make it longer, anyOf and oneOf make several of it, and what is left is read type by type.
 *
 * Nothing is left out in silence: a keyword is a constraint that is kept exactly, or made narrower where docs/STRUCTURED.md says
 * so; or a remark; or an error. */
#ifndef GRAMMAR_SCHEMA_H
#define GRAMMAR_SCHEMA_H

#include <jansson.h>
#include "base/buf.h"
#include "grammar/build.h"

enum {
    CONJ_MAX = 40,          /* schemas that hold at the same place */
    SCHEMA_MAX_STEPS = 10000, /* places and alternatives of a schema */
};

enum schema_type {
    TYPE_NULL = 1,
    TYPE_BOOLEAN = 2,
    TYPE_STRING = 4,
    TYPE_INTEGER = 8,
    TYPE_FRACTION = 16, /* numbers that are not integers */
    TYPE_ARRAY = 32,
    TYPE_OBJECT = 64,
    TYPE_NUMBER = TYPE_INTEGER | TYPE_FRACTION,
    TYPE_ANY = 127
};

enum { SKIP_REF = 1, SKIP_ALL_OF = 2, SKIP_ANY_OF = 4, SKIP_ONE_OF = 8 };

struct item {
    const json_t *s;   /* true, false or an object */
    uint32_t path;     /* of s, in struct schema.paths */
    uint16_t from;     /* 1 + the item that led here by $ref or allOf; 0: none */
    uint8_t skip;      /* keywords of s that have been followed */
};

struct conj {
    struct item v[CONJ_MAX];
    size_t n;
};

struct memo; /* which conjunctions are rules already */

struct schema {
    struct build *b;
    const json_t *root;
    struct buf paths; /* JSON pointers, each ended by NUL */
    struct memo *memo;
    size_t n_memo, cap_memo;
    int nesting, steps;
};

/* ---- places and messages ---- */

/* path/token, or path/number where token is NULL. */
uint32_t schema_path(struct schema *z, uint32_t path, const char *token, size_t number);
/* "WHERE: PATH/KEYWORD: what"; returns 0. */
uint32_t schema_fail(struct schema *z, const struct item *i, const char *keyword, const char *what);
/* A member of a schema, NULL if there is none. */
const json_t *schema_get(const struct item *i, const char *keyword);
/* A count; as it was if there is none. */
void schema_count(struct schema *z, const struct item *i, const char *keyword, uint32_t *out);

/* ---- conjunctions ---- */

void conj_add(struct schema *z, struct conj *c, const json_t *s, uint32_t path);
/* With a member of item i. */
void conj_add_member(struct schema *z, struct conj *c, const struct item *i, const char *keyword, const json_t *s);
/* Follows $ref and allOf. False: nothing can match, or it failed. */
bool conj_expand(struct schema *z, struct conj *c);
/* The types that are left; where nobody names any (implied_too) only those that keywords are about. */
unsigned conj_types(struct schema *z, const struct conj *c, bool implied_too);
/* Constraints of one of these types are there. */
bool conj_limits(const struct conj *c, unsigned types);
/* The values that enum and const leave, a new list; NULL: there is none of the keywords, or it failed. */
json_t *conj_values(struct schema *z, const struct conj *c, unsigned types);
unsigned type_of(const json_t *v);

/* ---- expressions ---- */

/* Values for which all of c holds; c may be changed. */
uint32_t schema_expr(struct schema *z, struct conj *c);
uint32_t schema_object(struct schema *z, const struct conj *c);
uint32_t schema_array(struct schema *z, const struct conj *c);
uint32_t schema_string(struct schema *z, const struct conj *c);
/* The content of such strings, in one spelling. */
uint32_t schema_text(struct schema *z, const struct conj *c);
uint32_t schema_number(struct schema *z, const struct conj *c, bool fraction);

/* No value is in both: known, or (false) not known. */
bool conj_disjoint(struct schema *z, const struct conj *x, const struct conj *y, int depth);

#endif
