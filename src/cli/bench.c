/* autarky bench: kernels and train are other files; decode measures a model as its users meet it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/checked.h"
#include "base/mem.h"
#include "base/rng.h"
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/setup.h"
#include "cli/term.h"
#include "sys/clock.h"

enum { MAX_ROUNDS = 99 };

struct bench {
    struct talker t;
    struct model_args model;
    int64_t prompt, generate, rounds;
    double prompt_s[MAX_ROUNDS], generate_s[MAX_ROUNDS];
    bool json;
};

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v, int64_t n)
{
    qsort(v, (size_t)n, sizeof *v, compare);
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

/* Random ids: the speed does not depend on what they say. Sampling is greedy. */
static int measure(struct bench *b, int32_t *ids, struct err *e)
{
    struct session *s = &b->t.session;
    int64_t vocab = b->t.engine.net.config.vocab;
    for (int64_t i = 0; i < b->prompt; i++) ids[i] = (int32_t)rng_below(1, 2, (uint64_t)i, (uint64_t)vocab);
    for (int64_t r = -1; r < b->rounds; r++) { /* the first round warms up */
        double t0 = clock_seconds();
        session_rewind(s, 0);
        TRY(session_eval(s, ids, b->prompt, e));
        double t1 = clock_seconds();
        for (int64_t i = 0; i < b->generate; i++) {
            int32_t best = 0;
            for (int32_t v = 1; v < vocab; v++)
                if (s->logits[v] > s->logits[best]) best = v;
            TRY(session_eval(s, &best, 1, e));
        }
        if (r < 0) continue;
        b->prompt_s[r] = t1 - t0;
        b->generate_s[r] = clock_seconds() - t1;
    }
    return OK;
}

static int report(struct bench *b, struct err *e)
{
    const struct engine *en = &b->t.engine;
    double p = (double)b->prompt / median(b->prompt_s, b->rounds),
           g = (double)b->generate / median(b->generate_s, b->rounds);
    if (!b->json) {
        printf("%s: prompt of %" PRId64 ": %.1f tok/s, answer of %" PRId64 ": %.1f tok/s (median of %" PRId64
               "; %s, %s, %d threads)\n",
               en->path, b->prompt, p, b->generate, g, b->rounds, cpu_level_name(en->ks.level), engine_compute_name(en),
               pool_threads(en->pool));
        return term_flush() ? OK : err_set(e, ERR_IO, __FILE__, __LINE__, "stdout: cannot write");
    }
    json_t *o = json_pack(
        "{s:s,s:I,s:f,s:I,s:f,s:I,s:s,s:s,s:s,s:i,s:f}", "model", en->path, "prompt", (json_int_t)b->prompt,
        "prompt_tokens_per_second", p, "generate", (json_int_t)b->generate, "tokens_per_second", g, "rounds",
        (json_int_t)b->rounds, "level", cpu_level_name(en->ks.level), "compute", engine_compute_name(en), "form",
        en->net.absorbed ? "absorbed" : "plain", "threads", pool_threads(en->pool), "load_seconds", en->load_seconds);
    if (!o) FAIL(e, ERR_MEMORY, "the result cannot be written as JSON (out of memory, or a path that is not UTF-8)");
    return answer_print_json(o, e);
}

static int bench(struct bench *b, const char *path, struct err *e)
{
    void *ids;
    TRY(talker_open(&b->t, path, &b->model, e));
    if (b->prompt + b->generate > b->t.engine.context)
        FAIL(e, ERR_LIMIT, "%lld + %lld tokens do not fit into a context of %lld", (long long)b->prompt,
             (long long)b->generate, (long long)b->t.engine.context);
    TRY(mem_new(&ids, (size_t)b->prompt * sizeof(int32_t), "the prompt", e));
    int rc = measure(b, ids, e);
    mem_free(ids);
    TRY(rc);
    return report(b, e);
}

static int cmd_bench_decode(int argc, char **argv)
{
    struct bench b = {.prompt = 128, .generate = 64, .rounds = 5};
    struct err e = {0};
    char path[SETUP_PATH];
    int n, status, rc;
    struct opts o = {.command = "bench decode",
                     .usage = "[MODEL]",
                     .summary = "Speed of reading a prompt and of answering, as the median of several rounds.\n"};
    opts_add(&o, (struct opt){"prompt", 'p', OPT_I64, &b.prompt, 1, 1 << 20, .help = "tokens of the prompt (128)"});
    opts_add(&o, (struct opt){"generate", 'n', OPT_I64, &b.generate, 1, 1 << 20, .help = "tokens of the answer (64)"});
    opts_add(&o, (struct opt){"rounds", 'r', OPT_I64, &b.rounds, 1, MAX_ROUNDS, .help = "rounds (5)"});
    opts_flag(&o, "json", 0, &b.json, "one JSON object");
    model_args_add(&o, &b.model);
    if (!opts_begin(&o, argc, argv, &n, &status)) return status;
    if (n > 1) rc = err_set(&e, ERR_USAGE, __FILE__, __LINE__, "found %d names, expected one MODEL", n);
    else if (n == 1) rc = bench(&b, argv[1], &e);
    else if (!(rc = model_default(path, &e))) rc = bench(&b, path, &e);
    talker_close(&b.t);
    return rc ? exit_fail("bench decode", &e) : EXIT_OK;
}

int cmd_bench(int argc, char **argv)
{
    static const char *const names[] = {"kernels", "train", "decode"};
    static int (*const subs[])(int, char **) = {cmd_bench_kernels, cmd_bench_train, cmd_bench_decode};
    struct err e = {0};
    if (argc < 2 || !strcmp(argv[1], "-h") || !strcmp(argv[1], "--help")) {
        FILE *f = argc < 2 ? stderr : stdout;
        fprintf(f, "Usage: autarky bench kernels|train|decode [OPTIONS]\n\n"
                   "  kernels     every kernel of every level\n"
                   "  train       a training step\n"
                   "  decode      reading a prompt and answering\n");
        return argc < 2 ? EXIT_USAGE : EXIT_OK;
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (!strcmp(argv[1], names[i])) return subs[i](argc - 1, argv + 1);
    const char *near = nearest_name(argv[1], names, ARRAY_LEN(names));
    err_set(&e, ERR_USAGE, __FILE__, __LINE__, "there is no \"%s\"; %s%s", argv[1],
            near ? "did you mean " : "expected kernels, train or decode", near ? near : "");
    return exit_fail("bench", &e);
}
