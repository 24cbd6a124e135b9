/* To a folder as transformers reads it. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include "base/json.h"
#include "base/mem.h"
#include "model/chat_template.h"
#include "model/generation.h"
#include "model/vocab.h"
#include "quant/convert.h"
#include "sys/dir.h"
#include "sys/file.h"

enum { SIDE_FILE_MAX = 256 << 20 };

/* ---- formats ---- */

static bool fits(enum dtype t) { return formats[t].safetensors_name != NULL && t != DT_F8_E4M3 && t != DT_I32; }

static int choose_types(struct convert_plan *p, enum dtype type, struct err *e)
{
    const struct feed *f = &p->feed;
    enum dtype most_are = convert_main_type(f, NULL);
    if (!fits(most_are)) most_are = DT_BF16;
    TRY(convert_plan_init(p, e));
    for (size_t i = 0; i < f->n; i++) {
        const struct feed_tensor *t = &f->v[i];
        enum dtype as_is = fits(t->from) && feed_raw(f, t, 0) ? t->from : most_are;
        p->to[i] = p->wanted[i] = !t->matrix ? (fits(t->from) ? t->from : DT_F32) : type == DT_COUNT ? as_is : type;
    }
    return OK;
}

/* ---- weights ---- */

struct shards {
    int *of; /* per tensor, from 0 */
    int n;
};

static uint64_t bytes_of(const struct convert_plan *p, size_t i)
{
    return format_bytes(p->to[i], feed_rows_of(&p->feed.v[i]) * feed_cols(&p->feed.v[i]));
}

static int divide(struct shards *s, const struct convert_plan *p, uint64_t most, struct err *e)
{
    uint64_t bytes = 0;
    TRY(mem_new((void **)&s->of, p->feed.n * sizeof *s->of, "the list of tensors", e));
    s->n = 1;
    for (size_t i = 0; i < p->feed.n; i++) {
        uint64_t b = bytes_of(p, i);
        if (bytes > 0 && bytes + b > most) {
            s->n++;
            bytes = 0;
        }
        bytes += b;
        s->of[i] = s->n - 1;
    }
    return OK;
}

static void shard_name(char out[64], const struct shards *s, int i)
{
    if (s->n == 1) snprintf(out, 64, "model.safetensors");
    else snprintf(out, 64, "model-%05d-of-%05d.safetensors", i + 1, s->n);
}

static int write_tensors(struct tf_writer *w, struct convert_plan *p, const struct shards *s, int shard,
                         const struct convert_options *o, struct convert_result *r, struct err *e)
{
    const struct feed *f = &p->feed;
    TRY(tf_writer_kv_str(w, "format", "pt", e)); /* transformers asks for it */
    for (size_t i = 0; i < f->n; i++)
        if (s->of[i] == shard) TRY(tf_writer_declare(w, f->v[i].name, p->to[i], f->v[i].nd, f->v[i].ne, e));
    TRY(tf_writer_begin(w, e));
    for (size_t i = 0; i < f->n; i++)
        if (s->of[i] == shard)
            TRY(write_tensor(w, &p->feed, &f->v[i], p->to[i], p->wanted[i], &o->write, &r->totals, e));
    return OK;
}

static int write_shard(struct convert_plan *p, const struct shards *s, int shard, const struct convert_options *o,
                       struct convert_result *r, struct err *e)
{
    char name[64], path[PATH_MAX];
    struct tf_writer *w;
    shard_name(name, s, shard);
    TRY(path_join(path, sizeof path, o->out, name, e));
    TRY(tf_writer_safetensors(&w, path, e));
    int rc = write_tensors(w, p, s, shard, o, r, e);
    if (!rc) return tf_writer_commit(w, e);
    tf_writer_abort(w);
    return rc;
}

static int write_index(const struct convert_plan *p, const struct shards *s, const char *folder, uint64_t total,
                       struct err *e)
{
    char name[64], path[PATH_MAX];
    json_t *map = json_object(), *root = json_pack("{s:{s:I}}", "metadata", "total_size", (json_int_t)total);
    int bad = !map || !root;
    for (size_t i = 0; i < p->feed.n && !bad; i++) {
        shard_name(name, s, s->of[i]);
        bad = json_object_set_new(map, p->feed.v[i].name, json_string(name));
    }
    bad |= json_object_set(root, "weight_map", map);
    char *text = bad ? NULL : json_text_pretty(root);
    json_decref(map);
    json_decref(root);
    if (!text) FAIL(e, ERR_MEMORY, "out of memory for the index of %zu tensors", p->feed.n);
    int rc = path_join(path, sizeof path, folder, "model.safetensors.index.json", e);
    if (!rc) rc = file_replace(path, text, strlen(text), e);
    mem_free(text);
    return rc;
}

/* ---- what stands beside the weights ---- */

static int copy_file(const char *from, const char *to, const char *name, struct err *e)
{
    char a[PATH_MAX], b[PATH_MAX], *text;
    size_t len;
    TRY(path_join(a, sizeof a, from, name, e));
    TRY(path_join(b, sizeof b, to, name, e));
    if (file_absent(a)) return OK;
    TRY(file_read(&text, &len, a, SIDE_FILE_MAX, e));
    int rc = file_replace(b, text, len, e);
    mem_free(text);
    return rc;
}

