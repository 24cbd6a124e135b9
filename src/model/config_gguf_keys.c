/* The metadata of an architecture that no field stands for: what must have a certain value, what says nothing about the
 * numbers, and what is not known, which is named. */
#include <math.h>
#include <stdio.h>
#include "base/log.h"
#include "model/config_table.h"

enum { SHOWN = 6 };

/* Keys that change what is computed, with the values that do not: another one would make another model of the same tensors.
 * What llama.cpp writes for every model is among them. Of those in `archs` the key has a meaning, read elsewhere. */
struct rule {
    const char *key;
    int archs;
    double want, also; /* either */
};

/* Read elsewhere, or without a meaning for what is computed. */
static const char *const known[] = {
    "block_count",
    "vocab_size",
    "attention.key_length",
    "attention.value_length",
    "attention.key_length_mla",
    "attention.value_length_mla",
    "attention.head_count_kv",
    "rope.dimension_count",
    "rope.scale_linear",
    "rope.scaling.type",
    "rope.scaling.factor",
    "rope.scaling.original_context_length",
    "rope.scaling.yarn_log_multiplier",
    "rope.scaling.finetuned",
    "expert_gating_func",
    "tensor_data_layout",
};

static const char *suffix_of(const struct config *c, const char *key)
{
    size_t n = strlen(c->arch->gguf);
    return !strncmp(key, c->arch->gguf, n) && key[n] == '.' ? key + n + 1 : NULL;
}

static bool is_field(const struct config *c, const char *suffix)
{
    for (int i = 0; i < config_n_fields; i++)
        if (config_fields[i].gguf && has_field(c, &config_fields[i]) && !strcmp(config_fields[i].gguf, suffix)) return true;
    return false;
}

static bool is_known(const char *suffix)
{
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (!strcmp(known[i], suffix)) return true;
    return false;
}

/* The value of a number or a bool. */
static int value_of(const struct tf *f, const struct tf_kv *kv, double *out, struct err *e)
{
    bool found;
    if (kv->type != TF_BOOL) return tf_kv_f64(f, kv->key, out, &found, e);
    *out = kv->v.b;
    return OK;
}

static int check_rule(const struct config *c, const struct tf *f, const struct tf_kv *kv, const struct rule *r, struct err *e)
{
    double v = 0;
    if (r->archs & c->arch->bit) return OK;
    TRY(value_of(f, kv, &v, e));
    if (v == r->want || fabs(v - r->also) <= 1e-6 * fabs(r->also)) return OK;
    FAIL(e, ERR_UNSUPPORTED, "%s: \"%s\" is %g; for %s this program supports %g", f->path, kv->key, v, c->arch->gguf, r->also);
}

int config_check_gguf_keys(const struct config *c, const struct tf *f, struct err *e)
{
    const double scale = config_softmax_scale(c), original = (double)c->rope_original_context;
    const double key = (double)config_key_width(c), value = (double)config_value_width(c), turned = (double)config_rope_width(c);
    const struct rule rules[] = {
        {"attention.causal", 0, 1, 1},
        {"attention.max_alibi_bias", 0, 0, 0},
        {"attention.clamp_kqv", 0, 0, 0},
        {"attention.scale", 0, 0, scale},
        {"attention.output_scale", 0, 0, 1},
        {"attention.value_scale", 0, 0, 1},
        {"attention.key_length_swa", 0, key, key},
        {"attention.value_length_swa", 0, value, value},
        {"attention.shared_kv_layers", 0, 0, 0},
        {"attention.temperature_scale", ARCH_MISTRAL3, 0, 0},
        {"attention.temperature_length", c->temperature_beta != 0 ? 0 : ARCH_ALL, original, original},
        {"rope.dimension_count_swa", 0, turned, turned},
        {"rope.scaling.attn_factor", ARCH_GQA & ~ARCH_MISTRAL3, 0, 1},
        {"rope.scaling.yarn_attn_factor", 0, 0, 1},
        {"rope.scaling.alpha", 0, 0, 0},
        {"rope.scaling.yarn_log_multiplier", ARCH_MISTRAL3 | ARCH_DEEPSEEK, 0, 0},
        {"final_logit_softcapping", 0, 0, 0},
        {"attn_logit_softcapping", 0, 0, 0},
        {"router_logit_softcapping", 0, 0, 0},
        {"logit_scale", 0, 0, 1},
        {"residual_scale", 0, 0, 1},
        {"embedding_scale", 0, 0, 1},
        {"embedding_length_out", 0, 0, (double)c->dim},
        {"use_parallel_residual", 0, 0, 0},
        {"expert_count", ARCH_MOE, 0, 0},
        {"expert_weights_scale", ARCH_DEEPSEEK, 0, 1},
        {"expert_group_count", ARCH_DEEPSEEK, 0, 1},
        {"expert_group_used_count", ARCH_DEEPSEEK, 0, 1},
        {"nextn_predict_layers", ARCH_DEEPSEEK3, 0, 0},
    };
    char names[400] = "";
    size_t n = 0, len = 0;
    for (size_t i = 0; i < f->n_kv; i++) {
        const struct tf_kv *kv = &f->kv[i];
        const char *suffix = suffix_of(c, kv->key);
        size_t r = 0;
        if (!suffix) continue;
        while (r < ARRAY_LEN(rules) && strcmp(rules[r].key, suffix)) r++;
        if (r < ARRAY_LEN(rules)) {
            TRY(check_rule(c, f, kv, &rules[r], e));
            continue;
        }
        if (is_field(c, suffix) || is_known(suffix)) continue;
        if (n++ < SHOWN) len += (size_t)snprintf(names + len, sizeof names - len, "%s%.60s", n > 1 ? ", " : "", kv->key);
    }
    if (n)
        log_warn("%s: metadata that is not known for this architecture and is ignored: %s%s", f->path, names,
                 n > SHOWN ? ", ..." : "");
    return OK;
}
