/* Watching the operations of forward passes. The names of operations and the order of their inputs are those of ops.h. */
#include "quant/collect.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"

/* ---- which sums there are ---- */

static int add_sums(struct collector *c, const char *name, int64_t matrices, int64_t cols, struct err *e)
{
    struct imatrix_sums *s = &c->v[c->n++];
    snprintf(s->name, sizeof s->name, "%s", name);
    s->matrices = matrices;
    s->cols = cols;
    s->sum = mem_array((size_t)matrices, (size_t)cols * sizeof *s->sum);
    s->count = mem_array((size_t)matrices, sizeof *s->count);
    if (!s->sum || !s->count) FAIL(e, ERR_MEMORY, "out of memory for the sums of %s", name);
    return OK;
}

/* Absorbed: the two halves of W_kvb, as GGUF has them. */
static int add_kv_b(struct collector *c, const struct param *p, struct err *e)
{
    const struct config *g = &c->net->config;
    char name[96];
    if (!c->net->absorbed) return add_sums(c, p->gguf_name, 1, g->kv_lora_rank, e);
    snprintf(name, sizeof name, "blk.%d.attn_k_b.weight", p->layer);
    TRY(add_sums(c, name, g->heads, g->qk_nope_dim, e));
    snprintf(name, sizeof name, "blk.%d.attn_v_b.weight", p->layer);
    return add_sums(c, name, g->heads, g->kv_lora_rank, e);
}

int collector_init(struct collector *c, const struct net *net, struct err *e)
{
    *c = (struct collector){.net = net};
    size_t n = (size_t)net->n_params;
    TRY(mem_new((void **)&c->v, 2 * n * sizeof *c->v, "sums of weights", e));
    TRY(mem_new((void **)&c->of, n * sizeof *c->of, "sums of weights", e));
    for (int i = 0; i < net->n_params; i++) {
        const struct param *p = &net->params[i];
        bool looked_up = &p->t == net->embed && !net->config.tied_head; /* read row by row, not multiplied */
        c->of[i] = p->quantise && !looked_up ? (int)c->n : -1;
        if (c->of[i] < 0) continue;
        if (p->form == FORM_KV_B) TRY(add_kv_b(c, p, e));
        else TRY(add_sums(c, p->gguf_name, p->t.nd == 3 ? p->t.ne[0] : 1, tensor_cols(&p->t), e));
    }
    return OK;
}

void collector_free(struct collector *c)
{
    for (size_t i = 0; i < c->n; i++) {
        mem_free(c->v[i].sum);
        mem_free(c->v[i].count);
    }
    mem_free(c->v);
    mem_free(c->of);
    *c = (struct collector){0};
}

/* ---- watching ---- */

/* The sums of a weight; NULL: not one that is watched. A tied head has a tensor of its own (net.head_copy). */
static struct imatrix_sums *sums_of(const struct collector *c, const struct tensor *w)
{
    const struct net *net = c->net;
    const struct param *p = (const struct param *)(const void *)w; /* its first member */
    if (w == &net->head_copy) p = (const struct param *)(const void *)net->embed;
    for (int i = 0; i < net->n_params; i++)
        if (p == &net->params[i]) return c->of[i] < 0 ? NULL : &c->v[c->of[i]];
    return NULL;
}

static void add_row(struct imatrix_sums *s, int64_t matrix, const float *x)
{
    double *sum = s->sum + matrix * s->cols;
    for (int64_t i = 0; i < s->cols; i++) sum[i] += (double)x[i] * (double)x[i];
    s->count[matrix]++;
}

/* x (N, K or wider) times one or several W (M, K). */
static void observe_linear(struct collector *c, const struct step *s)
{
    const struct tensor *x = s->in[0];
    for (int k = 1; k < 8 && s->in[k]; k++) {
        struct imatrix_sums *to = sums_of(c, s->in[k]);
        for (int64_t n = 0; to && n < tensor_rows(x); n++) add_row(to, 0, tensor_f32(x) + n * x->ld);
    }
}

