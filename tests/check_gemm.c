/* The GEMM driver on every level: against the scalar chain to the bit (bf16 instructions: against double, within the
 * rounding of their sums), and the same bits for any threads, m, packing and grouping. */
#include <math.h>
#include <string.h>
#include "base/checked.h"
#include "base/mem.h"
#include "base/rng.h"
#include "sys/pool.h"
#include "tensor/gemm.h"
#include "tensor/qgemm.h"
#include "test.h"

enum { POOLS = 4, GAP = 3 };
static const int pool_sizes[POOLS] = {1, 2, 3, 7};
static struct pool *pools[POOLS];
static void *scratch;
static struct kernels ks;
static enum compute compute;
static struct rng rng = {2024, 7, 0};

enum form { NN, NT, TN }; /* row-major A and B; B transposed; A transposed */

struct shape {
    int64_t m, n, k;
    enum form form;
    enum dtype b_type;
    bool accumulate;
};

/* One product with its own memory. */
struct problem {
    struct shape s;
    struct gemm g;
    float *a, *b_values, *c0;
    void *b;
    float *c;
    int64_t c_len;
};

static float value(void) { return (float)(rng_next_uniform(&rng) * 2 - 1); }
static float rounded(float x) { return compute == COMPUTE_BF16 ? bf16_to_f32(bf16_from_f32(x)) : x; }

static void problem_init(struct problem *p, struct shape s)
{
    int64_t a_ld = (s.form == TN ? s.m : s.k) + GAP, b_ld = (s.form == NT ? s.k : s.n) + GAP;
    int64_t a_len = a_ld * (s.form == TN ? s.k : s.m), b_len = b_ld * (s.form == NT ? s.n : s.k);
    p->s = s;
    p->c_len = (s.n + GAP) * (s.m + 1);
    p->a = mem_array((size_t)a_len + 1, 4);
    p->b_values = mem_array((size_t)b_len + 1, 4);
    p->b = mem_array((size_t)b_len + 1, 4);
    p->c = mem_array((size_t)p->c_len + 1, 4);
    p->c0 = mem_array((size_t)p->c_len + 1, 4);
    for (int64_t i = 0; i < a_len; i++) p->a[i] = value();
    for (int64_t i = 0; i < b_len; i++) {
        uint16_t h = bf16_from_f32(value());
        p->b_values[i] = s.b_type == DT_BF16 ? bf16_to_f32(h) : value();
        if (s.b_type == DT_BF16) ((uint16_t *)p->b)[i] = h;
        else ((float *)p->b)[i] = p->b_values[i];
    }
    for (int64_t i = 0; i < p->c_len; i++) p->c0[i] = value();
    p->g = (struct gemm){.m = s.m, .n = s.n, .k = s.k, .a = p->a, .b = p->b, .b_type = s.b_type, .c = p->c, .ldc = s.n + GAP,
                         .accumulate = s.accumulate, .a_rs = s.form == TN ? 1 : a_ld, .a_cs = s.form == TN ? a_ld : 1,
                         .b_rs = s.form == NT ? 1 : b_ld, .b_cs = s.form == NT ? b_ld : 1};
}

static void problem_free(struct problem *p)
{
    mem_free(p->a);
    mem_free(p->b_values);
    mem_free(p->b);
    mem_free(p->c);
    mem_free(p->c0);
}

static void reset(struct problem *p) { memcpy(p->c, p->c0, (size_t)p->c_len * 4); }

/* True where the level's bf16 product is the scalar chain over rounded inputs. */
static bool is_chain(void) { return compute == COMPUTE_F32 || kernels_bf16_is_chain(ks.level); }

static bool element_ok(const struct problem *p, int64_t i, int64_t j)
{
    const struct gemm *g = &p->g;
    float c0 = p->s.accumulate ? p->c0[i * g->ldc + j] : 0, chain = c0, got = p->c[i * g->ldc + j];
    double sum = c0, magnitude = fabs((double)c0);
    int64_t padded = compute == COMPUTE_BF16 ? g->k + g->k % 2 : g->k;
    for (int64_t k = 0; k < padded; k++) {
        float a = k < g->k ? rounded(p->a[i * g->a_rs + k * g->a_cs]) : 0,
              b = k < g->k ? rounded(p->b_values[k * g->b_rs + j * g->b_cs]) : 0;
        chain = fmaf(a, b, chain);
        sum += (double)a * b;
        magnitude += fabs((double)a * b);
    }
    if (is_chain() && memcmp(&chain, &got, 4) != 0) return false;
    return fabs(got - sum) <= (double)(g->k + 2) * 0x1p-24 * magnitude;
}

