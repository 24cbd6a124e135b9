/* JSON Schema: strings, numbers, arrays. */
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "grammar/formats.h"
#include "grammar/json_text.h"
#include "grammar/number.h"
#include "grammar/regex.h"
#include "grammar/schema.h"

enum {
    FEW_CHARS = 8, /* strings of at most so many characters are states; longer ones are counted */
    MAX_FIRST = 1000,
};

/* ---- strings ---- */

uint32_t schema_text(struct schema *z, const struct conj *c)
{
    struct build *b = z->b;
    uint32_t min = 0, max = GRAMMAR_NO_MAX, x = build_json_any_text(b);
    for (size_t i = 0; i < c->n && build_ok(b); i++) {
        uint32_t lo = 0, hi = GRAMMAR_NO_MAX;
        char where[320];
        const json_t *pattern = schema_get(&c->v[i], "pattern"), *format = schema_get(&c->v[i], "format");
        schema_count(z, &c->v[i], "minLength", &lo);
        schema_count(z, &c->v[i], "maxLength", &hi);
        min = lo > min ? lo : min;
        max = hi < max ? hi : max;
        if (pattern && !json_is_string(pattern)) schema_fail(z, &c->v[i], "pattern", "a regular expression expected");
        else if (pattern) {
            snprintf(where, sizeof where, "#%.300s/pattern", z->paths.data + c->v[i].path);
            x = build_and(b, x,
                          regex_expr(b, json_string_value(pattern), json_string_length(pattern),
                                     (struct regex_options){true, true}, where));
        }
        if (!format) continue;
        const char *regex = json_is_string(format) ? format_regex(json_string_value(format)) : NULL;
        if (!regex) schema_fail(z, &c->v[i], "format", "this format is not supported");
        else x = build_and(b, x, regex_expr(b, regex, strlen(regex), (struct regex_options){true, false}, "format"));
    }
    if (min > max) return 0;
    if (min == 0 && max == GRAMMAR_NO_MAX) return x;
    uint32_t one = build_json_chars(b, &(struct char_range){1, 0x10FFFF}, 1);
    return build_and(b, x, build_copies(b, one, min, max));
}

uint32_t schema_string(struct schema *z, const struct conj *c)
{
    struct build *b = z->b;
    uint32_t min = 0, max = GRAMMAR_NO_MAX;
    if (!conj_limits(c, TYPE_STRING)) return build_json_string(b);
    for (size_t i = 0; i < c->n && build_ok(b); i++) {
        uint32_t lo = 0, hi = GRAMMAR_NO_MAX;
        if (schema_get(&c->v[i], "pattern") || schema_get(&c->v[i], "format"))
            return build_kept(b, build_json_quoted(b, schema_text(z, c)));
        schema_count(z, &c->v[i], "minLength", &lo);
        schema_count(z, &c->v[i], "maxLength", &hi);
        min = lo > min ? lo : min;
        max = hi < max ? hi : max;
    }
    if (min > max || !build_ok(b)) return 0;
    if (max <= FEW_CHARS || (max == GRAMMAR_NO_MAX && min <= FEW_CHARS))
        return build_kept(b, build_json_quoted(b, build_copies(b, build_json_char(b), min, max)));
    return build_json_quoted(b, build_counted(b, build_kept(b, build_json_char(b)), min, max));
}

/* ---- numbers ---- */

/* A bound of item i: number, or a boolean beside minimum or maximum as in the fourth draft. */
static uint32_t bound(struct schema *z, const struct item *i, const char *keyword, int side, bool exclusive, uint32_t x)
{
    const json_t *v = schema_get(i, keyword);
    struct decimal d;
    if (!v || !build_ok(z->b)) return x;
    if (json_is_boolean(v) && exclusive) return x;
    if (!decimal_read(&d, v))
        return schema_fail(z, i, keyword, "a number of at most 36 digits before and after the point expected");
    uint32_t y = number_bound(z->b, &d, side, exclusive);
    return x ? build_and(z->b, x, y) : y;
}

uint32_t schema_number(struct schema *z, const struct conj *c, bool fraction)
{
    struct build *b = z->b;
    uint32_t bounds = 0, steps = 0;
    if (!conj_limits(c, TYPE_NUMBER)) return fraction ? build_json_number(b) : build_json_integer(b);
    for (size_t i = 0; i < c->n && build_ok(b); i++) {
        const struct item *p = &c->v[i];
        const json_t *step = schema_get(p, "multipleOf");
        struct decimal d;
        bounds = bound(z, p, "minimum", -1, json_is_true(schema_get(p, "exclusiveMinimum")), bounds);
        bounds = bound(z, p, "exclusiveMinimum", -1, true, bounds);
        bounds = bound(z, p, "maximum", 1, json_is_true(schema_get(p, "exclusiveMaximum")), bounds);
        bounds = bound(z, p, "exclusiveMaximum", 1, true, bounds);
        if (!step) continue;
        if (!decimal_read(&d, step) || d.minus || (d.n_frac == 0 && d.n_int == 1 && d.digits[0] == '0'))
            return schema_fail(z, p, "multipleOf", "a number greater than 0 expected");
        uint32_t x = number_multiple(b, &d);
        if (!x) return build_ok(b) ? 0 : schema_fail(z, p, "multipleOf", "not supported");
        steps = steps ? build_and(b, steps, x) : x;
    }
    uint32_t whole = build_json_integer(b), digits = build_copies(b, build_bytes(b, '0', '9'), 1, JSON_FRACTION);
    uint32_t form = bounds     ? number_plain(b, fraction)
                    : fraction ? build_seq2(b, whole, build_optional(b, build_seq2(b, build_str(b, "."), digits)))
                               : whole;
    if (bounds) form = build_and(b, form, bounds);
    if (steps) form = build_and(b, form, steps);
    return form;
}

