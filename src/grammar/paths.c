/* Sets of configurations, and steps by bytes. */
#include "grammar/paths.h"
#include "grammar/room.h"
#include <string.h>

int paths_init(struct paths *w, const struct grammar *g, const uint16_t *need, struct err *e)
{
    *w = (struct paths){.g = g, .need = need};
    TRY(ROOM(w->frames.v, w->frames.cap, 0, 64, GRAMMAR_MAX_FRAMES, "frames", e));
    w->frames.v[FRAME_EMPTY] = w->frames.v[FRAME_UNKNOWN] = (struct frame){.ret = UINT32_MAX};
    w->frames.n = 2;
    return ROOM(w->v, w->cap, 0, 256, (size_t)1 << 24, "configurations", e);
}

void paths_free(struct paths *w)
{
    mem_free(w->frames.v);
    mem_free(w->v);
    *w = (struct paths){0};
}

int paths_check(struct paths *w, struct err *e)
{
    bool failed = w->no_memory;
    w->no_memory = false;
    if (failed) FAIL(e, ERR_MEMORY, "grammar: out of memory for %zu configurations", w->n);
    return OK;
}

static size_t slot_of(uint32_t ret, uint32_t parent)
{
    uint32_t h = ret * 0x9E3779B1u ^ parent * 0x85EBCA77u;
    return (h ^ h >> 15) % FRAME_SLOTS;
}

void frames_reset(struct frames *f, size_t n)
{
    while (f->n > n) {
        const struct frame *x = &f->v[--f->n];
        f->slots[slot_of(x->ret, x->parent)] = x->next;
    }
}

uint32_t frames_put(struct frames *f, uint32_t ret, uint32_t parent)
{
    size_t s = slot_of(ret, parent);
    f->v[f->n] = (struct frame){.ret = ret, .parent = parent, .next = f->slots[s], .depth = f->v[parent].depth + 1};
    f->slots[s] = (uint32_t)f->n;
    return (uint32_t)f->n++;
}

/* The frame for a call that returns to ret inside parent; UINT32_MAX: there is no room. */
static uint32_t push(struct paths *w, uint32_t ret, uint32_t parent)
{
    struct frames *f = &w->frames;
    size_t s = slot_of(ret, parent);
    for (uint32_t i = f->slots[s]; i; i = f->v[i].next)
        if (f->v[i].ret == ret && f->v[i].parent == parent) return i;
    if (f->n >= GRAMMAR_MAX_FRAMES) {
        w->over = true;
        return UINT32_MAX;
    }
    if (f->n == f->cap && ROOM(f->v, f->cap, f->n, 1, GRAMMAR_MAX_FRAMES, "frames", NULL)) {
        w->no_memory = true;
        return UINT32_MAX;
    }
    return frames_put(f, ret, parent);
}

size_t paths_begin(struct paths *w)
{
    w->ended = w->unknown = false;
    return w->n;
}

void paths_add(struct paths *w, size_t from, uint32_t state, uint32_t frame)
{
    uint32_t need = state < w->g->a.n ? w->need[state] : grammar_need(w->g, w->need, state);
    if (need == NEED_NEVER) return;
    need += w->frames.v[frame].depth;
    if (need > w->reach) w->reach = need;
    if (need > w->g->max_depth) return;
    w->steps += 1 + (w->n - from) / 8;
    for (size_t i = from; i < w->n; i++)
        if (w->v[i].state == state && w->v[i].frame == frame) return;
    if (w->n - from >= GRAMMAR_MAX_CONFIGS) {
        w->over = true;
        return;
    }
    if (w->n == w->cap && ROOM(w->v, w->cap, w->n, 1, (size_t)1 << 24, "configurations", NULL)) {
        w->no_memory = true;
        return;
    }
    w->v[w->n++] = (struct config){state, frame};
}

/* The rule of frame has ended. */
static void leave(struct paths *w, size_t from, uint32_t frame)
{
    if (frame == FRAME_EMPTY) w->ended = true;
    else if (frame == FRAME_UNKNOWN) w->unknown = true;
    else paths_add(w, from, w->frames.v[frame].ret, w->frames.v[frame].parent);
}

/* State q is the end of its rule and nothing else. */
static bool only_ends(const struct grammar *g, uint32_t q)
{
    if (q < g->a.n) return g->a.states[q].final && !g->a.states[q].n_arrows && !g->a.states[q].n_calls;
    const struct counted *k = grammar_counted(g, q);
    return q - k->base == k->max;
}

/* A call of the rule that begins in state `to`. Where nothing is left to do after it, the frame around does. */
static void enter(struct paths *w, size_t from, struct config c, uint32_t to, uint32_t ret)
{
    uint32_t frame = only_ends(w->g, ret) ? c.frame : push(w, ret, c.frame);
    if (frame != UINT32_MAX) paths_add(w, from, to, frame);
}

static void close_counted(struct paths *w, size_t from, struct config c, bool calls)
{
    const struct counted *k = grammar_counted(w->g, c.state);
    uint32_t times = c.state - k->base;
    if (times >= k->min) leave(w, from, c.frame);
    if (!calls || times == k->max) return;
    enter(w, from, c, k->child, times + 1 < k->span ? c.state + 1 : c.state);
}

void paths_close(struct paths *w, size_t from, bool calls)
{
    const struct dfa *a = &w->g->a;
    bool others = false;
    for (size_t i = from; i < w->n; i++) {
        struct config c = w->v[i];
        if (c.state >= a->n) {
            close_counted(w, from, c, calls);
            others = true;
            continue;
        }
        const struct dfa_state *s = &a->states[c.state];
        if (s->final) leave(w, from, c.frame);
        others |= s->n_arrows == 0;
        if (!calls && (s->final || s->n_arrows || s->n_calls != 1)) continue; /* without a choice the rule is entered */
        for (size_t k = s->calls; k < (size_t)s->calls + s->n_calls; k++)
            enter(w, from, c, w->g->starts[a->calls[k].rule], a->calls[k].to);
    }
    if (!others) return;
    size_t n = from;
    for (size_t i = from; i < w->n; i++) {
        uint32_t q = w->v[i].state;
        bool reads = q < a->n && a->states[q].n_arrows;
        bool stands = q >= a->n || a->states[q].n_calls > 1 || (a->states[q].n_calls && a->states[q].final);
        if (reads || (!calls && stands)) w->v[n++] = w->v[i];
    }
    w->n = n;
}

size_t paths_step(struct paths *w, size_t from, size_t n, uint8_t b, bool calls)
{
    size_t to = paths_begin(w);
    for (size_t i = from; i < from + n; i++) {
        uint32_t next = grammar_next(w->g, w->v[i].state, b);
        if (next != UINT32_MAX) paths_add(w, to, next, w->v[i].frame);
    }
    paths_close(w, to, calls);
    return to;
}

bool grammar_matches(const struct grammar *g, const char *text, size_t len)
{
    struct paths w;
    bool good = paths_init(&w, g, g->need, NULL) == OK;
    size_t from = good ? paths_begin(&w) : 0;
    if (good) {
        paths_add(&w, from, g->start, FRAME_EMPTY);
        paths_close(&w, from, true);
    }
    for (size_t i = 0; i < len && good; i++) {
        size_t to = paths_step(&w, from, w.n - from, (uint8_t)text[i], true);
        memmove(w.v + from, w.v + to, (w.n - to) * sizeof *w.v);
        w.n -= to - from;
        good = (w.n > from || w.ended) && !w.over && !w.no_memory;
    }
    good = good && w.ended;
    paths_free(&w);
    return good;
}
