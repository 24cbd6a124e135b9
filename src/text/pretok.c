/* Pre-tokenizers on PCRE2 with its just-in-time compiler. Codes are shared by threads; the match data, PCRE2's only
 * mutable part, belongs to one pretok_split call. Where the system refuses executable memory, the interpreter runs. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/pretok.h"
#include "base/mem.h"
#include "text/pretok_table.h"
#include "base/utf8.h"
#include <pcre2.h>
#include <string.h>

/* Unicode's White_Space. PCRE2's own \s has one more, U+180E, which Unicode 6.3 took out of the set. */
#define SPACES                                                                                                         \
    "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}"

struct rule {
    pcre2_code *code;
    bool jit;
};

struct pretok {
    const struct pretok_entry *entry;
    const char *name;
    int n_rules;
    struct rule rules[PRETOK_MAX_RULES];
    pcre2_general_context *memory;
    pcre2_match_context *limits;
};

static void *pcre_alloc(size_t n, void *ctx)
{
    (void)ctx;
    return mem_alloc(n);
}

static void pcre_release(void *p, void *ctx)
{
    (void)ctx;
    mem_free(p);
}

/* The pattern with \s and \S replaced by explicit sets (see SPACES). */
static void expand_spaces(struct buf *b, const char *pattern)
{
    bool in_class = false;
    for (const char *p = pattern; *p; p++) {
        if (*p == '\\' && p[1] == 's') {
            buf_add_str(b, in_class ? SPACES : "[" SPACES "]");
            p++;
        } else if (*p == '\\' && p[1] == 'S') { /* never inside a class in our table */
            buf_add_str(b, "[^" SPACES "]");
            p++;
        } else if (*p == '\\') {
            buf_add(b, p, 2);
            p++;
        } else {
            if (*p == '[') in_class = true;
            if (*p == ']') in_class = false;
            buf_add_byte(b, *p);
        }
    }
}

static int compile(struct pretok *p, const struct pretok_rule *r, struct err *e)
{
    struct rule *rule = &p->rules[p->n_rules];
    struct buf b = {0};
    expand_spaces(&b, r->pcre ? r->pcre : r->pattern);
    int code = 0;
    size_t at = 0;
    pcre2_compile_context *cc = pcre2_compile_context_create(p->memory);
    int rc = buf_check(&b, "a pre-tokenizer rule", e);
    if (rc == OK && !cc) rc = err_set(e, ERR_MEMORY, __FILE__, __LINE__, "out of memory for a pre-tokenizer rule");
    if (rc == OK) {
        uint32_t flags = PCRE2_UTF | PCRE2_UCP | PCRE2_DOLLAR_ENDONLY;
        rule->code = pcre2_compile((PCRE2_SPTR)b.data, b.len, flags, &code, &at, cc);
        if (!rule->code) {
            PCRE2_UCHAR text[120] = {0};
            pcre2_get_error_message(code, text, sizeof text);
            rc = err_set(e, ERR_MEMORY, __FILE__, __LINE__, "pre-tokenizer %s, rule %d: %s at %zu", p->name, p->n_rules,
                         (const char *)text, at);
        }
    }
    pcre2_compile_context_free(cc);
    buf_free(&b);
    if (rc) return rc;
    rule->jit = pcre2_jit_compile(rule->code, PCRE2_JIT_COMPLETE) == 0;
    p->n_rules++;
    return OK;
}

