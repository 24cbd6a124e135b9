/* Pre-tokenizers: they cut text into the pieces inside which byte-pair merges happen. A pre-tokenizer is a list of
 * rules (regular expressions), applied in order: a rule cuts every piece so far into its matches and the gaps
 * between them. The rules are a fixed table; a file's rules are recognised, never run.
 * Immutable after pretok_new, shared by threads. */
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
/* The file formats' rule: a piece that is in the vocabulary as a whole is taken without merging (Llama 3). */
bool pretok_ignore_merges(const struct pretok *p);

/* Called once for every piece, in order; non-zero stops and is returned. The pieces put together are the text. */
typedef int (*piece_fn)(void *ctx, const char *s, size_t len);
/* Any bytes: a byte that is not part of valid UTF-8 is a piece of its own. Thread-safe, re-entrant. */
int pretok_split(const struct pretok *p, const char *s, size_t len, piece_fn fn, void *ctx, struct err *e);

/* The name of the pre-tokenizer that the "pre_tokenizer" object of a tokenizer.json describes. */
int pretok_recognise(const char **name, const json_t *v, const char *where, struct err *e);
/* Appends the "pre_tokenizer" object of a tokenizer.json. */
void pretok_write_json(const struct pretok *p, struct buf *b);

#endif
