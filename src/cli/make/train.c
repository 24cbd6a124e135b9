/* autarky train: from a recipe to a model. stdout carries the result only, progress goes to stderr. */
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "base/json.h"
#include "base/mem.h"
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/options.h"
#include "cli/term.h"
#include "sys/clock.h"
#include "sys/dir.h"
#include "sys/file.h"
#include "train/checkpoint.h"
#include "train/train.h"

struct args {
    const char *recipe, *out, *data, *level;
    bool resume, fresh, quiet, json, keys;
    int64_t steps, stop_after, threads;
    const char *trace;
};

/* Ctrl-C and SIGTERM: the first is looked at between steps, the second ends the program at once. */
static volatile sig_atomic_t stop_signal;

static void on_stop(int sig)
{
    if (stop_signal) term_end_by(sig);
    stop_signal = sig;
}

static void catch_signals(void)
{
    term_catch(SIGINT, on_stop);
    term_catch(SIGTERM, on_stop);
}

/* ---- Preparation ---- */

struct preparing {
    bool quiet, tty;
    double last;
};

static void show_preparing(void *ctx, const char *what, uint64_t done, uint64_t total)
{
    struct preparing *p = ctx;
    double now = clock_seconds();
    char of[32] = "";
    if (p->quiet || now - p->last < (p->tty ? 0.1 : 10)) return;
    p->last = now;
    if (total > 0) snprintf(of, sizeof of, " of %" PRIu64, total);
    if (p->tty) term_status("%s: %" PRIu64 "%s", what, done, of);
    else fprintf(stderr, "%s: %" PRIu64 "%s\n", what, done, of);
}

static void show_line(const char *text)
{
    term_status_end();
    term_say(stderr, text, strlen(text));
    fputc('\n', stderr);
}

static void show_status(const char *text) { term_status("%s", text); }

static int run_folder(char *out, size_t cap, const struct recipe *r, const struct args *a, struct err *e)
{
    char name[PATH_MAX];
    if (!a->out && *r->out) return recipe_resolve(r, out, cap, r->out, e);
    if (!a->out) TRY(path_join(name, sizeof name, "runs", r->name, e));
    int n = snprintf(out, cap, "%s", a->out ? a->out : name);
    if (n < 0 || (size_t)n >= cap) FAIL(e, ERR_LIMIT, "path is too long: %s", a->out);
    return OK;
}

/* What the command line changes in the recipe. */
static int apply_args(struct recipe *r, const struct args *a, struct err *e)
{
    if (a->steps > 0) r->steps = a->steps;
    if (a->data) {
        char *s = mem_strdup(a->data);
        if (!s) FAIL(e, ERR_MEMORY, "out of memory");
        mem_free(r->data_root);
        r->data_root = s;
        r->data_from_here = true;
    }
    return recipe_check(r, e);
}

/* ---- The run ---- */

struct job {
    struct recipe recipe;
    struct corpus corpus;
    struct pool *pool;
    struct kernels ks;
    struct train_result res;
    char run[PATH_MAX];
    int lock;
};

static int start_fresh(const char *run, struct err *e)
{
    char path[PATH_MAX];
    TRY(checkpoint_remove_all(run, e));
    TRY(path_join(path, sizeof path, run, "metrics.jsonl", e));
    TRY(file_remove(path, e));
    TRY(path_join(path, sizeof path, run, "samples.txt", e));
    return file_remove(path, e);
}

static int open_job(struct job *j, const struct args *a, struct err *e)
{
    char lock[PATH_MAX];
    enum cpu_level level = kernels_max_level();
    if (a->resume && a->fresh) FAIL(e, ERR_USAGE, "--resume and --fresh exclude each other");
    if (a->level && !cpu_level_parse(a->level, &level))
        FAIL(e, ERR_USAGE, "--level %s: unknown, expected c, avx2, avx512, avx512-vnni or avx512-bf16", a->level);
    if (level > kernels_max_level())
        FAIL(e, ERR_UNSUPPORTED, "--level %s: this machine has %s at most", a->level, cpu_level_name(kernels_max_level()));
    kernels_init(&j->ks, level);
    TRY(recipe_load(&j->recipe, a->recipe, e));
    TRY(apply_args(&j->recipe, a, e));
    TRY(run_folder(j->run, sizeof j->run, &j->recipe, a, e));
    TRY(file_mkdirs(j->run, e));
    TRY(path_join(lock, sizeof lock, j->run, "lock", e));
    TRY(dir_lock(&j->lock, lock, e));
    if (!a->fresh) TRY(train_check_folder(j->run, &j->recipe, a->resume, e));
    return pool_open(&j->pool, a->threads > 0 ? (int)a->threads : cpu_count(), e);
}

