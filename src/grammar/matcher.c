/* Walks through the tree of tokens, and what is remembered of them. */
#include "grammar/matcher.h"
#include "grammar/room.h"
#include <string.h>

/* ---- plain characters ---- */

/* UTF-8 of plain characters, as sequences of ranges of bytes; see vocab_is_plain. */
static const struct {
    uint8_t n, lo[4], hi[4];
} shapes[] = {
    {1, {0x20}, {0x21}},
    {1, {0x23}, {0x5B}},
    {1, {0x5D}, {0x7E}},
    {2, {0xC2, 0x80}, {0xDF, 0xBF}},
    {3, {0xE0, 0xA0, 0x80}, {0xE0, 0xBF, 0xBF}},
    {3, {0xE1, 0x80, 0x80}, {0xE1, 0xBF, 0xBF}},
    {3, {0xE2, 0x80, 0x80}, {0xE2, 0x80, 0xA7}},
    {3, {0xE2, 0x80, 0xAA}, {0xE2, 0x80, 0xBF}},
    {3, {0xE2, 0x81, 0x80}, {0xE2, 0xBF, 0xBF}},
    {3, {0xE3, 0x80, 0x80}, {0xEC, 0xBF, 0xBF}},
    {3, {0xED, 0x80, 0x80}, {0xED, 0x9F, 0xBF}},
    {3, {0xEE, 0x80, 0x80}, {0xEF, 0xBF, 0xBF}},
    {4, {0xF0, 0x90, 0x80, 0x80}, {0xF0, 0xBF, 0xBF, 0xBF}},
    {4, {0xF1, 0x80, 0x80, 0x80}, {0xF3, 0xBF, 0xBF, 0xBF}},
    {4, {0xF4, 0x80, 0x80, 0x80}, {0xF4, 0x8F, 0xBF, 0xBF}},
};

/* Some shape is of ASCII, the others are KIND_OTHER. */
enum { FIRST_OTHER = 3 };

/* From q all of a shape's characters lead to `to` (GONE: wherever the first one does), from byte i on. */
static bool leads_to(const struct grammar_matcher *m, uint32_t q, size_t shape, int i, uint32_t *to)
{
    if (i == shapes[shape].n) {
        if (*to == UINT32_MAX) *to = q;
        return *to == q;
    }
    const struct dfa_state *s = &m->g->a.states[q];
    int want = shapes[shape].lo[i], hi = shapes[shape].hi[i];
    for (size_t k = s->arrows; k < (size_t)s->arrows + s->n_arrows && want <= hi; k++) {
        const struct dfa_arrow *a = &m->g->a.arrows[k];
        if (a->hi < want) continue;
        if (a->lo > want || !leads_to(m, a->to, shape, i + 1, to)) return false;
        want = a->hi + 1;
    }
    return want > hi;
}

/* The kinds of characters that lead from q to `to`, where more of them may be read. */
static struct kinds kinds_to(const struct grammar_matcher *m, uint32_t q, uint32_t to)
{
    struct kinds k = {{0}};
    for (unsigned c = KIND_FIRST; c < KIND_OTHER; c++)
        if (vocab_is_plain(c) && grammar_next(m->g, q, (uint8_t)c) == to) kinds_add(&k, c - KIND_FIRST);
    bool others = true;
    for (size_t i = FIRST_OTHER; i < ARRAY_LEN(shapes) && others; i++) others = leads_to(m, q, i, 0, &to);
    if (others) kinds_add(&k, KIND_OTHER - KIND_FIRST);
    return k;
}

/* The state that most of ASCII leads to. */
static uint32_t main_target(const struct grammar_matcher *m, uint32_t q)
{
    const struct dfa_state *s = &m->g->a.states[q];
    uint32_t best = UINT32_MAX;
    int most = 0;
    for (size_t i = s->arrows; i < (size_t)s->arrows + s->n_arrows; i++) {
        int count = 0;
        for (size_t k = s->arrows; k < (size_t)s->arrows + s->n_arrows; k++) {
            const struct dfa_arrow *a = &m->g->a.arrows[k];
            if (a->to == m->g->a.arrows[i].to && a->lo < 0x80) count += (a->hi < 0x80 ? a->hi : 0x7F) - a->lo + 1;
        }
        if (count > most) most = count, best = m->g->a.arrows[i].to;
    }
    return best;
}

/* Of bounded repetitions in one rule: the same, where each character leads one state on, whichever it is. */
static uint32_t chain_of(const struct grammar_matcher *m, uint32_t q)
{
    for (uint32_t n = 0; n < VOCAB_PLAIN; n++) {
        uint32_t to = UINT32_MAX;
        for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
            if (!leads_to(m, q, i, 0, &to)) return n;
        if (m->need[to] == NEED_NEVER) return n;
        q = to;
    }
    return VOCAB_PLAIN;
}

