/* JSON as expressions. */
#include "grammar/json_text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/checked.h"
#include "base/mem.h"
#include "grammar/grammar.h"

enum { MADE_SPACE, MADE_CHAR, MADE_STRING, MADE_VALUE, MADE_ANY_TEXT, MADE_OBJECT, MADE_ARRAY };

static uint32_t digits(struct build *b, uint32_t min, uint32_t max)
{
    return build_copies(b, build_bytes(b, '0', '9'), min, max);
}

uint32_t build_json_blank(struct build *b) { return build_optional(b, build_str(b, " ")); }

uint32_t build_json_space(struct build *b)
{
    uint32_t *made = &b->json[MADE_SPACE];
    if (*made || !build_ok(b)) return *made;
    uint32_t indent = build_alt2(b, build_copies(b, build_str(b, " "), 0, JSON_INDENT),
                                 build_copies(b, build_str(b, "\t"), 0, JSON_INDENT / 4));
    uint32_t line = build_kept(b, build_seq2(b, build_str(b, "\n"), indent));
    return *made = build_alt(b, (uint32_t[]){build_empty(b), build_str(b, " "), line}, 3);
}

/* ---- strings ---- */

static const struct char_range raw[] = {{0x20, 0x21}, {0x23, 0x5B}, {0x5D, 0x10FFFF}};

/* \uXXXX for any character, in pairs where it must be. */
static uint32_t hex_escape(struct build *b)
{
    uint32_t d = build_bytes(b, '0', '9'),
             h = build_alt(b, (uint32_t[]){d, build_bytes(b, 'a', 'f'), build_bytes(b, 'A', 'F')}, 3);
    uint32_t h2 = build_seq2(b, h, h), h3 = build_seq2(b, h2, h), d0 = build_str(b, "0"), c89ab, ccdef, cd;
    cd = build_alt2(b, build_str(b, "d"), build_str(b, "D"));
    c89ab = build_alt(b, (uint32_t[]){build_bytes(b, '8', '9'), build_bytes(b, 'a', 'b'), build_bytes(b, 'A', 'B')}, 3);
    ccdef = build_alt2(b, build_bytes(b, 'c', 'f'), build_bytes(b, 'C', 'F'));
    uint32_t d3 = build_copies(b, d0, 3, 3);
    uint32_t most = build_alt(b, (uint32_t[]){build_bytes(b, '1', '9'), build_bytes(b, 'a', 'c'), build_bytes(b, 'A', 'C'),
                                              build_bytes(b, 'e', 'f'), build_bytes(b, 'E', 'F')}, 5);
    uint32_t low = build_minus(b, build_seq2(b, d0, h3), build_seq2(b, d3, d0)); /* without U+0000 */
    uint32_t d_low = build_seq(b, (uint32_t[]){cd, build_bytes(b, '0', '7'), h2}, 3);
    uint32_t pair = build_seq(b, (uint32_t[]){cd, c89ab, h2, build_str(b, "\\u"), cd, ccdef, h2}, 7);
    return build_seq2(b, build_str(b, "u"), build_alt(b, (uint32_t[]){build_seq2(b, most, h3), low, d_low, pair}, 4));
}

uint32_t build_json_char(struct build *b)
{
    uint32_t *made = &b->json[MADE_CHAR];
    if (*made || !build_ok(b)) return *made;
    static const struct char_range simple[] = {{'"', '"'}, {'\\', '\\'}, {'/', '/'}, {'b', 'b'},
                                               {'f', 'f'}, {'n', 'n'},   {'r', 'r'}, {'t', 't'}};
    uint32_t after = build_alt2(b, build_chars(b, simple, ARRAY_LEN(simple)), hex_escape(b));
    return *made = build_alt2(b, build_chars(b, raw, ARRAY_LEN(raw)), build_seq2(b, build_str(b, "\\"), after));
}