static int run_job(struct job *j, const struct args *a, struct err *e)
{
    bool tty = term_is_tty(stderr) && !term_plain();
    struct preparing p = {.quiet = a->quiet, .tty = tty, .last = clock_seconds()};
    bool any;
    TRY(open_job(j, a, e));
    TRY(checkpoint_any(&any, j->run, e));
    struct corpus_options c = {.recipe = &j->recipe,
                               .run = j->run,
                               .going_on = a->resume && any,
                               .pool = j->pool,
                               .progress = show_preparing,
                               .progress_ctx = &p,
                               .stop = &stop_signal};
    int rc = corpus_open(&j->corpus, &c, e);
    term_status_end();
    if (rc) return rc;
    if (a->fresh) TRY(start_fresh(j->run, e)); /* not before: a text that cannot be read must not cost the earlier run */
    struct train_options o = {.recipe = &j->recipe,
                              .corpus = &j->corpus,
                              .ks = &j->ks,
                              .pool = j->pool,
                              .run = j->run,
                              .resume = a->resume,
                              .quiet = a->quiet,
                              .out = {.columns = tty ? term_columns : NULL, .line = show_line, .status = show_status},
                              .trace = a->trace,
                              .stop_after = a->stop_after,
                              .stop = &stop_signal};
    return train_run(&j->res, &o, e);
}

static void close_job(struct job *j)
{
    corpus_close(&j->corpus);
    pool_close(j->pool);
    recipe_free(&j->recipe);
    dir_unlock(j->lock);
}

static json_t *vals_json(const struct job *j)
{
    json_t *o = json_object();
    for (size_t i = 0; i < j->res.n_vals; i++) {
        const struct eval_stats *v = &j->res.vals[i];
        json_put(o, j->corpus.val.sources[i].name,
                 json_pack("{s:f, s:f, s:I}", "loss", v->loss, "bits_per_byte", v->bits_per_byte, "tokens",
                           (json_int_t)v->tokens));
    }
    return o;
}

static int print_json(const struct job *j, struct err *e)
{
    const struct train_result *r = &j->res;
    json_t *o = json_pack("{s:s, s:b, s:I, s:I, s:I, s:f, s:f, s:f, s:I, s:o, s:s}", "run", j->run, "finished", (int)r->finished,
                          "step", (json_int_t)r->step, "steps", (json_int_t)r->steps, "tokens", (json_int_t)r->tokens, "loss",
                          r->loss, "seconds", r->seconds, "tokens_per_second", r->tokens_per_second, "skipped_lines",
                          (json_int_t)j->corpus.skipped_lines, "val", vals_json(j),
                          "weights_sha256", r->weights_hash);
    return o ? answer_print_json(o, e) : json_bad("the result", e);
}

static void print_result(const struct job *j, bool quiet)
{
    const struct train_result *r = &j->res;
    struct buf b = {0};
    if (r->finished) {
        bool folder = strcmp(j->recipe.export_folder, "none") != 0, gguf = strcmp(j->recipe.export_gguf, "none") != 0;
        buf_printf(&b, "done: %" PRId64 " steps, %.2f M tokens in %.0f s", r->step, 1e-6 * (double)r->tokens, r->seconds);
        if (r->loss > 0) buf_printf(&b, ", loss %.4f", r->loss); /* 0: no step was left to do */
        if (folder) buf_printf(&b, "; the model is in %s/model", j->run);
        if (gguf) buf_printf(&b, "%s %s/model.gguf", folder ? " and" : "; the model is in", j->run);
        if (folder || gguf) buf_printf(&b, "\nto talk with it: autarky chat %s%s%s", strchr(j->run, ' ') ? "\"" : "", j->run,
                                       strchr(j->run, ' ') ? "\"" : "");
    } else {
        buf_printf(&b, "stopped after step %" PRId64 " of %" PRId64 " as asked; go on with --resume", r->step, r->steps);
    }
    if (!quiet && !b.failed) show_line(b.data);
    buf_free(&b);
    printf("weights sha256: %s\n", r->weights_hash);
}