/* ---- arrays ---- */

/* The schemas of the first elements, a list; NULL: there are none. Up to the seventh draft it was "items". */
static const json_t *array_first(const struct item *i)
{
    const json_t *first = schema_get(i, "prefixItems"), *items = schema_get(i, "items");
    return first ? first : json_is_array(items) ? items : NULL;
}

/* Element k, where all that come after the first n_first are alike. */
static uint32_t array_element(struct schema *z, const struct conj *c, size_t k)
{
    struct conj all = {.n = 0};
    for (size_t i = 0; i < c->n; i++) {
        const struct item *p = &c->v[i];
        const json_t *first = array_first(p), *items = schema_get(p, "items"), *more = schema_get(p, "additionalItems");
        if (k < json_array_size(first)) {
            uint32_t path = schema_path(z, p->path, items == first ? "items" : "prefixItems", 0);
            conj_add(z, &all, json_array_get(first, k), schema_path(z, path, NULL, k));
        } else if (items && items != first) conj_add_member(z, &all, p, "items", items);
        else if (more && items) conj_add_member(z, &all, p, "additionalItems", more);
    }
    return schema_expr(z, &all);
}

struct list {
    uint32_t min, max;
    size_t n_first;
};

static void list_limits(struct schema *z, const struct conj *c, struct list *l)
{
    for (size_t i = 0; i < c->n && build_ok(z->b); i++) {
        uint32_t lo = 0, hi = GRAMMAR_NO_MAX;
        const json_t *first = array_first(&c->v[i]);
        schema_count(z, &c->v[i], "minItems", &lo);
        schema_count(z, &c->v[i], "maxItems", &hi);
        l->min = lo > l->min ? lo : l->min;
        l->max = hi < l->max ? hi : l->max;
        if (first && !json_is_array(first)) schema_fail(z, &c->v[i], "prefixItems", "a list of schemas expected");
        if (json_array_size(first) > l->n_first) l->n_first = json_array_size(first);
    }
    for (size_t i = 0; i < c->n && l->max > 1 && build_ok(z->b); i++)
        if (json_is_true(schema_get(&c->v[i], "uniqueItems"))) schema_fail(z, &c->v[i], "uniqueItems", "true is not supported");
    if (l->n_first > MAX_FIRST) build_fail(z->b, ERR_LIMIT, "more than %d prefixItems", MAX_FIRST);
}

/* Place k: after k elements, up to n_first; then after one that is not among the first; then the end. */
uint32_t schema_array(struct schema *z, const struct conj *c)
{
    struct build *b = z->b;
    struct list l = {.max = GRAMMAR_NO_MAX};
    if (!conj_limits(c, TYPE_ARRAY)) return build_json_array(b);
    list_limits(z, c, &l);
    if (l.min > l.max || !build_ok(b)) return 0;
    struct arrow *arrows = mem_array(2 * l.n_first + 8, sizeof *arrows);
    if (!arrows) return build_fail(b, ERR_MEMORY, "out of memory");
    uint32_t other = (uint32_t)l.n_first + 1, end = other + 1, close = build_str(b, "]");
    uint32_t last = build_seq2(b, build_json_space(b), close);
    size_t n = 0;
    for (size_t k = 0; k <= l.n_first && build_ok(b); k++) {
        if (k >= l.min) arrows[n++] = (struct arrow){(uint32_t)k, k ? last : close, end};
        uint32_t x = k < l.max ? array_element(z, c, k) : 0;
        if (!x) break;
        if (k < l.n_first) {
            arrows[n++] = (struct arrow){(uint32_t)k, k ? build_json_next(b, x) : x, (uint32_t)k + 1};
            continue;
        }
        uint32_t left = l.max == GRAMMAR_NO_MAX ? l.max : l.max - (uint32_t)k, least = l.min > k ? l.min - (uint32_t)k : 1;
        uint32_t more = build_repeat(b, build_json_next(b, x), k ? least : least - 1,
                                     k || left == GRAMMAR_NO_MAX ? left : left - 1);
        arrows[n++] = (struct arrow){(uint32_t)k, k ? more : build_seq2(b, x, more), other};
        arrows[n++] = (struct arrow){other, last, end};
    }
    uint32_t items = build_graph(b, end + 1, arrows, n);
    mem_free(arrows);
    return build_seq(b, (uint32_t[]){build_str(b, "["), build_json_space(b), items}, 3);
}
