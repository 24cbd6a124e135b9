/* Models written and read back with the same bits, in every container and type; configurations and files that lie. */
#include "model/arch.h"
#include "sys/file.h"
#include "tests/model_fixture.h"
#include <unistd.h>

static char tmp[] = "/tmp/check_model_files.XXXXXX";

/* ---- writing and reading back ---- */

static bool same_config(const struct config *a, const struct config *b)
{
    struct config x = *a, y = *b;
    struct buf j = {0}, k = {0};
    struct err e = {0};
    CHECK_OK(config_to_json(&x, &j, &e), &e);
    CHECK_OK(config_to_json(&y, &k, &e), &e);
    bool same = j.len == k.len && !memcmp(j.data, k.data, j.len);
    buf_free(&j);
    buf_free(&k);
    return same;
}

static bool same_file(const char *a, const char *b)
{
    char *x = NULL, *y = NULL;
    size_t nx, ny;
    struct err e = {0};
    CHECK_OK(file_read(&x, &nx, a, 1 << 24, &e), &e);
    CHECK_OK(file_read(&y, &ny, b, 1 << 24, &e), &e);
    bool same = x && y && nx == ny && !memcmp(x, y, nx);
    mem_free(x);
    mem_free(y);
    return same;
}

/* The copy at `copy` gives the bits of the original. */
static void check_copy(const char *original, const char *copy, const struct sample *s)
{
    for (int absorbed = 0; absorbed < 2; absorbed++) {
        struct load_options o = {.ks = &ks, .absorbed = absorbed};
        float *a = logits_of(original, &o, s), *b = logits_of(copy, &o, s);
        CHECK(a && b && !memcmp(a, b, (size_t)(s->n * s->vocab) * sizeof *a), "%s: logits changed on the way to %s", original,
              copy);
        mem_free(a);
        mem_free(b);
    }
    struct net x, y;
    struct err e = {0};
    struct load_options o = {.ks = &ks, .plain = true};
    CHECK_OK(load_net(&x, original, &o, &e), &e);
    CHECK_OK(load_net(&y, copy, &o, &e), &e);
    CHECK(same_config(&x.config, &y.config), "%s: configuration changed on the way to %s", original, copy);
    bool same = x.weights.used == y.weights.used && !memcmp(x.weights.base, y.weights.base, x.weights.used);
    CHECK(same, "%s: weights changed", copy);
    net_free(&x);
    net_free(&y);
}

/* Root mean square of the difference over that of want. */
static double rms_err(const float *a, const float *want, int64_t n)
{
    double d = 0, w = 0;
    for (int64_t i = 0; i < n; i++) {
        d += ((double)a[i] - want[i]) * ((double)a[i] - want[i]);
        w += (double)want[i] * want[i];
    }
    return sqrt(d / w);
}

/* Narrower types. What the file means is what its numbers are as f32: the same bits. Integer products round the
 * activations too, which may turn a choice of the router: near, in the mean. */
static void check_narrow(const struct net *net, const char *file, const char *folder, const struct sample *s)
{
    static const enum dtype types[] = {DT_BF16, DT_F16, DT_Q8_0};
    struct err e = {0};
    struct net wide;
    char path[PATH_CAP];
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct load_options o = {.ks = &ks, .plain = true}, packed = {.ks = &ks}, int8 = {.ks = &ks, .int8 = true};
        CHECK_OK(net_save_gguf(net, file, types[i], NULL, NULL, &e), &e);
        CHECK_OK(load_net(&wide, file, &o, &e), &e);
        CHECK_OK(net_save_folder(&wide, folder, DT_F32, &e), &e);
        net_free(&wide);
        float *a = logits_of(file, &packed, s), *b = logits_of(folder, &packed, s), *c = logits_of(file, &int8, s);
        const float *want = expected(s, "logits", s->n * s->vocab);
        if (a && b && c && want) {
            int64_t n = s->n * s->vocab;
            CHECK(!memcmp(a, b, (size_t)n * sizeof *a), "%s: not the numbers that are stored", formats[types[i]].name);
            double d = rms_err(a, want, n), d8 = rms_err(c, a, n);
            CHECK(d < 0.15, "%s: logits differ by %.3g in the mean", formats[types[i]].name, d);
            if (types[i] == DT_Q8_0) CHECK(d8 > 1e-6 && d8 < 0.1, "integer products: logits differ by %.3g in the mean", d8);
            else CHECK(d8 == 0, "%s has no integer products", formats[types[i]].name);
        }
        release(want);
        mem_free(a);
        mem_free(b);
        mem_free(c);
        CHECK_OK(file_remove(file, &e), &e);
    }
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%.400s/%s", folder, i ? "config.json" : "model.safetensors");
        CHECK_OK(file_remove(path, &e), &e);
    }
    rmdir(folder);
}

