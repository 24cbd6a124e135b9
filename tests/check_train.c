/* Training: it learns, a step is a pure function of the state, memory is what was measured, and nothing that happens
 * to the process - SIGKILL at any moment, a damaged checkpoint - changes the weights that come out. */
#include "load_net.h"
#include "test.h"
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/checked.h"
#include "base/mem.h"
#include "base/rng.h"
#include "kernel/kernel.h"
#include "model/vocab.h"
#include "sys/clock.h"
#include "sys/dir.h"
#include "sys/file.h"
#include "sys/store.h"
#include "train/checkpoint.h"
#include "train/schedule.h"
#include "train/train.h"

enum { VOCAB = 64, SEQ = 32 };

static char folder[64];
static struct kernels ks;

/* A network with every feature: low-rank queries, a dense layer, groups of experts, a shared expert, MTP. */
#define MODEL                                                                                                          \
    "[model]\nhidden_size = 32\nnum_hidden_layers = 2\nnum_attention_heads = 2\nq_lora_rank = 16\nkv_lora_rank = 16\n" \
    "qk_nope_head_dim = 16\nqk_rope_head_dim = 8\nv_head_dim = 16\nfirst_k_dense_replace = 1\nintermediate_size = 64\n" \
    "n_routed_experts = 8\nnum_experts_per_tok = 2\nn_shared_experts = 1\nmoe_intermediate_size = 16\nn_group = 4\n"    \
    "topk_group = 2\nnorm_topk_prob = true\nrouted_scaling_factor = 1.5\nnum_nextn_predict_layers = 1\n"                \
    "max_position_embeddings = 32\ntie_word_embeddings = true\n"
#define DATA "[tokenizer]\nvocab = 512\n[data]\nsource = a weight=3 x\nsource = b weight=1 x\nval = v x\n"
#define TRAIN                                                                                                         \
    "[train]\nseq_len = 32\nbatch_tokens = 256\nmicro_batch = 4\nlr = 5e-3\nwarmup = 5\nsteps = 20\neval_every = 10\n" \
    "eval_windows = 5\ncheckpoint_every = 2\n[out]\n"

static const char *in_folder(const char *name)
{
    static char path[4][200];
    static int at;
    at = (at + 1) % 4;
    snprintf(path[at], sizeof path[at], "%s/%s", folder, name);
    return path[at];
}

/* Documents of a simple language: a random start, then each token follows from the last one and the document. */
static void make_shard(const char *name, uint64_t seed, int docs)
{
    struct err e;
    struct shard_writer *w;
    char hash[65] = "0000000000000000000000000000000000000000000000000000000000000000";
    CHECK_OK(shard_writer_open(&w, in_folder(name), VOCAB, hash, &e), &e);
    for (int d = 0; d < docs; d++) {
        int32_t ids[80];
        size_t n = 8 + rng_below(seed, 1, (uint64_t)d, 60);
        int32_t step = 1 + (int32_t)rng_below(seed, 2, (uint64_t)d, 5);
        ids[0] = 0;
        for (size_t i = 1; i + 1 < n; i++)
            ids[i] = i == 1 ? 2 + (int32_t)rng_below(seed, 3, (uint64_t)d, 62) : 2 + (ids[i - 1] - 2 + step) % 62;
        ids[n - 1] = 1;
        CHECK_OK(shard_writer_doc(w, ids, n, &e), &e);
    }
    CHECK_OK(shard_writer_commit(w, &e), &e);
}

static void open_corpus(struct corpus *c, int seq_len)
{
    struct err e;
    memset(c, 0, sizeof *c);
    CHECK_OK(loader_init(&c->data, 1, seq_len, &e), &e);
    CHECK_OK(loader_init(&c->val, 1, seq_len, &e), &e);
    CHECK_OK(loader_add(&c->data, in_folder("a.tok"), "a", 3, &e), &e);
    CHECK_OK(loader_add(&c->data, in_folder("b.tok"), "b", 1, &e), &e);
    CHECK_OK(loader_add(&c->val, in_folder("v.tok"), "v", 1, &e), &e);
    CHECK_OK(corpus_hash(c, &e), &e);
}

