/* The whole network on tiny random configurations: memory measured equals memory used, recomputed blocks give the same
 * gradients to the bit, threads do not matter, the gradient is right, training equals prefill equals decoding, and the
 * absorbed form agrees with the plain one. */
#include "base/checked.h"
#include "base/mem.h"
#include "base/rng.h"
#include "model/arch.h"
#include "tests/test.h"
#include <math.h>
#include <string.h>

enum { N = 40, V = 96 };

static struct kernels ks;
static float balance = 0.05f;
static int32_t ids[N], pos[N], targets[N], next_ids[N];
static const struct segment two[2] = {{0, 27, 0, 0, NULL}, {27, 13, 0, 27, NULL}};
static const struct batch batch = {.n = N, .ids = ids, .pos = pos, .segs = two, .n_segs = 2, .n_keys = N, .window = N / 2};

static struct config small_config(bool q_lora, bool mtp)
{
    struct config c;
    config_default(&c);
    c.vocab = V;
    c.dim = 32;
    c.layers = 3;
    c.heads = 2;
    c.q_lora_rank = q_lora ? 12 : 0;
    c.kv_lora_rank = 16;
    c.qk_nope_dim = 12;
    c.qk_rope_dim = 8;
    c.v_dim = 16;
    c.dense_layers = 1;
    c.dense_ffn = 48;
    c.experts = 8;
    c.experts_used = 3;
    c.experts_shared = 1;
    c.expert_ffn = 16;
    c.expert_groups = 4;
    c.expert_groups_used = 2;
    c.experts_norm = true;
    c.experts_scale = 1.5;
    c.mtp_layers = mtp;
    c.context = 64;
    c.tied_head = !q_lora;
    return c;
}

/* The other architectures: grouped queries, windows shorter than the sequences, mixtures with and without groups. */
static struct config other_config(const struct arch *arch)
{
    struct config c;
    config_default_of(&c, arch);
    struct config mla = small_config(arch->bit & ARCH_DEEPSEEK3, false);
    if (arch->mla) {
        mla.arch = arch;
        mla.experts_norm = false;
        return mla;
    }
    c.vocab = V;
    c.dim = 28;
    c.layers = 3;
    c.heads = 4;
    c.kv_heads = 2;
    c.head_dim = 10;
    c.dense_ffn = 40;
    c.context = 64;
    c.rope_kind = arch->bit == ARCH_LLAMA ? ROPE_LLAMA3 : arch->bit == ARCH_MISTRAL3 ? ROPE_YARN : ROPE_LINEAR;
    c.rope_factor = 4;
    c.rope_original_context = 16;
    c.temperature_beta = arch->bit == ARCH_MISTRAL3 ? 0.3 : 0;
    c.nope_period = arch->bit == ARCH_SMOLLM3 ? 2 : 0;
    c.window = arch->bit & (ARCH_GEMMA3 | ARCH_MISTRAL) ? 9 : 0;
    if (arch->bit == ARCH_GEMMA3) c.window_period = 3;
    if (arch->bit == ARCH_QWEN3_MOE) {
        c.experts = 6;
        c.experts_used = 2;
        c.expert_ffn = 16;
        c.experts_norm = true;
    }
    return c;
}

static void make_net(struct net *net, const struct config *c)
{
    struct err e = {0};
    CHECK_OK(net_build(net, c, &e), &e);
    CHECK_OK(net_make_rope(net, c->context, &e), &e);
    CHECK_OK(net_alloc(net, true, &e), &e);
    net_init(net, 5, 0.08);
    for (int i = 0; i < net->n_params; i++) { /* ones and zeros hide bugs */
        struct param *p = &net->params[i];
        if (p->t.nd == 1)
            for (int64_t k = 0; k < tensor_count(&p->t); k++)
                tensor_f32(&p->t)[k] += 0.2f * (float)rng_normal(6, (uint64_t)i, (uint64_t)k);
    }
}

static void clear_grads(struct net *net) { memset(net->grads.base, 0, net->grads.used); }

