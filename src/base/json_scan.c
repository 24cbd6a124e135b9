/* JSON read once from front to back. */
#include "base/json_scan.h"
#include <inttypes.h>
#include <string.h>
#include "base/checked.h"
#include "base/utf8.h"

enum { MAX_DEPTH = 32 };

void json_scan_free(struct json_scan *s) { buf_free(&s->escape); }

static int bad(const struct json_scan *s, const char *what, struct err *e)
{
    FAIL(e, ERR_FORMAT, "%s: offset %" PRIu64 ": not valid JSON: %s", s->path, s->base + s->pos, what);
}

char json_scan_peek(struct json_scan *s)
{
    while (s->pos < s->len && (s->text[s->pos] == ' ' || s->text[s->pos] == '\n' || s->text[s->pos] == '\t' ||
                               s->text[s->pos] == '\r'))
        s->pos++;
    return s->pos < s->len ? s->text[s->pos] : 0;
}

/* Takes c if it is next. */
static bool accept(struct json_scan *s, char c)
{
    if (json_scan_peek(s) != c || c == 0) return false;
    s->pos++;
    return true;
}

int json_scan_expect(struct json_scan *s, char c, struct err *e)
{
    if (accept(s, c)) return OK;
    if (s->pos >= s->len)
        FAIL(e, ERR_FORMAT, "%s: offset %" PRIu64 ": not valid JSON: it ends here, expected '%c'", s->path,
             s->base + s->pos, c);
    FAIL(e, ERR_FORMAT, "%s: offset %" PRIu64 ": not valid JSON: byte is 0x%02x, expected '%c'", s->path, s->base + s->pos,
         (unsigned char)s->text[s->pos], c);
}

int json_scan_next(struct json_scan *s, char close, bool first, bool *more, struct err *e)
{
    *more = !accept(s, close);
    if (!*more || first) return OK;
    return json_scan_expect(s, ',', e);
}

/* Four hexadecimal digits at pos. */
static int hex4(struct json_scan *s, uint32_t *out, struct err *e)
{
    *out = 0;
    if (!range_ok(s->pos, 4, s->len)) return bad(s, "\\u has fewer than 4 digits", e);
    for (int i = 0; i < 4; i++, s->pos++) {
        char c = s->text[s->pos];
        uint32_t d = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                     : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                     : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                            : 16;
        if (d > 15) return bad(s, "\\u is not followed by 4 hexadecimal digits", e);
        *out = *out << 4 | d;
    }
    return OK;
}

/* The character after "\u". Surrogates come in pairs: a lone one is no character. */
static int unicode_escape(struct json_scan *s, struct err *e)
{
    uint32_t cp, low;
    char utf8[4];
    TRY(hex4(s, &cp, e));
    if (cp >= 0xDC00 && cp <= 0xDFFF) return bad(s, "a lone surrogate", e);
    if (cp >= 0xD800 && cp <= 0xDBFF) {
        if (!range_ok(s->pos, 2, s->len) || s->text[s->pos] != '\\' || s->text[s->pos + 1] != 'u')
            return bad(s, "a lone surrogate", e);
        s->pos += 2;
        TRY(hex4(s, &low, e));
        if (low < 0xDC00 || low > 0xDFFF) return bad(s, "a lone surrogate", e);
        cp = 0x10000 + ((cp - 0xD800) << 10) + (low - 0xDC00);
    }
    buf_add(&s->escape, utf8, utf8_encode(cp, utf8));
    return OK;
}

/* The character after a backslash. */
static int escape(struct json_scan *s, struct err *e)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c = s->pos < s->len ? s->text[s->pos] : 0;
    const char *at = c ? strchr(from, c) : NULL;
    if (c == 'u') {
        s->pos++;
        return unicode_escape(s, e);
    }
    if (!at) return bad(s, "unknown escape", e);
    s->pos++;
    buf_add_byte(&s->escape, to[at - from]);
    return OK;
}

/* Bytes from pos to the next quotation mark, backslash or control character. */
static int run(struct json_scan *s, size_t *n, struct err *e)
{
    size_t start = s->pos, wrong;
    while (s->pos < s->len) {
        unsigned char c = (unsigned char)s->text[s->pos];
        if (c == '"' || c == '\\' || c < 0x20) break;
        s->pos++;
    }
    *n = s->pos - start;
    if (!utf8_valid(s->text + start, *n, &wrong)) {
        s->pos = start + wrong;
        return bad(s, "a string is not UTF-8", e);
    }
    if (s->pos == s->len) return bad(s, "a string does not end", e);
    if ((unsigned char)s->text[s->pos] < 0x20) return bad(s, "a control character in a string", e);
    return OK;
}

int json_scan_string(struct json_scan *s, const char **out, size_t *n, struct err *e)
{
    TRY(json_scan_expect(s, '"', e));
    *out = s->text + s->pos;
    TRY(run(s, n, e));
    if (s->text[s->pos] == '"') {
        s->pos++;
        return OK;
    }
    buf_clear(&s->escape);
    buf_add(&s->escape, *out, *n);
    while (s->text[s->pos] == '\\') {
        s->pos++;
        TRY(escape(s, e));
        const char *from = s->text + s->pos;
        TRY(run(s, n, e));
        buf_add(&s->escape, from, *n);
    }
    s->pos++; /* the quotation mark */
    TRY(buf_check(&s->escape, s->path, e));
    *out = s->escape.data ? s->escape.data : "";
    *n = s->escape.len;
    return OK;
}

