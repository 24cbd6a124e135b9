/* JSON Schema: whether two conjunctions exclude each other, so that oneOf is the same as anyOf. Only what is easily shown. */
#include "grammar/schema.h"
#include <string.h>

enum { MAX_LOOK = 8, MAX_COMPARED = 1 << 16 };

static bool no_common_value(const json_t *x, const json_t *y)
{
    if (json_array_size(x) * json_array_size(y) > MAX_COMPARED) return false;
    for (size_t i = 0; i < json_array_size(x); i++)
        for (size_t k = 0; k < json_array_size(y); k++) {
            const json_t *a = json_array_get(x, i), *b = json_array_get(y, k);
            if (json_equal(a, b) || (json_is_number(a) && json_is_number(b)))
                return json_is_number(a) && json_number_value(a) != json_number_value(b);
        }
    return true;
}

static bool requires(const struct conj *c, const char *name)
{
    for (size_t i = 0; i < c->n; i++) {
        const json_t *list = schema_get(&c->v[i], "required");
        for (size_t k = 0; k < json_array_size(list); k++) {
            const char *s = json_string_value(json_array_get(list, k));
            if (s && !strcmp(s, name)) return true;
        }
    }
    return false;
}

/* What c asks of a member by its own name. */
static void member(struct schema *z, const struct conj *c, const char *name, struct conj *out)
{
    out->n = 0;
    for (size_t i = 0; i < c->n; i++) {
        const json_t *s = json_object_get(schema_get(&c->v[i], "properties"), name);
        if (s) conj_add(z, out, s, schema_path(z, schema_path(z, c->v[i].path, "properties", 0), name, 0));
    }
}

/* No object with a member of this name is in c. */
static bool forbids(const struct conj *c, const char *name)
{
    for (size_t i = 0; i < c->n; i++) {
        const struct item *p = &c->v[i];
        if (json_object_get(schema_get(p, "properties"), name) || schema_get(p, "patternProperties")) continue;
        if (json_is_false(schema_get(p, "additionalProperties"))) return true;
    }
    return false;
}

/* x requires a member that y forbids, or both require one whose values exclude each other. */
static bool members_disjoint(struct schema *z, const struct conj *x, const struct conj *y, int depth)
{
    for (size_t i = 0; i < x->n; i++) {
        const json_t *list = schema_get(&x->v[i], "required");
        for (size_t k = 0; k < json_array_size(list); k++) {
            const char *name = json_string_value(json_array_get(list, k));
            struct conj a, b;
            if (!name) continue;
            if (forbids(y, name)) return true;
            if (!requires(y, name)) continue;
            member(z, x, name, &a);
            member(z, y, name, &b);
            if (conj_disjoint(z, &a, &b, depth + 1)) return true;
        }
    }
    return false;
}

static bool bound_of(const struct conj *c, const char *keyword, int side, double *out)
{
    bool found = false;
    for (size_t i = 0; i < c->n; i++) {
        const json_t *v = schema_get(&c->v[i], keyword);
        if (!json_is_number(v) || (found && (json_number_value(v) - *out) * side >= 0)) continue;
        *out = json_number_value(v);
        found = true;
    }
    return found;
}

static bool numbers_apart(const struct conj *x, const struct conj *y)
{
    double hi, lo;
    if (bound_of(x, "maximum", 1, &hi) && bound_of(y, "minimum", -1, &lo) && hi < lo) return true;
    if (bound_of(x, "exclusiveMaximum", 1, &hi) && bound_of(y, "minimum", -1, &lo) && hi <= lo) return true;
    return bound_of(x, "maximum", 1, &hi) && bound_of(y, "exclusiveMinimum", -1, &lo) && hi <= lo;
}

static unsigned types_of(const json_t *values)
{
    unsigned types = 0;
    for (size_t i = 0; i < json_array_size(values); i++) {
        unsigned t = type_of(json_array_get(values, i));
        types |= t & TYPE_NUMBER ? TYPE_NUMBER : t;
    }
    return types;
}

bool conj_disjoint(struct schema *z, const struct conj *x, const struct conj *y, int depth)
{
    struct conj a = *x, b = *y;
    if (depth > MAX_LOOK) return false;
    if (!conj_expand(z, &a) || !conj_expand(z, &b)) return build_ok(z->b); /* one of them is empty */
    unsigned ta = conj_types(z, &a, false), tb = conj_types(z, &b, false), both = ta & tb;
    if (!build_ok(z->b)) return false;
    json_t *va = conj_values(z, &a, ta), *vb = build_ok(z->b) ? conj_values(z, &b, tb) : NULL;
    bool apart = build_ok(z->b) && va && vb && no_common_value(va, vb);
    if (va) both &= types_of(va);
    if (vb) both &= types_of(vb);
    json_decref(va);
    json_decref(vb);
    if (apart || !build_ok(z->b)) return apart;
    /* Each type that both may have must be shown apart. */
    if (both & ~(unsigned)(TYPE_OBJECT | TYPE_NUMBER)) return false;
    if (both & TYPE_NUMBER && !numbers_apart(&a, &b) && !numbers_apart(&b, &a)) return false;
    return !(both & TYPE_OBJECT) || members_disjoint(z, &a, &b, depth) || members_disjoint(z, &b, &a, depth);
}