/* A character that may not stand for itself. */
static size_t escape(uint32_t c, char out[8])
{
    static const char names[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    for (size_t i = 0; i + 1 < sizeof names; i += 2)
        if ((uint32_t)(uint8_t)names[i] == c) return (size_t)snprintf(out, 8, "\\%c", names[i + 1]);
    return (size_t)snprintf(out, 8, "\\u%04x", (unsigned)c & 0xFFFF);
}

uint32_t build_json_chars(struct build *b, const struct char_range *r, size_t n)
{
    struct char_range *own = NULL;
    uint32_t list[40];
    size_t n_own = 0, n_list = 0;
    char text[8];
    if (!build_ok(b) || n == 0) return 0;
    if (!(own = mem_array(3 * n, sizeof *own))) return build_fail(b, ERR_MEMORY, "grammar: out of memory for %zu ranges", n);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < ARRAY_LEN(raw); k++) {
            struct char_range part = {r[i].lo > raw[k].lo ? r[i].lo : raw[k].lo, r[i].hi < raw[k].hi ? r[i].hi : raw[k].hi};
            if (part.lo <= part.hi) own[n_own++] = part;
        }
    list[n_list++] = build_chars(b, own, n_own);
    mem_free(own);
    for (uint32_t c = 1; c <= 0x5C; c = c == 0x1F ? 0x22 : c == 0x22 ? 0x5C : c + 1)
        for (size_t i = 0; i < n; i++)
            if (r[i].lo <= c && c <= r[i].hi) {
                list[n_list++] = build_text(b, text, escape(c, text));
                break;
            }
    return build_alt(b, list, n_list);
}

uint32_t build_json_any_text(struct build *b)
{
    uint32_t *made = &b->json[MADE_ANY_TEXT];
    if (*made || !build_ok(b)) return *made;
    return *made = build_copies(b, build_json_chars(b, &(struct char_range){1, 0x10FFFF}, 1), 0, GRAMMAR_NO_MAX);
}

uint32_t build_json_escaped(struct build *b, const char *s, size_t len)
{
    struct buf t = {0};
    char text[8];
    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)s[i];
        if (c < 0x20 || c == '"' || c == '\\') buf_add(&t, text, escape(c, text));
        else buf_add_byte(&t, c);
    }
    if (build_ok(b)) b->rc = buf_check(&t, "a text of a grammar", b->e);
    uint32_t x = build_text(b, t.data, t.len);
    buf_free(&t);
    return x;
}

uint32_t build_json_quoted(struct build *b, uint32_t x)
{
    uint32_t q = build_str(b, "\"");
    return build_seq(b, (uint32_t[]){q, x, q}, 3);
}

uint32_t build_json_string(struct build *b)
{
    uint32_t *made = &b->json[MADE_STRING];
    if (*made || !build_ok(b)) return *made;
    return *made = build_kept(b, build_json_quoted(b, build_copies(b, build_json_char(b), 0, GRAMMAR_NO_MAX)));
}

/* ---- numbers ---- */

uint32_t build_json_integer(struct build *b)
{
    uint32_t nonzero = build_seq2(b, build_bytes(b, '1', '9'), digits(b, 0, JSON_DIGITS - 1));
    return build_seq2(b, build_optional(b, build_str(b, "-")), build_alt2(b, build_str(b, "0"), nonzero));
}

uint32_t build_json_number(struct build *b)
{
    uint32_t sign = build_alt(b, (uint32_t[]){build_empty(b), build_str(b, "+"), build_str(b, "-")}, 3);
    uint32_t e = build_alt2(b, build_str(b, "e"), build_str(b, "E"));
    uint32_t fraction = build_seq2(b, build_str(b, "."), digits(b, 1, JSON_FRACTION));
    uint32_t exponent = build_seq(b, (uint32_t[]){e, sign, digits(b, 1, 2)}, 3);
    return build_seq(b, (uint32_t[]){build_json_integer(b), build_optional(b, fraction), build_optional(b, exponent)}, 3);
}

/* ---- values ---- */

uint32_t build_json_member(struct build *b, uint32_t key, uint32_t value)
{
    return build_seq(b, (uint32_t[]){key, build_str(b, ":"), build_json_blank(b), value}, 4);
}

uint32_t build_json_next(struct build *b, uint32_t x)
{
    return build_seq(b, (uint32_t[]){build_str(b, ","), build_json_space(b), x}, 3);
}

