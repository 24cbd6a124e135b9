/* Encoding: text -> pieces -> symbols -> merges. A piece that is known to become one token is looked up; other pieces
 * met before in the same call are taken from a cache. */
#include "base/mem.h"
#include "base/utf8.h"
#include "text/vocab.h"

enum {
    CACHE_MIN_TEXT = 1024,   /* bytes; shorter texts repeat too little */
    CACHE_MAX_PIECE = 16,    /* bytes */
    CACHE_MAX_IDS = 11,      /* a slot is a cache line */
    CACHE_MAX_SLOTS = 16384, /* direct mapped, 1 MiB */
    CUT_MIN_PIECE = 12,      /* bytes; shorter ones are merged in no time */
    BATCH = 16,              /* pieces whose places in the tables are asked from memory together */
};

/* A piece (its bytes: see struct word_key) and its ids. Free when len is 0. */
struct cache_slot {
    uint64_t a, b;
    uint8_t len, n;
    int32_t ids[CACHE_MAX_IDS];
};

/* A piece, or a part of one. */
struct piece {
    const char *s;
    size_t len;
    struct word_key key;
    bool atoms;
};

struct encoder {
    const struct tokenizer *t;
    struct tokens *out;
    struct err *e;
    struct cache_slot *cache;
    size_t cache_mask;
    struct bpe_scratch scratch;
    struct buf normal; /* the stretch at hand, normalised */
};

static int merge_piece(struct encoder *en, const char *s, size_t len, bool atoms)
{
    size_t n;
    TRY(tokens_reserve(en->out, len, en->e));
    int32_t *ids = en->out->ids + en->out->n;
    TRY(bpe_symbols(en->t, s, len, atoms, ids, &n, en->e));
    TRY(bpe_merge(en->t, &en->scratch, ids, &n, en->e));
    en->out->n += n;
    return OK;
}

static void set_key(const struct encoder *en, struct piece *p)
{
    p->key = word_key(p->s, p->len);
    __builtin_prefetch(&en->t->words[p->key.hash & en->t->word_mask]);
}

/* A part of a piece, or a short piece that is not one token. */
static int encode_cached(struct encoder *en, const struct piece *p)
{
    if (!en->cache || p->len > CACHE_MAX_PIECE) return merge_piece(en, p->s, p->len, p->atoms);
    struct cache_slot *c = &en->cache[p->key.hash >> 40 & en->cache_mask];
    struct tokens *out = en->out;
    if (c->a == p->key.a && c->b == p->key.b && c->len == p->len) {
        if (out->cap - out->n < CACHE_MAX_IDS) TRY(tokens_reserve(out, CACHE_MAX_IDS, en->e));
        memcpy(out->ids + out->n, c->ids, sizeof c->ids);
        out->n += c->n;
        return OK;
    }
    size_t at = out->n;
    TRY(merge_piece(en, p->s, p->len, p->atoms));
    size_t n = out->n - at;
    if (n > CACHE_MAX_IDS) return OK;
    *c = (struct cache_slot){.a = p->key.a, .b = p->key.b, .len = (uint8_t)p->len, .n = (uint8_t)n};
    memcpy(c->ids, out->ids + at, n * sizeof *c->ids);
    return OK;
}

static int encode_part(struct encoder *en, const struct piece *p)
{
    const struct word_slot *w = word_find(en->t, &p->key, p->s, p->len);
    return w && w->merged ? tokens_add(en->out, (int32_t)w->id, en->e) : encode_cached(en, p);
}

/* Valid UTF-8, cut where no merge can happen. */
static int encode_parts(struct encoder *en, const char *s, size_t len)
{
    struct piece part[BATCH];
    while (len) {
        int n = 0;
        for (; n < BATCH && len; n++, s += part[n - 1].len) {
            part[n].s = s;
            part[n].len = seams_cut(en->t->seams, s, len, &part[n].atoms);
            len -= part[n].len;
            set_key(en, &part[n]);
        }
        for (int i = 0; i < n; i++) TRY(encode_part(en, &part[i]));
    }
    return OK;
}

/* With a byte that leaves no symbol, what it stood between becomes neighbours: nothing is known of its places. */
static bool loses_bytes(const struct tokenizer *t, const struct piece *p)
{
    for (size_t i = 0; i < p->len; i++)
        if (t->byte_id[(uint8_t)p->s[i]] < 0) return true;
    return false;
}

static int encode_piece(struct encoder *en, const struct piece *p)
{
    const struct word_slot *w = word_find(en->t, &p->key, p->s, p->len);
    if (w) return tokens_add(en->out, (int32_t)w->id, en->e);
    if (en->t->lacks_bytes && loses_bytes(en->t, p)) return merge_piece(en, p->s, p->len, false);
    if (p->len >= CUT_MIN_PIECE && (uint8_t)p->s[p->len - 1] >= 0x80) return encode_parts(en, p->s, p->len);
    return encode_cached(en, p);
}

