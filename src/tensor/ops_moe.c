/* Routing of a mixture of experts (arXiv 2412.19437, section 2.1.2), without auxiliary loss. The experts themselves are
 * in ops_experts.c.
 *
 * Easy to get wrong (check_op and check_oracle guard it): the bias takes part in the choice only, weights come from
 * the unbiased scores; a group's score is the sum of its two best biased scores (DeepSeek V3) or its best score (V2);
 * experts outside the chosen groups are out (-inf), whatever their score. */
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
    assert(e == a->experts && e <= MAX_EXPERTS && a->top_k <= e && (!s->in[1] || tensor_count(s->in[1]) == e));
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
        score[g] = per > 1 && !a->group_best ? best + second : best;
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

static void scores_of_row(const struct run *r, const struct route_args *a, float *score, const float *logits)
{
    float top;
    if (!a->softmax) {
        r->ks->sigmoid(score, logits, a->experts);
        return;
    }
    memcpy(score, logits, (size_t)a->experts * sizeof *score);
    float sum = r->ks->exp_sum(score, 1.0f, a->experts, &top);
    r->ks->scale(score, 1.0f / sum, a->experts);
}

static void route_row(const struct run *r, const struct step *s, int64_t n)
{
    const struct route_args *a = &s->p.route;
    int k = a->top_k;
    float *score = tensor_f32(s->out[2]) + n * a->experts, *w = tensor_f32(s->out[0]) + n * k, c[MAX_EXPERTS], sum = 0;
    int32_t *idx = (int32_t *)s->out[1]->data + n * k;
    scores_of_row(r, a, score, tensor_f32(s->in[0]) + n * s->in[0]->ld);
    if (s->in[1]) r->ks->add(c, score, tensor_f32(s->in[1]), a->experts);
    else memcpy(c, score, (size_t)a->experts * sizeof *c);
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
    float *dz = s->in[0]->grad + n * e, all_dot = 0;
    for (int i = 0; a->softmax && i < e; i++) all_dot += ds[i] * score[i];
    for (int i = 0; i < e; i++) {
        float g = a->softmax ? score[i] * (ds[i] - all_dot) : ds[i] * score[i] * (1.0f - score[i]);
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
