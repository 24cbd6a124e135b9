/* Names to slots, with the scoping of Jinja. A for body, with, macro, call block, filter block, set block and
 * generation block has a scope of its own; if has none. What a scope assigns is local to it, and begins with the value of
 * the variable around it. A scope is looked through twice: first for the names that it assigns or reads, without the
 * scopes inside; then, when all of them are known, to give every name its slot, with the scopes inside. */
#include <string.h>
#include "base/checked.h"
#include "chat/template/builtin.h"
#include "chat/template/node.h"
#include "chat/template/text.h"

struct binding {
    struct name *name;
    struct level *level;
    struct binding *outer; /* the one that it hides */
    struct binding *next;  /* in its scope, the newest first */
    struct binding *next_stored;
    uint32_t slot;
    enum load load;
    bool global; /* begins with the value of the free variable */
    bool stored;
};

/* What has slots of its own when it runs: the template, a macro, a recursive loop. */
struct function {
    uint32_t n_slots, level;
};

/* A scope while its names are resolved. */
struct level {
    struct level *outer;
    struct function *function;
    struct binding *bindings, *stored;
};

struct resolver {
    struct parser *p;
    struct level *level;
    struct name **globals;
    uint32_t n_globals, cap;
};

static int scan(struct resolver *r, struct node *n);
static int assign_refs(struct resolver *r, struct node *n);

/* function: with slots of its own. */
static int push_level(struct resolver *r, bool function)
{
    struct level *l;
    P_NEW(r->p, l, 1);
    l->outer = r->level;
    if (function) {
        P_NEW(r->p, l->function, 1);
        l->function->level = r->level ? r->level->function->level + 1 : 0;
    } else l->function = r->level->function;
    r->level = l;
    return OK;
}

static void pop_level(struct resolver *r)
{
    for (struct binding *b = r->level->bindings; b; b = b->next) b->name->binding = b->outer;
    r->level = r->level->outer;
}

static int global_of(struct resolver *r, struct name *name, struct ref *out)
{
    if (!name->global) {
        if (r->n_globals == r->cap) {
            struct name **more;
            uint32_t cap = r->cap ? 2 * r->cap : 16;
            P_NEW(r->p, more, cap);
            if (r->n_globals) memcpy(more, r->globals, r->n_globals * sizeof *more);
            r->globals = more;
            r->cap = cap;
        }
        r->globals[r->n_globals++] = name;
        name->global = r->n_globals;
    }
    *out = (struct ref){REF_GLOBAL, name->global - 1};
    return OK;
}

/* ---- the first time: what a scope assigns and reads ---- */

static int bind(struct resolver *r, struct name *name, enum load load, struct binding **out)
{
    struct binding *b;
    P_NEW(r->p, b, 1);
    *b = (struct binding){.name = name, .level = r->level, .outer = name->binding, .load = load};
    b->slot = r->level->function->n_slots++;
    b->next = r->level->bindings;
    r->level->bindings = b;
    name->binding = b;
    if (out) *out = b;
    return OK;
}

static bool is_here(const struct resolver *r, const struct name *name)
{
    return name->binding && name->binding->level == r->level;
}

static void mark_stored(struct resolver *r, struct binding *b)
{
    if (b->stored) return;
    b->stored = true;
    b->next_stored = r->level->stored;
    r->level->stored = b;
}

static int param(struct resolver *r, struct name *name)
{
    if (!is_here(r, name)) TRY(bind(r, name, LOAD_PARAM, NULL));
    name->binding->stored = true;
    return OK;
}

static int store(struct resolver *r, struct name *name, size_t at)
{
    if (r->p->in_for && text_is(&name->text, "loop"))
        return parser_fault(r->p, at, ERR_FORMAT,
                            "\"loop\" is assigned inside of a loop, where it is the loop's own");
    if (!is_here(r, name)) TRY(bind(r, name, name->binding ? LOAD_COPY : LOAD_MISSING, NULL));
    mark_stored(r, name->binding);
    return OK;
}

static int load(struct resolver *r, struct name *name)
{
    if (name->binding) return OK;
    TRY(bind(r, name, LOAD_COPY, NULL));
    name->binding->global = true;
    return OK;
}

static int scan_all(struct resolver *r, struct node **items, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) TRY(scan(r, items[i]));
    return OK;
}

