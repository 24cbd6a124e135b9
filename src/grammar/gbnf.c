/* GBNF, the grammar language of llama.cpp, as its documentation describes it:
 *
 *   name ::= alternatives        names of letters, digits, - and _; the text begins with rule "root"
 *   "text" [a-z] [^a-z] .        escapes \n \r \t \" \\ \[ \] \xHH \uHHHH \UHHHHHHHH; . is any character
 *   (x | y)  x* x+ x? x{n} x{n,} x{n,m}
 *   <[123]>                      a token by its number
 *   # remark                     up to the end of the line
 *
 * Alternatives may go on in the next line after or before |, and inside parentheses. Rules that begin with
 * themselves are refused. */
#include <stdio.h>
#include <string.h>
#include "base/utf8.h"
#include "grammar/build.h"
#include "grammar/grammar.h"
#include "grammar/room.h"

struct name {
    const char *s;
    size_t len, at; /* at: where it was first met */
    uint32_t rule;
    bool defined;
};

struct gbnf {
    struct build *b;
    const char *s;
    size_t len, at;
    int nesting;
    struct name *names;
    uint32_t *slots; /* name + 1 by hash; 0 is free */
    size_t n_names, cap_names, n_slots;
};

static uint32_t bad(struct gbnf *g, const char *what)
{
    size_t line = 1;
    for (size_t i = 0; i < g->at && i < g->len; i++) line += g->s[i] == '\n';
    return build_fail(g->b, ERR_FORMAT, "line %zu: %s", line, what);
}

static int peek(const struct gbnf *g) { return g->at < g->len ? (uint8_t)g->s[g->at] : -1; }

static bool take(struct gbnf *g, const char *what)
{
    size_t n = strlen(what);
    if (g->len - g->at < n || memcmp(g->s + g->at, what, n) != 0) return false;
    g->at += n;
    return true;
}

static void skip(struct gbnf *g, bool lines)
{
    for (int c; (c = peek(g)) >= 0; g->at++) {
        if (c == '#')
            while (peek(g) >= 0 && peek(g) != '\n') g->at++;
        c = peek(g);
        if (c != ' ' && c != '\t' && !(lines && (c == '\n' || c == '\r'))) return;
    }
}

/* ---- names ---- */

static bool in_name(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static size_t slot_of(const struct gbnf *g, const char *s, size_t len)
{
    uint32_t h = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < len; i++) h = (h ^ (uint8_t)s[i]) * 16777619u;
    size_t k = (h ^ h >> 15) & (g->n_slots - 1);
    for (; g->slots[k]; k = (k + 1) & (g->n_slots - 1)) {
        const struct name *n = &g->names[g->slots[k] - 1];
        if (n->len == len && !memcmp(n->s, s, len)) break;
    }
    return k;
}

static void grow(struct gbnf *g)
{
    size_t n = g->n_slots ? 4 * g->n_slots : 64;
    uint32_t *old = g->slots, *slots = mem_array(n, sizeof *slots);
    if (!slots) {
        build_fail(g->b, ERR_MEMORY, "out of memory for %zu names", n);
        return;
    }
    g->slots = slots;
    g->n_slots = n;
    for (size_t i = 0; i < g->n_names; i++) slots[slot_of(g, g->names[i].s, g->names[i].len)] = (uint32_t)i + 1;
    mem_free(old);
}

/* The name at hand; NULL after a failure. */
static struct name *take_name(struct gbnf *g)
{
    size_t from = g->at;
    while (in_name(peek(g))) g->at++;
    if (2 * g->n_names >= g->n_slots) grow(g);
    if (!build_ok(g->b)) return NULL;
    size_t k = slot_of(g, g->s + from, g->at - from);
    if (g->slots[k]) return &g->names[g->slots[k] - 1];
    g->b->rc = ROOM(g->names, g->cap_names, g->n_names, 1, GRAMMAR_MAX_RULES, "rules", g->b->e);
    if (!build_ok(g->b)) return NULL;
    g->slots[k] = (uint32_t)g->n_names + 1;
    struct name *n = &g->names[g->n_names++];
    *n = (struct name){.s = g->s + from, .len = g->at - from, .at = from, .rule = build_rule_new(g->b, RULE_PLAIN)};
    if (build_ok(g->b)) build_rule_name(g->b, n->rule, n->s, n->len);
    return build_ok(g->b) ? n : NULL;
}

/* ---- characters ---- */

