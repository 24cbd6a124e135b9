/* Calls of tools. */
#include "grammar/tools.h"
#include "base/mem.h"
#include "grammar/formats.h"
#include "grammar/grammar.h"
#include "grammar/json_text.h"
#include "grammar/regex.h"
#include "text/tokenizer.h"
#include <stdio.h>
#include <string.h>

uint32_t build_marked(struct build *b, const struct tokenizer *t, const char *s)
{
    struct expr_list l = {0};
    size_t from = 0, at = 0, n = s ? strlen(s) : 0, len;
    while (at < n) {
        int32_t id = tokenizer_special_at(t, s + at, n - at, &len);
        if (id < 0) {
            at++;
            continue;
        }
        exprs_add(b, &l, build_text(b, s + from, at - from));
        exprs_add(b, &l, build_token(b, id));
        from = at += len;
    }
    if (n > from) exprs_add(b, &l, build_text(b, s + from, n - from));
    uint32_t x = build_seq(b, l.v, l.n);
    exprs_free(&l);
    return x;
}

uint32_t build_text_without(struct build *b, const char *stop)
{
    uint32_t any = build_copies(b, build_chars(b, &(struct char_range){0, 0x10FFFF}, 1), 0, GRAMMAR_NO_MAX);
    if (!stop || !*stop) return any;
    return build_minus(b, any, build_seq(b, (uint32_t[]){any, build_str(b, stop), any}, 3));
}

/* Whether the text is, or begins with, a token that text never yields. */
static bool is_marker(const struct tokenizer *t, const char *s)
{
    size_t len;
    return s && *s && tokenizer_special_at(t, s, strlen(s), &len) >= 0;
}

/* ---- arguments ---- */

static uint32_t checked_schema(struct build *b, const struct grammar_tool *tool)
{
    struct grammar *g;
    struct err ignored;
    if (!tool->parameters) return build_seq(b, (uint32_t[]){build_str(b, "{"), build_json_blank(b), build_str(b, "}")}, 3);
    if (tool->loose) {
        int rc = grammar_from_schema(&g, tool->parameters, tool->name, &ignored);
        grammar_free(g);
        if (rc && rc != ERR_MEMORY) return build_json_object(b);
    }
    uint32_t x = build_schema(b, tool->parameters);
    if (!build_ok(b)) err_prefix(b->e, "tool %s", tool->name);
    return x;
}

/* Enum and const of a string that is written without quotation marks; 0: there are none. */
static uint32_t bare_values(struct build *b, const json_t *schema)
{
    const json_t *values = json_object_get(schema, "enum"), *only = json_object_get(schema, "const");
    struct expr_list l = {0};
    for (size_t i = 0; i < json_array_size(values); i++) {
        const json_t *v = json_array_get(values, i);
        if (json_is_string(v)) exprs_add(b, &l, build_text(b, json_string_value(v), json_string_length(v)));
    }
    if (json_is_string(only)) exprs_add(b, &l, build_text(b, json_string_value(only), json_string_length(only)));
    uint32_t x = build_alt(b, l.v, l.n);
    exprs_free(&l);
    return x;
}

static uint32_t limit_of(const json_t *schema, const char *keyword, uint32_t otherwise)
{
    const json_t *v = json_object_get(schema, keyword);
    return json_is_integer(v) && json_integer_value(v) >= 0 && json_integer_value(v) <= GRAMMAR_MAX_COUNT
               ? (uint32_t)json_integer_value(v)
               : otherwise;
}

/* A string without quotation marks: what its schema says, which has been read once as JSON, of the characters as they are. */
static uint32_t bare_value(struct build *b, const struct grammar_tool *one, const char *stop)
{
    static const char *const logic[] = {"$ref", "anyOf", "oneOf", "allOf"};
    const json_t *schema = one->parameters, *pattern = json_object_get(schema, "pattern"),
                 *format = json_object_get(schema, "format");
    uint32_t x = build_text_without(b, stop), values = bare_values(b, schema);
    uint32_t min = limit_of(schema, "minLength", 0), max = limit_of(schema, "maxLength", GRAMMAR_NO_MAX);
    for (size_t i = 0; i < 4; i++)
        if (json_object_get(schema, logic[i]) && !one->loose)
            return build_fail(b, ERR_UNSUPPORTED, "tool %s: %s in a string that is written without quotation marks",
                              one->name, logic[i]);
    if (values) x = build_and(b, x, values);
    if (json_is_string(pattern))
        x = build_and(b, x,
                      regex_expr(b, json_string_value(pattern), json_string_length(pattern),
                                 (struct regex_options){.search = true}, "pattern"));
    const char *regex = json_is_string(format) ? format_regex(json_string_value(format)) : NULL;
    if (regex) x = build_and(b, x, regex_expr(b, regex, strlen(regex), (struct regex_options){0}, "format"));
    if (min || max != GRAMMAR_NO_MAX)
        x = build_and(b, x, build_copies(b, build_chars(b, &(struct char_range){0, 0x10FFFF}, 1), min, max));
    return x;
}

