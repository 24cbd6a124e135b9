/* The operations that only some architectures need, as check_op.c does it for the others: norms of heads, halves paired by
 * the rotation, tanh-GELU, biases, scaling, softmax routing with groups by their best, key heads shared by query heads;
 * and their values against naive versions in double. */
#include "tests/op_case.h"

enum { N = 13, E = 8, TOP = 3, GROUPS = 4 };

static float rope_cos[64 * 4], rope_sin[64 * 4], zeros[N * 64];
static const struct rope_table halves = {rope_cos, rope_sin, 8, 64, true};
static const int32_t pos[N] = {0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5, 6, 7};
static const struct segment segs[2] = {{0, 5, 0, 0, NULL}, {5, 8, 0, 5, NULL}};
static const struct batch batch = {.n = N, .pos = pos, .segs = segs, .n_segs = 2, .n_keys = N, .window = N};

/* What works in place gets a copy. */
static struct tensor *copy_of(struct run *r, struct tensor *x)
{
    static struct tensor z[2];
    struct tensor *t = &z[tensor_cols(x) == 24];
    *t = (struct tensor){
        .dtype = DT_F32, .nd = 2, .ne = {N, tensor_cols(x)}, .ld = tensor_cols(x), .data = zeros, .name = "zero"};
    return op_add(r, x, t);
}

static struct tensor *b_head_norm(struct run *r, struct tensor **in) { return op_rmsnorm(r, in[0], in[1], 1e-6f); }
static struct tensor *b_rope(struct run *r, struct tensor **in) { return op_rope(r, copy_of(r, in[0]), &halves, pos, 2, 12, 3); }
static struct tensor *b_rope_whole(struct run *r, struct tensor **in)
{
    return op_rope(r, copy_of(r, in[0]), &halves, pos, 3, 8, 0);
}
static struct tensor *b_geglu(struct run *r, struct tensor **in) { return op_geglu(r, in[0], in[1]); }
static struct tensor *b_bias(struct run *r, struct tensor **in) { return op_bias(r, copy_of(r, in[0]), in[1]); }
static struct tensor *b_scale(struct run *r, struct tensor **in) { return op_scale(r, copy_of(r, in[0]), 2.7f); }
static struct route_args route_args(bool normalise, bool groups)
{
    return (struct route_args){.experts = E,
                               .top_k = TOP,
                               .groups = groups ? GROUPS : 1,
                               .group_top_k = groups ? 2 : 1,
                               .softmax = true,
                               .group_best = true,
                               .normalise = normalise,
                               .scale = 1.6f,
                               .balance = 0.7f,
                               .window = N};
}
static struct tensor *b_route(struct run *r, struct tensor **in)
{
    struct route_args a = route_args(false, true);
    return op_route(r, in[0], NULL, &a).weights;
}
static struct tensor *b_route_norm(struct run *r, struct tensor **in)
{
    struct route_args a = route_args(true, false);
    return op_route(r, in[0], NULL, &a).weights;
}
/* q (N, 4 x 6), [k ; v] (N, 2 x 6 + 2 x 6). */
static struct tensor *gqa(struct run *r, struct tensor **in, int64_t window)
{
    struct attention_args a = {.batch = &batch, .heads = 4, .kv_heads = 2, .d1 = 6, .dv = 6, .scale = 0.4f, .window = window,
                               .q1 = {0, 0, 6}, .k1 = {1, 0, 6}, .v = {1, 12, 6}};
    return op_attention(r, in, 2, &a);
}
static struct tensor *b_gqa(struct run *r, struct tensor **in) { return gqa(r, in, 0); }
static struct tensor *b_gqa_window(struct run *r, struct tensor **in) { return gqa(r, in, 3); }

static const struct op_case cases[] = {
    {"norm of heads", 2, {{N, 30}, {10}}, b_head_norm, 1, {0}},
    {"rope of halves, in part", 1, {{N, 24}}, b_rope, 1, {0}},
    {"rope of halves", 1, {{N, 24}}, b_rope_whole, 1, {0}},
    {"geglu", 2, {{N, 21}, {N, 21}}, b_geglu, 1, {0}},
    {"bias", 2, {{N, 19}, {19}}, b_bias, 1, {0}},
    {"scale", 1, {{N, 19}}, b_scale, 1, {0}},
    {"route by groups", 1, {{N, E}}, b_route, 1, {0}},
    {"route, normalised", 1, {{N, E}}, b_route_norm, 1, {0}},
    {"attention, shared keys", 2, {{N, 24}, {N, 24}}, b_gqa, 1, {0}},
    {"attention, a window", 2, {{N, 24}, {N, 24}}, b_gqa_window, 1, {0}},
};

