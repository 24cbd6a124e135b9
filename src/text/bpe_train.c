/* Training a tokenizer: pieces are counted as documents come in, merges are learnt at the end. Memory grows with the
 * number of different pieces, not with the text. */
#include "base/mem.h"
#include "text/bpe_learn.h"
#include "text/bytemap.h"
#include "base/utf8.h"
#include "text/vocab.h"
#include <string.h>

enum {
    MAX_WORD = 256, /* bytes; a longer piece counts as several, so that one cannot dominate the time */
    MAX_SPECIALS = 1024,
    PROGRESS_EVERY = 64,
};

struct bpe_trainer {
    int32_t vocab;
    struct token_src *specials; /* owns the spellings */
    size_t n_specials;
    struct pretok *pre;
    struct buf text; /* all different words, one after the other */
    struct word *words;
    size_t n_words, cap_words;
    uint32_t *table; /* word + 1 by its bytes, 0 free */
    size_t table_mask;
    struct err *e; /* of the bpe_trainer_add that is running */
};

static int copy_specials(struct bpe_trainer *t, const struct bpe_options *o, struct err *e)
{
    TRY(mem_new((void **)&t->specials, o->n_specials * sizeof *t->specials, "special tokens", e));
    for (size_t i = 0; i < o->n_specials; i++) {
        size_t len = strlen(o->specials[i]);
        if (len == 0 || utf8_valid_run(o->specials[i], len) != len)
            FAIL(e, ERR_USAGE, "special token %zu is empty or not valid UTF-8", i);
        for (size_t k = 0; k < i; k++)
            if (strcmp(o->specials[i], o->specials[k]) == 0)
                FAIL(e, ERR_USAGE, "special tokens %zu and %zu are the same", k, i);
        char *s = mem_strndup(o->specials[i], len);
        if (!s) FAIL(e, ERR_MEMORY, "out of memory: special tokens");
        t->specials[t->n_specials++] = (struct token_src){.s = s, .len = len, .type = TOKEN_CONTROL, .raw = true};
    }
    return OK;
}

int bpe_trainer_new(struct bpe_trainer **out, const struct bpe_options *o, struct err *e)
{
    struct bpe_trainer *t;
    *out = NULL;
    if (o->n_specials > MAX_SPECIALS)
        FAIL(e, ERR_USAGE, "%zu special tokens, expected at most %d", o->n_specials, MAX_SPECIALS);
    int32_t least = (int32_t)o->n_specials + 256;
    if (o->vocab < least || o->vocab > TOK_MAX_VOCAB)
        FAIL(e, ERR_USAGE, "a vocabulary of %d tokens, expected %d to %d", o->vocab, least, TOK_MAX_VOCAB);
    TRY(mem_new((void **)&t, sizeof *t, "training a tokenizer", e));
    t->vocab = o->vocab;
    t->table_mask = (1 << 12) - 1;
    int rc = mem_new((void **)&t->table, (t->table_mask + 1) * sizeof *t->table, "counting words", e);
    if (rc == OK) rc = copy_specials(t, o, e);
    if (rc == OK) rc = pretok_new(&t->pre, o->single_digits ? "smollm" : "deepseek-v3", e);
    if (rc) {
        bpe_trainer_free(t);
        return rc;
    }
    *out = t;
    return OK;
}

void bpe_trainer_free(struct bpe_trainer *t)
{
    if (!t) return;
    for (size_t i = 0; i < t->n_specials; i++) mem_free((char *)t->specials[i].s);
    mem_free(t->specials);
    pretok_free(t->pre);
    buf_free(&t->text);
    mem_free(t->words);
    mem_free(t->table);
    mem_free(t);
}

static int grow_table(struct bpe_trainer *t)
{
    size_t cap = (t->table_mask + 1) * 2;
    mem_free(t->table);
    TRY(mem_new((void **)&t->table, cap * sizeof *t->table, "counting words", t->e));
    t->table_mask = cap - 1;
    for (size_t w = 0; w < t->n_words; w++) {
        size_t i = hash_bytes(t->text.data + t->words[w].at, t->words[w].len) & t->table_mask;
        while (t->table[i]) i = (i + 1) & t->table_mask;
        t->table[i] = (uint32_t)w + 1;
    }
    return OK;
}

