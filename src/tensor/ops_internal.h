/* What the ops_*.c files share: a job for pool_for, and row partitions that depend on the problem only. */
#ifndef TENSOR_OPS_INTERNAL_H
#define TENSOR_OPS_INTERNAL_H

#include "base/checked.h"
#include "tensor/ops.h"

enum { ROWS_PER_TASK = 32 }; /* part of the definition of sums over rows: see row_partials */

struct job {
    struct run *r;
    struct step *s;
};

/* Runs fn(job, task, worker) for ceil(rows / ROWS_PER_TASK) tasks. */
static inline void for_rows(struct run *r, struct step *s, int64_t rows, pool_fn *fn)
{
    struct job j = {r, s};
    pool_for(r->pool, ceil_div(rows, ROWS_PER_TASK), fn, &j);
}

/* Row range of a task. */
static inline int64_t task_row0(int64_t task) { return task * ROWS_PER_TASK; }
static inline int64_t task_row1(int64_t task, int64_t rows) { return min_i64((task + 1) * ROWS_PER_TASK, rows); }

/* Sums over rows (gradients of norm weights): each task of for_rows adds its rows into its own line of scratch
 * (tasks, n), and row_partials_add adds the lines to dst in increasing order: the same bits for any thread count. */
static inline size_t row_partials_bytes(int64_t rows, int64_t n)
{
    return (size_t)(ceil_div(rows, ROWS_PER_TASK) * n) * sizeof(float);
}
static inline void row_partials_add(const struct run *r, float *dst, int64_t rows, int64_t n)
{
    const float *p = run_scratch(r);
    for (int64_t t = 0; t < ceil_div(rows, ROWS_PER_TASK); t++) r->ks->add(dst, dst, p + t * n, n);
}

static inline void zero(float *p, int64_t n) { memset(p, 0, (size_t)n * sizeof(float)); }

#endif
