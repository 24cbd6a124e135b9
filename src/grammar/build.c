/* Expressions and rules as tables that grow. */
#include "grammar/build.h"
#include "grammar/room.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INLINE_REPEAT = 512 }; /* copies times size of what is repeated; beyond, a rule counts */

int build_init(struct build *b, struct err *e)
{
    *b = (struct build){.max_depth = GRAMMAR_MAX_DEPTH, .e = e};
    b->rc = ROOM(b->exprs, b->cap_exprs, 0, 64, GRAMMAR_MAX_EXPRS, "expressions", e);
    if (b->rc) return b->rc;
    b->exprs[0] = (struct expr){.kind = EXPR_NEVER};
    b->exprs[1] = (struct expr){.kind = EXPR_EMPTY};
    b->n_exprs = 2;
    return OK;
}

void build_free(struct build *b)
{
    mem_free(b->exprs);
    mem_free(b->rules);
    mem_free(b->ranges);
    mem_free(b->list);
    mem_free(b->arrows);
    buf_free(&b->bytes);
    *b = (struct build){0};
}

uint32_t build_fail(struct build *b, enum err_code code, const char *fmt, ...)
{
    char text[sizeof b->e->msg];
    if (b->rc) return 0;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    b->rc = err_set(b->e, code, __FILE__, __LINE__, "%s", text);
    return 0;
}

static uint32_t add(struct build *b, struct expr x)
{
    if (b->rc) return 0;
    if (x.depth > 2 * GRAMMAR_MAX_NESTING)
        return build_fail(b, ERR_LIMIT, "grammar: expressions nested deeper than %d", 2 * GRAMMAR_MAX_NESTING);
    b->rc = ROOM(b->exprs, b->cap_exprs, b->n_exprs, 1, GRAMMAR_MAX_EXPRS, "expressions", b->e);
    if (b->rc) return 0;
    b->exprs[b->n_exprs] = x;
    return (uint32_t)b->n_exprs++;
}

void exprs_add(struct build *b, struct expr_list *l, uint32_t x)
{
    if (b->rc) return;
    b->rc = ROOM(l->v, l->cap, l->n, 1, GRAMMAR_MAX_EXPRS, "expressions", b->e);
    if (!b->rc) l->v[l->n++] = x;
}

void exprs_free(struct expr_list *l)
{
    mem_free(l->v);
    *l = (struct expr_list){0};
}

static uint16_t above(const struct build *b, uint32_t x) { return (uint16_t)(b->exprs[x].depth + 1); }

uint32_t build_never(struct build *b) { return (void)b, 0; }
uint32_t build_empty(struct build *b) { return b->rc ? 0 : 1; }

uint32_t build_bytes(struct build *b, uint8_t lo, uint8_t hi)
{
    return lo > hi ? 0 : add(b, (struct expr){.kind = EXPR_BYTES, .a = lo, .b = hi});
}

uint32_t build_text(struct build *b, const char *s, size_t len)
{
    if (b->rc) return 0;
    if (len == 0) return build_empty(b);
    if (len > GRAMMAR_MAX_BYTES - b->bytes.len)
        return build_fail(b, ERR_LIMIT, "grammar: more than %d bytes of literals", GRAMMAR_MAX_BYTES);
    struct expr x = {.kind = EXPR_TEXT, .a = (uint32_t)b->bytes.len, .b = (uint32_t)len};
    buf_add(&b->bytes, s, len);
    b->rc = buf_check(&b->bytes, "literals of a grammar", b->e);
    return add(b, x);
}

uint32_t build_str(struct build *b, const char *s) { return build_text(b, s, strlen(s)); }

uint32_t build_token(struct build *b, int32_t id)
{
    uint8_t s[TOKEN_SPELLED];
    if (id < 0 || id >= 1 << 20) return build_fail(b, ERR_FORMAT, "grammar: token %d, expected 0 to %d", id, (1 << 20) - 1);
    token_spell(s, id);
    return build_text(b, (const char *)s, sizeof s);
}

/* ---- characters ---- */

static int by_lo(const void *a, const void *b)
{
    const struct char_range *x = a, *y = b;
    return x->lo < y->lo ? -1 : x->lo > y->lo;
}

size_t ranges_tidy(struct char_range *r, size_t n)
{
    size_t k = 0;
    if (n == 0) return 0;
    qsort(r, n, sizeof *r, by_lo);
    for (size_t i = 0; i < n; i++) {
        if (r[i].hi > 0x10FFFF) r[i].hi = 0x10FFFF;
        if (r[i].lo > r[i].hi) continue;
        if (k && r[i].lo <= r[k - 1].hi + 1) {
            if (r[i].hi > r[k - 1].hi) r[k - 1].hi = r[i].hi;
        } else r[k++] = r[i];
    }
    return k;
}