int pretok_new(struct pretok **out, const char *name, struct err *e)
{
    const char *own;
    *out = NULL;
    const struct pretok_entry *entry = pretok_entry_find(name, &own);
    if (!entry) FAIL(e, ERR_UNSUPPORTED, "pre-tokenizer \"%.60s\" is not known", name);
    struct pretok *p;
    TRY(mem_new((void **)&p, sizeof *p, "pre-tokenizer", e));
    p->entry = entry;
    p->name = own;
    p->memory = pcre2_general_context_create(pcre_alloc, pcre_release, NULL);
    p->limits = p->memory ? pcre2_match_context_create(p->memory) : NULL;
    int rc = p->limits ? OK : err_set(e, ERR_MEMORY, __FILE__, __LINE__, "out of memory for a pre-tokenizer");
    if (rc == OK) {
        /* Our rules are linear; a limit would only make long inputs fail. */
        pcre2_set_match_limit(p->limits, UINT32_MAX);
        pcre2_set_depth_limit(p->limits, UINT32_MAX);
        pcre2_set_heap_limit(p->limits, UINT32_MAX);
    }
    for (const struct pretok_rule *r = entry->rules; rc == OK && r->pattern; r++) rc = compile(p, r, e);
    if (rc) {
        pretok_free(p);
        return rc;
    }
    *out = p;
    return OK;
}

void pretok_free(struct pretok *p)
{
    if (!p) return;
    for (int i = 0; i < p->n_rules; i++) pcre2_code_free(p->rules[i].code);
    pcre2_match_context_free(p->limits);
    pcre2_general_context_free(p->memory);
    mem_free(p);
}

const char *pretok_name(const struct pretok *p) { return p->name; }
bool pretok_ignore_merges(const struct pretok *p) { return p->entry->ignore_merges; }

/* One call of pretok_split. */
struct splitter {
    const struct pretok *p;
    pcre2_match_data *match;
    piece_fn fn;
    void *ctx;
    struct err *e;
};

/* Finds the next match of a rule in s at or after pos: 1 found, 0 none, negative: PCRE2's error. */
static int next_match(struct splitter *sp, const struct rule *r, const char *s, size_t len, size_t pos)
{
    int rc = PCRE2_ERROR_JIT_STACKLIMIT;
    if (r->jit) rc = pcre2_jit_match(r->code, (PCRE2_SPTR)s, len, pos, 0, sp->match, sp->p->limits);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT)
        rc = pcre2_match(r->code, (PCRE2_SPTR)s, len, pos, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, sp->match, sp->p->limits);
    if (rc == PCRE2_ERROR_NOMATCH) return 0;
    return rc < 0 ? rc : 1;
}

/* Applies rule `level` and all after it to valid UTF-8. Recursion is as deep as the table's longest list. */
static int split_rule(struct splitter *sp, int level, const char *s, size_t len)
{
    if (level == sp->p->n_rules) return sp->fn(sp->ctx, s, len);
    size_t done = 0;
    while (done < len) {
        int rc = next_match(sp, &sp->p->rules[level], s, len, done);
        if (rc == 0) break;
        if (rc < 0) FAIL(sp->e, ERR_LIMIT, "pre-tokenizer %s, rule %d: PCRE2 error %d", sp->p->name, level, rc);
        const size_t *m = pcre2_get_ovector_pointer(sp->match);
        size_t from = m[0], to = m[1]; /* the deeper levels overwrite m */
        if (to <= from) break;
        if (from > done) TRY(split_rule(sp, level + 1, s + done, from - done));
        TRY(split_rule(sp, level + 1, s + from, to - from));
        done = to;
    }
    return done < len ? split_rule(sp, level + 1, s + done, len - done) : OK;
}

int pretok_split(const struct pretok *p, const char *s, size_t len, piece_fn fn, void *ctx, struct err *e)
{
    struct splitter sp = {.p = p, .fn = fn, .ctx = ctx, .e = e};
    if (len == 0) return OK;
    sp.match = pcre2_match_data_create(1, p->memory);
    if (!sp.match) FAIL(e, ERR_MEMORY, "out of memory for a pre-tokenizer");
    int rc = OK;
    for (size_t i = 0; i < len && rc == OK;) {
        size_t valid = utf8_valid_run(s + i, len - i);
        if (valid) rc = split_rule(&sp, 0, s + i, valid);
        else rc = fn(ctx, s + i, 1);
        i += valid ? valid : 1;
    }
    pcre2_match_data_free(sp.match);
    return rc;
}