int json_scan_key(struct json_scan *s, const char **out, size_t *n, struct err *e)
{
    TRY(json_scan_string(s, out, n, e));
    return json_scan_expect(s, ':', e);
}

static bool is_digit(const struct json_scan *s) { return s->pos < s->len && s->text[s->pos] >= '0' && s->text[s->pos] <= '9'; }

static bool digits(struct json_scan *s)
{
    bool any = is_digit(s);
    while (is_digit(s)) s->pos++;
    return any;
}

/* Any number; *whole: it has neither fraction nor exponent. */
static int number(struct json_scan *s, bool *whole, struct err *e)
{
    *whole = true;
    if (s->pos < s->len && s->text[s->pos] == '-') s->pos++;
    if (s->pos < s->len && s->text[s->pos] == '0') s->pos++; /* no digit may follow */
    else if (!digits(s)) return bad(s, "a number has no digits", e);
    if (is_digit(s)) return bad(s, "a number begins with 0", e);
    if (s->pos < s->len && s->text[s->pos] == '.') {
        *whole = false;
        s->pos++;
        if (!digits(s)) return bad(s, "no digits after the point", e);
    }
    if (s->pos < s->len && (s->text[s->pos] == 'e' || s->text[s->pos] == 'E')) {
        *whole = false;
        s->pos++;
        if (s->pos < s->len && (s->text[s->pos] == '+' || s->text[s->pos] == '-')) s->pos++;
        if (!digits(s)) return bad(s, "no digits in the exponent", e);
    }
    return OK;
}

int json_scan_int(struct json_scan *s, int64_t *out, const char *what, struct err *e)
{
    char c = json_scan_peek(s);
    size_t start = s->pos;
    bool whole;
    if (c != '-' && (c < '0' || c > '9')) FAIL(e, ERR_FORMAT, "%s is not an integer, expected 0 to 2^63 - 1", what);
    TRY(number(s, &whole, e));
    int shown = s->pos - start > 40 ? 40 : (int)(s->pos - start);
    if (!whole)
        FAIL(e, ERR_FORMAT, "%s is %.*s, which is not an integer, expected 0 to 2^63 - 1", what, shown, s->text + start);
    *out = 0;
    bool good = c != '-';
    for (size_t i = start; i < s->pos && good; i++)
        good = mul_i64(*out, 10, out) && add_i64(*out, s->text[i] - '0', out);
    if (!good) FAIL(e, ERR_FORMAT, "%s is %.*s, expected 0 to 2^63 - 1", what, shown, s->text + start);
    return OK;
}

static int word(struct json_scan *s, const char *w, struct err *e)
{
    size_t n = strlen(w);
    if (!range_ok(s->pos, n, s->len) || memcmp(s->text + s->pos, w, n) != 0) return bad(s, "expected a value", e);
    s->pos += n;
    return OK;
}

/* A value that is neither object nor array. */
static int scalar(struct json_scan *s, char c, struct err *e)
{
    const char *text;
    size_t n;
    bool whole;
    if (s->python && c == 'N') return word(s, "NaN", e);
    if (s->python && c == 'I') return word(s, "Infinity", e);
    if (s->python && c == '-' && s->len - s->pos > 1 && s->text[s->pos + 1] == 'I') return word(s, "-Infinity", e);
    switch (c) {
    case '"': return json_scan_string(s, &text, &n, e);
    case 't': return word(s, "true", e);
    case 'f': return word(s, "false", e);
    case 'n': return word(s, "null", e);
    case 'N': return word(s, "NaN", e); /* as Python writes it, in what nobody reads */
    case 'I': return word(s, "Infinity", e);
    case '-':
        if (s->len - s->pos > 1 && s->text[s->pos + 1] == 'I') return word(s, "-Infinity", e);
        return number(s, &whole, e);
    default: return number(s, &whole, e);
    }
}

int json_scan_skip(struct json_scan *s, struct err *e)
{
    char close[MAX_DEPTH];
    int depth = 0;
    bool first = false, more = true;
    const char *key;
    size_t n;
    do {
        if (depth) TRY(json_scan_next(s, close[depth - 1], first, &more, e));
        if (!more) {
            depth--;
            first = false;
            continue;
        }
        if (depth && close[depth - 1] == '}') TRY(json_scan_key(s, &key, &n, e));
        char c = json_scan_peek(s);
        first = c == '{' || c == '[';
        if (!first) {
            TRY(scalar(s, c, e));
            continue;
        }
        if (depth == MAX_DEPTH)
            FAIL(e, ERR_LIMIT, "%s: offset %" PRIu64 ": nesting of JSON is above %d, expected at most that", s->path,
                 s->base + s->pos, MAX_DEPTH);
        s->pos++;
        close[depth++] = c == '{' ? '}' : ']';
    } while (depth > 0);
    return OK;
}

int json_scan_end(struct json_scan *s, struct err *e)
{
    json_scan_peek(s);
    if (s->pos == s->len) return OK;
    return bad(s, "more after its end", e);
}
