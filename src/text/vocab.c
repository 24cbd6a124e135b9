/* Building a tokenizer: the table of tokens, the hash tables of spellings and of merges. */
#include "text/vocab.h"
#include "base/checked.h"
#include "base/mem.h"
#include "text/bytemap.h"
#include <stdio.h>
#include <string.h>

/* With our hash an honest file needs a handful of steps; a file made to collide is refused instead of crawling. */
enum { MAX_PROBES = 1000 };

uint64_t hash_bytes(const char *s, size_t n)
{
    uint64_t h = 0x9E3779B97F4A7C15u ^ n, w;
    for (; n >= 8; s += 8, n -= 8) {
        memcpy(&w, s, 8);
        h = (h ^ w) * 0xD6E8FEB86659FD93u;
        h ^= h >> 32;
    }
    w = 0;
    if (n) memcpy(&w, s, n);
    return hash_mix(h ^ w);
}

const char *text_quote(char *out, size_t cap, const char *s, size_t len)
{
    size_t k = 0;
    for (size_t i = 0; i < len; i++) {
        uint8_t b = (uint8_t)s[i];
        size_t need = b >= 32 && b < 127 ? 1 : 4;
        if (k + need + 1 > cap) break;
        if (need == 1) out[k++] = (char)b;
        else k += (size_t)snprintf(out + k, cap - k, "\\x%02x", b);
    }
    out[k] = 0;
    return out;
}

static bool special(uint8_t type) { return type == TOKEN_CONTROL || type == TOKEN_USER; }

/* Slot of the token with these bytes, or the free slot where it belongs; SIZE_MAX after too many probes. */
static size_t index_slot(const struct tokenizer *t, const char *s, size_t len, bool is_special)
{
    size_t i = (hash_bytes(s, len) + is_special) & t->index_mask;
    for (int probes = 0; probes < MAX_PROBES; probes++, i = (i + 1) & t->index_mask) {
        int32_t id = t->index[i];
        if (id < 0) return i;
        bool same = t->off[id + 1] - t->off[id] == len && special(t->type[id]) == is_special;
        if (same && memcmp(t->bytes + t->off[id], s, len) == 0) return i;
    }
    return SIZE_MAX;
}

int32_t vocab_find(const struct tokenizer *t, const char *s, size_t len, bool is_special)
{
    size_t i = index_slot(t, s, len, is_special);
    return i == SIZE_MAX ? -1 : t->index[i];
}

/* Of several tokens with the same bytes the first is found. */
static int build_index(struct tokenizer *t, const char *name, struct err *e)
{
    size_t cap = 16;
    while (cap < (size_t)t->n * 2) cap *= 2;
    TRY(mem_new((void **)&t->index, cap * sizeof *t->index, "token index", e));
    memset(t->index, 0xFF, cap * sizeof *t->index);
    t->index_mask = cap - 1;
    for (int32_t id = 0; id < t->n; id++) {
        size_t len = t->off[id + 1] - t->off[id];
        if (len == 0 || t->type[id] == TOKEN_UNUSED) continue;
        size_t i = index_slot(t, t->bytes + t->off[id], len, special(t->type[id]));
        if (i == SIZE_MAX) FAIL(e, ERR_LIMIT, "%s: token %d: too many hash collisions", name, id);
        if (t->index[i] < 0) t->index[i] = id;
    }
    for (int b = 0; b < 256; b++) {
        char c = (char)b;
        t->byte_id[b] = vocab_find(t, &c, 1, false);
    }
    return OK;
}

static int copy_tokens(struct tokenizer *t, const struct token_src *src, struct err *e)
{
    struct buf all = {0};
    for (int32_t id = 0; id < t->n; id++) {
        const struct token_src *s = &src[id];
        t->off[id] = all.len;
        t->type[id] = s->type;
        if (s->raw || s->type != TOKEN_NORMAL) buf_add(&all, s->s, s->len);
        else if (!bytemap_read(&all, s->s, s->len)) {
            t->type[id] = TOKEN_UNUSED;
            buf_add(&all, s->s, s->len);
        }
        if (all.len == t->off[id]) t->type[id] = TOKEN_UNUSED;
    }
    t->off[t->n] = all.len;
    t->bytes = all.data;
    return buf_check(&all, "the vocabulary", e);
}

/* See `letter` in vocab.h. */
static void find_letters(struct tokenizer *t)
{
    memset(t->letter, 0xFF, sizeof t->letter);
    for (int32_t id = 0; id < t->n; id++) {
        const char *s = t->bytes + t->off[id];
        if (t->type[id] != TOKEN_USER || t->off[id + 1] - t->off[id] != 2 || (uint8_t)s[0] != 0xC3) continue;
        t->letter[(uint8_t)s[1] & 0x3F] = id;
        t->has_letters = true;
    }
}

