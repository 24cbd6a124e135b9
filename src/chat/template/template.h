/* Chat templates: an interpreter for the part of Jinja that published models use, with the semantics of jinja2 as
 * transformers sets it up (ImmutableSandboxedEnvironment, trim_blocks, lstrip_blocks, loop controls, {% generation %},
 * the filter tojson, raise_exception, strftime_now).
 *
 * A template is data. It can build text from the variables it is handed, and nothing else: it reaches no file, no
 * network, no clock but the one that the caller hands in. Steps, memory, depth and the size of the source are bounded;
 * a bound is an error with line and column, and reached within a second or two.
 *
 * Of every byte of the result it is known whether it is the template's or was computed from something from outside (a
 * message, a tool, a number of the request): only bytes of the template may become control tokens. */
#ifndef CHAT_TEMPLATE_TEMPLATE_H
#define CHAT_TEMPLATE_TEMPLATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include "base/err.h"

enum {
    TEMPLATE_MAX_SOURCE = 1 << 20,  /* bytes of a template */
    TEMPLATE_MAX_MEMORY = 64 << 20, /* bytes of a parsed template, of the variables, and of one render, each */
    TEMPLATE_MAX_STEPS = 1000000,   /* of one render: an evaluated node, or 64 bytes of text looked at */
    TEMPLATE_MAX_NESTING = 200,     /* blocks and brackets in the source; values in values */
    TEMPLATE_MAX_DEPTH = 1000,      /* nodes under evaluation: what a recursive macro runs into */
};

/* ---- templates ---- */

struct template; /* immutable once parsed: shared by threads */

/* name is for messages ("NAME:line:column: what was found, what was expected"); both are copied. The source must be
 * UTF-8. *out is owned by the caller; NULL on failure: ERR_FORMAT for a fault of the template, ERR_LIMIT for a bound,
 * ERR_UNSUPPORTED for statements that would read other files (include, import, extends, block). */
int template_parse(struct template **out, const char *name, const char *source, size_t len, struct err *e);
void template_free(struct template *t); /* NULL allowed */

/* True when the template reads a variable of that name that it does not set itself: a switch of the request has an
 * effect only then. */
bool template_reads(const struct template *t, const char *name);
/* All such names in the order of the source, without built-in functions; NULL behind the last. */
const char *template_variable(const struct template *t, size_t i);

/* ---- variables ---- */

/* The memory of renders, one after another, and their variables. One owner thread. */
struct template_run;
int template_run_new(struct template_run **out, struct err *e);
void template_run_free(struct template_run *r); /* NULL allowed */

/* What strftime_now prints; copied. Without a clock strftime_now is an error. */
void template_run_clock(struct template_run *r, const struct tm *now);

/* Constructors. Values live as long as the run. When memory or the bound is used up they return NULL, which every
 * function here accepts, and the next template_render fails: check nothing in between. Text is copied and must be
 * UTF-8. Of TEMPLATE_OURS are the spellings of tokens and the names of roles. Numbers, booleans and none count as from
 * outside. */
struct value;
enum template_origin {
    TEMPLATE_OURS,    /* may become control tokens */
    TEMPLATE_OUTSIDE, /* a person's or a program's */
    TEMPLATE_ANSWER,  /* from outside too: what the model said, or is to learn to say */
};
struct value *template_string(struct template_run *r, const char *s, size_t len, enum template_origin origin);
struct value *template_int(struct template_run *r, int64_t i);
struct value *template_float(struct template_run *r, double x);
struct value *template_bool(struct template_run *r, bool b);
struct value *template_none(struct template_run *r);
struct value *template_list(struct template_run *r);
struct value *template_dict(struct template_run *r);
/* From JSON: order kept, all strings and keys of this origin. */
struct value *template_json(struct template_run *r, const json_t *j, enum template_origin origin);
/* Appends to a list; puts under a key (from outside, the later one of two counts). */
void template_append(struct template_run *r, struct value *list, const struct value *item);
void template_put(struct template_run *r, struct value *dict, const char *key, const struct value *item);
/* Sets a variable; a later one of the same name replaces it. */
void template_set(struct template_run *r, const char *name, const struct value *v);

/* ---- rendering ---- */

/* A stretch of the result. Neighbours differ in one of the marks. */
struct template_piece {
    const char *text;
    size_t len;
    bool trusted;    /* the template's own bytes */
    bool answer;     /* from outside, of TEMPLATE_ANSWER */
    bool generation; /* inside {% generation %}: what the model is to learn */
};

struct template_output {
    const char *text; /* all pieces, one behind another; NUL-terminated */
    size_t len;
    const struct template_piece *pieces;
    size_t n_pieces;
    const char *raised; /* the template refused the conversation: the text of raise_exception. Else NULL */
};

/* Renders t with the variables of r. What out points to lives until the next render or the end of r; nothing is kept of
 * earlier renders. On failure out holds only `raised`: with it the code is ERR_USAGE. Otherwise ERR_LIMIT is a bound,
 * ERR_MEMORY the machine's, and everything else a fault of the template. */
int template_render(struct template_run *r, const struct template *t, struct template_output *out, struct err *e);
/* Fewer steps than TEMPLATE_MAX_STEPS for the renders to come. */
void template_run_limit(struct template_run *r, uint64_t steps);
uint64_t template_run_steps(const struct template_run *r); /* of the newest render */

#endif
