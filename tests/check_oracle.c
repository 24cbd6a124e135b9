/* The network against PyTorch and transformers (tests/fixtures/models, made by tools/make_model_fixtures.py): logits in
 * every form of weights and of attention, the MTP layer, gradients, AdamW, and golden numbers of routing and rope. */
#include "tests/model_fixture.h"

/* Greatest difference over greatest magnitude; not a number if any is not. */
static double rel_err(const float *a, const float *b, int64_t n)
{
    double diff = 0, big = 0;
    for (int64_t i = 0; i < n; i++) {
        double d = fabs((double)a[i] - b[i]);
        if (!(d <= 1e30)) return NAN;
        diff = fmax(diff, d);
        big = fmax(big, fabs((double)b[i]));
    }
    return big > 0 ? diff / big : diff;
}

/* ---- logits and the MTP layer ---- */

static void check_logits(const char *path, const char *what, const struct load_options *o, const struct sample *s,
                         double tolerance)
{
    const float *want = expected(s, "logits", s->n * s->vocab);
    float *got = logits_of(path, o, s);
    double d = want && got ? rel_err(got, want, s->n * s->vocab) : NAN;
    CHECK(d <= tolerance, "%s, %s: logits differ by %.3g, allowed %g", path, what, d, tolerance);
    mem_free(got);
    release(want);
}

static void check_model(const char *model)
{
    struct sample s;
    char path[PATH_CAP];
    struct load_options o = {.ks = &ks};
    snprintf(path, sizeof path, ROOT "/%s", model);
    if (!sample_open(&s, model)) return;
    check_logits(path, "packed", &o, &s, 1e-4);
    o.absorbed = true;
    check_logits(path, "packed, absorbed", &o, &s, 1e-4);
    o.plain = true;
    check_logits(path, "plain, absorbed", &o, &s, 1e-4);
    o.absorbed = false;
    check_logits(path, "plain", &o, &s, 1e-4);
    o = (struct load_options){.ks = &ks, .training = true};
    check_logits(path, "training", &o, &s, 1e-4);
    o = (struct load_options){.ks = &ks, .compute = COMPUTE_BF16};
    check_logits(path, "bf16", &o, &s, 0.1);
    struct pool *pool;
    struct err e = {0};
    CHECK_OK(pool_open(&pool, 3, &e), &e);
    o = (struct load_options){.ks = &ks, .pool = pool};
    check_logits(path, "packed by 3 threads", &o, &s, 1e-4);
    pool_close(pool);
    tf_close(&s.expect);
}

static void check_mtp_rows(const float *got, const float *want, const struct sample *s)
{
    int64_t t = s->n / SEQS, rows = t - 1;
    for (int64_t b = 0; b < SEQS; b++) {
        double d = rel_err(got + b * t * s->vocab, want + b * rows * s->vocab, rows * s->vocab);
        CHECK(d <= 1e-4, "logits of the MTP layer differ by %.3g", d);
    }
}

static void check_mtp(void)
{
    struct sample s;
    struct net net;
    struct err e = {0};
    if (!sample_open(&s, "mtp")) return;
    const float *want = expected(&s, "mtp_logits", (s.n - SEQS) * s.vocab);
    float *got = mem_alloc((size_t)(s.n * s.vocab) * sizeof(float));
    for (int absorbed = 0; absorbed < 2 && want; absorbed++) {
        struct load_options o = {.ks = &ks, .absorbed = absorbed};
        CHECK_OK(load_net(&net, ROOT "/mtp", &o, &e), &e);
        CHECK(net.config.mtp_layers == 1, "the MTP layer was not found");
        struct pass p = {.mtp_logits = got};
        pass_run(&net, COMPUTE_F32, &s, &p);
        check_mtp_rows(got, want, &s);
        net_free(&net);
    }
    mem_free(got);
    release(want);
    tf_close(&s.expect);
}

/* ---- gradients and AdamW ---- */

static double scalar(const struct sample *s, const char *name)
{
    const float *p = expected(s, name, 1);
    double v = p ? p[0] : NAN;
    release(p);
    return v;
}

static void check_grads(struct net *net, const struct sample *s, const char *prefix)
{
    char name[PATH_CAP];
    int compared = 0;
    bool total = !strcmp(prefix, "total_grad.");
    for (int i = 0; i < net->n_params; i++) {
        struct param *p = &net->params[i];
        if (!p->trained || (!total && p->layer >= net->config.layers)) continue;
        snprintf(name, sizeof name, "%s%s", prefix, p->hf_name);
        const float *want = expected(s, name, tensor_count(&p->t));
        double d = want ? rel_err(p->t.grad, want, tensor_count(&p->t)) : NAN;
        CHECK(d <= 1e-3, "%s differs by %.3g", name, d);
        compared++;
        release(want);
    }
    CHECK(compared >= 20, "only %d gradients compared", compared);
}

