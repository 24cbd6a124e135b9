/* Methods of strings, as Python's str has them: what changes or cuts a text. */
#include <string.h>
#include "base/checked.h"
#include "chat/template/builtin.h"
#include "chat/template/methods.h"
#include "chat/template/text.h"

/* A result keeps the mark of |safe, as Markup's methods do. */
static int finish(struct builder *b, const struct value *self, struct value *out)
{
    TRY(builder_value(b, out));
    out->safe = self->safe;
    return OK;
}

static int part(struct template_run *r, const struct value *self, size_t from, size_t to, struct value *out)
{
    bool safe = self->safe; /* out may be self */
    TRY(text_part(r, self->text, from, to, out));
    out->safe = safe;
    return OK;
}

/* ---- case ---- */

static int cased(struct template_run *r, const struct value *self, enum letter_case to_case, struct value *out)
{
    struct builder b = builder(r);
    add_cased(&b, self->text, 0, self->text->len, to_case);
    return finish(&b, self, out);
}

int str_upper(struct template_run *r, struct value *a, struct value *out)
{
    return cased(r, &a[0], CASE_UPPER, out);
}
int str_lower(struct template_run *r, struct value *a, struct value *out)
{
    return cased(r, &a[0], CASE_LOWER, out);
}

int str_capitalize(struct template_run *r, struct value *a, struct value *out)
{
    struct builder b = builder(r);
    size_t n = 0;
    if (a[0].text->len) text_char(a[0].text, 0, &n);
    add_cased(&b, a[0].text, 0, n, CASE_TITLE);
    add_cased(&b, a[0].text, n, a[0].text->len, CASE_LOWER);
    return finish(&b, &a[0], out);
}

static int str_title(struct template_run *r, struct value *a, struct value *out)
{
    struct builder b = builder(r);
    const struct text *t = a[0].text;
    bool inside = false;
    size_t n;
    TRY(charge_chars(r, t->len));
    for (size_t i = 0; i < t->len && !b.failed; i += n) {
        uint32_t cp = text_char(t, i, &n);
        add_cased(&b, t, i, i + n, inside ? CASE_LOWER : CASE_TITLE);
        inside = char_is_cased(cp);
    }
    return finish(&b, &a[0], out);
}

static int str_swapcase(struct template_run *r, struct value *a, struct value *out)
{
    struct builder b = builder(r);
    const struct text *t = a[0].text;
    size_t n;
    TRY(charge_chars(r, t->len));
    for (size_t i = 0; i < t->len && !b.failed; i += n)
        add_cased(&b, t, i, i + n, char_is_upper(text_char(t, i, &n)) ? CASE_LOWER : CASE_UPPER);
    return finish(&b, &a[0], out);
}

/* ---- ends ---- */

static int strip(struct template_run *r, struct value *a, int which, struct value *out)
{
    struct text *chars;
    size_t from, to;
    if (a[1].kind == K_NONE) a[1] = MISSING;
    TRY(text_param(r, &a[1], "the characters of strip", &chars));
    TRY(text_strip(r, a[0].text, chars, which, &from, &to));
    return part(r, &a[0], from, to, out);
}

int str_strip(struct template_run *r, struct value *a, struct value *out) { return strip(r, a, 3, out); }
static int str_lstrip(struct template_run *r, struct value *a, struct value *out)
{
    return strip(r, a, 1, out);
}
static int str_rstrip(struct template_run *r, struct value *a, struct value *out)
{
    return strip(r, a, 2, out);
}

static bool begins(const struct text *t, const struct text *with)
{
    return t->len >= with->len && memcmp(t->s, with->s, with->len) == 0;
}
static bool ends(const struct text *t, const struct text *with)
{
    return t->len >= with->len && memcmp(t->s + t->len - with->len, with->s, with->len) == 0;
}

