/* Parameters of a network: one table of rows, applied to each layer; memory and initialisation. */
#include "model/net.h"
#include "base/checked.h"
#include "base/mem.h"
#include "base/rng.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum dim { D_NONE, D_V, D_D, D_2D, D_QR, D_QH, D_KVA, D_KVR, D_KVB, D_HV, D_F, D_E, D_EF, D_SF };
enum present { ALWAYS, Q_LORA, Q_FULL, DENSE, MOE, SHARED, MTP };

/* A parameter of a layer. HF names follow "model.layers.N.", GGUF names "blk.N.". */
struct row {
    const char *hf, *gguf;
    size_t offset; /* in struct layer */
    enum dim d0, d1, d2;
    enum init_kind init;
    enum present present;
    enum file_form form;
};

#define L(field) offsetof(struct layer, field)
/* clang-format off */
static const struct row rows[] = {
    {"input_layernorm.weight",            "attn_norm.weight",      L(attn_norm),   D_D,   D_NONE, D_NONE, INIT_ONES,       ALWAYS, FORM_PLAIN},
    {"self_attn.q_proj.weight",           "attn_q.weight",         L(wq),          D_QH,  D_D,    D_NONE, INIT_NORMAL,     Q_FULL, FORM_PLAIN},
    {"self_attn.q_a_proj.weight",         "attn_q_a.weight",       L(wq_a),        D_QR,  D_D,    D_NONE, INIT_NORMAL,     Q_LORA, FORM_PLAIN},
    {"self_attn.q_a_layernorm.weight",    "attn_q_a_norm.weight",  L(q_norm),      D_QR,  D_NONE, D_NONE, INIT_ONES,       Q_LORA, FORM_PLAIN},
    {"self_attn.q_b_proj.weight",         "attn_q_b.weight",       L(wq_b),        D_QH,  D_QR,   D_NONE, INIT_NORMAL,     Q_LORA, FORM_PLAIN},
    {"self_attn.kv_a_proj_with_mqa.weight", "attn_kv_a_mqa.weight", L(wkv_a),      D_KVA, D_D,    D_NONE, INIT_NORMAL,     ALWAYS, FORM_PLAIN},
    {"self_attn.kv_a_layernorm.weight",   "attn_kv_a_norm.weight", L(kv_norm),     D_KVR, D_NONE, D_NONE, INIT_ONES,       ALWAYS, FORM_PLAIN},
    {"self_attn.kv_b_proj.weight",        "attn_kv_b.weight",      L(wkv_b),       D_KVB, D_KVR,  D_NONE, INIT_NORMAL,     ALWAYS, FORM_KV_B},
    {"self_attn.o_proj.weight",           "attn_output.weight",    L(wo),          D_D,   D_HV,   D_NONE, INIT_NORMAL_OUT, ALWAYS, FORM_PLAIN},
    {"post_attention_layernorm.weight",   "ffn_norm.weight",       L(ffn_norm),    D_D,   D_NONE, D_NONE, INIT_ONES,       ALWAYS, FORM_PLAIN},
    {"mlp.gate_proj.weight",              "ffn_gate.weight",       L(gate),        D_F,   D_D,    D_NONE, INIT_NORMAL,     DENSE,  FORM_PLAIN},
    {"mlp.up_proj.weight",                "ffn_up.weight",         L(up),          D_F,   D_D,    D_NONE, INIT_NORMAL,     DENSE,  FORM_PLAIN},
    {"mlp.down_proj.weight",              "ffn_down.weight",       L(down),        D_D,   D_F,    D_NONE, INIT_NORMAL_OUT, DENSE,  FORM_PLAIN},
    {"mlp.gate.weight",                   "ffn_gate_inp.weight",   L(router),      D_E,   D_D,    D_NONE, INIT_NORMAL,     MOE,    FORM_PLAIN},
    {"mlp.gate.e_score_correction_bias",  "exp_probs_b.bias",      L(router_bias), D_E,   D_NONE, D_NONE, INIT_ZEROS,      MOE,    FORM_PLAIN},
    {"mlp.experts.%d.gate_proj.weight",   "ffn_gate_exps.weight",  L(e_gate),      D_E,   D_EF,   D_D,    INIT_NORMAL,     MOE,    FORM_EXPERTS},
    {"mlp.experts.%d.up_proj.weight",     "ffn_up_exps.weight",    L(e_up),        D_E,   D_EF,   D_D,    INIT_NORMAL,     MOE,    FORM_EXPERTS},
    {"mlp.experts.%d.down_proj.weight",   "ffn_down_exps.weight",  L(e_down),      D_E,   D_D,    D_EF,   INIT_NORMAL_OUT, MOE,    FORM_EXPERTS},
    {"mlp.shared_experts.gate_proj.weight", "ffn_gate_shexp.weight", L(s_gate),    D_SF,  D_D,    D_NONE, INIT_NORMAL,     SHARED, FORM_PLAIN},
    {"mlp.shared_experts.up_proj.weight", "ffn_up_shexp.weight",   L(s_up),        D_SF,  D_D,    D_NONE, INIT_NORMAL,     SHARED, FORM_PLAIN},
    {"mlp.shared_experts.down_proj.weight", "ffn_down_shexp.weight", L(s_down),    D_D,   D_SF,   D_NONE, INIT_NORMAL_OUT, SHARED, FORM_PLAIN},
    {"enorm.weight",                      "nextn.enorm.weight",    L(mtp_enorm),   D_D,   D_NONE, D_NONE, INIT_ONES,       MTP,    FORM_PLAIN},
    {"hnorm.weight",                      "nextn.hnorm.weight",    L(mtp_hnorm),   D_D,   D_NONE, D_NONE, INIT_ONES,       MTP,    FORM_PLAIN},
    {"eh_proj.weight",                    "nextn.eh_proj.weight",  L(mtp_eh),      D_D,   D_2D,   D_NONE, INIT_NORMAL,     MTP,    FORM_PLAIN},
    {"shared_head.norm.weight",           "nextn.shared_head_norm.weight", L(mtp_norm), D_D, D_NONE, D_NONE, INIT_ONES,    MTP,    FORM_PLAIN},
};
/* clang-format on */
#undef L

