/* States of sessions: any bytes are refused, and the session is as it was, or become its rows. Unless it begins with '-', the
 * hashes of the input are mended first, as whoever means harm would: what is behind them is read, too. */
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "infer/state.h"
#include "model/arch.h"

enum { VOCAB = 16, CONTEXT = 300, HEAD = 176, HASH = 64 };

static struct engine engine;
static struct decoder decoder;
static struct session session;
static struct state_key key;

static void check(bool ok)
{
    if (!ok) __builtin_trap();
}

/* Before the first input. */
__attribute__((constructor)) static void prepare(void)
{
    struct config c;
    struct net net;
    struct err e;
    struct engine_options o = {.compute = ENGINE_F32, .cache = ENGINE_CACHE_Q8_0, .threads = 1};
    config_default_of(&c, &arch_llama);
    c.vocab = VOCAB;
    c.dim = c.head_dim = c.dense_ffn = 32;
    c.layers = 2;
    c.heads = c.kv_heads = 1;
    c.context = CONTEXT;
    c.tied_head = true;
    check(!net_build(&net, &c, &e) && !net_alloc(&net, false, &e));
    net_init(&net, 1, 0.1);
    check(!engine_from_net(&engine, &net, &o, &e) && !decoder_open(&decoder, &engine, &o.decoder, &e));
    check(!session_open(&session, &decoder, &e) && !state_key(&key, &engine, &e));
}

/* The hashes and the form of this program, where the input is long enough for them. */
static void mend(uint8_t *data, size_t size)
{
    char hex[SHA256_HEX];
    struct err e;
    if (size < HEAD + HASH) return;
    memcpy(data, "autarky state 1", 16);
    memcpy(data + 16, key.model, 64);
    memcpy(data + 80, key.form, sizeof key.form);
    check(!sha256_of(data, size - HASH, hex, &e));
    memcpy(data + size - HASH, hex, HASH);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int32_t before[3] = {1, 2, 3};
    struct err e = {0};
    if (size == 0) return 0;
    uint8_t *copy = mem_alloc(size);
    if (!copy) abort();
    memcpy(copy, data, size);
    if (copy[0] != '-') mend(copy, size);
    session_reset(&session);
    check(!session_eval(&session, before, 3, &e));
    float logit = session.logits[0];
    int rc = session_load_from(&session, copy, size, "fuzz", &e);
    if (rc) {
        check(e.msg[0] && session.n == 3 && session.n_pages == 1 && session.has_logits && session.logits[0] == logit);
        check(!memcmp(session.ids, before, sizeof before));
    } else {
        check(session.n <= CONTEXT && session.n_pages == cache_pages(session.n));
        for (int64_t i = 0; i < session.n; i++) check(session.ids[i] >= 0 && session.ids[i] < VOCAB);
    }
    check(decoder.pages.n_free + session.n_pages == decoder.pages.n);
    mem_free(copy);
    return 0;
}
