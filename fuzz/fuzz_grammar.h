/* What every grammar must keep, whatever it was made from: a walk of allowed tokens never gets stuck, and where it may end the
 * text is one of the grammar. The vocabulary has all bytes and some longer tokens. */
#ifndef FUZZ_FUZZ_GRAMMAR_H
#define FUZZ_FUZZ_GRAMMAR_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"
#include "grammar/grammar.h"
#include "text/tokenizer.h"

enum { GRAMMAR_WALK = 60, GRAMMAR_TOKENS = 256 + 20 };

static inline void grammar_broken(const char *what)
{
    fprintf(stderr, "broken promise: %s\n", what);
    abort();
}

static inline struct grammar_vocab *grammar_fuzz_vocab(struct tokenizer **t)
{
    static const char *const longer[] = {"\": \"", "\",", "{\"", "}}", "]}", "true", "null", "12", "aa", "ab",
                                         "  ", "\\n", "\xc3\xa9", "abc", "}\n", "[]", "0.", "-1", "\xe2\x82"};
    struct tokenizer_parts p = {
        .n_tokens = GRAMMAR_TOKENS, .pre = "gpt-2", .bos = -1, .eos = 0, .pad = -1, .model = TOKENIZER_SPM};
    static const char *tokens[GRAMMAR_TOKENS];
    static size_t lens[GRAMMAR_TOKENS];
    static int32_t types[GRAMMAR_TOKENS];
    static float scores[GRAMMAR_TOKENS];
    static char names[256][8];
    struct grammar_vocab *v;
    struct err e;
    for (int i = 0; i < GRAMMAR_TOKENS; i++) {
        if (i >= 1 && i <= 256) snprintf(names[i - 1], 8, "<0x%02X>", i - 1);
        tokens[i] = i == 0 ? "<end>" : i <= 256 ? names[i - 1] : longer[i - 257];
        lens[i] = strlen(tokens[i]);
        types[i] = i == 0 ? 3 : i <= 256 ? 6 : 1;
    }
    p.tokens = tokens;
    p.token_len = lens;
    p.types = types;
    p.scores = scores;
    if (tokenizer_from_parts(t, &p, "fuzz", &e) || grammar_vocab_new(&v, *t, 0, (int32_t[]){0}, 1, &e)) grammar_broken(e.msg);
    return v;
}

/* json: texts are JSON, too. */
static inline void grammar_fuzz_walk(struct grammar *g, uint64_t seed, bool json)
{
    static struct tokenizer *t;
    static struct grammar_vocab *v;
    struct grammar_matcher *m;
    struct grammar_state *s;
    struct buf text = {0};
    struct err e;
    const uint32_t *mask;
    json_t *value;
    if (!v) v = grammar_fuzz_vocab(&t);
    if (grammar_matcher_new(&m, g, v, &e) || grammar_begin(&s, m, &e)) grammar_broken(e.msg);
    for (uint64_t i = 0; i < GRAMMAR_WALK; i++) {
        int rc = grammar_mask(s, &mask, &e);
        if (rc == ERR_LIMIT) break;
        if (rc) grammar_broken(e.msg);
        if (grammar_may_end(s)) {
            if (!grammar_matches(g, text.data ? text.data : "", text.len))
                grammar_broken("what may end is a text of the grammar");
            if (json && json_parse_any(&value, text.data, text.len, "text", &e) && !strstr(e.msg, "duplicate"))
                grammar_broken(e.msg);
            if (json) json_decref(value);
            if (rng_below(seed, 2, i, 4) == 0) break;
        }
        int32_t n = 0, id = 0;
        for (int32_t k = 1; k < GRAMMAR_TOKENS; k++) n += grammar_allows(mask, k);
        if (n == 0) break;
        for (uint64_t k = rng_below(seed, 3, i, (uint64_t)n) + 1; k; k -= grammar_allows(mask, id)) id++;
        rc = grammar_accept(s, id, &e);
        if (rc == ERR_LIMIT) break;
        if (rc) grammar_broken(e.msg);
        size_t len;
        const char *b = tokenizer_bytes(t, id, &len);
        buf_add(&text, b, len);
    }
    buf_free(&text);
    grammar_state_free(s);
    grammar_matcher_free(m);
}

static inline uint64_t grammar_fuzz_seed(const uint8_t *s, size_t n)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < n; i++) h = (h ^ s[i]) * 1099511628211u;
    return h;
}

/* A front end that reads a text: the input is one, a NUL, and a text to match. */
typedef int grammar_from_text(struct grammar **out, const char *text, size_t len, const char *where, struct err *e);
static inline int grammar_fuzz_text(grammar_from_text *from, const uint8_t *data, size_t size)
{
    const char *s = size ? (const char *)data : "", *end = memchr(s, 0, size);
    size_t len = end ? (size_t)(end - s) : size;
    struct grammar *g;
    struct err e;
    if (from(&g, s, len, "fuzz", &e)) {
        if (strncmp(e.msg, "fuzz", 4) != 0) grammar_broken("messages begin with the name");
        return 0;
    }
    if (end) grammar_matches(g, end + 1, size - len - 1);
    grammar_fuzz_walk(g, grammar_fuzz_seed(data, size), false);
    grammar_free(g);
    return 0;
}

#endif
