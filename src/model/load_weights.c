/* The numbers of a network: plain f32 (training, conversion, and whatever is read element by element), or packed for the
 * products of the run. What is packed lies in one arena whose layout follows from the parameters alone; it may be a file
 * of panels beside the model (panels.h), made once and mapped from then on. */
#include "base/checked.h"
#include "base/mem.h"
#include "model/load_internal.h"
#include "model/weigh.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ROWS_AT_A_TIME = 64, READ_AHEAD = 32 << 20 };

/* ---- where each parameter goes ---- */

static const struct sources *sources_of(const struct load *l, const struct param *p) { return &l->src[p - l->net->params]; }

/* The embedding is read row by row where it lies in the file, in whatever format. */
bool load_is_mapped(const struct load *l, const struct param *p)
{
    return &p->t == l->net->embed && !l->o->training && !l->o->plain && !sources_of(l, p)->scale;
}

/* Read element by element, and so kept as f32: what is no matrix, the router, W_kvb in absorbed form. */
static bool wants_plain(const struct load *l, const struct param *p)
{
    return l->o->training || l->o->plain || !p->quantise || (p->form == FORM_KV_B && l->net->absorbed);
}

/* The format of integer panels for (n, k) matrices out of these tensors; DT_F32: none. */
static enum dtype panel_type(const struct load *l, const struct tf_tensor *const *t, int64_t count, int64_t n, int64_t k)
{
    if (!l->o->int8) return DT_F32;
    for (int64_t i = 0; i < count; i++)
        if (t[i]->dtype != t[0]->dtype || !l->o->ks->qmul[t[i]->dtype] || !qpanel_bytes(t[i]->dtype, n, k)) return DT_F32;
    return t[0]->dtype;
}

static enum dtype own_panel_type(const struct load *l, const struct tensor *t)
{
    const struct param *p = (const struct param *)t; /* its first member */
    const struct sources *s = sources_of(l, p);
    if (p->form == FORM_KV_B && s->n == 2) return DT_F32; /* put together as f32 */
    return panel_type(l, s->t, s->n, t->ne[t->nd - 2], tensor_cols(t));
}

/* The stacks of gate and up share one quantised input: both or neither. */
static enum dtype type_of(const struct load *l, const struct param *p)
{
    enum dtype t = own_panel_type(l, &p->t);
    if (p->form != FORM_EXPERTS) return t;
    const struct layer *y = &l->net->layers[p->layer];
    bool in = &p->t == y->e_gate || &p->t == y->e_up;
    return in && (own_panel_type(l, y->e_gate) == DT_F32 || own_panel_type(l, y->e_up) == DT_F32) ? DT_F32 : t;
}

/* Stored in blocks, multiplied as f32 in a run of integer products. */
bool load_is_slow(const struct load *l, const struct param *p)
{
    const struct sources *s = sources_of(l, p);
    if (!l->o->int8 || l->o->training || l->o->plain || !p->quantise || formats[s->t[0]->dtype].block == 1) return false;
    if (p->t.packed_stride > 0) return p->t.dtype == DT_F32;
    return !load_is_mapped(l, p) && !(p->layer >= 0 && l->net->layers[p->layer].w_uk);
}

static void place_packed(const struct load *l, struct tensor *t, enum dtype type, struct arena *a)
{
    const struct load_options *o = l->o;
    int64_t stack = t->nd == 3 ? t->ne[0] : 1, n = t->ne[t->nd - 2], k = tensor_cols(t);
    size_t stride = round_up(type != DT_F32 ? qpanel_bytes(type, n, k) : gemm_packed_bytes(o->ks, o->compute, n, k), 64);
    t->dtype = type;
    t->packed_stride = (int64_t)stride;
    t->packed = arena_alloc_raw(a, (size_t)stack * stride);
}

/* W_kvb out of its two GGUF tensors as two stacks of integer panels, one matrix per head: W_UK^T and W_UV. */
static bool is_split(const struct load *l, const struct param *p)
{
    const struct config *c = &l->net->config;
    const struct sources *s = sources_of(l, p);
    return p->form == FORM_KV_B && l->net->absorbed && s->n == 2 && !l->o->training && !l->o->plain &&
           panel_type(l, &s->t[0], 1, c->kv_lora_rank, c->qk_nope_dim) != DT_F32 &&
           panel_type(l, &s->t[1], 1, c->v_dim, c->kv_lora_rank) != DT_F32;
}