/* Values inside the matrix are right, values between the rows and after it are untouched. */
static void verify(const struct problem *p, const char *what)
{
    int64_t wrong = 0, touched = 0;
    for (int64_t x = 0; x < p->c_len; x++) {
        int64_t i = x / p->g.ldc, j = x % p->g.ldc;
        if (i < p->s.m && j < p->s.n) wrong += !element_ok(p, i, j);
        else touched += memcmp(&p->c[x], &p->c0[x], 4) != 0;
    }
    CHECK(wrong == 0 && touched == 0,
          "%s %s %s m %lld n %lld k %lld form %d b %s acc %d: %lld wrong, %lld outside touched", what,
          cpu_level_name(ks.level), compute == COMPUTE_BF16 ? "bf16" : "f32", (long long)p->s.m, (long long)p->s.n,
          (long long)p->s.k, (int)p->s.form, formats[p->s.b_type].name, p->s.accumulate, (long long)wrong,
          (long long)touched);
}

static bool same_c(const struct problem *p, const float *want) { return memcmp(p->c, want, (size_t)p->c_len * 4) == 0; }

/* Pools [first, last). */
static void check_threads(struct problem *p, const float *want, int first, int last)
{
    for (int t = first; t < last; t++) {
        reset(p);
        gemm_run(&ks, pools[t], compute, &p->g, 1, scratch);
        CHECK(same_c(p, want), "%d threads change bits at m %lld n %lld k %lld", pool_sizes[t], (long long)p->s.m,
              (long long)p->s.n, (long long)p->s.k);
    }
}

/* Every row computed alone, and pairs of rows. */
static void check_single_rows(struct problem *p, const float *want)
{
    for (int64_t step = 1; step <= 2; step++) {
        reset(p);
        for (int64_t i = 0; i < p->s.m; i += step) {
            struct gemm g = p->g;
            g.m = min_i64(step, p->s.m - i);
            g.a += i * g.a_rs;
            g.c += i * g.ldc;
            gemm_run_serial(&ks, compute, &g, scratch);
        }
        CHECK(same_c(p, want), "rows by %lld differ from the batch at m %lld n %lld k %lld", (long long)step, (long long)p->s.m,
              (long long)p->s.n, (long long)p->s.k);
    }
}

static void check_packed(struct problem *p, const float *want)
{
    int64_t n = p->s.n, k = p->s.k;
    size_t width = (size_t)formats[p->s.b_type].bytes, bytes = gemm_packed_bytes(&ks, compute, n, k);
    char *w = mem_array((size_t)(n * k) + 1, width), *packed = mem_alloc(bytes + 64);
    for (int64_t j = 0; j < n; j++)
        for (int64_t i = 0; i < k; i++)
            memcpy(w + (size_t)(j * k + i) * width, (const char *)p->b + (size_t)(i * p->g.b_rs + j * p->g.b_cs) * width, width);
    memset(packed + bytes, 0x5a, 64);
    gemm_pack(&ks, compute, packed, w, p->s.b_type, n, k);
    bool clean = true;
    for (int i = 0; i < 64; i++) clean = clean && packed[bytes + (size_t)i] == 0x5a;
    CHECK(clean, "gemm_pack wrote past the end at n %lld k %lld", (long long)n, (long long)k);
    struct problem q = *p;
    q.g.b = NULL;
    q.g.b_packed = packed;
    reset(&q);
    gemm_run(&ks, pools[1], compute, &q.g, 1, scratch);
    CHECK(same_c(&q, want), "packed differs at m %lld n %lld k %lld", (long long)p->s.m, (long long)n, (long long)k);
    check_single_rows(&q, want);
    mem_free(w);
    mem_free(packed);
}

