/* Mixture of experts (arXiv 2412.19437, section 2.1.2): routing without auxiliary loss, and the experts as grouped
 * products.
 *
 * Easy to get wrong (check_op and check_oracle guard it): the bias takes part in the choice only, weights come from
 * the unbiased scores; a group's score is the sum of its two best biased scores; experts outside the chosen groups
 * are out (-inf), whatever their score. */
#include "tensor/ops_internal.h"
#include <assert.h>
#include <math.h>
#include <string.h>

enum { MAX_EXPERTS = 1024 };

/* ---- route: logits (N, E), bias (E) -> weights (N, K); out[1] idx (N, K), out[2] scores (N, E), out[3] f (W, E) ---- */

static int64_t balance_windows(const struct step *s)
{
    const struct route_args *a = &s->p.route;
    return a->balance != 0.0f ? tensor_rows(s->in[0]) / a->window : 0;
}

static void route_shape(struct run *r, struct step *s)
{
    const struct route_args *a = &s->p.route;
    int64_t n = tensor_rows(s->in[0]), e = tensor_cols(s->in[0]);
    assert(e == a->experts && e <= MAX_EXPERTS && a->top_k <= e && tensor_count(s->in[1]) == e);
    s->out[0] = run_tensor2(r, n, a->top_k, "route");
    s->out[1] = run_tensor(r, DT_I32, 2, (const int64_t[]){n, a->top_k}, "experts");
    s->out[2] = run_tensor2(r, n, e, "scores");
    if (balance_windows(s) > 0) {
        assert(n % a->window == 0);
        s->out[3] = run_tensor2(r, balance_windows(s), e, "fraction");
    }
}

/* Marks in c the experts outside the best group_top_k groups with -inf. */
static void limit_groups(const struct route_args *a, float *c)
{
    int per = a->experts / a->groups;
    float score[MAX_EXPERTS];
    for (int g = 0; g < a->groups; g++) {
        float best = -INFINITY, second = -INFINITY;
        for (int i = g * per; i < (g + 1) * per; i++) {
            if (c[i] > best) {
                second = best;
                best = c[i];
            } else if (c[i] > second) second = c[i];
        }
        score[g] = per > 1 ? best + second : best;
    }
    for (int drop = a->groups - a->group_top_k; drop > 0; drop--) { /* the worst; of equals the last, so the lower index stays */
        int worst = -1;
        for (int g = 0; g < a->groups; g++)
            if (!isnan(score[g]) && (worst < 0 || score[g] <= score[worst])) worst = g;
        if (worst < 0) return;
        score[worst] = NAN;
        for (int i = worst * per; i < (worst + 1) * per; i++) c[i] = -INFINITY;
    }
}

/* The K largest of c, in increasing index; ties go to the lower index. NaN never wins; then low indices fill up. */
static void choose(const float *c, int n, int k, int32_t *idx)
{
    bool taken[MAX_EXPERTS] = {false};
    for (int j = 0; j < k; j++) {
        int best = -1;
        for (int i = 0; i < n; i++)
            if (!taken[i] && (best < 0 || c[i] > c[best])) best = i;
        taken[best] = true;
    }
    for (int i = 0; i < n; i++)
        if (taken[i]) *idx++ = i;
}

static void route_row(const struct run *r, const struct step *s, int64_t n)
{
    const struct route_args *a = &s->p.route;
    int k = a->top_k;
    float *score = tensor_f32(s->out[2]) + n * a->experts, *w = tensor_f32(s->out[0]) + n * k, c[MAX_EXPERTS], sum = 0;
    int32_t *idx = (int32_t *)s->out[1]->data + n * k;
    r->ks->sigmoid(score, tensor_f32(s->in[0]) + n * s->in[0]->ld, a->experts);
    r->ks->add(c, score, tensor_f32(s->in[1]), a->experts);
    if (a->group_top_k < a->groups) limit_groups(a, c);
    choose(c, a->experts, k, idx);
    for (int j = 0; j < k; j++) sum += score[idx[j]];
    float f = a->normalise ? a->scale / (sum + 1e-20f) : a->scale;
    for (int j = 0; j < k; j++) w[j] = score[idx[j]] * f;
}

