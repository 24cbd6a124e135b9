/* Pre-tokenizers: they cut text into the pieces inside which byte-pair merges happen. A pre-tokenizer is a list of
 * rules (regular expressions), applied in order: a rule cuts every piece so far into its matches and the gaps
 * between them. The rules are a fixed table, and for each list there is a function that does the same in one pass; a
 * file's rules are recognised, never run. Immutable after pretok_new, shared by threads. */
#ifndef TEXT_PRETOK_H
#define TEXT_PRETOK_H

#include <stdbool.h>
#include <stddef.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

struct pretok;

/* name: as in GGUF's tokenizer.ggml.pre; ERR_UNSUPPORTED if it is not in the table. */
int pretok_new(struct pretok **out, const char *name, struct err *e);
void pretok_free(struct pretok *p);
const char *pretok_name(const struct pretok *p);
/* The name under which these rules travel where a piece that is in the vocabulary as a whole is (Llama 3) or is not taken
 * without merging; NULL if there is none. */
const char *pretok_name_for(const struct pretok *p, bool ignore_merges);

enum { PIECES_LEVELS = 6 };

/* Walks over the pieces of a text, which put together are the text. */
struct pieces {
    const struct pretok *p; /* borrowed, as is the text */
    const char *s, *valid, *end; /* [s, valid) is valid UTF-8 */
    const char *level[PIECES_LEVELS]; /* where the piece that each rule has made ends; some lists only */
};
void pieces_init(struct pieces *c, const struct pretok *p, const char *s, size_t len);
/* The next piece and its length; 0 at the end. A byte that is not part of valid UTF-8 is a piece of its own. */
size_t pieces_next(struct pieces *c, const char **piece);

/* The name of the pre-tokenizer that the "pre_tokenizer" object of a tokenizer.json describes. */
int pretok_recognise(const char **name, const json_t *v, const char *where, struct err *e);
/* Appends the "pre_tokenizer" object of a tokenizer.json. */
void pretok_write_json(const struct pretok *p, struct buf *b);

#endif