static void place_split(struct load *l, const struct param *p, struct arena *a)
{
    const struct config *c = &l->net->config;
    const struct sources *s = sources_of(l, p);
    struct layer *y = &l->net->layers[p->layer];
    struct tensor *uk = &y->absorbed[0], *uv = &y->absorbed[1];
    *uk = (struct tensor){.nd = 3, .ne = {c->heads, c->kv_lora_rank, c->qk_nope_dim}, .ld = c->qk_nope_dim, .name = "attn_k_b"};
    *uv = (struct tensor){.nd = 3, .ne = {c->heads, c->v_dim, c->kv_lora_rank}, .ld = c->kv_lora_rank, .name = "attn_v_b"};
    place_packed(l, uk, s->t[0]->dtype, a);
    place_packed(l, uv, s->t[1]->dtype, a);
    y->w_uk = uk;
    y->w_uv = uv;
}

/* With a tied head the packed table is a second tensor. */
void load_place(struct load *l, struct arena *a)
{
    struct net *net = l->net;
    for (int i = 0; i < net->n_params; i++) {
        struct param *p = &net->params[i];
        struct tensor *t = &p->t;
        if (t == net->embed && net->config.tied_head) {
            net->head_copy = *t;
            net->head_copy.data = NULL;
            net->head_copy.name = "head";
            place_packed(l, &net->head_copy, type_of(l, p), a);
            net->head = &net->head_copy;
        }
        if (load_is_mapped(l, p)) {
            t->dtype = l->src[i].t[0]->dtype;
            t->data = (void *)(uintptr_t)l->src[i].t[0]->data; /* read only: nothing writes to weights in inference */
        } else if (is_split(l, p)) place_split(l, p, a);
        else if (wants_plain(l, p)) t->data = arena_alloc_raw(a, (size_t)tensor_count(t) * sizeof(float));
        else place_packed(l, t, type_of(l, p), a);
    }
}

/* ---- numbers ---- */

/* Fills one tensor; a task is `rows` rows of one matrix of the stack. */
struct fill {
    const struct load *l;
    const struct sources *src;
    struct tensor *t;
    int64_t n, k, rows, blocks; /* of a matrix, and its number of tasks */
    const float *from;          /* already converted, or NULL: src */
    int64_t first;              /* task of the slice that is being filled */
    int64_t bad;                /* 1 + a matrix with a number that is not finite; 0: none was met */
};

void load_scaled_rows(const struct tf_tensor *s, const struct tf_tensor *scale, int64_t row, int64_t rows, int64_t k,
                      float *dst)
{
    enum { SCALE_BLOCK = 128 };
    int64_t across = ceil_div(k, SCALE_BLOCK);
    bool single = scale->nd < 2;
    for (int64_t r = 0; r < rows; r++) {
        formats[s->dtype].to_f32(dst + r * k, s->data + format_bytes(s->dtype, (row + r) * k), k);
        for (int64_t b = 0; b < across; b++) {
            float f;
            int64_t at = single ? 0 : (row + r) / SCALE_BLOCK * across + b;
            formats[scale->dtype].to_f32(&f, scale->data + format_bytes(scale->dtype, at), 1);
            for (int64_t i = b * SCALE_BLOCK; i < min_i64(k, (b + 1) * SCALE_BLOCK); i++) dst[r * k + i] *= f;
        }
    }
}

static void mark_bad(struct fill *f, int64_t matrix) { __atomic_store_n(&f->bad, matrix + 1, __ATOMIC_RELAXED); }

static void fill_plain(struct fill *f, const uint8_t *data, enum dtype type, int64_t matrix, int64_t row, int64_t rows)
{
    float *dst = tensor_f32(f->t) + (matrix * f->n + row) * f->k;
    if (f->src->scale && !f->from) load_scaled_rows(f->src->t[matrix], f->src->scale[matrix], row, rows, f->k, dst);
    else formats[type].to_f32(dst, data, rows * f->k);
    for (int64_t i = 0; i < rows * f->k; i++)
        if (!isfinite(dst[i])) mark_bad(f, matrix);
}

