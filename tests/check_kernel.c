/* Every kernel of every level against the C version, which is the definition: equal to the bit. Sizes with all tails,
 * unaligned pointers, canaries round the outputs, special values. GEMM tiles on bf16 instructions: within the rounding
 * of their sums, and the row kernel equal to the tile. The exponential: against double. */
#include <math.h>
#include <string.h>
#include "base/checked.h"
#include "base/mem.h"
#include "base/rng.h"
#include "kernel/kernel.h"
#include "test.h"

enum { MAX_N = 300, PAD = 24, ARGS = 5 };
static struct kernels ref, ks;
static struct rng rng = {77, 1, 0};

static const int64_t sizes[] = {0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 23, 24, 25, 31, 32, 33, 47, 48, 63, 64, 65, 100, 127, 255, 300};

/* What the numbers look like: ordinary, or with special values sprinkled in. */
enum flavour { ORDINARY, LARGE, TINY, SPECIAL, FLAVOURS };

static float value(enum flavour f)
{
    static const float odd[] = {0.0f,    -0.0f,    INFINITY, -INFINITY, NAN,  1e-42f, -1e-42f,
                                3.4e38f, -3.4e38f, 88.7f,    -87.3f,    -200, 1};
    float u = (float)(rng_next_uniform(&rng) * 4 - 2);
    if (f == LARGE) return u * 60;
    if (f == TINY) return u * 1e-41f;
    if (f == SPECIAL && rng_next_below(&rng, 6) == 0) return odd[rng_next_below(&rng, ARRAY_LEN(odd))];
    return u;
}

/* Same bits, any NaN being as good as another (the payload follows the order of operands, which is not specified). */
static bool same(float a, float b) { return (a != a && b != b) || memcmp(&a, &b, 4) == 0; }

static int64_t differences(const float *a, const float *b, int64_t n)
{
    int64_t d = 0;
    for (int64_t i = 0; i < n; i++) d += !same(a[i], b[i]);
    return d;
}

/* The arguments of one call: arrays with a margin on both sides, offset so that nothing is aligned. */
struct call {
    float array[ARGS][MAX_N + 2 * PAD];
    float result, extra;
    int64_t n;
    int offset;
};

static float *arg(struct call *c, int i) { return c->array[i] + PAD / 2 + (c->offset + i) % 9; }

typedef void run_fn(const struct kernels *k, struct call *c);

