/* A tokenizer as plain arrays, which is how GGUF carries it. */
#include "base/checked.h"
#include "base/log.h"
#include "base/mem.h"
#include "text/pretok_table.h"
#include "text/vocab.h"
#include <stdlib.h>

enum { MAX_MARKER_WORK = 1 << 28 }; /* merges looked at for markers among ordinary tokens */

struct tokenizer_parts_owned {
    const char **tokens, **merges;
    size_t *token_len, *merge_len;
    int32_t *types;
    float *scores;
    char *text;
};

static uint8_t token_type(int32_t gguf, enum tokenizer_model model)
{
    bool known = gguf == TOKEN_NORMAL || gguf == TOKEN_CONTROL || gguf == TOKEN_USER || gguf == TOKEN_UNKNOWN;
    return known || (gguf == TOKEN_BYTE && model == TOKENIZER_SPM) ? (uint8_t)gguf : TOKEN_UNUSED;
}

static int check_parts(const struct tokenizer_parts *p, const char *name, struct err *e)
{
    const int32_t ids[] = {p->bos, p->eos, p->pad};
    static const char *const what[] = {"bos", "eos", "pad"};
    if (p->model == TOKENIZER_SPM && !p->scores) FAIL(e, ERR_UNSUPPORTED, "%s: tokens without scores", name);
    if (p->model == TOKENIZER_BYTES && !p->pre) FAIL(e, ERR_UNSUPPORTED, "%s: no pre-tokenizer is named", name);
    if (p->n_tokens == 0 || p->n_tokens > TOK_MAX_VOCAB)
        FAIL(e, ERR_LIMIT, "%s: %zu tokens, expected 1 to %d", name, p->n_tokens, TOK_MAX_VOCAB);
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        if (ids[i] < -1 || (ids[i] >= 0 && (size_t)ids[i] >= p->n_tokens))
            FAIL(e, ERR_FORMAT, "%s: %s token is %d, expected -1 to %zu", name, what[i], ids[i], p->n_tokens - 1);
    if (p->add_bos && p->bos < 0) FAIL(e, ERR_FORMAT, "%s: a bos token is wanted but none is named", name);
    return OK;
}

static int add_merges(struct tokenizer *t, const struct tokenizer_parts *p, const char *name, struct err *e)
{
    if (p->model == TOKENIZER_SPM) return spm_merges(t, p->scores, name, e);
    TRY(vocab_reserve_merges(t, p->n_merges, name, e));
    for (size_t i = 0; i < p->n_merges; i++) {
        const char *s = p->merges[i], *gap = memchr(s, ' ', p->merge_len[i]);
        if (!gap) FAIL(e, ERR_FORMAT, "%s: merge %zu has no space between its parts", name, i);
        size_t na = (size_t)(gap - s);
        TRY(vocab_add_merge(t, s, na, gap + 1, p->merge_len[i] - na - 1, name, e));
    }
    return OK;
}

bool tokenizer_pre_adds_bos(const char *pre)
{
    const char *own;
    const struct pretok_entry *en = pretok_entry_find(pre, &own);
    return en && (en->kind == KIND_LLAMA3 || en->kind == KIND_TEKKEN) && en->ignore_merges;
}

/* Files exist that call every token ordinary. One that is spelled like a marker and that no merge makes cannot come out of
 * text: it is the marker. <|name|> is a control token, <name> and [NAME] are added ones. */
static uint8_t marker_type(const char *s, size_t len)
{
    static const struct {
        const char *front, *back;
        uint8_t type;
    } shapes[] = {{"<|", "|>", TOKEN_CONTROL},
                  {"<\xef\xbd\x9c", "\xef\xbd\x9c>", TOKEN_CONTROL},
                  {"<", ">", TOKEN_USER},
                  {"[", "]", TOKEN_USER}};
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        size_t a = strlen(shapes[i].front), b = strlen(shapes[i].back);
        if (len <= a + b || memcmp(s, shapes[i].front, a) || memcmp(s + len - b, shapes[i].back, b)) continue;
        bool word = true;
        for (size_t k = a; k < len - b; k++) word &= !strchr(" <>[]=\"'\t\n", s[k]);
        return word ? shapes[i].type : TOKEN_NORMAL;
    }
    return TOKEN_NORMAL;
}