static void fill_task(void *ctx, int64_t task, int worker)
{
    struct fill *f = ctx;
    const struct load_options *o = f->l->o;
    task += f->first;
    int64_t matrix = task / f->blocks, row = task % f->blocks * f->rows, rows = min_i64(f->rows, f->n - row);
    const struct tf_tensor *s = f->src->t[f->src->n > 1 && !f->from ? matrix : 0];
    enum dtype type = f->from ? DT_F32 : s->dtype;
    const uint8_t *data = f->from ? (const uint8_t *)f->from : s->data;
    data += format_bytes(type, ((f->src->n > 1 && !f->from ? 0 : matrix * f->n) + row) * f->k);
    if (!f->t->packed) {
        fill_plain(f, data, type, matrix, row, rows);
        return;
    }
    char *dst = (char *)(uintptr_t)f->t->packed + matrix * f->t->packed_stride;
    if (!format_all_finite(type, data, rows * f->k)) mark_bad(f, matrix);
    if (f->t->dtype != DT_F32) {
        qpanel_pack(f->t->dtype, dst + qpanel_bytes(f->t->dtype, row, f->k), data, rows, f->k);
        return;
    }
    if (f->src->scale && !f->from) {
        float *buf = (float *)(void *)(f->l->scratch + (size_t)worker * f->l->scratch_each);
        load_scaled_rows(s, f->src->scale[matrix], row, rows, f->k, buf);
        data = (const uint8_t *)buf;
        type = DT_F32;
        if (!format_all_finite(type, data, rows * f->k)) mark_bad(f, matrix);
    }
    gemm_pack(o->ks, o->compute, dst + gemm_packed_bytes(o->ks, o->compute, row, f->k), data, type, rows, f->k);
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

static void set_tasks(struct fill *f)
{
    const struct load_options *o = f->l->o;
    const struct tensor *t = f->t;
    f->n = t->nd == 1 ? 1 : t->ne[t->nd - 2];
    f->k = tensor_cols(t);
    int64_t panel = 1; /* whole panels, so that pieces of a packed matrix follow each other */
    if (t->packed) panel = t->dtype != DT_F32 ? QP_ROWS : o->compute == COMPUTE_BF16 ? o->ks->gemm_bf16.nr : o->ks->gemm_f32.nr;
    f->rows = ceil_div(ROWS_AT_A_TIME, panel) * panel;
    f->blocks = ceil_div(f->n, f->rows);
}

/* So many that what they read of the file is little beside a model. */
static int64_t tasks_at_a_time(const struct fill *f)
{
    size_t bytes = format_bytes(f->src->t[0]->dtype, f->rows * f->k);
    return max_i64(1, READ_AHEAD / (int64_t)(bytes ? bytes : 1));
}

/* What tasks [f->first, end) have read need not stay in memory: else the peak would be the file and the panels. */
static void forget_tasks(const struct fill *f, int64_t end)
{
    for (int64_t task = f->first; task < end;) {
        int64_t matrix = task / f->blocks, last = min_i64(end, (matrix + 1) * f->blocks);
        int64_t row0 = task % f->blocks * f->rows, row1 = min_i64(f->n, (last - matrix * f->blocks) * f->rows);
        const struct tf_tensor *s = f->src->t[f->src->n > 1 ? matrix : 0];
        int64_t before = f->src->n > 1 ? 0 : matrix * f->n;
        size_t from = format_bytes(s->dtype, (before + row0) * f->k), to = format_bytes(s->dtype, (before + row1) * f->k);
        memory_forget(s->data + from, to - from);
        task = last;
    }
}

int load_check_stop(const struct load *l, struct err *e)
{
    if (l->o->stop && *l->o->stop) FAIL(e, ERR_INTERRUPTED, "%s: loading was stopped, nothing is kept of it", l->file->path);
    return OK;
}

int load_tensor(struct load *l, const struct sources *src, struct tensor *t, struct err *e)
{
    struct fill f = {.l = l, .src = src, .t = t};
    int64_t stack = t->nd == 3 ? t->ne[0] : 1;
    set_tasks(&f);
    if (t->nd == 2 && src->n == 2) { /* W_kvb */
        struct kv_b j = {&l->net->config, src->t[0], src->t[1], t->packed ? (float *)(void *)l->scratch : tensor_f32(t)};
        pool_for(l->o->pool, l->net->config.heads, kv_b_task, &j);
        if (!t->packed) return OK;
        f.from = (const float *)(const void *)l->scratch;
    }
    int64_t tasks = stack * f.blocks, step = tasks_at_a_time(&f);
    for (f.first = 0; f.first < tasks; f.first += step) {
        TRY(load_check_stop(l, e));
        int64_t end = min_i64(tasks, f.first + step);
        pool_for(l->o->pool, end - f.first, fill_task, &f);
        if (!f.from && !l->o->training) forget_tasks(&f, end);
    }
    if (!f.bad) return OK;
    const struct tf_tensor *bad = src->t[src->n > 1 && !f.from ? f.bad - 1 : 0];
    FAIL(e, ERR_NUMERIC, "%s: %s holds a number that is not finite", l->file->path, bad->name);
}

/* Scratch: W_kvb put together, or per thread the rows of one task as f32. */
static int allocate_scratch(struct load *l, struct err *e)
{
    size_t need = 0;
    for (int i = 0; i < l->net->n_params; i++) {
        const struct param *p = &l->net->params[i];
        if (p->form == FORM_KV_B && l->src[i].n == 2) {
            size_t all = (size_t)tensor_count(&p->t) * sizeof(float);
            if (all > need) need = all;
        }
        size_t each = l->src[i].scale ? 2 * ROWS_AT_A_TIME * (size_t)tensor_cols(&p->t) * sizeof(float) : 0;
        if (each > l->scratch_each) l->scratch_each = each;
    }
    size_t threads = (size_t)pool_threads(l->o->pool) * l->scratch_each;
    if (threads > need) need = threads;
    return need ? mem_new((void **)&l->scratch, need, "one matrix", e) : OK;
}

static int fill_param(struct load *l, int i, struct err *e)
{
    struct net *net = l->net;
    struct param *p = &net->params[i];
    if (p->form == FORM_KV_B && net->layers[p->layer].w_uk) {
        struct sources k = {.t = l->src[i].t, .n = 1}, v = {.t = l->src[i].t + 1, .n = 1};
        TRY(load_tensor(l, &k, net->layers[p->layer].w_uk, e));
        TRY(load_tensor(l, &v, net->layers[p->layer].w_uv, e));
    } else if (!load_is_mapped(l, p)) TRY(load_tensor(l, &l->src[i], &p->t, e));
    load_adjust(l, p);
    if (&p->t == net->embed && net->head == &net->head_copy) TRY(load_tensor(l, &l->src[i], &net->head_copy, e));
    for (int64_t s = 0; s < l->src[i].n; s++) /* read once: the pages need not stay */
        if (!load_is_mapped(l, p) && !l->o->training) tf_forget(l->file, l->src[i].t[s]);
    if (l->o->progress) l->o->progress(l->o->progress_ctx, i + 1, net->n_params);
    return OK;
}

int load_fill_all(struct load *l, struct err *e)
{
    TRY(allocate_scratch(l, e));
    for (int i = 0; i < l->net->n_params; i++) TRY(fill_param(l, i, e));
    return OK;
}

/* Nothing is slower in silence. */
static void tell_slow(const struct load *l, const struct weights *w)
{
    char text[300];
    if (!w->slow || !l->o->warn) return;
    snprintf(text, sizeof text,
             "slow: %d matri%s multiplied as f32, for want of an integer product (the first is %s, stored as %s)", w->slow,
             w->slow == 1 ? "x is" : "ces are", w->slow_name, w->slow_type);
    l->o->warn(l->o->warn_ctx, text);
}

int load_weights(struct load *l, struct err *e)
{
    struct net *net = l->net;
    if (l->o->training || l->o->plain) {
        TRY(net_alloc(net, l->o->training, e));
        return load_fill_all(l, e);
    }
    arena_measure(&net->weights, "weights");
    load_place(l, &net->weights);
    size_t need = net->weights.peak;
    struct weights w;
    load_weigh(l, &w);
    tell_slow(l, &w);
    if (l->o->panels && l->o->panels->n && w.panels) {
        struct err refused = {0};
        int rc = load_over_panels(l, need, &refused);
        if (rc == OK) return OK;
        shared_close(&net->panels);
        if (rc != ERR_IO && rc != ERR_LIMIT) return err_set(e, refused.code, refused.file, refused.line, "%s", refused.msg);
        if (l->o->warn) l->o->warn(l->o->warn_ctx, refused.msg);
    }
    TRY(arena_init(&net->weights, need, "weights", e));
    load_place(l, &net->weights);
    return load_fill_all(l, e);
}
