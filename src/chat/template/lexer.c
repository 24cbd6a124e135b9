/* The lexer of Jinja: outside of tags text, inside of them words, literals and operators. */
#include "chat/template/lexer.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/checked.h"
#include "base/utf8.h"
#include "chat/template/text.h"

int source_fault(const struct source *src, size_t at, enum err_code code, struct err *e, const char *fmt, ...)
{
    char words[400];
    va_list ap;
    size_t line = 1, start = 0;
    va_start(ap, fmt);
    vsnprintf(words, sizeof words, fmt, ap);
    va_end(ap);
    for (size_t i = 0; i < at && i < src->len; i++) {
        if (src->text[i] != '\n') continue;
        line++;
        start = i + 1;
    }
    return err_set(e, code, __FILE__, __LINE__, "%.120s:%zu:%zu: %s", src->name, line,
                   utf8_count(src->text + start, at - start) + 1, words);
}

const char *token_words(const struct token *t, char *out, size_t cap)
{
    static const char *const words[] = {[T_END] = "the end of the template", [T_DATA] = "text",
                                        [T_BLOCK_BEGIN] = "\"{%\"",         [T_BLOCK_END] = "\"%}\"",
                                        [T_VARIABLE_BEGIN] = "\"{{\"",      [T_VARIABLE_END] = "\"}}\"",
                                        [T_STRING] = "a string"};
    if (t->kind <= T_STRING && words[t->kind]) return words[t->kind];
    snprintf(out, cap, "\"%.*s\"", (int)(t->len < 40 ? t->len : 40), t->s);
    return out;
}

static int lex_fault(struct lexer *l, size_t at, const char *words)
{
    return source_fault(l->src, at, ERR_FORMAT, l->e, "%s", words);
}

/* ---- white space and tags ---- */

static size_t skip_space(const struct source *s, size_t i)
{
    uint32_t cp;
    for (size_t n; i < s->len; i += n) {
        n = utf8_decode(s->text + i, s->len - i, &cp);
        if (!n || !char_is_space(cp)) break;
    }
    return i;
}

static bool has(const struct source *s, size_t at, const char *words)
{
    size_t n = strlen(words);
    return s->len - at >= n && memcmp(s->text + at, words, n) == 0;
}

/* The end of a tag at i, with its mark and the white space that goes with it; 0: there is none. newline: a following one is
 * taken off (trim_blocks). */
static size_t tag_end(const struct source *s, size_t i, const char *end, bool plus, bool newline)
{
    size_t n = strlen(end);
    if (has(s, i, "-") && has(s, i + 1, end)) return skip_space(s, i + 1 + n);
    if (plus && has(s, i, "+") && has(s, i + 1, end)) return i + 1 + n;
    if (!has(s, i, end)) return 0;
    return newline && has(s, i + n, "\n") ? i + n + 1 : i + n;
}

/* The text before a tag: '-' takes its white space off, and without a mark that of the tag's own line (lstrip_blocks). */
static size_t text_end(const struct lexer *l, size_t from, size_t to, char sign, bool variable)
{
    struct text t = {.s = l->src->text + from, .len = (uint32_t)(to - from)};
    size_t a, b, line = to;
    (void)text_strip(NULL, &t, NULL, 2, &a, &b);
    if (sign == '-') return from + b;
    if (sign == '+' || variable) return to;
    while (line > from && l->src->text[line - 1] != '\n') line--;
    if (line == from && from > 0 && l->src->text[from - 1] != '\n') return to;
    return from + b <= line ? line : to;
}

static char sign_at(const struct source *s, size_t at)
{
    return at < s->len && (s->text[at] == '-' || s->text[at] == '+') ? s->text[at] : 0;
}

/* {% WORD %} at i: its end, 0 if something else is there. */
static size_t word_tag(const struct source *s, size_t i, const char *word, bool plus, bool newline)
{
    i += 2;
    if (sign_at(s, i)) i++;
    i = skip_space(s, i);
    if (!has(s, i, word)) return 0;
    return tag_end(s, skip_space(s, i + strlen(word)), "%}", plus, newline);
}