static int str_removeprefix(struct template_run *r, struct value *a, struct value *out)
{
    struct text *with;
    TRY(text_param(r, &a[1], "a prefix", &with));
    return part(r, &a[0], begins(a[0].text, with) ? with->len : 0, a[0].text->len, out);
}

static int str_removesuffix(struct template_run *r, struct value *a, struct value *out)
{
    struct text *with;
    TRY(text_param(r, &a[1], "a suffix", &with));
    return part(r, &a[0], 0, a[0].text->len - (ends(a[0].text, with) ? with->len : 0), out);
}

/* The part [start:end] that startswith, find, count and others look at, as bytes; false: start is behind the end. */
static int window(struct template_run *r, const struct value *a, size_t *from, size_t *to, bool *inside)
{
    struct text *t = a[0].text;
    int64_t bounds[2] = {0, INT64_MAX}, n;
    *inside = true;
    *from = 0;
    *to = t->len;
    if (a[2].kind == K_MISSING && a[3].kind == K_MISSING) return OK;
    TRY(charge_bytes(r, t->len));
    n = text_chars(t);
    for (int i = 0; i < 2; i++) {
        struct value v = a[2 + i].kind == K_NONE ? MISSING : a[2 + i];
        TRY(int_param(r, &v, bounds[i], "a bound", &bounds[i]));
        if (bounds[i] < 0) bounds[i] = bounds[i] + n < 0 ? 0 : bounds[i] + n;
    }
    *inside = bounds[0] <= n && bounds[0] <= bounds[1];
    if (!*inside) return OK;
    *from = text_at(t, bounds[0]);
    *to = text_at(t, bounds[1] > n ? n : bounds[1]);
    return OK;
}

static int edge(struct template_run *r, struct value *a, bool fits(const struct text *, const struct text *),
                const char *name, struct value *out)
{
    struct value one = a[1], *items = &one;
    struct text view;
    size_t n = 1, from, to;
    bool is = false, inside;
    if (a[1].kind == K_TUPLE) {
        items = a[1].list->items;
        n = a[1].list->n;
    }
    TRY(window(r, a, &from, &to, &inside));
    view = *a[0].text;
    view.s += from;
    view.len = (uint32_t)(to - from);
    for (size_t i = 0; i < n && !is; i++) {
        if (items[i].kind != K_STRING)
            FAULT(r, "%s takes a string or a tuple of strings, not %s", name, type_name(&items[i]));
        TRY(charge(r, 1 + items[i].text->len / 64));
        is = inside && fits(&view, items[i].text);
    }
    *out = BOOL(is);
    return OK;
}

static int str_startswith(struct template_run *r, struct value *a, struct value *out)
{
    return edge(r, a, begins, "startswith", out);
}
static int str_endswith(struct template_run *r, struct value *a, struct value *out)
{
    return edge(r, a, ends, "endswith", out);
}

/* ---- searching ---- */

static int search(struct template_run *r, struct value *a, bool last, bool must, struct value *out)
{
    struct text *needle;
    size_t from, to, at = SIZE_MAX;
    bool inside;
    TRY(text_param(r, &a[1], "what is searched for", &needle));
    TRY(window(r, a, &from, &to, &inside));
    if (inside) TRY((last ? text_rfind : text_find)(r, a[0].text, needle, from, to, &at));
    if (at == SIZE_MAX && must) FAULT(r, "substring not found");
    TRY(charge_bytes(r, at == SIZE_MAX ? 0 : at));
    struct text before = {.s = a[0].text->s, .len = at == SIZE_MAX ? 0 : (uint32_t)at, .chars = TEXT_UNCOUNTED};
    *out = INT(at == SIZE_MAX ? -1 : (int64_t)text_chars(&before));
    out->mark = text_mark(a[0].text) | text_mark(needle);
    return OK;
}

