/* A grammar under construction: rules, whose bodies are expressions over bytes. What front ends write, and whoever puts a grammar
 * together out of parts.
 *
 * Expressions are numbers, good in any place and any number of times. Errors stick: after the first every function returns
 * 0 and does nothing, and build_finish returns that error. Nothing here is recursive in what is not bounded. */
#ifndef GRAMMAR_BUILD_H
#define GRAMMAR_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "grammar/limits.h"

struct grammar;

enum expr_kind {
    EXPR_NEVER, /* matches nothing; number 0 */
    EXPR_EMPTY,
    EXPR_BYTES,  /* one byte, a to b */
    EXPR_TEXT,   /* b bytes at a of the literals */
    EXPR_CHARS,  /* one character in UTF-8, out of the b ranges at a */
    EXPR_SEQ,    /* the b expressions at a of the list, in order */
    EXPR_ALT,    /* one of them */
    EXPR_REPEAT, /* a, min to max times */
    EXPR_RULE,   /* rule a */
    EXPR_AND,    /* what both a and b match; neither calls rules that are kept or recursive */
    EXPR_MINUS,  /* what a matches and b does not */
    EXPR_GRAPH,  /* min places, joined by the b arrows at a; from the first to the last */
    EXPR_STRIP,  /* what a matches between a MARK_START and a MARK_END, without these */
};

struct expr {
    uint8_t kind;
    uint16_t depth; /* of expressions in it */
    uint32_t a, b, min, max;
};

/* Bytes that no UTF-8 has, for the borders of a text in the expressions that EXPR_STRIP takes. */
enum { MARK_START = 0xFE, MARK_END = 0xFD };

/* What stands for a token by its number: bytes that no UTF-8 has and no text becomes. */
enum { TOKEN_SPELLED = 8 };

static inline void token_spell(uint8_t out[TOKEN_SPELLED], int32_t id)
{
    out[0] = 0xFF;
    for (int i = 1; i < TOKEN_SPELLED; i++) out[i] = (uint8_t)(0xF5 + (id >> 3 * (TOKEN_SPELLED - 1 - i) & 7));
}

/* Characters lo to hi. A list of them is sorted, without overlap. */
struct char_range {
    uint32_t lo, hi;
};

/* From place to place by expr. */
struct arrow {
    uint32_t from, expr, to;
};

enum rule_kind {
    RULE_PLAIN,
    RULE_KEPT,    /* called, never copied into its callers: its sets of tokens are worth sharing */
    RULE_COUNTED, /* another rule, min to max times, however large these are */
};

struct rule {
    uint32_t expr, min, max; /* COUNTED: expr is the other rule */
    uint32_t name, name_len; /* for messages, among the literals */
    uint8_t kind;
    bool defined;
};

struct build {
    struct expr *exprs;
    struct rule *rules;
    struct char_range *ranges;
    uint32_t *list;
    struct arrow *arrows;
    size_t n_exprs, n_rules, n_ranges, n_list, n_arrows;
    size_t cap_exprs, cap_rules, cap_ranges, cap_list, cap_arrows;
    struct buf bytes;
    uint32_t max_depth; /* of rules in rules while matching */
    uint32_t json[8]; /* what json_text.h has made already */
    int rc;
    struct err *e;
};

/* A list of expressions that grows. Zeroed is empty. */
struct expr_list {
    uint32_t *v;
    size_t n, cap;
};
void exprs_add(struct build *b, struct expr_list *l, uint32_t x);
void exprs_free(struct expr_list *l);

int build_init(struct build *b, struct err *e);
void build_free(struct build *b);
/* Puts an error into b; returns 0. */
uint32_t build_fail(struct build *b, enum err_code code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static inline bool build_ok(const struct build *b) { return b->rc == OK; }

uint32_t build_never(struct build *b);
uint32_t build_empty(struct build *b);
uint32_t build_bytes(struct build *b, uint8_t lo, uint8_t hi);
uint32_t build_text(struct build *b, const char *s, size_t len);
uint32_t build_str(struct build *b, const char *s);
/* The token itself, which need not be text: see vocab.h. */
uint32_t build_token(struct build *b, int32_t id);
/* Ranges in any order, also overlapping; surrogates in them do not count. */
uint32_t build_chars(struct build *b, const struct char_range *r, size_t n);
uint32_t build_seq(struct build *b, const uint32_t *list, size_t n);
uint32_t build_alt(struct build *b, const uint32_t *list, size_t n);
uint32_t build_seq2(struct build *b, uint32_t x, uint32_t y);
uint32_t build_alt2(struct build *b, uint32_t x, uint32_t y);
uint32_t build_optional(struct build *b, uint32_t x);
/* max GRAMMAR_NO_MAX: any number. A large one becomes a counted rule. */
uint32_t build_repeat(struct build *b, uint32_t x, uint32_t min, uint32_t max);
/* The same, always by copies: what AND and MINUS take. */
uint32_t build_copies(struct build *b, uint32_t x, uint32_t min, uint32_t max);
/* The same by a rule of its own that counts, at no cost in states. */
uint32_t build_counted(struct build *b, uint32_t x, uint32_t min, uint32_t max);
uint32_t build_and(struct build *b, uint32_t x, uint32_t y);
uint32_t build_minus(struct build *b, uint32_t x, uint32_t y);
uint32_t build_strip(struct build *b, uint32_t x);
uint32_t build_graph(struct build *b, uint32_t places, const struct arrow *arrows, size_t n);

/* A new rule, to be defined once; the number of the rule. */
uint32_t build_rule_new(struct build *b, enum rule_kind kind);
void build_rule_set(struct build *b, uint32_t rule, uint32_t expr);
void build_rule_name(struct build *b, uint32_t rule, const char *name, size_t len);
uint32_t build_call(struct build *b, uint32_t rule);
/* An expression as a rule of its own: a call of it. */
uint32_t build_kept(struct build *b, uint32_t expr);

/* Sorts ranges and joins them; returns how many are left. */
size_t ranges_tidy(struct char_range *r, size_t n);

/* The grammar whose texts are those of expr; empty is an error that `where` begins. b stays the caller's. */
int build_finish(struct build *b, uint32_t expr, const char *where, struct grammar **out, struct err *e);

#endif
