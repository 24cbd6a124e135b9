/* Rows through a number format. */
#include "quant/write.h"
#include <math.h>
#include <string.h>
#include "base/checked.h"
#include "base/mem.h"

enum { TASK_NUMBERS = 1 << 15, BATCH_TASKS = 64 };

struct sums {
    double square, error, max;
};

/* One tensor under way: batches of tasks of whole rows. */
struct job {
    struct feed *f;
    const struct feed_tensor *t;
    enum dtype to;
    bool measure, raw;
    const float *importance; /* (matrices, cols), or NULL */
    int64_t cols, rows, task_rows;
    int64_t first;     /* row of the batch */
    float *numbers;    /* per worker: rows of the source, and the same decoded again */
    uint8_t *bytes;    /* of the batch, encoded */
    struct sums *sums; /* per task of the batch */
};

static int64_t rows_of_task(const struct job *j, int64_t task, int64_t *row)
{
    *row = j->first + task * j->task_rows;
    return min_i64(j->task_rows, j->rows - *row);
}

static void encode(const struct job *j, uint8_t *out, const float *x, int64_t row, int64_t n)
{
    const struct format *f = &formats[j->to];
    if (!j->importance) {
        f->from_f32(out, x, n * j->cols);
        return;
    }
    int64_t matrix = feed_matrix_rows(j->t);
    for (int64_t r = 0; r < n; r++)
        f->from_f32_weighted(out + format_bytes(j->to, r * j->cols), x + r * j->cols, j->cols,
                             j->importance + (row + r) / matrix * j->cols);
}

/* A number that is not finite makes the sums so. */
static void compare(struct sums *s, const float *x, const float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        double d = (double)x[i] - (double)y[i];
        s->square += (double)x[i] * (double)x[i];
        s->error += d * d;
        if (fabs(d) > s->max) s->max = fabs(d);
    }
}

static void task(void *ctx, int64_t index, int worker)
{
    struct job *j = ctx;
    int64_t row, n = rows_of_task(j, index, &row), row_bytes = (int64_t)format_bytes(j->to, j->cols);
    uint8_t *out = j->bytes + index * j->task_rows * row_bytes;
    float *x = j->numbers + (int64_t)worker * 2 * j->task_rows * j->cols, *y = x + j->task_rows * j->cols;
    j->sums[index] = (struct sums){0};
    if (j->raw)
        for (int64_t r = 0; r < n; r++) memcpy(out + r * row_bytes, feed_raw(j->f, j->t, row + r), (size_t)row_bytes);
    if (j->raw && !j->measure) { /* only whether all are finite */
        if (!format_all_finite(j->to, out, n * j->cols)) j->sums[index].square = NAN;
        return;
    }
    feed_rows(j->f, j->t, row, n, x);
    if (!j->raw) encode(j, out, x, row, n);
    if (!j->measure) { /* the same, before and after */
        if (!format_all_finite(DT_F32, x, n * j->cols)) j->sums[index].square = NAN;
        if (!format_all_finite(j->to, out, n * j->cols)) j->sums[index].error = NAN;
        return;
    }
    formats[j->to].to_f32(y, out, n * j->cols);
    compare(&j->sums[index], x, y, n * j->cols);
}

static int open_job(struct job *j, const struct write_options *o, struct err *e)
{
    size_t row, numbers, bytes;
    j->cols = feed_cols(j->t);
    j->rows = feed_rows_of(j->t);
    j->task_rows = max_i64(1, min_i64(TASK_NUMBERS / max_i64(1, j->cols), j->rows));
    if (!mul_size((size_t)j->task_rows, (size_t)j->cols, &row) || !mul_size(row, 2 * sizeof(float), &row) ||
        !mul_size(row, (size_t)pool_threads(o->pool), &numbers) || !mul_size(row, BATCH_TASKS, &bytes))
        FAIL(e, ERR_LIMIT, "%s has rows of %lld numbers: too long", j->t->name, (long long)j->cols);
    int64_t tasks = min_i64(BATCH_TASKS, ceil_div(j->rows, j->task_rows));
    TRY(mem_new((void **)&j->numbers, numbers, "rows of a tensor", e));
    TRY(mem_new((void **)&j->sums, BATCH_TASKS * sizeof *j->sums, "rows of a tensor", e));
    return mem_new((void **)&j->bytes, (size_t)(tasks * j->task_rows) * format_bytes(j->to, j->cols),
                   "rows of a tensor", e);
}

