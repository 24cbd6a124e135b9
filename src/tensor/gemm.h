/* Matrix products on the packed micro-kernels: blocking, packing, threads. The value of each output is defined by
 * its chain over k alone (kernel/kernel.h), so neither blocking nor m, n, count, threads can change a bit. */
#ifndef TENSOR_GEMM_H
#define TENSOR_GEMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "kernel/kernel.h"
#include "sys/pool.h"

enum compute { COMPUTE_F32, COMPUTE_BF16 }; /* number format of the inputs of products; accumulation is f32 */

/* C (m, n) = A (m, k) B (k, n), or C += when accumulate. m, n or k may be 0 (k == 0 gives zeros, or C unchanged). */
struct gemm {
    int64_t m, n, k;
    const float *a;
    int64_t a_rs, a_cs; /* element (i, k) at a[i * a_rs + k * a_cs]; one of the strides is 1 */
    const void *b;      /* f32 or bf16 by b_type; element (k, j) at b[k * b_rs + j * b_cs]; NULL if packed */
    enum dtype b_type;
    int64_t b_rs, b_cs;
    const void *b_packed; /* from gemm_pack; NULL if b is given */
    float *c;
    int64_t ldc;
    bool accumulate;
};

/* Scratch that gemm_run needs: depends on the kernel and the threads only, not on the shapes. 64-byte aligned. */
size_t gemm_scratch_bytes(const struct kernels *ks, int threads);

/* Runs `count` independent products (a grouped GEMM; different c), cutting all of them into tasks of one pool_for. */
void gemm_run(const struct kernels *ks, struct pool *pool, enum compute compute, const struct gemm *g, int64_t count,
              void *scratch);
/* The same inside a task (single thread): scratch of gemm_scratch_bytes(ks, 1). */
static inline void gemm_run_serial(const struct kernels *ks, enum compute compute, const struct gemm *g, void *scratch)
{
    gemm_run(ks, NULL, compute, g, 1, scratch);
}

/* Weights W (n, k) row-major (so B = W^T), packed once for inference. */
size_t gemm_packed_bytes(const struct kernels *ks, enum compute compute, int64_t n, int64_t k);
void gemm_pack(const struct kernels *ks, enum compute compute, void *dst, const void *w, enum dtype w_type, int64_t n, int64_t k);

#endif
