/* Conversion. */
#include "quant/convert.h"
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "model/chat_template.h"
#include "sys/cpu.h"
#include "sys/file.h"
#include "sys/meminfo.h"

/* What is in the file besides weights, and whether the weights fit into memory as f32. */
static int look(struct converted *c, const char *path, struct err *e)
{
    struct tf f;
    struct meminfo info;
    uint64_t bytes[DT_COUNT] = {0}, elements = 0;
    TRY(tf_open(&f, path, e));
    for (size_t i = 0; i < f.n_tensors; i++) {
        const struct tf_tensor *t = &f.tensors[i];
        uint64_t n = t->known ? t->bytes / (uint64_t)formats[t->dtype].bytes * (uint64_t)formats[t->dtype].block : 0;
        if (t->known) bytes[t->dtype] += t->bytes;
        elements += n;
    }
    for (int t = 1; t < DT_COUNT; t++)
        if (bytes[t] > bytes[c->main_type]) c->main_type = (enum dtype)t;
    tf_close(&f);
    meminfo_read(&info);
    if (info.known && elements > info.available / 4)
        FAIL(e, ERR_MEMORY, "%s has %.0f million numbers: %.0f MiB as f32, and %.0f MiB are free", path,
             (double)elements / 1e6, (double)elements * 4 / (1 << 20), (double)info.available / (1 << 20));
    return model_chat_template(&c->chat_template, path, e);
}

int convert_open(struct converted *c, const char *path, struct err *e)
{
    struct kernels ks;
    struct load_options o = {.ks = &ks, .plain = true};
    *c = (struct converted){0};
    if (!file_exists(path)) FAIL(e, ERR_NOTFOUND, "%s: there is no such model", path);
    kernels_init(&ks, kernels_max_level());
    TRY(look(c, path, e));
    TRY(net_load(&c->net, path, &o, e));
    return model_load_tokenizer(&c->tok, path, e);
}

void convert_close(struct converted *c)
{
    net_free(&c->net);
    tokenizer_free(c->tok);
    mem_free(c->chat_template);
    *c = (struct converted){0};
}

int convert_save_gguf(struct converted *c, const char *path, enum dtype type, struct err *e)
{
    struct model_vocab v = {c->tok, c->chat_template};
    return net_save_gguf(&c->net, path, type, model_tokenizer_to_gguf, &v, e);
}

int convert_save_folder(struct converted *c, const char *folder, enum dtype type, struct err *e)
{
    struct model_vocab v = {c->tok, c->chat_template};
    TRY(net_save_folder(&c->net, folder, type, e));
    return model_save_tokenizer(&v, c->net.config.context, folder, e);
}
