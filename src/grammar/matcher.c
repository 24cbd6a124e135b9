/* Walks through the tree of tokens, and what is remembered of them. */
#include "grammar/matcher.h"
#include "grammar/room.h"
#include <string.h>

/* ---- the walk ---- */

static int take_tokens(struct grammar_matcher *m, const struct trie_node *node, uint32_t *mask, struct err *e)
{
    for (uint32_t i = node->first; i < node[1].first; i++) {
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

int matcher_walk(struct grammar_matcher *m, struct paths *w, uint32_t lo, uint32_t hi, struct level start,
                 struct sink sink, struct err *e)
{
    const struct trie_node *nodes = m->v->nodes;
    struct level *levels = m->levels;
    if (lo >= hi) return OK;
    int base = nodes[lo].depth - 1;
    levels[0] = start;
    for (uint32_t i = lo; i < hi;) {
        const struct trie_node *node = &nodes[i];
        if (node->plain <= sink.plain) {
            i = node->end;
            continue;
        }
        const struct level *up = &levels[node->depth - base - 1];
        w->n = up->from + up->n;
        frames_reset(&w->frames, up->frames);
        size_t to = paths_step(w, up->from, up->n, node->byte, true), n = w->n - to;
        if (n || w->ended || w->unknown) TRY(take_tokens(m, node, sink.mask, e));
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

enum { MAX_AFTER = 64 };

/* States after a plain character. */
struct after {
    uint32_t v[MAX_AFTER];
    size_t n;
};

static bool note(struct after *a, uint32_t q)
{
    for (size_t i = 0; i < a->n; i++)
        if (a->v[i] == q) return true;
    if (a->n == MAX_AFTER) return false;
    a->v[a->n++] = q;
    return true;
}

/* From q all of a shape's characters can be read, from byte i on; where that leads is noted. */
static bool reads_shape(const struct grammar_matcher *m, uint32_t q, size_t shape, int i, struct after *out)
{
    if (m->need[q] == NEED_NEVER) return false;
    if (i == shapes[shape].n) return note(out, q);
    const struct dfa_state *s = &m->g->a.states[q];
    int want = shapes[shape].lo[i], hi = shapes[shape].hi[i];
    for (size_t k = s->arrows; k < (size_t)s->arrows + s->n_arrows && want <= hi; k++) {
        const struct dfa_arrow *a = &m->g->a.arrows[k];
        if (a->hi < want) continue;
        if (a->lo > want || !reads_shape(m, a->to, shape, i + 1, out)) return false;
        want = a->hi + 1;
    }
    return want > hi;
}

static bool reads_plain(const struct grammar_matcher *m, uint32_t q, struct after *out)
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (!reads_shape(m, q, i, 0, out)) return false;
    return true;
}

/* How many plain characters, whichever they are, may follow q within its rule: up to VOCAB_PLAIN. */
static uint32_t plain_run(const struct grammar_matcher *m, uint32_t q)
{
    const struct dfa *a = &m->g->a;
    if (q >= a->n) { /* a counted rule of single characters */
        const struct counted *k = grammar_counted(m->g, q);
        struct after one = {.n = 0};
        if (k->child >= a->n || !reads_plain(m, k->child, &one)) return 0;
        for (size_t i = 0; i < one.n; i++)
            if (!a->states[one.v[i]].final) return 0;
        if (k->max == GRAMMAR_NO_MAX || k->max - (q - k->base) > VOCAB_PLAIN) return VOCAB_PLAIN;
        return k->max - (q - k->base);
    }
    struct after now = {.v = {q}, .n = 1}, seen = now;
    for (uint32_t run = 0; run < VOCAB_PLAIN; run++) {
        struct after next = {.n = 0};
        for (size_t i = 0; i < now.n; i++)
            if (!reads_plain(m, now.v[i], &next)) return run;
        size_t before = seen.n;
        for (size_t i = 0; i < next.n; i++)
            if (!note(&seen, next.v[i])) return run;
        if (seen.n == before) return VOCAB_PLAIN; /* nothing new: it goes on for ever */
        now = next;
    }
    return VOCAB_PLAIN;
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

static size_t home(const struct grammar_matcher *m, uint32_t q) { return (q * 0x9E3779B1u >> 7) & (m->n_slots - 1); }

static int grow(struct grammar_matcher *m, struct err *e)
{
    size_t n = m->n_slots ? 4 * m->n_slots : 64;
    uint32_t *slots = mem_array(n, sizeof *slots);
    if (!slots) FAIL(e, ERR_MEMORY, "grammar: out of memory for %zu sets of tokens", n);
    mem_free(m->slots);
    m->slots = slots;
    m->n_slots = n;
    for (size_t i = 0; i < m->n_entries; i++) {
        size_t k = home(m, m->entries[i].state);
        while (slots[k]) k = (k + 1) & (n - 1);
        slots[k] = (uint32_t)i + 1;
    }
    return OK;
}

/* Lists of the matcher become those of x. */
static int keep_lists(struct grammar_matcher *m, struct entry *x, struct err *e)
{
    size_t words = m->v->words;
    x->dense = m->n_ids > words;
    x->n_ids = m->n_ids;
    x->n_exits = m->n_exits;
    x->ids = mem_array(x->dense ? words : m->n_ids + 1, sizeof *x->ids);
    x->exits = mem_array(m->n_exits + 1, sizeof *x->exits);
    if (!x->ids || !x->exits) {
        mem_free(x->ids);
        mem_free(x->exits);
        FAIL(e, ERR_MEMORY, "grammar: out of memory for a set of %zu tokens", m->n_ids);
    }
    if (!x->dense && m->n_ids) memcpy(x->ids, m->ids, m->n_ids * sizeof *x->ids);
    for (size_t i = 0; i < m->n_ids && x->dense; i++) x->ids[m->ids[i] >> 5] |= 1u << (m->ids[i] & 31);
    if (m->n_exits) memcpy(x->exits, m->exits, m->n_exits * sizeof *x->exits);
    return OK;
}

static int make_entry(struct grammar_matcher *m, uint32_t q, struct entry *x, struct err *e)
{
    struct paths *w = &m->w;
    m->n_ids = m->n_exits = 0;
    w->n = 0;
    w->reach = 0;
    frames_reset(&w->frames, 2);
    size_t from = paths_begin(w);
    paths_add(w, from, q, FRAME_UNKNOWN);
    paths_close(w, from, true);
    *x = (struct entry){.state = q, .plain = plain_run(m, q)};
    TRY(matcher_walk(m, w, 0, (uint32_t)m->v->n_nodes, (struct level){from, w->n - from, w->frames.n},
                     (struct sink){.plain = x->plain}, e));
    x->reach = w->reach > VOCAB_PLAIN ? w->reach : VOCAB_PLAIN;
    return keep_lists(m, x, e);
}

int matcher_entry(struct grammar_matcher *m, uint32_t q, const struct entry **out, struct err *e)
{
    q = stand_in(m, q);
    if (m->bytes > GRAMMAR_MAX_CACHE) forget(m);
    if (2 * m->n_entries >= m->n_slots) TRY(grow(m, e));
    size_t k = home(m, q);
    for (; m->slots[k]; k = (k + 1) & (m->n_slots - 1))
        if (m->entries[m->slots[k] - 1].state == q) {
            *out = &m->entries[m->slots[k] - 1];
            return OK;
        }
    TRY(ROOM(m->entries, m->cap_entries, m->n_entries, 1, (size_t)1 << 24, "sets of tokens", e));
    struct entry *x = &m->entries[m->n_entries];
    TRY(make_entry(m, q, x, e));
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