/* Per head a matrix out of W_kvb: `second` the values', else the keys'. */
static void observe_heads(struct collector *c, const struct step *s, const struct param *p, bool second)
{
    const struct tensor *x = s->in[0];
    const struct head_linear_args *a = &s->p.heads;
    int first = c->of[p - c->net->params];
    if (first < 0 || !c->net->absorbed) return;
    struct imatrix_sums *to = &c->v[first + second];
    for (int64_t n = 0; n < tensor_rows(x); n++)
        for (int64_t h = 0; h < to->matrices; h++) add_row(to, h, tensor_f32(x) + n * x->ld + a->in_off + h * a->in_hs);
}

/* The parameter whose halves the layer's absorbed panels are. */
static void observe_head_product(struct collector *c, const struct run *r, const struct step *s)
{
    const struct layer *y = r->layer >= 0 ? &c->net->layers[r->layer] : NULL;
    if (!y || (s->in[1] != y->w_uk && s->in[1] != y->w_uv)) return;
    observe_heads(c, s, (const struct param *)(const void *)y->wkv_b, s->in[1] == y->w_uv);
}

/* in: x, weights, gate, up, down, idx; out[1]: where each expert's rows begin; out[4]: activations, grouped by expert. */
static void observe_experts(struct collector *c, const struct step *s)
{
    const struct tensor *x = s->in[0], *idx = s->in[5], *act = s->out[4];
    struct imatrix_sums *gate = sums_of(c, s->in[2]), *up = sums_of(c, s->in[3]), *down = sums_of(c, s->in[4]);
    const int32_t *which = idx->data, *begin = s->out[1]->data;
    int64_t k = tensor_cols(idx);
    for (int64_t n = 0; n < tensor_rows(x); n++)
        for (int64_t j = 0; j < k; j++) {
            if (gate) add_row(gate, which[n * k + j], tensor_f32(x) + n * x->ld);
            if (up) add_row(up, which[n * k + j], tensor_f32(x) + n * x->ld);
        }
    for (int64_t e = 0; down && e < down->matrices; e++)
        for (int64_t i = begin[e]; i < begin[e + 1]; i++) add_row(down, e, tensor_f32(act) + i * act->ld);
}

void collector_observe(void *ctx, const struct run *r, const struct step *s)
{
    struct collector *c = ctx;
    const char *op = s->op->name;
    if (!strcmp(op, "linear") || !strcmp(op, "linears")) observe_linear(c, s);
    else if (!strcmp(op, "experts")) observe_experts(c, s);
    else if (!strcmp(op, "head_product")) observe_head_product(c, r, s);
    else if (!strcmp(op, "head_linear"))
        observe_heads(c, s, (const struct param *)(const void *)s->in[1], !s->p.heads.transpose);
}

/* ---- the text ---- */

int collect(struct collector *c, struct session *s, struct windows *w, struct collect_result *r,
            void (*progress)(void *ctx, int64_t done, int64_t total, const struct collect_result *r), void *ctx,
            struct err *e)
{
    struct run *run = &s->dec->run;
    void *mem;
    int rc = OK;
    *r = (struct collect_result){0};
    TRY(mem_new(&mem, (size_t)w->size * sizeof(double), "a window", e));
    double *nats = mem;
    run->observe = collector_observe;
    run->observe_ctx = c;
    for (int64_t i = 0; i < w->count && !rc; i++) {
        int64_t n = windows_take(w, i);
        session_rewind(s, 0);
        if (n) rc = session_score(s, w->row, n, w->target, nats, e);
        for (int64_t k = 0; k < n && !rc; k++) r->nats += nats[k];
        if (!rc && !isfinite(r->nats)) rc = engine_fail_numeric(s->dec->en, "a probability", e);
        r->tokens += n;
        r->windows++;
        if (!rc && progress) progress(ctx, windows_end(w, i), (int64_t)w->ids.n, r);
    }
    run->observe = NULL;
    mem_free(nats);
    return rc;
}
