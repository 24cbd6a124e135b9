/* Inside of struct tokenizer, for the files of this module that read, write, train and run it.
 * Build order: vocab_new (all tokens), vocab_reserve_merges, merges in rank order, then the switches that the file
 * sets (nfc, ignore_merges, prefix), then vocab_finish. */
#ifndef TEXT_VOCAB_H
#define TEXT_VOCAB_H

#include "text/pretok.h"
#include "text/tokenizer.h"
#include <string.h>

/* Numbers as in GGUF's tokenizer.ggml.token_type. */
enum token_type {
    TOKEN_NORMAL = 1,
    TOKEN_UNKNOWN = 2,
    TOKEN_CONTROL = 3,
    TOKEN_USER = 4,
    TOKEN_UNUSED = 5,
    TOKEN_BYTE = 6
};

enum token_flag {
    FLAG_TEXT = 1,    /* a USER token that is taken wherever text spells it */
    FLAG_LITERAL = 2, /* SentencePiece: its spaces are spaces in files too */
    /* What tokenizer.json says of added tokens: */
    FLAG_BEFORE = 4,  /* "lstrip": it takes the blanks before it */
    FLAG_AFTER = 8,   /* "rstrip": and those after it */
    FLAG_WORD = 16,   /* "single_word": not inside a word */
    FLAG_NORMAL = 32, /* "normalized": looked for in the text that is normalised, after the others */
};

/* SentencePiece writes a space as this, U+2581. Inside, such tokens hold a space. */
#define SPM_SPACE "\xe2\x96\x81"

enum {
    ID_BITS = 20, /* ids are below TOK_MAX_VOCAB */
    MAX_MERGES = 4 << 20,
    N_CHARS = 0x10000, /* characters above are looked up among the words */
};

/* A pair of neighbours and what it becomes. Rank = index in the list; lower ranks merge first. */
struct merge {
    int32_t left, right, result;
};

/* A slot of the table of merges; free when order is 0. All that merging asks for lies together. */
struct merge_slot {
    uint64_t key;   /* merge_key */
    uint32_t order; /* lower ones merge first, equal ones from left to right: the rank + 1, or what scores say */
    int32_t result;
};

/* A slot of the table of spellings. The tag is a part of the hash, so that other spellings are told apart at once. */
struct index_slot {
    uint32_t tag;
    int32_t id; /* -1: free */
};

/* A slot of the table of words; free when len is 0. a, b: see struct word_key. */
struct word_slot {
    uint64_t a, b;
    uint32_t len;
    unsigned id : 24;
    unsigned merged : 1; /* merging gives it too (always, but for ignore_merges) */
    unsigned atom : 1;   /* a character of several bytes whose bytes merge before anything else can happen to it */
};

/* How a SentencePiece tokenizer begins a text that does not begin with a space. */
enum spm_prefix {
    PREFIX_NONE,
    PREFIX_ALWAYS, /* every stretch of text gets a space in front, whatever it begins with (llama.cpp; "Prepend") */
    PREFIX_FIRST,  /* only the beginning of the text, unless there is a space ("Metaspace", prepend_scheme "first") */
    PREFIX_EACH,   /* every stretch, unless there is a space ("Metaspace", "always") */
};

struct seams;
struct user_tokens;

struct tokenizer {
    enum tokenizer_model model;
    int32_t n;
    uint8_t *type, *flags; /* n */
    uint64_t *off;         /* n + 1: token i is bytes[off[i] .. off[i+1]) */
    char *bytes;
    int32_t byte_id[256];      /* -1: this vocabulary cannot write the byte */
    bool lacks_bytes;          /* byte-level: there is such a byte; text loses it, as with the models' own tokenizers */
    struct user_tokens *users;        /* those with FLAG_TEXT; NULL if there are none */
    struct user_tokens *normal_users; /* and with FLAG_NORMAL too */
    struct user_tokens *markers; /* what templates may write as tokens; NULL if there is nothing */
    struct index_slot *index;  /* ids by (bytes, special or not) */
    size_t index_mask, index_probes;
    struct merge *merges;
    size_t n_merges, cap_merges;
    bool last_counts; /* of a merge that is listed twice: as for the "tokenizers" library; else the first, as for llama.cpp */
    size_t twice, special; /* merges left out because they are listed twice, or because of a token that is no ordinary one */
    struct merge_slot *slots;
    size_t slot_mask, slot_probes; /* no merge is further from its home than slot_probes */
    struct word_slot *words; /* tokens that their own bytes become */
    int32_t *chars;          /* N_CHARS: the token of a character, where merging may start from it; else -1 */
    size_t word_mask, word_probes;
    float *scores;       /* SentencePiece from parts: as they came */
    struct seams *seams; /* places where no merge can happen */
    enum spm_prefix prefix;
    struct pretok *pre; /* NULL: SentencePiece, which needs none */
    bool nfc;           /* normalise to NFC before cutting */
    bool ignore_merges; /* a piece that is a token as a whole is taken as it is */
    bool add_bos;
    int32_t bos, eos, pad;
};

