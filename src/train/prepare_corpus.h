/* Making the tokenizer and the shards of a run. Internal to train/corpus.c. */
#ifndef TRAIN_PREPARE_CORPUS_H
#define TRAIN_PREPARE_CORPUS_H

#include "train/corpus.h"

/* Trains a tokenizer on the sources, or takes the recipe's file; writes it at `path`. */
int corpus_make_tokenizer(const struct corpus_options *o, const char *path, struct err *e);
/* Writes all shards into folder `dir`. */
int corpus_make_shards(const struct corpus_options *o, const struct tokenizer *tok, const char hash[65], const char *dir,
                       struct err *e);
/* dir/NAME.tok or dir/NAME.val.tok. */
int corpus_shard_path(char *out, size_t cap, const char *dir, const char *name, bool held, struct err *e);

#endif
