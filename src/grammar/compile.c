/* From rules to a grammar: which rules are copied into their callers, one automaton for each of the others, what each state
 * needs to come to an end, and refusal of rules that begin with themselves. */
#include "base/utf8.h"
#include "grammar/automaton.h"
#include "grammar/nfa.h"
#include "grammar/room.h"
#include <string.h>

enum {
    COPY_SMALL = 48,    /* a rule of so few states is copied wherever it is called */
    COPY_TOTAL = 4096,  /* and a larger one if all copies together have so few */
    COPY_DEPTH = 500,   /* of expressions, copies in copies counted */
};

/* ---- sizes ---- */

struct edge {
    uint32_t caller, callee;
};

struct sizes {
    struct compile *c;
    uint32_t *of_expr, *depth; /* by expression; 0: not known yet */
    uint32_t *seen;            /* by expression: rule + 1 that it was last met in */
    uint32_t *calls, *open;    /* by rule: calls of it; rules it calls that are not known */
    uint32_t *first;           /* by rule: its first caller + 1, linked through edges */
    uint32_t *queue;
    struct edge *edges; /* sorted by callee in the end */
    size_t n_edges, cap_edges;
};

static uint32_t sum(uint32_t a, uint64_t b) { return a + b >= UINT32_MAX - 1 ? UINT32_MAX - 1 : (uint32_t)(a + b); }

/* The i-th expression in p, 0 after the last. */
static uint32_t child_of(const struct build *b, const struct expr *p, uint32_t i)
{
    switch ((enum expr_kind)p->kind) {
    case EXPR_SEQ:
    case EXPR_ALT: return i < p->b ? b->list[p->a + i] : UINT32_MAX;
    case EXPR_GRAPH: return i < p->b ? b->arrows[p->a + i].expr : UINT32_MAX;
    case EXPR_AND:
    case EXPR_MINUS: return i == 0 ? p->a : i == 1 ? p->b : UINT32_MAX;
    case EXPR_STRIP:
    case EXPR_REPEAT: return i == 0 ? p->a : UINT32_MAX;
    default: return UINT32_MAX;
    }
}

static int find_calls(struct sizes *z, uint32_t rule, uint32_t x)
{
    const struct build *b = z->c->b;
    const struct expr *p = &b->exprs[x];
    if (z->seen[x] == rule + 1) return OK;
    z->seen[x] = rule + 1;
    TRY(compile_work(z->c, 1));
    if (p->kind == EXPR_RULE) {
        if (!b->rules[p->a].defined) FAIL(z->c->e, ERR_FORMAT, "grammar: rule %u is called and not defined", p->a);
        z->calls[p->a]++;
        TRY(ROOM(z->edges, z->cap_edges, z->n_edges, 1, GRAMMAR_MAX_EXPRS, "calls", z->c->e));
        z->edges[z->n_edges++] = (struct edge){rule, p->a};
        z->open[rule]++;
        return OK;
    }
    for (uint32_t i = 0, y; (y = child_of(b, p, i)) != UINT32_MAX; i++) TRY(find_calls(z, rule, y));
    return OK;
}

/* Of an expression whose rules are all known. */
static uint32_t size_of(struct sizes *z, uint32_t x)
{
    const struct build *b = z->c->b;
    const struct expr *p = &b->exprs[x];
    if (z->of_expr[x]) return z->of_expr[x];
    bool known = p->kind == EXPR_RULE && z->c->size[p->a] != UINT32_MAX;
    uint32_t n = p->kind == EXPR_TEXT ? p->b : p->kind == EXPR_CHARS ? sum(1, 3 * (uint64_t)p->b) : known ? z->c->size[p->a] : 1;
    uint32_t deep = known ? z->depth[b->rules[p->a].expr] : 0;
    for (uint32_t i = 0, y; (y = child_of(b, p, i)) != UINT32_MAX; i++) {
        n = sum(n, size_of(z, y));
        if (z->depth[y] > deep) deep = z->depth[y];
    }
    if (p->kind == EXPR_GRAPH) n = sum(n, p->min);
    if (p->kind == EXPR_REPEAT) n = sum(1, (uint64_t)n * (p->max == GRAMMAR_NO_MAX ? p->min + 1u : p->max));
    z->depth[x] = deep + 1;
    return z->of_expr[x] = n;
}

