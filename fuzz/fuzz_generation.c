/* Fuzz target: generation_config.json. What is accepted is in its range, and comes back when written and read again. */
#include "fuzz/fuzz_quiet.h"
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "model/generation.h"

enum { VOCAB = 1000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int read_text(struct generation *g, const char *text, size_t len, struct err *e)
{
    json_t *root;
    TRY(json_parse_file(&root, text, len, "input", e));
    bool good = json_is_object(root);
    if (good) generation_from_json(g, root, VOCAB, "input");
    json_decref(root);
    return good ? OK : ERR_FORMAT;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct generation g, back;
    struct buf b = {0};
    struct err e;
    generation_init(&g);
    generation_init(&back);
    if (read_text(&g, (const char *)data, size, &e)) return 0;
    for (int i = 0; i < g.n_ends; i++)
        if (g.ends[i] < 0 || g.ends[i] >= VOCAB) abort();
    if (g.temp > 5 || g.top_p > 1 || g.min_p > 1 || g.repeat > 3) abort();
    if (generation_to_json(&g, 1, &b, &e) || read_text(&back, b.data, b.len, &e)) abort();
    if (back.n_ends != g.n_ends || memcmp(back.ends, g.ends, sizeof g.ends) != 0 || back.top_k != g.top_k) abort();
    buf_free(&b);
    return 0;
}
