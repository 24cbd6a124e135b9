/* The numbers of a network: plain f32 (training, conversion, and whatever is read element by element) or packed for the
 * products of the run. */
#include "base/checked.h"
#include "base/mem.h"
#include "model/load_internal.h"
#include <math.h>
#include <string.h>

enum { ROWS_AT_A_TIME = 64 };

/* ---- memory ---- */

/* Read element by element, and so kept as f32: what is no matrix, the router, the embedding, W_kvb in absorbed form. */
static bool wants_plain(const struct load *l, const struct param *p)
{
    return l->o->training || l->o->plain || !p->quantise || &p->t == l->net->embed || (p->form == FORM_KV_B && l->net->absorbed);
}

static bool stored_q8(const struct load *l, const struct tensor *t)
{
    const struct param *p = (const struct param *)t; /* its first member */
    const struct sources *s = &l->src[p - l->net->params];
    for (int64_t i = 0; i < s->n; i++)
        if (s->t[i]->dtype != DT_Q8_0) return false;
    return true;
}

/* Integer products need the blocks of 32 as they are stored; W_kvb in two pieces is put together as f32. The three
 * stacks of experts must agree: their products share one quantised input. */
static bool is_q8(const struct load *l, const struct param *p)
{
    const struct net *net = l->net;
    if (!l->o->int8 || (p->form == FORM_KV_B && l->src[p - net->params].n == 2)) return false;
    if (p->form != FORM_EXPERTS) return stored_q8(l, &p->t);
    const struct layer *y = &net->layers[p->layer];
    return stored_q8(l, y->e_gate) && stored_q8(l, y->e_up) && stored_q8(l, y->e_down);
}

static void place_packed(struct load *l, struct tensor *t, bool q8, struct arena *a)
{
    const struct load_options *o = l->o;
    int64_t stack = t->nd == 3 ? t->ne[0] : 1, n = t->ne[t->nd - 2], k = tensor_cols(t);
    size_t stride = round_up(q8 ? o->ks->q8.packed_bytes(n, k) : gemm_packed_bytes(o->ks, o->compute, n, k), 64);
    t->dtype = q8 ? DT_Q8_0 : DT_F32;
    t->packed_stride = (int64_t)stride;
    t->packed = arena_alloc_raw(a, (size_t)stack * stride);
}

/* Gives every parameter its memory in the arena. With a tied head the packed table is a second tensor. */
static void place(struct load *l, struct arena *a)
{
    struct net *net = l->net;
    for (int i = 0; i < net->n_params; i++) {
        struct tensor *t = &net->params[i].t;
        if (wants_plain(l, &net->params[i])) t->data = arena_alloc_raw(a, (size_t)tensor_count(t) * sizeof(float));
        else place_packed(l, t, is_q8(l, &net->params[i]), a);
        if (t != net->embed || !net->config.tied_head) continue;
        struct tensor head = *t, *copy = arena_alloc(a, sizeof *copy);
        head.data = NULL;
        head.name = "head";
        place_packed(l, &head, is_q8(l, &net->params[i]), a);
        if (copy) *copy = head;
        net->head = copy ? copy : net->head;
    }
}

static int allocate(struct load *l, struct err *e)
{
    struct net *net = l->net;
    if (l->o->training || l->o->plain) return net_alloc(net, l->o->training, e);
    arena_measure(&net->weights, "weights");
    place(l, &net->weights);
    size_t need = net->weights.peak;
    TRY(arena_init(&net->weights, need, "weights", e));
    place(l, &net->weights);
    return OK;
}

/* ---- numbers ---- */

/* Fills one tensor; a task is `rows` rows of one matrix of the stack. */
struct fill {
    const struct load *l;
    const struct sources *src;
    struct tensor *t;
    bool packed, q8;
    int64_t n, k, rows, blocks; /* of a matrix, and its number of tasks */
    const float *from;          /* already converted, or NULL: src */
    int bad;                    /* set when a number is not finite */
};