static void route_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    struct job *j = ctx;
    for (int64_t n = task_row0(task); n < task_row1(task, tensor_rows(j->s->in[0])); n++) route_row(j->r, j->s, n);
}

/* f_e = E / (K T) * tokens of the window that chose e; loss = alpha * sum_e f_e P_e, P_e the mean normalised score. */
static double balance_window(const struct step *s, int64_t win)
{
    const struct route_args *a = &s->p.route;
    int64_t t = a->window, e = a->experts;
    float *f = tensor_f32(s->out[3]) + win * e;
    const int32_t *idx = (const int32_t *)s->out[1]->data + win * t * a->top_k;
    double p[MAX_EXPERTS] = {0}, loss = 0;
    zero(f, e);
    for (int64_t i = 0; i < t * a->top_k; i++) f[idx[i]] += 1.0f;
    for (int64_t n = win * t; n < (win + 1) * t; n++) {
        const float *score = tensor_f32(s->out[2]) + n * e;
        double sum = 1e-20;
        for (int64_t i = 0; i < e; i++) sum += score[i];
        for (int64_t i = 0; i < e; i++) p[i] += score[i] / sum;
    }
    for (int64_t i = 0; i < e; i++) {
        f[i] *= (float)e / (float)(a->top_k * t);
        loss += f[i] * p[i] / (double)t;
    }
    return loss * a->balance;
}

static void route_forward(struct run *r, struct step *s)
{
    const struct route_args *a = &s->p.route;
    int64_t n = tensor_rows(s->in[0]);
    for_rows(r, s, n, route_task);
    double loss = 0;
    for (int64_t w = 0; w < balance_windows(s); w++) loss += balance_window(s, w);
    if (a->balance_loss) *a->balance_loss = (float)loss;
    if (!a->load) return;
    memset(a->load, 0, (size_t)a->experts * sizeof *a->load);
    for (int64_t i = 0; i < n * a->top_k; i++) a->load[((const int32_t *)s->out[1]->data)[i]]++;
}

static void route_back_row(const struct step *s, int64_t n)
{
    const struct route_args *a = &s->p.route;
    int e = a->experts, k = a->top_k;
    const float *score = tensor_f32(s->out[2]) + n * e, *dw = s->out[0]->grad + n * k;
    const int32_t *idx = (const int32_t *)s->out[1]->data + n * k;
    float ds[MAX_EXPERTS] = {0}, sum = 1e-20f, dot = 0;
    for (int j = 0; j < k; j++) {
        sum += score[idx[j]];
        dot += dw[j] * score[idx[j]];
    }
    for (int j = 0; j < k; j++) ds[idx[j]] = a->normalise ? a->scale * (dw[j] - dot / sum) / sum : a->scale * dw[j];
    if (s->out[3]) { /* d/ds_i of alpha / T * sum_e f_e s_e / sum(s) */
        const float *f = tensor_f32(s->out[3]) + n / a->window * e;
        float all = 1e-20f, mean = 0;
        for (int i = 0; i < e; i++) all += score[i];
        for (int i = 0; i < e; i++) mean += f[i] * score[i] / all;
        for (int i = 0; i < e; i++) ds[i] += a->balance / (float)a->window * (f[i] - mean) / all;
    }
    float *dz = s->in[0]->grad + n * e;
    for (int i = 0; i < e; i++) {
        float g = ds[i] * score[i] * (1.0f - score[i]);
        dz[i] = s->fresh[0] ? g : dz[i] + g;
    }
}

static void route_back_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    struct step *s = ((struct job *)ctx)->s;
    for (int64_t n = task_row0(task); n < task_row1(task, tensor_rows(s->in[0])); n++) route_back_row(s, n);
}

