/* The loop of a training run. */
#include "train/train.h"
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/checked.h"
#include "base/mem.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "train/checkpoint.h"
#include "train/export.h"
#include "train/report.h"
#include "train/space.h"
#include "train/speed.h"

enum { MAX_RECIPE = 1 << 20 };

/* Everything of a run that must be given back. */
struct session {
    const struct train_options *o;
    struct train_result *res;
    struct config config;
    struct trainer trainer;
    struct report report;
    struct train_state state;
    int64_t steps_here, saved_at, evaluated_at, sampled_at; /* -1: never */
    double seconds_here;
};

int train_config(struct config *c, const struct recipe *r, const struct corpus *corpus, struct err *e)
{
    int32_t vocab = corpus->tok ? tokenizer_vocab(corpus->tok) : corpus->data.sources[0].shard.vocab;
    *c = r->model;
    if (c->vocab > 0 && c->vocab < vocab)
        FAIL(e, ERR_USAGE, "%s: [model] vocab_size = %" PRId64 ", the tokenizer has %d tokens", r->path, c->vocab, vocab);
    c->vocab = max_i64(c->vocab, vocab);
    c->context = max_i64(c->context, r->seq_len);
    if (corpus->tok) {
        c->bos = tokenizer_bos(corpus->tok);
        c->eos = tokenizer_eos(corpus->tok);
    }
    return config_check(c, r->path, e);
}

/* Is something done every `every` steps, and at the end, to be done now? */
static bool due(int64_t step, int64_t every, int64_t steps) { return step == steps || (every > 0 && step % every == 0); }

/* ---- Starting ---- */

static int write_text(const char *run, const char *name, const struct buf *b, struct err *e)
{
    char path[PATH_MAX];
    TRY(path_join(path, sizeof path, run, name, e));
    TRY(buf_check(b, path, e));
    return file_replace(path, b->data, b->len, e);
}

/* The effective recipe and configuration, into the run folder and the state. */
static int write_setup(struct session *s, struct err *e)
{
    struct buf recipe = {0}, config = {0};
    recipe_print(s->o->recipe, &recipe);
    int rc = write_text(s->o->run, "recipe.txt", &recipe, e);
    if (!rc) rc = config_to_json(&s->config, &config, e);
    if (!rc) rc = write_text(s->o->run, "config.json", &config, e);
    if (!rc) {
        mem_free(s->state.recipe);
        s->state.recipe = mem_strdup(recipe.data);
        if (!s->state.recipe) rc = err_set(e, ERR_MEMORY, __FILE__, __LINE__, "out of memory");
    }
    buf_free(&recipe);
    buf_free(&config);
    return rc;
}

static void say_plan(struct session *s)
{
    const struct trainer *t = &s->trainer;
    const struct recipe *r = s->o->recipe;
    int64_t active, total = config_params(&s->config, &active);
    double weights = (double)(t->net.weights.cap + t->net.grads.cap + t->optim.mem.cap),
           step = (double)(t->size.mem + t->size.meta + t->size.scratch);
    report_say(&s->report,
               "network: %.2f M parameters, %.2f M active per token; memory: %.0f MiB weights, gradients and moments, %.0f "
               "MiB a step",
               1e-6 * (double)total, 1e-6 * (double)active, weights / 1048576, step / 1048576);
    report_say(&s->report,
               "run: %" PRId64 " steps of %" PRId64
               " tokens (%.2f M in all), %s, %d threads, kernels %s (inner loop %.0f GFLOP/s)",
               r->steps, r->batch_tokens, 1e-6 * (double)r->steps * (double)r->batch_tokens, r->compute,
               pool_threads(s->o->pool), cpu_level_name(s->o->ks->level), s->report.peak * 1e-9);
    double all = 0, windows = (double)r->steps * (double)r->batch_tokens / (double)r->seq_len;
    for (size_t i = 0; i < t->o.data->n_sources; i++) all += t->o.data->sources[i].weight;
    for (size_t i = 0; i < t->o.data->n_sources; i++) {
        const struct loader_source *x = &t->o.data->sources[i];
        double tokens = windows * x->weight / all * (double)r->seq_len;
        report_say(&s->report, "  %-16s %8.2f M tokens, share %4.1f%%, %.2f passes", x->name, 1e-6 * (double)x->shard.n_tokens,
                   100 * x->weight / all, tokens / (double)x->shard.n_tokens);
    }
}

