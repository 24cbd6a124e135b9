/* Making the tokenizer and the shards of a run. Internal to train/corpus.c. */
#ifndef TRAIN_PREPARE_CORPUS_H
#define TRAIN_PREPARE_CORPUS_H

#include "train/corpus_texts.h"

/* Trains a tokenizer on the sources, or takes the recipe's file; writes it at `path`. */
int corpus_make_tokenizer(const struct corpus_options *o, const struct corpus_texts *t, const char *path, struct err *e);
/* Writes all shards into folder `dir`. What was left out is noted in `notes` and added to *skipped. */
int corpus_make_shards(const struct corpus_options *o, const struct corpus_texts *t, const struct corpus *c, const char *dir,
                       struct buf *notes, uint64_t *skipped, struct err *e);
/* dir/NAME.tok or dir/NAME.val.tok. */
int corpus_shard_path(char *out, size_t cap, const char *dir, const char *name, bool held, struct err *e);

#endif
