/* Models written anew: containers, number formats, importance, comparison, and what files say about generating. */
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/log.h"
#include "chat/chat.h"
#include "infer/engine.h"
#include "infer/sample.h"
#include "model/arch.h"
#include "model/generation.h"
#include "model/vocab.h"
#include "quant/collect.h"
#include "quant/compare.h"
#include "quant/convert.h"
#include "sys/dir.h"
#include "sys/file.h"
#include "tests/folder.h"
#include "tests/model_fixture.h"


static const char *model_path(const char *model)
{
    static char paths[4][PATH_CAP];
    static int k;
    char *out = paths[k++ % 4];
    snprintf(out, PATH_CAP, ROOT "/%s", model);
    return out;
}

/* ---- containers ---- */

static int to_gguf(const char *in, const char *out, const char *mix, const struct imatrix *im, struct convert_result *r,
                   struct err *e)
{
    struct mix m;
    struct convert_options o = {
        .in = in, .out = out, .importance_file = "test", .write = {.importance = im, .measure = true}};
    if (mix && mix_by_name(mix, &m)) o.mix = &m;
    return convert_to_gguf(&o, r, e);
}

static int to_folder(const char *in, const char *out, enum dtype type, uint64_t shard, struct convert_result *r,
                     struct err *e)
{
    struct convert_options o = {.in = in, .out = out, .type = type, .shard = shard};
    return convert_to_folder(&o, r, e);
}

/* Both files compute the same logits: but for rounding, since rows of heads that are rotated stand in another order. */
static void check_same(const char *a, const char *b, const struct sample *s)
{
    struct load_options o = {.ks = &ks};
    float *x = logits_of(a, &o, s), *y = logits_of(b, &o, s);
    double worst = x && y ? 0 : 1, top = 1e-30;
    for (int64_t i = 0; i < s->n * s->vocab && x && y; i++) {
        worst = fmax(worst, fabs((double)x[i] - (double)y[i]));
        top = fmax(top, fabs((double)x[i]));
    }
    CHECK(worst <= 1e-5 * top, "%s and %s differ by %g of %g", a, b, worst, top);
    mem_free(x);
    mem_free(y);
}

/* Folder to GGUF, back to a folder in several files, and to GGUF again: always the same network, and the two GGUF files
 * are the same but for the name in them. */
static void check_round(const char *model)
{
    struct sample s;
    struct err e = {0};
    struct convert_result r;
    const char *from = model_path(model);
    char a[PATH_CAP], b[PATH_CAP], c[PATH_CAP];
    snprintf(a, sizeof a, "%s/%s.gguf", dir, model);
    snprintf(b, sizeof b, "%s/%s-folder", dir, model);
    snprintf(c, sizeof c, "%s/%s-again.gguf", dir, model);
    if (!sample_open(&s, model)) return;
    bool fp8 = !strcmp(model, "deepseek-v3-fp8"); /* which GGUF has not: rounded to bf16 unless f32 is asked for */
    CHECK_OK(to_gguf(from, a, fp8 ? "f32" : NULL, NULL, &r, &e), &e);
    CHECK_OK(to_folder(a, b, DT_COUNT, r.bytes / 3, &r, &e), &e);
    CHECK(r.files > 2, "%s: %d files", model, r.files);
    CHECK_OK(to_gguf(b, c, NULL, NULL, &r, &e), &e);
    check_same(from, a, &s);
    check_same(a, b, &s);
    check_same(b, c, &s);
    tf_close(&s.expect);
}

static void test_round(void)
{
    static const char *const round[] = {"llama",           "qwen2", "qwen3",        "qwen3-moe", "deepseek-v2-lite",
                                        "deepseek-v3-fp8", "full",  "all-moe-tied", "mtp"};
    for (size_t i = 0; i < ARRAY_LEN(round); i++) check_round(round[i]);
}

static void test_folder_refusals(void)
{
    struct err e = {0};
    struct convert_result r;
    CHECK_OK(to_folder(in_dir("llama.gguf"), in_dir("one"), DT_F32, 1 << 30, &r, &e), &e);
    CHECK(r.files == 1, "%d files", r.files);
    CHECK(to_folder(in_dir("llama.gguf"), in_dir("one"), DT_F32, 1000, &r, &e) == ERR_USAGE &&
              strstr(e.msg, "not an empty folder"),
          "over an older model: %s", e.msg);
    struct convert_options o = {
        .in = in_dir("llama.gguf"), .out = in_dir("one"), .type = DT_F32, .shard = 1000, .replace = true};
    CHECK_OK(file_replace(in_dir("one/chat_template.jinja"), "of the older model", 18, &e), &e);
    CHECK_OK(convert_to_folder(&o, &r, &e), &e);
    CHECK(r.files > 1 && file_absent(in_dir("one/chat_template.jinja")) && file_absent(in_dir("one/model.safetensors")),
          "files of the older model stay");
    CHECK_OK(file_replace(in_dir("one/notes.txt"), "mine", 4, &e), &e);
    CHECK(convert_to_folder(&o, &r, &e) == ERR_USAGE && strstr(e.msg, "notes.txt"), "a file of the user's: %s", e.msg);
    CHECK(to_folder(in_dir("llama.gguf"), in_dir("llama.gguf"), DT_F32, 1000, &r, &e) == ERR_USAGE,
          "a file as folder: %s", e.msg);
    CHECK(to_folder(in_dir("llama.gguf"), in_dir("two"), DT_Q8_0, 1000, &r, &e) == ERR_UNSUPPORTED, "q8_0 in a folder");
}

/* Gemma, whose norms folders hold less one: its shape here is one that GGUF cannot say, so from folder to folder. */
static void test_norms(void)
{
    struct sample s;
    struct err e = {0};
    struct convert_result r;
    if (!sample_open(&s, "gemma3")) return;
    CHECK_OK(to_folder(model_path("gemma3"), in_dir("gemma"), DT_COUNT, 1 << 30, &r, &e), &e);
    check_same(model_path("gemma3"), in_dir("gemma"), &s);
    char *json = NULL;
    size_t len;
    CHECK_OK(file_read(&json, &len, in_dir("gemma/config.json"), 1 << 20, &e), &e);
    CHECK(json && strstr(json, "\"query_pre_attn_scalar\": 11,"), "transformers wants an integer here");
    mem_free(json);
    tf_close(&s.expect);
}

/* ---- number formats ---- */