static void route_backward(struct run *r, struct step *s) { for_rows(r, s, tensor_rows(s->in[0]), route_back_task); }

static const struct op route_op = {"route", route_shape, route_forward, route_backward, false};

struct routing op_route(struct run *r, struct tensor *logits, struct tensor *bias, const struct route_args *a)
{
    struct step s = {.in = {logits, bias}};
    s.p.route = *a;
    run_op(r, &route_op, &s);
    return (struct routing){.idx = s.out[1], .weights = s.out[0]};
}

/* ---- experts: in x (N, D), weights (N, K), gate, up (E, F, D), down (E, D, F), idx (N, K) -> (N, D) ----
 * Rows are grouped by expert: grouped row g(n, k). out[1]: i32 [E + 1 offsets ; N * K grouped rows]; out[2], out[3] gate and
 * up results (NK, F); out[4] grouped inputs (NK, D); out[5] activations (NK, F). */

enum { IN_X, IN_W, IN_GATE, IN_UP, IN_DOWN, IN_IDX };

static int64_t grouped_rows(const struct step *s) { return tensor_count(s->in[IN_IDX]); }
static const int32_t *offsets(const struct step *s) { return s->out[1]->data; }
static const int32_t *grouped(const struct step *s) { return (const int32_t *)s->out[1]->data + s->in[IN_GATE]->ne[0] + 1; }

/* Scratch: the list of products, then (forward) expert outputs (NK, D), or (backward) grouped dy (NK, D), dx (NK, D),
 * and dact, dgate, dup (NK, F). */
static size_t list_bytes(const struct step *s) { return round_up((size_t)(2 * s->in[IN_GATE]->ne[0]) * sizeof(struct gemm), 64); }
static float *scratch_rows(const struct run *r, const struct step *s)
{
    return (float *)((char *)run_scratch(r) + list_bytes(s));
}

static void experts_shape(struct run *r, struct step *s)
{
    int64_t n = tensor_rows(s->in[IN_X]), d = tensor_cols(s->in[IN_X]), nk = grouped_rows(s), e = s->in[IN_GATE]->ne[0],
            f = s->in[IN_GATE]->ne[1];
    assert(s->in[IN_GATE]->ne[2] == d && s->in[IN_DOWN]->ne[1] == d && s->in[IN_DOWN]->ne[2] == f &&
           tensor_rows(s->in[IN_IDX]) == n);
    s->out[0] = run_tensor2(r, n, d, "experts");
    s->out[1] = run_tensor(r, DT_I32, 2, (const int64_t[]){1, e + 1 + nk}, "groups");
    s->out[2] = run_tensor2(r, nk, f, s->in[IN_GATE]->name);
    s->out[3] = run_tensor2(r, nk, f, s->in[IN_UP]->name);
    s->out[4] = run_tensor2(r, nk, d, "grouped");
    s->out[5] = run_tensor2(r, nk, f, "swiglu");
    size_t rows = (size_t)nk * (size_t)(r->taping ? 2 * d + 3 * f : d) * sizeof(float);
    size_t q8 = s->in[IN_GATE]->dtype == DT_Q8_0 ? q8_scratch_bytes(nk, d > f ? d : f) : 0;
    run_scratch_need(r, list_bytes(s) + round_up(rows, 64) + q8);
}

/* Counting sort of the (row, slot) pairs by expert, stable: rows of an expert stay in order. */
static void group_rows(struct step *s)
{
    int64_t nk = grouped_rows(s), e = s->in[IN_GATE]->ne[0];
    int32_t *off = s->out[1]->data, *pos = off + e + 1, next[MAX_EXPERTS];
    const int32_t *idx = s->in[IN_IDX]->data;
    memset(off, 0, (size_t)(e + 1) * sizeof *off);
    for (int64_t i = 0; i < nk; i++) off[idx[i] + 1]++;
    for (int64_t i = 0; i < e; i++) {
        off[i + 1] += off[i];
        next[i] = off[i];
    }
    for (int64_t i = 0; i < nk; i++) pos[i] = next[idx[i]]++;
}

