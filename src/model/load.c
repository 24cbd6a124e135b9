/* From a file or folder to a network: every tensor is found by name and checked for type and shape, nothing in the
 * file is left over, then the numbers go where the run wants them: plain f32 (training, conversion, and whatever is
 * read element by element) or packed for the products. */
#include "base/checked.h"
#include "base/mem.h"
#include "model/net.h"
#include "sys/file.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define HF_EMBED "model.embed_tokens.weight"
#define HF_HEAD "lm_head.weight"
enum { CONFIG_MAX_BYTES = 1 << 20, NAME_CAP = 160, SHAPE_CAP = 96, ROWS_AT_A_TIME = 64 };

/* The tensors of the file that make up one parameter: one; or with FORM_EXPERTS in a folder one per expert; or with
 * FORM_KV_B in GGUF two, the transposed keys and the values. */
struct sources {
    const struct tf_tensor **t; /* inside load.all */
    int64_t n;
};

struct load {
    struct net *net;
    const struct load_options *o;
    struct tf file;
    bool gguf;
    bool *used;                   /* per tensor of the file */
    const struct tf_tensor **all; /* sources of all parameters, one after the other */
    struct sources *src;          /* per parameter */
    float *scratch;               /* one assembled W_kvb */
};

/* ---- configuration ---- */

/* folder/config.json, or the one beside a .safetensors file. */
static int config_of_folder(struct config *c, const char *path, struct err *e)
{
    char dir[4096], file[4096], *text;
    size_t len;
    json_t *root;
    if (file_is_dir(path)) TRY(path_join(file, sizeof file, path, "config.json", e));
    else {
        TRY(path_dir(dir, sizeof dir, path, e));
        TRY(path_join(file, sizeof file, dir, "config.json", e));
    }
    TRY(file_read(&text, &len, file, CONFIG_MAX_BYTES, e));
    int rc = json_parse(&root, text, len, file, e);
    mem_free(text);
    TRY(rc);
    rc = config_from_json(c, root, file, e);
    json_decref(root);
    return rc;
}

int net_read_config(struct config *c, const struct tf *f, const char *path, struct err *e)
{
    return strcmp(f->container, "gguf") ? config_of_folder(c, path, e) : config_from_gguf(c, f, e);
}

/* Many files promise the layer for multi-token prediction and leave it out. */
static bool has_layer(const struct load *l, int64_t layer)
{
    char prefix[NAME_CAP];
    int n = snprintf(prefix, sizeof prefix, l->gguf ? "blk.%lld." : "model.layers.%lld.", (long long)layer);
    for (size_t i = 0; i < l->file.n_tensors; i++)
        if (!strncmp(l->file.tensors[i].name, prefix, (size_t)n)) return true;
    return false;
}

static int read_config(struct load *l, struct config *c, const char *path, struct err *e)
{
    TRY(net_read_config(c, &l->file, path, e));
    if (c->mtp_layers && !has_layer(l, c->layers)) c->mtp_layers = 0;
    if (l->o->max_context > c->context)
        FAIL(e, ERR_USAGE, "%s: a context of %lld tokens is asked for, the model has %lld", path, (long long)l->o->max_context,
             (long long)c->context);
    if (l->o->max_context > 0) c->context = l->o->max_context;
    return OK;
}

/* ---- finding and checking tensors ---- */

static const char *shape_text(char out[SHAPE_CAP], const int64_t *ne, int nd)
{
    int n = 0;
    snprintf(out, SHAPE_CAP, "a single number");
    for (int i = 0; i < nd; i++) n += snprintf(out + n, (size_t)(SHAPE_CAP - n), i ? "x%lld" : "%lld", (long long)ne[i]);
    return out;
}

/* Finds a tensor of exactly this shape with numbers that can be read, and marks it as used. */
static int take(struct load *l, const char *name, int nd, const int64_t *ne, const struct tf_tensor **out, struct err *e)
{
    char found[SHAPE_CAP], wanted[SHAPE_CAP];
    const struct tf_tensor *t = tf_find(&l->file, name);
    if (!t) FAIL(e, ERR_FORMAT, "%s: tensor %s is missing", l->file.path, name);
    if (t->nd != nd || memcmp(t->ne, ne, (size_t)nd * sizeof *ne))
        FAIL(e, ERR_FORMAT, "%s: %s is %s, expected %s", l->file.path, name, shape_text(found, t->ne, t->nd),
             shape_text(wanted, ne, nd));
    if (!t->known)
        FAIL(e, ERR_UNSUPPORTED, "%s: %s is stored as %s, which this program cannot read", tf_file_of(&l->file, t), name,
             tf_type_name(&l->file, t));
    if (!formats[t->dtype].to_f32)
        FAIL(e, ERR_FORMAT, "%s: %s is stored as %s, expected real numbers", l->file.path, name, formats[t->dtype].name);
    l->used[t - l->file.tensors] = true;
    *out = t;
    return OK;
}

/* name with its "%d" replaced by n. */
static void expert_name(char out[NAME_CAP], const char *name, int64_t n)
{
    const char *at = strstr(name, "%d");
    snprintf(out, NAME_CAP, "%.*s%lld%s", at ? (int)(at - name) : (int)strlen(name), name, (long long)n, at ? at + 2 : "");
}

