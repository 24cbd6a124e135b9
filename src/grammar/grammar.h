/* Constrained decoding: a grammar says which texts are allowed, and at every step which tokens of a vocabulary may follow.
 *
 *   grammar   compiled from a JSON Schema, a regular expression, GBNF, or put together (build.h): rules over bytes. Immutable
 *   vocab     all tokens as a tree of their bytes. Immutable, one for each tokenizer
 *   matcher   a grammar with a vocabulary, and the sets of tokens found so far. One thread at a time
 *   state     how far one answer has come. grammar_mask, sampling, grammar_accept, and so on until it has ended
 *
 * Fails closed: what is not known to be allowed is refused, a grammar that cannot be kept exactly is not compiled, and after
 * every accepted token there is a way to the end. */
#ifndef GRAMMAR_GRAMMAR_H
#define GRAMMAR_GRAMMAR_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"

struct tokenizer;
struct grammar;
struct grammar_vocab;
struct grammar_matcher;
struct grammar_state;

/* ---- making ---- */

/* Any JSON value, or any object. */
int grammar_from_json(struct grammar **out, bool object, struct err *e);
/* docs/STRUCTURED.md lists what is supported; anything else is an error that names the keyword and its place. `where` begins
 * messages. schema stays the caller's. */
int grammar_from_schema(struct grammar **out, const json_t *schema, const char *where, struct err *e);
/* The whole text matches. */
int grammar_from_regex(struct grammar **out, const char *text, size_t len, const char *where, struct err *e);
/* From rule "root". */
int grammar_from_gbnf(struct grammar **out, const char *text, size_t len, const char *where, struct err *e);
void grammar_free(struct grammar *g);

/* Whether a text is one of the grammar's. A text that is too ambiguous or nested counts as none. */
bool grammar_matches(const struct grammar *g, const char *text, size_t len);
/* States of the automaton. */
size_t grammar_size(const struct grammar *g);

/* ---- matching by tokens ---- */

/* ends: the tokens that end an answer. n_vocab: of the network, at least the tokenizer's. t must outlive it. */
int grammar_vocab_new(struct grammar_vocab **out, const struct tokenizer *t, int64_t n_vocab, const int32_t *ends, size_t n_ends,
                      struct err *e);
void grammar_vocab_free(struct grammar_vocab *v);

/* g and v must outlive it. */
int grammar_matcher_new(struct grammar_matcher **out, const struct grammar *g, const struct grammar_vocab *v, struct err *e);
void grammar_matcher_free(struct grammar_matcher *m);

/* At the beginning of a text. m must outlive it. */
int grammar_begin(struct grammar_state **out, struct grammar_matcher *m, struct err *e);
/* Another answer that has come as far. */
int grammar_copy(struct grammar_state **out, const struct grammar_state *s, struct err *e);
void grammar_state_free(struct grammar_state *s);

/* One bit for each token of the network: those that may follow, the ends among them where the text may end. Never empty. Valid
 * until the next call for s. */
int grammar_mask(struct grammar_state *s, const uint32_t **mask, struct err *e);
/* Takes a token. One that is not allowed is an error, and s stays as it was. */
int grammar_accept(struct grammar_state *s, int32_t id, struct err *e);
/* The text may end here. */
bool grammar_may_end(const struct grammar_state *s);
/* An end was accepted: there is nothing more to ask. */
bool grammar_ended(const struct grammar_state *s);
/* Appends the bytes that must follow, as far as there is no choice, at most `most`. */
int grammar_forced(struct grammar_state *s, size_t most, struct buf *out, struct err *e);

static inline bool grammar_allows(const uint32_t *mask, int32_t id) { return mask[id >> 5] >> (id & 31) & 1; }

#endif