static void run_dot(const struct kernels *k, struct call *c) { c->result = k->dot(arg(c, 0), arg(c, 1), c->n); }
static void run_sum_sq(const struct kernels *k, struct call *c) { c->result = k->sum_sq(arg(c, 0), c->n); }
static void run_sum(const struct kernels *k, struct call *c) { c->result = k->sum(arg(c, 0), c->n); }
static void run_max(const struct kernels *k, struct call *c) { c->result = k->max(arg(c, 0), c->n); }
static void run_axpy(const struct kernels *k, struct call *c) { k->axpy(arg(c, 0), 0.7f, arg(c, 1), c->n); }
static void run_scale(const struct kernels *k, struct call *c) { k->scale(arg(c, 0), -1.3f, c->n); }
static void run_add(const struct kernels *k, struct call *c) { k->add(arg(c, 0), arg(c, 1), arg(c, 2), c->n); }
static void run_add_in_place(const struct kernels *k, struct call *c) { k->add(arg(c, 0), arg(c, 0), arg(c, 2), c->n); }
static void run_mul(const struct kernels *k, struct call *c) { k->mul(arg(c, 0), arg(c, 1), arg(c, 2), c->n); }
static void run_mul_in_place(const struct kernels *k, struct call *c) { k->mul(arg(c, 0), arg(c, 1), arg(c, 0), c->n); }
static void run_round(const struct kernels *k, struct call *c) { k->round_bf16(arg(c, 0), arg(c, 1), c->n); }
static void run_round_in_place(const struct kernels *k, struct call *c) { k->round_bf16(arg(c, 0), arg(c, 0), c->n); }
static void run_rmsnorm(const struct kernels *k, struct call *c)
{
    if (c->n > 0) c->result = k->rmsnorm(arg(c, 0), arg(c, 1), arg(c, 2), c->n, 1e-6f);
}
static void run_rmsnorm_back(const struct kernels *k, struct call *c)
{
    if (c->n > 0) k->rmsnorm_back(arg(c, 0), arg(c, 1), arg(c, 2), arg(c, 3), arg(c, 4), 0.83f, c->n);
}
static void run_exp_sum(const struct kernels *k, struct call *c) { c->result = k->exp_sum(arg(c, 0), 0.6f, c->n, &c->extra); }
static void run_swiglu(const struct kernels *k, struct call *c) { k->swiglu(arg(c, 0), arg(c, 1), arg(c, 2), c->n); }
static void run_swiglu_back(const struct kernels *k, struct call *c)
{
    k->swiglu_back(arg(c, 0), arg(c, 1), arg(c, 2), arg(c, 3), arg(c, 4), c->n);
}
static void run_sigmoid(const struct kernels *k, struct call *c) { k->sigmoid(arg(c, 0), arg(c, 1), c->n); }
static void run_sigmoid_in_place(const struct kernels *k, struct call *c) { k->sigmoid(arg(c, 0), arg(c, 0), c->n); }
static void run_rope(const struct kernels *k, struct call *c) { k->rope(arg(c, 0), arg(c, 1), arg(c, 2), c->n & ~1, 1.0f); }
static void run_rope_back(const struct kernels *k, struct call *c)
{
    k->rope(arg(c, 0), arg(c, 1), arg(c, 2), c->n & ~1, -1.0f);
}
static void run_rope_half(const struct kernels *k, struct call *c)
{
    k->rope_half(arg(c, 0), arg(c, 1), arg(c, 2), c->n & ~1, 1.0f);
}
static void run_rope_half_back(const struct kernels *k, struct call *c)
{
    k->rope_half(arg(c, 0), arg(c, 1), arg(c, 2), c->n & ~1, -1.0f);
}
static void run_geglu(const struct kernels *k, struct call *c) { k->geglu(arg(c, 0), arg(c, 1), arg(c, 2), c->n); }
static void run_geglu_back(const struct kernels *k, struct call *c)
{
    k->geglu_back(arg(c, 0), arg(c, 1), arg(c, 2), arg(c, 3), arg(c, 4), c->n);
}
static void run_adamw(const struct kernels *k, struct call *c)
{
    const struct adamw_args a = {1e-3f, 0.9f, 0.95f, 1e-8f, 0.1f, 1 - 0.9f * 0.9f, 1 - 0.95f * 0.95f, 0.5f};
    float *v = arg(c, 2);
    for (int64_t i = 0; i < c->n; i++) v[i] = fabsf(v[i]);
    k->adamw(arg(c, 0), arg(c, 1), v, arg(c, 3), c->n, &a);
}

static const struct {
    const char *name;
    run_fn *run;
} vector_kernels[] = {
    {"dot", run_dot},
    {"sum_sq", run_sum_sq},
    {"sum", run_sum},
    {"max", run_max},
    {"axpy", run_axpy},
    {"scale", run_scale},
    {"add", run_add},
    {"add in place", run_add_in_place},
    {"mul", run_mul},
    {"mul in place", run_mul_in_place},
    {"round_bf16", run_round},
    {"round_bf16 in place", run_round_in_place},
    {"rmsnorm", run_rmsnorm},
    {"rmsnorm_back", run_rmsnorm_back},
    {"exp_sum", run_exp_sum},
    {"swiglu", run_swiglu},
    {"swiglu_back", run_swiglu_back},
    {"sigmoid", run_sigmoid},
    {"sigmoid in place", run_sigmoid_in_place},
    {"rope", run_rope},
    {"rope back", run_rope_back},
    {"rope_half", run_rope_half},
    {"rope_half back", run_rope_half_back},
    {"geglu", run_geglu},
    {"geglu_back", run_geglu_back},
    {"adamw", run_adamw},
};

/* The whole arrays are compared, margins included, so that a write outside shows. */
static void check_vector(void)
{
    static struct call want, got;
    for (size_t t = 0; t < ARRAY_LEN(vector_kernels); t++)
        for (size_t s = 0; s < ARRAY_LEN(sizes); s++)
            for (int f = 0; f < FLAVOURS; f++) {
                want.n = sizes[s];
                want.offset = (int)rng_next_below(&rng, 9);
                want.result = want.extra = 0;
                for (int i = 0; i < ARGS; i++)
                    for (int j = 0; j < MAX_N + 2 * PAD; j++) want.array[i][j] = value((enum flavour)f);
                got = want;
                vector_kernels[t].run(&ref, &want);
                vector_kernels[t].run(&ks, &got);
                int64_t bad = differences(want.array[0], got.array[0], ARGS * (MAX_N + 2 * PAD));
                CHECK(bad == 0 && same(want.result, got.result) && same(want.extra, got.extra),
                      "%s of %s, n %lld, flavour %d: %lld differences, result %a for %a", vector_kernels[t].name,
                      cpu_level_name(ks.level), (long long)want.n, f, (long long)bad, (double)got.result, (double)want.result);
            }
}