/* A token as a file gives it. */
struct token_src {
    const char *s;
    size_t len;
    uint8_t type; /* enum token_type; NORMAL ones are what merges build */
    bool raw;     /* s holds bytes, not the form of files */
    uint8_t flags; /* FLAG_BEFORE to FLAG_NORMAL */
};

struct vocab_src {
    const struct token_src *tokens;
    size_t n;
    enum tokenizer_model model;
    bool last_found; /* of several tokens with the same bytes the last is the one that text becomes, as for llama.cpp */
};

/* A NORMAL token whose text is not in the form of files becomes UNUSED. */
int vocab_new(struct tokenizer **out, const struct vocab_src *src, const char *name, struct err *e);
/* Once: room for n merges. */
int vocab_reserve_merges(struct tokenizer *t, size_t n, const char *name, struct err *e);
/* The parts of the next merge in the form of files. One that takes or makes an added token is left out: text never gets
 * there. */
int vocab_add_merge(struct tokenizer *t, const char *a, size_t na, const char *b, size_t nb, const char *name,
                    struct err *e);
/* The same with ids known to be right; order: see struct merge_slot, not 0. */
int vocab_put_merge(struct tokenizer *t, struct merge m, uint32_t order, const char *name, struct err *e);
/* Sets the pre-tokenizer (NULL for SentencePiece) and makes the tables for encoding. */
int vocab_finish(struct tokenizer *t, const char *pre, const char *name, struct err *e);
/* Recognises bos, eos and pad by the spellings that published models use. */
void vocab_guess_specials(struct tokenizer *t);

/* The NORMAL token with these bytes, or the CONTROL, UNKNOWN or USER one when special; -1 if none. */
int32_t vocab_find(const struct tokenizer *t, const char *s, size_t len, bool special);
/* Something to look up soon: asks for its place in memory. */
struct spelling {
    const char *s;
    size_t len;
    uint64_t hash;
};
struct spelling vocab_spelling(const struct tokenizer *t, const char *s, size_t len);
/* The token with these bytes that merges may take and make: NORMAL, in SentencePiece also USER; -1 if none. */
int32_t vocab_find_part(const struct tokenizer *t, const struct spelling *k);
/* Appends the token as files spell it. */
void vocab_spell(struct buf *b, const struct tokenizer *t, int32_t id);

static inline uint64_t hash_mix(uint64_t h)
{
    h ^= h >> 32;
    h *= 0xD6E8FEB86659FD93u;
    h ^= h >> 32;
    h *= 0xD6E8FEB86659FD93u;
    return h ^ h >> 32;
}

uint64_t hash_bytes(const char *s, size_t n);

static inline uint64_t merge_key(int32_t left, int32_t right)
{
    return (uint64_t)(uint32_t)left << ID_BITS | (uint32_t)right;
}

static inline size_t merge_home(uint64_t key, size_t mask)
{
    key *= 0x9E3779B97F4A7C15u;
    return (key ^ key >> 32) & mask;
}

/* The merge of two neighbours, or NULL. */
static inline const struct merge_slot *merge_find(const struct tokenizer *t, int32_t left, int32_t right)
{
    uint64_t key = merge_key(left, right);
    size_t i = merge_home(key, t->slot_mask);
    for (size_t k = 0; k <= t->slot_probes; k++, i = (i + 1) & t->slot_mask) {
        const struct merge_slot *s = &t->slots[i];
        if (s->key == key && s->order) return s;
        if (s->order == 0) return NULL;
    }
    return NULL;
}

/* A piece's bytes as two numbers: themselves up to 16 (with the length), a hash beyond. */
struct word_key {
    uint64_t a, b, hash;
};

