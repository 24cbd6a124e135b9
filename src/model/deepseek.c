/* DeepSeek V2 (arXiv 2405.04434) and V3 with R1 and V3.1 (arXiv 2412.19437): multi-head latent attention, mixtures of
 * experts. They differ in the router: V2 takes softmax scores, and a group counts as its best expert; V3 takes sigmoid
 * scores with a bias for the choice, and a group counts as the sum of its two best. V3 may have one layer for
 * multi-token prediction (MTP).
 *
 * Shape letters: N rows of the batch, S key rows (n_keys), D dim, H heads, A = nope + rope, R kv rank, P rope, W v. */
#include "model/blocks.h"
#include "base/checked.h"

/* clang-format off */
static const struct param_row rows[] = {
    {"input_layernorm.weight",              "attn_norm.weight",              LAYER(attn_norm),   D_D,   D_NONE, D_NONE, INIT_ONES,       ALWAYS,   FORM_PLAIN},
    {"self_attn.q_proj.weight",             "attn_q.weight",                 LAYER(wq),          D_QH,  D_D,    D_NONE, INIT_NORMAL,     Q_FULL,   FORM_PLAIN},
    {"self_attn.q_a_proj.weight",           "attn_q_a.weight",               LAYER(wq_a),        D_QR,  D_D,    D_NONE, INIT_NORMAL,     Q_LORA,   FORM_PLAIN},
    {"self_attn.q_a_layernorm.weight",      "attn_q_a_norm.weight",          LAYER(q_norm),      D_QR,  D_NONE, D_NONE, INIT_ONES,       Q_LORA,   FORM_PLAIN},
    {"self_attn.q_b_proj.weight",           "attn_q_b.weight",               LAYER(wq_b),        D_QH,  D_QR,   D_NONE, INIT_NORMAL,     Q_LORA,   FORM_PLAIN},
    {"self_attn.kv_a_proj_with_mqa.weight", "attn_kv_a_mqa.weight",          LAYER(wkv_a),       D_KVA, D_D,    D_NONE, INIT_NORMAL,     ALWAYS,   FORM_PLAIN},
    {"self_attn.kv_a_layernorm.weight",     "attn_kv_a_norm.weight",         LAYER(kv_norm),     D_KVR, D_NONE, D_NONE, INIT_ONES,       ALWAYS,   FORM_PLAIN},
    {"self_attn.kv_b_proj.weight",          "attn_kv_b.weight",              LAYER(wkv_b),       D_KVB, D_KVR,  D_NONE, INIT_NORMAL,     ALWAYS,   FORM_KV_B},
    {"self_attn.o_proj.weight",             "attn_output.weight",            LAYER(wo),          D_D,   D_HV,   D_NONE, INIT_NORMAL_OUT, ALWAYS,   FORM_PLAIN},
    {"post_attention_layernorm.weight",     "ffn_norm.weight",               LAYER(ffn_norm),    D_D,   D_NONE, D_NONE, INIT_ONES,       ALWAYS,   FORM_PLAIN},
    {"mlp.gate_proj.weight",                "ffn_gate.weight",               LAYER(gate),        D_F,   D_D,    D_NONE, INIT_NORMAL,     DENSE,    FORM_PLAIN},
    {"mlp.up_proj.weight",                  "ffn_up.weight",                 LAYER(up),          D_F,   D_D,    D_NONE, INIT_NORMAL,     DENSE,    FORM_PLAIN},
    {"mlp.down_proj.weight",                "ffn_down.weight",               LAYER(down),        D_D,   D_F,    D_NONE, INIT_NORMAL_OUT, DENSE,    FORM_PLAIN},
    {"mlp.gate.weight",                     "ffn_gate_inp.weight",           LAYER(router),      D_E,   D_D,    D_NONE, INIT_NORMAL,     MOE,      FORM_PLAIN},
    {"mlp.gate.e_score_correction_bias",    "exp_probs_b.bias",              LAYER(router_bias), D_E,   D_NONE, D_NONE, INIT_FIXED,      MOE_BIAS, FORM_PLAIN},
    {"mlp.experts.%d.gate_proj.weight",     "ffn_gate_exps.weight",          LAYER(e_gate),      D_E,   D_EF,   D_D,    INIT_NORMAL,     MOE,      FORM_EXPERTS},
    {"mlp.experts.%d.up_proj.weight",       "ffn_up_exps.weight",            LAYER(e_up),        D_E,   D_EF,   D_D,    INIT_NORMAL,     MOE,      FORM_EXPERTS},
    {"mlp.experts.%d.down_proj.weight",     "ffn_down_exps.weight",          LAYER(e_down),      D_E,   D_D,    D_EF,   INIT_NORMAL_OUT, MOE,      FORM_EXPERTS},
    {"mlp.shared_experts.gate_proj.weight", "ffn_gate_shexp.weight",         LAYER(s_gate),      D_SF,  D_D,    D_NONE, INIT_NORMAL,     SHARED,   FORM_PLAIN},
    {"mlp.shared_experts.up_proj.weight",   "ffn_up_shexp.weight",           LAYER(s_up),        D_SF,  D_D,    D_NONE, INIT_NORMAL,     SHARED,   FORM_PLAIN},
    {"mlp.shared_experts.down_proj.weight", "ffn_down_shexp.weight",         LAYER(s_down),      D_D,   D_SF,   D_NONE, INIT_NORMAL_OUT, SHARED,   FORM_PLAIN},
    {"enorm.weight",                        "nextn.enorm.weight",            LAYER(mtp_enorm),   D_D,   D_NONE, D_NONE, INIT_ONES,       MTP,      FORM_PLAIN},
    {"hnorm.weight",                        "nextn.hnorm.weight",            LAYER(mtp_hnorm),   D_D,   D_NONE, D_NONE, INIT_ONES,       MTP,      FORM_PLAIN},
    {"eh_proj.weight",                      "nextn.eh_proj.weight",          LAYER(mtp_eh),      D_D,   D_2D,   D_NONE, INIT_NORMAL,     MTP,      FORM_PLAIN},
    {"shared_head.norm.weight",             "nextn.shared_head_norm.weight", LAYER(mtp_norm),    D_D,   D_NONE, D_NONE, INIT_ONES,       MTP,      FORM_PLAIN},
};
/* clang-format on */