static void check_files(const char *model)
{
    struct sample s;
    struct net net;
    struct err e = {0};
    char path[PATH_CAP], file[PATH_CAP], folder[PATH_CAP], again[PATH_CAP], a[PATH_CAP], b[PATH_CAP];
    struct load_options o = {.ks = &ks, .plain = true};
    if (!sample_open(&s, model)) return;
    snprintf(path, sizeof path, ROOT "/%s", model);
    snprintf(file, sizeof file, "%s/model.gguf", tmp);
    snprintf(folder, sizeof folder, "%s/folder", tmp);
    snprintf(again, sizeof again, "%s/again", tmp);
    CHECK_OK(load_net(&net, path, &o, &e), &e);
    CHECK_OK(net_save_folder(&net, folder, DT_F32, &e), &e);
    check_copy(path, folder, &s);
    int64_t params = 0;
    for (int i = 0; i < net.n_params; i++) params += tensor_count(&net.params[i].t);
    CHECK(params == config_params(&net.config, NULL), "%s: %lld parameters, counted %lld", model, (long long)params,
          (long long)config_params(&net.config, NULL));
    if (!strcmp(model, "yarn-magnitude")) {
        int rc = net_save_gguf(&net, file, DT_F32, NULL, NULL, &e);
        CHECK(rc == ERR_UNSUPPORTED && strstr(e.msg, "mscale"), "GGUF cannot say this magnitude: %d", rc);
        CHECK(file_absent(file), "a refused file was left behind");
    } else {
        CHECK_OK(net_save_gguf(&net, file, DT_F32, NULL, NULL, &e), &e);
        check_copy(path, file, &s);
        net_free(&net);
        CHECK_OK(load_net(&net, file, &o, &e), &e); /* and back: the same bytes */
        check_narrow(&net, file, again, &s);
    }
    CHECK_OK(net_save_folder(&net, again, DT_F32, &e), &e);
    static const char *const files[] = {"model.safetensors", "config.json"};
    for (int i = 0; i < 2; i++) {
        snprintf(a, sizeof a, "%.400s/%s", folder, files[i]);
        snprintf(b, sizeof b, "%.400s/%s", again, files[i]);
        CHECK(same_file(a, b), "%s: saved twice, two different %s", model, files[i]);
        CHECK_OK(file_remove(a, &e), &e);
        CHECK_OK(file_remove(b, &e), &e);
    }
    rmdir(folder);
    rmdir(again);
    net_free(&net);
    tf_close(&s.expect);
}

/* ---- the other architectures ---- */

/* What GGUF cannot say, and what a folder cannot say once it has been through GGUF; NULL: everything. */
static const char *refusal(const char *model, bool back)
{
    if (!back && !strcmp(model, "gemma3")) return "query_pre_attn_scalar";
    if (!back && !strcmp(model, "qwen3-moe-raw")) return "norm_topk_prob";
    if (!back && !strcmp(model, "smollm3-interval")) return "no_rope_layer_interval";
    if (back && !strcmp(model, "llama-ramp")) return "rope_freqs.weight";
    return NULL;
}

/* Logits of path against what transformers computed. */
static void check_near(const char *path, const struct sample *s)
{
    struct load_options o = {.ks = &ks};
    const float *want = expected(s, "logits", s->n * s->vocab);
    float *got = logits_of(path, &o, s);
    double worst = 0, size = 0;
    for (int64_t i = 0; got && want && i < s->n * s->vocab; i++) {
        worst = fmax(worst, fabs((double)got[i] - want[i]));
        size = fmax(size, fabs((double)want[i]));
    }
    CHECK(got && want && worst <= 1e-4 * size, "%s: logits differ by %g of %g", path, worst, size);
    mem_free(got);
    release(want);
}

static void remove_folder(const char *folder)
{
    char file[PATH_CAP];
    snprintf(file, sizeof file, "%.400s/config.json", folder);
    remove(file);
    snprintf(file, sizeof file, "%.400s/model.safetensors", folder);
    remove(file);
    rmdir(folder);
}

/* From a GGUF file of ours: the same file again, and the folder that was saved before. */
static void check_back(const char *model, const char *file, const char *folder, const struct sample *s)
{
    char other[PATH_CAP], again[PATH_CAP], a[PATH_CAP], b[PATH_CAP];
    struct net net;
    struct err e = {0};
    struct load_options o = {.ks = &ks, .plain = true};
    const char *says = refusal(model, true);
    static const char *const files[] = {"model.safetensors", "config.json"};
    snprintf(other, sizeof other, "%s/other.gguf", tmp);
    snprintf(again, sizeof again, "%s/again", tmp);
    CHECK_OK(load_net(&net, file, &o, &e), &e);
    CHECK_OK(net_save_gguf(&net, other, DT_F32, NULL, NULL, &e), &e);
    CHECK(same_file(file, other), "%s: saved, loaded and saved, two different GGUF files", model);
    CHECK_OK(file_remove(other, &e), &e);
    check_near(file, s);
    int rc = net_save_folder(&net, again, DT_F32, &e);
    if (says) CHECK(rc == ERR_UNSUPPORTED && strstr(e.msg, says), "%s to a folder: %d, \"%s\"", model, rc, rc ? e.msg : "");
    else CHECK_OK(rc, &e);
    for (int i = 0; i < 2 && !says; i++) {
        snprintf(a, sizeof a, "%.400s/%s", folder, files[i]);
        snprintf(b, sizeof b, "%.400s/%s", again, files[i]);
        CHECK(same_file(a, b), "%s: another %s after GGUF", model, files[i]);
    }
    remove_folder(again);
    net_free(&net);
}

