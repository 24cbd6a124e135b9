/* JSON Schema: from a conjunction to an expression, by alternatives and by types. */
#include <stdio.h>
#include <string.h>
#include "grammar/grammar.h"
#include "grammar/json_text.h"
#include "grammar/room.h"
#include "grammar/schema.h"
#include "grammar/tools.h"

/* A conjunction that is a rule already. */
struct memo {
    uint64_t hash;
    const json_t *s[CONJ_MAX];
    uint8_t skip[CONJ_MAX];
    size_t n;
    uint32_t rule;
};

/* ---- constants ---- */

/* Scalars are met with what else is asked of them; of objects and arrays that would need more than an automaton. */
static uint32_t values_expr(struct schema *z, struct conj *c, const json_t *values)
{
    struct build *b = z->b;
    struct expr_list texts = {0}, numbers = {0}, all = {0};
    for (size_t i = 0; i < json_array_size(values); i++) {
        const json_t *v = json_array_get(values, i);
        unsigned t = type_of(v);
        if (t == TYPE_STRING) exprs_add(b, &texts, build_json_escaped(b, json_string_value(v), json_string_length(v)));
        else if (t & TYPE_NUMBER) exprs_add(b, &numbers, build_json_constant(b, v));
        else if (t & (TYPE_OBJECT | TYPE_ARRAY) && conj_limits(c, t)) {
            schema_fail(z, &c->v[0], "enum",
                        "an object or array as a value together with keywords that look into it is not supported");
        } else exprs_add(b, &all, build_json_constant(b, v));
    }
    if (texts.n) {
        uint32_t x = build_alt(b, texts.v, texts.n);
        exprs_add(b, &all, build_json_quoted(b, conj_limits(c, TYPE_STRING) ? build_and(b, x, schema_text(z, c)) : x));
    }
    if (numbers.n) {
        uint32_t x = build_alt(b, numbers.v, numbers.n);
        exprs_add(b, &all, conj_limits(c, TYPE_NUMBER) ? build_and(b, x, schema_number(z, c, true)) : x);
    }
    uint32_t x = build_alt(b, all.v, all.n);
    exprs_free(&texts);
    exprs_free(&numbers);
    exprs_free(&all);
    return x;
}

/* ---- types ---- */

static uint32_t leaf(struct schema *z, struct conj *c)
{
    struct build *b = z->b;
    uint32_t list[8];
    size_t n = 0;
    unsigned types = conj_types(z, c, true);
    json_t *values = build_ok(b) ? conj_values(z, c, types) : NULL;
    if (!build_ok(b) || values) {
        uint32_t x = build_ok(b) ? values_expr(z, c, values) : 0;
        json_decref(values);
        return x;
    }
    if (types == TYPE_ANY && !conj_limits(c, TYPE_ANY)) return build_json_value(b);
    if (types & TYPE_OBJECT) list[n++] = schema_object(z, c);
    if (types & TYPE_ARRAY) list[n++] = schema_array(z, c);
    if (types & TYPE_STRING) list[n++] = schema_string(z, c);
    if (types & TYPE_NUMBER) list[n++] = schema_number(z, c, types & TYPE_FRACTION);
    if (types & TYPE_BOOLEAN) list[n++] = build_alt2(b, build_str(b, "true"), build_str(b, "false"));
    if (types & TYPE_NULL) list[n++] = build_str(b, "null");
    return build_alt(b, list, n);
}

/* ---- alternatives ---- */

/* c with branch k of a keyword of item i in its place. */
static struct conj branch_of(struct schema *z, const struct conj *c, size_t i, const char *keyword, size_t k)
{
    struct conj out = *c;
    uint32_t path = schema_path(z, c->v[i].path, keyword, 0);
    const json_t *list = schema_get(&c->v[i], keyword);
    out.v[i].skip |= !strcmp(keyword, "anyOf") ? SKIP_ANY_OF : SKIP_ONE_OF;
    conj_add(z, &out, json_array_get(list, k), schema_path(z, path, NULL, k));
    return out;
}

static void check_disjoint(struct schema *z, const struct conj *c, size_t i, size_t n)
{
    struct conj x, y;
    char what[160];
    for (size_t k = 0; k < n; k++)
        for (size_t m = 0; m < k && build_ok(z->b); m++) {
            x = branch_of(z, c, i, "oneOf", k);
            y = branch_of(z, c, i, "oneOf", m);
            if (conj_disjoint(z, &x, &y, 0) || !build_ok(z->b)) continue;
            snprintf(what, sizeof what,
                     "alternatives %zu and %zu may both match, which cannot be ruled out while generating: use anyOf",
                     m, k);
            schema_fail(z, &c->v[i], "oneOf", what);
        }
}

