/* Llama (arXiv 2407.21783), and what has its parameters and its block: SmolLM2, R1-Distill-Llama, Mistral
 * (arXiv 2310.06825), Ministral 3, SmolLM3. Grouped-query attention, a gated MLP.
 *
 * Easy to get wrong: Hugging Face files pair the halves of a head for the rotation, GGUF files have the rows of W_q and
 * W_k in an order that makes the pairs neighbours, also in the layers of SmolLM3 that are not rotated. Mistral 7B in GGUF
 * calls itself llama. */
#include "model/blocks.h"
#include "base/checked.h"

/* clang-format off */
static const struct param_row rows[] = {
    {"input_layernorm.weight",          "attn_norm.weight",   LAYER(attn_norm), D_D,  D_NONE, D_NONE, INIT_ONES,       ALWAYS, FORM_PLAIN},
    {"self_attn.q_proj.weight",         "attn_q.weight",      LAYER(wq),        D_Q,  D_D,    D_NONE, INIT_NORMAL,     ALWAYS, FORM_TURNED},
    {"self_attn.k_proj.weight",         "attn_k.weight",      LAYER(wk),        D_KV, D_D,    D_NONE, INIT_NORMAL,     ALWAYS, FORM_TURNED},
    {"self_attn.v_proj.weight",         "attn_v.weight",      LAYER(wv),        D_KV, D_D,    D_NONE, INIT_NORMAL,     ALWAYS, FORM_PLAIN},
    {"self_attn.o_proj.weight",         "attn_output.weight", LAYER(wo),        D_D,  D_Q,    D_NONE, INIT_NORMAL_OUT, ALWAYS, FORM_PLAIN},
    {"post_attention_layernorm.weight", "ffn_norm.weight",    LAYER(ffn_norm),  D_D,  D_NONE, D_NONE, INIT_ONES,       ALWAYS, FORM_PLAIN},
    {"mlp.gate_proj.weight",            "ffn_gate.weight",    LAYER(gate),      D_F,  D_D,    D_NONE, INIT_NORMAL,     ALWAYS, FORM_PLAIN},
    {"mlp.up_proj.weight",              "ffn_up.weight",      LAYER(up),        D_F,  D_D,    D_NONE, INIT_NORMAL,     ALWAYS, FORM_PLAIN},
    {"mlp.down_proj.weight",            "ffn_down.weight",    LAYER(down),      D_D,  D_F,    D_NONE, INIT_NORMAL_OUT, ALWAYS, FORM_PLAIN},
};
/* clang-format on */

static struct tensor *block(struct run *r, const void *ctx, struct tensor *x) { return block_pre_norm(r, ctx, x, block_gqa); }

/* All layers have the window, if there is one. */
static void mistral_defaults(struct config *c)
{
    c->norm_eps = 1e-5;
    c->window_period = NET_MAX_LAYERS;
}

/* Released files leave out what the class of transformers has as its default. A window of null is none. */
static void mistral_json_defaults(struct config *c)
{
    c->norm_eps = 1e-6;
    c->vocab = 32000;
    c->dim = 4096;
    c->dense_ffn = 14336;
    c->layers = 32;
    c->heads = 32;
    c->kv_heads = 8;
    c->window = 4096;
    c->context = 131072;
}

/* A config.json that says nothing of the rotation means all of this. */
static void mistral3_json_defaults(struct config *c)
{
    c->vocab = 131072;
    c->dim = 4096;
    c->dense_ffn = 14336;
    c->layers = 34;
    c->heads = 32;
    c->kv_heads = 8;
    c->head_dim = 128;
    c->context = 262144;
    c->rope_theta = 1e6;
    c->rope_kind = ROPE_YARN;
    c->rope_factor = 16;
    c->rope_original_context = 16384;
    c->yarn_mscale = c->yarn_mscale_all_dim = 1;
    c->temperature_beta = 0.1;
}

static void smollm3_defaults(struct config *c)
{
    c->tied_head = true;
    c->nope_period = 4; /* llama.cpp knows no other */
}

static void smollm3_json_defaults(struct config *c)
{
    c->rope_theta = 2e6;
    c->vocab = 128256;
    c->dim = 2048;
    c->dense_ffn = 11008;
    c->layers = 36;
    c->heads = 16;
    c->kv_heads = 4;
    c->context = 32768;
}

#define LIKE_LLAMA .gguf_interleaved = true, .rows = rows, .n_rows = ARRAY_LEN(rows), .block = block

const struct arch arch_llama = {
    .hf = "llama", .hf_class = "LlamaForCausalLM", .gguf = "llama", .bit = ARCH_LLAMA, LIKE_LLAMA};
const struct arch arch_mistral = {.hf = "mistral",
                                  .hf_class = "MistralForCausalLM",
                                  .hf_outer = "mistral3",
                                  .gguf = "llama",
                                  .bit = ARCH_MISTRAL,
                                  .defaults = mistral_defaults,
                                  .json_defaults = mistral_json_defaults,
                                  LIKE_LLAMA};
const struct arch arch_mistral3 = {.hf = "ministral3",
                                   .hf_class = "Ministral3ForCausalLM",
                                   .hf_outer = "mistral3",
                                   .gguf = "mistral3",
                                   .bit = ARCH_MISTRAL3,
                                   .defaults = mistral_defaults,
                                   .json_defaults = mistral3_json_defaults,
                                   LIKE_LLAMA};
const struct arch arch_smollm3 = {.hf = "smollm3",
                                  .hf_class = "SmolLM3ForCausalLM",
                                  .gguf = "smollm3",
                                  .bit = ARCH_SMOLLM3,
                                  .defaults = smollm3_defaults,
                                  .json_defaults = smollm3_json_defaults,
                                  LIKE_LLAMA};
