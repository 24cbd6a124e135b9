/* config.json, as transformers reads and writes it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/log.h"
#include "base/mem.h"
#include "model/config_table.h"

/* Keys that select a variant of the network. A file with another value would compute something else. */
static const struct {
    const char *key, *want;
    int archs;
    bool written;
} fixed_keys[] = {
    {"hidden_act", "\"silu\"", ARCH_ALL & ~ARCH_GEMMA3, true},
    {"hidden_activation", "\"gelu_pytorch_tanh\"", ARCH_GEMMA3, true},
    {"attention_bias", "false", ARCH_ALL & ~ARCH_QWEN2, true}, /* Qwen2 has them without saying so */
    {"scoring_func", "\"softmax\"", ARCH_DEEPSEEK2, true},
    {"scoring_func", "\"sigmoid\"", ARCH_DEEPSEEK3, true},
    {"topk_method", "\"noaux_tc\"", ARCH_DEEPSEEK3, true},
    {"rope_interleave", "true", ARCH_DEEPSEEK3, true},
    {"moe_layer_freq", "1", ARCH_DEEPSEEK, true},
    {"decoder_sparse_step", "1", ARCH_QWEN3_MOE, true},
    {"mlp_only_layers", "[]", ARCH_QWEN3_MOE, true},
    {"use_sliding_window", "false", ARCH_QWEN2 | ARCH_QWEN3 | ARCH_QWEN3_MOE | ARCH_SMOLLM3, true},
    {"mlp_bias", "false", ARCH_ALL, false},
    {"partial_rotary_factor", "1.0", ARCH_ALL, false},
    {"attn_logit_softcapping", "nothing", ARCH_ALL, false},
    {"final_logit_softcapping", "nothing", ARCH_ALL, false},
    {"use_bidirectional_attention", "false", ARCH_ALL, false},
};

/* 1 is 1.0, and "swish" another name of "silu". */
static bool is_same(const json_t *v, const char *text, const char *want)
{
    char *end;
    double d = strtod(want, &end);
    if (json_is_number(v) && !*end) return json_number_value(v) == d;
    return !strcmp(text, want) || (!strcmp(want, "\"silu\"") && !strcmp(text, "\"swish\""));
}

static int check_value(const json_t *obj, const char *key, const char *want, const char *where, struct err *e)
{
    const json_t *v = json_object_get(obj, key);
    if (!v || json_is_null(v)) return OK;
    char *text = json_text(v);
    if (!text) return json_bad(where, e);
    int rc = OK;
    if (!is_same(v, text, want))
        rc = err_set(e, ERR_UNSUPPORTED, __FILE__, __LINE__, "%s: \"%s\" is %.80s; this program supports %s", where, key, text,
                     want);
    mem_free(text);
    return rc;
}

/* A context or a window may be written as a number beyond all positions: there is none, then. */
static bool is_no_limit(const struct field *f, const json_t *v)
{
    return f->hi == INT32_MAX && json_is_number(v) && json_number_value(v) > f->hi;
}

/* A required field may be left out where the class of transformers has a default that we took over. */
static int read_field(struct config *c, const struct field *f, const json_t *obj, const char *key, const char *where,
                      struct err *e)
{
    switch (f->type) {
    case FIELD_INT: {
        int64_t lo = (int64_t)f->lo, hi = (int64_t)f->hi;
        if (is_no_limit(f, json_object_get(obj, key))) {
            log_warn("%s: \"%s\" is %g, taken as %lld", where, key, json_number_value(json_object_get(obj, key)), (long long)hi);
            *int_at(c, f) = hi;
            return OK;
        }
        if (f->required && !*int_at(c, f)) return json_get_i64(obj, key, lo, hi, int_at(c, f), where, e);
        return json_opt_i64(obj, key, lo, hi, int_at(c, f), where, e);
    }
    case FIELD_NUM: return json_opt_f64(obj, key, f->lo, f->hi, num_at(c, f), where, e);
    case FIELD_BOOL: return json_opt_bool(obj, key, bool_at(c, f), where, e);
    }
    return OK;
}

