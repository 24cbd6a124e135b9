/* To GGUF, and what both directions share. */
#include "quant/convert.h"
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "base/utf8.h"
#include "model/chat_template.h"
#include "model/generation.h"
#include "model/vocab.h"
#include "sys/file.h"
#include "sys/store.h"

enum { GGUF_QUANT_VERSION = 2, GGUF_FILE_TYPE_UNKNOWN = 1024 };

/* ---- shared ---- */

void convert_plan_free(struct convert_plan *p)
{
    feed_close(&p->feed);
    model_file_close(&p->model);
    mem_free(p->to);
    mem_free(p->wanted);
    *p = (struct convert_plan){0};
}

int convert_plan_init(struct convert_plan *p, struct err *e)
{
    TRY(mem_new((void **)&p->to, p->feed.n * sizeof *p->to, "the list of tensors", e));
    return mem_new((void **)&p->wanted, p->feed.n * sizeof *p->wanted, "the list of tensors", e);
}

static enum dtype most(const uint64_t bytes[DT_COUNT])
{
    enum dtype best = DT_F32;
    for (int t = 1; t < DT_COUNT; t++)
        if (bytes[t] > bytes[best]) best = (enum dtype)t;
    return best;
}

enum dtype convert_main_type(const struct feed *f, const enum dtype *types)
{
    uint64_t bytes[DT_COUNT] = {0};
    const struct tf *file = feed_file(f);
    if (types) {
        for (size_t i = 0; i < f->n; i++)
            if (f->v[i].matrix) bytes[types[i]] += format_bytes(types[i], feed_rows_of(&f->v[i]) * feed_cols(&f->v[i]));
        return most(bytes);
    }
    for (size_t i = 0; i < file->n_tensors; i++) {
        const struct tf_tensor *t = &file->tensors[i];
        if (t->known && t->nd > 1) bytes[t->dtype == DT_F8_E4M3 ? DT_BF16 : t->dtype] += t->bytes;
    }
    return most(bytes);
}

void convert_count(struct convert_result *r, const struct convert_plan *p, size_t i)
{
    const struct feed_tensor *t = &p->feed.v[i];
    int64_t n = feed_rows_of(t) * feed_cols(t);
    uint64_t bytes = format_bytes(p->to[i], n);
    r->of[p->to[i]].tensors++;
    r->of[p->to[i]].bytes += bytes;
    r->bytes += bytes;
    r->numbers += n;
    r->totals.total += t->bytes;
}

int convert_check_space(const char *out, uint64_t bytes, struct err *e)
{
    uint64_t room;
    TRY(file_free_space(out, &room, e));
    if (bytes <= room) return OK;
    FAIL(e, ERR_LIMIT, "%s would have %.1f MiB, and %.1f MiB are free there", out, (double)bytes / (1 << 20),
         (double)room / (1 << 20));
}

/* ---- formats ---- */

static struct mix_model model_of(const struct feed *f)
{
    struct mix_model m = {.tied = true};
    for (size_t i = 0; i < f->n; i++) {
        int64_t layer = mix_layer(f->v[i].name);
        if (!strcmp(f->v[i].name, "output.weight")) m.tied = false;
        if (layer >= m.layers) m.layers = layer + 1;
    }
    return m;
}

/* Numbers that stay as they are, as far as GGUF has a place for them: vectors are f32 there, and what has to be computed
 * out of several tensors, or out of FP8, gets the format of the rest. */
static enum dtype kept_type(const struct feed *f, const struct feed_tensor *t, enum dtype most_are)
{
    bool raw = feed_raw(f, t, 0) != NULL;
    if (!t->matrix) return t->slice ? DT_F32 : t->from;
    if (raw) return formats[t->from].ggml_type >= 0 ? t->from : DT_F32;
    struct mix all = {.main = most_are, .head = most_are, .embed = most_are, .experts = most_are};
    enum dtype wanted;
    return mix_type(&all, &(struct mix_model){0}, t->name, feed_cols(t), &wanted);
}

