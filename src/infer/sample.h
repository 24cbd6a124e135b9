/* Choosing the next token: a pure function of (logits, parameters, history, position). No state, no allocation; all sums
 * have a fixed order, so equal logits give equal tokens on every level of kernels.
 *
 * Order of the filters, each working on what the one before left:
 *   1. what is not allowed is out; then biases are added to the logits, and from those of the answer's own tokens `presence` is
 *      taken once and `frequency` as often as they occurred
 *   2. temp == 0: the highest, ties to the lowest id; nothing else applies
 *   3. repetition penalty on the logits (arXiv 1909.05858): tokens of the last `repeat_window` are divided by
 *      `repeat` when positive, multiplied when negative, once however often they occur
 *   4. temperature: logits / temp
 *   5. top-k: the k highest (ties to the lower id)
 *   6. top-p: the shortest prefix, from the highest down, whose probability is at least top_p
 *   7. min-p: those with at least min_p times the probability of the highest
 *   8. one draw from the rest, with the random number of (seed, position)
 * The highest token always survives. */
#ifndef INFER_SAMPLE_H
#define INFER_SAMPLE_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

struct kernels;

struct sample_bias {
    int32_t id;
    float add; /* SAMPLE_NEVER or less: the token is out */
};
#define SAMPLE_NEVER (-100.0f)

struct sample_params {
    double temp;           /* 0: greedy */
    int64_t top_k;         /* 0: off */
    double top_p;          /* 1: off */
    double min_p;          /* 0: off */
    double repeat;         /* 1: off, and without effect when temp is 0 */
    int64_t repeat_window; /* tokens looked back; 0: off */
    double presence, frequency; /* 0: off */
    const struct sample_bias *bias; /* borrowed */
    size_t n_bias;
    uint64_t seed;
};

/* Where the token is to stand. */
struct sample_place {
    const int32_t *history; /* (n) the tokens before, oldest first; ids outside the vocabulary are ignored */
    int64_t n;
    int64_t first;           /* of them, from here on: the answer's own */
    uint64_t position;       /* of the new token in its sequence */
    const uint32_t *allowed; /* (vocab bits) NULL: all are */
};

struct sample_top {
    int32_t id;
    float logprob;
};

/* Defaults for chatting with a small model. The seed is 0: the caller draws one. */
void sample_defaults(struct sample_params *p);
/* Checks the ranges; `where` names the request in messages. */
int sample_check(const struct sample_params *p, const char *where, struct err *e);

/* Bytes of scratch for a vocabulary. */
size_t sample_scratch_bytes(int64_t vocab);
/* ERR_NUMERIC when a logit is NaN, +inf, or all that are allowed are -inf. */
int sample_token(int32_t *out, const struct kernels *ks, const float *logits, int64_t vocab, const struct sample_params *p,
                 const struct sample_place *at, void *scratch, struct err *e);

/* Log-probabilities as the model gives them, before any filter: of token id into *logprob, and the n_top <= vocab likeliest,
 * highest first, ties to the lower id. A token's number is the same wherever it stands. */
void sample_logprobs(const struct kernels *ks, const float *logits, int64_t vocab, int32_t id, float *logprob,
                     struct sample_top *top, int n_top, void *scratch);

#endif
