/* The sampler. A vocabulary is large and few tokens matter: a pass over all of it, with the kernels, leaves those that the
 * filters may let through; they come off a heap one by one, highest first. */
#include "infer/sample.h"
#include <float.h>
#include <math.h>
#include <string.h>
#include "base/checked.h"
#include "base/rng.h"
#include "infer/engine.h" /* has the kernels */

enum { SAMPLE_STREAM = 0x53414d50 }; /* keeps draws apart from other users of the same seed */

struct candidate {
    float logit;
    int32_t id;
};

/* Scratch: the logits after the penalty, their weights relative to the highest, and the tokens that may be drawn. */
struct space {
    float *x, *w;        /* (vocab) */
    struct candidate *c; /* (vocab), n of them a heap */
    int64_t n;
};

void sample_defaults(struct sample_params *p)
{
    *p = (struct sample_params){
        .temp = 0.7, .top_k = 0, .top_p = 0.95, .min_p = 0.05, .repeat = 1, .repeat_window = 64};
}

static int check_range(const char *where, const char *name, double v, double lo, double hi, struct err *e)
{
    if (!(v >= lo && v <= hi)) FAIL(e, ERR_USAGE, "%s: %s is %g, expected %g to %g", where, name, v, lo, hi);
    return OK;
}

int sample_check(const struct sample_params *p, const char *where, struct err *e)
{
    TRY(check_range(where, "temperature", p->temp, 0, 5, e));
    TRY(check_range(where, "top_k", (double)p->top_k, 0, 1 << 20, e));
    TRY(check_range(where, "top_p", p->top_p, 0, 1, e));
    TRY(check_range(where, "min_p", p->min_p, 0, 1, e));
    TRY(check_range(where, "repetition penalty", p->repeat, 0.5, 3, e));
    TRY(check_range(where, "presence penalty", p->presence, -2, 2, e));
    TRY(check_range(where, "frequency penalty", p->frequency, -2, 2, e));
    for (size_t i = 0; i < p->n_bias; i++) TRY(check_range(where, "bias", p->bias[i].add, -1e6, 100, e));
    return check_range(where, "repetition window", (double)p->repeat_window, 0, 1 << 24, e);
}

size_t sample_scratch_bytes(int64_t vocab) { return (size_t)vocab * (2 * sizeof(float) + sizeof(struct candidate)); }

static struct space space_in(void *scratch, int64_t vocab)
{
    float *x = scratch;
    return (struct space){.x = x, .w = x + vocab, .c = (struct candidate *)(void *)(x + 2 * vocab)};
}

/* Is a to be drawn before b? A total order: no two candidates are equal. */
static int before(struct candidate a, struct candidate b)
{
    return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
}

/* best: the first to be drawn is on top, else the last. */
static void sift_down(bool best, struct candidate *h, int64_t n, int64_t i)
{
    struct candidate x = h[i];
    for (;;) {
        int64_t kid = 2 * i + 1;
        if (kid >= n) break;
        if (kid + 1 < n && before(h[kid + 1], h[kid]) == best) kid++;
        if (before(h[kid], x) != best) break;
        h[i] = h[kid];
        i = kid;
    }
    h[i] = x;
}

static void make_heap(bool best, struct candidate *h, int64_t n)
{
    for (int64_t i = n / 2 - 1; i >= 0; i--) sift_down(best, h, n, i);
}

/* Takes the best off the heap of n and puts it into the place that gets free, h[n - 1]: the candidates taken so far
 * lie at the end, best last. */
static struct candidate pop(struct candidate *h, int64_t n)
{
    struct candidate best = h[0];
    h[0] = h[n - 1];
    h[n - 1] = best;
    sift_down(true, h, n - 1, 0);
    return best;
}

static int check_logits(const struct kernels *ks, const float *logits, int64_t vocab, struct err *e)
{
    bool any = false;
    if (isfinite(ks->sum(logits, vocab))) return OK; /* so is each of them */
    for (int64_t i = 0; i < vocab; i++) {
        if (!(logits[i] < INFINITY)) FAIL(e, ERR_NUMERIC, "logit of token %lld is %g", (long long)i, (double)logits[i]);
        any |= logits[i] > -INFINITY;
    }
    if (!any) FAIL(e, ERR_NUMERIC, "no token has a finite logit");
    return OK;
}

/* What the request says about single tokens, whatever the temperature. */
static void adjust(struct space *s, int64_t vocab, const struct sample_params *p, const struct sample_place *at)
{
    if (at->allowed)
        for (int64_t i = 0; i < vocab; i++)
            if (!(at->allowed[i / 32] >> (i % 32) & 1)) s->x[i] = -INFINITY;
    for (size_t i = 0; i < p->n_bias; i++) {
        int32_t id = p->bias[i].id;
        if (id >= 0 && id < vocab) s->x[id] = p->bias[i].add <= SAMPLE_NEVER ? -INFINITY : s->x[id] + p->bias[i].add;
    }
    if (p->presence == 0 && p->frequency == 0) return;
    memset(s->w, 0, (size_t)vocab * sizeof *s->w);
    for (int64_t i = at->first; i < at->n; i++) {
        int32_t id = at->history[i];
        if (id < 0 || id >= vocab) continue;
        s->x[id] -= (float)((s->w[id] == 0 ? p->presence : 0) + p->frequency);
        s->w[id] = 1;
    }
}

