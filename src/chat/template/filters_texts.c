/* Filters of texts. Those that work on any value make a string of it first. */
#include <string.h>
#include "base/checked.h"
#include "base/utf8.h"
#include "chat/template/builtin.h"
#include "chat/template/methods.h"
#include "chat/template/text.h"

/* A filter that is a method of strings: text first, then that. */
static int by_method(struct template_run *r, builtin_fn *method, struct value *a, struct value *out)
{
    TRY(to_string(r, &a[0], &a[0]));
    return method(r, a, out);
}

static int upper_filter(struct template_run *r, struct value *a, struct value *out)
{
    return by_method(r, str_upper, a, out);
}
static int lower_filter(struct template_run *r, struct value *a, struct value *out)
{
    return by_method(r, str_lower, a, out);
}
static int trim_filter(struct template_run *r, struct value *a, struct value *out)
{
    return by_method(r, str_strip, a, out);
}
static int capitalize_filter(struct template_run *r, struct value *a, struct value *out)
{
    return by_method(r, str_capitalize, a, out);
}

static int center_filter(struct template_run *r, struct value *a, struct value *out)
{
    if (a[1].kind == K_MISSING) a[1] = INT(80);
    return by_method(r, str_center, a, out);
}

static int replace_filter(struct template_run *r, struct value *a, struct value *out)
{
    for (int i = 0; i < 3; i++) {
        TRY(to_string(r, &a[i], &a[i]));
        a[i].safe = false;
    }
    if (a[3].kind == K_NONE) a[3] = MISSING;
    return str_replace(r, a, out);
}

static bool divides_words(uint32_t cp)
{
    return char_is_space(cp) || (cp && cp < 0x80 && strchr("-({[<", (int)cp));
}

/* Words begin behind white space, hyphens and opening brackets only. */
static int title_filter(struct template_run *r, struct value *a, struct value *out)
{
    struct builder b = builder(r);
    struct value s;
    size_t n, end;
    TRY(to_string(r, &a[0], &s));
    TRY(charge_chars(r, s.text->len));
    for (size_t i = 0; i < s.text->len && !b.failed; i = end) {
        bool divider = divides_words(text_char(s.text, i, &n));
        for (end = i + n; end < s.text->len; end += n)
            if (divides_words(text_char(s.text, end, &n)) != divider) break;
        text_char(s.text, i, &n);
        add_cased(&b, s.text, i, divider ? end : i + n, CASE_UPPER);
        if (!divider) add_cased(&b, s.text, i + n, end, CASE_LOWER);
    }
    TRY(builder_value(&b, out));
    out->safe = s.safe;
    return OK;
}

static int safe_filter(struct template_run *r, struct value *a, struct value *out)
{
    TRY(to_string(r, &a[0], out));
    out->safe = true;
    return OK;
}

static int escape_filter(struct template_run *r, struct value *a, struct value *out)
{
    struct builder b = builder(r);
    if (a[0].kind == K_STRING && a[0].safe) {
        *out = a[0];
        return OK;
    }
    TRY(to_string(r, &a[0], out));
    add_escaped(&b, out->text);
    TRY(builder_value(&b, out));
    out->safe = true;
    return OK;
}

static int forceescape_filter(struct template_run *r, struct value *a, struct value *out)
{
    a[0].safe = false;
    return escape_filter(r, a, out);
}

static int format_filter(struct template_run *r, const struct value *self, const struct args *args,
                         struct value *out)
{
    struct value format, values;
    TRY(to_string(r, self, &format));
    if (args->n && args->n_named) FAULT(r, "format takes positional or keyword arguments, not both");
    if (args->n_named) {
        TRY(dict_new(r, &values));
        for (uint32_t i = 0; i < args->n_named; i++) {
            struct value key = {.kind = K_STRING, .text = (struct text *)args->names[i]};
            TRY(dict_put(r, values.dict, &key, &args->named[i]));
        }
    } else {
        TRY(list_new(r, args->n, &values));
        values.kind = K_TUPLE;
        for (uint32_t i = 0; i < args->n; i++) TRY(list_add(r, values.list, &args->pos[i]));
    }
    TRY(format_percent(r, format.text, &values, out));
    out->safe = format.safe;
    return OK;
}

static int need_string(struct template_run *r, const struct value *v, const char *what)
{
    if (v->kind == K_UNDEFINED) return undefined_fault(r, v);
    if (v->kind != K_STRING) FAULT(r, "%s is of type %s, expected a string", what, type_name(v));
    return OK;
}

static int indent_filter(struct template_run *r, struct value *a, struct value *out)
{
    static const struct text space = {.s = " ", .len = 1, .chars = 1};
    struct builder b = builder(r), width = builder(r);
    struct value indent;
    bool first = false, blank = false, line_start = false;
    int64_t n;
    TRY(need_string(r, &a[0], "what is indented"));
    if (a[1].kind == K_STRING) indent = a[1];
    else {
        TRY(int_param(r, &a[1], 4, "the width of indent", &n));
        add_repeated(&width, &space, n);
        TRY(builder_value(&width, &indent));
    }
    if (a[2].kind != K_MISSING) TRY(truth(r, &a[2], &first));
    if (a[3].kind != K_MISSING) TRY(truth(r, &a[3], &blank));
    if (first) add_text(&b, indent.text);
    for (size_t at = 0, end, next; at <= a[0].text->len && !b.failed; at = next) {
        line_end(a[0].text, at, &end, &next);
        if (at > 0) line_start = true;
        if (line_start) {
            add_part(&b, a[0].text, at - 1,
                     at); /* the newline, whatever it was, becomes \n but keeps its mark */
            if (!b.failed) b.s[b.len - 1] = '\n';
            if (end > at || blank) add_text(&b, indent.text);
        }
        add_part(&b, a[0].text, at, end);
        if (next == end) break;
    }
    TRY(builder_value(&b, out));
    out->safe = a[0].safe;
    return OK;
}

