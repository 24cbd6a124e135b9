/* A training run from its first step, or from its last checkpoint, to the exported model. */
#ifndef TRAIN_TRAIN_H
#define TRAIN_TRAIN_H

#include <signal.h>
#include "train/corpus.h"
#include "train/report.h"
#include "train/trainer.h"

struct train_options {
    const struct recipe *recipe;
    const struct corpus *corpus;
    const struct kernels *ks;
    struct pool *pool;
    const char *run; /* folder, exists */
    bool resume;     /* go on from the newest good checkpoint; else a folder with checkpoints is an error */
    bool quiet;
    struct report_out out; /* where lines for people go */
    const char *trace;  /* file for the operations of the second step of this process; NULL: none */
    int64_t stop_after; /* steps of this process, then a checkpoint; 0: no limit */
    const volatile sig_atomic_t *stop; /* looked at between steps: checkpoint and ERR_INTERRUPTED. NULL allowed */
};

struct train_result {
    int64_t step, steps, tokens;
    double loss, seconds, tokens_per_second; /* of the last step; of computing in all; of this process */
    size_t n_vals;
    struct eval_stats vals[RECIPE_MAX_SOURCES];
    char weights_hash[65];
    bool finished; /* false: stopped by stop_after */
};

/* The network of a recipe with the vocabulary of a corpus, checked. */
int train_config(struct config *c, const struct recipe *r, const struct corpus *corpus, struct err *e);
/* ERR_USAGE, saying what can be done, when the folder has checkpoints and `resume` is not asked for, or the recipe
 * differs from theirs. Called by train_run too; a caller does so before it prepares the corpus. */
int train_check_folder(const char *run, const struct recipe *r, bool resume, struct err *e);
int train_run(struct train_result *res, const struct train_options *o, struct err *e);

#endif
