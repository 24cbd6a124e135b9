/* Merging: the pair with the lowest rank first, the leftmost among equals. Few symbols are merged by scanning the ranks
 * of the pairs; many (hostile or not) with a heap, O(n log n). Both give the same ids. */
#include "base/checked.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "text/vocab.h"

enum { SHORT_PIECE = 48 }; /* symbols; above this the heap is faster */

/* A symbol of a long piece; symbols form a list. */
struct symbol {
    int32_t id;
    uint32_t prev, next; /* index + 1, 0: none */
    uint32_t order;      /* of the merge with the next one; 0: none, or the symbol is gone */
    int32_t result;      /* of that merge */
};

void bpe_scratch_free(struct bpe_scratch *k)
{
    mem_free(k->sym);
    mem_free(k->heap);
    *k = (struct bpe_scratch){0};
}

/* The token of the character at s, or -1; *n is its length, at least 1. */
static int32_t char_symbol(const struct tokenizer *t, const char *s, size_t len, size_t *n)
{
    uint32_t cp = (uint8_t)*s;
    *n = cp < 0x80 ? 1 : utf8_decode(s, len, &cp);
    if (*n == 0) return *n = 1, -1;
    if (cp < N_CHARS) return t->chars[cp];
    struct word_key key = word_key(s, *n);
    const struct word_slot *w = word_find(t, &key, s, *n);
    return w && (w->atom || t->model == TOKENIZER_SPM) ? (int32_t)w->id : -1;
}

int bpe_symbols(const struct tokenizer *t, const char *s, size_t len, bool atoms, int32_t *ids, size_t *n, struct err *e)
{
    bool spm = t->model == TOKENIZER_SPM;
    *n = 0;
    for (size_t i = 0, k = 1; i < len; i += k) {
        bool whole = spm || (atoms && (uint8_t)s[i] >= 0x80);
        int32_t id = whole ? char_symbol(t, s + i, len - i, &k) : t->byte_id[(uint8_t)s[i]];
        if (!whole) k = 1;
        if (id >= 0) ids[(*n)++] = id;
        for (size_t b = 0; whole && id < 0 && b < k; b++) {
            int32_t byte = t->byte_id[(uint8_t)s[i + b]];
            if (byte < 0 && spm)
                FAIL(e, ERR_UNSUPPORTED, "this vocabulary has no token for the byte 0x%02x", (uint8_t)s[i + b]);
            if (byte >= 0) ids[(*n)++] = byte;
        }
    }
    return OK;
}

/* The pairs (i, i + 1) of a short piece: what decides between them (no merge is the largest) and what they become. */
struct pairs {
    uint32_t order[SHORT_PIECE];
    int32_t result[SHORT_PIECE];
};

static inline void find_pair(const struct tokenizer *t, struct pairs *p, const int32_t *id, size_t i)
{
    const struct merge_slot *m = merge_find(t, id[i], id[i + 1]);
    p->order[i] = m ? m->order : UINT32_MAX;
    p->result[i] = m ? m->result : -1;
}

static size_t merge_short(const struct tokenizer *t, int32_t *id, size_t n)
{
    struct pairs p;
    for (size_t i = 0; i + 1 < n; i++)
        __builtin_prefetch(&t->slots[merge_home(merge_key(id[i], id[i + 1]), t->slot_mask)]);
    for (size_t i = 0; i + 1 < n; i++) find_pair(t, &p, id, i);
    while (n > 1) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < n; i++)
            if (p.order[i] < p.order[best]) best = i;
        if (p.order[best] == UINT32_MAX) break;
        id[best] = p.result[best];
        n--;
        for (size_t i = best + 1; i < n; i++) {
            id[i] = id[i + 1];
            p.order[i - 1] = p.order[i];
            p.result[i - 1] = p.result[i];
        }
        if (best + 1 < n) __builtin_prefetch(&t->slots[merge_home(merge_key(id[best], id[best + 1]), t->slot_mask)]);
        if (best > 0) find_pair(t, &p, id, best - 1);
        if (best + 1 < n) find_pair(t, &p, id, best);
    }
    return n;
}