int vocab_new(struct tokenizer **out, const struct token_src *src, size_t n, size_t n_merges, const char *name,
              struct err *e)
{
    *out = NULL;
    if (n == 0 || n > TOK_MAX_VOCAB) FAIL(e, ERR_LIMIT, "%s: %zu tokens, expected 1 to %d", name, n, TOK_MAX_VOCAB);
    if (n_merges > 4 * (size_t)TOK_MAX_VOCAB)
        FAIL(e, ERR_LIMIT, "%s: %zu merges, expected at most %d", name, n_merges, 4 * TOK_MAX_VOCAB);
    struct tokenizer *t;
    TRY(mem_new((void **)&t, sizeof *t, "tokenizer", e));
    t->n = (int32_t)n;
    t->bos = t->eos = t->pad = -1;
    t->cap_merges = n_merges;
    size_t cap = 16;
    while (cap < n_merges * 2) cap *= 2;
    t->slot_mask = cap - 1;
    int rc = mem_new((void **)&t->type, n, "token types", e);
    if (rc == OK) rc = mem_new((void **)&t->off, (n + 1) * sizeof *t->off, "token offsets", e);
    if (rc == OK) rc = mem_new((void **)&t->merges, n_merges * sizeof *t->merges, "merges", e);
    if (rc == OK) rc = mem_new((void **)&t->slots, cap * sizeof *t->slots, "merge table", e);
    if (rc == OK) rc = copy_tokens(t, src, e);
    if (rc == OK) rc = build_index(t, name, e);
    if (rc) {
        tokenizer_free(t);
        return rc;
    }
    find_letters(t);
    *out = t;
    return OK;
}

void tokenizer_free(struct tokenizer *t)
{
    if (!t) return;
    pretok_free(t->pre);
    mem_free(t->type);
    mem_free(t->off);
    mem_free(t->bytes);
    mem_free(t->index);
    mem_free(t->merges);
    mem_free(t->slots);
    mem_free(t);
}

int vocab_put_merge(struct tokenizer *t, struct merge m, const char *name, struct err *e)
{
    uint64_t key = (uint64_t)(uint32_t)m.left << 32 | (uint32_t)m.right;
    size_t i = hash_mix(key) & t->slot_mask;
    int probes = 0;
    for (; t->slots[i].rank && t->slots[i].key != key; i = (i + 1) & t->slot_mask)
        if (++probes > MAX_PROBES) FAIL(e, ERR_LIMIT, "%s: merge %zu: too many hash collisions", name, t->n_merges);
    if (t->slots[i].rank)
        FAIL(e, ERR_FORMAT, "%s: merge %zu is the same as merge %u", name, t->n_merges, t->slots[i].rank - 1);
    t->merges[t->n_merges++] = m;
    t->slots[i] = (struct merge_slot){.key = key, .rank = (uint32_t)t->n_merges, .result = m.result};
    return OK;
}

int vocab_add_merge(struct tokenizer *t, const char *a, size_t na, const char *b, size_t nb, const char *name,
                    struct err *e)
{
    struct buf bytes = {0};
    char quoted[80];
    struct merge m = {-1, -1, -1};
    if (t->n_merges >= t->cap_merges) FAIL(e, ERR_LIMIT, "%s: more than %zu merges", name, t->cap_merges);
    bool ok = bytemap_read(&bytes, a, na);
    size_t cut = bytes.len;
    ok = ok && bytemap_read(&bytes, b, nb) && cut > 0 && bytes.len > cut;
    if (bytes.failed) {
        int rc = buf_check(&bytes, "a merge", e);
        buf_free(&bytes);
        return rc;
    }
    if (ok) {
        m.left = vocab_find(t, bytes.data, cut, false);
        m.right = vocab_find(t, bytes.data + cut, bytes.len - cut, false);
        m.result = vocab_find(t, bytes.data, bytes.len, false);
    }
    buf_free(&bytes);
    const char *part = m.left < 0 ? "left part" : m.right < 0 ? "right part" : m.result < 0 ? "result" : NULL;
    if (part) {
        const char *s = m.left < 0 ? a : b;
        FAIL(e, ERR_FORMAT, "%s: merge %zu: %s at \"%s\" is not an ordinary token", name, t->n_merges, part,
             text_quote(quoted, sizeof quoted, s, m.left < 0 ? na : nb));
    }
    return vocab_put_merge(t, m, name, e);
}

int vocab_finish(struct tokenizer *t, const char *pre, const char *name, struct err *e)
{
    int rc = pretok_new(&t->pre, pre, e);
    if (rc) err_prefix(e, "%s", name);
    return rc;
}