/* One row of nothing but special cases, checked by value. */
static void check_meaning(void)
{
    float x[20], top;
    for (int i = 0; i < 20; i++) x[i] = -INFINITY;
    float sum = ks.exp_sum(x, 1, 20, &top);
    CHECK(sum == 0 && top == -INFINITY && x[3] == 0, "exp_sum of a masked row: sum %g max %g", (double)sum, (double)top);
    x[7] = 5;
    sum = ks.exp_sum(x + 7, 2, 1, &top);
    CHECK(sum == 1 && top == 10 && x[7] == 1, "exp_sum of one element: %g %g", (double)sum, (double)top);
    float tiny[17], minus[17];
    for (int i = 0; i < 17; i++) tiny[i] = 1e-30f, minus[i] = -1e-30f;
    CHECK(signbit(ks.dot(tiny, minus, 17)), "products that vanish leave -0 in every lane, also where the tail has none");
    float y[3] = {NAN, 2, 1};
    CHECK(ks.max(y, 3) == 2 && ks.max(y, 0) == -INFINITY, "max with NaN");
    float id[4] = {1, 2, 3, 4}, c[2] = {0.6f, 0}, s[2] = {0.8f, 1};
    ks.rope(id, c, s, 4, 1);
    CHECK(fabsf(id[0] + 1) < 1e-6f && fabsf(id[1] - 2) < 1e-6f && id[2] == -4 && id[3] == 3, "rope turns the wrong way");
    float halves[4] = {1, 3, 2, 4};
    ks.rope_half(halves, c, s, 4, 1);
    CHECK(halves[0] == id[0] && halves[2] == id[1] && halves[1] == id[2] && halves[3] == id[3], "rope_half pairs other numbers");
}

static double gelu(double z) { return 0.5 * z * (1 + tanh(sqrt(2 / acos(-1.0)) * (z + 0.044715 * z * z * z))); }
static double silu(double z) { return z / (1 + exp(-z)); }

/* The gradients of the C kernels against differences of their definition, in double. */
static void check_gradients(void)
{
    enum { N = 37 };
    float g[N], u[N], dy[N], dg[N], du[N], y[N], w[N], dx[N] = {0}, dw[N] = {0};
    for (int i = 0; i < N; i++) {
        g[i] = value(ORDINARY), u[i] = value(ORDINARY), dy[i] = value(ORDINARY), w[i] = value(ORDINARY);
        dg[i] = du[i] = 1;
    }
    ks.swiglu_back(dg, du, dy, g, u, N);
    double worst = 0, h = 1e-5;
    for (int i = 0; i < N; i++) {
        worst = fmax(worst, fabs(dg[i] - 1 - dy[i] * u[i] * (silu(g[i] + h) - silu(g[i] - h)) / (2 * h)));
        worst = fmax(worst, fabs(du[i] - 1 - dy[i] * silu(g[i])));
    }
    for (int i = 0; i < N; i++) dg[i] = du[i] = 1;
    ks.geglu_back(dg, du, dy, g, u, N);
    ks.geglu(y, g, u, N);
    for (int i = 0; i < N; i++) {
        worst = fmax(worst, fabs(y[i] - gelu(g[i]) * u[i]));
        worst = fmax(worst, fabs(dg[i] - 1 - dy[i] * u[i] * (gelu(g[i] + h) - gelu(g[i] - h)) / (2 * h)));
        worst = fmax(worst, fabs(du[i] - 1 - dy[i] * gelu(g[i])));
    }
    float inv = ks.rmsnorm(y, g, w, N, 1e-5f);
    ks.rmsnorm_back(dx, dw, dy, g, w, inv, N);
    for (int i = 0; i < N; i++) {
        double loss[2] = {0, 0};
        for (int side = 0; side < 2; side++) {
            double sq = 0;
            for (int j = 0; j < N; j++) sq += pow(g[j] + (i == j ? (side ? h : -h) : 0), 2);
            for (int j = 0; j < N; j++)
                loss[side] += dy[j] * w[j] * (g[j] + (i == j ? (side ? h : -h) : 0)) / sqrt(sq / N + 1e-5);
        }
        worst = fmax(worst, fabs(dx[i] - (loss[1] - loss[0]) / (2 * h)));
        worst = fmax(worst, fabs(dw[i] - (double)dy[i] * g[i] * inv));
    }
    CHECK(worst < 2e-6, "gradients of %s are off by %g", cpu_level_name(ks.level), worst);
}

