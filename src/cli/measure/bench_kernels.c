/* autarky bench kernels: the speed of the matrix products as a share of what the arithmetic units can do, and of the
 * other kernels on every level of this machine. Peak and product are measured in turn, because the clock of a processor
 * moves and its neighbours come and go; figures are medians. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/checked.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/options.h"
#include "kernel/kernel.h"
#include "sys/clock.h"
#include "sys/cpu.h"
#include "sys/pool.h"
#include "tensor/gemm.h"

enum { RUNS = 9, N = 1024, ARRAYS = 5, MAX_COUNT = 16, MAX_THREADS = 256 };

struct bench_product {
    const char *what;
    int64_t m, n, k, count;
    bool a_columns, b_columns; /* stored along m; stored along k */
};
static const struct bench_product products[] = {
    {"square", 1024, 1024, 1024, 1, false, false},
    {"up", 4096, 512, 192, 1, false, true},
    {"down", 4096, 192, 512, 1, false, true},
    {"data gradient", 4096, 512, 192, 1, false, false},
    {"weight gradient", 512, 192, 4096, 1, true, false},
    {"experts", 512, 128, 256, 16, false, true},
    {"experts' weights", 128, 256, 512, 16, true, false},
};

struct bench {
    struct kernels ks;
    struct pool *pool;
    void *scratch;
    int64_t rounds; /* of the peak loop: a few milliseconds */
    double ops[MAX_THREADS], seconds[MAX_THREADS];
    const struct gemm_kernel *gk;
};

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, compare);
    return v[n / 2];
}

static void peak_task(void *ctx, int64_t i, int worker)
{
    (void)worker;
    struct bench *b = ctx;
    float x[2] = {0.999f, 0.001f};
    double start = clock_seconds();
    b->ops[i] = b->gk->peak(b->rounds, x);
    b->seconds[i] = clock_seconds() - start;
}

/* Operations per second of all threads at once. */
static double measure_peak(struct bench *b, const struct gemm_kernel *gk)
{
    double sum = 0;
    int threads = pool_threads(b->pool);
    b->gk = gk;
    pool_for(b->pool, threads, peak_task, b);
    for (int i = 0; i < threads; i++) sum += b->ops[i] / b->seconds[i];
    return sum;
}

static void calibrate_peak(struct bench *b)
{
    float x[2] = {0.999f, 0.001f};
    b->rounds = 1000;
    for (;;) {
        double start = clock_seconds();
        b->ks.gemm_f32.peak(b->rounds, x);
        if (clock_seconds() - start > 0.003) return;
        b->rounds *= 2;
    }
}

struct result {
    double gflops, share, peak;
};

/* The products of one row of the table on memory of their own: a, b and c are one after another in `mem`. */
static void products_init(struct gemm *g, const struct bench_product *p, float *mem)
{
    int64_t m = p->m, n = p->n, k = p->k;
    float *a = mem, *b = a + p->count * m * k, *c = b + p->count * n * k;
    for (int64_t i = 0; i < p->count * (m * k + n * k); i++) mem[i] = (float)((i * 7919) % 1009) / 1009 - 0.5f;
    for (int64_t i = 0; i < p->count; i++)
        g[i] = (struct gemm){.m = m,
                             .n = n,
                             .k = k,
                             .a = a + i * m * k,
                             .a_rs = p->a_columns ? 1 : k,
                             .a_cs = p->a_columns ? m : 1,
                             .b = b + i * n * k,
                             .b_type = DT_F32,
                             .b_rs = p->b_columns ? 1 : n,
                             .b_cs = p->b_columns ? k : 1,
                             .c = c + i * m * n,
                             .ldc = n};
}

static int measure_product(struct bench *b, const struct bench_product *p, enum compute compute, struct result *r, struct err *e)
{
    struct gemm g[MAX_COUNT];
    void *mem;
    TRY(mem_new(&mem, (size_t)(p->count * (p->m * p->k + p->n * p->k + p->m * p->n)) * sizeof(float), "the matrices", e));
    products_init(g, p, mem);
    const struct gemm_kernel *gk = compute == COMPUTE_BF16 ? &b->ks.gemm_bf16 : &b->ks.gemm_f32;
    double flops = 2.0 * (double)p->m * (double)p->n * (double)p->k * (double)p->count, speed[RUNS], share[RUNS], peak[RUNS];
    double start = clock_seconds();
    gemm_run(&b->ks, b->pool, compute, g, p->count, b->scratch);
    int repeat = 1 + (int)(0.015 / (clock_seconds() - start + 1e-9));
    for (int i = 0; i < RUNS; i++) {
        double before = measure_peak(b, gk);
        start = clock_seconds();
        for (int j = 0; j < repeat; j++) gemm_run(&b->ks, b->pool, compute, g, p->count, b->scratch);
        speed[i] = flops * repeat / (clock_seconds() - start);
        peak[i] = (before + measure_peak(b, gk)) / 2;
        share[i] = speed[i] / peak[i];
    }
    *r = (struct result){median(speed, RUNS) * 1e-9, median(share, RUNS), median(peak, RUNS) * 1e-9};
    mem_free(mem);
    return OK;
}

