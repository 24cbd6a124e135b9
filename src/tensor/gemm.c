/* The packed GEMM: C is cut into blocks, one task each. A task packs what it needs of A and B into its worker's scratch
 * and runs the micro-kernel over it, kc of k at a time, the chain of each output going on through C. Loop order and
 * names of the block sizes follow Goto and van de Geijn, "Anatomy of high-performance matrix multiplication",
 * ACM TOMS 2008: a panel of B (kc x nr) stays in L1, the block of A (mc x kc) in L2.
 *
 * A single product on several threads may also pack a slice of B together first (run_shared): where blocks are small,
 * as for the gradients of weights, every task would otherwise pack the same columns of B again. */
#include "tensor/gemm.h"
#include <string.h>
#include "base/checked.h"

enum {
    ROW_K = 4096,         /* piece of k for one row against packed weights */
    MAX_ROUNDS = 4,       /* tasks per thread: more only where the blocks would not fit the scratch */
    SHARE_ROWS = 768,     /* rows per thread below which packing B once for all is worth its two steps */
    ALIGN = 64
};

/* Where a worker stands in the list of products: most tasks come in increasing order. */
struct cursor {
    int64_t product, first; /* first: number of the product's first task */
};

struct cuts {
    int64_t rows, cols;     /* of a block */
    int64_t row_blocks, col_blocks;
};

struct job {
    const struct gemm_kernel *gk;
    const struct kernels *ks;
    bool bf16;
    const struct gemm *g;
    int64_t count;
    double cost; /* of all products */
    struct cuts only; /* of the product, if there is only one */
    int threads;
    char *scratch;
};

/* One worker's scratch. */
struct work {
    struct cursor *cursor;
    float *tile;  /* mr x nr, or nr: results that stand over the edge of C */
    float *row;   /* ROW_K values of a row of A */
    char *a, *b;  /* packed blocks */
};

/* A block of C: rows [i0, i1), columns [j0, j1), j0 a multiple of nr. */
struct block {
    int64_t i0, i1, j0, j1;
};

static size_t a_block_bytes(const struct gemm_kernel *gk)
{
    return round_up((size_t)gk->mc * (size_t)gk->kc * (size_t)gk->a_bytes, ALIGN);
}
static size_t b_block_bytes(const struct gemm_kernel *gk)
{
    return round_up((size_t)gk->nc * (size_t)gk->kc * (size_t)gk->b_bytes, ALIGN);
}
static size_t tile_bytes(const struct gemm_kernel *gk) { return round_up((size_t)gk->mr * (size_t)gk->nr * 4, ALIGN); }

/* All that a worker needs but its block of B; those blocks lie after one another behind the last worker's part. */
static size_t private_bytes(const struct gemm_kernel *gk)
{
    return ALIGN + tile_bytes(gk) + ROW_K * sizeof(float) + a_block_bytes(gk);
}

static size_t worker_bytes(const struct gemm_kernel *gk) { return private_bytes(gk) + b_block_bytes(gk); }

size_t gemm_scratch_bytes(const struct kernels *ks, int threads)
{
    size_t f = worker_bytes(&ks->gemm_f32), b = worker_bytes(&ks->gemm_bf16);
    return (size_t)threads * (f > b ? f : b);
}

static struct work work_of(const struct job *job, int worker)
{
    size_t private = private_bytes(job->gk);
    char *p = job->scratch + (size_t)worker * private;
    struct work w;
    w.cursor = (struct cursor *)p;
    w.tile = (float *)(p += ALIGN);
    w.row = (float *)(p += tile_bytes(job->gk));
    w.a = p + ROW_K * sizeof(float);
    w.b = job->scratch + (size_t)job->threads * private + (size_t)worker * b_block_bytes(job->gk);
    return w;
}

/* A few rows are better multiplied one by one: a tile would mostly multiply padding. */
static bool by_rows(const struct gemm_kernel *gk, const struct gemm *g) { return g->m <= gk->mr / 3; }

static double product_cost(const struct gemm *g) { return (double)g->m * (double)g->n * (double)(g->k + 16); }

