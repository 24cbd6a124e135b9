/* Subset construction, and products of two automata. */
#include "grammar/dfa.h"
#include "grammar/nfa.h"
#include "grammar/room.h"
#include <stdlib.h>
#include <string.h>

void dfa_free(struct dfa *d)
{
    mem_free(d->states);
    mem_free(d->arrows);
    mem_free(d->calls);
    *d = (struct dfa){0};
}

static int add_state(struct dfa *d, bool final, struct err *e)
{
    TRY(ROOM(d->states, d->cap, d->n, 1, GRAMMAR_MAX_STATES, "states", e));
    if (!d->arrows) TRY(ROOM(d->arrows, d->cap_arrows, 0, 1, 1, "arrows", e)); /* a place to point to */
    d->states[d->n++] = (struct dfa_state){.final = final};
    return OK;
}

/* Arrows are added state by state; neighbours that lead to the same place are one. */
static int add_arrow(struct dfa *d, uint32_t state, struct dfa_arrow a, struct err *e)
{
    struct dfa_state *s = &d->states[state];
    struct dfa_arrow *last = s->n_arrows ? &d->arrows[d->n_arrows - 1] : NULL;
    if (last && last->to == a.to && last->hi + 1 == a.lo) {
        last->hi = a.hi;
        return OK;
    }
    TRY(ROOM(d->arrows, d->cap_arrows, d->n_arrows, 1, 64 * (size_t)GRAMMAR_MAX_STATES, "arrows", e));
    if (!s->n_arrows++) s->arrows = (uint32_t)d->n_arrows;
    d->arrows[d->n_arrows++] = a;
    return OK;
}

static int add_call(struct dfa *d, uint32_t state, struct dfa_call a, struct err *e)
{
    struct dfa_state *s = &d->states[state];
    TRY(ROOM(d->calls, d->cap_calls, d->n_calls, 1, 64 * (size_t)GRAMMAR_MAX_STATES, "calls", e));
    if (!s->n_calls++) s->calls = (uint32_t)d->n_calls;
    d->calls[d->n_calls++] = a;
    return OK;
}

/* ---- subsets ---- */

/* Sets of NFA states, each a sorted piece of `items`; set i is state i of the automaton. */
struct subsets {
    const struct nfa *n;
    struct compile *c;
    struct dfa *d;
    uint32_t *items, *slots; /* slots: set + 1 by hash, 0 is free */
    size_t n_items, cap_items, n_slots;
    struct {
        uint32_t from, n;
    } *sets;
    size_t n_sets, cap_sets;
    uint32_t *seen, stamp; /* by NFA state */
    uint32_t *work;        /* NFA states, as many as there are */
    uint32_t *targets;     /* of the arrow at hand; as many as there are arrows, like the next two */
    uint32_t *sorted, *active;
    size_t n_targets, n_sorted;
};

