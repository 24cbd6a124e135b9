/* Formatting: the operator % and the method format(), as Python has them. What a field prints is marked as its value is,
 * and, if the field stands in a format from outside, as that; the rest of the format keeps its marks. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/checked.h"
#include "chat/template/builtin.h"
#include "chat/template/text.h"

enum { MAX_PRECISION = 400, MAX_WIDTH = 1 << 26, NUMBER_TEXT = 800 };

/* What is between % and the letter, or behind the colon of {:...}. */
struct spec {
    char align;    /* '<', '>', '^', '=' between sign and digits; 0: the default of the type */
    char sign;     /* '+', ' ', or 0 */
    char type;     /* 0: none */
    char grouping; /* ',', '_' or 0 */
    bool alternate, zero;
    int64_t width, precision; /* precision -1: none */
    const struct text *fill;  /* NULL: a blank */
    uint8_t mark;             /* of the format */
};

static const struct text blank_text = {.s = " ", .len = 1, .chars = 1},
                         zero_text = {.s = "0", .len = 1, .chars = 1};

static void fill(struct builder *b, const struct spec *s, int64_t times)
{
    add_repeated(b, s->fill ? s->fill : &blank_text, times);
}

/* The digits at *i, which is moved behind them; MAX_WIDTH stands for more. */
static int64_t number_at(const struct text *t, size_t *i)
{
    int64_t n = 0;
    for (; *i < t->len && isdigit((unsigned char)t->s[*i]); ++*i)
        n = n < MAX_WIDTH ? n * 10 + (t->s[*i] - '0') : MAX_WIDTH;
    return n;
}

/* ---- strings ---- */

static void add_field(struct builder *b, struct text *t, const struct spec *s)
{
    size_t to = t->len;
    if (!b->failed) b->failed = charge_bytes(b->r, t->len);
    int64_t n = text_chars(t);
    if (s->precision >= 0 && s->precision < n) to = text_at(t, n = s->precision);
    int64_t more = s->width > n ? s->width - n : 0;
    int64_t left = s->align == '>' ? more : s->align == '^' ? more / 2 : 0;
    fill(b, s, left);
    add_part(b, t, 0, to);
    fill(b, s, more - left);
}

/* ---- numbers ---- */

/* The digits of n in a base, backwards from the end of out; returns the first. */
static char *digits_of(uint64_t n, unsigned base, bool upper, char *end)
{
    const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    *--end = 0;
    do *--end = digits[n % base];
    while (n /= base);
    return end;
}

static unsigned base_of(char type)
{
    return type == 'b' ? 2 : type == 'o' ? 8 : type == 'x' || type == 'X' ? 16 : 10;
}

/* A number as sign, prefix ("0x"), digits: with separators and in its width. */
static void add_digits(struct builder *b, bool negative, const char *prefix, const char *digits,
                       const struct spec *s, uint8_t mark)
{
    char sign[2] = {negative ? '-' : s->sign, 0};
    size_t whole = strspn(digits, "0123456789abcdefABCDEF"), n = strlen(digits),
           step = base_of(s->type) == 10 ? 3 : 4;
    if (strpbrk(digits, "en") && base_of(s->type) == 10) whole = strspn(digits, "0123456789");
    int64_t len = (int64_t)(strlen(sign) + strlen(prefix) + n),
            separators = s->grouping && whole ? (int64_t)((whole - 1) / step) : 0;
    int64_t more = s->width > len + separators ? s->width - len - separators : 0;
    int64_t left = !s->align || s->align == '>' ? more : s->align == '^' ? more / 2 : 0;
    int64_t right = s->align == '<' || s->align == '^' ? more - left : 0;
    fill(b, s, left);
    add_words(b, sign, mark);
    add_words(b, prefix, mark);
    if (s->align == '=') fill(b, s, more);
    for (size_t i = 0; i < n; i++) {
        if (i && i < whole && s->grouping && (whole - i) % step == 0) add_bytes(b, &s->grouping, 1, mark);
        add_bytes(b, digits + i, 1, mark);
    }
    fill(b, s, right);
}

static void add_integer(struct builder *b, int64_t v, const struct spec *s, uint8_t mark)
{
    char text[NUMBER_TEXT], prefix[3] = {'0', s->type, 0};
    uint64_t size = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    char *digits = digits_of(size, base_of(s->type), s->type == 'X', text + sizeof text);
    while (s->precision > (int64_t)strlen(digits) && digits > text) *--digits = '0';
    add_digits(b, v < 0, s->alternate && base_of(s->type) != 10 ? prefix : "", digits, s, mark);
}

