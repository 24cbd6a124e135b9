/* Two models side by side, a pass of a few rows at a time: only A's logits of one pass are kept. */
#include "quant/compare.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/checked.h"
#include "base/mem.h"

int compare_vocabularies(const struct tokenizer *a, const struct tokenizer *b, struct err *e)
{
    int32_t n = tokenizer_vocab(a), m = tokenizer_vocab(b);
    for (int32_t i = 0; i < n && i < m; i++) {
        size_t x, y;
        const char *p = tokenizer_bytes(a, i, &x), *q = tokenizer_bytes(b, i, &y);
        if (x == y && !memcmp(p, q, x) && tokenizer_is_control(a, i) == tokenizer_is_control(b, i)) continue;
        FAIL(e, ERR_USAGE,
             "the models have different vocabularies: token %d differs; only predictions of the same tokens can "
             "be compared. The bits per byte of autarky perplexity can, on any text",
             i);
    }
    return OK;
}

/* One row of a pass. */
struct row_result {
    double kl, nats_a, nats_b, gap; /* gap: A's log-probability of its top less that of B's top */
    bool same;
};

struct job {
    struct session *a, *b;
    int64_t vocab;
    float *kept; /* (rows of a pass, vocab) of A */
    const float *logits_b;
    int64_t stride_b;
    const int32_t *target;  /* of the window */
    int64_t at;             /* first row of the pass in the window */
    struct row_result *out; /* (window) */
};

static double log_sum(const float *x, int64_t n, int64_t *top)
{
    int64_t best = 0;
    double sum = 0;
    for (int64_t i = 1; i < n; i++)
        if (x[i] > x[best]) best = i;
    for (int64_t i = 0; i < n; i++) sum += exp((double)x[i] - (double)x[best]);
    *top = best;
    return log(sum) + (double)x[best];
}

static void row_task(void *ctx, int64_t i, int worker)
{
    struct job *j = ctx;
    const float *a = j->kept + i * j->vocab, *b = j->logits_b + i * j->stride_b;
    int64_t top_a, top_b, target = j->target[j->at + i];
    double za = log_sum(a, j->vocab, &top_a), zb = log_sum(b, j->vocab, &top_b), kl = 0;
    (void)worker;
    for (int64_t v = 0; v < j->vocab; v++) {
        double la = (double)a[v] - za;
        kl += exp(la) * (la - ((double)b[v] - zb));
    }
    j->out[j->at + i] = (struct row_result){.kl = fmax(kl, 0), /* rounding may make it a little negative */
                                            .nats_a = za - (double)a[target],
                                            .nats_b = zb - (double)b[target],
                                            .gap = (double)a[top_a] - (double)a[top_b],
                                            .same = top_a == top_b};
}

static int keep_a(void *ctx, int64_t first, int64_t rows, const float *logits, int64_t stride, struct err *e)
{
    struct job *j = ctx;
    (void)first;
    (void)e;
    for (int64_t i = 0; i < rows; i++)
        memcpy(j->kept + i * j->vocab, logits + i * stride, (size_t)j->vocab * sizeof *logits);
    return OK;
}

static int take_b(void *ctx, int64_t first, int64_t rows, const float *logits, int64_t stride, struct err *e)
{
    struct job *j = ctx;
    (void)first;
    (void)e;
    j->logits_b = logits;
    j->stride_b = stride;
    pool_for(j->b->dec->en->pool, rows, row_task, j);
    return OK;
}

/* What is summed up over windows. */
struct tally {
    double *kl;
    int64_t n;
};

static int one_window(struct job *j, const struct windows *w, int64_t n, struct tally *t, struct compare_result *r,
                      struct err *e)
{
    int64_t chunk = min_i64(j->a->dec->rows, j->b->dec->rows);
    session_rewind(j->a, 0);
    session_rewind(j->b, 0);
    for (j->at = 0; j->at < n; j->at += chunk) {
        int64_t rows = min_i64(chunk, n - j->at);
        TRY(session_logits(j->a, w->row + j->at, rows, keep_a, j, e));
        TRY(session_logits(j->b, w->row + j->at, rows, take_b, j, e));
    }
    for (int64_t i = 0; i < n; i++) {
        const struct row_result *x = &j->out[i];
        if (!isfinite(x->kl) || !isfinite(x->nats_a) || !isfinite(x->nats_b))
            return engine_fail_numeric(isfinite(x->nats_a) ? j->b->dec->en : j->a->dec->en, "a probability", e);
        t->kl[t->n++] = x->kl;
        r->nats_a += x->nats_a;
        r->nats_b += x->nats_b;
        r->same_top += x->same;
        if (x->same) continue;
        r->near_ties += x->gap < COMPARE_NEAR_TIE;
        r->widest_gap = fmax(r->widest_gap, x->gap);
    }
    return OK;
}

static int cmp_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(const double *sorted, int64_t n, double q)
{
    return sorted[(int64_t)(q * (double)(n - 1) + 0.5)];
}

static void finish(struct compare_result *r, struct tally *t)
{
    double sum = 0;
    r->tokens = t->n;
    if (t->n == 0) return;
    for (int64_t i = 0; i < t->n; i++) sum += t->kl[i];
    qsort(t->kl, (size_t)t->n, sizeof *t->kl, cmp_double);
    r->mean = sum / (double)t->n;
    r->median = quantile(t->kl, t->n, 0.5);
    r->p90 = quantile(t->kl, t->n, 0.9);
    r->p99 = quantile(t->kl, t->n, 0.99);
    r->max = t->kl[t->n - 1];
    r->nats_a /= (double)t->n;
    r->nats_b /= (double)t->n;
}

static int all_windows(struct job *j, struct windows *w, struct tally *t, struct compare_result *r,
                       void (*progress)(void *ctx, int64_t done, int64_t total), void *ctx, struct err *e)
{
    size_t kept;
    if (!mul_size((size_t)j->a->dec->rows, (size_t)j->vocab * sizeof(float), &kept))
        FAIL(e, ERR_LIMIT, "%lld rows of %lld logits are too many", (long long)j->a->dec->rows, (long long)j->vocab);
    TRY(mem_new((void **)&j->kept, kept, "the logits of a pass", e));
    TRY(mem_new((void **)&j->out, (size_t)w->size * sizeof *j->out, "a window", e));
    TRY(mem_new((void **)&t->kl, (w->ids.n + (size_t)w->count) * sizeof *t->kl, "the divergences", e));
    j->target = w->target;
    for (int64_t i = 0; i < w->count; i++) {
        TRY(one_window(j, w, windows_take(w, i), t, r, e));
        if (progress) progress(ctx, windows_end(w, i), (int64_t)w->ids.n);
    }
    finish(r, t);
    return OK;
}

int compare_models(struct session *a, struct session *b, struct windows *w, struct compare_result *r,
                   void (*progress)(void *ctx, int64_t done, int64_t total), void *ctx, struct err *e)
{
    struct job j = {.a = a, .b = b};
    struct tally t = {0};
    *r = (struct compare_result){0};
    j.vocab = min_i64(a->dec->en->net.config.vocab, b->dec->en->net.config.vocab); /* one may have unused rows */
    int rc = all_windows(&j, w, &t, r, progress, ctx, e);
    mem_free(j.kept);
    mem_free(j.out);
    mem_free(t.kl);
    return rc;
}
