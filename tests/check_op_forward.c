/* The forward value of every operation with arithmetic in it against a naive version in double, written from the
 * definition with plain loops: relative error at most 2e-6 of the largest value. */
#include "base/checked.h"
#include "base/mem.h"
#include "base/rng.h"
#include "tensor/ops.h"
#include "tests/test.h"
#include <math.h>
#include <string.h>

enum { N = 21, POSITIONS = 32 };

static struct kernels ks;
static float cosines[POSITIONS * 4], sines[POSITIONS * 4];
static const struct rope_table rope8 = {cosines, sines, 8, POSITIONS, false};
static int32_t pos[N];
static const struct segment segs[2] = {{0, 8, 0, 0, NULL}, {8, 13, 0, 8, NULL}};
static const struct batch batch = {.n = N, .pos = pos, .segs = segs, .n_segs = 2, .n_keys = N, .window = N};

/* A tensor of normal numbers; freed by free_all. */
static struct tensor made[32];
static int n_made;
static struct tensor *make(int nd, const int64_t *ne)
{
    struct tensor *t = &made[n_made++];
    *t = (struct tensor){.dtype = DT_F32, .nd = nd, .name = "input"};
    memcpy(t->ne, ne, (size_t)nd * sizeof *ne);
    t->ld = tensor_cols(t);
    float *p = mem_alloc((size_t)tensor_count(t) * sizeof *p);
    for (int64_t i = 0; i < tensor_count(t); i++) p[i] = (float)rng_normal(3, (uint64_t)n_made, (uint64_t)i);
    t->data = p;
    return t;
}
#define T2(a, b) make(2, (const int64_t[]){a, b})
#define T1(a)    make(1, (const int64_t[]){a})

static struct run begin(void)
{
    struct run r;
    struct err e = {0};
    CHECK_OK(run_init(&r, &ks, NULL, COMPUTE_F32, (struct run_size){1 << 18, 4 << 20, 4 << 20}, &e), &e);
    return r;
}

static void end(struct run *r)
{
    run_free(r);
    while (n_made > 0) mem_free(made[--n_made].data);
}

static void compare(const char *what, const struct tensor *got, const double *want)
{
    double worst = 0, size = 1e-30;
    for (int64_t i = 0; i < tensor_count(got); i++) {
        worst = fmax(worst, fabs(tensor_f32(got)[i] - want[i]));
        size = fmax(size, fabs(want[i]));
    }
    CHECK(worst <= 2e-6 * size, "%s: off by %g of %g", what, worst, size);
}

static double at(const struct tensor *t, int64_t row, int64_t i) { return tensor_f32(t)[row * t->ld + i]; }
static double silu(double z) { return z / (1 + exp(-z)); }

static void check_rows(void)
{
    static double want[N * 64];
    struct run r = begin();
    struct tensor *x = T2(N, 37), *w = T1(37), *u = T2(N, 37);
    for (int n = 0; n < N; n++) {
        double ss = 0;
        for (int i = 0; i < 37; i++) ss += at(x, n, i) * at(x, n, i);
        for (int i = 0; i < 37; i++) want[n * 37 + i] = at(x, n, i) * at(w, 0, i) / sqrt(ss / 37 + 1e-6);
    }
    compare("rmsnorm", op_rmsnorm(&r, x, w, 1e-6f), want);
    for (int n = 0; n < N; n++)
        for (int i = 0; i < 37; i++) want[n * 37 + i] = silu(at(x, n, i)) * at(u, n, i);
    compare("swiglu", op_swiglu(&r, x, u), want);
    for (int n = 0; n < N; n++)
        for (int i = 0; i < 37; i++) want[n * 37 + i] = at(x, n, i) + at(u, n, i);
    compare("add", op_add(&r, x, u), want);
    end(&r);
}

