/* Tiny random networks of every architecture in every form of computing, with one decoder, and three texts: for the tests of
 * what sessions keep in pages. */
#ifndef TESTS_TINY_KIT_H
#define TESTS_TINY_KIT_H

#include <string.h>
#include "base/checked.h"
#include "base/mem.h"
#include "base/rng.h"
#include "infer/session.h"
#include "model/arch.h"
#include "tests/test.h"

enum { V = 64, N = 600, CUT = 300, CONTEXT = 1000 }; /* three pages, of which the second is cut */

/* What a run computes in and what it remembers in. */
static const struct {
    enum engine_compute compute;
    enum engine_cache cache;
    bool plain; /* MLA only */
    const char *name;
} forms[] = {{ENGINE_F32, ENGINE_CACHE_F32, false, "f32"},
             {ENGINE_F32, ENGINE_CACHE_F32, true, "f32, plain"},
             {ENGINE_BF16, ENGINE_CACHE_BF16, false, "bf16"},
             {ENGINE_BF16, ENGINE_CACHE_BF16, true, "bf16, plain"},
             {ENGINE_F32, ENGINE_CACHE_Q8_0, false, "q8_0 cache"},
             {ENGINE_INT8, ENGINE_CACHE_Q8_0, false, "q8_0 cache in 8 bits"}};

/* Two texts that begin alike, and a third. */
static int32_t text[N], other[N], third[N];

static inline void make_texts(void)
{
    for (int i = 0; i < N; i++) {
        text[i] = (int32_t)rng_below(3, 0, (uint64_t)i, V);
        other[i] = i < CUT ? text[i] : (int32_t)rng_below(3, 1, (uint64_t)i, V);
        third[i] = (int32_t)rng_below(3, 2, (uint64_t)i, V);
    }
}

static inline struct config tiny_config(const struct arch *arch)
{
    struct config c;
    config_default_of(&c, arch);
    c.vocab = V;
    c.dim = 32;
    c.layers = 3;
    c.heads = 2;
    c.dense_ffn = 32;
    c.context = CONTEXT;
    c.tied_head = true;
    if (arch->mla) {
        c.kv_lora_rank = c.qk_rope_dim = 32;
        c.qk_nope_dim = 12;
        c.v_dim = 16;
        c.dense_layers = 3;
    } else {
        c.kv_heads = 1;
        c.head_dim = 32;
        c.window = arch->bit == ARCH_GEMMA3 ? 90 : arch->bit == ARCH_MISTRAL ? 280 : 0;
        if (arch->bit == ARCH_GEMMA3) c.window_period = 3;
    }
    if (arch->bit == ARCH_QWEN3_MOE) {
        c.experts = 4;
        c.experts_used = 2;
        c.expert_ffn = 16;
    }
    return c;
}

static uint64_t kit_seed = 5; /* another one is another network */

/* An engine with one decoder. */
struct kit {
    struct engine en;
    struct decoder dec;
    const char *name, *form;
};

static inline void kit_open(struct kit *k, const struct arch *arch, size_t form, struct decoder_options shape)
{
    struct err e = {0};
    struct net net;
    struct config c = tiny_config(arch);
    struct engine_options o = {
        .compute = forms[form].compute, .cache = forms[form].cache, .plain = forms[form].plain, .threads = 2};
    *k = (struct kit){.name = arch->hf, .form = forms[form].name};
    CHECK_OK(net_build(&net, &c, &e), &e);
    CHECK_OK(net_alloc(&net, false, &e), &e);
    net_init(&net, kit_seed, 0.2);
    CHECK_OK(engine_from_net(&k->en, &net, &o, &e), &e);
    CHECK_OK(decoder_open(&k->dec, &k->en, &shape, &e), &e);
}

static inline void kit_close(struct kit *k)
{
    CHECK(k->dec.pages.n_free == k->dec.pages.n, "%s, %s: %d of %d pages are lost", k->name, k->form,
          k->dec.pages.n - k->dec.pages.n_free, k->dec.pages.n);
    decoder_close(&k->dec);
    engine_close(&k->en);
}

/* Free pages come in no order from here on. */
static inline void scatter(struct pages *p, uint64_t seed)
{
    for (int32_t i = p->n_free - 1; i > 0; i--) {
        int32_t k = (int32_t)rng_below(7, seed, (uint64_t)i, (uint64_t)i + 1), t = p->free[i];
        p->free[i] = p->free[k];
        p->free[k] = t;
    }
}

static inline struct session opened(struct kit *k)
{
    struct session s;
    struct err e = {0};
    CHECK_OK(session_open(&s, &k->dec, &e), &e);
    return s;
}

static inline void same(const struct kit *k, const struct session *s, const float *want, const char *what)
{
    CHECK(s->has_logits && !memcmp(s->logits, want, V * sizeof *want), "%s, %s: other bits %s", k->name, k->form, what);
}

#endif