/* The data is not that of the checkpoint: is it the number of steps that makes the difference? */
static int other_data(const struct session *s, const char *path, struct err *e)
{
    const struct corpus *c = s->o->corpus;
    char hash[65];
    int64_t steps = 0;
    TRY(recipe_steps(s->state.recipe, s->o->recipe->dir, &steps, e));
    if (steps != s->o->recipe->steps && !corpus_hash_at(c, s->o->recipe, steps, hash, NULL) && !strcmp(hash, s->state.data_hash))
        FAIL(e, ERR_USAGE,
             "%s: the run began with steps = %" PRId64 ", now it is %" PRId64
             "; a source has an upper bound (epochs), so its share of the text would change: go on with %" PRId64
             " steps, or begin again with --fresh",
             path, steps, s->o->recipe->steps, steps);
    FAIL(e, ERR_INTEGRITY, "%s: made with data %s, the run folder has %s", path, s->state.data_hash, c->data_hash);
}

static int check_state(const struct session *s, const char *path, struct err *e)
{
    const struct corpus *c = s->o->corpus;
    TRY(recipe_same(s->o->recipe, s->state.recipe, e));
    if (strcmp(s->state.tokenizer_hash, c->tokenizer_hash) != 0)
        FAIL(e, ERR_INTEGRITY, "%s: made with tokenizer %s, the run folder has %s", path, s->state.tokenizer_hash,
             c->tokenizer_hash);
    if (strcmp(s->state.data_hash, c->data_hash) != 0) return other_data(s, path, e);
    if (s->state.step > s->o->recipe->steps)
        FAIL(e, ERR_USAGE, "%s: step %" PRId64 " is behind the recipe's last, steps = %" PRId64, path, s->state.step,
             s->o->recipe->steps);
    return OK;
}

static int resume(struct session *s, struct err *e)
{
    char path[PATH_MAX];
    TRY(checkpoint_find(s->o->run, path, sizeof path, &s->state, e));
    TRY(check_state(s, path, e));
    TRY(checkpoint_load(&s->trainer, path, &s->state, e));
    TRY(checkpoint_settle(s->o->run, s->state.step, s->o->recipe->checkpoint_keep, e));
    TRY(report_rewind(&s->report, s->state.step, s->state.metrics_bytes, s->state.samples_bytes, e));
    s->saved_at = s->state.step; /* what was due at this step was done before it was saved */
    if (due(s->state.step, s->o->recipe->eval_every, s->o->recipe->steps)) s->evaluated_at = s->state.step;
    if (due(s->state.step, s->o->recipe->sample_every, s->o->recipe->steps)) s->sampled_at = s->state.step;
    report_say(&s->report, "going on from %s", path);
    return OK;
}

int train_check_folder(const char *run, const struct recipe *r, bool resume_it, struct err *e)
{
    char path[PATH_MAX], *before;
    size_t len;
    bool any;
    TRY(checkpoint_any(&any, run, e));
    if (!any) return OK;
    if (!resume_it)
        FAIL(e, ERR_USAGE,
             "%s: has checkpoints of an earlier run: go on with --resume, begin again with --fresh, or name another "
             "folder with --out",
             run);
    TRY(path_join(path, sizeof path, run, "recipe.txt", e));
    if (file_absent(path)) return OK; /* the checkpoint has it too */
    TRY(file_read(&before, &len, path, MAX_RECIPE, e));
    int rc = recipe_same(r, before, e);
    mem_free(before);
    return rc;
}

static int start(struct session *s, struct err *e)
{
    const struct train_options *o = s->o;
    struct trainer_options t = {o->recipe, &s->config, &o->corpus->data, &o->corpus->val, o->corpus->tok, o->ks, o->pool};
    bool any;
    TRY(checkpoint_any(&any, o->run, e));
    TRY(train_check_folder(o->run, o->recipe, o->resume, e));
    TRY(train_config(&s->config, o->recipe, o->corpus, e));
    TRY(report_open(&s->report, o->run, e));
    TRY(trainer_open(&s->trainer, &t, e));
    s->report.quiet = o->quiet;
    s->report.out = o->out;
    s->report.steps = o->recipe->steps;
    s->report.guess = log((double)s->config.vocab);
    s->report.warmup = o->recipe->warmup;
    TRY(space_check(&s->trainer, o->run, e));
    s->report.flops_per_token = speed_flops_per_token(&s->config, o->recipe->seq_len);
    if (!o->quiet) s->report.peak = speed_kernel_peak(o->ks, o->pool, s->trainer.compute);
    if (any) TRY(resume(s, e));
    else TRY(report_rewind(&s->report, 0, 0, 0, e));
    memcpy(s->state.tokenizer_hash, o->corpus->tokenizer_hash, sizeof s->state.tokenizer_hash);
    memcpy(s->state.data_hash, o->corpus->data_hash, sizeof s->state.data_hash);
    TRY(write_setup(s, e));
    say_plan(s);
    return OK;
}

/* ---- Going on ---- */