static void check_linear(void)
{
    static double want[N * 64];
    struct run r = begin();
    struct tensor *x = T2(N, 40), *w = T2(29, 33), *m = T2(27, 10), *h = T2(N, 21);
    memset(want, 0, sizeof want);
    for (int n = 0; n < N; n++)
        for (int j = 0; j < 29; j++)
            for (int k = 0; k < 33; k++) want[n * 29 + j] += at(x, n, k) * at(w, j, k);
    compare("linear", op_linear(&r, x, w), want);
    memset(want, 0, sizeof want); /* head g: rows 9 g .. 9 g + 4 of m, transposed; input columns 7 g .. 7 g + 4 */
    for (int n = 0; n < N; n++)
        for (int g = 0; g < 3; g++)
            for (int j = 0; j < 10; j++)
                for (int k = 0; k < 4; k++) want[n * 30 + g * 10 + j] += at(h, n, 7 * g + k) * at(m, 9 * g + k, j);
    compare("head_linear", op_head_linear(&r, h, m, &(struct head_linear_args){3, 4, 10, 0, 9, 0, 7, true}), want);
    end(&r);
}

/* (a, b) -> (a cos - b sin, a sin + b cos) for neighbours, angle pos * 10000^(-i / 4). */
static void turn(double *x, int p)
{
    for (int i = 0; i < 4; i++) {
        double angle = p * pow(1e4, -i / 4.0), a = x[2 * i], b = x[2 * i + 1];
        x[2 * i] = a * cos(angle) - b * sin(angle);
        x[2 * i + 1] = a * sin(angle) + b * cos(angle);
    }
}

static void check_mla(void)
{
    static double want[N * 64];
    struct run r = begin();
    struct tensor *a = T2(N, 18), *w = T1(10), *q = T2(N, 24);
    for (int n = 0; n < N; n++) {
        double ss = 0, *y = want + n * 18;
        for (int i = 0; i < 10; i++) ss += at(a, n, i) * at(a, n, i);
        for (int i = 0; i < 10; i++) y[i] = at(a, n, i) * at(w, 0, i) / sqrt(ss / 10 + 1e-6);
        for (int i = 10; i < 18; i++) y[i] = at(a, n, i);
        turn(y + 10, pos[n]);
    }
    compare("mla_kv", op_mla_kv(&r, a, w, &rope8, pos, 10, 1e-6f), want);
    for (int n = 0; n < N; n++) {
        for (int i = 0; i < 24; i++) want[n * 24 + i] = at(q, n, i);
        for (int h = 0; h < 2; h++) turn(want + n * 24 + 12 * h + 4, pos[n]);
    }
    compare("rope", op_rope(&r, q, &rope8, pos, 2, 12, 4), want);
    end(&r);
}

/* softmax(scale * (q1 k1 + q2 k2)) v over the rows of the same segment up to the own one. */
static void naive_attention(double *o, struct tensor **in, const struct attention_args *a, int64_t n, int h,
                            const struct segment *seg)
{
    double p[N], sum = 0, top = -INFINITY;
    for (int64_t s = seg->row0; s <= n; s++) {
        double dot = 0;
        for (int i = 0; i < a->d1; i++)
            dot +=
                at(in[a->q1.in], n, a->q1.off + h * a->q1.hs + i) * at(in[a->k1.in], s, a->k1.off + h * a->k1.hs + i);
        for (int i = 0; i < a->d2; i++)
            dot +=
                at(in[a->q2.in], n, a->q2.off + h * a->q2.hs + i) * at(in[a->k2.in], s, a->k2.off + h * a->k2.hs + i);
        p[s] = dot * a->scale;
        top = fmax(top, p[s]);
    }
    for (int64_t s = seg->row0; s <= n; s++) sum += p[s] = exp(p[s] - top);
    for (int i = 0; i < a->dv; i++) {
        o[i] = 0;
        for (int64_t s = seg->row0; s <= n; s++) o[i] += p[s] / sum * at(in[a->v.in], s, a->v.off + h * a->v.hs + i);
    }
}

