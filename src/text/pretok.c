/* Pre-tokenizers as code: one function per list of rules. Each takes the text from the end of one piece on and returns
 * the end of the next; no rule looks back. Time is linear: what a function reads beyond its piece is at most one run of
 * white space, of which it leaves one character. */
#include "text/pretok.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "text/pretok_table.h"
#include "text/unicode.h"

struct pretok {
    const struct pretok_entry *entry;
    const char *name;
    const struct unicode *u;
};

/* One call: valid UTF-8 up to end. */
struct scan {
    const struct unicode *u;
    const char *end;
};

int pretok_new(struct pretok **out, const char *name, struct err *e)
{
    const char *own;
    *out = NULL;
    const struct pretok_entry *entry = pretok_entry_find(name, &own);
    if (!entry) FAIL(e, ERR_UNSUPPORTED, "pre-tokenizer \"%.60s\" is not known", name);
    struct pretok *p;
    TRY(mem_new((void **)&p, sizeof *p, "pre-tokenizer", e));
    *p = (struct pretok){entry, own, unicode_table()};
    *out = p;
    return OK;
}

void pretok_free(struct pretok *p) { mem_free(p); }

const char *pretok_name(const struct pretok *p) { return p->name; }

const char *pretok_name_for(const struct pretok *p, bool ignore_merges)
{
    const struct pretok_entry *en;
    if (p->entry->ignore_merges == ignore_merges) return p->name;
    for (int i = 0; (en = pretok_entry_at(i)); i++)
        if (en->kind == p->entry->kind && en->ignore_merges == ignore_merges) return en->name;
    return NULL;
}

/* Class of the character at s and its length; at the end no bit is set. */
static inline unsigned class_at(const struct scan *sc, const char *s, size_t *n)
{
    if (s >= sc->end) return *n = 0;
    uint8_t b = (uint8_t)*s;
    if (b < 0x80) return *n = 1, sc->u->kind[0][b];
    return unicode_class(sc->u, unicode_char(s, n));
}

/* The first character from s on with none of the bits. */
static inline const char *run(const struct scan *sc, const char *s, unsigned bits)
{
    size_t n;
    while (class_at(sc, s, &n) & bits) s += n;
    return s;
}

static inline bool is_ascii_letter(char c) { return ((uint8_t)c | 32u) - 'a' < 26u; }

/* 's|'t|'re|'ve|'m|'ll|'d at the apostrophe s: its end, or NULL. any_case: (?i:..), where U+017F is an s too. */
static const char *contraction(const struct scan *sc, const char *s, bool any_case)
{
    size_t left = (size_t)(sc->end - s);
    if (left < 2) return NULL;
    char fold = any_case ? 32 : 0, a = (char)(s[1] | fold), b = left > 2 ? (char)(s[2] | fold) : 0;
    if (any_case && !is_ascii_letter(s[1])) {
        bool long_s = left > 2 && (uint8_t)s[1] == 0xC5 && (uint8_t)s[2] == 0xBF;
        return long_s ? s + 3 : NULL;
    }
    if (a == 's' || a == 't' || a == 'm' || a == 'd') return s + 2;
    if ((b == 'e' && (a == 'r' || a == 'v')) || (b == 'l' && a == 'l')) return is_ascii_letter(s[2]) ? s + 3 : NULL;
    return NULL;
}

/* \s*[\r\n]+ (with lines) | \s+(?!\S) | \s+ at white space. `stop`: classes that end the text for these rules. */
static const char *spaces(const struct scan *sc, const char *s, bool lines, unsigned stop)
{
    const char *last = s, *line = NULL, *p = s;
    size_t n;
    unsigned c;
    for (; (c = class_at(sc, p, &n)) & UC_SPACE; p += n) {
        last = p;
        if (c & UC_NEWLINE) line = p + 1;
    }
    if (lines && line) return line;
    bool at_end = n == 0 || c & stop;
    return at_end || last == s ? p : last;
}

/* Up to `most` numbers from s on. */
static const char *numbers(const struct scan *sc, const char *s, int most)
{
    size_t n;
    for (int k = 0; k < most && class_at(sc, s, &n) & UC_NUMBER; k++) s += n;
    return s;
}

/* stop: UC_NUMBER where numbers were cut out one by one before, else 0. */
static const char *next_gpt2(const struct scan *sc, const char *s, unsigned stop)
{
    size_t n, m = 0;
    unsigned c = class_at(sc, s, &n);
    if (c & stop) return s + n;
    if (*s == '\'') {
        const char *q = contraction(sc, s, false);
        if (q) return q;
    }
    if (*s == ' ') c = class_at(sc, s + 1, &m);
    if (c & UC_LETTER) return run(sc, s + n + m, UC_LETTER);
    if (c & UC_NUMBER & ~stop) return run(sc, s + n + m, UC_NUMBER);
    if (c & UC_OTHER) return run(sc, s + n + m, UC_OTHER);
    return spaces(sc, s, false, stop);
}

