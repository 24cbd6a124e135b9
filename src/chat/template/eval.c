/* Expressions. */
#include <string.h>
#include "base/checked.h"
#include "chat/template/builtin.h"
#include "chat/template/exec.h"
#include "chat/template/template.h"
#include "chat/template/text.h"

struct value *slot_of(struct frame *f, struct ref ref)
{
    for (uint16_t h = ref.hops; h > 0; h--) f = f->outer;
    return &f->slots[ref.slot];
}

int frame_new(struct template_run *r, struct frame *outer, uint32_t n_slots, struct frame **out)
{
    TRY(charge(r, 1 + n_slots / 16));
    *out = run_alloc(r, 1, sizeof **out + n_slots * sizeof(struct value));
    if (!*out) return ERR_LIMIT;
    (*out)->outer = outer;
    (*out)->input = NULL;
    for (uint32_t i = 0; i < n_slots; i++) (*out)->slots[i] = MISSING;
    return OK;
}

static const struct value *value_at(struct template_run *r, struct frame *f, struct ref ref)
{
    return ref.hops == REF_GLOBAL ? &r->globals[ref.slot] : slot_of(f, ref);
}

void enter_scope(struct template_run *r, struct frame *f, const struct scope *s)
{
    for (uint32_t i = 0; i < s->n; i++) {
        const struct init *init = &s->inits[i];
        f->slots[init->slot] = init->load == LOAD_COPY ? *value_at(r, f, init->from) : MISSING;
    }
}

static int eval_name(struct template_run *r, struct frame *f, const struct node *n, struct value *out)
{
    *out = *value_at(r, f, n->var.ref);
    return out->kind == K_MISSING ? undefined_value(r, &n->var.name->text, NULL, out) : OK;
}

/* ---- literals ---- */

static int eval_list(struct template_run *r, struct frame *f, const struct node *n, struct value *out)
{
    struct value list;
    TRY(list_new(r, n->list.n, &list));
    for (uint32_t i = 0; i < n->list.n; i++) TRY(eval(r, f, n->list.items[i], &list.list->items[i]));
    list.list->n = n->list.n;
    if (n->kind == N_TUPLE) list.kind = K_TUPLE;
    *out = list;
    return OK;
}

static int eval_dict(struct template_run *r, struct frame *f, const struct node *n, struct value *out)
{
    struct value dict, key, value;
    TRY(dict_new(r, &dict));
    for (uint32_t i = 0; i < n->list.n; i += 2) {
        TRY(eval(r, f, n->list.items[i], &key));
        TRY(eval(r, f, n->list.items[i + 1], &value));
        r->at = n->list.items[i];
        TRY(dict_put(r, dict.dict, &key, &value));
    }
    *out = dict;
    return OK;
}

/* ---- operators ---- */

static int eval_concat(struct template_run *r, struct frame *f, const struct node *n, struct value *out)
{
    struct builder b = builder(r);
    struct value v;
    for (uint32_t i = 0; i < n->list.n; i++) {
        TRY(eval(r, f, n->list.items[i], &v));
        r->at = n->list.items[i];
        add_str(&b, &v);
    }
    return builder_value(&b, out);
}

static const struct {
    const char *op;
    bool less, equal, greater;
} orders[] = {[T_LT] = {"<", true, false, false},
              [T_LE] = {"<=", true, true, false},
              [T_GT] = {">", false, false, true},
              [T_GE] = {">=", false, true, true}};

int compare_op(struct template_run *r, enum token_kind op, const struct value *a, const struct value *b,
               bool *out)
{
    int o;
    switch (op) {
    case T_EQ: return equals(r, a, b, out);
    case T_NE:
        TRY(equals(r, a, b, out));
        *out = !*out;
        return OK;
    case T_NAME: return contains(r, b, a, out);
    case T_TILDE:
        TRY(contains(r, b, a, out));
        *out = !*out;
        return OK;
    default:
        TRY(compare(r, a, b, orders[op].op, &o));
        *out = o == 2 ? false : o < 0 ? orders[op].less : o > 0 ? orders[op].greater : orders[op].equal;
        return OK;
    }
}

static int eval_compare(struct template_run *r, struct frame *f, const struct node *n, struct value *out)
{
    struct value left, right;
    bool holds = true;
    TRY(eval(r, f, n->compare.items[0].node, &left));
    for (uint32_t i = 1; holds && i < n->compare.n; i++) {
        TRY(eval(r, f, n->compare.items[i].node, &right));
        r->at = n;
        TRY(compare_op(r, n->compare.items[i].op, &left, &right, &holds));
        left = right;
    }
    *out = BOOL(holds);
    return OK;
}