/* all: with every number of threads; else with one of them. */
static void check_shape(struct shape s, bool all)
{
    static int turn;
    struct problem p;
    problem_init(&p, s);
    reset(&p);
    memset(scratch, 0xff, gemm_scratch_bytes(&ks, 1)); /* NaN: padding that is not written shows */
    gemm_run_serial(&ks, compute, &p.g, scratch);
    verify(&p, "serial");
    float *want = mem_array((size_t)p.c_len + 1, 4);
    memcpy(want, p.c, (size_t)p.c_len * 4);
    turn = (turn + 1) % POOLS;
    check_threads(&p, want, all ? 0 : turn, all ? POOLS : turn + 1);
    memset(scratch, 0xff, gemm_scratch_bytes(&ks, 1));
    check_single_rows(&p, want);
    check_packed(&p, want);
    mem_free(want);
    problem_free(&p);
}

static void check_group(void)
{
    enum { COUNT = 9 };
    static const int64_t ms[COUNT] = {0, 1, 5, 40, 0, 130, 2, 33, 7};
    struct problem p[COUNT];
    struct gemm g[COUNT];
    for (int i = 0; i < COUNT; i++) {
        problem_init(&p[i], (struct shape){ms[i], 50 + i, 70 - i, i % 3 == 0 ? TN : NT, i % 2 ? DT_F32 : DT_BF16, i % 4 == 1});
        g[i] = p[i].g;
    }
    for (int t = 0; t < POOLS; t++) {
        for (int i = 0; i < COUNT; i++) reset(&p[i]);
        gemm_run(&ks, pools[t], compute, g, COUNT, scratch);
        for (int i = 0; i < COUNT; i++) verify(&p[i], "grouped");
    }
    for (int i = 0; i < COUNT; i++) {
        float *want = mem_array((size_t)p[i].c_len + 1, 4);
        memcpy(want, p[i].c, (size_t)p[i].c_len * 4);
        check_threads(&p[i], want, 0, 1);
        mem_free(want);
        problem_free(&p[i]);
    }
    gemm_run(&ks, pools[1], compute, g, 0, scratch);
}

static void check_shapes(bool large)
{
    static const int64_t sizes[] = {0, 1, 2, 3, 5, 7, 12, 15, 16, 17, 31, 33, 47, 64, 65};
    for (int i = 0; i < 48; i++) {
        struct shape s = {sizes[rng_next_below(&rng, ARRAY_LEN(sizes))],
                          sizes[rng_next_below(&rng, ARRAY_LEN(sizes))],
                          sizes[rng_next_below(&rng, ARRAY_LEN(sizes))],
                          (enum form)(i % 3),
                          i % 2 ? DT_BF16 : DT_F32,
                          i % 5 == 0};
        check_shape(s, i % 8 == 0);
    }
    if (!large) return;
    check_shape((struct shape){2, 37, 9001, NT, DT_F32, false}, true); /* several pieces of k by rows */
    check_shape((struct shape){331, 90, 611, NN, DT_F32, true}, true); /* several blocks of each kind */
    check_shape((struct shape){40, 1203, 300, NT, DT_BF16, false}, true);
    check_shape((struct shape){203, 70, 530, TN, DT_F32, true}, true);
    check_shape((struct shape){40, 500, 600, NN, DT_F32, true}, true); /* several slices of B for two threads */
}

/* Formats that go through the conversion: f16 and q8_0 weights in a float product. */
static void check_pack_formats(void)
{
    enum { N = 37, K = 288, M = 3 };
    static float w[N * K], back[N * K], x[M * K], y[M * N], want[M * N];
    static char stored[N * K * 2];
    for (int i = 0; i < N * K; i++) w[i] = value();
    for (int i = 0; i < M * K; i++) x[i] = value();
    for (int f = 0; f < 2; f++) {
        enum dtype t = f ? DT_Q8_0 : DT_F16;
        formats[t].from_f32(stored, w, N * K);
        formats[t].to_f32(back, stored, N * K);
        void *packed = mem_alloc(gemm_packed_bytes(&ks, compute, N, K));
        struct gemm g = {.m = M, .n = N, .k = K, .a = x, .a_rs = K, .a_cs = 1, .b_packed = packed, .c = y, .ldc = N};
        gemm_pack(&ks, compute, packed, stored, t, N, K);
        gemm_run(&ks, pools[1], compute, &g, 1, scratch);
        memcpy(want, y, sizeof y);
        gemm_pack(&ks, compute, packed, back, DT_F32, N, K);
        gemm_run(&ks, pools[1], compute, &g, 1, scratch);
        CHECK(memcmp(want, y, sizeof y) == 0, "packing from %s differs from packing its floats", formats[t].name);
        mem_free(packed);
    }
}

