/* Filters of any value: defaults, conversions, numbers, JSON. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/checked.h"
#include "chat/template/builtin.h"
#include "chat/template/text.h"

static int default_filter(struct template_run *r, struct value *a, struct value *out)
{
    bool use = a[0].kind == K_UNDEFINED, is = true, boolean = false;
    if (a[2].kind != K_MISSING) TRY(truth(r, &a[2], &boolean));
    if (!use && boolean) TRY(truth(r, &a[0], &is));
    if (!use && is) *out = a[0];
    else if (a[1].kind == K_MISSING) return words_value(r, "", out);
    else *out = a[1];
    return OK;
}

static int length_filter(struct template_run *r, struct value *a, struct value *out)
{
    int64_t n;
    TRY(length(r, &a[0], &n));
    *out = INT(n);
    out->mark = a[0].kind == K_STRING ? text_mark(a[0].text) : a[0].mark;
    return OK;
}

static int string_filter(struct template_run *r, struct value *a, struct value *out)
{
    return to_string(r, &a[0], out);
}

static int attr_filter(struct template_run *r, struct value *a, struct value *out)
{
    struct text *name;
    TRY(text_param(r, &a[1], "the name of an attribute", &name));
    if (a[0].kind == K_UNDEFINED) return undefined_fault(r, &a[0]);
    if (a[0].kind == K_DICT && !method_find(K_DICT, name->s, name->len))
        return undefined_value(r, name, "dict", out);
    return get_attr(r, &a[0], name, out);
}

/* ---- numbers ---- */

/* Python's int(text, base) and float(text): white space around, single underscores between digits. false: no number. */
static bool digits_only(const struct text *t, char *out, size_t cap, size_t *n)
{
    size_t from, to;
    (void)text_strip(NULL, t, NULL, 3, &from, &to);
    *n = 0;
    for (size_t i = from; i < to; i++) {
        char c = t->s[i];
        if (c == '_') {
            if (i == from || i + 1 == to || t->s[i - 1] == '_' || t->s[i + 1] == '_') return false;
            continue;
        }
        if (*n + 1 >= cap || c == 0) return false;
        out[(*n)++] = c;
    }
    out[*n] = 0;
    return *n > 0;
}

static bool parse_int(const struct text *t, int64_t base, bool *large, int64_t *out)
{
    char s[128], *end;
    size_t n, i = 0;
    *large = false;
    if (!digits_only(t, s, sizeof s, &n)) return false;
    if (s[0] == '+' || s[0] == '-') i++;
    if (!s[i] || s[i] == '+' || s[i] == '-' || (unsigned char)s[i] <= ' ') return false;
    if (base == 0) {
        base = 10;
        if (s[i] == '0' && s[i + 1])
            base = (s[i + 1] | 32) == 'x' ? 16 : (s[i + 1] | 32) == 'o' ? 8 : (s[i + 1] | 32) == 'b' ? 2 : 0;
        if (base == 0) {
            base = 10;
            if (strspn(s + i, "0") != strlen(s + i)) return false; /* "007" */
        }
    }
    char prefix = base == 16 ? 'x' : base == 8 ? 'o' : base == 2 ? 'b' : 0;
    if (prefix && s[i] == '0' && (s[i + 1] | 32) == prefix) memmove(s + i, s + i + 2, n - i - 1);
    if (!s[i] || s[i] == '+' || s[i] == '-') return false;
    errno = 0;
    *out = strtoll(s, &end, (int)base);
    *large = errno == ERANGE;
    return *end == 0;
}

static bool parse_float(const struct text *t, double *out)
{
    char s[400], *end;
    size_t n;
    if (!digits_only(t, s, sizeof s, &n)) return false;
    if (strpbrk(s, "xXpP(") || (unsigned char)s[0] <= ' ') return false; /* what only C reads */
    *out = strtod(s, &end);
    return *end == 0;
}

static int float_to_int(struct template_run *r, double x, const struct value *fallback, struct value *out)
{
    if (isnan(x) || isinf(x)) *out = fallback->kind == K_MISSING ? INT(0) : *fallback;
    else if (fabs(x) >= 9.2e18) FAULT(r, "an integer of more than 64 bits");
    else *out = INT((int64_t)x);
    return OK;
}

