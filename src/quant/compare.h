/* How far model B is from model A on a text: the Kullback-Leibler divergence of B's predictions from A's at every token, and
 * how often their likeliest tokens agree. Where they disagree, near-ties are told apart: tokens between which A itself hardly
 * decides. */
#ifndef QUANT_COMPARE_H
#define QUANT_COMPARE_H

#include "quant/windows.h"

#define COMPARE_NEAR_TIE 0.05 /* nats */

struct compare_result {
    int64_t tokens;
    double nats_a, nats_b;              /* per token of the text: their exponentials are the perplexities */
    double mean, median, p90, p99, max; /* of the divergence, in nats */
    int64_t same_top;
    int64_t near_ties; /* of the differing ones: A gives B's token less than COMPARE_NEAR_TIE nats below its own */
    double widest_gap; /* of the differing ones, in A's nats */
};
/* Fails unless both have the same tokens; one may have more of them after those, as files with unused tokens do. */
int compare_vocabularies(const struct tokenizer *a, const struct tokenizer *b, struct err *e);
/* Both sessions are of decoders with all_logits and the same chunk. progress: NULL allowed. */
int compare_models(struct session *a, struct session *b, struct windows *w, struct compare_result *r,
                   void (*progress)(void *ctx, int64_t done, int64_t total), void *ctx, struct err *e);

/* A text of ours, to compare models on when none is given. */
extern const char compare_text[];

#endif
