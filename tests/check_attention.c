/* Attention over several chunks of keys, in every layout of heads and with a sliding window: values against a naive version
 * in double, gradients against finite differences, and the same bits for any cutting of a text into passes, any
 * neighbours, threads and kernel level, from a cache of any format and (f32) without one. */
#include <math.h>
#include <string.h>
#include "base/checked.h"
#include "base/mem.h"
#include "base/rng.h"
#include "tensor/ops.h"
#include "tests/test.h"

enum { N = 530, SLOTS = 8, SLOT_PAGES = 3, PAGES = SLOTS * SLOT_PAGES, MAX_WIDTH = 192 };

static struct kernels ks;

/* A layout: queries, and a row of what is cached (or, without a cache, of one input with keys and values). */
struct shape {
    const char *name;
    int heads, kv_heads, d1, d2, dv;
    int64_t window;
    int64_t q_width, kv_width;
    struct head_view q1, q2, k1, k2, v; /* in: 0 queries, 1 keys and values */
};

static const struct shape shapes[] = {
    {"6 heads on 2", 6, 2, 32, 0, 32, 0, 192, 128, {0, 0, 32}, {0}, {1, 0, 32}, {0}, {1, 64, 32}},
    {"6 on 2, window 100", 6, 2, 32, 0, 32, 100, 192, 128, {0, 0, 32}, {0}, {1, 0, 32}, {0}, {1, 64, 32}},
    {"4 on 2, window 300", 4, 2, 64, 0, 32, 300, 256, 192, {0, 0, 64}, {0}, {1, 0, 64}, {0}, {1, 128, 32}},
    {"window 1", 2, 1, 32, 0, 32, 1, 64, 64, {0, 0, 32}, {0}, {1, 0, 32}, {0}, {1, 32, 32}},
    {"3 on 3", 3, 3, 32, 0, 32, 0, 96, 192, {0, 0, 32}, {0}, {1, 0, 32}, {0}, {1, 96, 32}},
    {"absorbed", 4, 1, 64, 32, 64, 0, 384, 96, {0, 0, 96}, {0, 64, 96}, {1, 0, 0}, {1, 64, 0}, {1, 0, 0}},
    {"plain, shared key", 2, 2, 32, 32, 32, 0, 128, 160, {0, 0, 64}, {0, 32, 64}, {1, 0, 64}, {1, 128, 0}, {1, 32, 64}},
    {"20 on 1, odd widths", 20, 1, 7, 5, 9, 77, 240, 21, {0, 0, 12}, {0, 7, 12}, {1, 0, 0}, {1, 7, 0}, {1, 12, 0}},
};

static float queries[N * 384], keys[N * MAX_WIDTH], grad_q[N * 384], grad_k[N * MAX_WIDTH], seed[N * 384];
static float cache[PAGES * 2 * PAGE_ROWS * MAX_WIDTH]; /* two layers, the second is used */

static void fill(float *x, int64_t n, uint64_t stream, double size)
{
    for (int64_t i = 0; i < n; i++) x[i] = (float)(size * rng_normal(21, stream, (uint64_t)i));
}

static struct attention_args args_of(const struct shape *s, const struct batch *b)
{
    return (struct attention_args){.batch = b,
                                   .heads = s->heads,
                                   .kv_heads = s->kv_heads,
                                   .d1 = s->d1,
                                   .d2 = s->d2,
                                   .dv = s->dv,
                                   .scale = 0.3f,
                                   .window = s->window,
                                   .q1 = s->q1,
                                   .q2 = s->q2,
                                   .k1 = s->k1,
                                   .k2 = s->k2,
                                   .v = s->v};
}

static struct tensor tensor_over(float *x, int64_t rows, int64_t width)
{
    return (struct tensor){.dtype = DT_F32, .nd = 2, .ne = {rows, width}, .ld = width, .data = x, .name = "input"};
}

/* ---- a pass without a cache, with gradients when wanted ---- */