static int int_filter(struct template_run *r, struct value *a, struct value *out)
{
    int64_t base, n;
    bool large = false;
    double x;
    uint8_t mark = a[0].kind == K_STRING ? text_mark(a[0].text) : a[0].mark;
    TRY(int_param(r, &a[2], 10, "the base of int", &base));
    if (a[0].kind == K_UNDEFINED) return undefined_fault(r, &a[0]);
    if (is_integer(&a[0])) *out = INT(int_of(&a[0]));
    else if (a[0].kind == K_FLOAT) {
        if (isnan(a[0].x)) *out = a[1].kind == K_MISSING ? INT(0) : a[1];
        else if (isinf(a[0].x)) FAULT(r, "cannot convert float infinity to integer");
        else TRY(float_to_int(r, a[0].x, &a[1], out));
    } else if (a[0].kind == K_STRING && (base == 0 || (base >= 2 && base <= 36)) &&
               parse_int(a[0].text, base, &large, &n)) {
        if (large) FAULT(r, "an integer of more than 64 bits");
        *out = INT(n);
    } else if (a[0].kind == K_STRING && parse_float(a[0].text, &x)) {
        TRY(float_to_int(r, x, &a[1], out));
    } else {
        *out = a[1].kind == K_MISSING ? INT(0) : a[1];
        return OK;
    }
    out->mark |= mark;
    return OK;
}

static int float_filter(struct template_run *r, struct value *a, struct value *out)
{
    double x;
    if (a[0].kind == K_UNDEFINED) return undefined_fault(r, &a[0]);
    if (is_number(&a[0])) *out = FLOAT(float_of(&a[0]));
    else if (a[0].kind == K_STRING && parse_float(a[0].text, &x)) *out = FLOAT(x);
    else {
        *out = a[1].kind == K_MISSING ? FLOAT(0.0) : a[1];
        return OK;
    }
    out->mark = a[0].kind == K_STRING ? text_mark(a[0].text) : a[0].mark;
    return OK;
}

static int abs_filter(struct template_run *r, struct value *a, struct value *out)
{
    if (a[0].kind == K_UNDEFINED) return undefined_fault(r, &a[0]);
    if (!is_number(&a[0])) FAULT(r, "bad operand type for abs(): '%s'", type_name(&a[0]));
    if (a[0].kind == K_FLOAT) *out = FLOAT(fabs(a[0].x));
    else if (int_of(&a[0]) == INT64_MIN) FAULT(r, "an integer of more than 64 bits");
    else *out = INT(int_of(&a[0]) < 0 ? -int_of(&a[0]) : int_of(&a[0]));
    out->mark = a[0].mark;
    return OK;
}

/* round() of Python rounds the decimal value that is nearest to x, ties to even. */
static double round_half_even(double x, int64_t digits)
{
    char s[400];
    if (!isfinite(x)) return x;
    if (digits > 300) return x;
    if (digits >= 0) {
        snprintf(s, sizeof s, "%.*f", (int)digits, x); /* exact, ties to even */
        return strtod(s, NULL);
    }
    if (digits < -300) return copysign(0.0, x);
    double unit = pow(10, (double)-digits);
    return nearbyint(x / unit) * unit;
}

static int round_int(struct template_run *r, int64_t n, int64_t digits, struct value *out)
{
    int64_t unit = 1;
    for (; digits < 0 && unit < INT64_MAX / 20; digits++) unit *= 10;
    if (digits < 0) {
        *out = INT(0);
        return OK;
    }
    int64_t rest = n % unit, half = unit / 2, base = n - rest;
    if (rest < 0) rest += unit, base -= unit;
    if (rest > half || (rest == half && unit > 1 && (base / unit) % 2 != 0))
        if (!add_i64(base, unit, &base)) FAULT(r, "an integer of more than 64 bits");
    *out = INT(base);
    return OK;
}

static int round_filter(struct template_run *r, struct value *a, struct value *out)
{
    int64_t digits;
    struct text *method;
    TRY(int_param(r, &a[1], 0, "the precision of round", &digits));
    TRY(text_param(r, &a[2], "the method of round", &method));
    if (a[0].kind == K_UNDEFINED) return undefined_fault(r, &a[0]);
    if (!is_number(&a[0])) FAULT(r, "type %s cannot be rounded", type_name(&a[0]));
    if (!method || text_is(method, "common")) {
        if (is_integer(&a[0])) TRY(round_int(r, int_of(&a[0]), digits, out));
        else *out = FLOAT(round_half_even(a[0].x, digits));
    } else if (text_is(method, "ceil") || text_is(method, "floor")) {
        double unit = pow(10, (double)digits), x = float_of(&a[0]) * unit;
        if (!isfinite(x)) FAULT(r, "a number out of range for round");
        x = method->s[0] == 'c' ? ceil(x) : floor(x);
        *out = FLOAT(x / unit);
    } else FAULT(r, "the method of round must be common, ceil or floor");
    out->mark = a[0].mark;
    return OK;
}