static int evaluate(struct session *s, struct err *e)
{
    size_t n = s->o->corpus->val.n_sources;
    if (n == 0 || s->evaluated_at == s->trainer.step) return OK;
    for (size_t i = 0; i < n; i++) TRY(trainer_eval(&s->trainer, i, &s->res->vals[i], e));
    s->res->n_vals = n;
    s->evaluated_at = s->trainer.step;
    return report_eval(&s->report, &s->trainer, s->res->vals, n, e);
}

static int samples(struct session *s, struct err *e)
{
    const struct recipe *r = s->o->recipe;
    struct buf b = {0};
    int rc = OK;
    if (!s->o->corpus->tok || s->sampled_at == s->trainer.step) return OK;
    for (size_t i = 0; i < r->n_prompts && !rc; i++) {
        buf_clear(&b);
        rc = trainer_sample(&s->trainer, r->prompts[i], i, &b, e);
        if (!rc) rc = buf_check(&b, "a sample", e);
        if (!rc) rc = report_sample(&s->report, s->trainer.step, b.data ? b.data : "", b.len, e);
    }
    s->sampled_at = s->trainer.step;
    buf_free(&b);
    return rc;
}

static int save(struct session *s, struct err *e)
{
    if (s->saved_at == s->trainer.step) return OK;
    s->state.metrics_bytes = s->report.metrics_bytes;
    s->state.samples_bytes = s->report.samples_bytes;
    TRY(report_sync(&s->report, e));
    TRY(checkpoint_save(&s->trainer, s->o->run, &s->state, s->o->corpus->tokenizer_json, s->o->recipe->checkpoint_keep, e));
    s->saved_at = s->trainer.step;
    return OK;
}

/* A step whose operations are written to a trace file: the second of the process, when everything is warm. */
static int traced_step(struct session *s, struct step_stats *st, struct err *e)
{
    if (!s->o->trace || s->steps_here != 1) return trainer_step(&s->trainer, st, e);
    struct trace **trace = &s->trainer.run.trace;
    TRY(trace_open(trace, s->o->trace, false, e));
    int rc = trainer_step(&s->trainer, st, e);
    int closed = trace_close(*trace, rc ? NULL : e);
    *trace = NULL;
    return rc ? rc : closed;
}

static int one_step(struct session *s, struct err *e)
{
    const struct recipe *r = s->o->recipe;
    struct step_stats st;
    double t0 = clock_seconds();
    TRY(traced_step(s, &st, e));
    double seconds = clock_seconds() - t0;
    s->seconds_here += seconds;
    s->state.seconds += seconds;
    s->state.tokens += st.tokens;
    s->steps_here++;
    s->res->loss = st.loss;
    TRY(report_step(&s->report, &s->trainer, &st, s->state.tokens, seconds, e));
    if (due(st.step, r->eval_every, r->steps)) TRY(evaluate(s, e));
    if (due(st.step, r->sample_every, r->steps)) TRY(samples(s, e));
    if (due(st.step, r->checkpoint_every, r->steps)) TRY(save(s, e));
    return OK;
}

static int finish(struct session *s, struct err *e)
{
    TRY(evaluate(s, e));
    TRY(samples(s, e));
    TRY(save(s, e));
    TRY(train_export(&s->trainer, s->o->run, s->o->recipe, s->o->corpus, e));
    s->res->finished = true;
    return OK;
}

static int loop(struct session *s, struct err *e)
{
    const struct train_options *o = s->o;
    while (s->trainer.step < o->recipe->steps) {
        if (o->stop && *o->stop) {
            TRY(save(s, e));
            FAIL(e, ERR_INTERRUPTED,
                 "stopped after step %" PRId64 " of %" PRId64 "; the checkpoint is complete: go on with --resume",
                 s->trainer.step, o->recipe->steps);
        }
        if (o->stop_after > 0 && s->steps_here >= o->stop_after) return save(s, e);
        TRY(one_step(s, e));
    }
    return finish(s, e);
}

int train_run(struct train_result *res, const struct train_options *o, struct err *e)
{
    struct session s = {.o = o, .res = res, .saved_at = -1, .evaluated_at = -1, .sampled_at = -1};
    *res = (struct train_result){.steps = o->recipe->steps};
    int rc = start(&s, e);
    if (!rc) rc = loop(&s, e);
    if (!rc) rc = train_weights_hash(&s.trainer.net, res->weights_hash, e);
    res->step = s.trainer.step;
    res->tokens = s.state.tokens;
    res->seconds = s.state.seconds;
    if (s.seconds_here > 0) res->tokens_per_second = (double)(s.steps_here * o->recipe->batch_tokens) / s.seconds_here;
    report_close(&s.report);
    trainer_close(&s.trainer);
    train_state_free(&s.state);
    return rc;
}