static int str_find(struct template_run *r, struct value *a, struct value *out)
{
    return search(r, a, false, false, out);
}
static int str_rfind(struct template_run *r, struct value *a, struct value *out)
{
    return search(r, a, true, false, out);
}
static int str_index(struct template_run *r, struct value *a, struct value *out)
{
    return search(r, a, false, true, out);
}
static int str_rindex(struct template_run *r, struct value *a, struct value *out)
{
    return search(r, a, true, true, out);
}

/* The next place of needle; an empty one is found between all characters. */
static int next_place(struct template_run *r, const struct text *t, const struct text *needle, size_t *from,
                      size_t to, size_t *at)
{
    size_t n = 1;
    TRY(charge(r, 1));
    TRY(text_find(r, t, needle, *from, to, at));
    if (*at == SIZE_MAX) return OK;
    if (needle->len == 0 && *at < t->len) text_char(t, *at, &n);
    *from = *at + (needle->len ? needle->len : n);
    return OK;
}

static int str_count(struct template_run *r, struct value *a, struct value *out)
{
    struct text *needle;
    size_t from, to, at;
    bool inside;
    int64_t n = 0;
    TRY(text_param(r, &a[1], "what is counted", &needle));
    TRY(window(r, a, &from, &to, &inside));
    while (inside) {
        TRY(next_place(r, a[0].text, needle, &from, to, &at));
        if (at == SIZE_MAX) break;
        n++;
    }
    *out = INT(n);
    out->mark = text_mark(a[0].text) | text_mark(needle);
    return OK;
}

int str_replace(struct template_run *r, struct value *a, struct value *out)
{
    struct builder b = builder(r);
    struct text *old, *new, *t = a[0].text;
    size_t from = 0, copied = 0, at;
    int64_t count;
    TRY(text_param(r, &a[1], "what is replaced", &old));
    TRY(text_param(r, &a[2], "the replacement", &new));
    TRY(int_param(r, &a[3], -1, "the count of replacements", &count));
    for (int64_t i = 0; i != count && !b.failed; i++) {
        TRY(next_place(r, t, old, &from, t->len, &at));
        if (at == SIZE_MAX) break;
        add_part(&b, t, copied, at);
        add_text(&b, new);
        copied = at + old->len;
    }
    if (copied == 0 && b.len == 0 && !b.failed) {
        *out = a[0];
        return OK;
    }
    add_part(&b, t, copied, t->len);
    return finish(&b, &a[0], out);
}

/* ---- cutting ---- */

static int add_part_value(struct template_run *r, struct list *l, const struct value *self, size_t from,
                          size_t to)
{
    struct value v;
    TRY(part(r, self, from, to, &v));
    return list_add(r, l, &v);
}

static size_t skip(const struct text *t, size_t i, bool space)
{
    for (size_t n; i < t->len; i += n)
        if (char_is_space(text_char(t, i, &n)) != space) break;
    return i;
}

/* The rest of a limited split keeps its white space at the far end, as in Python. */
static int split_space(struct template_run *r, const struct value *self, int64_t most, struct list *l)
{
    const struct text *t = self->text;
    TRY(charge_chars(r, t->len));
    for (size_t i = skip(t, 0, true), to; i < t->len; i = skip(t, to, true)) {
        if (most >= 0 && (int64_t)l->n >= most) return add_part_value(r, l, self, i, t->len);
        to = skip(t, i, false);
        TRY(charge(r, 1));
        TRY(add_part_value(r, l, self, i, to));
    }
    return OK;
}

static void turn(struct list *l)
{
    for (size_t i = 0; i < l->n / 2; i++) {
        struct value v = l->items[i];
        l->items[i] = l->items[l->n - 1 - i];
        l->items[l->n - 1 - i] = v;
    }
}

static size_t char_before(const struct text *t, size_t i)
{
    do i--;
    while (i > 0 && ((uint8_t)t->s[i] & 0xc0) == 0x80);
    return i;
}

