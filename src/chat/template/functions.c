/* Global functions, methods of values other than strings, and looking up rows by name. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "base/checked.h"
#include "base/utf8.h"
#include "chat/template/builtin.h"
#include "chat/template/exec.h"
#include "chat/template/text.h"

/* ---- functions ---- */

enum { MAX_RANGE = 100000 }; /* as the sandbox of jinja2 */

static int range_function(struct template_run *r, struct value *a, struct value *out)
{
    int64_t n[3] = {0, 0, 1}, given = 0;
    while (given < 3 && a[1 + given].kind != K_MISSING) given++;
    for (int i = 0; i < given; i++) {
        if (a[1 + i].kind == K_UNDEFINED) return undefined_fault(r, &a[1 + i]);
        TRY(int_param(r, &a[1 + i], 0, "an argument of range", &n[given == 1 ? 1 : i]));
    }
    if (n[2] == 0) FAULT(r, "range() arg 3 must not be zero");
    struct range g = {.start = n[0], .stop = n[1], .step = n[2]};
    bool up = g.step > 0;
    uint64_t size = up ? (uint64_t)g.step : 0 - (uint64_t)g.step;
    uint64_t distance = up ? (uint64_t)g.stop - (uint64_t)g.start : (uint64_t)g.start - (uint64_t)g.stop;
    uint64_t count = (up ? g.start < g.stop : g.start > g.stop) ? (distance - 1) / size + 1 : 0;
    if (count > MAX_RANGE) fault(r, ERR_LIMIT, "a range of more than %d numbers", MAX_RANGE);
    if (count > MAX_RANGE) return ERR_LIMIT;
    g.n = (int64_t)count;
    NEW(r, out->range, 1);
    *out->range = g;
    struct range *p = out->range;
    *out = (struct value){.kind = K_RANGE, .range = p, .mark = a[1].mark | a[2].mark | a[3].mark};
    return OK;
}

/* A dict from named arguments, from a mapping, or from pairs. */
static int fill_dict(struct template_run *r, const struct args *args, const char *what, struct value *out)
{
    struct value dict, item;
    struct walk w;
    bool more;
    if (args->n > 1) FAULT(r, "%s takes at most one positional argument, %u given", what, args->n);
    TRY(dict_new(r, &dict));
    if (args->n) {
        struct value from = args->pos[0];
        if (from.kind == K_UNDEFINED) return undefined_fault(r, &from);
        dict.mark = from.mark;
        if (from.kind == K_DICT) from = (struct value){.kind = K_VIEW, .which = 'i', .dict = from.dict};
        TRY(walk_begin(r, &from, &w));
        for (;;) {
            TRY(walk_next(r, &w, &item, &more));
            if (!more) break;
            if ((item.kind != K_TUPLE && item.kind != K_LIST) || item.list->n != 2)
                FAULT(r, "%s takes pairs of a key and a value", what);
            TRY(dict_put(r, dict.dict, &item.list->items[0], &item.list->items[1]));
        }
    }
    for (uint32_t i = 0; i < args->n_named; i++) {
        struct value key = {.kind = K_STRING, .text = (struct text *)args->names[i]};
        TRY(dict_put(r, dict.dict, &key, &args->named[i]));
    }
    *out = dict;
    return OK;
}

static int dict_function(struct template_run *r, const struct value *self, const struct args *args,
                         struct value *out)
{
    (void)self;
    return fill_dict(r, args, "dict", out);
}

static int namespace_function(struct template_run *r, const struct value *self, const struct args *args,
                              struct value *out)
{
    (void)self;
    TRY(fill_dict(r, args, "namespace", out));
    out->kind = K_NAMESPACE;
    out->mark = 0;
    return OK;
}

static int cycler_function(struct template_run *r, const struct value *self, const struct args *args,
                           struct value *out)
{
    struct cycler *c;
    struct value list;
    (void)self;
    if (!args->n || args->n_named) FAULT(r, "at least one item has to be provided");
    TRY(list_new(r, args->n, &list));
    for (uint32_t i = 0; i < args->n; i++) TRY(list_add(r, list.list, &args->pos[i]));
    NEW(r, c, 1);
    *c = (struct cycler){.list = list.list};
    *out = (struct value){.kind = K_CYCLER, .cycler = c};
    return OK;
}