/* y_e (rows_e, M) = x_e (rows_e, K) W_e^T for the experts of one stack; appends to the list, returns its new length. */
static int64_t add_forward_products(const struct step *s, struct gemm *list, int64_t n, const struct tensor *w,
                                    const float *x, float *y)
{
    int64_t m = w->ne[1], k = w->ne[2];
    const int32_t *off = offsets(s);
    for (int64_t e = 0; e < w->ne[0]; e++) {
        if (off[e + 1] == off[e]) continue;
        list[n++] =
            (struct gemm){.m = off[e + 1] - off[e],
                          .n = m,
                          .k = k,
                          .a = x + off[e] * k,
                          .a_rs = k,
                          .a_cs = 1,
                          .b = w->packed ? NULL : (const char *)w->data + (size_t)e * format_bytes(w->dtype, m * k),
                          .b_type = w->dtype,
                          .b_rs = 1,
                          .b_cs = k,
                          .b_packed = w->packed ? (const char *)w->packed + e * w->packed_stride : NULL,
                          .c = y + off[e] * m,
                          .ldc = m};
    }
    return n;
}

/* The same with Q8_0 panels, expert after expert (each product is cut over the threads). */
static void q8_products(const struct run *r, const struct step *s, const struct tensor *w, const float *x, float *y,
                        void *scratch)
{
    int64_t m = w->ne[1], k = w->ne[2];
    const int32_t *off = offsets(s);
    for (int64_t e = 0; e < w->ne[0]; e++)
        if (off[e + 1] > off[e])
            q8_run(r->ks, r->pool, (const char *)w->packed + e * w->packed_stride, m, k, x + off[e] * k, k,
                   off[e + 1] - off[e], y + off[e] * m, m, scratch);
}

static void gather_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    struct step *s = ((struct job *)ctx)->s;
    const struct tensor *x = s->in[IN_X];
    int64_t d = tensor_cols(x), k = tensor_cols(s->in[IN_IDX]);
    for (int64_t n = task_row0(task); n < task_row1(task, tensor_rows(x)); n++)
        for (int64_t j = 0; j < k; j++)
            memcpy(tensor_f32(s->out[4]) + grouped(s)[n * k + j] * d, tensor_f32(x) + n * x->ld, (size_t)d * sizeof(float));
}

static void activate_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    struct job *j = ctx;
    struct step *s = j->s;
    int64_t f = tensor_cols(s->out[5]), at = task_row0(task) * f, end = task_row1(task, grouped_rows(s)) * f;
    j->r->ks->swiglu(tensor_f32(s->out[5]) + at, tensor_f32(s->out[2]) + at, tensor_f32(s->out[3]) + at, end - at);
}

static void combine_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    struct job *j = ctx;
    struct step *s = j->s;
    int64_t d = tensor_cols(s->out[0]), k = tensor_cols(s->in[IN_IDX]);
    const float *ye = scratch_rows(j->r, s);
    for (int64_t n = task_row0(task); n < task_row1(task, tensor_rows(s->out[0])); n++) {
        float *y = tensor_f32(s->out[0]) + n * d;
        zero(y, d);
        for (int64_t i = 0; i < k; i++) j->r->ks->axpy(y, tensor_f32(s->in[IN_W])[n * k + i], ye + grouped(s)[n * k + i] * d, d);
    }
}