static void check_quantize(void)
{
    for (int t = 0; t < 400; t++) {
        enum { N = 96 };
        float x[N + 4], d[2][N / 32 + 2], sx[2][N / 32 + 2];
        int16_t half[2][N / 16 + 4];
        int8_t q[2][N + 8];
        memset(q, 0x55, sizeof q);
        memset(half, 0x55, sizeof half);
        memset(d, 0, sizeof d);
        memset(sx, 0, sizeof sx);
        for (int i = 0; i < N + 4; i++) x[i] = value((enum flavour)(t % FLAVOURS));
        if (t % 7 == 0) /* quotients that lie between integers */
            for (int i = 0; i < N + 4; i++) x[i] = (float)((int)rng_next_below(&rng, 255) - 127) / 2 + (i % 32 == 5 ? 63.5f : 0);
        if (t % 11 == 0) memset(x + t % 4, 0, 32 * sizeof *x);
        int64_t n = 32 * (t % 4);
        for (int v = 0; v < 2; v++)
            (v ? &ks : &ref)->quantize_acts(q[v] + 3, d[v] + 1, sx[v] + 1, half[v] + 1, x + t % 4, n);
        bool bytes = memcmp(q[0], q[1], sizeof q[0]) == 0 && memcmp(half[0], half[1], sizeof half[0]) == 0;
        CHECK(bytes && differences(d[0], d[1], N / 32 + 2) == 0 && differences(sx[0], sx[1], N / 32 + 2) == 0,
              "quantize_acts of %s, case %d", cpu_level_name(ks.level), t);
    }
}

/* Packed operands, and the values that they stand for. */
struct panels {
    const struct gemm_kernel *gk;
    bool bf16, transposed;
    enum dtype b_type;
    int64_t kc, padded;
    int rows, cols;
    float a[64][80], b[80][64]; /* values as multiplied: rounded for bf16, zero in the padding */
    void *pa, *pb;
};

static float rounded(float x, bool bf16) { return bf16 ? bf16_to_f32(bf16_from_f32(x)) : x; }

static void panels_fill(struct panels *p, enum flavour f)
{
    static float a[64 * 80], b[80 * 64];
    static uint16_t h[80 * 64];
    int64_t ld = p->transposed ? 64 : 80;
    memset(p->a, 0, sizeof p->a);
    memset(p->b, 0, sizeof p->b);
    for (int i = 0; i < p->rows; i++)
        for (int64_t k = 0; k < p->kc; k++) {
            float x = value(f);
            a[p->transposed ? k * ld + i : i * ld + k] = x;
            p->a[i][k] = rounded(x, p->bf16);
        }
    for (int64_t k = 0; k < p->kc; k++)
        for (int j = 0; j < p->cols; j++) {
            float x = p->b_type == DT_BF16 ? rounded(value(f), true) : value(f);
            int64_t at = p->transposed ? j * 80 + k : k * 64 + j;
            b[at] = x;
            h[at] = bf16_from_f32(x);
            p->b[k][j] = rounded(x, p->bf16);
        }
    p->gk->pack_a(p->pa, a, p->transposed ? 1 : ld, p->transposed ? ld : 1, p->rows, p->kc);
    p->gk->pack_b(p->pb, p->b_type == DT_BF16 ? (void *)h : b, p->b_type, p->transposed ? 1 : 64,
                  p->transposed ? 80 : 1, p->cols, p->kc);
}

