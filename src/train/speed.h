/* How much arithmetic training takes, and how much this machine can do: for honest speed figures. */
#ifndef TRAIN_SPEED_H
#define TRAIN_SPEED_H

#include "model/config.h"
#include "tensor/gemm.h"

/* Useful operations per token of one training step: 6 per active parameter, and causal attention inside windows of
 * seq_len. Recomputation, padding and the optimiser are not counted. */
double speed_flops_per_token(const struct config *c, int64_t seq_len);
/* Operations per second of the inner GEMM loop on data in the nearest cache, all threads at once: what this program
 * could reach at most. Takes about 50 ms. 0 when out of memory. */
double speed_kernel_peak(const struct kernels *ks, struct pool *pool, enum compute compute);

#endif
