/* Fuzz target: what a GGUF says of its model: the configuration and the tokenizer. Text never makes a control token,
 * whatever the file says of its tokens. */
#include "fuzz/fuzz_config.h"
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tokenizer *t;
    struct config c;
    struct err e;
    struct tf f;
    if (tf_open_memory(&f, "fuzz", &(struct io_memory){"fuzz", data, size}, 1, &e)) return 0;
    if (config_from_gguf(&c, &f, &e) == OK) fuzz_look_at_config(&c);
    if (model_tokenizer_from_gguf(&t, &f, &e) == OK) use_tokenizer(t);
    tokenizer_free(t);
    tf_close(&f);
    return 0;
}
