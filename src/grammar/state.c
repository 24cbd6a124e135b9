/* How far one answer has come. */
#include "grammar/build.h"
#include "grammar/matcher.h"
#include "grammar/room.h"
#include "text/tokenizer.h"
#include <string.h>

enum { FEW_FRAMES = 1024 }; /* so many may be left over before those in use are put together */

/* w.v[0 .. w.n): where the text stands, rules that have ended left, none entered yet. */
struct grammar_state {
    struct grammar_matcher *m;
    struct paths w;
    uint32_t *mask;
    bool may_end, ended, have_mask;
    size_t kept_frames; /* after they were last put together */
    uint64_t steps_left; /* of the work that an answer may cost */
};

int grammar_begin(struct grammar_state **out, struct grammar_matcher *m, struct err *e)
{
    *out = NULL;
    struct grammar_state *s = mem_alloc(sizeof *s);
    if (!s) FAIL(e, ERR_MEMORY, "grammar: out of memory for a state");
    s->m = m;
    s->steps_left = GRAMMAR_FIRST_STEPS;
    int rc = paths_init(&s->w, m->g, m->need, e);
    if (!rc && !(s->mask = mem_array(m->v->words, sizeof *s->mask)))
        rc = err_set(e, ERR_MEMORY, __FILE__, __LINE__, "grammar: out of memory for a set of tokens");
    if (rc) {
        grammar_state_free(s);
        return rc;
    }
    paths_begin(&s->w);
    paths_add(&s->w, 0, m->g->start, FRAME_EMPTY);
    paths_close(&s->w, 0, false);
    s->may_end = s->w.ended;
    *out = s;
    return OK;
}

void grammar_state_free(struct grammar_state *s)
{
    if (!s) return;
    paths_free(&s->w);
    mem_free(s->mask);
    mem_free(s);
}

int grammar_copy(struct grammar_state **out, const struct grammar_state *s, struct err *e)
{
    TRY(grammar_begin(out, s->m, e));
    struct grammar_state *c = *out;
    struct frames *f = &c->w.frames;
    int rc = ROOM(f->v, f->cap, f->n, s->w.frames.n - f->n, GRAMMAR_MAX_FRAMES, "frames", e);
    if (!rc) rc = ROOM(c->w.v, c->w.cap, c->w.n, s->w.n, (size_t)1 << 24, "configurations", e);
    if (rc) {
        grammar_state_free(c);
        *out = NULL;
        return rc;
    }
    memcpy(f->v, s->w.frames.v, s->w.frames.n * sizeof *f->v);
    memcpy(f->slots, s->w.frames.slots, sizeof f->slots);
    f->n = s->w.frames.n;
    memcpy(c->w.v, s->w.v, s->w.n * sizeof *c->w.v);
    c->w.n = s->w.n;
    c->may_end = s->may_end;
    c->ended = s->ended;
    c->kept_frames = s->kept_frames;
    c->steps_left = s->steps_left;
    return OK;
}

/* ---- which tokens ---- */

/* A set with all that is called from configuration c, and (around) from what is around it instead. */
static struct level closed(struct paths *w, struct config c, bool around)
{
    size_t from = paths_begin(w);
    if (around && c.frame != FRAME_EMPTY) paths_add(w, from, w->frames.v[c.frame].ret, w->frames.v[c.frame].parent);
    if (!around) paths_add(w, from, c.state, c.frame);
    paths_close(w, from, true);
    return (struct level){from, w->n - from, w->frames.n};
}