static int choose_types(struct convert_plan *p, const struct convert_options *o, struct err *e)
{
    struct mix_model model = model_of(&p->feed);
    enum dtype most_are = convert_main_type(&p->feed, NULL);
    bool *matched;
    size_t unused = 0;
    TRY(convert_plan_init(p, e));
    TRY(mem_new((void **)&matched, o->n_rules * sizeof *matched, "the list of patterns", e));
    for (size_t i = 0; i < p->feed.n; i++) {
        const struct feed_tensor *t = &p->feed.v[i];
        bool ruled = t->matrix && rules_find(o->rules, o->n_rules, matched, t->name, &p->wanted[i]);
        if (ruled) p->to[i] = mix_fit(p->wanted[i], feed_cols(t));
        else if (o->mix && t->matrix) p->to[i] = mix_type(o->mix, &model, t->name, feed_cols(t), &p->wanted[i]);
        else p->to[i] = p->wanted[i] = kept_type(&p->feed, t, most_are);
    }
    while (unused < o->n_rules && matched[unused]) unused++;
    mem_free(matched);
    if (unused == o->n_rules) return OK;
    FAIL(e, ERR_USAGE, "%s: no matrix fits the pattern \"%s\"; autarky show lists the names", o->in, o->rules[unused].pattern);
}

/* ---- metadata ---- */

static bool starts(const char *s, const char *with) { return !strncmp(s, with, strlen(with)); }

/* What says how the numbers are stored is said anew, and what the caller says otherwise. */
static bool is_replaced(const struct convert_options *o, const char *key)
{
    if (o->advice && generation_gguf_key(key)) return true;
    if (o->name && !strcmp(key, "general.name")) return true;
    return !strcmp(key, "general.file_type") || !strcmp(key, "general.quantization_version") ||
           !strcmp(key, "general.alignment") || starts(key, "split.") || starts(key, "quantize.imatrix.");
}

/* The last part of a path, without ".gguf"; empty when it is no UTF-8. */
static void last_name(char *out, size_t cap, const char *path)
{
    size_t n = strlen(path), from;
    while (n > 0 && path[n - 1] == '/') n--;
    for (from = n; from > 0 && path[from - 1] != '/';) from--;
    if (n - from > 5 && !memcmp(path + n - 5, ".gguf", 5)) n -= 5;
    bool plain = n - from < cap && utf8_valid(path + from, n - from, NULL);
    snprintf(out, cap, "%.*s", plain ? (int)(n - from) : 0, path + from);
}

/* As the caller says, else `known`, else the name of what is read. */
static int write_name(const struct convert_options *o, const char *known, struct tf_writer *w, struct err *e)
{
    char last[256];
    last_name(last, sizeof last, o->in);
    const char *best = o->name ? o->name : known && *known ? known : last;
    return *best ? tf_writer_kv_str(w, "general.name", best, e) : OK;
}

static int copy_metadata(const struct convert_options *o, const struct tf *f, struct tf_writer *w, struct err *e)
{
    const struct generation *said = o->advice;
    bool named = false;
    for (size_t i = 0; i < f->n_kv; i++) {
        if (is_replaced(o, f->kv[i].key)) continue;
        TRY(tf_writer_kv_copy(w, &f->kv[i], e));
        named |= !strcmp(f->kv[i].key, "general.name");
    }
    if (!named) TRY(write_name(o, NULL, w, e));
    return said ? generation_sampling_to_gguf(said, w, e) : OK;
}

/* Begin and end as config.json has them, where the tokenizer's files name none. */
static int name_specials(struct tokenizer *t, const struct config *c, struct err *e)
{
    int32_t bos = tokenizer_bos(t), eos = tokenizer_eos(t);
    if (bos < 0 && tokenizer_is_control(t, (int32_t)c->bos)) bos = (int32_t)c->bos;
    if (eos < 0 && tokenizer_is_control(t, (int32_t)c->eos)) eos = (int32_t)c->eos;
    return tokenizer_set_specials(t, bos, eos, tokenizer_pad(t), tokenizer_add_bos(t), e);
}

/* The tokenizer of a folder, its template, and what is said about generating. */
static int write_folder_vocab(const struct convert_options *o, struct model_file *m, const struct config *c,
                              struct tf_writer *w, struct err *e)
{
    struct model_vocab v = {.vocab = c->vocab};
    struct chat_templates templates = {0};
    struct tokenizer *tok = NULL;
    struct generation g;
    struct err why = {0};
    int rc = model_load_tokenizer(&tok, m, &why);
    if (rc == ERR_NOTFOUND) {
        if (o->write.warn) o->write.warn(o->write.ctx, "there is no tokenizer.json: the new file has no tokenizer");
        return net_save_no_tokenizer(c, w, e);
    }
    if (rc) return err_set(e, why.code, why.file, why.line, "%s", why.msg);
    rc = model_generation(&g, m, c->vocab, e);
    if (!rc && o->advice) generation_replace(&g, o->advice);
    if (!rc) rc = model_chat_templates(&templates, m, e);
    if (!rc) rc = name_specials(tok, c, e);
    v.tok = tok;
    v.chat_template = chat_templates_find(&templates, CHAT_TEMPLATE_MAIN);
    v.templates = &templates;
    if (!rc) rc = model_tokenizer_to_gguf(&v, w, e);
    if (!rc) rc = generation_to_gguf(&g, tokenizer_eos(tok), w, e);
    chat_templates_free(&templates);
    tokenizer_free(tok);
    return rc;
}

