/* Encoding: text -> pieces -> byte symbols -> merges, lowest rank first, leftmost first among equals.
 *
 * A short piece is merged by scanning its pairs; a long one (hostile or not) with a heap, O(n log n). Both give the
 * same ids. Pieces met before in the same call are copied from where their ids lie in the output. */
#include "base/checked.h"
#include "base/mem.h"
#include "text/vocab.h"
#include <string.h>

enum {
    SHORT_PIECE = 48,       /* symbols; above this the heap is faster */
    CACHE_MIN_TEXT = 1024,  /* bytes; shorter texts repeat too little */
    CACHE_MAX_PIECE = 64,   /* bytes */
    CACHE_MAX_SLOTS = 8192, /* direct mapped, 256 KiB: fits a second-level cache */
};

/* A piece of this text, and its ids in the output. */
struct cache_slot {
    const char *s; /* NULL: free */
    uint32_t len, n;
    size_t at;
};

/* A symbol of a long piece; symbols form a list, a dead one has len 0. */
struct symbol {
    int32_t id;
    uint32_t prev, next; /* index + 1, 0: none */
    uint32_t rank;       /* of the pair with the next one; 0: no merge */
};

struct encoder {
    const struct tokenizer *t;
    struct tokens *out;
    struct err *e;
    struct cache_slot *cache;
    size_t cache_mask;
    struct symbol *sym; /* room for cap_sym, and for 2 * cap_sym heap entries */
    uint64_t *heap;     /* rank << 32 | index of the left symbol: the smallest is the next merge */
    size_t n_heap, cap_sym;
};

static int byte_token(struct encoder *en, char c, int32_t *id)
{
    *id = en->t->byte_id[(uint8_t)c];
    if (*id < 0) FAIL(en->e, ERR_UNSUPPORTED, "this vocabulary has no token for the byte 0x%02x", (uint8_t)c);
    return OK;
}

static int bpe_short(struct encoder *en, const char *s, size_t len)
{
    int32_t id[SHORT_PIECE], result[SHORT_PIECE];
    uint32_t rank[SHORT_PIECE]; /* of (i, i + 1) minus 1: no merge is the largest value */
    size_t n = len;
    for (size_t i = 0; i < n; i++) TRY(byte_token(en, s[i], &id[i]));
    for (size_t i = 0; i + 1 < n; i++) rank[i] = merge_rank(en->t, id[i], id[i + 1], &result[i]) - 1;
    while (n > 1) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < n; i++)
            if (rank[i] < rank[best]) best = i;
        if (rank[best] == UINT32_MAX) break;
        id[best] = result[best];
        n--;
        for (size_t i = best + 1; i < n; i++) {
            id[i] = id[i + 1];
            rank[i - 1] = rank[i];
            result[i - 1] = result[i];
        }
        if (best > 0) rank[best - 1] = merge_rank(en->t, id[best - 1], id[best], &result[best - 1]) - 1;
        if (best + 1 < n) rank[best] = merge_rank(en->t, id[best], id[best + 1], &result[best]) - 1;
    }
    TRY(tokens_reserve(en->out, n, en->e));
    memcpy(en->out->ids + en->out->n, id, n * sizeof *id);
    en->out->n += n;
    return OK;
}

static void heap_push(struct encoder *en, uint64_t v)
{
    size_t i = en->n_heap++;
    for (; i > 0 && en->heap[(i - 1) / 2] > v; i = (i - 1) / 2) en->heap[i] = en->heap[(i - 1) / 2];
    en->heap[i] = v;
}

static void heap_sift(struct encoder *en, size_t i, uint64_t v)
{
    for (size_t k; (k = 2 * i + 1) < en->n_heap; i = k) {
        if (k + 1 < en->n_heap && en->heap[k + 1] < en->heap[k]) k++;
        if (en->heap[k] >= v) break;
        en->heap[i] = en->heap[k];
    }
    en->heap[i] = v;
}

static uint64_t heap_pop(struct encoder *en)
{
    uint64_t top = en->heap[0], last = en->heap[--en->n_heap];
    if (en->n_heap) heap_sift(en, 0, last);
    return top;
}

/* Every merge takes one entry out and puts at most two in, so 2 * n entries are enough. */
static int reserve_symbols(struct encoder *en, size_t n)
{
    size_t bytes;
    if (n <= en->cap_sym) return OK;
    if (n >= UINT32_MAX || !mul_size(n, 2 * sizeof *en->heap, &bytes))
        FAIL(en->e, ERR_LIMIT, "a piece of %zu bytes without a break", n);
    mem_free(en->sym);
    mem_free(en->heap);
    en->cap_sym = 0;
    en->sym = mem_array(n, sizeof *en->sym);
    en->heap = mem_alloc(bytes);
    if (!en->sym || !en->heap) FAIL(en->e, ERR_MEMORY, "out of memory: a piece of %zu bytes without a break", n);
    en->cap_sym = n;
    return OK;
}

