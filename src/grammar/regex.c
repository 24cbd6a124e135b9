/* Reading regular expressions. */
#include "grammar/regex.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "grammar/grammar.h"
#include "grammar/json_text.h"
#include "grammar/room.h"
#include "text/unicode.h"
#include <string.h>

enum { MAX_RANGES = 1 << 16, LAST = 0x10FFFF };

struct ranges {
    struct char_range *v;
    size_t n, cap;
};

struct regex {
    struct build *b;
    const char *s, *where;
    size_t len, at;
    struct regex_options o;
    int nesting;
    bool anchored;      /* an anchor was read */
};

/* ---- sets of characters ---- */

static void add_range(struct regex *x, struct ranges *r, uint32_t lo, uint32_t hi)
{
    if (!build_ok(x->b) || lo > hi) return;
    x->b->rc = ROOM(r->v, r->cap, r->n, 1, MAX_RANGES, "ranges of characters", x->b->e);
    if (build_ok(x->b)) r->v[r->n++] = (struct char_range){lo, hi};
}

static void complement(struct regex *x, struct ranges *r)
{
    struct ranges out = {0};
    uint32_t next = 0;
    r->n = ranges_tidy(r->v, r->n);
    for (size_t i = 0; i < r->n; i++) {
        if (r->v[i].lo > next) add_range(x, &out, next, r->v[i].lo - 1);
        next = r->v[i].hi + 1;
    }
    if (next <= LAST) add_range(x, &out, next, LAST);
    mem_free(r->v);
    *r = out;
}

/* What Python's \d or \w may take beyond ASCII, and a little more. */
static void add_unicode(struct regex *x, struct ranges *r, unsigned classes)
{
    const struct unicode *u = unicode_table();
    uint32_t from = 0x80;
    for (uint32_t c = 0x80; c <= LAST + 1; c++) {
        bool in = c <= LAST && unicode_class(u, c) & classes;
        if (in) continue;
        if (from < c) add_range(x, r, from, c - 1);
        from = c + 1;
    }
}

/* \d \w \s. wide: whatever one of the two dialects takes, for sets that are then turned round. */
static void add_class(struct regex *x, struct ranges *r, char name, bool wide)
{
    static const struct char_range blanks[] = {{9, 13},          {32, 32},         {0xA0, 0xA0},
                                               {0x1680, 0x1680}, {0x2000, 0x200A}, {0x2028, 0x2029},
                                               {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}};
    if (name == 's') {
        for (size_t i = 0; i < ARRAY_LEN(blanks); i++) add_range(x, r, blanks[i].lo, blanks[i].hi);
        if (!wide) return;
        add_range(x, r, 0x1C, 0x1F);
        add_range(x, r, 0x85, 0x85);
        add_range(x, r, 0xFEFF, 0xFEFF);
        return;
    }
    add_range(x, r, '0', '9');
    if (name == 'w') {
        add_range(x, r, 'A', 'Z');
        add_range(x, r, 'a', 'z');
        add_range(x, r, '_', '_');
    }
    if (wide) add_unicode(x, r, name == 'w' ? UC_LETTER | UC_MARK | UC_NUMBER : UC_NUMBER);
}

/* \D \W \S, the small ones (or, wide, the large ones). */
static void add_other_class(struct regex *x, struct ranges *r, char name, bool wide)
{
    struct ranges own = {0};
    add_class(x, &own, name, !wide);
    complement(x, &own);
    for (size_t i = 0; i < own.n; i++) add_range(x, r, own.v[i].lo, own.v[i].hi);
    mem_free(own.v);
}

static uint32_t set_expr(struct regex *x, struct ranges *r)
{
    size_t n = ranges_tidy(r->v, r->n);
    uint32_t out = n == 0 ? 0 : x->o.json ? build_json_chars(x->b, r->v, n) : build_chars(x->b, r->v, n);
    mem_free(r->v);
    *r = (struct ranges){0};
    return out;
}

static uint32_t one_char(struct regex *x, uint32_t c)
{
    struct ranges r = {0};
    add_range(x, &r, c, c);
    return set_expr(x, &r);
}