/* Is c[i][j] what the chain gives, or near enough to the sum where the instruction has its own rounding? */
static bool tile_value_ok(const struct panels *p, int i, int j, float start, float got)
{
    float chain = start;
    double sum = start, magnitude = fabs((double)start);
    for (int64_t k = 0; k < p->padded; k++) {
        chain = fmaf(p->a[i][k], p->b[k][j], chain);
        sum += (double)p->a[i][k] * p->b[k][j];
        magnitude += fabs((double)p->a[i][k] * p->b[k][j]);
    }
    if (!p->bf16 || kernels_bf16_is_chain(ks.level)) return same(chain, got);
    return fabs(sum - got) <= (double)p->kc * 0x1p-23 * magnitude + 1e-37; /* the instruction flushes denormals */
}

static void check_tile(struct panels *p, bool accumulate, float *c, float *c0)
{
    const struct gemm_kernel *gk = p->gk;
    int64_t ldc = gk->nr + 3, len = ldc * (gk->mr + 1);
    for (int64_t i = 0; i < len; i++) c0[i] = c[i] = value(ORDINARY);
    gk->tile(p->padded, p->pa, p->pb, c + 2, ldc, accumulate);
    int64_t wrong = 0, touched = 0, differs = 0;
    for (int64_t x = 0; x < len; x++) {
        int64_t i = (x - 2) / ldc, j = (x - 2) % ldc;
        if (x < 2 || i >= gk->mr || j >= gk->nr) touched += memcmp(&c[x], &c0[x], 4) != 0;
        else wrong += !tile_value_ok(p, (int)i, (int)j, accumulate ? c0[x] : 0, c[x]);
    }
    float row[64 + 2], a[80] = {0};
    for (int i = 0; i < p->rows; i++) {
        for (int64_t k = 0; k < p->kc; k++) a[k] = p->a[i][k];
        memcpy(row + 1, c0 + 2 + i * ldc, (size_t)gk->nr * 4);
        row[0] = row[gk->nr + 1] = 99;
        gk->row(p->padded, a, p->pb, 0, 1, row + 1, accumulate);
        differs += memcmp(row + 1, c + 2 + i * ldc, (size_t)gk->nr * 4) != 0;
        touched += row[0] != 99 || row[gk->nr + 1] != 99;
    }
    CHECK(wrong == 0 && touched == 0 && differs == 0,
          "tile of %s %s, kc %lld rows %d cols %d transposed %d: %lld wrong, %lld outside, %lld rows differ",
          cpu_level_name(ks.level), p->bf16 ? "bf16" : "f32", (long long)p->kc, p->rows, p->cols, p->transposed,
          (long long)wrong, (long long)touched, (long long)differs);
}

/* Several panels at once give what each gives alone. */
static void check_row_panels(const struct panels *p, char *many, float *c, float *c0)
{
    const struct gemm_kernel *gk = p->gk;
    size_t bytes = (size_t)gk->nr * (size_t)p->padded * (size_t)gk->b_bytes;
    float a[80] = {0};
    memcpy(a, p->a[0], sizeof a);
    for (int panels = 0; panels <= 9; panels++) {
        for (int i = 0; i < panels; i++) memcpy(many + (size_t)i * (bytes + 64), p->pb, bytes);
        for (int i = 0; i < panels * gk->nr + 8; i++) c[i] = c0[i] = value(ORDINARY);
        gk->row(p->padded, a, many, bytes + 64, panels, c, true);
        for (int i = 0; i < panels; i++) gk->row(p->padded, a, p->pb, 0, 1, c0 + i * gk->nr, true);
        CHECK(memcmp(c, c0, (size_t)(panels * gk->nr + 8) * 4) == 0, "%d panels in one row call differ on %s", panels,
              cpu_level_name(ks.level));
    }
}

