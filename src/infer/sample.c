/* The sampler. Candidates come off a heap one by one, highest first, and only as many as the filters let through. */
#include "infer/sample.h"
#include <math.h>
#include "base/checked.h"
#include "base/rng.h"

enum { SAMPLE_STREAM = 0x53414d50 }; /* keeps draws apart from other users of the same seed */

struct candidate {
    float logit;
    int32_t id;
};

void sample_defaults(struct sample_params *p)
{
    *p = (struct sample_params){
        .temp = 0.7, .top_k = 0, .top_p = 0.95, .min_p = 0.05, .repeat = 1.05, .repeat_window = 64};
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
    return check_range(where, "repetition window", (double)p->repeat_window, 0, 1 << 24, e);
}

size_t sample_scratch_bytes(int64_t vocab) { return (size_t)vocab * sizeof(struct candidate); }

/* Is a to be drawn before b? A total order: no two candidates are equal. */
static int before(struct candidate a, struct candidate b)
{
    return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
}

static void sift_down(struct candidate *h, int64_t n, int64_t i)
{
    struct candidate x = h[i];
    for (;;) {
        int64_t kid = 2 * i + 1;
        if (kid >= n) break;
        if (kid + 1 < n && before(h[kid + 1], h[kid])) kid++;
        if (!before(h[kid], x)) break;
        h[i] = h[kid];
        i = kid;
    }
    h[i] = x;
}

/* Takes the best off the heap of n and puts it into the place that gets free, h[n - 1]: the candidates taken so far
 * lie at the end, best last. */
static struct candidate pop(struct candidate *h, int64_t n)
{
    struct candidate best = h[0];
    h[0] = h[n - 1];
    h[n - 1] = best;
    sift_down(h, n - 1, 0);
    return best;
}

static int load_logits(struct candidate *c, const float *logits, int64_t vocab, struct err *e)
{
    bool any = false;
    for (int64_t i = 0; i < vocab; i++) {
        if (!(logits[i] < INFINITY)) FAIL(e, ERR_NUMERIC, "logit of token %lld is %g", (long long)i, (double)logits[i]);
        any |= logits[i] > -INFINITY;
        c[i] = (struct candidate){logits[i], (int32_t)i};
    }
    if (!any) FAIL(e, ERR_NUMERIC, "no token has a finite logit");
    return OK;
}

/* Reads the untouched logits, so that a token that occurs twice is penalised once. */
static void penalise(struct candidate *c, const float *logits, int64_t vocab, const struct sample_params *p,
                     const int32_t *history, int64_t n_history)
{
    if (p->repeat == 1 || p->repeat_window == 0) return;
    for (int64_t i = max_i64(0, n_history - p->repeat_window); i < n_history; i++) {
        int32_t id = history[i];
        if (id < 0 || id >= vocab) continue;
        double v = logits[id];
        c[id].logit = (float)(v > 0 ? v / p->repeat : v * p->repeat);
    }
}

static int32_t greedy(const struct candidate *c, int64_t vocab)
{
    int64_t best = 0;
    for (int64_t i = 1; i < vocab; i++)
        if (c[i].logit > c[best].logit) best = i;
    return c[best].id;
}

int sample_token(int32_t *out, const float *logits, int64_t vocab, const struct sample_params *p,
                 const int32_t *history, int64_t n_history, uint64_t position, void *scratch, struct err *e)
{
    struct candidate *c = scratch;
    TRY(load_logits(c, logits, vocab, e));
    penalise(c, logits, vocab, p, history, n_history);
    if (p->temp == 0) {
        *out = greedy(c, vocab);
        return OK;
    }
    for (int64_t i = vocab / 2 - 1; i >= 0; i--) sift_down(c, vocab, i);
    double top = c[0].logit, total = 0; /* of what top-k leaves, relative to the highest */
    int64_t k = p->top_k > 0 ? min_i64(p->top_k, vocab) : vocab;
    int64_t popped = 0;
    if (k == vocab) {
        for (int64_t i = 0; i < vocab; i++) total += exp((c[i].logit - top) / p->temp);
    } else {
        for (; popped < k; popped++) total += exp((pop(c, vocab - popped).logit - top) / p->temp);
    }
    /* The survivors of top-p and min-p are a prefix of the sorted list: kept of them, with weight `mass`. */
    double mass = 0;
    int64_t kept = 0;
    while (kept < k) {
        struct candidate x = kept < popped ? c[vocab - 1 - kept] : pop(c, vocab - popped++);
        double w = exp((x.logit - top) / p->temp);
        if (kept > 0 && (w < p->min_p || w == 0)) break;
        mass += w;
        kept++;
        if (p->top_p < 1 && mass >= p->top_p * total) break;
    }
    double u = rng_uniform(p->seed, SAMPLE_STREAM, position) * mass, sum = 0;
    int64_t pick = 0;
    for (; pick < kept - 1; pick++) {
        sum += exp((c[vocab - 1 - pick].logit - top) / p->temp);
        if (u < sum) break;
    }
    *out = c[vocab - 1 - pick].id;
    return OK;
}