/* Rules from those that call nothing upwards; what is never reached is recursive, or calls what is. */
static void size_rules(struct sizes *z)
{
    const struct build *b = z->c->b;
    size_t n = b->n_rules, head = 0, tail = 0;
    for (uint32_t r = 0; r < n; r++) {
        z->c->size[r] = UINT32_MAX;
        if (z->open[r] == 0) z->queue[tail++] = r;
    }
    for (uint32_t i = 0; i < z->n_edges; i++) { /* the callee's place in the edge becomes the link */
        uint32_t callee = z->edges[i].callee;
        z->edges[i].callee = z->first[callee];
        z->first[callee] = i + 1;
    }
    while (head < tail) {
        uint32_t r = z->queue[head++];
        const struct rule *p = &b->rules[r];
        if (p->kind != RULE_COUNTED && p->defined) {
            uint32_t size = size_of(z, p->expr);
            if (z->depth[p->expr] <= COPY_DEPTH) z->c->size[r] = size;
        }
        uint64_t total = (uint64_t)z->c->size[r] * z->calls[r];
        z->c->copied[r] = p->kind == RULE_PLAIN && (z->c->size[r] <= COPY_SMALL || total <= COPY_TOTAL);
        for (uint32_t i = z->first[r]; i; i = z->edges[i - 1].callee)
            if (--z->open[z->edges[i - 1].caller] == 0) z->queue[tail++] = z->edges[i - 1].caller;
    }
}

static int find_sizes(struct compile *c)
{
    const struct build *b = c->b;
    size_t n = b->n_rules;
    struct sizes z = {.c = c};
    uint32_t *tables = mem_array(3 * b->n_exprs + 4 * n, sizeof *tables);
    if (!tables) FAIL(c->e, ERR_MEMORY, "grammar: out of memory for %zu expressions", b->n_exprs);
    z.of_expr = tables;
    z.depth = z.of_expr + b->n_exprs;
    z.seen = z.depth + b->n_exprs;
    z.calls = z.seen + b->n_exprs;
    z.open = z.calls + n;
    z.first = z.open + n;
    z.queue = z.first + n;
    int rc = OK;
    for (uint32_t r = 0; r < n && !rc; r++)
        if (b->rules[r].defined && b->rules[r].kind != RULE_COUNTED) rc = find_calls(&z, r, b->rules[r].expr);
    if (!rc) size_rules(&z);
    mem_free(z.edges);
    mem_free(tables);
    return rc;
}

/* ---- one automaton ---- */

/* Appends the states of d; their calls still name rules. */
static int append(struct grammar *g, const struct dfa *d, struct err *e)
{
    struct dfa *a = &g->a;
    uint32_t base = (uint32_t)a->n, arrows = (uint32_t)a->n_arrows, calls = (uint32_t)a->n_calls;
    TRY(ROOM(a->states, a->cap, a->n, d->n, GRAMMAR_MAX_STATES, "states", e));
    TRY(ROOM(a->arrows, a->cap_arrows, a->n_arrows, d->n_arrows + 1, 64 * (size_t)GRAMMAR_MAX_STATES, "arrows", e));
    TRY(ROOM(a->calls, a->cap_calls, a->n_calls, d->n_calls, 64 * (size_t)GRAMMAR_MAX_STATES, "calls", e));
    for (size_t i = 0; i < d->n; i++) {
        struct dfa_state s = d->states[i];
        s.arrows += arrows;
        s.calls += calls;
        a->states[a->n++] = s;
    }
    for (size_t i = 0; i < d->n_arrows; i++) {
        struct dfa_arrow x = d->arrows[i];
        x.to += base;
        a->arrows[a->n_arrows++] = x;
    }
    for (size_t i = 0; i < d->n_calls; i++)
        a->calls[a->n_calls++] = (struct dfa_call){d->calls[i].rule, d->calls[i].to + base};
    return OK;
}

