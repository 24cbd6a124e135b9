/* Expressions to states and arrows (Thompson's construction). Characters become ranges of bytes in UTF-8. */
#include "grammar/nfa.h"
#include "grammar/room.h"
#include <string.h>

void nfa_free(struct nfa *n)
{
    mem_free(n->first);
    mem_free(n->arrows);
    *n = (struct nfa){0};
}

int compile_work(struct compile *c, uint64_t n)
{
    if (n > c->work) FAIL(c->e, ERR_LIMIT, "grammar: it takes more than %d steps to compile", GRAMMAR_MAX_WORK);
    c->work -= n;
    return OK;
}

static int state_new(struct nfa *n, struct compile *c, uint32_t *out)
{
    TRY(compile_work(c, 1));
    TRY(ROOM(n->first, n->cap, n->n, 1, GRAMMAR_MAX_NFA, "states of a rule", c->e));
    n->first[n->n] = 0;
    *out = (uint32_t)n->n++;
    return OK;
}

static int arrow(struct nfa *n, struct compile *c, uint32_t from, struct nfa_arrow a)
{
    enum { MOST = 8 * GRAMMAR_MAX_NFA };
    TRY(ROOM(n->arrows, n->cap_arrows, n->n_arrows, 1, MOST, "arrows of a rule", c->e));
    a.next = n->first[from];
    n->arrows[n->n_arrows] = a;
    n->first[from] = (uint32_t)++n->n_arrows;
    return OK;
}

static int skip(struct nfa *n, struct compile *c, uint32_t from, uint32_t to)
{
    return arrow(n, c, from, (struct nfa_arrow){.label = NFA_EMPTY, .to = to});
}

static int byte(struct nfa *n, struct compile *c, uint32_t from, uint32_t to, uint32_t lo, uint32_t hi)
{
    return arrow(n, c, from, (struct nfa_arrow){.label = NFA_BYTES, .to = to, .lo = (uint8_t)lo, .hi = (uint8_t)hi});
}

/* ---- characters ---- */

/* States from which one, two or three more bytes of a character lead to `to`; made when first asked for. */
struct tails {
    uint32_t at[4];
};

static int tail(struct nfa *n, struct compile *c, struct tails *t, int bytes, uint32_t *out)
{
    for (int i = 1; i <= bytes; i++)
        if (!t->at[i]) {
            TRY(state_new(n, c, &t->at[i]));
            TRY(byte(n, c, t->at[i], t->at[i - 1], 0x80, 0xBF));
        }
    *out = t->at[bytes];
    return OK;
}

/* Characters lo to hi, of which the byte at hand (mark: its upper bits) and `more` others are to be read. */
static int chars_of(struct nfa *n, struct compile *c, struct tails *t, uint32_t from, uint32_t mark,
                    struct char_range r, int more)
{
    if (more == 0) return byte(n, c, from, t->at[0], mark | r.lo, mark | r.hi);
    uint32_t bits = 6u * (uint32_t)more, mask = (1u << bits) - 1, a = r.lo >> bits, z = r.hi >> bits, next;
    bool whole_lo = (r.lo & mask) == 0, whole_hi = (r.hi & mask) == mask;
    if (a == z && !(whole_lo && whole_hi)) {
        TRY(state_new(n, c, &next));
        TRY(byte(n, c, from, next, mark | a, mark | a));
        return chars_of(n, c, t, next, 0x80, (struct char_range){r.lo & mask, r.hi & mask}, more - 1);
    }
    if (a < z && !whole_lo) TRY(chars_of(n, c, t, from, mark, (struct char_range){r.lo, a++ << bits | mask}, more));
    if (a <= z && !whole_hi) TRY(chars_of(n, c, t, from, mark, (struct char_range){z-- << bits, r.hi}, more));
    if (a > z) return OK;
    TRY(tail(n, c, t, more, &next));
    return byte(n, c, from, next, mark | a, mark | z);
}

static int emit_chars(struct nfa *n, struct compile *c, const struct expr *x, uint32_t from, uint32_t to)
{
    static const struct {
        uint32_t lo, hi, mark;
        int more;
    } lengths[] = {{0, 0x7F, 0, 0},
                   {0x80, 0x7FF, 0xC0, 1},
                   {0x800, 0xD7FF, 0xE0, 2},
                   {0xE000, 0xFFFF, 0xE0, 2},
                   {0x10000, 0x10FFFF, 0xF0, 3}};
    struct tails t = {{to}};
    for (uint32_t i = 0; i < x->b; i++) {
        struct char_range r = c->b->ranges[x->a + i];
        for (size_t k = 0; k < ARRAY_LEN(lengths); k++) {
            struct char_range part = {r.lo > lengths[k].lo ? r.lo : lengths[k].lo, r.hi < lengths[k].hi ? r.hi : lengths[k].hi};
            if (part.lo <= part.hi) TRY(chars_of(n, c, &t, from, lengths[k].mark, part, lengths[k].more));
        }
    }
    return OK;
}

/* ---- expressions ---- */

static int emit(struct nfa *n, struct compile *c, uint32_t expr, uint32_t from, uint32_t to);

static int emit_text(struct nfa *n, struct compile *c, const struct expr *x, uint32_t from, uint32_t to)
{
    const uint8_t *s = (const uint8_t *)c->b->bytes.data + x->a;
    for (uint32_t i = 0; i < x->b; i++) {
        uint32_t next = to;
        if (i + 1 < x->b) TRY(state_new(n, c, &next));
        TRY(byte(n, c, from, next, s[i], s[i]));
        from = next;
    }
    return OK;
}

