/* What a model will take, told before anything of it is made: published parameter counts out of the parameter tables, sums
 * against what loading really makes, contexts that fit and that do not, and nothing large allocated on the way. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include "base/mem.h"
#include "infer/session.h"
#include "model/arch.h"
#include "model/shapes.h"
#include "sys/file.h"
#include "tests/load_net.h"
#include "tests/test.h"

/* Millions of parameters as published with the models (their safetensors indices and reports). mtp: with that layer, and
 * with its copies of embedding and output; V3's index says 684,531.386, of which 41.540 are scales of FP8 blocks. */
static const struct {
    const char *name;
    double millions, active, mtp;
} published[] = {
    {"smollm2-135m", 134.515, 0, 0},
    {"smollm2-360m", 361.821, 0, 0},
    {"smollm2-1.7b", 1711.376, 0, 0},
    {"llama-3.1-8b", 8030.261, 0, 0},
    {"Meta-Llama-3.1-70B-Instruct", 70553.706, 0, 0},
    {"llama-3.1-405b", 405853.388, 0, 0},
    {"meta-llama/Llama-3.2-1B", 1235.814, 0, 0},
    {"llama-3.2-3b-instruct", 3212.750, 0, 0},
    {"mistralai/Mistral-7B-v0.1", 7241.732, 0, 0},
    {"Mistral-7B-Instruct-v0.3", 7248.024, 0, 0},
    {"HuggingFaceTB/SmolLM3-3B", 3075.099, 0, 0},
    {"qwen2.5-0.5b", 494.033, 0, 0},
    {"qwen2.5-1.5b", 1543.714, 0, 0},
    {"qwen2.5-3b", 3085.939, 0, 0},
    {"qwen2.5-72b", 72706.204, 0, 0},
    {"r1-distill-qwen-1.5b", 1777.088, 0, 0},
    {"deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", 7615.617, 0, 0},
    {"r1-distill-qwen-14b", 14770.034, 0, 0},
    {"r1-distill-qwen-32b", 32763.876, 0, 0},
    {"r1-distill-llama-70b", 70553.706, 0, 0},
    {"qwen3-0.6b", 596.050, 0, 0},
    {"qwen3-4b", 4022.468, 0, 0},
    {"qwen3-8b", 8190.735, 0, 0},
    {"qwen3-32b", 32762.123, 0, 0},
    {"qwen3-30b-a3b", 30532.123, 0, 0},
    {"qwen3-235b-a22b", 235093.635, 22190, 0},
    {"gemma-3-270m", 268.098, 0, 0},
    {"gemma-3-1b-it", 999.886, 0, 0},
    {"deepseek-v2-lite", 15706.485, 0, 0},
    {"deepseek-v2", 235741.435, 0, 0},
    {"deepseek-v3", 671026.405, 37550, 684489.846},
    {"deepseek-r1", 671026.405, 37550, 684489.846},
};

/* Published in billions with one decimal, cut off, of the language model alone. */
static const struct {
    const char *name;
    double billions;
} roughly[] = {
    {"Ministral-3-3B-Instruct-2512", 3.4},
    {"mistralai/Ministral-3-8B-Base-2512", 8.4},
    {"Ministral-3-14B-Reasoning-2512", 13.5},
};

static bool near(double a, double b, double relative) { return a > b * (1 - relative) && a < b * (1 + relative); }

static enum dtype all_f16(void *ctx, const char *name, int64_t cols)
{
    (void)ctx;
    (void)name;
    (void)cols;
    return DT_F16;
}

static void check_roughly(void)
{
    for (size_t i = 0; i < sizeof roughly / sizeof *roughly; i++) {
        struct config c;
        bool known = shape_by_name(roughly[i].name, &c);
        double all = known ? (double)config_params(&c, NULL) / 1e9 : 0;
        CHECK(all >= roughly[i].billions && all < roughly[i].billions + 0.1, "%s: %.3f billion parameters, published are %.1f",
              roughly[i].name, all, roughly[i].billions);
    }
}