static int add_config(struct grammar_state *s, struct config c, struct err *e)
{
    struct grammar_matcher *m = s->m;
    const struct grammar_vocab *v = m->v;
    const struct entry *x;
    struct paths *w = &s->w;
    struct sink sink = {.mask = s->mask};
    const struct frame *f = &w->frames.v[c.frame];
    bool counted = c.state >= m->g->a.n && c.frame != FRAME_EMPTY;
    TRY(matcher_entry(m, c.state, counted ? f->ret : UINT32_MAX, &x, e));
    if (f->depth + x->reach > m->g->max_depth) /* here it matters how deep the text is nested */
        return matcher_walk(m, w, 0, (uint32_t)v->n_nodes, closed(w, c, false), sink, e);
    if (x->plain) {
        const uint32_t *plain = v->plain + x->plain * v->words;
        for (size_t i = 0; i < v->words; i++) s->mask[i] |= plain[i];
    }
    for (size_t i = 0; i < v->words && x->dense; i++) s->mask[i] |= x->ids[i];
    for (size_t i = 0; i < x->n_ids && !x->dense; i++) s->mask[x->ids[i] >> 5] |= 1u << (x->ids[i] & 31);
    if (!x->n_exits) return OK;
    if (counted) c.frame = f->parent; /* the entry has seen what is directly around */
    struct level around = closed(w, c, true);
    for (size_t i = 0; i < x->n_exits && around.n; i++) {
        uint32_t node = x->exits[i];
        TRY(matcher_walk(m, w, node + 1, v->nodes[node].end, around, sink, e));
    }
    return OK;
}

int grammar_mask(struct grammar_state *s, const uint32_t **mask, struct err *e)
{
    const struct grammar_vocab *v = s->m->v;
    *mask = s->mask;
    if (s->have_mask) return OK;
    size_t n = s->w.n, frames = s->w.frames.n;
    memset(s->mask, 0, v->words * sizeof *s->mask);
    int rc = OK;
    s->m->steps_left = s->steps_left + GRAMMAR_TOKEN_STEPS;
    for (size_t i = 0; i < n && !rc && !s->ended; i++) {
        rc = add_config(s, s->w.v[i], e);
        s->w.n = n;
        frames_reset(&s->w.frames, frames);
    }
    s->steps_left = s->m->steps_left < GRAMMAR_FIRST_STEPS ? s->m->steps_left : GRAMMAR_FIRST_STEPS;
    TRY(rc);
    for (size_t i = 0; i < v->n_ends && (s->may_end || s->ended); i++) s->mask[v->ends[i] >> 5] |= 1u << (v->ends[i] & 31);
    uint32_t any = 0;
    for (size_t i = 0; i < v->words; i++) any |= s->mask[i];
    if (!any) FAIL(e, ERR_UNSUPPORTED, "grammar: no token of the vocabulary can go on with the text, and it may not end");
    s->have_mask = true;
    return OK;
}

/* ---- going on ---- */

/* Only frames in use are kept, in order: a frame lies behind its parent. */
static int tidy_frames(struct grammar_state *s, struct err *e)
{
    struct frames *f = &s->w.frames;
    if (f->n < 2 * s->kept_frames + FEW_FRAMES) return OK;
    uint32_t *to = mem_array(f->n, sizeof *to);
    if (!to) FAIL(e, ERR_MEMORY, "grammar: out of memory for %zu frames", f->n);
    for (size_t i = 0; i < s->w.n; i++)
        for (uint32_t k = s->w.v[i].frame; k >= 2 && !to[k]; k = f->v[k].parent) to[k] = 1;
    size_t n = f->n;
    to[FRAME_UNKNOWN] = FRAME_UNKNOWN;
    memset(f->slots, 0, sizeof f->slots);
    f->n = 2;
    for (size_t i = 2; i < n; i++) {
        if (!to[i]) continue;
        to[i] = frames_put(f, f->v[i].ret, to[f->v[i].parent]);
    }
    for (size_t i = 0; i < s->w.n; i++) s->w.v[i].frame = to[s->w.v[i].frame];
    s->kept_frames = f->n;
    mem_free(to);
    return OK;
}

/* The bytes of a token in the tree, none if it is not there; other ones than text have their number. */
static const char *bytes_of(const struct grammar_vocab *v, int32_t id, uint8_t own[TOKEN_SPELLED], size_t *len)
{
    if (tokenizer_is_text(v->t, id)) {
        const char *s = tokenizer_bytes(v->t, id, len);
        if (!vocab_takes((const uint8_t *)s, *len)) *len = 0;
        return s;
    }
    token_spell(own, id);
    *len = TOKEN_SPELLED;
    return (const char *)own;
}

