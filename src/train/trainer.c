/* One step of training. */
#include "train/trainer.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/checked.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "train/schedule.h"

enum { META_BASE = 1 << 20, META_LAYER = 256 << 10 }; /* room for tensor headers while measuring: ten times what a layer takes */

/* What one micro-batch is multiplied with, the same for all of a step. */
struct scales {
    float loss, mtp, balance;
};

struct micro_out {
    double loss, mtp_loss;
    bool finite;
};

static bool has_mtp(const struct trainer *t) { return t->net.config.mtp_layers > 0 && t->o.recipe->mtp_weight > 0; }

/* Forward and loss. The row arrays start at feed row `at`. */
static void micro_forward(struct trainer *t, int64_t at, const struct scales *k, struct tensor **loss, struct tensor **mtp_loss)
{
    struct run *r = &t->run;
    const struct forward_args *a = &t->args;
    t->args = (struct forward_args){.batch = &t->feed.batch, .balance = k->balance, .stats = t->stats};
    struct tensor *h = net_forward(r, &t->net, a, NULL);
    *loss = op_head_loss(r, h, t->net.head, t->feed.targets + at, k->loss, NULL);
    *mtp_loss = NULL;
    if (!has_mtp(t)) return;
    struct tensor *h2 = net_forward_mtp(r, &t->net, a, h, t->feed.targets + at);
    *mtp_loss = op_head_loss(r, h2, t->net.head, t->feed.targets2 + at, k->mtp, NULL);
}

static void micro_step(struct trainer *t, int64_t at, const struct scales *k, struct micro_out *out)
{
    struct tensor *loss, *mtp_loss;
    run_reset(&t->run);
    t->run.taping = true;
    t->run.recompute = t->o.recipe->recompute;
    micro_forward(t, at, k, &loss, &mtp_loss);
    if (!t->run.measure) {
        out->loss = tensor_f32(loss)[0];
        out->mtp_loss = mtp_loss ? tensor_f32(mtp_loss)[0] : 0;
        out->finite = isfinite(out->loss) && isfinite(out->mtp_loss);
        if (!out->finite) return;
    }
    run_backward(&t->run);
}

/* ---- Memory ---- */

/* Windows without document ends: what an operation needs does not depend on the cutting into segments. */
static void blank_feed(struct feed *f)
{
    for (int64_t i = 0; i < f->windows * f->seq_len; i++) {
        f->ids[i] = f->targets[i] = f->targets2[i] = f->seq[i] = 0;
        f->pos[i] = (int32_t)(i % f->seq_len);
    }
}

static void measure_sample(struct trainer *t)
{
    int32_t last = 0;
    struct run *r = &t->run;
    int64_t n = t->feed.seq_len;
    struct segment seg = {.n = n};
    struct batch b = {.n = n, .ids = t->feed.ids, .pos = t->feed.pos, .segs = &seg, .n_segs = 1, .n_keys = n};
    run_reset(r);
    r->taping = false;
    net_logits(r, &t->net, net_forward(r, &t->net, &(struct forward_args){.batch = &b}, NULL), &last, 1);
}

static int measure(struct trainer *t, struct err *e)
{
    struct scales k = {1, 1, t->o.recipe->balance > 0};
    struct micro_out out;
    TRY(run_measure(&t->run, t->o.ks, t->o.pool, t->compute, META_BASE + (size_t)t->layers * META_LAYER, e));
    blank_feed(&t->feed);
    feed_micro(&t->feed, 0, t->feed.micro);
    micro_step(t, 0, &k, &out);
    measure_sample(t);
    t->size = run_sized(&t->run);
    run_free(&t->run);
    return run_init(&t->run, t->o.ks, t->o.pool, t->compute, t->size, e);
}

/* ---- Opening ---- */

