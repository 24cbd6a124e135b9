/* Trees of the bytes of added tokens, which find the first, and of several at one place the longest. Two hold those that
 * text itself yields wherever it spells them: DeepSeek's letters, Gemma's runs of line ends and its HTML elements; the
 * second those that are looked for in the text as it is normalised. Another holds control tokens and what looks like
 * markers: a chat template may write them, text never yields them. */
#include "base/mem.h"
#include "base/utf8.h"
#include "text/unicode.h"
#include "text/vocab.h"

enum { MAX_BYTES = 256, MAX_NODES = 1 << 22, MAX_PROBES = 1000 };
enum { NORMAL_GROWTH = 3 }; /* NFC makes a text at most so many times as long in UTF-8 (Unicode Annex 15) */

/* From a node on a byte to a node; free when to is 0 (the root is nobody's child). */
struct edge {
    uint32_t from, to;
    uint8_t byte;
};

struct user_tokens {
    bool spaced; /* it is for text in which spaces stand for SentencePiece's */
    bool first[256];
    struct edge *edges;
    size_t mask;
    int32_t *id; /* of the token that ends at a node, or -1 */
    uint32_t n_nodes;
};

static bool has(const char *s, size_t len, const char *part)
{
    return memmem(s, len, part, strlen(part)) != NULL;
}

/* Markers of chat forms and the like stay text when text spells them: nobody who writes into a prompt may make one.
 * Byte-level vocabularies have only markers there, with few exceptions; Gemma has HTML too. */
static bool in_text(const struct tokenizer *t, int32_t id, const struct buf *spelling)
{
    const char *s = spelling->data;
    size_t n = spelling->len;
    if (t->type[id] != TOKEN_USER || n == 0 || n > MAX_BYTES) return false;
    if (has(s, n, "|") || has(s, n, "\xef\xbd\x9c") || id == t->bos || id == t->eos || id == t->pad) return false;
    return t->model == TOKENIZER_SPM || !(has(s, n, "<") || has(s, n, "["));
}

/* Which tokens a tree holds. */
typedef bool chosen_fn(const struct tokenizer *t, int32_t id, const struct buf *spelling);

static struct edge *edge_of(const struct user_tokens *u, uint32_t from, uint8_t byte)
{
    size_t i = hash_mix((uint64_t)from << 8 | byte) & u->mask;
    for (int k = 0; k < MAX_PROBES; k++, i = (i + 1) & u->mask) {
        struct edge *g = &u->edges[i];
        if (g->to == 0 || (g->from == from && g->byte == byte)) return g;
    }
    return NULL;
}

static int add(struct user_tokens *u, const char *s, size_t len, int32_t id, struct err *e)
{
    uint32_t node = 0;
    u->first[(uint8_t)s[0]] = true;
    for (size_t i = 0; i < len; i++) {
        struct edge *g = edge_of(u, node, (uint8_t)s[i]);
        if (!g) FAIL(e, ERR_LIMIT, "added token %d: too many hash collisions", id);
        if (g->to == 0) *g = (struct edge){node, u->n_nodes++, (uint8_t)s[i]};
        node = g->to;
    }
    if (u->id[node] < 0) u->id[node] = id;
    return OK;
}

static bool is_text(const struct tokenizer *t, int32_t id, const struct buf *spelling)
{
    return spelling->len && (t->flags[id] & FLAG_TEXT) && !(t->flags[id] & FLAG_NORMAL);
}

static bool is_normal_text(const struct tokenizer *t, int32_t id, const struct buf *spelling)
{
    return spelling->len && (t->flags[id] & FLAG_TEXT) && (t->flags[id] & FLAG_NORMAL);
}

/* Whether normalising makes SentencePiece's spaces ("Metaspace" comes later). */
static bool has_spaces(const struct tokenizer *t)
{
    return t->model == TOKENIZER_SPM && (t->prefix == PREFIX_NONE || t->prefix == PREFIX_ALWAYS);
}

