/* str(), repr() and json.dumps() of values. */
#include <math.h>
#include <string.h>
#include "base/checked.h"
#include "base/utf8.h"
#include "chat/python.h"
#include "chat/template/builtin.h"
#include "chat/template/exec.h"
#include "chat/template/text.h"

/* One level down in a value; false after a fault. */
static bool down(struct builder *b)
{
    if (b->failed) return false;
    if (b->r->depth >= TEMPLATE_MAX_DEPTH)
        b->failed = fault(b->r, ERR_LIMIT, "a value nested too deep to be printed (%d levels of evaluation)",
                          TEMPLATE_MAX_DEPTH);
    else b->failed = charge(b->r, 1);
    b->r->depth += !b->failed;
    return !b->failed;
}

static void add_number(struct builder *b, const struct value *v)
{
    char real[PYTHON_REAL];
    if (v->kind == K_INT) add_printf(b, v->mark, "%lld", (long long)v->i);
    else add_words(b, python_real(real, v->x), v->mark);
}

/* ---- repr ---- */

/* Python prefers single quotes, unless only those occur inside. */
static void repr_text(struct builder *b, const struct text *t)
{
    static const char from[] = "\\\n\r\t", to[] = "\\nrt";
    bool single = memchr(t->s, '\'', t->len), both = single && memchr(t->s, '"', t->len);
    char quote = single && !both ? '"' : '\'';
    uint8_t mark = text_mark(t);
    size_t len, plain = 0;
    if (!b->failed) b->failed = charge_chars(b->r, t->len);
    add_bytes(b, &quote, 1, mark);
    for (size_t i = 0; i < t->len && !b->failed; i += len) {
        uint32_t cp = text_char(t, i, &len);
        const char *p = cp && cp < 128 ? strchr(from, (int)cp) : NULL;
        uint8_t m = mark_of(t->mark, i);
        if (!p && cp != (uint32_t)quote && char_is_printable(cp)) continue;
        add_part(b, t, plain, i);
        plain = i + len;
        if (p) add_printf(b, m, "\\%c", to[p - from]);
        else if (cp == (uint32_t)quote) add_printf(b, m, "\\%c", quote);
        else if (cp < 0x100) add_printf(b, m, "\\x%02x", cp);
        else add_printf(b, m, cp < 0x10000 ? "\\u%04x" : "\\U%08x", cp);
    }
    if (plain < t->len) add_part(b, t, plain, t->len);
    add_bytes(b, &quote, 1, mark);
}

static void repr_items(struct builder *b, const struct value *v, const char *open, const char *close)
{
    struct walk w;
    struct value item;
    bool more = true;
    add_words(b, open, v->mark);
    if (!b->failed) b->failed = walk_begin(b->r, v, &w);
    for (size_t i = 0; !b->failed; i++) {
        b->failed = walk_next(b->r, &w, &item, &more);
        if (b->failed || !more) break;
        if (i) add_words(b, ", ", v->mark);
        add_repr(b, &item);
    }
    if (v->kind == K_TUPLE && v->list->n == 1) add_words(b, ",", v->mark);
    add_words(b, close, v->mark);
}

static void repr_dict(struct builder *b, const struct value *v)
{
    add_words(b, "{", v->mark);
    for (uint32_t i = 0; i < v->dict->n && !b->failed; i++) {
        if (i) add_words(b, ", ", v->mark);
        add_repr(b, &v->dict->entries[i].key);
        add_words(b, ": ", v->mark);
        add_repr(b, &v->dict->entries[i].value);
    }
    add_words(b, "}", v->mark);
}

static void repr_view(struct builder *b, const struct value *v)
{
    add_words(b, type_name(v), v->mark);
    repr_items(b, v, "([", "])");
}

static void repr_range(struct builder *b, const struct value *v)
{
    const struct range *g = v->range;
    add_printf(b, v->mark, "range(%lld, %lld", (long long)g->start, (long long)g->stop);
    if (g->step != 1) add_printf(b, v->mark, ", %lld", (long long)g->step);
    add_words(b, ")", v->mark);
}

static void repr_macro(struct builder *b, const struct value *v)
{
    const struct name *name = v->macro->node->name;
    add_words(b, "<Macro ", 0);
    if (name) repr_text(b, &name->text);
    else add_words(b, "anonymous", 0);
    add_words(b, ">", 0);
}