static int bench_products(struct bench *b, json_t *out, bool table, double peaks[2], struct err *e)
{
    if (table) printf("%-17s %5s %5s %5s %5s %6s %9s %7s\n", "product", "type", "m", "n", "k", "count", "GFLOP/s", "of peak");
    for (size_t i = 0; i < ARRAY_LEN(products); i++)
        for (int c = 0; c < 2; c++) {
            const struct bench_product *p = &products[i];
            struct result r;
            TRY(measure_product(b, p, (enum compute)c, &r, e));
            if (r.peak > peaks[c]) peaks[c] = r.peak;
            const char *type = c == COMPUTE_BF16 ? "bf16" : "f32";
            json_add(out, json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:f, s:f, s:f}", "name", p->what,
                                    "type", type, "m", (json_int_t)p->m, "n", (json_int_t)p->n, "k",
                                    (json_int_t)p->k, "count", (json_int_t)p->count, "gflops", r.gflops,
                                    "peak", r.peak, "share", r.share));
            if (table)
                printf("%-17s %5s %5d %5d %5d %6d %9.1f %6.1f%%\n", p->what, type, (int)p->m, (int)p->n, (int)p->k,
                       (int)p->count, r.gflops, 100 * r.share);
        }
    return OK;
}

/* Arguments of the small kernels: arrays of N floats and packed matrices of 64 columns or rows, all in L1 or L2. */
struct args {
    float *v[ARRAYS];
    int8_t *q;
    float sx[N / QP_BLOCK];
    int16_t half[N / QP_BLOCK * 2];
    float *d;
    void *weights;       /* 64 x N in Q8_0 */
    void *packed[3];     /* f32, bf16, q8 */
};
enum { COLUMNS = 64 };

typedef void run_fn(const struct kernels *k, struct args *a);

static void run_dot(const struct kernels *k, struct args *a) { *a->d = k->dot(a->v[0], a->v[1], N); }
static void run_sum_sq(const struct kernels *k, struct args *a) { *a->d = k->sum_sq(a->v[0], N); }
static void run_sum(const struct kernels *k, struct args *a) { *a->d = k->sum(a->v[0], N); }
static void run_max(const struct kernels *k, struct args *a) { *a->d = k->max(a->v[0], N); }
static void run_axpy(const struct kernels *k, struct args *a) { k->axpy(a->v[2], 1e-6f, a->v[1], N); }
static void run_scale(const struct kernels *k, struct args *a) { k->scale(a->v[2], 1.0f, N); }
static void run_add(const struct kernels *k, struct args *a) { k->add(a->v[2], a->v[0], a->v[1], N); }
static void run_mul(const struct kernels *k, struct args *a) { k->mul(a->v[2], a->v[0], a->v[1], N); }
static void run_round(const struct kernels *k, struct args *a) { k->round_bf16(a->v[2], a->v[0], N); }
static void run_quantize(const struct kernels *k, struct args *a) { k->quantize_acts(a->q, a->d, a->sx, a->half, a->v[0], N); }
static void run_rmsnorm(const struct kernels *k, struct args *a) { k->rmsnorm(a->v[2], a->v[0], a->v[1], N, 1e-6f); }
static void run_rmsnorm_back(const struct kernels *k, struct args *a)
{
    k->rmsnorm_back(a->v[2], a->v[3], a->v[0], a->v[1], a->v[4], 1e-6f, N);
}
static void run_exp_sum(const struct kernels *k, struct args *a) { *a->d = k->exp_sum(a->v[2], 0.5f, N, a->d + 1); }
static void run_sigmoid(const struct kernels *k, struct args *a) { k->sigmoid(a->v[2], a->v[0], N); }
static void run_swiglu(const struct kernels *k, struct args *a) { k->swiglu(a->v[2], a->v[0], a->v[1], N); }
static void run_swiglu_back(const struct kernels *k, struct args *a)
{
    k->swiglu_back(a->v[2], a->v[3], a->v[0], a->v[1], a->v[4], N);
}
static void run_rope(const struct kernels *k, struct args *a) { k->rope(a->v[2], a->v[0], a->v[1], N, 1); }
static void run_adamw(const struct kernels *k, struct args *a)
{
    const struct adamw_args w = {1e-6f, 0.9f, 0.95f, 1e-8f, 0.1f, 0.5f, 0.5f, 1};
    k->adamw(a->v[2], a->v[3], a->v[4], a->v[0], N, &w);
}
static void run_row(const struct kernels *k, struct args *a, enum compute c)
{
    struct gemm g = {.m = 1, .n = COLUMNS, .k = N, .a = a->v[0], .a_rs = N, .a_cs = 1, .b_packed = a->packed[c], .c = a->v[2],
                     .ldc = COLUMNS};
    const struct gemm_kernel *gk = c == COMPUTE_BF16 ? &k->gemm_bf16 : &k->gemm_f32;
    gk->row(g.k, g.a, g.b_packed, gemm_packed_bytes(k, c, gk->nr, N), COLUMNS / gk->nr, g.c, false);
}
static void run_row_f32(const struct kernels *k, struct args *a) { run_row(k, a, COMPUTE_F32); }
static void run_row_bf16(const struct kernels *k, struct args *a) { run_row(k, a, COMPUTE_BF16); }
static void run_q8(const struct kernels *k, struct args *a)
{
    k->qmul[DT_Q8_0](a->packed[2], COLUMNS, N, &(struct qacts){a->q, a->d, a->sx, a->half}, 1, a->v[2], COLUMNS);
}