static bool merges_make(const struct tokenizer_parts *p, const char *s, size_t len)
{
    for (size_t i = 0; i < p->n_merges; i++) {
        const char *m = p->merges[i], *gap = p->merge_len[i] == len + 1 ? memchr(m, ' ', p->merge_len[i]) : NULL;
        size_t n = gap ? (size_t)(gap - m) : 0;
        if (gap && !memcmp(m, s, n) && !memcmp(gap + 1, s + n, len - n)) return true;
    }
    return false;
}

/* SentencePiece: whether two tokens together spell this one. */
static bool tokens_make(const struct tokenizer_parts *p, const char *s, size_t len)
{
    uint64_t fronts = 0, backs = 0; /* bit n: a token is the first n bytes; the last len - n */
    if (len > 63) return false;
    for (size_t i = 0; i < p->n_tokens; i++) {
        const char *t = p->tokens[i];
        size_t n = p->token_len[i];
        if (n == 0 || n >= len) continue;
        if (t[0] == s[0] && !memcmp(t, s, n)) fronts |= (uint64_t)1 << n;
        if (t[n - 1] == s[len - 1] && !memcmp(t, s + len - n, n)) backs |= (uint64_t)1 << (len - n);
    }
    return (fronts & backs) != 0;
}

static size_t retype_markers(struct token_src *src, const struct tokenizer_parts *p)
{
    size_t work = 0, found = 0;
    bool spm = p->model == TOKENIZER_SPM;
    for (size_t i = 0; i < p->n_tokens && work < MAX_MARKER_WORK; i++) {
        uint8_t type = src[i].type == TOKEN_NORMAL ? marker_type(src[i].s, src[i].len) : TOKEN_NORMAL;
        if (type == TOKEN_NORMAL || (spm && src[i].s[0] != '<')) continue;
        work += spm ? p->n_tokens : p->n_merges;
        if ((spm ? tokens_make : merges_make)(p, src[i].s, src[i].len)) continue;
        src[i].type = spm ? TOKEN_CONTROL : type; /* added tokens of SentencePiece are taken where text spells them */
        found++;
    }
    return found;
}

static int by_text(const void *a, const void *b)
{
    const struct token_src *const *x = a, *const *y = b;
    size_t n = (*x)->len < (*y)->len ? (*x)->len : (*y)->len;
    int c = n ? memcmp((*x)->s, (*y)->s, n) : 0;
    return c ? c : ((*x)->len > (*y)->len) - ((*x)->len < (*y)->len);
}

/* Tokens that are typed as unused, or not at all, are ordinary ones where merges make them: llama.cpp does not look at the
 * type there. */
static int retype_unused(struct token_src *src, const struct tokenizer_parts *p, size_t *found, struct err *e)
{
    struct token_src **v;
    struct buf both = {0};
    size_t n = 0;
    *found = 0;
    for (size_t i = 0; i < p->n_tokens; i++)
        n += src[i].type == TOKEN_UNUSED && src[i].len && marker_type(src[i].s, src[i].len) == TOKEN_NORMAL;
    if (n == 0 || p->model != TOKENIZER_BYTES) return OK;
    TRY(mem_new((void **)&v, n * sizeof *v, "vocabulary", e));
    n = 0;
    for (size_t i = 0; i < p->n_tokens; i++)
        if (src[i].type == TOKEN_UNUSED && src[i].len && marker_type(src[i].s, src[i].len) == TOKEN_NORMAL) v[n++] = &src[i];
    qsort(v, n, sizeof *v, by_text);
    for (size_t i = 0; i < p->n_merges; i++) {
        const char *m = p->merges[i], *gap = memchr(m, ' ', p->merge_len[i]);
        if (!gap) continue;
        buf_clear(&both);
        buf_add(&both, m, (size_t)(gap - m));
        buf_add(&both, gap + 1, p->merge_len[i] - (size_t)(gap - m) - 1);
        struct token_src key = {.s = both.data ? both.data : "", .len = both.len}, *k = &key;
        struct token_src **hit = bsearch(&k, v, n, sizeof *v, by_text);
        if (!hit || (*hit)->type == TOKEN_NORMAL) continue;
        (*hit)->type = TOKEN_NORMAL;
        ++*found;
    }
    mem_free(v);
    int rc = buf_check(&both, "a merge", e);
    buf_free(&both);
    return rc;
}

