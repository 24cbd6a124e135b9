/* Llama (arXiv 2407.21783), and what has its shape: SmolLM2, R1-Distill-Llama. Grouped-query attention, a gated MLP.
 *
 * Easy to get wrong: Hugging Face files pair the halves of a head for the rotation, GGUF files have the rows of W_q and
 * W_k in an order that makes the pairs neighbours. */
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

const struct arch arch_llama = {.hf = "llama",
                                .hf_class = "LlamaForCausalLM",
                                .gguf = "llama",
                                .bit = ARCH_LLAMA,
                                .gguf_interleaved = true,
                                .rows = rows,
                                .n_rows = ARRAY_LEN(rows),
                                .block = block};