static void add_real(struct builder *b, double v, const struct spec *s, uint8_t mark)
{
    char text[NUMBER_TEXT], how[8] = "%.*f";
    bool percent = s->type == '%';
    double x = fabs(percent ? v * 100 : v);
    snprintf(how, sizeof how, s->alternate ? "%%#.*%c" : "%%.*%c", percent ? 'f' : s->type);
    int n = snprintf(text, sizeof text, how, (int)(s->precision < 0 ? 6 : s->precision), x);
    if (percent && n > 0 && (size_t)n + 1 < sizeof text) memcpy(text + n, "%", 2);
    add_digits(b, signbit(v) && !isnan(v), "", text, s, mark);
}

/* ---- format % values ---- */

struct percent {
    struct template_run *r;
    struct builder b;
    const struct text *format;
    size_t i;
    struct value *items; /* positional values */
    size_t n, next;
    const struct value *mapping; /* NULL: none */
    bool single;                 /* the one value is not a tuple */
};

static int take(struct percent *p, struct value *out)
{
    if (p->next >= p->n) FAULT(p->r, "not enough arguments for format string");
    *out = p->items[p->next++];
    return OK;
}

static char peek(const struct percent *p) { return p->i < p->format->len ? p->format->s[p->i] : 0; }

static int star_or_number(struct percent *p, int64_t *out)
{
    struct value v = MISSING;
    *out = 0;
    if (peek(p) == '*') {
        p->i++;
        TRY(take(p, &v));
        if (!is_integer(&v)) FAULT(p->r, "* wants int");
        *out = int_of(&v);
        return OK;
    }
    *out = number_at(p->format, &p->i);
    return OK;
}

/* (name), flags, width, precision, letter; i is behind the %. */
static int percent_spec(struct percent *p, struct spec *s, struct value *v, bool *named)
{
    *s = (struct spec){.precision = -1, .mark = mark_of(p->format->mark, p->i - 1)};
    *named = false;
    if (peek(p) == '(') {
        size_t from = ++p->i, depth = 1;
        struct value key;
        while (p->i < p->format->len && (depth += (peek(p) == '(') - (peek(p) == ')')) > 0) p->i++;
        if (p->i >= p->format->len) FAULT(p->r, "incomplete format key");
        if (p->mapping && p->mapping->kind == K_UNDEFINED) return undefined_fault(p->r, p->mapping);
        if (!p->mapping || p->mapping->kind != K_DICT) FAULT(p->r, "format requires a mapping");
        TRY(text_part(p->r, p->format, from, p->i++, &key));
        struct value *found;
        bool hashable;
        TRY(dict_find(p->r, p->mapping->dict, &key, &found, &hashable));
        if (!found) FAULT(p->r, "the format has a key that the mapping does not have");
        *v = *found;
        *named = true;
    }
    for (const char *flags = "-+ #0"; peek(p) && strchr(flags, peek(p)); p->i++) {
        char c = peek(p);
        if (c == '-') s->align = '<';
        else if (c == '+' || (c == ' ' && !s->sign)) s->sign = c;
        else if (c == '#') s->alternate = true;
        else if (c == '0') s->zero = true;
    }
    TRY(star_or_number(p, &s->width));
    if (s->width < 0) {
        s->align = '<';
        s->width = s->width < -MAX_WIDTH ? MAX_WIDTH : -s->width;
    }
    if (peek(p) == '.') {
        p->i++;
        TRY(star_or_number(p, &s->precision));
        if (s->precision < 0) s->precision = 0;
    }
    if (peek(p) && strchr("hlL", peek(p))) p->i++;
    s->type = peek(p);
    if (!s->type) FAULT(p->r, "incomplete format");
    p->i++;
    return OK;
}

