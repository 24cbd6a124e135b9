/* What opens although something in its files makes no sense, with the warning that says what was ignored, and what is refused
 * because memory or meaning is at stake; what a file that is no model is said to be; numbers that are not finite. */
#include <math.h>
#include <string.h>
#include <sys/resource.h>
#include "base/checked.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "infer/engine.h"
#include "infer/generate.h"
#include "infer/sample.h"
#include "infer/session.h"
#include "model/arch.h"
#include "model/vocab.h"
#include "quant/convert.h"
#include "sys/file.h"
#include "tests/folder.h"
#include "tests/warned.h"
#include "tests/load_net.h"

#define ROOT "tests/fixtures/models"
enum { PATH_CAP = 512 };

static struct kernels ks;

/* want: "" for no warning, words that are in one, or "!" and words of the error. */
static void judge(const char *what, int rc, const struct err *e, const char *want)
{
    log_to(NULL, NULL);
    const char *got = rc ? e->msg : "accepted";
    if (*want == '!') CHECK(rc != OK && strstr(e->msg, want + 1), "%s: %s, expected \"%s\"", what, got, want + 1);
    else if (*want) CHECK(rc == OK && strstr(warned, want), "%s: %s, warned \"%s\", expected \"%s\"", what, got, warned, want);
    else CHECK(rc == OK && !*warned, "%s: %s, warned \"%s\"", what, got, warned);
}

/* ---- config.json ---- */

/* The text of a fixture's config.json with one member as it is given. */
static void config_text(struct buf *b, const char *model, const char *key, const char *value)
{
    char path[PATH_CAP], *text = NULL;
    size_t len = 0;
    json_t *root = NULL;
    struct err e = {0};
    snprintf(path, sizeof path, ROOT "/%s/config.json", model);
    CHECK_OK(file_read(&text, &len, path, 1 << 20, &e), &e);
    CHECK_OK(json_parse(&root, text, len, path, &e), &e);
    mem_free(text);
    json_object_del(root, key);
    text = json_text(root);
    json_decref(root);
    buf_clear(b);
    buf_printf(b, "{\"%s\": %s, %s", key, value, text + 1);
    mem_free(text);
}

struct config_case {
    const char *model, *key, *value, *want;
};
#define ROPE(x) "{\"rope_theta\": 100.0, " x "}"
static const struct config_case config_cases[] = {
    {"llama", "model_max_length", "1000000000000000019884624838656", ""},
    {"llama", "x", "NaN", ""},
    {"llama", "x", "[-Infinity, 1e999, {\"a\": [Infinity, -1e999]}, \"NaN\"]", ""},
    {"llama", "x", "null, \"y\": \"\\\"NaN\", \"z\": NaN", ""},
    {"llama", "rms_norm_eps", "NaN", "!\"rms_norm_eps\" is NaN, expected a number"},
    {"llama", "vocab_size", "-Infinity", "!\"vocab_size\" is -Infinity, expected an integer"},
    {"llama", "hidden_size", "1e999", "!\"hidden_size\" is Infinity"},
    {"llama", "x", "nan", "!not valid JSON"},
    {"llama", "bos_token_id", "48", "begins a text has the id 48, of a vocabulary of 48"},
    {"llama", "bos_token_id", "-7", "\"bos_token_id\" is no token id"},
    {"llama", "eos_token_id", "[]", "\"eos_token_id\" is no token id"},
    {"llama", "eos_token_id", "\"</s>\"", "\"eos_token_id\" is no token id"},
    {"llama", "eos_token_id", "1e30", "\"eos_token_id\" is no token id"},
    {"llama", "eos_token_id", "null", ""},
    {"llama", "eos_token_id", "[1, 2]", ""},
    {"llama", "pad_token_id", "99999", ""},
    {"llama", "max_position_embeddings", "1000000000000000019884624838656", "\"max_position_embeddings\" is 1e+30, taken as 2147483647"},
    {"mistral", "sliding_window", "1e30", "\"sliding_window\" is 1e+30"},
    {"llama", "hidden_size", "1e30", "!\"hidden_size\""},
    {"llama", "partial_rotary_factor", "1", ""},
    {"llama", "partial_rotary_factor", "0.5", "!partial_rotary_factor"},
    {"llama", "hidden_act", "\"swish\"", ""},
    {"llama", "num_hidden_layers", "2.0", ""},
    {"llama", "num_hidden_layers", "2.5", "!\"num_hidden_layers\" is a number"},
    {"llama", "x", "\"\\ud800\", \"y\": \"\\ud83d\\ude00 \\udc00\\\\ud800\"", ""},
    {"llama", "torch_dtype", "\"float7\"", ""},
    {"llama", "rope_parameters", "null", ""},
    {"llama", "rope_scaling", "null", ""},
    {"llama", "rope_parameters", ROPE("\"type\": \"default\""), ""},
    {"llama", "rope_parameters", ROPE("\"factor\": 4.0"), "a \"factor\" and no \"rope_type\": it is ignored"},
    {"llama", "rope_parameters", ROPE("\"rope_type\": \"dynamic\", \"factor\": 2.0"), "\"dynamic\""},
    {"llama", "rope_parameters", ROPE("\"rope_type\": \"longrope\", \"factor\": 2.0"), "!longrope"},
    {"qwen3", "rope_parameters", ROPE("\"rope_type\": \"yarn\", \"factor\": 4.0"), "yarn has no \"original_max_position_embeddings\""},
    {"qwen3", "rope_parameters", ROPE("\"rope_type\": \"yarn\""), "!needs \"factor\""},
    {"qwen3", "rope_parameters", ROPE("\"rope_type\": \"yarn\", \"factor\": null, \"original_max_position_embeddings\": 16"),
     "the \"factor\" of yarn is null; as for transformers it is 4,"},
    {"qwen3", "rope_parameters", ROPE("\"rope_type\": \"linear\", \"factor\": null"), "!needs \"factor\""},
    {"llama", "x", "1, \"y\": 2, \"x\": NaN", "duplicate object key near '\"x\"': the last one counts"},
    {"llama", "vocab_size", "7, \"vocab_size\": 48", "the last one counts"},
    {"llama", "rope_parameters", ROPE("\"rope_type\": \"llama3\", \"factor\": 4.0, \"low_freq_factor\": 1, \"high_freq_factor\": 4"),
     "llama3 has no \"original_max_position_embeddings\""},
    {"llama", "attn_logit_softcapping", "30.0", "!attn_logit_softcapping"},
    {"llama", "quantization", "{\"group_size\": 64, \"bits\": 4}", "!quantised by MLX"},
    {"llama", "quantization_config", "{\"quant_method\": \"awq\", \"bits\": 4}", "!quantised by AWQ"},
    {"llama", "quantization_config", "{\"quant_method\": \"gptq\", \"bits\": 4}", "!quantised by GPTQ"},
    {"llama", "quantization_config", "{\"quant_method\": \"bitsandbytes\", \"load_in_4bit\": true}", "!quantised by bitsandbytes"},
    {"llama", "quantization_config", "{\"quant_method\": \"newest\"}", "!quantised by another program"},
};