static int scan_target(struct resolver *r, struct node *n, bool params)
{
    if (n->kind == N_NAME) return params ? param(r, n->var.name) : store(r, n->var.name, n->at);
    if (n->kind == N_NSREF) return load(r, n->nsref.name);
    for (uint32_t i = 0; i < n->list.n; i++) TRY(scan_target(r, n->list.items[i], params));
    return OK;
}

/* What only some branch assigns begins with the value around. */
static int scan_if(struct resolver *r, struct node *n)
{
    struct binding *before = r->level->stored;
    TRY(scan_all(r, n->list.items, n->list.n));
    for (struct binding *b = r->level->stored; b != before; b = b->next_stored) {
        b->load = LOAD_COPY;
        b->global = !b->outer;
    }
    return OK;
}

static int scan_args(struct resolver *r, const struct call_args *a)
{
    if (!a) return OK;
    TRY(scan_all(r, a->pos, a->n));
    TRY(scan_all(r, a->named, a->n_named));
    TRY(scan(r, a->star));
    return scan(r, a->star_star);
}

static int scan(struct resolver *r, struct node *n)
{
    if (!n) return OK;
    switch ((enum node_kind)n->kind) {
    case N_NAME: return load(r, n->var.name);
    case N_LIST:
    case N_TUPLE:
    case N_DICT:
    case N_CONCAT:
    case N_BODY: return scan_all(r, n->list.items, n->list.n);
    case N_UNARY:
    case N_BINARY:
    case N_NOT:
    case N_AND:
    case N_OR:
    case N_ITEM:
    case N_OUTPUT:
    case N_CHOICE:
        TRY(scan(r, n->kind == N_CHOICE ? n->b : n->a)); /* the condition first: it runs first */
        TRY(scan(r, n->kind == N_CHOICE ? n->a : n->b));
        return scan(r, n->c);
    case N_COMPARE:
        for (uint32_t i = 0; i < n->compare.n; i++) TRY(scan(r, n->compare.items[i].node));
        return OK;
    case N_ATTR: return scan(r, n->attr.of);
    case N_SLICE:
        TRY(scan(r, n->slice.of));
        return scan_all(r, n->slice.bounds, 3);
    case N_CALL:
    case N_FILTER:
    case N_TEST:
        TRY(scan(r, n->call.of));
        return scan_args(r, n->call.args);
    case N_FOR: return scan(r, n->loop->iter);
    case N_IF: return scan_if(r, n);
    case N_SET:
        TRY(scan(r, n->b));
        return scan_target(r, n->a, false);
    case N_SET_BLOCK: return scan_target(r, n->block->target, false);
    case N_MACRO: return store(r, n->macro->name, n->at);
    case N_CALL_BLOCK: return scan(r, n->macro->call);
    case N_FILTER_BLOCK: return scan(r, n->block->filter);
    case N_WITH: return scan_all(r, n->with->values, n->with->n);
    default: return OK;
    }
}

/* ---- the second time: slots ---- */

/* The variable that a binding stands for, seen from the current function. */
static int ref_of(struct resolver *r, struct name *name, const struct binding *b, struct ref *out)
{
    if (!b || (b->global && !b->stored)) return global_of(r, name, out);
    *out = (struct ref){(uint16_t)(r->level->function->level - b->level->function->level), b->slot};
    return OK;
}

/* The beginning of a scope whose names were scanned. */
static int finish_scope(struct resolver *r, struct scope *s)
{
    uint32_t n = 0;
    for (const struct binding *b = r->level->bindings; b; b = b->next) n += b->load != LOAD_PARAM;
    P_NEW(r->p, s->inits, n);
    for (struct binding *b = r->level->bindings; b; b = b->next) {
        if (b->load == LOAD_PARAM || (b->global && !b->stored)) continue;
        struct init *i = &s->inits[s->n++];
        *i = (struct init){.slot = b->slot, .load = b->load};
        if (b->load == LOAD_COPY) TRY(ref_of(r, b->name, b->global ? NULL : b->outer, &i->from));
    }
    return OK;
}

static int refs_of_all(struct resolver *r, struct node **items, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (items[i]) TRY(assign_refs(r, items[i]));
    return OK;
}