/* The automata of the root and of all that is called, from there on. */
static int make_rules(struct grammar *g, struct compile *c, uint32_t root, uint32_t *queue)
{
    size_t head = 0, tail = 0, done = 0;
    memset(g->starts, 0xFF, g->n_rules * sizeof *g->starts);
    queue[tail++] = root;
    g->starts[root] = 0; /* not UINT32_MAX: it is in the queue */
    while (head < tail) {
        uint32_t r = queue[head++];
        const struct rule *p = &c->b->rules[r];
        if (p->kind == RULE_COUNTED) { /* its place in the numbering comes when the states are counted */
            g->n_counted++;
            if (g->starts[p->expr] == UINT32_MAX) g->starts[p->expr] = 0, queue[tail++] = p->expr;
            continue;
        }
        struct nfa n = {0};
        struct dfa d = {0};
        g->starts[r] = (uint32_t)g->a.n;
        int rc = nfa_of(&n, c, p->expr);
        if (!rc) rc = dfa_of(&d, &n, c);
        if (!rc) rc = append(g, &d, c->e);
        nfa_free(&n);
        dfa_free(&d);
        TRY(rc);
        for (; done < g->a.n_calls; done++) {
            uint32_t to = g->a.calls[done].rule;
            if (g->starts[to] == UINT32_MAX) g->starts[to] = 0, queue[tail++] = to;
        }
    }
    return OK;
}

/* Gives counted rules their places. */
static int make_counted(struct grammar *g, struct compile *c)
{
    uint64_t base = g->a.n;
    size_t n = 0;
    g->counted = mem_array(g->n_counted + 1, sizeof *g->counted);
    if (!g->counted) FAIL(c->e, ERR_MEMORY, "grammar: out of memory for %zu repetitions", g->n_counted);
    for (uint32_t r = 0; r < g->n_rules; r++) {
        const struct rule *p = &c->b->rules[r];
        if (p->kind != RULE_COUNTED || g->starts[r] == UINT32_MAX) continue;
        uint32_t span = (p->max == GRAMMAR_NO_MAX ? p->min : p->max) + 1;
        if (base + span >= 1u << 31) FAIL(c->e, ERR_LIMIT, "grammar: repetitions of more than 2^31 times together");
        g->starts[r] = (uint32_t)base;
        g->counted[n++] = (struct counted){(uint32_t)base, span, p->min, p->max, p->expr};
        base += span;
    }
    for (size_t i = 0; i < n; i++) g->counted[i].child = g->starts[g->counted[i].child];
    return OK;
}

const struct counted *grammar_counted(const struct grammar *g, uint32_t q)
{
    size_t lo = 0, hi = g->n_counted;
    while (hi - lo > 1) {
        size_t mid = (lo + hi) / 2;
        if (g->counted[mid].base <= q) lo = mid;
        else hi = mid;
    }
    return &g->counted[lo];
}

/* ---- what is needed to the end ---- */

uint32_t grammar_need(const struct grammar *g, const uint16_t *need, uint32_t q)
{
    if (q < g->a.n) return need[q];
    const struct counted *k = grammar_counted(g, q);
    if (q - k->base >= k->min) return 0;
    if (k->child >= g->a.n) { /* a counted rule in a counted one */
        uint32_t n = grammar_need(g, need, k->child);
        return n == NEED_NEVER ? n : n + 1;
    }
    return need[k->child] == NEED_NEVER ? NEED_NEVER : need[k->child] + 1u;
}

static uint32_t need_of(const struct grammar *g, const uint16_t *need, const bool ok[256], uint32_t q)
{
    const struct dfa_state *s = &g->a.states[q];
    uint32_t best = s->final ? 0 : NEED_NEVER;
    for (size_t i = s->arrows; i < (size_t)s->arrows + s->n_arrows && best; i++) {
        const struct dfa_arrow *a = &g->a.arrows[i];
        if (need[a->to] >= best) continue;
        for (int b = a->lo; b <= a->hi; b++)
            if (ok[b]) {
                best = need[a->to];
                break;
            }
    }
    for (size_t i = s->calls; i < (size_t)s->calls + s->n_calls && best; i++) {
        uint32_t in = grammar_need(g, need, g->starts[g->a.calls[i].rule]), after = need[g->a.calls[i].to];
        if (in == NEED_NEVER || after == NEED_NEVER) continue;
        if (in + 1 > after) after = in + 1;
        if (after < best) best = after;
    }
    return best;
}