static int write_folder_metadata(const struct convert_options *o, const struct feed *f, struct tf_writer *w,
                                 struct err *e)
{
    const struct config *c = &net_source_net(f->net)->config;
    char *name = NULL;
    TRY(config_to_gguf(c, w, e));
    TRY(model_name(&name, f->model, e));
    int rc = write_name(o, name, w, e);
    mem_free(name);
    return rc ? rc : write_folder_vocab(o, f->model, c, w, e);
}

static uint32_t file_type_of(const struct convert_options *o, enum dtype type)
{
    struct mix m;
    if (o->mix) return o->mix->file_type;
    return mix_by_name(formats[type].name, &m) ? m.file_type : GGUF_FILE_TYPE_UNKNOWN;
}

static int write_metadata(const struct convert_options *o, const struct convert_plan *p, struct tf_writer *w,
                          enum dtype type, struct err *e)
{
    const struct imatrix *im = o->write.importance;
    if (p->feed.net) TRY(write_folder_metadata(o, &p->feed, w, e));
    else TRY(copy_metadata(o, feed_file(&p->feed), w, e));
    TRY(tf_writer_kv_u32(w, "general.file_type", file_type_of(o, type), e));
    TRY(tf_writer_kv_u32(w, "general.quantization_version", GGUF_QUANT_VERSION, e));
    if (!im) return OK;
    TRY(tf_writer_kv_str(w, "quantize.imatrix.file", o->importance_file, e));
    if (im->dataset) TRY(tf_writer_kv_str(w, "quantize.imatrix.dataset", im->dataset, e));
    TRY(tf_writer_kv_u32(w, "quantize.imatrix.entries_count", (uint32_t)im->entries, e));
    return im->chunks ? tf_writer_kv_u32(w, "quantize.imatrix.chunks_count", (uint32_t)im->chunks, e) : OK;
}

/* ---- GGUF ---- */

static int write_gguf(const struct convert_options *o, struct convert_plan *p, struct tf_writer *w,
                      struct convert_result *r, struct err *e)
{
    const struct feed *f = &p->feed;
    r->from = convert_main_type(f, NULL);
    r->to = convert_main_type(f, p->to);
    TRY(write_metadata(o, p, w, r->to, e));
    for (size_t i = 0; i < f->n; i++) {
        const struct feed_tensor *t = &f->v[i];
        TRY(tf_writer_declare(w, t->name, p->to[i], t->nd, t->ne, e));
        convert_count(r, p, i);
        r->requantised |= t->matrix && formats[t->from].block > 1 && formats[p->to[i]].block > 1 && t->from != p->to[i];
    }
    TRY(convert_check_space(o->out, r->bytes, e));
    if (r->requantised && o->write.warn)
        o->write.warn(o->write.ctx,
                      "the model is quantised already: what is lost now comes on top of what was lost then; "
                      "begin with the original in f16, bf16 or f32 if there is one");
    TRY(tf_writer_begin(w, e));
    for (size_t i = 0; i < f->n; i++)
        TRY(write_tensor(w, &p->feed, &f->v[i], p->to[i], p->wanted[i], &o->write, &r->totals, e));
    return OK;
}

static void warn_of_others(const struct convert_options *o, const struct convert_plan *p)
{
    char text[200];
    if (p->feed.net && o->write.warn && config_gguf_differs(&net_source_net(p->feed.net)->config, text, sizeof text))
        o->write.warn(o->write.ctx, text);
}

int convert_to_gguf(const struct convert_options *o, struct convert_result *r, struct err *e)
{
    struct convert_plan p = {0};
    struct tf_writer *w = NULL;
    *r = (struct convert_result){.files = 1};
    TRY(model_file_open(&p.model, o->in, e));
    int rc = p.model.gguf ? feed_open_same(&p.feed, &p.model, e)
                          : feed_open_net(&p.feed, &p.model, true, o->write.warn, o->write.ctx, e);
    if (!rc) warn_of_others(o, &p);
    if (!rc) rc = choose_types(&p, o, e);
    if (!rc) rc = tf_writer_gguf(&w, o->out, e);
    if (!rc) rc = write_gguf(o, &p, w, r, e);
    if (!rc) rc = tf_writer_commit(w, e);
    else tf_writer_abort(w);
    convert_plan_free(&p);
    return rc;
}