static void check_other_files(const char *model)
{
    struct sample s;
    struct net net;
    struct err e = {0};
    char path[PATH_CAP], file[PATH_CAP], folder[PATH_CAP];
    struct load_options o = {.ks = &ks, .plain = true};
    const char *says = refusal(model, false);
    int64_t params = 0;
    if (!sample_open(&s, model)) return;
    snprintf(path, sizeof path, ROOT "/%s", model);
    snprintf(file, sizeof file, "%s/model.gguf", tmp);
    snprintf(folder, sizeof folder, "%s/folder", tmp);
    CHECK_OK(load_net(&net, path, &o, &e), &e);
    for (int i = 0; i < net.n_params; i++) params += tensor_count(&net.params[i].t);
    CHECK(params == config_params(&net.config, NULL), "%s: %lld parameters, counted %lld", model, (long long)params,
          (long long)config_params(&net.config, NULL));
    CHECK_OK(net_save_folder(&net, folder, DT_F32, &e), &e);
    check_copy(path, folder, &s);
    int rc = net_save_gguf(&net, file, DT_F32, NULL, NULL, &e);
    if (says) CHECK(rc == ERR_UNSUPPORTED && strstr(e.msg, says), "%s to GGUF: %d, \"%s\"", model, rc, rc ? e.msg : "");
    else CHECK_OK(rc, &e);
    net_free(&net);
    if (!says) {
        check_back(model, file, folder, &s);
        CHECK_OK(file_remove(file, &e), &e);
    }
    remove_folder(folder);
    tf_close(&s.expect);
}

/* ---- files that lie ---- */

static json_t *fixture_config(const char *model)
{
    char path[PATH_CAP], *text = NULL;
    size_t len = 0;
    struct err e = {0};
    json_t *root = NULL;
    snprintf(path, sizeof path, ROOT "/%s/config.json", model);
    CHECK_OK(file_read(&text, &len, path, 1 << 20, &e), &e);
    if (text) CHECK_OK(json_parse(&root, text, len, path, &e), &e);
    mem_free(text);
    return root;
}

/* key = value in config.json (in rope_scaling when rope) is refused with a message that holds `says`. */
static const struct {
    const char *key, *value, *says;
    bool rope;
} refused[] = {
    {"vocab_size", "0", "2 to 1048576", false},
    {"vocab_size", "1e9", "is 1000000000", false},
    {"vocab_size", "9223372036854775807", "1048576", false},
    {"hidden_size", "-1", "1 to 65536", false},
    {"hidden_size", "null", "missing", false},
    {"hidden_size", "\"32\"", "a string", false},
    {"num_hidden_layers", "512", "511", false},
    {"num_attention_heads", "4096", "1024", false},
    {"kv_lora_rank", "0", "1 to 65536", false},
    {"qk_rope_head_dim", "7", "even", false},
    {"qk_nope_head_dim", "1000000", "1024", false},
    {"n_group", "3", "divisor", false},
    {"n_group", "16", "2 or more in a group", false},
    {"n_group", "0", "1 to 1024", false},
    {"topk_group", "5", "n_group", false},
    {"num_experts_per_tok", "9", "1 to 8", false},
    {"num_experts_per_tok", "0", "1 to 8", false},
    {"n_routed_experts", "1", "2 to 1024", false},
    {"n_shared_experts", "0", "at least 1", false},
    {"moe_intermediate_size", "0", "at least 1", false},
    {"intermediate_size", "0", "at least 1", false},
    {"num_nextn_predict_layers", "2", "0 to 1", false},
    {"rms_norm_eps", "0", "rms_norm_eps", false},
    {"rope_theta", "0.5", "rope_theta", false},
    {"routed_scaling_factor", "\"x\"", "a string", false},
    {"norm_topk_prob", "1", "true or false", false},
    {"model_type", "\"mamba\"", "\"deepseek_v3\"", false},
    {"model_type", "\"deepseek_v2\"", "scoring_func", false},
    {"hidden_act", "\"gelu\"", "\"silu\"", false},
    {"attention_bias", "true", "false", false},
    {"scoring_func", "\"softmax\"", "\"sigmoid\"", false},
    {"topk_method", "\"greedy\"", "\"noaux_tc\"", false},
    {"rope_interleave", "false", "true", false},
    {"moe_layer_freq", "2", "1", false},
    {"num_key_value_heads", "2", "num_attention_heads", false},
    {"quantization_config", "{\"quant_method\": \"fp8\"}", "quantization_config", false},
    {"rope_scaling", "[1]", "an object", false},
    {"type", "\"linear\"", "yarn", true},
    {"factor", "\"4\"", "factor", true},
    {"factor", "0.5", "1 to", true},
    {"original_max_position_embeddings", "0", "1 to", true},
    {"beta_fast", "1", "beta_slow", true},
    {"rope_type", "\"default\"", "rope_type", true},
    {"attention_factor", "1.5", "attention_factor", true},
    {"truncate", "false", "truncate", true},
};

