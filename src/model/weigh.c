/* Sums over the parameters of a network that was laid out without memory. */
#include "model/weigh.h"
#include <stdio.h>
#include <string.h>
#include "base/checked.h"
#include "base/mem.h"
#include "model/arch.h"
#include "model/load_internal.h"

const char *const weight_kind_names[WEIGHT_KINDS] = {"embedding",      "output",  "attention", "mlp",
                                                     "shared experts", "experts", "small",     "mtp"};

static enum weight_kind kind_of(const struct net *net, const struct param *p)
{
    if (p->layer >= net->config.layers) return WEIGHT_MTP;
    if (&p->t == net->embed) return WEIGHT_EMBEDDING;
    if (&p->t == net->head) return WEIGHT_OUTPUT;
    if (p->layer < 0 || p->t.nd < 2) return WEIGHT_SMALL;
    const struct layer *y = &net->layers[p->layer];
    if (&p->t == y->router) return WEIGHT_SMALL;
    if (&p->t == y->s_gate || &p->t == y->s_up || &p->t == y->s_down) return WEIGHT_SHARED;
    if (&p->t == y->gate || &p->t == y->up || &p->t == y->down) return WEIGHT_MLP;
    return p->form == FORM_EXPERTS ? WEIGHT_EXPERTS : WEIGHT_ATTENTION;
}

/* Bytes of a matrix or stack, or of plain numbers, as they were laid out. */
static uint64_t laid_out(const struct tensor *t)
{
    if (t->packed_stride > 0) return (uint64_t)t->packed_stride * (t->nd == 3 ? (uint64_t)t->ne[0] : 1);
    return (uint64_t)tensor_count(t) * sizeof(float);
}

static uint64_t in_memory(const struct net *net, const struct param *p)
{
    if (p->form == FORM_KV_B && net->layers[p->layer].w_uk)
        return laid_out(net->layers[p->layer].w_uk) + laid_out(net->layers[p->layer].w_uv);
    return laid_out(&p->t);
}

static uint64_t for_token(const struct net *net, const struct param *p, uint64_t memory)
{
    const struct config *c = &net->config;
    if (p->layer >= c->layers || &p->t == net->embed) return 0;
    return p->form == FORM_EXPERTS ? memory / (uint64_t)c->experts * (uint64_t)c->experts_used : memory;
}

uint64_t net_token_bytes(const struct net *net)
{
    uint64_t sum = net->head == &net->head_copy ? laid_out(&net->head_copy) : 0;
    for (int i = 0; i < net->n_params; i++) sum += for_token(net, &net->params[i], in_memory(net, &net->params[i]));
    return sum;
}

static void add(struct weights *w, enum weight_kind kind, const struct weight_sum *s)
{
    struct weight_sum *to[] = {&w->of[kind], &w->all};
    for (int i = 0; i < 2; i++) {
        to[i]->params += s->params;
        to[i]->stored += s->stored;
        to[i]->memory += s->memory;
        to[i]->token += s->token;
    }
}

/* Adds up what load_place has laid out. */
static void add_up(struct weights *w, const struct load *l)
{
    const struct net *net = l->net;
    uint64_t integer = 0;
    *w = (struct weights){0};
    for (int i = 0; i < net->n_params; i++) {
        const struct param *p = &net->params[i];
        const struct sources *src = &l->src[i];
        struct weight_sum s = {.params = tensor_count(&p->t)};
        for (int64_t k = 0; k < src->n; k++) s.stored += src->t[k]->bytes;
        bool mapped = load_is_mapped(l, p);
        s.memory = mapped ? 0 : in_memory(net, p);
        s.token = mapped ? format_bytes(p->t.dtype, tensor_cols(&p->t)) : for_token(net, p, s.memory);
        if ((p->t.packed_stride > 0 && p->t.dtype != DT_F32) ||
            (p->layer >= 0 && p->form == FORM_KV_B && net->layers[p->layer].w_uk))
            integer += s.memory;
        else if (load_is_slow(l, p) && w->slow++ == 0) {
            snprintf(w->slow_name, sizeof w->slow_name, "%s", src->t[0]->name);
            snprintf(w->slow_type, sizeof w->slow_type, "%s", formats[src->t[0]->dtype].name);
        }
        add(w, kind_of(net, p), &s);
    }
    if (net->head == &net->head_copy) {
        struct weight_sum s = {.memory = laid_out(net->head), .token = laid_out(net->head)};
        integer += net->head->dtype != DT_F32 ? s.memory : 0;
        add(w, WEIGHT_OUTPUT, &s);
    }
    w->panels = integer > w->all.memory / 2 && w->all.memory >= PANELS_LEAST;
}