static int read_config(struct config *c, const struct buf *b, struct err *e)
{
    json_t *root;
    TRY(json_parse_file(&root, b->data, b->len, "config.json", e));
    int rc = config_from_json(c, root, "config.json", e);
    json_decref(root);
    return rc;
}

static void check_configs(void)
{
    struct buf b = {0};
    struct config c;
    char what[400];
    for (size_t i = 0; i < ARRAY_LEN(config_cases); i++) {
        const struct config_case *x = &config_cases[i];
        struct err e = {0};
        config_text(&b, x->model, x->key, x->value);
        listen();
        int rc = read_config(&c, &b, &e);
        snprintf(what, sizeof what, "%s, %s: %s", x->model, x->key, x->value);
        judge(what, rc, &e, x->want);
        bool original = !strcmp(x->key, "rope_parameters") && strstr(x->want, "original_max");
        bool plain = strstr(x->value, "dynamic") || strstr(x->want, "no \"rope_type\"");
        if (original)
            CHECK(c.rope_original_context == 64 && c.rope_factor == 4, "%s: %lld", what, (long long)c.rope_original_context);
        if (strstr(x->want, "it is 4,")) CHECK(c.rope_factor == 4, "%s: %g", what, c.rope_factor);
        if (!strcmp(x->key, "vocab_size") && *x->want != '!') CHECK(c.vocab == 48, "%s: %lld", what, (long long)c.vocab);
        if (plain) CHECK(!config_rope_scaled(&c), "%s: stretched", what);
    }
    config_text(&b, "llama", "x", "1");
    b.len -= 20;
    struct err e = {0};
    CHECK(read_config(&c, &b, &e) == ERR_FORMAT && strstr(e.msg, "is the file whole?"), "cut: %s", e.msg);
    buf_free(&b);
}

/* ---- metadata of GGUF ---- */