int grammar_needs(const struct grammar *g, const bool ok[256], uint16_t *out, uint64_t *work, struct err *e)
{
    memset(out, 0xFF, g->a.n * sizeof *out);
    for (bool more = true; more;) { /* most arrows lead forward, so few rounds do */
        more = false;
        uint64_t cost = g->a.n + g->a.n_arrows + g->a.n_calls;
        if (cost > *work) FAIL(e, ERR_LIMIT, "grammar: it takes more than %d steps to compile", GRAMMAR_MAX_WORK);
        *work -= cost;
        for (size_t q = g->a.n; q-- > 0;) {
            uint32_t n = need_of(g, out, ok, (uint32_t)q);
            if (n < out[q]) out[q] = (uint16_t)n, more = true;
        }
    }
    return OK;
}

/* ---- rules that begin with themselves ---- */

struct starts {
    const struct grammar *g;
    struct compile *c;
    bool *nullable, *seen;     /* by rule: it matches the empty text; by state */
    uint32_t *stack, *marked;  /* states; those of which seen is set */
    uint32_t *open, *first, *queue; /* by rule, as in struct sizes */
    struct edge *edges;        /* what a rule calls before it has read anything */
    size_t n_edges, cap_edges, n_marked;
};

/* Whether rule r matches the empty text; with edges: notes what it calls first. */
static int look_at_start(struct starts *z, uint32_t r, bool *matches, bool edges)
{
    const struct dfa *a = &z->g->a;
    size_t top = 0, steps = 0;
    *matches = false;
    z->marked[z->n_marked++] = z->stack[top++] = z->g->starts[r];
    z->seen[z->g->starts[r]] = true;
    int rc = OK;
    while (top && !rc) {
        const struct dfa_state *s = &a->states[z->stack[--top]];
        *matches |= s->final;
        steps += 1 + s->n_calls;
        for (size_t i = s->calls; i < (size_t)s->calls + s->n_calls && !rc; i++) {
            uint32_t to = a->calls[i].to, callee = a->calls[i].rule;
            if (edges) {
                rc = ROOM(z->edges, z->cap_edges, z->n_edges, 1, 1 << 22, "calls", z->c->e);
                if (!rc) z->edges[z->n_edges++] = (struct edge){r, callee};
            }
            if (!z->nullable[callee] || z->seen[to]) continue;
            z->seen[to] = true;
            z->marked[z->n_marked++] = z->stack[top++] = to;
        }
    }
    while (z->n_marked) z->seen[z->marked[--z->n_marked]] = false;
    return rc ? rc : compile_work(z->c, steps + 1);
}

static int find_nullable(struct starts *z)
{
    for (bool more = true; more;) {
        more = false;
        for (uint32_t r = 0; r < z->g->n_rules; r++) {
            const struct rule *p = &z->c->b->rules[r];
            if (z->g->starts[r] == UINT32_MAX || z->nullable[r]) continue;
            bool is = p->kind == RULE_COUNTED && (p->min == 0 || z->nullable[p->expr]);
            if (p->kind != RULE_COUNTED) TRY(look_at_start(z, r, &is, false));
            z->nullable[r] = is;
            more |= is;
        }
    }
    return OK;
}

static const char *name_of(const struct build *b, uint32_t rule, char *out, size_t cap)
{
    const struct rule *p = &b->rules[rule];
    utf8_printable(out, cap, p->name_len ? b->bytes.data + p->name : "of its own", p->name_len ? p->name_len : 10);
    return out;
}

/* A rule that calls itself before it has read anything would be called without end. */
static int check_starts(struct starts *z)
{
    const struct build *b = z->c->b;
    char name[80];
    size_t n = z->g->n_rules, head = 0, tail = 0;
    TRY(find_nullable(z));
    for (uint32_t r = 0; r < n; r++) {
        const struct rule *p = &b->rules[r];
        bool is;
        if (z->g->starts[r] == UINT32_MAX) continue;
        if (p->kind != RULE_COUNTED) {
            TRY(look_at_start(z, r, &is, true));
            continue;
        }
        if (z->nullable[p->expr])
            FAIL(z->c->e, ERR_UNSUPPORTED, "grammar: rule %s may be empty, and is repeated many times",
                 name_of(b, p->expr, name, sizeof name));
        TRY(ROOM(z->edges, z->cap_edges, z->n_edges, 1, 1 << 22, "calls", z->c->e));
        z->edges[z->n_edges++] = (struct edge){r, p->expr};
    }
    for (uint32_t i = 0; i < z->n_edges; i++) {
        uint32_t callee = z->edges[i].callee;
        z->open[z->edges[i].caller]++;
        z->edges[i].callee = z->first[callee];
        z->first[callee] = i + 1;
    }
    for (uint32_t r = 0; r < n; r++)
        if (z->open[r] == 0) z->queue[tail++] = r;
    while (head < tail)
        for (uint32_t i = z->first[z->queue[head++]]; i; i = z->edges[i - 1].callee)
            if (--z->open[z->edges[i - 1].caller] == 0) z->queue[tail++] = z->edges[i - 1].caller;
    for (uint32_t r = 0; r < n; r++)
        if (z->open[r])
            FAIL(z->c->e, ERR_UNSUPPORTED, "grammar: rule %s calls itself before anything is read (left recursion)",
                 name_of(b, r, name, sizeof name));
    return OK;
}