/* The spelling as the text to be searched has it. */
static int normalise(const struct tokenizer *t, struct buf *s, struct err *e)
{
    struct buf out = {0};
    bool replaced = has_spaces(t);
    if (!replaced && !t->nfc) return OK;
    if (replaced && t->prefix == PREFIX_ALWAYS) buf_add_byte(&out, ' ');
    int rc = OK;
    if (replaced) spm_read(&out, s->data, s->len);
    else rc = text_nfc(&out, s->data, s->len, e);
    buf_clear(s);
    buf_add(s, out.data, out.len);
    if (out.failed) s->failed = true;
    buf_free(&out);
    return rc;
}

/* A tree of the tokens chosen, whose spellings have so many bytes together. */
static int build(struct tokenizer *t, struct user_tokens **out, chosen_fn *chosen, size_t bytes, struct err *e)
{
    struct buf s = {0};
    struct user_tokens *u;
    size_t cap = 64;
    if (bytes >= MAX_NODES) FAIL(e, ERR_LIMIT, "added tokens of %zu bytes, expected less than %d", bytes, MAX_NODES);
    while (cap < 2 * bytes) cap *= 2;
    TRY(mem_new((void **)&u, sizeof *u, "added tokens", e));
    *out = u;
    u->mask = cap - 1;
    u->spaced = chosen == is_normal_text && has_spaces(t);
    u->n_nodes = 1;
    TRY(mem_new((void **)&u->edges, cap * sizeof *u->edges, "added tokens", e));
    TRY(mem_new((void **)&u->id, (bytes + 1) * sizeof *u->id, "added tokens", e));
    memset(u->id, 0xFF, (bytes + 1) * sizeof *u->id);
    int rc = OK;
    for (int32_t id = 0; id < t->n && rc == OK; id++) {
        if (t->type[id] == TOKEN_NORMAL) continue;
        buf_clear(&s);
        vocab_spell(&s, t, id);
        rc = buf_check(&s, "an added token", e);
        bool wanted = rc == OK && chosen(t, id, &s);
        if (wanted && chosen == is_normal_text) rc = normalise(t, &s, e);
        if (wanted && rc == OK) rc = buf_check(&s, "an added token", e);
        if (wanted && rc == OK) rc = add(u, s.data, s.len, id, e);
    }
    buf_free(&s);
    return rc;
}

/* What a template may write as a token. */
static bool is_marker(const struct tokenizer *t, int32_t id, const struct buf *spelling)
{
    if (spelling->len == 0 || spelling->len > MAX_BYTES) return false;
    if (t->type[id] == TOKEN_CONTROL || t->type[id] == TOKEN_UNKNOWN) return true;
    bool tag = has(spelling->data, spelling->len, "<") || has(spelling->data, spelling->len, "[");
    return t->type[id] == TOKEN_USER && (tag || !(t->flags[id] & FLAG_TEXT));
}

int user_tokens_new(struct tokenizer *t, struct err *e)
{
    struct buf s = {0};
    size_t bytes = 0, normal = 0, marks = 0;
    for (int32_t id = 0; id < t->n; id++) {
        if (t->type[id] == TOKEN_NORMAL) continue;
        buf_clear(&s);
        vocab_spell(&s, t, id);
        if (s.failed) break;
        if (in_text(t, id, &s)) {
            t->flags[id] |= FLAG_TEXT;
            if (t->flags[id] & FLAG_NORMAL) normal += NORMAL_GROWTH * s.len + 1;
            else bytes += s.len;
        }
        if (is_marker(t, id, &s)) marks += s.len;
    }
    int rc = buf_check(&s, "an added token", e);
    buf_free(&s);
    if (rc == OK && bytes) rc = build(t, &t->users, is_text, bytes, e);
    if (rc == OK && normal) rc = build(t, &t->normal_users, is_normal_text, normal, e);
    if (rc == OK && marks) rc = build(t, &t->markers, is_marker, marks, e);
    return rc;
}

