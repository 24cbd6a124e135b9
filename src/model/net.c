/* Parameters of a network: the rows of the architecture, applied to each layer; memory and initialisation. */
#include "model/arch.h"
#include "base/checked.h"
#include "base/mem.h"
#include "base/rng.h"
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Adds one parameter with its dimensions; returns it. */
static struct param *add_param(struct net *net, int layer, const struct param_row *row)
{
    struct param *p = &net->params[net->n_params++];
    int64_t ne[3] = {arch_dim(&net->config, row->d0), arch_dim(&net->config, row->d1), arch_dim(&net->config, row->d2)};
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
    p->trained = row->init != INIT_FIXED && row->form != FORM_GGUF_ONLY;
    p->plus_one = row->init == INIT_ONES && net->config.arch->norm_plus_one;
    p->quantise = p->t.nd > 1 && strcmp(row->gguf, "ffn_gate_inp.weight") != 0;
    return p;
}

static const struct param_row embed_row = {
    "model.embed_tokens.weight", "token_embd.weight", 0, D_V, D_D, D_NONE, INIT_NORMAL, ALWAYS, FORM_PLAIN};
static const struct param_row norm_row = {
    "model.norm.weight", "output_norm.weight", 0, D_D, D_NONE, D_NONE, INIT_ONES, ALWAYS, FORM_PLAIN};
static const struct param_row head_row = {"lm_head.weight", "output.weight", 0,      D_V,       D_D,
                                          D_NONE,           INIT_NORMAL,     ALWAYS, FORM_PLAIN};

static const struct param_row factors_row = {
    "rope_freqs.weight", "rope_freqs.weight", 0, D_HALF, D_NONE, D_NONE, INIT_ONES, ALWAYS, FORM_GGUF_ONLY};

/* ---- rotary tables ---- */

enum { POSITIONS_AT_A_TIME = 64 };

struct rope_fill {
    const struct net *net;
    int64_t from, to;
    double freq[512], freq_local[512], magnitude;
};

static void fill_table(const struct net *net, const struct rope_table *t, int64_t p, const double *freq, double magnitude)
{
    const float *factors = net->rope_factors ? tensor_f32(net->rope_factors) : NULL;
    int64_t half = t->width / 2;
    for (int64_t i = 0; i < half; i++) {
        double angle = (double)p * freq[i];
        if (factors) angle /= (double)factors[i];
        t->cos[p * half + i] = (float)(magnitude * cos(angle));
        t->sin[p * half + i] = (float)(magnitude * sin(angle));
    }
}

static void fill_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    const struct rope_fill *f = ctx;
    const struct net *net = f->net;
    int64_t p0 = f->from + task * POSITIONS_AT_A_TIME;
    for (int64_t p = p0; p < min_i64(f->to, p0 + POSITIONS_AT_A_TIME); p++) {
        fill_table(net, &net->rope, p, f->freq, f->magnitude);
        if (net->rope_local.cos) fill_table(net, &net->rope_local, p, f->freq_local, 1);
        if (net->rope_q.cos) fill_table(net, &net->rope_q, p, f->freq, f->magnitude * config_temperature(&net->config, p));
    }
}

void net_fill_rope(const struct net *net, int64_t n, struct pool *pool)
{
    assert(net->rope_filled && n <= net->rope.positions);
    if (n <= *net->rope_filled) return;
    struct rope_fill f = {.net = net, .from = *net->rope_filled, .to = n};
    config_rope_freq(&net->config, f.freq, &f.magnitude);
    config_rope_freq_local(&net->config, f.freq_local);
    pool_for(pool, ceil_div(f.to - f.from, POSITIONS_AT_A_TIME), fill_task, &f);
    *net->rope_filled = n;
}

static bool has_local_rope(const struct config *c) { return c->arch->local_rope && c->window > 0; }

uint64_t net_rope_bytes(const struct config *c, int64_t n)
{
    uint64_t bytes, tables = 1 + (uint64_t)has_local_rope(c) + (uint64_t)config_has_temperature(c);
    bool fits = mul_u64((uint64_t)n, (uint64_t)config_rope_width(c) * sizeof(float) * tables, &bytes);
    return fits ? bytes : UINT64_MAX;
}

static void free_rope(struct net *net)
{
    struct rope_table *tables[] = {&net->rope, &net->rope_local, &net->rope_q};
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        mem_free(tables[i]->cos);
        mem_free(tables[i]->sin);
        tables[i]->cos = tables[i]->sin = NULL;
    }
    mem_free(net->rope_filled);
    net->rope_filled = NULL;
}

static int make_table(struct rope_table *t, int64_t n, struct err *e)
{
    int64_t count;
    t->positions = n;
    bool fits = mul_i64(n, t->width / 2, &count);
    t->cos = fits ? mem_array((size_t)count, sizeof(float)) : NULL;
    t->sin = fits ? mem_array((size_t)count, sizeof(float)) : NULL;
    if (!t->cos || !t->sin) FAIL(e, ERR_MEMORY, "out of memory for rotary tables of %lld positions", (long long)n);
    return OK;
}

int net_make_rope(struct net *net, int64_t n, struct err *e)
{
    free_rope(net);
    TRY(mem_new((void **)&net->rope_filled, sizeof *net->rope_filled, "rotary tables", e));
    TRY(make_table(&net->rope, n, e));
    if (has_local_rope(&net->config)) TRY(make_table(&net->rope_local, n, e));
    return config_has_temperature(&net->config) ? make_table(&net->rope_q, n, e) : OK;
}

/* ---- the parameter list ---- */

int net_build(struct net *net, const struct config *c, struct err *e)
{
    *net = (struct net){.config = *c};
    TRY(config_check(&net->config, "model", e));
    const struct arch *arch = c->arch;
    int layers = (int)(c->layers + c->mtp_layers);
    net->params = mem_array((size_t)layers * arch->n_rows + 4, sizeof *net->params);
    net->layers = mem_array((size_t)layers, sizeof *net->layers);
    if (!net->params || !net->layers) {
        net_free(net);
        FAIL(e, ERR_MEMORY, "out of memory for the parameter list of %d layers", layers);
    }
    net->embed = &add_param(net, -1, &embed_row)->t;
    for (int l = 0; l < layers; l++)
        for (size_t i = 0; i < arch->n_rows; i++)
            if (arch_present(&net->config, arch->rows[i].present, l))
                *(struct tensor **)((char *)&net->layers[l] + arch->rows[i].offset) = &add_param(net, l, &arch->rows[i])->t;
    net->out_norm = &add_param(net, -1, &norm_row)->t;
    net->head = c->tied_head ? net->embed : &add_param(net, -1, &head_row)->t;
    if (c->rope_kind == ROPE_FACTORS) net->rope_factors = &add_param(net, -1, &factors_row)->t;
    net->softmax_scale = (float)config_softmax_scale(&net->config);
    net->rope.width = net->rope_local.width = net->rope_q.width = (int)config_rope_width(c);
    net->rope.half = net->rope_local.half = net->rope_q.half = !c->rope_interleaved;
    return OK;
}

void net_free(struct net *net)
{
    arena_free(&net->weights);
    arena_free(&net->grads);
    mem_free(net->params);
    mem_free(net->layers);
    free_rope(net);
    tf_close(&net->file);
    shared_close(&net->panels);
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
            case INIT_ZEROS:
            case INIT_FIXED: w[k] = 0.0f; break;
            }
    }
}