static void experts_forward(struct run *r, struct step *s)
{
    int64_t nk = grouped_rows(s), d = tensor_cols(s->in[IN_X]);
    float *xg = tensor_f32(s->out[4]), *act = tensor_f32(s->out[5]), *ye = scratch_rows(r, s);
    struct gemm *list = run_scratch(r);
    group_rows(s);
    for_rows(r, s, tensor_rows(s->in[IN_X]), gather_task);
    if (s->in[IN_GATE]->dtype == DT_Q8_0 && s->in[IN_GATE]->packed) {
        char *q8 = (char *)ye + round_up((size_t)(nk * d) * sizeof(float), 64);
        q8_products(r, s, s->in[IN_GATE], xg, tensor_f32(s->out[2]), q8);
        q8_products(r, s, s->in[IN_UP], xg, tensor_f32(s->out[3]), q8);
        for_rows(r, s, nk, activate_task);
        q8_products(r, s, s->in[IN_DOWN], act, ye, q8);
    } else {
        int64_t n = add_forward_products(s, list, 0, s->in[IN_GATE], xg, tensor_f32(s->out[2]));
        n = add_forward_products(s, list, n, s->in[IN_UP], xg, tensor_f32(s->out[3]));
        gemm_run(r->ks, r->pool, r->compute, list, n, r->scratch);
        for_rows(r, s, nk, activate_task);
        n = add_forward_products(s, list, 0, s->in[IN_DOWN], act, ye);
        gemm_run(r->ks, r->pool, r->compute, list, n, r->scratch);
    }
    for_rows(r, s, tensor_rows(s->out[0]), combine_task);
}

/* dx_e (rows_e, K) = dy_e (rows_e, M) W_e for one stack. */
static void back_inputs(const struct run *r, const struct step *s, const struct tensor *w, const float *dy, float *dx,
                        bool accumulate)
{
    int64_t m = w->ne[1], k = w->ne[2], n = 0;
    const int32_t *off = offsets(s);
    struct gemm *list = run_scratch(r);
    for (int64_t e = 0; e < w->ne[0]; e++)
        if (off[e + 1] > off[e])
            list[n++] = (struct gemm){.m = off[e + 1] - off[e],
                                      .n = k,
                                      .k = m,
                                      .a = dy + off[e] * m,
                                      .a_rs = m,
                                      .a_cs = 1,
                                      .b = tensor_f32(w) + e * m * k,
                                      .b_type = DT_F32,
                                      .b_rs = k,
                                      .b_cs = 1,
                                      .c = dx + off[e] * k,
                                      .ldc = k,
                                      .accumulate = accumulate};
    gemm_run(r->ks, r->pool, r->compute, list, n, r->scratch);
}

/* dW_e (M, K) += dy_e^T (M, rows_e) x_e (rows_e, K) for one stack. */
static void back_weights(const struct run *r, const struct step *s, struct tensor *w, const float *dy, const float *x)
{
    int64_t m = w->ne[1], k = w->ne[2], n = 0;
    const int32_t *off = offsets(s);
    struct gemm *list = run_scratch(r);
    if (!w->needs_grad) return;
    for (int64_t e = 0; e < w->ne[0]; e++)
        if (off[e + 1] > off[e])
            list[n++] = (struct gemm){.m = m,
                                      .n = k,
                                      .k = off[e + 1] - off[e],
                                      .a = dy + off[e] * m,
                                      .a_rs = 1,
                                      .a_cs = m,
                                      .b = x + off[e] * k,
                                      .b_type = DT_F32,
                                      .b_rs = k,
                                      .b_cs = 1,
                                      .c = w->grad + e * m * k,
                                      .ldc = k,
                                      .accumulate = true};
    gemm_run(r->ks, r->pool, r->compute, list, n, r->scratch);
}

struct back_rows {
    float *dy, *dx, *dact, *dgate, *dup; /* grouped, in scratch */
};
static struct back_rows back_scratch(const struct run *r, const struct step *s)
{
    int64_t nk = grouped_rows(s), d = tensor_cols(s->in[IN_X]), f = tensor_cols(s->out[5]);
    float *p = scratch_rows(r, s);
    return (struct back_rows){p, p + nk * d, p + 2 * nk * d, p + 2 * nk * d + nk * f, p + 2 * nk * d + 2 * nk * f};
}