/* transformers 5 writes another name for the number of Qwen3's experts than it did, and the files have. */
static const char *name_in(const json_t *root, const char *key)
{
    static const char other[] = "num_local_experts";
    return !strcmp(key, "num_experts") && !json_object_get(root, key) && json_object_get(root, other) ? other : key;
}

/* ---- rotary parameters ---- */

static int read_rope_type(const json_t *rope, int64_t *kind, const struct config *c, const char *where, struct err *e)
{
    const char *type = NULL, *name = NULL;
    TRY(json_opt_str(rope, "type", &type, where, e));
    TRY(json_opt_str(rope, "rope_type", &name, where, e));
    if (type && name && strcmp(type, name))
        FAIL(e, ERR_FORMAT, "%s: \"type\" is \"%.40s\", \"rope_type\" is \"%.40s\"", where, type, name);
    if (!type && !name && json_is_number(json_object_get(rope, "factor")))
        log_warn("%s: the rotary parameters have a \"factor\" and no \"rope_type\": it is ignored, as by transformers", where);
    if (!name) name = type ? type : "default";
    if (!strcmp(name, "dynamic")) { /* the base grows with the text, but only beyond the context */
        log_warn("%s: \"rope_type\" is \"dynamic\": the context ends at \"max_position_embeddings\", up to which it changes "
                 "nothing", where);
        name = "default";
    }
    for (int i = ROPE_PLAIN; i <= ROPE_LLAMA3; i++)
        if (!strcmp(name, rope_kind_names[i]) && !(c->arch->mla && (i == ROPE_LINEAR || i == ROPE_LLAMA3))) {
            *kind = i;
            return OK;
        }
    FAIL(e, ERR_UNSUPPORTED, "%s: \"rope_type\" is \"%.40s\"; this program supports %s", where, name,
         c->arch->mla ? "\"default\" and \"yarn\"" : "\"default\", \"linear\", \"yarn\" and \"llama3\"");
}

/* transformers multiplies cos and sin by attention_factor, or else by the quotient of the magnitudes of mscale and of
 * mscale_all_dim; vLLM, for which attn_factor was made, multiplies the usual magnitude by it. R1-0528-Qwen3-8B has that. */
static int read_magnitude(struct config *c, const json_t *rope, const char *where, struct err *e)
{
    double whole = 0;
    struct config x = *c;
    TRY(json_opt_f64(rope, "attention_factor", 1e-3, 1e3, &whole, where, e));
    TRY(json_opt_f64(rope, "mscale", 0, 100, &x.yarn_mscale, where, e));
    TRY(json_opt_f64(rope, "mscale_all_dim", 0, 100, &x.yarn_mscale_all_dim, where, e));
    if (!whole && x.yarn_mscale != 0 && x.yarn_mscale_all_dim != 0) whole = config_rope_magnitude(&x);
    if (!whole) return OK;
    c->yarn_magnitude_factor = 1;
    c->yarn_magnitude_factor = whole / config_rope_magnitude(c);
    return OK;
}

/* Factors for queries by their position belong to one architecture. */
static int check_temperature(const struct config *c, const json_t *rope, int64_t kind, const char *where, struct err *e)
{
    double beta = 0;
    TRY(json_opt_f64(rope, "llama_4_scaling_beta", 0, 100, &beta, where, e));
    if (beta != 0 && (c->arch->bit != ARCH_MISTRAL3 || kind != ROPE_YARN))
        FAIL(e, ERR_UNSUPPORTED,
             "%s: \"llama_4_scaling_beta\" is %g; this program supports it for %s with \"rope_type\" \"yarn\"", where, beta,
             arch_mistral3.hf);
    return OK;
}

/* The context before it was stretched may stand beside the object, which counts more, or be left unsaid. */
static int read_original(struct config *c, const json_t *rope, const json_t *root, const char *where, struct err *e)
{
    static const char key[] = "original_max_position_embeddings";
    TRY(json_opt_i64(root, key, 1, INT32_MAX, &c->rope_original_context, where, e));
    if (json_is_integer(json_object_get(root, key)) || json_is_integer(json_object_get(rope, key))) return OK;
    c->rope_original_context = c->context;
    log_warn("%s: %s has no \"%s\"; as for transformers it is \"max_position_embeddings\" (%lld)", where,
             rope_kind_names[c->rope_kind], key, (long long)c->context);
    return OK;
}

