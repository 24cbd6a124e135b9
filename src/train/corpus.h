/* The text of a run, ready for training: tokenizer, shards to learn from, shards to measure on. They are made in the
 * run folder once: RUN/tokenizer.json, RUN/data/NAME.tok, RUN/data/NAME.val.tok (held-out documents), and
 * RUN/data/corpus.txt, which says from what and is written last. */
#ifndef TRAIN_CORPUS_H
#define TRAIN_CORPUS_H

#include <signal.h>
#include "data/loader.h"
#include "sys/pool.h"
#include "text/tokenizer.h"
#include "train/recipe.h"

struct corpus {
    struct tokenizer *tok; /* NULL only in tests */
    char *tokenizer_json;  /* path; owned; NULL only in tests */
    struct loader data, val;
    char tokenizer_hash[65], data_hash[65]; /* of tokenizer.json; of all shards with names and weights */
    uint64_t skipped_lines; /* bad lines that were left out when the shards were made */
};

/* Where preparation has got to: documents or merges done; total 0: not known beforehand. Called often, and by the
 * caller's thread only. */
typedef void corpus_progress_fn(void *ctx, const char *what, uint64_t done, uint64_t total);

struct corpus_options {
    const struct recipe *recipe;
    const char *run;   /* folder */
    bool going_on;     /* a run with checkpoints: what it was made from must be as it was, and nothing of it is replaced */
    struct pool *pool; /* sources are prepared side by side */
    corpus_progress_fn *progress; /* NULL allowed */
    void *progress_ctx;
    const volatile sig_atomic_t *stop; /* looked at between documents: ERR_INTERRUPTED. NULL allowed */
};

/* Prepares what is missing or was made from something else, and opens it. */
int corpus_open(struct corpus *c, const struct corpus_options *o, struct err *e);
void corpus_close(struct corpus *c); /* accepts a zeroed or half-opened corpus */
/* Hashes of shards and weights into data_hash; tokenizer_hash must be set. */
int corpus_hash(struct corpus *c, struct err *e);
/* What data_hash would be if the recipe had this many steps: with an upper bound on passes they decide the weights. */
int corpus_hash_at(const struct corpus *c, const struct recipe *r, int64_t steps, char out[65], struct err *e);

#endif
