/* The table of configuration fields, defaults, bounds and relations, and recipe lines. The readers and writers driven
 * by the table are config_json.c and config_gguf.c. */
#include "model/config_table.h"
#include "base/log.h"
#include "base/near.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define AT(member) offsetof(struct config, member)
#define K(kind) (1 << ROPE_##kind)
enum { DEEPSEEK = ARCH_DEEPSEEK, GQA = ARCH_GQA, ALL = ARCH_ALL };

/* Positions are int32_t. A context costs nothing until it is used, so files may promise that many. */
#define MAX_POSITIONS INT32_MAX

/* The bounds keep every product of dimensions below 2^60: vocab x dim 2^36, layers x experts x expert_ffn x dim 2^55,
 * heads x head dim x rank 2^37. */
/* clang-format off */
const struct field config_fields[] = {
    {"vocab_size", NULL, FIELD_INT, AT(vocab), 2, 1 << 20, ALL, true, 0},
    {"hidden_size", "embedding_length", FIELD_INT, AT(dim), 1, 65536, ALL, true, 0},
    {"num_hidden_layers", NULL, FIELD_INT, AT(layers), 1, NET_MAX_LAYERS - 1, ALL, true, 0},
    {"num_attention_heads", "attention.head_count", FIELD_INT, AT(heads), 1, 1024, ALL, true, 0},
    {"num_key_value_heads", "attention.head_count_kv", FIELD_INT, AT(kv_heads), 1, 1024, GQA, false, 0},
    {"head_dim", "attention.key_length", FIELD_INT, AT(head_dim), 2, 1024, GQA, false, 0},
    {"q_lora_rank", "attention.q_lora_rank", FIELD_INT, AT(q_lora_rank), 0, 65536, DEEPSEEK, false, 0},
    {"kv_lora_rank", "attention.kv_lora_rank", FIELD_INT, AT(kv_lora_rank), 1, 65536, DEEPSEEK, true, 0},
    {"qk_nope_head_dim", NULL, FIELD_INT, AT(qk_nope_dim), 1, 1024, DEEPSEEK, true, 0},
    {"qk_rope_head_dim", "rope.dimension_count", FIELD_INT, AT(qk_rope_dim), 2, 1024, DEEPSEEK, true, 0},
    {"v_head_dim", NULL, FIELD_INT, AT(v_dim), 1, 1024, DEEPSEEK, true, 0},
    {"first_k_dense_replace", "leading_dense_block_count", FIELD_INT, AT(dense_layers), 0, NET_MAX_LAYERS, DEEPSEEK, false, 0},
    {"intermediate_size", "feed_forward_length", FIELD_INT, AT(dense_ffn), 0, 1 << 20, ALL, false, 0},
    {"n_routed_experts", "expert_count", FIELD_INT, AT(experts), 0, 1024, DEEPSEEK, false, 0},
    {"num_experts", "expert_count", FIELD_INT, AT(experts), 2, 1024, ARCH_QWEN3_MOE, true, 0},
    {"num_experts_per_tok", "expert_used_count", FIELD_INT, AT(experts_used), 0, 64, ARCH_MOE, false, 0},
    {"n_shared_experts", "expert_shared_count", FIELD_INT, AT(experts_shared), 0, 64, DEEPSEEK, false, 0},
    {"moe_intermediate_size", "expert_feed_forward_length", FIELD_INT, AT(expert_ffn), 0, 1 << 20, ARCH_MOE, false, 0},
    {"n_group", "expert_group_count", FIELD_INT, AT(expert_groups), 1, 1024, DEEPSEEK, false, 0},
    {"topk_group", "expert_group_used_count", FIELD_INT, AT(expert_groups_used), 1, 1024, DEEPSEEK, false, 0},
    {"norm_topk_prob", "expert_weights_norm", FIELD_BOOL, AT(experts_norm), 0, 1, ARCH_MOE, false, 0},
    {"routed_scaling_factor", "expert_weights_scale", FIELD_NUM, AT(experts_scale), 0, 1e6, DEEPSEEK, false, 0},
    {"num_nextn_predict_layers", "nextn_predict_layers", FIELD_INT, AT(mtp_layers), 0, 1, ARCH_DEEPSEEK3, false, 0},
    {"max_position_embeddings", "context_length", FIELD_INT, AT(context), 1, MAX_POSITIONS, ALL, true, 0},
    {"tie_word_embeddings", NULL, FIELD_BOOL, AT(tied_head), 0, 1, ALL, false, 0},
    {"rms_norm_eps", "attention.layer_norm_rms_epsilon", FIELD_NUM, AT(norm_eps), 1e-20, 1, ALL, false, 0},
    {"rope_theta", "rope.freq_base", FIELD_NUM, AT(rope_theta), 2, 1e12, ALL, false, 0},
    {"rope_local_base_freq", "rope.freq_base_swa", FIELD_NUM, AT(rope_local_theta), 2, 1e12, ARCH_GEMMA3, false, 0},
    {"sliding_window", "attention.sliding_window", FIELD_INT, AT(window), 1, MAX_POSITIONS, ARCH_GEMMA3, true, 0},
    {"sliding_window", "attention.sliding_window", FIELD_INT, AT(window), 0, MAX_POSITIONS, ARCH_MISTRALS, false, 0},
    {"no_rope_layer_interval", NULL, FIELD_INT, AT(nope_period), 1, NET_MAX_LAYERS, ARCH_SMOLLM3, false, 0},
    {"sliding_window_pattern", "attention.sliding_window_pattern", FIELD_INT, AT(window_period), 1, NET_MAX_LAYERS, ARCH_GEMMA3,
     false, 0},
    {"query_pre_attn_scalar", NULL, FIELD_NUM, AT(query_scalar), 1e-3, 1e6, ARCH_GEMMA3, false, 0},
    {"rope_scaling.factor", "rope.scaling.factor", FIELD_NUM, AT(rope_factor), 1, 1e6, ALL, false,
     K(LINEAR) | K(YARN) | K(LLAMA3)},
    {"rope_scaling.beta_fast", "rope.scaling.yarn_beta_fast", FIELD_NUM, AT(yarn_beta_fast), 1e-3, 1e6, ALL, false, K(YARN)},
    {"rope_scaling.beta_slow", "rope.scaling.yarn_beta_slow", FIELD_NUM, AT(yarn_beta_slow), 1e-3, 1e6, ALL, false, K(YARN)},
    {"rope_scaling.mscale", NULL, FIELD_NUM, AT(yarn_mscale), 0, 100, DEEPSEEK | ARCH_MISTRAL3, false, K(YARN)},
    {"rope_scaling.mscale_all_dim", NULL, FIELD_NUM, AT(yarn_mscale_all_dim), 0, 100, DEEPSEEK | ARCH_MISTRAL3, false, K(YARN)},
    {"rope_scaling.attn_factor", "rope.scaling.attn_factor", FIELD_NUM, AT(yarn_magnitude_factor), 1e-3, 1e3,
     GQA & ~ARCH_MISTRAL3, false, K(YARN)},
    {"rope_scaling.llama_4_scaling_beta", "attention.temperature_scale", FIELD_NUM, AT(temperature_beta), 0, 100, ARCH_MISTRAL3,
     false, K(YARN)},
    {"rope_scaling.low_freq_factor", NULL, FIELD_NUM, AT(llama3_low), 1e-3, 1e6, GQA, false, K(LLAMA3)},
    {"rope_scaling.high_freq_factor", NULL, FIELD_NUM, AT(llama3_high), 1e-3, 1e6, GQA, false, K(LLAMA3)},
    {"rope_scaling.original_max_position_embeddings", "rope.scaling.original_context_length", FIELD_INT,
     AT(rope_original_context), 1, MAX_POSITIONS, ALL, false, K(YARN) | K(LLAMA3)},
};
/* clang-format on */
const int config_n_fields = ARRAY_LEN(config_fields);