static int open_tables(struct trainer *t, struct err *e)
{
    const struct config *c = &t->net.config;
    t->layers = c->layers + c->mtp_layers;
    size_t n = (size_t)(t->layers * max_i64(c->experts, 1));
    t->stats.load = mem_array(n, sizeof *t->stats.load);
    t->stats.balance = mem_array((size_t)t->layers, sizeof *t->stats.balance);
    t->load = mem_array(n, sizeof *t->load);
    if (!t->stats.load || !t->stats.balance || !t->load) FAIL(e, ERR_MEMORY, "out of memory for the loads of experts");
    if (!t->o.tok) return OK;
    t->token_bytes = mem_array((size_t)c->vocab, sizeof *t->token_bytes);
    if (!t->token_bytes) FAIL(e, ERR_MEMORY, "out of memory for the lengths of %lld tokens", (long long)c->vocab);
    for (int32_t i = 0; i < tokenizer_vocab(t->o.tok) && i < c->vocab; i++) {
        size_t len = 0;
        if (!tokenizer_is_control(t->o.tok, i)) tokenizer_bytes(t->o.tok, i, &len);
        t->token_bytes[i] = (int32_t)len;
    }
    return OK;
}

static int check_loader(const struct loader *l, const struct config *c, int64_t seq_len, struct err *e)
{
    for (size_t i = 0; l && i < l->n_sources; i++)
        if (l->sources[i].shard.vocab > c->vocab)
            FAIL(e, ERR_USAGE, "%s: tokens up to %d, the network has a vocabulary of %lld", l->sources[i].name,
                 l->sources[i].shard.vocab, (long long)c->vocab);
    if (l && l->n_sources > 0 && l->seq_len != seq_len)
        FAIL(e, ERR_USAGE, "windows of %d tokens, the recipe has seq_len = %lld", l->seq_len, (long long)seq_len);
    return OK;
}

static int open_all(struct trainer *t, struct err *e)
{
    const struct recipe *r = t->o.recipe;
    t->compute = strcmp(r->compute, "bf16") ? COMPUTE_F32 : COMPUTE_BF16;
    if (t->o.config->context < r->seq_len)
        FAIL(e, ERR_USAGE, "max_position_embeddings is %lld, below seq_len = %lld", (long long)t->o.config->context,
             (long long)r->seq_len);
    TRY(check_loader(t->o.data, t->o.config, r->seq_len, e));
    TRY(check_loader(t->o.val, t->o.config, r->seq_len, e));
    TRY(net_build(&t->net, t->o.config, e));
    TRY(net_make_rope(&t->net, r->seq_len, e));
    TRY(net_alloc(&t->net, true, e));
    net_init(&t->net, (uint64_t)r->seed, r->init_std);
    TRY(optim_init(&t->optim, &t->net, e));
    t->optim.beta1 = r->beta1;
    t->optim.beta2 = r->beta2;
    t->optim.eps = r->eps;
    t->optim.weight_decay = r->weight_decay;
    TRY(feed_init(&t->feed, r->seq_len, r->batch_tokens / r->seq_len, r->micro_batch, e));
    TRY(open_tables(t, e));
    return measure(t, e);
}

int trainer_open(struct trainer *t, const struct trainer_options *o, struct err *e)
{
    *t = (struct trainer){.o = *o};
    int rc = open_all(t, e);
    if (rc) trainer_close(t);
    return rc;
}

void trainer_close(struct trainer *t)
{
    run_free(&t->run);
    optim_free(&t->optim);
    feed_free(&t->feed);
    net_free(&t->net);
    mem_free(t->stats.load);
    mem_free(t->stats.balance);
    mem_free(t->load);
    mem_free(t->token_bytes);
    *t = (struct trainer){0};
}

/* ---- Non-finite numbers ---- */

static bool all_finite(const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(x[i])) return false;
    return true;
}

/* The first parameter whose numbers (or gradient) are not all finite; NULL if none. */
static const char *bad_param(const struct net *net, bool grad)
{
    for (int i = 0; i < net->n_params; i++) {
        const struct tensor *t = &net->params[i].t;
        const float *x = grad ? t->grad : tensor_f32(t);
        if (x && net->params[i].trained && !all_finite(x, tensor_count(t))) return net->params[i].hf_name;
    }
    return NULL;
}