static const char *next_tiktoken(const struct scan *sc, const char *s, int digits)
{
    size_t n, m;
    unsigned c = class_at(sc, s, &n);
    if (*s == '\'') {
        const char *q = contraction(sc, s, true);
        if (q) return q;
    }
    if (c & UC_LETTER) return run(sc, s + n, UC_LETTER);
    if (c & UC_NUMBER) return numbers(sc, s, digits);
    unsigned after = class_at(sc, s + n, &m);
    if (!(c & UC_NEWLINE) && after & UC_LETTER) return run(sc, s + n + m, UC_LETTER);
    if (c & UC_OTHER) return run(sc, run(sc, s + n, UC_OTHER), UC_NEWLINE);
    if (*s == ' ' && after & UC_OTHER) return run(sc, run(sc, s + n + m, UC_OTHER), UC_NEWLINE);
    return spaces(sc, s, true, 0);
}

/* Letters without a case and marks may stand in both parts of a word: FIRST* REST+, or where that does not match
 * FIRST+ REST*. */
static inline bool tekken_first(unsigned c) { return c & UC_MARK || (c & UC_LETTER && !(c & UC_LOWER)); }
static inline bool tekken_rest(unsigned c) { return c & UC_MARK || (c & UC_LETTER && !(c & UC_UPPER)); }

/* The end of a word at s, or NULL; whole: FIRST+ alone is one too. The run of FIRST is as long as can be, and gives back
 * what comes after the last character that may be REST when no REST follows it. */
static const char *tekken_word(const struct scan *sc, const char *s, bool whole)
{
    const char *p = s, *last = NULL;
    size_t n;
    unsigned c;
    for (; tekken_first(c = class_at(sc, p, &n)); p += n)
        if (tekken_rest(c)) last = p + n;
    if (!tekken_rest(c)) return last ? last : whole && p > s ? p : NULL;
    for (; tekken_rest(class_at(sc, p, &n)); p += n) {}
    return p;
}

static const char *next_tekken(const struct scan *sc, const char *s)
{
    size_t n, m;
    unsigned c = class_at(sc, s, &n), after = class_at(sc, s + n, &m);
    bool before = !(c & (UC_NEWLINE | UC_LETTER | UC_NUMBER)); /* may stand in front of a word */
    for (int whole = 0; whole < 2; whole++) {
        const char *q = before ? tekken_word(sc, s + n, whole) : NULL;
        if (!q) q = tekken_word(sc, s, whole);
        if (q) return q;
    }
    if (c & UC_NUMBER) return s + n;
    const char *signs = c & UC_OTHER ? s + n : *s == ' ' && after & UC_OTHER ? s + n + m : NULL;
    if (!signs) return spaces(sc, s, true, 0);
    for (s = run(sc, signs, UC_OTHER); s < sc->end && (*s == '\r' || *s == '\n' || *s == '/');) s++;
    return s;
}

/* Numbers and CJK are cut out first: the third rule sees a run of CJK, or what lies between CJK and numbers. */
enum {
    DS_WORD = UC_LETTER | UC_MARK,
    DS_SIGN = UC_PUNCT | UC_SYMBOL,
};

/* The class of a character that the part holds (cjk: a run of CJK), else 0: the part ends there. */
static inline unsigned ds_class(const struct scan *sc, bool cjk, const char *s, size_t *n)
{
    unsigned c = class_at(sc, s, n);
    return cjk == !!(c & UC_CJK) && !(c & UC_NUMBER) ? c : 0;
}

static inline const char *ds_run(const struct scan *sc, bool cjk, const char *s, unsigned bits)
{
    size_t n;
    while (ds_class(sc, cjk, s, &n) & bits) s += n;
    return s;
}

/* What no rule takes (controls, unassigned characters) up to where a rule can match. */
static const char *ds_gap(const struct scan *sc, const char *s)
{
    size_t n, m;
    unsigned c = ds_class(sc, false, s, &n), after;
    do {
        s += n;
        c = ds_class(sc, false, s, &n);
        after = c ? ds_class(sc, false, s + n, &m) : 0;
    } while (c && !(c & (DS_WORD | DS_SIGN | UC_SPACE)) && !(after & DS_WORD));
    return s;
}

