/* Every operation: its gradient against finite differences along random directions, forward values against a naive
 * double version where that is short, the same bits for threads 1, 2, 3, 7, and fresh against accumulated gradients. */
#include "base/json.h"
#include "sys/file.h"
#include "tests/op_case.h"
#include <unistd.h>

enum { N = 13 };

static float rope_cos[64 * 4], rope_sin[64 * 4];
static const struct rope_table rope8 = {rope_cos, rope_sin, 8, 64, false};
static const int32_t ids[N] = {3, 1, 4, 1, 5, 0, 2, 6, 5, 3, 5, 6, 2}, pos[N] = {0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5, 6, 7};
static const int32_t targets[N] = {1, 2, -1, 4, 5, 6, 0, 1, -1, 3, 4, 5, 6};
static const struct segment segs[2] = {{0, 5, 0, 0, NULL}, {5, 8, 0, 5, NULL}};
static const struct batch batch = {.n = N, .ids = ids, .pos = pos, .segs = segs, .n_segs = 2, .n_keys = N, .window = N};

static struct tensor *b_embed(struct run *r, struct tensor **in) { return op_embed(r, in[0], ids, N); }
static struct tensor *b_rmsnorm(struct run *r, struct tensor **in) { return op_rmsnorm(r, in[0], in[1], 1e-6f); }
static struct tensor *b_add(struct run *r, struct tensor **in) { return op_add(r, in[0], in[1]); }
static struct tensor *b_add_self(struct run *r, struct tensor **in) { return op_add(r, in[0], in[0]); }
static struct tensor *b_swiglu(struct run *r, struct tensor **in) { return op_swiglu(r, in[0], in[1]); }
static struct tensor *b_concat(struct run *r, struct tensor **in) { return op_concat(r, in[0], in[1]); }
static struct tensor *b_rows(struct run *r, struct tensor **in)
{
    static const int32_t idx[4] = {12, 0, 7, 3};
    return op_rows(r, in[0], idx, 4);
}
static struct tensor *b_linear(struct run *r, struct tensor **in) { return op_linear(r, in[0], in[1]); }
static struct tensor *b_linear_f32(struct run *r, struct tensor **in) { return op_linear_f32(r, in[0], in[1]); }
static struct tensor *b_head_up(struct run *r, struct tensor **in)
{
    return op_head_linear(r, in[0], in[1], &(struct head_linear_args){3, 4, 10, 0, 9, 0, 7, true});
}
static struct tensor *b_head_down(struct run *r, struct tensor **in)
{
    return op_head_linear(r, in[0], in[1], &(struct head_linear_args){3, 10, 5, 4, 9, 0, 10, false});
}
static struct tensor *b_rope(struct run *r, struct tensor **in)
{
    static float zeros[N * 24];
    static struct tensor z = {.dtype = DT_F32, .nd = 2, .ne = {N, 24}, .ld = 24, .data = zeros, .name = "zero"};
    return op_rope(r, op_add(r, in[0], &z), &rope8, pos, 2, 12, 4); /* in place: on a copy */
}
static struct tensor *b_mla_kv(struct run *r, struct tensor **in) { return op_mla_kv(r, in[0], in[1], &rope8, pos, 10, 1e-6f); }

/* Plain MLA: q (N, H (4 + 8)), u (N, H (4 + 5)), latent (N, 10 + 8). */
static struct tensor *b_attention_plain(struct run *r, struct tensor **in)
{
    struct attention_args a = {.batch = &batch,
                               .heads = 3,
                               .kv_heads = 3,
                               .d1 = 4,
                               .d2 = 8,
                               .dv = 5,
                               .scale = 0.4f,
                               .q1 = {0, 0, 12},
                               .q2 = {0, 4, 12},
                               .k1 = {1, 0, 9},
                               .k2 = {2, 10, 0},
                               .v = {1, 4, 9}};
    return op_attention(r, in, 3, &a);
}
/* Absorbed MLA: q (N, H (4 + 8)), qabs (N, H 10), latent (N, 10 + 8). */
static struct tensor *b_attention_absorbed(struct run *r, struct tensor **in)
{
    struct attention_args a = {.batch = &batch,
                               .heads = 3,
                               .kv_heads = 1,
                               .d1 = 10,
                               .d2 = 8,
                               .dv = 10,
                               .scale = 0.3f,
                               .q1 = {1, 0, 10},
                               .q2 = {0, 4, 12},
                               .k1 = {2, 0, 0},
                               .k2 = {2, 10, 0},
                               .v = {2, 0, 0}};
    return op_attention(r, in, 3, &a);
}
static struct routing route(struct run *r, struct tensor **in, bool normalise)
{
    struct route_args a = {.experts = 8,
                           .top_k = 3,
                           .groups = 4,
                           .group_top_k = 2,
                           .normalise = normalise,
                           .scale = 2.5f,
                           .balance = 0.7f,
                           .window = N};
    return op_route(r, in[0], in[1], &a);
}
static struct tensor *b_route(struct run *r, struct tensor **in) { return route(r, in, true).weights; }
static struct tensor *b_route_plain(struct run *r, struct tensor **in) { return route(r, in, false).weights; }
static struct tensor *b_experts(struct run *r, struct tensor **in)
{
    struct routing rt = route(r, in, true);
    return op_experts(r, in[2], &rt, in[3], in[4], in[5]);
}
static struct tensor *b_loss(struct run *r, struct tensor **in) { return op_head_loss(r, in[0], in[1], targets, 0.125f, NULL); }

