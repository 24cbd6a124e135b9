/* autarky bench train: tokens per second of a training step (forward, backward, AdamW), ours and, on request, those of
 * PyTorch on the same network, number format, threads and machine, one after the other. */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/checked.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/rng.h"
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/options.h"
#include "cli/measure/peer.h"
#include "cli/term.h"
#include "sys/clock.h"
#include "sys/dir.h"
#include "sys/file.h"
#include "train/speed.h"
#include "train/train.h"

enum { VOCAB = 4096, WARM_UP = 2, MAX_STEPS = 101, MAX_MODELS = 16, MAX_REPLY = 1 << 16 };

struct args {
    const char *peer, *python, *script, *folder, *level;
    struct opt_list models;
    int64_t steps, threads;
    bool json, f32_only;
};

/* One network in one number format. */
struct result {
    char model[64];
    const char *compute; /* "f32", "bf16" */
    double ours, theirs; /* tokens per second; theirs 0: not measured */
    double gflops, peak; /* ours: useful, and what the inner loop can do */
};

struct bench {
    struct args a;
    struct kernels ks;
    struct pool *pool;
    char tmp[64]; /* folder of the random data */
    struct result results[2 * MAX_MODELS];
    size_t n;
};

/* ---- Ours ---- */

/* A long document of random tokens: every window is full and one segment, as in the peer. */
static int write_random(const char *path, struct err *e)
{
    char hash[65];
    struct shard_writer *w;
    enum { N = 200000 };
    int32_t *ids = mem_array(N, sizeof *ids);
    if (!ids) FAIL(e, ERR_MEMORY, "out of memory");
    memset(hash, '0', 64);
    hash[64] = 0;
    for (uint64_t i = 0; i < N; i++) ids[i] = (int32_t)rng_below(1, 1, i, VOCAB);
    int rc = shard_writer_open(&w, path, VOCAB, hash, e);
    if (!rc && (rc = shard_writer_doc(w, ids, N, e))) shard_writer_abort(w);
    else if (!rc) rc = shard_writer_commit(w, e);
    mem_free(ids);
    return rc;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int time_steps(struct trainer *t, int64_t steps, double *seconds, struct err *e)
{
    double times[MAX_STEPS];
    struct step_stats s;
    for (int64_t i = -WARM_UP; i < steps; i++) {
        double t0 = clock_seconds();
        TRY(trainer_step(t, &s, e));
        if (i >= 0) times[i] = clock_seconds() - t0;
    }
    qsort(times, (size_t)steps, sizeof times[0], by_value);
    *seconds = times[steps / 2];
    return OK;
}

static int measure_trainer(const struct bench *b, const struct recipe *r, const struct corpus *c, struct result *res,
                           struct err *e)
{
    struct config config;
    struct trainer t;
    double seconds = 0;
    TRY(train_config(&config, r, c, e));
    struct trainer_options o = {.recipe = r, .config = &config, .data = &c->data, .ks = &b->ks, .pool = b->pool};
    TRY(trainer_open(&t, &o, e));
    int rc = time_steps(&t, b->a.steps, &seconds, e);
    res->peak = 1e-9 * speed_kernel_peak(&b->ks, b->pool, t.compute);
    trainer_close(&t);
    if (rc) return rc;
    res->ours = (double)r->batch_tokens / seconds;
    res->gflops = 1e-9 * res->ours * speed_flops_per_token(&config, r->seq_len);
    return OK;
}

static int set_compute(struct recipe *r, const char *compute, struct err *e)
{
    char *s = mem_strdup(compute);
    if (!s) FAIL(e, ERR_MEMORY, "out of memory");
    mem_free(r->compute);
    r->compute = s;
    return OK;
}

static int measure_ours(const struct bench *b, const char *path, struct result *res, struct err *e)
{
    struct recipe *r = mem_alloc(sizeof *r);
    struct corpus c = {0};
    char shard[PATH_MAX];
    if (!r) FAIL(e, ERR_MEMORY, "out of memory");
    int rc = recipe_load(r, path, e);
    if (!rc) rc = set_compute(r, res->compute, e);
    if (!rc) rc = path_join(shard, sizeof shard, b->tmp, "random.tok", e);
    if (!rc) rc = loader_init(&c.data, 1, (int)r->seq_len, e);
    if (!rc) rc = loader_add(&c.data, shard, "random", 1, e);
    if (!rc) rc = measure_trainer(b, r, &c, res, e);
    corpus_close(&c);
    recipe_free(r);
    mem_free(r);
    return rc;
}

/* ---- The peer ---- */

/* Runs argv and collects its stdout. */
static int run_program(char *const argv[], struct buf *out, struct err *e)
{
    int fds[2], status;
    char block[4096];
    ssize_t n;
    if (pipe(fds) != 0) FAIL(e, ERR_IO, "pipe: %s", strerror(errno));
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fds[1], STDOUT_FILENO);
        close(fds[0]);
        close(fds[1]);
        execvp(argv[0], argv);
        fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
        _exit(127);
    }
    close(fds[1]);
    while (pid > 0 && ((n = read(fds[0], block, sizeof block)) > 0 || (n < 0 && errno == EINTR)))
        if (n > 0 && out->len < MAX_REPLY) buf_add(out, block, (size_t)n);
    close(fds[0]);
    if (pid < 0) FAIL(e, ERR_IO, "fork: %s", strerror(errno));
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        FAIL(e, ERR_IO, "%s %s: ended with status %d", argv[0], argv[1],
             WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return buf_check(out, "the peer's reply", e);
}

