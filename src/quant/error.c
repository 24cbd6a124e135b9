/* Converting every row there and back. */
#include "quant/error.h"
#include <math.h>
#include "base/mem.h"

struct sums {
    double square, error, max;
    int64_t n;
};

/* One row of x through the format; y and bytes are scratch. */
static void add_row(struct sums *s, const struct format *f, const float *x, int64_t n, float *y, void *bytes)
{
    f->from_f32(bytes, x, n);
    f->to_f32(y, bytes, n);
    for (int64_t i = 0; i < n; i++) {
        double d = (double)x[i] - (double)y[i];
        s->square += (double)x[i] * (double)x[i];
        s->error += d * d;
        s->max = fmax(s->max, fabs(d));
    }
    s->n += n;
}

static void finish(struct quant_error *q, const struct sums *s)
{
    q->count = s->n;
    q->rms = s->n > 0 ? sqrt(s->square / (double)s->n) : 0;
    q->rms_error = s->square > 0 ? sqrt(s->error / s->square) : 0;
    q->max_error = s->max;
}

static int one(const struct param *p, enum dtype type, struct quant_error *q, struct sums *s, struct err *e)
{
    int64_t cols = tensor_cols(&p->t), rows = tensor_rows(&p->t);
    bool fits = p->quantise && cols % formats[type].block == 0;
    *q = (struct quant_error){.name = p->gguf_name, .type = fits ? type : DT_F32};
    const struct format *f = &formats[q->type];
    float *y = mem_array((size_t)cols, sizeof *y);
    void *bytes = mem_alloc(format_bytes(q->type, cols));
    int rc =
        y && bytes ? OK : err_set(e, ERR_MEMORY, __FILE__, __LINE__, "out of memory for a row of %s", p->gguf_name);
    for (int64_t r = 0; r < rows && !rc; r++) add_row(s, f, tensor_f32(&p->t) + r * p->t.ld, cols, y, bytes);
    mem_free(y);
    mem_free(bytes);
    if (!rc && !isfinite(s->square))
        rc = err_set(e, ERR_NUMERIC, __FILE__, __LINE__, "%s holds a number that is not finite", p->gguf_name);
    if (!rc && !isfinite(s->error))
        rc = err_set(e, ERR_NUMERIC, __FILE__, __LINE__, "%s has numbers too large for %s", p->gguf_name, f->name);
    finish(q, s);
    return rc;
}

int quant_errors(const struct net *net, enum dtype type, quant_error_fn *fn, void *ctx, struct quant_error *total,
                 struct err *e)
{
    struct sums all = {0};
    for (int i = 0; i < net->n_params; i++) {
        struct sums s = {0};
        struct quant_error q;
        TRY(one(&net->params[i], type, &q, &s, e));
        if (fn) fn(ctx, &q);
        if (q.type != type) continue;
        all.square += s.square;
        all.error += s.error;
        all.max = fmax(all.max, s.max);
        all.n += s.n;
    }
    if (total) {
        *total = (struct quant_error){.name = "all", .type = type};
        finish(total, &all);
    }
    return OK;
}
