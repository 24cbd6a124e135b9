/* The table of configuration fields, and what is driven by it: readers and writers of config.json and GGUF metadata,
 * recipe lines, bounds. Then YaRN (arXiv 2309.00071) and parameter counts. */
#include "model/config.h"
#include "base/checked.h"
#include "base/mem.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum field_type { FIELD_INT, FIELD_NUM, FIELD_BOOL };

/* json: key of config.json and of recipes; a key in the object of rotary parameters is written rope_scaling.KEY.
 * gguf: key after "deepseek2."; NULL: derived from several keys, see read_gguf_shape. The bounds keep every product of
 * dimensions below 2^60: vocab x dim 2^36, layers x experts x expert_ffn x dim 2^55, heads x head dim x rank 2^37. */
struct field {
    const char *json, *gguf;
    enum field_type type;
    size_t offset;
    double lo, hi;
    bool required;
};

#define AT(member) offsetof(struct config, member)
#define ROPE_PREFIX "rope_scaling."

static const struct field fields[] = {
    {"vocab_size", NULL, FIELD_INT, AT(vocab), 2, 1 << 20, true},
    {"hidden_size", "embedding_length", FIELD_INT, AT(dim), 1, 65536, true},
    {"num_hidden_layers", NULL, FIELD_INT, AT(layers), 1, NET_MAX_LAYERS - 1, true},
    {"num_attention_heads", "attention.head_count", FIELD_INT, AT(heads), 1, 1024, true},
    {"q_lora_rank", "attention.q_lora_rank", FIELD_INT, AT(q_lora_rank), 0, 65536, false},
    {"kv_lora_rank", "attention.kv_lora_rank", FIELD_INT, AT(kv_lora_rank), 1, 65536, true},
    {"qk_nope_head_dim", NULL, FIELD_INT, AT(qk_nope_dim), 1, 1024, true},
    {"qk_rope_head_dim", "rope.dimension_count", FIELD_INT, AT(qk_rope_dim), 2, 1024, true},
    {"v_head_dim", NULL, FIELD_INT, AT(v_dim), 1, 1024, true},
    {"first_k_dense_replace", "leading_dense_block_count", FIELD_INT, AT(dense_layers), 0, NET_MAX_LAYERS, false},
    {"intermediate_size", "feed_forward_length", FIELD_INT, AT(dense_ffn), 0, 1 << 20, false},
    {"n_routed_experts", "expert_count", FIELD_INT, AT(experts), 0, 1024, false},
    {"num_experts_per_tok", "expert_used_count", FIELD_INT, AT(experts_used), 0, 64, false},
    {"n_shared_experts", "expert_shared_count", FIELD_INT, AT(experts_shared), 0, 64, false},
    {"moe_intermediate_size", "expert_feed_forward_length", FIELD_INT, AT(expert_ffn), 0, 1 << 20, false},
    {"n_group", "expert_group_count", FIELD_INT, AT(expert_groups), 1, 1024, false},
    {"topk_group", "expert_group_used_count", FIELD_INT, AT(expert_groups_used), 1, 1024, false},
    {"norm_topk_prob", "expert_weights_norm", FIELD_BOOL, AT(experts_norm), 0, 1, false},
    {"routed_scaling_factor", "expert_weights_scale", FIELD_NUM, AT(experts_scale), 0, 1e6, false},
    {"num_nextn_predict_layers", "nextn_predict_layers", FIELD_INT, AT(mtp_layers), 0, 1, false},
    {"max_position_embeddings", "context_length", FIELD_INT, AT(context), 1, 1 << 24, true},
    {"tie_word_embeddings", NULL, FIELD_BOOL, AT(tied_head), 0, 1, false},
    {"rms_norm_eps", "attention.layer_norm_rms_epsilon", FIELD_NUM, AT(norm_eps), 1e-20, 1, false},
    {"rope_theta", "rope.freq_base", FIELD_NUM, AT(rope_theta), 2, 1e12, false},
    {"rope_scaling.factor", "rope.scaling.factor", FIELD_NUM, AT(yarn_factor), 1, 1e6, false},
    {"rope_scaling.beta_fast", "rope.scaling.yarn_beta_fast", FIELD_NUM, AT(yarn_beta_fast), 1e-3, 1e6, false},
    {"rope_scaling.beta_slow", "rope.scaling.yarn_beta_slow", FIELD_NUM, AT(yarn_beta_slow), 1e-3, 1e6, false},
    {"rope_scaling.mscale", NULL, FIELD_NUM, AT(yarn_mscale), 0, 100, false},
    {"rope_scaling.mscale_all_dim", NULL, FIELD_NUM, AT(yarn_mscale_all_dim), 0, 100, false},
    {"rope_scaling.original_max_position_embeddings", "rope.scaling.original_context_length", FIELD_INT,
     AT(yarn_original_context), 1, 1 << 24, false},
};

