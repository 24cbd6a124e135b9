/* Constrained decoding by tokens: walks of allowed tokens end in texts of the grammar, the sets of tokens are right one by one,
 * and what is not allowed is refused.
 *
 * check_grammar_tokens MODEL < LINES: for tests/long/schemas.py. A line is {"schema", "walks": how many, "texts": [...]}; for
 * each one comes back: {"error"}, or {"texts": of the walks that ended, "cut": how many did not, "matches": [for each text]}. */
#include "base/checked.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"
#include "grammar/grammar.h"
#include "grammar/tools.h"
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

/* Every byte, and tokens that leave several rules at once. */
static struct tokenizer *bytes_and_ends(void)
{
    static const char *const longer[] = {"\"}",       "\"},",    "\"}]",   "\"}],", "\"}], \"", "\", \"",
                                         "ab\", \"v", "\"]]",    "]]",     "]}",    "}, {\"",   "a",
                                         "ab",        "abc\"}]", "\\n\"}", "1]",    "1, "};
    enum { N = 257 + ARRAY_LEN(longer) };
    static const char *tokens[N];
    static char names[256][8];
    static size_t lens[N];
    static int32_t types[N];
    static float scores[N];
    struct tokenizer_parts p = {.n_tokens = N, .tokens = tokens, .token_len = lens, .types = types, .scores = scores,
                                .bos = -1, .eos = 0, .pad = -1, .model = TOKENIZER_SPM};
    struct tokenizer *t = NULL;
    for (size_t i = 0; i < N; i++) {
        if (i && i <= 256) snprintf(names[i - 1], 8, "<0x%02X>", (unsigned)i - 1);
        tokens[i] = i == 0 ? "<end>" : i <= 256 ? names[i - 1] : longer[i - 257];
        lens[i] = strlen(tokens[i]);
        types[i] = i == 0 ? 3 : i <= 256 ? 6 : 1; /* control, byte, normal */
    }
    CHECK_OK(tokenizer_from_parts(&t, &p, "bytes", &e), &e);
    return t;
}

/* All tokens are looked at after each token of a text. */
static void check_places(void)
{
    static const struct {
        const char *schema, *text;
    } places[] = {
        {"{\"$ref\":\"#/$defs/t\",\"$defs\":{\"t\":{\"type\":\"object\",\"properties\":{\"kids\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/t\"}},"
         "\"v\":{\"type\":\"string\",\"minLength\":2,\"maxLength\":20}},\"required\":[\"v\"]}}}",
         "{\"kids\": [{\"kids\":[{\"v\":\"as far as it goes\"}], \"v\":\"a\\n\"}], \"v\": \"xy\"}"},
        {"{\"type\":\"array\",\"items\":{\"anyOf\":[{\"type\":\"string\",\"maxLength\":12},{\"type\":\"number\"},{\"$ref\":\"#\"}]},\"maxItems\":40}",
         "[\"once upon\", -1.5e3, [[0], \"\"], [\"a time\"]]"},
    };
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        struct grammar *g;
        struct grammar_matcher *m = NULL;
        struct grammar_state *s = NULL;
        struct tokens ids = {0};
        const uint32_t *mask;
        json_t *v;
        CHECK_OK(json_parse(&v, places[i].schema, strlen(places[i].schema), "schema", &e), &e);
        CHECK_OK(grammar_from_schema(&g, v, "schema", &e), &e);
        json_decref(v);
        CHECK_OK(tokenizer_encode(tok, places[i].text, strlen(places[i].text), &ids, &e), &e);
        if (g) CHECK_OK(grammar_matcher_new(&m, g, vocab, &e), &e);
        if (m) CHECK_OK(grammar_begin(&s, m, &e), &e);
        for (size_t k = 0; s && k < ids.n; k++) {
            CHECK_OK(grammar_mask(s, &mask, &e), &e);
            check_mask(s, mask);
            CHECK_OK(grammar_accept(s, ids.ids[k], &e), &e);
        }
        CHECK(s && grammar_may_end(s), "%s", places[i].text);
        tokens_free(&ids);
        grammar_state_free(s);
        grammar_matcher_free(m);
        grammar_free(g);
    }
}

/* ---- calls of tools ---- */

static void check_texts(const struct grammar *g, const char *const *texts, size_t n, bool good)
{
    for (size_t i = 0; i < n; i++) CHECK(grammar_matches(g, texts[i], strlen(texts[i])) == good, "%s", texts[i]);
}

