/* The tree of a vocabulary. */
#include "grammar/vocab.h"
#include "grammar/build.h"
#include "base/utf8.h"
#include "grammar/room.h"
#include "text/tokenizer.h"
#include <stdlib.h>
#include <string.h>

/* A token's bytes in the tree. */
struct spelled {
    const uint8_t *s;
    size_t len;
    int32_t id;
    uint8_t plain;
    struct kinds kinds;
};

static int compare(const void *a, const void *b)
{
    const struct spelled *x = a, *y = b;
    int c = memcmp(x->s, y->s, x->len < y->len ? x->len : y->len);
    if (c) return c;
    if (x->len != y->len) return x->len < y->len ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

bool vocab_is_plain(uint32_t cp) { return cp >= 0x20 && cp != '"' && cp != '\\' && cp != 0x7F && cp != 0x2028 && cp != 0x2029; }

/* Its number of characters if all are plain and they are few. */
static uint8_t plain_chars(const uint8_t *s, size_t len, struct kinds *kinds)
{
    size_t at = 0, chars = 0;
    while (at < len) {
        uint32_t cp;
        size_t n = utf8_decode((const char *)s + at, len - at, &cp);
        if (n == 0 || !vocab_is_plain(cp) || ++chars > VOCAB_PLAIN) return VOCAB_NOT_PLAIN;
        kinds_add(kinds, (cp < KIND_OTHER ? cp : KIND_OTHER) - KIND_FIRST);
        at += n;
    }
    return (uint8_t)chars;
}

/* Bytes that no UTF-8 has: no grammar of characters asks for them. */
static bool in_utf8(int b) { return b != 0xC0 && b != 0xC1 && b < 0xF5; }

bool vocab_takes(const uint8_t *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (s[i] >= 0xF5) return false;
    return len && len <= VOCAB_MAX_TOKEN;
}

/* All tokens that may be in the tree, sorted. names: room for the spelling of each token. */
static size_t spell_all(struct grammar_vocab *v, struct spelled *list, uint8_t *names)
{
    size_t n = 0;
    int32_t n_tokens = tokenizer_vocab(v->t);
    for (int32_t id = 0; id < n_tokens && id < v->n_vocab; id++) {
        struct spelled *x = &list[n];
        x->s = (const uint8_t *)tokenizer_bytes(v->t, id, &x->len);
        x->id = id;
        x->plain = VOCAB_NOT_PLAIN;
        x->kinds = (struct kinds){{0}};
        if (tokenizer_is_text(v->t, id)) {
            if (!vocab_takes(x->s, x->len)) continue;
            x->plain = plain_chars(x->s, x->len, &x->kinds);
            if (x->len == 1) v->byte_ok[x->s[0]] = true;
            if (x->len > v->max_bytes) v->max_bytes = x->len;
        } else {
            token_spell(names + TOKEN_SPELLED * n, id);
            x->s = names + TOKEN_SPELLED * n;
            x->len = TOKEN_SPELLED;
        }
        n++;
    }
    qsort(list, n, sizeof *list, compare);
    return n;
}

static size_t common(const struct spelled *a, const struct spelled *b)
{
    size_t n = 0;
    while (n < a->len && n < b->len && a->s[n] == b->s[n]) n++;
    return n;
}

/* Nodes in the order of the sorted list; open[d]: the node at depth d + 1 that is under way. */
static int make_nodes(struct grammar_vocab *v, const struct spelled *list, size_t n, struct err *e)
{
    uint32_t open[VOCAB_MAX_TOKEN];
    size_t depth = 0, count = 1;
    for (size_t i = 0; i < n; i++) count += list[i].len - (i ? common(&list[i - 1], &list[i]) : 0);
    v->nodes = mem_array(count, sizeof *v->nodes);
    v->kinds = mem_array(count, sizeof *v->kinds);
    v->ids = mem_array(n + 1, sizeof *v->ids);
    if (!v->nodes || !v->kinds || !v->ids) FAIL(e, ERR_MEMORY, "out of memory for the tree of %zu tokens", n);
    for (size_t i = 0; i < n; i++) {
        size_t keep = i ? common(&list[i - 1], &list[i]) : 0;
        while (depth > keep) v->nodes[open[--depth]].end = (uint32_t)v->n_nodes;
        for (; depth < list[i].len; depth++) {
            open[depth] = (uint32_t)v->n_nodes;
            v->nodes[v->n_nodes++] = (struct trie_node){
                .first = (uint32_t)v->n_ids, .depth = (uint16_t)(depth + 1), .byte = list[i].s[depth]};
        }
        for (size_t d = 0; d < depth; d++) {
            struct trie_node *p = &v->nodes[open[d]];
            if (p->plain < list[i].plain) p->plain = list[i].plain;
            for (int k = 0; k < 2; k++) v->kinds[open[d]].bits[k] |= list[i].kinds.bits[k];
        }
        v->ids[v->n_ids++] = list[i].id;
    }
    while (depth) v->nodes[open[--depth]].end = (uint32_t)v->n_nodes;
    v->nodes[v->n_nodes].first = (uint32_t)v->n_ids;
    return OK;
}

static void set_bit(uint32_t *mask, int32_t id) { mask[id >> 5] |= 1u << (id & 31); }

static int make_plain(struct grammar_vocab *v, const struct spelled *list, size_t n, struct err *e)
{
    v->plain = mem_array((VOCAB_PLAIN + 1) * v->words, sizeof *v->plain);
    v->with = mem_array(N_KINDS * v->words, sizeof *v->with);
    if (!v->plain || !v->with) FAIL(e, ERR_MEMORY, "out of memory for sets of %zu tokens", n);
    for (size_t i = 0; i < n; i++) {
        if (list[i].plain > VOCAB_PLAIN) continue;
        set_bit(v->plain + list[i].plain * v->words, list[i].id);
        for (unsigned k = 0; k < N_KINDS; k++)
            if (kinds_has(&list[i].kinds, k)) set_bit(v->with + k * v->words, list[i].id);
    }
    for (size_t k = 1; k <= VOCAB_PLAIN; k++)
        for (size_t w = 0; w < v->words; w++) v->plain[k * v->words + w] |= v->plain[(k - 1) * v->words + w];
    return OK;
}

static int fill(struct grammar_vocab *v, struct err *e)
{
    size_t n = (size_t)tokenizer_vocab(v->t);
    struct spelled *list = mem_array(n + 1, sizeof *list);
    uint8_t *names = mem_array(n + 1, TOKEN_SPELLED);
    int rc = list && names ? OK : err_set(e, ERR_MEMORY, __FILE__, __LINE__, "out of memory for a list of %zu tokens", n);
    if (!rc) {
        n = spell_all(v, list, names);
        rc = make_nodes(v, list, n, e);
    }
    if (!rc) rc = make_plain(v, list, n, e);
    for (int b = 0; b < 256; b++) v->lacks_bytes |= in_utf8(b) && !v->byte_ok[b];
    for (int b = 0; b < 256; b++) v->byte_ok[b] |= !in_utf8(b); /* tokens by their number */
    mem_free(list);
    mem_free(names);
    return rc;
}

int grammar_vocab_new(struct grammar_vocab **out, const struct tokenizer *t, int64_t n_vocab, const int32_t *ends, size_t n_ends,
                      struct err *e)
{
    *out = NULL;
    if (n_vocab < tokenizer_vocab(t)) n_vocab = tokenizer_vocab(t);
    if (n_vocab > TOK_MAX_VOCAB)
        FAIL(e, ERR_LIMIT, "a vocabulary of %lld tokens, expected at most %d", (long long)n_vocab, TOK_MAX_VOCAB);
    if (n_ends == 0) FAIL(e, ERR_USAGE, "constrained decoding needs a token that ends an answer, and this model has none");
    for (size_t i = 0; i < n_ends; i++)
        if (ends[i] < 0 || ends[i] >= n_vocab)
            FAIL(e, ERR_USAGE, "token %d ends an answer, expected 0 to %lld", ends[i], (long long)n_vocab - 1);
    struct grammar_vocab *v = mem_alloc(sizeof *v);
    if (!v) FAIL(e, ERR_MEMORY, "out of memory for a vocabulary");
    v->t = t;
    v->n_vocab = n_vocab;
    v->words = (size_t)(n_vocab + 31) / 32;
    v->ends = mem_array(n_ends, sizeof *v->ends);
    v->n_ends = n_ends;
    int rc = v->ends ? OK : err_set(e, ERR_MEMORY, __FILE__, __LINE__, "out of memory for %zu ends", n_ends);
    if (!rc) {
        memcpy(v->ends, ends, n_ends * sizeof *ends);
        rc = fill(v, e);
    }
    if (rc) {
        grammar_vocab_free(v);
        return rc;
    }
    *out = v;
    return OK;
}

void grammar_vocab_free(struct grammar_vocab *v)
{
    if (!v) return;
    mem_free(v->nodes);
    mem_free(v->ids);
    mem_free(v->kinds);
    mem_free(v->plain);
    mem_free(v->with);
    mem_free(v->ends);
    mem_free(v);
}
