/* The shape of a network. One table (config.c) maps each field to its GGUF key, its Hugging Face key and its bounds;
 * it drives both readers, both writers, recipes and `autarky show`. */
#ifndef MODEL_CONFIG_H
#define MODEL_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "io/tensor_file.h"

enum { NET_MAX_LAYERS = 512 };

/* DeepSeek V3 (arXiv 2412.19437). Integers are int64_t so that one table can address them all. */
struct config {
    int64_t vocab, dim, layers, heads;
    int64_t q_lora_rank; /* 0: q is one matrix */
    int64_t kv_lora_rank, qk_nope_dim, qk_rope_dim, v_dim;
    int64_t dense_layers, dense_ffn; /* the first layers have one MLP of this width */
    int64_t experts, experts_used, experts_shared, expert_ffn;
    int64_t expert_groups, expert_groups_used;
    bool experts_norm; /* weights of the chosen experts are normalised */
    double experts_scale;
    int64_t mtp_layers; /* 0 or 1 */
    int64_t context;
    bool tied_head;
    double norm_eps, rope_theta;
    /* YaRN (arXiv 2309.00071); yarn_factor <= 1: off */
    double yarn_factor, yarn_beta_fast, yarn_beta_slow, yarn_mscale, yarn_mscale_all_dim;
    int64_t yarn_original_context;
    int64_t bos, eos; /* -1: none; from the file */
};

/* Sensible defaults; dimensions 0. */
void config_default(struct config *c);
/* Checks all bounds and relations (rope even, groups divide experts, ...). `where` is the file for messages. */
int config_check(const struct config *c, const char *where, struct err *e);
/* From config.json (model_type deepseek_v3) and from GGUF metadata (general.architecture deepseek2); both checked. */
int config_from_json(struct config *c, const json_t *root, const char *where, struct err *e);
int config_from_gguf(struct config *c, const struct tf *f, struct err *e);
/* Sets one field by its Hugging Face key, from a recipe line: integer, number, true or false. Keys of the rotary object
 * are written rope_scaling.factor and so on. ERR_NOTFOUND: no such key. */
int config_set(struct config *c, const char *key, const char *value, const char *where, struct err *e);
/* Writers: config.json as transformers reads it; GGUF metadata as llama.cpp reads it. */
int config_to_json(const struct config *c, struct buf *out, struct err *e);
int config_to_gguf(const struct config *c, struct tf_writer *w, struct err *e);

/* Softmax scale and inverse frequencies with YaRN applied: freq (qk_rope_dim / 2). *magnitude multiplies cos and sin. */
double config_softmax_scale(const struct config *c);
void config_rope_freq(const struct config *c, double *freq, double *magnitude);
/* Parameters in all, and used per token (routed experts counted top-k times; the embedding row not counted). */
int64_t config_params(const struct config *c, int64_t *active);

#endif