static void check_published(void)
{
    struct kernels ks;
    struct err e = {0};
    kernels_init(&ks, CPU_C);
    for (size_t i = 0; i < sizeof published / sizeof *published; i++) {
        struct config c;
        int64_t active;
        struct weights w;
        struct load_options o = {.ks = &ks, .absorbed = true};
        bool known = shape_by_name(published[i].name, &c);
        CHECK(known, "%s is not known", published[i].name);
        if (!known) continue;
        CHECK_OK(config_check(&c, published[i].name, &e), &e);
        double all = (double)config_params(&c, &active) / 1e6;
        CHECK_OK(net_weigh_shape(&w, &c, all_f16, NULL, &o, &e), &e);
        CHECK(w.all.params == config_params(&c, NULL), "%s: %lld parameters weighed", published[i].name,
              (long long)w.all.params);
        CHECK(near((double)w.all.stored, 2e6 * all, 1e-3), "%s: %.1f MB in f16", published[i].name,
              (double)w.all.stored / 1e6);
        double trunk = (double)(w.all.params - w.of[WEIGHT_MTP].params) / 1e6;
        CHECK(near(trunk, published[i].millions, 1e-5), "%s: %.3f million parameters, published are %.3f",
              published[i].name, trunk, published[i].millions);
        CHECK(!published[i].mtp || near(all + (double)(2 * c.vocab * c.dim) / 1e6, published[i].mtp, 1e-5),
              "%s: %.3f million with MTP, whose files repeat embedding and output: published are %.3f",
              published[i].name, all + (double)(2 * c.vocab * c.dim) / 1e6, published[i].mtp);
        CHECK(!published[i].active || near((double)active / 1e6, published[i].active, 0.03),
              "%s: %.0f million used per token", published[i].name, (double)active / 1e6);
    }
    struct config c;
    CHECK(!shape_by_name("gpt-5", &c) && !shape_by_name("qwen3-8bx", &c) && !shape_by_name("", &c),
          "an unknown name is known");
    for (size_t i = 0; shape_name(i); i++) {
        CHECK(shape_by_name(shape_name(i), &c), "%s is not found by its name", shape_name(i));
        CHECK_OK(config_check(&c, shape_name(i), &e), &e);
    }
}

/* The fixtures have no tokenizer, so engine_open does not take them. */
static int open_model(struct engine *en, const struct engine_options *o, struct decoder_options *fits, struct err *e)
{
    struct kernels ks;
    struct net net;
    if (str_ends_with(o->model, ".gguf")) return engine_open(en, o, fits, e);
    *fits = o->decoder;
    kernels_init(&ks, kernels_max_level());
    struct load_options lo = {
        .ks = &ks, .compute = o->compute == ENGINE_BF16 ? COMPUTE_BF16 : COMPUTE_F32, .absorbed = !o->plain};
    TRY(load_net(&net, o->model, &lo, e));
    return engine_from_net(en, &net, o, e);
}