/* A body with its scope, in the function that is current. */
static int scoped(struct resolver *r, struct scope *s, struct node *body)
{
    TRY(push_level(r, false));
    TRY(scan(r, body));
    TRY(finish_scope(r, s));
    TRY(assign_refs(r, body));
    pop_level(r);
    return OK;
}

static int loop_body(struct resolver *r, struct for_node *f)
{
    struct name *loop;
    TRY(push_level(r, false));
    TRY(name_of(r->p, "loop", 4, &loop));
    TRY(bind(r, loop, LOAD_PARAM, NULL));
    loop->binding->stored = true;
    TRY(ref_of(r, loop, loop->binding, &f->loop));
    f->first_target = r->level->function->n_slots;
    TRY(scan_target(r, f->target, true));
    f->n_targets = r->level->function->n_slots - f->first_target;
    TRY(scan(r, f->body));
    TRY(finish_scope(r, &f->scope));
    TRY(assign_refs(r, f->target));
    TRY(assign_refs(r, f->body));
    pop_level(r);
    return OK;
}

/* The condition of a loop sees the target's names in the slots of the body, and `loop` of the loop around. */
static int loop_test(struct resolver *r, struct for_node *f)
{
    if (!f->test) return OK;
    TRY(push_level(r, false));
    uint32_t after = r->level->function->n_slots;
    r->level->function->n_slots = f->first_target;
    TRY(scan_target(r, f->target, true));
    r->level->function->n_slots = after;
    TRY(scan(r, f->test));
    TRY(finish_scope(r, &f->test_scope));
    TRY(assign_refs(r, f->test));
    pop_level(r);
    return OK;
}

static int for_refs(struct resolver *r, struct node *n)
{
    struct for_node *f = n->loop;
    TRY(assign_refs(r, f->iter));
    if (f->recursive) TRY(push_level(r, true));
    r->p->in_for++;
    TRY(loop_body(r, f));
    TRY(loop_test(r, f));
    r->p->in_for--;
    if (f->otherwise) TRY(scoped(r, &f->else_scope, f->otherwise));
    if (f->recursive) {
        f->n_slots = r->level->function->n_slots;
        pop_level(r);
    }
    return OK;
}

static int special_param(struct resolver *r, bool used, const char *word, struct ref *out)
{
    struct name *name;
    if (!used) return OK;
    TRY(name_of(r->p, word, strlen(word), &name));
    TRY(param(r, name));
    return ref_of(r, name, name->binding, out);
}

static int macro_refs(struct resolver *r, struct macro_node *m)
{
    if (m->name) TRY(ref_of(r, m->name, m->name->binding, &m->ref));
    TRY(push_level(r, true));
    for (uint32_t i = 0; i < m->n_params; i++) {
        TRY(param(r, m->params[i]));
        TRY(ref_of(r, m->params[i], m->params[i]->binding, &m->param_refs[i]));
    }
    TRY(special_param(r, m->uses_caller, "caller", &m->caller));
    TRY(special_param(r, m->uses_kwargs, "kwargs", &m->kwargs));
    TRY(special_param(r, m->uses_varargs, "varargs", &m->varargs));
    TRY(scan_all(r, m->defaults, m->n_defaults));
    TRY(scan(r, m->body));
    TRY(finish_scope(r, &m->scope));
    TRY(refs_of_all(r, m->defaults, m->n_defaults));
    TRY(assign_refs(r, m->body));
    m->n_slots = r->level->function->n_slots;
    pop_level(r);
    return OK;
}

static int with_refs(struct resolver *r, struct with_node *w)
{
    TRY(refs_of_all(r, w->values, w->n));
    TRY(push_level(r, false));
    for (uint32_t i = 0; i < w->n; i++) TRY(scan_target(r, w->targets[i], true));
    TRY(scan(r, w->body));
    TRY(finish_scope(r, &w->scope));
    TRY(refs_of_all(r, w->targets, w->n));
    TRY(assign_refs(r, w->body));
    pop_level(r);
    return OK;
}

/* The filter of a filter block and of a set block is seen from inside the scope. */
static int block_refs(struct resolver *r, struct block_node *b)
{
    if (b->target) TRY(assign_refs(r, b->target));
    TRY(push_level(r, false));
    TRY(scan(r, b->body));
    TRY(scan(r, b->filter));
    TRY(finish_scope(r, &b->scope));
    TRY(assign_refs(r, b->body));
    if (b->filter) TRY(assign_refs(r, b->filter));
    pop_level(r);
    return OK;
}