static int emit_repeat(struct nfa *n, struct compile *c, const struct expr *x, uint32_t from, uint32_t to)
{
    uint32_t copies = x->max == GRAMMAR_NO_MAX ? x->min : x->max, next;
    for (uint32_t i = 0; i < copies; i++) {
        if (i >= x->min) TRY(skip(n, c, from, to));
        TRY(state_new(n, c, &next));
        TRY(emit(n, c, x->a, from, next));
        from = next;
    }
    if (x->max == GRAMMAR_NO_MAX) {
        TRY(state_new(n, c, &next));
        TRY(skip(n, c, from, next));
        TRY(emit(n, c, x->a, next, next));
        from = next;
    }
    return skip(n, c, from, to);
}

static int emit_graph(struct nfa *n, struct compile *c, const struct expr *x, uint32_t from, uint32_t to)
{
    uint32_t base = (uint32_t)n->n, place;
    for (uint32_t i = 0; i < x->min; i++) TRY(state_new(n, c, &place));
    TRY(skip(n, c, from, base));
    for (uint32_t i = 0; i < x->b; i++) {
        const struct arrow *a = &c->b->arrows[x->a + i];
        TRY(emit(n, c, a->expr, base + a->from, base + a->to));
    }
    return skip(n, c, base + x->min - 1, to);
}

static int emit_dfa(struct nfa *n, struct compile *c, const struct dfa *d, uint32_t from, uint32_t to)
{
    uint32_t base = (uint32_t)n->n, place;
    for (size_t i = 0; i < d->n; i++) TRY(state_new(n, c, &place));
    TRY(skip(n, c, from, base));
    for (size_t i = 0; i < d->n; i++) {
        const struct dfa_state *s = &d->states[i];
        for (size_t k = s->arrows; k < s->arrows + s->n_arrows; k++)
            TRY(byte(n, c, base + (uint32_t)i, base + d->arrows[k].to, d->arrows[k].lo, d->arrows[k].hi));
        if (s->final) TRY(skip(n, c, base + (uint32_t)i, to));
    }
    return OK;
}

/* A part of AND and MINUS: an automaton of its own, without calls. */
static int part_of(struct dfa *d, struct compile *c, uint32_t expr)
{
    struct nfa n = {0};
    c->inside++;
    int rc = nfa_of(&n, c, expr);
    c->inside--;
    if (!rc) rc = dfa_of(d, &n, c);
    nfa_free(&n);
    if (!rc && d->n_calls)
        return err_set(c->e, ERR_UNSUPPORTED, __FILE__, __LINE__,
                       "grammar: what is recursive or counted cannot be met with another rule");
    return rc;
}

static int emit_pair(struct nfa *n, struct compile *c, const struct expr *x, uint32_t from, uint32_t to)
{
    struct dfa a = {0}, b = {0}, both = {0};
    int rc = part_of(&a, c, x->a);
    if (!rc) rc = part_of(&b, c, x->b);
    if (!rc) rc = dfa_pair(&both, &a, &b, x->kind == EXPR_MINUS, c);
    if (!rc) rc = dfa_trim(&both, c);
    if (!rc) rc = emit_dfa(n, c, &both, from, to);
    dfa_free(&a);
    dfa_free(&b);
    dfa_free(&both);
    return rc;
}

static int emit_strip(struct nfa *n, struct compile *c, const struct expr *x, uint32_t from, uint32_t to)
{
    struct dfa d = {0};
    int rc = part_of(&d, c, x->a);
    if (!rc) rc = dfa_strip(&d, c);
    if (!rc) rc = dfa_trim(&d, c);
    if (!rc) rc = emit_dfa(n, c, &d, from, to);
    dfa_free(&d);
    return rc;
}

static int emit_list(struct nfa *n, struct compile *c, const struct expr *x, uint32_t from, uint32_t to)
{
    for (uint32_t i = 0; i < x->b; i++) {
        uint32_t next = to, part = c->b->list[x->a + i];
        if (x->kind == EXPR_ALT) {
            TRY(emit(n, c, part, from, to));
            continue;
        }
        if (i + 1 < x->b) TRY(state_new(n, c, &next));
        TRY(emit(n, c, part, from, next));
        from = next;
    }
    return OK;
}

static int emit(struct nfa *n, struct compile *c, uint32_t expr, uint32_t from, uint32_t to)
{
    const struct expr *x = &c->b->exprs[expr];
    TRY(compile_work(c, 1));
    switch ((enum expr_kind)x->kind) {
    case EXPR_NEVER: return OK;
    case EXPR_EMPTY: return skip(n, c, from, to);
    case EXPR_BYTES: return byte(n, c, from, to, x->a, x->b);
    case EXPR_TEXT: return emit_text(n, c, x, from, to);
    case EXPR_CHARS: return emit_chars(n, c, x, from, to);
    case EXPR_SEQ:
    case EXPR_ALT: return emit_list(n, c, x, from, to);
    case EXPR_REPEAT: return emit_repeat(n, c, x, from, to);
    case EXPR_GRAPH: return emit_graph(n, c, x, from, to);
    case EXPR_AND:
    case EXPR_MINUS: return emit_pair(n, c, x, from, to);
    case EXPR_STRIP: return emit_strip(n, c, x, from, to);
    case EXPR_RULE:
        if (c->copied[x->a] || (c->inside && c->size[x->a] != UINT32_MAX)) return emit(n, c, c->b->rules[x->a].expr, from, to);
        return arrow(n, c, from, (struct nfa_arrow){.label = NFA_CALL, .rule = x->a, .to = to});
    }
    return OK;
}

int nfa_of(struct nfa *n, struct compile *c, uint32_t expr)
{
    uint32_t s;
    TRY(state_new(n, c, &s));
    TRY(state_new(n, c, &s));
    return emit(n, c, expr, 0, 1);
}
