/* From a file or folder to a network: every tensor is found by name and checked for type and shape, nothing in the
 * file is left over, then the numbers go where the run wants them: plain f32 (training, conversion, and whatever is
 * read element by element) or packed for the products. */
#include "base/checked.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/kinds.h"
#include "model/arch.h"
#include "model/load_internal.h"
#include "sys/file.h"
#include <stdio.h>
#include <string.h>

#define HF_EMBED "model.embed_tokens.weight"
#define HF_HEAD "lm_head.weight"
enum { NAME_CAP = 160, SHAPE_CAP = 96, SCALE_BLOCK = 128 };

/* ---- names ---- */

/* In a model that understands pictures too the language model is a part. Names as they were first written, and as
 * transformers 5 writes them. */
static const struct {
    const char *before, *without; /* put before the name, after taking this off */
} hf_inner[] = {{"", ""}, {"language_model.", ""}, {"model.language_model.", "model."}};

/* The name that a parameter of a folder has there. */
static const char *file_name(const struct load *l, char out[NAME_CAP], const char *name)
{
    size_t off = strlen(hf_inner[l->inner].without);
    if (l->gguf || strncmp(name, hf_inner[l->inner].without, off)) off = 0;
    snprintf(out, NAME_CAP, "%s%s", l->gguf || (l->inner == 2 && !off) ? "" : hf_inner[l->inner].before, name + off);
    return out;
}

static const struct tf_tensor *find(const struct load *l, const char *name)
{
    char whole[NAME_CAP];
    return tf_find(l->file, file_name(l, whole, name));
}

static void find_inner(struct load *l)
{
    for (size_t i = 0; !l->gguf && i < ARRAY_LEN(hf_inner); i++) {
        l->inner = (int)i;
        if (find(l, HF_EMBED)) return;
    }
    l->inner = 0;
}

/* ---- configuration ---- */

int net_read_config(struct config *c, struct model_file *m, struct err *e)
{
    const struct model_json_file *j;
    if (m->gguf) return config_from_gguf(c, &m->tf, e);
    TRY(model_file_json(&j, m, MODEL_CONFIG, e));
    if (!j->root) FAIL(e, ERR_NOTFOUND, "%s: there is no such file, and so no configuration of a network", j->path);
    return config_from_json(c, j->root, j->path, e);
}

/* Many files promise the layer for multi-token prediction and leave it out. */
static bool has_layer(const struct load *l, int64_t layer)
{
    char prefix[NAME_CAP];
    int n = snprintf(prefix, sizeof prefix, l->gguf ? "blk.%lld." : "model.layers.%lld.", (long long)layer);
    for (size_t i = 0; i < l->file->n_tensors; i++)
        if (!strncmp(l->file->tensors[i].name, prefix, (size_t)n)) return true;
    return false;
}

static bool same_bytes(const struct tf_tensor *a, const struct tf_tensor *b)
{
    return a->known == b->known && a->dtype == b->dtype && a->bytes == b->bytes && !memcmp(a->data, b->data, a->bytes);
}

/* Whether a folder's head is the embedding is said by its tensors, whatever the configuration says: so does transformers. */
static void settle_head(const struct load *l, struct config *c)
{
    const struct tf_tensor *embed = find(l, HF_EMBED), *head = find(l, HF_HEAD);
    if (!head) c->tied_head = true;
    if (!head || !embed || !c->tied_head || same_bytes(embed, head)) return;
    log_warn("%s: \"tie_word_embeddings\" is true, but %s differs from %s: the two are not tied", l->file->path, head->name,
             embed->name);
    c->tied_head = false;
}