enum { SYN_VOCAB = 320 };

static struct tokenizer *tiny_tokenizer(const char *text)
{
    const char *const specials[] = {CHAT_BOS, CHAT_EOS, CHAT_PAD, CHAT_USER_MARK, CHAT_ASSISTANT_MARK};
    struct bpe_options o = {300, specials, 5, true};
    struct bpe_trainer *b = NULL;
    struct tokenizer *t = NULL;
    struct err e = {0};
    CHECK_OK(bpe_trainer_new(&b, &o, &e), &e);
    CHECK_OK(bpe_trainer_add(b, text, strlen(text), &e), &e);
    CHECK_OK(bpe_trainer_finish(b, &t, NULL, NULL, &e), &e);
    bpe_trainer_free(b);
    return t;
}

/* A random Llama with rows of 64 and of 256, as a folder whose tokenizer has fewer tokens than the network, and as GGUF. */
static void make_syn(void)
{
    struct net net;
    struct config c;
    struct err e = {0};
    struct convert_result r;
    struct tokenizer *t = tiny_tokenizer("the fox and the fox and the owl ");
    struct model_vocab v = {.tok = t};
    config_default_of(&c, arch_by_hf("llama"));
    c.vocab = SYN_VOCAB;
    c.dim = 64;
    c.dense_ffn = 256;
    c.layers = c.heads = 4;
    c.kv_heads = 2;
    c.head_dim = 16;
    c.context = 64;
    CHECK_OK(net_build(&net, &c, &e), &e);
    CHECK_OK(net_alloc(&net, false, &e), &e);
    net_init(&net, 5, 0.2);
    CHECK_OK(net_save_folder(&net, in_dir("syn"), DT_F32, &e), &e);
    CHECK_OK(model_save_tokenizer(&v, 64, in_dir("syn"), &e), &e);
    CHECK_OK(to_gguf(in_dir("syn"), in_dir("syn.gguf"), NULL, NULL, &r, &e), &e);
    net_free(&net);
    tokenizer_free(t);
}

static bool syn_sample(struct sample *s)
{
    if (!sample_open(s, "llama")) return false;
    s->vocab = SYN_VOCAB;
    return true;
}

struct seen {
    int matrices, fallbacks, plain;
    enum dtype head, embed, experts;
    double worst;
};

static void see(void *ctx, const struct tensor_result *r)
{
    struct seen *s = ctx;
    if (r->matrix) {
        s->matrices++;
        s->fallbacks += r->to != r->wanted;
        if (r->rms_error > s->worst) s->worst = r->rms_error;
    } else s->plain += r->to == DT_F32;
    if (!strcmp(r->name, "output.weight")) s->head = r->to;
    if (!strcmp(r->name, "token_embd.weight")) s->embed = r->to;
    if (strstr(r->name, "_exps.")) s->experts = r->to;
}

static void quantise(const char *in, const char *out, const char *mix, struct seen *s, struct convert_result *r)
{
    struct mix m;
    struct err e = {0};
    struct convert_options o = {.in = in, .out = out, .mix = &m, .write = {.measure = true, .report = see, .ctx = s}};
    *s = (struct seen){0};
    CHECK(mix_by_name(mix, &m), "no mixture %s", mix);
    CHECK_OK(convert_to_gguf(&o, r, &e), &e);
}

/* Rows of 64 fall back from K formats, rows of 256 do not; every file loads, and is near the original. */
static void test_formats(void)
{
    static const struct {
        const char *mix;
        double error; /* of the worst matrix */
    } want[] = {{"q8_0", 0.02},  {"q4_0", 0.2},  {"q4_1", 0.2},   {"q5_0", 0.1},   {"q5_1", 0.1},  {"q4_k", 0.1},
                {"Q4_K_M", 0.1}, {"q6_k", 0.02}, {"mxfp4", 0.25}, {"iq4_nl", 0.2}, {"f16", 0.001}, {"bf16", 0.01}};
    struct sample s;
    if (!syn_sample(&s)) return;
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        struct seen seen;
        struct convert_result r;
        const char *out = in_dir("q.gguf");
        quantise(in_dir("syn.gguf"), out, want[i].mix, &seen, &r);
        CHECK(seen.matrices > 0 && seen.worst < want[i].error, "%s: %d matrices, error %g", want[i].mix, seen.matrices,
              seen.worst);
        CHECK(seen.worst > 0 && seen.plain > 0, "%s: nothing was measured, or norms have lost numbers", want[i].mix);
        bool k = strchr(want[i].mix, 'k') || strchr(want[i].mix, 'K');
        CHECK(k ? seen.fallbacks > 1 && seen.fallbacks < seen.matrices : seen.fallbacks <= 1,
              "%s: %d of %d matrices fell back", want[i].mix, seen.fallbacks, seen.matrices);
        struct load_options o = {.ks = &ks};
        float *x = logits_of(out, &o, &s);
        CHECK(x != NULL, "%s does not load", want[i].mix);
        mem_free(x);
    }
    tf_close(&s.expect);
}

static void test_mixtures(void)
{
    struct mix m;
    enum dtype wanted;
    struct mix_model tied = {.tied = true, .layers = 16}, free_head = {.layers = 16};
    CHECK(!mix_by_name("q9_k", &m) && mix_by_name("q4_k_m", &m), "names of mixtures");
    CHECK(mix_type(&m, &tied, "token_embd.weight", 512, &wanted) == DT_Q6_K, "tied embedding");
    CHECK(mix_type(&m, &free_head, "token_embd.weight", 512, &wanted) == DT_Q4_K, "embedding");
    CHECK(mix_type(&m, &free_head, "output.weight", 512, &wanted) == DT_Q6_K, "head");
    CHECK(mix_type(&m, &free_head, "output.weight", 96, &wanted) == DT_Q8_0 && wanted == DT_Q6_K, "head, short rows");
    CHECK(mix_type(&m, &tied, "blk.3.attn_q.weight", 96, &wanted) == DT_Q5_0 && wanted == DT_Q4_K, "short rows");
    CHECK(mix_type(&m, &tied, "blk.3.attn_q.weight", 40, &wanted) == DT_F32, "rows of no whole block");
    CHECK(mix_type(&m, &tied, "blk.0.attn_v.weight", 512, &wanted) == DT_Q6_K, "values of the first layer");
    CHECK(mix_type(&m, &tied, "blk.5.attn_v.weight", 512, &wanted) == DT_Q4_K, "values of a middle layer");
    CHECK(mix_by_name("mxfp4_moe", &m) && mix_type(&m, &tied, "blk.2.ffn_up_exps.weight", 64, &wanted) == DT_MXFP4 &&
              mix_type(&m, &tied, "blk.2.ffn_up_shexp.weight", 64, &wanted) == DT_Q8_0,
          "experts alone");
    CHECK(mix_layer("blk.12.x") == 12 && mix_layer("blk.x") == -1 && mix_layer("output.weight") == -1,
          "layers of names");
}