/* The same for other architectures. */
static const struct {
    const char *model, *key, *value, *says, *inside;
} refused_others[] = {
    {"llama", "num_key_value_heads", "3", "divisor", NULL},
    {"llama", "num_key_value_heads", "0", "1 to 1024", NULL},
    {"llama", "head_dim", "7", "even", NULL},
    {"llama", "head_dim", "2000", "1024", NULL},
    {"llama", "attention_bias", "true", "false", NULL},
    {"llama", "mlp_bias", "true", "false", NULL},
    {"llama", "rope_type", "\"longrope\"", "\"llama3\"", "rope_parameters"},
    {"llama", "factor", "null", "factor", "rope_parameters"},
    {"llama", "low_freq_factor", "5", "high_freq_factor", "rope_parameters"},
    {"llama", "original_max_position_embeddings", "0", "1 to", "rope_parameters"},
    {"llama", "partial_rotary_factor", "0.5", "1.0", "rope_parameters"},
    {"qwen2", "use_sliding_window", "true", "false", NULL},
    {"qwen2", "layer_types", "[\"full_attention\",\"sliding_attention\"]", "sliding_attention", NULL},
    {"qwen2", "layer_types", "[\"full_attention\"]", "2", NULL},
    {"qwen2", "quantization_config", "{\"quant_method\": \"gptq\"}", "\"fp8\"", NULL},
    {"qwen3", "hidden_act", "\"gelu\"", "\"silu\"", NULL},
    {"qwen3", "attention_factor", "0", "0.001", "rope_parameters"},
    {"qwen3-moe", "num_local_experts", "1", "2 to 1024", NULL},
    {"qwen3-moe", "num_experts_per_tok", "7", "1 to 6", NULL},
    {"qwen3-moe", "decoder_sparse_step", "2", "1", NULL},
    {"qwen3-moe", "mlp_only_layers", "[0]", "[]", NULL},
    {"gemma3", "sliding_window", "0", "1 to", NULL},
    {"gemma3", "layer_types", "[\"full_attention\",\"sliding_attention\",\"full_attention\"]", "period", NULL},
    {"gemma3", "final_logit_softcapping", "30.0", "nothing", NULL},
    {"gemma3", "hidden_activation", "\"gelu\"", "gelu_pytorch_tanh", NULL},
    {"gemma3", "use_bidirectional_attention", "true", "false", NULL},
    {"gemma3", "query_pre_attn_scalar", "0", "query_pre_attn_scalar", NULL},
    {"llama", "llama_4_scaling_beta", "0.1", "ministral3", "rope_parameters"},
    {"mistral", "sliding_window", "-1", "0 to", NULL},
    {"mistral", "layer_types", "[\"full_attention\",\"sliding_attention\"]", "sliding_attention", NULL},
    {"ministral3", "rope_type", "\"default\"", "llama_4_scaling_beta", "rope_parameters"},
    {"ministral3", "llama_4_scaling_beta", "-0.1", "0 to 100", "rope_parameters"},
    {"ministral3", "attention_factor", "1.5", "attention_factor", "rope_parameters"},
    {"ministral3-nested", "model_type", "\"llama\"", "\"mistral\"", "text_config"},
    {"ministral3-nested", "weight_block_size", "[1,128]", "[128,128]", "quantization_config"},
    {"smollm3", "no_rope_layers", "[1,1]", "5", NULL},
    {"smollm3", "no_rope_layers", "[1,0,1,1,1]", "period", NULL},
    {"smollm3", "no_rope_layers", "[1,1,1,2,1]", "neither", NULL},
    {"smollm3", "no_rope_layer_interval", "0", "1 to", NULL},
    {"smollm3", "use_sliding_window", "true", "false", NULL},
    {"deepseek-v2", "topk_method", "\"noaux_tc\"", "group_limited_greedy", NULL},
    {"deepseek-v2", "norm_topk_prob", "true", "false", NULL},
    {"deepseek-v2", "scoring_func", "\"sigmoid\"", "\"softmax\"", NULL},
    {"deepseek-v3-fp8", "weight_block_size", "[64,64]", "[128,128]", "quantization_config"},
    {"deepseek-v3-fp8", "fmt", "\"e5m2\"", "e4m3", "quantization_config"},
};

static void check_refused_others(void)
{
    for (size_t i = 0; i < ARRAY_LEN(refused_others); i++) {
        struct config c;
        struct err e = {0};
        json_t *root = fixture_config(refused_others[i].model);
        json_t *obj = refused_others[i].inside ? json_object_get(root, refused_others[i].inside) : root;
        json_object_set_new(obj, refused_others[i].key, json_loads(refused_others[i].value, JSON_DECODE_ANY, NULL));
        int rc = config_from_json(&c, root, "config.json", &e);
        CHECK(rc != OK && strstr(e.msg, "config.json") && strstr(e.msg, refused_others[i].says), "%s, %s = %s: %d, \"%s\"",
              refused_others[i].model, refused_others[i].key, refused_others[i].value, rc, rc ? e.msg : "");
        json_decref(root);
    }
    struct config c;
    struct err e = {0};
    json_t *wide = fixture_config("llama"); /* a head as wide as everything */
    json_object_del(wide, "head_dim");
    json_object_set_new(wide, "hidden_size", json_integer(65536));
    json_object_set_new(wide, "num_attention_heads", json_integer(1));
    json_object_set_new(wide, "num_key_value_heads", json_integer(1));
    CHECK(config_from_json(&c, wide, "config.json", &e) != OK && strstr(e.msg, "head_dim"), "a head of 65536: %s", e.msg);
    json_decref(wide);
}

