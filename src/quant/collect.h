/* Making an importance matrix: a model reads a text, and what meets the columns of its weights is squared and summed up. */
#ifndef QUANT_COLLECT_H
#define QUANT_COLLECT_H

#include "infer/session.h"
#include "quant/imatrix.h"
#include "quant/windows.h"

struct collector {
    const struct net *net; /* borrowed */
    struct imatrix_sums *v;
    size_t n;
    int *of; /* per parameter: its first sums in v (W_kvb may have two), -1: none */
};
/* Sums for every matrix of the network that may be stored in blocks. collector_free in every case. */
int collector_init(struct collector *c, const struct net *net, struct err *e);
void collector_free(struct collector *c);
/* For struct run: adds what the operation s has multiplied with weights. ctx is the collector. */
void collector_observe(void *ctx, const struct run *r, const struct step *s);

struct collect_result {
    int64_t tokens, windows;
    double nats; /* sum over the tokens predicted */
};
/* Reads all windows with the session, whose decoder has all_logits. progress: NULL allowed. */
int collect(struct collector *c, struct session *s, struct windows *w, struct collect_result *r,
            void (*progress)(void *ctx, int64_t done, int64_t total, const struct collect_result *r), void *ctx,
            struct err *e);

#endif
