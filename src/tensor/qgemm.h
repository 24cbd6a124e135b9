/* Products with weights in integer panels (kernel/qpanel.h). The rows of x are quantised once to 8 bits, then any number of
 * products with them run as the tasks of one pool_for. The value of an output does not depend on how the work is cut. */
#ifndef TENSOR_QGEMM_H
#define TENSOR_QGEMM_H

#include <stddef.h>
#include <stdint.h>
#include "kernel/kernel.h"
#include "sys/pool.h"

/* Quantised rows (rows, k); the arrays lie in memory of the caller. */
struct qrows {
    int64_t rows, k;
    int8_t *q;     /* (rows, k)         */
    float *d, *sx; /* (rows, k / 32)    */
    int16_t *half; /* (rows, k / 32, 2) */
};
size_t qrows_bytes(int64_t rows, int64_t k);
/* Lays the arrays out in mem (qrows_bytes), uninitialised. */
struct qrows qrows_in(void *mem, int64_t rows, int64_t k);
/* Quantises x (x->rows rows, ldx floats apart). */
void qrows_fill(const struct kernels *ks, struct pool *pool, const struct qrows *q, const float *x, int64_t ldx);
/* Row `to` of dst becomes row `from` of src (equal k). */
void qrows_copy(const struct qrows *dst, int64_t to, const struct qrows *src, int64_t from);

/* y[i * ldy + j] = row (row0 + i) of x times row j of W, i < rows, j < n. */
struct qproduct {
    enum dtype type; /* of the panels */
    const void *panels;
    int64_t n, row0, rows;
    float *y;
    int64_t ldy;
    int64_t first, cols, row_step; /* of its tasks: set by qproducts_run */
};
/* Runs all products (different y). Empty ones (rows or n 0) are allowed. */
void qproducts_run(const struct kernels *ks, struct pool *pool, const struct qrows *x, struct qproduct *p, int64_t count);

#endif