struct pass {
    const struct shape *shape;
    const struct kernels *ks;
    struct pool *pool;
    const struct batch *batch;
    bool grads;
};

static struct tensor *build(struct run *r, const struct pass *p, struct tensor *q, struct tensor *k)
{
    struct attention_args a = args_of(p->shape, p->batch);
    struct tensor *in[2] = {q, k};
    return op_attention(r, in, 2, &a);
}

/* out (N, heads * dv), and the gradients of sum(seed * out). Runs in exactly the memory that measuring found. */
static double whole_pass(const struct pass *p, float *out)
{
    struct run r;
    struct err e = {0};
    struct tensor q = tensor_over(queries, N, p->shape->q_width), k = tensor_over(keys, N, p->shape->kv_width);
    q.needs_grad = k.needs_grad = p->grads;
    q.grad = grad_q;
    k.grad = grad_k;
    int64_t n = (int64_t)N * p->shape->heads * p->shape->dv;
    CHECK_OK(run_measure(&r, p->ks, p->pool, COMPUTE_F32, 1 << 16, &e), &e);
    r.taping = p->grads;
    build(&r, p, &q, &k);
    struct run_size size = run_sized(&r);
    run_free(&r);
    CHECK_OK(run_init(&r, p->ks, p->pool, COMPUTE_F32, size, &e), &e);
    r.taping = p->grads;
    memset(r.scratch, 0xff, size.scratch); /* NaN: nothing may be read that was not written */
    struct tensor *y = build(&r, p, &q, &k);
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)tensor_f32(y)[i] * seed[i];
    if (out) memcpy(out, y->data, (size_t)n * sizeof *out);
    struct run_size used = run_sized(&r);
    CHECK(used.scratch == size.scratch && used.mem == size.mem, "%s: measured %zu + %zu bytes, used %zu + %zu",
          p->shape->name, size.mem, size.scratch, used.mem, used.scratch);
    if (p->grads) {
        float *g = mem_alloc((size_t)n * sizeof *g);
        memcpy(g, seed, (size_t)n * sizeof *g);
        memset(grad_q, 0, sizeof grad_q);
        memset(grad_k, 0, sizeof grad_k);
        y->grad = g;
        run_backward(&r);
        mem_free(g);
    }
    run_free(&r);
    return sum;
}

static const struct segment two[2] = {{0, 515, 0, 0, NULL}, {515, 15, 0, 515, NULL}};
static const struct batch training = {.n = N, .segs = two, .n_segs = 2, .n_keys = N};

/* ---- values against double ---- */

static double number(const struct head_view *v, int64_t width, int64_t row, int h, int i)
{
    return (v->in ? keys : queries)[row * width + v->off + h * v->hs + i];
}

static void naive_row(const struct shape *s, const struct segment *seg, int64_t t, int h, double *o)
{
    static double p[N];
    int kv = h / (s->heads / s->kv_heads);
    int64_t first = s->window && t - seg->row0 >= s->window ? t - s->window + 1 : seg->row0;
    double top = -INFINITY, sum = 0;
    for (int64_t k = first; k <= t; k++) {
        p[k] = 0;
        for (int i = 0; i < s->d1; i++)
            p[k] += number(&s->q1, s->q_width, t, h, i) * number(&s->k1, s->kv_width, k, kv, i);
        for (int i = 0; i < s->d2; i++)
            p[k] += number(&s->q2, s->q_width, t, h, i) * number(&s->k2, s->kv_width, k, kv, i);
        p[k] *= (double)0.3f;
        top = fmax(top, p[k]);
    }
    for (int i = 0; i < s->dv; i++) o[i] = 0;
    for (int64_t k = first; k <= t; k++) sum += p[k] = exp(p[k] - top);
    for (int64_t k = first; k <= t; k++)
        for (int i = 0; i < s->dv; i++) o[i] += p[k] / sum * number(&s->v, s->kv_width, k, kv, i);
}

