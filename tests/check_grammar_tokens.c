/* Constrained decoding by tokens: walks of allowed tokens end in texts of the grammar, the sets of tokens are right one by one,
 * and what is not allowed is refused. */
#include "base/checked.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"
#include "grammar/grammar.h"
#include "model/vocab.h"
#include "tests/test.h"
#include "text/tokenizer.h"
#include <string.h>

#define MODEL "models/first/first.gguf"
enum { WALKS = 12, MAX_STEPS = 300 };

static struct err e;
static struct tokenizer *tok;
static struct grammar_vocab *vocab;
static int32_t n_tokens, eos;
static uint64_t drawn;

static const char *const schemas[] = {
    "{\"type\":\"object\"}",
    "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\",\"maxLength\":12},\"age\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":130},"
    "\"tags\":{\"type\":\"array\",\"items\":{\"enum\":[\"a\",\"bc\",\"d e\"]},\"maxItems\":3}},\"required\":[\"name\",\"age\"],\"additionalProperties\":false}",
    "{\"type\":\"array\",\"items\":{\"type\":\"number\",\"minimum\":-2.5,\"maximum\":1e3},\"minItems\":2,\"maxItems\":4}",
    "{\"$ref\":\"#/$defs/t\",\"$defs\":{\"t\":{\"type\":\"object\",\"properties\":{\"v\":{\"type\":\"string\",\"pattern\":\"^[a-z]{1,8}$\"},"
    "\"kids\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/t\"}}},\"required\":[\"v\",\"kids\"]}}}",
    "{\"type\":\"object\",\"properties\":{\"when\":{\"type\":\"string\",\"format\":\"date-time\"},\"id\":{\"type\":\"string\",\"format\":\"uuid\"},"
    "\"ip\":{\"anyOf\":[{\"type\":\"string\",\"format\":\"ipv4\"},{\"type\":\"null\"}]}},\"required\":[\"when\",\"id\",\"ip\"]}",
    "{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\",\"minLength\":2,\"maxLength\":40},\"maxProperties\":3,\"minProperties\":1}",
    "{\"type\":\"string\",\"pattern\":\"colou?r\"}",
    "{\"type\":\"integer\",\"multipleOf\":7}",
};

/* A token that the set allows: the end when it may be, what closes something now and then, else any. */
static int32_t pick(const uint32_t *mask, uint64_t seed)
{
    size_t n = 0, closing = 0;
    int32_t id, last = -1;
    if (grammar_allows(mask, eos) && rng_below(seed, 1, drawn++, 3)) return eos;
    bool close = rng_below(seed, 1, drawn++, 4) == 0;
    for (id = 0; id < n_tokens; id++) {
        size_t len;
        const char *s = tokenizer_bytes(tok, id, &len);
        if (!grammar_allows(mask, id)) continue;
        n++;
        closing += memchr(s, '"', len) || memchr(s, '}', len) || memchr(s, ']', len);
    }
    uint64_t k = rng_below(seed, 1, drawn++, close && closing ? closing : n);
    for (id = 0; id < n_tokens; id++) {
        size_t len;
        const char *s = tokenizer_bytes(tok, id, &len);
        if (!grammar_allows(mask, id)) continue;
        if (close && closing && !memchr(s, '"', len) && !memchr(s, '}', len) && !memchr(s, ']', len)) continue;
        last = id;
        if (k-- == 0) break;
    }
    return last;
}

/* Each token is allowed exactly when it can be accepted. */
static void check_mask(struct grammar_state *s, const uint32_t *mask)
{
    struct grammar_state *c;
    int wrong = 0;
    for (int32_t id = 0; id < n_tokens; id++) {
        CHECK_OK(grammar_copy(&c, s, &e), &e);
        if (!c) return;
        bool can = grammar_accept(c, id, NULL) == OK;
        wrong += can != grammar_allows(mask, id);
        grammar_state_free(c);
    }
    CHECK(wrong == 0, "%d tokens are in the set or out of it wrongly", wrong);
}

static void walk(struct grammar *g, struct grammar_matcher *m, uint64_t seed, const char *name)
{
    struct grammar_state *s;
    struct buf text = {0};
    CHECK_OK(grammar_begin(&s, m, &e), &e);
    if (!s) return;
    for (int i = 0; i < MAX_STEPS && !grammar_ended(s); i++) {
        const uint32_t *mask;
        struct buf forced = {0};
        if (grammar_mask(s, &mask, &e)) {
            CHECK(false, "%s: %s", name, e.msg);
            break;
        }
        if (seed == 0 && i % 16 == 0) check_mask(s, mask);
        CHECK_OK(grammar_forced(s, 64, &forced, &e), &e);
        int32_t id = pick(mask, seed);
        if (grammar_accept(s, id, &e)) {
            CHECK(false, "%s: %s", name, e.msg);
            buf_free(&forced);
            break;
        }
        size_t len;
        const char *b = tokenizer_bytes(tok, id, &len);
        if (!grammar_ended(s)) buf_add(&text, b, len);
        size_t same = forced.len < len ? forced.len : len;
        CHECK(grammar_ended(s) || same == 0 || !memcmp(forced.data, b, same), "%s: %.*s was to follow, not %.*s", name,
              (int)forced.len, forced.data, (int)len, b);
        buf_free(&forced);
    }
    if (grammar_ended(s)) {
        json_t *v;
        CHECK(grammar_matches(g, text.data ? text.data : "", text.len), "%s: %.*s", name, (int)text.len, text.data);
        CHECK(json_parse_any(&v, text.data, text.len, "text", &e) == OK || strstr(e.msg, "duplicate"), "%s: %.*s: %s",
              name, (int)text.len, text.data, e.msg);
        json_decref(v);
        CHECK(grammar_accept(s, 0, &e) != OK, "a token after the end");
    }
    buf_free(&text);
    grammar_state_free(s);
}

static void check_walks(void)
{
    for (size_t i = 0; i < ARRAY_LEN(schemas); i++) {
        struct grammar *g;
        struct grammar_matcher *m;
        json_t *v;
        CHECK_OK(json_parse(&v, schemas[i], strlen(schemas[i]), "schema", &e), &e);
        CHECK_OK(grammar_from_schema(&g, v, "schema", &e), &e);
        json_decref(v);
        if (!g) continue;
        CHECK_OK(grammar_matcher_new(&m, g, vocab, &e), &e);
        for (uint64_t seed = 0; m && seed < WALKS; seed++) walk(g, m, seed, schemas[i]);
        grammar_matcher_free(m);
        grammar_free(g);
    }
}

int main(void)
{
    CHECK_OK(model_tokenizer_at(&tok, MODEL, &e), &e);
    if (!tok) return test_end();
    n_tokens = tokenizer_vocab(tok);
    eos = tokenizer_eos(tok);
    CHECK_OK(grammar_vocab_new(&vocab, tok, 0, &eos, 1, &e), &e);
    if (vocab) check_walks();
    grammar_vocab_free(vocab);
    tokenizer_free(tok);
    CHECK(mem_live() == 0, "%lld blocks are left", (long long)mem_live());
    return test_end();
}
