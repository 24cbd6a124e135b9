/* Fuzz target, by the input's first byte: '{' tokenizer.json files; 'P' a vocabulary in parts, as GGUF carries it;
 * else any bytes as text, for a tokenizer that the first byte chooses. What loads must survive being written and
 * read again, must give back what it can write of every text, and must not let a text make a control token. */
#include "fuzz/fuzz_quiet.h"
#include "base/mem.h"
#include "text/detok.h"
#include "text/tokenizer.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_TOKENS = 256, MAX_TEXT = 4096, OUTPUT_EVERY = 8, WRITE_EVERY = 4, TRAIN_EVERY = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {"deepseek-v3", "smollm", "gpt-2", "qwen2", "llama-bpe", "deepseek-llm", "deepseek-coder"};
enum { N_NAMES = sizeof names / sizeof *names };

static void check(bool ok)
{
    if (!ok) __builtin_trap();
}

/* Where s goes on after spaces that do not count. */
static size_t skip(const char *s, size_t i, size_t len, bool spaces)
{
    while (spaces && i < len && s[i] == ' ') i++;
    return i;
}

/* True when b is s without the bytes that the vocabulary cannot write. */
static bool same_bytes(const struct tokenizer *t, const struct buf *b, const char *s, size_t len)
{
    size_t k = 0;
    if (b->len == len && (len == 0 || memcmp(b->data, s, len) == 0)) return true;
    for (size_t i = 0; i < len; i++) {
        struct tokens ids = {0};
        struct err e;
        if (k < b->len && b->data[k] == s[i]) k++;
        else {
            check(tokenizer_encode(t, s + i, 1, &ids, &e) == OK);
            if (ids.n) return false;
        }
        tokens_free(&ids);
    }
    return k == b->len;
}

/* True when b is s. SentencePiece reads U+2581 as a space; where it puts spaces in front of text, after added tokens
 * too, they are not compared. */
static bool same_text(const struct tokenizer *t, const struct buf *b, const char *s, size_t len)
{
    struct buf want = {0};
    bool spm = tokenizer_model(t) == TOKENIZER_SPM, some = tokenizer_has_prefix(t);
    if (!spm) return same_bytes(t, b, s, len);
    for (size_t i = 0; i < len; i++) {
        bool space = len - i >= 3 && memcmp(s + i, "\xe2\x96\x81", 3) == 0;
        buf_add_byte(&want, space ? ' ' : s[i]);
        if (space) i += 2;
    }
    size_t i = skip(b->data, 0, b->len, some), k = skip(want.data, 0, want.len, some);
    while (i < b->len && k < want.len && b->data[i] == want.data[k]) {
        i = skip(b->data, i + 1, b->len, some);
        k = skip(want.data, k + 1, want.len, some);
    }
    bool same = i == b->len && k == want.len;
    buf_free(&want);
    return same;
}

static void encode(const struct tokenizer *t, const char *s, size_t len)
{
    struct tokens ids = {0};
    struct buf b = {0};
    struct err e;
    if (tokenizer_encode(t, s, len, &ids, &e) == OK) {
        for (size_t i = 0; i < ids.n; i++) check(!tokenizer_is_control(t, ids.ids[i]));
        check(tokenizer_decode(t, ids.ids, ids.n, false, &b, &e) == OK);
        check(tokenizer_has_flags(t) || same_text(t, &b, s, len)); /* blanks go with some tokens */
    } else check(ids.n == 0);
    buf_free(&b);
    tokens_free(&ids);
}

/* A vocabulary that was accepted. The texts are in NFC, which some files ask for. Writing is slow: not every time. */
static void use(const struct tokenizer *t, bool write)
{
    static const char *const texts[] = {"ab", "abba ab 12", "a\xc3\xbc\xc3\xa9 \xe4\xbd\xa0\xff\xfe", "  \n\n",
                                        "<|x|><s>\xe2\x96\x81 a"};
    struct tokenizer *again = NULL;
    struct buf b = {0};
    struct err e;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) encode(t, texts[i], strlen(texts[i]));
    if (!write) return;
    if (tokenizer_to_json(t, &b, &e) == OK && tokenizer_from_json(&again, b.data, b.len, "again", &e) == OK)
        encode(again, texts[1], strlen(texts[1]));
    tokenizer_free(again);
    buf_free(&b);
    struct tokenizer_parts p;
    struct tokenizer_parts_owned *owned;
    if (tokenizer_to_parts(t, &p, &owned, &e) == OK && tokenizer_from_parts(&again, &p, "parts", &e) == OK)
        tokenizer_free(again);
    tokenizer_parts_free(owned);
}

/* Tokens: a byte with type (3 bits) and length (5 bits), one with the score, the bytes. The text of a merge is a token
 * of type 0. */