enum value_kind { V_U32, V_F32, V_BOOL, V_STR, V_I32S };
struct gguf_case {
    const char *model, *drop, *key;
    enum value_kind kind;
    double value; /* of I32S: the second of two, the first is 4 */
    const char *text, *want;
};
static const struct gguf_case gguf_cases[] = {
    {"qwen2", NULL, "qwen2.foo.bar", V_U32, 1, NULL, "is not known for this architecture and is ignored: qwen2.foo.bar"},
    {"qwen2", NULL, "llama.foo.bar", V_U32, 1, NULL, ""},
    {"qwen2", NULL, "qwen2.attention.causal", V_BOOL, 0, NULL, "!\"qwen2.attention.causal\" is 0"},
    {"qwen2", NULL, "qwen2.attention.causal", V_BOOL, 1, NULL, ""},
    {"qwen2", NULL, "qwen2.final_logit_softcapping", V_F32, 30, NULL, "!final_logit_softcapping"},
    {"qwen2", NULL, "qwen2.attention.max_alibi_bias", V_F32, 8, NULL, "!max_alibi_bias"},
    {"qwen2", NULL, "qwen2.use_parallel_residual", V_BOOL, 1, NULL, "!use_parallel_residual"},
    {"qwen2", NULL, "qwen2.attention.key_length_swa", V_U32, 3, NULL, "!key_length_swa"},
    {"qwen2", NULL, "qwen2.attention.sliding_window", V_U32, 3, NULL, "ignored: qwen2.attention.sliding_window"},
    {"qwen2", NULL, "qwen2.rope.dimension_sections", V_I32S, 4, NULL, "ignored: qwen2.rope.dimension_sections"},
    {"qwen2", NULL, "qwen2.rope.scaling.finetuned", V_BOOL, 1, NULL, ""},
    {"qwen2", "qwen2.rope.scaling.type", "qwen2.rope.scaling.factor", V_F32, 2, NULL, ""},
    {"qwen2", "qwen2.rope.scaling.type", "qwen2.rope.scale_linear", V_F32, 2, NULL, ""},
    {"qwen2", "qwen2.rope.scaling.type", "qwen2.rope.scale_linear", V_F32, 0, NULL, ""},
    {"deepseek-v2-lite", "deepseek2.rope.scaling.type", "deepseek2.foo", V_U32, 1, NULL, "!without \"deepseek2.rope.scaling.type\""},
    {"qwen2", NULL, "qwen2.context_length", V_U32, 4e9, NULL, "\"qwen2.context_length\" is beyond all positions"},
    {"qwen2", NULL, "qwen2.embedding_length", V_U32, 4e9, NULL, "!embedding_length"},
    {"qwen2", NULL, "qwen2.attention.head_count", V_I32S, 4, NULL, ""},
    {"qwen2", NULL, "qwen2.attention.head_count", V_I32S, 2, NULL, "!head_count"},
    {"qwen2", NULL, "tokenizer.ggml.bos_token_id", V_U32, 4e9, NULL, "tokenizer.ggml.bos_token_id"},
    {"qwen2", NULL, "tokenizer.ggml.eos_token_id", V_STR, 0, "two", "tokenizer.ggml.eos_token_id"},
    {"qwen2", NULL, "tokenizer.ggml.eos_token_id", V_U32, 48, NULL, "ends a text has the id 48"},
    {"qwen2", NULL, "general.type", V_STR, 0, "adapter", "!this is no model but an adapter (LoRA)"},
    {"qwen2", NULL, "general.type", V_STR, 0, "mmproj", "!the part of a model that sees pictures"},
    {"qwen2", NULL, "general.type", V_STR, 0, "model", ""},
    {"qwen2", NULL, "general.type", V_U32, 7, NULL, ""},
    {"qwen2", NULL, "general.architecture", V_STR, 0, "clip", "!the part of a model that sees pictures"},
    {"qwen3", "qwen3.rope.scaling.original_context_length", "qwen3.x", V_U32, 0, NULL, "original_context_length\" is missing"},
};

static int put_value(struct tf_writer *out, const struct gguf_case *c, struct err *e)
{
    const int32_t list[2] = {4, (int32_t)c->value};
    switch (c->kind) {
    case V_U32: return tf_writer_kv_u32(out, c->key, (uint32_t)c->value, e);
    case V_F32: return tf_writer_kv_f32(out, c->key, (float)c->value, e);
    case V_BOOL: return tf_writer_kv_bool(out, c->key, c->value != 0, e);
    case V_STR: return tf_writer_kv_str(out, c->key, c->text, e);
    case V_I32S: return tf_writer_kv_i32_array(out, c->key, list, 2, e);
    }
    return OK;
}

static int copy_with(const struct tf *in, const char *to, const struct gguf_case *c, struct err *e)
{
    struct tf_writer *out;
    TRY(tf_writer_gguf(&out, to, e));
    int rc = OK;
    for (size_t i = 0; i < in->n_kv && !rc; i++) {
        const char *key = in->kv[i].key;
        if (strcmp(key, c->key) && (!c->drop || strcmp(key, c->drop))) rc = tf_writer_kv_copy(out, &in->kv[i], e);
    }
    if (!rc) rc = put_value(out, c, e);
    for (int data = 0; data < 2 && !rc; data++) {
        for (size_t i = 0; i < in->n_tensors && !rc; i++) {
            const struct tf_tensor *t = &in->tensors[i];
            rc = data ? tf_writer_data(out, t->data, t->bytes, e) : tf_writer_declare(out, t->name, t->dtype, t->nd, t->ne, e);
        }
        if (!rc && !data) rc = tf_writer_begin(out, e);
    }
    if (!rc) return tf_writer_commit(out, e);
    tf_writer_abort(out);
    return rc;
}

/* The fixture as GGUF in the folder. */
static const char *as_gguf(const char *model)
{
    char path[PATH_CAP];
    struct net net;
    struct err e = {0};
    struct load_options o = {.ks = &ks, .plain = true};
    const char *to = in_dir("base.gguf");
    snprintf(path, sizeof path, ROOT "/%s", model);
    CHECK_OK(load_net(&net, path, &o, &e), &e);
    CHECK_OK(net_save_gguf(&net, to, DT_F32, NULL, NULL, &e), &e);
    net_free(&net);
    return to;
}

static void check_metadata(void)
{
    struct load_options o = {.ks = &ks, .plain = true};
    for (size_t i = 0; i < ARRAY_LEN(gguf_cases); i++) {
        const struct gguf_case *c = &gguf_cases[i];
        struct tf in;
        struct net net = {0};
        struct err e = {0};
        CHECK_OK(tf_open(&in, as_gguf(c->model), &e), &e);
        CHECK_OK(copy_with(&in, in_dir("m.gguf"), c, &e), &e);
        tf_close(&in);
        listen();
        int rc = load_net(&net, in_dir("m.gguf"), &o, &e);
        judge(c->key, rc, &e, c->want);
        if (!rc && c->value == 2 && strstr(c->key, ".rope."))
            CHECK(net.config.rope_kind == ROPE_LINEAR && net.config.rope_factor == 2, "%s: factor %g", c->key,
                  net.config.rope_factor);
        net_free(&net);
    }
}

