/* Running operations: memory, tape, one door.
 *
 * Operations run at once. When a tape is present each one notes itself, so that run_backward can walk back. The same
 * code runs with `measure` set, when it computes nothing and only counts memory: the arenas of a step are sized
 * exactly this way. Only an operation's shape() may allocate on the way forward, and only run_backward on the way back.
 *
 * struct run invariants: one owner thread (the pool works only inside operations); `meta` (headers) is real even
 * while measuring, `mem` (numbers) is not; scratch holds gemm scratch first, then an operation's own. */
#ifndef TENSOR_RUN_H
#define TENSOR_RUN_H

#include "base/arena.h"
#include "base/err.h"
#include "kernel/kernel.h"
#include "sys/pool.h"
#include "tensor/gemm.h"
#include "tensor/step.h"
#include "tensor/tensor.h"

struct trace;

struct run {
    const struct kernels *ks;
    struct pool *pool; /* NULL: this thread only */
    enum compute compute;
    struct arena meta, mem, scratch_arena;
    char *scratch;
    size_t scratch_need; /* most bytes any operation asked for beyond gemm scratch */
    size_t gemm_scratch;
    bool measure;
    bool taping, recompute; /* note operations; recompute blocks in backward instead of keeping them */
    struct step *last; /* the tape, newest first, in meta */
    bool check_finite; /* look at every output; bad_op names the first operation with a non-finite one */
    const char *bad_op, *bad_name;
    int layer; /* for traces: set by the model, -1 outside layers */
    struct trace *trace;
    void (*observe)(void *ctx, const struct run *r, const struct step *s); /* after every forward; NULL allowed */
    void *observe_ctx;
};

/* What a run needs, found by measuring. */
struct run_size {
    size_t meta, mem, scratch;
};

/* A run that measures (computes nothing). meta_cap bounds the headers; ERR_MEMORY when it cannot be had. */
int run_measure(struct run *r, const struct kernels *ks, struct pool *pool, enum compute compute, size_t meta_cap, struct err *e);
/* What the measuring run found. */
struct run_size run_sized(const struct run *r);
/* A run with arenas of exactly this size. */
int run_init(struct run *r, const struct kernels *ks, struct pool *pool, enum compute compute, struct run_size size,
             struct err *e);
void run_free(struct run *r); /* accepts a zeroed run */
/* Forgets all tensors and the tape; keeps the memory. */
void run_reset(struct run *r);

/* A tensor header, and numbers for it (not zeroed) unless data is given. name is borrowed. */
struct tensor *run_tensor(struct run *r, enum dtype t, int nd, const int64_t *ne, const char *name);
struct tensor *run_tensor2(struct run *r, int64_t rows, int64_t cols, const char *name); /* f32 */

/* The one door: shape, forward unless measuring, trace, note. Returns step->out[0]. */
struct tensor *run_op(struct run *r, const struct op *op, struct step *proto);

/* For shape functions: this operation needs `bytes` of scratch (forward or backward); and its address later. */
void run_scratch_need(struct run *r, size_t bytes);
static inline void *run_scratch(const struct run *r) { return r->scratch ? r->scratch + r->gemm_scratch : NULL; }

/* A block: y = fn(r, ctx, x), whose inner tensors are not used outside. Without a tape only one block's tensors live
 * at a time; with a tape their gradients do, and with `recompute` the tensors too. fn must be repeatable; ctx must
 * live until run_backward is over. */
typedef struct tensor *block_fn(struct run *r, const void *ctx, struct tensor *x);
struct tensor *run_block(struct run *r, block_fn *fn, const void *ctx, size_t ctx_bytes, struct tensor *x);

/* Walks the tape back. Gradients of the last outputs must have been seeded (op_head_loss does). */
void run_backward(struct run *r);

/* Trace: every operation as an event of Chrome's trace format (chrome://tracing, Perfetto): name, layer, shape,
 * microseconds, and min, max, mean, count of non-finite values when stats is set. */
int trace_open(struct trace **out, const char *path, bool stats, struct err *e);
int trace_close(struct trace *t, struct err *e); /* writes the end and commits the file; NULL allowed */
void trace_step(struct trace *t, const struct run *r, const struct step *s, double t0, double t1, bool backward);

#endif
