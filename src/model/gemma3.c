/* Gemma 3 (arXiv 2503.19786), text only. Norms before and after both halves of a layer; five layers with a sliding window
 * and their own rotary base, then one that sees everything; tanh-GELU; embedding rows times the root of dim.
 *
 * Easy to get wrong: Hugging Face files hold the norms' weights less one, GGUF files whole. In memory they are whole. */
#include "model/blocks.h"
#include "base/checked.h"

/* clang-format off */
static const struct param_row rows[] = {
    {"input_layernorm.weight",            "attn_norm.weight",           LAYER(attn_norm),      D_D,    D_NONE, D_NONE, INIT_ONES,       ALWAYS, FORM_PLAIN},
    {"self_attn.q_proj.weight",           "attn_q.weight",              LAYER(wq),             D_Q,    D_D,    D_NONE, INIT_NORMAL,     ALWAYS, FORM_PLAIN},
    {"self_attn.k_proj.weight",           "attn_k.weight",              LAYER(wk),             D_KV,   D_D,    D_NONE, INIT_NORMAL,     ALWAYS, FORM_PLAIN},
    {"self_attn.v_proj.weight",           "attn_v.weight",              LAYER(wv),             D_KV,   D_D,    D_NONE, INIT_NORMAL,     ALWAYS, FORM_PLAIN},
    {"self_attn.q_norm.weight",           "attn_q_norm.weight",         LAYER(q_head_norm),    D_HEAD, D_NONE, D_NONE, INIT_ONES,       ALWAYS, FORM_PLAIN},
    {"self_attn.k_norm.weight",           "attn_k_norm.weight",         LAYER(k_head_norm),    D_HEAD, D_NONE, D_NONE, INIT_ONES,       ALWAYS, FORM_PLAIN},
    {"self_attn.o_proj.weight",           "attn_output.weight",         LAYER(wo),             D_D,    D_Q,    D_NONE, INIT_NORMAL_OUT, ALWAYS, FORM_PLAIN},
    {"post_attention_layernorm.weight",   "post_attention_norm.weight", LAYER(attn_post_norm), D_D,    D_NONE, D_NONE, INIT_ONES,       ALWAYS, FORM_PLAIN},
    {"pre_feedforward_layernorm.weight",  "ffn_norm.weight",            LAYER(ffn_norm),       D_D,    D_NONE, D_NONE, INIT_ONES,       ALWAYS, FORM_PLAIN},
    {"mlp.gate_proj.weight",              "ffn_gate.weight",            LAYER(gate),           D_F,    D_D,    D_NONE, INIT_NORMAL,     ALWAYS, FORM_PLAIN},
    {"mlp.up_proj.weight",                "ffn_up.weight",              LAYER(up),             D_F,    D_D,    D_NONE, INIT_NORMAL,     ALWAYS, FORM_PLAIN},
    {"mlp.down_proj.weight",              "ffn_down.weight",            LAYER(down),           D_D,    D_F,    D_NONE, INIT_NORMAL_OUT, ALWAYS, FORM_PLAIN},
    {"post_feedforward_layernorm.weight", "post_ffw_norm.weight",       LAYER(ffn_post_norm),  D_D,    D_NONE, D_NONE, INIT_ONES,       ALWAYS, FORM_PLAIN},
};
/* clang-format on */

static struct tensor *mlp(struct run *r, const struct layer *w, struct tensor *x)
{
    struct tensor *weights[] = {w->gate, w->up}, *y[2];
    op_linears(r, x, weights, 2, y);
    return op_linear(r, op_geglu(r, y[0], y[1]), w->down);
}

/* h = x + norm(attention(norm(x))); y = h + norm(mlp(norm(h))). */
static struct tensor *block(struct run *r, const void *ctx, struct tensor *x)
{
    const struct block_ctx *b = ctx;
    const struct layer *w = &b->net->layers[b->layer];
    float eps = (float)b->net->config.norm_eps;
    struct tensor *a = block_gqa(r, b, op_rmsnorm(r, x, w->attn_norm, eps));
    struct tensor *h = op_add(r, x, op_rmsnorm(r, a, w->attn_post_norm, eps));
    struct tensor *f = mlp(r, w, op_rmsnorm(r, h, w->ffn_norm, eps));
    return op_add(r, h, op_rmsnorm(r, f, w->ffn_post_norm, eps));
}

static void defaults(struct config *c)
{
    c->tied_head = true;
    c->rope_theta = 1e6;
    c->window_period = 6;
}

/* Released files leave out what the class of transformers has as its default. */
static void json_defaults(struct config *c)
{
    c->vocab = 262208;
    c->dim = 2304;
    c->dense_ffn = 9216;
    c->layers = 26;
    c->heads = 8;
    c->kv_heads = 4;
    c->head_dim = 256;
    c->query_scalar = 256;
    c->window = 4096;
    c->context = 131072;
}

const struct arch arch_gemma3 = {.hf = "gemma3_text",
                                 .hf_class = "Gemma3ForCausalLM",
                                 .hf_outer = "gemma3",
                                 .gguf = "gemma3",
                                 .bit = ARCH_GEMMA3,
                                 .norm_plus_one = true,
                                 .embed_scaled = true,
                                 .local_rope = true,
                                 .rows = rows,
                                 .n_rows = ARRAY_LEN(rows),
                                 .defaults = defaults,
                                 .json_defaults = json_defaults,
                                 .block = block};
