/* For loops. Items are taken one at a time, and the condition of a loop is evaluated when the next item is wanted, as
 * Python's generators do: what the body sets in a namespace counts for it. */
#include <string.h>
#include "base/checked.h"
#include "chat/template/builtin.h"
#include "chat/template/exec.h"
#include "chat/template/text.h"

/* Whether the condition takes item. The slots of the target are the body's, so they are put back. */
static int accepts(struct template_run *r, struct loop *l, const struct value *item, bool *is)
{
    const struct for_node *n = l->node;
    struct value saved[16], v;
    struct value *slots = l->frame->slots + n->first_target, *keep = saved;
    if (n->n_targets > ARRAY_LEN(saved)) NEW(r, keep, n->n_targets);
    memcpy(keep, slots, n->n_targets * sizeof *keep);
    enter_scope(r, l->frame, &n->test_scope);
    TRY(assign(r, l->frame, n->target, item));
    TRY(eval(r, l->frame, n->test, &v));
    memcpy(slots, keep, n->n_targets * sizeof *keep);
    return truth(r, &v, is);
}

static int take(struct template_run *r, struct loop *l, struct value *item, bool *more)
{
    bool is = !l->node->test;
    if (l->pending.kind != K_MISSING) {
        *more = l->pending_at < l->pending.list->n;
        if (*more) *item = l->pending.list->items[l->pending_at++];
        return OK;
    }
    do {
        TRY(walk_next(r, &l->walk, item, more));
        if (*more && l->node->test) TRY(accepts(r, l, item, &is));
    } while (*more && !is);
    return OK;
}

/* Knows afterwards what comes next. */
static int peek(struct template_run *r, struct loop *l)
{
    bool more;
    if (l->looked) return OK;
    TRY(take(r, l, &l->after, &more));
    l->looked = true;
    l->ended = !more;
    return OK;
}

int loop_items_next(struct template_run *r, struct loop *l, struct value *item, bool *more)
{
    TRY(peek(r, l));
    *more = !l->ended;
    if (l->ended) return OK;
    l->looked = false;
    l->index0++;
    l->before = l->current;
    l->current = l->after;
    *item = l->current;
    return OK;
}

/* Where the number of items is not known it is found by taking the rest. */
static int count(struct template_run *r, struct loop *l)
{
    struct value rest, item;
    bool more = true;
    if (l->has_length) return OK;
    if (!l->node->test && l->walk.n != SIZE_MAX) l->length = (int64_t)l->walk.n;
    else {
        TRY(list_new(r, 0, &rest));
        for (;;) {
            TRY(take(r, l, &item, &more));
            if (!more) break;
            TRY(list_add(r, rest.list, &item));
        }
        l->pending = rest;
        l->pending_at = 0;
        l->length = (int64_t)rest.list->n + l->index0 + 1 + (l->looked && !l->ended);
    }
    l->has_length = true;
    return OK;
}

/* ---- the value `loop` ---- */

static int loop_index(struct template_run *r, struct loop *l, struct value *out)
{
    (void)r;
    *out = INT(l->index0 + 1);
    return OK;
}
static int loop_index0(struct template_run *r, struct loop *l, struct value *out)
{
    (void)r;
    *out = INT(l->index0);
    return OK;
}
static int loop_first(struct template_run *r, struct loop *l, struct value *out)
{
    (void)r;
    *out = BOOL(l->index0 == 0);
    return OK;
}
static int loop_depth(struct template_run *r, struct loop *l, struct value *out)
{
    (void)r;
    *out = INT(l->depth + 1);
    return OK;
}
static int loop_depth0(struct template_run *r, struct loop *l, struct value *out)
{
    (void)r;
    *out = INT(l->depth);
    return OK;
}

static int loop_length(struct template_run *r, struct loop *l, struct value *out)
{
    TRY(count(r, l));
    *out = INT(l->length);
    return OK;
}

static int loop_revindex(struct template_run *r, struct loop *l, struct value *out)
{
    TRY(count(r, l));
    *out = INT(l->length - l->index0);
    return OK;
}

static int loop_revindex0(struct template_run *r, struct loop *l, struct value *out)
{
    TRY(count(r, l));
    *out = INT(l->length - l->index0 - 1);
    return OK;
}

static int loop_last(struct template_run *r, struct loop *l, struct value *out)
{
    TRY(peek(r, l));
    *out = BOOL(l->ended);
    return OK;
}

static int loop_previtem(struct template_run *r, struct loop *l, struct value *out)
{
    if (l->index0 == 0) return undefined_words(r, "there is no previous item", out);
    *out = l->before;
    return OK;
}

static int loop_nextitem(struct template_run *r, struct loop *l, struct value *out)
{
    TRY(peek(r, l));
    if (l->ended) return undefined_words(r, "there is no next item", out);
    *out = l->after;
    return OK;
}

