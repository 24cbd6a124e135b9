/* Fuzz target: GBNF as grammars. The input is the text of one, a NUL, and a text to match. */
#include "fuzz/fuzz_grammar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *s = size ? (const char *)data : "", *end = memchr(s, 0, size);
    size_t len = end ? (size_t)(end - s) : size;
    struct grammar *g;
    struct err e;
    if (grammar_from_gbnf(&g, s, len, "fuzz", &e)) {
        if (strncmp(e.msg, "fuzz", 4) != 0) grammar_broken("messages begin with the name");
        return 0;
    }
    if (end) grammar_matches(g, end + 1, size - len - 1);
    grammar_fuzz_walk(g, grammar_fuzz_seed(data, size), false);
    grammar_free(g);
    return 0;
}