/* Between brackets any number of items. */
static uint32_t listed(struct build *b, const char *open, uint32_t item, const char *close)
{
    uint32_t items = build_seq(
        b, (uint32_t[]){item, build_copies(b, build_json_next(b, item), 0, GRAMMAR_NO_MAX), build_json_space(b)}, 3);
    return build_seq(b, (uint32_t[]){build_str(b, open), build_json_space(b), build_optional(b, items), build_str(b, close)}, 4);
}

uint32_t build_json_value(struct build *b)
{
    uint32_t *made = &b->json[MADE_VALUE];
    if (*made || !build_ok(b)) return *made;
    uint32_t rule = build_rule_new(b, RULE_KEPT);
    *made = build_call(b, rule);
    uint32_t list[] = {build_json_object(b), build_json_array(b),   build_json_string(b), build_json_number(b),
                       build_str(b, "true"), build_str(b, "false"), build_str(b, "null")};
    build_rule_set(b, rule, build_alt(b, list, ARRAY_LEN(list)));
    return *made;
}

uint32_t build_json_object(struct build *b)
{
    uint32_t *made = &b->json[MADE_OBJECT];
    if (*made || !build_ok(b)) return *made;
    return *made = listed(b, "{", build_json_member(b, build_json_string(b), build_json_value(b)), "}");
}

uint32_t build_json_array(struct build *b)
{
    uint32_t *made = &b->json[MADE_ARRAY];
    if (*made || !build_ok(b)) return *made;
    return *made = listed(b, "[", build_json_value(b), "]");
}

/* ---- constants ---- */

static uint32_t constant_number(struct build *b, const json_t *v)
{
    char text[40];
    if (json_is_integer(v)) snprintf(text, sizeof text, "%lld", (long long)json_integer_value(v));
    else
        for (int digits_ = 15; digits_ <= 17; digits_++) { /* the shortest that reads back as the same */
            snprintf(text, sizeof text, "%.*g", digits_, json_real_value(v));
            if (strtod(text, NULL) == json_real_value(v)) break;
        }
    return build_str(b, text);
}

static uint32_t constant_list(struct build *b, const json_t *v)
{
    bool object = json_is_object(v);
    struct expr_list items = {0};
    size_t i;
    json_t *x;
    const char *key;
    if (object) json_object_foreach((json_t *)v, key, x) {
        uint32_t name = build_json_quoted(b, build_json_escaped(b, key, strlen(key)));
        uint32_t item = build_json_member(b, name, build_json_constant(b, x));
        exprs_add(b, &items, items.n ? build_json_next(b, item) : item);
    }
    else json_array_foreach((json_t *)v, i, x) {
        uint32_t item = build_json_constant(b, x);
        exprs_add(b, &items, items.n ? build_json_next(b, item) : item);
    }
    if (items.n) exprs_add(b, &items, build_json_space(b));
    uint32_t all = build_seq(b, items.v, items.n);
    exprs_free(&items);
    return build_seq(
        b, (uint32_t[]){build_str(b, object ? "{" : "["), build_json_space(b), all, build_str(b, object ? "}" : "]")},
        4);
}

uint32_t build_json_constant(struct build *b, const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT:
    case JSON_ARRAY: return constant_list(b, v);
    case JSON_STRING: return build_json_quoted(b, build_json_escaped(b, json_string_value(v), json_string_length(v)));
    case JSON_INTEGER:
    case JSON_REAL: return constant_number(b, v);
    case JSON_TRUE: return build_str(b, "true");
    case JSON_FALSE: return build_str(b, "false");
    case JSON_NULL: break;
    }
    return build_str(b, "null");
}

int grammar_from_json(struct grammar **out, bool object, struct err *e)
{
    struct build b;
    struct err own = {0};
    *out = NULL;
    TRY(build_init(&b, e ? e : &own));
    b.max_depth = GRAMMAR_JSON_DEPTH;
    uint32_t x = object ? build_json_object(&b) : build_json_value(&b);
    int rc = build_finish(&b, x, "JSON", out, e);
    build_free(&b);
    return rc;
}