/* Two items: nothing, then the separator for ever. */
static int joiner_function(struct template_run *r, struct value *a, struct value *out)
{
    struct args two = {.n = 2};
    struct value items[2];
    TRY(words_value(r, "", &items[0]));
    TRY(words_value(r, ", ", &items[1]));
    if (a[1].kind != K_MISSING) items[1] = a[1];
    two.pos = items;
    TRY(cycler_function(r, NULL, &two, out));
    out->kind = K_JOINER;
    return OK;
}

static int raise_function(struct template_run *r, struct value *a, struct value *out)
{
    struct value v;
    char *words;
    (void)out;
    TRY(to_string(r, &a[1], &v));
    NEW(r, words, v.text->len + 1);
    memcpy(words, v.text->s, v.text->len);
    words[v.text->len] = 0;
    r->raised = words;
    return fault(r, ERR_USAGE, "the template refuses the conversation: %s", words);
}

static int strftime_function(struct template_run *r, struct value *a, struct value *out)
{
    struct builder b = builder(r);
    struct text *format;
    char in[512], now[4096];
    TRY(text_param(r, &a[1], "the format of strftime_now", &format));
    if (!r->has_clock) return fault(r, ERR_UNSUPPORTED, "strftime_now, and no clock was given");
    if (format->len >= sizeof in || memchr(format->s, 0, format->len))
        FAULT(r, "a format of strftime_now of %u bytes", format->len);
    memcpy(in, format->s, format->len);
    in[format->len] = 0;
    size_t n = strftime(now, sizeof now, in, &r->clock);
    if (!utf8_valid(now, n, NULL)) FAULT(r, "strftime_now does not give UTF-8");
    add_bytes(&b, now, n, text_mark(format));
    return builder_value(&b, out);
}

const struct builtin functions[] = {
    {.name = "range", .fn = range_function, .params = {"start", "stop", "step"}, .need = 1},
    {.name = "dict", .variadic = dict_function},
    {.name = "namespace", .variadic = namespace_function},
    {.name = "cycler", .variadic = cycler_function},
    {.name = "joiner", .fn = joiner_function, .params = {"sep"}},
    {.name = "raise_exception", .fn = raise_function, .params = {"message"}, .need = 1},
    {.name = "strftime_now", .fn = strftime_function, .params = {"format"}, .need = 1},
    {.name = "lipsum"},
    {0},
};

/* ---- methods of lists, tuples and dicts ---- */

static int list_count(struct template_run *r, struct value *a, struct value *out)
{
    int64_t n = 0;
    bool same;
    for (size_t i = 0; i < a[0].list->n; i++) {
        TRY(equals(r, &a[0].list->items[i], &a[1], &same));
        n += same;
    }
    *out = INT(n);
    out->mark = a[0].mark;
    return OK;
}

static int list_index(struct template_run *r, struct value *a, struct value *out)
{
    int64_t from, to, n = (int64_t)a[0].list->n;
    bool same;
    TRY(int_param(r, &a[2], 0, "a bound", &from));
    TRY(int_param(r, &a[3], INT64_MAX, "a bound", &to));
    if (from < 0) from = from + n < 0 ? 0 : from + n;
    if (to < 0) to += n;
    for (int64_t i = from; i < n && i < to; i++) {
        TRY(equals(r, &a[0].list->items[i], &a[1], &same));
        if (!same) continue;
        *out = INT(i);
        out->mark = a[0].mark;
        return OK;
    }
    FAULT(r, "the value is not in the list");
}

static int range_count(struct template_run *r, struct value *a, struct value *out)
{
    TRY(list_of(r, &a[0], &a[0]));
    return list_count(r, a, out);
}

static int range_index(struct template_run *r, struct value *a, struct value *out)
{
    TRY(list_of(r, &a[0], &a[0]));
    return list_index(r, a, out);
}

static int copy_method(struct template_run *r, struct value *a, struct value *out)
{
    (void)r; /* values do not change: the copy is the same */
    *out = a[0];
    return OK;
}

static int view_of(struct value *a, uint8_t which, struct value *out)
{
    struct value view = a[0];
    view.kind = K_VIEW;
    view.which = which;
    *out = view;
    return OK;
}