static void check_values(const struct shape *s, const float *out)
{
    double worst = 0, size = 0, o[MAX_WIDTH];
    for (int g = 0; g < 2; g++)
        for (int64_t t = two[g].row0; t < two[g].row0 + two[g].n; t += t % 7 ? 1 : 5)
            for (int h = 0; h < s->heads; h++) {
                naive_row(s, &two[g], t, h, o);
                for (int i = 0; i < s->dv; i++) {
                    worst = fmax(worst, fabs(o[i] - (double)out[(t * s->heads + h) * s->dv + i]));
                    size = fmax(size, fabs(o[i]));
                }
            }
    CHECK(worst <= 2e-6 * size, "%s: off by %g of %g", s->name, worst, size);
}

/* ---- gradients ---- */

static void check_gradients(const struct shape *s)
{
    struct pass p = {s, &ks, NULL, &training, true};
    float *x[2] = {queries, keys}, *g[2] = {grad_q, grad_k};
    static float keep[N * 384], dir[N * 384];
    whole_pass(&p, NULL);
    for (int in = 0; in < 2; in++) {
        int64_t n = N * (in ? s->kv_width : s->q_width);
        double norm = 0, want = 0, sum[2], h = 2e-3;
        for (int64_t i = 0; i < n; i++) norm += (double)g[in][i] * (double)g[in][i];
        for (int64_t i = 0; i < n; i++) {
            dir[i] = (float)((double)g[in][i] / sqrt(norm) +
                             0.5 * rng_normal(22, (uint64_t)in, (uint64_t)i) / sqrt((double)n));
            want += (double)dir[i] * (double)g[in][i];
        }
        memcpy(keep, x[in], (size_t)n * sizeof *keep);
        p.grads = false;
        for (int side = 0; side < 2; side++) {
            for (int64_t i = 0; i < n; i++) x[in][i] = keep[i] + (float)(side ? -h : h) * dir[i];
            sum[side] = whole_pass(&p, NULL);
            memcpy(x[in], keep, (size_t)n * sizeof *keep);
        }
        double got = (sum[0] - sum[1]) / (2 * h);
        bool constant = in == 0 && s->window == 1; /* one key: the query does not matter */
        if (constant)
            CHECK(norm < 1e-6 && fabs(got) < 1e-3, "%s: gradient %g, quotient %g, expected 0", s->name, norm, got);
        else
            CHECK(norm > 0 && fabs(got - want) <= 2e-3 * fabs(want),
                  "%s, input %d: difference quotient %.8g, gradient %.8g", s->name, in, got, want);
    }
}

/* ---- passes through a cache ---- */

/* What is cached, and whether it is multiplied in 8 bits. */
struct form {
    enum dtype dtype;
    bool int8;
    const char *name;
};
static const struct form f32_form = {DT_F32, false, "f32"}, bf16_form = {DT_BF16, false, "bf16"},
                         q8_form = {DT_Q8_0, false, "q8_0"}, int8_form = {DT_Q8_0, true, "q8_0 in 8 bits"};

/* The pages of a text: in no order, and none beside another. */
static const int32_t *pages_of(int text)
{
    static int32_t pages[SLOTS][SLOT_PAGES];
    for (int i = 0; i < SLOT_PAGES; i++) pages[text][i] = (5 * (SLOT_PAGES * text + i) + 2) % PAGES;
    return pages[text];
}

static struct cache_layer layer_of(const struct shape *s, enum dtype dtype)
{
    size_t bytes = PAGE_ROWS * format_bytes(dtype, s->kv_width);
    return (struct cache_layer){(char *)cache + bytes, dtype, s->kv_width, 2 * bytes};
}

static struct tensor *cached_pass(struct run *r, const struct shape *s, const struct batch *b, const struct form *f,
                                  struct tensor *q, struct tensor *kv)
{
    struct cache_layer layer = layer_of(s, f->dtype);
    struct attention_args a = args_of(s, b);
    a.cached = true;
    a.int8 = f->int8;
    a.page_stride = layer.stride;
    struct tensor *in[2] = {q, op_cache(r, kv, b, &layer)};
    return op_attention(r, in, 2, &a);
}