/* The loss and all gradients of another architecture. */
static void check_other_gradients(const char *model)
{
    struct sample s;
    struct net net;
    struct err e = {0};
    char path[PATH_CAP];
    struct load_options o = {.ks = &ks, .training = true};
    snprintf(path, sizeof path, ROOT "/%s", model);
    if (!sample_open(&s, model)) return;
    CHECK_OK(load_net(&net, path, &o, &e), &e);
    struct pass p = {.train = true};
    memset(net.grads.base, 0, net.grads.used);
    pass_run(&net, COMPUTE_F32, &s, &p);
    CHECK(fabs(p.loss - scalar(&s, "loss")) < 1e-5 * p.loss, "%s: loss %.9g, expected %.9g", model, p.loss, scalar(&s, "loss"));
    check_grads(&net, &s, "grad.");
    net_free(&net);
    tf_close(&s.expect);
}

static void check_gradients(void)
{
    struct sample s;
    struct net net;
    struct err e = {0};
    struct load_options o = {.ks = &ks, .training = true};
    if (!sample_open(&s, "mtp")) return;
    for (int absorbed = 0; absorbed < 2; absorbed++)
        for (int total = 0; total < 2; total++) {
            o.absorbed = absorbed;
            CHECK_OK(load_net(&net, ROOT "/mtp", &o, &e), &e);
            struct pass p = {.train = true, .lambda = total ? 0.3 : 0};
            memset(net.grads.base, 0, net.grads.used);
            pass_run(&net, COMPUTE_F32, &s, &p);
            CHECK(fabs(p.loss - scalar(&s, "loss")) < 1e-5 * p.loss, "loss %.9g, expected %.9g", p.loss, scalar(&s, "loss"));
            double second = scalar(&s, "mtp_loss");
            CHECK(!total || fabs(p.mtp_loss - second) < 1e-5 * second, "MTP loss %.9g, expected %.9g", p.mtp_loss, second);
            check_grads(&net, &s, total ? "total_grad." : "grad.");
            net_free(&net);
        }
    tf_close(&s.expect);
}

/* Three steps on the trunk; matrices decay. What moved is compared, not what stayed. */
static void check_adamw(void)
{
    enum { STEPS = 3 };
    struct sample s;
    struct net net, start;
    struct err e = {0};
    struct load_options o = {.ks = &ks, .training = true};
    if (!sample_open(&s, "mtp")) return;
    CHECK_OK(load_net(&net, ROOT "/mtp", &o, &e), &e);
    CHECK_OK(load_net(&start, ROOT "/mtp", &o, &e), &e);
    float *m = mem_alloc(net.weights.used), *v = mem_alloc(net.weights.used);
    for (int step = 1; step <= STEPS; step++) {
        struct pass pass = {.train = true};
        memset(net.grads.base, 0, net.grads.used);
        pass_run(&net, COMPUTE_F32, &s, &pass);
        for (int i = 0; i < net.n_params; i++) {
            struct param *p = &net.params[i];
            if (!p->trained || p->layer >= net.config.layers) continue;
            struct adamw_args a = {1e-3f, 0.9f, 0.95f, 1e-8f, p->decay ? 0.1f : 0.0f, (float)(1 - pow(0.9, step)),
                                   (float)(1 - pow(0.95, step)), 1.0f};
            int64_t at = tensor_f32(&p->t) - (float *)net.weights.base;
            ks.adamw(tensor_f32(&p->t), m + at, v + at, p->t.grad, tensor_count(&p->t), &a);
        }
    }
    for (int i = 0; i < net.n_params; i++) {
        struct param *p = &net.params[i];
        if (!p->trained || p->layer >= net.config.layers) continue;
        char name[PATH_CAP];
        snprintf(name, sizeof name, "adamw.%s", p->hf_name);
        int64_t n = tensor_count(&p->t);
        const float *want = expected(&s, name, n), *w = tensor_f32(&p->t), *w0 = tensor_f32(&start.params[i].t);
        double diff = 0, moved = 0;
        for (int64_t k = 0; k < n && want; k++) {
            diff = fmax(diff, fabs((double)w[k] - want[k]));
            moved = fmax(moved, fabs((double)want[k] - w0[k]));
        }
        CHECK(want && diff <= 1e-2 * moved, "%s: off by %.3g, moved by %.3g", name, diff, moved);
        release(want);
    }
    mem_free(m);
    mem_free(v);
    net_free(&start);
    net_free(&net);
    tf_close(&s.expect);
}