static void close_job(struct job *j)
{
    mem_free(j->numbers);
    mem_free(j->sums);
    mem_free(j->bytes);
}

static int run_job(struct job *j, struct tf_writer *w, struct sums *all, const struct write_options *o,
                   struct write_totals *totals, struct err *e)
{
    uint64_t before = totals->done;
    for (j->first = 0; j->first < j->rows;) {
        int64_t tasks = min_i64(BATCH_TASKS, ceil_div(j->rows - j->first, j->task_rows));
        int64_t rows = min_i64(tasks * j->task_rows, j->rows - j->first);
        pool_for(o->pool, tasks, task, j);
        for (int64_t i = 0; i < tasks; i++) {
            all->square += j->sums[i].square;
            all->error += j->sums[i].error;
            all->max = fmax(all->max, j->sums[i].max);
        }
        TRY(tf_writer_data(w, j->bytes, (size_t)rows * format_bytes(j->to, j->cols), e));
        j->first += rows;
        totals->done = before + (uint64_t)((double)j->t->bytes * ((double)j->first / (double)j->rows));
        if (o->progress && o->progress(o->ctx, totals->done, totals->total)) FAIL(e, ERR_INTERRUPTED, "stopped");
    }
    totals->done = before + j->t->bytes;
    return OK;
}

static int check(const struct job *j, const struct sums *s, struct err *e)
{
    const char *name = j->t->name;
    if (!isfinite(s->square)) FAIL(e, ERR_NUMERIC, "%s holds a number that is not finite", name);
    if (!isfinite(s->error)) FAIL(e, ERR_NUMERIC, "%s has numbers too large for %s", name, formats[j->to].name);
    return OK;
}

static void tell(const struct job *j, enum dtype wanted, const struct sums *s, const struct write_options *o,
                 struct write_totals *totals)
{
    int64_t n = j->rows * j->cols;
    struct tensor_result r = {.name = j->t->name,
                              .from = j->t->from,
                              .to = j->to,
                              .wanted = wanted,
                              .matrix = j->t->matrix,
                              .weighted = j->importance != NULL,
                              .count = n,
                              .max_error = s->max};
    r.rms = n > 0 ? sqrt(s->square / (double)n) : 0;
    r.rms_error = s->square > 0 ? sqrt(s->error / s->square) : 0;
    if (o->report) o->report(o->ctx, &r);
    if (formats[j->to].from_f32_weighted && !j->raw) {
        totals->weighted += r.weighted;
        totals->unweighted += !r.weighted;
    }
    if (j->to == DT_F32) return;
    totals->square += s->square;
    totals->error += s->error;
    totals->max = fmax(totals->max, s->max);
    totals->count += n;
}

static int write_rows(struct job *j, struct tf_writer *w, enum dtype wanted, const struct write_options *o,
                      struct write_totals *totals, struct err *e)
{
    struct sums all = {0};
    float *importance = NULL;
    int64_t rows = feed_matrix_rows(j->t), matrices = rows ? feed_rows_of(j->t) / rows : 0;
    TRY(feed_begin(j->f, j->t, o->pool, e));
    j->raw = j->t->from == j->to && feed_raw(j->f, j->t, 0);
    j->measure = o->measure && formats[j->to].to_f32;
    if (!j->raw && (!formats[j->to].from_f32 || !formats[j->t->from].to_f32))
        FAIL(e, ERR_UNSUPPORTED, "%s cannot become %s", j->t->name, formats[j->to].name);
    TRY(open_job(j, o, e));
    if (o->importance && !j->raw && formats[j->to].from_f32_weighted)
        TRY(imatrix_means(o->importance, j->t->name, matrices, j->cols, &importance, e));
    j->importance = importance;
    int rc = run_job(j, w, &all, o, totals, e);
    if (!rc) rc = check(j, &all, e);
    if (!rc) tell(j, wanted, &all, o, totals);
    mem_free(importance);
    return rc;
}

int write_tensor(struct tf_writer *w, struct feed *f, const struct feed_tensor *t, enum dtype to, enum dtype wanted,
                 const struct write_options *o, struct write_totals *totals, struct err *e)
{
    struct job j = {.f = f, .t = t, .to = to};
    int rc = write_rows(&j, w, wanted, o, totals, e);
    close_job(&j);
    feed_end(f, t);
    return rc;
}