static double mean_loss(struct run *r, struct net *net, bool recompute)
{
    r->taping = true;
    r->recompute = recompute;
    struct forward_args a = {.batch = &batch, .balance = balance};
    struct tensor *pre, *h = net_forward(r, net, &a, &pre);
    struct tensor *l1 = op_head_loss(r, h, net->head, targets, 1.0f / N, NULL), *l2 = NULL;
    if (net->config.mtp_layers)
        l2 = op_head_loss(r, net_forward_mtp(r, net, &a, h, next_ids), net->head, targets, 0.3f / N, NULL);
    double loss = r->measure ? 0 : (double)tensor_f32(l1)[0] + (l2 ? tensor_f32(l2)[0] : 0);
    run_backward(r);
    return loss;
}

/* Measures, then runs in arenas of exactly that size. */
static double train_pass(struct net *net, struct pool *pool, enum compute compute, bool recompute, struct run_size *size)
{
    struct run r;
    struct err e = {0};
    CHECK_OK(run_measure(&r, &ks, pool, compute, 4 << 20, &e), &e);
    mean_loss(&r, net, recompute);
    struct run_size s = run_sized(&r);
    run_free(&r);
    CHECK_OK(run_init(&r, &ks, pool, compute, s, &e), &e);
    clear_grads(net);
    mem_guard_begin("a training step");
    double loss = mean_loss(&r, net, recompute);
    run_reset(&r);
    clear_grads(net);
    double again = mean_loss(&r, net, recompute);
    mem_guard_end();
    CHECK(loss == again, "the same step gives %.9g, then %.9g", loss, again);
    struct run_size used = run_sized(&r);
    CHECK(used.mem == s.mem && used.meta == s.meta && used.scratch == s.scratch,
          "measured %zu %zu %zu bytes, used %zu %zu %zu", s.mem, s.meta, s.scratch, used.mem, used.meta, used.scratch);
    if (size) *size = s;
    run_free(&r);
    return loss;
}

static float *copy_grads(const struct net *net)
{
    float *p = mem_alloc(net->grads.used);
    memcpy(p, net->grads.base, net->grads.used);
    return p;
}

static void check_training(const struct config *c, enum compute compute)
{
    struct net net;
    struct run_size kept, recomputed;
    make_net(&net, c);
    double loss = train_pass(&net, NULL, compute, false, &kept);
    CHECK(loss > 1 && loss < 20, "loss %g", loss);
    float *g = copy_grads(&net);
    double loss2 = train_pass(&net, NULL, compute, true, &recomputed);
    CHECK(loss == loss2 && !memcmp(g, net.grads.base, net.grads.used), "recomputed blocks give other bits");
    CHECK(recomputed.mem < kept.mem, "recomputing needs %zu bytes, keeping %zu", recomputed.mem, kept.mem);
    static const int threads[] = {2, 3, 7};
    for (size_t t = 0; t < ARRAY_LEN(threads); t++) {
        struct pool *pool;
        struct err e = {0};
        CHECK_OK(pool_open(&pool, threads[t], &e), &e);
        double l = train_pass(&net, pool, compute, false, NULL);
        CHECK(l == loss && !memcmp(g, net.grads.base, net.grads.used), "%d threads give other bits", threads[t]);
        pool_close(pool);
    }
    mem_free(g);
    net_free(&net);
}

/* The loss with all parameters moved by h along dir. */
static void check_gradient(const struct config *c)
{
    struct net net;
    make_net(&net, c);
    balance = 0; /* it is in the gradient and not in the loss that is returned */
    train_pass(&net, NULL, COMPUTE_F32, false, NULL);
    size_t n = net.weights.used / sizeof(float);
    float *w = (float *)net.weights.base, *keep = mem_alloc(n * sizeof *keep), *g = copy_grads(&net);
    memcpy(keep, w, n * sizeof *keep);
    double norm = 0, want = 0, loss[2], h = 4e-4; /* small: a choice of the router that turns is a jump */
    for (size_t k = 0; k < n; k++) norm += (double)g[k] * g[k];
    for (int side = 0; side < 2; side++) {
        for (size_t k = 0; k < n; k++) w[k] = keep[k] + (float)((side ? -h : h) * g[k] / sqrt(norm));
        loss[side] = train_pass(&net, NULL, COMPUTE_F32, false, NULL);
    }
    want = sqrt(norm);
    double got = (loss[0] - loss[1]) / (2 * h);
    CHECK(fabs(got - want) < 1e-2 * want, "%s: difference quotient %.6g, gradient %.6g", c->arch->hf, got, want);
    balance = 0.05f;
    mem_free(keep);
    mem_free(g);
    net_free(&net);
}