static int filesizeformat_filter(struct template_run *r, struct value *a, struct value *out)
{
    static const char *const decimal[] = {"kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"};
    static const char *const twos[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"};
    struct builder b = builder(r);
    struct value number;
    bool binary = false;
    size_t i = 0;
    struct value args[3] = {a[0], MISSING, MISSING};
    TRY(float_filter(r, args, &number));
    if (a[0].kind == K_STRING) {
        double x;
        if (!parse_float(a[0].text, &x)) FAULT(r, "could not convert string to float");
    } else if (!is_number(&a[0])) FAULT(r, "a number or a string expected, not %s", type_name(&a[0]));
    if (a[1].kind != K_MISSING) TRY(truth(r, &a[1], &binary));
    double bytes = number.x, base = binary ? 1024 : 1000, unit = base * base;
    if (bytes == 1) add_words(&b, "1 Byte", number.mark);
    else if (bytes < base) add_printf(&b, number.mark, "%.0f Bytes", trunc(bytes));
    else {
        for (; i < ARRAY_LEN(twos) - 1 && bytes >= unit; i++) unit *= base;
        add_printf(&b, number.mark, "%.1f %s", base * bytes / unit, (binary ? twos : decimal)[i]);
    }
    return builder_value(&b, out);
}

/* ---- JSON ---- */

static int json_indent(struct template_run *r, const struct value *v, struct json_style *style)
{
    static const struct text space = {.s = " ", .len = 1, .chars = 1};
    struct builder b = builder(r);
    struct value spaces;
    if (v->kind == K_MISSING || v->kind == K_NONE) return OK;
    if (v->kind == K_STRING) {
        style->indent = v->text;
        return OK;
    }
    if (!is_integer(v))
        FAULT(r, "the indent of tojson is of type %s, expected an integer or a string", type_name(v));
    add_repeated(&b, &space, int_of(v));
    TRY(builder_value(&b, &spaces));
    style->indent = spaces.text;
    return OK;
}

static int tojson_filter(struct template_run *r, struct value *a, struct value *out)
{
    struct json_style style = {0};
    struct builder b = builder(r);
    if (a[1].kind != K_MISSING) TRY(truth(r, &a[1], &style.ascii));
    TRY(json_indent(r, &a[2], &style));
    if (a[3].kind != K_MISSING && a[3].kind != K_NONE) {
        struct value list;
        TRY(list_of(r, &a[3], &list));
        if (list.list->n != 2 || list.list->items[0].kind != K_STRING || list.list->items[1].kind != K_STRING)
            FAULT(r, "the separators of tojson must be two strings");
        style.item = list.list->items[0].text;
        style.colon = list.list->items[1].text;
    }
    if (a[4].kind != K_MISSING) TRY(truth(r, &a[4], &style.sort));
    add_json(&b, &a[0], &style);
    return builder_value(&b, out);
}

/* As transformers' own filter: no marks of |safe. */
const struct builtin filters_values[] = {
    {.name = "default", .fn = default_filter, .params = {"default_value", "boolean"}},
    {.name = "d", .fn = default_filter, .params = {"default_value", "boolean"}},
    {.name = "length", .fn = length_filter},
    {.name = "count", .fn = length_filter},
    {.name = "string", .fn = string_filter},
    {.name = "attr", .fn = attr_filter, .params = {"name"}, .need = 1},
    {.name = "int", .fn = int_filter, .params = {"default", "base"}},
    {.name = "float", .fn = float_filter, .params = {"default"}},
    {.name = "abs", .fn = abs_filter},
    {.name = "round", .fn = round_filter, .params = {"precision", "method"}},
    {.name = "filesizeformat", .fn = filesizeformat_filter, .params = {"binary"}},
    {.name = "tojson", .fn = tojson_filter, .params = {"ensure_ascii", "indent", "separators", "sort_keys"}},
    {0},
};
