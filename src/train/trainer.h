/* The trainer: a network with gradients, its optimiser, the memory of a step, and the data. One call is one step.
 *
 * A step is a pure function of (weights, moments, step number, data): nothing else is kept between steps, so a run
 * that goes on from a checkpoint computes the same bits as one that never stopped, on any number of threads.
 * Memory is found by measuring a micro-batch; after trainer_open a step allocates nothing. */
#ifndef TRAIN_TRAINER_H
#define TRAIN_TRAINER_H

#include "data/loader.h"
#include "model/net.h"
#include "text/tokenizer.h"
#include "train/feed.h"
#include "train/optim.h"
#include "train/recipe.h"

struct trainer_options {
    const struct recipe *recipe;  /* borrowed, like all below */
    const struct config *config;  /* checked; vocabulary and context set */
    const struct loader *data;
    const struct loader *val;     /* NULL: no validation */
    const struct tokenizer *tok;  /* NULL: no bits per byte */
    const struct kernels *ks;
    struct pool *pool;
};

struct trainer {
    struct trainer_options o;
    struct net net;
    struct run run;
    struct run_size size;
    struct optim optim;
    struct feed feed;
    struct forward_stats stats; /* of one micro-batch */
    struct forward_args args;   /* of the pass in progress: recomputation looks at it again */
    int64_t *load;              /* (layers, E): rows sent to each expert in the last step */
    int32_t *token_bytes;       /* (V): length of each token's text; NULL without a tokenizer */
    int64_t layers;             /* with the MTP layer */
    enum compute compute;
    int64_t step;               /* steps done */
    bool has_stepped;           /* allocations are forbidden from the second step of this process on */
};

/* Of one step. Losses are means in nats per counted token. */
struct step_stats {
    int64_t step; /* counts from 1 */
    double loss, mtp_loss, balance, lr, grad_norm;
    double load_min, load_max; /* least and most loaded expert of any layer, relative to an equal share; 0 without experts */
    int64_t tokens;            /* rows computed, counted targets or not */
};

int trainer_open(struct trainer *t, const struct trainer_options *o, struct err *e); /* random weights, step 0 */
void trainer_close(struct trainer *t); /* accepts a zeroed or half-built trainer */

int trainer_step(struct trainer *t, struct step_stats *s, struct err *e);

/* Mean loss over up to eval_windows windows of val source i, spread over its length. */
struct eval_stats {
    double loss, bits_per_byte; /* nats per token; 0 bits per byte without a tokenizer */
    int64_t tokens, bytes;
};
int trainer_eval(struct trainer *t, size_t source, struct eval_stats *s, struct err *e);

/* Continues `prompt` by up to recipe->sample_tokens tokens, until EOS; appends prompt and text to out. Recomputes the
 * whole sequence for each token: slow, but needs nothing beyond the step's memory. number: stream of random numbers. */
int trainer_sample(struct trainer *t, const char *prompt, uint64_t number, struct buf *out, struct err *e);

/* SHA-256 over the bytes of all parameters in the order of the table. */
int train_weights_hash(const struct net *net, char out[65], struct err *e);

#endif
