/* How many bytes a second the threads of a pool can read from memory: what decoding is measured against. */
#ifndef SYS_BANDWIDTH_H
#define SYS_BANDWIDTH_H

#include "sys/pool.h"

/* Bytes per second, the best of several passes over a buffer that no cache holds; 0 when there is no memory for it.
 * Takes about a second. */
double bandwidth_read(struct pool *pool);

#endif