/* Reads the logits as they were before, so that a token that occurs twice is penalised once: w. */
static void penalise(struct space *s, int64_t vocab, const struct sample_params *p, const struct sample_place *at)
{
    if (p->repeat == 1 || p->repeat_window == 0 || p->temp == 0) return;
    memcpy(s->w, s->x, (size_t)vocab * sizeof *s->w);
    for (int64_t i = max_i64(0, at->n - p->repeat_window); i < at->n; i++) {
        int32_t id = at->history[i];
        if (id < 0 || id >= vocab) continue;
        double v = s->w[id];
        s->x[id] = (float)(v > 0 ? v / p->repeat : v * p->repeat);
    }
}

/* The k highest; returns the sum of their weights. */
static double take_top_k(struct space *s, int64_t vocab, float top, const struct sample_params *p)
{
    double total = 0;
    for (int64_t i = 0; i < p->top_k; i++) s->c[i] = (struct candidate){s->x[i], (int32_t)i};
    make_heap(false, s->c, p->top_k);
    for (int64_t i = p->top_k; i < vocab; i++) {
        if (s->x[i] <= s->c[0].logit) continue; /* of equals the lower id stays */
        s->c[0] = (struct candidate){s->x[i], (int32_t)i};
        sift_down(false, s->c, p->top_k, 0);
    }
    s->n = p->top_k;
    for (int64_t i = 0; i < s->n; i++) total += exp(((double)s->c[i].logit - top) / p->temp);
    return total;
}

/* Those that top-p and min-p may keep; returns the sum of all weights. Top-p keeps none below a weight that the whole
 * vocabulary together could have and still be what it leaves out. Some that are near a bound are taken too: the filters
 * themselves come later, with more digits. */
static double take_likely(struct space *s, const struct kernels *ks, int64_t vocab, float top, const struct sample_params *p)
{
    float max, scale = (float)fmin(1 / p->temp, FLT_MAX);
    for (int64_t i = 0; i < vocab; i++) s->w[i] = s->x[i] - top; /* first, so that no scale makes infinity of it */
    double total = ks->exp_sum(s->w, scale, vocab, &max);
    double floor = 0.99 * fmax(p->min_p, (1 - p->top_p) * total / (double)vocab);
    for (int64_t i = 0; i < vocab; i++)
        if (s->w[i] >= floor && s->w[i] > 0) s->c[s->n++] = (struct candidate){s->x[i], (int32_t)i};
    return total;
}

int sample_token(int32_t *out, const struct kernels *ks, const float *logits, int64_t vocab, const struct sample_params *p,
                 const struct sample_place *at, void *scratch, struct err *e)
{
    struct space s = space_in(scratch, vocab);
    TRY(check_logits(ks, logits, vocab, e));
    memcpy(s.x, logits, (size_t)vocab * sizeof *s.x);
    adjust(&s, vocab, p, at);
    penalise(&s, vocab, p, at);
    float top = ks->max(s.x, vocab);
    if (!(top > -INFINITY)) FAIL(e, ERR_NUMERIC, "no token that is allowed has a finite logit");
    if (p->temp == 0) {
        int32_t id = 0;
        while (s.x[id] != top) id++;
        *out = id;
        return OK;
    }
    bool top_k = p->top_k > 0 && p->top_k < vocab;
    double total = top_k ? take_top_k(&s, vocab, top, p) : take_likely(&s, ks, vocab, top, p);
    make_heap(true, s.c, s.n);
    /* What top-p and min-p keep is a prefix of the sorted list: kept of them, with weight `mass`. */
    double mass = 0;
    int64_t kept = 0;
    while (kept < s.n) {
        double w = exp(((double)pop(s.c, s.n - kept).logit - top) / p->temp);
        if (kept > 0 && (w < p->min_p || w == 0)) break;
        mass += w;
        kept++;
        if (p->top_p < 1 && mass >= p->top_p * total) break;
    }
    double u = rng_uniform(p->seed, SAMPLE_STREAM, at->position) * mass, sum = 0;
    int64_t pick = 0;
    for (; pick < kept - 1; pick++) {
        sum += exp(((double)s.c[s.n - 1 - pick].logit - top) / p->temp);
        if (u < sum) break;
    }
    *out = s.c[s.n - 1 - pick].id;
    return OK;
}

void sample_logprobs(const struct kernels *ks, const float *logits, int64_t vocab, int32_t id, float *logprob,
                     struct sample_top *top, int n_top, void *scratch)
{
    struct space s = space_in(scratch, vocab);
    float max;
    memcpy(s.w, logits, (size_t)vocab * sizeof *s.w);
    double total = ks->exp_sum(s.w, 1, vocab, &max);
    double base = max + log(total);
    *logprob = (float)(logits[id] - base);
    for (int i = 0; i < n_top; i++) s.c[i] = (struct candidate){logits[i], i};
    make_heap(false, s.c, n_top);
    for (int64_t i = n_top; i < vocab && n_top > 0; i++) {
        if (logits[i] <= s.c[0].logit) continue;
        s.c[0] = (struct candidate){logits[i], (int32_t)i};
        sift_down(false, s.c, n_top, 0);
    }
    for (int64_t n = n_top; n > 0; n--) { /* the last comes off first */
        struct candidate worst = s.c[0];
        s.c[0] = s.c[n - 1];
        sift_down(false, s.c, n - 1, 0);
        top[n - 1] = (struct sample_top){worst.id, (float)(worst.logit - base)};
    }
}