static void check_gemm_kernel(bool bf16)
{
    static struct panels p;
    static const int64_t kcs[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 18, 31, 33, 48, 65};
    p.gk = bf16 ? &ks.gemm_bf16 : &ks.gemm_f32;
    p.bf16 = bf16;
    size_t a_bytes = (size_t)p.gk->mr * 80 * 4, b_bytes = (size_t)p.gk->nr * 80 * 4;
    float *c = mem_array(64 * 64, 4), *c0 = mem_array(64 * 64, 4);
    char *many = mem_alloc(9 * (b_bytes + 64)), *pa = mem_alloc(a_bytes + 8), *pb = mem_alloc(b_bytes + 8);
    p.pa = pa + 4;
    p.pb = pb + 4;
    CHECK(p.gk->mc % p.gk->mr == 0 && p.gk->nc % p.gk->nr == 0 && p.gk->kc % p.gk->k_step == 0,
          "block sizes do not fit the tile");
    for (int t = 0; t < 400; t++) {
        p.transposed = t % 2;
        p.b_type = t / 2 % 2 ? DT_BF16 : DT_F32;
        p.kc = kcs[rng_next_below(&rng, ARRAY_LEN(kcs))];
        p.padded = (int64_t)round_up((size_t)p.kc, (size_t)p.gk->k_step);
        p.rows = t % 3 ? p.gk->mr : 1 + (int)rng_next_below(&rng, (uint64_t)p.gk->mr);
        p.cols = t % 5 ? p.gk->nr : 1 + (int)rng_next_below(&rng, (uint64_t)p.gk->nr);
        size_t used_a = (size_t)p.gk->mr * (size_t)p.padded * (size_t)p.gk->a_bytes;
        size_t used_b = (size_t)p.gk->nr * (size_t)p.padded * (size_t)p.gk->b_bytes;
        memset(pa, 0x77, a_bytes + 8);
        memset(pb, 0x77, b_bytes + 8);
        panels_fill(&p, t % 4 == 3 ? LARGE : ORDINARY);
        CHECK(pa[3] == 0x77 && pa[4 + used_a] == 0x77 && pb[3] == 0x77 && pb[4 + used_b] == 0x77,
              "packing wrote outside: kc %lld", (long long)p.kc);
        check_tile(&p, t / 4 % 2, c, c0);
        if (t % 40 == 0) check_row_panels(&p, many, c, c0);
    }
    void *all[] = {c, c0, many, pa, pb};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) mem_free(all[i]);
}

/* Attention's products: whole arrays are compared, so a write outside C shows; B's type is chosen by `bf16`. */
static void check_product(bool bf16)
{
    enum { M = 20, W = 90, K = 40 };
    static float a[M * W], b[K * W], c[2][M * W];
    static uint16_t half[K * W];
    for (int t = 0; t < 600; t++) {
        enum flavour f = (enum flavour)(t % FLAVOURS);
        int64_t m = (int64_t)rng_next_below(&rng, M), n = (int64_t)rng_next_below(&rng, 80), k = (int64_t)rng_next_below(&rng, K);
        if (bf16) n -= n % 8;
        for (int i = 0; i < M * W; i++) a[i] = value(f), c[0][i] = value(f);
        for (int i = 0; i < K * W; i++) b[i] = value(f), half[i] = bf16_from_f32(b[i]);
        memcpy(c[1], c[0], sizeof c[0]);
        struct product p = {.m = m, .n = n, .k = k, .a = a + 1, .lda = K + t % 3, .ldb = 80 + t % 7, .ldc = 83};
        p.accumulate = t % 2;
        p.b = bf16 ? (const void *)(half + t % 5) : b + t % 5;
        for (int v = 0; v < 2; v++) {
            p.c = c[v] + 2;
            (bf16 ? (v ? &ks : &ref)->product_bf16 : (v ? &ks : &ref)->product)(&p);
        }
        CHECK(differences(c[0], c[1], M * W) == 0, "product%s of %s differs at m %d n %d k %d", bf16 ? "_bf16" : "",
              cpu_level_name(ks.level), (int)m, (int)n, (int)k);
    }
}

/* The C version against what it should be, the others against C. */
static void check_pack_keys(void)
{
    enum { W = 75 };
    static float src[KEY_PANEL * W], dst[2][KEY_PANEL * W + 8];
    static uint16_t half[KEY_PANEL * W];
    for (int t = 0; t < 400; t++) {
        int64_t n = (int64_t)rng_next_below(&rng, 71), ld = n + t % 4;
        int rows = t % 3 ? KEY_PANEL : (int)rng_next_below(&rng, KEY_PANEL + 1), wrong = 0;
        bool bf16 = t % 2;
        for (int i = 0; i < KEY_PANEL * W; i++) {
            src[i] = rounded(value((enum flavour)(t / 2 % FLAVOURS)), bf16);
            half[i] = bf16_from_f32(src[i]);
        }
        for (int v = 0; v < 2; v++) {
            for (int i = 0; i < KEY_PANEL * W + 8; i++) dst[v][i] = 42;
            (v ? &ks : &ref)->pack_keys(dst[v] + 3, bf16 ? (const void *)half : src, bf16 ? DT_BF16 : DT_F32, ld, rows, n);
        }
        for (int64_t k = 0; k < n; k++)
            for (int j = 0; j < KEY_PANEL; j++) wrong += !same(dst[0][3 + k * KEY_PANEL + j], j < rows ? src[j * ld + k] : 0.0f);
        CHECK(wrong == 0 && differences(dst[0], dst[1], KEY_PANEL * W + 8) == 0, "pack_keys of %s: %s, %d rows, %d numbers",
              cpu_level_name(ks.level), bf16 ? "bf16" : "f32", rows, (int)n);
    }
}

