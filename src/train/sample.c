/* Samples during training. */
#include <math.h>
#include <string.h>
#include "base/rng.h"
#include "train/trainer.h"

/* The last row's logits for ids [0, n): borrowed until the run is reset. */
static const float *next_logits(struct trainer *t, const int32_t *ids, int64_t n)
{
    struct run *r = &t->run;
    struct segment seg = {.n = n};
    int32_t last = (int32_t)(n - 1);
    for (int64_t i = 0; i < n; i++) t->feed.pos[i] = (int32_t)i;
    struct batch b = {.n = n, .ids = ids, .pos = t->feed.pos, .segs = &seg, .n_segs = 1, .n_keys = n};
    run_reset(r);
    r->taping = false;
    return tensor_f32(net_logits(r, &t->net, net_forward(r, &t->net, &(struct forward_args){.batch = &b}, NULL), &last, 1));
}

/* Softmax at a temperature, by inversion of u in [0, 1). Temperature 0: the first largest. */
static int32_t pick(const float *z, int64_t n, double temperature, double u)
{
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++)
        if (z[i] > z[best]) best = i;
    if (temperature <= 0) return (int32_t)best;
    double sum = 0, at = 0;
    for (int64_t i = 0; i < n; i++) sum += exp(((double)z[i] - z[best]) / temperature);
    for (int64_t i = 0; i < n; i++) {
        at += exp(((double)z[i] - z[best]) / temperature);
        if (at > u * sum) return (int32_t)i;
    }
    return (int32_t)best;
}

static int sample(struct trainer *t, struct tokens *ids, size_t n_prompt, uint64_t number, struct buf *out, struct err *e)
{
    const struct recipe *r = t->o.recipe;
    int64_t n = (int64_t)n_prompt, vocab = tokenizer_vocab(t->o.tok);
    for (; n < t->feed.seq_len && n < (int64_t)n_prompt + r->sample_tokens; n++) {
        double u = rng_uniform((uint64_t)r->seed, rng_stream("sample") + number, (uint64_t)(t->step * t->feed.seq_len + n));
        int32_t id = pick(next_logits(t, ids->ids, n), vocab, r->temperature, u);
        if (id == tokenizer_eos(t->o.tok)) break;
        TRY(tokens_add(ids, id, e));
    }
    return tokenizer_decode(t->o.tok, ids->ids, ids->n, false, out, e);
}

int trainer_sample(struct trainer *t, const char *prompt, uint64_t number, struct buf *out, struct err *e)
{
    struct tokens ids = {0};
    int rc = OK;
    if (!t->o.tok) FAIL(e, ERR_USAGE, "samples need a tokenizer");
    if (tokenizer_bos(t->o.tok) >= 0) rc = tokens_add(&ids, tokenizer_bos(t->o.tok), e);
    if (!rc) rc = tokenizer_encode(t->o.tok, prompt, strlen(prompt), &ids, e);
    if (!rc && ((int64_t)ids.n >= t->feed.seq_len || ids.n == 0))
        rc = err_set(e, ERR_LIMIT, __FILE__, __LINE__, "a prompt of %zu tokens, expected 1 to %lld", ids.n,
                     (long long)t->feed.seq_len - 1);
    if (!rc) rc = sample(t, &ids, ids.n, number, out, e);
    tokens_free(&ids);
    return rc;
}