/* ---- tensors ---- */

/* A copy of a fixture's folder with an edited weight file or configuration; edit NULL: none. */
static void copy_folder(const char *model, const char *to, const struct buf *config)
{
    char path[PATH_CAP], *text = NULL;
    size_t len = 0;
    struct err e = {0};
    CHECK_OK(file_mkdirs(in_dir(to), &e), &e);
    snprintf(path, sizeof path, ROOT "/%s/config.json", model);
    CHECK_OK(file_read(&text, &len, path, 1 << 20, &e), &e);
    snprintf(path, sizeof path, "%s/config.json", to);
    CHECK_OK(file_replace(in_dir(path), config ? config->data : text, config ? config->len : len, &e), &e);
    mem_free(text);
    snprintf(path, sizeof path, ROOT "/%s/model.safetensors", model);
    CHECK_OK(file_read(&text, &len, path, 1 << 24, &e), &e);
    snprintf(path, sizeof path, "%s/model.safetensors", to);
    CHECK_OK(file_replace(in_dir(path), text, len, &e), &e);
    mem_free(text);
}

/* Writes n bytes at the beginning of a tensor of a file. */
static void poke(const char *file, const char *tensor, size_t at, const void *bytes, size_t n)
{
    struct tf f;
    struct err e = {0};
    char *text = NULL;
    size_t len = 0;
    CHECK_OK(tf_open(&f, file, &e), &e);
    const struct tf_tensor *t = tf_find(&f, tensor);
    uint64_t offset = t ? t->offset : 0;
    CHECK(t && t->bytes >= at + n, "%s: no %s", file, tensor);
    tf_close(&f);
    CHECK_OK(file_read(&text, &len, file, 1 << 24, &e), &e);
    memcpy(text + offset + at, bytes, n);
    CHECK_OK(file_replace(file, text, len, &e), &e);
    mem_free(text);
}

static void check_tied(void)
{
    struct buf b = {0};
    struct net net;
    struct err e = {0};
    struct load_options o = {.ks = &ks, .plain = true};
    config_text(&b, "llama", "tie_word_embeddings", "true");
    copy_folder("llama", "tied", &b);
    listen();
    int rc = load_net(&net, in_dir("tied"), &o, &e);
    judge("tied", rc, &e, "lm_head.weight differs from model.embed_tokens.weight: the two are not tied");
    CHECK(!rc && !net.config.tied_head, "the head is the embedding");
    net_free(&net);
    buf_free(&b);
}

/* A file of safetensors with one tensor more. */
static void add_tensor(const char *from, const char *to, const char *name)
{
    struct tf in;
    struct tf_writer *out;
    struct err e = {0};
    const int64_t one = 1;
    const float zero = 0;
    CHECK_OK(tf_open(&in, from, &e), &e);
    CHECK_OK(tf_writer_safetensors(&out, to, &e), &e);
    int rc = OK;
    for (int data = 0; data < 2; data++) {
        for (size_t i = 0; i < in.n_tensors && !rc; i++) {
            const struct tf_tensor *t = &in.tensors[i];
            rc = data ? tf_writer_data(out, t->data, t->bytes, &e) : tf_writer_declare(out, t->name, t->dtype, t->nd, t->ne, &e);
        }
        if (!rc) rc = data ? tf_writer_data(out, &zero, 4, &e) : tf_writer_declare(out, name, DT_F32, 1, &one, &e);
        if (!rc && !data) rc = tf_writer_begin(out, &e);
    }
    CHECK(!rc && tf_writer_commit(out, &e) == OK, "%s", e.msg);
    tf_close(&in);
}

static void hear(void *ctx, const char *message)
{
    (void)ctx;
    log_warn("%s", message);
}

