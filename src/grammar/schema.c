/* JSON Schema: conjunctions, references, alternatives. */
#include "grammar/schema.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/checked.h"

/* Keywords, and the types they are about; remarks hold for nothing. */
enum { REMARK = 256, LOGIC = 512 };
enum { MAX_COMPARED = 1 << 20 }; /* values with values */
static const struct {
    const char *name;
    unsigned about;
} keywords[] = {
    {"$ref", LOGIC}, {"allOf", LOGIC}, {"anyOf", LOGIC}, {"oneOf", LOGIC}, {"type", LOGIC}, {"enum", LOGIC}, {"const", LOGIC},
    {"properties", TYPE_OBJECT}, {"required", TYPE_OBJECT}, {"additionalProperties", TYPE_OBJECT}, {"patternProperties", TYPE_OBJECT},
    {"propertyNames", TYPE_OBJECT}, {"minProperties", TYPE_OBJECT}, {"maxProperties", TYPE_OBJECT},
    {"items", TYPE_ARRAY}, {"prefixItems", TYPE_ARRAY}, {"additionalItems", TYPE_ARRAY}, {"minItems", TYPE_ARRAY},
    {"maxItems", TYPE_ARRAY}, {"uniqueItems", TYPE_ARRAY},
    {"minLength", TYPE_STRING}, {"maxLength", TYPE_STRING}, {"pattern", TYPE_STRING}, {"format", TYPE_STRING},
    {"minimum", TYPE_NUMBER}, {"maximum", TYPE_NUMBER}, {"exclusiveMinimum", TYPE_NUMBER}, {"exclusiveMaximum", TYPE_NUMBER},
    {"multipleOf", TYPE_NUMBER},
    {"title", REMARK}, {"description", REMARK}, {"default", REMARK}, {"examples", REMARK}, {"example", REMARK}, {"deprecated", REMARK},
    {"readOnly", REMARK}, {"writeOnly", REMARK}, {"discriminator", REMARK}, {"contentMediaType", REMARK}, {"contentEncoding", REMARK},
    {"contentSchema", REMARK}, {"id", REMARK}, {"definitions", REMARK}, {"$id", REMARK}, {"$defs", REMARK}, {"$def", REMARK},
    {"$schema", REMARK}, {"$comment", REMARK}, {"$vocabulary", REMARK}, {"$anchor", REMARK},
};

/* 0: an unknown one. */
static unsigned about(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(keywords); i++)
        if (!strcmp(keywords[i].name, name)) return keywords[i].about;
    return !strncmp(name, "x-", 2) ? REMARK : 0;
}

/* ---- places and messages ---- */

uint32_t schema_path(struct schema *z, uint32_t path, const char *token, size_t number)
{
    struct build *b = z->b;
    uint32_t out = (uint32_t)z->paths.len;
    if (!build_ok(b)) return 0;
    size_t n = z->paths.len ? strlen(z->paths.data + path) : 0;
    if (out > GRAMMAR_MAX_BYTES) return build_fail(b, ERR_LIMIT, "a schema with more than %d bytes of places", GRAMMAR_MAX_BYTES);
    buf_reserve(&z->paths, n + 1);
    if (n && !z->paths.failed) buf_add(&z->paths, z->paths.data + path, n);
    buf_add_byte(&z->paths, '/');
    if (!token) buf_printf(&z->paths, "%zu", number);
    for (; token && *token; token++) {
        if (*token == '~') buf_add_str(&z->paths, "~0");
        else if (*token == '/') buf_add_str(&z->paths, "~1");
        else buf_add_byte(&z->paths, *token);
    }
    buf_add_byte(&z->paths, 0);
    b->rc = buf_check(&z->paths, "places of a schema", b->e);
    return out;
}

uint32_t schema_fail(struct schema *z, const struct item *i, const char *keyword, const char *what)
{
    const char *path = build_ok(z->b) ? z->paths.data + i->path : "";
    return build_fail(z->b, ERR_UNSUPPORTED, "#%s%s%s: %s", path, keyword ? "/" : "", keyword ? keyword : "", what);
}

const json_t *schema_get(const struct item *i, const char *keyword)
{
    unsigned skipped = !strcmp(keyword, "$ref")    ? SKIP_REF
                       : !strcmp(keyword, "allOf") ? SKIP_ALL_OF
                       : !strcmp(keyword, "anyOf") ? SKIP_ANY_OF
                       : !strcmp(keyword, "oneOf") ? SKIP_ONE_OF
                                                   : 0;
    return i->skip & skipped ? NULL : json_object_get(i->s, keyword);
}