static int read_rope_object(struct config *c, const json_t *rope, const json_t *root, const char *where, struct err *e)
{
    int64_t kind = ROPE_PLAIN;
    TRY(json_opt_f64(rope, "rope_theta", 2, 1e12, &c->rope_theta, where, e));
    TRY(check_value(rope, "partial_rotary_factor", "1.0", where, e));
    TRY(read_rope_type(rope, &kind, c, where, e));
    TRY(check_temperature(c, rope, kind, where, e));
    c->temperature_beta = 0;
    if (c->arch->json_defaults && !c->arch->mla) { /* the object replaces theirs */
        c->rope_kind = ROPE_PLAIN;
        c->rope_factor = 1;
    }
    if (kind == ROPE_PLAIN) return OK; /* the factor stays 1 */
    c->rope_kind = kind;
    if (c->arch->mla || c->arch->bit == ARCH_MISTRAL3) TRY(check_value(rope, "attention_factor", "nothing", where, e));
    TRY(check_value(rope, "truncate", "true", where, e));
    /* Absent is not the same as 1: see config_rope_freq. */
    c->yarn_mscale = c->yarn_mscale_all_dim = 0;
    for (int i = 0; i < config_n_fields; i++) {
        const struct field *f = &config_fields[i];
        if (rope_field_used(c, f)) TRY(read_field(c, f, rope, rope_key(f), where, e));
    }
    const json_t *factor = json_object_get(rope, "factor");
    bool derived = kind == ROPE_YARN && json_is_null(factor);
    if (!json_is_number(factor) && !derived) FAIL(e, ERR_FORMAT, "%s: %s needs \"factor\"", where, rope_kind_names[kind]);
    if (kind != ROPE_LINEAR) TRY(read_original(c, rope, root, where, e));
    if (derived) { /* as transformers: how much longer the context became */
        c->rope_factor = (double)c->context / (double)c->rope_original_context;
        log_warn("%s: the \"factor\" of yarn is null; as for transformers it is %g, the context by that before", where,
                 c->rope_factor);
    }
    return kind == ROPE_YARN && !c->arch->mla && c->arch->bit != ARCH_MISTRAL3 ? read_magnitude(c, rope, where, e) : OK;
}

/* The rotary parameters are the object rope_scaling beside rope_theta, or, newer, all in rope_parameters; there, with
 * windows, one object for each kind of layer. */
static int read_rope(struct config *c, const json_t *root, const char *where, struct err *e)
{
    const json_t *rope = json_object_get(root, "rope_parameters");
    if (!json_is_object(rope)) rope = json_object_get(root, "rope_scaling");
    if (!rope || json_is_null(rope)) return OK;
    if (!json_is_object(rope)) FAIL(e, ERR_FORMAT, "%s: \"rope_scaling\" must be an object", where);
    const json_t *local = json_object_get(rope, "sliding_attention"), *whole = json_object_get(rope, "full_attention");
    if (c->arch->bit != ARCH_GEMMA3 || (!local && !whole)) return read_rope_object(c, rope, root, where, e);
    if (json_is_object(local)) {
        int64_t kind = ROPE_PLAIN;
        TRY(read_rope_type(local, &kind, c, where, e));
        if (kind != ROPE_PLAIN)
            FAIL(e, ERR_UNSUPPORTED, "%s: \"rope_type\" of layers with a window is \"%s\"; this program supports \"default\"",
                 where, rope_kind_names[kind]);
        TRY(json_opt_f64(local, "rope_theta", 2, 1e12, &c->rope_local_theta, where, e));
    }
    return json_is_object(whole) ? read_rope_object(c, whole, root, where, e) : OK;
}

/* ---- other members ---- */