static int64_t dim_of(const struct config *c, enum dim d)
{
    switch (d) {
    case D_V: return c->vocab;
    case D_D: return c->dim;
    case D_2D: return 2 * c->dim;
    case D_QR: return c->q_lora_rank;
    case D_QH: return c->heads * (c->qk_nope_dim + c->qk_rope_dim);
    case D_KVA: return c->kv_lora_rank + c->qk_rope_dim;
    case D_KVR: return c->kv_lora_rank;
    case D_KVB: return c->heads * (c->qk_nope_dim + c->v_dim);
    case D_HV: return c->heads * c->v_dim;
    case D_F: return c->dense_ffn;
    case D_E: return c->experts;
    case D_EF: return c->expert_ffn;
    case D_SF: return c->experts_shared * c->expert_ffn;
    case D_NONE: break;
    }
    return 0;
}

static bool is_present(const struct config *c, enum present p, int layer)
{
    bool moe = c->experts > 0 && layer >= c->dense_layers;
    switch (p) {
    case ALWAYS: return true;
    case Q_LORA: return c->q_lora_rank > 0;
    case Q_FULL: return c->q_lora_rank == 0;
    case DENSE: return !moe;
    case MOE: return moe;
    case SHARED: return moe && c->experts_shared > 0;
    case MTP: return layer >= c->layers;
    }
    return false;
}

/* Adds one parameter with its dimensions; returns it. */
static struct param *add_param(struct net *net, int layer, const struct row *row)
{
    struct param *p = &net->params[net->n_params++];
    int64_t ne[3] = {dim_of(&net->config, row->d0), dim_of(&net->config, row->d1), dim_of(&net->config, row->d2)};
    for (p->t.nd = 0; p->t.nd < 3 && ne[p->t.nd] > 0; p->t.nd++) p->t.ne[p->t.nd] = ne[p->t.nd];
    p->t.dtype = DT_F32;
    p->t.ld = tensor_cols(&p->t);
    if (layer >= 0) {
        snprintf(p->hf_name, sizeof p->hf_name, "model.layers.%d.%s", layer, row->hf);
        snprintf(p->gguf_name, sizeof p->gguf_name, "blk.%d.%s", layer, row->gguf);
    } else {
        snprintf(p->hf_name, sizeof p->hf_name, "%s", row->hf);
        snprintf(p->gguf_name, sizeof p->gguf_name, "%s", row->gguf);
    }
    p->t.name = p->gguf_name;
    p->init = row->init;
    p->form = row->form;
    p->layer = layer;
    p->decay = p->t.nd > 1;
    p->trained = row->init != INIT_ZEROS;
    p->quantise = p->t.nd > 1 && strcmp(row->gguf, "ffn_gate_inp.weight") != 0;
    return p;
}

static const struct row embed_row = {
    "model.embed_tokens.weight", "token_embd.weight", 0, D_V, D_D, D_NONE, INIT_NORMAL, ALWAYS, FORM_PLAIN};
static const struct row norm_row = {
    "model.norm.weight", "output_norm.weight", 0, D_D, D_NONE, D_NONE, INIT_ONES, ALWAYS, FORM_PLAIN};
static const struct row head_row = {"lm_head.weight", "output.weight", 0, D_V, D_D, D_NONE, INIT_NORMAL, ALWAYS, FORM_PLAIN};

static int build_rope(struct net *net, struct err *e)
{
    const struct config *c = &net->config;
    struct rope_table *t = &net->rope;
    int64_t half = c->qk_rope_dim / 2;
    double freq[1024], magnitude;
    t->width = (int)c->qk_rope_dim;
    t->positions = c->context;
    t->cos = mem_array((size_t)(c->context * half), sizeof(float));
    t->sin = mem_array((size_t)(c->context * half), sizeof(float));
    if (!t->cos || !t->sin) FAIL(e, ERR_MEMORY, "out of memory for rotary tables of %lld positions", (long long)c->context);
    config_rope_freq(c, freq, &magnitude);
    for (int64_t p = 0; p < c->context; p++)
        for (int64_t i = 0; i < half; i++) {
            t->cos[p * half + i] = (float)(magnitude * cos((double)p * freq[i]));
            t->sin[p * half + i] = (float)(magnitude * sin((double)p * freq[i]));
        }
    return OK;
}