/* The last line of the reply is a JSON object with "tokens_per_second". */
static int read_reply(const struct buf *out, double *rate, struct err *e)
{
    size_t end = out->len, start;
    while (end > 0 && out->data[end - 1] == '\n') end--;
    for (start = end; start > 0 && out->data[start - 1] != '\n'; start--) continue;
    json_t *j;
    TRY(json_parse(&j, out->data ? out->data + start : "", end - start, "the peer's reply", e));
    double v = 0;
    int rc = json_opt_f64(j, "tokens_per_second", 1e-9, 1e15, &v, "the peer's reply", e);
    json_decref(j);
    if (!rc && v == 0) FAIL(e, ERR_FORMAT, "the peer's reply: \"tokens_per_second\" is missing");
    *rate = v;
    return rc;
}

static int measure_peer(const struct bench *b, const char *path, struct result *res, struct err *e)
{
    char python[PEER_PATH], script[PEER_PATH], model[PATH_MAX], compute[8], threads[16], steps[16];
    char o1[] = "--dtype", o2[] = "--threads", o3[] = "--steps";
    peer_python(python, b->a.python);
    peer_script(script, b->a.script);
    snprintf(model, sizeof model, "%s", path);
    snprintf(compute, sizeof compute, "%s", res->compute);
    snprintf(threads, sizeof threads, "%d", pool_threads(b->pool));
    snprintf(steps, sizeof steps, "%lld", (long long)b->a.steps);
    char *argv[] = {python, script, o1, compute, o2, threads, o3, steps, model, NULL};
    struct buf out = {0};
    int rc = run_program(argv, &out, e);
    if (!rc) rc = read_reply(&out, &res->theirs, e);
    buf_free(&out);
    return rc;
}

/* ---- All ---- */

static int bench_model(struct bench *b, const char *name, struct err *e)
{
    char path[PATH_MAX], file[128];
    static const char *const computes[] = {"bf16", "f32"};
    snprintf(file, sizeof file, "%.100s.recipe", name);
    TRY(path_join(path, sizeof path, b->a.folder, file, e));
    for (int i = b->a.f32_only; i < 2; i++) {
        struct result *r = &b->results[b->n];
        *r = (struct result){.compute = computes[i]};
        snprintf(r->model, sizeof r->model, "%.60s", name);
        TRY(measure_ours(b, path, r, e));
        fprintf(stderr, "%s %s: %.0f tokens/s, %.1f useful GFLOP/s (%.0f%% of the inner loop's %.0f)\n", name, r->compute,
                r->ours, r->gflops, r->peak > 0 ? 100 * r->gflops / r->peak : 0, r->peak);
        struct err why = {0};
        if (b->a.peer && measure_peer(b, path, r, &why)) {
            fprintf(stderr, "autarky bench train: not compared: %s; %s\n", why.msg, peer_advice);
            b->a.peer = NULL; /* our own figures are still worth having */
        }
        if (b->a.peer) {
            fprintf(stderr, "%s %s: %s %.0f tokens/s\n", name, r->compute, b->a.peer, r->theirs);
        }
        b->n++;
    }
    return OK;
}