/* From behind: the list is turned round at the end. */
static int rsplit_space(struct template_run *r, const struct value *self, int64_t most, struct list *l)
{
    const struct text *t = self->text;
    size_t end, from, n, lead = skip(t, 0, true);
    TRY(charge_chars(r, t->len));
    TRY(text_strip(r, t, NULL, 2, &from, &end));
    while (end > lead) {
        if (most >= 0 && (int64_t)l->n >= most) {
            TRY(add_part_value(r, l, self, 0, end));
            break;
        }
        from = end;
        while (from > lead && !char_is_space(text_char(t, char_before(t, from), &n)))
            from = char_before(t, from);
        TRY(charge(r, 1));
        TRY(add_part_value(r, l, self, from, end));
        end = from;
        while (end > lead && char_is_space(text_char(t, char_before(t, end), &n))) end = char_before(t, end);
    }
    turn(l);
    return OK;
}

static int split_at(struct template_run *r, const struct value *self, const struct text *by, int64_t most,
                    bool last, struct list *l)
{
    const struct text *t = self->text;
    size_t from = 0, to = t->len, at;
    if (by->len == 0) FAULT(r, "empty separator");
    while (most < 0 || (int64_t)l->n < most) {
        TRY(charge(r, 1));
        TRY((last ? text_rfind : text_find)(r, t, by, from, to, &at));
        if (at == SIZE_MAX) break;
        if (last) {
            TRY(add_part_value(r, l, self, at + by->len, to));
            to = at;
        } else {
            TRY(add_part_value(r, l, self, from, at));
            from = at + by->len;
        }
    }
    TRY(add_part_value(r, l, self, from, to));
    if (last) turn(l);
    return OK;
}

static int split(struct template_run *r, struct value *a, bool last, struct value *out)
{
    struct text *by;
    struct value list;
    int64_t most;
    if (a[1].kind == K_NONE) a[1] = MISSING;
    TRY(text_param(r, &a[1], "the separator", &by));
    TRY(int_param(r, &a[2], -1, "the number of splits", &most));
    TRY(list_new(r, 0, &list));
    list.mark = text_mark(a[0].text);
    if (by) TRY(split_at(r, &a[0], by, most, last, list.list));
    else TRY((last ? rsplit_space : split_space)(r, &a[0], most, list.list));
    *out = list;
    return OK;
}

static int str_split(struct template_run *r, struct value *a, struct value *out)
{
    return split(r, a, false, out);
}
static int str_rsplit(struct template_run *r, struct value *a, struct value *out)
{
    return split(r, a, true, out);
}

static int partition(struct template_run *r, struct value *a, bool last, struct value *out)
{
    struct text *by, *t = a[0].text;
    struct value list;
    size_t at;
    TRY(text_param(r, &a[1], "the separator", &by));
    if (by->len == 0) FAULT(r, "empty separator");
    TRY((last ? text_rfind : text_find)(r, t, by, 0, t->len, &at));
    size_t end = at == SIZE_MAX ? (last ? 0 : t->len) : at, behind = at == SIZE_MAX ? end : at + by->len;
    TRY(list_new(r, 3, &list));
    list.kind = K_TUPLE;
    list.mark = text_mark(t);
    TRY(add_part_value(r, list.list, &a[0], 0, end));
    TRY(add_part_value(r, list.list, &a[0], end, behind));
    TRY(add_part_value(r, list.list, &a[0], behind, t->len));
    *out = list;
    return OK;
}

static int str_partition(struct template_run *r, struct value *a, struct value *out)
{
    return partition(r, a, false, out);
}
static int str_rpartition(struct template_run *r, struct value *a, struct value *out)
{
    return partition(r, a, true, out);
}

void line_end(const struct text *t, size_t at, size_t *end, size_t *next)
{
    size_t n;
    for (; at < t->len; at += n) {
        uint32_t cp = text_char(t, at, &n);
        if (!((cp >= 10 && cp <= 13) || (cp >= 28 && cp <= 30) || cp == 0x85 || cp == 0x2028 || cp == 0x2029))
            continue;
        *end = at;
        *next = at + n + (cp == '\r' && at + 1 < t->len && t->s[at + 1] == '\n');
        return;
    }
    *end = *next = t->len;
}

