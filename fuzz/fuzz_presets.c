/* Fuzz target: presets of the server. What is accepted has names that can be shown, and all lists end. */
#include "fuzz/fuzz_quiet.h"
#include <stdlib.h>
#include <string.h>
#include "cli/presets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct presets p;
    struct err e;
    if (presets_parse(&p, (const char *)data, size, "input", &e)) return 0;
    for (size_t i = 0; i < p.n; i++) {
        const struct preset *v = &p.v[i];
        if (!v->model || !v->model[0] || v->aliases[PRESET_WORDS] || v->options[PRESET_WORDS]) abort();
        if (v->id && (!v->id[0] || strpbrk(v->id, "/, \n"))) abort();
    }
    presets_free(&p);
    return 0;
}