static struct cuts cuts_of(const struct gemm_kernel *gk, const struct gemm *g, int64_t row_blocks, int64_t col_blocks)
{
    struct cuts c;
    c.rows = (int64_t)round_up((size_t)ceil_div(g->m, row_blocks), (size_t)gk->mr);
    c.cols = (int64_t)round_up((size_t)ceil_div(g->n, col_blocks), (size_t)gk->nr);
    c.row_blocks = ceil_div(g->m, c.rows);
    c.col_blocks = ceil_div(g->n, c.cols);
    return c;
}

/* Estimated time of a cut for `threads` threads (a share of them for one of several products): rounds of tasks, a part of
 * one for those who wait for the last. Packing an element of A costs about as much as 16 products, one of B 12. */
static double cuts_time(const struct cuts *c, double threads, bool packed)
{
    double rounds = (double)(int64_t)((double)(c->row_blocks * c->col_blocks) / threads + 0.999), rows = (double)c->rows;
    return ((rounds > 1 ? rounds : 1) + 0.15) * (rows * (double)c->cols + 16 * rows + (packed ? 0 : 12 * (double)c->cols));
}

static struct cuts best_cuts(const struct job *job, const struct gemm *g)
{
    const struct gemm_kernel *gk = job->gk;
    double threads = job->threads * product_cost(g) / job->cost;
    int64_t min_cb = g->b_packed ? 1 : ceil_div(g->n, gk->nc), max_cb = max_i64(min_cb, g->n / (4 * gk->nr));
    if (by_rows(gk, g)) return cuts_of(gk, g, 1, min_i64(max_cb, max_i64(min_cb, (int64_t)(threads * MAX_ROUNDS))));
    struct cuts best = cuts_of(gk, g, 1, min_cb);
    if (job->threads == 1 || threads * MAX_ROUNDS <= (double)best.col_blocks) return best;
    max_cb = min_i64(max_cb, min_cb + (int64_t)(threads * MAX_ROUNDS));
    for (int64_t cb = min_cb; cb <= max_cb; cb++)
        for (int round = 1; round <= MAX_ROUNDS; round++) {
            int64_t rb = max_i64(1, (int64_t)(threads * round) / cb);
            struct cuts c = cuts_of(gk, g, min_i64(rb, ceil_div(g->m, 4 * gk->mr)), cb);
            if (cuts_time(&c, threads, g->b_packed) < cuts_time(&best, threads, g->b_packed)) best = c;
        }
    return best;
}

/* How a product is cut into tasks. This changes the time only. */
static struct cuts product_cuts(const struct job *job, const struct gemm *g)
{
    if (g->m <= 0 || g->n <= 0) return (struct cuts){0};
    return job->count == 1 && job->only.rows ? job->only : best_cuts(job, g);
}

static size_t panel_bytes_of(const struct gemm_kernel *gk, int64_t k)
{
    return (size_t)gk->nr * round_up((size_t)k, (size_t)gk->k_step) * (size_t)gk->b_bytes;
}

static const void *b_at(const struct gemm *g, int64_t k, int64_t j)
{
    int64_t i = k * g->b_rs + j * g->b_cs;
    return (const char *)g->b + (g->b_type == DT_F32 ? 4 * i : 2 * i);
}

/* The panels of B for rows [k0, k0 + kb) and the block's columns: packed now, or found in the packed weights. */
static const char *panels_of_b(const struct gemm_kernel *gk, const struct gemm *g, const struct block *bl, int64_t k0,
                               int64_t kb, char *scratch, size_t *stride)
{
    if (g->b_packed) {
        *stride = panel_bytes_of(gk, g->k);
        return (const char *)g->b_packed + (size_t)(bl->j0 / gk->nr) * *stride +
               (size_t)k0 * (size_t)gk->nr * (size_t)gk->b_bytes;
    }
    *stride = panel_bytes_of(gk, kb);
    char *dst = scratch;
    for (int64_t j = bl->j0; j < bl->j1; j += gk->nr, dst += *stride)
        gk->pack_b(dst, b_at(g, k0, j), g->b_type, g->b_rs, g->b_cs, (int)min_i64(gk->nr, bl->j1 - j), kb);
    return scratch;
}

