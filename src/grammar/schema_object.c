/* JSON Schema: objects. Members come in the order in which the schema names them; those that it does not name come last. */
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "grammar/grammar.h"
#include "grammar/json_text.h"
#include "grammar/regex.h"
#include "grammar/schema.h"

enum {
    MAX_PATTERNS = 4,    /* of names; each doubles the kinds of names */
    MAX_PLACES = 20000,  /* members times how many may have come before */
    MAX_MEMBERS = 64,    /* that minProperties and maxProperties count */
};

struct name_pattern {
    const char *text;
    struct grammar *g; /* of names in JSON's spelling, without quotation marks */
    uint32_t expr;
};

struct object {
    struct schema *z;
    const struct conj *c;
    json_t *names, *required; /* objects: their members are in order, and found at once */
    struct name_pattern patterns[MAX_PATTERNS];
    size_t n_patterns;
    uint32_t names_are; /* what propertyNames asks of the content of a name; 0: nothing */
    bool limited;       /* propertyNames is there */
    uint32_t min, max;
    bool open;          /* members that the schema does not name may come */
};

/* ---- reading ---- */

static void no_memory(struct object *o) { build_fail(o->z->b, ERR_MEMORY, "out of memory for members"); }

static void read_names(struct object *o, const struct item *i)
{
    const json_t *props = schema_get(i, "properties"), *required = schema_get(i, "required");
    const char *name;
    json_t *v;
    if (props && !json_is_object(props)) schema_fail(o->z, i, "properties", "an object of schemas expected");
    json_object_foreach((json_t *)props, name, v)
        if (!json_object_get(o->names, name) && json_object_set_new(o->names, name, json_true())) no_memory(o);
    if (!required || json_is_boolean(required)) return; /* a boolean: the third draft */
    if (!json_is_array(required)) schema_fail(o->z, i, "required", "a list of names expected");
    for (size_t k = 0; k < json_array_size(required) && build_ok(o->z->b); k++) {
        name = json_string_value(json_array_get(required, k));
        if (!name) schema_fail(o->z, i, "required", "a list of names expected");
        else if (json_object_set_new(o->required, name, json_true())) no_memory(o);
    }
}

static void read_patterns(struct object *o, const struct item *i)
{
    const json_t *patterns = schema_get(i, "patternProperties");
    struct build *b = o->z->b, own;
    char where[360];
    const char *text;
    json_t *v;
    if (patterns && !json_is_object(patterns)) schema_fail(o->z, i, "patternProperties", "an object of schemas expected");
    json_object_foreach((json_t *)patterns, text, v) {
        size_t k = 0;
        while (k < o->n_patterns && strcmp(o->patterns[k].text, text) != 0) k++;
        if (k < o->n_patterns || !build_ok(b)) continue;
        if (k == MAX_PATTERNS) {
            schema_fail(o->z, i, "patternProperties", "more than 4 patterns for the names of an object are not supported");
            return;
        }
        snprintf(where, sizeof where, "#%.300s/patternProperties", o->z->paths.data + i->path);
        struct name_pattern *p = &o->patterns[o->n_patterns++];
        struct regex_options how = {.json = true, .search = true};
        p->text = text;
        p->expr = regex_expr(b, text, strlen(text), how, where);
        if (!build_ok(b) || (b->rc = build_init(&own, b->e))) return;
        b->rc = build_finish(&own, regex_expr(&own, text, strlen(text), how, where), where, &p->g, b->e);
        build_free(&own);
    }
}

static void read_rest(struct object *o)
{
    struct schema *z = o->z;
    struct conj names = {.n = 0};
    bool closed = false, said = false;
    const char *name;
    json_t *v;
    for (size_t i = 0; i < o->c->n && build_ok(z->b); i++) {
        const struct item *p = &o->c->v[i];
        uint32_t lo = 0, hi = GRAMMAR_NO_MAX;
        const json_t *limit = schema_get(p, "propertyNames");
        read_names(o, p);
        read_patterns(o, p);
        schema_count(z, p, "minProperties", &lo);
        schema_count(z, p, "maxProperties", &hi);
        o->min = lo > o->min ? lo : o->min;
        o->max = hi < o->max ? hi : o->max;
        said |= schema_get(p, "additionalProperties") != NULL;
        closed |= json_object_size(schema_get(p, "properties")) > 0;
        if (limit) conj_add_member(z, &names, p, "propertyNames", limit);
    }
    json_object_foreach(o->required, name, v)
        if (!json_object_get(o->names, name) && json_object_set_new(o->names, name, json_true())) no_memory(o);
    if (!build_ok(z->b)) return;
    o->open = said || !closed || o->min > json_object_size(o->names);
    if (!names.n) return;
    o->limited = true;
    if (!conj_expand(z, &names)) return;
    for (size_t i = 0; i < names.n; i++)
        if (schema_get(&names.v[i], "anyOf") || schema_get(&names.v[i], "oneOf") || schema_get(&names.v[i], "enum") ||
            schema_get(&names.v[i], "const"))
            schema_fail(z, &names.v[i], NULL, "names may be limited by lengths, pattern and format only");
    o->names_are = schema_text(z, &names);
}

