/* Tests of one operation: a case builds it from inputs; its gradient is held against finite differences along random
 * directions, its bits against those with other numbers of threads. */
#ifndef TESTS_OP_CASE_H
#define TESTS_OP_CASE_H

#include "base/checked.h"
#include "base/mem.h"
#include "base/rng.h"
#include "tensor/ops.h"
#include "tests/test.h"
#include <math.h>
#include <string.h>

enum { MAX_IN = 6 };

struct op_case {
    const char *name;
    int n_in;
    int64_t shape[MAX_IN][3]; /* trailing zeros: fewer dimensions */
    struct tensor *(*build)(struct run *r, struct tensor **in);
    float spread; /* inputs are normal times this */
    bool no_grad[MAX_IN];
};

static struct kernels ks;

struct state {
    struct tensor in[MAX_IN];
    struct tensor *ptr[MAX_IN];
    float *seed; /* weights of the outputs in the scalar */
};

static void make_inputs(struct state *st, const struct op_case *c)
{
    for (int i = 0; i < c->n_in; i++) {
        struct tensor *t = &st->in[i];
        *t = (struct tensor){.dtype = DT_F32, .name = "input", .needs_grad = !c->no_grad[i]};
        while (t->nd < 3 && c->shape[i][t->nd]) {
            t->ne[t->nd] = c->shape[i][t->nd];
            t->nd++;
        }
        t->ld = tensor_cols(t);
        int64_t n = tensor_count(t);
        float *p = mem_alloc((size_t)n * sizeof *p);
        for (int64_t k = 0; k < n; k++) p[k] = c->spread * (float)rng_normal(11, rng_stream(c->name) + (uint64_t)i, (uint64_t)k);
        t->data = p;
        t->grad = c->no_grad[i] ? NULL : mem_alloc((size_t)n * sizeof(float));
        st->ptr[i] = t;
    }
    st->seed = mem_alloc(4096 * sizeof(float));
    for (int k = 0; k < 4096; k++) st->seed[k] = (float)rng_normal(12, 0, (uint64_t)k);
}

static void free_inputs(struct state *st, const struct op_case *c)
{
    for (int i = 0; i < c->n_in; i++) {
        mem_free(st->in[i].data);
        mem_free(st->in[i].grad);
    }
    mem_free(st->seed);
}

/* One pass: the scalar sum(seed * y), or the loss itself; with `grads` the gradients too. Outputs copied to out. */
static double pass(const struct op_case *c, struct state *st, struct pool *pool, bool grads, float *out, int64_t *n_out)
{
    struct run r;
    struct err e = {0};
    CHECK_OK(run_measure(&r, &ks, pool, COMPUTE_F32, 1 << 20, &e), &e);
    r.taping = grads;
    c->build(&r, st->ptr);
    if (grads) run_backward(&r);
    struct run_size size = run_sized(&r);
    run_free(&r);
    CHECK_OK(run_init(&r, &ks, pool, COMPUTE_F32, (struct run_size){size.meta, size.mem + 65536, size.scratch}, &e), &e);
    r.taping = grads;
    if (grads)
        for (int i = 0; i < c->n_in; i++)
            if (st->in[i].grad) memset(st->in[i].grad, 0, (size_t)tensor_count(&st->in[i]) * sizeof(float));
    struct tensor *y = c->build(&r, st->ptr);
    bool is_loss = tensor_count(y) == 1;
    double sum = 0;
    for (int64_t k = 0; k < tensor_count(y); k++) sum += (double)tensor_f32(y)[k] * (is_loss ? 1.0 : st->seed[k]);
    if (out) memcpy(out, y->data, (size_t)tensor_count(y) * sizeof(float));
    if (n_out) *n_out = tensor_count(y);
    if (grads) {
        if (!is_loss) {
            y->grad = arena_alloc_raw(&r.mem, (size_t)tensor_count(y) * sizeof(float)); /* the operation may overwrite it */
            memcpy(y->grad, st->seed, (size_t)tensor_count(y) * sizeof(float));
        }
        run_backward(&r);
    }
    run_free(&r);
    return sum;
}

/* What is in the gradient but not in the scalar; NULL: nothing. */
typedef double extra_fn(const struct op_case *c, const struct state *st);

static void check_gradient(const struct op_case *c, struct state *st, extra_fn *extra)
{
    pass(c, st, NULL, true, NULL, NULL);
    for (int i = 0; i < c->n_in; i++) {
        if (c->no_grad[i]) continue;
        int64_t n = tensor_count(&st->in[i]);
        float *w = st->in[i].data, *keep = mem_alloc((size_t)n * sizeof *keep), *g = mem_alloc((size_t)n * sizeof *g);
        memcpy(keep, w, (size_t)n * sizeof *keep);
        memcpy(g, st->in[i].grad, (size_t)n * sizeof *g);
        double norm = 0;
        for (int64_t k = 0; k < n; k++) norm += (double)g[k] * g[k];
        for (int dir = 0; dir < 3; dir++) { /* aligned with the gradient, plus noise: well conditioned in f32 */
            double want = 0, h = 2e-3, sum[2];
            for (int side = 0; side < 2; side++) {
                for (int64_t k = 0; k < n; k++) {
                    double d = g[k] / sqrt(norm + 1e-30) + 0.5 * rng_normal(13, (uint64_t)dir, (uint64_t)k) / sqrt((double)n);
                    if (side == 0) want += d * g[k];
                    w[k] = keep[k] + (float)((side ? -h : h) * d);
                }
                sum[side] = pass(c, st, NULL, false, NULL, NULL) + (extra ? extra(c, st) : 0);
                memcpy(w, keep, (size_t)n * sizeof *keep);
            }
            double got = (sum[0] - sum[1]) / (2 * h);
            CHECK(fabs(got - want) <= 2e-3 * fabs(want) + 1e-5,
                  "%s, input %d, direction %d: difference quotient %.8g, gradient %.8g", c->name, i, dir, got, want);
        }
        CHECK(norm > 0, "%s, input %d: the gradient is zero", c->name, i);
        mem_free(keep);
        mem_free(g);
    }
}

static void check_threads(const struct op_case *c, struct state *st)
{
    static float first[65536], again[65536];
    float *grads[MAX_IN] = {0};
    int64_t n_first = 0, n_again = 0;
    static const int threads[] = {1, 2, 3, 7};
    for (size_t t = 0; t < ARRAY_LEN(threads); t++) {
        struct pool *pool;
        struct err e = {0};
        CHECK_OK(pool_open(&pool, threads[t], &e), &e);
        pass(c, st, pool, true, t ? again : first, t ? &n_again : &n_first);
        pool_close(pool);
        if (t)
            CHECK(n_first == n_again && !memcmp(first, again, (size_t)n_first * sizeof(float)),
                  "%s: other bits with %d threads", c->name, threads[t]);
        for (int i = 0; i < c->n_in; i++) {
            if (c->no_grad[i]) continue;
            size_t bytes = (size_t)tensor_count(&st->in[i]) * sizeof(float);
            if (t == 0) {
                grads[i] = mem_alloc(bytes);
                memcpy(grads[i], st->in[i].grad, bytes);
            } else
                CHECK(!memcmp(grads[i], st->in[i].grad, bytes), "%s: gradient %d differs with %d threads", c->name, i,
                      threads[t]);
        }
    }
    for (int i = 0; i < c->n_in; i++) mem_free(grads[i]);
}

static void check_case(const struct op_case *c, extra_fn *extra)
{
    struct state st = {0};
    make_inputs(&st, c);
    check_gradient(c, &st, extra);
    check_threads(c, &st);
    free_inputs(&st, c);
}

#endif