static int percent_number(struct percent *p, struct spec *s, const struct value *v)
{
    bool real = strchr("eEfFgG", s->type) != NULL, decimal = strchr("diu", s->type) != NULL;
    if (v->kind == K_UNDEFINED) return undefined_fault(p->r, v);
    if (!is_number(v) || (!real && !decimal && v->kind == K_FLOAT))
        FAULT(p->r, "%%%c format: a number is required, not %s", s->type, type_name(v));
    if (s->precision > MAX_PRECISION)
        return fault(p->r, ERR_LIMIT, "a precision of more than %d digits", MAX_PRECISION);
    if (s->zero && s->align != '<') {
        s->align = '=';
        s->fill = &zero_text;
    }
    if (real) {
        if (!isfinite(float_of(v)) && s->align == '=') s->align = 0;
        add_real(&p->b, float_of(v), s, v->mark);
        return p->b.failed;
    }
    if (decimal) s->type = 'd';
    if (v->kind == K_FLOAT && !(fabs(v->x) < 9.2e18)) FAULT(p->r, "an integer of more than 64 bits");
    add_integer(&p->b, v->kind == K_FLOAT ? (int64_t)v->x : int_of(v), s, v->mark);
    return p->b.failed;
}

static int percent_text(struct percent *p, struct spec *s, const struct value *v)
{
    struct value text;
    struct builder b = builder(p->r);
    if (!s->align) s->align = '>';
    if (s->type == 's') TRY(to_string(p->r, v, &text));
    else if (s->type == 'r') {
        add_repr(&b, v);
        TRY(builder_value(&b, &text));
    } else if (v->kind == K_STRING && text_chars(v->text) == 1) text = *v;
    else {
        if (v->kind != K_INT) FAULT(p->r, "%%c requires int or char");
        if (v->i < 0 || v->i > 0x10ffff || (v->i >= 0xd800 && v->i < 0xe000))
            FAULT(p->r, "%%c arg is no character");
        add_char(&b, (uint32_t)v->i, v->mark);
        TRY(builder_value(&b, &text));
    }
    add_field(&p->b, text.text, s);
    return p->b.failed;
}

static int percent_field(struct percent *p)
{
    struct spec s;
    struct value v = MISSING;
    bool named;
    TRY(charge(p->r, 1));
    TRY(percent_spec(p, &s, &v, &named));
    if (s.type == '%') {
        add_bytes(&p->b, "%", 1, s.mark);
        return p->b.failed;
    }
    if (!strchr("srcdiuoxXeEfFgG", s.type)) FAULT(p->r, "unsupported format character");
    if (!named) TRY(take(p, &v));
    size_t from = p->b.len;
    TRY(strchr("src", s.type) ? percent_text(p, &s, &v) : percent_number(p, &s, &v));
    if (s.mark) mark_since(&p->b, from, s.mark); /* signs, blanks and digits are what the format asks for */
    return p->b.failed;
}

int format_percent(struct template_run *r, const struct text *format, const struct value *values,
                   struct value *out)
{
    struct value one = *values;
    struct percent p = {.r = r, .b = builder(r), .format = format, .items = &one, .n = 1, .mapping = &one};
    if (one.kind == K_TUPLE) {
        p.items = one.list->items;
        p.n = one.list->n;
        p.mapping = NULL;
    } else if (one.kind != K_DICT && one.kind != K_LIST && one.kind != K_RANGE && one.kind != K_UNDEFINED)
        p.mapping = NULL;
    while (p.i < format->len && !p.b.failed) {
        const char *at = memchr(format->s + p.i, '%', format->len - p.i);
        size_t to = at ? (size_t)(at - format->s) : format->len;
        add_part(&p.b, format, p.i, to);
        p.i = to + 1;
        if (at) TRY(percent_field(&p));
    }
    if (p.next < p.n && !p.mapping) FAULT(r, "not all arguments converted during string formatting");
    return builder_value(&p.b, out);
}

/* ---- format.format(...) ---- */

struct braces {
    struct template_run *r;
    const struct args *args;
    int64_t next; /* the number of the next {}, -1 behind the first {0} */
};

/* [[fill]align][sign][#][0][width][grouping][.precision][type] */
static int brace_spec(struct template_run *r, struct text *t, struct spec *s)
{
    size_t i = 0, n = 0;
    struct value part;
    *s = (struct spec){.precision = -1};
    if (t->len) text_char(t, 0, &n);
    if (n && n < t->len && strchr("<>=^", t->s[n])) {
        TRY(text_part(r, t, 0, n, &part));
        s->fill = part.text;
        s->align = t->s[n];
        i = n + 1;
    } else if (t->len && t->s[0] && strchr("<>=^", t->s[0])) s->align = t->s[i++];
    if (i < t->len && (t->s[i] == '+' || t->s[i] == '-' || t->s[i] == ' ')) s->sign = t->s[i++];
    if (s->sign == '-') s->sign = 0;
    if (i < t->len && t->s[i] == '#') s->alternate = ++i;
    if (i < t->len && t->s[i] == '0') {
        s->zero = true;
        i++;
    }
    s->width = number_at(t, &i);
    if (i < t->len && (t->s[i] == ',' || t->s[i] == '_')) s->grouping = t->s[i++];
    if (i + 1 < t->len && t->s[i] == '.' && isdigit((unsigned char)t->s[i + 1])) {
        i++;
        s->precision = number_at(t, &i);
    }
    if (i < t->len) s->type = t->s[i++];
    if (i < t->len) FAULT(r, "invalid format specifier");
    return OK;
}