static void as_parts(const uint8_t *d, size_t n)
{
    const char *tokens[MAX_TOKENS], *merges[MAX_TOKENS];
    size_t token_len[MAX_TOKENS], merge_len[MAX_TOKENS];
    int32_t types[MAX_TOKENS];
    float scores[MAX_TOKENS];
    struct tokenizer_parts p = {.tokens = tokens,
                                .token_len = token_len,
                                .types = types,
                                .merges = merges,
                                .merge_len = merge_len,
                                .scores = scores,
                                .bos = -1,
                                .eos = -1,
                                .pad = -1};
    struct tokenizer *t;
    struct err e;
    if (n < 1) return;
    p.model = d[0] & 1 ? TOKENIZER_SPM : TOKENIZER_BYTES;
    p.add_space_prefix = d[0] & 2;
    p.pre = names[(d[0] >> 2) % N_NAMES];
    if (d[0] & 128) p.bos = d[0] >> 5 & 3;
    for (size_t i = 1; i + 2 <= n && p.n_tokens < MAX_TOKENS && p.n_merges < MAX_TOKENS;) {
        size_t len = d[i] & 31;
        if (len > n - i - 2) len = n - i - 2;
        const char *s = (const char *)d + i + 2;
        if (d[i] >> 5 == 0) {
            merges[p.n_merges] = s;
            merge_len[p.n_merges++] = len;
        } else {
            tokens[p.n_tokens] = s;
            token_len[p.n_tokens] = len;
            types[p.n_tokens] = d[i] >> 5;
            scores[p.n_tokens++] = -(float)d[i + 1];
        }
        i += 2 + len;
    }
    if (tokenizer_from_parts(&t, &p, "parts", &e)) return;
    encode(t, (const char *)d, n < MAX_TEXT ? n : MAX_TEXT);
    use(t, n % WRITE_EVERY == 0);
    tokenizer_free(t);
}

/* Learns from the input. */
static void as_training(const char *s, size_t len)
{
    static const char *const specials[] = {"<s>"};
    struct bpe_trainer *b = NULL;
    struct tokenizer *t = NULL;
    struct err e;
    struct bpe_options o = {300, specials, 1, len & 1};
    if (bpe_trainer_new(&b, &o, &e) || bpe_trainer_add(b, s, len, &e) || bpe_trainer_finish(b, &t, NULL, NULL, &e)) abort();
    bpe_trainer_free(b);
    encode(t, s, len);
    use(t, true);
    tokenizer_free(t);
}

/* All bytes and a few merges, with each of the pre-tokenizers; made once. */
static const struct tokenizer *fixed(size_t i)
{
    static struct tokenizer *all[N_NAMES];
    static const char text[] =
        "the cat and the dog \xe4\xbd\xa0\xe5\xa5\xbd\xe4\xbd\xa0\xe5\xa5\xbd 12 12 \n\n\n\n aaaa aaaa the the then";
    static const char *const specials[] = {"<s>"};
    struct bpe_options o = {290, specials, 1, true};
    struct bpe_trainer *b = NULL;
    struct tokenizer *t = NULL;
    struct tokenizer_parts p;
    struct tokenizer_parts_owned *owned;
    struct err e;
    if (all[i]) return all[i];
    if (bpe_trainer_new(&b, &o, &e) || bpe_trainer_add(b, text, sizeof text - 1, &e) ||
        bpe_trainer_finish(b, &t, NULL, NULL, &e) || tokenizer_to_parts(t, &p, &owned, &e))
        abort();
    p.pre = names[i];
    check(tokenizer_from_parts(&all[i], &p, "parts", &e) == OK);
    bpe_trainer_free(b);
    tokenizer_parts_free(owned);
    tokenizer_free(t);
    return all[i];
}

/* What output goes through. */
static void as_output(const char *s, size_t len)
{
    static const char *const stops[] = {"ab", "\n\n", "abc"};
    struct detok d;
    struct stopper st;
    struct buf text = {0}, shown = {0}, clean = {0};
    detok_init(&d, fixed(0), true);
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
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tokenizer *t = NULL;
    struct err e;
    const char *s = size ? (const char *)data : "";
    if (size == 0 || data[0] == '{') {
        if (tokenizer_from_json(&t, s, size, "input", &e) == OK) use(t, size % WRITE_EVERY == 0);
        tokenizer_free(t);
        return 0;
    }
    if (data[0] == 'P') {
        as_parts(data + 1, size - 1);
        return 0;
    }
    if (size > MAX_TEXT) return 0;
    encode(fixed(data[0] % N_NAMES), s + 1, size - 1);
    if (data[0] % OUTPUT_EVERY == 0) as_output(s + 1, size - 1);
    if (data[0] == 0 && size % TRAIN_EVERY == 0) as_training(s + 1, size - 1);
    return 0;
}
