/* A grammar with a vocabulary: which tokens may follow a state, whatever is around it, found once and remembered.
 *
 * For a state q an entry says which tokens are allowed without leaving q's rule, and at which nodes of the tree the rule may end:
 * what follows below those depends on the stack and is looked up each time. (Dong et al., "XGrammar", arXiv 2411.15100, calls
 * these context-independent and context-dependent tokens.) */
#ifndef GRAMMAR_MATCHER_H
#define GRAMMAR_MATCHER_H

#include "grammar/vocab.h"
#include "grammar/paths.h"

struct entry {
    uint32_t state;
    uint32_t reach;  /* rules in rules, above where q stands */
    uint32_t plain;  /* plain tokens of at most so many characters are allowed, too */
    uint32_t *ids;   /* n_ids tokens, or (dense) a mask */
    uint32_t *exits; /* nodes where the rule may end and that have others below them */
    size_t n_ids, n_exits;
    bool dense;
};

struct level {
    size_t from, n, frames;
};

struct grammar_matcher {
    const struct grammar *g;
    const struct grammar_vocab *v;
    const uint16_t *need;
    uint16_t *own_need; /* where the vocabulary lacks bytes */
    struct paths w;      /* for entries */
    struct level levels[VOCAB_MAX_TOKEN + 1];
    struct entry *entries;
    uint32_t *slots; /* entry + 1 by hash of the state */
    size_t n_entries, cap_entries, n_slots, bytes;
    /* Of the entry under way. */
    uint32_t *ids, *exits;
    size_t n_ids, cap_ids, n_exits, cap_exits;
};

/* Where a walk through the tree puts what it finds. */
struct sink {
    uint32_t *mask;             /* bits are set there; NULL: into lists of the matcher */
    uint32_t plain;             /* subtrees of plain tokens up to so many characters are left out */
};

/* Walks nodes lo to hi, siblings and all below them, from the n configurations at `from` in w, closed with calls. */
int matcher_walk(struct grammar_matcher *m, struct paths *w, uint32_t lo, uint32_t hi, struct level start,
                 struct sink sink, struct err *e);
/* The entry of state q, valid until the next call. */
int matcher_entry(struct grammar_matcher *m, uint32_t q, const struct entry **out, struct err *e);

#endif
