/* Fuzz target: tokenizer.json files, and any bytes as text. What loads must survive being written and read again, must
 * give back every text that it can encode, and must not let a text make a control token. */
#include "base/mem.h"
#include "text/detok.h"
#include "text/tokenizer.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok) __builtin_trap();
}

static void encode(const struct tokenizer *t, const char *s, size_t len)
{
    struct tokens ids = {0};
    struct buf b = {0};
    struct err e;
    if (tokenizer_encode(t, s, len, &ids, &e) == OK) {
        for (size_t i = 0; i < ids.n; i++) check(!tokenizer_is_control(t, ids.ids[i]));
        check(tokenizer_decode(t, ids.ids, ids.n, false, &b, &e) == OK);
        check(b.len == len && (len == 0 || memcmp(b.data, s, len) == 0));
    } else check(ids.n == 0);
    buf_free(&b);
    tokens_free(&ids);
}

/* A file that was accepted. The texts are in NFC, which some files ask for. */
static void use(const struct tokenizer *t)
{
    static const char *const texts[] = {"ab", "abba ab 12", "a\xc3\xbc\xc3\xa9 \xe4\xbd\xa0\xff\xfe", "  \n\n",
                                        "<|x|><s>"};
    struct tokenizer *again = NULL;
    struct buf b = {0};
    struct err e;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) encode(t, texts[i], strlen(texts[i]));
    if (tokenizer_to_json(t, &b, &e) == OK) check(tokenizer_from_json(&again, b.data, b.len, "again", &e) == OK);
    tokenizer_free(again);
    buf_free(&b);
    struct tokenizer_parts p;
    struct tokenizer_parts_owned *owned;
    if (tokenizer_to_parts(t, &p, &owned, &e) == OK && tokenizer_from_parts(&again, &p, "parts", &e) == OK)
        tokenizer_free(again);
    tokenizer_parts_free(owned);
}

/* The input as text: a tokenizer of bytes and a few merges, and what output goes through. */
static void as_text(const char *s, size_t len)
{
    static const char *const names[] = {"deepseek-v3", "smollm", "gpt-2", "qwen2", "llama-bpe", "deepseek-llm"};
    static const char *const specials[] = {"<s>"};
    static const char *const stops[] = {"ab", "\n\n", "abc"};
    struct bpe_trainer *b = NULL;
    struct tokenizer *t = NULL, *other = NULL;
    struct err e;
    struct bpe_options o = {300, specials, 1, len & 1};
    if (bpe_trainer_new(&b, &o, &e) || bpe_trainer_add(b, s, len, &e) || bpe_trainer_finish(b, &t, NULL, NULL, &e))
        abort();
    bpe_trainer_free(b);
    encode(t, s, len);
    struct tokenizer_parts p;
    struct tokenizer_parts_owned *owned;
    check(tokenizer_to_parts(t, &p, &owned, &e) == OK);
    p.pre = names[len % 6];
    check(tokenizer_from_parts(&other, &p, "parts", &e) == OK);
    encode(other, s, len);
    struct detok d;
    struct stopper st;
    struct buf text = {0}, shown = {0}, clean = {0};
    detok_init(&d, t, true);
    detok_bytes(&d, s, len, &text);
    detok_flush(&d, &text);
    stopper_init(&st, stops, 3);
    for (size_t i = 0; i < text.len; i++) stopper_feed(&st, text.data + i, 1, &shown);
    stopper_flush(&st, &shown);
    check(shown.len <= text.len && (shown.len == 0 || memcmp(shown.data, text.data, shown.len) == 0));
    text_sanitize_terminal(s, len, &clean);
    for (size_t i = 0; i < clean.len; i++)
        check((uint8_t)clean.data[i] >= 32 || clean.data[i] == '\n' || clean.data[i] == '\t');
    stopper_free(&st);
    buf_free(&text);
    buf_free(&shown);
    buf_free(&clean);
    tokenizer_parts_free(owned);
    tokenizer_free(t);
    tokenizer_free(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tokenizer *t = NULL;
    struct err e;
    const char *s = size ? (const char *)data : "";
    if (tokenizer_from_json(&t, s, size, "input", &e) == OK) use(t);
    tokenizer_free(t);
    if (size && data[0] != '{' && size <= 4096) as_text(s, size);
    return 0;
}