static int64_t *int_at(const struct config *c, const struct field *f) { return (int64_t *)((char *)c + f->offset); }
static double *num_at(const struct config *c, const struct field *f) { return (double *)((char *)c + f->offset); }
static bool *bool_at(const struct config *c, const struct field *f) { return (bool *)((char *)c + f->offset); }
static bool field_is_rope(const struct field *f) { return !strncmp(f->json, ROPE_PREFIX, strlen(ROPE_PREFIX)); }
static bool yarn_on(const struct config *c) { return c->yarn_factor > 1; }
/* Layers are mixtures of experts from dense_layers on, the MTP layer (number `layers`) included; without experts all
 * are dense. */
static int64_t first_moe(const struct config *c)
{
    int64_t all = c->layers + c->mtp_layers;
    return c->experts > 0 ? min_i64(c->dense_layers, all) : all;
}
static bool has_moe(const struct config *c) { return first_moe(c) < c->layers + c->mtp_layers; }

void config_default(struct config *c)
{
    memset(c, 0, sizeof(*c));
    c->expert_groups = c->expert_groups_used = 1;
    c->experts_norm = true;
    c->experts_scale = 1;
    c->norm_eps = 1e-6;
    c->rope_theta = 10000;
    c->yarn_factor = 1;
    c->yarn_beta_fast = 32;
    c->yarn_beta_slow = 1;
    c->yarn_mscale = c->yarn_mscale_all_dim = 1;
    c->yarn_original_context = 4096;
    c->bos = c->eos = -1;
}

/* ---- checks ---- */

static int check_field(const struct config *c, const struct field *f, const char *where, struct err *e)
{
    double v = f->type == FIELD_INT ? (double)*int_at(c, f) : f->type == FIELD_NUM ? *num_at(c, f) : 0;
    if (!(v >= f->lo && v <= f->hi)) /* NaN too */
        FAIL(e, ERR_FORMAT, "%s: \"%s\" is %.10g, expected %.10g to %.10g", where, f->json, v, f->lo, f->hi);
    return OK;
}

static int check_moe(const struct config *c, const char *where, struct err *e)
{
    if (c->experts < 2)
        FAIL(e, ERR_FORMAT, "%s: \"n_routed_experts\" is %lld, expected 2 to 1024", where, (long long)c->experts);
    if (c->expert_ffn < 1) FAIL(e, ERR_FORMAT, "%s: \"moe_intermediate_size\" is 0, expected at least 1", where);
    if (c->experts_shared < 1) FAIL(e, ERR_FORMAT, "%s: \"n_shared_experts\" is 0, expected at least 1", where);
    if (c->experts % c->expert_groups || c->experts / c->expert_groups < 2)
        FAIL(e, ERR_FORMAT, "%s: \"n_group\" is %lld, expected a divisor of \"n_routed_experts\" (%lld), 2 or more in a group",
             where, (long long)c->expert_groups, (long long)c->experts);
    if (c->expert_groups_used > c->expert_groups)
        FAIL(e, ERR_FORMAT, "%s: \"topk_group\" is %lld, expected at most \"n_group\" (%lld)", where,
             (long long)c->expert_groups_used, (long long)c->expert_groups);
    int64_t most = c->experts / c->expert_groups * c->expert_groups_used;
    if (c->experts_used < 1 || c->experts_used > most)
        FAIL(e, ERR_FORMAT, "%s: \"num_experts_per_tok\" is %lld, expected 1 to %lld (the experts of \"topk_group\" groups)",
             where, (long long)c->experts_used, (long long)most);
    return OK;
}

