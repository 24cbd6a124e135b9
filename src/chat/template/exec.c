/* Statements. */
#include <string.h>
#include "base/checked.h"
#include "chat/template/builtin.h"
#include "chat/template/exec.h"
#include "chat/template/text.h"

/* ---- assignment ---- */

static int assign_tuple(struct template_run *r, struct frame *f, const struct node *target,
                        const struct value *v)
{
    struct walk w;
    struct value item;
    bool more;
    uint32_t i = 0;
    r->at = target;
    if (!iterable(v)) FAULT(r, "cannot unpack non-iterable %s object", type_name(v));
    TRY(walk_begin(r, v, &w));
    for (;; i++) {
        TRY(walk_next(r, &w, &item, &more));
        if (!more) break;
        if (i == target->list.n) FAULT(r, "too many values to unpack (expected %u)", target->list.n);
        TRY(assign(r, f, target->list.items[i], &item));
    }
    if (i < target->list.n) FAULT(r, "not enough values to unpack (expected %u, got %u)", target->list.n, i);
    return OK;
}

int assign(struct template_run *r, struct frame *f, const struct node *target, const struct value *v)
{
    if (target->kind == N_NAME) {
        *slot_of(f, target->var.ref) = *v;
        return OK;
    }
    if (target->kind == N_TUPLE) return assign_tuple(r, f, target, v);
    r->at = target;
    struct value ns = target->nsref.ref.hops == REF_GLOBAL ? r->globals[target->nsref.ref.slot]
                                                           : *slot_of(f, target->nsref.ref);
    if (ns.kind != K_NAMESPACE) FAULT(r, "cannot assign attribute on non-namespace object");
    struct value key = {.kind = K_STRING, .text = &target->nsref.attr->text};
    return dict_put(r, ns.dict, &key, v);
}

/* ---- output ---- */

int capture(struct template_run *r, struct frame *f, const struct node *body, struct value *out)
{
    struct builder b = builder(r), *before = r->out;
    enum flow flow = FLOW_ON;
    r->out = &b;
    TRY(exec(r, f, body, &flow));
    r->out = before;
    return builder_value(&b, out);
}

static int exec_output(struct template_run *r, struct frame *f, const struct node *n)
{
    struct value v;
    TRY(eval(r, f, n->a, &v));
    r->at = n;
    add_str(r->out, &v);
    return r->out->failed;
}

/* What is written by a body inside of a scope, through filters. */
static int exec_block(struct template_run *r, struct frame *f, const struct block_node *b, struct value *out)
{
    enter_scope(r, f, &b->scope);
    TRY(capture(r, f, b->body, out));
    if (!b->filter) return OK;
    const struct value *before = f->input;
    struct value input = *out;
    f->input = &input;
    int rc = eval(r, f, b->filter, out);
    f->input = before;
    return rc;
}

static int exec_generation(struct template_run *r, struct frame *f, const struct block_node *b)
{
    enum flow flow = FLOW_ON;
    size_t from = r->out->len;
    enter_scope(r, f, &b->scope);
    TRY(exec(r, f, b->body, &flow));
    mark_since(r->out, from, MARK_GENERATION);
    return r->out->failed;
}

/* ---- control ---- */

static int exec_if(struct template_run *r, struct frame *f, const struct node *n, enum flow *flow)
{
    struct value v;
    bool is = true;
    for (uint32_t i = 0; i < n->list.n; i += 2) {
        const struct node *condition = n->list.items[i];
        if (condition) {
            TRY(eval(r, f, condition, &v));
            TRY(truth(r, &v, &is));
        }
        if (is || !condition) return exec(r, f, n->list.items[i + 1], flow);
    }
    return OK;
}

static int exec_with(struct template_run *r, struct frame *f, const struct with_node *w, enum flow *flow)
{
    struct value *values;
    NEW(r, values, w->n ? w->n : 1);
    for (uint32_t i = 0; i < w->n; i++) TRY(eval(r, f, w->values[i], &values[i]));
    enter_scope(r, f, &w->scope);
    for (uint32_t i = 0; i < w->n; i++) TRY(assign(r, f, w->targets[i], &values[i]));
    return exec(r, f, w->body, flow);
}

static int exec_macro(struct template_run *r, struct frame *f, const struct macro_node *node)
{
    struct macro *m;
    NEW(r, m, 1);
    *m = (struct macro){node, f};
    *slot_of(f, node->ref) = (struct value){.kind = K_MACRO, .macro = m};
    return OK;
}

static int exec_body(struct template_run *r, struct frame *f, const struct node *n, enum flow *flow)
{
    for (uint32_t i = 0; i < n->list.n && *flow == FLOW_ON; i++) TRY(exec(r, f, n->list.items[i], flow));
    return OK;
}

static int exec_node(struct template_run *r, struct frame *f, const struct node *n, enum flow *flow)
{
    struct value v;
    switch ((enum node_kind)n->kind) {
    case N_BODY: return exec_body(r, f, n, flow);
    case N_DATA:
        add_text(r->out, n->constant.text);
        return r->out->failed;
    case N_OUTPUT: return exec_output(r, f, n);
    case N_FOR: return exec_for(r, f, n, flow);
    case N_IF: return exec_if(r, f, n, flow);
    case N_SET:
        TRY(eval(r, f, n->b, &v));
        return assign(r, f, n->a, &v);
    case N_SET_BLOCK:
        TRY(exec_block(r, f, n->block, &v));
        return assign(r, f, n->block->target, &v);
    case N_FILTER_BLOCK:
        TRY(exec_block(r, f, n->block, &v));
        r->at = n;
        add_str(r->out, &v);
        return r->out->failed;
    case N_MACRO: return exec_macro(r, f, n->macro);
    case N_CALL_BLOCK: return exec_call_block(r, f, n);
    case N_WITH: return exec_with(r, f, n->with, flow);
    case N_GENERATION: return exec_generation(r, f, n->block);
    case N_BREAK: *flow = FLOW_BREAK; return OK;
    case N_CONTINUE: *flow = FLOW_CONTINUE; return OK;
    default: FAULT(r, "an expression where a statement was expected");
    }
}

int exec(struct template_run *r, struct frame *f, const struct node *n, enum flow *flow)
{
    TRY(enter_node(r, n));
    TRY(exec_node(r, f, n, flow));
    r->depth--;
    return OK;
}