static int unknown_row(struct parser *p, const struct node *n)
{
    const struct text *name = &n->call.name->text;
    bool refused = n->kind == N_FILTER ? filter_find(name->s, name->len) : test_find(name->s, name->len);
    return parser_fault(p, n->at, refused ? ERR_UNSUPPORTED : ERR_FORMAT, UNKNOWN_ROW,
                        n->kind == N_FILTER ? "filter" : "test", (int)(name->len < 60 ? name->len : 60),
                        name->s, refused ? "refused here" : "not known");
}

static int args_refs(struct resolver *r, struct call_args *a)
{
    struct node *stars[2];
    if (!a) return OK;
    stars[0] = a->star;
    stars[1] = a->star_star;
    TRY(refs_of_all(r, a->pos, a->n));
    TRY(refs_of_all(r, a->named, a->n_named));
    return refs_of_all(r, stars, 2);
}

/* A filter or test that is not known is an error at once, unless a condition may keep it from being reached. */
static int call_refs(struct resolver *r, struct node *n)
{
    if (n->kind != N_CALL && !n->call.row && !r->p->soft) return unknown_row(r->p, n);
    TRY(assign_refs(r, n->call.of));
    return args_refs(r, n->call.args);
}

static int soft_refs(struct resolver *r, struct node *n)
{
    struct node *parts[] = {n->a, n->b, n->c};
    r->p->soft++;
    TRY(n->kind == N_IF ? refs_of_all(r, n->list.items, n->list.n) : refs_of_all(r, parts, 3));
    r->p->soft--;
    return OK;
}

/* What has scopes of its own; what is inside is reached for certain, once it is reached. */
static int scope_refs(struct resolver *r, struct node *n)
{
    int soft = r->p->soft;
    r->p->soft = 0;
    if (n->kind == N_FOR) TRY(for_refs(r, n));
    else if (n->kind == N_MACRO || n->kind == N_CALL_BLOCK) TRY(macro_refs(r, n->macro));
    else if (n->kind == N_WITH) TRY(with_refs(r, n->with));
    else TRY(block_refs(r, n->block));
    r->p->soft = soft;
    return OK;
}

static int assign_refs(struct resolver *r, struct node *n)
{
    switch ((enum node_kind)n->kind) {
    case N_NAME: return ref_of(r, n->var.name, n->var.name->binding, &n->var.ref);
    case N_NSREF: return ref_of(r, n->nsref.name, n->nsref.name->binding, &n->nsref.ref);
    case N_LIST:
    case N_TUPLE:
    case N_DICT:
    case N_CONCAT:
    case N_BODY: return refs_of_all(r, n->list.items, n->list.n);
    case N_IF:
    case N_CHOICE: return soft_refs(r, n);
    case N_UNARY:
    case N_BINARY:
    case N_NOT:
    case N_AND:
    case N_OR:
    case N_ITEM:
    case N_OUTPUT:
    case N_SET:
        TRY(assign_refs(r, n->a));
        return n->b ? assign_refs(r, n->b) : OK;
    case N_COMPARE:
        for (uint32_t i = 0; i < n->compare.n; i++) TRY(assign_refs(r, n->compare.items[i].node));
        return OK;
    case N_ATTR: return assign_refs(r, n->attr.of);
    case N_SLICE:
        TRY(assign_refs(r, n->slice.of));
        return refs_of_all(r, n->slice.bounds, 3);
    case N_CALL:
    case N_FILTER:
    case N_TEST: return call_refs(r, n);
    case N_CALL_BLOCK: TRY(assign_refs(r, n->macro->call)); /* fall through */
    case N_FOR:
    case N_MACRO:
    case N_WITH:
    case N_SET_BLOCK:
    case N_FILTER_BLOCK:
    case N_GENERATION: return scope_refs(r, n);
    default: return OK;
    }
}

int resolve_names(struct parser *p)
{
    struct resolver r = {.p = p};
    TRY(push_level(&r, true));
    TRY(scan(&r, p->t->body));
    TRY(finish_scope(&r, &p->t->scope));
    TRY(assign_refs(&r, p->t->body));
    p->t->n_slots = r.level->function->n_slots;
    p->t->globals = r.globals;
    p->t->n_globals = r.n_globals;
    return OK;
}
