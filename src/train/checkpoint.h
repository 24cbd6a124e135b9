/* Checkpoints: folders RUN/checkpoint-N that appear whole or not at all.
 *
 *   model.safetensors, config.json, tokenizer.json   a model that any command of this program opens
 *   optimizer.safetensors   "m/NAME" and "v/NAME": the moments of each trained parameter, stacks whole; "w/NAME": parameters
 *                           whose bits model.safetensors does not have (Gemma's norms, which other programs expect less one)
 *   state.json              step, hashes, the recipe, how long the run's logs were
 *   SHA256SUMS              of all the others, in the form of sha256sum
 *
 * Written under another name, synced, renamed; then RUN/latest, which names the newest, is replaced. A reader trusts
 * a folder only when every hash in it is right. */
#ifndef TRAIN_CHECKPOINT_H
#define TRAIN_CHECKPOINT_H

#include "train/trainer.h"

struct train_state {
    int64_t step, tokens;
    int64_t metrics_bytes, samples_bytes; /* lengths of metrics.jsonl and samples.txt when the checkpoint was made */
    double seconds;        /* of computing so far */
    char tokenizer_hash[65], data_hash[65], weights_hash[65];
    char *recipe; /* text of recipe_print; owned */
};
void train_state_free(struct train_state *s);

/* Writes RUN/checkpoint-N for t->step, then removes all but the newest `keep`. tokenizer_json is NULL in tests. */
int checkpoint_save(const struct trainer *t, const char *run, const struct train_state *s, const char *tokenizer_json,
                    int64_t keep, struct err *e);

/* The end of checkpoint_save alone: RUN/latest names `step`, and all but the newest `keep` go. For a resume, since the run
 * may have ended just before it. */
int checkpoint_settle(const char *run, int64_t step, int64_t keep, struct err *e);
/* Removes all checkpoints, for a run that begins again. */
int checkpoint_remove_all(const char *run, struct err *e);
/* Whether the run folder has a checkpoint, good or bad. */
int checkpoint_any(bool *any, const char *run, struct err *e);
/* Reads the state of the newest good checkpoint and writes its folder's path. Damaged ones on the way are named in
 * warnings, and removed when a good one is found; one that cannot be read at the moment is an error, and stays.
 * ERR_NOTFOUND without any, ERR_INTEGRITY when none is good. */
int checkpoint_find(const char *run, char *path, size_t cap, struct train_state *s, struct err *e);
/* Weights, moments and step number from that folder. */
int checkpoint_load(struct trainer *t, const char *path, const struct train_state *s, struct err *e);

#endif