/* One text of N tokens in the pages of text 1, `step` rows at a time; beside: with rows of another text in every pass. */
struct cut {
    const struct shape *shape;
    const struct form *form;
    int64_t step;
    bool beside;
    struct pool *pool;
};

/* The batch of the rows from `at` on; its numbers go to q and kv. */
static struct batch cut_batch(const struct cut *c, int64_t at, struct segment segs[2], float *q, float *kv)
{
    const struct shape *s = c->shape;
    int64_t n = min_i64(c->step, N - at), other = c->beside ? min_i64(3, N - at) : 0, key0 = other ? at + other : 0;
    segs[0] = (struct segment){0, other, at, 0, pages_of(0)};
    segs[1] = (struct segment){other, n, at, key0, pages_of(1)};
    memcpy(q, queries + (at ? 0 : 1) * s->q_width, (size_t)(other * s->q_width) * sizeof *q);
    memcpy(kv, keys, (size_t)(other * s->kv_width) * sizeof *kv);
    memcpy(q + other * s->q_width, queries + at * s->q_width, (size_t)(n * s->q_width) * sizeof *q);
    memcpy(kv + other * s->kv_width, keys + at * s->kv_width, (size_t)(n * s->kv_width) * sizeof *kv);
    return (struct batch){.n = n + other, .segs = segs + !other, .n_segs = 1 + (other > 0), .n_keys = key0 + at + n};
}

static void cut_pass(const struct cut *c, float *out)
{
    static float q[2 * N * 384], kv[2 * N * MAX_WIDTH];
    int64_t width = (int64_t)c->shape->heads * c->shape->dv;
    struct run r = {0};
    struct err e = {0};
    memset(cache, 0xff, sizeof cache); /* NaN */
    for (int64_t at = 0; at < N; at += c->step) {
        struct segment segs[2];
        struct batch b = cut_batch(c, at, segs, q, kv);
        struct tensor tq = tensor_over(q, b.n, c->shape->q_width), tk = tensor_over(kv, b.n, c->shape->kv_width);
        if (at == 0) { /* the first pass is as long as any: no other needs more memory */
            CHECK_OK(run_measure(&r, &ks, c->pool, COMPUTE_F32, 1 << 16, &e), &e);
            cached_pass(&r, c->shape, &b, c->form, &tq, &tk);
            struct run_size size = run_sized(&r);
            run_free(&r);
            CHECK_OK(run_init(&r, &ks, c->pool, COMPUTE_F32, size, &e), &e);
            memset(r.scratch, 0xff, size.scratch);
        }
        struct tensor *y = cached_pass(&r, c->shape, &b, c->form, &tq, &tk);
        int64_t other = b.n - min_i64(c->step, N - at);
        memcpy(out + at * width, tensor_f32(y) + other * width, (size_t)(b.n - other) * (size_t)width * sizeof *out);
        run_reset(&r);
    }
    run_free(&r);
}

static void check_cuts(const struct shape *s, const struct form *form, const float *want)
{
    static float first[N * 384], again[N * 384];
    static const int64_t steps[] = {N, 1, 3, 64, 255, 300};
    static const int threads[] = {1, 2, 3, 7};
    size_t bytes = (size_t)(N * s->heads * s->dv) * sizeof *first;
    for (size_t t = 0; t < ARRAY_LEN(threads); t++) {
        struct pool *pool;
        struct err e = {0};
        CHECK_OK(pool_open(&pool, threads[t], &e), &e);
        for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
            if (t > 1 && steps[i] != 3) continue;
            if (form->dtype != DT_F32 && t == 1 && steps[i] > 3) continue;
            struct cut c = {s, form, steps[i], i % 2 == 0, pool};
            bool is_first = t == 0 && i == 0;
            cut_pass(&c, is_first ? first : again);
            if (is_first && want)
                CHECK(!memcmp(first, want, bytes), "%s: the cache gives other bits than no cache", s->name);
            if (!is_first)
                CHECK(!memcmp(first, again, bytes), "%s, %s: other bits in steps of %d with %d threads", s->name,
                      form->name, (int)steps[i], threads[t]);
        }
        pool_close(pool);
    }
}