/* llama.cpp finds the tokens of single bytes by their names. */
static size_t retype_bytes(struct token_src *src, const struct tokenizer_parts *p)
{
    size_t found = 0;
    for (size_t i = 0; p->model == TOKENIZER_SPM && i < p->n_tokens; i++) {
        if (src[i].type != TOKEN_NORMAL || spm_byte(src[i].s, src[i].len) < 0) continue;
        src[i].type = TOKEN_BYTE;
        found++;
    }
    return found;
}

/* A NUL cannot be said in tokenizer.json, nor typed: what has one is no token. */
static size_t drop_nul(struct token_src *src, size_t n)
{
    size_t found = 0;
    for (size_t i = 0; i < n; i++) {
        if (!src[i].len || !memchr(src[i].s, 0, src[i].len)) continue;
        src[i] = (struct token_src){.s = "", .type = TOKEN_UNUSED};
        found++;
    }
    return found;
}

static int retype(struct token_src *src, const struct tokenizer_parts *p, const char *name, struct err *e)
{
    size_t unused;
    TRY(retype_unused(src, p, &unused, e));
    size_t bytes = retype_bytes(src, p), markers = retype_markers(src, p), nul = drop_nul(src, p->n_tokens);
    if (bytes || (markers && p->types))
        log_warn("%s: tokens typed as ordinary which by their names are markers or bytes, and are taken as such: %zu", name,
                 bytes + markers);
    if (nul) log_warn("%s: tokens that hold a NUL byte and are ignored: %zu", name, nul);
    if (unused) log_warn("%s: tokens typed as unused which merges make, and which are used: %zu", name, unused);
    return OK;
}

/* The tokens with their merges. */
static int build(struct tokenizer **out, const struct tokenizer_parts *p, const char *name, struct err *e)
{
    struct token_src *src;
    TRY(mem_new((void **)&src, p->n_tokens * sizeof *src, "vocabulary", e));
    for (size_t i = 0; i < p->n_tokens; i++)
        src[i] = (struct token_src){.s = p->tokens[i],
                                    .len = p->token_len[i],
                                    .type = p->types ? token_type(p->types[i], p->model) : TOKEN_NORMAL};
    int rc = retype(src, p, name, e);
    /* Files without types: the tokens that begin and end a text are never ordinary. */
    const int32_t ids[] = {p->bos, p->eos, p->pad};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        if (ids[i] >= 0 && src[ids[i]].type != TOKEN_UNKNOWN) src[ids[i]].type = TOKEN_CONTROL;
    if (!rc) rc = vocab_new(out, &(struct vocab_src){src, p->n_tokens, p->model, .last_found = true}, name, e);
    mem_free(src);
    return rc ? rc : add_merges(*out, p, name, e);
}

int tokenizer_from_parts(struct tokenizer **out, const struct tokenizer_parts *p, const char *name, struct err *e)
{
    const char *own, *pre = p->model == TOKENIZER_BYTES ? p->pre : NULL;
    *out = NULL;
    TRY(check_parts(p, name, e));
    int rc = build(out, p, name, e);
    if (rc == OK) {
        const struct pretok_entry *en = pre ? pretok_entry_find(pre, &own) : NULL;
        (*out)->ignore_merges = en && en->ignore_merges;
        (*out)->prefix = p->model == TOKENIZER_SPM && p->add_space_prefix ? PREFIX_ALWAYS : PREFIX_NONE;
        rc = vocab_finish(*out, pre, name, e);
    }
    if (rc) {
        tokenizer_free(*out);
        *out = NULL;
        return rc;
    }
    (*out)->bos = p->bos;
    (*out)->eos = p->eos;
    (*out)->pad = p->pad;
    (*out)->add_bos = p->add_bos;
    return OK;
}