/* Looks up the pair (i, next of i) and queues it. */
static void queue_pair(struct encoder *en, uint32_t i)
{
    struct symbol *s = &en->sym[i];
    int32_t result;
    s->rank = s->next ? merge_rank(en->t, s->id, en->sym[s->next - 1].id, &result) : 0;
    if (s->rank) heap_push(en, (uint64_t)s->rank << 32 | i);
}

static int bpe_long(struct encoder *en, const char *s, size_t n)
{
    TRY(reserve_symbols(en, n));
    struct symbol *sym = en->sym;
    for (size_t i = 0; i < n; i++) {
        sym[i] = (struct symbol){.prev = (uint32_t)i, .next = i + 1 < n ? (uint32_t)i + 2 : 0};
        TRY(byte_token(en, s[i], &sym[i].id));
    }
    en->n_heap = 0;
    for (size_t i = 0; i < n; i++) queue_pair(en, (uint32_t)i);
    size_t left = n;
    while (en->n_heap) {
        uint64_t top = heap_pop(en);
        uint32_t i = (uint32_t)top, rank = (uint32_t)(top >> 32);
        if (sym[i].rank != rank) continue; /* the pair has changed or its left symbol is gone */
        struct symbol *r = &sym[sym[i].next - 1];
        sym[i].id = en->t->merges[rank - 1].result;
        sym[i].next = r->next;
        if (r->next) sym[r->next - 1].prev = i + 1;
        r->rank = 0;
        left--;
        queue_pair(en, i);
        if (sym[i].prev) queue_pair(en, sym[i].prev - 1);
    }
    TRY(tokens_reserve(en->out, left, en->e));
    for (uint32_t i = 1; i; i = sym[i - 1].next) en->out->ids[en->out->n++] = sym[i - 1].id;
    return OK;
}

static int merge_piece(struct encoder *en, const char *s, size_t len)
{
    if (en->t->ignore_merges) {
        int32_t id = vocab_find(en->t, s, len, false);
        if (id >= 0) return tokens_add(en->out, id, en->e);
    }
    return len <= SHORT_PIECE ? bpe_short(en, s, len) : bpe_long(en, s, len);
}

static int encode_piece(void *ctx, const char *s, size_t len)
{
    struct encoder *en = ctx;
    int32_t id;
    if (len == 1) {
        TRY(byte_token(en, s[0], &id));
        return tokens_add(en->out, id, en->e);
    }
    if (!en->cache || len > CACHE_MAX_PIECE) return merge_piece(en, s, len);
    struct cache_slot *c = &en->cache[hash_bytes(s, len) & en->cache_mask];
    if (c->s && c->len == len && memcmp(c->s, s, len) == 0) {
        TRY(tokens_reserve(en->out, c->n, en->e));
        memcpy(en->out->ids + en->out->n, en->out->ids + c->at, c->n * sizeof id);
        en->out->n += c->n;
        return OK;
    }
    size_t at = en->out->n;
    TRY(merge_piece(en, s, len));
    *c = (struct cache_slot){.s = s, .len = (uint32_t)len, .n = (uint32_t)(en->out->n - at), .at = at};
    return OK;
}

/* Cuts at the letters that are added tokens. 0xC3 is never inside another character. */
static int encode_text(struct encoder *en, const char *s, size_t len)
{
    const struct tokenizer *t = en->t;
    size_t done = 0;
    for (size_t i = 0; t->has_letters && i + 1 < len; i++) {
        if ((uint8_t)s[i] != 0xC3 || ((uint8_t)s[i + 1] & 0xC0) != 0x80) continue;
        int32_t id = t->letter[(uint8_t)s[i + 1] & 0x3F];
        if (id < 0) continue;
        TRY(pretok_split(t->pre, s + done, i - done, encode_piece, en, en->e));
        TRY(tokens_add(en->out, id, en->e));
        done = ++i + 1;
    }
    return pretok_split(t->pre, s + done, len - done, encode_piece, en, en->e);
}

int tokenizer_encode(const struct tokenizer *t, const char *s, size_t len, struct tokens *out, struct err *e)
{
    struct encoder en = {.t = t, .out = out, .e = e};
    struct buf normal = {0};
    size_t before = out->n;
    int rc = OK;
    if (t->nfc && len) {
        rc = text_nfc(&normal, s, len, e);
        s = normal.data;
        len = normal.len;
    }
    if (rc == OK && len >= CACHE_MIN_TEXT) {
        size_t slots = 64;
        while (slots < len / 32 && slots < CACHE_MAX_SLOTS) slots *= 2;
        rc = mem_new((void **)&en.cache, slots * sizeof *en.cache, "piece cache", e);
        en.cache_mask = slots - 1;
    }
    if (rc == OK) rc = tokens_reserve(out, len / 4, e);
    if (rc == OK) rc = encode_text(&en, s, len);
    if (rc) out->n = before;
    mem_free(en.cache);
    mem_free(en.sym);
    mem_free(en.heap);
    buf_free(&normal);
    return rc;
}
