/* Where byte-pair merges cannot happen. A merge makes a token; if no token that merges make crosses the place between
 * two characters, then nothing ever does, and the text can be cut there without changing the ids. So a text without a
 * pre-tokenizer (SentencePiece) comes in short pieces, and a long run of Chinese too.
 *
 * A token of whole characters crosses the place between a and b if it has them side by side. Byte-level tokens may also
 * begin or end inside a character: for these the last byte of a, or the first of b, is what is known. */
#include "base/mem.h"
#include "base/utf8.h"
#include "text/unicode.h"
#include "text/vocab.h"

enum { MIN_BITS = 12, MAX_BITS = 24 };

/* What a token has of the characters before and after. */
enum crossing { WHOLE_WHOLE, PART_WHOLE, WHOLE_PART, PART_PART, CROSSINGS };

struct seams {
    uint64_t ascii[128][2]; /* bit of the second in the row of the first */
    uint64_t *bits;         /* by a hash of other pairs: a collision keeps two characters together that need not be */
    int shift;              /* 64 - log2 of the number of bits */
    bool any[CROSSINGS];    /* there are tokens of this kind */
};

/* A character as far as its neighbour's token may know it. */
struct side {
    uint32_t whole;
    uint8_t part; /* of the one before the last byte, of the one after the first */
};

static inline uint64_t pair_hash(const struct seams *q, enum crossing k, uint32_t a, uint32_t b)
{
    return (((uint64_t)k << 42 | (uint64_t)a << 21 | b) * 0x9E3779B97F4A7C15u) >> q->shift;
}

static inline bool has_pair(const struct seams *q, enum crossing k, uint32_t a, uint32_t b)
{
    uint64_t h = pair_hash(q, k, a, b);
    return q->bits[h >> 6] >> (h & 63) & 1;
}

/* Tokens that have only a part of a or of b. */
static inline bool joined_in_part(const struct seams *q, struct side a, struct side b)
{
    return (q->any[PART_WHOLE] && has_pair(q, PART_WHOLE, a.part, b.whole)) ||
           (q->any[WHOLE_PART] && has_pair(q, WHOLE_PART, a.whole, b.part)) ||
           (q->any[PART_PART] && has_pair(q, PART_PART, a.part, b.part));
}

static void join(struct seams *q, enum crossing k, uint32_t a, uint32_t b)
{
    uint64_t h = pair_hash(q, k, a, b);
    q->any[k] = true;
    if (k == WHOLE_WHOLE && (a | b) < 128) q->ascii[a][b >> 6] |= (uint64_t)1 << (b & 63);
    else q->bits[h >> 6] |= (uint64_t)1 << (h & 63);
}

/* The next part of a token: a character, or bytes of one. Its length; *whole says which. */
static size_t token_part(const char *s, size_t len, struct side *as_a, struct side *as_b, bool *whole)
{
    uint32_t cp = 0;
    size_t n = utf8_decode(s, len, &cp);
    *whole = n > 0;
    if (n == 0) n = utf8_bad_len(s, len);
    *as_a = (struct side){cp, (uint8_t)s[n - 1]};
    *as_b = (struct side){cp, (uint8_t)s[0]};
    return n;
}

/* Visits the places between characters of a token; returns their number. Bytes that cannot be neighbours in valid text
 * do no harm. */
static size_t token_pairs(const struct tokenizer *t, int32_t id, struct seams *q)
{
    const char *s = t->bytes + t->off[id];
    size_t len = t->off[id + 1] - t->off[id], pairs = 0;
    struct side before = {0}, as_a, as_b;
    bool before_whole = false, whole;
    for (size_t i = 0; i < len; pairs++) {
        size_t n = token_part(s + i, len - i, &as_a, &as_b, &whole);
        enum crossing k = before_whole ? (whole ? WHOLE_WHOLE : WHOLE_PART) : whole ? PART_WHOLE : PART_PART;
        if (i && q)
            join(q, k, before_whole ? before.whole : before.part, whole ? as_b.whole : as_b.part);
        before = as_a;
        before_whole = whole;
        i += n;
    }
    return pairs;
}

int seams_new(struct tokenizer *t, struct err *e)
{
    struct seams *q;
    size_t pairs = 0;
    int log2 = MIN_BITS;
    for (size_t i = 0; i < t->n_merges; i++) pairs += token_pairs(t, t->merges[i].result, NULL);
    while (log2 < MAX_BITS && (size_t)1 << log2 < 4 * pairs) log2++;
    TRY(mem_new((void **)&q, sizeof *q, "places between tokens", e));
    t->seams = q;
    q->shift = 64 - log2;
    TRY(mem_new((void **)&q->bits, ((size_t)1 << log2) / 8, "places between tokens", e));
    for (size_t i = 0; i < t->n_merges; i++) token_pairs(t, t->merges[i].result, q);
    return OK;
}

void seams_free(struct seams *q)
{
    if (!q) return;
    mem_free(q->bits);
    mem_free(q);
}

size_t seams_cut(const struct seams *q, const char *s, size_t len, bool *atoms)
{
    size_t n, i;
    uint32_t cp = unicode_char(s, &n);
    *atoms = true;
    for (i = n; i < len; i += n) {
        struct side a = {cp, (uint8_t)s[i - 1]};
        cp = unicode_char(s + i, &n);
        struct side b = {cp, (uint8_t)s[i]};
        if ((a.whole | b.whole) < 128) {
            if (!(q->ascii[a.whole][b.whole >> 6] >> (b.whole & 63) & 1)) break;
        } else if (joined_in_part(q, a, b)) *atoms = false;
        else if (!has_pair(q, WHOLE_WHOLE, a.whole, b.whole)) break;
    }
    return i;
}