static void check_other_tensors(void)
{
    static const struct {
        const char *name, *want;
    } cases[] = {
        {"vision_tower.layer.weight", "tensors of the part that sees pictures, which are not used: 1"},
        {"model.visual.blocks.0.weight", "sees pictures"},
        {"audio_tower.conv.weight", "tensors of the part that hears, which are not used: 1"},
        {"score.weight", "judges texts"},
        {"model.layers.0.self_attn.rotary_emb.inv_freq", ""},
        {"model.layers.1.self_attn.k_scale", ""},
        {"model.layers.2.eh_proj.weight", "predicts a second token"},
        {"model.layers.2.mlp.weight", "!tensors that this llama model does not have"},
        {"model.layers.0.self_attn.q_proj.bias", "!tensors that this llama model does not have"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct net net;
        struct err e = {0};
        struct load_options o = {.ks = &ks, .plain = true, .warn = hear};
        copy_folder("llama", "more", NULL);
        add_tensor(ROOT "/llama/model.safetensors", in_dir("more/model.safetensors"), cases[i].name);
        listen();
        int rc = load_net(&net, in_dir("more"), &o, &e);
        judge(cases[i].name, rc, &e, cases[i].want);
        net_free(&net);
    }
}

/* ---- what a file is ---- */

#define LFS "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1063829664\n"
static const struct {
    const char *name, *bytes;
    size_t n; /* 0: a text */
    const char *say;
} files[] = {
    {"a.gguf", LFS, 0, "pointer of Git LFS, not the file itself (1063829664 bytes)"},
    {"a.safetensors", LFS, 0, "pointer of Git LFS"},
    {"a.gguf", "<!DOCTYPE html>\n<html><body>404", 0, "a web page"},
    {"a.safetensors", "\n  <html lang=en>", 0, "a web page"},
    {"a.gguf", "{\"error\":\"Repository not found\"}", 0, "this is a text (\"{\"error\":\"Repository not found\"}\")"},
    {"a.gguf", "Entry not found", 0, "this is a text (\"Entry not found\")"},
    {"a.gguf", "\x1f\x8b\x08\0\0\0\0\0\0\3", 10, "packed with gzip"},
    {"a.gguf", "\x28\xb5\x2f\xfd\0\0\0\0\0\0", 10, "packed with zstd"},
    {"a.gguf", "\xfd" "7zXZ\0\0\0\0\0", 10, "packed with xz"},
    {"a.gguf", "PK\3\4\x14\0\0\0\0\0model.gguf", 20, "a zip archive"},
    {"a.pt", "PK\3\4\x14\0\0\0\0\0archive/", 18, "pickle is never read"},
    {"a.gguf", "7z\xbc\xaf\x27\x1c\0\0", 8, "7z archive"},
    {"a.bin", "tjgg\1\0\0\0\0\0", 10, "GGJT, the format before GGUF"},
    {"a.h5", "\x89HDF\r\n\x1a\n", 8, "HDF5"},
    {"a.gguf", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
               "\0\0\0\0\0\0\0\0", 68, "starts with zeros"},
    {"a.gguf.part1of2", "GGUF\3\0\0\0", 8, "is the file whole? it has 8 bytes); by its name this is a piece"},
    {"a.gguf.part2of2", "\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8", 8, "cat a.gguf* > MODEL.gguf"},
    {"a.gguf-split-b", "\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8", 8, "a piece of a file that was cut"},
    {"a.gguf.002", "\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8", 8, "a piece of a file that was cut"},
    {"a.gguf.crdownload", "GGUF\3\0\0\0", 8, "the download of this file has not ended"},
    {"a.gguf", "\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8", 8, "expected GGUF or a safetensors header"},
};

static void check_kinds(void)
{
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct tf f;
        struct err e = {0};
        const char *path = in_dir(files[i].name);
        size_t n = files[i].n ? files[i].n : strlen(files[i].bytes);
        CHECK_OK(file_replace(path, files[i].bytes, n, &e), &e);
        int rc = tf_open(&f, path, &e);
        CHECK(rc && strstr(e.msg, files[i].say), "%s: %s, expected \"%s\"", files[i].name, rc ? e.msg : "opened", files[i].say);
        CHECK_OK(file_remove(path, &e), &e);
    }
}

static int read_folder_config(const char *path, struct err *e)
{
    struct model_file m;
    struct config c;
    TRY(model_file_open(&m, path, e));
    int rc = net_read_config(&c, &m, e);
    model_file_close(&m);
    return rc;
}