/* What is not said means what the classes of transformers mean; a window of null is none; a list beats an interval. */
static void check_unsaid(void)
{
    struct config c;
    struct err e = {0};
    json_t *root = json_pack("{s:s}", "model_type", "ministral3");
    CHECK_OK(config_from_json(&c, root, "config.json", &e), &e);
    CHECK(c.rope_kind == ROPE_YARN && c.rope_factor == 16 && c.temperature_beta == 0.1 && c.layers == 34 && !c.window,
          "ministral3 without a word");
    json_object_set_new(root, "rope_parameters", json_pack("{s:s, s:f}", "rope_type", "default", "rope_theta", 1e4));
    CHECK_OK(config_from_json(&c, root, "config.json", &e), &e);
    CHECK(!config_rope_scaled(&c) && c.temperature_beta == 0 && c.rope_theta == 1e4, "ministral3 without stretching");
    json_object_del(root, "rope_parameters");
    json_object_set_new(root, "model_type", json_string("mistral"));
    CHECK_OK(config_from_json(&c, root, "config.json", &e), &e);
    CHECK(c.window == 4096 && config_is_local(&c, 0) && config_is_local(&c, c.layers - 1), "mistral without a word");
    json_object_set_new(root, "sliding_window", json_null());
    CHECK_OK(config_from_json(&c, root, "config.json", &e), &e);
    CHECK(c.window == 0 && !config_is_local(&c, 0), "mistral without a window");
    json_object_set_new(root, "num_key_value_heads", json_null());
    CHECK_OK(config_from_json(&c, root, "config.json", &e), &e);
    CHECK(c.kv_heads == 32 && c.head_dim == 128, "mistral with as many key heads: %lld", (long long)c.kv_heads);
    json_object_set_new(root, "model_type", json_string("ministral3"));
    json_object_set_new(root, "head_dim", json_null());
    json_object_set_new(root, "hidden_size", json_integer(2048));
    CHECK_OK(config_from_json(&c, root, "config.json", &e), &e);
    CHECK(c.kv_heads == 32 && c.head_dim == 64, "ministral3 with heads of the usual width: %lld", (long long)c.head_dim);
    json_object_set_new(root, "model_type", json_string("smollm3"));
    CHECK_OK(config_from_json(&c, root, "config.json", &e), &e);
    CHECK(config_has_rope(&c, 2) && !config_has_rope(&c, 3) && config_has_rope(&c, 4) && !config_has_rope(&c, 35), "smollm3");
    json_object_set_new(root, "num_hidden_layers", json_integer(4));
    json_object_set_new(root, "no_rope_layers", json_pack("[i,i,i,i]", 1, 1, 1, 1));
    CHECK_OK(config_from_json(&c, root, "config.json", &e), &e);
    CHECK(config_has_rope(&c, 0) && config_has_rope(&c, 3), "smollm3 with rotation everywhere");
    struct buf out = {0};
    CHECK_OK(config_to_json(&c, &out, &e), &e);
    CHECK(out.data && strstr(out.data, "\"pad_token_id\": null"), "transformers would fill in a padding token");
    buf_free(&out);
    json_decref(root);
}

static void note_warning(void *ctx, const char *message) { snprintf(ctx, 200, "%s", message); }

/* The part that sees pictures is left out with a word. */
static void check_vision_warning(void)
{
    struct net net;
    struct err e = {0};
    char heard[200] = "";
    struct load_options o = {.ks = &ks, .warn = note_warning, .warn_ctx = heard};
    CHECK_OK(load_net(&net, ROOT "/ministral3-nested", &o, &e), &e);
    CHECK(strstr(heard, "ministral3-nested") && strstr(heard, "not used: 1"), "the warning is \"%s\"", heard);
    net_free(&net);
}

/* FP8 weights without their scales. */
static void check_scale_missing(void)
{
    struct tf in;
    struct tf_writer *out;
    struct net net;
    struct err e = {0};
    char file[PATH_CAP], *text = NULL;
    size_t len = 0;
    struct load_options o = {.ks = &ks};
    static const char gone[] = "model.layers.1.mlp.experts.3.up_proj.weight_scale_inv";
    CHECK_OK(tf_open(&in, ROOT "/deepseek-v3-fp8", &e), &e);
    snprintf(file, sizeof file, "%s/model.safetensors", tmp);
    CHECK_OK(tf_writer_safetensors(&out, file, &e), &e);
    int rc = OK;
    for (int pass = 0; pass < 2 && !rc; pass++) {
        for (size_t i = 0; i < in.n_tensors && !rc; i++) {
            const struct tf_tensor *t = &in.tensors[i];
            if (!strcmp(t->name, gone)) continue;
            rc = pass ? tf_writer_data(out, t->data, t->bytes, &e) : tf_writer_declare(out, t->name, t->dtype, t->nd, t->ne, &e);
        }
        if (!rc && !pass) rc = tf_writer_begin(out, &e);
    }
    CHECK(rc == OK && tf_writer_commit(out, &e) == OK, "%s", e.msg);
    tf_close(&in);
    CHECK_OK(file_read(&text, &len, ROOT "/deepseek-v3-fp8/config.json", 1 << 20, &e), &e);
    snprintf(file, sizeof file, "%s/config.json", tmp);
    CHECK_OK(file_replace(file, text, len, &e), &e);
    mem_free(text);
    rc = load_net(&net, tmp, &o, &e);
    CHECK(rc == ERR_FORMAT && strstr(e.msg, gone) && strstr(e.msg, "is missing"), "without a scale: %d, \"%s\"", rc, e.msg);
    CHECK_OK(file_remove(file, &e), &e);
    snprintf(file, sizeof file, "%s/model.safetensors", tmp);
    CHECK_OK(file_remove(file, &e), &e);
}

