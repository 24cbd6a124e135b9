/* Byte-pair merges by incremental counting (Sennrich et al., "Neural Machine Translation of Rare Words with Subword
 * Units", ACL 2016): every pair of neighbours knows its count and the words it may occur in; a merge visits those
 * words only. The largest count is found with a heap whose entries may be out of date: an entry is believed only if
 * it agrees with the pair's count. Invariant: every pair that can still be merged has an entry >= its count. */
#include "text/bpe_learn.h"
#include "base/mem.h"
#include <string.h>

struct pair {
    int32_t left, right;
    int64_t count;
    uint32_t *words; /* owns; may name a word twice or in vain */
    uint32_t n_words, cap_words;
    int32_t result; /* of the merge, -1: not merged yet */
    bool dead;      /* given up */
    bool touched;   /* its count grew in this merge */
};

struct entry {
    int64_t count;
    uint32_t pair;
};

struct learner {
    struct word *words;
    size_t n_words;
    int32_t *sym;
    struct pair *pairs;
    size_t n_pairs, cap_pairs;
    uint32_t *table; /* pair index + 1 by (left, right), 0 free */
    size_t table_mask;
    struct entry *heap;
    size_t n_heap, cap_heap;
    uint32_t *touched;
    size_t n_touched, cap_touched;
    uint32_t best;
};

/* Makes room for one more element of `size` bytes. */
static int grow(void **p, size_t n, size_t *cap, size_t size, struct err *e)
{
    if (n < *cap) return OK;
    size_t want = *cap ? *cap * 2 : 1024;
    void *q = mem_grow(*p, n * size, want * size);
    if (!q) FAIL(e, ERR_MEMORY, "out of memory: %zu bytes for counting pairs", want * size);
    *p = q;
    *cap = want;
    return OK;
}

static uint32_t *slot_of(const struct learner *l, int32_t left, int32_t right)
{
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    size_t i = hash_mix(key) & l->table_mask;
    for (; l->table[i]; i = (i + 1) & l->table_mask) {
        const struct pair *p = &l->pairs[l->table[i] - 1];
        if (p->left == left && p->right == right) break;
    }
    return &l->table[i];
}

static int grow_table(struct learner *l, struct err *e)
{
    size_t cap = l->table_mask ? (l->table_mask + 1) * 2 : 1 << 12;
    mem_free(l->table);
    TRY(mem_new((void **)&l->table, cap * sizeof *l->table, "counting pairs", e));
    l->table_mask = cap - 1;
    for (size_t i = 0; i < l->n_pairs; i++) *slot_of(l, l->pairs[i].left, l->pairs[i].right) = (uint32_t)i + 1;
    return OK;
}

/* The pair, made if it is new. */
static int pair_of(struct learner *l, int32_t left, int32_t right, struct pair **out, struct err *e)
{
    uint32_t *slot = slot_of(l, left, right);
    if (!*slot) {
        if (2 * (l->n_pairs + 1) > l->table_mask) {
            TRY(grow_table(l, e));
            slot = slot_of(l, left, right);
        }
        if (l->n_pairs >= UINT32_MAX - 1) FAIL(e, ERR_LIMIT, "more than %u different pairs", UINT32_MAX - 1);
        TRY(grow((void **)&l->pairs, l->n_pairs, &l->cap_pairs, sizeof *l->pairs, e));
        l->pairs[l->n_pairs++] = (struct pair){.left = left, .right = right, .result = -1};
        *slot = (uint32_t)l->n_pairs;
    }
    *out = &l->pairs[*slot - 1];
    return OK;
}

static int add_pair(struct learner *l, int32_t left, int32_t right, uint32_t word, struct err *e)
{
    struct pair *p = NULL;
    TRY(pair_of(l, left, right, &p, e));
    p->count += l->words[word].count;
    if (!p->touched) {
        TRY(grow((void **)&l->touched, l->n_touched, &l->cap_touched, sizeof *l->touched, e));
        l->touched[l->n_touched++] = (uint32_t)(p - l->pairs);
        p->touched = true;
    }
    if (p->n_words && p->words[p->n_words - 1] == word) return OK;
    if (p->n_words == p->cap_words) {
        uint32_t cap = p->cap_words ? p->cap_words * 2 : 16;
        uint32_t *q = mem_grow(p->words, p->n_words * sizeof *q, cap * sizeof *q);
        if (!q) FAIL(e, ERR_MEMORY, "out of memory: %zu bytes for counting pairs", cap * sizeof *q);
        p->words = q;
        p->cap_words = cap;
    }
    p->words[p->n_words++] = word;
    return OK;
}

/* True when a comes out of the heap before b. */
static bool before(const struct learner *l, struct entry a, struct entry b)
{
    if (a.count != b.count) return a.count > b.count;
    const struct pair *p = &l->pairs[a.pair], *q = &l->pairs[b.pair];
    return p->left != q->left ? p->left < q->left : p->right < q->right;
}

static int heap_push(struct learner *l, struct entry v, struct err *e)
{
    TRY(grow((void **)&l->heap, l->n_heap, &l->cap_heap, sizeof *l->heap, e));
    size_t i = l->n_heap++;
    for (; i > 0 && before(l, v, l->heap[(i - 1) / 2]); i = (i - 1) / 2) l->heap[i] = l->heap[(i - 1) / 2];
    l->heap[i] = v;
    return OK;
}