static struct recipe *recipe_of(const char *extra)
{
    struct err e;
    char text[4000];
    struct recipe *r = mem_alloc(sizeof *r);
    snprintf(text, sizeof text, "%s%s%s%s", MODEL, DATA, TRAIN, extra);
    CHECK_OK(recipe_parse(r, text, strlen(text), "test.recipe", ".", &e), &e);
    return r;
}

static void drop_recipe(struct recipe *r)
{
    recipe_free(r);
    mem_free(r);
}

static void open_trainer(struct trainer *t, const struct recipe *r, const struct corpus *c, struct config *config,
                         struct pool *pool)
{
    struct err e;
    CHECK_OK(train_config(config, r, c, &e), &e);
    struct trainer_options o = {r, config, &c->data, &c->val, NULL, &ks, pool};
    CHECK_OK(trainer_open(t, &o, &e), &e);
}

/* ---- Recipes ---- */

static void expect_refused(const char *text, const char *wanted)
{
    struct err e = {0};
    struct recipe *r = mem_alloc(sizeof *r);
    int rc = recipe_parse(r, text, strlen(text), "r.recipe", ".", &e);
    CHECK(rc != 0 && strstr(e.msg, wanted), "recipe \"%.40s\": rc %d, message \"%s\", expected \"%s\"", text, rc, e.msg, wanted);
    if (!rc) recipe_free(r);
    mem_free(r);
}

static void check_recipe(void)
{
    struct err e = {0};
    expect_refused("[train]\nlernrate = 1\n", "r.recipe:2: unknown key");
    expect_refused("[train]\nwarmupp = 1\n", "\"warmup\"");
    expect_refused("[train]\nvocab = 300\n", "belongs under [tokenizer]");
    expect_refused("[train]\nlr = -1\n", "expected 0 to 10");
    expect_refused("[train]\nlr = nan\n", "number");
    expect_refused("[train]\nlr = 1\nlr = 1\n", "given twice");
    expect_refused("[train]\nsteps = 10x\n", "integer");
    expect_refused("[model]\nhidden_size = 8\nmodel_type = llama\n", "must be the first key of [model], before \"hidden_size\"");
    expect_refused("[model]\nmodel_type = mamba\n", "\"llama\", ");
    expect_refused("[model]\nmodel_type = llama\nkv_lora_rank = 16\n", "unknown key");
    expect_refused("[model]\nmodel_type = llama\nrope_scaling.rope_type = longrope\n", "default, linear, yarn or llama3");
    expect_refused("[trian]\n", "unknown section");
    expect_refused("steps = 10\n", "before the first section");
    expect_refused("[data]\nsource = a weigth=2 x\n", "weigth=2");
    expect_refused("[data]\nsource = a\n", "INPUT");
    expect_refused("[data]\nsource = a x\nsource = a y\n", "taken");
    expect_refused("[data]\nsource = a x\n[train]\nbatch_tokens = 1000\n", "multiple");
    expect_refused("[train]\nsteps = 10\n", "no source");
    struct recipe *r = recipe_of("# a comment\n"), *again = mem_alloc(sizeof *again);
    struct buf one = {0}, two = {0};
    recipe_print(r, &one);
    CHECK_OK(recipe_parse(again, one.data, one.len, "again", ".", &e), &e);
    recipe_print(again, &two);
    CHECK(one.len == two.len && !memcmp(one.data, two.data, one.len), "printed and read again: %zu and %zu bytes", one.len,
          two.len);
    CHECK_OK(recipe_same(r, two.data, &e), &e);
    r->steps = 40; /* may change */
    CHECK_OK(recipe_same(r, two.data, &e), &e);
    r->lr = 1e-3; /* must not */
    CHECK(recipe_same(r, two.data, &e) == ERR_USAGE && strstr(e.msg, "[train] lr"), "%s", e.msg);
    r->lr = again->lr;
    r->model.heads = 4;
    CHECK(recipe_same(r, two.data, &e) == ERR_USAGE && strstr(e.msg, "num_attention_heads"), "%s", e.msg);
    drop_recipe(again);
    drop_recipe(r);
    buf_free(&one);
    buf_free(&two);
}