static int str_splitlines(struct template_run *r, struct value *a, struct value *out)
{
    struct value list;
    bool keep = false;
    if (a[1].kind != K_MISSING) TRY(truth(r, &a[1], &keep));
    TRY(charge_chars(r, a[0].text->len));
    TRY(list_new(r, 0, &list));
    list.mark = text_mark(a[0].text);
    for (size_t at = 0, end, next; at < a[0].text->len; at = next) {
        line_end(a[0].text, at, &end, &next);
        TRY(charge(r, 1));
        TRY(add_part_value(r, list.list, &a[0], at, keep ? next : end));
    }
    *out = list;
    return OK;
}

/* ---- filling ---- */

static int pad(struct template_run *r, struct value *a, int left_of_two, struct value *out)
{
    static const struct text space = {.s = " ", .len = 1, .chars = 1};
    struct builder b = builder(r);
    struct text *fill;
    int64_t width, more, left;
    TRY(int_param(r, &a[1], 0, "the width", &width));
    TRY(text_param(r, &a[2], "the fill character", &fill));
    if (fill && text_chars(fill) != 1) FAULT(r, "the fill character must be exactly one character long");
    TRY(charge_bytes(r, a[0].text->len));
    more = width - text_chars(a[0].text);
    if (more < 0) more = 0;
    left = left_of_two == 1   ? more / 2 + (more & width & 1)
           : left_of_two == 2 ? more
                              : 0; /* CPython's way of centring */
    add_repeated(&b, fill ? fill : &space, left);
    add_text(&b, a[0].text);
    add_repeated(&b, fill ? fill : &space, more - left);
    return finish(&b, &a[0], out);
}

int str_center(struct template_run *r, struct value *a, struct value *out) { return pad(r, a, 1, out); }
static int str_ljust(struct template_run *r, struct value *a, struct value *out) { return pad(r, a, 0, out); }
static int str_rjust(struct template_run *r, struct value *a, struct value *out) { return pad(r, a, 2, out); }

static int str_zfill(struct template_run *r, struct value *a, struct value *out)
{
    static const struct text zero = {.s = "0", .len = 1, .chars = 1};
    struct builder b = builder(r);
    const struct text *t = a[0].text;
    int64_t width;
    size_t sign = t->len && (t->s[0] == '-' || t->s[0] == '+');
    TRY(int_param(r, &a[1], 0, "the width", &width));
    TRY(charge_bytes(r, t->len));
    add_part(&b, t, 0, sign);
    add_repeated(&b, &zero, width - text_chars(a[0].text));
    add_part(&b, t, sign, t->len);
    return finish(&b, &a[0], out);
}

static int str_expandtabs(struct template_run *r, struct value *a, struct value *out)
{
    static const struct text space = {.s = " ", .len = 1, .chars = 1};
    struct builder b = builder(r);
    const struct text *t = a[0].text;
    int64_t size, column = 0;
    size_t n;
    TRY(int_param(r, &a[1], 8, "the tab size", &size));
    TRY(charge_chars(r, t->len));
    for (size_t i = 0; i < t->len && !b.failed; i += n) {
        uint32_t cp = text_char(t, i, &n);
        if (cp == '\t') {
            int64_t fill = size > 0 ? size - column % size : 0;
            add_repeated(&b, &space, fill);
            column += fill;
            continue;
        }
        add_part(&b, t, i, i + n);
        column = cp == '\n' || cp == '\r' ? 0 : column + 1;
    }
    return finish(&b, &a[0], out);
}

/* ---- joining and formatting ---- */

