/* One rule as a deterministic automaton: a state has at most one arrow for a byte, and one for a call of each rule. State 0 is
 * the first. The arrows of a state lie together, those for bytes in order. */
#ifndef GRAMMAR_DFA_H
#define GRAMMAR_DFA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

struct nfa;
struct compile;

struct dfa_arrow {
    uint8_t lo, hi;
    uint32_t to;
};

struct dfa_call {
    uint32_t rule, to;
};

struct dfa_state {
    uint32_t arrows, calls; /* the first of each */
    uint16_t n_arrows, n_calls;
    bool final;
};

struct dfa {
    struct dfa_state *states;
    struct dfa_arrow *arrows;
    struct dfa_call *calls;
    size_t n, n_arrows, n_calls, cap, cap_arrows, cap_calls;
};

void dfa_free(struct dfa *d);
/* Subset construction; the rule goes from state 0 of n to its state 1. */
int dfa_of(struct dfa *d, const struct nfa *n, struct compile *c);
/* What both x and y match, or (minus) what only x does. Neither has calls. */
int dfa_pair(struct dfa *d, const struct dfa *x, const struct dfa *y, bool minus, struct compile *c);
/* Of the texts that d matches those between MARK_START and MARK_END, without these. d has no calls. */
int dfa_strip(struct dfa *d, struct compile *c);
/* Takes out states from which no end is reached; d has no calls. */
int dfa_trim(struct dfa *d, struct compile *c);
/* No text at all (of what has no calls). */
bool dfa_empty(const struct dfa *d);

#endif