/* A tile that stands over the edge of C goes through a full one beside it. */
static void edge_tile(const struct gemm_kernel *gk, int64_t kb, const void *a, const void *b, float *c, int64_t ldc,
                      int64_t rows, int64_t cols, bool accumulate, float *tmp)
{
    size_t bytes = (size_t)cols * sizeof(float);
    if (accumulate) {
        memset(tmp, 0, tile_bytes(gk));
        for (int64_t i = 0; i < rows; i++) memcpy(tmp + i * gk->nr, c + i * ldc, bytes);
    }
    gk->tile(kb, a, b, tmp, gk->nr, accumulate);
    for (int64_t i = 0; i < rows; i++) memcpy(c + i * ldc, tmp + i * gk->nr, bytes);
}

/* The next tile's part of C: its chain starts with these values, so they had better be near. */
static inline void prefetch_c(const float *c, int64_t ldc, int mr)
{
    for (int i = 0; i < mr; i++) __builtin_prefetch(c + i * ldc, 1);
}

/* Packed rows [i, i + rows) against all panels of the block. */
static void macro_kernel(const struct gemm_kernel *gk, const struct gemm *g, const struct block *bl, int64_t i, int64_t rows,
                         int64_t kb, const struct work *w, const char *b, size_t stride, bool accumulate)
{
    size_t a_stride = (size_t)gk->mr * (size_t)kb * (size_t)gk->a_bytes;
    for (int64_t j = bl->j0; j < bl->j1; j += gk->nr, b += stride) {
        int64_t cols = min_i64(gk->nr, bl->j1 - j);
        const char *a = w->a;
        for (int64_t r = 0; r < rows; r += gk->mr, a += a_stride) {
            float *c = g->c + (i + r) * g->ldc + j;
            int64_t left = min_i64(gk->mr, rows - r);
            if (r + 2 * gk->mr <= rows) prefetch_c(c + gk->mr * g->ldc, g->ldc, gk->mr);
            if (left == gk->mr && cols == gk->nr) gk->tile(kb, a, b, c, g->ldc, accumulate);
            else edge_tile(gk, kb, a, b, c, g->ldc, left, cols, accumulate, w->tile);
        }
    }
}

static void run_tiles(const struct job *job, const struct gemm *g, const struct block *bl, const struct work *w)
{
    const struct gemm_kernel *gk = job->gk;
    for (int64_t k0 = 0; k0 < g->k; k0 += gk->kc) {
        int64_t kb = min_i64(gk->kc, g->k - k0), kp = (int64_t)round_up((size_t)kb, (size_t)gk->k_step);
        size_t stride;
        const char *b = panels_of_b(gk, g, bl, k0, kb, w->b, &stride);
        for (int64_t i = bl->i0; i < bl->i1; i += gk->mc) {
            int64_t rows = min_i64(gk->mc, bl->i1 - i);
            char *dst = w->a;
            for (int64_t r = 0; r < rows; r += gk->mr, dst += (size_t)gk->mr * (size_t)kp * (size_t)gk->a_bytes)
                gk->pack_a(dst, g->a + (i + r) * g->a_rs + k0 * g->a_cs, g->a_rs, g->a_cs, (int)min_i64(gk->mr, rows - r), kb);
            macro_kernel(gk, g, bl, i, rows, kp, w, b, stride, g->accumulate || k0 > 0);
        }
    }
}

/* kb values of row i of A from k0, as the row kernel wants them: contiguous, rounded, padded to k_step. */
static const float *row_of_a(const struct job *job, const struct gemm *g, int64_t i, int64_t k0, int64_t kb, int64_t kp,
                             float *buf)
{
    const float *a = g->a + i * g->a_rs + k0 * g->a_cs;
    bool contiguous = g->a_cs == 1 || kb == 1;
    if (contiguous && !job->bf16 && kp == kb) return a;
    for (int64_t k = 0; !contiguous && k < kb; k++) buf[k] = a[k * g->a_cs];
    if (job->bf16) job->ks->round_bf16(buf, contiguous ? a : buf, kb);
    else if (contiguous) memcpy(buf, a, (size_t)kb * sizeof(float));
    for (int64_t k = kb; k < kp; k++) buf[k] = 0;
    return buf;
}