static void check_schedule(void)
{
    struct schedule s = {1.0, 0.1, 100, 10, 0.5};
    CHECK(fabs(schedule_rate(&s, 0) - 0.1) < 1e-12, "%g", schedule_rate(&s, 0));
    CHECK(schedule_rate(&s, 10) == 1.0 && schedule_rate(&s, 50) == 1.0, "%g %g", schedule_rate(&s, 10), schedule_rate(&s, 50));
    CHECK(fabs(schedule_rate(&s, 75) - 0.55) < 1e-12, "%g", schedule_rate(&s, 75));
    CHECK(fabs(schedule_rate(&s, 99) - 0.118) < 1e-12, "%g", schedule_rate(&s, 99));
}

/* ---- Optimiser ---- */

/* One number by the formulas of the paper, in double. */
static void check_adamw(void)
{
    double w = 0.5, m = 0, v = 0, b1 = 0.9, b2 = 0.95, lr = 0.1, wd = 0.1, eps = 1e-8;
    float fw = 0.5f, fm = 0, fv = 0;
    for (int t = 1; t <= 20; t++) {
        double g = sin(t) * 2;
        struct adamw_args a = {
            (float)lr, (float)b1, (float)b2, (float)eps, (float)wd, (float)(1 - pow(b1, t)), (float)(1 - pow(b2, t)), 0.5f};
        float fg = (float)g;
        ks.adamw(&fw, &fm, &fv, &fg, 1, &a);
        g *= 0.5;
        m = b1 * m + (1 - b1) * g;
        v = b2 * v + (1 - b2) * g * g;
        w = w - lr * wd * w - lr * (m / (1 - pow(b1, t))) / (sqrt(v / (1 - pow(b2, t))) + eps);
    }
    CHECK(fabs(w - (double)fw) < 1e-5, "AdamW: %.8f, expected %.8f", (double)fw, w);
    float bias[4] = {0};
    struct tensor b = {.nd = 1, .ne = {4}, .ld = 4, .data = bias};
    optim_move_bias(&b, (const int64_t[]){10, 0, 5, 5}, 0.25);
    CHECK(bias[0] == -0.25f && bias[1] == 0.25f && bias[2] == 0 && bias[3] == 0, "bias %g %g %g %g", bias[0], bias[1],
          bias[2], bias[3]);
}

/* ---- Steps ---- */

/* Weights after `steps` steps. */
static void train_hash(char hash[65], const char *extra, int threads, int steps, double *first, double *last)
{
    struct err e;
    struct recipe *r = recipe_of(extra);
    struct corpus c;
    struct config config;
    struct trainer t;
    struct pool *pool;
    struct step_stats s = {0};
    CHECK_OK(pool_open(&pool, threads, &e), &e);
    open_corpus(&c, SEQ);
    open_trainer(&t, r, &c, &config, pool);
    for (int i = 0; i < steps; i++) {
        CHECK_OK(trainer_step(&t, &s, &e), &e);
        if (i == 0 && first) *first = s.loss;
    }
    if (last) *last = s.loss;
    CHECK(t.run.mem.peak == t.size.mem, "step memory: measured %zu, used %zu", t.size.mem, t.run.mem.peak);
    CHECK(t.run.meta.peak == t.size.meta, "headers: measured %zu, used %zu", t.size.meta, t.run.meta.peak);
    CHECK_OK(train_weights_hash(&t.net, hash, &e), &e);
    trainer_close(&t);
    corpus_close(&c);
    pool_close(pool);
    drop_recipe(r);
}

static void check_steps(void)
{
    char one[65], other[65];
    double first, last, half;
    train_hash(one, "", 1, 20, &first, &last);
    CHECK(first > 0.9 * log(VOCAB) && first < 1.1 * log(VOCAB), "first loss %.4f, expected about log V = %.4f", first,
          log(VOCAB));
    CHECK(last < 0.85 * first, "loss %.4f after 20 steps, began at %.4f", last, first);
    for (int threads = 2; threads <= 3; threads++) {
        train_hash(other, "", threads, 20, NULL, NULL);
        CHECK(!strcmp(one, other), "%d threads: other weights than 1 thread", threads);
    }
    train_hash(other, "[train]\nrecompute = true\n", 1, 20, NULL, NULL);
    CHECK(!strcmp(one, other), "recomputation changed the weights");
    train_hash(other, "[train]\ncompute = bf16\n", 1, 20, NULL, &half);
    CHECK(strcmp(one, other) != 0 && fabs(half - last) < 0.1, "bf16: loss %.4f, f32 %.4f", half, last);
}