/* The same bytes with any number of threads; metadata and small tensors of a GGUF file are kept. */
static void test_threads(void)
{
    struct err e = {0};
    struct pool *pool;
    struct convert_result r;
    struct mix m;
    char *a, *b;
    size_t n = 0, k = 0;
    mix_by_name("q4_0", &m);
    CHECK_OK(pool_open(&pool, 3, &e), &e);
    struct convert_options o = {.in = in_dir("syn.gguf"), .out = in_dir("t1.gguf"), .mix = &m};
    CHECK_OK(convert_to_gguf(&o, &r, &e), &e);
    o.out = in_dir("t3.gguf");
    o.write.pool = pool;
    CHECK_OK(convert_to_gguf(&o, &r, &e), &e);
    CHECK_OK(file_read(&a, &n, in_dir("t1.gguf"), 1 << 26, &e), &e);
    CHECK_OK(file_read(&b, &k, in_dir("t3.gguf"), 1 << 26, &e), &e);
    CHECK(n == k && !memcmp(a, b, n), "threads change bytes");
    mem_free(a);
    mem_free(b);
    pool_close(pool);
    CHECK(!r.requantised, "f32 counts as quantised");
    struct seen s;
    quantise(in_dir("t1.gguf"), in_dir("t2.gguf"), "q8_0", &s, &r);
    CHECK(r.requantised, "quantised input is not noticed");
}

static void hear(void *ctx, const char *message)
{
    if (strstr(message, "sees pictures") || strstr(message, "beyond 7 tokens")) ++*(int *)ctx;
}

/* What is left out is told, once, on both ways. */
static void test_left_out(void)
{
    struct err e = {0};
    struct convert_result r;
    int heard = 0;
    struct convert_options o = {.in = "tests/fixtures/models/ministral3-nested", .out = in_dir("nested.gguf"), .type = DT_F32,
                                .write = {.warn = hear, .ctx = &heard}};
    CHECK_OK(convert_to_gguf(&o, &r, &e), &e);
    CHECK(heard == 1, "%d warnings", heard);
    o.out = in_dir("nested");
    CHECK_OK(convert_to_folder(&o, &r, &e), &e);
    CHECK(heard == 2, "%d warnings", heard);
    o.in = "tests/fixtures/models/mistral"; /* llama.cpp knows no window there */
    o.out = in_dir("windowed");
    CHECK_OK(convert_to_folder(&o, &r, &e), &e);
    CHECK(heard == 2, "%d warnings", heard);
    o.out = in_dir("nested.gguf");
    CHECK_OK(convert_to_gguf(&o, &r, &e), &e);
    CHECK(heard == 3, "%d warnings", heard);
}

static bool stop_at_once(void *ctx, uint64_t done, uint64_t total)
{
    (void)ctx;
    return done > 0 && total > 0;
}

static void test_stop(void)
{
    struct err e = {0};
    struct convert_result r;
    struct convert_options o = {
        .in = in_dir("llama.gguf"), .out = in_dir("stopped.gguf"), .write = {.progress = stop_at_once}};
    CHECK(convert_to_gguf(&o, &r, &e) == ERR_INTERRUPTED, "is not stopped");
    CHECK(file_absent(o.out), "half a file is left");
}

/* ---- importance ---- */

/* An engine with a session around a fixture, which has no tokenizer. */
struct player {
    struct engine en;
    struct decoder dec;
    struct session s;
};

static bool player_open(struct player *p, const char *path, enum engine_compute compute)
{
    struct err e = {0};
    struct net net;
    struct load_options o = {.ks = &ks, .absorbed = true, .int8 = compute == ENGINE_INT8};
    memset(p, 0, sizeof *p);
    struct engine_options eo = {.model = path, .compute = compute, .decoder = {.all_logits = true, .chunk = 4}, .threads = 1};
    int rc = load_net(&net, path, &o, &e);
    CHECK(rc == OK, "%s", e.msg);
    if (rc) return false;
    CHECK_OK(engine_from_net(&p->en, &net, &eo, &e), &e);
    CHECK_OK(decoder_open(&p->dec, &p->en, &eo.decoder, &e), &e);
    CHECK_OK(session_open(&p->s, &p->dec, &e), &e);
    return true;
}

static void player_close(struct player *p)
{
    session_close(&p->s);
    decoder_close(&p->dec);
    engine_close(&p->en);
}

static const struct imatrix_sums *sums_named(const struct collector *c, const char *name)
{
    for (size_t i = 0; i < c->n; i++)
        if (!strcmp(c->v[i].name, name)) return &c->v[i];
    return NULL;
}

/* The first layer's queries meet the normed embeddings: computed here by hand. */
static void check_first(const struct collector *c, const struct net *net, const struct sample *s, int64_t n)
{
    const struct imatrix_sums *q = sums_named(c, "blk.0.attn_q.weight");
    int64_t d = net->config.dim;
    double worst = 0;
    CHECK(q && q->cols == d && q->count[0] == n, "sums of the first queries");
    if (!q) return;
    float *row = mem_alloc((size_t)d * sizeof *row);
    double *want = mem_alloc((size_t)d * sizeof *want);
    const struct tensor *t = net->embed;
    for (int64_t i = 0; i < n; i++) {
        double sum = 0;
        formats[t->dtype].to_f32(row, (const char *)t->data + format_bytes(t->dtype, s->ids[i] * d), d);
        for (int64_t k = 0; k < d; k++) sum += (double)row[k] * (double)row[k];
        double scale = 1 / sqrt(sum / (double)d + net->config.norm_eps);
        for (int64_t k = 0; k < d; k++) {
            double v = (double)row[k] * scale * (double)tensor_f32(net->layers[0].attn_norm)[k];
            want[k] += v * v;
        }
    }
    for (int64_t k = 0; k < d; k++) worst = fmax(worst, fabs(q->sum[k] - want[k]) / (want[k] + 1e-9));
    CHECK(worst < 1e-4, "sums of squares are off by %g", worst);
    mem_free(row);
    mem_free(want);
}