static uint32_t any_chars(struct regex *x)
{
    struct ranges r = {0};
    add_range(x, &r, x->o.json, LAST);
    return build_copies(x->b, set_expr(x, &r), 0, GRAMMAR_NO_MAX);
}

/* ---- reading ---- */

static uint32_t bad(struct regex *x, const char *what)
{
    return build_fail(x->b, ERR_UNSUPPORTED, "%s%soffset %zu of the regular expression: %s", x->where,
                      *x->where ? ": " : "", x->at, what);
}

static int peek(const struct regex *x) { return x->at < x->len ? (uint8_t)x->s[x->at] : -1; }

static bool take(struct regex *x, const char *what)
{
    size_t n = strlen(what);
    if (x->len - x->at < n || memcmp(x->s + x->at, what, n) != 0) return false;
    x->at += n;
    return true;
}

static uint32_t take_char(struct regex *x)
{
    uint32_t c;
    size_t n = x->at < x->len ? utf8_decode(x->s + x->at, x->len - x->at, &c) : 0;
    if (n == 0) return bad(x, x->at < x->len ? "bytes that are not UTF-8" : "it ends too early");
    x->at += n;
    return c;
}

static uint32_t take_hex(struct regex *x, int min, int max)
{
    uint32_t v = 0;
    int n = 0;
    for (; n < max && x->at < x->len; n++, x->at++) {
        char c = x->s[x->at];
        int d = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
        if (d < 0) break;
        v = v * 16 + (uint32_t)d;
    }
    return n < min ? bad(x, "hexadecimal digits expected") : v;
}

/* After \u. */
static uint32_t take_unicode(struct regex *x)
{
    if (take(x, "{")) {
        uint32_t c = take_hex(x, 1, 6);
        if (!take(x, "}") || c > LAST) return bad(x, "\\u{...} with a character up to 10FFFF expected");
        return c;
    }
    uint32_t c = take_hex(x, 4, 4);
    if (c >= 0xD800 && c < 0xDC00 && take(x, "\\u")) {
        uint32_t low = take_hex(x, 4, 4);
        if (low >= 0xDC00 && low < 0xE000) return 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
    }
    return c >= 0xD800 && c < 0xE000 ? bad(x, "half of a surrogate pair") : c;
}

/* After a backslash; \d and its like have been looked for. in_set: \b is a character. */
static uint32_t take_escape(struct regex *x, bool in_set)
{
    static const char names[] = "t\tn\nr\rf\fv\v";
    int c = peek(x);
    for (size_t i = 0; i + 1 < sizeof names; i += 2)
        if (c == names[i]) return x->at++, (uint32_t)names[i + 1];
    if (c == 'x') return x->at++, take_hex(x, 2, 2);
    if (c == 'u') return x->at++, take_unicode(x);
    if (c == '0' && !(x->at + 1 < x->len && x->s[x->at + 1] >= '0' && x->s[x->at + 1] <= '9')) return x->at++, 0;
    if (c == 'b' && in_set) return x->at++, 8;
    if (c == 'b' || c == 'B') return bad(x, "borders of words are not supported");
    if ((c >= '0' && c <= '9') || c == 'k') return bad(x, "references back are not supported");
    if (c == 'p' || c == 'P') return bad(x, "classes of Unicode (\\p) are not supported");
    if ((c | 32) >= 'a' && (c | 32) <= 'z') return bad(x, "unknown letter after a backslash");
    return take_char(x);
}

static bool is_class(int c) { return c > 0 && strchr("dwsDWS", c) != NULL; }

static void add_named(struct regex *x, struct ranges *r, bool wide)
{
    char name = x->s[x->at++];
    if (name == 'd' || name == 'w' || name == 's') add_class(x, r, name, wide);
    else add_other_class(x, r, (char)(name | 32), wide);
}

/* An element of a set; *c: the character, which may begin a range. False: it was a class, or a failure. */
static bool take_element(struct regex *x, struct ranges *r, bool wide, uint32_t *c)
{
    if (take(x, "\\")) {
        if (is_class(peek(x))) {
            add_named(x, r, wide);
            return false;
        }
        *c = take_escape(x, true);
    } else *c = take_char(x);
    return build_ok(x->b);
}

