/* Thread pool with one primitive. Work is cut into tasks whose number depends only on the problem, never on the
 * threads; a task writes outputs that no other task writes. Hence results do not depend on the thread count. */
#ifndef SYS_POOL_H
#define SYS_POOL_H

#include <stdint.h>
#include "base/err.h"

struct pool;

enum { POOL_MOST = 1024 }; /* threads */

/* One task: index in [0, n); worker in [0, pool_threads): for per-worker scratch only, never for results. */
typedef void pool_fn(void *ctx, int64_t task, int worker);

/* threads >= 1 counts the caller. Workers spin a few microseconds for the next job, then sleep. */
int pool_open(struct pool **out, int threads, struct err *e);
void pool_close(struct pool *p); /* NULL allowed */
int pool_threads(const struct pool *p); /* NULL: 1 */

/* Calls fn for every task in [0, n) and returns when all are done. Every thread begins with a run of
 * neighbouring tasks, in increasing order, and goes on with what others leave. p == NULL runs all inline. Only the owner's
 * thread calls it; fn must not call it again. */
void pool_for(struct pool *p, int64_t n, pool_fn *fn, void *ctx);

#endif