static struct token data_token(const struct lexer *l, size_t from, size_t to)
{
    return (struct token){.kind = T_DATA, .at = (uint32_t)from, .s = l->src->text + from, .len = to - from};
}

/* What is between {% raw %} and {% endraw %}; pos is behind the former. */
static int raw_text(struct lexer *l, struct token *t)
{
    const struct source *s = l->src;
    for (size_t i = l->pos; i < s->len; i++) {
        if (!has(s, i, "{%")) continue;
        size_t end = word_tag(s, i, "endraw", true, true);
        if (!end) continue;
        *t = data_token(l, l->pos, text_end(l, l->pos, i, sign_at(s, i + 2), false));
        l->pos = end;
        return OK;
    }
    return lex_fault(l, l->pos, "{% raw %} without {% endraw %}");
}

static int comment_end(struct lexer *l)
{
    const struct source *s = l->src;
    for (size_t i = l->pos; i < s->len; i++) {
        size_t end = tag_end(s, i, "#}", true, true);
        if (!end) continue;
        l->pos = end;
        return OK;
    }
    return lex_fault(l, l->pos, "a comment without \"#}\"");
}

/* Up to the next tag and into it. An empty data token where a comment or raw text was: the caller goes on. */
static int outside(struct lexer *l, struct token *t)
{
    const struct source *s = l->src;
    size_t from = l->pos, q = from;
    while (q < s->len && !(has(s, q, "{{") || has(s, q, "{%") || has(s, q, "{#"))) q++;
    if (q == s->len) {
        *t = data_token(l, from, q);
        if (from == q) t->kind = T_END;
        l->pos = q;
        return OK;
    }
    char sign = sign_at(s, q + 2), kind = s->text[q + 1];
    size_t raw = kind == '%' ? word_tag(s, q, "raw", false, false) : 0;
    *t = data_token(l, from, text_end(l, from, q, sign, kind == '{'));
    if (raw) {
        if (t->len) { /* again from the tag, when this is consumed */
            l->pos = q;
            return OK;
        }
        l->pos = raw;
        return raw_text(l, t);
    }
    l->pos = q + 2 + (sign != 0);
    if (kind == '#') return comment_end(l);
    l->inside = kind == '{' ? T_VARIABLE_BEGIN : T_BLOCK_BEGIN;
    l->queue = (struct token){.kind = l->inside, .at = (uint32_t)q, .s = s->text + q, .len = 2};
    l->queued = true;
    l->n_brackets = 0;
    return OK;
}

/* ---- literals ---- */