/* Sums against the arena that loading makes, and against what the loaded network says of itself. */
static void check_loaded(const char *path, enum engine_compute compute, bool plain)
{
    struct err e = {0};
    struct engine en = {0};
    struct engine_memory m;
    struct decoder d = {0};
    struct decoder_options fits;
    struct engine_options o = {
        .model = path, .compute = compute, .plain = plain, .threads = 1, .memory = 1 << 30};
    CHECK_OK(engine_plan(&o, &m, &e), &e);
    CHECK_OK(open_model(&en, &o, &fits, &e), &e);
    size_t used = en.net.weights.used, n = (size_t)en.net.n_params + 2 * (size_t)en.net.config.layers + 1;
    CHECK(m.weights <= used && used <= m.weights + 64 * n, "%s: %llu bytes planned, %zu made", path,
          (unsigned long long)m.weights, used);
    uint64_t row = m.parts.of[WEIGHT_EMBEDDING].token;
    CHECK(net_token_bytes(&en.net) + row == m.parts.all.token, "%s: a token reads %llu bytes, planned are %llu", path,
          (unsigned long long)(net_token_bytes(&en.net) + row), (unsigned long long)m.parts.all.token);
    CHECK_OK(decoder_open(&d, &en, &fits, &e), &e);
    uint64_t run = d.run.meta.cap + d.run.mem.cap + d.run.scratch_arena.cap;
    CHECK(run + session_bytes(&en, &fits) <= m.run + 4096, "%s: computing %llu planned, %llu made", path,
          (unsigned long long)m.run, (unsigned long long)run);
    CHECK(cache_bytes(&d.cache) + net_rope_bytes(&en.net.config, en.positions) == m.cache, "%s: cache %llu planned", path,
          (unsigned long long)m.cache);
    CHECK(m.fits == m.context, "%s: %lld of %lld tokens fit", path, (long long)m.fits, (long long)m.context);
    decoder_close(&d);
    engine_close(&en);
}

static uint64_t peak(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (uint64_t)u.ru_maxrss << 10;
}

static enum dtype q4(void *ctx, const char *name, int64_t cols)
{
    (void)ctx;
    (void)name;
    return cols % 256 ? DT_Q5_0 : DT_Q4_K;
}

/* The largest published model, with the longest context a file may promise: figures, and nothing is made. */
static void check_large(void)
{
    struct err e = {0};
    struct config c;
    struct engine_memory m;
    CHECK(shape_by_name("deepseek-r1", &c), "no deepseek-r1");
    CHECK_OK(config_check(&c, "deepseek-r1", &e), &e);
    struct engine_shape s = {&c, true, q4, NULL};
    struct engine_options o = {.model = "deepseek-r1", .shape = &s, .threads = 1, .memory = UINT64_C(24) << 30};
    uint64_t before = peak();
    CHECK(engine_plan(&o, &m, &e) == ERR_MEMORY && strstr(e.msg, "does not fit"),
          "671 billion parameters in 24 GiB: %s", e.msg);
    CHECK(m.fits == 0 && m.weights > UINT64_C(350) << 30 && m.weights < UINT64_C(420) << 30, "weights %llu",
          (unsigned long long)m.weights);
    CHECK(m.token_cache == 62 * 576 / 32 * 34, "a token of cache has %llu bytes", (unsigned long long)m.token_cache);
    o.memory = UINT64_C(371) << 30;
    CHECK(engine_plan(&o, &m, &e) == ERR_MEMORY && m.fits > 0 && m.fits < c.context, "%lld of %lld tokens fit: %s",
          (long long)m.fits, (long long)c.context, e.msg);
    o.decoder.context = m.fits;
    CHECK_OK(engine_plan(&o, &m, &e), &e);
    o.decoder.context = m.fits + m.fits / 16;
    CHECK(engine_plan(&o, &m, &e) == ERR_MEMORY, "more than the largest context fits");
    c.context = INT32_MAX;
    o.decoder.context = 0;
    CHECK(engine_plan(&o, &m, &e) == ERR_LIMIT && strstr(e.msg, "2147483647"), "a context of 2^31: %s", e.msg);
    o.decoder.context = 1 << 24;
    o.decoder.slots = 1024;
    CHECK(engine_plan(&o, &m, &e) == ERR_MEMORY && m.cache > UINT64_C(1) << 49, "2^34 tokens: %s", e.msg);
    CHECK(peak() - before < 64 << 20, "planning took %llu bytes", (unsigned long long)(peak() - before));
}

static char told[400];
static int times_told;

static void warn(void *ctx, const char *message)
{
    (void)ctx;
    times_told++;
    snprintf(told, sizeof told, "%s", message);
}