static void gather_dy_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    struct job *j = ctx;
    struct step *s = j->s;
    struct back_rows b = back_scratch(j->r, s);
    int64_t d = tensor_cols(s->out[0]), k = tensor_cols(s->in[IN_IDX]);
    for (int64_t n = task_row0(task); n < task_row1(task, tensor_rows(s->out[0])); n++)
        for (int64_t i = 0; i < k; i++)
            memcpy(b.dy + grouped(s)[n * k + i] * d, s->out[0]->grad + n * d, (size_t)d * sizeof(float));
}

/* With dact = dy W_down (not yet weighted): dweight = act . dact; then dact and dy are weighted, and the activation's
 * gradient is taken. */
static void weigh_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    struct job *j = ctx;
    struct step *s = j->s;
    struct back_rows b = back_scratch(j->r, s);
    int64_t d = tensor_cols(s->out[0]), k = tensor_cols(s->in[IN_IDX]), f = tensor_cols(s->out[5]);
    for (int64_t n = task_row0(task); n < task_row1(task, tensor_rows(s->out[0])); n++)
        for (int64_t i = n * k; i < (n + 1) * k; i++) {
            int64_t g = grouped(s)[i];
            float w = tensor_f32(s->in[IN_W])[i];
            if (s->in[IN_W]->needs_grad) {
                float dw = j->r->ks->dot(tensor_f32(s->out[5]) + g * f, b.dact + g * f, f), *to = s->in[IN_W]->grad + i;
                *to = s->fresh[IN_W] ? dw : *to + dw;
            }
            j->r->ks->scale(b.dact + g * f, w, f);
            j->r->ks->scale(b.dy + g * d, w, d);
            zero(b.dgate + g * f, f);
            zero(b.dup + g * f, f);
            j->r->ks->swiglu_back(b.dgate + g * f, b.dup + g * f, b.dact + g * f, tensor_f32(s->out[2]) + g * f,
                                  tensor_f32(s->out[3]) + g * f, f);
        }
}

static void scatter_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    struct job *j = ctx;
    struct step *s = j->s;
    struct back_rows b = back_scratch(j->r, s);
    int64_t d = tensor_cols(s->in[IN_X]), k = tensor_cols(s->in[IN_IDX]);
    for (int64_t n = task_row0(task); n < task_row1(task, tensor_rows(s->in[IN_X])); n++) {
        float *dx = s->in[IN_X]->grad + n * d;
        if (s->fresh[IN_X]) zero(dx, d);
        for (int64_t i = 0; i < k; i++) j->r->ks->add(dx, dx, b.dx + grouped(s)[n * k + i] * d, d);
    }
}

static void experts_backward(struct run *r, struct step *s)
{
    struct back_rows b = back_scratch(r, s);
    int64_t n = tensor_rows(s->in[IN_X]);
    assert(!s->fresh[IN_GATE] && !s->fresh[IN_UP] && !s->fresh[IN_DOWN]); /* parameters */
    for_rows(r, s, n, gather_dy_task);
    back_inputs(r, s, s->in[IN_DOWN], b.dy, b.dact, false);
    for_rows(r, s, n, weigh_task);
    back_weights(r, s, s->in[IN_DOWN], b.dy, tensor_f32(s->out[5]));
    back_weights(r, s, s->in[IN_GATE], b.dgate, tensor_f32(s->out[4]));
    back_weights(r, s, s->in[IN_UP], b.dup, tensor_f32(s->out[4]));
    if (!s->in[IN_X]->needs_grad) return;
    back_inputs(r, s, s->in[IN_GATE], b.dgate, b.dx, false);
    back_inputs(r, s, s->in[IN_UP], b.dup, b.dx, true);
    for_rows(r, s, n, scatter_task);
}

static const struct op experts_op = {"experts", experts_shape, experts_forward, experts_backward, false};

struct tensor *op_experts(struct run *r, struct tensor *x, const struct routing *route, struct tensor *gate, struct tensor *up,
                          struct tensor *down)
{
    struct step s = {.in = {x, route->weights, gate, up, down, route->idx}};
    return run_op(r, &experts_op, &s);
}