/* ---- golden numbers of single operations ---- */

static void check_router_golden(void)
{
    static float logits[] = {0.2f, -0.4f, 1, 0.5f, -1, 0.8f, 0, 0.3f}, bias[] = {0, 0.5f, 0, 0, 0.6f, 0, 0, 0};
    static const int32_t want_idx[] = {1, 4, 5};
    static const float want[] = {0.737582722f, 0.494294658f, 1.268122620f};
    struct run r;
    struct err e = {0};
    CHECK_OK(run_init(&r, &ks, NULL, COMPUTE_F32, (struct run_size){1 << 16, 1 << 16, 1 << 16}, &e), &e);
    struct tensor x = {.nd = 2, .ne = {1, 8}, .ld = 8, .data = logits}, b = {.nd = 1, .ne = {8}, .ld = 8, .data = bias};
    struct route_args a = {.experts = 8, .top_k = 3, .groups = 4, .group_top_k = 2, .normalise = true, .scale = 2.5f};
    struct routing route = op_route(&r, &x, &b, &a);
    CHECK(!memcmp(route.idx->data, want_idx, sizeof want_idx), "the router chose other experts");
    double d = rel_err(tensor_f32(route.weights), want, 3);
    CHECK(d < 1e-6, "weights of the experts differ by %.3g", d);
    run_free(&r);
}

static struct config v3_rope(void)
{
    struct config c;
    config_default(&c);
    c.qk_nope_dim = 128;
    c.qk_rope_dim = 64;
    c.rope_factor = 40;
    c.rope_original_context = 4096;
    return c;
}

static void check_rope_golden(void)
{
    static const struct {
        int i;
        double f;
    } want[] = {{0, 1}, {1, 0.749894209}, {10, 0.0562341325}, {12, 0.0268793601}, {15, 0.00833450895}, {16, 0.0055},
                {20, 0.000790569415}, {23, 3.33380358e-05}, {24, 2.5e-05}, {31, 3.33380358e-06}};
    double f[512], magnitude, scale;
    struct config c = v3_rope();
    config_rope_freq(&c, f, &magnitude);
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        CHECK(fabs(f[want[i].i] - want[i].f) < 2e-9 * want[i].f, "frequency %d is %.9g, expected %.9g", want[i].i, f[want[i].i],
              want[i].f);
    CHECK(magnitude == 1, "magnitude %g", magnitude);
    scale = config_softmax_scale(&c);
    CHECK(fabs(scale - 0.1352337789) < 1e-9, "softmax scale %.10g", scale);
    c.rope_factor = 1;
    scale = config_softmax_scale(&c);
    CHECK(fabs(scale - 0.0721687836) < 1e-9, "softmax scale %.10g without YaRN", scale);
    c.rope_factor = 40;
    c.yarn_mscale = c.yarn_mscale_all_dim = 0.707;
    scale = config_softmax_scale(&c);
    CHECK(fabs(scale - 0.1147213868) < 1e-9, "softmax scale %.10g with mscale 0.707", scale);
    static const float turned[] = {-1.272232513f, -1.838864985f, 2.878668100f, 4.088186636f};
    float x[] = {1, 2, 3, 4}, cos_[2], sin_[2];
    c.rope_factor = 1;
    c.qk_rope_dim = 4;
    config_rope_freq(&c, f, &magnitude);
    for (int i = 0; i < 2; i++) {
        cos_[i] = (float)cos(3 * f[i]);
        sin_[i] = (float)sin(3 * f[i]);
    }
    ks.rope(x, cos_, sin_, 4, 1.0f);
    CHECK(rel_err(x, turned, 4) < 1e-6, "rope gives %g %g %g %g", x[0], x[1], x[2], x[3]);
}

int main(void)
{
    kernels_init(&ks, kernels_max_level());
    for (size_t i = 0; i < ARRAY_LEN(models); i++) check_model(models[i]);
    for (size_t i = 0; i < ARRAY_LEN(others); i++) check_model(others[i]);
    check_other_gradients("llama");
    check_other_gradients("mistral");
    check_other_gradients("ministral3");
    check_other_gradients("smollm3");
    check_other_gradients("qwen3-moe");
    check_other_gradients("gemma3");
    check_mtp();
    check_gradients();
    check_adamw();
    check_router_golden();
    check_rope_golden();
    return test_end();
}