const char *const rope_kind_names[] = {"default", "linear", "yarn", "llama3", ""};

void config_keys_help(struct buf *out)
{
    for (int i = 0; i < config_n_fields; i++) {
        const struct field *f = &config_fields[i];
        static const char *const types[] = {"integer", "number", "true or false"};
        if (i && !strcmp(f->json, config_fields[i - 1].json)) continue;
        buf_printf(out, "  %-18s %s", f->json, types[f->type]);
        if (f->type != FIELD_BOOL) buf_printf(out, ", %.12g to %.12g", f->lo, f->hi);
        if (f->archs != ALL) buf_add_str(out, ", of some families");
        buf_add_str(out, f->required ? ", must be given there\n" : "\n");
    }
}

int64_t config_first_moe(const struct config *c)
{
    int64_t all = c->layers + c->mtp_layers;
    return c->experts > 0 ? min_i64(c->dense_layers, all) : all;
}

bool config_is_local(const struct config *c, int64_t layer) { return c->window > 0 && (layer + 1) % c->window_period != 0; }
bool config_has_rope(const struct config *c, int64_t layer) { return !c->nope_period || (layer + 1) % c->nope_period != 0; }

void config_default_of(struct config *c, const struct arch *arch)
{
    memset(c, 0, sizeof(*c));
    c->arch = arch;
    c->rope_interleaved = arch->interleaved;
    c->window_period = 1;
    c->expert_groups = c->expert_groups_used = 1;
    c->experts_norm = true;
    c->experts_scale = 1;
    c->norm_eps = 1e-6;
    c->rope_theta = c->rope_local_theta = 10000;
    c->rope_kind = arch->mla ? ROPE_YARN : ROPE_PLAIN;
    c->rope_factor = 1;
    c->yarn_beta_fast = 32;
    c->yarn_beta_slow = 1;
    c->yarn_mscale = c->yarn_mscale_all_dim = arch->mla;
    c->yarn_magnitude_factor = 1;
    c->llama3_low = 1;
    c->llama3_high = 4;
    c->rope_original_context = arch->mla ? 4096 : 8192;
    c->bos = c->eos = -1;
    if (arch->defaults) arch->defaults(c);
}