static inline struct word_key word_key(const char *s, size_t len)
{
    uint64_t a = 0, b = 0;
    if (len > 16) a = hash_bytes(s, len);
    else if (len >= 8) {
        memcpy(&a, s, 8);
        memcpy(&b, s + len - 8, 8);
    } else if (len >= 4) {
        uint32_t u, v;
        memcpy(&u, s, 4);
        memcpy(&v, s + len - 4, 4);
        a = u | (uint64_t)v << 32;
    } else if (len) {
        a = (uint8_t)s[0] | (uint64_t)(uint8_t)s[len / 2] << 8 | (uint64_t)(uint8_t)s[len - 1] << 16;
    }
    uint64_t h = (a + len) * 0x9E3779B97F4A7C15u;
    h = (h ^ h >> 32 ^ b) * 0xD6E8FEB86659FD93u;
    return (struct word_key){a, b, h ^ h >> 32};
}

/* The token that a piece becomes as a whole, if that is known in advance; else NULL. */
static inline const struct word_slot *word_find(const struct tokenizer *t, const struct word_key *key, const char *s,
                                                size_t len)
{
    size_t i = key->hash & t->word_mask;
    for (size_t k = 0; k <= t->word_probes; k++, i = (i + 1) & t->word_mask) {
        const struct word_slot *w = &t->words[i];
        bool same = w->a == key->a && w->b == key->b && w->len == len;
        if (same && (len <= 16 || memcmp(t->bytes + t->off[w->id], s, len) == 0)) return w;
        if (w->len == 0) return NULL;
    }
    return NULL;
}

/* Memory for merging long pieces; zeroed is empty. */
struct bpe_scratch {
    struct symbol *sym; /* room for cap */
    uint64_t *heap;     /* room for 2 * cap */
    size_t n_heap, cap;
};
void bpe_scratch_free(struct bpe_scratch *k);
/* The symbols that merging starts from: bytes, or characters in SentencePiece. ids has room for len. Byte-level: bytes
 * that the vocabulary cannot write are left out. atoms: s is valid
 * UTF-8 in which no token joins parts of characters (see seams_cut), so that characters known to be one token may be
 * taken as such. */
int bpe_symbols(const struct tokenizer *t, const char *s, size_t len, bool atoms, int32_t *ids, size_t *n, struct err *e);
/* Merges ids[0 .. *n) in place. */
int bpe_merge(const struct tokenizer *t, struct bpe_scratch *k, int32_t *ids, size_t *n, struct err *e);

/* SentencePiece: merges from scores, which are n of them. */
int spm_merges(struct tokenizer *t, const float *scores, const char *name, struct err *e);
/* The score that gives a token the place in the order that its merges have. */
int spm_scores(const struct tokenizer *t, float *scores, struct err *e);
/* The byte that "<0xE4>" stands for, or -1. */
int spm_byte(const char *s, size_t len);
/* Appends s with U+2581 turned into a space. */
void spm_read(struct buf *b, const char *s, size_t len);

int seams_new(struct tokenizer *t, struct err *e);
void seams_free(struct seams *s);
/* The end of the shortest beginning of valid s (not empty) that merges never cross. *atoms: inside it, whatever crosses
 * a place between characters has all of both. */
size_t seams_cut(const struct seams *q, const char *s, size_t len, bool *atoms);

/* A place where text spells an added token: bytes [from, to) with the blanks that it takes. Zeroed before the first. */
struct user_match {
    int32_t id;
    size_t from, to, next;
};
/* The next such place after *m; false at the end. u NULL: there is none. */
bool user_tokens_next(const struct user_tokens *u, const struct tokenizer *t, const char *s, size_t len, struct user_match *m);

/* Sets FLAG_TEXT and builds the trees. */
int user_tokens_new(struct tokenizer *t, struct err *e);
void user_tokens_free(struct user_tokens *u);

/* At most cap - 1 bytes of s as printable ASCII, for error messages. */
const char *text_quote(char *out, size_t cap, const char *s, size_t len);

/* Room for n more ids. */
int tokens_reserve(struct tokens *t, size_t n, struct err *e);

/* True when NFC would not change s (never true in vain; false may be). */
bool text_is_nfc(const char *s, size_t len);
/* Appends the NFC form of s; bytes that are not valid UTF-8 stay as they are. */
int text_nfc(struct buf *out, const char *s, size_t len, struct err *e);

#endif