int config_check(const struct config *c, const char *where, struct err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) TRY(check_field(c, &fields[i], where, e));
    if (c->qk_rope_dim % 2)
        FAIL(e, ERR_FORMAT, "%s: \"qk_rope_head_dim\" is %lld, expected an even number", where, (long long)c->qk_rope_dim);
    if (first_moe(c) > 0 && c->dense_ffn < 1)
        FAIL(e, ERR_FORMAT, "%s: \"intermediate_size\" is 0, expected at least 1", where);
    if (has_moe(c)) TRY(check_moe(c, where, e));
    if (c->yarn_beta_fast <= c->yarn_beta_slow)
        FAIL(e, ERR_FORMAT, "%s: \"beta_fast\" is %g, expected more than \"beta_slow\" (%g)", where, c->yarn_beta_fast,
             c->yarn_beta_slow);
    if (c->bos < -1 || c->bos >= c->vocab || c->eos < -1 || c->eos >= c->vocab)
        FAIL(e, ERR_FORMAT, "%s: the token ids of begin (%lld) and end (%lld) must be below the vocabulary (%lld)", where,
             (long long)c->bos, (long long)c->eos, (long long)c->vocab);
    return OK;
}

/* ---- config.json ---- */

/* Keys that select a variant of the network. A file with another value would compute something else. */
static const struct {
    const char *key, *want;
} fixed_keys[] = {
    {"hidden_act", "\"silu\""},         {"attention_bias", "false"}, {"scoring_func", "\"sigmoid\""},
    {"topk_method", "\"noaux_tc\""},    {"rope_interleave", "true"}, {"moe_layer_freq", "1"},
    {"quantization_config", "nothing"}, {"mlp_bias", "false"},
};

static int check_value(const json_t *obj, const char *key, const char *want, const char *where, struct err *e)
{
    const json_t *v = json_object_get(obj, key);
    if (!v || json_is_null(v)) return OK;
    char *text = json_text(v);
    if (!text) FAIL(e, ERR_MEMORY, "%s: out of memory", where);
    int rc = OK;
    if (strcmp(text, want))
        rc = err_set(e, ERR_UNSUPPORTED, __FILE__, __LINE__, "%s: \"%s\" is %.80s; this program supports %s", where, key, text,
                     want);
    mem_free(text);
    return rc;
}

static int read_json_field(struct config *c, const struct field *f, const json_t *obj, const char *key, const char *where,
                           struct err *e)
{
    switch (f->type) {
    case FIELD_INT: {
        int64_t lo = (int64_t)f->lo, hi = (int64_t)f->hi;
        if (f->required) return json_get_i64(obj, key, lo, hi, int_at(c, f), where, e);
        return json_opt_i64(obj, key, lo, hi, int_at(c, f), where, e);
    }
    case FIELD_NUM: return json_opt_f64(obj, key, f->lo, f->hi, num_at(c, f), where, e);
    case FIELD_BOOL: return json_opt_bool(obj, key, bool_at(c, f), where, e);
    }
    return OK;
}

/* The rotary parameters are the object rope_scaling beside rope_theta, or, newer, all in rope_parameters. */
static int read_json_rope(struct config *c, const json_t *root, const char *where, struct err *e)
{
    const json_t *rope = json_object_get(root, "rope_parameters");
    if (!json_is_object(rope)) rope = json_object_get(root, "rope_scaling");
    if (!rope || json_is_null(rope)) return OK;
    if (!json_is_object(rope)) FAIL(e, ERR_FORMAT, "%s: \"rope_scaling\" must be an object", where);
    const char *type = NULL, *kind = NULL;
    TRY(json_opt_str(rope, "type", &type, where, e));
    TRY(json_opt_str(rope, "rope_type", &kind, where, e));
    if (type && kind && strcmp(type, kind))
        FAIL(e, ERR_FORMAT, "%s: \"type\" is \"%.40s\", \"rope_type\" is \"%.40s\"", where, type, kind);
    if (!kind) kind = type ? type : "default";
    TRY(json_opt_f64(rope, "rope_theta", 2, 1e12, &c->rope_theta, where, e));
    if (!strcmp(kind, "default")) return OK;
    if (strcmp(kind, "yarn"))
        FAIL(e, ERR_UNSUPPORTED, "%s: \"rope_type\" is \"%.40s\"; this program supports \"default\" and \"yarn\"", where, kind);
    TRY(check_value(rope, "attention_factor", "nothing", where, e));
    TRY(check_value(rope, "truncate", "true", where, e));
    /* Absent is not the same as 1: see config_rope_freq. */
    c->yarn_mscale = c->yarn_mscale_all_dim = 0;
    int64_t factor_given = 0, original_given = 0;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (!field_is_rope(&fields[i])) continue;
        const char *key = fields[i].json + strlen(ROPE_PREFIX);
        TRY(read_json_field(c, &fields[i], rope, key, where, e));
        if (!strcmp(key, "factor")) factor_given = json_is_number(json_object_get(rope, key));
        if (!strcmp(key, "original_max_position_embeddings")) original_given = json_is_integer(json_object_get(rope, key));
    }
    if (!factor_given || !original_given)
        FAIL(e, ERR_FORMAT, "%s: yarn needs \"factor\" and \"original_max_position_embeddings\"", where);
    return OK;
}