static uint32_t alternatives(struct schema *z, const struct conj *c, size_t i, const char *keyword)
{
    struct build *b = z->b;
    const json_t *list = schema_get(&c->v[i], keyword);
    struct expr_list all = {0};
    size_t n = json_array_size(list);
    if (!json_is_array(list) || !n) return schema_fail(z, &c->v[i], keyword, "a list of schemas expected");
    if (!strcmp(keyword, "oneOf")) check_disjoint(z, c, i, n);
    for (size_t k = 0; k < n && build_ok(b); k++) {
        struct conj branch = branch_of(z, c, i, keyword, k);
        uint32_t x = schema_expr(z, &branch);
        if (x) exprs_add(b, &all, x);
    }
    uint32_t x = build_alt(b, all.v, all.n);
    exprs_free(&all);
    return x;
}

/* ---- rules ---- */

/* Nothing but remarks and what has been followed. */
static bool says_nothing(const struct item *i)
{
    static const char *const logic[] = {"$ref", "allOf", "anyOf", "oneOf", "type", "enum", "const"};
    struct conj one = {.v = {*i}, .n = 1};
    if (!json_is_object(i->s)) return true;
    for (size_t k = 0; k < ARRAY_LEN(logic); k++)
        if (schema_get(i, logic[k])) return false;
    return !conj_limits(&one, TYPE_ANY);
}

static struct memo *find_rule(struct schema *z, const struct conj *c, bool *new)
{
    struct build *b = z->b;
    uint64_t hash = c->n;
    *new = false;
    for (size_t i = 0; i < c->n; i++) hash = (hash ^ (uintptr_t)c->v[i].s ^ c->v[i].skip) * 0x9E3779B97F4A7C15u;
    for (size_t m = 0; m < z->n_memo; m++) {
        struct memo *p = &z->memo[m];
        bool same = p->hash == hash && p->n == c->n;
        for (size_t i = 0; i < c->n && same; i++) same = p->s[i] == c->v[i].s && p->skip[i] == c->v[i].skip;
        if (same) return p;
    }
    b->rc = ROOM(z->memo, z->cap_memo, z->n_memo, 1, SCHEMA_MAX_STEPS, "places of a schema", b->e);
    if (!build_ok(b)) return NULL;
    struct memo *p = &z->memo[z->n_memo++];
    *p = (struct memo){.hash = hash, .n = c->n, .rule = build_rule_new(b, RULE_PLAIN)};
    for (size_t i = 0; i < c->n; i++) p->s[i] = c->v[i].s, p->skip[i] = c->v[i].skip;
    if (build_ok(b) && c->n) build_rule_name(b, p->rule, z->paths.data + c->v[0].path, strlen(z->paths.data + c->v[0].path));
    *new = true;
    return p;
}

uint32_t schema_expr(struct schema *z, struct conj *c)
{
    struct build *b = z->b;
    size_t n = 0;
    bool new;
    if (!conj_expand(z, c)) return 0;
    for (size_t i = 0; i < c->n; i++)
        if (!says_nothing(&c->v[i])) c->v[n++] = c->v[i];
    c->n = n;
    for (size_t i = 0; i < n; i++) c->v[i].from = 0;
    if (n == 0) return build_json_value(b);
    if (++z->steps > SCHEMA_MAX_STEPS) return build_fail(b, ERR_LIMIT, "more than %d places and alternatives", SCHEMA_MAX_STEPS);
    struct memo *m = find_rule(z, c, &new);
    if (!m) return 0;
    uint32_t rule = m->rule, x = 0;
    if (!new) return build_call(b, rule);
    if (++z->nesting > GRAMMAR_MAX_NESTING) return build_fail(b, ERR_LIMIT, "schemas nested deeper than %d", GRAMMAR_MAX_NESTING);
    size_t i = 0;
    while (i < n && !schema_get(&c->v[i], "anyOf") && !schema_get(&c->v[i], "oneOf")) i++;
    if (i == n) x = leaf(z, c);
    else x = alternatives(z, c, i, schema_get(&c->v[i], "anyOf") ? "anyOf" : "oneOf");
    z->nesting--;
    build_rule_set(b, rule, x);
    return build_ok(b) ? build_call(b, rule) : 0;
}

/* ---- the whole ---- */

uint32_t build_schema(struct build *b, const json_t *schema)
{
    struct schema z = {.b = b, .root = schema};
    struct conj c = {.n = 0};
    if (!build_ok(b)) return 0;
    buf_add_byte(&z.paths, 0); /* "" is the root */
    b->rc = buf_check(&z.paths, "places of a schema", b->e);
    conj_add(&z, &c, schema, 0);
    uint32_t x = schema_expr(&z, &c);
    buf_free(&z.paths);
    mem_free(z.memo);
    return x;
}

int grammar_from_schema(struct grammar **out, const json_t *schema, const char *where, struct err *e)
{
    struct build b;
    struct err own = {0};
    *out = NULL;
    TRY(build_init(&b, e ? e : &own));
    b.max_depth = GRAMMAR_JSON_DEPTH;
    uint32_t x = build_schema(&b, schema);
    int rc = build_finish(&b, x, where, out, e);
    build_free(&b);
    return rc;
}
