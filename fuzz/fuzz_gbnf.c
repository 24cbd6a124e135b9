/* Fuzz target: GBNF as grammars. The input is the text of one, a NUL, and a text to match. */
#include "fuzz/fuzz_grammar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return grammar_fuzz_text(grammar_from_gbnf, data, size);
}