static const struct {
    const char *name;
    run_fn *run;
} small[] = {
    {"dot", run_dot},
    {"sum_sq", run_sum_sq},
    {"sum", run_sum},
    {"max", run_max},
    {"axpy", run_axpy},
    {"scale", run_scale},
    {"add", run_add},
    {"mul", run_mul},
    {"round_bf16", run_round},
    {"quantize_acts", run_quantize},
    {"rmsnorm", run_rmsnorm},
    {"rmsnorm_back", run_rmsnorm_back},
    {"exp_sum", run_exp_sum},
    {"sigmoid", run_sigmoid},
    {"swiglu", run_swiglu},
    {"swiglu_back", run_swiglu_back},
    {"rope", run_rope},
    {"adamw", run_adamw},
    {"row f32 x64", run_row_f32},
    {"row bf16 x64", run_row_bf16},
    {"row q8_0 x64", run_q8},
};

static void args_free(struct args *a)
{
    for (int i = 0; i < ARRAYS; i++) mem_free(a->v[i]);
    for (int i = 0; i < 3; i++) mem_free(a->packed[i]);
    mem_free(a->q);
    mem_free(a->d);
    mem_free(a->weights);
}

/* Values as in a network; the matrices are packed for the level. */
static int args_init(struct args *a, const struct kernels *k, struct err *e)
{
    void *p;
    for (int i = 0; i < ARRAYS; i++) {
        TRY(mem_new(&p, N * sizeof(float), "the arrays", e));
        a->v[i] = p;
        for (int j = 0; j < N; j++) a->v[i][j] = i == 4 ? 0.5f : (float)((j * 7919 + i) % 1009) / 504 - 1;
    }
    TRY(mem_new(&p, N, "the arrays", e));
    a->q = p;
    TRY(mem_new(&p, N * sizeof(float), "the arrays", e));
    a->d = p;
    TRY(mem_new(&a->weights, format_bytes(DT_Q8_0, COLUMNS * N), "the arrays", e));
    for (int64_t j = 0; j < COLUMNS; j++)
        formats[DT_Q8_0].from_f32((char *)a->weights + format_bytes(DT_Q8_0, j * N), a->v[1], N);
    for (int c = 0; c < 2; c++) {
        TRY(mem_new(&a->packed[c], gemm_packed_bytes(k, (enum compute)c, COLUMNS, N), "the arrays", e));
        gemm_pack(k, (enum compute)c, a->packed[c], a->weights, DT_Q8_0, COLUMNS, N);
    }
    TRY(mem_new(&a->packed[2], qpanel_bytes(DT_Q8_0, COLUMNS, N), "the arrays", e));
    qpanel_pack(DT_Q8_0, a->packed[2], a->weights, COLUMNS, N);
    return OK;
}

/* Nanoseconds of one call. */
static double measure_small(const struct kernels *k, struct args *a, run_fn *run)
{
    double t[RUNS];
    int repeat = 1;
    for (int i = 0; i < RUNS; i++) {
        double start = clock_seconds();
        for (int j = 0; j < repeat; j++) run(k, a);
        t[i] = (clock_seconds() - start) / repeat;
        if (t[i] * repeat < 3e-4) { /* too short to be timed */
            repeat *= 2;
            i--;
        }
    }
    return median(t, RUNS) * 1e9;
}

static int bench_level(enum cpu_level level, double ns[], struct err *e)
{
    struct kernels k;
    struct args a = {0};
    kernels_init(&k, level);
    int rc = args_init(&a, &k, e);
    for (size_t i = 0; rc == OK && i < ARRAY_LEN(small); i++) ns[i] = measure_small(&k, &a, small[i].run);
    args_free(&a);
    return rc;
}