static void run_rows(const struct job *job, const struct gemm *g, const struct block *bl, const struct work *w)
{
    const struct gemm_kernel *gk = job->gk;
    int64_t piece = g->b_packed ? ROW_K : min_i64(gk->kc, ROW_K), cols = bl->j1 - bl->j0;
    int full = (int)(cols / gk->nr), rest = (int)(cols % gk->nr);
    for (int64_t k0 = 0; k0 < g->k; k0 += piece) {
        int64_t kb = min_i64(piece, g->k - k0), kp = (int64_t)round_up((size_t)kb, (size_t)gk->k_step);
        bool accumulate = g->accumulate || k0 > 0;
        size_t stride;
        const char *b = panels_of_b(gk, g, bl, k0, kb, w->b, &stride);
        for (int64_t i = bl->i0; i < bl->i1; i++) {
            const float *a = row_of_a(job, g, i, k0, kb, kp, w->row);
            float *c = g->c + i * g->ldc + bl->j0, *edge = c + (int64_t)full * gk->nr;
            if (full) gk->row(kp, a, b, stride, full, c, accumulate);
            if (!rest) continue;
            memset(w->tile, 0, tile_bytes(gk));
            if (accumulate) memcpy(w->tile, edge, (size_t)rest * sizeof(float));
            gk->row(kp, a, b + (size_t)full * stride, stride, 1, w->tile, accumulate);
            memcpy(edge, w->tile, (size_t)rest * sizeof(float));
        }
    }
}

static void clear_block(const struct gemm *g, const struct block *bl)
{
    if (g->accumulate) return;
    for (int64_t i = bl->i0; i < bl->i1; i++) memset(g->c + i * g->ldc + bl->j0, 0, (size_t)(bl->j1 - bl->j0) * sizeof(float));
}

static void task(void *ctx, int64_t index, int worker)
{
    const struct job *job = ctx;
    struct work w = work_of(job, worker);
    if (index < w.cursor->first) *w.cursor = (struct cursor){0, 0};
    struct cuts c = product_cuts(job, &job->g[w.cursor->product]);
    while (index >= w.cursor->first + c.row_blocks * c.col_blocks) {
        w.cursor->first += c.row_blocks * c.col_blocks;
        w.cursor->product++;
        c = product_cuts(job, &job->g[w.cursor->product]);
    }
    const struct gemm *g = &job->g[w.cursor->product];
    int64_t t = index - w.cursor->first, bi = t % c.row_blocks, bj = t / c.row_blocks;
    struct block bl = {bi * c.rows, min_i64(g->m, (bi + 1) * c.rows), bj * c.cols, min_i64(g->n, (bj + 1) * c.cols)};
    if (g->k <= 0) clear_block(g, &bl);
    else if (by_rows(job->gk, g)) run_rows(job, g, &bl, &w);
    else run_tiles(job, g, &bl, &w);
}

static void run_job(struct job *job, struct pool *pool)
{
    int64_t tasks = 0;
    job->cost = 0;
    job->only = (struct cuts){0};
    for (int64_t i = 0; i < job->count; i++)
        if (job->g[i].m > 0 && job->g[i].n > 0) job->cost += product_cost(&job->g[i]);
    if (job->count == 1) job->only = product_cuts(job, job->g);
    for (int64_t i = 0; i < job->count; i++) {
        struct cuts c = product_cuts(job, &job->g[i]);
        tasks += c.row_blocks * c.col_blocks;
    }
    for (int i = 0; i < job->threads; i++) *work_of(job, i).cursor = (struct cursor){0, 0};
    pool_for(pool, tasks, task, job);
}

/* One panel of a slice of B. */
struct slice {
    const struct gemm_kernel *gk;
    const struct gemm *g;
    char *dst;
};

static void slice_task(void *ctx, int64_t i, int worker)
{
    (void)worker;
    const struct slice *s = ctx;
    const struct gemm *g = s->g;
    int64_t j = i * s->gk->nr;
    s->gk->pack_b(s->dst + (size_t)i * panel_bytes_of(s->gk, g->k), b_at(g, 0, j), g->b_type, g->b_rs, g->b_cs,
                  (int)min_i64(s->gk->nr, g->n - j), g->k);
}

