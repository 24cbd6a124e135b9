/* Added tokens as the files of tokenizers describe them: flags, against the "tokenizers" library (fixture of
 * tools/make_flag_fixtures.py); merges that are there twice or that lead to added tokens; tokens that are there twice. */
#include <string.h>
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "sys/file.h"
#include "tests/test.h"
#include "tests/warned.h"
#include "text/tokenizer.h"

static struct err e;

static bool same_ids(const struct tokens *ids, const json_t *want, size_t from)
{
    if (ids->n != json_array_size(want) - from) return false;
    for (size_t i = 0; i < ids->n; i++)
        if (ids->ids[i] != json_integer_value(json_array_get(want, i + from))) return false;
    return true;
}

static void check_cases(const struct tokenizer *t, const char *name, const json_t *cases)
{
    const json_t *c;
    size_t i;
    json_array_foreach(cases, i, c)
    {
        struct tokens ids = {0};
        const json_t *text = json_array_get(c, 0);
        CHECK_OK(tokenizer_encode(t, json_string_value(text), json_string_length(text), &ids, &e), &e);
        CHECK(same_ids(&ids, c, 1), "%s: text %zu, \"%s\": %zu ids, expected %zu", name, i, json_string_value(text), ids.n,
              json_array_size(c) - 1);
        tokens_free(&ids);
    }
}

/* Read from its file, and from the file that we write of it. */
static void check_tokenizer(const json_t *x)
{
    const char *name = json_string_value(json_object_get(x, "name"));
    struct tokenizer *t = NULL, *again = NULL;
    struct buf b = {0};
    char *json = json_text(json_object_get(x, "tokenizer"));
    CHECK_OK(tokenizer_from_json(&t, json, strlen(json), name, &e), &e);
    mem_free(json);
    if (!t) return;
    check_cases(t, name, json_object_get(x, "cases"));
    CHECK(tokenizer_has_flags(t), "%s: no flags", name);
    CHECK_OK(tokenizer_to_json(t, &b, &e), &e);
    CHECK_OK(tokenizer_from_json(&again, b.data, b.len, name, &e), &e);
    if (again) check_cases(again, name, json_object_get(x, "cases"));
    buf_free(&b);
    tokenizer_free(t);
    tokenizer_free(again);
}

static void check_flags(void)
{
    char *text = NULL;
    size_t len = 0, i;
    json_t *list = NULL, *x;
    CHECK_OK(file_read(&text, &len, "tests/fixtures/text/flags.json", 1 << 24, &e), &e);
    if (text) CHECK_OK(json_parse(&list, text, len, "flags.json", &e), &e);
    mem_free(text);
    CHECK(json_array_size(list) >= 12, "%zu tokenizers", json_array_size(list));
    json_array_foreach(list, i, x) check_tokenizer(x);
    json_decref(list);
}

/* What a marker takes beside it, for those who put markers by id. */
static void check_takes(void)
{
    static const char json[] =
        "{\"decoder\":{\"type\":\"ByteLevel\"},\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},"
        "\"added_tokens\":[{\"id\":1,\"content\":\"<|a|>\",\"special\":true,\"lstrip\":true},"
        "{\"id\":2,\"content\":\"<|b|>\",\"special\":true,\"rstrip\":true}],"
        "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}}";
    struct tokenizer *t = NULL;
    CHECK_OK(tokenizer_from_json(&t, json, sizeof json - 1, "t.json", &e), &e);
    if (!t) return;
    CHECK(tokenizer_takes(t, 1, true, "x \t\xc2\xa0", 5) == 4 && tokenizer_takes(t, 1, false, "  x", 3) == 0, "lstrip");
    CHECK(tokenizer_takes(t, 2, false, "\n x ", 4) == 2 && tokenizer_takes(t, 2, true, "x ", 2) == 0, "rstrip");
    CHECK(tokenizer_takes(t, 0, false, "  ", 2) == 0 && tokenizer_takes(t, -1, false, " ", 1) == 0, "no flags");
    CHECK(tokenizer_takes(t, 2, false, "", 0) == 0 && tokenizer_takes(t, 1, true, "  ", 2) == 2, "nothing but blanks");
    tokenizer_free(t);
}

static void encode_is(const struct tokenizer *t, const char *text, const char *want, const char *what)
{
    struct tokens ids = {0};
    char got[200] = "";
    CHECK_OK(tokenizer_encode(t, text, strlen(text), &ids, &e), &e);
    for (size_t i = 0; i < ids.n; i++) snprintf(got + strlen(got), sizeof got - strlen(got), "%s%d", i ? " " : "", ids.ids[i]);
    CHECK(!strcmp(got, want), "%s: \"%s\" became %s, expected %s", what, text, got, want);
    tokens_free(&ids);
}