static void check_calls(void)
{
    static const struct grammar_call_form object = {.call = "<tool_call>\n", .call_end = "\n</tool_call>", .gap = "\n",
                                                    .head = "{\"name\": \"", .mid = "\", \"arguments\": ", .tail = "}"};
    static const struct grammar_call_form tagged = {.open = "<calls>",
                                                    .close = "</calls>",
                                                    .call = "<f=",
                                                    .call_end = "</f>",
                                                    .mid = ">",
                                                    .param = "<p=",
                                                    .value = ">",
                                                    .param_end = "</p>"};
    static const char *const good[] = {
        "<tool_call>\n{\"name\": \"stop\", \"arguments\": {}}\n</tool_call>",
        "I look it up. <tool_call>\n{\"name\": \"get\", \"arguments\": {\"city\": \"Oslo\", \"days\": 3}}\n</tool_call>\n"
        "<tool_call>\n{\"name\": \"stop\", \"arguments\": {}}\n</tool_call>",
        "nothing", ""};
    static const char *const bad[] = {
        "<tool_call>\n{\"name\": \"other\", \"arguments\": {}}\n</tool_call>", "<tool_call>", "a <tool_call>\n b",
        "<tool_call>\n{\"name\": \"get\", \"arguments\": {\"days\": 3}}\n</tool_call>",
        "<tool_call>\n{\"name\": \"stop\", \"arguments\": {}}\n</tool_call> and more"};
    static const char *const good_tags[] = {"<calls><f=get><p=city>New \"York\" <b></p><p=days>2</p></f></calls>",
                                            "<calls><f=get><p=city></p></f></calls>", "<calls><f=stop></f></calls>"};
    static const char *const bad_tags[] = {"", "text", "<calls></calls>", "<calls><f=get><p=days>2</p></f></calls>",
                                           "<calls><f=get><p=city>a</p><p=days>x</p></f></calls>"};
    const char *text = "{\"type\":\"object\",\"properties\":{\"city\":{\"type\":\"string\"},\"days\":{\"type\":"
                       "\"integer\",\"maximum\":7}},\"required\":[\"city\"]}";
    json_t *schema = NULL, *strange = NULL;
    CHECK_OK(json_parse(&schema, text, strlen(text), "schema", &e), &e);
    CHECK_OK(json_parse(&strange, "{\"if\":{}}", 9, "schema", &e), &e);
    struct grammar_tool tools[] = {{.name = "get", .parameters = schema}, {.name = "stop"}};
    struct grammar_calls calls = {.form = &object, .tools = tools, .n_tools = 2, .min = 0, .max = GRAMMAR_NO_MAX, .text = true};
    struct grammar *g;
    CHECK_OK(grammar_from_calls(&g, tok, &calls, &e), &e);
    if (g) check_texts(g, good, ARRAY_LEN(good), true);
    if (g) check_texts(g, bad, ARRAY_LEN(bad), false);
    grammar_free(g);
    calls = (struct grammar_calls){.form = &tagged, .tools = tools, .n_tools = 2, .min = 1, .max = 1};
    CHECK_OK(grammar_from_calls(&g, tok, &calls, &e), &e);
    if (g) check_texts(g, good_tags, ARRAY_LEN(good_tags), true);
    if (g) check_texts(g, bad_tags, ARRAY_LEN(bad_tags), false);
    grammar_free(g);
    tools[1].parameters = strange;
    CHECK(grammar_from_calls(&g, tok, &calls, &e) && strstr(e.msg, "tool stop") && strstr(e.msg, "#/if"), "%s", e.msg);
    tools[1].loose = true;
    calls.form = &object;
    CHECK_OK(grammar_from_calls(&g, tok, &calls, &e), &e);
    const char *any = "<tool_call>\n{\"name\": \"stop\", \"arguments\": {\"x\":[1]}}\n</tool_call>";
    if (g) CHECK(grammar_matches(g, any, strlen(any)), "a loose schema is any object");
    grammar_free(g);
    json_decref(schema);
    json_decref(strange);
}