/* The layer of the earliest step on the tape with the name of the guilty operation and a non-finite result. */
static int bad_layer(const struct run *r)
{
    int layer = -1;
    for (const struct step *s = r->last; s; s = s->prev) {
        if (strcmp(s->op->name, r->bad_op) != 0) continue;
        for (int o = 0; o < 6 && s->out[o]; o++)
            if (s->out[o]->dtype == DT_F32 && s->out[o]->nd == 2 && s->out[o]->ld == tensor_cols(s->out[o]) &&
                !all_finite(tensor_f32(s->out[o]), tensor_count(s->out[o])))
                layer = s->layer;
    }
    return layer;
}

/* Runs the micro-batch again, looking at every result, and names the first operation that spoils it. */
static int diagnose(struct trainer *t, int64_t at, const struct scales *k, const struct micro_out *m, struct err *e)
{
    struct tensor *loss, *mtp_loss;
    const char *param = bad_param(&t->net, false);
    run_reset(&t->run);
    t->run.check_finite = true;
    t->run.taping = true;
    micro_forward(t, at, k, &loss, &mtp_loss);
    t->run.check_finite = false;
    double bad = isfinite(m->loss) ? m->mtp_loss : m->loss;
    char op[200] = "no operation of a second try was to blame: suspect the memory of this machine";
    int layer = t->run.bad_op ? bad_layer(&t->run) : -1;
    if (t->run.bad_op) snprintf(op, sizeof op, "the first bad result is \"%s\" of operation %s", t->run.bad_name, t->run.bad_op);
    if (layer >= 0) snprintf(op + strlen(op), sizeof op - strlen(op), " in layer %d", layer);
    if (param)
        FAIL(e, ERR_NUMERIC, "step %lld: the loss is %g; %s; parameter %s is not finite", (long long)t->step + 1, bad, op,
             param);
    FAIL(e, ERR_NUMERIC, "step %lld: the loss is %g; %s; all parameters are finite", (long long)t->step + 1, bad, op);
}

/* ---- A step ---- */

static void add_loads(struct trainer *t, struct step_stats *s)
{
    const struct config *c = &t->net.config;
    for (int64_t l = c->dense_layers; l < t->layers && c->experts > 0; l++) {
        if (l == c->layers && !has_mtp(t)) continue;
        s->balance += t->stats.balance[l];
        for (int64_t i = 0; i < c->experts; i++) t->load[l * c->experts + i] += t->stats.load[l * c->experts + i];
    }
}

/* Moves the router biases by the loads of the step, and tells the extremes. */
static void use_loads(struct trainer *t, struct step_stats *s)
{
    const struct config *c = &t->net.config;
    s->load_min = HUGE_VAL;
    for (int64_t l = 0; l < t->layers; l++) {
        const int64_t *load = t->load + l * c->experts;
        if (!t->net.layers[l].router || (l == c->layers && !has_mtp(t))) continue;
        double sum = 0, least = HUGE_VAL, most = 0;
        for (int64_t i = 0; i < c->experts; i++) {
            sum += (double)load[i];
            least = fmin(least, (double)load[i]);
            most = fmax(most, (double)load[i]);
        }
        s->load_min = fmin(s->load_min, least * (double)c->experts / sum);
        s->load_max = fmax(s->load_max, most * (double)c->experts / sum);
        if (t->net.layers[l].router_bias && t->o.recipe->bias_update > 0)
            optim_move_bias(t->net.layers[l].router_bias, load, t->o.recipe->bias_update);
    }
    if (s->load_max == 0) s->load_min = 0;
}

/* All micro-batches of the step: gradients and statistics. */
static int gradients(struct trainer *t, struct step_stats *s, struct err *e)
{
    const struct recipe *r = t->o.recipe;
    struct feed *f = &t->feed;
    struct scales k = {.balance = (float)(r->balance / (double)f->windows)};
    feed_step(f, t->o.data, t->step);
    if (f->counted > 0) k.loss = (float)(1.0 / (double)f->counted);
    if (f->counted2 > 0) k.mtp = (float)(r->mtp_weight / (double)f->counted2);
    memset(t->net.grads.base, 0, t->net.grads.used);
    memset(t->load, 0, (size_t)(t->layers * max_i64(t->net.config.experts, 1)) * sizeof *t->load);
    for (int64_t w = 0; w < f->windows; w += f->micro) {
        struct micro_out m;
        int64_t at = feed_micro(f, w, f->micro);
        micro_step(t, at, &k, &m);
        if (!m.finite) return diagnose(t, at, &k, &m, e);
        s->loss += m.loss;
        s->mtp_loss += m.mtp_loss;
        add_loads(t, s);
    }
    if (has_mtp(t)) s->mtp_loss /= r->mtp_weight;
    return OK;
}