static int compare_ids(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* Appends to items what the targets reach without reading, leaving out states that only pass on; *n of them, sorted. */
static int close_targets(struct subsets *q, size_t *n)
{
    size_t top = 0, steps = 0;
    uint32_t stamp = ++q->stamp;
    *n = 0;
    for (size_t i = 0; i < q->n_targets; i++)
        if (q->seen[q->targets[i]] != stamp) {
            q->seen[q->targets[i]] = stamp;
            q->work[top++] = q->targets[i];
        }
    while (top) {
        uint32_t s = q->work[--top];
        bool matters = s == 1;
        steps++;
        for (uint32_t a = q->n->first[s]; a; a = q->n->arrows[a - 1].next) {
            const struct nfa_arrow *x = &q->n->arrows[a - 1];
            steps++;
            if (x->label != NFA_EMPTY) matters = true;
            else if (q->seen[x->to] != stamp) {
                q->seen[x->to] = stamp;
                q->work[top++] = x->to;
            }
        }
        if (!matters) continue;
        TRY(ROOM(q->items, q->cap_items, q->n_items + *n, 1, 16 * (size_t)GRAMMAR_MAX_NFA, "sets of states", q->c->e));
        q->items[q->n_items + (*n)++] = s;
    }
    if (*n > 1) qsort(q->items + q->n_items, *n, sizeof *q->items, compare_ids);
    return compile_work(q->c, steps + *n);
}

static uint64_t hash_of(const uint32_t *v, size_t n)
{
    uint64_t h = 0x9E3779B97F4A7C15u;
    for (size_t i = 0; i < n; i++) h = (h ^ v[i]) * 0xD6E8FEB86659FD93u, h ^= h >> 32;
    return h;
}

static int grow_slots(struct subsets *q)
{
    size_t n = q->n_slots ? 4 * q->n_slots : 64;
    uint32_t *slots = mem_array(n, sizeof *slots);
    if (!slots) FAIL(q->c->e, ERR_MEMORY, "grammar: out of memory for %zu sets", n);
    for (size_t i = 0; i < q->n_sets; i++) {
        size_t k = hash_of(q->items + q->sets[i].from, q->sets[i].n) & (n - 1);
        while (slots[k]) k = (k + 1) & (n - 1);
        slots[k] = (uint32_t)i + 1;
    }
    mem_free(q->slots);
    q->slots = slots;
    q->n_slots = n;
    return OK;
}

/* The state for the targets. */
static int state_of(struct subsets *q, uint32_t *out)
{
    size_t n;
    TRY(close_targets(q, &n));
    if (2 * q->n_sets >= q->n_slots) TRY(grow_slots(q));
    const uint32_t *v = q->items + q->n_items;
    size_t k = hash_of(v, n) & (q->n_slots - 1);
    for (; q->slots[k]; k = (k + 1) & (q->n_slots - 1)) {
        uint32_t set = q->slots[k] - 1;
        if (q->sets[set].n == n && !memcmp(q->items + q->sets[set].from, v, n * sizeof *v)) {
            *out = set;
            return OK;
        }
    }
    TRY(ROOM(q->sets, q->cap_sets, q->n_sets, 1, GRAMMAR_MAX_STATES, "states", q->c->e));
    q->slots[k] = (uint32_t)q->n_sets + 1;
    q->sets[q->n_sets].from = (uint32_t)q->n_items;
    q->sets[q->n_sets].n = (uint32_t)n;
    bool final = false;
    for (size_t i = 0; i < n; i++) final |= v[i] == 1;
    q->n_items += n;
    *out = (uint32_t)q->n_sets++;
    return add_state(q->d, final, q->c->e);
}

/* The arrows of NFA states of set i that read; label tells which. */
#define EACH_ARROW(q, set, x)                                                                       \
    for (size_t i_ = 0; i_ < (q)->sets[set].n; i_++)                                                 \
        for (uint32_t a_ = (q)->n->first[(q)->items[(q)->sets[set].from + i_]]; a_; a_ = (x)->next)  \
            if (((x) = &(q)->n->arrows[a_ - 1])->label != NFA_EMPTY)

/* The arrows for bytes of a set, from the lowest up: q->sorted, q->n_sorted of them. cut: where one begins or has ended. */
static void sort_arrows(struct subsets *q, uint32_t set, bool cut[257])
{
    const struct nfa_arrow *x;
    size_t from[257] = {0};
    EACH_ARROW(q, set, x) {
        if (x->label == NFA_BYTES) from[x->lo + 1]++, cut[x->lo] = cut[x->hi + 1] = true;
    }
    for (int b = 0; b < 256; b++) from[b + 1] += from[b];
    q->n_sorted = from[256];
    EACH_ARROW(q, set, x) {
        if (x->label == NFA_BYTES) q->sorted[from[x->lo]++] = (uint32_t)(x - q->n->arrows);
    }
}

static int bytes_of(struct subsets *q, uint32_t set)
{
    bool cut[257] = {false};
    size_t n = 0, next = 0; /* arrows at hand: q->active */
    sort_arrows(q, set, cut);
    for (int lo = 0, hi; lo < 256; lo = hi + 1) {
        size_t kept = 0;
        for (hi = lo; hi < 255 && !cut[hi + 1];) hi++;
        for (; next < q->n_sorted && q->n->arrows[q->sorted[next]].lo == lo; next++) q->active[n++] = q->sorted[next];
        TRY(compile_work(q->c, n + 1));
        for (size_t i = 0; i < n; i++)
            if (q->n->arrows[q->active[i]].hi >= lo) q->active[kept++] = q->active[i];
        n = kept;
        if (n == 0) continue;
        for (size_t i = 0; i < n; i++) q->targets[i] = q->n->arrows[q->active[i]].to;
        q->n_targets = n;
        uint32_t to;
        TRY(state_of(q, &to));
        TRY(add_arrow(q->d, set, (struct dfa_arrow){(uint8_t)lo, (uint8_t)hi, to}, q->c->e));
    }
    return OK;
}

static int calls_of(struct subsets *q, uint32_t set)
{
    const struct nfa_arrow *x;
    uint32_t last = 0; /* rule + 1 */
    for (;;) { /* rules from the lowest up */
        uint32_t rule = UINT32_MAX;
        size_t count = 0;
        EACH_ARROW(q, set, x) {
            count++;
            if (x->label == NFA_CALL && x->rule >= last && x->rule < rule) rule = x->rule;
        }
        TRY(compile_work(q->c, 2 * count));
        if (rule == UINT32_MAX) return OK;
        q->n_targets = 0;
        EACH_ARROW(q, set, x) {
            if (x->label == NFA_CALL && x->rule == rule) q->targets[q->n_targets++] = x->to;
        }
        uint32_t to;
        TRY(state_of(q, &to));
        TRY(add_call(q->d, set, (struct dfa_call){rule, to}, q->c->e));
        last = rule + 1;
    }
}

static int build_subsets(struct subsets *q)
{
    uint32_t first;
    q->targets[q->n_targets++] = 0;
    TRY(ROOM(q->items, q->cap_items, 0, 1, 1, "sets of states", q->c->e)); /* a place for empty sets */
    TRY(state_of(q, &first));
    for (uint32_t i = 0; i < q->n_sets; i++) {
        TRY(bytes_of(q, i));
        TRY(calls_of(q, i));
    }
    return OK;
}

int dfa_of(struct dfa *d, const struct nfa *n, struct compile *c)
{
    struct subsets q = {.n = n, .c = c, .d = d};
    size_t arrows = n->n_arrows + 1;
    q.seen = mem_array(n->n, sizeof *q.seen);
    q.work = mem_array(n->n, sizeof *q.work);
    q.targets = mem_array(3 * arrows, sizeof *q.targets);
    q.sorted = q.targets ? q.targets + arrows : NULL;
    q.active = q.targets ? q.sorted + arrows : NULL;
    int rc = OK;
    if (!q.seen || !q.work || !q.targets)
        rc = err_set(c->e, ERR_MEMORY, __FILE__, __LINE__, "grammar: out of memory for a rule of %zu states", n->n);
    if (!rc) rc = build_subsets(&q);
    mem_free(q.items);
    mem_free(q.slots);
    mem_free(q.sets);
    mem_free(q.seen);
    mem_free(q.work);
    mem_free(q.targets);
    return rc;
}

/* ---- two at once ---- */

enum { GONE = 0xFFFFFFFF };

struct pairs {
    uint64_t *keys; /* of state i: x's state, y's */
    uint32_t *slots;
    size_t n, cap, n_slots;
};

static uint64_t pair_hash(uint64_t key)
{
    key *= 0x9E3779B97F4A7C15u;
    return key ^ key >> 32;
}

static int pair_state(struct pairs *p, struct dfa *d, uint64_t key, bool final, uint32_t *out, struct err *e)
{
    if (2 * p->n >= p->n_slots) {
        size_t n = p->n_slots ? 4 * p->n_slots : 64;
        uint32_t *slots = mem_array(n, sizeof *slots);
        if (!slots) FAIL(e, ERR_MEMORY, "grammar: out of memory for %zu pairs of states", n);
        for (size_t i = 0; i < p->n; i++) {
            size_t k = pair_hash(p->keys[i]) & (n - 1);
            while (slots[k]) k = (k + 1) & (n - 1);
            slots[k] = (uint32_t)i + 1;
        }
        mem_free(p->slots);
        p->slots = slots;
        p->n_slots = n;
    }
    size_t k = pair_hash(key) & (p->n_slots - 1);
    for (; p->slots[k]; k = (k + 1) & (p->n_slots - 1))
        if (p->keys[p->slots[k] - 1] == key) {
            *out = p->slots[k] - 1;
            return OK;
        }
    TRY(ROOM(p->keys, p->cap, p->n, 1, GRAMMAR_MAX_STATES, "states", e));
    p->slots[k] = (uint32_t)p->n + 1;
    p->keys[p->n] = key;
    *out = (uint32_t)p->n++;
    return add_state(d, final, e);
}

static const struct dfa_arrow *arrow_at(const struct dfa *d, uint32_t s, int b)
{
    if (s == GONE) return NULL;
    const struct dfa_arrow *a = d->arrows + d->states[s].arrows;
    for (size_t i = 0; i < d->states[s].n_arrows; i++)
        if (a[i].hi >= b) return &a[i]; /* it may begin after b */
    return NULL;
}

static int pair_arrows(struct pairs *p, struct dfa *d, uint32_t at, const struct dfa *x, const struct dfa *y, bool minus,
                       struct compile *c)
{
    uint32_t s = (uint32_t)(p->keys[at] >> 32), t = (uint32_t)p->keys[at];
    for (int lo = 0, hi; lo < 256; lo = hi + 1) {
        const struct dfa_arrow *a = arrow_at(x, s, lo), *b = arrow_at(y, t, lo);
        TRY(compile_work(c, 4));
        if (!a) break;
        hi = a->lo > lo ? a->lo - 1 : a->hi;
        if (b && b->lo > lo && b->lo - 1 < hi) hi = b->lo - 1;
        else if (b && b->lo <= lo && b->hi < hi) hi = b->hi;
        bool both = b && b->lo <= lo;
        if (a->lo > lo || (!both && !minus)) continue;
        uint32_t tx = a->to, ty = both ? b->to : GONE, to;
        bool in_y = ty != GONE && y->states[ty].final;
        TRY(pair_state(p, d, (uint64_t)tx << 32 | ty, x->states[tx].final && in_y != minus, &to, c->e));
        TRY(add_arrow(d, at, (struct dfa_arrow){(uint8_t)lo, (uint8_t)hi, to}, c->e));
    }
    return OK;
}

int dfa_pair(struct dfa *d, const struct dfa *x, const struct dfa *y, bool minus, struct compile *c)
{
    struct pairs p = {0};
    uint32_t first;
    int rc = pair_state(&p, d, 0, x->states[0].final && y->states[0].final != minus, &first, c->e);
    for (uint32_t i = 0; !rc && i < p.n; i++) rc = pair_arrows(&p, d, i, x, y, minus, c);
    mem_free(p.keys);
    mem_free(p.slots);
    return rc;
}

bool dfa_empty(const struct dfa *d)
{
    for (size_t i = 0; i < d->n; i++) /* every state is reached */
        if (d->states[i].final) return false;
    return true;
}

static uint32_t target_of(const struct dfa *d, uint32_t s, int b)
{
    const struct dfa_arrow *a = arrow_at(d, s, b);
    return a && a->lo <= b ? a->to : GONE;
}

/* State 0 becomes the one after the first mark; states before the last mark become final. Marks are met nowhere else. */
int dfa_strip(struct dfa *d, struct compile *c)
{
    uint32_t first = target_of(d, 0, MARK_START);
    TRY(compile_work(c, d->n + d->n_arrows));
    for (uint32_t i = 0; i < d->n; i++) {
        uint32_t end = target_of(d, i, MARK_END);
        if (end != GONE && d->states[end].final) d->states[i].arrows |= 1u << 31; /* not before all have been looked at */
    }
    for (uint32_t i = 0; i < d->n; i++) {
        struct dfa_state *s = &d->states[i];
        s->final = s->arrows >> 31;
        s->arrows &= ~(1u << 31);
        while (s->n_arrows && d->arrows[s->arrows + s->n_arrows - 1].hi >= MARK_END) s->n_arrows--;
    }
    if (first == GONE) d->states[0] = (struct dfa_state){0};
    else d->states[0] = d->states[first]; /* nothing leads to state 0 */
    return OK;
}

/* ---- fewer states ---- */

/* State i, if it is kept, moves to number[i]; its arrows to those that are kept go behind the *n in `to`. */
static void keep_state(struct dfa *d, size_t i, const bool *alive, const uint32_t *number, struct dfa_arrow *to, size_t *n)
{
    struct dfa_state s = d->states[i];
    size_t from = *n;
    if (!alive[i]) return;
    for (size_t k = s.arrows; k < (size_t)s.arrows + s.n_arrows; k++) {
        struct dfa_arrow a = d->arrows[k];
        if (!alive[a.to]) continue;
        a.to = number[a.to];
        to[(*n)++] = a;
    }
    s.arrows = (uint32_t)from;
    s.n_arrows = (uint16_t)(*n - from);
    d->states[number[i]] = s;
}

int dfa_trim(struct dfa *d, struct compile *c)
{
    size_t most = 1, n = 0, n_arrows = 0;
    for (size_t i = 0; i < d->n; i++) most += d->states[i].n_arrows; /* after dfa_strip two states may share some */
    bool *alive = mem_alloc(d->n);
    uint32_t *number = mem_array(d->n, sizeof *number);
    struct dfa_arrow *arrows = mem_array(most, sizeof *arrows);
    bool more = true;
    int rc = OK;
    if (!alive || !number || !arrows)
        rc = err_set(c->e, ERR_MEMORY, __FILE__, __LINE__, "grammar: out of memory for %zu states", d->n);
    for (size_t i = 0; i < d->n && !rc; i++) alive[i] = d->states[i].final;
    while (more && !rc) { /* most arrows lead forward, so few rounds do */
        more = false;
        for (size_t i = d->n; i-- > 0;)
            for (size_t k = 0; !alive[i] && k < d->states[i].n_arrows; k++)
                if (alive[d->arrows[d->states[i].arrows + k].to]) more = alive[i] = true;
        rc = compile_work(c, d->n + d->n_arrows);
    }
    if (!rc) {
        alive[0] = true;
        for (size_t i = 0; i < d->n; i++)
            if (alive[i]) number[i] = (uint32_t)n++;
        for (size_t i = 0; i < d->n; i++) keep_state(d, i, alive, number, arrows, &n_arrows);
        mem_free(d->arrows);
        d->arrows = arrows;
        d->n = n;
        d->n_arrows = n_arrows;
        d->cap_arrows = most;
        arrows = NULL;
    }
    mem_free(alive);
    mem_free(number);
    mem_free(arrows);
    return rc;
}
