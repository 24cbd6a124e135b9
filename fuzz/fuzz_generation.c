/* Fuzz target: generation_config.json. What is accepted is in its range, and comes back when written and read again. */
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "model/generation.h"

enum { VOCAB = 1000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct generation g, back;
    struct buf b = {0};
    struct err e;
    generation_init(&g);
    generation_init(&back);
    if (generation_from_json(&g, (const char *)data, size, VOCAB, "input", &e)) return 0;
    for (int i = 0; i < g.n_ends; i++)
        if (g.ends[i] < 0 || g.ends[i] >= VOCAB) abort();
    if (g.temp > 5 || g.top_p > 1 || g.min_p > 1 || g.repeat > 3) abort();
    if (generation_to_json(&g, 1, &b, &e) || generation_from_json(&back, b.data, b.len, VOCAB, "again", &e)) abort();
    if (back.n_ends != g.n_ends || memcmp(back.ends, g.ends, sizeof g.ends) != 0 || back.top_k != g.top_k) abort();
    buf_free(&b);
    return 0;
}