static const struct {
    const char *name;
    int (*get)(struct template_run *r, struct loop *l, struct value *out);
} loop_attrs[] = {
    {"index", loop_index},         {"index0", loop_index0},     {"first", loop_first},
    {"last", loop_last},           {"length", loop_length},     {"revindex", loop_revindex},
    {"revindex0", loop_revindex0}, {"previtem", loop_previtem}, {"nextitem", loop_nextitem},
    {"depth", loop_depth},         {"depth0", loop_depth0},
};

int loop_attr(struct template_run *r, struct loop *l, const struct text *name, struct value *out, bool *found)
{
    for (size_t i = 0; i < ARRAY_LEN(loop_attrs); i++) {
        if (!text_is(name, loop_attrs[i].name)) continue;
        *found = true;
        return loop_attrs[i].get(r, l, out);
    }
    *found = false;
    return OK;
}

static int loop_cycle(struct template_run *r, const struct value *self, const struct args *args,
                      struct value *out)
{
    if (!args->n) FAULT(r, "no items for cycling given");
    *out = args->pos[self->loop->index0 % args->n];
    return OK;
}

static int loop_changed(struct template_run *r, const struct value *self, const struct args *args,
                        struct value *out)
{
    struct loop *l = self->loop;
    struct value old = {.kind = K_TUPLE, .list = l->changed}, now;
    bool same = false;
    TRY(list_new(r, args->n, &now));
    for (uint32_t i = 0; i < args->n; i++) TRY(list_add(r, now.list, &args->pos[i]));
    now.kind = K_TUPLE;
    if (l->changed) TRY(equals(r, &old, &now, &same));
    l->changed = now.list;
    *out = BOOL(!same);
    return OK;
}

const struct builtin loop_methods[] = {
    {.name = "cycle", .variadic = loop_cycle},
    {.name = "changed", .variadic = loop_changed},
    {0},
};

/* ---- running ---- */

static int run_loop(struct template_run *r, struct loop *l, enum flow *flow)
{
    const struct for_node *n = l->node;
    struct value item, self = {.kind = K_LOOP, .loop = l};
    bool more, completed = false; /* as in jinja2, else is for loops of which no iteration ran to its end */
    for (;;) {
        TRY(loop_items_next(r, l, &item, &more));
        if (!more) break;
        l->frame->slots[n->loop.slot] = self;
        TRY(assign(r, l->frame, n->target, &item));
        enter_scope(r, l->frame, &n->scope);
        enum flow inner = FLOW_ON;
        TRY(exec(r, l->frame, n->body, &inner));
        if (inner == FLOW_BREAK) break;
        completed |= inner == FLOW_ON;
    }
    if (completed || !n->otherwise) return OK;
    enter_scope(r, l->frame, &n->else_scope);
    return exec(r, l->frame, n->otherwise, flow);
}

static int loop_new(struct template_run *r, const struct for_node *n, struct frame *f,
                    const struct value *iterable, int64_t depth, struct loop **out)
{
    struct loop *l;
    NEW(r, l, 1);
    *l = (struct loop){.node = n, .frame = f, .index0 = -1, .depth = depth};
    TRY(walk_begin(r, iterable, &l->walk));
    *out = l;
    return OK;
}

/* A recursive loop is a function that is called with what it goes through; frames of calls share the definition's outer
 * frame. */
static int run_recursive(struct template_run *r, const struct for_node *n, struct frame *outer,
                         const struct value *iterable, int64_t depth, enum flow *flow)
{
    struct frame *f;
    struct loop *l;
    TRY(frame_new(r, outer, n->n_slots, &f));
    TRY(loop_new(r, n, f, iterable, depth, &l));
    return run_loop(r, l, flow);
}

int loop_call(struct template_run *r, struct loop *l, const struct args *args, struct value *out)
{
    struct builder b = builder(r), *before = r->out;
    enum flow flow = FLOW_ON;
    if (!l->node->recursive) FAULT(r, "the loop must have the 'recursive' marker to be called recursively");
    if (args->n != 1 || args->n_named) FAULT(r, "loop() takes one argument, %u given", args->n + args->n_named);
    r->out = &b;
    TRY(run_recursive(r, l->node, l->frame->outer, &args->pos[0], l->depth + 1, &flow));
    r->out = before;
    return builder_value(&b, out);
}

int exec_for(struct template_run *r, struct frame *f, const struct node *n, enum flow *flow)
{
    struct value iterable;
    struct loop *l;
    TRY(eval(r, f, n->loop->iter, &iterable));
    r->at = n;
    if (n->loop->recursive) return run_recursive(r, n->loop, f, &iterable, 0, flow);
    TRY(loop_new(r, n->loop, f, &iterable, 0, &l));
    return run_loop(r, l, flow);
}