#define PRE  ",\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false}"
#define HEAD "{\"decoder\":{\"type\":\"ByteLevel\"}" PRE
#define ABC  "\"a\":0,\"b\":1,\"c\":2,\"ab\":3,\"bc\":4"

/* In tokenizer.json the last of two equal merges has the rank ("a b" after "b c"); what leads to an added token is left out. */
static void check_merges_json(void)
{
    static const struct {
        const char *json, *text, *ids, *warning;
    } cases[] = {
        {HEAD ",\"model\":{\"type\":\"BPE\",\"vocab\":{" ABC "},\"merges\":[\"a b\",\"b c\"]}}", "abc", "3 2", ""},
        {HEAD ",\"model\":{\"type\":\"BPE\",\"vocab\":{" ABC "},\"merges\":[\"a b\",\"b c\",\"a b\"]}}", "abc", "0 4",
         "merges listed twice, of which the last counts: 1"},
        {HEAD ",\"added_tokens\":[{\"id\":3,\"content\":\"ab\",\"special\":true}],\"model\":{\"type\":\"BPE\",\"vocab\":{" ABC
              "},\"merges\":[\"a b\",\"b c\"]}}", "abc", "0 4", "take or make added tokens, which text never becomes, and are ignored: 1"},
        {HEAD ",\"added_tokens\":[{\"id\":1,\"content\":\"b\",\"special\":true}],\"model\":{\"type\":\"BPE\",\"vocab\":{" ABC
              "},\"merges\":[\"a b\",\"b c\"]}}", "ac", "0 2", "take or make added tokens, which text never becomes, and are ignored: 2"},
        {HEAD ",\"model\":{\"type\":\"BPE\",\"dropout\":0.1,\"fuse_unk\":true,\"vocab\":{" ABC "},\"merges\":[\"a b\"]}}", "ab",
         "3", "\"dropout\" is 0.1"},
        {"{\"decoder\":null" PRE ",\"model\":{\"type\":\"BPE\",\"vocab\":{" ABC "},\"merges\":[\"a b\"]}}", "ab", "3",
         "there is no decoder"},
        {HEAD ",\"added_tokens\":[{\"id\":5,\"content\":\"\"}],\"model\":{\"type\":\"BPE\",\"vocab\":{" ABC
              "},\"merges\":[]}}", "ab", "0 1", "\"added_tokens\" entry 0 is empty"},
        /* The added token is the text, the merge's result the bytes that are written so. */
        {HEAD ",\"added_tokens\":[{\"id\":5,\"content\":\"\u00e2\u0124\",\"special\":true}],\"model\":{\"type\":\"BPE\","
              "\"vocab\":{" ABC ",\"\u00e2\u0124\":5,\"\u00e2\":6,\"\u0124\":7},\"merges\":[\"\u00e2 \u0124\"]}}", "a", "0",
         "and are ignored: 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tokenizer *t = NULL;
        struct buf b = {0};
        listen();
        CHECK_OK(tokenizer_from_json(&t, cases[i].json, strlen(cases[i].json), "t.json", &e), &e);
        log_to(NULL, NULL);
        CHECK(*cases[i].warning ? strstr(warned, cases[i].warning) != NULL : !*warned, "case %zu: warnings \"%s\"", i, warned);
        if (!t) continue;
        encode_is(t, cases[i].text, cases[i].ids, "read");
        CHECK_OK(tokenizer_to_json(t, &b, &e), &e);
        tokenizer_free(t);
        CHECK_OK(tokenizer_from_json(&t, b.data, b.len, "again", &e), &e);
        if (t) encode_is(t, cases[i].text, cases[i].ids, "read again");
        tokenizer_free(t);
        buf_free(&b);
    }
}

/* ---- parts, as GGUF has them ---- */

static struct tokenizer *from_parts(const char *const *tokens, const int32_t *types, size_t n, const char *const *merges,
                                    size_t n_merges, const float *scores)
{
    size_t len[16], merge_len[8];
    struct tokenizer *t = NULL;
    for (size_t i = 0; i < n; i++) len[i] = strlen(tokens[i]);
    for (size_t i = 0; i < n_merges; i++) merge_len[i] = strlen(merges[i]);
    struct tokenizer_parts p = {.n_tokens = n, .tokens = tokens, .token_len = len, .types = types, .merges = merges,
                                .merge_len = merge_len, .n_merges = n_merges, .pre = "gpt-2", .bos = -1, .eos = -1, .pad = -1,
                                .model = scores ? TOKENIZER_SPM : TOKENIZER_BYTES, .scores = scores};
    listen();
    CHECK_OK(tokenizer_from_parts(&t, &p, "parts", &e), &e);
    log_to(NULL, NULL);
    return t;
}

static void back_from_json(const struct tokenizer *t, const char *text, const char *ids)
{
    struct tokenizer *again = NULL;
    struct buf b = {0};
    CHECK_OK(tokenizer_to_json(t, &b, &e), &e);
    CHECK_OK(tokenizer_from_json(&again, b.data ? b.data : "", b.len, "again", &e), &e);
    if (again) encode_is(again, text, ids, "through tokenizer.json");
    tokenizer_free(again);
    buf_free(&b);
}

/* As llama.cpp: of equal merges the first counts, of equal tokens the last. Such files, and those with a token that the
 * other file cannot spell, become a tokenizer.json that we read. */
static void check_parts_twice(void)
{
    static const char *const letters[] = {"a", "b", "c", "ab", "bc", "a", "<|x|>", "<|x|>", "[PAD]", "[PAD]", "ab"};
    static const int32_t types[] = {1, 1, 1, 1, 1, 1, 3, 3, 5, 5, 5};
    static const char *const merges[] = {"a b", "b c", "a b"};
    struct tokenizer *t = from_parts(letters, types, 11, merges, 3, NULL);
    CHECK(strstr(warned, "merges listed twice, of which the first counts: 1"), "\"%s\"", warned);
    CHECK(strstr(warned, "tokens that are spelled as another, of which text becomes the last: 3"), "\"%s\"", warned);
    if (!t) return;
    encode_is(t, "abc", "10 2", "parts");
    encode_is(t, "ac", "5 2", "parts");
    CHECK(tokenizer_special(t, "<|x|>") == 7, "marker %d", tokenizer_special(t, "<|x|>"));
    back_from_json(t, "abc", "10 2");
    back_from_json(t, "ac", "5 2");
    tokenizer_free(t);
}

static void check_nul(void)
{
    static const char *const tokens[] = {"a", "b\0c", "<|x\0|>"};
    static const size_t len[] = {1, 3, 6};
    static const int32_t types[] = {1, 5, 3};
    struct tokenizer_parts p = {.n_tokens = 3, .tokens = tokens, .token_len = len, .types = types, .pre = "gpt-2",
                                .bos = -1, .eos = -1, .pad = -1};
    struct tokenizer *t = NULL;
    listen();
    CHECK_OK(tokenizer_from_parts(&t, &p, "parts", &e), &e);
    log_to(NULL, NULL);
    CHECK(strstr(warned, "tokens that hold a NUL byte and are ignored: 2"), "\"%s\"", warned);
    if (t) back_from_json(t, "aa", "0 0");
    tokenizer_free(t);
}

/* Types do not keep merges from making a token; one that they do not make stays unused. */
static void check_unused(void)
{
    static const char *const letters[] = {"a", "b", "c", "ab", "abc", "ac"};
    static const int32_t types[] = {1, 1, 1, 5, 0, 5};
    static const char *const merges[] = {"a b", "ab c"};
    struct tokenizer *t = from_parts(letters, types, 6, merges, 2, NULL);
    CHECK(strstr(warned, "tokens typed as unused which merges make, and which are used: 2"), "\"%s\"", warned);
    if (t) encode_is(t, "abcab", "4 3", "merges of unused tokens");
    if (t) encode_is(t, "ac", "0 2", "an unused token");
    tokenizer_free(t);
}

/* SentencePiece: markers and bytes that are typed as ordinary tokens. "<b>" is what two tokens make, and stays. */
static void check_spm_types(void)
{
    static const char *const tokens[] = {"<unk>", "<0x0A>", "<start_of_turn>", "<b>", "<", "b>", "a", "<0x3E>", "b", ">"};
    static const int32_t types[] = {2, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    static const float scores[] = {0, 0, 0, -1, -2, -3, -4, 0, -5, -6};
    struct tokenizer *t = from_parts(tokens, types, 10, NULL, 0, scores);
    CHECK(strstr(warned, "by their names are markers or bytes, and are taken as such: 3"), "\"%s\"", warned);
    if (!t) return;
    CHECK(tokenizer_special(t, "<start_of_turn>") == 2 && tokenizer_is_control(t, 2), "the marker");
    CHECK(tokenizer_special(t, "<b>") < 0, "what merges make is ordinary");
    encode_is(t, "a\n\n", "6 1 1", "bytes");
    encode_is(t, "<b>", "3", "merges");
    tokenizer_free(t);
}

int main(void)
{
    check_flags();
    check_takes();
    check_merges_json();
    check_parts_twice();
    check_nul();
    check_unused();
    check_spm_types();
    return test_end();
}
