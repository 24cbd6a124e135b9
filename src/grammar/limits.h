/* What a grammar may cost. Grammars come from outside: every count has a bound, and reaching one is an error that names it. */
#ifndef GRAMMAR_LIMITS_H
#define GRAMMAR_LIMITS_H

#include <stdint.h>

enum {
    GRAMMAR_MAX_TEXT = 1 << 20,      /* bytes of a schema, a regular expression or a GBNF text */
    GRAMMAR_MAX_NESTING = 200,       /* groups in groups, schemas in schemas; of expressions, twice that */
    GRAMMAR_MAX_EXPRS = 1 << 19,     /* nodes of expressions */
    GRAMMAR_MAX_RULES = 1 << 15,
    GRAMMAR_MAX_BYTES = 4 << 20,     /* of literals */
    GRAMMAR_MAX_NFA = 1 << 18,       /* states of one rule before they are made deterministic */
    GRAMMAR_MAX_STATES = 1 << 16,    /* of a grammar */
    GRAMMAR_MAX_WORK = 16 << 20,     /* steps of compiling: about 100 ms */
    GRAMMAR_FIRST_STEPS = 64 << 20,  /* of looking for tokens in one answer: about a second, */
    GRAMMAR_TOKEN_STEPS = 1 << 20,   /* and so many more for each token of it */
    GRAMMAR_MAX_COUNT = 1 << 24,     /* of a repetition with a bound */
    GRAMMAR_MAX_DEPTH = 256,         /* rules in rules while matching; for JSON JSON_DEPTH */
    GRAMMAR_JSON_DEPTH = 120,        /* what base/json.h reads, with some to spare for what stands around the text */
    GRAMMAR_MAX_CONFIGS = 256,       /* ways of reading the same text */
    GRAMMAR_MAX_FRAMES = 1 << 18,    /* in the stacks of those */
    GRAMMAR_MAX_CACHE = 48 << 20,    /* bytes of remembered sets of tokens of a grammar and a vocabulary */
};

#define GRAMMAR_NO_MAX UINT32_MAX /* a repetition without a bound */

#endif