/* layer_types says for each layer whether it has a window; the rule must be the usual one: each n-th has none. */
static int read_layer_types(struct config *c, const json_t *root, const char *where, struct err *e)
{
    const json_t *types = json_object_get(root, "layer_types");
    size_t n = json_array_size(types);
    if (c->arch->mla || !n) return OK;
    if ((int64_t)n != c->layers)
        FAIL(e, ERR_FORMAT, "%s: \"layer_types\" has %zu entries, expected %lld", where, n, (long long)c->layers);
    size_t period = 0;
    for (size_t i = 0; i < n; i++) {
        const char *s = json_string_value(json_array_get(types, i));
        bool whole = s && !strcmp(s, "full_attention"), local = s && !strcmp(s, "sliding_attention");
        if (!whole && !(local && c->arch->bit == ARCH_GEMMA3))
            FAIL(e, ERR_UNSUPPORTED,
                 "%s: \"layer_types\"[%zu] is \"%.40s\"; this program supports \"full_attention\"%s", where, i,
                 s ? s : "", c->arch->bit == ARCH_GEMMA3 ? " and \"sliding_attention\"" : "");
        if (whole && !period) period = i + 1;
        if (period && whole != ((i + 1) % period == 0))
            FAIL(e, ERR_UNSUPPORTED, "%s: \"layer_types\" has no fixed period: entry %zu does not fit %zu", where, i, period);
    }
    if (c->arch->bit == ARCH_GEMMA3 && period) c->window_period = (int64_t)period;
    else if (c->arch->bit == ARCH_GEMMA3) c->window_period = max_i64(c->window_period, c->layers + 1); /* none sees all */
    return OK;
}

/* no_rope_layers says for each layer, and perhaps for more, whether it is rotated (1), and wins over the interval. The rule
 * must be the usual one: each n-th is not. */
static int read_nope(struct config *c, const json_t *root, const char *where, struct err *e)
{
    const json_t *list = json_object_get(root, "no_rope_layers");
    size_t n = json_array_size(list), period = 0;
    if (c->arch->bit != ARCH_SMOLLM3 || !list || json_is_null(list)) return OK;
    if ((int64_t)n < c->layers)
        FAIL(e, ERR_FORMAT, "%s: \"no_rope_layers\" has %zu entries, expected %lld", where, n, (long long)c->layers);
    for (size_t i = 0; i < (size_t)c->layers; i++) {
        const json_t *v = json_array_get(list, i);
        int64_t turned = json_is_integer(v) ? json_integer_value(v) : -1;
        if (turned != 0 && turned != 1) FAIL(e, ERR_FORMAT, "%s: \"no_rope_layers\"[%zu] is neither 0 nor 1", where, i);
        if (!turned && !period) period = i + 1;
        if (period && !turned != ((i + 1) % period == 0))
            FAIL(e, ERR_UNSUPPORTED, "%s: \"no_rope_layers\" has no fixed period: entry %zu does not fit %zu", where, i, period);
    }
    if (period) c->nope_period = (int64_t)period;
    else c->nope_period = max_i64(c->nope_period, c->layers + 1); /* all are turned */
    return OK;
}

/* DeepSeek V2: with "greedy" the groups do not count, whatever their number. */
static int read_topk_method(struct config *c, const json_t *root, const char *where, struct err *e)
{
    const char *method = "greedy";
    if (c->arch->bit != ARCH_DEEPSEEK2) return OK;
    TRY(json_opt_str(root, "topk_method", &method, where, e));
    if (!strcmp(method, "greedy")) c->expert_groups = c->expert_groups_used = 1;
    else if (strcmp(method, "group_limited_greedy"))
        FAIL(e, ERR_UNSUPPORTED,
             "%s: \"topk_method\" is \"%.40s\"; this program supports \"greedy\" and \"group_limited_greedy\" for %s", where, method,
             c->arch->hf);
    return OK;
}

/* What people call it. */
static const char *quantiser_name(const char *method)
{
    static const char *const names[][2] = {{"gptq", "GPTQ"}, {"awq", "AWQ"}, {"bitsandbytes", "bitsandbytes"},
                                           {"mxfp4", "MXFP4 in blocks, as gpt-oss is"}, {"hqq", "HQQ"}, {"aqlm", "AQLM"},
                                           {"quip", "QuIP#"}, {"eetq", "EETQ"}, {"torchao", "torchao"},
                                           {"compressed-tensors", "compressed-tensors"}, {"modelopt", "ModelOpt of NVIDIA"},
                                           {"exl2", "ExLlamaV2"}, {"exl3", "ExLlamaV3"}, {"auto-round", "AutoRound"},
                                           {"bitnet", "BitNet"}, {"vptq", "VPTQ"}, {"fbgemm_fp8", "FBGEMM"}, {"mlx", "MLX"}};
    for (size_t i = 0; method && i < ARRAY_LEN(names); i++)
        if (!strcmp(names[i][0], method)) return names[i][1];
    return "another program";
}