static int truncate_filter(struct template_run *r, struct value *a, struct value *out)
{
    static const struct text dots = {.s = "...", .len = 3, .chars = 3};
    struct builder b = builder(r);
    struct text *end, *s = a[0].text;
    int64_t n, leeway, len;
    bool kill = false;
    size_t at;
    TRY(int_param(r, &a[1], 255, "the length of truncate", &n));
    if (a[2].kind != K_MISSING) TRY(truth(r, &a[2], &kill));
    TRY(text_param(r, &a[3], "the end of truncate", &end));
    if (a[4].kind == K_NONE) a[4] = MISSING;
    TRY(int_param(r, &a[4], 5, "the leeway of truncate", &leeway));
    if (!end) end = (struct text *)&dots;
    if (n < text_chars(end)) FAULT(r, "expected length >= %u, got %lld", text_chars(end), (long long)n);
    if (leeway < 0) FAULT(r, "expected leeway >= 0, got %lld", (long long)leeway);
    TRY(length(r, &a[0], &len));
    if (len <= n || len - n <= leeway) { /* whatever it is */
        *out = a[0];
        return OK;
    }
    TRY(need_string(r, &a[0], "what is truncated"));
    size_t cut = text_at(s, n - text_chars(end));
    if (!kill) {
        static const struct text space = {.s = " ", .len = 1, .chars = 1};
        TRY(text_rfind(r, s, &space, 0, cut, &at));
        if (at != SIZE_MAX) cut = at;
    }
    add_part(&b, s, 0, cut);
    add_text(&b, end);
    return builder_value(&b, out);
}

static int wordcount_filter(struct template_run *r, struct value *a, struct value *out)
{
    struct value s;
    int64_t words = 0;
    bool inside = false;
    size_t n;
    TRY(to_string(r, &a[0], &s));
    TRY(charge_chars(r, s.text->len));
    for (size_t i = 0; i < s.text->len; i += n) {
        uint32_t cp = text_char(s.text, i, &n);
        bool word = cp == '_' || char_is_alpha(cp) || char_is_numeric(cp);
        words += word && !inside;
        inside = word;
    }
    *out = INT(words);
    out->mark = text_mark(s.text);
    return OK;
}

/* ---- URLs ---- */

static void add_quoted(struct builder *b, const struct text *t, bool query)
{
    static const char keep[] = "_.-~";
    if (!b->failed) b->failed = charge_chars(b->r, t->len);
    for (size_t i = 0; i < t->len && !b->failed; i++) {
        unsigned char c = (unsigned char)t->s[i];
        uint8_t mark = mark_of(t->mark, i);
        bool plain = c < 0x80 && (char_is_alpha(c) || char_is_decimal(c) || (c && strchr(keep, c)) ||
                                  (c == '/' && !query));
        if (plain) add_bytes(b, t->s + i, 1, mark);
        else if (c == ' ' && query) add_bytes(b, "+", 1, mark);
        else add_printf(b, mark, "%%%02X", c);
    }
}

static int urlencode_filter(struct template_run *r, struct value *a, struct value *out)
{
    struct builder b = builder(r);
    struct value pairs = a[0], item, s;
    struct walk w;
    bool more;
    if (a[0].kind == K_STRING || !iterable(&a[0])) {
        TRY(to_string(r, &a[0], &s));
        add_quoted(&b, s.text, false);
        return builder_value(&b, out);
    }
    if (pairs.kind == K_DICT) {
        pairs.kind = K_VIEW;
        pairs.which = 'i';
    }
    TRY(walk_begin(r, &pairs, &w));
    for (size_t i = 0; !b.failed; i++) {
        TRY(walk_next(r, &w, &item, &more));
        if (!more) break;
        if ((item.kind != K_TUPLE && item.kind != K_LIST) || item.list->n != 2)
            FAULT(r, "urlencode takes pairs of a key and a value");
        if (i) add_words(&b, "&", pairs.mark);
        TRY(to_string(r, &item.list->items[0], &s));
        add_quoted(&b, s.text, true);
        add_words(&b, "=", pairs.mark);
        TRY(to_string(r, &item.list->items[1], &s));
        add_quoted(&b, s.text, true);
    }
    return builder_value(&b, out);
}

const struct builtin filters_texts[] = {
    {.name = "upper", .fn = upper_filter},
    {.name = "lower", .fn = lower_filter},
    {.name = "title", .fn = title_filter},
    {.name = "capitalize", .fn = capitalize_filter},
    {.name = "trim", .fn = trim_filter, .params = {"chars"}},
    {.name = "replace", .fn = replace_filter, .params = {"old", "new", "count"}, .need = 2},
    {.name = "indent", .fn = indent_filter, .params = {"width", "first", "blank"}},
    {.name = "center", .fn = center_filter, .params = {"width"}},
    {.name = "truncate", .fn = truncate_filter, .params = {"length", "killwords", "end", "leeway"}},
    {.name = "wordcount", .fn = wordcount_filter},
    {.name = "wordwrap",
     .fn = wordwrap_filter,
     .params = {"width", "break_long_words", "wrapstring", "break_on_hyphens"}},
    {.name = "format", .variadic = format_filter},
    {.name = "safe", .fn = safe_filter},
    {.name = "escape", .fn = escape_filter},
    {.name = "e", .fn = escape_filter},
    {.name = "forceescape", .fn = forceescape_filter},
    {.name = "urlencode", .fn = urlencode_filter},
    {.name = "pprint"}, /* HTML, and what is for debugging */
    {.name = "xmlattr"},
    {.name = "urlize"},
    {.name = "striptags"},
    {0},
};