static void check_q8_shape(int64_t m, int64_t n, int64_t k, int first_pool)
{
    int64_t blocks = k / 32, ldx = k + GAP, ldy = n + GAP;
    float *w = mem_array((size_t)(n * k), 4), *x = mem_array((size_t)(m * ldx), 4), *y = mem_array((size_t)(m * ldy), 4);
    char *stored = mem_alloc(format_bytes(DT_Q8_0, n * k));
    void *packed = mem_alloc(qpanel_bytes(DT_Q8_0, n, k)), *tmp = mem_alloc(qrows_bytes(m, k));
    struct qrows q = qrows_in(tmp, m, k);
    int8_t *xq = mem_array((size_t)(m * k), 1);
    float *xd = mem_array((size_t)(m * blocks), 4), *sx = mem_array((size_t)blocks, 4);
    int16_t *half = mem_array((size_t)blocks, 4);
    for (int64_t i = 0; i < n * k; i++) w[i] = value();
    for (int64_t i = 0; i < m * ldx; i++) x[i] = value();
    formats[DT_Q8_0].from_f32(stored, w, n * k);
    qpanel_pack(DT_Q8_0, packed, stored, n, k);
    for (int64_t i = 0; i < m; i++) ks.quantize_acts(xq + i * k, xd + i * blocks, sx, half, x + i * ldx, k);
    for (int t = first_pool; t < POOLS; t += 2) {
        for (int64_t i = 0; i < m * ldy; i++) y[i] = -7;
        struct qproduct p[2] = {{.type = DT_Q8_0, .panels = packed, .n = n, .rows = m, .y = y, .ldy = ldy}, {.type = DT_Q8_0}};
        qrows_fill(&ks, pools[t], &q, x, ldx);
        qproducts_run(&ks, pools[t], &q, p, 2);
        int64_t wrong = 0;
        for (int64_t i = 0; i < m * ldy; i++) {
            float acc = 0;
            for (int64_t b = 0; i % ldy < n && b < blocks; b++) {
                const char *block = stored + ((i % ldy) * blocks + b) * 34;
                uint16_t h;
                memcpy(&h, block, 2);
                int isum = 0;
                for (int e = 0; e < 32; e++) isum += (signed char)block[2 + e] * xq[i / ldy * k + b * 32 + e];
                acc = fmaf(f16_to_f32(h) * xd[i / ldy * blocks + b], (float)isum, acc);
            }
            if (i % ldy >= n) acc = -7;
            wrong += memcmp(&acc, &y[i], 4) != 0;
        }
        CHECK(wrong == 0, "q8 m %lld n %lld k %lld, %d threads: %lld wrong", (long long)m, (long long)n, (long long)k,
              pool_sizes[t], (long long)wrong);
    }
    void *all[] = {w, x, y, stored, packed, tmp, xq, xd, sx, half};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) mem_free(all[i]);
}

static void check_q8(void)
{
    static const int64_t ms[] = {1, 2, 3, 4, 5, 9, 70}, ns[] = {1, 7, 8, 16, 17, 40, 67};
    for (size_t i = 0; i < ARRAY_LEN(ms); i++)
        for (size_t j = 0; j < ARRAY_LEN(ns); j++) check_q8_shape(ms[i], ns[j], 32 * (int64_t)(1 + (i + j) % 4), (int)(j % 2));
    check_q8_shape(1, 300, 1024, 0);
    check_q8_shape(1, 300, 1024, 1);
}

int main(void)
{
    struct err e;
    for (int t = 0; t < POOLS; t++) CHECK_OK(pool_open(&pools[t], pool_sizes[t], &e), &e);
    for (int l = 0; l <= (int)kernels_max_level(); l++) {
        kernels_init(&ks, (enum cpu_level)l);
        scratch = mem_alloc(gemm_scratch_bytes(&ks, pool_sizes[POOLS - 1]));
        for (int c = 0; c < 2; c++) {
            compute = (enum compute)c;
            check_shapes(l > CPU_C || c == 0);
            check_group();
            check_pack_formats();
        }
        check_q8();
        mem_free(scratch);
    }
    for (int t = 0; t < POOLS; t++) pool_close(pools[t]);
    CHECK(mem_live() == 0, "%lld blocks leaked", (long long)mem_live());
    return test_end();
}
