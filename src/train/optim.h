/* AdamW (arXiv 1711.05101) over the parameters of a network, and the router bias of DeepSeek V3 (arXiv 2412.19437,
 * section 2.1.2), which is moved by load and not by gradient.
 *
 * The list of trained numbers is cut into chunks that depend on the shapes only. Each chunk is one task, norms are
 * added up chunk by chunk: results do not depend on the threads. */
#ifndef TRAIN_OPTIM_H
#define TRAIN_OPTIM_H

#include <stdint.h>
#include "base/arena.h"
#include "kernel/kernel.h"
#include "model/net.h"
#include "sys/pool.h"

struct optim_chunk {
    float *w, *g, *m, *v;
    int64_t n;
    bool decay;
};

struct optim {
    struct arena mem; /* first moments of all parameters, then second ones: the order of net->params */
    float **m, **v;   /* per parameter; NULL where it is not trained. Owned arrays, numbers in mem */
    struct optim_chunk *chunks;
    double *partial;  /* per chunk: sum of squares of the gradient */
    int64_t n_chunks;
    double beta1, beta2, eps, weight_decay;
};

/* net must have gradients. Moments start at zero. */
int optim_init(struct optim *o, struct net *net, struct err *e);
void optim_free(struct optim *o); /* accepts a zeroed or half-built optim */

/* Norm of all gradients. Not finite when one of them is not. */
double optim_grad_norm(struct optim *o, const struct kernels *ks, struct pool *pool);
/* One update. t counts from 1. Gradients are multiplied by grad_scale first. */
void optim_step(struct optim *o, const struct kernels *ks, struct pool *pool, int64_t t, double lr, double grad_scale);
/* b += gamma * sign(mean load - load) for one layer; load (E). */
void optim_move_bias(struct tensor *bias, const int64_t *load, double gamma);

#endif