/* Which plain characters may follow q any number of times within its rule. Tokens of them need no walk. */
static struct plain plain_of(const struct grammar_matcher *m, uint32_t q)
{
    const struct dfa *a = &m->g->a;
    struct plain p = {.most = VOCAB_PLAIN};
    if (q >= a->n) { /* a counted rule of single characters */
        const struct counted *k = grammar_counted(m->g, q);
        uint32_t to = k->child < a->n ? main_target(m, k->child) : UINT32_MAX;
        if (to == UINT32_MAX || !a->states[to].final) return (struct plain){0};
        p.kinds = kinds_to(m, k->child, to);
        if (k->max != GRAMMAR_NO_MAX && k->max - (q - k->base) < p.most) p.most = k->max - (q - k->base);
        return p;
    }
    uint32_t to = main_target(m, q);
    if (to == UINT32_MAX || m->need[to] == NEED_NEVER) return (struct plain){0};
    struct kinds here = kinds_to(m, q, to), there = kinds_to(m, to, to);
    for (int i = 0; i < 2; i++) p.kinds.bits[i] = here.bits[i] & there.bits[i];
    if (p.kinds.bits[0] | p.kinds.bits[1]) return p;
    p.most = chain_of(m, q);
    for (unsigned i = 0; i < N_KINDS; i++) kinds_add(&p.kinds, i);
    return p;
}

/* ---- the walk ---- */

/* All tokens of nodes lo up to hi. */
static int take_tokens(struct grammar_matcher *m, uint32_t lo, uint32_t hi, uint32_t *mask, struct err *e)
{
    for (uint32_t i = m->v->nodes[lo].first; i < m->v->nodes[hi].first; i++) {
        int32_t id = m->v->ids[i];
        if (mask) {
            mask[id >> 5] |= 1u << (id & 31);
            continue;
        }
        if (m->n_ids == m->cap_ids) TRY(ROOM(m->ids, m->cap_ids, m->n_ids, 1, m->v->n_ids, "tokens", e));
        m->ids[m->n_ids++] = (uint32_t)id;
    }
    return OK;
}

/* The table of state q, which is made when q is met. */
static struct row *row_of(struct grammar_matcher *m, uint32_t q)
{
    struct row *r = &m->rows[q % N_ROWS];
    if (r->state == q) return r;
    const struct dfa_state *s = &m->g->a.states[q];
    memset(r->next, 0xFF, sizeof r->next);
    for (size_t i = s->arrows; i < (size_t)s->arrows + s->n_arrows; i++) {
        const struct dfa_arrow *a = &m->g->a.arrows[i];
        for (int c = a->lo; c <= a->hi; c++) r->next[c] = a->to;
    }
    r->state = q;
    r->have_loop = false;
    return r;
}

static bool has_all(const struct kinds *set, const struct kinds *k)
{
    return !(k->bits[0] & ~set->bits[0]) && !(k->bits[1] & ~set->bits[1]);
}

/* After a node all tokens below it stay in state q, which does nothing but read. */
static bool stays(struct grammar_matcher *m, uint32_t node, uint32_t q)
{
    enum { FEW = 8 }; /* nodes; fewer are as quickly walked */
    const struct trie_node *p = &m->v->nodes[node];
    if (p->plain == VOCAB_NOT_PLAIN || p->end < node + FEW) return false;
    if (m->g->a.states[q].final || m->g->a.states[q].n_calls) return false;
    struct row *r = row_of(m, q);
    if (!r->have_loop) r->loop = kinds_to(m, q, q);
    r->have_loop = true;
    return has_all(&r->loop, &m->v->kinds[node]);
}

/* A step of a set of one configuration, without the general machinery where the rule neither ends nor calls another. */
static size_t step_one(struct grammar_matcher *m, struct paths *w, struct config c, uint8_t b)
{
    uint32_t next = row_of(m, c.state)->next[b];
    size_t to = paths_begin(w);
    if (next == UINT32_MAX) return to;
    const struct dfa_state *s = &m->g->a.states[next];
    paths_add(w, to, next, c.frame);
    if (s->final || s->n_calls) paths_close(w, to, true);
    return to;
}

static bool is_left_out(const struct grammar_vocab *v, uint32_t node, const struct plain *p)
{
    return v->nodes[node].plain <= p->most && has_all(&p->kinds, &v->kinds[node]);
}

