/* Regular expressions as expressions: what ECMAScript (flag u) and Python's re understand alike, but for references back and
 * looking around, which no automaton of bounded size does.
 *
 *   |  ( )  (?: )  (?<name> )  (?P<name> )  * + ? {n} {n,} {n,m}, also followed by ? (which changes no language)
 *   [ ] [^ ] with ranges and classes, . \d \w \s \D \W \S, ^ and $ anywhere
 *   \t \n \r \f \v \0 \xHH \uHHHH (pairs, too) \u{H...}, and \ before a sign
 *
 * Where the two differ the set is the smaller of both: \d and \w are ASCII, and so is \s but for blanks that both know. */
#ifndef GRAMMAR_REGEX_H
#define GRAMMAR_REGEX_H

#include "grammar/build.h"

struct regex_options {
    bool json;   /* of the content of a JSON string: its characters are spelled as JSON does */
    bool search; /* it may match a part of the text */
};

/* where: for messages. */
uint32_t regex_expr(struct build *b, const char *text, size_t len, struct regex_options o, const char *where);

#endif