static void heap_push(struct bpe_scratch *k, uint64_t v)
{
    size_t i = k->n_heap++;
    for (; i > 0 && k->heap[(i - 1) / 2] > v; i = (i - 1) / 2) k->heap[i] = k->heap[(i - 1) / 2];
    k->heap[i] = v;
}

static uint64_t heap_pop(struct bpe_scratch *k)
{
    uint64_t top = k->heap[0], v = k->heap[--k->n_heap];
    size_t i = 0;
    for (size_t c; (c = 2 * i + 1) < k->n_heap; i = c) {
        if (c + 1 < k->n_heap && k->heap[c + 1] < k->heap[c]) c++;
        if (k->heap[c] >= v) break;
        k->heap[i] = k->heap[c];
    }
    k->heap[i] = v;
    return top;
}

/* Every merge takes one entry out and puts at most two in, so 2 * n entries are enough. */
static int reserve_symbols(struct bpe_scratch *k, size_t n, struct err *e)
{
    size_t bytes;
    if (n <= k->cap) return OK;
    if (n >= UINT32_MAX || !mul_size(n, 2 * sizeof *k->heap, &bytes))
        FAIL(e, ERR_LIMIT, "a piece of %zu symbols without a break", n);
    bpe_scratch_free(k);
    k->sym = mem_array(n, sizeof *k->sym);
    k->heap = mem_alloc(bytes);
    if (!k->sym || !k->heap) FAIL(e, ERR_MEMORY, "out of memory: a piece of %zu symbols without a break", n);
    k->cap = n;
    return OK;
}

/* Looks up the pair (i, next of i) and queues it. */
static void queue_pair(const struct tokenizer *t, struct bpe_scratch *k, uint32_t i)
{
    struct symbol *s = &k->sym[i];
    s->order = 0;
    if (s->next == 0) return;
    const struct merge_slot *m = merge_find(t, s->id, k->sym[s->next - 1].id);
    if (!m) return;
    s->order = m->order;
    s->result = m->result;
    heap_push(k, (uint64_t)m->order << 32 | i);
}

static int merge_long(const struct tokenizer *t, struct bpe_scratch *k, int32_t *ids, size_t *n, struct err *e)
{
    TRY(reserve_symbols(k, *n, e));
    struct symbol *sym = k->sym;
    for (size_t i = 0; i < *n; i++)
        sym[i] = (struct symbol){.id = ids[i], .prev = (uint32_t)i, .next = i + 1 < *n ? (uint32_t)i + 2 : 0};
    k->n_heap = 0;
    for (size_t i = 0; i < *n; i++) queue_pair(t, k, (uint32_t)i);
    while (k->n_heap) {
        uint64_t top = heap_pop(k);
        uint32_t i = (uint32_t)top;
        /* An entry is out of date when the pair has changed or its left symbol is gone. */
        if (sym[i].order != top >> 32) continue;
        struct symbol *r = &sym[sym[i].next - 1];
        sym[i].id = sym[i].result;
        sym[i].next = r->next;
        if (r->next) sym[r->next - 1].prev = i + 1;
        r->order = 0;
        queue_pair(t, k, i);
        if (sym[i].prev) queue_pair(t, k, sym[i].prev - 1);
    }
    *n = 0;
    for (uint32_t i = 1; i; i = sym[i - 1].next) ids[(*n)++] = sym[i - 1].id;
    return OK;
}

int bpe_merge(const struct tokenizer *t, struct bpe_scratch *k, int32_t *ids, size_t *n, struct err *e)
{
    if (*n > SHORT_PIECE) return merge_long(t, k, ids, n, e);
    *n = merge_short(t, ids, *n);
    return OK;
}