static int new_word(struct bpe_trainer *t, const char *s, size_t len, uint32_t *slot)
{
    if (t->n_words >= UINT32_MAX - 1) FAIL(t->e, ERR_LIMIT, "more than %u different words", UINT32_MAX - 1);
    if (t->n_words == t->cap_words) {
        size_t cap = t->cap_words ? t->cap_words * 2 : 4096;
        struct word *p = mem_grow(t->words, t->n_words * sizeof *p, cap * sizeof *p);
        if (!p) FAIL(t->e, ERR_MEMORY, "out of memory: %zu words", cap);
        t->words = p;
        t->cap_words = cap;
    }
    t->words[t->n_words] = (struct word){.at = t->text.len, .len = (uint32_t)len, .count = 1};
    buf_add(&t->text, s, len);
    TRY(buf_check(&t->text, "the words of the text", t->e));
    *slot = (uint32_t)++t->n_words;
    return t->n_words * 2 > t->table_mask ? grow_table(t) : OK;
}

static int count_word(struct bpe_trainer *t, const char *s, size_t len)
{
    size_t i = hash_bytes(s, len) & t->table_mask;
    for (; t->table[i]; i = (i + 1) & t->table_mask) {
        struct word *w = &t->words[t->table[i] - 1];
        if (w->len == len && memcmp(t->text.data + w->at, s, len) == 0) {
            w->count++;
            return OK;
        }
    }
    return new_word(t, s, len, &t->table[i]);
}

static int count_piece(struct bpe_trainer *t, const char *s, size_t len)
{
    while (len > MAX_WORD) {
        size_t cut = MAX_WORD; /* at the beginning of a character */
        while (cut > MAX_WORD - 4 && ((uint8_t)s[cut] & 0xC0) == 0x80) cut--;
        TRY(count_word(t, s, cut));
        s += cut;
        len -= cut;
    }
    return len > 1 ? count_word(t, s, len) : OK;
}

int bpe_trainer_add(struct bpe_trainer *t, const char *text, size_t len, struct err *e)
{
    struct pieces c;
    const char *piece;
    t->e = e;
    pieces_init(&c, t->pre, text, len);
    for (size_t n; (n = pieces_next(&c, &piece));) TRY(count_piece(t, piece, n));
    return OK;
}

/* The vocabulary while it grows. */
struct growing {
    struct buf text;       /* the bytes of all tokens */
    struct token_src *src; /* s is set at the end, when text no longer moves */
    uint64_t *at;
    size_t n;
    struct merge *merges;
    size_t n_merges, cap_merges;
    int32_t *table; /* id of an ordinary token by its bytes, -1 free */
    size_t mask;
};

static int32_t *growing_slot(const struct growing *g, const char *s, size_t len)
{
    size_t i = hash_bytes(s, len) & g->mask;
    while (g->table[i] >= 0 &&
           (g->src[g->table[i]].len != len || memcmp(g->text.data + g->at[g->table[i]], s, len) != 0))
        i = (i + 1) & g->mask;
    return &g->table[i];
}

/* Makes the last len bytes of the text a token. */
static void growing_add(struct growing *g, size_t len, uint8_t type)
{
    g->at[g->n] = g->text.len - len;
    g->src[g->n++] = (struct token_src){.len = len, .type = type, .raw = true};
}

static int growing_init(struct growing *g, const struct bpe_trainer *t, int32_t base_id[256], struct err *e)
{
    size_t cap = 1024, n = (size_t)t->vocab;
    while (cap < n * 2) cap *= 2;
    g->mask = cap - 1;
    TRY(mem_new((void **)&g->src, n * sizeof *g->src, "vocabulary", e));
    TRY(mem_new((void **)&g->at, n * sizeof *g->at, "vocabulary", e));
    TRY(mem_new((void **)&g->table, cap * sizeof *g->table, "vocabulary", e));
    memset(g->table, 0xFF, cap * sizeof *g->table);
    for (size_t i = 0; i < t->n_specials; i++) {
        buf_add(&g->text, t->specials[i].s, t->specials[i].len);
        growing_add(g, t->specials[i].len, TOKEN_CONTROL);
    }
    buf_reserve(&g->text, 256);
    TRY(buf_check(&g->text, "the vocabulary", e));
    for (int i = 0; i < 256; i++) {
        char b = (char)bytemap_order(i);
        base_id[(uint8_t)b] = (int32_t)g->n;
        buf_add_byte(&g->text, b);
        *growing_slot(g, &b, 1) = (int32_t)g->n;
        growing_add(g, 1, TOKEN_NORMAL);
    }
    return OK;
}

static void growing_free(struct growing *g)
{
    buf_free(&g->text);
    mem_free(g->src);
    mem_free(g->at);
    mem_free(g->merges);
    mem_free(g->table);
}