static int read_config(struct load *l, struct config *c, struct model_file *m, struct err *e)
{
    TRY(net_read_config(c, m, e));
    find_inner(l);
    if (!l->gguf) settle_head(l, c);
    if (c->mtp_layers && !has_layer(l, c->layers)) c->mtp_layers = 0;
    if (l->o->max_context > c->context)
        FAIL(e, ERR_USAGE, "%s: a context of %lld tokens is asked for, the model has %lld", m->path,
             (long long)l->o->max_context, (long long)c->context);
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

/* The scales of an FP8 matrix: one per block of SCALE_BLOCK x SCALE_BLOCK, or a single one, in a tensor of their own. */
static int take_scale(struct load *l, const struct tf_tensor *t, const struct tf_tensor **out, struct err *e)
{
    char name[NAME_CAP + 16], found[SHAPE_CAP], wanted[SHAPE_CAP];
    *out = NULL;
    if (t->dtype != DT_F8_E4M3) return OK;
    if (t->nd != 2) FAIL(e, ERR_UNSUPPORTED, "%s: %s is stored as F8_E4M3 and is no matrix", l->file->path, t->name);
    const int64_t ne[] = {ceil_div(t->ne[0], SCALE_BLOCK), ceil_div(t->ne[1], SCALE_BLOCK)};
    snprintf(name, sizeof name, "%s_scale_inv", t->name);
    const struct tf_tensor *s = tf_find(l->file, name);
    if (!s) FAIL(e, ERR_FORMAT, "%s: %s is stored as F8_E4M3; tensor %s is missing", l->file->path, t->name, name);
    bool single = s->nd == 0 || (s->nd == 1 && s->ne[0] == 1);
    if (!single && (s->nd != 2 || memcmp(s->ne, ne, sizeof ne)))
        FAIL(e, ERR_FORMAT, "%s: %s is %s, expected %s or a single number", l->file->path, name, shape_text(found, s->ne, s->nd),
             shape_text(wanted, ne, 2));
    if (!s->known || (s->dtype != DT_F32 && s->dtype != DT_BF16))
        FAIL(e, ERR_UNSUPPORTED, "%s: %s is stored as %s, expected F32 or BF16", l->file->path, name, tf_type_name(l->file, s));
    l->used[s - l->file->tensors] = l->scaled = true;
    *out = s;
    return OK;
}

static bool has_tensor(void *ctx, const char *name) { return tf_find(ctx, name) != NULL; }

/* Finds a tensor of exactly this shape with numbers that can be read, and marks it as used. */
static int take(struct load *l, const char *short_name, int nd, const int64_t *ne, const struct tf_tensor **out, struct err *e)
{
    char found[SHAPE_CAP], wanted[SHAPE_CAP], name[NAME_CAP];
    const struct tf_tensor *t = tf_find(l->file, file_name(l, name, short_name));
    bool fits = t && t->nd == nd && !memcmp(t->ne, ne, (size_t)nd * sizeof *ne);
    const char *by = fits || l->gguf ? NULL : io_foreign_weights(name, has_tensor, (void *)(uintptr_t)l->file);
    if (by)
        FAIL(e, ERR_UNSUPPORTED,
             "%s: %s is quantised by %s, which this program does not read: take the original model in bf16 or f16, or a GGUF of it",
             l->file->path, name, by);
    if (!t) FAIL(e, ERR_FORMAT, "%s: tensor %s is missing", l->file->path, name);
    if (!fits)
        FAIL(e, ERR_FORMAT, "%s: %s is %s, expected %s", l->file->path, name, shape_text(found, t->ne, t->nd),
             shape_text(wanted, ne, nd));
    TRY(tf_check_known(l->file, t, e));
    if (!formats[t->dtype].to_f32)
        FAIL(e, ERR_FORMAT, "%s: %s is stored as %s, expected real numbers", l->file->path, name, formats[t->dtype].name);
    l->used[t - l->file->tensors] = true;
    *out = t;
    return take_scale(l, t, &l->scales[out - l->all], e);
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
    if (tf_find(l->file, p->gguf_name)) { /* old files: as in the folder */
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
    if (!l->gguf && p->form == FORM_GGUF_ONLY)
        FAIL(e, ERR_UNSUPPORTED, "%s: rotary factors as a tensor are known in GGUF only", l->file->path);
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

/* FP8 weights come with scales; all matrices of a stack or none. */
static int attach_scales(struct load *l, struct sources *s, struct err *e)
{
    const struct tf_tensor **scale = l->scales + (s->t - l->all);
    for (int64_t i = 0; i < s->n; i++) {
        if (scale[i]) s->scale = scale;
        if (!scale[i] != !scale[0])
            FAIL(e, ERR_UNSUPPORTED, "%s: of %s and %s only one is stored as F8_E4M3", l->file->path, s->t[0]->name,
                 s->t[i]->name);
    }
    return OK;
}

/* Whether tensor i is a second copy of the embedding or the head. One with other numbers would be another model. */
static int is_copy(const struct load *l, size_t i, bool *copy, struct err *e)
{
    const struct config *c = &l->net->config;
    const struct tf_tensor *t = &l->file->tensors[i];
    const char *embed = l->gguf ? "token_embd.weight" : HF_EMBED;
    const char *head = c->tied_head ? embed : l->gguf ? "output.weight" : HF_HEAD, *of = NULL;
    char mtp_embed[NAME_CAP], mtp_head[NAME_CAP], tied[NAME_CAP];
    snprintf(mtp_embed, NAME_CAP, l->gguf ? "blk.%lld.nextn.embed_tokens.weight" : "model.layers.%lld.embed_tokens.weight",
             (long long)c->layers);
    snprintf(mtp_head, NAME_CAP, l->gguf ? "blk.%lld.nextn.shared_head_head.weight" : "model.layers.%lld.shared_head.head.weight",
             (long long)c->layers);
    if (!l->gguf && c->tied_head && !strcmp(t->name, file_name(l, tied, HF_HEAD))) of = embed;
    if (c->mtp_layers && !strcmp(t->name, mtp_embed)) of = embed;
    if (c->mtp_layers && !strcmp(t->name, mtp_head)) of = head;
    *copy = of != NULL;
    if (!of) return OK;
    const struct tf_tensor *o = find(l, of);
    if (!o || !same_bytes(o, t))
        FAIL(e, ERR_UNSUPPORTED, "%s: %s differs from %s; this program shares the two", l->file->path, t->name, of);
    return OK;
}

/* Parts beside the language model: what sees and hears, heads that judge texts, and a layer for multi-token prediction of
 * which the configuration does not speak. */
static const char *other_part(const struct load *l, const char *name)
{
    static const struct {
        const char *front, *what;
        bool gguf;
    } parts[] = {
        {"vision_tower.", "sees pictures", false},
        {"vision_model.", "sees pictures", false},
        {"visual.", "sees pictures", false},
        {"multi_modal_projector.", "sees pictures", false},
        {"mm_projector.", "sees pictures", false},
        {"embed_vision.", "sees pictures", false},
        {"audio_tower.", "hears", false},
        {"embed_audio.", "hears", false},
        {"score.", "judges texts", false},
        {"v_head.", "judges texts", false},
        {"value_head.", "judges texts", false},
        {"v.", "sees pictures", true},
        {"mm.", "sees pictures", true},
        {"a.", "hears", true},
    };
    char mtp[NAME_CAP];
    const struct config *c = &l->net->config;
    const char *inner = strncmp(name, "model.", strlen("model.")) ? name : name + strlen("model.");
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (parts[i].gguf == l->gguf && !strncmp(inner, parts[i].front, strlen(parts[i].front))) return parts[i].what;
    snprintf(mtp, sizeof mtp, l->gguf ? "blk.%lld." : "model.layers.%lld.", (long long)c->layers);
    if (c->mtp_layers || strncmp(name, mtp, strlen(mtp))) return NULL;
    snprintf(mtp, sizeof mtp, l->gguf ? "blk.%lld.nextn.eh_proj.weight" : "model.layers.%lld.eh_proj.weight",
             (long long)c->layers);
    return tf_find(l->file, mtp) ? "predicts a second token" : NULL;
}

/* Tensors that may be left over without a word: what follows from the configuration, and scales of activations and of the
 * cache, which are not rounded here. */
static bool is_foreign(const struct load *l, const char *name)
{
    static const char *const ends[] = {".rotary_emb.inv_freq", ".self_attn.k_scale", ".self_attn.v_scale", ".self_attn.q_scale"};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        if (str_ends_with(name, ends[i])) return true;
    if (l->scaled && str_ends_with(name, ".activation_scale")) return true;
    return l->gguf && l->net->config.rope_kind == ROPE_LLAMA3 && !strcmp(name, "rope_freqs.weight");
}

static void warn_part(const struct load *l, const char *what, size_t n)
{
    char text[300];
    if (!what) return;
    snprintf(text, sizeof text, "%.200s: tensors of the part that %s, which are not used: %zu", l->file->path, what, n);
    if (l->o->warn) l->o->warn(l->o->warn_ctx, text);
}

static int check_rest(const struct load *l, struct err *e)
{
    const struct arch *arch = l->net->config.arch;
    char names[400] = "";
    size_t n = 0, len = 0, others = 0;
    const char *part = NULL;
    for (size_t i = 0; i < l->file->n_tensors; i++) {
        const char *name = l->file->tensors[i].name;
        bool copy;
        if (l->used[i]) continue;
        TRY(is_copy(l, i, &copy, e));
        const char *other = other_part(l, name);
        if (other && (!part || part == other)) others++;
        if (other && !part) part = other;
        if (copy || is_foreign(l, name) || other) continue;
        if (n++ < 5) len += (size_t)snprintf(names + len, sizeof names - len, "%s%.70s", n > 1 ? ", " : "", name);
    }
    if (n)
        FAIL(e, ERR_FORMAT, "%s: %zu tensors that this %s model does not have: %s%s", l->file->path, n,
             l->gguf ? arch->gguf : arch->hf, names, n > 5 ? ", ..." : "");
    warn_part(l, part, others);
    return OK;
}

static int find_all(struct load *l, struct err *e)
{
    struct net *net = l->net;
    size_t total = 0;
    for (int i = 0; i < net->n_params; i++) total += net->params[i].form == FORM_EXPERTS ? (size_t)net->params[i].t.ne[0] : 2;
    TRY(mem_new((void **)&l->used, l->file->n_tensors * sizeof *l->used, "the list of tensors", e));
    TRY(mem_new((void **)&l->all, total * sizeof *l->all, "the list of tensors", e));
    TRY(mem_new((void **)&l->scales, total * sizeof *l->scales, "the list of tensors", e));
    TRY(mem_new((void **)&l->src, (size_t)net->n_params * sizeof *l->src, "the list of tensors", e));
    const struct tf_tensor **at = l->all;
    for (int i = 0; i < net->n_params; i++) {
        l->src[i].t = at;
        TRY(take_param(l, &net->params[i], &l->src[i], e));
        TRY(attach_scales(l, &l->src[i], e));
        at += l->src[i].n;
    }
    return check_rest(l, e);
}

/* Gemma's norms are stored less one in folders. */
void load_adjust(const struct load *l, struct param *p)
{
    for (int64_t i = 0; !l->gguf && p->plus_one && i < tensor_count(&p->t); i++) tensor_f32(&p->t)[i] += 1.0f;
}

int load_open(struct load *l, struct model_file *m, struct err *e)
{
    struct config c;
    TRY(model_file_tensors(m, e));
    l->file = &m->tf;
    l->gguf = m->gguf;
    TRY(read_config(l, &c, m, e));
    TRY(net_build(l->net, &c, e));
    l->net->absorbed = l->o->absorbed;
    l->net->int8 = l->o->int8;
    return find_all(l, e);
}

void load_close(struct load *l)
{
    mem_free(l->used);
    mem_free(l->all);
    mem_free(l->scales);
    mem_free(l->src);
    mem_free(l->scratch);
}

int net_load(struct net *net, struct model_file *m, const struct load_options *o, struct err *e)
{
    struct load l = {.net = net, .o = o};
    memset(net, 0, sizeof *net);
    int rc = load_open(&l, m, e);
    if (!rc) rc = load_weights(&l, e);
    if (!rc && !o->plain) rc = net_make_rope(net, net->config.context, e);
    if (!rc && !o->training && !o->plain) { /* the embedding is read where it lies */
        net->file = m->tf;
        m->tf = (struct tf){0};
    }
    load_close(&l);
    if (rc) net_free(net);
    return rc;
}