static int eval_truth(struct template_run *r, struct frame *f, const struct node *n, struct value *out,
                      bool *is)
{
    TRY(eval(r, f, n, out));
    return truth(r, out, is);
}

static int eval_unary(struct template_run *r, struct frame *f, const struct node *n, struct value *out)
{
    TRY(eval(r, f, n->a, out));
    r->at = n;
    if (out->kind == K_UNDEFINED) return undefined_fault(r, out);
    if (!is_number(out))
        FAULT(r, "bad operand type for unary %c: '%s'", n->op == T_SUB ? '-' : '+', type_name(out));
    uint8_t mark = out->mark;
    if (out->kind == K_BOOL) *out = INT(out->b);
    out->mark = mark;
    if (n->op == T_ADD) return OK;
    if (out->kind == K_FLOAT) out->x = -out->x;
    else if (__builtin_sub_overflow((int64_t)0, out->i, &out->i)) FAULT(r, "an integer of more than 64 bits");
    return OK;
}

/* ---- parts of values ---- */

static int eval_slice(struct template_run *r, struct frame *f, const struct node *n, struct value *out)
{
    struct value of, bounds[3];
    TRY(eval(r, f, n->slice.of, &of));
    for (int i = 0; i < 3; i++) {
        bounds[i] = MISSING;
        if (n->slice.bounds[i]) TRY(eval(r, f, n->slice.bounds[i], &bounds[i]));
    }
    r->at = n;
    return slice_of(r, &of, bounds, out);
}

static int eval_builtin(struct template_run *r, struct frame *f, const struct node *n, struct value *out)
{
    struct value self;
    struct args args = {0};
    TRY(eval(r, f, n->call.of, &self));
    if (n->call.args) TRY(eval_args(r, f, n->call.args, NULL, &args));
    r->at = n;
    if (!n->call.row) {
        const struct text *name = &n->call.name->text;
        FAULT(r, UNKNOWN_ROW, n->kind == N_FILTER ? "filter" : "test", (int)(name->len < 60 ? name->len : 60),
              name->s, "not known");
    }
    TRY(builtin_call(r, n->call.row, n->kind == N_FILTER ? "the filter" : "the test", &self, &args, out));
    return OK;
}

static int eval_node(struct template_run *r, struct frame *f, const struct node *n, struct value *out)
{
    struct value v;
    bool is;
    switch ((enum node_kind)n->kind) {
    case N_CONST: *out = n->constant; return OK;
    case N_NAME: return eval_name(r, f, n, out);
    case N_LIST:
    case N_TUPLE: return eval_list(r, f, n, out);
    case N_DICT: return eval_dict(r, f, n, out);
    case N_UNARY: return eval_unary(r, f, n, out);
    case N_BINARY:
        TRY(eval(r, f, n->a, out));
        TRY(eval(r, f, n->b, &v));
        r->at = n;
        return binary(r, n->op, out, &v, out);
    case N_NOT:
        TRY(eval_truth(r, f, n->a, &v, &is));
        *out = BOOL(!is);
        return OK;
    case N_AND:
    case N_OR:
        TRY(eval_truth(r, f, n->a, out, &is));
        return is == (n->kind == N_AND) ? eval(r, f, n->b, out) : OK;
    case N_CONCAT: return eval_concat(r, f, n, out);
    case N_COMPARE: return eval_compare(r, f, n, out);
    case N_CHOICE:
        TRY(eval_truth(r, f, n->b, &v, &is));
        if (is) return eval(r, f, n->a, out);
        if (n->c) return eval(r, f, n->c, out);
        return undefined_words(
            r, "the inline if-expression evaluated to false and no else section was defined", out);
    case N_ATTR:
        TRY(eval(r, f, n->attr.of, &v));
        r->at = n;
        return get_attr(r, &v, &n->attr.name->text, out);
    case N_ITEM:
        TRY(eval(r, f, n->a, &v));
        TRY(eval(r, f, n->b, out));
        r->at = n;
        return get_item(r, &v, out, out);
    case N_SLICE: return eval_slice(r, f, n, out);
    case N_CALL: return eval_call(r, f, n, NULL, out);
    case N_FILTER:
    case N_TEST: return eval_builtin(r, f, n, out);
    case N_INPUT: *out = *f->input; return OK;
    default: FAULT(r, "a statement where an expression was expected");
    }
}

int eval(struct template_run *r, struct frame *f, const struct node *n, struct value *out)
{
    TRY(enter_node(r, n));
    TRY(eval_node(r, f, n, out));
    r->depth--;
    return OK;
}