/* One step with micro-batches of 4 windows and of 8: the same gradient up to rounding. */
static void check_accumulation(void)
{
    struct err e;
    struct corpus c;
    struct config config;
    struct step_stats s[2];
    double norm = 0, diff = 0;
    struct trainer t[2];
    struct recipe *r[2] = {recipe_of(""), recipe_of("")};
    r[1]->micro_batch = 8;
    open_corpus(&c, SEQ);
    for (int i = 0; i < 2; i++) {
        open_trainer(&t[i], r[i], &c, &config, NULL);
        CHECK_OK(trainer_step(&t[i], &s[i], &e), &e);
    }
    CHECK(fabs(s[0].loss - s[1].loss) < 1e-5 && fabs(s[0].mtp_loss - s[1].mtp_loss) < 1e-5,
          "losses %.7f and %.7f, MTP %.7f and %.7f", s[0].loss, s[1].loss, s[0].mtp_loss, s[1].mtp_loss);
    const float *a = (const float *)(void *)t[0].net.grads.base, *b = (const float *)(void *)t[1].net.grads.base;
    for (size_t i = 0; i < t[0].net.grads.used / sizeof(float); i++) {
        norm += (double)a[i] * a[i];
        diff += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    }
    CHECK(sqrt(diff / norm) < 1e-5, "gradients differ by %g", sqrt(diff / norm));
    CHECK(fabs(sqrt(norm) - s[0].grad_norm) < 1e-4 * s[0].grad_norm, "norm %g, reported %g", sqrt(norm), s[0].grad_norm);
    for (int i = 0; i < 2; i++) {
        trainer_close(&t[i]);
        drop_recipe(r[i]);
    }
    corpus_close(&c);
}

/* One document again and again: the network must know it by heart. */
static void check_overfit(void)
{
    struct err e;
    struct shard_writer *w;
    char hash[65] = "0000000000000000000000000000000000000000000000000000000000000000";
    int32_t ids[33] = {0};
    for (int i = 1; i < 32; i++) ids[i] = 2 + (int32_t)rng_below(9, 9, (uint64_t)i, 62);
    ids[32] = 1;
    CHECK_OK(shard_writer_open(&w, in_folder("one.tok"), VOCAB, hash, &e), &e);
    CHECK_OK(shard_writer_doc(w, ids, 33, &e), &e);
    CHECK_OK(shard_writer_doc(w, ids, 33, &e), &e);
    CHECK_OK(shard_writer_commit(w, &e), &e);
    struct recipe *r = recipe_of("");
    struct corpus c = {0};
    struct config config;
    struct trainer t;
    struct step_stats s = {0};
    r->batch_tokens = 128;
    r->lr = 1e-2;
    r->steps = 120;
    CHECK_OK(loader_init(&c.data, 1, SEQ, &e), &e);
    CHECK_OK(loader_add(&c.data, in_folder("one.tok"), "one", 1, &e), &e);
    open_trainer(&t, r, &c, &config, NULL);
    for (int i = 0; i < 120; i++) CHECK_OK(trainer_step(&t, &s, &e), &e);
    CHECK(s.loss < 0.1, "loss %.4f on the one sentence", s.loss);
    trainer_close(&t);
    corpus_close(&c);
    drop_recipe(r);
}

/* The same recipe with another architecture; the first key tells which. */
#define GQA "hidden_size = 32\nnum_hidden_layers = 2\nnum_attention_heads = 4\nnum_key_value_heads = 2\nhead_dim = 12\n" \
            "intermediate_size = 48\nmax_position_embeddings = 32\ntie_word_embeddings = true\n"