/* In a file, ordinary tokens in the printable alphabet and special ones share one list of keys: no merge may give a
 * token that is written like a special one. */
static bool is_special_spelling(const struct bpe_trainer *t, const char *s, size_t len, bool *failed)
{
    struct buf b = {0};
    bool found = false;
    bytemap_write(&b, s, len);
    for (size_t i = 0; i < t->n_specials && !found && !b.failed; i++)
        found = t->specials[i].len == b.len && memcmp(t->specials[i].s, b.data, b.len) == 0;
    *failed = b.failed;
    buf_free(&b);
    return found;
}

static int record_merge(struct growing *g, struct merge m, struct err *e)
{
    if (g->n_merges == g->cap_merges) {
        size_t cap = g->cap_merges ? g->cap_merges * 2 : 4096;
        struct merge *p = mem_grow(g->merges, g->n_merges * sizeof *p, cap * sizeof *p);
        if (!p) FAIL(e, ERR_MEMORY, "out of memory: %zu merges", cap);
        g->merges = p;
        g->cap_merges = cap;
    }
    g->merges[g->n_merges++] = m;
    return OK;
}

/* Takes the pair into the vocabulary: a merge, and a token unless its bytes are one already. */
static int take_pair(struct growing *g, const struct bpe_trainer *t, struct learner *l, struct merge m, struct err *e)
{
    if (m.result >= 0) return learner_merge(l, m.result, e);
    size_t at = g->text.len, len = g->src[m.left].len + g->src[m.right].len;
    bool failed;
    buf_reserve(&g->text, len);
    TRY(buf_check(&g->text, "the vocabulary", e));
    buf_add(&g->text, g->text.data + g->at[m.left], g->src[m.left].len);
    buf_add(&g->text, g->text.data + g->at[m.right], g->src[m.right].len);
    bool banned = is_special_spelling(t, g->text.data + at, len, &failed);
    if (failed) FAIL(e, ERR_MEMORY, "out of memory: comparing with special tokens");
    int32_t *slot = growing_slot(g, g->text.data + at, len);
    m.result = *slot;
    if (banned) learner_skip(l);
    if (banned || m.result >= 0) g->text.len = at;
    else {
        m.result = *slot = (int32_t)g->n;
        growing_add(g, len, TOKEN_NORMAL);
    }
    if (banned) return OK;
    TRY(record_merge(g, m, e));
    return learner_merge(l, m.result, e);
}

static int to_tokenizer(struct growing *g, const struct bpe_trainer *t, struct tokenizer **out, struct err *e)
{
    for (size_t i = 0; i < g->n; i++) g->src[i].s = g->text.data + g->at[i];
    TRY(vocab_new(out, &(struct vocab_src){.tokens = g->src, .n = g->n, .model = TOKENIZER_BYTES}, "trained tokenizer", e));
    TRY(vocab_reserve_merges(*out, g->n_merges, "trained tokenizer", e));
    for (size_t i = 0; i < g->n_merges; i++)
        TRY(vocab_put_merge(*out, g->merges[i], (uint32_t)i + 1, "trained tokenizer", e));
    TRY(vocab_finish(*out, pretok_name(t->pre), "trained tokenizer", e));
    (*out)->bos = t->n_specials > 0 ? 0 : -1;
    (*out)->eos = t->n_specials > 1 ? 1 : -1;
    (*out)->pad = t->n_specials > 2 ? 2 : -1;
    (*out)->add_bos = t->n_specials > 0;
    return OK;
}

int bpe_trainer_finish(struct bpe_trainer *t, struct tokenizer **out, void (*progress)(void *ctx, int done, int want),
                       void *ctx, struct err *e)
{
    struct growing g = {0};
    struct learner *l = NULL;
    int32_t base_id[256];
    struct merge best;
    *out = NULL;
    int rc = growing_init(&g, t, base_id, e);
    if (rc == OK) rc = learner_new(&l, t->words, t->n_words, t->text.data, t->text.len, base_id, e);
    int want = t->vocab - (int32_t)g.n, start = (int)g.n;
    while (rc == OK && g.n < (size_t)t->vocab && learner_best(l, &best)) {
        rc = take_pair(&g, t, l, best, e);
        if (progress && g.n_merges % PROGRESS_EVERY == 0) progress(ctx, (int)g.n - start, want);
    }
    if (rc == OK) rc = to_tokenizer(&g, t, out, e);
    if (rc == OK && progress) progress(ctx, (int)g.n - start, want);
    if (rc) {
        tokenizer_free(*out);
        *out = NULL;
    }
    learner_free(l);
    growing_free(&g);
    return rc;
}