static uint32_t take_hex(struct gbnf *g, int digits)
{
    uint32_t v = 0;
    for (int i = 0; i < digits; i++, g->at++) {
        int c = peek(g), d = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
        if (d < 0) return bad(g, "hexadecimal digits expected");
        v = v << 4 | (uint32_t)d;
    }
    return v > 0x10FFFF || (v >= 0xD800 && v < 0xE000) ? bad(g, "a character up to 10FFFF, and no surrogate, expected") : v;
}

static uint32_t take_char(struct gbnf *g)
{
    static const char names[] = "n\nr\rt\t\"\"\\\\[[]]--^^";
    uint32_t c;
    if (take(g, "\\")) {
        int e = peek(g);
        g->at++;
        for (size_t i = 0; i + 1 < sizeof names; i += 2)
            if (e == names[i]) return (uint8_t)names[i + 1];
        if (e == 'x') return take_hex(g, 2);
        if (e == 'u') return take_hex(g, 4);
        if (e == 'U') return take_hex(g, 8);
        g->at--;
        return bad(g, "unknown escape");
    }
    size_t n = g->at < g->len ? utf8_decode(g->s + g->at, g->len - g->at, &c) : 0;
    if (n == 0) return bad(g, g->at < g->len ? "bytes that are not UTF-8" : "it ends too early");
    g->at += n;
    return c;
}

static uint32_t take_text(struct gbnf *g)
{
    struct buf t = {0};
    while (build_ok(g->b) && peek(g) != '"') {
        char s[4];
        uint32_t c = take_char(g);
        if (build_ok(g->b)) buf_add(&t, s, utf8_encode(c, s));
    }
    g->at++;
    if (build_ok(g->b)) g->b->rc = buf_check(&t, "a text of a grammar", g->b->e);
    uint32_t x = build_text(g->b, t.data, t.len);
    buf_free(&t);
    return x;
}

/* All characters but those of r, which is sorted. */
static uint32_t others(struct gbnf *g, const struct char_range *r, size_t n)
{
    struct char_range *out = mem_array(n + 1, sizeof *out);
    size_t k = 0;
    uint32_t next = 0;
    if (!out) return build_fail(g->b, ERR_MEMORY, "out of memory for %zu ranges", n);
    for (size_t i = 0; i < n; i++) {
        if (r[i].lo > next) out[k++] = (struct char_range){next, r[i].lo - 1};
        next = r[i].hi + 1;
    }
    if (next <= 0x10FFFF) out[k++] = (struct char_range){next, 0x10FFFF};
    uint32_t x = build_chars(g->b, out, k);
    mem_free(out);
    return x;
}

static uint32_t take_set(struct gbnf *g)
{
    struct char_range *r = NULL;
    size_t n = 0, cap = 0;
    bool other = take(g, "^");
    while (build_ok(g->b) && peek(g) != ']') {
        uint32_t lo = take_char(g), hi = lo;
        if (peek(g) == '-' && g->at + 1 < g->len && g->s[g->at + 1] != ']') {
            g->at++;
            hi = take_char(g);
        }
        if (build_ok(g->b) && hi < lo) bad(g, "a range that ends before it begins");
        if (build_ok(g->b)) g->b->rc = ROOM(r, cap, n, 1, (size_t)1 << 16, "ranges of characters", g->b->e);
        if (build_ok(g->b)) r[n++] = (struct char_range){lo, hi};
    }
    g->at++;
    n = r ? ranges_tidy(r, n) : 0;
    uint32_t x = !build_ok(g->b) ? 0 : other ? others(g, r, n) : build_chars(g->b, r, n);
    mem_free(r);
    return x;
}

/* ---- expressions ---- */

static uint32_t take_alternatives(struct gbnf *g, bool lines);

static bool take_number(struct gbnf *g, uint32_t *out)
{
    uint64_t v = 0;
    size_t from = g->at;
    while (peek(g) >= '0' && peek(g) <= '9' && v <= GRAMMAR_MAX_COUNT) v = v * 10 + (uint64_t)(g->s[g->at++] - '0');
    *out = (uint32_t)v;
    return g->at > from;
}

static uint32_t take_token(struct gbnf *g)
{
    uint32_t id;
    if (!take(g, "[") || !take_number(g, &id) || !take(g, "]>"))
        return build_fail(g->b, ERR_UNSUPPORTED, "offset %zu: a token is written as <[123]>, by its number", g->at);
    return build_token(g->b, id > INT32_MAX ? -1 : (int32_t)id);
}