void config_default(struct config *c) { config_default_of(c, &arch_deepseek3); }

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
    bool deepseek = (c->arch->bit & ARCH_DEEPSEEK) != 0;
    if (c->experts < 2)
        FAIL(e, ERR_FORMAT, "%s: \"n_routed_experts\" is %lld, expected 2 to 1024", where, (long long)c->experts);
    if (c->expert_ffn < 1) FAIL(e, ERR_FORMAT, "%s: \"moe_intermediate_size\" is 0, expected at least 1", where);
    if (deepseek && c->experts_shared < 1)
        FAIL(e, ERR_FORMAT, "%s: \"n_shared_experts\" is 0, expected at least 1", where);
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
    if (c->arch->bit == ARCH_DEEPSEEK2 && c->experts_norm)
        FAIL(e, ERR_UNSUPPORTED, "%s: \"norm_topk_prob\" is true; this program supports false for %s", where, c->arch->hf);
    return OK;
}

static int check_attention(const struct config *c, const char *where, struct err *e)
{
    if (config_rope_width(c) % 2)
        FAIL(e, ERR_FORMAT, "%s: \"%s\" is %lld, expected an even number", where, c->arch->mla ? "qk_rope_head_dim" : "head_dim",
             (long long)config_rope_width(c));
    if (!c->arch->mla && c->heads % c->kv_heads)
        FAIL(e, ERR_FORMAT, "%s: \"num_key_value_heads\" is %lld, expected a divisor of \"num_attention_heads\" (%lld)", where,
             (long long)c->kv_heads, (long long)c->heads);
    if (c->yarn_beta_fast <= c->yarn_beta_slow)
        FAIL(e, ERR_FORMAT, "%s: \"beta_fast\" is %g, expected more than \"beta_slow\" (%g)", where, c->yarn_beta_fast,
             c->yarn_beta_slow);
    if (c->temperature_beta > 0 && (c->rope_kind != ROPE_YARN || !config_rope_scaled(c)))
        FAIL(e, ERR_UNSUPPORTED, "%s: \"llama_4_scaling_beta\" is %g; this program supports it with \"rope_type\" \"yarn\" only",
             where, c->temperature_beta);
    if (c->llama3_high <= c->llama3_low)
        FAIL(e, ERR_FORMAT, "%s: \"high_freq_factor\" is %g, expected more than \"low_freq_factor\" (%g)", where, c->llama3_high,
             c->llama3_low);
    return OK;
}

