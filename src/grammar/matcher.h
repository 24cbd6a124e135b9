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
    uint32_t ret;    /* a place of a counted rule: the state after it, which is looked at, too; else UINT32_MAX */
    uint32_t reach;  /* rules in rules, above where q stands (or, with ret, the frame around) */
    uint32_t plain;  /* plain tokens of at most so many characters are allowed, too; 0: not as a set */
    uint32_t *ids;   /* n_ids tokens, or (dense) a mask */
    uint32_t *exits; /* nodes where the rule may end and that have others below them */
    size_t n_ids, n_exits;
    bool dense;
};

/* Any `most` plain characters of these kinds may follow. */
struct plain {
    uint32_t most;
    struct kinds kinds;
};

enum { N_ROWS = 64 };

/* Where the bytes lead from a state; UINT32_MAX: nowhere. The plain characters that lead back to it. */
struct row {
    uint32_t state;
    bool have_loop;
    struct kinds loop;
    uint32_t next[256];
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
    uint64_t steps_left; /* that the answer at hand may cost */
    struct level levels[VOCAB_MAX_TOKEN + 1];
    struct row rows[N_ROWS]; /* of the states met last; a state has one place */
    struct entry *entries;
    uint32_t *slots; /* entry + 1 by hash of the state */
    size_t n_entries, cap_entries, n_slots, bytes;
    /* Of the entry under way. */
    uint32_t *ids, *exits;
    size_t n_ids, cap_ids, n_exits, cap_exits;
};

/* Where a walk through the tree puts what it finds. */
struct sink {
    uint32_t *mask;     /* bits are set there; NULL: into lists of the matcher */
    struct plain plain; /* subtrees of such tokens are left out */
};

/* Walks nodes lo to hi, siblings and all below them, from the n configurations at `from` in w, closed with calls. */
int matcher_walk(struct grammar_matcher *m, struct paths *w, uint32_t lo, uint32_t hi, struct level start,
                 struct sink sink, struct err *e);
/* The entry of state q, where the frame around returns to ret (UINT32_MAX: there is none); valid until the next call. */
int matcher_entry(struct grammar_matcher *m, uint32_t q, uint32_t ret, const struct entry **out, struct err *e);

#endif