void user_tokens_free(struct user_tokens *u)
{
    if (!u) return;
    mem_free(u->edges);
    mem_free(u->id);
    mem_free(u);
}

/* The longest token at the beginning of s and its length. */
static int32_t longest(const struct user_tokens *u, const char *s, size_t len, size_t *n)
{
    int32_t id = -1;
    uint32_t node = 0;
    for (size_t i = 0; i < len; i++) {
        const struct edge *g = edge_of(u, node, (uint8_t)s[i]);
        if (!g || g->to == 0) break;
        node = g->to;
        if (u->id[node] < 0) continue;
        id = u->id[node];
        *n = i + 1;
    }
    return id;
}

int32_t tokenizer_special_at(const struct tokenizer *t, const char *s, size_t len, size_t *n)
{
    *n = 0;
    return t->markers && len && t->markers->first[(uint8_t)s[0]] ? longest(t->markers, s, len, n) : -1;
}

/* The first, and of several the longest, such token in s at or after *at: its id, its place in *at, its length; -1 if
 * there is none. */
static int32_t find(const struct user_tokens *u, const char *s, size_t len, size_t *at, size_t *n)
{
    for (size_t i = *at; i < len; i++) {
        if (!u->first[(uint8_t)s[i]]) continue;
        int32_t id = longest(u, s + i, len - i, n);
        if (id < 0) continue;
        *at = i;
        return id;
    }
    return -1;
}

/* ---- what a token takes beside itself ---- */

/* The length of the character before the end of s, which is not empty; *cp is 0 for bytes that are none. */
static size_t last_char(const char *s, size_t len, uint32_t *cp)
{
    size_t n = 1;
    while (n < 4 && n < len && ((uint8_t)s[len - n] & 0xC0) == 0x80) n++;
    if (utf8_decode(s + len - n, n, cp) == n) return n;
    *cp = 0;
    return 1;
}

/* spaced: a space stands for SentencePiece's U+2581, which is no blank. */
static size_t blanks(const char *s, size_t len, bool at_end, bool spaced)
{
    const struct unicode *u = unicode_table();
    size_t done = 0, n;
    for (; done < len; done += n) {
        uint32_t cp = 0;
        if (at_end) n = last_char(s, len - done, &cp);
        else n = utf8_decode(s + done, len - done, &cp);
        if (n == 0 || !(unicode_class(u, cp) & UC_SPACE) || (spaced && cp == ' ')) break;
    }
    return done;
}

size_t tokenizer_takes(const struct tokenizer *t, int32_t id, bool before, const char *s, size_t len)
{
    if (id < 0 || id >= t->n || !(t->flags[id] & (before ? FLAG_BEFORE : FLAG_AFTER))) return 0;
    return blanks(s, len, before, false);
}

/* Whether what stands before and after is no part of the same word. */
static bool is_word(const char *s, size_t len, size_t from, size_t to)
{
    uint32_t cp = 0;
    if (from) last_char(s, from, &cp);
    if (from && cp && unicode_is_word(cp)) return false;
    return to == len || !utf8_decode(s + to, len - to, &cp) || !unicode_is_word(cp);
}

bool user_tokens_next(const struct user_tokens *u, const struct tokenizer *t, const char *s, size_t len, struct user_match *m)
{
    while (u) {
        size_t at = m->next, n = 0;
        m->id = find(u, s, len, &at, &n);
        if (m->id < 0) return false;
        m->next = at + n;
        uint8_t flags = t->flags[m->id];
        if ((flags & FLAG_WORD) && !is_word(s, len, at, at + n)) continue;
        size_t from = flags & FLAG_BEFORE ? at - blanks(s, at, true, u->spaced) : at, end = at + n;
        if (flags & FLAG_BEFORE && from < m->to) from = m->to; /* the token before took those */
        if (from >= end) continue;
        if (flags & FLAG_AFTER) end += blanks(s + end, len - end, false, u->spaced);
        m->from = from;
        m->to = end;
        return true;
    }
    return false;
}
