/* Tests: what may stand behind "is". */
#include <string.h>
#include "base/checked.h"
#include "chat/template/builtin.h"
#include "chat/template/exec.h"
#include "chat/template/text.h"

static int kind_is(const struct value *v, enum kind kind, struct value *out)
{
    *out = BOOL(v->kind == kind);
    return OK;
}

static int test_defined(struct template_run *r, struct value *a, struct value *out)
{
    (void)r;
    *out = BOOL(a->kind != K_UNDEFINED);
    return OK;
}
static int test_undefined(struct template_run *r, struct value *a, struct value *out)
{
    (void)r;
    return kind_is(a, K_UNDEFINED, out);
}
static int test_none(struct template_run *r, struct value *a, struct value *out)
{
    (void)r;
    return kind_is(a, K_NONE, out);
}
static int test_boolean(struct template_run *r, struct value *a, struct value *out)
{
    (void)r;
    return kind_is(a, K_BOOL, out);
}
static int test_integer(struct template_run *r, struct value *a, struct value *out)
{
    (void)r;
    return kind_is(a, K_INT, out);
}
static int test_float(struct template_run *r, struct value *a, struct value *out)
{
    (void)r;
    return kind_is(a, K_FLOAT, out);
}
static int test_string(struct template_run *r, struct value *a, struct value *out)
{
    (void)r;
    return kind_is(a, K_STRING, out);
}
static int test_mapping(struct template_run *r, struct value *a, struct value *out)
{
    (void)r;
    return kind_is(a, K_DICT, out);
}
static int test_number(struct template_run *r, struct value *a, struct value *out)
{
    (void)r;
    *out = BOOL(is_number(a));
    return OK;
}
static int test_true(struct template_run *r, struct value *a, struct value *out)
{
    (void)r;
    *out = BOOL(a->kind == K_BOOL && a->b);
    return OK;
}
static int test_false(struct template_run *r, struct value *a, struct value *out)
{
    (void)r;
    *out = BOOL(a->kind == K_BOOL && !a->b);
    return OK;
}
static int test_iterable(struct template_run *r, struct value *a, struct value *out)
{
    (void)r;
    *out = BOOL(iterable(a));
    return OK;
}
static int test_escaped(struct template_run *r, struct value *a, struct value *out)
{
    (void)r;
    *out = BOOL(a->kind == K_STRING && a->safe);
    return OK;
}

static int test_sequence(struct template_run *r, struct value *a, struct value *out)
{
    (void)r;
    enum kind k = (enum kind)a->kind;
    *out =
        BOOL(k == K_STRING || k == K_LIST || k == K_TUPLE || k == K_DICT || k == K_RANGE || k == K_UNDEFINED);
    return OK;
}

static int test_callable(struct template_run *r, struct value *a, struct value *out)
{
    (void)r;
    enum kind k = (enum kind)a->kind;
    *out = BOOL(k == K_MACRO || k == K_FUNCTION || k == K_METHOD || k == K_LOOP || k == K_JOINER ||
                k == K_UNDEFINED);
    return OK;
}

/* value % divisor == rest, as Python counts. */
static int rest_is(struct template_run *r, const struct value *v, const struct value *divisor, int64_t rest,
                   struct value *out)
{
    struct value n, want = INT(rest);
    bool is;
    TRY(binary(r, T_MOD, v, divisor, &n));
    TRY(equals(r, &n, &want, &is));
    *out = BOOL(is);
    return OK;
}

static const struct value two = {.kind = K_INT, .i = 2};

static int test_odd(struct template_run *r, struct value *a, struct value *out)
{
    return rest_is(r, a, &two, 1, out);
}
static int test_even(struct template_run *r, struct value *a, struct value *out)
{
    return rest_is(r, a, &two, 0, out);
}
static int test_divisibleby(struct template_run *r, struct value *a, struct value *out)
{
    return rest_is(r, a, &a[1], 0, out);
}

static int compared(struct template_run *r, struct value *a, enum token_kind op, struct value *out)
{
    bool is;
    TRY(compare_op(r, op, &a[0], &a[1], &is));
    *out = BOOL(is);
    return OK;
}

