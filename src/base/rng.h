/* Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
 * SC 2011). A number is a pure function of (seed, stream, position): nothing to save, any order, any thread. */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stdint.h>

/* Four 32-bit words for (seed, stream, position). */
void rng_philox(uint64_t seed, uint64_t stream, uint64_t position, uint32_t out[4]);

/* One 64-bit word. */
uint64_t rng_u64(uint64_t seed, uint64_t stream, uint64_t position);
/* Uniform in [0, n) without bias worth noticing (multiply-shift of 64 bits; error below n / 2^64). n > 0. */
uint64_t rng_below(uint64_t seed, uint64_t stream, uint64_t position, uint64_t n);
/* Uniform in [0, 1), 53 bits. */
double rng_uniform(uint64_t seed, uint64_t stream, uint64_t position);
/* Standard normal (Box-Muller on one Philox block). */
double rng_normal(uint64_t seed, uint64_t stream, uint64_t position);

/* A cursor over positions, where a sequence is handier. Saving it is saving three numbers. */
struct rng {
    uint64_t seed, stream, pos;
};
static inline uint64_t rng_next_below(struct rng *r, uint64_t n) { return rng_below(r->seed, r->stream, r->pos++, n); }
static inline double rng_next_uniform(struct rng *r) { return rng_uniform(r->seed, r->stream, r->pos++); }

/* A stream number from a name (FNV-1a), so that parameters get streams that do not depend on their order. */
uint64_t rng_stream(const char *name);

#endif