static void repr_loop(struct builder *b, struct loop *l)
{
    struct value n = MISSING;
    bool found;
    static const struct text length_name = {.s = "length", .len = 6, .chars = 6};
    if (!b->failed) b->failed = loop_attr(b->r, l, &length_name, &n, &found);
    if (!b->failed) add_printf(b, 0, "<LoopContext %lld/%lld>", (long long)l->index0 + 1, (long long)n.i);
}

/* Python prints an address, which is no text to learn from or to rely on. */
static void no_repr(struct builder *b, const struct value *v)
{
    if (!b->failed)
        b->failed = fault(b->r, ERR_UNSUPPORTED, "a value of type %s cannot be printed", type_name(v));
}

void add_repr(struct builder *b, const struct value *v)
{
    if (!down(b)) return;
    switch ((enum kind)v->kind) {
    case K_MISSING:
    case K_UNDEFINED: add_words(b, "Undefined", 0); break;
    case K_NONE: add_words(b, "None", v->mark); break;
    case K_BOOL: add_words(b, v->b ? "True" : "False", v->mark); break;
    case K_INT:
    case K_FLOAT: add_number(b, v); break;
    case K_STRING:
        if (v->safe) add_words(b, "Markup(", 0);
        repr_text(b, v->text);
        if (v->safe) add_words(b, ")", 0);
        break;
    case K_LIST: repr_items(b, v, "[", "]"); break;
    case K_TUPLE: repr_items(b, v, "(", ")"); break;
    case K_DICT: repr_dict(b, v); break;
    case K_VIEW: repr_view(b, v); break;
    case K_RANGE: repr_range(b, v); break;
    case K_NAMESPACE:
        add_words(b, "<Namespace ", 0);
        repr_dict(b, v);
        add_words(b, ">", 0);
        break;
    case K_MACRO: repr_macro(b, v); break;
    case K_LOOP: repr_loop(b, v->loop); break;
    default: no_repr(b, v);
    }
    b->r->depth--;
}

void add_str(struct builder *b, const struct value *v)
{
    if (v->kind == K_STRING) add_text(b, v->text);
    else if (v->kind != K_UNDEFINED && v->kind != K_MISSING) add_repr(b, v);
}

int to_string(struct template_run *r, const struct value *v, struct value *out)
{
    struct builder b = builder(r);
    if (v->kind == K_STRING) {
        *out = *v;
        return OK;
    }
    add_str(&b, v);
    return builder_value(&b, out);
}