static int test_eq(struct template_run *r, struct value *a, struct value *out)
{
    return compared(r, a, T_EQ, out);
}
static int test_ne(struct template_run *r, struct value *a, struct value *out)
{
    return compared(r, a, T_NE, out);
}
static int test_lt(struct template_run *r, struct value *a, struct value *out)
{
    return compared(r, a, T_LT, out);
}
static int test_le(struct template_run *r, struct value *a, struct value *out)
{
    return compared(r, a, T_LE, out);
}
static int test_gt(struct template_run *r, struct value *a, struct value *out)
{
    return compared(r, a, T_GT, out);
}
static int test_ge(struct template_run *r, struct value *a, struct value *out)
{
    return compared(r, a, T_GE, out);
}
static int test_in(struct template_run *r, struct value *a, struct value *out)
{
    return compared(r, a, T_NAME, out);
}

/* Python's `is`: the same object. Small values are compared, which is what it comes to in CPython. */
static int test_sameas(struct template_run *r, struct value *a, struct value *out)
{
    bool is = a[0].kind == a[1].kind;
    if (is && (a[0].kind == K_INT || a[0].kind == K_BOOL || a[0].kind == K_FLOAT || a[0].kind == K_STRING))
        TRY(equals(r, &a[0], &a[1], &is));
    else if (is && a[0].kind != K_NONE) is = a[0].dict == a[1].dict;
    *out = BOOL(is);
    return OK;
}

static int test_case(struct template_run *r, struct value *a, const char *method, struct value *out)
{
    struct value v[1 + MAX_PARAMS] = {MISSING};
    TRY(to_string(r, &a[0], &v[0]));
    return method_find(K_STRING, method, 7)->fn(r, v, out);
}

static int test_lower(struct template_run *r, struct value *a, struct value *out)
{
    return test_case(r, a, "islower", out);
}
static int test_upper(struct template_run *r, struct value *a, struct value *out)
{
    return test_case(r, a, "isupper", out);
}

static int known(struct value *a, const struct builtin *find(const char *, size_t), struct value *out)
{
    const struct builtin *row = a[0].kind == K_STRING ? find(a[0].text->s, a[0].text->len) : NULL;
    *out = BOOL(row && (row->fn || row->variadic));
    return OK;
}

static int test_filter(struct template_run *r, struct value *a, struct value *out)
{
    (void)r;
    return known(a, filter_find, out);
}
static int test_test(struct template_run *r, struct value *a, struct value *out)
{
    (void)r;
    return known(a, test_find, out);
}

#define ONE .params = {"other"}, .need = 1
const struct builtin tests[] = {
    {.name = "defined", .fn = test_defined},
    {.name = "undefined", .fn = test_undefined},
    {.name = "none", .fn = test_none},
    {.name = "boolean", .fn = test_boolean},
    {.name = "true", .fn = test_true},
    {.name = "false", .fn = test_false},
    {.name = "integer", .fn = test_integer},
    {.name = "float", .fn = test_float},
    {.name = "number", .fn = test_number},
    {.name = "string", .fn = test_string},
    {.name = "mapping", .fn = test_mapping},
    {.name = "iterable", .fn = test_iterable},
    {.name = "sequence", .fn = test_sequence},
    {.name = "callable", .fn = test_callable},
    {.name = "escaped", .fn = test_escaped},
    {.name = "odd", .fn = test_odd},
    {.name = "even", .fn = test_even},
    {.name = "divisibleby", .fn = test_divisibleby, .params = {"num"}, .need = 1},
    {.name = "lower", .fn = test_lower},
    {.name = "upper", .fn = test_upper},
    {.name = "filter", .fn = test_filter},
    {.name = "test", .fn = test_test},
    {.name = "sameas", .fn = test_sameas, ONE},
    {.name = "in", .fn = test_in, .params = {"seq"}, .need = 1},
    {.name = "eq", .fn = test_eq, ONE},
    {.name = "equalto", .fn = test_eq, ONE},
    {.name = "==", .fn = test_eq, ONE},
    {.name = "ne", .fn = test_ne, ONE},
    {.name = "!=", .fn = test_ne, ONE},
    {.name = "lt", .fn = test_lt, ONE},
    {.name = "lessthan", .fn = test_lt, ONE},
    {.name = "<", .fn = test_lt, ONE},
    {.name = "le", .fn = test_le, ONE},
    {.name = "<=", .fn = test_le, ONE},
    {.name = "gt", .fn = test_gt, ONE},
    {.name = "greaterthan", .fn = test_gt, ONE},
    {.name = ">", .fn = test_gt, ONE},
    {.name = "ge", .fn = test_ge, ONE},
    {.name = ">=", .fn = test_ge, ONE},
    {0},
};
