/* Calls: of macros, of built-in functions and methods, of loops. */
#include <string.h>
#include "base/checked.h"
#include "chat/template/builtin.h"
#include "chat/template/exec.h"
#include "chat/template/text.h"

/* ---- arguments ---- */

static int add_star(struct template_run *r, const struct value *v, struct args *out)
{
    struct value list;
    struct value *all;
    TRY(list_of(r, v, &list));
    NEW(r, all, out->n + list.list->n + 1);
    if (out->n) memcpy(all, out->pos, out->n * sizeof *all);
    if (list.list->n) memcpy(all + out->n, list.list->items, list.list->n * sizeof *all);
    out->pos = all;
    out->n += (uint32_t)list.list->n;
    return OK;
}

static bool has_name(const struct args *a, const struct text *name)
{
    for (uint32_t i = 0; i < a->n_named; i++)
        if (text_same(a->names[i], name)) return true;
    return false;
}

/* Room for `more` further named arguments. */
static int named_room(struct template_run *r, uint32_t more, struct args *out)
{
    const struct text **names;
    struct value *named;
    NEW(r, names, out->n_named + more);
    NEW(r, named, out->n_named + more);
    if (out->n_named) {
        memcpy(names, out->names, out->n_named * sizeof *names);
        memcpy(named, out->named, out->n_named * sizeof *named);
    }
    out->names = names;
    out->named = named;
    return OK;
}

static int add_named(struct template_run *r, const struct text *name, const struct value *v, struct args *out)
{
    TRY(charge(r, 1 + out->n_named / 4));
    if (has_name(out, name))
        FAULT(r, "two values for the argument '%.*s'", (int)(name->len < 100 ? name->len : 100), name->s);
    out->names[out->n_named] = name;
    out->named[out->n_named++] = *v;
    return OK;
}

static int add_star_star(struct template_run *r, const struct value *v, struct args *out)
{
    if (v->kind != K_DICT) FAULT(r, "argument after ** must be a mapping, not %s", type_name(v));
    TRY(named_room(r, v->dict->n, out));
    for (uint32_t i = 0; i < v->dict->n; i++) {
        if (v->dict->entries[i].key.kind != K_STRING) FAULT(r, "keywords must be strings");
        TRY(add_named(r, v->dict->entries[i].key.text, &v->dict->entries[i].value, out));
    }
    return OK;
}

int eval_args(struct template_run *r, struct frame *f, const struct call_args *a, const struct value *caller,
              struct args *out)
{
    static const struct text caller_name = {.s = "caller", .len = 6, .chars = 6};
    struct value v;
    *out = (struct args){0};
    if (a->n) {
        NEW(r, out->pos, a->n);
        for (uint32_t i = 0; i < a->n; i++) TRY(eval(r, f, a->pos[i], &out->pos[i]));
        out->n = a->n;
    }
    if (a->star) {
        TRY(eval(r, f, a->star, &v));
        r->at = a->star;
        TRY(add_star(r, &v, out));
    }
    if (a->n_named || caller) TRY(named_room(r, a->n_named + 1, out));
    for (uint32_t i = 0; i < a->n_named; i++) {
        TRY(eval(r, f, a->named[i], &v));
        r->at = a->named[i];
        TRY(add_named(r, &a->names[i]->text, &v, out));
    }
    if (caller) TRY(add_named(r, &caller_name, caller, out));
    if (a->star_star) {
        TRY(eval(r, f, a->star_star, &v));
        r->at = a->star_star;
        TRY(add_star_star(r, &v, out));
    }
    return OK;
}

/* ---- built-in rows ---- */

static int param_index(const struct builtin *row, const struct text *name)
{
    for (int i = 0; i < MAX_PARAMS && row->params[i]; i++)
        if (text_is(name, row->params[i])) return i;
    return -1;
}

/* map and select call others, which may be map and select again. */
static int variadic_call(struct template_run *r, const struct builtin *row, const struct value *self,
                         const struct args *args, struct value *out)
{
    if (r->depth >= TEMPLATE_MAX_DEPTH)
        return fault(r, ERR_LIMIT, "more than %d levels of evaluation", TEMPLATE_MAX_DEPTH);
    r->depth++;
    TRY(row->variadic(r, self, args, out));
    r->depth--;
    return OK;
}

int builtin_call(struct template_run *r, const struct builtin *row, const char *what, const struct value *self,
                 const struct args *args, struct value *out)
{
    struct value a[1 + MAX_PARAMS];
    uint32_t max = 0;
    TRY(charge(r, 2)); /* dearer than looking at a node */
    if (row->variadic) return variadic_call(r, row, self, args, out);
    if (!row->fn) return fault(r, ERR_UNSUPPORTED, "%s \"%s\" is refused here", what, row->name);
    while (max < MAX_PARAMS && row->params[max]) max++;
    for (int i = 0; i <= MAX_PARAMS; i++) a[i] = MISSING;
    a[0] = *self;
    if (args->n > max)
        FAULT(r, "%s \"%s\" takes at most %u arguments, %u given", what, row->name, max, args->n);
    for (uint32_t i = 0; i < args->n; i++) a[1 + i] = args->pos[i];
    for (uint32_t i = 0; i < args->n_named; i++) {
        const struct text *name = args->names[i];
        int at = param_index(row, name);
        if (at < 0 || a[1 + at].kind != K_MISSING)
            FAULT(r, "%s \"%s\" got %s '%.*s'", what, row->name,
                  at < 0 ? "an unknown argument" : "two values for the argument",
                  (int)(name->len < 60 ? name->len : 60), name->s);
        a[1 + at] = args->named[i];
    }
    for (int i = 0; i < row->need; i++)
        if (a[1 + i].kind == K_MISSING)
            FAULT(r, "%s \"%s\" needs the argument '%s'", what, row->name, row->params[i]);
    return row->fn(r, a, out);
}

