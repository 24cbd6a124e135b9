/* Operations by row or by element: embed, rmsnorm, add, concat, rows. */
#include "tensor/ops_internal.h"
#include <assert.h>
#include <string.h>

/* ---- embed: ids (N), table (V, D) -> (N, D) ---- */

static void embed_shape(struct run *r, struct step *s)
{
    s->out[0] = run_tensor2(r, s->p.rows.n, tensor_cols(s->in[0]), "embed");
}

static void embed_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    struct step *s = ((struct job *)ctx)->s;
    const struct tensor *w = s->in[0];
    int64_t d = tensor_cols(w), rows = s->p.rows.n;
    for (int64_t n = task_row0(task); n < task_row1(task, rows); n++)
        formats[w->dtype].to_f32(tensor_f32(s->out[0]) + n * d,
                                 (const char *)w->data + format_bytes(w->dtype, s->p.rows.idx[n] * w->ld), d);
}

static void embed_forward(struct run *r, struct step *s) { for_rows(r, s, s->p.rows.n, embed_task); }

enum { EMBED_COLS = 32 };

/* Column blocks: every task visits all rows in order, so that a token that occurs twice is added in order. */
static void embed_back_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    struct job *j = ctx;
    struct step *s = j->s;
    int64_t d = tensor_cols(s->in[0]), c0 = task * EMBED_COLS, cols = min_i64(EMBED_COLS, d - c0);
    const float *dy = s->out[0]->grad;
    for (int64_t n = 0; n < s->p.rows.n; n++) {
        float *g = s->in[0]->grad + s->p.rows.idx[n] * d + c0;
        j->r->ks->add(g, g, dy + n * d + c0, cols);
    }
}

static void embed_backward(struct run *r, struct step *s)
{
    int64_t d = tensor_cols(s->in[0]);
    struct job j = {r, s};
    if (s->fresh[0]) zero(s->in[0]->grad, tensor_count(s->in[0]));
    pool_for(r->pool, ceil_div(d, EMBED_COLS), embed_back_task, &j);
}

static const struct op embed_op = {"embed", embed_shape, embed_forward, embed_backward, false};

struct tensor *op_embed(struct run *r, struct tensor *table, const int32_t *ids, int64_t n)
{
    struct step s = {.in = {table}};
    s.p.rows.idx = ids;
    s.p.rows.n = n;
    return run_op(r, &embed_op, &s);
}

/* ---- rmsnorm: x (N, D), w (A), D = G A -> (N, D); out[1] keeps 1 / rms (N G) ---- */

static void rmsnorm_shape(struct run *r, struct step *s)
{
    int64_t n = tensor_rows(s->in[0]), d = tensor_cols(s->in[0]), width = tensor_count(s->in[1]);
    assert(d % width == 0);
    s->out[0] = run_tensor2(r, n, d, s->in[1]->name);
    s->out[1] = run_tensor2(r, 1, n * (d / width), "rms");
    if (r->taping) run_scratch_need(r, row_partials_bytes(n, width));
}

static void rmsnorm_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    struct job *j = ctx;
    struct step *s = j->s;
    const struct tensor *x = s->in[0];
    int64_t d = tensor_cols(x), width = tensor_count(s->in[1]), groups = d / width;
    for (int64_t n = task_row0(task); n < task_row1(task, tensor_rows(x)); n++)
        for (int64_t g = 0; g < groups; g++)
            tensor_f32(s->out[1])[n * groups + g] =
                j->r->ks->rmsnorm(tensor_f32(s->out[0]) + n * d + g * width, tensor_f32(x) + n * x->ld + g * width,
                                  tensor_f32(s->in[1]), width, s->p.eps);
}

static void rmsnorm_forward(struct run *r, struct step *s) { for_rows(r, s, tensor_rows(s->in[0]), rmsnorm_task); }

static void rmsnorm_back_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    struct job *j = ctx;
    struct step *s = j->s;
    const struct tensor *x = s->in[0];
    int64_t d = tensor_cols(x), width = tensor_count(s->in[1]), groups = d / width;
    float *dw = (float *)run_scratch(j->r) + task * width;
    zero(dw, width);
    for (int64_t n = task_row0(task); n < task_row1(task, tensor_rows(x)); n++) {
        if (s->fresh[0]) zero(x->grad + n * d, d);
        for (int64_t g = 0; g < groups; g++)
            j->r->ks->rmsnorm_back(x->grad + n * d + g * width, dw, s->out[0]->grad + n * d + g * width,
                                   tensor_f32(x) + n * x->ld + g * width, tensor_f32(s->in[1]),
                                   tensor_f32(s->out[1])[n * groups + g], width);
    }
}

static void rmsnorm_backward(struct run *r, struct step *s)
{
    int64_t n = tensor_rows(s->in[0]), width = tensor_count(s->in[1]);
    for_rows(r, s, n, rmsnorm_back_task);
    if (s->fresh[1]) zero(s->in[1]->grad, width);
    row_partials_add(r, s->in[1]->grad, n, width);
}

static const struct op rmsnorm_op = {"rmsnorm", rmsnorm_shape, rmsnorm_forward, rmsnorm_backward, false};

struct tensor *op_rmsnorm(struct run *r, struct tensor *x, struct tensor *w, float eps)
{
    struct step s = {.in = {x, w}};
    s.p.eps = eps;
    return run_op(r, &rmsnorm_op, &s);
}