void schema_count(struct schema *z, const struct item *i, const char *keyword, uint32_t *out)
{
    const json_t *v = schema_get(i, keyword);
    if (!v) return;
    json_int_t n = json_is_real(v) && json_real_value(v) >= 0 && json_real_value(v) <= GRAMMAR_MAX_COUNT
                       ? (json_int_t)json_real_value(v)
                   : json_is_integer(v) ? json_integer_value(v)
                                        : -1;
    if (n < 0 || (json_is_real(v) && (double)n != json_real_value(v)))
        schema_fail(z, i, keyword, "a whole number from 0 expected");
    else if (n > GRAMMAR_MAX_COUNT) schema_fail(z, i, keyword, "more than 16777216");
    else *out = (uint32_t)n;
}

/* ---- conjunctions ---- */

void conj_add(struct schema *z, struct conj *c, const json_t *s, uint32_t path)
{
    struct item i = {.s = s, .path = path};
    if (!build_ok(z->b)) return;
    if (c->n == CONJ_MAX) {
        build_fail(z->b, ERR_LIMIT, "more than %d schemas for the same value", CONJ_MAX);
        return;
    }
    if (!json_is_object(s) && !json_is_boolean(s)) {
        schema_fail(z, &i, NULL, "a schema must be an object, true or false");
        return;
    }
    c->v[c->n++] = i;
}

void conj_add_member(struct schema *z, struct conj *c, const struct item *i, const char *keyword, const json_t *s)
{
    conj_add(z, c, s, schema_path(z, i->path, keyword, 0));
}

static void check_keywords(struct schema *z, const struct item *i)
{
    const char *name;
    json_t *v;
    json_object_foreach((json_t *)i->s, name, v) {
        if (about(name)) continue;
        schema_fail(z, i, name, "this keyword is not supported");
        return;
    }
}

/* The schema that a JSON pointer in a URI fragment names, NULL if there is none. */
static const json_t *resolve(const json_t *root, const char *ref)
{
    char token[512];
    const json_t *at = root;
    if (*ref++ != '#') return NULL;
    while (*ref == '/' && at) {
        size_t n = 0;
        for (ref++; *ref && *ref != '/'; ref++) {
            unsigned hex;
            char c = *ref;
            if (c == '%' && sscanf(ref + 1, "%2x", &hex) == 1 && hex) c = (char)hex, ref += 2;
            if (c == '~' && (ref[1] == '0' || ref[1] == '1')) c = *++ref == '0' ? '~' : '/';
            if (n + 1 >= sizeof token) return NULL;
            token[n++] = c;
        }
        token[n] = 0;
        if (json_is_array(at)) {
            char *end;
            unsigned long k = strtoul(token, &end, 10);
            at = *token >= '0' && *token <= '9' && !*end ? json_array_get(at, k) : NULL;
        } else at = json_object_get(at, token);
    }
    return *ref ? NULL : at;
}

static void follow(struct schema *z, struct conj *c, size_t i, const json_t *s, uint32_t path)
{
    for (size_t k = i + 1; k; k = c->v[k - 1].from)
        if (c->v[k - 1].s == s) {
            schema_fail(z, &c->v[i], NULL, "this schema is defined by itself");
            return;
        }
    for (size_t k = 0; k < c->n; k++)
        if (c->v[k].s == s && !(c->v[k].skip & (SKIP_ANY_OF | SKIP_ONE_OF))) return; /* it holds already */
    conj_add(z, c, s, path);
    if (build_ok(z->b)) c->v[c->n - 1].from = (uint16_t)(i + 1);
}

static void follow_ref(struct schema *z, struct conj *c, size_t i, const json_t *ref)
{
    const char *text = json_string_value(ref);
    const json_t *to = text ? resolve(z->root, text) : NULL;
    uint32_t path = (uint32_t)z->paths.len;
    if (!to) {
        schema_fail(z, &c->v[i], "$ref", "it must be # or a JSON pointer (#/...) to a schema in the same document");
        return;
    }
    buf_add(&z->paths, text + 1, strlen(text)); /* with its NUL */
    z->b->rc = buf_check(&z->paths, "places of a schema", z->b->e);
    c->v[i].skip |= SKIP_REF;
    follow(z, c, i, to, path);
}

bool conj_expand(struct schema *z, struct conj *c)
{
    for (size_t i = 0; i < c->n && build_ok(z->b); i++) {
        if (json_is_false(c->v[i].s)) return false;
        if (!json_is_object(c->v[i].s)) continue;
        check_keywords(z, &c->v[i]);
        const json_t *ref = schema_get(&c->v[i], "$ref"), *all = schema_get(&c->v[i], "allOf");
        if (ref && build_ok(z->b)) follow_ref(z, c, i, ref);
        if (!all || !build_ok(z->b)) continue;
        if (!json_is_array(all)) schema_fail(z, &c->v[i], "allOf", "a list of schemas expected");
        c->v[i].skip |= SKIP_ALL_OF;
        uint32_t path = schema_path(z, c->v[i].path, "allOf", 0);
        for (size_t k = 0; k < json_array_size(all) && build_ok(z->b); k++)
            follow(z, c, i, json_array_get(all, k), schema_path(z, path, NULL, k));
    }
    return build_ok(z->b);
}

