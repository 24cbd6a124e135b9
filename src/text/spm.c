/* SentencePiece's byte-pair model: Llama 2, Gemma. Its files have no merges but scores of tokens (Kudo and Richardson,
 * "SentencePiece", EMNLP 2018): of all neighbours that together are a token, the pair whose token has the highest
 * score merges first, the leftmost among equals. That is a list of merges whose priority is the score's rank. */
#include "base/checked.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "text/vocab.h"
#include <math.h>
#include <stdlib.h>

/* Every cut of a token is looked up; this bounds the work that a file can ask for. */
enum { MAX_TOKEN = 512 };

struct scored {
    float score;
    uint32_t left_len;
    struct merge m;
};

struct scored_list {
    struct scored *v;
    size_t n, cap;
};

int spm_byte(const char *s, size_t len)
{
    int v = 0;
    if (len != 6 || memcmp(s, "<0x", 3) != 0 || s[5] != '>') return -1;
    for (int i = 3; i < 5; i++) {
        char c = s[i];
        if (c >= '0' && c <= '9') v = v * 16 + c - '0';
        else if (c >= 'A' && c <= 'F') v = v * 16 + c - 'A' + 10;
        else return -1;
    }
    return v;
}

void spm_read(struct buf *b, const char *s, size_t len)
{
    for (const char *end = s + len; s < end;) {
        const char *p = memmem(s, (size_t)(end - s), SPM_SPACE, 3);
        buf_add(b, s, (size_t)((p ? p : end) - s));
        if (p) buf_add_byte(b, ' ');
        s = p ? p + 3 : end;
    }
}

static int add_pair(struct scored_list *l, const struct scored *pair, struct err *e)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 1 << 12;
        struct scored *v = mem_grow(l->v, l->n * sizeof *v, cap * sizeof *v);
        if (!v) FAIL(e, ERR_MEMORY, "out of memory: %zu merges", cap);
        l->v = v;
        l->cap = cap;
    }
    if (l->n >= MAX_MERGES) FAIL(e, ERR_LIMIT, "more than %d merges", MAX_MERGES);
    l->v[l->n++] = *pair;
    return OK;
}

/* All pairs that together are token id. The places of all parts are asked from memory before the first is needed. */
static int add_cuts(const struct tokenizer *t, int32_t id, float score, struct scored_list *l, struct err *e)
{
    struct spelling left[MAX_TOKEN], right[MAX_TOKEN];
    const char *s = t->bytes + t->off[id];
    size_t len = t->off[id + 1] - t->off[id], n = 0;
    for (size_t cut = 1; cut < len; cut++) {
        if (((uint8_t)s[cut] & 0xC0) == 0x80) continue;
        left[n] = vocab_spelling(t, s, cut);
        right[n++] = vocab_spelling(t, s + cut, len - cut);
    }
    for (size_t i = 0; i < n; i++) {
        int32_t a = vocab_find_part(t, &left[i]), b = a < 0 ? -1 : vocab_find_part(t, &right[i]);
        if (b >= 0) TRY(add_pair(l, &(struct scored){score, (uint32_t)left[i].len, {a, b, id}}, e));
    }
    return OK;
}

/* High scores first; then by token, the longest left part first, so that the order is defined. */
static int by_score(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    if (x->m.result != y->m.result) return x->m.result < y->m.result ? -1 : 1;
    return x->left_len > y->left_len ? -1 : x->left_len < y->left_len;
}

static int put_all(struct tokenizer *t, const struct scored_list *l, const char *name, struct err *e)
{
    TRY(vocab_reserve_merges(t, l->n, name, e));
    uint32_t order = 1;
    for (size_t i = 0; i < l->n; i++) {
        if (i && l->v[i].score != l->v[i - 1].score) order++;
        TRY(vocab_put_merge(t, l->v[i].m, order, name, e));
    }
    return OK;
}

int spm_merges(struct tokenizer *t, const float *scores, const char *name, struct err *e)
{
    struct scored_list l = {0};
    int rc = mem_new((void **)&t->scores, (size_t)t->n * sizeof *scores, "scores", e);
    if (rc == OK) memcpy(t->scores, scores, (size_t)t->n * sizeof *scores);
    for (int32_t id = 0; id < t->n && rc == OK; id++) {
        size_t len = t->off[id + 1] - t->off[id];
        if (!isfinite(scores[id])) rc = err_set(e, ERR_FORMAT, __FILE__, __LINE__, "%s: score %d is not finite", name, id);
        else if (len > 1 && len <= MAX_TOKEN) {
            struct spelling k = vocab_spelling(t, t->bytes + t->off[id], len);
            if (vocab_find_part(t, &k) == id) rc = add_cuts(t, id, scores[id], &l, e);
        }
    }
    if (rc == OK && l.n) qsort(l.v, l.n, sizeof *l.v, by_score);
    if (rc == OK) rc = put_all(t, &l, name, e);
    mem_free(l.v);
    return rc;
}

int spm_scores(const struct tokenizer *t, float *scores, struct err *e)
{
    size_t n = (size_t)t->n;
    if (t->scores) {
        memcpy(scores, t->scores, n * sizeof *scores);
        return OK;
    }
    /* As many ranks as a float counts exactly. */
    if (t->n_merges >= 1 << 24) FAIL(e, ERR_LIMIT, "%zu merges are too many for scores", t->n_merges);
    for (size_t i = 0; i < n; i++) scores[i] = t->type[i] == TOKEN_NORMAL ? -(float)(t->n_merges + 1) : 0;
    for (size_t i = t->n_merges; i-- > 0;) scores[t->merges[i].result] = -(float)(i + 1);
    return OK;
}