static const struct op_case cases[] = {
    {"embed", 1, {{7, 40}}, b_embed, 1, {0}},
    {"rmsnorm", 2, {{N, 37}, {37}}, b_rmsnorm, 1, {0}},
    {"add", 2, {{N, 19}, {N, 19}}, b_add, 1, {0}},
    {"add self", 1, {{N, 19}}, b_add_self, 1, {0}},
    {"swiglu", 2, {{N, 21}, {N, 21}}, b_swiglu, 1, {0}},
    {"concat", 2, {{N, 5}, {N, 7}}, b_concat, 1, {0}},
    {"rows", 1, {{N, 11}}, b_rows, 1, {0}},
    {"linear", 2, {{N, 33}, {29, 33}}, b_linear, 1, {0}},
    {"linear wider x", 2, {{N, 40}, {29, 33}}, b_linear, 1, {0}},
    {"linear_f32", 2, {{N, 33}, {29, 33}}, b_linear_f32, 1, {0}},
    {"head_linear transposed", 2, {{N, 21}, {27, 10}}, b_head_up, 1, {0}},
    {"head_linear", 2, {{N, 30}, {27, 10}}, b_head_down, 1, {0}},
    {"rope", 1, {{N, 24}}, b_rope, 1, {0}},
    {"mla_kv", 2, {{N, 18}, {10}}, b_mla_kv, 1, {0}},
    {"attention plain", 3, {{N, 36}, {N, 27}, {N, 18}}, b_attention_plain, 1, {0}},
    {"attention absorbed", 3, {{N, 36}, {N, 30}, {N, 18}}, b_attention_absorbed, 1, {0}},
    {"route", 2, {{N, 8}, {8}}, b_route, 1, {false, true}},
    {"route, not normalised", 2, {{N, 8}, {8}}, b_route_plain, 1, {false, true}},
    {"experts", 6, {{N, 8}, {8}, {N, 12}, {8, 10, 12}, {8, 10, 12}, {8, 12, 10}}, b_experts, 0.7f, {false, true}},
    {"head_loss", 2, {{N, 12}, {7, 12}}, b_loss, 1, {0}},
};

/* The balance loss is not part of the scalar that route returns: add it by its definition (equations 17 to 20). */
static double balance_of(const struct op_case *c, const struct state *st)
{
    if (strncmp(c->name, "route", 5) && strcmp(c->name, "experts")) return 0;
    struct run r;
    struct err e = {0};
    float loss = 0;
    CHECK_OK(run_init(&r, &ks, NULL, COMPUTE_F32, (struct run_size){1 << 16, 1 << 16, 1 << 22}, &e), &e);
    struct route_args a = {.experts = 8,
                           .top_k = 3,
                           .groups = 4,
                           .group_top_k = 2,
                           .normalise = true,
                           .scale = 2.5f,
                           .balance = 0.7f,
                           .window = N,
                           .balance_loss = &loss};
    struct routing rt = op_route(&r, st->ptr[0], st->ptr[1], &a);
    double f[8] = {0}, p[8] = {0}, want = 0;
    for (int n = 0; n < N; n++) {
        double s[8], sum = 0;
        for (int i = 0; i < 8; i++) sum += s[i] = 1 / (1 + exp(-(double)tensor_f32(st->ptr[0])[n * 8 + i]));
        for (int i = 0; i < 8; i++) p[i] += s[i] / sum / N;
        for (int k = 0; k < 3; k++) f[((int32_t *)rt.idx->data)[n * 3 + k]] += 8.0 / (3.0 * N);
    }
    for (int i = 0; i < 8; i++) want += 0.7 * f[i] * p[i];
    CHECK(fabs(want - loss) < 1e-5 * fabs(want), "balance loss is %g, expected %g", loss, want);
    run_free(&r);
    return want;
}