/* Small files of a folder, and folders by what they hold instead of a model. */
static void check_folders(void)
{
    static const struct {
        const char *file, *bytes, *say;
    } cases[] = {
        {"f/config.json", LFS, "f/config.json: offset 0: this is a pointer of Git LFS"},
        {"f/config.json", "<html>", "f/config.json: offset 0: this is a web page"},
        {"f/model.safetensors", LFS, "f/model.safetensors: offset 0: this is a pointer of Git LFS"},
        {"f/model.safetensors.index.json", LFS, "index.json: offset 0: this is a pointer of Git LFS"},
        {"f/x.gguf", "GGUF", "it has \"x.gguf\": name that file"},
        {"f/adapter_config.json", "{}", "this is an adapter (LoRA)"},
        {"f/consolidated.safetensors", "x", "Mistral's own layout"},
        {"f/model_index.json", "{}", "a pipeline that makes pictures"},
        {"f/other.safetensors", "x", "if that is the model, name that file"},
        {"f/pytorch_model.bin", "x", "pickle is never read"},
        {"f/tf_model.h5", "x", "the model for another program"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct net net = {0};
        struct buf b = {0};
        struct err e = {0};
        struct load_options o = {.ks = &ks, .plain = true};
        CHECK_OK(file_mkdirs(in_dir("f"), &e), &e);
        config_text(&b, "llama", "x", "1");
        CHECK_OK(file_replace(in_dir("f/config.json"), b.data, b.len, &e), &e);
        CHECK_OK(file_replace(in_dir(cases[i].file), cases[i].bytes, strlen(cases[i].bytes), &e), &e);
        int rc = !strcmp(cases[i].file, "f/config.json") ? read_folder_config(in_dir("f"), &e)
                                                           : load_net(&net, in_dir("f"), &o, &e);
        CHECK(rc && strstr(e.msg, cases[i].say), "%s: %s, expected \"%s\"", cases[i].file, rc ? e.msg : "opened", cases[i].say);
        net_free(&net);
        buf_free(&b);
        CHECK_OK(dir_remove_tree(in_dir("f"), &e), &e);
    }
}

/* Members that are not read, as deep as Python reads them; what is deeper is refused before anything is made of it. */
static void check_deep(void)
{
    static const int depths[] = {128, 900, 5000};
    for (size_t i = 0; i < ARRAY_LEN(depths); i++) {
        struct buf b = {0}, v = {0};
        struct config c;
        struct err e = {0};
        for (int k = 0; k < depths[i]; k++) buf_add_str(&v, k % 2 ? "[" : "{\"a\":");
        buf_add_byte(&v, '1');
        for (int k = depths[i]; k-- > 0;) buf_add_byte(&v, k % 2 ? ']' : '}');
        config_text(&b, "llama", "x", v.data);
        int rc = read_config(&c, &b, &e);
        CHECK(depths[i] < 1000 ? rc == OK : rc == ERR_LIMIT && strstr(e.msg, "nested deeper"), "%d: %s", depths[i], e.msg);
        buf_free(&b);
        buf_free(&v);
    }
}

/* It only advises: what cannot be read of it keeps no model from opening. */
static void check_generation_config(void)
{
    static const char *const texts[] = {"{\"eos_token_id\": 1,}", "", "not JSON", "[1]"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct model_file m = {0};
        struct generation g;
        struct buf b = {0};
        struct err e = {0};
        CHECK_OK(file_mkdirs(in_dir("g"), &e), &e);
        config_text(&b, "llama", "x", "1");
        CHECK_OK(file_replace(in_dir("g/config.json"), b.data, b.len, &e), &e);
        CHECK_OK(file_replace(in_dir("g/generation_config.json"), texts[i], strlen(texts[i]), &e), &e);
        CHECK_OK(model_file_open(&m, in_dir("g"), &e), &e);
        listen();
        CHECK_OK(model_generation(&g, &m, 48, &e), &e);
        CHECK(strstr(warned, "generation_config.json") && strstr(warned, "it is ignored"), "%s: \"%s\"", texts[i], warned);
        model_file_close(&m);
        buf_free(&b);
        CHECK_OK(dir_remove_tree(in_dir("g"), &e), &e);
    }
}

static void check_no_tokenizer(void)
{
    struct tokenizer *t;
    struct err e = {0};
    copy_folder("llama", "spm", NULL);
    CHECK_OK(file_replace(in_dir("spm/tokenizer.model"), "x", 1, &e), &e);
    int rc = model_tokenizer_at(&t, in_dir("spm"), &e);
    CHECK(rc == ERR_NOTFOUND && strstr(e.msg, "there is tokenizer.model, which is not read"), "%s", e.msg);
}

/* Wherever a file is cut, the message asks whether it is whole. */
static void check_cut(void)
{
    for (int gguf = 0; gguf < 2; gguf++) {
        char *text = NULL;
        size_t len = 0, asked = 0, tries = 0;
        struct err e = {0};
        struct tf f;
        CHECK_OK(file_read(&text, &len, gguf ? as_gguf("llama") : ROOT "/llama/model.safetensors", 1 << 24, &e), &e);
        for (size_t n = 16; n < len; n += 1 + len / 97, tries++) {
            CHECK_OK(file_replace(in_dir("cut"), text, n, &e), &e);
            int rc = tf_open(&f, in_dir("cut"), &e);
            CHECK(rc && strstr(e.msg, "is the file whole? it has "), "cut to %zu of %zu bytes: %s", n, len,
                  rc ? e.msg : "opened");
            asked += rc && strstr(e.msg, gguf ? "its table says" : "its header says") != NULL;
            if (!rc) tf_close(&f);
        }
        CHECK(tries > 50 && asked > 30, "%zu of %zu messages say how long the file should be", asked, tries);
        mem_free(text);
    }
}

/* Weights of other programs, by the names beside them. */
static void check_foreign(void)
{
    static const char *const names[][2] = {{"qweight", "GPTQ or AWQ"}, {"scales", "MLX"}, {"weight.absmax", "bitsandbytes"},
                                           {"weight_packed", "compressed-tensors"}};
    char name[120];
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct net net;
        struct err e = {0};
        struct load_options o = {.ks = &ks, .plain = true};
        struct buf b = {0};
        config_text(&b, "llama", "hidden_size", "32"); /* so that no matrix has the shape that is wanted, as with packed ones */
        copy_folder("llama", "q", &b);
        snprintf(name, sizeof name, "model.embed_tokens.%s", names[i][0]);
        add_tensor(ROOT "/llama/model.safetensors", in_dir("q/model.safetensors"), name);
        int rc = load_net(&net, in_dir("q"), &o, &e);
        CHECK(rc == ERR_UNSUPPORTED && strstr(e.msg, names[i][1]), "%s: %s", name, rc ? e.msg : "opened");
        net_free(&net);
        buf_free(&b);
    }
}

/* ---- numbers that are not finite ---- */

/* The quick look says what decoding says, for random blocks with every pattern of bits. */
static void check_finite(void)
{
    enum { BYTES = 512 };
    uint8_t block[BYTES];
    float x[512];
    uint64_t state = 1;
    int bad[DT_COUNT] = {0}, good[DT_COUNT] = {0};
    for (int t = 0; t < DT_COUNT; t++) {
        if (!formats[t].to_f32) continue;
        for (int k = 0; k < 4000; k++) {
            for (int i = 0; i < formats[t].bytes; i++) {
                state = state * 6364136223846793005u + 1442695040888963407u;
                block[i] = (uint8_t)(state >> 56);
                if (k % 8 == 0 && (state >> 40) % 2) block[i] |= 0x7c;
            }
            formats[t].to_f32(x, block, formats[t].block);
            bool all = true;
            for (int i = 0; i < formats[t].block; i++) all &= isfinite(x[i]) != 0;
            ++*(all ? &good[t] : &bad[t]);
            if (format_all_finite((enum dtype)t, block, formats[t].block) == all) continue;
            CHECK(false, "%s: try %d: decoded numbers are %sfinite", formats[t].name, k, all ? "" : "not ");
            break;
        }
        bool can_be_bad = t != DT_NVFP4 || bad[t];
        CHECK(good[t] > 0 && (bad[t] > 0 || !can_be_bad), "%s: %d finite, %d not", formats[t].name, good[t], bad[t]);
    }
}

