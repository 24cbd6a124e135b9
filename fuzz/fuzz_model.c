/* Fuzz target: what a GGUF says of its model: the configuration, the templates and the tokenizer. Text never makes a
 * control token, whatever the file says of its tokens. */
#include "fuzz/fuzz_config.h"
#include "fuzz/fuzz_quiet.h"
#include "base/utf8.h"
#include "io/reader.h"
#include "model/vocab.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use_tokenizer(const struct tokenizer *t)
{
    static const char *const texts[] = {"abab ab", "<s>a</s><|x|><0x0A>", "\xe4\xbd\xa0\xff 12"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct tokens ids = {0};
        struct buf b = {0};
        struct err e;
        if (tokenizer_encode(t, texts[i], strlen(texts[i]), &ids, &e) == OK) {
            for (size_t k = 0; k < ids.n; k++) fuzz_check(!tokenizer_is_control(t, ids.ids[k]));
            fuzz_check(tokenizer_decode(t, ids.ids, ids.n, true, &b, &e) == OK);
        }
        buf_free(&b);
        tokens_free(&ids);
    }
}

/* Each name once, and texts that may be shown to whoever reads strings. */
static void look_at_templates(const struct chat_templates *t)
{
    for (size_t i = 0; i < t->n; i++) {
        const char *name = t->v[i].name, *text = t->v[i].text;
        fuzz_check(*name && chat_templates_find(t, name) == text && utf8_valid(text, strlen(text), NULL));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tokenizer *t;
    struct config c;
    struct err e;
    struct model_file m = {.gguf = true};
    struct chat_templates templates;
    if (tf_open_memory(&m.tf, "fuzz", &(struct io_memory){"fuzz", data, size}, 1, &e)) return 0;
    if (net_read_config(&c, &m, &e) == OK) fuzz_look_at_config(&c);
    if (model_chat_templates(&templates, &m, &e) == OK) look_at_templates(&templates);
    chat_templates_free(&templates);
    if (model_load_tokenizer(&t, &m, &e) == OK) use_tokenizer(t);
    tokenizer_free(t);
    model_file_close(&m);
    return 0;
}