/* Golden of the router: 8 experts, 4 groups of which 2, top 3, factor 2.5, worked by hand. */
static void check_route_golden(void)
{
    static float logits[8] = {0.2f, -0.4f, 1, 0.5f, -1, 0.8f, 0, 0.3f}, bias[8] = {0, 0.5f, 0, 0, 0.6f, 0, 0, 0};
    struct tensor l = {.dtype = DT_F32, .nd = 2, .ne = {1, 8}, .ld = 8, .data = logits, .name = "logits"};
    struct tensor b = {.dtype = DT_F32, .nd = 1, .ne = {8}, .ld = 8, .data = bias, .name = "bias"};
    struct run r;
    struct err e = {0};
    CHECK_OK(run_init(&r, &ks, NULL, COMPUTE_F32, (struct run_size){1 << 14, 1 << 14, 1 << 22}, &e), &e);
    struct routing rt =
        op_route(&r, &l, &b,
                 &(struct route_args){
                     .experts = 8, .top_k = 3, .groups = 4, .group_top_k = 2, .normalise = true, .scale = 2.5f});
    static const int32_t idx[3] = {1, 4, 5};
    static const double w[3] = {0.737582722, 0.494294658, 1.268122620};
    for (int k = 0; k < 3; k++) {
        CHECK(((int32_t *)rt.idx->data)[k] == idx[k], "choice %d is %d, expected %d", k, ((int32_t *)rt.idx->data)[k], idx[k]);
        CHECK(fabs(tensor_f32(rt.weights)[k] - w[k]) < 2e-6, "weight %d is %.9g, expected %.9g", k,
              tensor_f32(rt.weights)[k], w[k]);
    }
    run_free(&r);
}

static void check_rope_golden(void)
{
    float x[4] = {1, 2, 3, 4}, c[2], s[2];
    static const double want[4] = {-1.272232513, -1.838864985, 2.878668100, 4.088186636};
    for (int i = 0; i < 2; i++) {
        c[i] = (float)cos(3 * pow(1e4, -i / 2.0));
        s[i] = (float)sin(3 * pow(1e4, -i / 2.0));
    }
    ks.rope(x, c, s, 4, 1.0f);
    for (int i = 0; i < 4; i++) CHECK(fabs(x[i] - want[i]) < 1e-6, "rope[%d] is %.9g, expected %.9g", i, x[i], want[i]);
}

/* A non-finite value is traced to the operation that made it. */
static void check_finite_search(void)
{
    float x[8] = {1, 2, 3, 1e38f, 5, 6, 7, 8};
    struct tensor t = {.dtype = DT_F32, .nd = 2, .ne = {2, 4}, .ld = 4, .data = x, .name = "x"};
    struct run r;
    struct err e = {0};
    CHECK_OK(run_init(&r, &ks, NULL, COMPUTE_F32, (struct run_size){1 << 14, 1 << 14, 1 << 22}, &e), &e);
    r.check_finite = true;
    struct tensor *y = op_add(&r, &t, &t);
    CHECK(!r.bad_op, "add is finite but %s was reported", r.bad_op);
    op_add(&r, op_swiglu(&r, y, y), y);
    CHECK(r.bad_op && !strcmp(r.bad_op, "swiglu"), "first bad operation is %s, expected swiglu", r.bad_op ? r.bad_op : "none");
    run_free(&r);
}

/* The trace is one JSON array of complete events, in the order of execution, backward ones last. */
static void check_trace(void)
{
    char dir[] = "/tmp/autarky-trace-XXXXXX", path[64];
    struct state st = {0};
    struct err e = {0};
    struct run r;
    json_t *root = NULL;
    char *text = NULL;
    size_t len = 0;
    CHECK(mkdtemp(dir) != NULL, "no temporary folder");
    snprintf(path, sizeof path, "%s/trace.json", dir);
    make_inputs(&st, &cases[ARRAY_LEN(cases) - 1]);
    CHECK_OK(run_init(&r, &ks, NULL, COMPUTE_F32, (struct run_size){1 << 16, 1 << 16, 4 << 20}, &e), &e);
    r.taping = true;
    CHECK_OK(trace_open(&r.trace, path, true, &e), &e);
    b_loss(&r, st.ptr);
    run_backward(&r);
    CHECK_OK(trace_close(r.trace, &e), &e);
    run_free(&r);
    CHECK_OK(file_read(&text, &len, path, 1 << 20, &e), &e);
    CHECK_OK(json_parse(&root, text, len, path, &e), &e);
    const json_t *first = json_array_get(root, 0), *second = json_array_get(root, 1), *args = json_object_get(first, "args");
    CHECK(json_array_size(root) == 2, "%zu events, expected 2", json_array_size(root));
    CHECK(!strcmp(json_string_value(json_object_get(first, "name")), "head_loss"), "the first event has another name");
    CHECK(!strcmp(json_string_value(json_object_get(first, "cat")), "forward"), "the first event is not forward");
    CHECK(!strcmp(json_string_value(json_object_get(second, "cat")), "backward"), "the second event is not backward");
    CHECK(json_number_value(json_object_get(args, "mean")) > 0, "no mean of the loss");
    json_decref(root);
    mem_free(text);
    free_inputs(&st, &cases[ARRAY_LEN(cases) - 1]);
    CHECK_OK(file_remove(path, &e), &e);
    rmdir(dir);
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
    check_route_golden();
    check_rope_golden();
    check_finite_search();
    check_trace();
    return test_end();
}
