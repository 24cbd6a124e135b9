/* Number formats of single tensors: patterns on names, formats that are only read, and that a model in any of them computes
 * what its numbers say. */
#include "base/rng.h"
#include "model/arch.h"
#include "quant/convert.h"
#include "sys/file.h"
#include "tests/folder.h"
#include "tests/model_fixture.h"

enum { VOCAB = 320, DIM = 256 };

/* ---- patterns ---- */

static void test_patterns(void)
{
    static const struct {
        const char *pattern, *name;
        bool fits;
    } rows[] = {
        {"ffn_down", "blk.7.ffn_down.weight", true},
        {"ffn_down", "blk.7.ffn_down_exps.weight", false}, /* whole parts only */
        {"down", "blk.7.ffn_down.weight", false},
        {"ffn_down*", "blk.7.ffn_down_exps.weight", true},
        {"*down*", "blk.7.ffn_down_exps.weight", true},
        {"blk.1", "blk.1.attn_q.weight", true},
        {"blk.1", "blk.10.attn_q.weight", false},
        {"blk.1?", "blk.10.attn_q.weight", true},
        {"blk.[0-3].ffn_*_exps", "blk.3.ffn_up_exps.weight", true},
        {"blk.[0-3].ffn_*_exps", "blk.4.ffn_up_exps.weight", false},
        {"blk.[0-3].ffn_*_exps", "blk.13.ffn_up_exps.weight", false},
        {"blk.[!0-3].ffn_*_exps", "blk.4.ffn_up_exps.weight", true},
        {"blk.[!0-3].ffn_*_exps", "blk.3.ffn_up_exps.weight", false},
        {"blk.[135]", "blk.3.x", true},
        {"blk.[135]", "blk.4.x", false},
        {"output", "output.weight", true},
        {"output", "blk.0.attn_output.weight", false},
        {"output.weight", "output.weight", true},
        {"*", "output.weight", true},
        {"", "output.weight", false},
        {"weight", "a.weight", true},
        {"a..b", "a..b", true},
        {"[", "a.[.b", true},
        {"[a", "[a", true},
        {"x*y*z*w", "xaybzbw", true},
        {"x*y*z*w", "xaybzb", false},
        {"a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        CHECK(rule_matches(rows[i].pattern, rows[i].name) == rows[i].fits, "\"%s\" and \"%s\"", rows[i].pattern, rows[i].name);
}

static void test_parse(void)
{
    static const struct {
        const char *text, *say;
    } bad[] = {{"ffn_down", "PATTERN=FORMAT"},   {"=q4_k", "PATTERN=FORMAT"},        {"a=", "no number format"},
               {"a=q9", "no number format"},     {"a=iq2_xxs", "read and not written"}, {"a=i32", "read and not written"},
               {"a=f8_e4m3", "read and not written"}, {"a=IQ3_S", "written are f32, f16, bf16, q8_0"}};
    struct mix_rule r;
    struct err e = {0};
    CHECK_OK(rule_parse(&r, "blk.*.x=Q6_K", &e), &e);
    CHECK(!strcmp(r.pattern, "blk.*.x") && r.type == DT_Q6_K, "%s is %d", r.pattern, (int)r.type);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        CHECK(rule_parse(&r, bad[i].text, &e) != OK && strstr(e.msg, bad[i].say), "%s: %s", bad[i].text, e.msg);
}

/* ---- a model ---- */

static void make_model(void)
{
    struct net net;
    struct config c;
    struct err e = {0};
    config_default_of(&c, arch_by_hf("llama"));
    c.vocab = VOCAB;
    c.dim = c.dense_ffn = DIM;
    c.layers = c.heads = 4;
    c.kv_heads = 2;
    c.head_dim = 64;
    c.context = 64;
    CHECK_OK(net_build(&net, &c, &e), &e);
    CHECK_OK(net_alloc(&net, false, &e), &e);
    net_init(&net, 5, 0.05);
    CHECK_OK(net_save_gguf(&net, in_dir("f32.gguf"), DT_F32, NULL, NULL, &e), &e);
    net_free(&net);
}

static void make_sample(struct sample *s)
{
    memset(s, 0, sizeof *s);
    s->n = 16;
    s->vocab = VOCAB;
    for (int i = 0; i < 16; i++) {
        s->ids[i] = i * 37 % VOCAB;
        s->pos[i] = i;
    }
    s->segs[0] = (struct segment){.n = 16};
    s->batch = (struct batch){.n = 16, .ids = s->ids, .pos = s->pos, .segs = s->segs, .n_segs = 1, .n_keys = 16};
}

static int convert(const char *out, const char *mix, const struct mix_rule *rules, size_t n, struct err *e)
{
    struct mix m;
    struct convert_result r;
    struct convert_options o = {.in = in_dir("f32.gguf"), .out = out, .mix = &m, .rules = rules, .n_rules = n};
    CHECK(mix_by_name(mix, &m), "no mixture %s", mix);
    return convert_to_gguf(&o, &r, e);
}

static void check_type(const struct tf *f, const char *name, enum dtype want)
{
    const struct tf_tensor *t = tf_find(f, name);
    CHECK(t && t->known && t->dtype == want, "%s is %s, expected %s", name, t ? tf_type_name(f, t) : "missing",
          formats[want].name);
}

/* The last rule that fits counts, before head, embedding and what a mixture gives single layers; rows that do not fit fall
 * back; norms stay. */
static void test_rules(void)
{
    static const char *const texts[] = {"blk.*=q4_1", "ffn_*=q3_k", "blk.[1-2].ffn_down=q8_0", "output=iq4_xs",
                                        "attn_norm*=q8_0"};
    struct mix_rule rules[ARRAY_LEN(texts)];
    struct err e = {0};
    struct tf f;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) CHECK_OK(rule_parse(&rules[i], texts[i], &e), &e);
    CHECK_OK(convert(in_dir("ruled.gguf"), "q4_k_m", rules, 4, &e), &e);
    CHECK_OK(tf_open(&f, in_dir("ruled.gguf"), &e), &e);
    check_type(&f, "token_embd.weight", DT_Q4_K);
    check_type(&f, "output.weight", DT_IQ4_XS);
    check_type(&f, "blk.0.attn_q.weight", DT_Q4_1);
    check_type(&f, "blk.0.attn_v.weight", DT_Q4_1);
    check_type(&f, "blk.0.ffn_down.weight", DT_Q3_K);
    check_type(&f, "blk.3.ffn_up.weight", DT_Q3_K);
    check_type(&f, "blk.1.ffn_down.weight", DT_Q8_0);
    check_type(&f, "blk.2.ffn_down.weight", DT_Q8_0);
    check_type(&f, "blk.2.ffn_up.weight", DT_Q3_K);
    check_type(&f, "blk.2.attn_norm.weight", DT_F32);
    tf_close(&f);
    CHECK(convert(in_dir("none.gguf"), "q4_k_m", rules, 5, &e) == ERR_USAGE && strstr(e.msg, "no matrix fits") &&
              strstr(e.msg, "attn_norm*"),
          "a rule that fits norms only: %s", e.msg);
    CHECK(file_absent(in_dir("none.gguf")), "a refused conversion has written");
    CHECK(mix_fit(DT_IQ4_XS, 64) == DT_IQ4_NL && mix_fit(DT_Q6_K, 96) == DT_Q8_0 && mix_fit(DT_Q8_0, 40) == DT_F32,
          "rows that do not fit");
}

