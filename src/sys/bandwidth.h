/* How many bytes a second the threads of a pool can read from memory: what decoding is measured against. */
#ifndef SYS_BANDWIDTH_H
#define SYS_BANDWIDTH_H

#include "sys/pool.h"

/* Bytes per second, the best of several passes over a buffer that no cache holds: half a GiB, or half of the memory that
 * is free or of `most` (0: no bound). 0 when there is too little for it. Takes about a second. */
double bandwidth_read(struct pool *pool, uint64_t most);

#endif