int matcher_walk(struct grammar_matcher *m, struct paths *w, uint32_t lo, uint32_t hi, struct level start, struct sink sink,
                 struct err *e)
{
    const struct trie_node *nodes = m->v->nodes;
    struct level *levels = m->levels;
    if (lo >= hi) return OK;
    int base = nodes[lo].depth - 1;
    levels[0] = start;
    for (uint32_t i = lo; i < hi;) {
        const struct trie_node *node = &nodes[i];
        uint64_t before = w->steps;
        if (is_left_out(m->v, i, &sink.plain)) {
            i = node->end;
            continue;
        }
        const struct level *up = &levels[node->depth - base - 1];
        w->n = up->from + up->n;
        frames_reset(&w->frames, up->frames);
        size_t to = up->n == 1 ? step_one(m, w, w->v[up->from], node->byte) : paths_step(w, up->from, up->n, node->byte, true);
        size_t n = w->n - to;
        if (w->steps - before >= m->steps_left)
            FAIL(e, ERR_LIMIT, "grammar: it takes too long to find the tokens that may follow: it can be read in too many ways");
        m->steps_left -= w->steps - before + 1;
        if (n == 1 && !w->unknown && stays(m, i, w->v[to].state)) {
            TRY(take_tokens(m, i, node->end, sink.mask, e));
            i = node->end;
            continue;
        }
        if (n || w->ended || w->unknown) TRY(take_tokens(m, i, i + 1, sink.mask, e));
        if (w->unknown && !sink.mask && node->end > i + 1) {
            TRY(ROOM(m->exits, m->cap_exits, m->n_exits, 1, m->v->n_nodes, "places", e));
            m->exits[m->n_exits++] = i;
        }
        if (n == 0) i = node->end;
        else {
            levels[node->depth - base] = (struct level){to, n, w->frames.n};
            i++;
        }
    }
    w->n = start.from + start.n;
    frames_reset(&w->frames, start.frames);
    return paths_check(w, e);
}

/* ---- entries ---- */

/* Of the places of a counted rule that are far from both its bounds one stands for all: no token gets from one to the other. */
static uint32_t stand_in(const struct grammar_matcher *m, uint32_t q)
{
    if (q < m->g->a.n) return q;
    const struct counted *k = grammar_counted(m->g, q);
    uint32_t times = q - k->base, far = (uint32_t)m->v->max_bytes + 1;
    if (times < k->min) return k->min - times > far ? k->base : q;
    return k->max == GRAMMAR_NO_MAX || k->max - times > far ? k->base + k->min : q;
}

static void forget(struct grammar_matcher *m)
{
    for (size_t i = 0; i < m->n_entries; i++) {
        mem_free(m->entries[i].ids);
        mem_free(m->entries[i].exits);
    }
    m->n_entries = 0;
    m->bytes = 0;
    if (m->slots) memset(m->slots, 0, m->n_slots * sizeof *m->slots);
}

static size_t home(const struct grammar_matcher *m, uint32_t q, uint32_t ret)
{
    return ((q ^ ret * 0x85EBCA77u) * 0x9E3779B1u >> 7) & (m->n_slots - 1);
}

static int grow(struct grammar_matcher *m, struct err *e)
{
    size_t n = m->n_slots ? 4 * m->n_slots : 64;
    uint32_t *slots = mem_array(n, sizeof *slots);
    if (!slots) FAIL(e, ERR_MEMORY, "grammar: out of memory for %zu sets of tokens", n);
    mem_free(m->slots);
    m->slots = slots;
    m->n_slots = n;
    for (size_t i = 0; i < m->n_entries; i++) {
        size_t k = home(m, m->entries[i].state, m->entries[i].ret);
        while (slots[k]) k = (k + 1) & (n - 1);
        slots[k] = (uint32_t)i + 1;
    }
    return OK;
}

/* Lists of the matcher become those of x. A set of plain tokens of some kinds only is one of its own. */
static int keep_lists(struct grammar_matcher *m, struct entry *x, const struct plain *p, struct err *e)
{
    const struct grammar_vocab *v = m->v;
    struct kinds left_out = {{~p->kinds.bits[0], ~p->kinds.bits[1]}};
    bool all = true;
    for (unsigned k = 0; k < N_KINDS; k++) all &= !kinds_has(&left_out, k) || !vocab_is_plain(k + KIND_FIRST);
    x->plain = all ? p->most : 0;
    x->dense = m->n_ids > v->words || (p->most && !all);
    x->n_ids = m->n_ids;
    x->n_exits = m->n_exits;
    x->ids = mem_array(x->dense ? v->words : m->n_ids + 1, sizeof *x->ids);
    x->exits = mem_array(m->n_exits + 1, sizeof *x->exits);
    if (!x->ids || !x->exits) {
        mem_free(x->ids);
        mem_free(x->exits);
        FAIL(e, ERR_MEMORY, "grammar: out of memory for a set of %zu tokens", m->n_ids);
    }
    if (!x->dense && m->n_ids) memcpy(x->ids, m->ids, m->n_ids * sizeof *x->ids);
    if (x->dense && p->most && !all) {
        memcpy(x->ids, v->plain + p->most * v->words, v->words * sizeof *x->ids);
        for (unsigned k = 0; k < N_KINDS; k++)
            for (size_t i = 0; i < v->words && kinds_has(&left_out, k); i++) x->ids[i] &= ~v->with[k * v->words + i];
    }
    for (size_t i = 0; i < m->n_ids && x->dense; i++) x->ids[m->ids[i] >> 5] |= 1u << (m->ids[i] & 31);
    if (m->n_exits) memcpy(x->exits, m->exits, m->n_exits * sizeof *x->exits);
    return OK;
}