uint32_t build_chars(struct build *b, const struct char_range *r, size_t n)
{
    enum { MOST = 1 << 20 };
    if (b->rc || n == 0) return 0;
    b->rc = ROOM(b->ranges, b->cap_ranges, b->n_ranges, n, MOST, "ranges of characters", b->e);
    if (b->rc) return 0;
    struct char_range *to = b->ranges + b->n_ranges;
    memcpy(to, r, n * sizeof *r);
    size_t k = ranges_tidy(to, n);
    if (k == 0) return 0;
    struct expr x = {.kind = EXPR_CHARS, .a = (uint32_t)b->n_ranges, .b = (uint32_t)k};
    b->n_ranges += k;
    return add(b, x);
}

/* ---- putting together ---- */

static uint32_t add_list(struct build *b, enum expr_kind kind, const uint32_t *list, size_t n)
{
    enum { MOST = 1 << 22 };
    if (b->rc) return 0;
    struct expr x = {.kind = (uint8_t)kind, .a = (uint32_t)b->n_list, .b = (uint32_t)n};
    b->rc = ROOM(b->list, b->cap_list, b->n_list, n, MOST, "parts of expressions", b->e);
    if (b->rc) return 0;
    for (size_t i = 0; i < n; i++) {
        b->list[b->n_list++] = list[i];
        if (above(b, list[i]) > x.depth) x.depth = above(b, list[i]);
    }
    return add(b, x);
}

uint32_t build_seq(struct build *b, const uint32_t *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == 0) return 0;
    if (n == 0) return build_empty(b);
    return n == 1 ? list[0] : add_list(b, EXPR_SEQ, list, n);
}

uint32_t build_alt(struct build *b, const uint32_t *list, size_t n)
{
    if (n == 0) return 0;
    return n == 1 ? list[0] : add_list(b, EXPR_ALT, list, n);
}

uint32_t build_seq2(struct build *b, uint32_t x, uint32_t y) { return build_seq(b, (uint32_t[]){x, y}, 2); }

uint32_t build_alt2(struct build *b, uint32_t x, uint32_t y)
{
    if (x == 0 || y == 0) return x + y;
    return build_alt(b, (uint32_t[]){x, y}, 2);
}

uint32_t build_optional(struct build *b, uint32_t x) { return build_alt2(b, x, build_empty(b)); }

/* States that x takes, about; no more than `most`. */
static uint32_t size_of(const struct build *b, uint32_t x, uint32_t most)
{
    const struct expr *p = &b->exprs[x];
    uint64_t n = 1;
    switch (p->kind) {
    case EXPR_TEXT: n = p->b; break;
    case EXPR_CHARS: n = 4 * (uint64_t)p->b; break;
    case EXPR_SEQ:
    case EXPR_ALT:
        for (uint32_t i = 0; i < p->b && n < most; i++) n += size_of(b, b->list[p->a + i], most);
        break;
    case EXPR_GRAPH:
        for (uint32_t i = 0; i < p->b && n < most; i++) n += size_of(b, b->arrows[p->a + i].expr, most);
        break;
    case EXPR_STRIP: n = size_of(b, p->a, most); break;
    case EXPR_REPEAT: n = (uint64_t)size_of(b, p->a, most) * (p->max == GRAMMAR_NO_MAX ? p->min + 1u : p->max); break;
    case EXPR_AND:
    case EXPR_MINUS: n = (uint64_t)size_of(b, p->a, most) + size_of(b, p->b, most); break;
    default: break;
    }
    return n > most ? most : (uint32_t)n;
}

static bool check_counts(struct build *b, uint32_t min, uint32_t max)
{
    if (min > max) build_fail(b, ERR_FORMAT, "grammar: a repetition of %u to %u times", min, max);
    else if (min > GRAMMAR_MAX_COUNT || (max > GRAMMAR_MAX_COUNT && max != GRAMMAR_NO_MAX))
        build_fail(b, ERR_LIMIT, "grammar: a repetition of more than %d times", GRAMMAR_MAX_COUNT);
    return b->rc == OK;
}