static int encode_pieces(struct encoder *en, const char *s, size_t len)
{
    struct piece piece[BATCH];
    struct pieces c;
    int n = 0;
    pieces_init(&c, en->t->pre, s, len);
    do {
        for (n = 0; n < BATCH && (piece[n].len = pieces_next(&c, &piece[n].s)); n++) {
            piece[n].atoms = false;
            set_key(en, &piece[n]);
        }
        for (int i = 0; i < n; i++) TRY(encode_piece(en, &piece[i]));
    } while (n == BATCH);
    return OK;
}

/* SentencePiece: spaces are in place. A byte that is not part of valid UTF-8 is a piece of its own. */
static int encode_spm(struct encoder *en, const char *s, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t n = utf8_valid_run(s + i, len - i);
        if (n) TRY(encode_parts(en, s + i, n));
        else TRY(merge_piece(en, s + i, n = 1, false));
        i += n;
    }
    return OK;
}

/* Appends a stretch of text between added tokens as SentencePiece sees it. */
static void normalise_spm(const struct tokenizer *t, struct buf *b, const char *s, size_t len, bool first)
{
    bool spaced = len && (*s == ' ' || (len >= 3 && memcmp(s, SPM_SPACE, 3) == 0));
    bool prefix = t->prefix == PREFIX_ALWAYS || (t->prefix == PREFIX_EACH && !spaced) ||
                  (t->prefix == PREFIX_FIRST && first && !spaced);
    if (prefix && len) buf_add_byte(b, ' ');
    spm_read(b, s, len);
}

typedef int stretch_fn(struct encoder *en, const char *s, size_t len, bool first);

/* Cuts at the added tokens that text yields; what is between them goes to fn. first: it is the beginning of the text. */
static int cut(struct encoder *en, const struct user_tokens *u, const char *s, size_t len, bool first, stretch_fn *fn)
{
    struct user_match m = {0};
    size_t done = 0;
    while (user_tokens_next(u, en->t, s, len, &m)) {
        if (m.from > done) TRY(fn(en, s + done, m.from - done, first && done == 0));
        TRY(tokens_add(en->out, m.id, en->e));
        done = m.to;
    }
    return done < len ? fn(en, s + done, len - done, first && done == 0) : OK;
}

static int encode_normalised(struct encoder *en, const char *s, size_t len, bool first)
{
    (void)first;
    return en->t->model == TOKENIZER_BYTES ? encode_pieces(en, s, len) : encode_spm(en, s, len);
}

/* Takes s into en->normal as SentencePiece sees it, where that is something else. */
static int put_spaces(struct encoder *en, const char **s, size_t *len, bool first)
{
    const struct tokenizer *t = en->t;
    if (t->model != TOKENIZER_SPM || (!t->prefix && !memmem(*s, *len, SPM_SPACE, 3))) return OK;
    buf_clear(&en->normal);
    normalise_spm(t, &en->normal, *s, *len, first);
    TRY(buf_check(&en->normal, "normalised text", en->e));
    *s = en->normal.data;
    *len = en->normal.len;
    return OK;
}

static int encode_spaced(struct encoder *en, const char *s, size_t len, bool first)
{
    TRY(put_spaces(en, &s, &len, first));
    return encode_spm(en, s, len);
}

/* Between the added tokens that are found in the text as it is: normalised, then cut at the others. SentencePiece's spaces
 * are a matter of normalising, or ("Metaspace") come after both. */
static int encode_stretch(struct encoder *en, const char *s, size_t len, bool first)
{
    const struct tokenizer *t = en->t;
    bool late = t->prefix == PREFIX_FIRST || t->prefix == PREFIX_EACH;
    if (late) return cut(en, t->normal_users, s, len, first, encode_spaced);
    TRY(put_spaces(en, &s, &len, first));
    if (t->nfc && !text_is_nfc(s, len)) {
        buf_clear(&en->normal);
        TRY(text_nfc(&en->normal, s, len, en->e));
        s = en->normal.data;
        len = en->normal.len;
    }
    return cut(en, t->normal_users, s, len, first, encode_normalised);
}

int tokenizer_encode(const struct tokenizer *t, const char *s, size_t len, struct tokens *out, struct err *e)
{
    struct encoder en = {.t = t, .out = out, .e = e};
    size_t before = out->n;
    int rc = OK;
    if (len >= CACHE_MIN_TEXT) {
        size_t slots = 64;
        while (slots < len / 32 && slots < CACHE_MAX_SLOTS) slots *= 2;
        rc = mem_new((void **)&en.cache, slots * sizeof *en.cache, "piece cache", e);
        en.cache_mask = slots - 1;
    }
    if (rc == OK) rc = tokens_reserve(out, len / 4, e);
    if (rc == OK) rc = cut(&en, t->users, s, len, true, encode_stretch);
    if (rc) out->n = before;
    mem_free(en.cache);
    bpe_scratch_free(&en.scratch);
    buf_free(&en.normal);
    return rc;
}