void load_weigh(struct load *l, struct weights *w)
{
    struct arena a;
    arena_measure(&a, "weights");
    load_place(l, &a);
    add_up(w, l);
}

int net_weigh(struct weights *w, struct model_file *m, const struct load_options *o, struct err *e)
{
    struct net net = {0};
    struct load l = {.net = &net, .o = o};
    int rc = load_open(&l, m, e);
    if (!rc) load_weigh(&l, w);
    load_close(&l);
    net_free(&net);
    return rc;
}

/* ---- of a shape ---- */

struct shape {
    struct load l;
    struct tf_tensor *tensors; /* two for each parameter */
    char (*names)[96];         /* of W_kvb's halves, per parameter two */
    weight_type_fn *type;
    void *ctx;
};

static void set_source(struct shape *s, struct tf_tensor *t, const struct param *p, char *name, int nd,
                       const int64_t *ne)
{
    int64_t count = 1;
    for (int i = 0; i < nd; i++) count *= t->ne[i] = ne[i];
    t->name = name;
    t->nd = nd;
    t->known = true;
    t->dtype = p->quantise ? s->type(s->ctx, name, ne[nd - 1]) : DT_F32;
    t->bytes = format_bytes(t->dtype, count);
}

/* As load_open, with tensors as a GGUF would have them. */
static int invent_sources(struct shape *s, struct err *e)
{
    struct load *l = &s->l;
    const struct config *c = &l->net->config;
    size_t n = (size_t)l->net->n_params;
    TRY(mem_new((void **)&s->tensors, 2 * n * sizeof *s->tensors, "the list of tensors", e));
    TRY(mem_new((void **)&s->names, 2 * n * sizeof *s->names, "the list of tensors", e));
    TRY(mem_new((void **)&l->all, 2 * n * sizeof *l->all, "the list of tensors", e));
    TRY(mem_new((void **)&l->src, n * sizeof *l->src, "the list of tensors", e));
    for (size_t i = 0; i < n; i++) {
        struct param *p = &l->net->params[i];
        struct tf_tensor *t = s->tensors + 2 * i;
        l->all[2 * i] = t;
        l->all[2 * i + 1] = t + 1;
        l->src[i] = (struct sources){.t = l->all + 2 * i, .n = p->form == FORM_KV_B ? 2 : 1};
        if (p->form == FORM_KV_B) {
            char *k = s->names[2 * i], *v = s->names[2 * i + 1];
            snprintf(k, sizeof *s->names, "blk.%d.attn_k_b.weight", p->layer);
            snprintf(v, sizeof *s->names, "blk.%d.attn_v_b.weight", p->layer);
            set_source(s, t, p, k, 3, (const int64_t[]){c->heads, c->kv_lora_rank, c->qk_nope_dim});
            set_source(s, t + 1, p, v, 3, (const int64_t[]){c->heads, c->v_dim, c->kv_lora_rank});
        } else set_source(s, t, p, p->gguf_name, p->t.nd, p->t.ne);
    }
    return OK;
}

int net_weigh_shape(struct weights *w, const struct config *c, weight_type_fn *type, void *ctx,
                    const struct load_options *o, struct err *e)
{
    struct net net = {0};
    struct shape s = {.l = {.net = &net, .o = o, .gguf = true}, .type = type, .ctx = ctx};
    TRY(net_build(&net, c, e));
    net.absorbed = o->absorbed;
    int rc = invent_sources(&s, e);
    if (!rc) load_weigh(&s.l, w);
    load_close(&s.l);
    mem_free(s.tensors);
    mem_free(s.names);
    net_free(&net);
    return rc;
}
