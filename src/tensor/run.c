/* The door (run_op), the tape, blocks, and the memory of a run. */
#include "tensor/run.h"
#include "base/checked.h"
#include "base/mem.h"
#include "sys/clock.h"
#include <assert.h>
#include <math.h>
#include <string.h>

/* Stands for a gradient while measuring, when there is no memory to point to. Never read or written. */
static float measured_grad;

static const struct op op_block_begin, op_block_end, op_block_recompute;

int run_measure(struct run *r, const struct kernels *ks, struct pool *pool, enum compute compute, size_t meta_cap, struct err *e)
{
    *r = (struct run){.ks = ks, .pool = pool, .compute = compute, .measure = true, .layer = -1};
    r->gemm_scratch = gemm_scratch_bytes(ks, pool_threads(pool));
    arena_measure(&r->mem, "step");
    return arena_init(&r->meta, meta_cap, "tensor headers (measuring)", e);
}

struct run_size run_sized(const struct run *r)
{
    return (struct run_size){.meta = r->meta.peak, .mem = r->mem.peak, .scratch = r->gemm_scratch + r->scratch_need};
}

int run_init(struct run *r, const struct kernels *ks, struct pool *pool, enum compute compute, struct run_size size,
             struct err *e)
{
    *r = (struct run){.ks = ks, .pool = pool, .compute = compute, .layer = -1};
    r->gemm_scratch = gemm_scratch_bytes(ks, pool_threads(pool));
    int rc = arena_init(&r->meta, size.meta, "tensor headers", e);
    if (!rc) rc = arena_init(&r->mem, size.mem, "step", e);
    if (!rc) rc = arena_init(&r->scratch_arena, size.scratch, "scratch", e);
    if (rc) {
        run_free(r);
        return rc;
    }
    r->scratch = arena_alloc_raw(&r->scratch_arena, size.scratch);
    return OK;
}

void run_free(struct run *r)
{
    arena_free(&r->meta);
    arena_free(&r->mem);
    arena_free(&r->scratch_arena);
    *r = (struct run){0};
}

void run_reset(struct run *r)
{
    arena_reset(&r->meta, 0);
    arena_reset(&r->mem, 0);
    r->last = NULL;
    r->bad_op = r->bad_name = NULL;
}

struct tensor *run_tensor(struct run *r, enum dtype t, int nd, const int64_t *ne, const char *name)
{
    struct tensor *x = arena_alloc(&r->meta, sizeof *x);
    x->dtype = t;
    x->nd = nd;
    x->name = name;
    for (int d = 0; d < nd; d++) {
        assert(ne[d] > 0);
        x->ne[d] = ne[d];
    }
    x->ld = ne[nd - 1];
    x->data = arena_alloc_raw(&r->mem, format_bytes(t, tensor_count(x)));
    return x;
}

struct tensor *run_tensor2(struct run *r, int64_t rows, int64_t cols, const char *name)
{
    return run_tensor(r, DT_F32, 2, (const int64_t[]){rows, cols}, name);
}

void run_scratch_need(struct run *r, size_t bytes)
{
    bytes = round_up(bytes, 64);
    if (bytes > r->scratch_need) r->scratch_need = bytes;
}

static void look_for_nonfinite(struct run *r, const struct step *s)
{
    for (int o = 0; o < 6 && s->out[o]; o++) {
        const struct tensor *t = s->out[o];
        if (t->dtype != DT_F32) continue;
        for (int64_t row = 0; row < tensor_rows(t); row++)
            for (int64_t i = 0; i < tensor_cols(t); i++)
                if (!isfinite(tensor_f32(t)[row * t->ld + i])) {
                    r->bad_op = s->op->name;
                    r->bad_name = t->name;
                    return;
                }
    }
}

static struct step *note(struct run *r, const struct step *proto)
{
    struct step *s = arena_alloc_raw(&r->meta, sizeof *s);
    *s = *proto;
    s->prev = r->last;
    r->last = s;
    return s;
}

struct tensor *run_op(struct run *r, const struct op *op, struct step *s)
{
    s->op = op;
    s->layer = r->layer;
    op->shape(r, s);
    bool grad = false;
    for (int i = 0; i < 8; i++) grad |= s->in[i] && s->in[i]->needs_grad;
    s->out[0]->needs_grad = grad && op->backward;
    if (!r->measure) {
        double t0 = r->trace ? clock_seconds() : 0;
        op->forward(r, s);
        if (r->trace) trace_step(r->trace, r, s, t0, clock_seconds(), false);
        if (r->check_finite && !r->bad_op) look_for_nonfinite(r, s);
        if (r->observe) r->observe(r->observe_ctx, r, s);
    }
    if (r->taping) note(r, s);
    return s->out[0];
}