/* eos_token_id may be a list; its first entry is the one that ends a text. */
static int read_json_token(const json_t *root, const char *key, int64_t *out, const char *where, struct err *e)
{
    const json_t *v = json_object_get(root, key);
    if (!json_is_array(v)) return json_opt_i64(root, key, -1, (1 << 20) - 1, out, where, e);
    const json_t *first = json_array_get(v, 0);
    int64_t id = json_is_integer(first) ? json_integer_value(first) : -1;
    if (id < 0 || id >= 1 << 20) FAIL(e, ERR_FORMAT, "%s: \"%s\" must start with a token id", where, key);
    *out = id;
    return OK;
}

int config_from_json(struct config *c, const json_t *root, const char *where, struct err *e)
{
    config_default(c);
    if (!json_is_object(root)) FAIL(e, ERR_FORMAT, "%s: expected a JSON object", where);
    const char *type = NULL;
    TRY(json_opt_str(root, "model_type", &type, where, e));
    if (!type || strcmp(type, "deepseek_v3"))
        FAIL(e, ERR_UNSUPPORTED, "%s: \"model_type\" is \"%.60s\"; this program supports \"deepseek_v3\"", where,
             type ? type : "");
    for (size_t i = 0; i < ARRAY_LEN(fixed_keys); i++)
        TRY(check_value(root, fixed_keys[i].key, fixed_keys[i].want, where, e));
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (!field_is_rope(&fields[i])) TRY(read_json_field(c, &fields[i], root, fields[i].json, where, e));
    TRY(read_json_rope(c, root, where, e));
    int64_t kv_heads = c->heads;
    TRY(json_opt_i64(root, "num_key_value_heads", 1, 1024, &kv_heads, where, e));
    if (kv_heads != c->heads)
        FAIL(e, ERR_UNSUPPORTED, "%s: \"num_key_value_heads\" is %lld; this program supports \"num_attention_heads\" (%lld)",
             where, (long long)kv_heads, (long long)c->heads);
    TRY(read_json_token(root, "bos_token_id", &c->bos, where, e));
    TRY(read_json_token(root, "eos_token_id", &c->eos, where, e));
    return config_check(c, where, e);
}

/* The shortest decimal that reads back as v (as float when `single`), with a mark that makes it a real number. */
static void number_text(char out[40], double v, bool single)
{
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(out, 40, "%.*g", digits, v);
        if (single ? strtof(out, NULL) == (float)v : strtod(out, NULL) == v) break;
    }
    if (!strpbrk(out, ".en")) snprintf(out + strlen(out), 40 - strlen(out), ".0");
}

static void write_json_field(const struct config *c, const struct field *f, const char *key, const char *indent, struct buf *out)
{
    char num[40];
    buf_printf(out, "%s\"%s\": ", indent, key);
    if (f->type == FIELD_INT) {
        if (!strcmp(key, "q_lora_rank") && !c->q_lora_rank) buf_add_str(out, "null");
        else buf_printf(out, "%lld", (long long)*int_at(c, f));
    } else if (f->type == FIELD_NUM) {
        number_text(num, *num_at(c, f), false);
        buf_add_str(out, num);
    } else {
        buf_add_str(out, *bool_at(c, f) ? "true" : "false");
    }
}