static const struct {
    const char *name, *model;
} architectures[] = {
    {"llama", GQA "rope_scaling.rope_type = llama3\nrope_scaling.factor = 4\n"
                  "rope_scaling.original_max_position_embeddings = 16\n"},
    {"mistral", GQA "sliding_window = 8\n"},
    {"ministral3", GQA "rope_scaling.rope_type = yarn\nrope_scaling.factor = 2\nrope_scaling.mscale = 1\n"
                       "rope_scaling.mscale_all_dim = 1\nrope_scaling.original_max_position_embeddings = 8\n"
                       "rope_scaling.llama_4_scaling_beta = 0.2\n"},
    {"smollm3", GQA "no_rope_layer_interval = 4\n"},
    {"qwen2", GQA},
    {"qwen3", GQA},
    {"qwen3_moe", GQA "num_experts = 6\nnum_experts_per_tok = 2\nmoe_intermediate_size = 16\nnorm_topk_prob = true\n"},
    {"gemma3_text", GQA "sliding_window = 8\nsliding_window_pattern = 2\n"},
    {"deepseek_v2", "hidden_size = 32\nnum_hidden_layers = 2\nnum_attention_heads = 2\nkv_lora_rank = 16\nqk_nope_head_dim = 16\n"
                    "qk_rope_head_dim = 8\nv_head_dim = 16\nfirst_k_dense_replace = 1\nintermediate_size = 64\n"
                    "n_routed_experts = 8\nnum_experts_per_tok = 2\nn_shared_experts = 1\nmoe_intermediate_size = 16\n"
                    "n_group = 4\ntopk_group = 2\nmax_position_embeddings = 32\n"},
};

static void check_architecture(const char *name, const char *model)
{
    struct err e;
    struct corpus c;
    struct config config;
    struct trainer t;
    struct step_stats s = {0};
    struct recipe *r = mem_alloc(sizeof *r);
    struct net net;
    struct load_options plain = {.ks = &ks, .plain = true};
    char text[4000];
    double first = 0;
    snprintf(text, sizeof text, "[model]\nmodel_type = %s\n%s%s%s", name, model, DATA, TRAIN);
    CHECK_OK(recipe_parse(r, text, strlen(text), "test.recipe", ".", &e), &e);
    open_corpus(&c, SEQ);
    open_trainer(&t, r, &c, &config, NULL);
    for (int i = 0; i < 20; i++) {
        CHECK_OK(trainer_step(&t, &s, &e), &e);
        if (i == 0) first = s.loss;
    }
    CHECK(first > 0.9 * log(VOCAB) && first < 1.1 * log(VOCAB) && s.loss < 0.9 * first,
          "%s: loss %.4f after 20 steps, began at %.4f", name, s.loss, first);
    CHECK_OK(net_save_folder(&t.net, in_folder("arch"), DT_F32, &e), &e);
    CHECK_OK(load_net(&net, in_folder("arch"), &plain, &e), &e);
    CHECK(net.weights.used == t.net.weights.used, "%s: another size after saving", name);
    net_free(&net);
    CHECK_OK(net_save_gguf(&t.net, in_folder("arch.gguf"), DT_F32, NULL, NULL, &e), &e);
    CHECK_OK(load_net(&net, in_folder("arch.gguf"), &plain, &e), &e);
    CHECK(net.weights.used == t.net.weights.used, "%s: another size after saving", name);
    net_free(&net);
    trainer_close(&t);
    corpus_close(&c);
    drop_recipe(r);
}

/* A NaN is an error that says where it came from. */
static void check_nan(const char *param, const char *wanted)
{
    struct err e = {0};
    struct recipe *r = recipe_of("");
    struct corpus c;
    struct config config;
    struct trainer t;
    struct step_stats s;
    open_corpus(&c, SEQ);
    open_trainer(&t, r, &c, &config, NULL);
    struct param *p = NULL;
    for (int i = 0; i < t.net.n_params; i++)
        if (!strcmp(t.net.params[i].hf_name, param)) p = &t.net.params[i];
    CHECK(p != NULL, "no parameter %s", param);
    if (p) tensor_f32(&p->t)[3] = NAN;
    int rc = trainer_step(&t, &s, &e);
    CHECK(rc == ERR_NUMERIC && strstr(e.msg, param) && strstr(e.msg, wanted) && strstr(e.msg, "step 1"), "rc %d: %s", rc, e.msg);
    trainer_close(&t);
    corpus_close(&c);
    drop_recipe(r);
}