/* ---- formats that are only read ---- */

/* Where blocks have scales, and scales that keep numbers near those of a network; the rest may be any bytes. */
static const struct {
    enum dtype type;
    int at, count; /* places of `count` bytes that are set */
    uint8_t bytes[8];
} readers[] = {
    {DT_IQ2_XXS, 0, 2, {0x00, 0x10}}, {DT_IQ2_XS, 0, 2, {0x00, 0x10}}, {DT_IQ2_S, 0, 2, {0x00, 0x10}},
    {DT_IQ3_XXS, 0, 2, {0x00, 0x08}}, {DT_IQ3_S, 0, 2, {0x00, 0x0c}},  {DT_IQ1_S, 0, 2, {0x00, 0x20}},
    {DT_IQ1_M, 48, 8, {0x12, 0x00, 0x45, 0x03, 0x33, 0x00, 0x21, 0x20}},
    {DT_TQ1_0, 52, 2, {0x00, 0x28}},  {DT_TQ2_0, 64, 2, {0x00, 0x28}}, {DT_Q1_0, 0, 2, {0x00, 0x28}},
    {DT_Q2_0, 0, 2, {0x00, 0x28}},    {DT_NVFP4, 0, 4, {0x0c, 0x10, 0x08, 0x09}},
    {DT_MXFP8, 0, 8, {117, 116, 118, 117, 119, 117, 115, 116}},
};

