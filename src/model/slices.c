/* The tensors of files, parameter by parameter. */
#include "model/slices.h"
#include <stdio.h>
#include <string.h>
#include "model/arch.h"

/* keys: W_UK of each head transposed, (H, rank, nope); values: W_UV, (H, v, rank). Both lie in W_kvb (H * (nope + v), rank). */
static int each_kv_b(const struct config *c, const struct param *p, slice_fn *fn, void *ctx, struct err *e)
{
    int64_t rank = c->kv_lora_rank, nope = c->qk_nope_dim, head = (nope + c->v_dim) * rank;
    struct slice k = {
        .p = p, .quantise = p->quantise, .nd = 3, .ne = {c->heads, rank, nope}, .stride = head, .rs = 1, .cs = rank};
    struct slice v = {.p = p,
                      .quantise = p->quantise,
                      .nd = 3,
                      .ne = {c->heads, c->v_dim, rank},
                      .first = nope * rank,
                      .stride = head,
                      .rs = rank,
                      .cs = 1};
    snprintf(k.name, sizeof k.name, "blk.%d.attn_k_b.weight", p->layer);
    snprintf(v.name, sizeof v.name, "blk.%d.attn_v_b.weight", p->layer);
    TRY(fn(ctx, &k, e));
    return fn(ctx, &v, e);
}

static int each_expert(const struct param *p, slice_fn *fn, void *ctx, struct err *e)
{
    const char *at = strstr(p->hf_name, "%d");
    int64_t k = tensor_cols(&p->t), size = p->t.ne[1] * k;
    for (int64_t i = 0; at && i < p->t.ne[0]; i++) {
        struct slice x = {.p = p,
                          .quantise = p->quantise,
                          .nd = 2,
                          .ne = {p->t.ne[1], k},
                          .first = i * size,
                          .stride = size,
                          .rs = k,
                          .cs = 1};
        snprintf(x.name, sizeof x.name, "%.*s%lld%s", (int)(at - p->hf_name), p->hf_name, (long long)i, at + 2);
        TRY(fn(ctx, &x, e));
    }
    return OK;
}

/* Rotated heads stand in the order that the container has for them. */
static void set_order(const struct config *c, bool gguf, const struct param *p, struct slice *x)
{
    bool want = gguf ? c->arch->gguf_interleaved : c->arch->interleaved;
    if (p->form != FORM_TURNED || want == c->rope_interleaved) return;
    x->order = want ? ROWS_TO_NEIGHBOURS : ROWS_TO_HALVES;
    x->head = c->head_dim;
}

/* GGUF has Llama 3's stretched frequencies as divisors. */
static int rope_factors(const struct config *c, bool gguf, slice_fn *fn, void *ctx, struct err *e)
{
    double freq[512], magnitude, plain[512];
    float factor[512];
    struct config unscaled = *c;
    if (!gguf || c->rope_kind != ROPE_LLAMA3 || !config_rope_scaled(c)) return OK;
    unscaled.rope_kind = ROPE_PLAIN;
    config_rope_freq(c, freq, &magnitude);
    config_rope_freq(&unscaled, plain, &magnitude);
    int64_t n = config_rope_width(c) / 2;
    for (int64_t i = 0; i < n; i++) factor[i] = (float)(plain[i] / freq[i]);
    struct slice x = {.name = "rope_freqs.weight", .nd = 1, .ne = {n}, .data = factor, .rs = n, .cs = 1, .stride = n};
    return fn(ctx, &x, e);
}

static int each_whole(const struct config *c, bool gguf, const struct param *p, slice_fn *fn, void *ctx, struct err *e)
{
    int64_t k = tensor_cols(&p->t);
    struct slice x = {
        .p = p, .quantise = p->quantise, .nd = p->t.nd, .rs = k, .cs = 1, .less_one = !gguf && p->plus_one};
    memcpy(x.ne, p->t.ne, sizeof x.ne);
    x.stride = slice_matrix_rows(&x) * k;
    snprintf(x.name, sizeof x.name, "%s", gguf ? p->gguf_name : p->hf_name);
    set_order(c, gguf, p, &x);
    return fn(ctx, &x, e);
}

int slices_each(const struct net *net, bool gguf, slice_fn *fn, void *ctx, struct err *e)
{
    const struct config *c = &net->config;
    for (int i = 0; i < net->n_params; i++) {
        const struct param *p = &net->params[i];
        if (gguf && p->form == FORM_KV_B) TRY(each_kv_b(c, p, fn, ctx, e));
        else if (!gguf && p->form == FORM_EXPERTS) TRY(each_expert(p, fn, ctx, e));
        else TRY(each_whole(c, gguf, p, fn, ctx, e));
    }
    return rope_factors(c, gguf, fn, ctx, e);
}

int64_t slice_source_row(const struct slice *p, int64_t r)
{
    int64_t h = p->head / 2, i;
    if (p->order == ROWS_SAME) return r;
    i = r % p->head;
    return r - i + (p->order == ROWS_TO_NEIGHBOURS ? i % 2 * h + i / 2 : i % h * 2 + i / h);
}