/* ---- Runs ---- */

static int run_in(const char *run, int64_t stop_after, bool resume, struct train_result *res, struct err *e)
{
    struct recipe *r = recipe_of("model = none\ngguf = none\n");
    struct corpus c;
    open_corpus(&c, SEQ);
    CHECK_OK(file_mkdirs(run, e), e);
    struct train_options o = {
        .recipe = r, .corpus = &c, .ks = &ks, .run = run, .quiet = true, .resume = resume, .stop_after = stop_after};
    int rc = train_run(res, &o, e);
    corpus_close(&c);
    drop_recipe(r);
    return rc;
}

/* Lines of metrics.jsonl that report a step; false when a step occurs twice or is missing. */
static bool metrics_whole(const char *run, int64_t steps)
{
    struct err e;
    char path[300], *text;
    size_t len;
    int64_t next = 1;
    snprintf(path, sizeof path, "%s/metrics.jsonl", run);
    if (file_read(&text, &len, path, 1 << 24, &e)) return false;
    for (char *p = text; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL) {
        if (strncmp(p, "{\"step\":", 8) != 0 || strstr(p, ",\"val\"") == strchr(p, ',')) continue;
        if (strtoll(p + 8, NULL, 10) != next++) break;
    }
    mem_free(text);
    return next == steps + 1;
}

static char reference[65];

static void check_resume(void)
{
    struct err e = {0};
    struct train_result res;
    CHECK_OK(run_in(in_folder("whole"), 0, false, &res, &e), &e);
    CHECK(res.finished && res.step == 20 && res.n_vals == 1 && res.vals[0].loss > 0, "step %lld", (long long)res.step);
    memcpy(reference, res.weights_hash, sizeof reference);
    CHECK(run_in(in_folder("whole"), 0, false, &res, &e) == ERR_USAGE, "a second run in the same folder was not refused");
    CHECK_OK(run_in(in_folder("parts"), 7, false, &res, &e), &e);
    CHECK(!res.finished && res.step == 7, "step %lld", (long long)res.step);
    CHECK_OK(run_in(in_folder("parts"), 5, true, &res, &e), &e);
    CHECK_OK(run_in(in_folder("parts"), 0, true, &res, &e), &e);
    CHECK(res.finished && !strcmp(res.weights_hash, reference), "resumed twice: weights %.16s, uninterrupted %.16s",
          res.weights_hash, reference);
    CHECK(metrics_whole(in_folder("parts"), 20), "metrics.jsonl of the resumed run is not one line per step");
}

static void flip_byte(const char *path)
{
    struct err e;
    char *data;
    size_t len;
    CHECK_OK(file_read(&data, &len, path, 1 << 26, &e), &e);
    data[len * 3 / 4] ^= 4;
    CHECK_OK(file_replace(path, data, len, &e), &e);
    mem_free(data);
}

/* Damage to the newest checkpoint: the one before is used, and the end is the same. Damage to both: an error. */
static void check_damage(void)
{
    static const char *const files[] = {"model.safetensors", "optimizer.safetensors", "state.json", "SHA256SUMS"};
    struct err e = {0};
    struct train_result res;
    char path[200];
    for (size_t i = 0; i < 4; i++) {
        char run[100];
        snprintf(run, sizeof run, "%s/damage%zu", folder, i);
        CHECK_OK(run_in(run, 8, false, &res, &e), &e);
        snprintf(path, sizeof path, "%s/checkpoint-8/%s", run, files[i]);
        flip_byte(path);
        int rc = run_in(run, 0, true, &res, &e);
        CHECK(rc == 0 && !strcmp(res.weights_hash, reference), "%s damaged: rc %d, %s", files[i], rc,
              rc ? e.msg : res.weights_hash);
    }
    CHECK_OK(run_in(in_folder("both"), 8, false, &res, &e), &e);
    flip_byte(in_folder("both/checkpoint-8/model.safetensors"));
    flip_byte(in_folder("both/checkpoint-6/optimizer.safetensors"));
    int rc = run_in(in_folder("both"), 0, true, &res, &e);
    CHECK(rc == ERR_INTEGRITY && strstr(e.msg, "SHA-256"), "both damaged: rc %d, %s", rc, e.msg);
}