static int brace_number(struct builder *b, const struct value *v, struct spec *s)
{
    struct template_run *r = b->r;
    bool real = s->type ? strchr("eEfFgG%", s->type) != NULL : v->kind == K_FLOAT;
    if (s->type && !strchr(v->kind == K_FLOAT ? "eEfFgG%" : "bcdoxXeEfFgG%", s->type))
        FAULT(r, "unknown format code '%c' for object of type '%s'",
              isprint((unsigned char)s->type) ? s->type : '?', type_name(v));
    if (s->precision > MAX_PRECISION)
        return fault(r, ERR_LIMIT, "a precision of more than %d digits", MAX_PRECISION);
    if (s->zero && !s->align) s->align = '=';
    if (s->zero && !s->fill) s->fill = &zero_text;
    if (s->grouping && s->zero) return fault(r, ERR_UNSUPPORTED, "separators together with leading zeros");
    if (s->grouping == ',' && s->type && strchr("bcoxX", s->type))
        FAULT(r, "cannot specify ',' with '%c'", s->type);
    if (s->type == 'c') return fault(r, ERR_UNSUPPORTED, "the format code c");
    if (!real && s->precision >= 0) FAULT(r, "precision not allowed in integer format specifier");
    if (!real) add_integer(b, int_of(v), s, v->mark);
    else if (s->type) add_real(b, float_of(v), s, v->mark);
    else if (s->precision >= 0) return fault(r, ERR_UNSUPPORTED, "a precision without a format code");
    else {
        struct builder plain = builder(r);
        struct value text, size = FLOAT(fabs(v->x));
        size.mark = v->mark;
        add_repr(&plain, &size);
        add_bytes(&plain, "", 1, 0);
        TRY(builder_value(&plain, &text));
        add_digits(b, signbit(v->x) && !isnan(v->x), "", text.text->s, s, v->mark);
    }
    return b->failed;
}

static int brace_value(struct builder *b, const struct value *v, struct text *spec_text)
{
    struct spec s;
    struct value text;
    TRY(brace_spec(b->r, spec_text, &s));
    if (spec_text->len == 0 || v->kind == K_STRING) {
        TRY(to_string(b->r, v, &text));
        if (s.type && s.type != 's') FAULT(b->r, "unknown format code for object of type 'str'");
        if (s.sign || s.alternate || s.grouping || s.align == '=')
            FAULT(b->r, "a format of numbers for object of type 'str'");
        if (s.zero && !s.fill) s.fill = &zero_text;
        if (!s.align) s.align = '<';
        add_field(b, text.text, &s);
        return b->failed;
    }
    if (is_number(v) && (v->kind != K_BOOL || s.type)) return brace_number(b, v, &s);
    if (v->kind == K_BOOL) {
        struct value n = INT(v->b);
        n.mark = v->mark;
        return brace_number(b, &n, &s);
    }
    FAULT(b->r, "unsupported format string passed to %s.__format__", type_name(v));
}

static int brace_first(struct braces *p, const struct text *t, size_t from, size_t to, struct value *out)
{
    struct value name;
    int64_t number = 0;
    size_t i = from;
    while (i < to && isdigit((unsigned char)t->s[i]) && number < INT32_MAX)
        number = number * 10 + (t->s[i++] - '0');
    if (from == to) {
        if (p->next < 0)
            FAULT(p->r, "cannot switch from manual field specification to automatic field numbering");
        number = p->next++;
    } else if (i == to) {
        if (p->next > 0)
            FAULT(p->r, "cannot switch from automatic field numbering to manual field specification");
        p->next = -1;
    } else {
        TRY(text_part(p->r, t, from, to, &name));
        for (uint32_t k = 0; k < p->args->n_named; k++) {
            if (!text_same(p->args->names[k], name.text)) continue;
            *out = p->args->named[k];
            return OK;
        }
        FAULT(p->r, "format() has no argument of the name that the format uses");
    }
    if (number >= p->args->n)
        FAULT(p->r, "replacement index %lld out of range for positional args tuple", (long long)number);
    *out = p->args->pos[number];
    return OK;
}