/* After [. */
static uint32_t take_set(struct regex *x)
{
    struct ranges r = {0};
    bool other = take(x, "^");
    for (bool first = true; build_ok(x->b) && (first || peek(x) != ']'); first = false) {
        uint32_t lo, hi;
        if (peek(x) < 0) bad(x, "a set without ]");
        if (first && peek(x) == ']') { /* ECMAScript: an empty set; Python: a bracket */
            bad(x, "] at the beginning of a set: write \\]");
            break;
        }
        if (peek(x) == '[' && x->at + 1 < x->len && strchr(":.=", x->s[x->at + 1])) bad(x, "[:name:] is not supported");
        if (!take_element(x, &r, other, &lo)) continue;
        hi = lo;
        if (peek(x) == '-' && x->at + 1 < x->len && x->s[x->at + 1] != ']') {
            x->at++;
            if (!take_element(x, &r, other, &hi)) bad(x, "a range that ends in a class");
            else if (hi < lo) bad(x, "a range that ends before it begins");
        }
        add_range(x, &r, lo, hi);
    }
    take(x, "]");
    if (other) complement(x, &r);
    if (other && x->o.json && r.n && r.v[0].lo == 0) r.v[0].lo = 1;
    return set_expr(x, &r);
}

static uint32_t take_alternatives(struct regex *x);

/* After (. */
static uint32_t take_group(struct regex *x)
{
    if (take(x, "?")) {
        if (take(x, "=") || take(x, "!") || take(x, "<=") || take(x, "<!")) return bad(x, "looking around is not supported");
        bool named = take(x, "P<") || take(x, "<");
        while (named && peek(x) >= 0 && peek(x) != '>') x->at++;
        if (named ? !take(x, ">") : !take(x, ":")) return bad(x, "this kind of group is not supported");
    }
    if (++x->nesting > GRAMMAR_MAX_NESTING) return bad(x, "groups nested too deeply");
    uint32_t e = take_alternatives(x);
    x->nesting--;
    if (build_ok(x->b) && !take(x, ")")) return bad(x, ") expected");
    return e;
}

static uint32_t take_atom(struct regex *x)
{
    static const char dot[] = "\n\r";
    int c = peek(x);
    struct ranges r = {0};
    if (c == '^' || c == '$') {
        x->at++;
        x->anchored = true;
        uint8_t mark = c == '^' ? MARK_START : MARK_END;
        return build_bytes(x->b, mark, mark);
    }
    if (take(x, "(")) return take_group(x);
    if (take(x, "[")) return take_set(x);
    if (take(x, ".")) {
        for (size_t i = 0; i < 2; i++) add_range(x, &r, (uint8_t)dot[i], (uint8_t)dot[i]);
        add_range(x, &r, 0x2028, 0x2029);
        if (x->o.json) add_range(x, &r, 0, 0);
        complement(x, &r);
        return set_expr(x, &r);
    }
    if (take(x, "\\")) {
        if (!is_class(peek(x))) return one_char(x, take_escape(x, false));
        add_named(x, &r, false);
        if (x->o.json && r.n && r.v[0].lo == 0) r.v[0].lo = 1;
        return set_expr(x, &r);
    }
    if (c == '*' || c == '+' || c == '?' || c == '{' || c == '}' || c == ']')
        return bad(x, "a sign that repeats or closes, with nothing before it");
    return one_char(x, take_char(x));
}

static bool take_count(struct regex *x, uint32_t *out)
{
    size_t from = x->at;
    uint64_t v = 0;
    while (peek(x) >= '0' && peek(x) <= '9' && v <= GRAMMAR_MAX_COUNT) v = v * 10 + (uint64_t)(x->s[x->at++] - '0');
    *out = (uint32_t)v;
    return x->at > from;
}