/* ---- add: a + b (N, D) ---- */

static void add_shape(struct run *r, struct step *s)
{
    assert(tensor_rows(s->in[0]) == tensor_rows(s->in[1]) && tensor_cols(s->in[0]) == tensor_cols(s->in[1]));
    s->out[0] = run_tensor2(r, tensor_rows(s->in[0]), tensor_cols(s->in[0]), "add");
}

static void add_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    struct job *j = ctx;
    struct step *s = j->s;
    int64_t d = tensor_cols(s->out[0]), rows = tensor_rows(s->out[0]), n0 = task_row0(task), n1 = task_row1(task, rows);
    j->r->ks->add(tensor_f32(s->out[0]) + n0 * d, tensor_f32(s->in[0]) + n0 * d, tensor_f32(s->in[1]) + n0 * d, (n1 - n0) * d);
}

static void add_forward(struct run *r, struct step *s) { for_rows(r, s, tensor_rows(s->out[0]), add_task); }

static void add_back_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    struct job *j = ctx;
    struct step *s = j->s;
    int64_t d = tensor_cols(s->out[0]), rows = tensor_rows(s->out[0]), at = task_row0(task) * d;
    int64_t count = task_row1(task, rows) * d - at;
    const float *dy = s->out[0]->grad + at;
    for (int i = 0; i < 2; i++) {
        if (!s->in[i]->needs_grad) continue;
        float *g = s->in[i]->grad + at;
        if (s->fresh[i]) memcpy(g, dy, (size_t)count * sizeof(float));
        else j->r->ks->add(g, g, dy, count);
    }
}

static void add_backward(struct run *r, struct step *s) { for_rows(r, s, tensor_rows(s->out[0]), add_back_task); }

static const struct op add_op = {"add", add_shape, add_forward, add_backward, false};

struct tensor *op_add(struct run *r, struct tensor *a, struct tensor *b)
{
    return run_op(r, &add_op, &(struct step){.in = {a, b}});
}

/* ---- concat: (N, A), (N, B) -> (N, A + B) ---- */

static void concat_shape(struct run *r, struct step *s)
{
    assert(tensor_rows(s->in[0]) == tensor_rows(s->in[1]));
    s->out[0] = run_tensor2(r, tensor_rows(s->in[0]), tensor_cols(s->in[0]) + tensor_cols(s->in[1]), "concat");
}

static void concat_forward(struct run *r, struct step *s)
{
    (void)r;
    int64_t a = tensor_cols(s->in[0]), b = tensor_cols(s->in[1]);
    for (int64_t n = 0; n < tensor_rows(s->out[0]); n++) {
        float *y = tensor_f32(s->out[0]) + n * (a + b);
        memcpy(y, tensor_f32(s->in[0]) + n * a, (size_t)a * sizeof(float));
        memcpy(y + a, tensor_f32(s->in[1]) + n * b, (size_t)b * sizeof(float));
    }
}

static void concat_backward(struct run *r, struct step *s)
{
    int64_t all = tensor_cols(s->out[0]), at = 0;
    for (int i = 0; i < 2; i++) {
        int64_t w = tensor_cols(s->in[i]);
        if (s->in[i]->needs_grad)
            for (int64_t n = 0; n < tensor_rows(s->out[0]); n++) {
                float *g = s->in[i]->grad + n * w;
                if (s->fresh[i]) zero(g, w);
                r->ks->add(g, g, s->out[0]->grad + n * all + at, w);
            }
        at += w;
    }
}

static const struct op concat_op = {"concat", concat_shape, concat_forward, concat_backward, false};

struct tensor *op_concat(struct run *r, struct tensor *a, struct tensor *b)
{
    return run_op(r, &concat_op, &(struct step){.in = {a, b}});
}

/* ---- rows: rows idx (M) of x (N, D) -> (M, D) ---- */

static void rows_shape(struct run *r, struct step *s) { s->out[0] = run_tensor2(r, s->p.rows.n, tensor_cols(s->in[0]), "rows"); }

static void rows_forward(struct run *r, struct step *s)
{
    (void)r;
    int64_t d = tensor_cols(s->in[0]);
    for (int64_t m = 0; m < s->p.rows.n; m++)
        memcpy(tensor_f32(s->out[0]) + m * d, tensor_f32(s->in[0]) + s->p.rows.idx[m] * s->in[0]->ld, (size_t)d * sizeof(float));
}

static void rows_backward(struct run *r, struct step *s)
{
    int64_t d = tensor_cols(s->in[0]);
    if (s->fresh[0]) zero(s->in[0]->grad, tensor_count(s->in[0]));
    for (int64_t m = 0; m < s->p.rows.n; m++) {
        float *g = s->in[0]->grad + s->p.rows.idx[m] * d;
        r->ks->add(g, g, s->out[0]->grad + m * d, d);
    }
}

static const struct op rows_op = {"rows", rows_shape, rows_forward, rows_backward, false};

struct tensor *op_rows(struct run *r, struct tensor *x, const int32_t *idx, int64_t m)
{
    struct step s = {.in = {x}};
    s.p.rows.idx = idx;
    s.p.rows.n = m;
    return run_op(r, &rows_op, &s);
}