static int copy_templates(const char *from, const char *to, struct err *e)
{
    char a[PATH_MAX], b[PATH_MAX], **names = NULL;
    size_t n = 0;
    TRY(path_join(a, sizeof a, from, CHAT_TEMPLATE_DIR, e));
    TRY(path_join(b, sizeof b, to, CHAT_TEMPLATE_DIR, e));
    if (file_absent(a)) return OK;
    TRY(file_mkdirs(b, e));
    int rc = file_list(&names, &n, a, e);
    if (rc) return rc;
    for (size_t i = 0; i < n && !rc; i++)
        if (str_ends_with(names[i], ".jinja")) rc = copy_file(a, b, names[i], e);
    names_free(names, n);
    return rc;
}

static int copy_side_files(const char *from, const char *to, struct err *e)
{
    for (size_t i = 0; model_side_files[i]; i++) TRY(copy_file(from, to, model_side_files[i], e));
    return copy_templates(from, to, e);
}

static int write_generation(const struct convert_options *o, struct model_file *m, const struct config *c, struct err *e)
{
    struct generation g;
    struct buf b = {0};
    char path[PATH_MAX];
    TRY(model_generation(&g, m, c->vocab, e));
    if (o->advice) generation_replace(&g, o->advice);
    TRY(path_join(path, sizeof path, o->out, "generation_config.json", e));
    int rc = generation_to_json(&g, c->bos, &b, e);
    if (!rc) rc = file_replace(path, b.data, b.len, e);
    buf_free(&b);
    return rc;
}

/* Out of GGUF metadata. */
static int write_side_files(const struct convert_options *o, struct model_file *m, const struct config *c, struct err *e)
{
    struct model_vocab v = {0};
    struct chat_templates templates;
    struct tokenizer *tok = NULL;
    struct err why = {0};
    int rc = model_load_tokenizer(&tok, m, &why);
    if (rc == ERR_NOTFOUND || (rc == ERR_UNSUPPORTED && strstr(why.msg, "\"none\""))) {
        if (o->write.warn) o->write.warn(o->write.ctx, "the model has no tokenizer, and so has the folder");
        return write_generation(o, m, c, e);
    }
    if (rc) return err_set(e, why.code, why.file, why.line, "%s", why.msg);
    rc = model_chat_templates(&templates, m, e);
    v.tok = tok;
    v.chat_template = chat_templates_find(&templates, CHAT_TEMPLATE_MAIN);
    v.templates = &templates;
    if (!rc) rc = model_save_tokenizer(&v, c->context, o->out, e);
    if (!rc) rc = write_generation(o, m, c, e);
    chat_templates_free(&templates);
    tokenizer_free(tok);
    return rc;
}

static int side_files_of(const struct convert_options *o, const struct feed *f, struct err *e)
{
    if (f->model->gguf) return write_side_files(o, f->model, &net_source_net(f->net)->config, e);
    TRY(copy_side_files(f->model->folder, o->out, e));
    return o->advice ? write_generation(o, f->model, &net_source_net(f->net)->config, e) : OK;
}

static void count_all(const struct convert_plan *p, const struct shards *s, struct convert_result *r)
{
    r->files = s->n;
    r->from = convert_main_type(&p->feed, NULL);
    r->to = convert_main_type(&p->feed, p->to);
    for (size_t i = 0; i < p->feed.n; i++) convert_count(r, p, i);
}

/* Everything, into the folder o->out. What may be refused comes first: the weights take long. */
static int write_files(const struct convert_options *o, struct convert_plan *p, const struct shards *s,
                       const struct buf *config, struct convert_result *r, struct err *e)
{
    char path[PATH_MAX];
    TRY(side_files_of(o, &p->feed, e));
    for (int i = 0; i < s->n; i++) TRY(write_shard(p, s, i, o, r, e));
    if (s->n > 1) TRY(write_index(p, s, o->out, r->bytes, e));
    TRY(path_join(path, sizeof path, o->out, "config.json", e));
    return file_replace(path, config->data, config->len, e);
}

static int write_folder(const struct convert_options *o, struct convert_plan *p, const struct shards *s,
                        const struct buf *config, struct convert_result *r, struct err *e)
{
    struct convert_options in_making = *o;
    char parent[PATH_MAX];
    struct dir_out out;
    count_all(p, s, r);
    TRY(convert_check_space(o->out, r->bytes, e));
    TRY(path_dir(parent, sizeof parent, o->out, e));
    TRY(file_mkdirs(parent, e));
    TRY(dir_out_open_over(&out, o->out, o->replace ? model_is_file_name : NULL, e));
    in_making.out = dir_out_path(&out);
    int rc = write_files(&in_making, p, s, config, r, e);
    if (!rc) rc = dir_out_commit(&out, e);
    dir_out_abort(&out); /* no effect after commit */
    return rc;
}

int convert_to_folder(const struct convert_options *o, struct convert_result *r, struct err *e)
{
    struct convert_plan p = {0};
    struct shards s = {0};
    struct buf config = {0};
    *r = (struct convert_result){0};
    if (o->type < DT_COUNT && !fits(o->type))
        FAIL(e, ERR_UNSUPPORTED, "%s: safetensors cannot hold %s; use GGUF", o->out, formats[o->type].name);
    TRY(model_file_open(&p.model, o->in, e));
    int rc = feed_open_net(&p.feed, &p.model, false, o->write.warn, o->write.ctx, e);
    if (!rc) rc = config_to_json(&net_source_net(p.feed.net)->config, &config, e);
    if (!rc) rc = choose_types(&p, o->type, e);
    if (!rc) rc = divide(&s, &p, o->shard, e);
    if (!rc) rc = write_folder(o, &p, &s, &config, r, e);
    mem_free(s.of);
    buf_free(&config);
    convert_plan_free(&p);
    return rc;
}