static uint32_t take_atom(struct gbnf *g)
{
    if (take(g, "\"")) return take_text(g);
    if (take(g, "[")) return take_set(g);
    if (take(g, ".")) return build_chars(g->b, &(struct char_range){0, 0x10FFFF}, 1);
    if (take(g, "<")) return take_token(g);
    if (take(g, "(")) {
        if (++g->nesting > GRAMMAR_MAX_NESTING) return bad(g, "groups nested too deeply");
        uint32_t x = take_alternatives(g, true);
        g->nesting--;
        return build_ok(g->b) && !take(g, ")") ? bad(g, ") expected") : x;
    }
    if (!in_name(peek(g)))
        return bad(g,
                   peek(g) == '!' ? "! before a token is not supported" : "a name, a text, a set or a group expected");
    const struct name *n = take_name(g);
    return n ? build_call(g->b, n->rule) : 0;
}

static uint32_t take_repeated(struct gbnf *g, bool lines)
{
    uint32_t x = take_atom(g), min, max;
    for (skip(g, lines); build_ok(g->b); skip(g, lines)) {
        if (take(g, "*")) min = 0, max = GRAMMAR_NO_MAX;
        else if (take(g, "+")) min = 1, max = GRAMMAR_NO_MAX;
        else if (take(g, "?")) min = 0, max = 1;
        else if (take(g, "{")) {
            if (!take_number(g, &min)) min = 0;
            max = min;
            if (take(g, ",") && !take_number(g, &max)) max = GRAMMAR_NO_MAX;
            if (!take(g, "}")) return bad(g, "} expected");
        } else break;
        x = build_repeat(g->b, x, min, max);
    }
    return x;
}

/* The end of a line ends the rule unless `lines`; after | it goes on. */
static uint32_t take_alternatives(struct gbnf *g, bool lines)
{
    struct expr_list all = {0}, seq = {0};
    for (skip(g, true); build_ok(g->b);) {
        int c = peek(g);
        if (c == '\n' || c == '\r') { /* | may begin the next line, too */
            size_t line_end = g->at;
            skip(g, true);
            if (peek(g) != '|') g->at = line_end;
        }
        if (c < 0 || c == '|' || c == ')' || c == '\n' || c == '\r') {
            exprs_add(g->b, &all, build_seq(g->b, seq.v, seq.n));
            seq.n = 0;
            if (!take(g, "|")) break;
            skip(g, true);
            continue;
        }
        exprs_add(g->b, &seq, take_repeated(g, lines));
    }
    uint32_t x = build_alt(g->b, all.v, all.n);
    exprs_free(&all);
    exprs_free(&seq);
    return x;
}

static void take_rule(struct gbnf *g)
{
    if (!in_name(peek(g))) {
        bad(g, "a rule expected: name ::= ...");
        return;
    }
    struct name *n = take_name(g);
    if (!n) return;
    uint32_t rule = n->rule;
    if (n->defined) bad(g, "this rule is there already");
    n->defined = true;
    skip(g, false);
    if (build_ok(g->b) && !take(g, "::=")) bad(g, "::= expected");
    uint32_t x = take_alternatives(g, false);
    if (build_ok(g->b) && peek(g) == ')') bad(g, ") without (");
    build_rule_set(g->b, rule, x);
}

static uint32_t take_all(struct gbnf *g)
{
    if (g->len > GRAMMAR_MAX_TEXT) return build_fail(g->b, ERR_LIMIT, "a grammar of more than %d bytes", GRAMMAR_MAX_TEXT);
    for (skip(g, true); build_ok(g->b) && peek(g) >= 0; skip(g, true)) take_rule(g);
    if (!build_ok(g->b)) return 0;
    for (size_t i = 0; i < g->n_names; i++) {
        char what[120], name[64];
        if (g->names[i].defined) continue;
        g->at = g->names[i].at;
        utf8_printable(name, sizeof name, g->names[i].s, g->names[i].len);
        snprintf(what, sizeof what, "rule %s is called and not defined", name);
        return bad(g, what);
    }
    if (!g->n_slots) return bad(g, "no rule at all");
    size_t k = slot_of(g, "root", 4);
    return g->slots[k] ? build_call(g->b, g->names[g->slots[k] - 1].rule) : bad(g, "there is no rule \"root\"");
}

int grammar_from_gbnf(struct grammar **out, const char *text, size_t len, const char *where, struct err *e)
{
    struct build b;
    struct err own = {0};
    *out = NULL;
    TRY(build_init(&b, e ? e : &own));
    struct gbnf g = {.b = &b, .s = text, .len = len};
    uint32_t x = take_all(&g);
    int rc = build_finish(&b, x, where, out, e);
    mem_free(g.names);
    mem_free(g.slots);
    build_free(&b);
    return rc;
}