static int dict_keys(struct template_run *r, struct value *a, struct value *out)
{
    (void)r;
    return view_of(a, 'k', out);
}
static int dict_values(struct template_run *r, struct value *a, struct value *out)
{
    (void)r;
    return view_of(a, 'v', out);
}
static int dict_items(struct template_run *r, struct value *a, struct value *out)
{
    (void)r;
    return view_of(a, 'i', out);
}

static int dict_get_method(struct template_run *r, struct value *a, struct value *out)
{
    struct value *v;
    bool hashable;
    TRY(dict_find(r, a[0].dict, &a[1], &v, &hashable));
    if (!hashable) FAULT(r, "unhashable type: '%s'", type_name(&a[1]));
    if (v) *out = *v;
    else if (a[2].kind != K_MISSING) *out = a[2];
    else *out = NONE;
    return OK;
}

static int cycler_next(struct template_run *r, struct value *a, struct value *out)
{
    struct cycler *c = a[0].cycler;
    (void)r;
    *out = c->list->items[c->at];
    c->at = (c->at + 1) % c->list->n;
    return OK;
}

static int cycler_reset(struct template_run *r, struct value *a, struct value *out)
{
    (void)r;
    a[0].cycler->at = 0;
    *out = NONE;
    return OK;
}

#define UNSAFE(word) {.name = word, .unsafe = true}
const struct builtin list_methods[] = {
    {.name = "index", .fn = list_index, .params = {"value", "start", "stop"}, .need = 1},
    {.name = "count", .fn = list_count, .params = {"value"}, .need = 1},
    {.name = "copy", .fn = copy_method},
    UNSAFE("append"),
    UNSAFE("clear"),
    UNSAFE("pop"),
    UNSAFE("reverse"),
    UNSAFE("insert"),
    UNSAFE("sort"),
    UNSAFE("extend"),
    UNSAFE("remove"),
    {0},
};
const struct builtin tuple_methods[] = {
    {.name = "index", .fn = list_index, .params = {"value", "start", "stop"}, .need = 1},
    {.name = "count", .fn = list_count, .params = {"value"}, .need = 1},
    {0},
};
const struct builtin dict_methods[] = {
    {.name = "items", .fn = dict_items},
    {.name = "keys", .fn = dict_keys},
    {.name = "values", .fn = dict_values},
    {.name = "get", .fn = dict_get_method, .params = {"key", "default"}, .need = 1},
    {.name = "copy", .fn = copy_method},
    {.name = "fromkeys"},
    UNSAFE("clear"), UNSAFE("pop"), UNSAFE("popitem"), UNSAFE("setdefault"), UNSAFE("update"),
    {0},
};
static const struct builtin range_methods[] = {
    {.name = "index", .fn = range_index, .params = {"value"}, .need = 1},
    {.name = "count", .fn = range_count, .params = {"value"}, .need = 1},
    {0},
};
static const struct builtin cycler_methods[] = {
    {.name = "next", .fn = cycler_next},
    {.name = "reset", .fn = cycler_reset},
    {0},
};

/* ---- looking up ---- */

static const struct builtin *find_in(const struct builtin *table, const char *name, size_t len)
{
    for (; table->name; table++)
        if (strncmp(table->name, name, len) == 0 && table->name[len] == 0) return table;
    return NULL;
}

const struct builtin *filter_find(const char *name, size_t len)
{
    const struct builtin *const tables[] = {filters_values, filters_lists, filters_texts};
    const struct builtin *row = NULL;
    for (size_t i = 0; !row && i < ARRAY_LEN(tables); i++) row = find_in(tables[i], name, len);
    return row;
}

const struct builtin *test_find(const char *name, size_t len) { return find_in(tests, name, len); }
const struct builtin *function_find(const char *name, size_t len) { return find_in(functions, name, len); }

const struct builtin *method_find(enum kind kind, const char *name, size_t len)
{
    static const struct builtin *const by_kind[KIND_COUNT] = {
        [K_STRING] = string_methods, [K_LIST] = list_methods, [K_TUPLE] = tuple_methods,
        [K_DICT] = dict_methods,     [K_LOOP] = loop_methods, [K_CYCLER] = cycler_methods, [K_RANGE] = range_methods};
    return by_kind[kind] ? find_in(by_kind[kind], name, len) : NULL;
}