/* A model that fits with a shorter context only: opened with the longest, which is said; refused where a context was asked for,
 * or where none fits. What is planned is what is opened. */
static void check_shortened(void)
{
    const char *path = "models/first/first.gguf";
    struct err e = {0};
    struct engine en;
    struct engine_memory m;
    struct decoder_options shape;
    struct engine_options o = {.model = path, .threads = 1, .warn = warn};
    CHECK_OK(engine_plan(&o, &m, &e), &e);
    int64_t full = m.context;
    CHECK(m.wanted == full && m.available_from[0], "wanted %lld, from \"%s\"", (long long)m.wanted, m.available_from);
    for (uint64_t less = 200 << 10; less < m.cache + m.run; less += 700 << 10) {
        struct engine_memory s;
        o.memory = m.total - less;
        o.shorten = false;
        int rc = engine_plan(&o, &s, &e);
        CHECK(rc == ERR_MEMORY && strstr(e.msg, "--memory") && s.context == full, "less by %llu: %s", (unsigned long long)less,
              e.msg);
        int64_t fits = s.fits;
        o.shorten = true;
        times_told = 0;
        rc = engine_plan(&o, &s, &e);
        CHECK(rc == (fits ? OK : ERR_MEMORY) && times_told == 0, "%lld tokens fit: %d, %s", (long long)fits, rc, e.msg);
        rc = engine_open(&en, &o, &shape, &e);
        CHECK(rc == (fits ? OK : ERR_MEMORY), "%lld tokens fit: %d, %s", (long long)fits, rc, e.msg);
        if (rc) continue;
        CHECK(en.positions == fits && shape.context == fits && s.context == fits && s.wanted == full &&
                  s.total <= o.memory && fits < full,
              "opened with %lld, planned %lld of %lld, %lld fit", (long long)shape.context, (long long)s.context, (long long)s.wanted,
              (long long)fits);
        CHECK(times_told == 1 && strstr(told, "--ctx") && strstr(told, "--memory"), "told %d times: %s", times_told, told);
        engine_close(&en);
        o.decoder.context = full;
        CHECK(engine_open(&en, &o, &shape, &e) == ERR_MEMORY && strstr(e.msg, "with --ctx"), "--ctx that does not fit: %s",
              e.msg);
        o.decoder.context = fits;
        times_told = 0;
        CHECK_OK(engine_open(&en, &o, &shape, &e), &e);
        CHECK(times_told == 0 && shape.context == fits, "--ctx that fits: %s", told);
        engine_close(&en);
        o.decoder.context = 0;
    }
    struct config c; /* a promise beyond what this program holds */
    CHECK(shape_by_name("qwen2.5-0.5b", &c), "no qwen2.5-0.5b");
    struct engine_shape s = {&c, true, q4, NULL};
    o = (struct engine_options){.model = "promise", .shape = &s, .threads = 1, .memory = UINT64_C(1) << 50, .shorten = true};
    c.context = INT32_MAX;
    CHECK_OK(engine_plan(&o, &m, &e), &e);
    CHECK(m.context == 1 << 24, "a context of 2^31: %lld", (long long)m.context);
}

int main(void)
{
    static const char *const models[] = {"full", "plain-q", "mtp", "llama", "qwen3-moe", "gemma3"};
    check_published();
    check_roughly();
    check_large();
    check_shortened();
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        char path[200];
        snprintf(path, sizeof path, "tests/fixtures/models/%s", models[i]);
        for (int k = 0; k < 4; k++) check_loaded(path, k % 2 ? ENGINE_BF16 : ENGINE_F32, k / 2);
    }
    check_loaded("models/first/first.gguf", ENGINE_AUTO, false);
    check_loaded("models/first/first.gguf", ENGINE_F32, true);
    CHECK(mem_live() == 0, "%lld allocations not freed", (long long)mem_live());
    return test_end();
}