static void check_refused(void)
{
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct config c;
        struct err e = {0};
        json_t *root = fixture_config("full"), *obj = refused[i].rope ? json_object_get(root, "rope_scaling") : root;
        json_t *v = json_loads(refused[i].value, JSON_DECODE_ANY, NULL);
        json_object_set_new(obj, refused[i].key, v);
        int rc = config_from_json(&c, root, "config.json", &e);
        CHECK(rc != OK && strstr(e.msg, "config.json") && strstr(e.msg, refused[i].says), "%s = %s: %d, \"%s\"", refused[i].key,
              refused[i].value, rc, rc ? e.msg : "");
        json_decref(root);
    }
}

/* The weights of `full` under a changed config.json. says NULL: it loads, without an MTP layer. */
static void check_mismatch(const char *key, const char *value, const char *says)
{
    char file[PATH_CAP], *text;
    size_t len;
    struct net net;
    struct err e = {0};
    struct load_options o = {.ks = &ks};
    json_t *root = fixture_config("full");
    json_object_set_new(root, key, json_loads(value, JSON_DECODE_ANY, NULL));
    text = json_text(root);
    snprintf(file, sizeof file, "%s/config.json", tmp);
    CHECK_OK(file_replace(file, text, strlen(text), &e), &e);
    mem_free(text);
    CHECK_OK(file_read(&text, &len, ROOT "/full/model.safetensors", 1 << 24, &e), &e);
    snprintf(file, sizeof file, "%s/model.safetensors", tmp);
    CHECK_OK(file_replace(file, text, len, &e), &e);
    mem_free(text);
    int rc = load_net(&net, tmp, &o, &e);
    if (says) CHECK(rc != OK && strstr(e.msg, says), "%s = %s: %d, \"%s\"", key, value, rc, rc ? e.msg : "");
    else CHECK(rc == OK && net.config.mtp_layers == 0, "%s = %s: %s", key, value, rc ? e.msg : "an MTP layer");
    net_free(&net);
    CHECK_OK(file_remove(file, &e), &e);
    snprintf(file, sizeof file, "%s/config.json", tmp);
    CHECK_OK(file_remove(file, &e), &e);
    json_decref(root);
}

static void check_recipe_lines(void)
{
    struct config c;
    struct err e = {0};
    config_default(&c);
    CHECK_OK(config_set(&c, "hidden_size", "192", "r", &e), &e);
    CHECK_OK(config_set(&c, "tie_word_embeddings", "true", "r", &e), &e);
    CHECK_OK(config_set(&c, "rope_scaling.factor", "2.5", "r", &e), &e);
    CHECK(c.dim == 192 && c.tied_head && c.rope_factor == 2.5, "recipe lines were not taken");
    static const char *const bad[][2] = {{"hidden_size", "0"}, {"hidden_size", "12x"}, {"hidden_size", ""}, {"rope_theta", "nan"},
                                         {"tie_word_embeddings", "yes"}, {"hidden_size", "99999999999999999999"}};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        CHECK(config_set(&c, bad[i][0], bad[i][1], "r", &e) == ERR_USAGE, "%s = %s was taken", bad[i][0], bad[i][1]);
    CHECK(config_set(&c, "no_such_key", "1", "r", &e) == ERR_NOTFOUND, "an unknown key was taken");
}

/* ---- GGUF files of other writers ---- */

/* A copy of GGUF file `from` with changes. */
struct rewrite {
    const char *drop[6];     /* keys left out */
    const char *key;         /* written with this value */
    uint32_t value;
    const char *text;        /* or with this */
    const struct net *whole; /* not NULL: attn_kv_b as in the folder, in place of attn_k_b and attn_v_b */
};

static bool dropped(const struct rewrite *w, const char *key)
{
    for (size_t i = 0; i < ARRAY_LEN(w->drop); i++)
        if (w->drop[i] && !strcmp(key, w->drop[i])) return true;
    return w->key && !strcmp(key, w->key);
}

static int copy_tensors(struct tf_writer *out, const struct tf *in, const struct rewrite *w, bool data, struct err *e)
{
    for (size_t i = 0; i < in->n_tensors; i++) {
        const struct tf_tensor *t = &in->tensors[i];
        if (w->whole && strstr(t->name, ".attn_") && (strstr(t->name, "_k_b.") || strstr(t->name, "_v_b."))) continue;
        if (data) TRY(tf_writer_data(out, t->data, t->bytes, e));
        else TRY(tf_writer_declare(out, t->name, t->dtype, t->nd, t->ne, e));
    }
    for (int i = 0; w->whole && i < w->whole->n_params; i++) {
        const struct param *p = &w->whole->params[i];
        if (p->form != FORM_KV_B) continue;
        if (data) TRY(tf_writer_data(out, p->t.data, (size_t)tensor_count(&p->t) * sizeof(float), e));
        else TRY(tf_writer_declare(out, p->gguf_name, DT_F32, 2, p->t.ne, e));
    }
    return OK;
}