/* Up to where the value ends: its first marker, else what is printed there. */
static const char *end_of_value(const struct tokenizer *t, const char *end)
{
    while (*end == '\n') end++;
    return is_marker(t, end) ? NULL : end;
}

static uint32_t elements(struct build *b, const struct tokenizer *t, const struct grammar_call_form *f,
                         const struct grammar_tool *tool)
{
    const json_t *props = json_object_get(tool->parameters, "properties"),
                 *required = json_object_get(tool->parameters, "required");
    struct expr_list l = {0};
    const char *key;
    json_t *v;
    checked_schema(b, tool); /* its own keywords */
    json_object_foreach((json_t *)props, key, v) {
        const json_t *type = json_object_get(v, "type");
        bool bare = json_is_string(type) && !strcmp(json_string_value(type), "string"), must = false;
        for (size_t i = 0; i < json_array_size(required); i++) {
            const char *name = json_string_value(json_array_get(required, i));
            must |= name && !strcmp(name, key);
        }
        struct grammar_tool one = {.name = tool->name, .parameters = v, .loose = tool->loose};
        uint32_t value = bare ? bare_value(b, &one, end_of_value(t, f->param_end)) : checked_schema(b, &one);
        uint32_t list[] = {build_marked(b, t, f->param), build_str(b, key),
                           build_marked(b, t, bare || !f->value_other ? f->value : f->value_other), value,
                           build_marked(b, t, f->param_end)};
        uint32_t x = build_seq(b, list, 5);
        exprs_add(b, &l, must ? x : build_optional(b, x));
    }
    uint32_t x = build_seq(b, l.v, l.n);
    exprs_free(&l);
    return x;
}

/* ---- calls ---- */

static uint32_t one_call(struct build *b, const struct tokenizer *t, const struct grammar_calls *c)
{
    const struct grammar_call_form *f = c->form;
    struct expr_list all = {0};
    uint32_t before = build_seq2(b, build_marked(b, t, f->call), build_marked(b, t, f->head)), mid = build_marked(b, t, f->mid);
    uint32_t behind = build_seq2(b, build_marked(b, t, f->tail), build_marked(b, t, f->call_end));
    for (size_t i = 0; i < c->n_tools && build_ok(b); i++) {
        const struct grammar_tool *tool = &c->tools[i];
        uint32_t arguments = f->param ? elements(b, t, f, tool) : checked_schema(b, tool);
        exprs_add(b, &all, build_seq(b, (uint32_t[]){build_str(b, tool->name), mid, arguments}, 3));
    }
    uint32_t x = build_seq(b, (uint32_t[]){before, build_alt(b, all.v, all.n), behind}, 3);
    exprs_free(&all);
    return x;
}

static uint32_t answer(struct build *b, const struct tokenizer *t, const struct grammar_calls *c)
{
    const struct grammar_call_form *f = c->form;
    const char *first = f->open && *f->open ? f->open : f->call && *f->call ? f->call : f->head;
    if (c->max == 0 || c->max < c->min) return build_fail(b, ERR_USAGE, "tools: %u to %u calls", c->min, c->max);
    uint32_t rule = build_rule_new(b, RULE_PLAIN), gap = build_marked(b, t, f->gap);
    build_rule_set(b, rule, one_call(b, t, c));
    uint32_t more = build_repeat(b, build_seq2(b, gap, build_call(b, rule)), c->min > 1 ? c->min - 1 : 0,
                                 c->max == GRAMMAR_NO_MAX ? c->max : c->max - 1);
    uint32_t calls = build_seq(
        b, (uint32_t[]){build_marked(b, t, f->open), build_call(b, rule), more, build_marked(b, t, f->close)}, 4);
    if (!c->text) return c->min ? calls : build_optional(b, calls);
    char stop[64] = ""; /* without the blanks and line ends at its end */
    size_t n = first ? strlen(first) : 0;
    while (n && (first[n - 1] == ' ' || first[n - 1] == '\n')) n--;
    if (first && !is_marker(t, first)) snprintf(stop, sizeof stop, "%.*s", (int)n, first);
    uint32_t text = build_text_without(b, stop);
    return build_seq2(b, text, c->min ? calls : build_optional(b, calls));
}

int grammar_from_calls(struct grammar **out, const struct tokenizer *t, const struct grammar_calls *c, struct err *e)
{
    struct build b;
    struct err own = {0};
    *out = NULL;
    TRY(build_init(&b, e ? e : &own));
    uint32_t x = answer(&b, t, c);
    int rc = build_finish(&b, x, "tools", out, e);
    build_free(&b);
    return rc;
}