uint32_t build_counted(struct build *b, uint32_t x, uint32_t min, uint32_t max)
{
    if (!check_counts(b, min, max)) return 0;
    if (x == 0 || max == 0) return min ? 0 : build_empty(b);
    uint32_t body = b->exprs[x].kind == EXPR_RULE ? b->exprs[x].a : build_rule_new(b, RULE_KEPT);
    if (!build_ok(b)) return 0;
    if (b->exprs[x].kind != EXPR_RULE) build_rule_set(b, body, x);
    uint32_t r = build_rule_new(b, RULE_COUNTED);
    if (!build_ok(b)) return 0;
    b->rules[r] = (struct rule){.kind = RULE_COUNTED, .expr = body, .min = min, .max = max, .defined = true};
    return build_call(b, r);
}

uint32_t build_repeat(struct build *b, uint32_t x, uint32_t min, uint32_t max)
{
    if (!check_counts(b, min, max)) return 0;
    if (x == 0 || max == 0) return min ? 0 : build_empty(b);
    uint32_t copies = max == GRAMMAR_NO_MAX ? min : max;
    if (copies > 1 && (uint64_t)copies * size_of(b, x, INLINE_REPEAT) > INLINE_REPEAT) return build_counted(b, x, min, max);
    return build_copies(b, x, min, max);
}

uint32_t build_copies(struct build *b, uint32_t x, uint32_t min, uint32_t max)
{
    if (!check_counts(b, min, max)) return 0;
    if (x == 0 || max == 0) return min ? 0 : build_empty(b);
    return add(b, (struct expr){.kind = EXPR_REPEAT, .a = x, .min = min, .max = max, .depth = above(b, x)});
}

static uint32_t add_pair(struct build *b, enum expr_kind kind, uint32_t x, uint32_t y)
{
    if (b->rc) return 0;
    uint16_t dx = above(b, x), dy = above(b, y);
    return add(b, (struct expr){.kind = (uint8_t)kind, .a = x, .b = y, .depth = dx > dy ? dx : dy});
}

uint32_t build_and(struct build *b, uint32_t x, uint32_t y) { return x && y ? add_pair(b, EXPR_AND, x, y) : 0; }

uint32_t build_minus(struct build *b, uint32_t x, uint32_t y) { return x && y ? add_pair(b, EXPR_MINUS, x, y) : x; }

uint32_t build_strip(struct build *b, uint32_t x)
{
    if (b->rc || x == 0) return 0;
    return add(b, (struct expr){.kind = EXPR_STRIP, .a = x, .depth = above(b, x)});
}

uint32_t build_graph(struct build *b, uint32_t places, const struct arrow *arrows, size_t n)
{
    enum { MOST = 1 << 20 };
    if (b->rc) return 0;
    struct expr x = {.kind = EXPR_GRAPH, .a = (uint32_t)b->n_arrows, .min = places};
    b->rc = ROOM(b->arrows, b->cap_arrows, b->n_arrows, n, MOST, "arrows of a graph", b->e);
    if (b->rc) return 0;
    for (size_t i = 0; i < n; i++) {
        if (arrows[i].expr == 0) continue;
        b->arrows[b->n_arrows++] = arrows[i];
        if (above(b, arrows[i].expr) > x.depth) x.depth = above(b, arrows[i].expr);
    }
    x.b = (uint32_t)(b->n_arrows - x.a);
    return add(b, x);
}

/* ---- rules ---- */

uint32_t build_rule_new(struct build *b, enum rule_kind kind)
{
    if (b->rc) return 0;
    b->rc = ROOM(b->rules, b->cap_rules, b->n_rules, 1, GRAMMAR_MAX_RULES, "rules", b->e);
    if (b->rc) return 0;
    b->rules[b->n_rules] = (struct rule){.kind = (uint8_t)kind};
    return (uint32_t)b->n_rules++;
}

void build_rule_set(struct build *b, uint32_t rule, uint32_t expr)
{
    if (b->rc) return;
    b->rules[rule].expr = expr;
    b->rules[rule].defined = true;
}

void build_rule_name(struct build *b, uint32_t rule, const char *name, size_t len)
{
    uint32_t x = build_text(b, name, len);
    if (x < 2) return;
    b->rules[rule].name = b->exprs[x].a;
    b->rules[rule].name_len = b->exprs[x].b;
}

uint32_t build_call(struct build *b, uint32_t rule) { return add(b, (struct expr){.kind = EXPR_RULE, .a = rule}); }

uint32_t build_kept(struct build *b, uint32_t expr)
{
    if (expr == 0) return 0;
    uint32_t r = build_rule_new(b, RULE_KEPT);
    build_rule_set(b, r, expr);
    return build_call(b, r);
}