static void check_attention(bool absorbed)
{
    static double want[N * 64];
    struct run r = begin();
    struct tensor *in[3] = {T2(N, 36), absorbed ? T2(N, 30) : T2(N, 27), T2(N, 18)};
    struct attention_args a = {.batch = &batch,
                               .heads = 3,
                               .kv_heads = absorbed ? 1 : 3,
                               .d1 = 4,
                               .d2 = 8,
                               .dv = 5,
                               .scale = 0.4f,
                               .q1 = {0, 0, 12},
                               .q2 = {0, 4, 12},
                               .k1 = {1, 0, 9},
                               .k2 = {2, 10, 0},
                               .v = {1, 4, 9}};
    if (absorbed) {
        a.d1 = a.dv = 10;
        a.q1 = (struct head_view){1, 0, 10};
        a.k1 = a.v = (struct head_view){2, 0, 0};
    }
    for (int g = 0; g < 2; g++)
        for (int64_t n = segs[g].row0; n < segs[g].row0 + segs[g].n; n++)
            for (int h = 0; h < 3; h++) naive_attention(want + (n * 3 + h) * a.dv, in, &a, n, h, &segs[g]);
    compare(absorbed ? "attention, absorbed" : "attention, plain", op_attention(&r, in, 3, &a), want);
    end(&r);
}

static void check_experts(void)
{
    static double want[N * 64];
    struct run r = begin();
    struct tensor *logits = T2(N, 8), *bias = T1(8), *x = T2(N, 12);
    struct tensor *gate = make(3, (const int64_t[]){8, 10, 12}), *up = make(3, (const int64_t[]){8, 10, 12}),
                  *down = make(3, (const int64_t[]){8, 12, 10});
    struct routing rt =
        op_route(&r, logits, bias,
                 &(struct route_args){
                     .experts = 8, .top_k = 3, .groups = 4, .group_top_k = 2, .normalise = true, .scale = 2.5f});
    memset(want, 0, sizeof want);
    for (int n = 0; n < N; n++)
        for (int k = 0; k < 3; k++) {
            int e = ((int32_t *)rt.idx->data)[n * 3 + k];
            double act[10] = {0};
            for (int f = 0; f < 10; f++) {
                double g = 0, u = 0;
                for (int i = 0; i < 12; i++) {
                    g += at(x, n, i) * at(gate, e * 10 + f, i);
                    u += at(x, n, i) * at(up, e * 10 + f, i);
                }
                act[f] = silu(g) * u;
            }
            for (int i = 0; i < 12; i++)
                for (int f = 0; f < 10; f++)
                    want[n * 12 + i] += at(rt.weights, n, k) * act[f] * at(down, e * 12 + i, f);
        }
    compare("experts", op_experts(&r, x, &rt, gate, up, down), want);
    end(&r);
}

static void check_loss(void)
{
    double rows[N], total = 0;
    int32_t targets[N];
    struct run r = begin();
    struct tensor *x = T2(N, 12), *w = T2(19, 12), *per_row;
    for (int n = 0; n < N; n++) {
        double sum = 0, z[19] = {0};
        targets[n] = n % 5 == 4 ? -1 : n * 7 % 19;
        for (int v = 0; v < 19; v++) {
            for (int i = 0; i < 12; i++) z[v] += at(x, n, i) * at(w, v, i);
            sum += exp(z[v]);
        }
        rows[n] = targets[n] < 0 ? 0 : log(sum) - z[targets[n]];
        total += 0.25 * rows[n];
    }
    compare("head_loss", op_head_loss(&r, x, w, targets, 0.25f, &per_row), &total);
    compare("head_loss, rows", per_row, rows);
    end(&r);
}

int main(void)
{
    kernels_init(&ks, cpu_detect());
    for (int n = 0; n < N; n++) pos[n] = n < 8 ? n : n - 8;
    for (int p = 0; p < POSITIONS; p++)
        for (int i = 0; i < 4; i++) {
            cosines[p * 4 + i] = (float)cos(p * pow(1e4, -i / 4.0));
            sines[p * 4 + i] = (float)sin(p * pow(1e4, -i / 4.0));
        }
    check_rows();
    check_linear();
    check_mla();
    check_attention(false);
    check_attention(true);
    check_experts();
    check_loss();
    return test_end();
}