static int hex_escape(struct lexer *l, size_t at, size_t digits, uint32_t *cp)
{
    *cp = 0;
    for (size_t i = 0; i < digits; i++) {
        char c = at + i < l->src->len ? l->src->text[at + i] : 0;
        const char *hex = "0123456789abcdef", *p = c ? strchr(hex, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;
        if (!p) return lex_fault(l, at, "a truncated escape in a string");
        *cp = *cp * 16 + (uint32_t)(p - hex);
    }
    if (*cp > 0x10ffff || (*cp >= 0xd800 && *cp < 0xe000))
        return lex_fault(l, at, "an escape in a string that is no character");
    return OK;
}

/* One escape; pos is behind the backslash. */
static int escape(struct lexer *l, char **out)
{
    static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
    const char *s = l->src->text;
    char c = s[l->pos++];
    const char *simple = c ? strchr(from, c) : NULL;
    uint32_t cp = 0;
    if (simple) {
        *(*out)++ = to[simple - from];
        return OK;
    }
    if (c == '\n') return OK;
    if (c >= '0' && c <= '7') {
        cp = (uint32_t)(c - '0');
        for (int k = 0; k < 2 && s[l->pos] >= '0' && s[l->pos] <= '7'; k++)
            cp = cp * 8 + (uint32_t)(s[l->pos++] - '0');
    } else if (c == 'x' || c == 'u' || c == 'U') {
        size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
        TRY(hex_escape(l, l->pos, digits, &cp));
        l->pos += digits;
    } else if (c == 'N') {
        return lex_fault(l, l->pos - 2, "\\N{...} in a string: names of characters are not known here");
    } else {
        *(*out)++ = '\\'; /* Python keeps unknown escapes */
        l->pos--;
        return OK;
    }
    *out += utf8_encode(cp, *out);
    return OK;
}

/* pos is at the quote. An escape is never shorter than what it stands for. */
static int string(struct lexer *l, struct token *t)
{
    const struct source *s = l->src;
    char quote = s->text[l->pos];
    size_t end = l->pos + 1;
    while (end < s->len && s->text[end] != quote) end += s->text[end] == '\\' ? 2 : 1;
    if (end >= s->len) return lex_fault(l, l->pos, "a string without its closing quote");
    char *out = heap_alloc(l->heap, end - l->pos);
    if (!out) return lex_fault(l, l->pos, "out of memory for a string");
    t->s = out;
    l->pos++;
    while (l->pos < end) {
        if (s->text[l->pos] != '\\') {
            *out++ = s->text[l->pos++];
            continue;
        }
        l->pos++;
        TRY(escape(l, &out));
    }
    l->pos = end + 1;
    t->len = (size_t)(out - t->s);
    t->kind = T_STRING;
    return OK;
}

static bool is_digit_of(char c, int base)
{
    if (base == 16 && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'))) return true;
    return c >= '0' && c < '0' + (base < 10 ? base : 10);
}

/* The end of digits with single underscores between them. lead: one may stand before the first, too. */
static size_t digits_end(const struct source *s, size_t i, int base, bool lead)
{
    size_t start = i;
    for (;;) {
        bool under = (lead || i > start) && i < s->len && s->text[i] == '_';
        if (i + under >= s->len || !is_digit_of(s->text[i + under], base)) return i;
        i += under + 1u;
    }
}

/* The end of a number with a fraction or exponent at i; 0: none. */
static size_t float_end(const struct source *s, size_t i)
{
    size_t end = digits_end(s, i, 10, false), to;
    bool real = false;
    if (i > 0 && s->text[i - 1] == '.') return 0;
    if (end < s->len && s->text[end] == '.' && (to = digits_end(s, end + 1, 10, false)) > end + 1) {
        end = to;
        real = true;
    }
    if (end < s->len && (s->text[end] == 'e' || s->text[end] == 'E')) {
        size_t exp = end + 1;
        if (sign_at(s, exp)) exp++;
        to = digits_end(s, exp, 10, false);
        if (to > exp) return to;
    }
    return real ? end : 0;
}

static size_t int_end(const struct source *s, size_t i, int *base)
{
    static const struct {
        char letter;
        int base;
    } prefixes[] = {{'b', 2}, {'o', 8}, {'x', 16}};
    *base = 10;
    if (s->text[i] != '0') return digits_end(s, i, 10, false);
    for (size_t k = 0; k < ARRAY_LEN(prefixes) && i + 1 < s->len; k++) {
        if ((s->text[i + 1] | 32) != prefixes[k].letter) continue;
        size_t end = digits_end(s, i + 2, prefixes[k].base, true);
        if (end == i + 2) break;
        *base = prefixes[k].base;
        return end;
    }
    *base = 1; /* zeros only: "007" is 0, 0, 7 */
    return digits_end(s, i, 1, false);
}

static int number(struct lexer *l, struct token *t)
{
    const struct source *s = l->src;
    int base = 10;
    size_t end = float_end(s, l->pos), n = 0;
    char digits[400];
    t->kind = end ? T_FLOAT : T_INT;
    if (!end) end = int_end(s, l->pos, &base);
    for (size_t i = l->pos + (base == 10 || base == 1 ? 0 : 2); i < end && n < sizeof digits; i++)
        if (s->text[i] != '_') digits[n++] = s->text[i];
    if (n == sizeof digits) return lex_fault(l, l->pos, "a number of more than 399 digits");
    digits[n] = 0;
    errno = 0;
    if (t->kind == T_FLOAT) t->x = strtod(digits, NULL);
    else {
        t->i = strtoll(digits, NULL, base == 1 ? 10 : base);
        if (errno) return lex_fault(l, l->pos, "an integer of more than 64 bits");
    }
    t->len = end - l->pos;
    l->pos = end;
    return OK;
}

/* The end of a word: letters, digits and underscores of any script. */
static size_t name_end(const struct source *s, size_t i)
{
    uint32_t cp;
    for (size_t n; i < s->len; i += n) {
        n = utf8_decode(s->text + i, s->len - i, &cp);
        if (!n || !(cp == '_' || char_is_alpha(cp) || char_is_numeric(cp))) break;
    }
    return i;
}

/* ---- tokens ---- */

static int bracket(struct lexer *l, const struct token *t)
{
    static const char open[] = "([{", close[] = ")]}";
    const char *p;
    char c = t->s[0];
    if ((p = strchr(open, c))) {
        if (l->n_brackets == sizeof l->brackets)
            return source_fault(l->src, t->at, ERR_LIMIT, l->e, "brackets nested deeper than %d",
                                TEMPLATE_MAX_NESTING);
        l->brackets[l->n_brackets++] = close[p - open];
    } else if (strchr(close, c)) {
        if (!l->n_brackets)
            return source_fault(l->src, t->at, ERR_FORMAT, l->e, "\"%c\" without an opening bracket", c);
        char due = l->brackets[--l->n_brackets];
        if (due != c)
            return source_fault(l->src, t->at, ERR_FORMAT, l->e, "\"%c\" found, expected \"%c\"", c, due);
    }
    return OK;
}

static int operator_token(struct lexer *l, struct token *t)
{
    static const struct {
        char text[3];
        enum token_kind kind;
    } table[] = {/* the long ones first */
                 {"**", T_POW},     {"//", T_FLOORDIV}, {"==", T_EQ},      {"!=", T_NE},      {"<=", T_LE},
                 {">=", T_GE},      {"+", T_ADD},       {"-", T_SUB},      {"/", T_DIV},      {"*", T_MUL},
                 {"%", T_MOD},      {"~", T_TILDE},     {"[", T_LBRACKET}, {"]", T_RBRACKET}, {"(", T_LPAREN},
                 {")", T_RPAREN},   {"{", T_LBRACE},    {"}", T_RBRACE},   {">", T_GT},       {"<", T_LT},
                 {"=", T_ASSIGN},   {".", T_DOT},       {":", T_COLON},    {"|", T_PIPE},     {",", T_COMMA},
                 {";", T_SEMICOLON}};
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (!has(l->src, l->pos, table[i].text)) continue;
        t->kind = table[i].kind;
        t->len = strlen(table[i].text);
        l->pos += t->len;
        return bracket(l, t);
    }
    char shown[8] = {0};
    uint32_t cp;
    memcpy(shown, t->s, utf8_decode(t->s, l->src->len - l->pos, &cp));
    return source_fault(l->src, l->pos, ERR_FORMAT, l->e, "the character \"%s\" has no meaning here", shown);
}

static int inside(struct lexer *l, struct token *t)
{
    const struct source *s = l->src;
    bool block = l->inside == T_BLOCK_BEGIN;
    size_t at = l->pos, end = 0;
    if (!l->n_brackets) end = tag_end(s, at, block ? "%}" : "}}", block, block);
    if (!end && (at = skip_space(s, l->pos)) > l->pos && !l->n_brackets)
        end = tag_end(s, at, block ? "%}" : "}}", block, block);
    l->pos = at;
    *t = (struct token){.at = (uint32_t)at, .s = s->text + at};
    if (end) {
        t->kind = block ? T_BLOCK_END : T_VARIABLE_END;
        t->len = 2;
        l->inside = T_DATA;
        l->pos = end;
        return OK;
    }
    if (at == s->len) return OK; /* T_END */
    char c = s->text[at];
    if (c == '"' || c == '\'') return string(l, t);
    if (c >= '0' && c <= '9') return number(l, t);
    end = name_end(s, at);
    if (end == at) return operator_token(l, t);
    t->kind = T_NAME;
    t->len = end - at;
    l->pos = end;
    return OK;
}

int lexer_next(struct lexer *l, struct token *t)
{
    for (;;) {
        if (l->queued) {
            l->queued = false;
            *t = l->queue;
            return OK;
        }
        if (l->inside != T_DATA) return inside(l, t);
        TRY(outside(l, t));
        if (t->kind != T_DATA || t->len) return OK;
    }
}