static void collect_from(struct player *p, struct collector *c, const struct sample *s, int64_t n)
{
    struct err e = {0};
    double nats[MAX_ROWS];
    int32_t targets[MAX_ROWS];
    for (int64_t i = 0; i < n; i++) targets[i] = -1;
    CHECK_OK(collector_init(c, &p->en.net, &e), &e);
    p->dec.run.observe = collector_observe;
    p->dec.run.observe_ctx = c;
    CHECK_OK(session_score(&p->s, s->ids, n, targets, nats, &e), &e);
    p->dec.run.observe = NULL;
}

static void test_collect(void)
{
    struct sample s;
    struct player p;
    struct collector c;
    if (!sample_open(&s, "llama") || !player_open(&p, model_path("llama"), ENGINE_F32)) return;
    int64_t n = s.n / SEQS;
    collect_from(&p, &c, &s, n);
    check_first(&c, &p.en.net, &s, n);
    for (size_t i = 0; i < c.n; i++)
        CHECK(c.v[i].count[0] == n, "%s met %lld rows", c.v[i].name, (long long)c.v[i].count[0]);
    collector_free(&c);
    player_close(&p);
    tf_close(&s.expect);
}

/* Experts: every row reaches as many experts as are used; what meets gate and up is the same, and adds up over the experts to
 * what meets the shared ones, times that number. Absorbed attention: sums per head. */
static void test_collect_experts(void)
{
    struct sample s;
    struct player p;
    struct collector c;
    if (!sample_open(&s, "deepseek-v2-lite") || !player_open(&p, model_path("deepseek-v2-lite"), ENGINE_F32)) return;
    int64_t n = s.n / SEQS, total = 0, layer = config_first_moe(&p.en.net.config);
    char name[64];
    collect_from(&p, &c, &s, n);
    snprintf(name, sizeof name, "blk.%lld.ffn_gate_exps.weight", (long long)layer);
    const struct imatrix_sums *gate = sums_named(&c, name);
    snprintf(name, sizeof name, "blk.%lld.ffn_up_exps.weight", (long long)layer);
    const struct imatrix_sums *up = sums_named(&c, name);
    snprintf(name, sizeof name, "blk.%lld.ffn_down_exps.weight", (long long)layer);
    const struct imatrix_sums *down = sums_named(&c, name);
    snprintf(name, sizeof name, "blk.%lld.ffn_gate_shexp.weight", (long long)layer);
    const struct imatrix_sums *shared = sums_named(&c, name), *k_b = sums_named(&c, "blk.0.attn_k_b.weight"),
                              *v_b = sums_named(&c, "blk.0.attn_v_b.weight");
    CHECK(gate && up && down && shared && k_b && v_b, "sums are missing");
    if (gate && up && down && shared && k_b && v_b) {
        double experts = 0, once = 0, met = 0;
        for (int64_t e = 0; e < gate->matrices; e++) {
            total += gate->count[e];
            CHECK(gate->count[e] == down->count[e], "expert %lld: rows of gate and down", (long long)e);
        }
        for (int64_t i = 0; i < gate->matrices * gate->cols; i++) experts += gate->sum[i];
        for (int64_t i = 0; i < shared->cols; i++) once += shared->sum[i];
        for (int64_t i = 0; i < down->matrices * down->cols; i++) met += down->sum[i];
        CHECK(total == n * p.en.net.config.experts_used, "%lld rows of experts", (long long)total);
        CHECK(fabs(experts - once * (double)p.en.net.config.experts_used) < 1e-6 * experts && met > 0, "sums %g and %g",
              experts, once);
        CHECK(!memcmp(gate->sum, up->sum, (size_t)(gate->matrices * gate->cols) * sizeof *gate->sum),
              "gate and up differ");
        CHECK(k_b->matrices == p.en.net.config.heads && k_b->cols == p.en.net.config.qk_nope_dim && k_b->count[1] == n,
              "keys");
        CHECK(v_b->matrices == p.en.net.config.heads && v_b->cols == p.en.net.config.kv_lora_rank && v_b->sum[1] > 0,
              "values");
    }
    collector_free(&c);
    player_close(&p);
    tf_close(&s.expect);
}

/* A random DeepSeek whose matrices can all be stored in blocks of 32, as q8_0. */
static void make_deepseek(const char *path)
{
    struct net net;
    struct config c;
    struct err e = {0};
    config_default(&c);
    c.vocab = SYN_VOCAB;
    c.dim = c.dense_ffn = 64;
    c.layers = c.heads = 2;
    c.kv_lora_rank = c.qk_nope_dim = c.v_dim = c.expert_ffn = 32;
    c.qk_rope_dim = 16;
    c.dense_layers = 1;
    c.experts = 4;
    c.experts_used = 2;
    c.experts_shared = c.expert_groups = c.expert_groups_used = 1;
    c.context = 64;
    CHECK_OK(net_build(&net, &c, &e), &e);
    CHECK_OK(net_alloc(&net, false, &e), &e);
    net_init(&net, 9, 0.2);
    CHECK_OK(net_save_gguf(&net, path, DT_Q8_0, NULL, NULL, &e), &e);
    net_free(&net);
}

/* Products with integer panels meet the same numbers as those in f32, but for the rounding of what came before: also the
 * halves of W_kvb, which have panels of their own, and the experts. */
static void test_collect_integer(void)
{
    struct sample s;
    struct player p[2];
    struct collector c[2];
    make_deepseek(in_dir("ds.gguf"));
    if (!syn_sample(&s)) return;
    for (int i = 0; i < 2; i++) {
        if (!player_open(&p[i], in_dir("ds.gguf"), i ? ENGINE_INT8 : ENGINE_F32)) return;
        collect_from(&p[i], &c[i], &s, s.n / SEQS);
    }
    CHECK(p[1].en.net.layers[0].w_uk && !p[0].en.net.layers[0].w_uk, "no panels of W_kvb's halves");
    for (size_t i = 0; i < c[0].n; i++) {
        const struct imatrix_sums *a = &c[0].v[i], *b = &c[1].v[i];
        double x = 0, y = 0;
        for (int64_t k = 0; k < a->matrices * a->cols; k++) {
            x += a->sum[k];
            y += b->sum[k];
        }
        CHECK(x > 0 && fabs(x - y) < 0.05 * x, "%s: %g and %g", a->name, x, y);
    }
    for (int i = 0; i < 2; i++) {
        collector_free(&c[i]);
        player_close(&p[i]);
    }
    tf_close(&s.expect);
}