static const char *next_deepseek3(const struct scan *sc, const char *s)
{
    size_t n, m;
    unsigned c = class_at(sc, s, &n);
    bool cjk = c & UC_CJK;
    if (c & UC_NUMBER) return numbers(sc, s, 3);
    if (c & UC_LETTER) return ds_run(sc, cjk, s + n, DS_WORD);
    unsigned after = ds_class(sc, cjk, s + n, &m);
    if (c & DS_SIGN) {
        if (n == 1 && s + 1 < sc->end && is_ascii_letter(s[1])) {
            for (s += 2; s < sc->end && is_ascii_letter(*s);) s++;
            return s;
        }
        return ds_run(sc, cjk, ds_run(sc, cjk, s + n, DS_SIGN), UC_NEWLINE);
    }
    if (!(c & UC_NEWLINE) && after & DS_WORD) return ds_run(sc, cjk, s + n + m, DS_WORD);
    if (c & UC_MARK) return s + n;
    if (*s == ' ' && after & DS_SIGN) return run(sc, ds_run(sc, false, s + n + m, DS_SIGN), UC_NEWLINE);
    return c & UC_SPACE ? spaces(sc, s, true, UC_NUMBER | UC_CJK) : ds_gap(sc, s);
}

/* DeepSeek's first two generations have longer lists, each rule cutting also what the one before has matched. These
 * functions return the end of the piece that one rule makes from s on, within the piece of the rule before. A later
 * call from within that piece gives the same end, so `struct pieces` keeps the ends: time stays linear. */

/* [\r\n] */
static const char *older_line(const struct scan *sc, const char *s)
{
    if (*s == '\r' || *s == '\n') return s + 1;
    while (s < sc->end && *s != '\r' && *s != '\n') s++;
    return s;
}

/* \s?SET+ */
static const char *older_set(const struct scan *sc, const char *s, unsigned set)
{
    size_t n, m;
    for (const char *p = s;; p += n) {
        unsigned c = class_at(sc, p, &n);
        bool matches = c & set || (c & UC_SPACE && class_at(sc, p + n, &m) & set);
        if (matches) return p > s ? p : run(sc, p + n, set);
        if (n == 0) return p;
    }
}

/* \s+$ */
static const char *older_tail(const struct scan *sc, const char *s)
{
    const char *tail = sc->end;
    size_t n;
    for (const char *p = tail; p > s; tail = p) {
        do p--;
        while (((uint8_t)*p & 0xC0) == 0x80);
        if (!(class_at(sc, p, &n) & UC_SPACE)) break;
    }
    return tail > s ? tail : sc->end;
}

/* SET+, or with single, SET */
static const char *older_run(const struct scan *sc, const char *s, unsigned set, bool single)
{
    size_t n;
    bool in = class_at(sc, s, &n) & set;
    for (s += n; !(in && single) && s < sc->end && !!(class_at(sc, s, &n) & set) == in;) s += n;
    return s;
}

static const char *next_older(struct pieces *c, bool llm, const char *s)
{
    struct scan sc = {c->p->u, c->valid};
    for (int i = 0; i < PIECES_LEVELS; i++) {
        if (s >= c->level[i]) switch (i) {
            case 0: c->level[i] = older_line(&sc, s); break;
            case 1: c->level[i] = older_set(&sc, s, llm ? UC_CASED : UC_LETTER); break;
            case 2: c->level[i] = older_set(&sc, s, llm ? UC_MARKS : UC_PUNCT); break;
            case 3: c->level[i] = llm ? older_tail(&sc, s) : sc.end; break;
            case 4: c->level[i] = older_run(&sc, s, UC_WIDE, false); break;
            case 5: c->level[i] = older_run(&sc, s, UC_NUMBER, true); break;
            }
        sc.end = c->level[i];
    }
    return sc.end;
}

static const char *next_end(struct pieces *c, const char *s)
{
    struct scan sc = {c->p->u, c->valid};
    switch (c->p->entry->kind) {
    case KIND_DEEPSEEK3: return next_deepseek3(&sc, s);
    case KIND_DEEPSEEK_LLM: return next_older(c, true, s);
    case KIND_DEEPSEEK_CODER: return next_older(c, false, s);
    case KIND_GPT2: return next_gpt2(&sc, s, 0);
    case KIND_SMOLLM: return next_gpt2(&sc, s, UC_NUMBER);
    case KIND_QWEN2: return next_tiktoken(&sc, s, 1);
    case KIND_LLAMA3: return next_tiktoken(&sc, s, 3);
    case KIND_TEKKEN: return next_tekken(&sc, s);
    }
    return c->valid;
}

void pieces_init(struct pieces *c, const struct pretok *p, const char *s, size_t len)
{
    *c = (struct pieces){.p = p, .s = s, .valid = s, .end = s + len};
    for (int i = 0; i < PIECES_LEVELS; i++) c->level[i] = s;
}

size_t pieces_next(struct pieces *c, const char **piece)
{
    const char *s = *piece = c->s;
    if (s == c->end) return 0;
    if (s == c->valid) {
        c->valid += utf8_valid_run(s, (size_t)(c->end - s));
        if (s == c->valid) {
            c->valid = ++c->s;
            return 1;
        }
    }
    c->s = next_end(c, s);
    return (size_t)(c->s - s);
}