static int copy_all(struct tf_writer *out, const struct tf *in, const struct rewrite *w, struct err *e)
{
    const struct config *c = w->whole ? &w->whole->config : NULL;
    for (size_t i = 0; i < in->n_kv; i++)
        if (!dropped(w, in->kv[i].key)) TRY(tf_writer_kv_copy(out, &in->kv[i], e));
    if (w->text) TRY(tf_writer_kv_str(out, w->key, w->text, e));
    else if (w->key) TRY(tf_writer_kv_u32(out, w->key, w->value, e));
    if (c) TRY(tf_writer_kv_u32(out, "deepseek2.attention.key_length", (uint32_t)(c->qk_nope_dim + c->qk_rope_dim), e));
    if (c) TRY(tf_writer_kv_u32(out, "deepseek2.attention.value_length", (uint32_t)c->v_dim, e));
    TRY(copy_tensors(out, in, w, false, e));
    TRY(tf_writer_begin(out, e));
    return copy_tensors(out, in, w, true, e);
}

static void rewrite_gguf(const char *from, const char *to, const struct rewrite *w)
{
    struct tf in;
    struct tf_writer *out;
    struct err e = {0};
    CHECK_OK(tf_open(&in, from, &e), &e);
    CHECK_OK(tf_writer_gguf(&out, to, &e), &e);
    int rc = copy_all(out, &in, w, &e);
    if (rc) tf_writer_abort(out);
    CHECK(rc == OK && tf_writer_commit(out, &e) == OK, "%s", e.msg);
    tf_close(&in);
}

#define A "deepseek2."
static const struct {
    struct rewrite w;
    const char *says;
} refused_gguf[] = {
    {{.key = "general.architecture", .text = "llama"}, "llama.embedding_length"},
    {{.key = "general.architecture", .text = "mamba"}, "\"mamba\"; this program supports \"llama\", "},
    {{.drop = {"general.architecture"}}, "general.architecture"},
    {{.key = A "block_count", .value = 0}, "block_count"},
    {{.key = A "block_count", .value = 4000000000u}, "block_count"},
    {{.key = A "block_count", .value = 2}, "does not have"},
    {{.key = A "block_count", .value = 4}, "blk.3.attn_norm.weight is missing"},
    {{.drop = {A "attention.kv_lora_rank"}}, "kv_lora_rank"},
    {{.key = A "attention.key_length_mla", .value = 8}, "qk_nope_head_dim"},
    {{.key = A "attention.value_length_mla", .value = 4096}, "v_head_dim"},
    {{.key = A "attention.value_length_mla", .value = 17}, "blk.0.attn_v_b.weight is 4x16x32, expected 4x17x32"},
    {{.key = A "expert_gating_func", .value = 1}, "norm_topk_prob"},
    {{.key = A "expert_gating_func", .value = 3}, "(sigmoid)"},
    {{.key = A "expert_used_count", .value = 100}, "expert_used_count"},
    {{.key = A "expert_count", .value = 4000000000u}, "expert_count"},
    {{.key = A "vocab_size", .value = 257}, "token_embd.weight is 256x32, expected 257x32"},
    {{.drop = {A "vocab_size"}}, "vocabulary"},
    {{.key = A "rope.scaling.type", .text = "longrope"}, "longrope"},
    {{.drop = {A "rope.scaling.yarn_log_multiplier"}}, "yarn_log_multiplier"},
    {{.key = A "rope.dimension_count", .value = 3}, "even"},
};
#undef A

static void check_gguf(void)
{
    char file[PATH_CAP], other[PATH_CAP];
    struct sample s;
    struct net net, bad;
    struct err e = {0};
    struct load_options o = {.ks = &ks, .plain = true};
    if (!sample_open(&s, "full")) return;
    snprintf(file, sizeof file, "%s/model.gguf", tmp);
    snprintf(other, sizeof other, "%s/other.gguf", tmp);
    CHECK_OK(load_net(&net, ROOT "/full", &o, &e), &e);
    CHECK_OK(net_save_gguf(&net, file, DT_F32, NULL, NULL, &e), &e);
    for (size_t i = 0; i < ARRAY_LEN(refused_gguf); i++) {
        rewrite_gguf(file, other, &refused_gguf[i].w);
        int rc = load_net(&bad, other, &o, &e);
        CHECK(rc != OK && strstr(e.msg, refused_gguf[i].says) && strstr(e.msg, "other.gguf"), "%s: %d, \"%s\"",
              refused_gguf[i].says, rc, rc ? e.msg : "");
        net_free(&bad);
    }
    struct rewrite old = {.whole = &net, .drop = {"deepseek2.attention.key_length", "deepseek2.attention.value_length",
                                                  "deepseek2.attention.key_length_mla", "deepseek2.attention.value_length_mla"},
                          .key = "deepseek2.attention.head_count_kv", .value = (uint32_t)net.config.heads};
    rewrite_gguf(file, other, &old);
    check_copy(ROOT "/full", other, &s);
    CHECK_OK(file_remove(file, &e), &e);
    CHECK_OK(file_remove(other, &e), &e);
    net_free(&net);
    tf_close(&s.expect);
}