/* Written, read, and used: with the importance of some columns high, errors move to the others. */
static void test_imatrix(void)
{
    struct err e = {0};
    struct imatrix im;
    enum { COLS = 64, TENSORS = 2 };
    double sum[2 * COLS];
    int64_t count[2] = {4, 0};
    for (int i = 0; i < 2 * COLS; i++) sum[i] = i % COLS < 8 ? 4000 : 4;
    struct imatrix_sums v[TENSORS] = {{"a.weight", 2, COLS, sum, count}, {"never.weight", 1, COLS, sum, count + 1}};
    float *m = NULL;
    CHECK_OK(imatrix_write(in_dir("im.gguf"), v, TENSORS, "text.txt", 3, 512, &e), &e);
    CHECK_OK(imatrix_open(&im, in_dir("im.gguf"), &e), &e);
    CHECK(im.entries == 1 && im.chunks == 3 && im.dataset && !strcmp(im.dataset, "text.txt"), "what the file says");
    CHECK_OK(imatrix_means(&im, "a.weight", 2, COLS, &m, &e), &e);
    CHECK(m && m[0] == 1000 && m[8] == 1 && m[COLS] == 0, "means");
    if (m) {
        float x[COLS], y[COLS];
        uint8_t bytes[COLS];
        double near[2] = {0}, far[2] = {0};
        for (int i = 0; i < COLS; i++) x[i] = (float)sin(7.0 * i) + (i % 32 == 9 ? 3 : 0);
        for (int w = 0; w < 2; w++) {
            if (w) formats[DT_Q4_0].from_f32_weighted(bytes, x, COLS, m);
            else formats[DT_Q4_0].from_f32(bytes, x, COLS);
            formats[DT_Q4_0].to_f32(y, bytes, COLS);
            for (int i = 0; i < 32; i++) *(i < 8 ? &near[w] : &far[w]) += pow((double)x[i] - (double)y[i], 2);
        }
        CHECK(near[1] < near[0] && far[1] > far[0], "errors %g %g, weighted %g %g", near[0], far[0], near[1], far[1]);
    }
    mem_free(m);
    CHECK_OK(imatrix_means(&im, "b.weight", 1, COLS, &m, &e), &e);
    CHECK(!m, "a weight that is not there");
    CHECK(imatrix_means(&im, "a.weight", 2, COLS / 2, &m, &e) == ERR_FORMAT && strstr(e.msg, "columns"),
          "other shape: %s", e.msg);
    CHECK(imatrix_means(&im, "a.weight", 3, COLS, &m, &e) == ERR_FORMAT, "other stack");
    imatrix_close(&im);
    CHECK(imatrix_open(&im, in_dir("llama.gguf"), &e) == ERR_FORMAT && strstr(e.msg, "imatrix"), "a model: %s", e.msg);
    imatrix_close(&im);
    CHECK(imatrix_open(&im, "tests/check_quant.c", &e) != OK, "a text is an importance matrix");
    imatrix_close(&im);
}

/* One tensor and its count, with contents that are no mean squares. */
static void hostile_imatrix(float sum, float count, bool with_counts, enum dtype type, const char *what)
{
    struct tf_writer *w;
    struct err e = {0};
    struct imatrix im;
    float row[32], *m = NULL;
    uint8_t bytes[128];
    for (int i = 0; i < 32; i++) row[i] = sum;
    formats[type].from_f32(bytes, row, 32);
    CHECK_OK(tf_writer_gguf(&w, in_dir("hostile.gguf"), &e), &e);
    CHECK_OK(tf_writer_kv_str(w, "general.type", "imatrix", &e), &e);
    CHECK_OK(tf_writer_declare(w, "a.weight.in_sum2", type, 2, (const int64_t[]){1, 32}, &e), &e);
    if (with_counts) CHECK_OK(tf_writer_declare(w, "a.weight.counts", DT_F32, 2, (const int64_t[]){1, 1}, &e), &e);
    CHECK_OK(tf_writer_begin(w, &e), &e);
    CHECK_OK(tf_writer_data(w, bytes, format_bytes(type, 32), &e), &e);
    if (with_counts) CHECK_OK(tf_writer_data(w, &count, sizeof count, &e), &e);
    CHECK_OK(tf_writer_commit(w, &e), &e);
    int rc = imatrix_open(&im, in_dir("hostile.gguf"), &e);
    if (!rc) rc = imatrix_means(&im, "a.weight", 1, 32, &m, &e);
    CHECK(rc == ERR_FORMAT && !m, "%s: %d %s", what, rc, e.msg);
    mem_free(m);
    imatrix_close(&im);
}

static void test_hostile_imatrix(void)
{
    hostile_imatrix(-1, 1, true, DT_F32, "negative sums");
    hostile_imatrix(NAN, 1, true, DT_F32, "sums that are no numbers");
    hostile_imatrix(INFINITY, 1, true, DT_F32, "infinite sums");
    hostile_imatrix(1, -1, true, DT_F32, "negative counts");
    hostile_imatrix(1, NAN, true, DT_F32, "counts that are no numbers");
    hostile_imatrix(3e38f, 1e-10f, true, DT_F32, "means that overflow");
    hostile_imatrix(1, 1, false, DT_F32, "no counts");
    hostile_imatrix(1, 1, true, DT_F16, "sums in f16");
}

/* ---- comparison ---- */

static void windows_of(struct windows *w, const struct sample *s)
{
    struct err e = {0};
    *w = (struct windows){.size = s->n / SEQS, .step = s->n / SEQS, .count = 1, .bos = -1};
    for (int64_t i = 0; i < s->n / SEQS; i++) CHECK_OK(tokens_add(&w->ids, s->ids[i], &e), &e);
    CHECK_OK(mem_new((void **)&w->end, sizeof *w->end, "a window", &e), &e);
    w->end[0] = w->size;
    CHECK_OK(mem_new((void **)&w->row, (size_t)w->size * sizeof *w->row, "a window", &e), &e);
    CHECK_OK(mem_new((void **)&w->target, (size_t)w->size * sizeof *w->target, "a window", &e), &e);
}

