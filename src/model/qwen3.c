/* Qwen3 (arXiv 2505.09388), R1-0528-Qwen3: as Llama, with a norm over each head of queries and keys before the rotation.
 * The mixture of experts has softmax scores and no shared expert. */
#include "model/blocks.h"
#include "base/checked.h"

/* clang-format off */
static const struct param_row rows[] = {
    {"input_layernorm.weight",          "attn_norm.weight",     LAYER(attn_norm),   D_D,    D_NONE, D_NONE, INIT_ONES,       ALWAYS, FORM_PLAIN},
    {"self_attn.q_proj.weight",         "attn_q.weight",        LAYER(wq),          D_Q,    D_D,    D_NONE, INIT_NORMAL,     ALWAYS, FORM_PLAIN},
    {"self_attn.k_proj.weight",         "attn_k.weight",        LAYER(wk),          D_KV,   D_D,    D_NONE, INIT_NORMAL,     ALWAYS, FORM_PLAIN},
    {"self_attn.v_proj.weight",         "attn_v.weight",        LAYER(wv),          D_KV,   D_D,    D_NONE, INIT_NORMAL,     ALWAYS, FORM_PLAIN},
    {"self_attn.q_norm.weight",         "attn_q_norm.weight",   LAYER(q_head_norm), D_HEAD, D_NONE, D_NONE, INIT_ONES,       ALWAYS, FORM_PLAIN},
    {"self_attn.k_norm.weight",         "attn_k_norm.weight",   LAYER(k_head_norm), D_HEAD, D_NONE, D_NONE, INIT_ONES,       ALWAYS, FORM_PLAIN},
    {"self_attn.o_proj.weight",         "attn_output.weight",   LAYER(wo),          D_D,    D_Q,    D_NONE, INIT_NORMAL_OUT, ALWAYS, FORM_PLAIN},
    {"post_attention_layernorm.weight", "ffn_norm.weight",      LAYER(ffn_norm),    D_D,    D_NONE, D_NONE, INIT_ONES,       ALWAYS, FORM_PLAIN},
    {"mlp.gate_proj.weight",            "ffn_gate.weight",      LAYER(gate),        D_F,    D_D,    D_NONE, INIT_NORMAL,     DENSE,  FORM_PLAIN},
    {"mlp.up_proj.weight",              "ffn_up.weight",        LAYER(up),          D_F,    D_D,    D_NONE, INIT_NORMAL,     DENSE,  FORM_PLAIN},
    {"mlp.down_proj.weight",            "ffn_down.weight",      LAYER(down),        D_D,    D_F,    D_NONE, INIT_NORMAL_OUT, DENSE,  FORM_PLAIN},
    {"mlp.gate.weight",                 "ffn_gate_inp.weight",  LAYER(router),      D_E,    D_D,    D_NONE, INIT_NORMAL,     MOE,    FORM_PLAIN},
    {"mlp.experts.%d.gate_proj.weight", "ffn_gate_exps.weight", LAYER(e_gate),      D_E,    D_EF,   D_D,    INIT_NORMAL,     MOE,    FORM_EXPERTS},
    {"mlp.experts.%d.up_proj.weight",   "ffn_up_exps.weight",   LAYER(e_up),        D_E,    D_EF,   D_D,    INIT_NORMAL,     MOE,    FORM_EXPERTS},
    {"mlp.experts.%d.down_proj.weight", "ffn_down_exps.weight", LAYER(e_down),      D_E,    D_D,    D_EF,   INIT_NORMAL_OUT, MOE,    FORM_EXPERTS},
};
/* clang-format on */

static struct tensor *block(struct run *r, const void *ctx, struct tensor *x) { return block_pre_norm(r, ctx, x, block_gqa); }

static void moe_defaults(struct config *c) { c->experts_norm = false; }

const struct arch arch_qwen3 = {.hf = "qwen3",
                                .hf_class = "Qwen3ForCausalLM",
                                .gguf = "qwen3",
                                .bit = ARCH_QWEN3,
                                .rows = rows,
                                .n_rows = ARRAY_LEN(rows),
                                .block = block};
const struct arch arch_qwen3_moe = {.hf = "qwen3_moe",
                                    .hf_class = "Qwen3MoeForCausalLM",
                                    .gguf = "qwen3moe",
                                    .bit = ARCH_QWEN3_MOE,
                                    .rows = rows,
                                    .n_rows = ARRAY_LEN(rows),
                                    .defaults = moe_defaults,
                                    .block = block};
