/* Inside of struct tokenizer, for the files of this module that read, write, train and run it.
 * Build order: vocab_new (all tokens), vocab_add_merge (in rank order), vocab_finish. */
#ifndef TEXT_VOCAB_H
#define TEXT_VOCAB_H

#include "text/pretok.h"
#include "text/tokenizer.h"

/* Numbers as in GGUF's tokenizer.ggml.token_type. */
enum token_type { TOKEN_NORMAL = 1, TOKEN_CONTROL = 3, TOKEN_USER = 4, TOKEN_UNUSED = 5, TOKEN_BYTE = 6 };

/* A pair of neighbours and what it becomes. Rank = index in the list; lower ranks merge first. */
struct merge {
    int32_t left, right, result;
};

/* Hash slot: key = left << 32 | right, free when rank is 0. */
struct merge_slot {
    uint64_t key;
    uint32_t rank; /* rank + 1 */
    int32_t result;
};

struct tokenizer {
    int32_t n;
    uint8_t *type; /* n */
    uint64_t *off; /* n + 1: token i is bytes[off[i] .. off[i+1]) */
    char *bytes;
    int32_t byte_id[256]; /* -1: this vocabulary cannot write the byte */
    int32_t letter[64];   /* added token of the letter U+00C0 + i, or -1: DeepSeek's first two generations have some, */
    bool has_letters;     /* and there these letters are always written so */
    int32_t *index;       /* hash table of ids by (bytes, findable or not), -1 free */
    size_t index_mask;
    struct merge *merges;
    size_t n_merges, cap_merges;
    struct merge_slot *slots;
    size_t slot_mask;
    struct pretok *pre;
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
    bool raw;     /* s holds bytes, not the printable alphabet */
};

/* A NORMAL token whose text is not in the printable alphabet becomes UNUSED. Room for n_merges merges. */
int vocab_new(struct tokenizer **out, const struct token_src *src, size_t n, size_t n_merges, const char *name,
              struct err *e);
/* The parts of merge number n_merges in the printable alphabet. */
int vocab_add_merge(struct tokenizer *t, const char *a, size_t na, const char *b, size_t nb, const char *name,
                    struct err *e);
/* The same with ids known to be right. */
int vocab_put_merge(struct tokenizer *t, struct merge m, const char *name, struct err *e);
/* Sets the pre-tokenizer. */
int vocab_finish(struct tokenizer *t, const char *pre, const char *name, struct err *e);
/* Recognises bos, eos and pad by the spellings that published models use. */
void vocab_guess_specials(struct tokenizer *t);

/* The NORMAL token with these bytes, or the CONTROL or USER one when special; -1 if none. */
int32_t vocab_find(const struct tokenizer *t, const char *s, size_t len, bool special);

static inline uint64_t hash_mix(uint64_t h)
{
    h ^= h >> 32;
    h *= 0xD6E8FEB86659FD93u;
    h ^= h >> 32;
    h *= 0xD6E8FEB86659FD93u;
    return h ^ h >> 32;
}

uint64_t hash_bytes(const char *s, size_t n);

/* Rank + 1 of the merge of two neighbours, with its result, or 0. */
static inline uint32_t merge_rank(const struct tokenizer *t, int32_t left, int32_t right, int32_t *result)
{
    uint64_t key = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    for (size_t i = hash_mix(key) & t->slot_mask;; i = (i + 1) & t->slot_mask) {
        const struct merge_slot *s = &t->slots[i];
        if (s->rank == 0) return 0;
        if (s->key == key) {
            *result = s->result;
            return s->rank;
        }
    }
}

/* At most cap - 1 bytes of s as printable ASCII, for error messages. */
const char *text_quote(char *out, size_t cap, const char *s, size_t len);

/* Room for n more ids. */
int tokens_reserve(struct tokens *t, size_t n, struct err *e);

/* Appends the NFC form of s; bytes that are not valid UTF-8 stay as they are. */
int text_nfc(struct buf *out, const char *s, size_t len, struct err *e);

#endif
