/* The part of a tokenizer.json that is not vocabulary: what happens to text before merging and to tokens after. */
#ifndef TEXT_JSON_FORM_H
#define TEXT_JSON_FORM_H

#include "base/json.h"
#include "text/vocab.h"

/* Strings are borrowed from the JSON. */
struct json_form {
    enum tokenizer_model model;
    const char *pre; /* NULL for SentencePiece */
    bool nfc, ignore_merges;
    enum spm_prefix prefix;
    const char *bos; /* the token that the post-processor puts first, or NULL */
    const char *unk; /* SentencePiece: the unknown token, or NULL */
};

/* Everything that would change the ids and is not done here is refused by name. */
int json_form_read(struct json_form *f, const json_t *root, const char *name, struct err *e);
/* Appends "normalizer" and "pre_tokenizer", and "decoder", each with a comma and a line end. */
void json_form_write_before(struct buf *b, const struct tokenizer *t);
void json_form_write_decoder(struct buf *b, const struct tokenizer *t);

#endif