/* A marker of the form is the token, never its spelling in text. */
static void check_marker(void)
{
    static const struct grammar_call_form form = {.call = CHAT_USER_MARK "(", .call_end = ")"};
    struct grammar_tool tool = {.name = "f"};
    struct grammar_calls calls = {.form = &form, .tools = &tool, .n_tools = 1, .min = 1, .max = 1, .text = true};
    struct grammar *g;
    struct grammar_matcher *m = NULL;
    struct grammar_state *s = NULL;
    const uint32_t *mask;
    CHECK_OK(grammar_from_calls(&g, tok, &calls, &e), &e);
    if (g) CHECK_OK(grammar_matcher_new(&m, g, vocab, &e), &e);
    if (m) CHECK_OK(grammar_begin(&s, m, &e), &e);
    int32_t mark = tokenizer_special(tok, CHAT_USER_MARK), other = tokenizer_special(tok, CHAT_ASSISTANT_MARK);
    if (s && !grammar_mask(s, &mask, &e)) {
        CHECK(grammar_allows(mask, mark) && !grammar_allows(mask, other) && !grammar_allows(mask, eos),
              "the marker may come, others may not");
        check_mask(s, mask);
        CHECK_OK(grammar_accept(s, mark, &e), &e);
        CHECK_OK(grammar_mask(s, &mask, &e), &e);
        CHECK(!grammar_allows(mask, mark), "once");
        check_mask(s, mask);
        struct buf forced = {0};
        CHECK_OK(grammar_forced(s, 64, &forced, &e), &e);
        CHECK(forced.len == 3 && !memcmp(forced.data, "(f{", 3), "%.*s", (int)forced.len, forced.data);
        buf_free(&forced);
    }
    grammar_state_free(s);
    grammar_matcher_free(m);
    grammar_free(g);
}

/* Grammars that can be read in ever more ways end in an error, soon. */
static void check_limits(void)
{
    static const char *const wide[] = {"root ::= x\nx ::= y z | z y | [^b]\ny ::= [^a] x?\nz ::= [^c] x? [^d]?", NULL};
    struct buf many = {0};
    buf_add_str(&many, "root ::= a0\n");
    for (int i = 0; i < 300; i++) buf_printf(&many, "a%d ::= [^z]{60000} \"%d\" | a%d\n", i, i, i + 1);
    buf_add_str(&many, "a300 ::= \"x\"\n");
    for (int i = 0; i < 2; i++) {
        const char *text = wide[i] ? wide[i] : many.data;
        struct grammar *g;
        struct grammar_matcher *m = NULL;
        struct grammar_state *s = NULL;
        struct tokens ids = {0};
        const uint32_t *mask;
        CHECK_OK(grammar_from_gbnf(&g, text, strlen(text), "gbnf", &e), &e);
        CHECK_OK(tokenizer_encode(tok, "Some words that are many", 24, &ids, &e), &e);
        if (g) CHECK_OK(grammar_matcher_new(&m, g, vocab, &e), &e);
        if (m) CHECK_OK(grammar_begin(&s, m, &e), &e);
        int rc = OK;
        for (size_t k = 0; s && k < ids.n && !rc; k++) {
            rc = grammar_mask(s, &mask, &e);
            if (!rc) rc = grammar_accept(s, ids.ids[k], &e);
        }
        CHECK(rc == ERR_LIMIT && strstr(e.msg, "ways"), "%s", rc ? e.msg : "no error");
        tokens_free(&ids);
        grammar_state_free(s);
        grammar_matcher_free(m);
        grammar_free(g);
    }
    buf_free(&many);
}

/* Every allocation fails once: an error each time, and nothing is left. */
static void check_memory(void)
{
    const char *text = schemas[1];
    struct grammar *g;
    json_t *v = NULL;
    int rc = ERR_MEMORY;
    CHECK_OK(json_parse(&v, text, strlen(text), "schema", &e), &e);
    CHECK_OK(grammar_from_schema(&g, v, "schema", &e), &e);
    json_decref(v);
    int64_t live = mem_live();
    for (uint64_t k = 1; g && rc && k < 1000; k++) {
        struct grammar_matcher *m = NULL;
        struct grammar_state *s = NULL, *c = NULL;
        const uint32_t *mask;
        struct tokens ids = {0};
        CHECK_OK(tokenizer_encode(tok, "{\"name\": \"A", 11, &ids, &e), &e);
        mem_fail_at(k);
        rc = grammar_matcher_new(&m, g, vocab, &e);
        if (!rc) rc = grammar_begin(&s, m, &e);
        for (size_t i = 0; i < ids.n && !rc; i++) {
            rc = grammar_mask(s, &mask, &e);
            if (!rc) rc = grammar_accept(s, ids.ids[i], &e);
        }
        if (!rc) rc = grammar_copy(&c, s, &e);
        mem_fail_at(0);
        CHECK(rc == OK || rc == ERR_MEMORY, "%s", e.msg);
        grammar_state_free(c);
        grammar_state_free(s);
        grammar_matcher_free(m);
        tokens_free(&ids);
        CHECK(mem_live() == live, "%lld blocks are left", (long long)(mem_live() - live));
    }
    CHECK_OK(rc, &e);
    grammar_free(g);
}