/* In 8 bits every level of kernels gives the same. */
static void check_int8_in_c(const struct shape *s)
{
    static float best[N * 384], in_c[N * 384];
    struct kernels keep = ks;
    struct cut c = {s, &int8_form, 300, false, NULL};
    cut_pass(&c, best);
    kernels_init(&ks, CPU_C);
    cut_pass(&c, in_c);
    ks = keep;
    CHECK(!memcmp(best, in_c, (size_t)(N * s->heads * s->dv) * sizeof *best),
          "%s: other bits in 8 bits with kernels in C", s->name);
}

/* The rounding of a cache: near the exact values, and not the same. */
static void check_rounding(const struct shape *s, const float *exact)
{
    static float out[N * 384], q8[N * 384];
    static const struct {
        const struct form *form;
        double limit;
    } rounded[] = {{&bf16_form, 0.02}, {&q8_form, 0.05}, {&int8_form, 0.06}};
    for (size_t k = 0; k < ARRAY_LEN(rounded); k++) {
        const struct form *form = rounded[k].form;
        if (s->kv_width % formats[form->dtype].block) continue;
        struct cut c = {s, form, 100, false, NULL};
        double worst = 0, size = 0;
        cut_pass(&c, out);
        for (int64_t i = 0; i < (int64_t)N * s->heads * s->dv; i++) {
            worst = fmax(worst, fabs((double)out[i] - (double)exact[i]));
            size = fmax(size, fabs((double)exact[i]));
        }
        CHECK(worst > 0 && worst < rounded[k].limit * size, "%s, %s: off by %g of %g", s->name, form->name, worst,
              size);
        if (form == &q8_form) memcpy(q8, out, sizeof q8);
        if (form == &int8_form) /* not where a window or the layout forbids it */
            CHECK(!memcmp(out, q8, sizeof q8) == (s->window > 0 || (s->d2 && s->kv_heads > 1)), "%s: in 8 bits or not",
                  s->name);
    }
}

/* Rows [PAST, PAST + 4) of eight texts in one pass: the parts of so many chunks do not fit at once, and blocks are merged
 * over several waves. Text i is the numbers from row i on. */
static void eight_texts(const struct shape *s, struct pool *pool, int first, int last, float *out)
{
    enum { PAST = 509 };
    static float q[SLOTS * 4 * 384], kv[SLOTS * 4 * MAX_WIDTH];
    struct run r;
    struct err e = {0};
    struct segment segs[SLOTS];
    struct batch b = {.segs = segs};
    struct cache_layer layer = layer_of(s, DT_F32);
    for (int i = first; i < last; i++, b.n += 4, b.n_segs++) {
        int64_t from = i + PAST;
        for (int64_t k = 0; k < PAST; k++) {
            size_t row = sizeof *keys * (size_t)s->kv_width;
            memcpy(layer.base + (size_t)pages_of(i)[k / PAGE_ROWS] * layer.stride + (size_t)(k % PAGE_ROWS) * row,
                   keys + (i + k) * s->kv_width, row);
        }
        memcpy(q + b.n * s->q_width, queries + from * s->q_width, (size_t)(4 * s->q_width) * sizeof *q);
        memcpy(kv + b.n * s->kv_width, keys + from * s->kv_width, (size_t)(4 * s->kv_width) * sizeof *kv);
        segs[b.n_segs] = (struct segment){b.n, 4, PAST, b.n_keys, pages_of(i)};
        b.n_keys += PAST + 4;
    }
    struct tensor tq = tensor_over(q, b.n, s->q_width), tk = tensor_over(kv, b.n, s->kv_width);
    CHECK_OK(run_measure(&r, &ks, pool, COMPUTE_F32, 1 << 16, &e), &e);
    cached_pass(&r, s, &b, &f32_form, &tq, &tk);
    struct run_size size = run_sized(&r);
    run_free(&r);
    CHECK_OK(run_init(&r, &ks, pool, COMPUTE_F32, size, &e), &e);
    struct tensor *y = cached_pass(&r, s, &b, &f32_form, &tq, &tk);
    memcpy(out, y->data, (size_t)tensor_count(y) * sizeof *out);
    run_free(&r);
}

