/* Strict JSON on jansson. */
#include "base/json.h"
#include "base/mem.h"
#include <math.h>
#include <string.h>

enum { JSON_MAX_DEPTH = 128 };

/* jansson's own limit (JSON_PARSER_MAX_DEPTH) is 2048; ours is checked on the text before parsing, so that deep
 * nesting costs no memory. Brackets inside strings do not count. */
static int check_depth(const char *s, size_t len, const char *name, struct err *e)
{
    int depth = 0;
    bool in_str = false;
    for (size_t i = 0; i < len; i++) {
        char c = s[i];
        if (in_str) {
            if (c == '\\') i++;
            else if (c == '"') in_str = false;
        } else if (c == '"') in_str = true;
        else if (c == '[' || c == '{') {
            if (++depth > JSON_MAX_DEPTH)
                FAIL(e, ERR_LIMIT, "%s: offset %zu: JSON nested deeper than %d levels", name, i, JSON_MAX_DEPTH);
        } else if (c == ']' || c == '}') depth--;
    }
    return OK;
}

int json_parse(json_t **out, const char *text, size_t len, const char *name, struct err *e)
{
    json_error_t je;
    *out = NULL;
    TRY(check_depth(text, len, name, e));
    json_t *v = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &je);
    if (!v) FAIL(e, ERR_FORMAT, "%s: line %d, column %d: not valid JSON: %s", name, je.line, je.column, je.text);
    *out = v;
    return OK;
}

static const char *type_name(const json_t *v)
{
    static const char *const names[] = {"an object", "an array", "a string", "an integer", "a number", "true", "false", "null"};
    return names[json_typeof(v)];
}

static const json_t *find(const json_t *obj, const char *key)
{
    const json_t *v = json_object_get(obj, key);
    return v && json_is_null(v) ? NULL : v;
}

int json_opt_i64(const json_t *obj, const char *key, int64_t lo, int64_t hi, int64_t *out, const char *where, struct err *e)
{
    const json_t *v = find(obj, key);
    if (!v) return OK;
    if (!json_is_integer(v)) FAIL(e, ERR_FORMAT, "%s: \"%s\" is %s, expected an integer", where, key, type_name(v));
    int64_t n = json_integer_value(v);
    if (n < lo || n > hi)
        FAIL(e, ERR_FORMAT, "%s: \"%s\" is %lld, expected %lld to %lld", where, key, (long long)n, (long long)lo, (long long)hi);
    *out = n;
    return OK;
}

int json_get_i64(const json_t *obj, const char *key, int64_t lo, int64_t hi, int64_t *out, const char *where, struct err *e)
{
    if (!find(obj, key)) FAIL(e, ERR_FORMAT, "%s: \"%s\" is missing, expected an integer", where, key);
    return json_opt_i64(obj, key, lo, hi, out, where, e);
}

int json_opt_f64(const json_t *obj, const char *key, double lo, double hi, double *out, const char *where, struct err *e)
{
    const json_t *v = find(obj, key);
    if (!v) return OK;
    if (!json_is_number(v)) FAIL(e, ERR_FORMAT, "%s: \"%s\" is %s, expected a number", where, key, type_name(v));
    double d = json_number_value(v);
    if (!(d >= lo && d <= hi)) FAIL(e, ERR_FORMAT, "%s: \"%s\" is %g, expected %g to %g", where, key, d, lo, hi);
    *out = d;
    return OK;
}

int json_opt_bool(const json_t *obj, const char *key, bool *out, const char *where, struct err *e)
{
    const json_t *v = find(obj, key);
    if (!v) return OK;
    if (!json_is_boolean(v)) FAIL(e, ERR_FORMAT, "%s: \"%s\" is %s, expected true or false", where, key, type_name(v));
    *out = json_is_true(v);
    return OK;
}

int json_opt_str(const json_t *obj, const char *key, const char **out, const char *where, struct err *e)
{
    const json_t *v = find(obj, key);
    if (!v) return OK;
    if (!json_is_string(v)) FAIL(e, ERR_FORMAT, "%s: \"%s\" is %s, expected a string", where, key, type_name(v));
    if (strlen(json_string_value(v)) != json_string_length(v))
        FAIL(e, ERR_FORMAT, "%s: \"%s\" holds a NUL character", where, key);
    *out = json_string_value(v);
    return OK;
}

static char *dump(const json_t *v, size_t flags)
{
    flags |= JSON_ENCODE_ANY;
    size_t n = json_dumpb(v, NULL, 0, flags);
    char *s = mem_alloc(n + 1);
    if (s) json_dumpb(v, s, n, flags);
    return s;
}

char *json_text(const json_t *v) { return dump(v, JSON_COMPACT); }
char *json_text_pretty(const json_t *v) { return dump(v, JSON_INDENT(2)); }