int config_to_json(const struct config *config, struct buf *out, struct err *e)
{
    struct config full = *config, *c = &full;
    c->dense_layers = first_moe(c);
    buf_add_str(out, "{\n  \"architectures\": [\"DeepseekV3ForCausalLM\"],\n  \"model_type\": \"deepseek_v3\",\n");
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (field_is_rope(&fields[i])) continue;
        write_json_field(c, &fields[i], fields[i].json, "  ", out);
        buf_add_str(out, ",\n");
    }
    if (yarn_on(c)) {
        buf_add_str(out, "  \"rope_scaling\": {\n    \"type\": \"yarn\",\n    \"rope_type\": \"yarn\"");
        for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
            if (!field_is_rope(&fields[i])) continue;
            buf_add_str(out, ",\n");
            write_json_field(c, &fields[i], fields[i].json + strlen(ROPE_PREFIX), "    ", out);
        }
        buf_add_str(out, "\n  },\n");
    } else {
        buf_add_str(out, "  \"rope_scaling\": null,\n");
    }
    buf_printf(out, "  \"num_key_value_heads\": %lld,\n", (long long)c->heads);
    const int64_t ids[] = {c->bos, c->eos};
    static const char *const id_keys[] = {"bos_token_id", "eos_token_id"};
    for (int i = 0; i < 2; i++) {
        if (ids[i] < 0) buf_printf(out, "  \"%s\": null,\n", id_keys[i]);
        else buf_printf(out, "  \"%s\": %lld,\n", id_keys[i], (long long)ids[i]);
    }
    buf_add_str(out, "  \"hidden_act\": \"silu\",\n  \"attention_bias\": false,\n  \"scoring_func\": \"sigmoid\",\n"
                     "  \"topk_method\": \"noaux_tc\",\n  \"rope_interleave\": true,\n  \"moe_layer_freq\": 1\n}\n");
    return buf_check(out, "config.json", e);
}

/* ---- GGUF ---- */

#define GGUF_ARCH "deepseek2"
enum { KEY_CAP = 96, GATING_SIGMOID = 2 };

static const char *gguf_key(char out[KEY_CAP], const char *suffix)
{
    snprintf(out, KEY_CAP, GGUF_ARCH ".%s", suffix);
    return out;
}

static int gguf_i64(const struct tf *f, const char *suffix, int64_t lo, int64_t hi, int64_t *out, bool required, struct err *e)
{
    char key[KEY_CAP];
    bool found;
    TRY(tf_kv_i64(f, gguf_key(key, suffix), lo, hi, out, &found, e));
    if (required && !found) FAIL(e, ERR_FORMAT, "%s: metadata key \"%s\" is missing", f->path, key);
    return OK;
}

/* Metadata numbers are single precision: 1e-6 comes back as 9.99999997e-7. The shortest decimal that gives the same
 * float is the number that was meant, so that a model has the same configuration from either kind of file. */
static int gguf_f64(const struct tf *f, const char *suffix, double *out, bool *found, struct err *e)
{
    char key[KEY_CAP], text[40];
    double v = 0;
    TRY(tf_kv_f64(f, gguf_key(key, suffix), &v, found, e));
    if (!*found) return OK;
    number_text(text, v, true);
    *out = strtod(text, NULL);
    return OK;
}

static int read_gguf_field(struct config *c, const struct field *f, const struct tf *file, struct err *e)
{
    char key[KEY_CAP];
    bool found;
    switch (f->type) {
    case FIELD_INT: return gguf_i64(file, f->gguf, (int64_t)f->lo, (int64_t)f->hi, int_at(c, f), f->required, e);
    case FIELD_NUM: return gguf_f64(file, f->gguf, num_at(c, f), &found, e);
    case FIELD_BOOL: return tf_kv_bool(file, gguf_key(key, f->gguf), bool_at(c, f), &found, e);
    }
    return OK;
}

/* What GGUF says through other numbers: the head widths (attention.key_length_mla and value_length_mla; in old files
 * key_length and value_length), the number of layers, and the vocabulary. */