/* Weights in FP8 with a scale for each block of 128 x 128, as DeepSeek V3 was released, or with one for each matrix
 * (weight_block_size is null), as Ministral 3 was. */
static int check_quantisation(const json_t *root, const char *where, struct err *e)
{
    const json_t *q = json_object_get(root, "quantization_config"), *mlx = json_object_get(root, "quantization");
    const char *method = NULL;
    if (json_is_object(q)) TRY(json_opt_str(q, "quant_method", &method, where, e));
    bool is_mlx = json_is_object(mlx) && json_object_get(mlx, "bits") && !method;
    if (!is_mlx && (!q || json_is_null(q))) return OK;
    if (is_mlx || !method || strcmp(method, "fp8")) {
        const char *by = is_mlx ? "MLX" : quantiser_name(method);
        FAIL(e, ERR_UNSUPPORTED,
             "%s: the weights are quantised by %s (\"%s\" has \"quant_method\" \"%.40s\"; this program supports \"fp8\"): take the "
             "original model in bf16 or f16, or a GGUF of it", where, by, is_mlx ? "quantization" : "quantization_config",
             method ? method : "");
    }
    TRY(check_value(q, "fmt", "\"e4m3\"", where, e));
    if (!json_object_get(q, "weight_block_size"))
        FAIL(e, ERR_UNSUPPORTED,
             "%s: \"quantization_config\" has no \"weight_block_size\"; this program supports [128,128] and null", where);
    return check_value(q, "weight_block_size", "[128,128]", where, e); /* null passes */
}

/* eos_token_id may be a list; its first entry is the one that ends a text. What is no id names no token. */
static void read_token(const json_t *root, const char *key, int64_t *out, const char *where)
{
    const json_t *v = json_object_get(root, key);
    if (!v || json_is_null(v)) return;
    if (json_is_array(v)) v = json_array_get(v, 0);
    int64_t id = json_is_integer(v) ? json_integer_value(v) : INT64_MAX;
    if (id >= -1 && id < 1 << 20) *out = id;
    else log_warn("%s: \"%s\" is no token id and is ignored", where, key);
}

/* The architecture, and the object with its members: text_config where pictures are understood too. */
static int find_arch(struct config *c, const json_t **root, const char *where, struct err *e)
{
    char names[200];
    const char *type = NULL;
    TRY(json_opt_str(*root, "model_type", &type, where, e));
    const json_t *inner = json_object_get(*root, "text_config");
    const struct arch *arch = type ? arch_by_hf(type) : NULL, *outer = type && json_is_object(inner) ? arch_inside(type) : NULL;
    bool nested = outer != NULL;
    if (nested) {
        type = outer->hf;
        TRY(json_opt_str(inner, "model_type", &type, where, e));
        arch = arch_by_hf(type);
        if (arch && (!arch->hf_outer || strcmp(arch->hf_outer, outer->hf_outer))) arch = NULL;
    }
    arch_names(names, sizeof names, false);
    if (!arch)
        FAIL(e, ERR_UNSUPPORTED, "%s: \"model_type\" is \"%.60s\"; this program supports %s", where, type ? type : "", names);
    if (nested) *root = inner;
    config_default_of(c, arch);
    if (arch->json_defaults) arch->json_defaults(c);
    return OK;
}

/* null is not the same as unsaid where the class of transformers has a default: no window; heads of the usual width. */
static void take_nulls(struct config *c, const json_t *root)
{
    if ((c->arch->bit & ARCH_MISTRALS) && json_is_null(json_object_get(root, "sliding_window"))) c->window = 0;
    if (json_is_null(json_object_get(root, "num_key_value_heads"))) c->kv_heads = 0;
    if (json_is_null(json_object_get(root, "head_dim"))) c->head_dim = 0;
}

