/* A compiled grammar: the automata of its rules in one numbering of states, joined by calls.
 *
 *   0 ......... n_states      states with arrows
 *   n_states .. (virtual)     places of counted rules: base + how often the rule was matched
 *
 * Immutable, shared by threads. need[q] says how many rules within rules it takes at least to come from state q to the end of
 * its rule; NEED_NEVER where no text does. A state is entered only where that many still fit, so whatever was
 * accepted can be completed. */
#ifndef GRAMMAR_AUTOMATON_H
#define GRAMMAR_AUTOMATON_H

#include "grammar/dfa.h"
#include "grammar/grammar.h"
#include "grammar/limits.h"

enum { NEED_NEVER = 0xFFFF };

/* min to max (GRAMMAR_NO_MAX: any number) times the rule that begins with state child: from base, span places. */
struct counted {
    uint32_t base, span, min, max, child;
};

struct grammar {
    struct dfa a;          /* the states of all rules; calls name rules */
    uint32_t *starts;      /* by rule: its first state, also virtual; UINT32_MAX: not part of the grammar */
    struct counted *counted;
    size_t n_rules, n_counted;
    uint16_t *need; /* by state of a */
    uint32_t start, max_depth;
};

/* The counted rule of a virtual state. */
const struct counted *grammar_counted(const struct grammar *g, uint32_t q);

/* The state that byte b leads to; UINT32_MAX: none. q is not virtual. */
static inline uint32_t grammar_next(const struct grammar *g, uint32_t q, uint8_t b)
{
    const struct dfa_state *s = &g->a.states[q];
    const struct dfa_arrow *a = g->a.arrows + s->arrows;
    size_t n = s->n_arrows;
    while (n > 4) { /* the last one that begins at or before b lies in a[0 .. n) */
        size_t half = n / 2;
        if (a[half].lo <= b) a += half, n -= half;
        else n = half;
    }
    for (size_t i = 0; i < n; i++)
        if (a[i].hi >= b) return a[i].lo <= b ? a[i].to : UINT32_MAX;
    return UINT32_MAX;
}

/* The least number of rules in rules from each state, where only bytes with ok[] are read. out: by state of a. */
int grammar_needs(const struct grammar *g, const bool ok[256], uint16_t *out, uint64_t *work, struct err *e);
/* The same for a state that may be virtual. */
uint32_t grammar_need(const struct grammar *g, const uint16_t *need, uint32_t q);

#endif