static int str_join(struct template_run *r, struct value *a, struct value *out)
{
    struct builder b = builder(r);
    struct value item;
    struct walk w;
    bool more;
    if (a[1].kind == K_UNDEFINED) TRY(list_new(r, 0, &a[1]));
    TRY(walk_begin(r, &a[1], &w));
    for (size_t i = 0; !b.failed; i++) {
        TRY(walk_next(r, &w, &item, &more));
        if (!more) break;
        if (a[0].safe && !(item.kind == K_STRING && item.safe)) {
            struct builder e = builder(r);
            TRY(to_string(r, &item, &item));
            add_escaped(&e, item.text);
            TRY(builder_value(&e, &item));
        }
        if (item.kind != K_STRING)
            FAULT(r, "sequence item %zu: expected str instance, %s found", i, type_name(&item));
        if (i) add_text(&b, a[0].text);
        add_text(&b, item.text);
    }
    return finish(&b, &a[0], out);
}

static int str_format(struct template_run *r, const struct value *self, const struct args *args,
                      struct value *out)
{
    if (self->safe) return fault(r, ERR_UNSUPPORTED, "format() of a text that |safe made is refused here");
    return format_braces(r, self->text, args, out);
}

/* ---- questions ---- */

/* True for texts that are not empty and of which every character has the property. */
static int all(struct template_run *r, const struct value *self, bool is(uint32_t), struct value *out)
{
    const struct text *t = self->text;
    bool holds = t->len > 0;
    size_t n;
    TRY(charge_chars(r, t->len));
    for (size_t i = 0; holds && i < t->len; i += n) holds = is(text_char(t, i, &n));
    *out = BOOL(holds);
    return OK;
}

static bool is_alnum(uint32_t cp)
{
    return char_is_alpha(cp) || char_is_decimal(cp) || char_is_digit(cp) || char_is_numeric(cp);
}
static bool is_ascii(uint32_t cp) { return cp < 0x80; }

static int str_isalpha(struct template_run *r, struct value *a, struct value *out)
{
    return all(r, a, char_is_alpha, out);
}
static int str_isalnum(struct template_run *r, struct value *a, struct value *out)
{
    return all(r, a, is_alnum, out);
}
static int str_isdigit(struct template_run *r, struct value *a, struct value *out)
{
    return all(r, a, char_is_digit, out);
}
static int str_isdecimal(struct template_run *r, struct value *a, struct value *out)
{
    return all(r, a, char_is_decimal, out);
}
static int str_isnumeric(struct template_run *r, struct value *a, struct value *out)
{
    return all(r, a, char_is_numeric, out);
}
static int str_isspace(struct template_run *r, struct value *a, struct value *out)
{
    return all(r, a, char_is_space, out);
}

static int str_isascii(struct template_run *r, struct value *a, struct value *out)
{
    TRY(all(r, a, is_ascii, out));
    out->b |= a[0].text->len == 0;
    return OK;
}

static int str_isprintable(struct template_run *r, struct value *a, struct value *out)
{
    TRY(all(r, a, char_is_printable, out));
    out->b |= a[0].text->len == 0;
    return OK;
}

/* Some character is of that case, and none of another. */
static int one_case(struct template_run *r, const struct text *t, bool upper, struct value *out)
{
    bool some = false, other = false;
    size_t n;
    TRY(charge_chars(r, t->len));
    for (size_t i = 0; !other && i < t->len; i += n) {
        uint32_t cp = text_char(t, i, &n);
        bool u = char_is_upper(cp), l = char_is_lower(cp);
        some |= upper ? u : l;
        other = (upper ? l : u) || char_is_title(cp);
    }
    *out = BOOL(some && !other);
    return OK;
}

static int str_isupper(struct template_run *r, struct value *a, struct value *out)
{
    return one_case(r, a[0].text, true, out);
}
static int str_islower(struct template_run *r, struct value *a, struct value *out)
{
    return one_case(r, a[0].text, false, out);
}