static int refuse_left_recursion(const struct grammar *g, struct compile *c)
{
    struct starts z = {.g = g, .c = c};
    uint32_t *tables = mem_array(2 * g->a.n + 3 * g->n_rules, sizeof *tables);
    z.nullable = mem_alloc(g->n_rules + g->a.n);
    int rc = OK;
    if (!tables || !z.nullable)
        rc = err_set(c->e, ERR_MEMORY, __FILE__, __LINE__, "grammar: out of memory for %zu rules", g->n_rules);
    if (!rc) {
        z.seen = z.nullable + g->n_rules;
        z.stack = tables;
        z.marked = z.stack + g->a.n;
        z.open = z.marked + g->a.n;
        z.first = z.open + g->n_rules;
        z.queue = z.first + g->n_rules;
        rc = check_starts(&z);
    }
    mem_free(z.edges);
    mem_free(z.nullable);
    mem_free(tables);
    return rc;
}

/* ---- all of it ---- */

static int compile(struct grammar *g, struct compile *c, uint32_t root)
{
    size_t n = c->b->n_rules;
    bool ok[256];
    memset(ok, true, sizeof ok);
    g->n_rules = n;
    g->max_depth = c->b->max_depth;
    g->starts = mem_array(n, sizeof *g->starts);
    c->size = mem_array(2 * n, sizeof *c->size); /* the second half: a queue */
    c->copied = mem_alloc(n);
    if (!g->starts || !c->size || !c->copied) FAIL(c->e, ERR_MEMORY, "grammar: out of memory for %zu rules", n);
    TRY(find_sizes(c));
    TRY(make_rules(g, c, root, c->size + n));
    TRY(make_counted(g, c));
    TRY(refuse_left_recursion(g, c));
    g->need = mem_array(g->a.n, sizeof *g->need);
    if (!g->need) FAIL(c->e, ERR_MEMORY, "grammar: out of memory for %zu states", g->a.n);
    TRY(grammar_needs(g, ok, g->need, &c->work, c->e));
    g->start = g->starts[root];
    if (g->need[g->start] == NEED_NEVER) FAIL(c->e, ERR_FORMAT, "no text can match: what is asked for contradicts itself");
    if (g->need[g->start] > g->max_depth)
        FAIL(c->e, ERR_LIMIT, "every text is nested deeper than %u rules", g->max_depth);
    return OK;
}

int build_finish(struct build *b, uint32_t expr, const char *where, struct grammar **out, struct err *e)
{
    *out = NULL;
    uint32_t root = build_rule_new(b, RULE_KEPT);
    build_rule_set(b, root, expr);
    if (b->rc) {
        if (e != b->e && e) *e = *b->e;
        err_prefix(e, "%s", where);
        return b->rc;
    }
    struct compile c = {.b = b, .work = GRAMMAR_MAX_WORK, .e = e};
    struct grammar *g = mem_alloc(sizeof *g);
    if (!g) FAIL(e, ERR_MEMORY, "%s: out of memory", where);
    int rc = compile(g, &c, root);
    mem_free(c.size);
    mem_free(c.copied);
    if (rc) {
        grammar_free(g);
        err_prefix(e, "%s", where);
        return rc;
    }
    *out = g;
    return OK;
}

void grammar_free(struct grammar *g)
{
    if (!g) return;
    dfa_free(&g->a);
    mem_free(g->starts);
    mem_free(g->counted);
    mem_free(g->need);
    mem_free(g);
}

size_t grammar_size(const struct grammar *g) { return g->a.n; }