/* An id that no token can have names none: nothing is computed from it. */
static void drop_token(const struct config *c, int64_t *id, const char *what, const char *where)
{
    if (*id >= -1 && *id < c->vocab) return;
    log_warn("%s: the token that %s has the id %lld, of a vocabulary of %lld: it is ignored", where, what, (long long)*id,
             (long long)c->vocab);
    *id = -1;
}

int config_check(struct config *c, const char *where, struct err *e)
{
    if (!c->arch->mla && c->heads > 0) {
        if (!c->kv_heads) c->kv_heads = c->heads;
        if (!c->head_dim) c->head_dim = c->dim / c->heads;
    }
    if (!c->query_scalar) c->query_scalar = (double)config_key_width(c);
    for (int i = 0; i < config_n_fields; i++)
        if (has_field(c, &config_fields[i])) TRY(check_field(c, &config_fields[i], where, e));
    TRY(check_attention(c, where, e));
    if (config_first_moe(c) > 0 && c->dense_ffn < 1)
        FAIL(e, ERR_FORMAT, "%s: \"intermediate_size\" is 0, expected at least 1", where);
    if (config_has_moe(c)) TRY(check_moe(c, where, e));
    drop_token(c, &c->bos, "begins a text", where);
    drop_token(c, &c->eos, "ends a text", where);
    return OK;
}

/* ---- recipes ---- */

/* The architecture decides which keys there are and what is not said, so it comes before them. */
static int set_arch(struct config *c, const char *value, const char *where, struct err *e)
{
    char names[200];
    struct config untouched;
    const struct arch *arch = arch_by_hf(value);
    arch_names(names, sizeof names, false);
    if (!arch) FAIL(e, ERR_USAGE, "%s: \"model_type\" is \"%.40s\", expected one of %s", where, value, names);
    config_default_of(&untouched, c->arch);
    for (int i = 0; i < config_n_fields; i++) {
        const struct field *f = &config_fields[i];
        size_t size = f->type == FIELD_BOOL ? sizeof(bool) : sizeof(int64_t);
        if (memcmp((char *)c + f->offset, (char *)&untouched + f->offset, size))
            FAIL(e, ERR_USAGE, "%s: \"model_type\" must be the first key of [model], before \"%s\"", where, f->json);
    }
    config_default_of(c, arch);
    return OK;
}

static int set_rope_kind(struct config *c, const char *value, const char *where, struct err *e)
{
    for (int i = ROPE_PLAIN; i <= ROPE_LLAMA3; i++) {
        if (strcmp(value, rope_kind_names[i])) continue;
        if (c->arch->mla && (i == ROPE_LINEAR || i == ROPE_LLAMA3)) break;
        c->rope_kind = i;
        return OK;
    }
    FAIL(e, ERR_USAGE, "%s: \"rope_scaling.rope_type\" is \"%.40s\", expected %s", where, value,
         c->arch->mla ? "default or yarn" : "default, linear, yarn or llama3");
}

const char *config_missing(const struct config *c, int *at)
{
    while (*at < config_n_fields) {
        const struct field *f = &config_fields[(*at)++];
        if (f->required && f->type == FIELD_INT && has_field(c, f) && *int_at(c, f) == 0) return f->json;
    }
    return NULL;
}

const char *config_nearest(const struct config *c, const char *key)
{
    const char *found = "model_type";
    int best = name_distance(key, found);
    for (int i = 0; i < config_n_fields; i++) {
        int d = has_field(c, &config_fields[i]) ? name_distance(key, config_fields[i].json) : best;
        if (d >= best) continue;
        best = d;
        found = config_fields[i].json;
    }
    return found;
}

int config_set(struct config *c, const char *key, const char *value, const char *where, struct err *e)
{
    if (!strcmp(key, "model_type")) return set_arch(c, value, where, e);
    if (!strcmp(key, "rope_scaling.rope_type")) return set_rope_kind(c, value, where, e);
    const struct field *f = NULL;
    for (int i = 0; i < config_n_fields && !f; i++)
        if (!strcmp(config_fields[i].json, key) && has_field(c, &config_fields[i])) f = &config_fields[i];
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