static int read_gguf_shape(struct config *c, const struct tf *f, struct err *e)
{
    int64_t blocks = 0, key = 0, value = 0;
    TRY(gguf_i64(f, "block_count", 1, NET_MAX_LAYERS, &blocks, true, e));
    c->layers = blocks - c->mtp_layers;
    TRY(gguf_i64(f, "attention.key_length_mla", 1, 4096, &key, false, e));
    TRY(gguf_i64(f, "attention.value_length_mla", 1, 4096, &value, false, e));
    if (!key) TRY(gguf_i64(f, "attention.key_length", 1, 4096, &key, true, e));
    if (!value) TRY(gguf_i64(f, "attention.value_length", 1, 4096, &value, true, e));
    c->qk_nope_dim = key - c->qk_rope_dim;
    c->v_dim = value;
    TRY(gguf_i64(f, "vocab_size", 2, 1 << 20, &c->vocab, false, e));
    if (!c->vocab) {
        const struct tf_kv *tokens = tf_find_kv(f, "tokenizer.ggml.tokens");
        if (!tokens || tokens->type != TF_ARRAY || tokens->v.array.n > 1 << 20)
            FAIL(e, ERR_FORMAT, "%s: neither \"" GGUF_ARCH ".vocab_size\" nor \"tokenizer.ggml.tokens\" gives the vocabulary",
                 f->path);
        c->vocab = (int64_t)tokens->v.array.n;
    }
    c->tied_head = !tf_find(f, "output.weight"); /* GGUF has no key for it */
    return OK;
}

static int read_gguf_rope(struct config *c, const struct tf *f, struct err *e)
{
    char *kind = NULL, key[KEY_CAP];
    bool found;
    TRY(tf_kv_str(f, gguf_key(key, "rope.scaling.type"), &kind, &found, e));
    bool yarn = found && !strcmp(kind, "yarn"), none = !found || !strcmp(kind, "none");
    int rc = OK;
    if (!yarn && !none)
        rc = err_set(e, ERR_UNSUPPORTED, __FILE__, __LINE__,
                     "%s: \"%s\" is \"%.40s\"; this program supports \"yarn\" and \"none\"", f->path, key, kind);
    mem_free(kind);
    TRY(rc);
    if (!yarn) {
        c->yarn_factor = 1;
        return OK;
    }
    /* The writers of such files store 0.1 * mscale_all_dim and mean mscale == mscale_all_dim. */
    double log_mul = 0;
    TRY(gguf_f64(f, "rope.scaling.yarn_log_multiplier", &log_mul, &found, e));
    if (!found && yarn_on(c))
        FAIL(e, ERR_UNSUPPORTED, "%s: \"" GGUF_ARCH ".rope.scaling.yarn_log_multiplier\" is missing; yarn needs it", f->path);
    char text[40];
    number_text(text, log_mul / 0.1, true);
    c->yarn_mscale = c->yarn_mscale_all_dim = strtod(text, NULL);
    return OK;
}

int config_from_gguf(struct config *c, const struct tf *f, struct err *e)
{
    config_default(c);
    c->experts_norm = false; /* what a missing key means */
    char *arch = NULL, key[KEY_CAP];
    bool found;
    TRY(tf_kv_str(f, "general.architecture", &arch, &found, e));
    int rc = OK;
    if (!found || strcmp(arch, GGUF_ARCH))
        rc = err_set(e, ERR_UNSUPPORTED, __FILE__, __LINE__,
                     "%s: \"general.architecture\" is \"%.60s\"; this program supports \"" GGUF_ARCH "\"", f->path,
                     found ? arch : "");
    mem_free(arch);
    TRY(rc);
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (fields[i].gguf) TRY(read_gguf_field(c, &fields[i], f, e));
    TRY(read_gguf_shape(c, f, e));
    TRY(read_gguf_rope(c, f, e));
    int64_t gating = 0;
    TRY(gguf_i64(f, "expert_gating_func", 0, 255, &gating, false, e));
    if (has_moe(c) && gating != GATING_SIGMOID)
        FAIL(e, ERR_UNSUPPORTED, "%s: \"%s\" is %lld; this program supports %d (sigmoid, DeepSeek V3)", f->path,
             gguf_key(key, "expert_gating_func"), (long long)gating, GATING_SIGMOID);
    TRY(tf_kv_i64(f, "tokenizer.ggml.bos_token_id", 0, (1 << 20) - 1, &c->bos, &found, e));
    TRY(tf_kv_i64(f, "tokenizer.ggml.eos_token_id", 0, (1 << 20) - 1, &c->eos, &found, e));
    return config_check(c, f->path, e);
}

static int put_u32(struct tf_writer *w, const char *suffix, int64_t v, struct err *e)
{
    char key[KEY_CAP];
    return tf_writer_kv_u32(w, gguf_key(key, suffix), (uint32_t)v, e);
}