/* first.name[key]... in [from, to) */
static int brace_field(struct braces *p, const struct text *t, size_t from, size_t to, struct value *out)
{
    struct value key;
    size_t i = from;
    while (i < to && t->s[i] != '.' && t->s[i] != '[') i++;
    TRY(brace_first(p, t, from, i, out));
    while (i < to) {
        bool item = t->s[i] == '[';
        size_t start = ++i;
        while (i < to && (item ? t->s[i] != ']' : t->s[i] != '.' && t->s[i] != '[')) i++;
        if (i == start || (item && i == to)) FAULT(p->r, "an empty or open attribute in a format string");
        TRY(text_part(p->r, t, start, i, &key));
        i += item;
        if (item && i < to && t->s[i] != '.' && t->s[i] != '[')
            FAULT(p->r, "only '.' or '[' may follow ']' in format field specifier");
        bool number = true;
        int64_t n = 0;
        for (uint32_t k = 0; k < key.text->len && number; k++) {
            number = isdigit((unsigned char)key.text->s[k]) && n < INT32_MAX;
            n = n * 10 + (key.text->s[k] - '0');
        }
        if (!item) TRY(get_attr(p->r, out, key.text, out));
        else {
            if (number) key = INT(n);
            TRY(get_item(p->r, out, &key, out));
        }
    }
    return OK;
}

static int brace_text(struct braces *p, const struct text *t, int depth, struct builder *b);

/* The field in [from, to): NAME[!conversion][:spec] */
static int brace(struct braces *p, const struct text *t, size_t from, size_t to, int depth, struct builder *b)
{
    size_t end = from, brackets = 0;
    struct value v, spec;
    struct builder in = builder(p->r), converted = builder(p->r);
    char conversion = 0;
    while (end < to && (brackets || (t->s[end] != '!' && t->s[end] != ':'))) {
        brackets += t->s[end] == '[' ? 1 : 0;
        if (t->s[end++] == ']' && brackets) brackets--;
    }
    TRY(brace_field(p, t, from, end, &v));
    if (end < to && t->s[end] == '!') {
        if (end + 1 < to) conversion = t->s[end + 1];
        end += 2;
        if (!conversion || !strchr("rs", conversion) || (end < to && t->s[end] != ':'))
            FAULT(p->r, "unknown conversion specifier");
        if (conversion == 'r') add_repr(&converted, &v);
        else add_str(&converted, &v);
        TRY(builder_value(&converted, &v));
    }
    if (end < to) {
        TRY(text_part(p->r, t, end + 1, to, &spec));
        TRY(brace_text(p, spec.text, depth + 1, &in));
    }
    TRY(builder_value(&in, &spec));
    uint8_t mark = text_mark(spec.text) | mark_of(t->mark, from - 1);
    size_t start = b->len;
    TRY(brace_value(b, &v, spec.text));
    if (mark) mark_since(b, start, mark);
    return b->failed;
}

static int brace_text(struct braces *p, const struct text *t, int depth, struct builder *b)
{
    if (depth > 1) FAULT(p->r, "max string recursion exceeded");
    for (size_t i = 0; i < t->len && !b->failed; i++) {
        char c = t->s[i];
        size_t from = i;
        while (i < t->len && t->s[i] != '{' && t->s[i] != '}') i++;
        add_part(b, t, from, i);
        if (i == t->len) break;
        c = t->s[i];
        TRY(charge(p->r, 1));
        if (i + 1 < t->len && t->s[i + 1] == c) {
            add_part(b, t, i, i + 1);
            i++;
            continue;
        }
        if (c == '}') FAULT(p->r, "single '}' encountered in format string");
        size_t open = 1, to = i + 1;
        for (; to < t->len; to++) {
            open += t->s[to] == '{';
            if (t->s[to] == '}' && --open == 0) break;
        }
        if (to >= t->len) FAULT(p->r, "expected '}' before end of string");
        TRY(brace(p, t, i + 1, to, depth, b));
        i = to;
    }
    return b->failed;
}

int format_braces(struct template_run *r, const struct text *format, const struct args *args, struct value *out)
{
    struct braces p = {.r = r, .args = args};
    struct builder b = builder(r);
    TRY(brace_text(&p, format, 0, &b));
    return builder_value(&b, out);
}