int config_from_json(struct config *c, const json_t *root, const char *where, struct err *e)
{
    config_default(c);
    if (!json_is_object(root)) FAIL(e, ERR_FORMAT, "%s: expected a JSON object", where);
    const json_t *outer = root;
    TRY(find_arch(c, &root, where, e));
    for (size_t i = 0; i < ARRAY_LEN(fixed_keys); i++)
        if (fixed_keys[i].archs & c->arch->bit) TRY(check_value(root, fixed_keys[i].key, fixed_keys[i].want, where, e));
    TRY(check_quantisation(outer, where, e));
    for (int i = 0; i < config_n_fields; i++) {
        const struct field *f = &config_fields[i];
        if (has_field(c, f) && !rope_key(f)) TRY(read_field(c, f, root, name_in(root, f->json), where, e));
    }
    if (!json_object_get(root, "tie_word_embeddings")) TRY(json_opt_bool(outer, "tie_word_embeddings", &c->tied_head, where, e));
    take_nulls(c, root);
    if (c->arch->mla) {
        int64_t kv_heads = c->heads;
        TRY(json_opt_i64(root, "num_key_value_heads", 1, 1024, &kv_heads, where, e));
        if (kv_heads != c->heads)
            FAIL(e, ERR_UNSUPPORTED, "%s: \"num_key_value_heads\" is %lld; this program supports \"num_attention_heads\" (%lld)",
                 where, (long long)kv_heads, (long long)c->heads);
    } else if (!c->head_dim) {
        c->head_dim = c->dim / c->heads;
    }
    TRY(read_rope(c, root, where, e));
    TRY(read_layer_types(c, root, where, e));
    TRY(read_nope(c, root, where, e));
    TRY(read_topk_method(c, root, where, e));
    read_token(root, "bos_token_id", &c->bos, where);
    read_token(root, "eos_token_id", &c->eos, where);
    read_token(outer, "bos_token_id", &c->bos, where);
    read_token(outer, "eos_token_id", &c->eos, where);
    return config_check(c, where, e);
}

/* ---- writing ---- */

void number_text(char out[40], double v, bool single)
{
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(out, 40, "%.*g", digits, v);
        if (single ? strtof(out, NULL) == (float)v : strtod(out, NULL) == v) break;
    }
    if (!strpbrk(out, ".en")) snprintf(out + strlen(out), 40 - strlen(out), ".0");
}

static void write_field(const struct config *c, const struct field *f, const char *key, const char *indent, struct buf *out)
{
    char num[40];
    buf_printf(out, "%s\"%s\": ", indent, key);
    if (f->type == FIELD_INT) {
        bool none = !*int_at(c, f) && (!strcmp(key, "q_lora_rank") || !strcmp(key, "sliding_window"));
        if (none) buf_add_str(out, "null");
        else buf_printf(out, "%lld", (long long)*int_at(c, f));
    } else if (f->type == FIELD_NUM) {
        double v = *num_at(c, f);
        bool whole = !strcmp(key, "query_pre_attn_scalar") && v == rint(v); /* transformers wants an integer there */
        number_text(num, v, false);
        if (whole) buf_printf(out, "%.0f", v);
        else buf_add_str(out, num);
    } else {
        buf_add_str(out, *bool_at(c, f) ? "true" : "false");
    }
}

/* The class of ministral3 has another default than "no stretching", and wants all of its keys. */
static void write_rope(const struct config *c, struct buf *out)
{
    bool scaled = config_rope_scaled(c), whole = c->arch->bit == ARCH_MISTRAL3;
    if (!scaled && !whole) {
        buf_add_str(out, "  \"rope_scaling\": null,\n");
        return;
    }
    const char *kind = rope_kind_names[scaled ? c->rope_kind : ROPE_PLAIN];
    buf_printf(out, "  \"%s\": {\n    \"type\": \"%s\",\n    \"rope_type\": \"%s\"", whole ? "rope_parameters" : "rope_scaling",
               kind, kind);
    if (whole) {
        char num[40];
        number_text(num, c->rope_theta, false);
        buf_printf(out, ",\n    \"rope_theta\": %s", num);
    }
    if (whole && c->rope_kind != ROPE_YARN)
        buf_printf(out, ",\n    \"llama_4_scaling_beta\": 0.0,\n    \"original_max_position_embeddings\": %lld",
                   (long long)c->context);
    for (int i = 0; i < config_n_fields && scaled; i++) {
        const struct field *f = &config_fields[i];
        bool usual = f->offset == offsetof(struct config, yarn_magnitude_factor) && c->yarn_magnitude_factor == 1;
        if (!rope_field_used(c, f) || usual) continue;
        buf_add_str(out, ",\n");
        write_field(c, f, rope_key(f), "    ", out);
    }
    if (scaled && c->rope_kind == ROPE_YARN && c->yarn_magnitude_factor != 1) { /* the same for transformers */
        char num[40];
        number_text(num, config_rope_magnitude(c), false);
        buf_printf(out, ",\n    \"attention_factor\": %s", num);
    }
    buf_add_str(out, "\n  },\n");
}