/* The better format of each side: what a user would choose on this machine. */
static double best(const struct bench *b, const char *model, bool ours, const char **compute)
{
    double v = 0;
    for (size_t i = 0; i < b->n; i++) {
        double x = ours ? b->results[i].ours : b->results[i].theirs;
        if (strcmp(b->results[i].model, model) != 0 || x <= v) continue;
        v = x;
        *compute = b->results[i].compute;
    }
    return v;
}

static bool first_of_model(const struct bench *b, size_t i)
{
    return i == 0 || strcmp(b->results[i].model, b->results[i - 1].model) != 0;
}

static int print_json(const struct bench *b, struct err *e)
{
    json_t *ratios = json_array(), *all = json_array();
    for (size_t i = 0; i < b->n; i++) {
        const struct result *r = &b->results[i];
        json_add(all, json_pack("{s:s, s:s, s:f, s:f, s:f, s:f, s:o}", "model", r->model, "compute", r->compute,
                                "ours", r->ours, "theirs", r->theirs, "gflops", r->gflops, "kernel_gflops",
                                r->peak, "ratio", r->theirs > 0 ? json_real(r->ours / r->theirs) : json_null()));
        if (!first_of_model(b, i) || !b->a.peer) continue;
        const char *mine = "", *other = "";
        double ours = best(b, r->model, true, &mine), theirs = best(b, r->model, false, &other);
        json_add(ratios, json_pack("{s:s, s:s, s:f, s:f, s:f, s:s, s:s}", "model", r->model, "peer", b->a.peer,
                                   "ours", ours, "theirs", theirs, "ratio", theirs > 0 ? ours / theirs : 0.0, "ours_compute", mine,
                                   "theirs_compute", other));
    }
    json_t *o = json_pack("{s:o, s:o, s:i, s:s}", "ratios", ratios, "results", all, "threads", pool_threads(b->pool), "level",
                          cpu_level_name(b->ks.level));
    return o ? answer_print_json(o, e) : json_bad("the result", e);
}

static void print_table(const struct bench *b)
{
    printf("%-14s %-5s %12s %12s %7s %10s\n", "model", "", "ours tok/s", b->a.peer ? b->a.peer : "", "ratio", "GFLOP/s");
    for (size_t i = 0; i < b->n; i++) {
        const struct result *r = &b->results[i];
        char theirs[32] = "", ratio[32] = "";
        if (r->theirs > 0) {
            snprintf(theirs, sizeof theirs, "%.0f", r->theirs);
            snprintf(ratio, sizeof ratio, "%.2f", r->ours / r->theirs);
        }
        printf("%-14s %-5s %12.0f %12s %7s %10.1f\n", r->model, r->compute, r->ours, theirs, ratio, r->gflops);
    }
    for (size_t i = 0; i < b->n && b->a.peer; i++) {
        const char *mine = "", *other = "", *model = b->results[i].model;
        if (!first_of_model(b, i)) continue;
        double ours = best(b, model, true, &mine), theirs = best(b, model, false, &other);
        printf("%s: ours (%s) / %s (%s) = %.2f\n", model, mine, b->a.peer, other, ours / theirs);
    }
}