static void check_waves(const struct shape *s)
{
    static float one[SLOTS * 4 * 384], all[SLOTS * 4 * 384];
    static const int threads[] = {1, 2, 3, 7};
    int64_t width = 4 * (int64_t)s->heads * s->dv;
    for (int i = 0; i < SLOTS; i++) eight_texts(s, NULL, i, i + 1, one + i * width);
    for (size_t t = 0; t < ARRAY_LEN(threads); t++) {
        struct pool *pool;
        struct err e = {0};
        CHECK_OK(pool_open(&pool, threads[t], &e), &e);
        eight_texts(s, pool, 0, SLOTS, all);
        CHECK(!memcmp(one, all, (size_t)(SLOTS * width) * sizeof *one),
              "%s: other bits for eight texts with %d threads", s->name, threads[t]);
        pool_close(pool);
    }
}

static void check_threads_and_levels(const struct shape *s, const float *out, const float *gq, const float *gk)
{
    static float again[N * 384];
    size_t bytes = (size_t)(N * s->heads * s->dv) * sizeof *out, gq_bytes = (size_t)(N * s->q_width) * sizeof *gq,
           gk_bytes = (size_t)(N * s->kv_width) * sizeof *gk;
    static const int threads[] = {2, 3, 7};
    for (size_t t = 0; t <= ARRAY_LEN(threads); t++) {
        struct pool *pool = NULL;
        struct kernels plain;
        struct err e = {0};
        kernels_init(&plain, CPU_C); /* the definitions, last */
        bool in_c = t == ARRAY_LEN(threads);
        if (!in_c) CHECK_OK(pool_open(&pool, threads[t], &e), &e);
        struct pass p = {s, in_c ? &plain : &ks, pool, &training, !in_c || s->d1 == 7}; /* C is slow */
        whole_pass(&p, again);
        CHECK(!memcmp(out, again, bytes), "%s: other bits with %s", s->name, in_c ? "kernels in C" : "threads");
        if (p.grads)
            CHECK(!memcmp(gq, grad_q, gq_bytes) && !memcmp(gk, grad_k, gk_bytes), "%s: other gradients with %s",
                  s->name, in_c ? "kernels in C" : "threads");
        pool_close(pool);
    }
}

int main(void)
{
    static float out[N * 384], gq[N * 384], gk[N * MAX_WIDTH];
    kernels_init(&ks, kernels_max_level());
    fill(seed, ARRAY_LEN(seed), 3, 1);
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        const struct shape *s = &shapes[i];
        fill(queries, N * s->q_width, 2 * i, 1);
        fill(keys, N * s->kv_width, 2 * i + 1, 1);
        struct pass p = {s, &ks, NULL, &training, true};
        whole_pass(&p, out);
        memcpy(gq, grad_q, sizeof gq);
        memcpy(gk, grad_k, sizeof gk);
        check_values(s, out);
        check_gradients(s);
        check_threads_and_levels(s, out, gq, gk);
        static const struct segment one = {0, N, 0, 0, NULL};
        static const struct batch alone = {.n = N, .segs = &one, .n_segs = 1, .n_keys = N};
        whole_pass(&(struct pass){s, &ks, NULL, &alone, false}, out);
        check_cuts(s, &f32_form, out);
        check_cuts(s, &bf16_form, NULL);
        if (s->kv_width % 32 == 0) {
            check_cuts(s, &q8_form, NULL);
            check_cuts(s, &int8_form, NULL);
            check_int8_in_c(s);
        }
        check_rounding(s, out);
        check_waves(s);
    }
    return test_end();
}