/* ---- members ---- */

static bool matches(struct object *o, const struct name_pattern *p, const char *name)
{
    struct build b, *outer = o->z->b;
    uint64_t before = mem_shortages();
    if (!build_ok(outer) || (outer->rc = build_init(&b, outer->e))) return false;
    build_json_escaped(&b, name, strlen(name)); /* for the spelling only */
    bool is = build_ok(&b) && grammar_matches(p->g, b.bytes.data ? b.bytes.data : "", b.bytes.len);
    outer->rc = build_ok(&b) ? mem_verdict(OK, before, "the names of members", outer->e) : b.rc;
    build_free(&b);
    return is;
}

/* The value of a member: by name, or (NULL) of those whose names match the patterns of a set of bits and have no name. */
static uint32_t value_of(struct object *o, const char *name, unsigned set)
{
    struct schema *z = o->z;
    struct conj c = {.n = 0};
    for (size_t k = 0; k < o->n_patterns && name; k++)
        if (matches(o, &o->patterns[k], name)) set |= 1u << k;
    for (size_t i = 0; i < o->c->n && build_ok(z->b); i++) {
        const struct item *p = &o->c->v[i];
        const json_t *patterns = schema_get(p, "patternProperties"), *more = schema_get(p, "additionalProperties");
        const json_t *own = name ? json_object_get(schema_get(p, "properties"), name) : NULL;
        bool found = own != NULL;
        if (own) conj_add(z, &c, own, schema_path(z, schema_path(z, p->path, "properties", 0), name, 0));
        for (size_t k = 0; k < o->n_patterns; k++) {
            const json_t *s = set >> k & 1 ? json_object_get(patterns, o->patterns[k].text) : NULL;
            if (s) conj_add(z, &c, s, schema_path(z, schema_path(z, p->path, "patternProperties", 0), o->patterns[k].text, 0));
            found |= s != NULL;
        }
        if (!found && more) conj_add_member(z, &c, p, "additionalProperties", more);
    }
    return schema_expr(z, &c);
}

static uint32_t named_member(struct object *o, const char *name)
{
    struct build *b = o->z->b;
    uint32_t key = build_json_escaped(b, name, strlen(name));
    if (o->limited) key = build_and(b, key, o->names_are);
    uint32_t value = value_of(o, name, 0);
    return value ? build_json_member(b, build_json_quoted(b, key), value) : 0;
}

/* Any member that has no name in the schema. */
static uint32_t other_member(struct object *o)
{
    struct build *b = o->z->b;
    struct expr_list known = {0}, all = {0};
    const char *name;
    json_t *v;
    json_object_foreach(o->names, name, v) exprs_add(b, &known, build_json_escaped(b, name, strlen(name)));
    uint32_t taken = build_alt(b, known.v, known.n);
    for (unsigned set = 0; set < 1u << o->n_patterns && build_ok(b); set++) {
        if (set == 0 && !o->open) continue;
        uint32_t value = value_of(o, NULL, set), key = o->limited ? o->names_are : build_json_any_text(b);
        if (!value) continue;
        bool any = !o->limited && !o->n_patterns && !taken;
        for (size_t k = 0; k < o->n_patterns; k++)
            key = set >> k & 1 ? build_and(b, key, o->patterns[k].expr) : build_minus(b, key, o->patterns[k].expr);
        if (taken) key = build_minus(b, key, taken);
        exprs_add(b, &all, build_json_member(b, any ? build_json_string(b) : build_kept(b, build_json_quoted(b, key)), value));
    }
    uint32_t x = build_alt(b, all.v, all.n);
    exprs_free(&known);
    exprs_free(&all);
    return x;
}

/* ---- the graph ---- */