/* The k of a slice of B that fits all workers' blocks of B together; 0 if not even kc does, or if it is not worth it. */
static int64_t slice_length(const struct job *job)
{
    const struct gemm_kernel *gk = job->gk;
    const struct gemm *g = job->g;
    if (job->count != 1 || job->threads == 1 || g->b_packed || g->m <= 0 || g->n <= 0 || by_rows(gk, g)) return 0;
    if (g->m >= job->threads * (int64_t)SHARE_ROWS) return 0;
    int64_t n = (int64_t)round_up((size_t)g->n, (size_t)gk->nr);
    return (int64_t)job->threads * gk->nc / n * gk->kc;
}

/* Slices of k one after another: all threads pack the slice's panels, then all multiply with them. */
static void run_shared(struct job *job, struct pool *pool, int64_t length)
{
    const struct gemm whole = *job->g;
    char *packed = work_of(job, 0).b;
    for (int64_t k0 = 0; k0 < whole.k; k0 += length) {
        struct gemm part = whole;
        part.k = min_i64(length, whole.k - k0);
        part.a = whole.a + k0 * whole.a_cs;
        part.b = b_at(&whole, k0, 0);
        part.accumulate = whole.accumulate || k0 > 0;
        struct slice s = {job->gk, &part, packed};
        pool_for(pool, ceil_div(part.n, job->gk->nr), slice_task, &s);
        part.b_packed = packed;
        job->g = &part;
        run_job(job, pool);
    }
}

void gemm_run(const struct kernels *ks, struct pool *pool, enum compute compute, const struct gemm *g, int64_t count,
              void *scratch)
{
    const struct gemm_kernel *gk = compute == COMPUTE_BF16 ? &ks->gemm_bf16 : &ks->gemm_f32;
    struct job job = {gk, ks, compute == COMPUTE_BF16, g, count, 0, {0}, pool_threads(pool), scratch};
    int64_t length = slice_length(&job);
    if (length > 0 && g->k > 0) run_shared(&job, pool, length);
    else run_job(&job, pool);
}

size_t gemm_packed_bytes(const struct kernels *ks, enum compute compute, int64_t n, int64_t k)
{
    const struct gemm_kernel *gk = compute == COMPUTE_BF16 ? &ks->gemm_bf16 : &ks->gemm_f32;
    return (size_t)ceil_div(n, gk->nr) * panel_bytes_of(gk, k);
}

/* Formats that pack_b does not read are turned into floats, a piece of k at a time. */
static void pack_converted(const struct gemm_kernel *gk, char *dst, const char *w, enum dtype type, int64_t rows, int64_t k)
{
    enum { PIECE = 256, MAX_NR = 64 }; /* whole blocks of every format */
    float buf[MAX_NR * PIECE];
    for (int64_t k0 = 0; k0 < k; k0 += PIECE) {
        int64_t kb = min_i64(PIECE, k - k0);
        for (int64_t r = 0; r < rows; r++)
            formats[type].to_f32(buf + r * PIECE, w + (size_t)r * format_bytes(type, k) + format_bytes(type, k0), kb);
        gk->pack_b(dst + (size_t)k0 * (size_t)gk->nr * (size_t)gk->b_bytes, buf, DT_F32, 1, PIECE, (int)rows, kb);
    }
}

void gemm_pack(const struct kernels *ks, enum compute compute, void *dst, const void *w, enum dtype w_type, int64_t n, int64_t k)
{
    const struct gemm_kernel *gk = compute == COMPUTE_BF16 ? &ks->gemm_bf16 : &ks->gemm_f32;
    size_t stride = panel_bytes_of(gk, k);
    char *d = dst;
    for (int64_t j = 0; j < n; j += gk->nr, d += stride) {
        const char *src = (const char *)w + (size_t)j * format_bytes(w_type, k);
        int64_t rows = min_i64(gk->nr, n - j);
        if (w_type == DT_F32 || w_type == DT_BF16) gk->pack_b(d, src, w_type, 1, k, (int)rows, k);
        else pack_converted(gk, d, src, w_type, rows, k);
    }
}