static enum dtype cached = DT_F32; /* the numbers of eval's cache */

/* Logits (N, V) of rows [0, n) of one sequence, cut into chunks, through a cache; chunk 0: without a cache. With beside
 * set, another sequence's rows are in every batch, before these. */
static void eval(const struct net *net, struct pool *pool, enum compute compute, int n, int chunk, bool beside, float *logits)
{
    struct cache cache = {0};
    struct run r;
    struct err e = {0};
    struct run_size big = {1 << 20, 8 << 20, 16 << 20};
    big.scratch += gemm_scratch_bytes(&ks, pool_threads(pool));
    CHECK_OK(run_init(&r, &ks, pool, compute, big, &e), &e);
    if (chunk) CHECK_OK(cache_init(&cache, &net->config, cached, 2, &e), &e);
    for (int at = 0, step = chunk ? chunk : n; at < n; at += step) {
        int m = at + step < n ? step : n - at, extra = beside ? m : 0;
        int32_t bid[2 * N], bpos[2 * N];
        for (int i = 0; i < m; i++) {
            bid[extra + i] = ids[at + i];
            bpos[extra + i] = at + i;
            bid[i < extra ? i : extra + i] = i < extra ? (ids[at + i] * 7 + 3) % V : ids[at + i];
            bpos[i < extra ? i : extra + i] = at + i;
        }
        static const int32_t pages[] = {0, 1};
        const int32_t *other = chunk ? pages : NULL, *own = chunk ? pages + beside : NULL;
        struct segment s[2] = {{0, m, chunk ? at : 0, 0, own}, {m, m, chunk ? at : 0, chunk ? at + m : m, other}};
        struct batch b = {.n = m + extra, .ids = bid, .pos = bpos, .segs = s, .n_segs = beside ? 2 : 1,
                          .n_keys = (beside ? 2 : 1) * (int64_t)(chunk ? at + m : m)};
        struct forward_args a = {.batch = &b, .cache = chunk ? &cache : NULL};
        struct tensor *l = net_logits(&r, net, net_forward(&r, net, &a, NULL), NULL, 0);
        memcpy(logits + (size_t)at * V, tensor_f32(l) + (size_t)extra * V, (size_t)(m * V) * sizeof(float));
        run_reset(&r);
    }
    cache_free(&cache);
    run_free(&r);
}

static void check_same_bits(const struct config *c, enum compute compute, bool absorbed)
{
    static float base[N * V], other[N * V];
    struct net net;
    make_net(&net, c);
    net.absorbed = absorbed;
    eval(&net, NULL, compute, N, 0, false, base);
    static const int chunks[] = {N, 1, 7, 16, 33};
    for (size_t i = 0; i < ARRAY_LEN(chunks); i++)
        for (int beside = 0; beside < 2; beside++) {
            eval(&net, NULL, compute, N, chunks[i], beside, other);
            CHECK(!memcmp(base, other, sizeof base), "chunk %d%s: other bits than training's forward", chunks[i],
                  beside ? ", beside another sequence" : "");
        }
    static const int threads[] = {2, 3, 7};
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        struct pool *pool;
        struct err e = {0};
        CHECK_OK(pool_open(&pool, threads[i], &e), &e);
        eval(&net, pool, compute, N, 16, false, other);
        CHECK(!memcmp(base, other, sizeof base), "%d threads: other bits", threads[i]);
        pool_close(pool);
    }
    net_free(&net);
}

/* A cache in fewer bits rounds every row once, so what comes out of it does not depend on how the text was cut. */
static void check_rounded_cache(struct config c, enum dtype type)
{
    static float base[N * V], other[N * V];
    struct net net;
    struct err e = {0};
    struct pool *pool;
    c.head_dim = c.kv_lora_rank = c.qk_rope_dim = 32; /* whole blocks of q8_0 */
    c.query_scalar = 0;
    make_net(&net, &c);
    CHECK_OK(pool_open(&pool, 3, &e), &e);
    for (net.absorbed = false;; net.absorbed = true) {
        eval(&net, NULL, COMPUTE_F32, N, 0, false, other);
        cached = type;
        eval(&net, NULL, COMPUTE_F32, N, N, false, base);
        double far = 0, size = 0;
        for (int i = 0; i < N * V; i++) {
            far = fmax(far, fabs((double)base[i] - other[i]));
            size = fmax(size, fabs(other[i]));
        }
        CHECK(far > 0 && far < 0.1 * size, "%s, cache of %s: %g of %g from f32", c.arch->hf, formats[type].name, far, size);
        for (int i = 0; i < 4; i++) {
            eval(&net, i % 2 ? pool : NULL, COMPUTE_F32, N, i < 2 ? 1 : 7, i % 2, other);
            CHECK(!memcmp(base, other, sizeof base), "%s, cache of %s: case %d: other bits", c.arch->hf, formats[type].name, i);
        }
        cached = DT_F32;
        if (net.absorbed || !c.arch->mla) break;
    }
    pool_close(pool);
    net_free(&net);
}