/* The divergence by its definition, from the logits of the two files in one pass. */
static double naive_divergence(const float *a, const float *b, int64_t rows, int64_t vocab)
{
    double all = 0;
    for (int64_t r = 0; r < rows; r++, a += vocab, b += vocab) {
        double sa = 0, sb = 0;
        for (int64_t i = 0; i < vocab; i++) {
            sa += exp((double)a[i]);
            sb += exp((double)b[i]);
        }
        for (int64_t i = 0; i < vocab; i++) {
            double p = exp((double)a[i]) / sa, q = exp((double)b[i]) / sb;
            all += p * log(p / q);
        }
    }
    return all / (double)rows;
}

static void test_compare(void)
{
    struct sample s;
    struct player a, b;
    struct windows w;
    struct compare_result r;
    struct seen seen;
    struct convert_result c;
    struct err e = {0};
    quantise(in_dir("syn.gguf"), in_dir("q.gguf"), "q4_0", &seen, &c);
    if (!syn_sample(&s) || !player_open(&a, in_dir("syn.gguf"), ENGINE_F32)) return;
    if (!player_open(&b, in_dir("q.gguf"), ENGINE_F32)) return;
    windows_of(&w, &s);
    CHECK_OK(compare_models(&a.s, &b.s, &w, &r, NULL, NULL, &e), &e);
    struct load_options o = {.ks = &ks};
    float *x = logits_of(in_dir("syn.gguf"), &o, &s), *y = logits_of(in_dir("q.gguf"), &o, &s);
    double want = x && y ? naive_divergence(x, y, r.tokens, s.vocab) : 0;
    CHECK(r.tokens == s.n / SEQS - 1 && fabs(r.mean - want) < 1e-4 * want && want > 0, "divergence %g, expected %g",
          r.mean, want);
    CHECK(r.median <= r.p90 && r.p90 <= r.p99 && r.p99 <= r.max && r.max > 0, "quantiles");
    CHECK(r.same_top <= r.tokens && r.near_ties <= r.tokens - r.same_top, "tops");
    mem_free(x);
    mem_free(y);
    struct player again;
    if (player_open(&again, in_dir("syn.gguf"), ENGINE_F32)) {
        CHECK_OK(compare_models(&a.s, &again.s, &w, &r, NULL, NULL, &e), &e);
        CHECK(r.max < 1e-12 && r.same_top == r.tokens && r.nats_a == r.nats_b, "a model differs from itself by %g",
              r.max);
        player_close(&again);
    }
    windows_free(&w);
    player_close(&a);
    player_close(&b);
    tf_close(&s.expect);
}

static void test_vocabularies(void)
{
    struct err e = {0};
    struct tokenizer *a = tiny_tokenizer("the fox and the fox and the owl "),
                     *b = tiny_tokenizer("ein Wort und ein Wort und noch ein Wort");
    CHECK_OK(compare_vocabularies(a, a, &e), &e);
    CHECK(compare_vocabularies(a, b, &e) == ERR_USAGE && strstr(e.msg, "vocabular"), "different tokens: %s", e.msg);
    tokenizer_free(a);
    tokenizer_free(b);
}

/* Windows cover a text once. */
static void test_windows(void)
{
    struct err e = {0};
    struct tokenizer *t = tiny_tokenizer("the fox and the fox and the owl ");
    static const char text[] = "the owl and the fox sat down, and then the owl sat up again";
    struct windows w;
    struct tokens all = {0};
    CHECK_OK(tokenizer_encode(t, text, sizeof text - 1, &all, &e), &e);
    CHECK_OK(windows_open(&w, t, text, sizeof text - 1, 0, 8, "text", &e), &e);
    size_t at = 0;
    for (int64_t i = 0; i < w.count; i++) {
        int64_t n = windows_take(&w, i);
        CHECK(n > 0 && n <= 8 && w.row[0] == tokenizer_bos(t), "window %lld has %lld", (long long)i, (long long)n);
        for (int64_t k = 0; k < n; k++, at++) CHECK(at < all.n && w.target[k] == all.ids[at], "token %zu", at);
        for (int64_t k = 1; k < n; k++) CHECK(w.row[k] == w.target[k - 1], "what is read is not what was predicted");
    }
    CHECK(at == all.n && windows_end(&w, w.count - 1) == (int64_t)all.n, "%zu of %zu tokens", at, all.n);
    windows_free(&w);
    CHECK(windows_open(&w, t, "x", 1, 0, 8, "text", &e) == ERR_FORMAT, "one token is enough");
    windows_free(&w);
    CHECK_OK(tokenizer_set_specials(t, tokenizer_bos(t), tokenizer_eos(t), tokenizer_pad(t), false, &e), &e);
    CHECK_OK(windows_open(&w, t, text, sizeof text - 1, 0, 8, "text", &e), &e);
    for (int64_t i = 0; i < w.count; i++) {
        int64_t n = windows_take(&w, i), first = 8 * i;
        CHECK(n == min_i64(8, (int64_t)all.n - first) - 1, "without a begin token window %lld has %lld", (long long)i,
              (long long)n);
        for (int64_t k = 0; k < n; k++)
            CHECK(w.row[k] == all.ids[first + k] && w.target[k] == all.ids[first + k + 1], "token %lld of the window",
                  (long long)k);
    }
    windows_free(&w);
    tokens_free(&all);
    tokenizer_free(t);
}

/* Several texts: no window has parts of two. A limit takes the first tokens of the whole, and no more of the text than that. */
static void test_windows_of_texts(void)
{
    struct err e = {0};
    struct tokenizer *t = tiny_tokenizer("the fox and the fox and the owl ");
    struct buf text = {0};
    struct tokens all = {0};
    while (text.len < 1 << 20) buf_printf(&text, "the fox %zu and the owl%s", text.len, text.len % 7 ? " " : "\n\n");
    CHECK_OK(tokenizer_encode(t, "the owl", 7, &all, &e), &e);
    int64_t first = (int64_t)all.n;
    CHECK_OK(tokenizer_encode(t, text.data, text.len, &all, &e), &e);
    static const int64_t limits[] = {2, 3, 9, 100, 30000, 10000000, 0};
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        struct windows w;
        int64_t want = limits[i] && limits[i] < (int64_t)all.n ? limits[i] : (int64_t)all.n, from = 0;
        CHECK_OK(windows_begin(&w, t, limits[i], 8, &e), &e);
        CHECK_OK(windows_add(&w, "the owl", 7, &e), &e);
        CHECK_OK(windows_add(&w, text.data, text.len, &e), &e);
        CHECK_OK(windows_end_of_text(&w, "texts", &e), &e);
        CHECK((int64_t)w.ids.n == want && !memcmp(w.ids.ids, all.ids, (size_t)want * sizeof *all.ids), "limit %lld: %zu tokens",
              (long long)limits[i], w.ids.n);
        CHECK(windows_full(&w) == (want == limits[i]), "limit %lld", (long long)limits[i]);
        CHECK(w.ids.cap < (size_t)(16 * want) + 16384, "limit %lld: room for %zu tokens", (long long)limits[i], w.ids.cap);
        for (int64_t k = 0; k < w.count; from = w.end[k++])
            CHECK(w.end[k] > from && w.end[k] <= from + 7 && (from >= first || w.end[k] <= first), "window %lld", (long long)k);
        CHECK(from == want, "the last window ends at %lld of %lld", (long long)from, (long long)want);
        windows_free(&w);
    }
    buf_free(&text);
    tokens_free(&all);
    tokenizer_free(t);
}

