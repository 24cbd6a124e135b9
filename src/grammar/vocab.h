/* All tokens of a vocabulary as a tree of their bytes, laid out in the order of a walk through it.
 *
 * Node i stands for the bytes on the way to it; its subtree is nodes[i] to nodes[end - 1], its tokens ids[first] up to the first
 * of the next node. Control tokens, and those that text never yields, are there by their number (build_token).
 *
 * A walk through 150,000 tokens takes milliseconds, so most of it is left out: tokens that are nothing but plain characters are
 * in `plain` by their length and in `with` by the kinds of their characters, and a subtree of such tokens is skipped where the
 * grammar allows any so many characters of these kinds. */
#ifndef GRAMMAR_VOCAB_H
#define GRAMMAR_VOCAB_H

#include "grammar/grammar.h"

enum {
    VOCAB_PLAIN = 32,     /* characters of the longest plain token that is treated as one */
    VOCAB_NOT_PLAIN = 255,
    VOCAB_MAX_TOKEN = 1024, /* bytes; longer ones are never allowed */
};

/* Kinds of plain characters: each of ASCII is one, all others are one. */
struct kinds {
    uint64_t bits[2];
};
enum { KIND_FIRST = 0x20, KIND_OTHER = 0x7F, N_KINDS = KIND_OTHER - KIND_FIRST + 1 };

static inline void kinds_add(struct kinds *k, unsigned kind) { k->bits[kind / 64] |= 1ull << kind % 64; }
static inline bool kinds_has(const struct kinds *k, unsigned kind) { return k->bits[kind / 64] >> kind % 64 & 1; }

struct trie_node {
    uint32_t end;
    uint32_t first;
    uint16_t depth; /* bytes on the way; children of the root have 1 */
    uint8_t byte;
    uint8_t plain; /* the most characters of a token in the subtree, NOT_PLAIN if one is not plain or longer */
};

struct grammar_vocab {
    const struct tokenizer *t;
    struct trie_node *nodes; /* n_nodes and one more, for its `first`; no root */
    int32_t *ids;
    size_t n_nodes, n_ids;
    int64_t n_vocab;
    size_t words;        /* of a mask */
    struct kinds *kinds; /* by node: of the characters of all plain tokens in its subtree */
    uint32_t *plain;     /* (VOCAB_PLAIN + 1) masks: tokens of at most so many plain characters */
    uint32_t *with;      /* N_KINDS masks: plain tokens in which such a character is */
    int32_t *ends;
    size_t n_ends;
    bool byte_ok[256];   /* there is a token that is this byte */
    bool lacks_bytes;    /* that some grammar may ask for */
    size_t max_bytes;    /* of a token */
};

/* Text that may be in the tree: not too long, and not of bytes that stand for tokens by their number. */
bool vocab_takes(const uint8_t *s, size_t len);
/* A character that counts as plain. */
bool vocab_is_plain(uint32_t cp);

#endif