static void fill_task(void *ctx, int64_t task, int worker)
{
    (void)worker;
    struct fill *f = ctx;
    const struct load_options *o = f->l->o;
    int64_t matrix = task / f->blocks, row = task % f->blocks * f->rows, rows = min_i64(f->rows, f->n - row);
    const struct tf_tensor *s = f->src->t[f->src->n > 1 && !f->from ? matrix : 0];
    enum dtype type = f->from ? DT_F32 : s->dtype;
    const uint8_t *data = f->from ? (const uint8_t *)f->from : s->data;
    int64_t first = (f->src->n > 1 ? 0 : matrix * f->n) + row;
    data += format_bytes(type, first * f->k);
    if (!f->packed) {
        float *dst = tensor_f32(f->t) + (matrix * f->n + row) * f->k;
        formats[type].to_f32(dst, data, rows * f->k);
        for (int64_t i = 0; i < rows * f->k; i++)
            if (!isfinite(dst[i])) __atomic_store_n(&f->bad, 1, __ATOMIC_RELAXED);
        return;
    }
    char *dst = (char *)f->t->packed + matrix * f->t->packed_stride;
    if (f->q8) o->ks->q8.pack(dst, data, rows, f->k);
    else gemm_pack(o->ks, o->compute, dst + gemm_packed_bytes(o->ks, o->compute, row, f->k), data, type, rows, f->k);
}

/* W_kvb of one head out of its two GGUF tensors: rows of W_UK^T become columns, rows of W_UV follow. */
struct kv_b {
    const struct config *c;
    const struct tf_tensor *k, *v;
    float *dst;
};

static void kv_b_task(void *ctx, int64_t h, int worker)
{
    (void)worker;
    const struct kv_b *j = ctx;
    int64_t rank = j->c->kv_lora_rank, nope = j->c->qk_nope_dim, vd = j->c->v_dim;
    float *dst = j->dst + h * (nope + vd) * rank, row[1024];
    for (int64_t r = 0; r < rank; r++) {
        formats[j->k->dtype].to_f32(row, j->k->data + format_bytes(j->k->dtype, (h * rank + r) * nope), nope);
        for (int64_t i = 0; i < nope; i++) dst[i * rank + r] = row[i];
    }
    formats[j->v->dtype].to_f32(dst + nope * rank, j->v->data + format_bytes(j->v->dtype, h * vd * rank), vd * rank);
}

static int fill_tensor(struct load *l, int i, struct tensor *t, struct err *e)
{
    struct fill f = {.l = l, .src = &l->src[i], .t = t, .packed = t->packed != NULL, .q8 = t->packed && t->dtype == DT_Q8_0};
    const struct load_options *o = l->o;
    int64_t stack = t->nd == 3 ? t->ne[0] : 1;
    f.n = t->nd == 1 ? 1 : t->ne[t->nd - 2];
    f.k = tensor_cols(t);
    f.rows = f.q8 ? f.n : ROWS_AT_A_TIME; /* whole panels, so that pieces of a packed matrix follow each other */
    if (f.packed && !f.q8) f.rows *= o->compute == COMPUTE_BF16 ? o->ks->gemm_bf16.nr : o->ks->gemm_f32.nr;
    f.blocks = ceil_div(f.n, f.rows);
    if (l->net->params[i].form == FORM_KV_B && f.src->n == 2) {
        struct kv_b j = {&l->net->config, f.src->t[0], f.src->t[1], f.packed ? l->scratch : tensor_f32(t)};
        pool_for(o->pool, l->net->config.heads, kv_b_task, &j);
        if (!f.packed) return OK;
        f.from = l->scratch;
    }
    pool_for(o->pool, stack * f.blocks, fill_task, &f);
    if (f.bad) FAIL(e, ERR_NUMERIC, "%s: %s holds a number that is not finite", l->file.path, l->src[i].t[0]->name);
    return OK;
}

static int fill_all(struct load *l, struct err *e)
{
    struct net *net = l->net;
    for (int i = 0; i < net->n_params && !l->scratch; i++) {
        const struct param *p = &net->params[i];
        if (p->form == FORM_KV_B && l->src[i].n == 2 && p->t.packed)
            TRY(mem_new((void **)&l->scratch, (size_t)tensor_count(&p->t) * sizeof(float), "one matrix", e));
    }
    for (int i = 0; i < net->n_params; i++) {
        TRY(fill_tensor(l, i, &net->params[i].t, e));
        if (&net->params[i].t == net->embed && net->head && net->head != net->embed && net->config.tied_head)
            TRY(fill_tensor(l, i, net->head, e));
    }
    return OK;
}

int load_weights(struct load *l, struct err *e)
{
    TRY(allocate(l, e));
    return fill_all(l, e);
}