static int bench_all(struct bench *b, struct err *e)
{
    static const char *const presets[] = {"dense-7m", "dense-27m", "mla-moe-12m"};
    char path[PATH_MAX];
    enum cpu_level level = kernels_max_level();
    if (b->a.peer && strcmp(b->a.peer, "torch") != 0) FAIL(e, ERR_USAGE, "--peer %s: unknown, expected torch", b->a.peer);
    if (b->a.level && (!cpu_level_parse(b->a.level, &level) || level > kernels_max_level()))
        FAIL(e, ERR_USAGE, "--level %s: unknown, or above this machine's %s", b->a.level, cpu_level_name(kernels_max_level()));
    kernels_init(&b->ks, level);
    TRY(pool_open(&b->pool, b->a.threads > 0 ? (int)b->a.threads : cpu_count(), e));
    if (!mkdtemp(b->tmp)) FAIL(e, ERR_IO, "%s: cannot make a temporary folder: %s", b->tmp, strerror(errno));
    TRY(path_join(path, sizeof path, b->tmp, "random.tok", e));
    TRY(write_random(path, e));
    for (size_t i = 0; i < b->a.models.n; i++) TRY(bench_model(b, b->a.models.v[i], e));
    for (size_t i = 0; i < ARRAY_LEN(presets) && b->a.models.n == 0; i++) TRY(bench_model(b, presets[i], e));
    return OK;
}

int cmd_bench_train(int argc, char **argv)
{
    struct bench *b = mem_alloc(sizeof *b);
    if (!b) return EXIT_MEMORY;
    struct args *a = &b->a;
    *a = (struct args){.script = "bench/peer_torch.py", .folder = "bench/models", .steps = 7};
    snprintf(b->tmp, sizeof b->tmp, "/tmp/autarky-bench-XXXXXX");
    struct opts o = {.command = "bench train",
                     .usage = "",
                     .summary = "Tokens per second of training (forward, backward, AdamW) on random data: median of the steps\n"
                                "after warm-up. With --peer torch, PyTorch runs the same networks in turn."};
    opts_add(&o, (struct opt){"model", 'm', OPT_LIST, &a->models, .arg = "NAME",
                              .help = "one of bench/models (repeatable; default: all)"});
    opts_add(&o, (struct opt){"steps", 0, OPT_I64, &a->steps, 1, MAX_STEPS, .arg = "N", .help = "steps measured (default 7)"});
    opts_add(&o, (struct opt){"threads", 't', OPT_I64, &a->threads, 1, 1024, .arg = "N", .help = "default: all processors"});
    opts_add(&o, (struct opt){"level", 0, OPT_STR, &a->level, .arg = "L",
                              .help = "kernels: c, avx2, ... (default: the best)"});
    opts_add(&o, (struct opt){"f32", 0, OPT_FLAG, &a->f32_only, .help = "f32 only, not bf16"});
    opts_add(&o, (struct opt){"peer", 0, OPT_STR, &a->peer, .arg = "torch", .help = "compare with PyTorch"});
    opts_add(&o, (struct opt){"python", 0, OPT_STR, &a->python, .arg = "PATH", .help = "its interpreter (that of ./test long)"});
    opts_add(&o, (struct opt){"script", 0, OPT_STR, &a->script, .arg = "PATH", .help = "default bench/peer_torch.py"});
    opts_add(&o, (struct opt){"models", 0, OPT_STR, &a->folder, .arg = "DIR",
                              .help = "folder of the networks (default bench/models)"});
    opts_add(&o, (struct opt){"json", 0, OPT_FLAG, &a->json, .help = "one JSON object"});
    int n, status;
    struct err e = {0};
    if (!opts_begin(&o, argc, argv, &n, &status)) {
        mem_free(b);
        return status;
    }
    int rc = n > 0 ? err_set(&e, ERR_USAGE, __FILE__, __LINE__, "\"%s\": expected options only", argv[1]) : bench_all(b, &e);
    if (!rc && a->json) rc = print_json(b, &e);
    else if (!rc) print_table(b);
    dir_remove_tree(b->tmp, NULL);
    pool_close(b->pool);
    mem_free(b);
    return rc ? exit_fail("bench train", &e) : term_flush() ? EXIT_OK : EXIT_FAILED;
}