static uint32_t take_repeated(struct regex *x)
{
    uint32_t e = take_atom(x), min = 1, max = 1;
    for (int times = 0; build_ok(x->b); times++) {
        if (take(x, "*")) min = 0, max = GRAMMAR_NO_MAX;
        else if (take(x, "+")) min = 1, max = GRAMMAR_NO_MAX;
        else if (take(x, "?")) min = 0, max = 1;
        else if (take(x, "{")) {
            if (!take_count(x, &min)) return bad(x, "a number expected");
            max = min;
            if (take(x, ",") && !take_count(x, &max)) max = GRAMMAR_NO_MAX;
            if (!take(x, "}")) return bad(x, "} expected");
        } else return e;
        if (times) return bad(x, "what is repeated already is repeated again: put it into a group");
        take(x, "?"); /* as few as possible: the same texts */
        if (peek(x) == '+') return bad(x, "repetition that keeps what it took is not supported");
        e = x->o.json || x->o.search || x->anchored ? build_copies(x->b, e, min, max) : build_repeat(x->b, e, min, max);
    }
    return 0;
}

static uint32_t take_sequence(struct regex *x)
{
    struct expr_list l = {0};
    while (build_ok(x->b) && peek(x) >= 0 && peek(x) != '|' && peek(x) != ')') exprs_add(x->b, &l, take_repeated(x));
    uint32_t e = build_seq(x->b, l.v, l.n);
    exprs_free(&l);
    return e;
}

static uint32_t take_alternatives(struct regex *x)
{
    struct expr_list l = {0};
    do exprs_add(x->b, &l, take_sequence(x));
    while (build_ok(x->b) && take(x, "|"));
    uint32_t e = build_alt(x->b, l.v, l.n);
    exprs_free(&l);
    return e;
}

/* ^ and $ at the ends of the whole, and nowhere else; or that there are none. They are taken off. */
static bool simple_anchors(struct regex *x, bool *start, bool *end)
{
    bool set = false;
    size_t n = x->len;
    *start = n && x->s[0] == '^';
    *end = false;
    for (size_t i = *start; i < n; i++) {
        char c = x->s[i];
        if (c == '\\') i++;
        else if (c == '[') set = true;
        else if (c == ']') set = false;
        else if (!set && c == '$' && i + 1 == n) *end = true;
        else if (!set && (c == '^' || c == '$')) return false;
        else if (!set && c == '|' && (*start || x->s[n - 1] == '$')) return false;
    }
    x->at = *start;
    x->len -= *end;
    return true;
}

uint32_t regex_expr(struct build *b, const char *text, size_t len, struct regex_options o, const char *where)
{
    struct regex x = {.b = b, .s = text, .len = len, .o = o, .where = where};
    bool start, end, simple;
    if (len > GRAMMAR_MAX_TEXT) return build_fail(b, ERR_LIMIT, "a regular expression of more than %d bytes", GRAMMAR_MAX_TEXT);
    simple = simple_anchors(&x, &start, &end);
    x.anchored = !simple;
    uint32_t e = take_alternatives(&x);
    if (build_ok(b) && x.at < x.len) return bad(&x, ") without (");
    if (!build_ok(b)) return 0;
    uint32_t any = o.search ? any_chars(&x) : build_empty(b);
    if (simple) return build_seq(b, (uint32_t[]){start ? build_empty(b) : any, e, end ? build_empty(b) : any}, 3);
    uint32_t first = build_bytes(b, MARK_START, MARK_START), last = build_bytes(b, MARK_END, MARK_END);
    uint32_t found = build_seq(
        b, (uint32_t[]){build_optional(b, build_seq2(b, first, any)), e, build_optional(b, build_seq2(b, any, last))},
        3);
    uint32_t whole = build_seq(b, (uint32_t[]){first, any_chars(&x), last}, 3);
    return build_strip(b, build_and(b, found, whole));
}

int grammar_from_regex(struct grammar **out, const char *text, size_t len, const char *where, struct err *e)
{
    struct build b;
    struct err own = {0};
    *out = NULL;
    TRY(build_init(&b, e ? e : &own));
    uint32_t x = regex_expr(&b, text, len, (struct regex_options){0}, "");
    int rc = build_finish(&b, x, where, out, e);
    build_free(&b);
    return rc;
}
