/* The models of tests/fixtures/models and what they must compute: for the tests that load networks. */
#ifndef TESTS_MODEL_FIXTURE_H
#define TESTS_MODEL_FIXTURE_H

#include "base/checked.h"
#include "base/mem.h"
#include "model/net.h"
#include "tests/load_net.h"
#include "tests/test.h"
#include <math.h>
#include <string.h>

#define ROOT "tests/fixtures/models"
static const char *const models[] = {"full", "plain-q", "all-moe-tied", "dense-bf16", "yarn-magnitude", "mtp"};
/* The other architectures. */
static const char *const others[] __attribute__((unused)) = {"llama",     "llama-ramp", "qwen2",         "qwen3",
                                                             "qwen3-moe", "qwen3-moe-raw", "gemma3",     "gemma3-nested",
                                                             "mistral",   "ministral3", "ministral3-nested", "ministral3-plain",
                                                             "smollm3",   "smollm3-interval",
                                                             "deepseek-v2-lite", "deepseek-v2", "deepseek-v3-fp8"};
enum { SEQS = 2, MAX_ROWS = 256, PATH_CAP = 512 };

static struct kernels ks;

/* ---- what is expected ---- */

/* Two sequences of n / 2 rows, with the targets of the next and of the token after next. */
struct sample {
    struct tf expect;
    int64_t n, vocab;
    int32_t ids[MAX_ROWS], pos[MAX_ROWS], next[MAX_ROWS], after[MAX_ROWS];
    struct segment segs[SEQS];
    struct batch batch;
};

static const float *expected(const struct sample *s, const char *name, int64_t count)
{
    const struct tf_tensor *t = tf_find(&s->expect, name);
    bool good = t && t->known && t->dtype == DT_F32 && t->bytes == (uint64_t)count * sizeof(float);
    CHECK(good, "%s: no %s of %lld numbers", s->expect.path, name, (long long)count);
    if (!good) return NULL;
    float *copy = mem_alloc(t->bytes); /* the mapping need not be aligned */
    memcpy(copy, t->data, t->bytes);
    return copy;
}

static void release(const float *p) { mem_free((void *)(uintptr_t)p); }

static bool sample_open(struct sample *s, const char *model)
{
    char path[PATH_CAP];
    struct err e = {0};
    memset(s, 0, sizeof *s);
    snprintf(path, sizeof path, ROOT "/%s/expect.safetensors", model);
    CHECK_OK(tf_open(&s->expect, path, &e), &e);
    const struct tf_tensor *ids = tf_find(&s->expect, "ids"), *logits = tf_find(&s->expect, "logits");
    if (!ids || !logits || ids->ne[0] != SEQS || ids->ne[0] * ids->ne[1] > MAX_ROWS) {
        CHECK(false, "%s: unexpected contents", path);
        return false;
    }
    int64_t t = ids->ne[1];
    s->n = SEQS * t;
    s->vocab = logits->ne[2];
    memcpy(s->ids, ids->data, (size_t)s->n * sizeof *s->ids);
    for (int64_t i = 0; i < s->n; i++) {
        s->pos[i] = (int32_t)(i % t);
        s->next[i] = i % t + 1 < t ? s->ids[i + 1] : -1;
        s->after[i] = i % t + 2 < t ? s->ids[i + 2] : -1;
    }
    for (int b = 0; b < SEQS; b++) s->segs[b] = (struct segment){.row0 = b * t, .n = t, .key0 = b * t};
    s->batch = (struct batch){.n = s->n, .ids = s->ids, .pos = s->pos, .segs = s->segs, .n_segs = SEQS, .n_keys = s->n};
    return true;
}

/* ---- running ---- */

/* What a pass computes: logits (n, V) and, with an MTP layer, those of it; or losses and gradients. */
struct pass {
    float *logits, *mtp_logits; /* NULL: not wanted */
    double loss, mtp_loss, lambda;
    bool train;
};

static void pass_once(struct run *r, const struct net *net, const struct sample *s, struct pass *p)
{
    struct forward_args a = {.batch = &s->batch};
    bool mtp = net->config.mtp_layers > 0;
    r->taping = p->train;
    struct tensor *h = net_forward(r, net, &a, NULL);
    if (p->train) {
        int64_t t = s->n / SEQS;
        struct tensor *l = op_head_loss(r, h, net->head, s->next, 1.0f / (float)(SEQS * (t - 1)), NULL), *m = NULL;
        if (p->lambda > 0) m = op_head_loss(r, net_forward_mtp(r, net, &a, h, s->next), net->head, s->after,
                                            (float)(p->lambda / (double)(SEQS * (t - 2))), NULL);
        if (!r->measure) p->loss = tensor_f32(l)[0];
        if (!r->measure && m) p->mtp_loss = tensor_f32(m)[0] / p->lambda;
        run_backward(r);
        return;
    }
    struct tensor *l = net_logits(r, net, h, NULL, 0);
    struct tensor *m = mtp ? net_logits(r, net, net_forward_mtp(r, net, &a, h, s->next), NULL, 0) : NULL;
    size_t bytes = (size_t)(s->n * s->vocab) * sizeof(float);
    if (!r->measure && p->logits) memcpy(p->logits, l->data, bytes);
    if (!r->measure && p->mtp_logits && m) memcpy(p->mtp_logits, m->data, bytes);
}

static void pass_run(const struct net *net, enum compute compute, const struct sample *s, struct pass *p)
{
    struct run r;
    struct err e = {0};
    CHECK_OK(run_measure(&r, &ks, NULL, compute, 8 << 20, &e), &e);
    pass_once(&r, net, s, p);
    struct run_size size = run_sized(&r);
    run_free(&r);
    CHECK_OK(run_init(&r, &ks, NULL, compute, size, &e), &e);
    pass_once(&r, net, s, p);
    run_free(&r);
}

/* Loads path and returns its logits (n, V); NULL when loading failed. */
static float *logits_of(const char *path, const struct load_options *o, const struct sample *s)
{
    struct net net;
    struct err e = {0};
    int rc = load_net(&net, path, o, &e);
    CHECK(rc == OK, "%s", e.msg);
    if (rc) return NULL;
    CHECK(net.config.vocab == s->vocab, "%s: vocabulary %lld", path, (long long)net.config.vocab);
    struct pass p = {.logits = mem_alloc((size_t)(s->n * s->vocab) * sizeof(float))};
    if (o->plain) CHECK_OK(net_make_rope(&net, net.config.context, &e), &e);
    pass_run(&net, o->compute, s, &p);
    net_free(&net);
    return p.logits;
}

#endif
