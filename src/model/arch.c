/* The list of architectures, and what their parameter tables refer to. */
#include "model/arch.h"
#include "base/checked.h"
#include <stdio.h>
#include <string.h>

const struct arch *const archs[] = {&arch_llama,     &arch_mistral, &arch_mistral3,  &arch_smollm3,   &arch_qwen2, &arch_qwen3,
                                    &arch_qwen3_moe, &arch_gemma3,  &arch_deepseek2, &arch_deepseek3, NULL};

const struct arch *arch_by_hf(const char *model_type)
{
    for (int i = 0; archs[i]; i++)
        if (!strcmp(archs[i]->hf, model_type)) return archs[i];
    return NULL;
}

const struct arch *arch_inside(const char *model_type)
{
    for (int i = 0; archs[i]; i++)
        if (archs[i]->hf_outer && !strcmp(archs[i]->hf_outer, model_type)) return archs[i];
    return NULL;
}

void arch_names(char *out, size_t cap, bool gguf)
{
    size_t n = 0;
    for (int i = 0; archs[i] && n < cap; i++) {
        const char *name = gguf ? archs[i]->gguf : archs[i]->hf;
        if (gguf && i && !strcmp(name, archs[i - 1]->gguf)) continue;
        n += (size_t)snprintf(out + n, cap - n, "%s\"%s\"", i ? ", " : "", name);
    }
}

int64_t arch_dim(const struct config *c, enum dim d)
{
    switch (d) {
    case D_V: return c->vocab;
    case D_D: return c->dim;
    case D_2D: return 2 * c->dim;
    case D_Q: return c->heads * c->head_dim;
    case D_KV: return c->kv_heads * c->head_dim;
    case D_HEAD: return c->head_dim;
    case D_HALF: return c->head_dim / 2;
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

bool arch_present(const struct config *c, enum present p, int64_t layer)
{
    bool moe = c->experts > 0 && layer >= c->dense_layers;
    switch (p) {
    case ALWAYS: return true;
    case Q_LORA: return c->q_lora_rank > 0;
    case Q_FULL: return c->q_lora_rank == 0;
    case DENSE: return !moe;
    case MOE: return moe;
    case MOE_BIAS: return moe && c->arch->sigmoid;
    case SHARED: return moe && c->experts_shared > 0;
    case MTP: return layer >= c->layers;
    }
    return false;
}

/* Parameters of layer i; *idle gets those of the routed experts that one token does not use. */
static int64_t layer_params(const struct config *c, int64_t layer, int64_t *idle)
{
    int64_t n = 0;
    *idle = 0;
    for (size_t i = 0; i < c->arch->n_rows; i++) {
        const struct param_row *row = &c->arch->rows[i];
        if (!arch_present(c, row->present, layer)) continue;
        int64_t size = arch_dim(c, row->d0) * max_i64(arch_dim(c, row->d1), 1) * max_i64(arch_dim(c, row->d2), 1);
        n += size;
        if (row->form == FORM_EXPERTS) *idle += size / c->experts * (c->experts - c->experts_used);
    }
    return n;
}

int64_t config_params(const struct config *c, int64_t *active)
{
    int64_t table = c->vocab * c->dim, idle;
    int64_t total = c->tied_head ? table : 2 * table, used = table + c->dim;
    total += c->dim + (c->rope_kind == ROPE_FACTORS ? config_rope_width(c) / 2 : 0);
    for (int64_t i = 0; i < c->layers; i++) {
        int64_t n = layer_params(c, i, &idle);
        total += n;
        used += n - idle;
    }
    if (c->mtp_layers) total += layer_params(c, c->layers, &idle);
    if (active) *active = used;
    return total;
}