/* The model with matrices of random blocks. */
static void write_blocks(const char *path, size_t reader)
{
    enum dtype type = readers[reader].type;
    struct err e = {0};
    struct tf f;
    struct tf_writer *w;
    CHECK_OK(tf_open(&f, in_dir("f32.gguf"), &e), &e);
    CHECK_OK(tf_writer_gguf(&w, path, &e), &e);
    for (size_t i = 0; i < f.n_kv; i++) CHECK_OK(tf_writer_kv_copy(w, &f.kv[i], &e), &e);
    for (size_t i = 0; i < f.n_tensors; i++) {
        const struct tf_tensor *t = &f.tensors[i];
        CHECK_OK(tf_writer_declare(w, t->name, t->nd > 1 ? type : DT_F32, t->nd, t->ne, &e), &e);
    }
    CHECK_OK(tf_writer_begin(w, &e), &e);
    for (size_t i = 0; i < f.n_tensors; i++) {
        const struct tf_tensor *t = &f.tensors[i];
        if (t->nd == 1) {
            CHECK_OK(tf_writer_data(w, t->data, t->bytes, &e), &e);
            continue;
        }
        size_t n = format_bytes(type, t->ne[0] * t->ne[1]), block = (size_t)formats[type].bytes;
        uint8_t *b = mem_alloc(n);
        for (size_t k = 0; k < n; k++) b[k] = (uint8_t)(rng_uniform(reader, i, k) * 256);
        if (type == DT_MXFP8)
            for (size_t k = 0; k < n; k++) b[k] &= 0xbf; /* numbers below 2 */
        for (size_t k = 0; k < n; k += block)
            memcpy(b + k + readers[reader].at, readers[reader].bytes, (size_t)readers[reader].count);
        CHECK_OK(tf_writer_data(w, b, n, &e), &e);
        mem_free(b);
    }
    CHECK_OK(tf_writer_commit(w, &e), &e);
    tf_close(&f);
}

static double worst_of(const float *x, const float *y, int64_t n)
{
    double worst = x && y ? 0 : INFINITY, top = 1e-30;
    for (int64_t i = 0; i < n && x && y; i++) {
        if (!isfinite(x[i]) || !isfinite(y[i])) return INFINITY;
        worst = fmax(worst, fabs((double)x[i] - (double)y[i]));
        top = fmax(top, fabs((double)x[i]));
    }
    return worst / top;
}

/* The same model in blocks and, decoded by `convert`, in f32: equal logits in f32, near ones with int8 products. */
static void check_reader(size_t reader, const struct sample *s)
{
    struct err e = {0};
    struct convert_result r;
    struct mix m;
    const char *name = formats[readers[reader].type].name;
    struct convert_options o = {.in = in_dir("blocks.gguf"), .out = in_dir("decoded.gguf"), .mix = &m};
    struct load_options plain = {.ks = &ks}, integer = {.ks = &ks, .int8 = true};
    write_blocks(o.in, reader);
    mix_by_name("f32", &m);
    CHECK_OK(convert_to_gguf(&o, &r, &e), &e);
    CHECK(r.from == readers[reader].type && r.to == DT_F32 && !r.requantised, "%s: seen as %s", name, formats[r.from].name);
    float *x = logits_of(o.out, &plain, s), *y = logits_of(o.in, &plain, s), *z = logits_of(o.in, &integer, s);
    double exact = worst_of(x, y, s->n * VOCAB), near = worst_of(x, z, s->n * VOCAB);
    CHECK(exact == 0, "%s: logits differ by %g from those of the decoded model", name, exact);
    CHECK(near < 0.05, "%s: with int8 products logits differ by %g", name, near);
    mem_free(x);
    mem_free(y);
    mem_free(z);
    mix_by_name("q8_0", &m);
    o.out = in_dir("q8.gguf");
    CHECK_OK(convert_to_gguf(&o, &r, &e), &e);
    CHECK(r.requantised && r.to == DT_Q8_0, "%s: to q8_0", name);
    o.out = in_dir("same.gguf");
    o.mix = NULL;
    CHECK_OK(convert_to_gguf(&o, &r, &e), &e);
    CHECK(r.to == readers[reader].type, "%s: kept as %s", name, formats[r.to].name);
}

static void test_readers(void)
{
    struct sample s;
    make_sample(&s);
    for (size_t i = 0; i < ARRAY_LEN(readers); i++) check_reader(i, &s);
    int only_read = 0;
    for (int t = 0; t < DT_COUNT; t++) only_read += formats[t].ggml_type >= 0 && formats[t].to_f32 && !formats[t].from_f32;
    CHECK(only_read == (int)ARRAY_LEN(readers), "%d formats are only read", only_read);
}

int main(void)
{
    (void)expected; /* of the fixture, not needed here */
    (void)release;
    (void)sample_open;
    folder_make();
    kernels_init(&ks, kernels_max_level());
    test_patterns();
    test_parse();
    make_model();
    test_rules();
    test_readers();
    folder_remove();
    return test_end();
}