static int put_f32(struct tf_writer *w, const char *suffix, double v, struct err *e)
{
    char key[KEY_CAP];
    return tf_writer_kv_f32(w, gguf_key(key, suffix), (float)v, e);
}

static int put_field(const struct config *c, const struct field *f, struct tf_writer *w, struct err *e)
{
    char key[KEY_CAP];
    switch (f->type) {
    case FIELD_INT: return put_u32(w, f->gguf, *int_at(c, f), e);
    case FIELD_NUM: return put_f32(w, f->gguf, *num_at(c, f), e);
    case FIELD_BOOL: return tf_writer_kv_bool(w, gguf_key(key, f->gguf), *bool_at(c, f), e);
    }
    return OK;
}

/* For this architecture llama.cpp knows one YaRN magnitude and the usual betas only: it would run other models as if
 * they had those. */
static int check_gguf_rope(const struct config *c, struct err *e)
{
    if (!yarn_on(c)) return OK;
    if (c->yarn_mscale != c->yarn_mscale_all_dim || c->yarn_mscale == 0)
        FAIL(e, ERR_UNSUPPORTED, "GGUF cannot hold rope_scaling mscale %g with mscale_all_dim %g: they must be equal and not 0",
             c->yarn_mscale, c->yarn_mscale_all_dim);
    if (c->yarn_beta_fast != 32 || c->yarn_beta_slow != 1)
        FAIL(e, ERR_UNSUPPORTED, "GGUF cannot hold rope_scaling beta_fast %g, beta_slow %g: they must be 32 and 1",
             c->yarn_beta_fast, c->yarn_beta_slow);
    return OK;
}

/* llama.cpp wants q_lora_rank even when it is 0, no groups where there are no experts or all groups are used, and the
 * widths of the compressed cache as key_length and value_length. */
int config_to_gguf(const struct config *config, struct tf_writer *w, struct err *e)
{
    char key[KEY_CAP];
    struct config full = *config, *c = &full;
    c->dense_layers = first_moe(c);
    if (!c->experts) c->experts_used = 0;
    if (c->expert_groups == c->expert_groups_used) c->expert_groups = c->expert_groups_used = 1;
    TRY(check_gguf_rope(c, e));
    TRY(tf_writer_kv_str(w, "general.architecture", GGUF_ARCH, e));
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const struct field *f = &fields[i];
        bool skip = !f->gguf || (field_is_rope(f) && !yarn_on(c)) || (!c->experts && strstr(f->gguf, "expert_group"));
        if (!skip) TRY(put_field(c, f, w, e));
    }
    TRY(put_u32(w, "vocab_size", c->vocab, e));
    TRY(put_u32(w, "block_count", c->layers + c->mtp_layers, e));
    TRY(put_u32(w, "attention.head_count_kv", 1, e));
    TRY(put_u32(w, "attention.key_length", c->kv_lora_rank + c->qk_rope_dim, e));
    TRY(put_u32(w, "attention.value_length", c->kv_lora_rank, e));
    TRY(put_u32(w, "attention.key_length_mla", c->qk_nope_dim + c->qk_rope_dim, e));
    TRY(put_u32(w, "attention.value_length_mla", c->v_dim, e));
    TRY(put_u32(w, "expert_gating_func", GATING_SIGMOID, e));
    TRY(tf_writer_kv_str(w, gguf_key(key, "rope.scaling.type"), yarn_on(c) ? "yarn" : "none", e));
    if (yarn_on(c)) TRY(put_f32(w, "rope.scaling.yarn_log_multiplier", 0.1 * c->yarn_mscale_all_dim, e));
    return OK;
}

/* ---- recipes ---- */

int config_set(struct config *c, const char *key, const char *value, const char *where, struct err *e)
{
    const struct field *f = NULL;
    for (size_t i = 0; i < ARRAY_LEN(fields) && !f; i++)
        if (!strcmp(fields[i].json, key)) f = &fields[i];
    if (!f) FAIL(e, ERR_NOTFOUND, "%s: unknown key \"%.80s\"", where, key);
    if (f->type == FIELD_BOOL) {
        bool yes = !strcmp(value, "true");
        if (!yes && strcmp(value, "false"))
            FAIL(e, ERR_USAGE, "%s: \"%s\" is \"%.40s\", expected true or false", where, key, value);
        *bool_at(c, f) = yes;
        return OK;
    }
    char *end;
    errno = 0;
    long long n = f->type == FIELD_INT ? strtoll(value, &end, 10) : 0;
    double v = f->type == FIELD_INT ? (double)n : strtod(value, &end);
    if (end == value || *end || errno)
        FAIL(e, ERR_USAGE, "%s: \"%s\" is \"%.40s\", expected %s", where, key, value,
             f->type == FIELD_INT ? "an integer" : "a number");
    if (!(v >= f->lo && v <= f->hi))
        FAIL(e, ERR_USAGE, "%s: \"%s\" is %.40s, expected %.10g to %.10g", where, key, value, f->lo, f->hi);
    if (f->type == FIELD_INT) *int_at(c, f) = n;
    else *num_at(c, f) = v;
    return OK;
}

