/* Export. */
#include "train/export.h"
#include <limits.h>
#include "base/mem.h"
#include "chat/chat.h"
#include "model/vocab.h"
#include "sys/file.h"

static int export_folder(const struct trainer *t, const char *run, enum dtype type, const struct corpus *c, struct err *e)
{
    char folder[PATH_MAX];
    TRY(path_join(folder, sizeof folder, run, "model", e));
    TRY(file_mkdirs(folder, e));
    TRY(net_save_folder(&t->net, folder, type, e));
    if (!c->tok) return OK;
    struct model_vocab v = {.tok = c->tok, .chat_template = chat_template_of(c->tok)};
    return model_save_tokenizer(&v, t->net.config.context, folder, e);
}

static int export_gguf(const struct trainer *t, const char *run, const char *name, enum dtype type, const struct corpus *c,
                       struct err *e)
{
    char path[PATH_MAX];
    struct model_vocab v = {.tok = c->tok, .chat_template = c->tok ? chat_template_of(c->tok) : NULL};
    TRY(path_join(path, sizeof path, run, name, e));
    return net_save_gguf(&t->net, path, type, c->tok ? model_tokenizer_to_gguf : NULL, &v, e);
}

int train_export(const struct trainer *t, const char *run, const struct recipe *r, const struct corpus *c, struct err *e)
{
    enum dtype type; /* "none" is the only choice that is no format */
    if (format_by_name(r->export_folder, &type)) TRY(export_folder(t, run, type, c, e));
    if (format_by_name(r->export_gguf, &type)) TRY(export_gguf(t, run, "model.gguf", type, c, e));
    if (r->export_gguf_f32) TRY(export_gguf(t, run, "model-f32.gguf", DT_F32, c, e));
    return OK;
}