/* Places (i, t): the members before the i-th have been decided on, t have come (as far as that is counted). Behind them, for
 * members without a name, (u): u have come in all. Then the end. */
struct members {
    struct object *o;
    uint32_t levels, n; /* t < levels */
    struct arrow *arrows;
    size_t n_arrows, cap;
};

static void put(struct members *g, uint32_t from, uint32_t expr, uint32_t to)
{
    if (expr && g->n_arrows < g->cap) g->arrows[g->n_arrows++] = (struct arrow){from, expr, to};
}

/* A fresh one each time, so that what calls a rule how often is known. */
static uint32_t after(struct build *b, uint32_t member, uint32_t t) { return t ? build_json_next(b, member) : member; }

static void put_named(struct members *g)
{
    struct build *b = g->o->z->b;
    const char *name;
    json_t *v;
    uint32_t i = 0;
    json_object_foreach(g->o->names, name, v) {
        uint32_t member = named_member(g->o, name);
        bool must = json_object_get(g->o->required, name) != NULL;
        for (uint32_t t = 0; t < g->levels && build_ok(b); t++) {
            uint32_t at = i * g->levels + t, next = t + 1 < g->levels ? t + 1 : t;
            bool room = g->o->max == GRAMMAR_NO_MAX || t < g->o->max;
            if (member && room) put(g, at, after(b, member, t), (i + 1) * g->levels + next);
            if (!must) put(g, at, build_empty(b), (i + 1) * g->levels + t);
        }
        i++;
    }
}

static void put_others(struct members *g, uint32_t end)
{
    struct build *b = g->o->z->b;
    uint32_t other = other_member(g->o), base = (g->n + 1) * g->levels, close = build_str(b, "}");
    uint32_t last = build_seq2(b, build_json_space(b), close), max = g->o->max;
    for (uint32_t t = 0; t < g->levels; t++) {
        uint32_t at = g->n * g->levels + t, next = t + 1 < g->levels ? t + 1 : t;
        if (t >= g->o->min) put(g, at, t ? last : close, end);
        /* A name may come twice, so of members without one only the first is sure to count. */
        if (t + 1 >= g->o->min && (max == GRAMMAR_NO_MAX || t < max)) put(g, at, other ? after(b, other, t) : 0, base + next);
        if (t && other && (max == GRAMMAR_NO_MAX || t < max)) put(g, base + t, build_json_next(b, other), base + next);
        if (t) put(g, base + t, last, end);
    }
}

static uint32_t graph_of(struct object *o)
{
    struct build *b = o->z->b;
    struct members g = {.o = o, .n = (uint32_t)json_object_size(o->names)};
    uint32_t most = o->max == GRAMMAR_NO_MAX ? (o->min > 1 ? o->min : 1) : o->max;
    if (o->max != GRAMMAR_NO_MAX && !o->open && !o->n_patterns && o->max > g.n) most = g.n, o->max = GRAMMAR_NO_MAX;
    if (most < 1) most = 1;
    g.levels = most + 1;
    if (most > MAX_MEMBERS || (uint64_t)(g.n + 2) * g.levels > MAX_PLACES) {
        schema_fail(o->z, &o->c->v[0], NULL, "minProperties or maxProperties above 64, or an object of too many members");
        return 0;
    }
    g.cap = (size_t)(g.n + 2) * g.levels * 4;
    if (!(g.arrows = mem_array(g.cap, sizeof *g.arrows))) no_memory(o);
    uint32_t end = (g.n + 2) * g.levels;
    if (build_ok(b)) put_named(&g);
    if (build_ok(b)) put_others(&g, end);
    uint32_t x = build_graph(b, end + 1, g.arrows, g.n_arrows);
    mem_free(g.arrows);
    return build_seq(b, (uint32_t[]){build_str(b, "{"), build_json_space(b), x}, 3);
}

uint32_t schema_object(struct schema *z, const struct conj *c)
{
    if (!conj_limits(c, TYPE_OBJECT)) return build_json_object(z->b);
    struct object o = {.z = z, .c = c, .max = GRAMMAR_NO_MAX, .names = json_object(), .required = json_object()};
    uint32_t x = 0;
    if (!o.names || !o.required) no_memory(&o);
    else read_rest(&o);
    if (build_ok(z->b) && o.min <= o.max) x = graph_of(&o);
    for (size_t i = 0; i < o.n_patterns; i++) grammar_free(o.patterns[i].g);
    json_decref(o.names);
    json_decref(o.required);
    return x;
}