static void check_widen(void)
{
    static float x[320], y[2][330];
    static char stored[320 * 4];
    for (int t = 0; t < 300; t++) {
        bool q8 = t % 2;
        enum dtype type = q8 ? DT_Q8_0 : DT_BF16;
        int64_t n = q8 ? 32 * (int64_t)rng_next_below(&rng, 11) : (int64_t)rng_next_below(&rng, 320);
        for (int i = 0; i < 320; i++) x[i] = value(q8 ? (enum flavour)(t / 2 % 3) : (enum flavour)(t / 2 % FLAVOURS));
        formats[type].from_f32(stored, x, n);
        for (int v = 0; v < 2; v++) {
            for (int i = 0; i < 330; i++) y[v][i] = 42;
            (v ? &ks : &ref)->widen(y[v] + 5, stored, type, n);
        }
        CHECK(differences(y[0], y[1], 330) == 0, "widen of %s: %s, %d numbers", cpu_level_name(ks.level), formats[type].name,
              (int)n);
    }
}

/* Number (row, k) of panels of Q8_0 whose rows have k numbers, and its scale. */
static int panel_number(const unsigned char *panels, int64_t k, int64_t row, int64_t at, float *scale)
{
    const unsigned char *unit = panels + (size_t)(row / QP_ROWS) * qpanel_bytes(DT_Q8_0, QP_ROWS, k) +
                                (size_t)(at / 32) * qpanel_bytes(DT_Q8_0, QP_ROWS, 32);
    uint16_t half;
    memcpy(&half, unit + 2 * (row % QP_ROWS), 2);
    *scale = f16_to_f32(half);
    return (int8_t)unit[32 + 64 * (at % 32 / 4) + 4 * (row % QP_ROWS) + at % 4];
}

enum { CACHE_ROWS = 96, CACHE_WIDTH = 160, CACHE_BLOCKS = CACHE_WIDTH / 32 };
static unsigned char cached[CACHE_ROWS * CACHE_BLOCKS * 34], q8_panels[2][CACHE_ROWS * CACHE_BLOCKS * 34];

/* Values of the definition: near those of the cache, the largest scale of a tile's rows, and equal in rows that have it. */
static void check_values_meaning(int64_t tiles, int64_t n, size_t row_bytes)
{
    int wrong = 0;
    for (int64_t t = 0; t < 32 * tiles; t++)
        for (int64_t c = 0; c < n; c++) {
            float s, own = 0, top = 0;
            int q = panel_number(q8_panels[0], 32 * tiles, c, t, &s),
                stored = (int8_t)cached[(size_t)t * row_bytes + 34 * (size_t)(c / 32) + 2 + (size_t)(c % 32)];
            for (int64_t i = t / 32 * 32; i < t / 32 * 32 + 32; i++) {
                uint16_t half;
                memcpy(&half, cached + (size_t)i * row_bytes + 34 * (size_t)(c / 32), 2);
                top = fmaxf(top, f16_to_f32(half));
                if (i == t) own = f16_to_f32(half);
            }
            wrong += s != top || fabs((double)s * q - (double)own * stored) >
                                     0.5001 * (double)s + 0.005 * fabs((double)own * stored);
            wrong += own == top && own > 0 && q != stored;
        }
    CHECK(wrong == 0, "q8_values: %d of %d numbers are not those of the cache", wrong, (int)(32 * tiles * n));
}