int net_build(struct net *net, const struct config *c, struct err *e)
{
    *net = (struct net){.config = *c};
    TRY(config_check(c, "model", e));
    int layers = (int)(c->layers + c->mtp_layers);
    net->params = mem_array((size_t)layers * ARRAY_LEN(rows) + 3, sizeof *net->params);
    net->layers = mem_array((size_t)layers, sizeof *net->layers);
    if (!net->params || !net->layers) {
        net_free(net);
        FAIL(e, ERR_MEMORY, "out of memory for the parameter list of %d layers", layers);
    }
    net->embed = &add_param(net, -1, &embed_row)->t;
    for (int l = 0; l < layers; l++)
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
            if (is_present(c, rows[i].present, l))
                *(struct tensor **)((char *)&net->layers[l] + rows[i].offset) = &add_param(net, l, &rows[i])->t;
    net->out_norm = &add_param(net, -1, &norm_row)->t;
    net->head = c->tied_head ? net->embed : &add_param(net, -1, &head_row)->t;
    net->softmax_scale = (float)config_softmax_scale(c);
    int rc = build_rope(net, e);
    if (rc) net_free(net);
    return rc;
}

void net_free(struct net *net)
{
    arena_free(&net->weights);
    arena_free(&net->grads);
    mem_free(net->params);
    mem_free(net->layers);
    mem_free(net->rope.cos);
    mem_free(net->rope.sin);
    tf_close(&net->file);
    *net = (struct net){0};
}

/* Cuts every parameter's numbers (or gradient) from a; a may be measuring. */
static void lay_out(struct net *net, struct arena *a, bool grads)
{
    for (int i = 0; i < net->n_params; i++) {
        struct tensor *t = &net->params[i].t;
        void *p = arena_alloc(a, (size_t)tensor_count(t) * sizeof(float));
        if (grads) t->grad = p;
        else t->data = p;
    }
}

int net_alloc(struct net *net, bool training, struct err *e)
{
    struct arena size;
    arena_measure(&size, "weights");
    lay_out(net, &size, false);
    TRY(arena_init(&net->weights, size.peak, "weights", e));
    lay_out(net, &net->weights, false);
    if (!training) return OK;
    TRY(arena_init(&net->grads, size.peak, "gradients", e));
    lay_out(net, &net->grads, true);
    for (int i = 0; i < net->n_params; i++) net->params[i].t.needs_grad = net->params[i].trained;
    return OK;
}

void net_init(struct net *net, uint64_t seed, double std)
{
    double out_std = std / sqrt(2.0 * (double)net->config.layers); /* as GPT-2: the residual stream adds 2 L outputs */
    for (int i = 0; i < net->n_params; i++) {
        struct param *p = &net->params[i];
        uint64_t stream = rng_stream(p->hf_name);
        float *w = tensor_f32(&p->t);
        for (int64_t k = 0; k < tensor_count(&p->t); k++) switch (p->init) {
            case INIT_NORMAL: w[k] = (float)(std * rng_normal(seed, stream, (uint64_t)k)); break;
            case INIT_NORMAL_OUT: w[k] = (float)(out_std * rng_normal(seed, stream, (uint64_t)k)); break;
            case INIT_ONES: w[k] = 1.0f; break;
            case INIT_ZEROS: w[k] = 0.0f; break;
            }
    }
}

struct param *net_param(struct net *net, const char *hf_name)
{
    for (int i = 0; i < net->n_params; i++)
        if (!strcmp(net->params[i].hf_name, hf_name)) return &net->params[i];
    return NULL;
}

size_t cache_bytes(const struct config *c, int slots, int64_t context)
{
    return (size_t)((c->layers + c->mtp_layers) * slots * context * (c->kv_lora_rank + c->qk_rope_dim)) * sizeof(float);
}

int cache_init(struct cache *k, const struct config *c, int slots, int64_t context, struct err *e)
{
    *k = (struct cache){.slots = slots,
                        .context = context,
                        .width = c->kv_lora_rank + c->qk_rope_dim,
                        .layers = c->layers + c->mtp_layers};
    size_t bytes = round_up(cache_bytes(c, slots, context), 64); /* what the arena hands out for it */
    TRY(arena_init(&k->mem, bytes, "cache", e));
    arena_alloc_raw(&k->mem, bytes);
    return OK;
}

void cache_free(struct cache *k)
{
    arena_free(&k->mem);
    *k = (struct cache){0};
}

float *cache_rows(const struct cache *k, int layer, int slot)
{
    return (float *)k->mem.base + ((int64_t)layer * k->slots + slot) * k->context * k->width;
}