/* A child trains; SIGKILL after a random time; again until it is done. */
static void kill_round(int number, double seconds, int *kills)
{
    char run[100], hash[65] = "";
    struct err e = {0};
    snprintf(run, sizeof run, "%s/kill%d", folder, number);
    for (uint64_t life = 0; life < 200; life++) {
        pid_t pid = fork();
        if (pid == 0) {
            struct train_result res;
            int rc = run_in(run, 0, true, &res, &e);
            if (!rc) {
                char out[200];
                snprintf(out, sizeof out, "%s/hash", run);
                rc = file_replace(out, res.weights_hash, 64, &e);
            }
            if (rc) fprintf(stderr, "%s\n", e.msg);
            _exit(rc ? 1 : 0);
        }
        /* The first life ends in the first half of the time that a whole run takes on this machine, later ones later. */
        uint64_t us = rng_below(7, (uint64_t)number, life, 1000 + (uint64_t)(5e5 * seconds) * (life + 1));
        int status;
        for (uint64_t waited = 0; waited < us && waitpid(pid, &status, WNOHANG) == 0; waited += 2000)
            nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
        if (kill(pid, 0) != 0) goto ended; /* already reaped */
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
    ended:
        if (WIFEXITED(status)) {
            CHECK(WEXITSTATUS(status) == 0, "round %d, life %d: exit status %d", number, (int)life, WEXITSTATUS(status));
            break;
        }
        ++*kills;
    }
    snprintf(run + strlen(run), sizeof run - strlen(run), "/hash");
    char *text;
    size_t len;
    if (!file_read(&text, &len, run, 64, &e)) {
        memcpy(hash, text, len);
        hash[len] = 0;
        mem_free(text);
    }
    CHECK(!strcmp(hash, reference), "round %d: weights %.16s, uninterrupted %.16s", number, hash, reference);
}

static void check_kill(void)
{
    int kills = 0;
    struct err e = {0};
    struct train_result res;
    double t0 = clock_seconds();
    CHECK_OK(run_in(in_folder("unharmed"), 0, false, &res, &e), &e);
    double seconds = clock_seconds() - t0;
    int rounds = 0;
    while (rounds < 10 || (kills < 10 && rounds < 40)) {
        int before = kills;
        kill_round(rounds++, seconds, &kills);
        if (kills == before) seconds /= 2; /* the run that was timed may have been held up */
    }
    CHECK(kills >= 10, "only %d kills in %d rounds: the test did not test", kills, rounds);
    fprintf(stderr, "%d kills in %d rounds\n", kills, rounds);
}

/* ---- From text to an exported model ---- */

static void count_call(void *ctx, const char *what, uint64_t done, uint64_t total)
{
    (void)what;
    (void)done;
    (void)total;
    ++*(int *)ctx;
}

/* Opens the corpus of a recipe; *calls: how often progress was reported, 0 when all was there already. */
static int open_text(struct corpus *c, const char *vocab, int *calls, struct recipe *r, struct err *e)
{
    char text[2000];
    snprintf(text, sizeof text,
             "%s[tokenizer]\nvocab = %s\nmegabytes = 0.1\n[data]\nholdout = 10\n"
             "source = stories weight=3 epochs=0.25 generate:stories?seed=1&count=300\n"
             "source = chats weight=1 generate:dialogues?seed=1&count=150\nval = other generate:stories?seed=2&count=30\n"
             "[train]\nseq_len = 32\nbatch_tokens = 2048\nmicro_batch = 8\nsteps = 20\neval_windows = 2\nsample_tokens = 5\n"
             "prompt = Once upon a time\n", MODEL, vocab);
    TRY(recipe_parse(r, text, strlen(text), "text.recipe", ".", e));
    *calls = 0;
    struct corpus_options o = {.recipe = r, .run = in_folder("text"), .progress = count_call, .progress_ctx = calls};
    return corpus_open(c, &o, e);
}

