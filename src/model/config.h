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

struct arch; /* model/arch.h: what distinguishes one family from another */

/* How rotary frequencies are stretched for long contexts. FACTORS: divided by a tensor of the file. */
enum rope_kind { ROPE_PLAIN, ROPE_LINEAR, ROPE_YARN, ROPE_LLAMA3, ROPE_FACTORS };

/* Integers are int64_t so that one table can address them all. Fields that an architecture does not have keep their
 * defaults. */
struct config {
    const struct arch *arch; /* static */
    int64_t vocab, dim, layers, heads;
    /* Grouped-query attention: query head h uses key head h / (heads / kv_heads). */
    int64_t kv_heads, head_dim;
    int64_t window, window_period; /* every window_period-th layer sees everything, the others the last `window` keys */
    int64_t nope_period;           /* every nope_period-th layer is not rotated; 0: all are */
    double query_scalar;           /* the softmax scale is its inverse root; 0: head_dim */
    bool rope_interleaved;         /* pairs are neighbours (x[2i], x[2i + 1]), else halves (x[i], x[i + n / 2]) */
    /* Latent attention (MLA, arXiv 2405.04434 and 2412.19437). */
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
    double rope_local_theta; /* of layers with a window */
    int64_t rope_kind;       /* enum rope_kind; a factor of 1 turns linear, yarn and llama3 off */
    double rope_factor;
    int64_t rope_original_context;
    /* YaRN (arXiv 2309.00071). With mscale and mscale_all_dim 0 cos and sin are multiplied by magnitude_factor times
     * the usual magnitude. */
    double yarn_beta_fast, yarn_beta_slow, yarn_mscale, yarn_mscale_all_dim, yarn_magnitude_factor;
    double llama3_low, llama3_high;
    /* At position p queries are multiplied by 1 + temperature_beta * ln(1 + floor(p / rope_original_context)). */
    double temperature_beta;
    int64_t bos, eos; /* -1: none; from the file */
};

/* Sensible defaults of architecture deepseek_v3; dimensions 0. */
void config_default(struct config *c);
/* The defaults of another architecture. */
void config_default_of(struct config *c, const struct arch *arch);
/* Fills in what follows from other values (kv_heads, head_dim), then checks all bounds and relations (rope even, groups
 * divide experts, ...). `where` is the file for messages. */
int config_check(struct config *c, const char *where, struct err *e);
/* From config.json and from GGUF metadata; both checked. */
int config_from_json(struct config *c, const json_t *root, const char *where, struct err *e);
int config_from_gguf(struct config *c, const struct tf *f, struct err *e);
/* Sets one field by its Hugging Face key, from a recipe line: integer, number, true or false. Keys of the rotary object
 * are written rope_scaling.factor and so on. model_type must come first. ERR_NOTFOUND: no such key. */
int config_set(struct config *c, const char *key, const char *value, const char *where, struct err *e);
/* Appends the keys that config_set knows, a line each, for people. */
void config_keys_help(struct buf *out);
/* For recipes: the next required key from *at on (begin with 0) that has no value; NULL: there is none. */
const char *config_missing(const struct config *c, int *at);
/* The key of this architecture with the fewest edits to `key`. */
const char *config_nearest(const struct config *c, const char *key);
/* Writers: config.json as transformers reads it; GGUF metadata as llama.cpp reads it. */
int config_to_json(const struct config *c, struct buf *out, struct err *e);
int config_to_gguf(const struct config *c, struct tf_writer *w, struct err *e);
/* Whether llama.cpp would compute something else from that metadata than we do; out tells what. */
bool config_gguf_differs(const struct config *c, char *out, size_t cap);

/* Layers are mixtures of experts from this one on, the MTP layer (number `layers`) included; without experts all are
 * dense. */
int64_t config_first_moe(const struct config *c);
/* Whether layer i sees the last `window` keys only. */
bool config_is_local(const struct config *c, int64_t layer);
/* Whether the queries and keys of layer i are rotated. */
bool config_has_rope(const struct config *c, int64_t layer);
/* Whether a position within the context has its own factor for queries, and the factor. */
bool config_has_temperature(const struct config *c);
double config_temperature(const struct config *c, int64_t position);
int64_t config_rope_width(const struct config *c); /* numbers of a head that are rotated */
int64_t config_key_width(const struct config *c);  /* numbers of a query and of a key, per head */
int64_t config_value_width(const struct config *c);
/* Numbers that the cache holds per layer and row. */
int64_t config_cache_width(const struct config *c);
bool config_rope_scaled(const struct config *c); /* the frequencies are not the plain ones */
/* Softmax scale and inverse frequencies with the stretching applied: freq (rope width / 2). *magnitude multiplies cos and
 * sin. FACTORS are not applied. */
double config_softmax_scale(const struct config *c);
void config_rope_freq(const struct config *c, double *freq, double *magnitude);
double config_rope_magnitude(const struct config *c);
/* The frequencies of layers with a window. */
void config_rope_freq_local(const struct config *c, double *freq);
/* Parameters in all, and used per token (routed experts counted top-k times; the embedding row not counted). */
int64_t config_params(const struct config *c, int64_t *active);

#endif