/* ---- generation_config.json ---- */

static int read_generation(struct generation *g, const char *text, struct err *e)
{
    json_t *root;
    generation_init(g);
    TRY(json_parse_file(&root, text, strlen(text), "generation_config.json", e));
    generation_from_json(g, root, 100, "generation_config.json");
    json_decref(root);
    return OK;
}

static void count_line(void *ctx, const char *line)
{
    (void)line;
    ++*(int *)ctx;
}

static void test_generation(void)
{
    static const char *const ignored[] = {"{\"eos_token_id\": 100}",
                                          "{\"eos_token_id\": [-2]}",
                                          "{\"eos_token_id\": \"2\"}",
                                          "{\"eos_token_id\": [2.5]}",
                                          "{\"eos_token_id\": {}}",
                                          "{\"eos_token_id\": [[1]]}",
                                          "{\"eos_token_id\": 99999999999999999999}",
                                          "{\"temperature\": -1}",
                                          "{\"temperature\": 1e400}",
                                          "{\"temperature\": \"hot\"}",
                                          "{\"top_p\": 2}",
                                          "{\"top_k\": 1e9}",
                                          "{\"top_k\": 99999999}",
                                          "{\"temperature\": NaN, \"top_p\": -Infinity}",
                                          "{\"repetition_penalty\": 0}"};
    static const char *const hostile[] = {"",
                                          "{"};
    struct generation g, back;
    struct err e = {0};
    struct buf b = {0};
    CHECK_OK(
        read_generation(&g, "{\"eos_token_id\": [7, 3, 7], \"temperature\": 0.6, \"top_k\": 20, \"top_p\": null}", &e),
        &e);
    CHECK(g.n_ends == 2 && g.ends[0] == 7 && g.ends[1] == 3, "%d ends", g.n_ends);
    CHECK(g.temp == 0.6 && g.top_k == 20 && g.top_p < 0 && g.repeat < 0, "sampling");
    CHECK_OK(generation_to_json(&g, 1, &b, &e), &e);
    CHECK_OK(read_generation(&back, b.data, &e), &e);
    CHECK(back.n_ends == 2 && back.ends[1] == 3 && back.temp == 0.6 && back.top_k == 20 && back.top_p < 0,
          "there and back");
    buf_free(&b);
    CHECK_OK(read_generation(&g, "{\"top_p\": 0.25, \"top_p\": 0.5}", &e), &e);
    CHECK(g.top_p == 0.5, "of two members the last counts: %g", g.top_p);
    CHECK_OK(read_generation(&g, "{\"eos_token_id\": 99}", &e), &e);
    CHECK(g.n_ends == 1 && g.ends[0] == 99, "a single id");
    for (size_t i = 0; i < ARRAY_LEN(hostile); i++)
        CHECK(read_generation(&g, hostile[i], &e) != OK, "%s is accepted", hostile[i]);
    for (size_t i = 0; i < ARRAY_LEN(ignored); i++) {
        int warned = 0;
        log_to(count_line, &warned);
        CHECK_OK(read_generation(&g, ignored[i], &e), &e);
        log_to(NULL, NULL);
        CHECK(warned >= 1 && g.n_ends == 0 && g.top_k < 0 && g.temp < 0 && g.top_p < 0 && g.repeat < 0,
              "%s: %d warnings, or taken", ignored[i], warned);
    }
    CHECK_OK(read_generation(&g, "{\"eos_token_id\": [0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16]}", &e), &e);
    CHECK(g.n_ends == GENERATION_ENDS, "%d ends", g.n_ends);
}

/* A folder whose files name other ends and advise a temperature: the engine ends answers there and uses it, and both come
 * through GGUF. */
static void test_engine_advice(void)
{
    static const char said[] = "{\"eos_token_id\": [1, 4], \"temperature\": 0.25, \"top_k\": 11}";
    struct err e = {0};
    struct convert_result r;
    CHECK_OK(file_replace(in_dir("syn/generation_config.json"), said, sizeof said - 1, &e), &e);
    int rc = to_gguf(in_dir("syn"), in_dir("said.gguf"), NULL, NULL, &r, &e);
    CHECK(rc == OK, "%s", e.msg);
    for (int i = 0; i < 2 && !rc; i++) {
        struct engine en;
        struct sample_params p;
        struct engine_options o = {.model = i ? in_dir("said.gguf") : in_dir("syn"), .threads = 1};
        rc = engine_open(&en, &o, NULL, &e);
        CHECK(rc == OK, "%s", e.msg);
        if (rc) break;
        bool end = false;
        for (size_t k = 0; k < en.stops.n; k++) end |= en.stops.ids[k] == 4;
        CHECK(end, "%s: token 4 does not end an answer", o.model);
        engine_sampling(&en, &p);
        CHECK(p.temp == 0.25 && p.top_k == 11 && p.repeat == 1, "%s: temperature %g", o.model, p.temp);
        CHECK(tokenizer_vocab(en.tok) <= en.net.config.vocab, "%s: %d tokens", o.model, tokenizer_vocab(en.tok));
        if (i) CHECK(tokenizer_vocab(en.tok) == en.net.config.vocab, "rows without a token have no name");
        engine_close(&en);
    }
}

/* ---- every file is opened once ---- */

/* What a folder has: weights, config.json, generation_config.json, tokenizer.json, tokenizer_config.json. */
enum { SYN_FILES = 5 };

