/* A tokenizer as plain arrays, which is how GGUF carries it. */
#include "base/checked.h"
#include "base/mem.h"
#include "text/bytemap.h"
#include "text/vocab.h"
#include <string.h>

struct tokenizer_parts_owned {
    const char **tokens, **merges;
    size_t *token_len, *merge_len;
    int32_t *types;
    char *text;
};

static uint8_t token_type(int32_t gguf)
{
    return gguf == TOKEN_NORMAL || gguf == TOKEN_CONTROL || gguf == TOKEN_USER ? (uint8_t)gguf : TOKEN_UNUSED;
}

static int check_parts(const struct tokenizer_parts *p, const char *name, struct err *e)
{
    const int32_t ids[] = {p->bos, p->eos, p->pad};
    static const char *const what[] = {"bos", "eos", "pad"};
    if (!p->pre) FAIL(e, ERR_UNSUPPORTED, "%s: no pre-tokenizer is named", name);
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
    for (size_t i = 0; i < p->n_merges; i++) {
        const char *s = p->merges[i], *gap = memchr(s, ' ', p->merge_len[i]);
        if (!gap) FAIL(e, ERR_FORMAT, "%s: merge %zu has no space between its parts", name, i);
        size_t na = (size_t)(gap - s);
        TRY(vocab_add_merge(t, s, na, gap + 1, p->merge_len[i] - na - 1, name, e));
    }
    return OK;
}

int tokenizer_from_parts(struct tokenizer **out, const struct tokenizer_parts *p, const char *name, struct err *e)
{
    struct token_src *src;
    *out = NULL;
    TRY(check_parts(p, name, e));
    TRY(mem_new((void **)&src, p->n_tokens * sizeof *src, "vocabulary", e));
    for (size_t i = 0; i < p->n_tokens; i++)
        src[i] = (struct token_src){
            .s = p->tokens[i], .len = p->token_len[i], .type = p->types ? token_type(p->types[i]) : TOKEN_NORMAL};
    /* Files without types: the tokens that begin and end a text are never ordinary. */
    const int32_t ids[] = {p->bos, p->eos, p->pad};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        if (ids[i] >= 0) src[ids[i]].type = TOKEN_CONTROL;
    int rc = vocab_new(out, src, p->n_tokens, p->n_merges, name, e);
    mem_free(src);
    if (rc == OK) rc = add_merges(*out, p, name, e);
    if (rc == OK) rc = vocab_finish(*out, p->pre, name, e);
    if (rc) {
        tokenizer_free(*out);
        *out = NULL;
        return rc;
    }
    (*out)->ignore_merges = pretok_ignore_merges((*out)->pre);
    (*out)->bos = p->bos;
    (*out)->eos = p->eos;
    (*out)->pad = p->pad;
    (*out)->add_bos = p->add_bos;
    return OK;
}

static void spell(struct buf *b, const struct tokenizer *t, int32_t id)
{
    const char *s = t->bytes + t->off[id];
    size_t len = t->off[id + 1] - t->off[id];
    if (t->type[id] == TOKEN_NORMAL) bytemap_write(b, s, len);
    else buf_add(b, s, len);
}

/* All strings, one after the other, each ending in NUL; lengths first, then (the text no longer moves) pointers. */
static int fill(struct tokenizer_parts_owned *o, const struct tokenizer *t, struct err *e)
{
    struct buf b = {0};
    for (int32_t id = 0; id < t->n; id++) {
        size_t at = b.len;
        spell(&b, t, id);
        o->token_len[id] = b.len - at;
        o->types[id] = t->type[id];
        buf_add_byte(&b, 0);
    }
    for (size_t i = 0; i < t->n_merges; i++) {
        size_t at = b.len;
        spell(&b, t, t->merges[i].left);
        buf_add_byte(&b, ' ');
        spell(&b, t, t->merges[i].right);
        o->merge_len[i] = b.len - at;
        buf_add_byte(&b, 0);
    }
    o->text = b.data;
    TRY(buf_check(&b, "the vocabulary", e));
    const char *p = b.data;
    for (int32_t id = 0; id < t->n; p += o->token_len[id++] + 1) o->tokens[id] = p;
    for (size_t i = 0; i < t->n_merges; p += o->merge_len[i++] + 1) o->merges[i] = p;
    return OK;
}

int tokenizer_to_parts(const struct tokenizer *t, struct tokenizer_parts *p, struct tokenizer_parts_owned **owned,
                       struct err *e)
{
    struct tokenizer_parts_owned *o;
    *owned = NULL;
    if (t->ignore_merges != pretok_ignore_merges(t->pre))
        FAIL(e, ERR_UNSUPPORTED, "pre-tokenizer \"%s\" with ignore_merges %s has no name outside tokenizer.json",
             pretok_name(t->pre), t->ignore_merges ? "on" : "off");
    TRY(mem_new((void **)&o, sizeof *o, "vocabulary", e));
    size_t n = (size_t)t->n;
    int rc = mem_new((void **)&o->tokens, n * sizeof *o->tokens, "vocabulary", e);
    if (rc == OK) rc = mem_new((void **)&o->token_len, n * sizeof *o->token_len, "vocabulary", e);
    if (rc == OK) rc = mem_new((void **)&o->types, n * sizeof *o->types, "vocabulary", e);
    if (rc == OK) rc = mem_new((void **)&o->merges, t->n_merges * sizeof *o->merges, "merges", e);
    if (rc == OK) rc = mem_new((void **)&o->merge_len, t->n_merges * sizeof *o->merge_len, "merges", e);
    if (rc == OK) rc = fill(o, t, e);
    if (rc) {
        tokenizer_parts_free(o);
        return rc;
    }
    *p = (struct tokenizer_parts){.n_tokens = n,
                                  .n_merges = t->n_merges,
                                  .tokens = o->tokens,
                                  .token_len = o->token_len,
                                  .types = o->types,
                                  .merges = o->merges,
                                  .merge_len = o->merge_len,
                                  .pre = pretok_name(t->pre),
                                  .bos = t->bos,
                                  .eos = t->eos,
                                  .pad = t->pad,
                                  .add_bos = t->add_bos};
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
    mem_free(o->text);
    mem_free(o);
}