bool conj_limits(const struct conj *c, unsigned types)
{
    const char *name;
    json_t *v;
    for (size_t i = 0; i < c->n; i++)
        json_object_foreach((json_t *)c->v[i].s, name, v)
            if (about(name) & types & TYPE_ANY) return true;
    return false;
}

static unsigned type_named(const json_t *v)
{
    static const struct {
        const char *name;
        unsigned type;
    } names[] = {{"null", TYPE_NULL}, {"boolean", TYPE_BOOLEAN}, {"string", TYPE_STRING}, {"integer", TYPE_INTEGER},
                 {"number", TYPE_NUMBER}, {"array", TYPE_ARRAY}, {"object", TYPE_OBJECT}};
    for (size_t i = 0; i < ARRAY_LEN(names) && json_is_string(v); i++)
        if (!strcmp(json_string_value(v), names[i].name)) return names[i].type;
    return 0;
}

unsigned type_of(const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT: return TYPE_OBJECT;
    case JSON_ARRAY: return TYPE_ARRAY;
    case JSON_STRING: return TYPE_STRING;
    case JSON_INTEGER: return TYPE_INTEGER;
    case JSON_REAL: return TYPE_FRACTION;
    case JSON_TRUE:
    case JSON_FALSE: return TYPE_BOOLEAN;
    case JSON_NULL: break;
    }
    return TYPE_NULL;
}

unsigned conj_types(struct schema *z, const struct conj *c, bool implied_too)
{
    unsigned types = TYPE_ANY, implied = 0;
    bool named = false;
    for (size_t i = 0; i < c->n; i++) {
        const json_t *t = schema_get(&c->v[i], "type");
        const char *name;
        json_t *v;
        named |= schema_get(&c->v[i], "enum") || schema_get(&c->v[i], "const");
        json_object_foreach((json_t *)c->v[i].s, name, v) implied |= about(name) & TYPE_ANY;
        if (!t) continue;
        unsigned some = type_named(t);
        for (size_t k = 0; json_is_array(t) && k < json_array_size(t); k++) {
            unsigned one = type_named(json_array_get(t, k));
            some = one ? some | one : 0;
            if (!one) break;
        }
        if (!some)
            return schema_fail(z, &c->v[i], "type",
                               "null, boolean, string, integer, number, array, object, or a list of these expected");
        types &= some;
        named = true;
    }
    return named || !implied || !implied_too ? types : implied;
}

/* Taken for one of the list by JSON Schema. */
static bool is_among(const json_t *list, const json_t *v)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *x = json_array_get(list, i);
        if (json_equal(x, v) ||
            (json_is_number(x) && json_is_number(v) && json_number_value(x) == json_number_value(v)))
            return true;
    }
    return false;
}

/* What of `from` is also in `list` (NULL: everything), and of the types. NULL: out of memory. */
static json_t *common(const json_t *from, const json_t *list, unsigned types)
{
    json_t *out = json_array();
    for (size_t n = 0; out && n < json_array_size(from); n++) {
        json_t *v = json_array_get(from, n);
        double x = json_is_real(v) ? json_real_value(v) : 0.5;
        bool fits = types & type_of(v) || (types & TYPE_INTEGER && x > -1e15 && x < 1e15 && x == (double)(int64_t)x);
        if (!fits || (list && !is_among(list, v))) continue;
        if (json_array_append(out, v)) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

json_t *conj_values(struct schema *z, const struct conj *c, unsigned types)
{
    json_t *out = NULL;
    for (size_t i = 0; i < 2 * c->n && build_ok(z->b); i++) {
        const char *keyword = i % 2 ? "const" : "enum";
        const json_t *given = schema_get(&c->v[i / 2], keyword);
        if (!given) continue;
        json_t *list = i % 2 ? json_array() : json_incref((json_t *)given), *next = NULL;
        bool good = list && !(i % 2 && json_array_append(list, (json_t *)given));
        if (good && (!json_is_array(list) || !json_array_size(list)))
            schema_fail(z, &c->v[i / 2], keyword, "a list of values expected");
        else if (good && json_array_size(out) * json_array_size(list) > MAX_COMPARED)
            schema_fail(z, &c->v[i / 2], keyword, "too many values");
        else if (good) next = common(out ? out : list, out ? list : NULL, types);
        if (!next) build_fail(z->b, ERR_MEMORY, "out of memory for the values of %s", keyword);
        json_decref(list);
        json_decref(out);
        out = next;
    }
    return out;
}