/* ---- for others ---- */

static int answer_walk(struct grammar_matcher *m, uint64_t seed, json_t *out)
{
    struct grammar_state *s;
    struct buf text = {0};
    const uint32_t *mask;
    size_t len;
    TRY(grammar_begin(&s, m, &e));
    int rc = OK;
    for (int i = 0; i < MAX_STEPS && !rc && !grammar_ended(s); i++) {
        rc = grammar_mask(s, &mask, &e);
        int32_t id = rc ? 0 : pick(mask, seed);
        if (!rc) rc = grammar_accept(s, id, &e);
        const char *b = tokenizer_bytes(tok, id, &len);
        if (!rc && !grammar_ended(s)) buf_add(&text, b, len);
    }
    if (!rc && grammar_ended(s)) json_add(json_object_get(out, "texts"), json_stringn(text.data ? text.data : "", text.len));
    else if (!rc) json_put(out, "cut", json_integer(json_integer_value(json_object_get(out, "cut")) + 1));
    buf_free(&text);
    grammar_state_free(s);
    return rc;
}

static int answer(const json_t *line, json_t *out)
{
    struct grammar *g = NULL;
    struct grammar_matcher *m = NULL;
    json_t *texts = json_object_get(line, "texts");
    int rc = grammar_from_schema(&g, json_object_get(line, "schema"), "schema", &e);
    if (!rc) rc = grammar_matcher_new(&m, g, vocab, &e);
    json_put(out, "texts", json_array());
    json_put(out, "matches", json_array());
    json_put(out, "cut", json_integer(0));
    for (json_int_t i = 0; !rc && i < json_integer_value(json_object_get(line, "walks")); i++)
        rc = answer_walk(m, (uint64_t)i, out);
    for (size_t i = 0; !rc && i < json_array_size(texts); i++) {
        const json_t *t = json_array_get(texts, i);
        json_add(json_object_get(out, "matches"), json_boolean(grammar_matches(g, json_string_value(t), json_string_length(t))));
    }
    if (rc) json_put(out, "error", json_string(e.msg));
    grammar_matcher_free(m);
    grammar_free(g);
    return OK;
}

static int answer_lines(void)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    while ((n = getline(&line, &cap, stdin)) > 0) {
        json_t *in, *out = json_object();
        if (json_parse(&in, line, (size_t)n, "line", &e)) json_put(out, "error", json_string(e.msg));
        else answer(in, out);
        char *s = json_text(out);
        printf("%s\n", s);
        fflush(stdout);
        mem_free(s);
        json_decref(in);
        json_decref(out);
    }
    return 0;
}

int main(int argc, char **argv)
{
    CHECK_OK(model_tokenizer_at(&tok, argc > 1 ? argv[1] : MODEL, &e), &e);
    if (!tok) return test_end();
    n_tokens = tokenizer_vocab(tok);
    eos = tokenizer_eos(tok);
    CHECK_OK(grammar_vocab_new(&vocab, tok, 0, &eos, 1, &e), &e);
    if (argc > 1) return vocab ? answer_lines() : 1;
    if (vocab) {
        check_walks();
        check_places();
        struct tokenizer *old_tok = tok;
        struct grammar_vocab *old_vocab = vocab;
        int32_t old_eos = eos;
        tok = bytes_and_ends();
        eos = 0;
        n_tokens = tok ? tokenizer_vocab(tok) : 0;
        vocab = NULL;
        if (tok) CHECK_OK(grammar_vocab_new(&vocab, tok, 0, &eos, 1, &e), &e);
        if (vocab) check_places();
        grammar_vocab_free(vocab);
        tokenizer_free(tok);
        tok = old_tok;
        vocab = old_vocab;
        eos = old_eos;
        n_tokens = tokenizer_vocab(tok);
        check_calls();
        check_marker();
        check_limits();
        check_memory();
    }
    grammar_vocab_free(vocab);
    tokenizer_free(tok);
    CHECK(mem_live() == 0, "%lld blocks are left", (long long)mem_live());
    return test_end();
}