/* All strings, one after the other, each ending in NUL; lengths first, then (the text no longer moves) pointers. */
static int fill(struct tokenizer_parts_owned *o, const struct tokenizer *t, size_t n_merges, struct err *e)
{
    struct buf b = {0};
    for (int32_t id = 0; id < t->n; id++) {
        size_t at = b.len;
        vocab_spell(&b, t, id);
        o->token_len[id] = b.len - at;
        o->types[id] = t->type[id];
        buf_add_byte(&b, 0);
    }
    for (size_t i = 0; i < n_merges; i++) {
        size_t at = b.len;
        vocab_spell(&b, t, t->merges[i].left);
        buf_add_byte(&b, ' ');
        vocab_spell(&b, t, t->merges[i].right);
        o->merge_len[i] = b.len - at;
        buf_add_byte(&b, 0);
    }
    o->text = b.data;
    TRY(buf_check(&b, "the vocabulary", e));
    const char *p = b.data;
    for (int32_t id = 0; id < t->n; p += o->token_len[id++] + 1) o->tokens[id] = p;
    for (size_t i = 0; i < n_merges; p += o->merge_len[i++] + 1) o->merges[i] = p;
    return OK;
}

int tokenizer_to_parts(const struct tokenizer *t, struct tokenizer_parts *p, struct tokenizer_parts_owned **owned,
                       struct err *e)
{
    struct tokenizer_parts_owned *o;
    *owned = NULL;
    bool spm = t->model == TOKENIZER_SPM;
    const char *pre = spm ? "default" : pretok_name_for(t->pre, t->ignore_merges);
    if (!pre || (spm && t->ignore_merges))
        FAIL(e, ERR_UNSUPPORTED, "pre-tokenizer \"%s\" with ignore_merges %s has no name outside tokenizer.json",
             tokenizer_pre(t), t->ignore_merges ? "on" : "off");
    if (t->prefix == PREFIX_FIRST || t->prefix == PREFIX_EACH)
        FAIL(e, ERR_UNSUPPORTED, "a space only before text that has none has no name outside tokenizer.json");
    TRY(mem_new((void **)&o, sizeof *o, "vocabulary", e));
    size_t n = (size_t)t->n, n_merges = spm ? 0 : t->n_merges;
    int rc = mem_new((void **)&o->tokens, n * sizeof *o->tokens, "vocabulary", e);
    if (rc == OK) rc = mem_new((void **)&o->token_len, n * sizeof *o->token_len, "vocabulary", e);
    if (rc == OK) rc = mem_new((void **)&o->types, n * sizeof *o->types, "vocabulary", e);
    if (rc == OK) rc = mem_new((void **)&o->merges, n_merges * sizeof *o->merges, "merges", e);
    if (rc == OK) rc = mem_new((void **)&o->merge_len, n_merges * sizeof *o->merge_len, "merges", e);
    if (rc == OK && spm) rc = mem_new((void **)&o->scores, n * sizeof *o->scores, "scores", e);
    if (rc == OK && spm) rc = spm_scores(t, o->scores, e);
    if (rc == OK) rc = fill(o, t, n_merges, e);
    if (rc) {
        tokenizer_parts_free(o);
        return rc;
    }
    *p = (struct tokenizer_parts){.n_tokens = n,
                                  .n_merges = n_merges,
                                  .tokens = o->tokens,
                                  .token_len = o->token_len,
                                  .types = o->types,
                                  .merges = o->merges,
                                  .merge_len = o->merge_len,
                                  .pre = pre,
                                  .bos = t->bos,
                                  .eos = t->eos,
                                  .pad = t->pad,
                                  .add_bos = t->add_bos,
                                  .model = t->model,
                                  .scores = o->scores,
                                  .add_space_prefix = t->prefix == PREFIX_ALWAYS};
    *owned = o;
    return OK;
}

void tokenizer_parts_free(struct tokenizer_parts_owned *o)
{
    if (!o) return;
    mem_free(o->tokens);
    mem_free(o->merges);
    mem_free(o->token_len);
    mem_free(o->merge_len);
    mem_free(o->types);
    mem_free(o->scores);
    mem_free(o->text);
    mem_free(o);
}
