/* The tokenizer's simple questions, special tokens, decoding, and lists of ids. */
#include "text/tokenizer.h"
#include "base/checked.h"
#include "base/mem.h"
#include "text/vocab.h"
#include <string.h>

/* Where a file does not say which tokens begin and end a text, these spellings do; the first that exists wins. */
static const char *const bos_names[] = {CHAT_BOS, "<|begin_of_text|>", "<|bos|>", "<bos>", "<s>", "<|endoftext|>"};
static const char *const eos_names[] = {CHAT_EOS, "<|end_of_text|>", "<|eos|>", "<eos>", "</s>", "<|endoftext|>", "<|im_end|>"};
static const char *const pad_names[] = {CHAT_PAD, "<|finetune_right_pad_id|>", "<|pad|>", "<pad>"};

static int32_t first_of(const struct tokenizer *t, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int32_t id = tokenizer_special(t, names[i]);
        if (id >= 0) return id;
    }
    return -1;
}

void vocab_guess_specials(struct tokenizer *t)
{
    t->bos = first_of(t, bos_names, ARRAY_LEN(bos_names));
    t->eos = first_of(t, eos_names, ARRAY_LEN(eos_names));
    t->pad = first_of(t, pad_names, ARRAY_LEN(pad_names));
}

static int check_special(const struct tokenizer *t, int32_t id, const char *what, struct err *e)
{
    if (id < -1 || id >= t->n) FAIL(e, ERR_FORMAT, "%s token is %d, expected -1 to %d", what, id, t->n - 1);
    if (id >= 0 && t->type[id] == TOKEN_NORMAL)
        FAIL(e, ERR_FORMAT, "%s token %d is an ordinary token of the vocabulary", what, id);
    return OK;
}

int tokenizer_set_specials(struct tokenizer *t, int32_t bos, int32_t eos, int32_t pad, bool add_bos, struct err *e)
{
    TRY(check_special(t, bos, "bos", e));
    TRY(check_special(t, eos, "eos", e));
    TRY(check_special(t, pad, "pad", e));
    if (add_bos && bos < 0) FAIL(e, ERR_FORMAT, "add_bos without a bos token");
    t->bos = bos;
    t->eos = eos;
    t->pad = pad;
    t->add_bos = add_bos;
    return OK;
}

int32_t tokenizer_vocab(const struct tokenizer *t) { return t->n; }
int32_t tokenizer_bos(const struct tokenizer *t) { return t->bos; }
int32_t tokenizer_eos(const struct tokenizer *t) { return t->eos; }
int32_t tokenizer_pad(const struct tokenizer *t) { return t->pad; }
bool tokenizer_add_bos(const struct tokenizer *t) { return t->add_bos; }
const char *tokenizer_pre(const struct tokenizer *t) { return t->pre ? pretok_name(t->pre) : "default"; }
enum tokenizer_model tokenizer_model(const struct tokenizer *t) { return t->model; }
bool tokenizer_has_prefix(const struct tokenizer *t) { return t->prefix != PREFIX_NONE; }

bool tokenizer_has_flags(const struct tokenizer *t)
{
    bool normalises = t->nfc || t->model == TOKENIZER_SPM;
    for (int32_t id = 0; id < t->n; id++) {
        if (t->flags[id] & (FLAG_BEFORE | FLAG_AFTER)) return true;
        if (t->flags[id] & FLAG_TEXT && t->flags[id] & FLAG_WORD) return true;
        if (t->flags[id] & FLAG_TEXT && t->flags[id] & FLAG_NORMAL && normalises) return true;
    }
    return false;
}

bool tokenizer_is_control(const struct tokenizer *t, int32_t id)
{
    return id >= 0 && id < t->n && (t->type[id] == TOKEN_CONTROL || t->type[id] == TOKEN_UNKNOWN);
}

int32_t tokenizer_special(const struct tokenizer *t, const char *spelling)
{
    return vocab_find(t, spelling, strlen(spelling), true);
}

bool tokenizer_is_text(const struct tokenizer *t, int32_t id)
{
    if (id < 0 || id >= t->n) return false;
    return t->type[id] == TOKEN_NORMAL || t->type[id] == TOKEN_BYTE || (t->type[id] == TOKEN_USER && t->flags[id] & FLAG_TEXT);
}

const char *tokenizer_bytes(const struct tokenizer *t, int32_t id, size_t *len)
{
    *len = 0;
    if (id < 0 || id >= t->n) return "";
    *len = t->off[id + 1] - t->off[id];
    return *len ? t->bytes + t->off[id] : "";
}

int tokenizer_decode(const struct tokenizer *t, const int32_t *ids, size_t n, bool with_special, struct buf *out,
                     struct err *e)
{
    bool prefix = tokenizer_has_prefix(t);
    for (size_t i = 0; i < n; i++) {
        if (ids[i] < 0 || ids[i] >= t->n)
            FAIL(e, ERR_FORMAT, "token %d at position %zu, expected 0 to %d", ids[i], i, t->n - 1);
        if (tokenizer_is_control(t, ids[i]) && !with_special) continue;
        size_t len;
        const char *s = tokenizer_bytes(t, ids[i], &len);
        size_t skip = prefix && len && *s == ' ';
        buf_add(out, s + skip, len - skip);
        if (len) prefix = false;
    }
    return buf_check(out, "decoded text", e);
}

void tokens_free(struct tokens *t)
{
    mem_free(t->ids);
    *t = (struct tokens){0};
}

int tokens_reserve(struct tokens *t, size_t n, struct err *e)
{
    size_t want, bytes;
    if (add_size(t->n, n, &want) && want <= t->cap) return OK;
    size_t cap = t->cap < 64 ? 64 : t->cap * 2;
    if (cap < t->n + n) cap = t->n + n;
    if (!add_size(t->n, n, &want) || !mul_size(cap, sizeof *t->ids, &bytes))
        FAIL(e, ERR_LIMIT, "too many tokens: %zu and %zu", t->n, n);
    int32_t *p = mem_grow(t->ids, t->n * sizeof *t->ids, bytes);
    if (!p) FAIL(e, ERR_MEMORY, "out of memory: %zu token ids", cap);
    t->ids = p;
    t->cap = cap;
    return OK;
}

int tokens_add(struct tokens *t, int32_t id, struct err *e)
{
    if (t->n == t->cap) TRY(tokens_reserve(t, 1, e));
    t->ids[t->n++] = id;
    return OK;
}
