/* Training: it learns, a step is a pure function of the state, memory is what was measured, every family is trained and saved
 * without losing a bit. */
#include "load_net.h"
#include <math.h>
#include "model/arch.h"
#include "train/checkpoint.h"
#include "train/report.h"
#include "train/schedule.h"
#include "train/space.h"
#include "tests/train_fixture.h"

static void open_trainer(struct trainer *t, const struct recipe *r, const struct corpus *c, struct config *config,
                         struct pool *pool)
{
    struct err e;
    CHECK_OK(train_config(config, r, c, &e), &e);
    struct trainer_options o = {r, config, &c->data, &c->val, NULL, &ks, pool};
    CHECK_OK(trainer_open(t, &o, &e), &e);
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

/* Loads the saved network and compares it with the one in memory. Rows that a file holds in another order, and norms that it
 * holds less one, are not the same bits: for these the size and the sum of all numbers must do. */
static void check_saved(const struct trainer *t, const char *path, const char *name, bool same_bits)
{
    struct err e;
    struct net net;
    struct load_options plain = {.ks = &ks, .plain = true};
    char was[65] = "a", is[65] = "b";
    double sum = 0, sum2 = 0;
    CHECK_OK(load_net(&net, path, &plain, &e), &e);
    CHECK(net.weights.used == t->net.weights.used, "%s: another size after saving", name);
    CHECK_OK(train_weights_hash(&t->net, was, &e), &e);
    CHECK_OK(train_weights_hash(&net, is, &e), &e);
    for (int i = 0; i < net.n_params; i++)
        for (int64_t k = 0; k < tensor_count(&net.params[i].t); k++) {
            sum += fabs((double)tensor_f32(&t->net.params[i].t)[k]);
            sum2 += fabs((double)tensor_f32(&net.params[i].t)[k]);
        }
    if (same_bits) CHECK(!strcmp(was, is), "%s: other bits after saving to %s", name, path);
    CHECK(fabs(sum - sum2) < 1e-6 * sum, "%s: %.9g in %s, %.9g in memory", name, sum2, path, sum);
    net_free(&net);
}

static void check_architecture(const char *name, const char *model)
{
    struct err e;
    struct corpus c;
    struct config config;
    struct trainer t;
    struct step_stats s = {0};
    char text[1000];
    double first = 0;
    snprintf(text, sizeof text, "[model]\nmodel_type = %s\n%s", name, model);
    struct recipe *r = recipe_with(text, "");
    open_corpus(&c, SEQ);
    open_trainer(&t, r, &c, &config, NULL);
    for (int i = 0; i < 20; i++) {
        CHECK_OK(trainer_step(&t, &s, &e), &e);
        if (i == 0) first = s.loss;
    }
    CHECK(first > 0.9 * log(VOCAB) && first < 1.1 * log(VOCAB) && s.loss < 0.9 * first,
          "%s: loss %.4f after 20 steps, began at %.4f", name, s.loss, first);
    const struct arch *a = config.arch;
    CHECK_OK(net_save_folder(&t.net, in_folder("arch"), DT_F32, &e), &e);
    check_saved(&t, in_folder("arch"), name, !a->norm_plus_one);
    CHECK_OK(net_save_gguf(&t.net, in_folder("arch.gguf"), DT_F32, NULL, NULL, &e), &e);
    check_saved(&t, in_folder("arch.gguf"), name, a->interleaved == a->gguf_interleaved);
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

/* What a run needs on the disk is what it writes, and too little is refused before the first step. */
static void check_space(void)
{
    struct err e = {0};
    struct recipe *r = recipe_of("");
    struct corpus c;
    struct config config;
    struct trainer t;
    uint64_t kept, bytes = 0;
    open_corpus(&c, SEQ);
    r->checkpoint_keep = 3;
    open_trainer(&t, r, &c, &config, NULL);
    struct train_state state = {.recipe = (char *)(uintptr_t)"x"};
    CHECK_OK(file_mkdirs(in_folder("space"), &e), &e);
    CHECK_OK(checkpoint_save(&t, in_folder("space"), &state, NULL, 3, &e), &e);
    static const char *const files[] = {"model.safetensors", "optimizer.safetensors", "state.json", "SHA256SUMS", "config.json"};
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        char path[200];
        snprintf(path, sizeof path, "%s/checkpoint-0/%s", in_folder("space"), files[i]);
        bytes += file_look(path, false).size;
    }
    uint64_t one = space_checkpoint(&t);
    CHECK(bytes > 100000 && bytes <= one && one < bytes + (2 << 20), "a checkpoint of %llu bytes, counted as %llu",
          (unsigned long long)bytes, (unsigned long long)one);
    CHECK(space_needed(&t, &kept) == 4 * one + space_exports(&t) && kept == 3, "%d kept", (int)kept);
    CHECK_OK(space_check(&t, in_folder("space"), &e), &e);
    CHECK(space_check(&t, "/proc/self", &e) == ERR_IO && strstr(e.msg, "checkpoint_keep"), "%s", e.msg); /* it has no room */
    trainer_close(&t);
    corpus_close(&c);
    drop_recipe(r);
}

/* The loss of 60 steps, all the same; was anything warned of? */
static bool warns(double loss, int64_t warmup, int steps)
{
    struct report r = {.quiet = true, .guess = log(VOCAB), .warmup = warmup, .steps = steps};
    struct trainer t = {0};
    struct err e = {0};
    r.metrics = mem_strdup(in_folder("watch.jsonl"));
    r.samples = mem_strdup(in_folder("watch.txt"));
    for (int i = 1; i <= steps; i++) {
        struct step_stats s = {.step = i, .loss = loss, .tokens = 1};
        CHECK_OK(report_step(&r, &t, &s, i, 0.1, &e), &e);
    }
    bool said = r.guess == 0;
    report_close(&r);
    return said;
}

static void check_watch(void)
{
    CHECK(warns(log(VOCAB) + 0.2, 0, 60), "a loss that stays above a uniform guess is not told");
    CHECK(!warns(log(VOCAB) - 0.2, 0, 60), "a warning without a cause");
    CHECK(!warns(log(VOCAB) + 0.2, 40, 60), "a warning while the rate rises");
    CHECK(!warns(log(VOCAB) + 0.2, 0, 3), "a warning after 3 steps");
}

int main(void)
{
    if (!fixture_open("autarky-train")) return EXIT_FAILURE;
    check_schedule();
    check_adamw();
    check_steps();
    check_accumulation();
    check_overfit();
    for (size_t i = 0; i < ARRAY_LEN(architectures); i++) check_architecture(architectures[i].name, architectures[i].model);
    check_nan("model.layers.1.self_attn.o_proj.weight", "operation linear in layer 1");
    check_nan("model.embed_tokens.weight", "operation embed");
    check_space();
    check_watch();
    dir_remove_tree(folder, NULL);
    return test_end();
}