static int bench_small(enum cpu_level top, json_t *out, bool table, struct err *e)
{
    double ns[CPU_LEVELS][ARRAY_LEN(small)];
    for (int l = 0; l <= (int)top; l++) TRY(bench_level((enum cpu_level)l, ns[l], e));
    if (table) {
        printf("\n%-14s %10s", "kernel, 1024", "c (ns)");
        for (int l = 1; l <= (int)top; l++) printf(" %12s", cpu_level_name((enum cpu_level)l));
        printf(" %8s\n", "gain");
    }
    for (size_t i = 0; i < ARRAY_LEN(small); i++) {
        json_t *times = json_object();
        for (int l = 0; l <= (int)top; l++) json_put(times, cpu_level_name((enum cpu_level)l), json_real(ns[l][i]));
        json_add(out, json_pack("{s:s, s:i, s:o}", "name", small[i].name, "n", N, "ns", times));
        if (!table) continue;
        printf("%-14s %10.0f", small[i].name, ns[0][i]);
        for (int l = 1; l <= (int)top; l++) printf(" %12.0f", ns[l][i]);
        printf(" %7.1fx\n", ns[0][i] / ns[top][i]);
    }
    return OK;
}

static int report(struct bench *b, bool json, struct err *e)
{
    char cpu[64];
    double peaks[2] = {0, 0};
    cpu_model(cpu);
    json_t *gemm = json_array(), *kernels = json_array();
    int threads = pool_threads(b->pool);
    if (!json) printf("%s, level %s, %d threads\n\n", cpu, cpu_level_name(b->ks.level), threads);
    int rc = bench_products(b, gemm, !json, peaks, e);
    if (rc == OK && !json)
        printf("%-17s %5s %30.1f\n%-17s %5s %30.1f\n", "multiply-add peak", "f32", peaks[0], "", "bf16", peaks[1]);
    if (rc == OK) rc = bench_small(b->ks.level, kernels, !json, e);
    json_t *all =
        json_pack("{s:s, s:s, s:i, s:f, s:f, s:o, s:o}", "cpu", cpu, "level", cpu_level_name(b->ks.level), "threads",
                  threads, "peak_f32", peaks[0], "peak_bf16", peaks[1], "gemm", gemm, "kernels", kernels);
    char *text = json && rc == OK ? json_text(all) : NULL;
    if (json && rc == OK && !text) rc = json_bad("the result", e);
    if (text) puts(text);
    mem_free(text);
    json_decref(all);
    if (rc == OK && (fflush(stdout) != 0 || ferror(stdout)))
        rc = err_set(e, ERR_IO, __FILE__, __LINE__, "stdout: cannot write: %s", strerror(errno));
    return rc;
}

static int run(const char *level_name, int64_t threads, bool json, struct err *e)
{
    enum cpu_level level = kernels_max_level(), top = level;
    if (level_name && !cpu_level_parse(level_name, &level))
        FAIL(e, ERR_USAGE, "--level is \"%s\", expected one of the levels that autarky doctor names", level_name);
    if (level > top) FAIL(e, ERR_UNSUPPORTED, "--level is %s, this machine has %s", level_name, cpu_level_name(top));
    struct bench b = {0};
    TRY(pool_open(&b.pool, (int)threads, e));
    kernels_init(&b.ks, level);
    int rc = mem_new(&b.scratch, gemm_scratch_bytes(&b.ks, (int)threads), "scratch", e);
    if (rc == OK) {
        calibrate_peak(&b);
        rc = report(&b, json, e);
    }
    mem_free(b.scratch);
    pool_close(b.pool);
    return rc;
}

int cmd_bench_kernels(int argc, char **argv)
{
    struct err e;
    int64_t threads = cpu_count();
    const char *level = NULL;
    bool json = false;
    int n, status;
    struct opts o = {.command = "bench kernels",
                     .usage = "[OPTIONS]",
                     .summary = "Measures the kernels: matrix products as a share of the arithmetic peak, and the others in "
                                "nanoseconds on every level of this machine."};
    opts_add(&o, (struct opt){"threads", 't', OPT_I64, &threads, 1, MAX_THREADS, .arg = "N", .help = "threads (default: all)"});
    opts_add(&o, (struct opt){"level", 0, OPT_STR, &level, .arg = "NAME",
                              .help = "the highest: c, avx2, ... (default: the best)"});
    opts_add(&o, (struct opt){"json", 0, OPT_FLAG, &json, .help = "one JSON object"});
    if (!opts_begin(&o, argc, argv, &n, &status)) return status;
    if (run(level, min_i64(threads, MAX_THREADS), json, &e) != OK) return exit_fail(o.command, &e);
    return EXIT_OK;
}