static void check_forms(const struct config *c)
{
    static float plain[N * V], absorbed[N * V];
    struct net net;
    double worst = 0, size = 0;
    make_net(&net, c);
    eval(&net, NULL, COMPUTE_F32, N, 0, false, plain);
    net.absorbed = true;
    eval(&net, NULL, COMPUTE_F32, N, 0, false, absorbed);
    for (int i = 0; i < N * V; i++) {
        worst = fmax(worst, fabs((double)plain[i] - absorbed[i]));
        size = fmax(size, fabs(plain[i]));
    }
    CHECK(worst > 0 && worst <= 1e-5 * size, "absorbed and plain MLA differ by %g of %g", worst, size);
    net_free(&net);
}

/* What a file promises as its context costs nothing until it is used. */
static void check_long_context(void)
{
    struct config c = small_config(true, false);
    struct net net;
    struct run r;
    struct err e = {0};
    c.context = INT64_C(1) << 40;
    CHECK(net_build(&net, &c, &e) == ERR_FORMAT && strstr(e.msg, "1.099511628e+12") && strstr(e.msg, "2147483647"),
          "a context of 2^40: %s", e.msg);
    c.context = INT32_MAX;
    CHECK_OK(net_build(&net, &c, &e), &e);
    CHECK(!net.rope.cos && !net.rope_filled, "building makes rotary tables");
    CHECK_OK(run_measure(&r, &ks, NULL, COMPUTE_F32, 4 << 20, &e), &e);
    struct forward_args a = {.batch = &batch};
    net_forward(&r, &net, &a, NULL);
    CHECK(run_sized(&r).mem < 1 << 20, "measuring counts %zu bytes", run_sized(&r).mem);
    run_free(&r);
    CHECK_OK(net_make_rope(&net, 100, &e), &e);
    net_fill_rope(&net, 70, NULL);
    int64_t half = net.rope.width / 2;
    CHECK(net.rope.cos[69 * half] != 0 && net.rope.cos[70 * half] == 0 && *net.rope_filled == 70, "not 70 positions are filled");
    net_free(&net);
}

int main(void)
{
    kernels_init(&ks, cpu_detect());
    for (int i = 0; i < N; i++) {
        ids[i] = (int32_t)rng_below(1, 0, (uint64_t)i, V);
        pos[i] = i < 27 ? i : i - 27;
        targets[i] = i == 26 || i == N - 1 ? -1 : (int32_t)rng_below(2, 0, (uint64_t)i, V);
        next_ids[i] = targets[i];
    }
    for (int q = 0; q < 2; q++) {
        struct config with = small_config(q, true), without = small_config(q, false);
        check_training(&with, COMPUTE_F32);
        check_training(&without, COMPUTE_BF16);
        check_gradient(&with);
        check_forms(&without);
        for (int absorbed = 0; absorbed < 2; absorbed++) {
            check_same_bits(&without, COMPUTE_F32, absorbed);
            check_same_bits(&without, COMPUTE_BF16, absorbed);
        }
    }
    for (int i = 0; archs[i]; i++) {
        if (archs[i]->bit == ARCH_DEEPSEEK3) continue;
        struct config c = other_config(archs[i]);
        check_training(&c, COMPUTE_F32);
        check_gradient(&c);
        check_same_bits(&c, COMPUTE_F32, archs[i]->mla);
        check_same_bits(&c, COMPUTE_BF16, archs[i]->mla);
        check_rounded_cache(c, DT_BF16);
        check_rounded_cache(c, DT_Q8_0);
    }
    check_long_context();
    return test_end();
}
