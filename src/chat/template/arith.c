/* The operators + - * / // % **, of numbers, strings and lists. */
#include <math.h>
#include <string.h>
#include "base/checked.h"
#include "chat/template/exec.h"
#include "chat/template/text.h"

static int too_large(struct template_run *r) { FAULT(r, "an integer of more than 64 bits"); }
static int by_zero(struct template_run *r) { FAULT(r, "division by zero"); }

static int64_t floor_div(int64_t a, int64_t b) { return a / b - ((a % b != 0) && ((a < 0) != (b < 0))); }

static int int_power(struct template_run *r, int64_t base, int64_t exponent, struct value *out)
{
    int64_t result = 1;
    if (exponent < 0) {
        if (base == 0) FAULT(r, "0.0 cannot be raised to a negative power");
        *out = FLOAT(pow((double)base, (double)exponent));
        return OK;
    }
    for (; exponent > 0; exponent >>= 1) {
        if ((exponent & 1) && !mul_i64(result, base, &result)) return too_large(r);
        if (exponent > 1 && !mul_i64(base, base, &base)) return too_large(r);
    }
    *out = INT(result);
    return OK;
}

static int int_op(struct template_run *r, int op, int64_t a, int64_t b, struct value *out)
{
    int64_t n = 0;
    if ((op == T_DIV || op == T_FLOORDIV || op == T_MOD) && b == 0) return by_zero(r);
    switch (op) {
    case T_ADD:
        if (!add_i64(a, b, &n)) return too_large(r);
        break;
    case T_SUB:
        if (__builtin_sub_overflow(a, b, &n)) return too_large(r);
        break;
    case T_MUL:
        if (!mul_i64(a, b, &n)) return too_large(r);
        break;
    case T_DIV: *out = FLOAT((double)a / (double)b); return OK;
    case T_POW: return int_power(r, a, b, out);
    default:
        if (b == -1) { /* the quotient of the smallest integer does not fit */
            if (op == T_FLOORDIV && __builtin_sub_overflow((int64_t)0, a, &n)) return too_large(r);
            break;
        }
        n = op == T_MOD ? a - floor_div(a, b) * b : floor_div(a, b);
    }
    *out = INT(n);
    return OK;
}

static int float_op(struct template_run *r, int op, double a, double b, struct value *out)
{
    double x = 0;
    if ((op == T_DIV || op == T_FLOORDIV || op == T_MOD) && b == 0) return by_zero(r);
    switch (op) {
    case T_ADD: x = a + b; break;
    case T_SUB: x = a - b; break;
    case T_MUL: x = a * b; break;
    case T_DIV: x = a / b; break;
    case T_POW:
        if (a == 0 && b < 0) FAULT(r, "0.0 cannot be raised to a negative power");
        if (a < 0 && b != floor(b) && isfinite(b))
            FAULT(r, "a negative number raised to a fraction is no real number");
        x = pow(a, b);
        if (isinf(x) && isfinite(a) && isfinite(b)) FAULT(r, "a power out of range");
        break;
    default:
        x = fmod(a, b);
        if (x != 0 && (b < 0) != (x < 0)) x += b;
        else if (x == 0) x = copysign(0.0, b);
        if (op == T_MOD) break;
        x = (a - x) / b;
        x = x == 0 ? copysign(0.0, a / b) : floor(x) + (x - floor(x) > 0.5); /* as CPython's float_floor_div */
    }
    *out = FLOAT(x);
    return OK;
}

static int numbers(struct template_run *r, int op, const struct value *a, const struct value *b,
                   struct value *out)
{
    uint8_t mark = a->mark | b->mark;
    if (is_integer(a) && is_integer(b)) TRY(int_op(r, op, int_of(a), int_of(b), out));
    else TRY(float_op(r, op, float_of(a), float_of(b), out));
    out->mark = mark;
    return OK;
}

/* ---- strings and lists ---- */

/* What |safe made escapes what is added to it. */
static int add_texts(struct template_run *r, const struct value *a, const struct value *b, struct value *out)
{
    struct builder to = builder(r);
    bool safe = a->safe || b->safe;
    const struct value *parts[] = {a, b};
    for (int i = 0; i < 2; i++) {
        if (safe && !parts[i]->safe) add_escaped(&to, parts[i]->text);
        else add_text(&to, parts[i]->text);
    }
    TRY(builder_value(&to, out));
    out->safe = safe;
    return OK;
}

static int add_lists(struct template_run *r, const struct value *a, const struct value *b, struct value *out)
{
    size_t n = a->list->n, m = b->list->n;
    struct value sum;
    TRY(charge(r, (n + m) / 8));
    TRY(list_new(r, n + m, &sum));
    if (n) memcpy(sum.list->items, a->list->items, n * sizeof *sum.list->items);
    if (m) memcpy(sum.list->items + n, b->list->items, m * sizeof *sum.list->items);
    sum.list->n = n + m;
    sum.kind = a->kind;
    sum.mark = a->mark | b->mark;
    *out = sum;
    return OK;
}

static int repeat(struct template_run *r, const struct value *v, int64_t times, struct value *out)
{
    struct value list;
    size_t total;
    struct value from = *v;
    if (times < 0) times = 0;
    if (v->kind == K_STRING) {
        struct builder b = builder(r);
        add_repeated(&b, v->text, times);
        TRY(builder_value(&b, out));
        out->safe = from.safe;
        return OK;
    }
    if (!mul_size((size_t)times, from.list->n, &total)) total = SIZE_MAX / 32;
    TRY(list_new(r, total, &list));
    TRY(charge(r, total / 8));
    for (size_t i = 0; i < total; i++) list.list->items[i] = from.list->items[i % from.list->n];
    list.list->n = total;
    list.kind = from.kind;
    list.mark = from.mark;
    *out = list;
    return OK;
}

static bool is_sequence(const struct value *v)
{
    return v->kind == K_STRING || v->kind == K_LIST || v->kind == K_TUPLE;
}

static const char *op_words(int op)
{
    static const char *const words[] = {[T_ADD] = "+",       [T_SUB] = "-", [T_MUL] = "*",  [T_DIV] = "/",
                                        [T_FLOORDIV] = "//", [T_MOD] = "%", [T_POW] = "**"};
    return words[op];
}

/* out may be a or b. */
int binary(struct template_run *r, int op, const struct value *a, const struct value *b, struct value *out)
{
    if (is_number(a) && is_number(b)) return numbers(r, op, a, b, out);
    if (op == T_ADD && a->kind == b->kind) {
        if (a->kind == K_STRING) return add_texts(r, a, b, out);
        if (a->kind == K_LIST || a->kind == K_TUPLE) return add_lists(r, a, b, out);
    }
    if (op == T_MOD && a->kind == K_STRING) {
        struct value format = *a;
        TRY(format_percent(r, format.text, b, out));
        out->safe = format.safe;
        return OK;
    }
    if (op == T_MUL && is_sequence(a) && is_integer(b)) return repeat(r, a, int_of(b), out);
    if (op == T_MUL && is_sequence(b) && is_integer(a)) return repeat(r, b, int_of(a), out);
    if (a->kind == K_UNDEFINED || b->kind == K_UNDEFINED)
        return undefined_fault(r, a->kind == K_UNDEFINED ? a : b);
    if (op == T_ADD && a->kind == K_STRING)
        FAULT(r, "can only concatenate str (not \"%s\") to str", type_name(b));
    FAULT(r, "unsupported operand types for %s: '%s' and '%s'", op_words(op), type_name(a), type_name(b));
}