/* ---- derived numbers ---- */

static double yarn_magnitude(double factor, double m) { return factor <= 1 ? 1 : 0.1 * m * log(factor) + 1; }

double config_softmax_scale(const struct config *c)
{
    double scale = 1 / sqrt((double)(c->qk_nope_dim + c->qk_rope_dim));
    if (!yarn_on(c) || c->yarn_mscale_all_dim == 0) return scale;
    double m = yarn_magnitude(c->yarn_factor, c->yarn_mscale_all_dim);
    return scale * m * m;
}

/* The number of the pair that turns `turns` times within the original context. */
static double yarn_pair(const struct config *c, double turns)
{
    double turn = 2 * acos(-1.0);
    return (double)c->qk_rope_dim * log((double)c->yarn_original_context / (turns * turn)) / (2 * log(c->rope_theta));
}

/* Fast pairs keep their frequency, slow ones are divided by the factor, with a ramp between. */
void config_rope_freq(const struct config *c, double *freq, double *magnitude)
{
    int64_t r = c->qk_rope_dim;
    for (int64_t i = 0; i < r / 2; i++) freq[i] = pow(c->rope_theta, -2.0 * (double)i / (double)r);
    *magnitude = 1;
    if (!yarn_on(c)) return;
    double low = fmax(floor(yarn_pair(c, c->yarn_beta_fast)), 0);
    double high = fmin(ceil(yarn_pair(c, c->yarn_beta_slow)), (double)(r - 1));
    if (low == high) high += 0.001;
    for (int64_t i = 0; i < r / 2; i++) {
        double ramp = fmin(fmax(((double)i - low) / (high - low), 0), 1);
        freq[i] = freq[i] / c->yarn_factor * ramp + freq[i] * (1 - ramp);
    }
    if (c->yarn_mscale != 0 && c->yarn_mscale_all_dim != 0)
        *magnitude = yarn_magnitude(c->yarn_factor, c->yarn_mscale) / yarn_magnitude(c->yarn_factor, c->yarn_mscale_all_dim);
    else
        *magnitude = yarn_magnitude(c->yarn_factor, 1);
}

/* Parameters of layer i; *idle gets those of the routed experts that one token does not use. */
static int64_t layer_params(const struct config *c, int64_t i, int64_t *idle)
{
    int64_t d = c->dim, r = c->kv_lora_rank, q = c->heads * (c->qk_nope_dim + c->qk_rope_dim);
    int64_t n = 2 * d + r; /* norms */
    n += c->q_lora_rank ? c->q_lora_rank * (d + 1 + q) : q * d;
    n += (r + c->qk_rope_dim) * d + c->heads * (c->qk_nope_dim + c->v_dim) * r + d * c->heads * c->v_dim;
    *idle = 0;
    if (i < first_moe(c)) return n + 3 * c->dense_ffn * d;
    *idle = 3 * (c->experts - c->experts_used) * c->expert_ffn * d;
    return n + c->experts * (d + 1) + 3 * (c->experts + c->experts_shared) * c->expert_ffn * d;
}

int64_t config_params(const struct config *c, int64_t *active)
{
    int64_t table = c->vocab * c->dim, idle;
    int64_t total = c->tied_head ? table : 2 * table, used = table + c->dim;
    total += c->dim;
    for (int64_t i = 0; i < c->layers; i++) {
        int64_t n = layer_params(c, i, &idle);
        total += n;
        used += n - idle;
    }
    if (c->mtp_layers) total += layer_params(c, c->layers, &idle) + 2 * c->dim * c->dim + 3 * c->dim;
    if (active) *active = used;
    return total;
}