/* Keys and values out of absorbed attention's latent, per head: as slices of W_kvb, or as panels of their own. */
static struct tensor *to_latent(struct run *r, const struct block_ctx *b, struct tensor *q)
{
    const struct config *c = &b->net->config;
    const struct layer *w = &b->net->layers[b->layer];
    int64_t nope = c->qk_nope_dim, width = nope + c->qk_rope_dim;
    struct head_linear_args uk = {(int)c->heads, (int)nope, (int)c->kv_lora_rank, 0, nope + c->v_dim, 0, width, true};
    return w->w_uk ? op_head_product(r, q, w->w_uk, 0, width) : op_head_linear(r, q, w->wkv_b, &uk);
}

static struct tensor *from_latent(struct run *r, const struct block_ctx *b, struct tensor *z)
{
    const struct config *c = &b->net->config;
    const struct layer *w = &b->net->layers[b->layer];
    int64_t nope = c->qk_nope_dim, rank = c->kv_lora_rank;
    struct head_linear_args uv = {(int)c->heads, (int)rank, (int)c->v_dim, nope, nope + c->v_dim, 0, rank, false};
    return w->w_uv ? op_head_product(r, z, w->w_uv, 0, rank) : op_head_linear(r, z, w->wkv_b, &uv);
}

static struct tensor *query(struct run *r, const struct block_ctx *b, struct tensor *x)
{
    const struct config *c = &b->net->config;
    const struct layer *w = &b->net->layers[b->layer];
    int nope = (int)c->qk_nope_dim, rope = (int)c->qk_rope_dim;
    struct tensor *q = w->wq ? op_linear(r, x, w->wq)                                                      /* (N, H A) */
                             : op_linear(r, op_rmsnorm(r, op_linear(r, x, w->wq_a), w->q_norm, (float)c->norm_eps), w->wq_b);
    return op_rope(r, q, &b->net->rope, b->args->batch->pos, (int)c->heads, nope + rope, nope);
}