void add_escaped(struct builder *b, const struct text *t)
{
    static const char from[] = "&<>'\"";
    static const char *const to[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
    size_t plain = 0;
    if (!b->failed) b->failed = charge_chars(b->r, t->len);
    for (size_t i = 0; i < t->len && !b->failed; i++) {
        const char *p = t->s[i] ? strchr(from, t->s[i]) : NULL;
        if (!p) continue;
        add_part(b, t, plain, i);
        add_words(b, to[p - from], mark_of(t->mark, i));
        plain = i + 1;
    }
    add_part(b, t, plain, t->len);
}

/* ---- JSON ---- */

static void json_text(struct builder *b, const struct text *t, const struct json_style *style)
{
    char escape[8];
    uint8_t mark = text_mark(t);
    size_t len, plain = 0;
    if (!b->failed) b->failed = charge_chars(b->r, t->len);
    add_words(b, "\"", mark);
    for (size_t i = 0; i < t->len && !b->failed; i += len) {
        uint8_t m = mark_of(t->mark, i), c = (uint8_t)t->s[i];
        bool wide = style->ascii && c > 0x7e;
        uint32_t cp = wide ? text_char(t, i, &len) : c;
        if (!wide) len = 1;
        if (!*python_json_escape(escape, c) && !wide) continue;
        add_part(b, t, plain, i);
        plain = i + len;
        if (!wide) add_words(b, escape, m);
        else if (cp < 0x10000) add_printf(b, m, "\\u%04x", cp);
        else add_printf(b, m, "\\u%04x\\u%04x", 0xd7c0 + (cp >> 10), 0xdc00 + (cp & 0x3ff));
    }
    if (plain < t->len) add_part(b, t, plain, t->len);
    add_words(b, "\"", mark);
}

static void json_number(struct builder *b, const struct value *v)
{
    if (v->kind == K_FLOAT && isnan(v->x)) add_words(b, "NaN", v->mark);
    else if (v->kind == K_FLOAT && isinf(v->x)) add_words(b, v->x > 0 ? "Infinity" : "-Infinity", v->mark);
    else add_number(b, v);
}

static void json_value(struct builder *b, const struct value *v, const struct json_style *style, int level);

/* What stands between the parts of a value from outside is from outside, too. */
static void json_line(struct builder *b, const struct json_style *style, int level, uint8_t mark)
{
    size_t from = b->len;
    if (!style->indent) return;
    add_bytes(b, "\n", 1, mark);
    add_repeated(b, style->indent, level);
    if (mark) mark_since(b, from, mark);
}

static void json_separator(struct builder *b, const struct text *given, const char *usual, uint8_t mark)
{
    size_t from = b->len;
    if (given) add_text(b, given);
    else add_words(b, usual, mark);
    if (given && mark) mark_since(b, from, mark);
}

static void json_key(struct builder *b, const struct value *key, const struct json_style *style)
{
    if (key->kind == K_STRING) json_text(b, key->text, style);
    else if (key->kind == K_INT || key->kind == K_FLOAT || key->kind == K_BOOL || key->kind == K_NONE) {
        add_words(b, "\"", key->mark);
        json_value(b, key, style, 0);
        add_words(b, "\"", key->mark);
    } else if (!b->failed) {
        b->failed =
            fault(b->r, ERR_FORMAT, "keys must be str, int, float, bool or None, not %s", type_name(key));
    }
}

static int key_order(struct template_run *r, struct entry **a, size_t n, struct entry **spare)
{
    int o;
    if (n < 2) return OK;
    size_t half = n / 2, i = 0, k = half, to = 0;
    TRY(key_order(r, a, half, spare));
    TRY(key_order(r, a + half, n - half, spare));
    while (i < half && k < n) {
        TRY(compare(r, &a[k]->key, &a[i]->key, "<", &o));
        spare[to++] = o < 0 ? a[k++] : a[i++];
    }
    while (i < half) spare[to++] = a[i++];
    while (k < n) spare[to++] = a[k++];
    memcpy(a, spare, n * sizeof *a);
    return OK;
}

static int ordered_entries(struct template_run *r, const struct dict *d, bool sort, struct entry ***out)
{
    struct entry **spare;
    NEW(r, *out, d->n);
    for (uint32_t i = 0; i < d->n; i++) (*out)[i] = &d->entries[i];
    if (!sort) return OK;
    NEW(r, spare, d->n);
    return key_order(r, *out, d->n, spare);
}

static void json_dict(struct builder *b, const struct value *v, const struct json_style *style, int level)
{
    struct entry **entries;
    b->failed = ordered_entries(b->r, v->dict, style->sort, &entries);
    add_words(b, "{", v->mark);
    for (uint32_t i = 0; i < v->dict->n && !b->failed; i++) {
        if (i) json_separator(b, style->item, style->indent ? "," : ", ", v->mark);
        json_line(b, style, level + 1, v->mark);
        json_key(b, &entries[i]->key, style);
        json_separator(b, style->colon, ": ", v->mark);
        json_value(b, &entries[i]->value, style, level + 1);
    }
    if (v->dict->n) json_line(b, style, level, v->mark);
    add_words(b, "}", v->mark);
}

static void json_list(struct builder *b, const struct value *v, const struct json_style *style, int level)
{
    add_words(b, "[", v->mark);
    for (size_t i = 0; i < v->list->n && !b->failed; i++) {
        if (i) json_separator(b, style->item, style->indent ? "," : ", ", v->mark);
        json_line(b, style, level + 1, v->mark);
        json_value(b, &v->list->items[i], style, level + 1);
    }
    if (v->list->n) json_line(b, style, level, v->mark);
    add_words(b, "]", v->mark);
}

static void json_value(struct builder *b, const struct value *v, const struct json_style *style, int level)
{
    if (!down(b)) return;
    switch ((enum kind)v->kind) {
    case K_NONE: add_words(b, "null", v->mark); break;
    case K_BOOL: add_words(b, v->b ? "true" : "false", v->mark); break;
    case K_INT:
    case K_FLOAT: json_number(b, v); break;
    case K_STRING: json_text(b, v->text, style); break;
    case K_LIST:
    case K_TUPLE: json_list(b, v, style, level); break;
    case K_DICT: json_dict(b, v, style, level); break;
    default: b->failed = fault(b->r, ERR_FORMAT, "Object of type %s is not JSON serializable", type_name(v));
    }
    b->r->depth--;
}

void add_json(struct builder *b, const struct value *v, const struct json_style *style)
{
    json_value(b, v, style, 0);
}