/* Puts v where the top entry was. */
static void heap_replace_top(struct learner *l, struct entry v)
{
    size_t i = 0;
    for (size_t k; (k = 2 * i + 1) < l->n_heap; i = k) {
        if (k + 1 < l->n_heap && before(l, l->heap[k + 1], l->heap[k])) k++;
        if (!before(l, l->heap[k], v)) break;
        l->heap[i] = l->heap[k];
    }
    l->heap[i] = v;
}

static void heap_drop_top(struct learner *l)
{
    struct entry last = l->heap[--l->n_heap];
    if (l->n_heap) heap_replace_top(l, last);
}

/* Queues the pairs whose count has grown. */
static int queue_touched(struct learner *l, struct err *e)
{
    for (size_t i = 0; i < l->n_touched; i++) {
        struct pair *p = &l->pairs[l->touched[i]];
        p->touched = false;
        if (!p->dead && p->count > 1) TRY(heap_push(l, (struct entry){p->count, l->touched[i]}, e));
    }
    l->n_touched = 0;
    return OK;
}

static int count_words(struct learner *l, const char *text, const int32_t base_id[256], struct err *e)
{
    for (size_t w = 0; w < l->n_words; w++) {
        const struct word *wd = &l->words[w];
        int32_t *s = l->sym + wd->at;
        for (uint32_t i = 0; i < wd->len; i++) s[i] = base_id[(uint8_t)text[wd->at + i]];
        for (uint32_t i = 1; i < wd->len; i++) TRY(add_pair(l, s[i - 1], s[i], (uint32_t)w, e));
    }
    return queue_touched(l, e);
}

int learner_new(struct learner **out, struct word *words, size_t n_words, const char *text, size_t text_len,
                const int32_t base_id[256], struct err *e)
{
    struct learner *l;
    *out = NULL;
    TRY(mem_new((void **)&l, sizeof *l, "learning merges", e));
    l->words = words;
    l->n_words = n_words;
    int rc = n_words < UINT32_MAX
                 ? OK
                 : err_set(e, ERR_LIMIT, __FILE__, __LINE__, "%zu different words are too many", n_words);
    l->sym = mem_array(text_len, sizeof *l->sym);
    if (rc == OK && !l->sym) rc = err_set(e, ERR_MEMORY, __FILE__, __LINE__, "out of memory: %zu symbols", text_len);
    if (rc == OK) rc = grow_table(l, e);
    if (rc == OK) rc = count_words(l, text, base_id, e);
    if (rc) {
        learner_free(l);
        return rc;
    }
    *out = l;
    return OK;
}

void learner_free(struct learner *l)
{
    if (!l) return;
    for (size_t i = 0; i < l->n_pairs; i++) mem_free(l->pairs[i].words);
    mem_free(l->pairs);
    mem_free(l->sym);
    mem_free(l->table);
    mem_free(l->heap);
    mem_free(l->touched);
    mem_free(l);
}

bool learner_best(struct learner *l, struct merge *best)
{
    while (l->n_heap) {
        struct entry top = l->heap[0];
        const struct pair *p = &l->pairs[top.pair];
        if (!p->dead && p->count == top.count) {
            l->best = top.pair;
            *best = (struct merge){p->left, p->right, p->result};
            return true;
        }
        /* A count above the entry's has an entry of its own. */
        if (!p->dead && p->count > 1 && p->count < top.count) heap_replace_top(l, (struct entry){p->count, top.pair});
        else heap_drop_top(l);
    }
    return false;
}

void learner_skip(struct learner *l) { l->pairs[l->best].dead = true; }

/* A pair that is no longer there. */
static void drop_pair(struct learner *l, int32_t left, int32_t right, int64_t count)
{
    l->pairs[*slot_of(l, left, right) - 1].count -= count;
}

/* Merges (left, right) in one word. The counts of the pairs around each place follow. */
static int merge_word(struct learner *l, uint32_t w, int32_t left, int32_t right, int32_t result, struct err *e)
{
    struct word *wd = &l->words[w];
    int32_t *s = l->sym + wd->at;
    uint32_t o = 0; /* s[0 .. o) is done */
    for (uint32_t i = 0; i < wd->len; o++) {
        if (i + 1 == wd->len || s[i] != left || s[i + 1] != right) {
            s[o] = s[i++];
            continue;
        }
        drop_pair(l, left, right, wd->count);
        if (o > 0) {
            drop_pair(l, s[o - 1], left, wd->count);
            TRY(add_pair(l, s[o - 1], result, w, e));
        }
        if (i + 2 < wd->len) {
            drop_pair(l, right, s[i + 2], wd->count);
            TRY(add_pair(l, result, s[i + 2], w, e));
        }
        s[o] = result;
        i += 2;
    }
    wd->len = o;
    return OK;
}

int learner_merge(struct learner *l, int32_t result, struct err *e)
{
    struct pair best = l->pairs[l->best];
    /* The list leaves the pair: merging moves l->pairs, and may append to this very list. */
    struct pair *p = &l->pairs[l->best];
    p->words = NULL;
    p->n_words = p->cap_words = 0;
    p->result = result;
    int rc = OK;
    for (uint32_t i = 0; i < best.n_words && rc == OK; i++)
        rc = merge_word(l, best.words[i], best.left, best.right, result, e);
    mem_free(best.words);
    return rc ? rc : queue_touched(l, e);
}