static int take_kv_b(struct load *l, const struct param *p, struct sources *s, struct err *e)
{
    const struct config *c = &l->net->config;
    char name[NAME_CAP];
    if (tf_find(&l->file, p->gguf_name)) { /* old files: as in the folder */
        s->n = 1;
        return take(l, p->gguf_name, p->t.nd, p->t.ne, &s->t[0], e);
    }
    const int64_t k_ne[] = {c->heads, c->kv_lora_rank, c->qk_nope_dim}, v_ne[] = {c->heads, c->v_dim, c->kv_lora_rank};
    s->n = 2;
    snprintf(name, sizeof name, "blk.%d.attn_k_b.weight", p->layer);
    TRY(take(l, name, 3, k_ne, &s->t[0], e));
    snprintf(name, sizeof name, "blk.%d.attn_v_b.weight", p->layer);
    return take(l, name, 3, v_ne, &s->t[1], e);
}

static int take_param(struct load *l, const struct param *p, struct sources *s, struct err *e)
{
    if (l->gguf && p->form == FORM_KV_B) return take_kv_b(l, p, s, e);
    if (l->gguf || p->form != FORM_EXPERTS) {
        s->n = 1;
        return take(l, l->gguf ? p->gguf_name : p->hf_name, p->t.nd, p->t.ne, &s->t[0], e);
    }
    char name[NAME_CAP];
    s->n = p->t.ne[0];
    for (int64_t i = 0; i < s->n; i++) {
        expert_name(name, p->hf_name, i);
        TRY(take(l, name, p->t.nd - 1, p->t.ne + 1, &s->t[i], e));
    }
    return OK;
}

/* Whether tensor i is a second copy of the embedding or the head. One with other numbers would be another model. */
static int is_copy(const struct load *l, size_t i, bool *copy, struct err *e)
{
    const struct config *c = &l->net->config;
    const struct tf_tensor *t = &l->file.tensors[i];
    const char *embed = l->gguf ? "token_embd.weight" : HF_EMBED;
    const char *head = c->tied_head ? embed : l->gguf ? "output.weight" : HF_HEAD, *of = NULL;
    char mtp_embed[NAME_CAP], mtp_head[NAME_CAP];
    snprintf(mtp_embed, NAME_CAP, l->gguf ? "blk.%lld.nextn.embed_tokens.weight" : "model.layers.%lld.embed_tokens.weight",
             (long long)c->layers);
    snprintf(mtp_head, NAME_CAP, l->gguf ? "blk.%lld.nextn.shared_head_head.weight" : "model.layers.%lld.shared_head.head.weight",
             (long long)c->layers);
    if (!l->gguf && c->tied_head && !strcmp(t->name, HF_HEAD)) of = embed;
    if (c->mtp_layers && !strcmp(t->name, mtp_embed)) of = embed;
    if (c->mtp_layers && !strcmp(t->name, mtp_head)) of = head;
    *copy = of != NULL;
    if (!of) return OK;
    const struct tf_tensor *o = tf_find(&l->file, of);
    if (!o || o->known != t->known || o->dtype != t->dtype || o->bytes != t->bytes || memcmp(o->data, t->data, o->bytes))
        FAIL(e, ERR_UNSUPPORTED, "%s: %s differs from %s; this program shares the two", l->file.path, t->name, of);
    return OK;
}

static int check_rest(const struct load *l, struct err *e)
{
    char names[400] = "";
    size_t n = 0, len = 0;
    for (size_t i = 0; i < l->file.n_tensors; i++) {
        const char *name = l->file.tensors[i].name;
        bool copy;
        if (l->used[i]) continue;
        TRY(is_copy(l, i, &copy, e));
        if (copy || str_ends_with(name, ".rotary_emb.inv_freq")) continue; /* the latter follow from the configuration */
        if (n++ < 5) len += (size_t)snprintf(names + len, sizeof names - len, "%s%.70s", n > 1 ? ", " : "", name);
    }
    if (n)
        FAIL(e, ERR_FORMAT, "%s: %zu tensors that this %s model does not have: %s%s", l->file.path, n,
             l->gguf ? "deepseek2" : "deepseek_v3", names, n > 5 ? ", ..." : "");
    return OK;
}

static int find_all(struct load *l, struct err *e)
{
    struct net *net = l->net;
    size_t total = 0;
    for (int i = 0; i < net->n_params; i++) total += net->params[i].form == FORM_EXPERTS ? (size_t)net->params[i].t.ne[0] : 2;
    TRY(mem_new((void **)&l->used, l->file.n_tensors * sizeof *l->used, "the list of tensors", e));
    TRY(mem_new((void **)&l->all, total * sizeof *l->all, "the list of tensors", e));
    TRY(mem_new((void **)&l->src, (size_t)net->n_params * sizeof *l->src, "the list of tensors", e));
    const struct tf_tensor **at = l->all;
    for (int i = 0; i < net->n_params; i++) {
        l->src[i].t = at;
        TRY(take_param(l, &net->params[i], &l->src[i], e));
        at += l->src[i].n;
    }
    return check_rest(l, e);
}

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

static int load_opened(struct load *l, const char *path, struct err *e)
{
    struct config c;
    l->gguf = !strcmp(l->file.container, "gguf");
    TRY(read_config(l, &c, path, e));
    TRY(net_build(l->net, &c, e));
    l->net->absorbed = l->o->absorbed;
    TRY(find_all(l, e));
    TRY(allocate(l, e));
    return fill_all(l, e);
}

int net_load(struct net *net, const char *path, const struct load_options *o, struct err *e)
{
    struct load l = {.net = net, .o = o};
    memset(net, 0, sizeof *net);
    int rc = tf_open(&l.file, path, e);
    if (!rc) rc = load_opened(&l, path, e);
    mem_free(l.used);
    mem_free(l.all);
    mem_free(l.src);
    mem_free(l.scratch);
    tf_close(&l.file);
    if (rc) net_free(net);
    return rc;
}