static void write_layer_types(const struct config *c, struct buf *out)
{
    buf_add_str(out, "  \"layer_types\": [");
    for (int64_t i = 0; i < c->layers; i++)
        buf_printf(out, "%s\"%s\"", i ? ", " : "", config_is_local(c, i) ? "sliding_attention" : "full_attention");
    buf_add_str(out, "],\n");
}

static void write_nope(const struct config *c, struct buf *out)
{
    buf_add_str(out, "  \"no_rope_layers\": [");
    for (int64_t i = 0; i < c->layers; i++) buf_printf(out, "%s%d", i ? ", " : "", config_has_rope(c, i));
    buf_add_str(out, "],\n");
}

static void write_fixed(const struct config *c, struct buf *out)
{
    const char *comma = "";
    for (size_t i = 0; i < ARRAY_LEN(fixed_keys); i++) {
        if (!fixed_keys[i].written || !(fixed_keys[i].archs & c->arch->bit)) continue;
        buf_printf(out, "%s  \"%s\": %s", comma, fixed_keys[i].key, fixed_keys[i].want);
        comma = ",\n";
    }
    buf_add_str(out, "\n}\n");
}

int config_to_json(const struct config *config, struct buf *out, struct err *e)
{
    struct config full = *config, *c = &full;
    if (c->arch->mla) c->dense_layers = config_first_moe(c);
    if (!c->arch->mla && !c->kv_heads) c->kv_heads = c->heads;
    if (!c->arch->mla && !c->head_dim && c->heads) c->head_dim = c->dim / c->heads;
    if (c->rope_kind == ROPE_FACTORS)
        FAIL(e, ERR_UNSUPPORTED, "config.json cannot hold rotary factors that came as a tensor (rope_freqs.weight)");
    buf_printf(out, "{\n  \"architectures\": [\"%s\"],\n  \"model_type\": \"%s\",\n", c->arch->hf_class, c->arch->hf);
    for (int i = 0; i < config_n_fields; i++) {
        const struct field *f = &config_fields[i];
        if (!has_field(c, f) || rope_key(f)) continue;
        write_field(c, f, f->json, "  ", out);
        buf_add_str(out, ",\n");
    }
    write_rope(c, out);
    if (c->arch->mla) buf_printf(out, "  \"num_key_value_heads\": %lld,\n", (long long)c->heads);
    if (c->arch->bit == ARCH_GEMMA3) write_layer_types(c, out);
    if (c->arch->bit == ARCH_SMOLLM3) write_nope(c, out);
    if (c->arch->bit == ARCH_DEEPSEEK2)
        buf_printf(out, "  \"topk_method\": \"%s\",\n", c->expert_groups > 1 ? "group_limited_greedy" : "greedy");
    const int64_t ids[] = {c->bos, c->eos};
    static const char *const id_keys[] = {"bos_token_id", "eos_token_id"};
    for (int i = 0; i < 2; i++) {
        if (ids[i] < 0) buf_printf(out, "  \"%s\": null,\n", id_keys[i]);
        else buf_printf(out, "  \"%s\": %lld,\n", id_keys[i], (long long)ids[i]);
    }
    bool padded = (c->arch->bit & (ARCH_SMOLLM3 | ARCH_MISTRAL3)) != 0; /* unsaid, the class has a token for it */
    if (padded) buf_add_str(out, "  \"pad_token_id\": null,\n");
    write_fixed(c, out);
    return buf_check(out, "config.json", e);
}