/* The same for other architectures. */
static const struct {
    const char *model;
    struct rewrite w;
    const char *says;
} refused_gguf_others[] = {
    {"llama", {.key = "llama.attention.temperature_scale", .value = 1}, "attention.temperature_scale"},
    {"llama", {.key = "llama.attention.scale", .value = 2}, "attention.scale"},
    {"llama", {.key = "llama.logit_scale", .value = 8}, "logit_scale"},
    {"llama", {.key = "llama.expert_count", .value = 8}, "expert_count"},
    {"qwen3", {.key = "qwen3.rope.scaling.yarn_log_multiplier", .value = 1}, "yarn_log_multiplier"},
    {"ministral3", {.key = "mistral3.attention.temperature_length", .value = 17}, "temperature_length"},
    {"ministral3", {.key = "mistral3.rope.scaling.attn_factor", .value = 2}, "attn_factor"},
    {"ministral3", {.key = "mistral3.rope.scaling.type", .text = "none"}, "llama_4_scaling_beta"},
    {"mistral", {.key = "llama.attention.sliding_window", .value = UINT32_MAX}, "sliding_window"},
};

static void check_gguf_others(void)
{
    char path[PATH_CAP], file[PATH_CAP], other[PATH_CAP];
    struct net net;
    struct err e = {0};
    struct load_options o = {.ks = &ks, .plain = true};
    snprintf(file, sizeof file, "%s/model.gguf", tmp);
    snprintf(other, sizeof other, "%s/other.gguf", tmp);
    for (size_t i = 0; i < ARRAY_LEN(refused_gguf_others); i++) {
        snprintf(path, sizeof path, ROOT "/%s", refused_gguf_others[i].model);
        CHECK_OK(load_net(&net, path, &o, &e), &e);
        CHECK_OK(net_save_gguf(&net, file, DT_F32, NULL, NULL, &e), &e);
        net_free(&net);
        rewrite_gguf(file, other, &refused_gguf_others[i].w);
        int rc = load_net(&net, other, &o, &e);
        CHECK(rc != OK && strstr(e.msg, refused_gguf_others[i].says), "%s: %d, \"%s\"", refused_gguf_others[i].says, rc,
              rc ? e.msg : "");
        net_free(&net);
    }
    rewrite_gguf(file, other, &(struct rewrite){.drop = {"llama.attention.sliding_window"}}); /* `file` is the last: mistral */
    CHECK_OK(load_net(&net, other, &o, &e), &e);
    CHECK(net.config.arch == &arch_llama && !config_is_local(&net.config, 0), "a llama without a window");
    net_free(&net);
    CHECK_OK(file_remove(file, &e), &e);
    CHECK_OK(file_remove(other, &e), &e);
}

/* Every allocation of a load fails once: an error each time, and nothing is lost. */
static void check_out_of_memory(const char *path, bool training)
{
    struct net net;
    struct err e = {0};
    struct load_options o = {.ks = &ks, .training = training};
    int rc = ERR_MEMORY, tries = 0;
    int64_t live = mem_live();
    for (; rc && tries < 5000; tries++) {
        mem_fail_at((uint64_t)tries + 1);
        rc = load_net(&net, path, &o, &e);
        mem_fail_at(0);
        if (!rc) continue;
        CHECK(e.msg[0] && mem_live() == live, "allocation %d: %lld blocks kept, \"%s\"", tries, (long long)(mem_live() - live),
              e.msg);
    }
    CHECK(!rc && tries > 10, "%s: %d allocations, then \"%s\"", path, tries, e.msg);
    net_free(&net);
    CHECK(mem_live() == live, "%s: %lld blocks kept", path, (long long)(mem_live() - live));
}

int main(void)
{
    kernels_init(&ks, kernels_max_level());
    CHECK(mkdtemp(tmp) != NULL, "no temporary folder");
    for (size_t i = 0; i < ARRAY_LEN(models); i++) check_files(models[i]);
    for (size_t i = 0; i < ARRAY_LEN(others); i++) check_other_files(others[i]);
    check_gguf();
    check_gguf_others();
    check_unsaid();
    check_vision_warning();
    check_refused();
    check_refused_others();
    check_scale_missing();
    check_recipe_lines();
    check_mismatch("vocab_size", "255", "model.embed_tokens.weight is 256x32, expected 255x32");
    check_mismatch("num_hidden_layers", "2", "tensors that this deepseek_v3 model does not have");
    check_mismatch("num_hidden_layers", "4", "model.layers.3.input_layernorm.weight is missing");
    check_mismatch("n_routed_experts", "32", "32x32");
    check_mismatch("num_nextn_predict_layers", "1", NULL);
    check_out_of_memory(ROOT "/mtp", false);
    check_out_of_memory(ROOT "/all-moe-tied", true);
    rmdir(tmp);
    return test_end();
}
