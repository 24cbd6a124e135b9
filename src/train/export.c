/* Export. */
#include "train/export.h"
#include <limits.h>
#include "base/mem.h"
#include "chat/chat.h"
#include "model/generation.h"
#include "model/model_file.h"
#include "model/vocab.h"
#include "sys/dir.h"
#include "sys/file.h"

/* What the files say beside the weights. */
struct card {
    const char *name;
    struct generation advice; /* on sampling */
    bool advises;
    struct model_vocab vocab; /* tok NULL: none */
    const struct config *config;
};

static int card_init(struct card *card, const struct trainer *t, const struct recipe *r, const struct corpus *c, struct err *e)
{
    *card = (struct card){.name = *r->model_name ? r->model_name : r->name, .config = &t->net.config};
    card->vocab = (struct model_vocab){.tok = c->tok, .chat_template = c->tok ? chat_template_of(c->tok) : NULL};
    return recipe_advice(r, &card->advice, &card->advises, e);
}

static int write_advice(const struct card *card, const char *folder, struct err *e)
{
    char path[PATH_MAX];
    struct generation g = card->advice;
    struct buf b = {0};
    if (card->config->eos >= 0) g.ends[g.n_ends++] = (int32_t)card->config->eos;
    TRY(path_join(path, sizeof path, folder, "generation_config.json", e));
    int rc = generation_to_json(&g, card->config->bos, &b, e);
    if (!rc) rc = file_replace(path, b.data, b.len, e);
    buf_free(&b);
    return rc;
}

static int write_folder(const struct trainer *t, const char *folder, enum dtype type, const struct card *card, struct err *e)
{
    TRY(net_save_folder(&t->net, folder, type, e));
    if (card->advises) TRY(write_advice(card, folder, e));
    return card->vocab.tok ? model_save_tokenizer(&card->vocab, t->net.config.context, folder, e) : OK;
}

/* The folder appears whole, in place of an older model. Files of the user's in it stay: then each is replaced by itself. */
static int export_folder(const struct trainer *t, const char *run, enum dtype type, const struct card *card, struct err *e)
{
    char folder[PATH_MAX];
    struct dir_out o;
    struct err why = {0};
    TRY(path_join(folder, sizeof folder, run, "model", e));
    int rc = dir_out_open_over(&o, folder, model_is_file_name, &why);
    if (rc == ERR_USAGE && file_is_dir(folder)) return write_folder(t, folder, type, card, e);
    if (rc) return err_set(e, why.code, why.file, why.line, "%s", why.msg);
    rc = write_folder(t, dir_out_path(&o), type, card, e);
    if (!rc) rc = dir_out_commit(&o, e);
    dir_out_abort(&o); /* no effect after commit */
    return rc;
}

static int card_to_gguf(void *ctx, struct tf_writer *w, struct err *e)
{
    struct card *card = ctx;
    TRY(tf_writer_kv_str(w, "general.name", card->name, e));
    TRY(generation_sampling_to_gguf(&card->advice, w, e));
    return card->vocab.tok ? model_tokenizer_to_gguf(&card->vocab, w, e) : net_save_no_tokenizer(card->config, w, e);
}

static int export_gguf(const struct trainer *t, const char *run, const char *name, enum dtype type, struct card *card,
                       struct err *e)
{
    char path[PATH_MAX];
    TRY(path_join(path, sizeof path, run, name, e));
    return net_save_gguf(&t->net, path, type, card_to_gguf, card, e);
}

int train_export(const struct trainer *t, const char *run, const struct recipe *r, const struct corpus *c, struct err *e)
{
    enum dtype type; /* "none" is the only choice that is no format */
    struct card card;
    TRY(card_init(&card, t, r, c, e));
    if (format_by_name(r->export_folder, &type)) TRY(export_folder(t, run, type, &card, e));
    if (format_by_name(r->export_gguf, &type)) TRY(export_gguf(t, run, "model.gguf", type, &card, e));
    if (r->export_gguf_f32) TRY(export_gguf(t, run, "model-f32.gguf", DT_F32, &card, e));
    return OK;
}