static int make_entry(struct grammar_matcher *m, uint32_t q, uint32_t ret, struct entry *x, struct err *e)
{
    struct paths *w = &m->w;
    struct plain p = plain_of(m, q);
    m->n_ids = m->n_exits = 0;
    w->n = 0;
    w->reach = 0;
    frames_reset(&w->frames, 2);
    uint32_t frame = ret == UINT32_MAX ? FRAME_UNKNOWN : frames_put(&w->frames, ret, FRAME_UNKNOWN);
    size_t from = paths_begin(w);
    paths_add(w, from, q, frame);
    paths_close(w, from, true);
    *x = (struct entry){.state = q, .ret = ret};
    TRY(matcher_walk(m, w, 0, (uint32_t)m->v->n_nodes, (struct level){from, w->n - from, w->frames.n},
                     (struct sink){.plain = p}, e));
    x->reach = w->reach;
    return keep_lists(m, x, &p, e);
}

int matcher_entry(struct grammar_matcher *m, uint32_t q, uint32_t ret, const struct entry **out, struct err *e)
{
    q = stand_in(m, q);
    if (m->bytes > GRAMMAR_MAX_CACHE) forget(m);
    if (2 * m->n_entries >= m->n_slots) TRY(grow(m, e));
    size_t k = home(m, q, ret);
    for (; m->slots[k]; k = (k + 1) & (m->n_slots - 1)) {
        const struct entry *x = &m->entries[m->slots[k] - 1];
        if (x->state != q || x->ret != ret) continue;
        *out = x;
        return OK;
    }
    TRY(ROOM(m->entries, m->cap_entries, m->n_entries, 1, (size_t)1 << 24, "sets of tokens", e));
    struct entry *x = &m->entries[m->n_entries];
    TRY(make_entry(m, q, ret, x, e));
    m->bytes += sizeof *x + (x->dense ? m->v->words : x->n_ids) * sizeof *x->ids + x->n_exits * sizeof *x->exits;
    m->slots[k] = (uint32_t)++m->n_entries;
    *out = x;
    return OK;
}

/* ---- making ---- */

int grammar_matcher_new(struct grammar_matcher **out, const struct grammar *g, const struct grammar_vocab *v, struct err *e)
{
    *out = NULL;
    struct grammar_matcher *m = mem_alloc(sizeof *m);
    if (!m) FAIL(e, ERR_MEMORY, "grammar: out of memory for a matcher");
    m->g = g;
    m->v = v;
    m->need = g->need;
    for (size_t i = 0; i < N_ROWS; i++) m->rows[i].state = UINT32_MAX;
    int rc = OK;
    if (v->lacks_bytes) {
        uint64_t work = GRAMMAR_MAX_WORK;
        m->own_need = mem_array(g->a.n, sizeof *m->own_need);
        rc = m->own_need ? grammar_needs(g, v->byte_ok, m->own_need, &work, e)
                         : err_set(e, ERR_MEMORY, __FILE__, __LINE__, "grammar: out of memory for %zu states", g->a.n);
        m->need = m->own_need;
        if (!rc && grammar_need(g, m->need, g->start) > g->max_depth)
            rc = err_set(e, ERR_UNSUPPORTED, __FILE__, __LINE__,
                         "the model's vocabulary cannot write a text that the grammar allows");
    }
    if (!rc) rc = paths_init(&m->w, g, m->need, e);
    if (rc) {
        grammar_matcher_free(m);
        return rc;
    }
    *out = m;
    return OK;
}

void grammar_matcher_free(struct grammar_matcher *m)
{
    if (!m) return;
    forget(m);
    paths_free(&m->w);
    mem_free(m->entries);
    mem_free(m->slots);
    mem_free(m->ids);
    mem_free(m->exits);
    mem_free(m->own_need);
    mem_free(m);
}