int int_param(struct template_run *r, const struct value *v, int64_t fallback, const char *what, int64_t *out)
{
    *out = fallback;
    if (v->kind == K_MISSING) return OK;
    if (!is_integer(v)) FAULT(r, "%s is of type %s, expected an integer", what, type_name(v));
    *out = int_of(v);
    return OK;
}

int text_param(struct template_run *r, const struct value *v, const char *what, struct text **out)
{
    *out = NULL;
    if (v->kind == K_MISSING) return OK;
    if (v->kind != K_STRING) FAULT(r, "%s is of type %s, expected a string", what, type_name(v));
    *out = v->text;
    return OK;
}

/* ---- macros ---- */

static const struct value *named_arg(const struct args *args, const struct text *name, bool *used)
{
    for (uint32_t i = 0; i < args->n_named; i++) {
        if (!text_same(args->names[i], name)) continue;
        used[i] = true;
        return &args->named[i];
    }
    return NULL;
}

/* varargs, kwargs and caller: what no parameter took. */
static int special_args(struct template_run *r, const struct macro_node *m, struct frame *f,
                        const struct args *args, bool *used)
{
    static const struct text caller_name = {.s = "caller", .len = 6, .chars = 6};
    struct value rest;
    if (m->uses_caller) {
        const struct value *caller = named_arg(args, &caller_name, used);
        struct value *slot = slot_of(f, m->caller);
        if (caller && caller->kind != K_NONE) *slot = *caller;
        else TRY(undefined_words(r, "No caller defined", slot));
    }
    if (m->uses_varargs) {
        TRY(list_new(r, 0, &rest));
        rest.kind = K_TUPLE;
        for (uint32_t i = m->n_params; i < args->n; i++) TRY(list_add(r, rest.list, &args->pos[i]));
        *slot_of(f, m->varargs) = rest;
    } else if (args->n > m->n_params) {
        FAULT(r, "the macro takes not more than %u arguments, %u given", m->n_params, args->n);
    }
    if (m->uses_kwargs) TRY(dict_new(r, slot_of(f, m->kwargs)));
    for (uint32_t i = 0; i < args->n_named; i++) {
        const struct text *name = args->names[i];
        struct value key = {.kind = K_STRING, .text = (struct text *)name};
        if (used[i]) continue;
        if (!m->uses_kwargs)
            FAULT(r, "the macro takes no keyword argument '%.*s'", (int)(name->len < 100 ? name->len : 100),
                  name->s);
        TRY(dict_put(r, slot_of(f, m->kwargs)->dict, &key, &args->named[i]));
    }
    return OK;
}

int macro_call(struct template_run *r, const struct macro *macro, const struct args *args, struct value *out)
{
    const struct macro_node *m = macro->node;
    struct frame *f;
    bool *used;
    TRY(frame_new(r, macro->frame, m->n_slots, &f));
    NEW(r, used, args->n_named + 1);
    memset(used, 0, args->n_named + 1);
    for (uint32_t i = 0; i < m->n_params; i++) {
        const struct value *v = i < args->n ? &args->pos[i] : named_arg(args, &m->params[i]->text, used);
        if (v) *slot_of(f, m->param_refs[i]) = *v;
    }
    TRY(special_args(r, m, f, args, used));
    enter_scope(r, f, &m->scope);
    for (uint32_t i = 0; i < m->n_params; i++) {
        struct value *slot = slot_of(f, m->param_refs[i]), v;
        if (slot->kind != K_MISSING) continue;
        if (i + m->n_defaults >= m->n_params) TRY(eval(r, f, m->defaults[i + m->n_defaults - m->n_params], &v));
        else TRY(undefined_value(r, &m->params[i]->text, NULL, &v));
        *slot = v;
    }
    return capture(r, f, m->body, out);
}

int exec_call_block(struct template_run *r, struct frame *f, const struct node *n)
{
    struct macro *caller;
    struct value v, out;
    NEW(r, caller, 1);
    *caller = (struct macro){n->macro, f};
    v = (struct value){.kind = K_MACRO, .macro = caller};
    TRY(eval_call(r, f, n->macro->call, &v, &out));
    add_str(r->out, &out);
    return r->out->failed;
}

/* ---- any call ---- */

int call_value(struct template_run *r, const struct value *f, const struct args *args, struct value *out)
{
    struct value none = MISSING;
    switch ((enum kind)f->kind) {
    case K_MACRO: return macro_call(r, f->macro, args, out);
    case K_FUNCTION: return builtin_call(r, f->function, "the function", &none, args, out);
    case K_METHOD: return builtin_call(r, f->method->row, "the method", &f->method->self, args, out);
    case K_LOOP: return loop_call(r, f->loop, args, out);
    case K_JOINER: /* nothing the first time */
        if (args->n || args->n_named) FAULT(r, "a joiner takes no arguments");
        *out = f->cycler->list->items[f->cycler->at];
        f->cycler->at = 1;
        return OK;
    case K_UNDEFINED: return undefined_fault(r, f);
    default: FAULT(r, "'%s' object is not callable", type_name(f));
    }
}

int eval_call(struct template_run *r, struct frame *f, const struct node *n, const struct value *caller,
              struct value *out)
{
    struct value callee;
    struct args args = {0};
    TRY(eval(r, f, n->call.of, &callee));
    TRY(eval_args(r, f, n->call.args, caller, &args));
    r->at = n;
    return call_value(r, &callee, &args, out);
}