static void check_nan_weight(void)
{
    static const uint32_t nan_bits = 0x7fc00000, inf_bits = 0xff800000;
    static const char name[] = "model.layers.1.mlp.down_proj.weight";
    struct net net;
    struct err e = {0};
    struct load_options plain = {.ks = &ks, .plain = true}, packed = {.ks = &ks}, bf16 = {.ks = &ks, .compute = COMPUTE_BF16};
    const struct load_options *ways[] = {&plain, &packed, &bf16};
    copy_folder("llama", "nan", NULL);
    for (int i = 0; i < 6; i++) {
        poke(in_dir("nan/model.safetensors"), name, 40, i < 3 ? &nan_bits : &inf_bits, 4);
        int rc = load_net(&net, in_dir("nan"), ways[i % 3], &e);
        CHECK(rc == ERR_NUMERIC && strstr(e.msg, name), "way %d: %s", i, rc ? e.msg : "loaded");
        net_free(&net);
    }
}

/* What is read where it lies is looked at when a result is wrong. */
static void check_nan_named(void)
{
    static const uint32_t nan_bits = 0x7fc00000;
    struct engine en = {0};
    struct err e = {0};
    struct load_options o = {.ks = &ks};
    copy_folder("llama", "nan", NULL);
    poke(in_dir("nan/model.safetensors"), "model.embed_tokens.weight", 0, &nan_bits, 4);
    CHECK_OK(load_net(&en.net, in_dir("nan"), &o, &e), &e);
    CHECK(engine_fail_numeric(&en, "a logit", &e) == ERR_NUMERIC && strstr(e.msg, "because model.embed_tokens.weight"), "%s",
          e.msg);
    net_free(&en.net);
    CHECK_OK(load_net(&en.net, ROOT "/llama", &o, &e), &e);
    CHECK(engine_fail_numeric(&en, "a logit", &e) == ERR_NUMERIC && strstr(e.msg, "though all its weights are"), "%s", e.msg);
    net_free(&en.net);
}

/* A scale that is not a number, in a block that is packed for integer products. */
static void check_nan_scale(void)
{
    struct net net;
    struct err e = {0};
    struct mix m;
    struct convert_result r;
    struct load_options o = {.ks = &ks, .int8 = true};
    struct convert_options c = {.in = ROOT "/full", .out = in_dir("q.gguf")};
    CHECK(mix_by_name("q8_0", &m), "no q8_0");
    c.mix = &m;
    CHECK_OK(convert_to_gguf(&c, &r, &e), &e);
    CHECK_OK(load_net(&net, c.out, &o, &e), &e);
    net_free(&net);
    poke(c.out, "blk.0.attn_output.weight", 0, "\0\x7e", 2);
    int rc = load_net(&net, c.out, &o, &e);
    CHECK(rc == ERR_NUMERIC && strstr(e.msg, "blk.0.attn_output.weight"), "%s", rc ? e.msg : "loaded");
    net_free(&net);
}

static void check_convert(void)
{
    static const float large = 1e30f;
    static const uint32_t nan_bits = 0x7fc00000;
    struct mix m;
    struct convert_result r;
    struct err e = {0};
    copy_folder("llama", "large", NULL);
    struct convert_options c = {.in = in_dir("large"), .out = in_dir("large.gguf"), .mix = &m};
    CHECK(mix_by_name("f16", &m), "no f16");
    CHECK_OK(convert_to_gguf(&c, &r, &e), &e);
    poke(in_dir("large/model.safetensors"), "model.layers.0.mlp.up_proj.weight", 8, &large, 4);
    int rc = convert_to_gguf(&c, &r, &e);
    CHECK(rc == ERR_NUMERIC && strstr(e.msg, "blk.0.ffn_up.weight has numbers too large for f16"), "%s", e.msg);
    poke(in_dir("large/model.safetensors"), "model.layers.0.mlp.up_proj.weight", 8, &nan_bits, 4);
    c.mix = NULL; /* copied as it is */
    CHECK(convert_to_gguf(&c, &r, &e) == ERR_NUMERIC && strstr(e.msg, "blk.0.ffn_up.weight holds a number"), "%s", e.msg);
}

/* ---- ids without a row, rows without an id ---- */

/* The network has 48 rows. */
static void write_tokenizer(int tokens)
{
    struct buf b = {0};
    struct err e = {0};
    buf_add_str(&b, "{\"decoder\":{\"type\":\"ByteLevel\"},\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},"
                    "\"model\":{\"type\":\"BPE\",\"vocab\":{");
    for (int i = 0; i < tokens; i++) buf_printf(&b, "%s\"%c\":%d", i ? "," : "", 'A' + i, i);
    buf_add_str(&b, "},\"merges\":[]}}");
    for (char *p = b.data; p && *p; p++) /* '\' as it is */
        if (*p == '\\' && p[1] == '"') *p = '!';
    CHECK_OK(file_replace(in_dir("rows/tokenizer.json"), b.data, b.len, &e), &e);
    buf_free(&b);
}