static bool is_end(const struct grammar_vocab *v, int32_t id)
{
    for (size_t i = 0; i < v->n_ends; i++)
        if (v->ends[i] == id) return true;
    return false;
}

/* Behind the set at hand: what it becomes by the bytes. 0: the bytes do not fit. */
static size_t step_bytes(struct paths *w, size_t n, const char *b, size_t len, bool enter_last)
{
    size_t from = paths_begin(w);
    for (size_t i = 0; i < n; i++) paths_add(w, from, w->v[i].state, w->v[i].frame);
    paths_close(w, from, true);
    for (size_t i = 0; i < len; i++) {
        size_t to = paths_step(w, from, w->n - from, (uint8_t)b[i], i + 1 < len || enter_last);
        if (w->n == to && !(w->ended && i + 1 == len)) return 0;
        from = to;
    }
    return from;
}

int grammar_accept(struct grammar_state *s, int32_t id, struct err *e)
{
    const struct grammar_vocab *v = s->m->v;
    struct paths *w = &s->w;
    uint8_t own[TOKEN_SPELLED];
    size_t len = 0, n = w->n, frames = w->frames.n;
    if (s->ended) FAIL(e, ERR_USAGE, "grammar: token %d after the end of the text", id);
    if (id < 0 || id >= v->n_vocab) FAIL(e, ERR_USAGE, "grammar: token %d, expected 0 to %lld", id, (long long)v->n_vocab - 1);
    if (s->may_end && is_end(v, id)) {
        s->ended = true;
        s->have_mask = false;
        return OK;
    }
    const char *b = bytes_of(v, id, own, &len);
    w->over = false;
    size_t from = len ? step_bytes(w, n, b, len, false) : 0;
    bool over = w->over, ended = w->ended;
    int rc = paths_check(w, e);
    if (!rc && over)
        rc = err_set(e, ERR_LIMIT, __FILE__, __LINE__, "grammar: the text can be read in more than %d ways",
                     GRAMMAR_MAX_CONFIGS);
    if (!rc && !from) rc = err_set(e, ERR_FORMAT, __FILE__, __LINE__, "grammar: token %d is not allowed here", id);
    if (rc) {
        w->n = n;
        frames_reset(&w->frames, frames);
        return rc;
    }
    size_t left = w->n - from;
    memmove(w->v, w->v + from, left * sizeof *w->v);
    w->n = left;
    s->may_end = ended;
    s->have_mask = false;
    return tidy_frames(s, e);
}

bool grammar_may_end(const struct grammar_state *s) { return s->may_end; }
bool grammar_ended(const struct grammar_state *s) { return s->ended; }

/* The one byte that all arrows of a closed set are for; -1: there are others, or none. */
static int only_byte(const struct paths *w, size_t from)
{
    int only = -1;
    for (size_t i = from; i < w->n; i++) {
        const struct dfa_state *q = &w->g->a.states[w->v[i].state];
        for (size_t k = q->arrows; k < (size_t)q->arrows + q->n_arrows; k++) {
            const struct dfa_arrow *a = &w->g->a.arrows[k];
            if (w->need[a->to] == NEED_NEVER) continue;
            if (a->lo != a->hi || (only >= 0 && only != a->lo)) return -1;
            only = a->lo;
        }
    }
    return only == 0xFF ? -1 : only;
}

int grammar_forced(struct grammar_state *s, size_t most, struct buf *out, struct err *e)
{
    struct paths *w = &s->w;
    size_t n = w->n, frames = w->frames.n;
    if (s->ended || s->may_end) return OK;
    size_t from = step_bytes(w, n, NULL, 0, true);
    for (size_t i = 0; i < most; i++) {
        int b = only_byte(w, from);
        if (b < 0) break;
        from = paths_step(w, from, w->n - from, (uint8_t)b, true);
        if (w->n == from && !w->ended) break;
        buf_add_byte(out, b);
        if (w->ended) break;
    }
    w->n = n;
    frames_reset(&w->frames, frames);
    TRY(paths_check(w, e));
    return buf_check(out, "forced text", e);
}