static void check_q8_cache(void)
{
    static float x[CACHE_WIDTH];
    for (int t = 0; t < 200; t++) {
        int64_t width = 32 * (1 + (int64_t)rng_next_below(&rng, CACHE_BLOCKS)),
                rows = (int64_t)rng_next_below(&rng, CACHE_ROWS + 1);
        int64_t tiles = rows / 32, n = 32 * (1 + (int64_t)rng_next_below(&rng, (uint64_t)(width / 32)));
        size_t row_bytes = format_bytes(DT_Q8_0, width);
        for (int64_t i = 0; i < rows; i++) {
            float size =
                t % 2 ? 1.0f : ldexpf(1.0f, (int)rng_next_below(&rng, 12)); /* rows of one tile differ widely */
            for (int64_t k = 0; k < width; k++)
                x[k] = size * value(t % 5 == 4 ? (enum flavour)(t % FLAVOURS) : (enum flavour)0);
            formats[DT_Q8_0].from_f32(cached + (size_t)i * row_bytes, x, width);
        }
        if (t % 20 == 19 && rows > 0) memset(cached, 0xff, 2); /* a scale that is no number */
        memset(q8_panels, 42, sizeof q8_panels);
        for (int v = 0; v < 2; v++) (v ? &ks : &ref)->q8_keys(q8_panels[v], cached, row_bytes, rows, n);
        CHECK(!memcmp(q8_panels[0], q8_panels[1], sizeof q8_panels[0]), "q8_keys of %s: %d rows, %d numbers",
              cpu_level_name(ks.level), (int)rows, (int)n);
        memset(q8_panels, 42, sizeof q8_panels);
        for (int v = 0; v < 2; v++) (v ? &ks : &ref)->q8_values(q8_panels[v], cached, row_bytes, tiles, n);
        CHECK(!memcmp(q8_panels[0], q8_panels[1], sizeof q8_panels[0]), "q8_values of %s: %d tiles, %d columns",
              cpu_level_name(ks.level), (int)tiles, (int)n);
        if (t % 5 < 4 && t % 20 != 19) check_values_meaning(tiles, n, row_bytes);
    }
}

/* NaN must not vanish in the rounding to bf16. */
static void check_bf16_nan(void)
{
    uint32_t u[8] = {0x7f800001, 0xff800001, 0x7fffffff, 0xffffffff, 0x7f7fffff, 0x7f800000, 0x00000001, 0x3f808000};
    float x[8], y[8];
    memcpy(x, u, sizeof x);
    ks.round_bf16(y, x, 8);
    CHECK(y[0] != y[0] && y[1] != y[1] && y[2] != y[2] && y[3] != y[3], "a NaN became a number in bf16");
    CHECK(y[4] == INFINITY && y[5] == INFINITY && y[6] == 0 && y[7] == 1.0f, "bf16 rounding is not to nearest even");
}

static void check_exp(void)
{
    double worst = 0;
    float at = 0;
    for (int64_t i = 0; i <= 1760000; i++) {
        float x = (float)(-87.3 + 1e-4 * (double)i);
        double want = exp((double)x), ulp = ldexp(1, ilogb(want) - 23), err = fabs(kernel_expf(x) - want) / ulp;
        if (err > worst) {
            worst = err;
            at = x;
        }
    }
    CHECK(worst <= 2, "kernel_expf is off by %.3f ulp at %a", worst, (double)at);
    fprintf(stderr, "kernel_expf: largest error %.3f ulp, at %g\n", worst, (double)at);
    CHECK(kernel_expf(-87.35f) == 0 && kernel_expf(-INFINITY) == 0 && kernel_expf(-1e30f) == 0, "exp of very negative numbers");
    CHECK(kernel_expf(88.73f) == INFINITY && kernel_expf(INFINITY) == INFINITY && kernel_expf(1e30f) == INFINITY,
          "exp of large ones");
    CHECK(kernel_expf(0) == 1 && kernel_expf(-0.0f) == 1 && isnan(kernel_expf(NAN)), "exp of 0 and NaN");
}

int main(void)
{
    kernels_init(&ref, CPU_C);
    check_exp();
    for (int l = 0; l <= (int)kernels_max_level(); l++) {
        kernels_init(&ks, (enum cpu_level)l);
        CHECK(ks.level == (enum cpu_level)l, "level");
        check_vector();
        check_meaning();
        check_gradients();
        check_quantize();
        check_gemm_kernel(false);
        check_gemm_kernel(true);
        check_product(false);
        check_product(true);
        check_pack_keys();
        check_widen();
        check_q8_cache();
        check_bf16_nan();
    }
    if (kernels_max_level() < CPU_LEVELS - 1) test_skip("levels above this machine's (SIMDE=1 and tests/long/45-arm.sh emulate)");
    CHECK(mem_live() == 0, "%lld blocks leaked", (long long)mem_live());
    return test_end();
}
