/* Reading requests by tables of fields: types, ranges, what is ignored and what is refused. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "api/inside.h"
#include "base/json.h"
#include "base/mem.h"

/* ---- where we are, and what is wrong there ---- */

size_t api_enter(struct api_answer *a, const char *key)
{
    char *p = a->work->path;
    size_t was = strlen(p), room = sizeof a->work->path - was;
    snprintf(p + was, room, "%s%.60s", was ? "." : "", key);
    return was;
}

size_t api_enter_at(struct api_answer *a, const char *key, size_t i)
{
    char *p = a->work->path;
    size_t was = strlen(p);
    if (key) api_enter(a, key);
    size_t at = strlen(p);
    snprintf(p + at, sizeof a->work->path - at, "[%zu]", i);
    return was;
}

void api_leave(struct api_answer *a, size_t was) { a->work->path[was] = 0; }

static int wrong(struct api_answer *a, enum api_fault_kind kind, const char *fmt, va_list ap)
{
    char text[600];
    vsnprintf(text, sizeof text, fmt, ap);
    const char *path = a->work->path;
    api_fault_set(&a->work->fault, kind, path, "%s%s%s", path, *path ? ": " : "", text);
    return ERR_FORMAT;
}

int api_bad(struct api_answer *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int rc = wrong(a, API_F_BAD, fmt, ap);
    va_end(ap);
    return rc;
}

int api_unsupported(struct api_answer *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int rc = wrong(a, API_F_UNSUPPORTED, fmt, ap);
    va_end(ap);
    return rc;
}

int api_no_memory(struct api_answer *a)
{
    api_fault_set(&a->work->fault, API_F_BROKEN, "", "out of memory while the request was read");
    return ERR_MEMORY;
}

/* ---- notes ---- */

/* One name, with indices taken out, and nothing that a header may not hold. */
void api_note(struct api_notes *n, const char *name)
{
    char clean[64];
    size_t len = 0;
    for (const char *p = name; *p && len < sizeof clean - 1; p++) {
        if (*p == '[') p += strcspn(p, "]");
        if (!*p) break;
        if (*p == ']') continue;
        clean[len++] = *p > ' ' && *p < 0x7f && *p != ',' && *p != ';' ? *p : '?';
    }
    clean[len] = 0;
    if (len == 0 || n->n >= API_MOST_NOTES) return;
    for (const char *p = n->text; (p = strstr(p, clean)) != NULL; p += len)
        if ((p == n->text || p[-1] == ' ') && (p[len] == 0 || p[len] == ',')) return;
    if (n->len + len + 3 > sizeof n->text) return;
    n->len += (size_t)snprintf(n->text + n->len, sizeof n->text - n->len, "%s%s", n->n ? ", " : "", clean);
    n->n++;
}

int api_ignored(struct api_answer *a)
{
    if (a->env->strict) return api_unsupported(a, "has no effect here, and the server is told to refuse such fields");
    api_note(&a->work->ignored, a->work->path);
    return OK;
}

int api_ignored_member(struct api_answer *a, const char *key)
{
    size_t was = api_enter(a, key);
    int rc = api_ignored(a);
    api_leave(a, was);
    return rc;
}

int api_clamped(struct api_answer *a, double to)
{
    char text[128];
    if (a->env->strict) return api_unsupported(a, "out of range: the nearest value is %g", to);
    snprintf(text, sizeof text, "%.40s=%g", a->work->path, to);
    api_note(&a->work->clamped, text);
    return OK;
}

/* ---- values ---- */

const char *api_type_name(const json_t *v)
{
    static const char *const names[] = {"an object", "a list", "a string", "an integer",
                                        "a number",  "true",   "false",    "null"};
    return v ? names[json_typeof(v)] : "missing";
}

bool api_says_nothing(const json_t *v)
{
    return !v || json_is_null(v) || json_is_false(v) || (json_is_string(v) && json_string_length(v) == 0) ||
           (json_is_array(v) && json_array_size(v) == 0) || (json_is_object(v) && json_object_size(v) == 0);
}

bool api_given(const struct api_answer *a, const char *key)
{
    const json_t *v = json_object_get(a->work->root, key);
    return v && !json_is_null(v);
}

int api_want(struct api_answer *a, const json_t *v, json_type type, const char *wanted)
{
    if (v && json_typeof(v) == type) return OK;
    return api_bad(a, "is %s, expected %s", api_type_name(v), wanted);
}

bool api_whole(const json_t *v, int64_t lo, int64_t hi, int64_t *out)
{
    double d = json_real_value(v);
    bool real = json_is_real(v) && fabs(d) <= 0x1p53 && d == floor(d);
    if (!json_is_integer(v) && !real) return false;
    *out = real ? (int64_t)d : json_integer_value(v);
    return *out >= lo && *out <= hi;
}

int api_text(struct api_answer *a, const json_t *v, const char **out)
{
    int rc = api_want(a, v, JSON_STRING, "a string");
    if (rc) return rc;
    *out = json_string_value(v);
    if (strlen(*out) == json_string_length(v)) return OK;
    return api_bad(a, "holds a NUL character");
}