static void softmax(double p[E], const float *z)
{
    double sum = 0;
    for (int i = 0; i < E; i++) sum += p[i] = exp((double)z[i]);
    for (int i = 0; i < E; i++) p[i] /= sum;
}

/* Whether expert i is chosen: fewer than TOP better ones in the chosen groups. */
static bool is_chosen(const double p[E], int i, bool groups)
{
    int per = groups ? E / GROUPS : E, better = 0;
    double best[E] = {0};
    for (int j = 0; j < E; j++) best[j / per] = fmax(best[j / per], p[j]);
    for (int j = 0; j < E; j++) {
        int above_j = 0, above_i = 0;
        for (int g = 0; g < E / per; g++) {
            above_j += best[g] > best[j / per];
            above_i += best[g] > best[i / per];
        }
        if (groups && above_i >= 2) return false;
        better += p[j] > p[i] && (!groups || above_j < 2);
    }
    return better < TOP;
}

/* The balance loss by its definition. */
static double balance_of(const struct op_case *c, const struct state *st)
{
    double f[E] = {0}, mean[E] = {0}, p[E], loss = 0;
    if (strncmp(c->name, "route", 5)) return 0;
    for (int n = 0; n < N; n++) {
        softmax(p, tensor_f32(st->ptr[0]) + n * E);
        for (int i = 0; i < E; i++) {
            mean[i] += p[i] / N;
            f[i] += is_chosen(p, i, c->build == b_route) ? (double)E / (TOP * N) : 0;
        }
    }
    for (int i = 0; i < E; i++) loss += 0.7 * f[i] * mean[i];
    return loss;
}

/* The op's result for the inputs of a case, copied. */
static void values_of(const struct op_case *c, struct state *st, float *y)
{
    make_inputs(st, c);
    pass(c, st, NULL, false, y, NULL);
}

static void check_route_values(const struct op_case *c, bool groups)
{
    float w[N * TOP];
    struct state st = {0};
    values_of(c, &st, w);
    for (int n = 0; n < N; n++) {
        double p[E], sum = 0;
        int k = 0;
        softmax(p, tensor_f32(st.ptr[0]) + n * E);
        for (int i = 0; i < E; i++) sum += is_chosen(p, i, groups) ? p[i] : 0;
        for (int i = 0; i < E && k < TOP; i++) {
            if (!is_chosen(p, i, groups)) continue;
            double want = 1.6 * (groups ? p[i] : p[i] / sum);
            CHECK(fabs(w[n * TOP + k] - want) < 1e-6, "%s: weight %d of row %d is %.9g, expected %.9g", c->name, k, n,
                  w[n * TOP + k], want);
            k++;
        }
        CHECK(k == TOP, "%d experts chosen", k);
    }
    free_inputs(&st, c);
}

static void check_values(void)
{
    static float y[N * 64];
    struct state st = {0};
    values_of(&cases[0], &st, y);
    for (int n = 0; n < N * 3; n++) {
        const float *x = tensor_f32(st.ptr[0]) + n * 10, *w = tensor_f32(st.ptr[1]);
        double sq = 0;
        for (int i = 0; i < 10; i++) sq += (double)x[i] * x[i] / 10;
        for (int i = 0; i < 10; i++)
            CHECK(fabs(y[n * 10 + i] - x[i] / sqrt(sq + 1e-6) * w[i]) < 2e-6, "norm of head %d, number %d: %g", n, i,
                  y[n * 10 + i]);
    }
    free_inputs(&st, &cases[0]);
    values_of(&cases[2], &st, y);
    for (int n = 0; n < N * 3; n++) {
        const float *x = tensor_f32(st.ptr[0]) + n * 8;
        for (int i = 0; i < 4; i++) {
            double a = pos[n / 3] * pow(1e4, -i / 4.0);
            CHECK(fabs(y[n * 8 + i] - (x[i] * cos(a) - x[i + 4] * sin(a))) < 2e-6, "rope of halves, row %d, number %d", n / 3, i);
            CHECK(fabs(y[n * 8 + i + 4] - (x[i + 4] * cos(a) + x[i] * sin(a))) < 2e-6, "rope of halves, row %d, number %d", n / 3,
                  i + 4);
        }
    }
    free_inputs(&st, &cases[2]);
    check_route_values(&cases[6], true);
    check_route_values(&cases[7], false);
}

int main(void)
{
    kernels_init(&ks, cpu_detect());
    for (int p = 0; p < 64; p++)
        for (int i = 0; i < 4; i++) {
            rope_cos[p * 4 + i] = (float)cos(p * pow(1e4, -i / 4.0));
            rope_sin[p * 4 + i] = (float)sin(p * pow(1e4, -i / 4.0));
        }
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) check_case(&cases[i], balance_of);
    check_values();
    return test_end();
}
