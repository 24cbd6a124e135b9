/* Tensor: a view of numbers. Row-major, the last dimension contiguous. Owns nothing.
 *
 * Index letters, project-wide: n row (token), s key row, l layer, h head, e expert, i channel, b sequence;
 * capitals in shape comments: (N, D).
 *
 * Invariants: 1 <= nd <= 3; every ne > 0; the last dimension is contiguous; ld is the number of elements from one
 * row (index of dimension nd - 2 .. flattened) to the next, >= ne[nd - 1]; grad is NULL or has the shape of the
 * tensor, contiguous, f32. */
#ifndef TENSOR_TENSOR_H
#define TENSOR_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "format/format.h"

struct tensor {
    enum dtype dtype;
    int nd;
    int64_t ne[3];
    int64_t ld;         /* elements between rows of the last dimension                                  */
    void *data;         /* NULL while measuring                                                           */
    const void *packed; /* weights only: the panels of gemm_pack or qpanel_pack, made at load, else NULL  */
    int64_t packed_stride; /* bytes between the packed matrices of a stack (E, N, K)                      */
    float *grad;        /* NULL: none yet (activations) or not wanted (inference)                         */
    bool needs_grad;
    const char *name;   /* for traces and messages; not owned */
};

/* Weights in integer panels (kernel/qpanel.h), of the format dtype; other packed weights have dtype DT_F32. */
static inline bool tensor_is_integer(const struct tensor *t) { return t->packed && t->dtype != DT_F32; }
static inline float *tensor_f32(const struct tensor *t) { return t->data; }
static inline int64_t tensor_cols(const struct tensor *t) { return t->ne[t->nd - 1]; }
/* Rows: the product of all dimensions but the last. */
static inline int64_t tensor_rows(const struct tensor *t)
{
    int64_t n = 1;
    for (int d = 0; d < t->nd - 1; d++) n *= t->ne[d];
    return n;
}
static inline int64_t tensor_count(const struct tensor *t) { return tensor_rows(t) * tensor_cols(t); }

#endif