static int str_istitle(struct template_run *r, struct value *a, struct value *out)
{
    const struct text *t = a[0].text;
    bool some = false, right = true, inside = false;
    size_t n;
    TRY(charge_chars(r, t->len));
    for (size_t i = 0; right && i < t->len; i += n) {
        uint32_t cp = text_char(t, i, &n);
        bool head = char_is_upper(cp) || char_is_title(cp), tail = char_is_lower(cp);
        right = head ? !inside : tail ? inside : true;
        inside = head || tail;
        some |= inside;
    }
    *out = BOOL(some && right);
    return OK;
}

const struct builtin string_methods[] = {
    {.name = "upper", .fn = str_upper},
    {.name = "lower", .fn = str_lower},
    {.name = "capitalize", .fn = str_capitalize},
    {.name = "title", .fn = str_title},
    {.name = "swapcase", .fn = str_swapcase},
    {.name = "strip", .fn = str_strip, .params = {"chars"}},
    {.name = "lstrip", .fn = str_lstrip, .params = {"chars"}},
    {.name = "rstrip", .fn = str_rstrip, .params = {"chars"}},
    {.name = "removeprefix", .fn = str_removeprefix, .params = {"prefix"}, .need = 1},
    {.name = "removesuffix", .fn = str_removesuffix, .params = {"suffix"}, .need = 1},
    {.name = "startswith", .fn = str_startswith, .params = {"prefix", "start", "end"}, .need = 1},
    {.name = "endswith", .fn = str_endswith, .params = {"suffix", "start", "end"}, .need = 1},
    {.name = "find", .fn = str_find, .params = {"sub", "start", "end"}, .need = 1},
    {.name = "rfind", .fn = str_rfind, .params = {"sub", "start", "end"}, .need = 1},
    {.name = "index", .fn = str_index, .params = {"sub", "start", "end"}, .need = 1},
    {.name = "rindex", .fn = str_rindex, .params = {"sub", "start", "end"}, .need = 1},
    {.name = "count", .fn = str_count, .params = {"sub", "start", "end"}, .need = 1},
    {.name = "replace", .fn = str_replace, .params = {"old", "new", "count"}, .need = 2},
    {.name = "split", .fn = str_split, .params = {"sep", "maxsplit"}},
    {.name = "rsplit", .fn = str_rsplit, .params = {"sep", "maxsplit"}},
    {.name = "splitlines", .fn = str_splitlines, .params = {"keepends"}},
    {.name = "partition", .fn = str_partition, .params = {"sep"}, .need = 1},
    {.name = "rpartition", .fn = str_rpartition, .params = {"sep"}, .need = 1},
    {.name = "center", .fn = str_center, .params = {"width", "fillchar"}, .need = 1},
    {.name = "ljust", .fn = str_ljust, .params = {"width", "fillchar"}, .need = 1},
    {.name = "rjust", .fn = str_rjust, .params = {"width", "fillchar"}, .need = 1},
    {.name = "zfill", .fn = str_zfill, .params = {"width"}, .need = 1},
    {.name = "expandtabs", .fn = str_expandtabs, .params = {"tabsize"}},
    {.name = "join", .fn = str_join, .params = {"iterable"}, .need = 1},
    {.name = "format", .variadic = str_format},
    {.name = "isalpha", .fn = str_isalpha},
    {.name = "isalnum", .fn = str_isalnum},
    {.name = "isdigit", .fn = str_isdigit},
    {.name = "isdecimal", .fn = str_isdecimal},
    {.name = "isnumeric", .fn = str_isnumeric},
    {.name = "isspace", .fn = str_isspace},
    {.name = "isascii", .fn = str_isascii},
    {.name = "isprintable", .fn = str_isprintable},
    {.name = "isupper", .fn = str_isupper},
    {.name = "islower", .fn = str_islower},
    {.name = "istitle", .fn = str_istitle},
    {.name = "casefold"},
    {.name = "encode"},
    {.name = "format_map"},
    {.name = "isidentifier"},
    {.name = "maketrans"},
    {.name = "translate"},
    {0},
};
