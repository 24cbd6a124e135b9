/* One rule as a graph with choices: states joined by arrows that read nothing, a byte of a range, or a call of a rule. */
#ifndef GRAMMAR_NFA_H
#define GRAMMAR_NFA_H

#include "grammar/build.h"
#include "grammar/dfa.h"

enum nfa_label { NFA_EMPTY, NFA_BYTES, NFA_CALL };

struct nfa_arrow {
    uint32_t next; /* of the same state, + 1; 0: none */
    uint32_t to;
    uint32_t rule; /* CALL */
    uint8_t label, lo, hi;
};

struct nfa {
    uint32_t *first; /* of each state: its last arrow + 1 */
    struct nfa_arrow *arrows;
    size_t n, cap, n_arrows, cap_arrows;
};

/* What compiling works with. */
struct compile {
    const struct build *b;
    uint32_t *size; /* by rule: states that it takes with what it calls, about; UINT32_MAX where that is recursive or counted */
    bool *copied;   /* by rule: its callers hold a copy of it */
    int inside;     /* AND or MINUS at hand: everything is copied */
    uint64_t work;  /* steps left */
    struct err *e;
};

void nfa_free(struct nfa *n);
/* The rule whose body is expr: from state 0 to state 1. */
int nfa_of(struct nfa *n, struct compile *c, uint32_t expr);
/* Takes n steps of the work that compiling may cost. */
int compile_work(struct compile *c, uint64_t n);

#endif