/* The tokenizer of an exported model gives the ids of the corpus'. */
static void check_tokenizer(const struct tokenizer *want, const char *model)
{
    static const char text[] = "Once upon a time, 12 little caf\xc3\xa9s <|x|>\n\xff";
    struct err e = {0};
    struct tokenizer *got;
    struct tokens a = {0}, b = {0};
    CHECK_OK(model_tokenizer_at(&got, model, &e), &e);
    CHECK_OK(tokenizer_encode(want, text, sizeof text - 1, &a, &e), &e);
    if (got) CHECK_OK(tokenizer_encode(got, text, sizeof text - 1, &b, &e), &e);
    CHECK(a.n > 0 && a.n == b.n && !memcmp(a.ids, b.ids, a.n * sizeof *a.ids), "%s: %zu ids, expected %zu", model, b.n, a.n);
    CHECK(got && tokenizer_bos(got) == tokenizer_bos(want) && tokenizer_eos(got) == tokenizer_eos(want), "%s: BOS or EOS",
          model);
    tokens_free(&a);
    tokens_free(&b);
    tokenizer_free(got);
}

static void check_text_run(void)
{
    struct err e = {0};
    struct corpus c;
    struct train_result res;
    struct recipe *r = mem_alloc(sizeof *r);
    int calls;
    CHECK_OK(file_mkdirs(in_folder("text"), &e), &e);
    CHECK_OK(open_text(&c, "420", &calls, r, &e), &e);
    CHECK(calls > 0 && tokenizer_vocab(c.tok) == 420 && c.data.n_sources == 2 && c.val.n_sources == 3, "%d calls, %d tokens",
          calls, tokenizer_vocab(c.tok));
    double all = c.data.sources[0].weight + c.data.sources[1].weight;
    double passes = 20 * 2048 * c.data.sources[0].weight / all / (double)c.data.sources[0].shard.n_tokens;
    CHECK(passes < 0.2501, "%.4f passes over stories, the recipe allows 0.25", passes);
    struct train_options o = {.recipe = r, .corpus = &c, .ks = &ks, .run = in_folder("text"), .quiet = true};
    CHECK_OK(train_run(&res, &o, &e), &e);
    CHECK(res.finished && res.n_vals == 3 && res.vals[0].bits_per_byte > 0.5 && res.vals[0].bits_per_byte < 8, "bits per byte %g",
          res.vals[0].bits_per_byte);
    check_tokenizer(c.tok, in_folder("text/model.gguf"));
    check_tokenizer(c.tok, in_folder("text/model"));
    CHECK(!file_absent(in_folder("text/samples.txt")) && !file_absent(in_folder("text/model/config.json")),
          "an output is missing");
    char hash[65];
    memcpy(hash, c.data_hash, sizeof hash);
    corpus_close(&c);
    recipe_free(r);
    CHECK_OK(open_text(&c, "420", &calls, r, &e), &e);
    CHECK(calls == 0 && !strcmp(hash, c.data_hash), "%d calls: the corpus was made again", calls);
    corpus_close(&c);
    recipe_free(r);
    CHECK_OK(open_text(&c, "430", &calls, r, &e), &e);
    CHECK(calls > 0 && tokenizer_vocab(c.tok) == 430, "%d calls: the old corpus was used for another recipe", calls);
    corpus_close(&c);
    drop_recipe(r);
}

int main(void)
{
    /* Hundreds of syncs, and SIGKILL loses nothing that was written: memory will do. */
    snprintf(folder, sizeof folder, "%s/autarky-train-XXXXXX", file_is_dir("/dev/shm") ? "/dev/shm" : "/tmp");
    if (!mkdtemp(folder)) return EXIT_FAILURE;
    kernels_init(&ks, kernels_max_level());
    make_shard("a.tok", 1, 200);
    make_shard("b.tok", 2, 50);
    make_shard("v.tok", 3, 20);
    check_recipe();
    check_schedule();
    check_adamw();
    check_steps();
    check_accumulation();
    check_overfit();
    for (size_t i = 0; i < ARRAY_LEN(architectures); i++) check_architecture(architectures[i].name, architectures[i].model);
    check_nan("model.layers.1.self_attn.o_proj.weight", "operation linear in layer 1");
    check_nan("model.embed_tokens.weight", "operation embed");
    check_resume();
    check_damage();
    check_kill();
    check_text_run();
    dir_remove_tree(folder, NULL);
    return test_end();
}