static int print_keys(void)
{
    struct buf b = {0};
    recipe_help(&b);
    if (b.data) fputs(b.data, stdout);
    buf_free(&b);
    return term_flush() ? EXIT_OK : EXIT_FAILED;
}

static void add_options(struct opts *o, struct args *a)
{
    opts_add(o, (struct opt){"resume", 0, OPT_FLAG, &a->resume, .help = "go on from the newest checkpoint"});
    opts_add(o, (struct opt){"fresh", 0, OPT_FLAG, &a->fresh, .help = "forget the checkpoints of an earlier run in this folder"});
    opts_add(o, (struct opt){"out", 'o', OPT_STR, &a->out, .arg = "DIR",
                             .help = "run folder (default: the recipe's, or runs/NAME)"});
    opts_add(o, (struct opt){"data", 0, OPT_STR, &a->data, .arg = "DIR",
                             .help = "folder that the recipe's inputs are relative to"});
    opts_add(o, (struct opt){"steps", 0, OPT_I64, &a->steps, 1, 1e9, .arg = "N", .help = "instead of the recipe's steps"});
    opts_add(o, (struct opt){"trace", 0, OPT_STR, &a->trace, .arg = "FILE",
                             .help = "write the operations of the second step to FILE, for chrome://tracing or Perfetto"});
    opts_add(o, (struct opt){"stop-after", 0, OPT_I64, &a->stop_after, 1, 1e9, .arg = "N",
                             .help = "checkpoint and stop after N steps"});
    opts_add(o, (struct opt){"threads", 't', OPT_I64, &a->threads, 1, 1024, .arg = "N",
                             .help = "default: all processors; never changes the result"});
    opts_add(o, (struct opt){"level", 0, OPT_STR, &a->level, .arg = "L",
                             .help = "kernels: c, avx2, ... (default: the best)"});
    opts_add(o, (struct opt){"quiet", 'q', OPT_FLAG, &a->quiet, .help = "no progress"});
    opts_add(o, (struct opt){"json", 0, OPT_FLAG, &a->json, .help = "the result as one JSON object"});
    opts_add(o, (struct opt){"keys", 0, OPT_FLAG, &a->keys, .help = "list what may stand in a recipe, with defaults"});
}

int cmd_train(int argc, char **argv)
{
    struct args a = {0};
    struct opts o = {.command = "train",
                     .usage = "RECIPE",
                     .summary = "Trains a tokenizer and a model as the recipe says. Ctrl-C stops after the step at hand with a\n"
                                "checkpoint. Whatever happens to the process, --resume goes on with the same bits.\n\n"
                                "  autarky train recipes/first.recipe\n"
                                "  autarky train recipes/first.recipe --resume"};
    int n, status;
    struct err e = {0};
    add_options(&o, &a);
    if (!opts_begin(&o, argc, argv, &n, &status)) return status;
    if (a.keys) return print_keys();
    if (n != 1) {
        err_set(&e, ERR_USAGE, __FILE__, __LINE__, "expected one recipe, got %d arguments; see autarky train --help", n);
        return exit_fail("train", &e);
    }
    a.recipe = argv[1];
    struct job *j = mem_alloc(sizeof *j);
    if (!j) return EXIT_MEMORY;
    j->lock = -1;
    catch_signals();
    int rc = run_job(j, &a, &e);
    term_status_end();
    if (!rc && a.json) rc = print_json(j, &e);
    else if (!rc) print_result(j, a.quiet);
    close_job(j);
    mem_free(j);
    if (rc) {
        status = exit_fail("train", &e);
        return rc == ERR_INTERRUPTED && stop_signal == SIGTERM ? 128 + SIGTERM : status;
    }
    return term_flush() ? EXIT_OK : EXIT_FAILED;
}