/* V3, section 2.1.1, equations 1 to 11. x (N, D), after the norm -> (N, D). Absorbed: W_UK moves to the query, W_UV to
 * the output; keys and values are the latent itself. */
static struct tensor *attention(struct run *r, const struct block_ctx *b, struct tensor *x)
{
    const struct config *c = &b->net->config;
    const struct layer *w = &b->net->layers[b->layer];
    const struct batch *batch = b->args->batch;
    int heads = (int)c->heads, nope = (int)c->qk_nope_dim, rope = (int)c->qk_rope_dim, rank = (int)c->kv_lora_rank,
        v = (int)c->v_dim;
    struct attention_args a = {
        .batch = batch, .heads = heads, .d2 = rope, .scale = b->net->softmax_scale, .q2 = {0, nope, nope + rope}};
    struct tensor *q = query(r, b, x);
    struct tensor *kv = op_mla_kv(r, op_linear(r, x, w->wkv_a), w->kv_norm, &b->net->rope, batch->pos, rank, (float)c->norm_eps);
    a.k2 = (struct head_view){2, rank, 0};
    if (b->args->cache) {
        struct cache_layer layer = cache_layer(b->args->cache, b->layer);
        kv = op_cache(r, kv, batch, &layer);
        a.cached = b->net->absorbed;
        a.int8 = b->net->int8 && layer.dtype == DT_Q8_0;
        a.page_stride = layer.stride;
        if (!a.cached) kv = op_cache_rows(r, kv, batch, &layer);                                            /* (S, R + P) */
    }
    if (b->net->absorbed) {
        struct tensor *in[] = {q, to_latent(r, b, q), kv};                                                  /* (N, H R) */
        a.kv_heads = 1;
        a.d1 = a.dv = rank;
        a.q1 = (struct head_view){1, 0, rank};
        a.k1 = a.v = (struct head_view){2, 0, 0};
        return op_linear(r, from_latent(r, b, op_attention(r, in, 3, &a)), w->wo);
    }
    struct tensor *in[] = {q, op_linear(r, kv, w->wkv_b), kv}; /* (S, H (nope + W)) */
    a.kv_heads = heads;
    a.d1 = nope;
    a.dv = v;
    a.q1 = (struct head_view){0, 0, nope + rope};
    a.k1 = (struct head_view){1, 0, nope + v};
    a.v = (struct head_view){1, nope, nope + v};
    return op_linear(r, op_attention(r, in, 3, &a), w->wo);
}

static struct tensor *block(struct run *r, const void *ctx, struct tensor *x) { return block_pre_norm(r, ctx, x, attention); }

static void v2_defaults(struct config *c) { c->experts_norm = false; }

const struct arch arch_deepseek2 = {.hf = "deepseek_v2",
                                    .hf_class = "DeepseekV2ForCausalLM",
                                    .gguf = "deepseek2",
                                    .bit = ARCH_DEEPSEEK2,
                                    .mla = true,
                                    .interleaved = true,
                                    .gguf_interleaved = true,
                                    .rows = rows,
                                    .n_rows = ARRAY_LEN(rows),
                                    .defaults = v2_defaults,
                                    .block = block};
const struct arch arch_deepseek3 = {.hf = "deepseek_v3",
                                    .hf_class = "DeepseekV3ForCausalLM",
                                    .gguf = "deepseek2",
                                    .bit = ARCH_DEEPSEEK3,
                                    .mla = true,
                                    .interleaved = true,
                                    .gguf_interleaved = true,
                                    .sigmoid = true,
                                    .group_pairs = true,
                                    .rows = rows,
                                    .n_rows = ARRAY_LEN(rows),
                                    .block = block};
