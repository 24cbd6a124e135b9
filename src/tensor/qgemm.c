/* Cutting products with integer panels into tasks. */
#include "tensor/qgemm.h"
#include <string.h>
#include "base/checked.h"

enum {
    ROUNDS = 6,        /* tasks per thread: enough for one that is held up not to hold up all */
    ROW_STEP = 128,    /* rows of x in one task */
    UNPACK_COST = 6,   /* unpacking a panel costs about as much as multiplying this many rows */
    ROWS_PER_TASK = 8, /* of x when quantising */
    ALIGN = 64
};

size_t qrows_bytes(int64_t rows, int64_t k)
{
    size_t n = (size_t)rows, blocks = (size_t)(k / QP_BLOCK);
    return round_up(n * (size_t)k, ALIGN) + 2 * round_up(n * blocks * sizeof(float), ALIGN) +
           round_up(n * blocks * 2 * sizeof(int16_t), ALIGN);
}

struct qrows qrows_in(void *mem, int64_t rows, int64_t k)
{
    size_t n = (size_t)rows, blocks = (size_t)(k / QP_BLOCK), floats = round_up(n * blocks * sizeof(float), ALIGN);
    char *p = mem;
    struct qrows q = {.rows = rows, .k = k, .q = (int8_t *)p};
    q.d = (float *)(p += round_up(n * (size_t)k, ALIGN));
    q.sx = (float *)(p += floats);
    q.half = (int16_t *)(p + floats);
    return q;
}

struct fill {
    const struct kernels *ks;
    const struct qrows *q;
    const float *x;
    int64_t ldx;
};

static void fill_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    const struct fill *f = ctx;
    const struct qrows *q = f->q;
    int64_t blocks = q->k / QP_BLOCK, end = min_i64((task + 1) * ROWS_PER_TASK, q->rows);
    for (int64_t i = task * ROWS_PER_TASK; i < end; i++)
        f->ks->quantize_acts(q->q + i * q->k, q->d + i * blocks, q->sx + i * blocks, q->half + i * blocks * 2, f->x + i * f->ldx,
                             q->k);
}

void qrows_fill(const struct kernels *ks, struct pool *pool, const struct qrows *q, const float *x, int64_t ldx)
{
    struct fill f = {ks, q, x, ldx};
    pool_for(pool, ceil_div(q->rows, ROWS_PER_TASK), fill_task, &f);
}

void qrows_copy(const struct qrows *dst, int64_t to, const struct qrows *src, int64_t from)
{
    int64_t k = src->k, blocks = k / QP_BLOCK;
    memcpy(dst->q + to * k, src->q + from * k, (size_t)k);
    memcpy(dst->d + to * blocks, src->d + from * blocks, (size_t)blocks * sizeof(float));
    memcpy(dst->sx + to * blocks, src->sx + from * blocks, (size_t)blocks * sizeof(float));
    memcpy(dst->half + to * blocks * 2, src->half + from * blocks * 2, (size_t)blocks * 2 * sizeof(int16_t));
}

struct job {
    const struct kernels *ks;
    const struct qrows *x;
    const struct qproduct *p;
    int64_t count;
};

/* The product that a task belongs to: the last one whose first task is not behind it. Empty products have no tasks and
 * share `first` with their successor. */
static const struct qproduct *product_of(const struct job *j, int64_t task)
{
    int64_t lo = 0, hi = j->count - 1;
    while (lo < hi) {
        int64_t mid = (lo + hi + 1) / 2;
        if (j->p[mid].first <= task) lo = mid;
        else hi = mid - 1;
    }
    return &j->p[lo];
}

static int64_t row_blocks(const struct qproduct *p) { return ceil_div(p->rows, p->row_step); }

static void task(void *ctx, int64_t index, int worker)
{
    (void)worker;
    const struct job *j = ctx;
    const struct qproduct *p = product_of(j, index);
    int64_t t = index - p->first, i0 = t % row_blocks(p) * p->row_step, j0 = t / row_blocks(p) * p->cols, k = j->x->k;
    int64_t row = p->row0 + i0, blocks = k / QP_BLOCK;
    struct qacts a = {j->x->q + row * k, j->x->d + row * blocks, j->x->sx + row * blocks, j->x->half + row * blocks * 2};
    const char *panels = (const char *)p->panels + qpanel_bytes(p->type, j0, k); /* j0 is a multiple of QP_ROWS */
    j->ks->qmul[p->type](panels, min_i64(p->cols, p->n - j0), k, &a, min_i64(p->row_step, p->rows - i0), p->y + i0 * p->ldy + j0,
                         p->ldy);
}

static double cost_of(const struct qproduct *p)
{
    return p->rows > 0 ? (double)ceil_div(p->n, QP_ROWS) * (double)(p->rows + UNPACK_COST) : 0;
}

/* Every task gets about the same share of the cost; its columns are whole panels. */
void qproducts_run(const struct kernels *ks, struct pool *pool, const struct qrows *x, struct qproduct *p, int64_t count)
{
    double total = 0;
    int64_t tasks = 0, threads = pool_threads(pool);
    for (int64_t i = 0; i < count; i++) total += cost_of(&p[i]);
    double share = threads == 1 ? total : total / (double)(threads * ROUNDS);
    for (int64_t i = 0; i < count; i++) {
        int64_t panels = ceil_div(p[i].n, QP_ROWS), rows = min_i64(max_i64(p[i].rows, 1), ROW_STEP);
        int64_t each = max_i64(1, (int64_t)(share / (double)(rows + UNPACK_COST) + 0.5));
        p[i].row_step = rows;
        p[i].first = tasks;
        if (panels == 0) continue;
        p[i].cols = ceil_div(panels, ceil_div(panels, each)) * QP_ROWS;
        if (p[i].rows > 0) tasks += row_blocks(&p[i]) * ceil_div(p[i].n, p[i].cols);
    }
    struct job j = {ks, x, p, count};
    pool_for(pool, tasks, task, &j);
}