static void check_rows(int tokens, bool more)
{
    struct engine en;
    struct decoder d = {0};
    struct session s = {0};
    struct generate_result r;
    struct generate_params p = {.w = {.max_tokens = 20, .ignore_end = true}};
    struct tokens ids = {0};
    struct err e = {0};
    struct engine_options o = {.model = in_dir("rows"), .threads = 1};
    copy_folder("llama", "rows", NULL);
    write_tokenizer(tokens);
    listen();
    int rc = engine_open(&en, &o, NULL, &e);
    judge("rows", rc, &e, more ? "the tokenizer has 50 tokens, the network 48" : "");
    if (rc) return;
    CHECK_OK(decoder_open(&d, &en, &o.decoder, &e), &e);
    CHECK_OK(session_open(&s, &d, &e), &e);
    sample_defaults(&p.w.sample);
    p.w.sample.temp = 5;
    CHECK_OK(tokens_add(&ids, 3, &e), &e);
    CHECK_OK(generate(&r, &s, ids.ids, 1, &p, NULL, NULL, &e), &e);
    for (int64_t i = 0; i < s.n; i++) CHECK(s.ids[i] < 48 && s.ids[i] < tokens, "token %d was produced", s.ids[i]);
    CHECK(r.tokens == 20, "%lld tokens", (long long)r.tokens);
    generate_result_free(&r);
    ids.ids[0] = 48;
    rc = more ? generate(&r, &s, ids.ids, 1, &p, NULL, NULL, &e) : OK;
    CHECK(!more || (rc && strstr(e.msg, "id 48 (q), expected 0 to 47")), "%s", e.msg);
    tokens_free(&ids);
    session_close(&s);
    decoder_close(&d);
    engine_close(&en);
}

static void check_named(void)
{
    static const char config[] = "{\"pad_token\": \"[PAD]\", \"eos_token\": null, \"bos_token\": {\"content\": \"A\"}, "
                                 "\"x\": NaN}";
    struct tokenizer *t = NULL;
    struct err e = {0};
    CHECK_OK(file_replace(in_dir("rows/tokenizer_config.json"), config, strlen(config), &e), &e);
    listen();
    int rc = model_tokenizer_at(&t, in_dir("rows"), &e);
    judge("pad_token", rc, &e, "\"pad_token\" is \"[PAD]\", which is no added token");
    CHECK(strstr(warned, "\"bos_token\" is \"A\"") && !strstr(warned, "eos_token") && tokenizer_pad(t) < 0, "\"%s\"", warned);
    tokenizer_free(t);
}

/* ---- how much JSON may ask for ---- */

static void check_bounds(void)
{
    enum { MANY = 6000000 };
    static const char *const unit[] = {"[],", "{},", "\"\",", "1,", "[[]],"};
    struct rusage before, after;
    struct err e = {0};
    for (size_t i = 0; i < ARRAY_LEN(unit); i++) {
        struct buf b = {0};
        json_t *v;
        size_t n = strlen(unit[i]) == 2 ? 4 * MANY : MANY;
        buf_add_byte(&b, '[');
        for (size_t k = 0; k < n; k++) buf_add_str(&b, unit[i]);
        buf_add_str(&b, "0]");
        getrusage(RUSAGE_SELF, &before);
        int rc = json_parse(&v, b.data, b.len, "t", &e);
        CHECK(rc == ERR_LIMIT && strstr(e.msg, "more than 128 MiB"), "%s: %s", unit[i], e.msg);
        rc = json_parse_file(&v, b.data, b.len, "t", &e);
        CHECK(rc == ERR_LIMIT && strstr(e.msg, "more than 512 MiB"), "%s: %s", unit[i], e.msg);
        getrusage(RUSAGE_SELF, &after);
        CHECK(after.ru_maxrss - before.ru_maxrss < 16 << 10, "%s: %ld KiB more", unit[i], after.ru_maxrss - before.ru_maxrss);
        buf_free(&b);
    }
}

static void check_once(void)
{
    listen();
    for (int i = 0; i < 3; i++) log_warn("the same %d", 1);
    log_warn("another\x1b[2J");
    CHECK(!strcmp(warned, "the same 1\nanother?[2J\n"), "\"%s\"", warned);
    listen();
    log_warn("the same %d", 1);
    CHECK(!strcmp(warned, "the same 1\n"), "\"%s\"", warned);
    log_to(NULL, NULL);
}

int main(void)
{
    kernels_init(&ks, kernels_max_level());
    folder_make();
    check_once();
    check_configs();
    check_metadata();
    check_tied();
    check_other_tensors();
    check_kinds();
    check_folders();
    check_deep();
    check_generation_config();
    check_no_tokenizer();
    check_cut();
    check_foreign();
    check_finite();
    check_nan_weight();
    check_nan_named();
    check_nan_scale();
    check_convert();
    check_rows(50, true);
    check_rows(48, false);
    check_rows(30, false);
    check_named();
    check_bounds();
    folder_remove();
    return test_end();
}