/* Makes the gradient of t if it has none; returns whether it is new. */
static bool make_grad(struct run *r, struct tensor *t, bool zero)
{
    if (t->grad) return false;
    size_t bytes = (size_t)tensor_count(t) * sizeof(float);
    float *g = zero ? arena_alloc(&r->mem, bytes) : arena_alloc_raw(&r->mem, bytes);
    t->grad = r->measure ? &measured_grad : g;
    return true;
}

struct tensor *run_block(struct run *r, block_fn *fn, const void *ctx, size_t ctx_bytes, struct tensor *x)
{
    void *kept = arena_alloc_raw(&r->meta, ctx_bytes);
    memcpy(kept, ctx, ctx_bytes);
    if (r->taping && !r->recompute) {
        note(r, &(struct step){.op = &op_block_begin, .in = {x}, .layer = r->layer});
        struct tensor *y = fn(r, kept, x);
        note(r, &(struct step){.op = &op_block_end, .in = {x}, .out = {y}, .layer = r->layer});
        return y;
    }
    struct tensor *y = run_tensor(r, DT_F32, x->nd, x->ne, "block");
    bool taping = r->taping;
    size_t meta = arena_mark(&r->meta), mem = arena_mark(&r->mem);
    r->taping = false;
    struct tensor *inner = fn(r, kept, x);
    y->needs_grad = inner->needs_grad;
    if (!r->measure) memcpy(y->data, inner->data, (size_t)tensor_count(y) * sizeof(float));
    arena_reset(&r->mem, mem);
    arena_reset(&r->meta, meta);
    r->taping = taping;
    if (taping) {
        struct step *s = note(r, &(struct step){.op = &op_block_recompute, .in = {x}, .out = {y}, .layer = r->layer});
        s->p.block.fn = fn;
        s->p.block.ctx = kept;
    }
    return y;
}

static void walk_back(struct run *r);

/* Computes the block again with a tape and walks that back; then forgets it. */
static void recompute_backward(struct run *r, struct step *s)
{
    struct step *outer = r->last;
    make_grad(r, s->in[0], true);
    size_t meta = arena_mark(&r->meta), mem = arena_mark(&r->mem);
    r->last = NULL;
    struct tensor *inner = s->p.block.fn(r, s->p.block.ctx, s->in[0]);
    inner->grad = s->out[0]->grad;
    walk_back(r);
    arena_reset(&r->mem, mem);
    arena_reset(&r->meta, meta);
    r->last = outer;
}

/* Makes the inputs' gradients and calls the operation's backward. */
static void step_backward(struct run *r, struct step *s)
{
    for (int i = 0; i < 8; i++) {
        struct tensor *t = s->in[i];
        s->fresh[i] = false;
        if (!t || !t->needs_grad) continue;
        if (i == 0 && s->op->in_place) t->grad = s->out[0]->grad;
        else s->fresh[i] = make_grad(r, t, false);
    }
    if (r->measure) return;
    double t0 = r->trace ? clock_seconds() : 0;
    s->op->backward(r, s);
    if (r->trace) trace_step(r->trace, r, s, t0, clock_seconds(), true);
}

/* At the end marker of a block (met first) the input's gradient is made below a mark, and at the begin marker all
 * gradients of the block's inside are released: one block's worth of memory serves all blocks, warm in the cache. */
static void walk_back(struct run *r)
{
    size_t mark = 0;
    for (struct step *s = r->last; s; s = s->prev) {
        r->layer = s->layer;
        if (s->op == &op_block_end) {
            if (s->in[0]->needs_grad) make_grad(r, s->in[0], true);
            mark = arena_mark(&r->mem);
        } else if (s->op == &op_block_begin) {
            arena_reset(&r->mem, mark);
        } else if (s->out[0]->grad && s->out[0]->needs_grad) {
            if (s->op == &op_block_recompute) recompute_backward(r, s);
            else step_backward(r, s);
        }
    }
    r->layer = -1;
}

void run_backward(struct run *r)
{
    assert(r->taping);
    walk_back(r);
}

static const struct op op_block_begin = {.name = "block_begin"};
static const struct op op_block_end = {.name = "block_end"};
static const struct op op_block_recompute = {.name = "block_recompute"};