void *api_new(struct api_answer *a, size_t n, size_t size) { return turn_mem_new(&a->work->mem, n, size); }

int api_json_text(struct api_answer *a, const json_t *v, const char **out)
{
    char *text = json_text(v);
    if (!text) return api_no_memory(a);
    *out = turn_mem_text(&a->work->mem, text, strlen(text));
    mem_free(text);
    return *out ? OK : api_no_memory(a);
}

/* ---- rows ---- */

static int read_number(struct api_answer *a, const struct api_field *f, const json_t *v, double *out)
{
    bool whole = f->type != FIELD_REAL;
    double d = json_number_value(v);
    bool fits =
        json_is_number(v) && isfinite(d) && (!whole || json_is_integer(v) || (fabs(d) <= 0x1p53 && d == floor(d)));
    if (!fits) return api_bad(a, "is %s, expected %s", api_type_name(v), whole ? "an integer" : "a number");
    if (d < f->lo || d > f->hi) {
        double to = d < f->lo ? f->lo : f->hi;
        if (!f->clamp) return api_bad(a, "is %g, expected %.10g to %.10g", d, f->lo, f->hi);
        d = to;
        TRY(api_clamped(a, to));
    }
    *out = d;
    return OK;
}

static int read_word(struct api_answer *a, const struct api_field *f, const json_t *v, int *out)
{
    char wanted[200] = "";
    size_t len = 0;
    TRY(api_want(a, v, JSON_STRING, "a string"));
    for (int i = 0; f->words[i]; i++) {
        if (!strcmp(f->words[i], json_string_value(v))) {
            *out = i;
            return OK;
        }
        if (len < sizeof wanted)
            len += (size_t)snprintf(wanted + len, sizeof wanted - len, "%s%s", i ? ", " : "", f->words[i]);
    }
    return api_bad(a, "is \"%.40s\", expected one of %s", json_string_value(v), wanted);
}

static int store(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    char *base = f->base == IN_TURN ? (char *)&a->work->base : (char *)&a->work->wish, *to = base + f->at;
    double d = 0;
    switch (f->type) {
    case FIELD_ANY:
        return OK;
    case FIELD_OBJECT:
        TRY(api_want(a, v, JSON_OBJECT, "an object"));
        return f->sub ? api_read(a, f->sub, v) : OK;
    case FIELD_BOOL:
        if (!json_is_boolean(v)) return api_bad(a, "is %s, expected true or false", api_type_name(v));
        if (f->room) *(bool *)to = json_is_true(v);
        return OK;
    case FIELD_TEXT:
        TRY(api_want(a, v, JSON_STRING, "a string"));
        if (f->hi > 0 && (double)json_string_length(v) > f->hi)
            return api_bad(a, "has %zu bytes, expected at most %g", json_string_length(v), f->hi);
        if (f->room) *(struct turn_text *)to = (struct turn_text){json_string_value(v), json_string_length(v)};
        return OK;
    case FIELD_WORD: {
        int word = 0;
        TRY(read_word(a, f, v, &word));
        if (f->room) *(int *)to = word;
        return OK;
    }
    case FIELD_INT:
    case FIELD_INT32:
    case FIELD_REAL:
        TRY(read_number(a, f, v, &d));
        break;
    }
    if (!f->room) return OK;
    if (f->type == FIELD_REAL) *(double *)to = d;
    else if (f->type == FIELD_INT32) *(int32_t *)to = (int32_t)d;
    else *(int64_t *)to = json_is_integer(v) && !f->clamp ? json_integer_value(v) : (int64_t)d;
    return OK;
}

static int read_row(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    if (f->fate != FIELD_MEANT && api_says_nothing(v)) return OK;
    TRY(store(a, f, v));
    if (f->fate == FIELD_REFUSED) return api_unsupported(a, "%s", f->note);
    if (f->fate == FIELD_IGNORED) return api_ignored(a);
    return f->read ? f->read(a, f, v) : OK;
}

static bool has_row(const struct api_field *fields, const char *key)
{
    for (const struct api_field *f = fields; f->name; f++)
        if (!strcmp(f->name, key)) return true;
    return false;
}

int api_read(struct api_answer *a, const struct api_field *fields, const json_t *obj)
{
    for (const struct api_field *f = fields; f->name; f++) {
        const json_t *v = json_object_get(obj, f->name);
        if (json_is_null(v)) v = NULL;
        if (!v && !f->needed) continue;
        size_t was = api_enter(a, f->name);
        TRY(v ? read_row(a, f, v) : api_bad(a, "is missing"));
        api_leave(a, was);
    }
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)obj, key, v)
    {
        if (a->work->ignored.n >= API_MOST_NOTES) break;
        if (json_is_null(v) || has_row(fields, key)) continue;
        TRY(api_ignored_member(a, key));
    }
    return OK;
}
