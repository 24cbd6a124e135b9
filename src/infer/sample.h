/* Choosing the next token: a pure function of (logits, parameters, history, position). No state, no allocation; all sums
 * have a fixed order, so equal logits give equal tokens on every level of kernels.
 *
 * Order of the filters, each working on what the one before left:
 *   1. temp == 0: the highest logit, ties to the lowest id; nothing else applies
 *   2. repetition penalty on the logits (arXiv 1909.05858): tokens of the last `repeat_window` are divided by
 *      `repeat` when positive, multiplied when negative, once however often they occur
 *   3. temperature: logits / temp
 *   4. top-k: the k highest (ties to the lower id)
 *   5. top-p: the shortest prefix, from the highest down, whose probability is at least top_p
 *   6. min-p: those with at least min_p times the probability of the highest
 *   7. one draw from the rest, with the random number of (seed, position)
 * The highest token always survives. */
#ifndef INFER_SAMPLE_H
#define INFER_SAMPLE_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

struct kernels;

struct sample_params {
    double temp;           /* 0: greedy */
    int64_t top_k;         /* 0: off */
    double top_p;          /* 1: off */
    double min_p;          /* 0: off */
    double repeat;         /* 1: off, and without effect when temp is 0 */
    int64_t repeat_window; /* tokens looked back; 0: off */
    uint64_t seed;
};

/* Defaults for chatting with a small model. The seed is 0: the caller draws one. */
void sample_defaults(struct sample_params *p);
/* Checks the ranges; `where` names the request in messages. */
int sample_check(const struct sample_params *p, const char *where, struct err *e);

/* Bytes of scratch for a vocabulary. */
size_t sample_scratch_bytes(int64_t vocab);
/* history (n_history): the tokens before, oldest first; only the window is looked at, ids outside the vocabulary are
 * ignored. position: index of the new token in its sequence. ERR_NUMERIC when a logit is NaN, +inf, or all are -inf. */
int sample_token(int32_t *out, const struct kernels *ks, const float *logits, int64_t vocab, const struct sample_params *p,
                 const int32_t *history, int64_t n_history, uint64_t position, void *scratch, struct err *e);

#endif