static uint64_t opens;

static void opened(const char *what, const char *path, uint64_t want)
{
    uint64_t n = file_opens() - opens;
    CHECK(n == want, "%s of %s opened %llu files, expected %llu", what, path, (unsigned long long)n, (unsigned long long)want);
    opens = file_opens();
}

/* files: all of the model; few: with the tensors and one more, or the GGUF. A file of safetensors is looked into at once. */
static void check_opens(const char *path, uint64_t files, uint64_t few, uint64_t tokenizer)
{
    struct err e = {0};
    struct convert_result r;
    struct engine en;
    struct engine_memory m;
    struct model_file f;
    struct tokenizer *t;
    struct engine_options o = {.model = path, .threads = 1};
    opens = file_opens();
    CHECK_OK(engine_open(&en, &o, NULL, &e), &e);
    opened("a start", path, files);
    engine_close(&en);
    CHECK_OK(engine_plan(&o, &m, &e), &e);
    opened("a plan", path, few);
    CHECK_OK(model_file_open(&f, path, &e), &e); /* as compare does it: figures first */
    o.file = &f;
    CHECK_OK(engine_plan(&o, &m, &e), &e);
    CHECK_OK(engine_open(&en, &o, NULL, &e), &e);
    model_file_close(&f);
    CHECK(en.net.file.n_tensors > 0 && en.net.embed->data, "%s: the embedding is gone", path);
    opened("a plan and a start", path, files);
    engine_close(&en);
    CHECK_OK(model_tokenizer_at(&t, path, &e), &e);
    tokenizer_free(t);
    opened("a tokenizer", path, tokenizer);
    CHECK_OK(to_gguf(path, in_dir("once.gguf"), NULL, NULL, &r, &e), &e);
    opened("a conversion to GGUF", path, files);
    CHECK_OK(dir_remove_tree(in_dir("once"), &e), &e);
    opens = file_opens();
    CHECK_OK(to_folder(path, in_dir("once"), DT_COUNT, 1 << 30, &r, &e), &e);
    opened("a conversion to a folder", path, files);
}

/* After test_engine_advice, which gives the folder its last file. */
static void test_opens(void)
{
    check_opens(in_dir("said.gguf"), 1, 1, 1);
    check_opens(in_dir("syn"), SYN_FILES, 2, 2);
    check_opens(in_dir("syn/model.safetensors"), SYN_FILES, 2, 3);
}

/* ---- templates travel ---- */

static void check_templates(const char *path, const char *want)
{
    struct err e = {0};
    struct model_file m;
    struct chat_templates t = {0};
    char got[200] = "";
    int n = 0;
    CHECK_OK(model_file_open(&m, path, &e), &e);
    CHECK_OK(model_chat_templates(&t, &m, &e), &e);
    for (size_t i = 0; i < t.n; i++) n += snprintf(got + n, sizeof got - (size_t)n, "%s=%s ", t.v[i].name, t.v[i].text);
    CHECK(!strcmp(got, want), "%s: \"%s\", expected \"%s\"", path, got, want);
    chat_templates_free(&t);
    model_file_close(&m);
}

/* Under all their names: folder to GGUF, back, and from folder to folder. A name that would lead out of the folder does not. */
static void test_templates(void)
{
    static const char all[] = "default=A rag=B tool_use=C ";
    static const char hostile[] = "{\"chat_template\": [{\"name\": \"../x\", \"template\": \"A\"}]}";
    struct err e = {0};
    struct convert_result r;
    CHECK_OK(file_mkdirs(in_dir("syn/" CHAT_TEMPLATE_DIR), &e), &e);
    CHECK_OK(file_replace(in_dir("syn/" CHAT_TEMPLATE_FILE), "A", 1, &e), &e);
    CHECK_OK(file_replace(in_dir("syn/" CHAT_TEMPLATE_DIR "/rag.jinja"), "B", 1, &e), &e);
    CHECK_OK(file_replace(in_dir("syn/" CHAT_TEMPLATE_DIR "/tool_use.jinja"), "C", 1, &e), &e);
    CHECK_OK(to_gguf(in_dir("syn"), in_dir("forms.gguf"), NULL, NULL, &r, &e), &e);
    check_templates(in_dir("forms.gguf"), all);
    CHECK_OK(to_gguf(in_dir("forms.gguf"), in_dir("forms2.gguf"), NULL, NULL, &r, &e), &e);
    check_templates(in_dir("forms2.gguf"), all);
    CHECK_OK(to_folder(in_dir("forms.gguf"), in_dir("forms"), DT_COUNT, 1 << 30, &r, &e), &e);
    check_templates(in_dir("forms"), all);
    CHECK_OK(to_folder(in_dir("syn"), in_dir("forms2"), DT_COUNT, 1 << 30, &r, &e), &e);
    check_templates(in_dir("forms2"), all);
    CHECK_OK(dir_remove_tree(in_dir("syn/" CHAT_TEMPLATE_DIR), &e), &e);
    CHECK_OK(file_remove(in_dir("syn/" CHAT_TEMPLATE_FILE), &e), &e);
    CHECK_OK(file_replace(in_dir("syn/tokenizer_config.json"), hostile, sizeof hostile - 1, &e), &e);
    CHECK_OK(to_gguf(in_dir("syn"), in_dir("out.gguf"), NULL, NULL, &r, &e), &e);
    check_templates(in_dir("out.gguf"), "../x=A ");
    CHECK(to_folder(in_dir("out.gguf"), in_dir("forms3"), DT_COUNT, 1 << 30, &r, &e) == ERR_UNSUPPORTED &&
              strstr(e.msg, "\"../x\", which does not do as the name of a file"), "%s", e.msg);
    CHECK(file_absent(in_dir("forms3/x.jinja")), "written outside");
}

int main(void)
{
    (void)expected; /* of the fixture, not needed here */
    (void)release;
    folder_make();
    kernels_init(&ks, kernels_max_level());
    make_syn();
    test_round();
    test_norms();
    test_folder_refusals();
    test_formats();
    test_mixtures();
    test_threads();
    test_left_out();
    test_stop();
    test_collect();
    test_collect_experts();
    test_collect_integer();
    test_imatrix();
    test_hostile_imatrix();
    test_compare();
    test_vocabularies();
    test_windows();
    test_windows_of_texts();
    test_generation();
    test_engine_advice();
    test_opens();
    test_templates();
    folder_remove();
    return test_end();
}
