/* Attributes and items of values: x.name, x[key], and paths like "a.0.b" that filters take. */
#include <string.h>
#include "base/checked.h"
#include "chat/template/builtin.h"
#include "chat/template/exec.h"
#include "chat/template/text.h"

int undefined_value(struct template_run *r, const struct text *name, const char *object, struct value *out)
{
    struct undefined *u;
    NEW(r, u, 1);
    *u = (struct undefined){.name = name, .object = object};
    *out = (struct value){.kind = K_UNDEFINED, .undefined = u};
    return OK;
}

int undefined_words(struct template_run *r, const char *words, struct value *out)
{
    struct undefined *u;
    NEW(r, u, 1);
    *u = (struct undefined){.words = words};
    *out = (struct value){.kind = K_UNDEFINED, .undefined = u};
    return OK;
}

static int missing_attr(struct template_run *r, const struct value *of, const struct text *name, bool unsafe,
                        struct value *out)
{
    TRY(undefined_value(r, name, type_name(of), out));
    out->undefined->unsafe = unsafe;
    return OK;
}

static int bind(struct template_run *r, const struct value *self, const struct builtin *row, struct value *out)
{
    struct method_ref *m;
    struct value of = *self;
    NEW(r, m, 1);
    *m = (struct method_ref){of, row};
    *out = (struct value){.kind = K_METHOD, .method = m};
    return OK;
}

/* What Python's getattr finds; found false: nothing. */
static int native_attr(struct template_run *r, const struct value *of, const struct text *name,
                       struct value *out, bool *found)
{
    const struct builtin *row;
    struct value *v;
    *found = true;
    if (of->kind == K_NAMESPACE) {
        v = dict_get(of->dict, name->s, name->len);
        *found = v != NULL;
        if (v) *out = *v;
        return OK;
    }
    if (of->kind == K_LOOP) {
        TRY(loop_attr(r, of->loop, name, out, found));
        if (*found) return OK;
        *found = true;
    }
    if (of->kind == K_CYCLER && text_is(name, "current")) {
        *out = of->cycler->list->items[of->cycler->at];
        return OK;
    }
    if (of->kind == K_TUPLE && of->which && (text_is(name, "grouper") || text_is(name, "list"))) {
        *out = of->list->items[name->s[0] == 'l'];
        return OK;
    }
    if (of->kind == K_MACRO && text_is(name, "name")) {
        if (!of->macro->node->name) {
            *out = NONE;
            return OK;
        }
        return text_part(r, &of->macro->node->name->text, 0, of->macro->node->name->text.len, out);
    }
    row = method_find((enum kind)of->kind, name->s, name->len);
    if (!row) *found = false;
    else if (row->unsafe) return missing_attr(r, of, name, true, out);
    else return bind(r, of, row, out);
    return OK;
}

/* Items by key or number; found false: Python raises TypeError or LookupError. */
static int native_item(struct template_run *r, const struct value *of, const struct value *key,
                       struct value *out, bool *found)
{
    struct value *v;
    int64_t n, i;
    size_t len;
    *found = false;
    if (of->kind == K_DICT) {
        bool hashable;
        TRY(dict_find(r, of->dict, key, &v, &hashable));
        *found = v != NULL;
        if (v) *out = *v;
        return OK;
    }
    if (!is_integer(key)) return OK;
    i = int_of(key);
    if (of->kind == K_CYCLER || of->kind == K_LOOP || of->kind == K_VIEW || of->kind == K_ITERATOR ||
        !iterable(of))
        return OK;
    TRY(length(r, of, &n));
    if (i < 0) i += n;
    if (i < 0 || i >= n) return OK;
    *found = true;
    if (of->kind == K_LIST || of->kind == K_TUPLE) *out = of->list->items[i];
    else if (of->kind == K_RANGE) {
        *out = INT(of->range->start + i * of->range->step);
        out->mark = of->mark;
    } else {
        if (of->text->chars != of->text->len) TRY(charge(r, (uint64_t)i / 16));
        bool safe = of->safe;
        size_t at = text_at(of->text, i);
        text_char(of->text, at, &len);
        TRY(text_part(r, of->text, at, at + len, out));
        out->safe = safe;
    }
    return OK;
}

int get_attr(struct template_run *r, const struct value *of, const struct text *name, struct value *out)
{
    struct value key = {.kind = K_STRING, .text = (struct text *)name}, self = *of;
    bool found;
    if (self.kind == K_UNDEFINED) return undefined_fault(r, &self);
    TRY(native_attr(r, &self, name, out, &found));
    if (!found) TRY(native_item(r, &self, &key, out, &found));
    return found ? OK : missing_attr(r, &self, name, false, out);
}

int get_item(struct template_run *r, const struct value *of, const struct value *key, struct value *out)
{
    struct value self = *of, k = *key;
    bool found;
    if (self.kind == K_UNDEFINED) return undefined_fault(r, &self);
    TRY(native_item(r, &self, &k, out, &found));
    if (!found && k.kind == K_STRING) TRY(native_attr(r, &self, k.text, out, &found));
    if (found) return OK;
    if (k.kind == K_STRING) return missing_attr(r, &self, k.text, false, out);
    return undefined_words(r, "there is no such item", out);
}

static int path_part(struct template_run *r, const struct text *path, size_t from, size_t to, struct value *key)
{
    int64_t n = 0;
    size_t i = from;
    for (; i < to && path->s[i] >= '0' && path->s[i] <= '9' && n < INT32_MAX; i++)
        n = n * 10 + (path->s[i] - '0');
    if (i == to && to > from) {
        *key = INT(n);
        return OK;
    }
    return text_part(r, path, from, to, key);
}

int get_path(struct template_run *r, const struct value *of, const struct value *path,
             const struct value *fallback, struct value *out)
{
    struct value v = *of, key = *path;
    if (path->kind == K_MISSING || path->kind == K_NONE) {
        *out = v;
        return OK;
    }
    size_t n = path->kind == K_STRING ? path->text->len : 0;
    for (size_t from = 0, to; from <= n; from = to + 1) {
        to = n;
        if (path->kind == K_STRING) {
            const char *dot = memchr(path->text->s + from, '.', n - from);
            if (dot) to = (size_t)(dot - path->text->s);
            TRY(path_part(r, path->text, from, to, &key));
        }
        TRY(charge(r, 1));
        TRY(get_item(r, &v, &key, &v));
        if (v.kind == K_UNDEFINED && fallback && fallback->kind != K_MISSING && fallback->kind != K_NONE)
            v = *fallback;
    }
    *out = v;
    return OK;
}