static int step(struct trainer *t, struct step_stats *s, struct err *e)
{
    const struct recipe *r = t->o.recipe;
    struct schedule plan = {r->lr, r->min_lr, r->steps, r->warmup, r->decay};
    TRY(gradients(t, s, e));
    s->grad_norm = optim_grad_norm(&t->optim, t->o.ks, t->o.pool);
    if (!isfinite(s->grad_norm)) {
        const char *p = bad_param(&t->net, true);
        FAIL(e, ERR_NUMERIC, "step %lld: the loss is %g but the gradient's norm is %g; parameter %s", (long long)t->step + 1,
             s->loss, s->grad_norm, p ? p : "unknown: the sum of squares is too large");
    }
    double scale = r->clip > 0 && s->grad_norm > r->clip ? r->clip / s->grad_norm : 1;
    s->lr = schedule_rate(&plan, t->step);
    optim_step(&t->optim, t->o.ks, t->o.pool, t->step + 1, s->lr, scale);
    use_loads(t, s);
    t->step++;
    s->step = t->step;
    s->tokens = t->feed.windows * t->feed.seq_len;
    return OK;
}

int trainer_step(struct trainer *t, struct step_stats *s, struct err *e)
{
    *s = (struct step_stats){0};
    if (t->has_stepped) mem_guard_begin("a training step");
    int rc = step(t, s, e);
    mem_guard_end();
    t->has_stepped = true;
    return rc;
}

/* ---- Validation ---- */

/* Adds the losses and bytes of the counted rows of a micro-batch at feed row `at`. */
static int eval_micro(struct trainer *t, int64_t at, struct eval_stats *s, struct err *e)
{
    struct run *r = &t->run;
    struct tensor *rows;
    run_reset(r);
    r->taping = false;
    struct tensor *h = net_forward(r, &t->net, &(struct forward_args){.batch = &t->feed.batch}, NULL);
    op_head_loss(r, h, t->net.head, t->feed.targets + at, 1.0f, &rows);
    for (int64_t n = 0; n < t->feed.batch.n; n++) {
        int32_t target = t->feed.targets[at + n];
        if (target < 0) continue;
        s->loss += tensor_f32(rows)[n];
        s->tokens++;
        if (t->token_bytes) s->bytes += t->token_bytes[target];
    }
    if (!isfinite(s->loss)) FAIL(e, ERR_NUMERIC, "step %lld: the validation loss is not finite", (long long)t->step);
    return OK;
}

int trainer_eval(struct trainer *t, size_t source, struct eval_stats *s, struct err *e)
{
    struct feed *f = &t->feed;
    *s = (struct eval_stats){0};
    uint64_t all = loader_source_windows(t->o.val, source), want = (uint64_t)t->o.recipe->eval_windows;
    uint64_t n = want < all ? want : all, stride = n ? all / n : 1;
    for (uint64_t w = 0; w < n; w += (uint64_t)f->micro) {
        int64_t k = min_i64(f->micro, (int64_t)(n - w));
        feed_source(f, t->o.val, source, w * stride, stride, k);
        TRY(eval_micro(t, feed_micro(f, 0, k), s, e));
    }
    if (s->tokens > 0) s->loss /= (double)s->tokens;
    if (s->bytes > 0) s->bits_per_byte = s->loss * (double)s->tokens / log(2.0) / (double)s->bytes;
    return OK;
}

int train_weights_hash(const struct net *net, char out[65], struct err *e)
{
    struct sha256 *h;
    TRY(sha256_new(&h, e));
    for (int i = 0; i < net->n_params; i++)
        sha256_add(h, net->params[i].t.data, (size_t)tensor_count(&net->params[i].t) * sizeof(float));
    sha256_hex(h, out);
    return OK;
}
