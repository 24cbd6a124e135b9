/* From a file or folder to a network: every tensor is found by name and checked for type and shape, nothing in the
 * file is left over, then the numbers go where the run wants them: plain f32 (training, conversion, and whatever is
 * read element by element) or packed for the products. */
#include "base/checked.h"
#include "base/mem.h"
#include "model/load_internal.h"
#include "sys/file.h"
#include <stdio.h>
#include <string.h>

#define HF_EMBED "model.embed_tokens.weight"
#define HF_HEAD "lm_head.weight"
enum { CONFIG_MAX_BYTES = 1 << 20, NAME_CAP = 160, SHAPE_CAP = 96 };

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

static int load_opened(struct load *l, const char *path, struct err *e)
{
    struct config c;
    l->gguf = !strcmp(l->file.container, "gguf");
    TRY(read_config(l, &c, path, e));
    TRY(net_build(l->net, &c, e));
    l->net->absorbed = l->o->absorbed;
    TRY(find_all(l, e));
    return load_weights(l, e);
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
