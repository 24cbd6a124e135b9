/* JSON as expressions: white space, strings, numbers, values. White space is where people put it, and bounded, so that
 * a model cannot go on with it for ever: one blank, or a line end and an indentation. */
#ifndef GRAMMAR_JSON_TEXT_H
#define GRAMMAR_JSON_TEXT_H

#include <jansson.h>
#include "grammar/build.h"

enum {
    JSON_INDENT = 40,   /* blanks after a line end */
    JSON_DIGITS = 15,   /* before the point of a number without bounds: what a double holds exactly */
    JSON_FRACTION = 16, /* after it */
};

uint32_t build_json_space(struct build *b); /* nothing, a blank, or a line end with an indentation */
uint32_t build_json_blank(struct build *b); /* nothing or a blank */

/* A character of a string in any of its spellings; U+0000 is left out. */
uint32_t build_json_char(struct build *b);
/* Characters in the one spelling that JSON writers use: themselves, or with a backslash where they must. r is tidied. */
uint32_t build_json_chars(struct build *b, const struct char_range *r, size_t n);
/* Any text, one spelling for each character. */
uint32_t build_json_any_text(struct build *b);
/* The content of a string that is s. */
uint32_t build_json_escaped(struct build *b, const char *s, size_t len);
/* With the quotation marks; x 0 is 0. */
uint32_t build_json_quoted(struct build *b, uint32_t x);

uint32_t build_json_string(struct build *b);  /* any */
uint32_t build_json_number(struct build *b);  /* any */
uint32_t build_json_integer(struct build *b); /* any */
uint32_t build_json_value(struct build *b);   /* any */
uint32_t build_json_object(struct build *b);  /* any */
uint32_t build_json_array(struct build *b);   /* any */
/* This value; white space in objects and arrays is free. */
uint32_t build_json_constant(struct build *b, const json_t *v);

/* A member of an object: key is a string with its quotation marks. */
uint32_t build_json_member(struct build *b, uint32_t key, uint32_t value);
/* A comma, space, x. */
uint32_t build_json_next(struct build *b, uint32_t x);

#endif
