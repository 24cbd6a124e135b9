/* autarky bench MODEL: how fast a model reads a prompt and answers, the bytes a token must read and what the memory of this
 * machine can deliver, and the same requests to peers, in turn. Tests are named as in llama-bench. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/checked.h"
#include "base/mem.h"
#include "base/rng.h"
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/measure/peer.h"
#include "cli/model_name.h"
#include "cli/setup.h"
#include "cli/term.h"
#include "sys/bandwidth.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/meminfo.h"

enum { MAX_ROUNDS = 99, MAX_TESTS = 10, MAX_PEERS = 4, NAME = 48 };

struct test {
    char name[NAME];
    int64_t prompt, generate, depth; /* one of prompt, generate is 0 */
    double ours[MAX_PEERS][MAX_ROUNDS], theirs[MAX_PEERS][MAX_ROUNDS]; /* seconds; ours[p] in turn with theirs[p] */
    double memory[MAX_ROUNDS]; /* bytes per second, measured beside each round: neighbours on a machine take their share */
};

struct bench {
    struct model_args model;
    struct opt_list peers, depths;
    int64_t prompt, generate, after, rounds;
    const char *python, *script;
    bool json;
    struct talker t;
    struct peer running[MAX_PEERS];
    bool missing[MAX_PEERS]; /* it could not be started: our own figures count */
    json_t *flags[MAX_PEERS];
    struct test tests[MAX_TESTS];
    size_t n_tests;
    double bandwidth, token_bytes, cache_bytes; /* bytes per second; per token; of the cache per token of depth */
    json_t *ratios, *results;
};

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *v, int64_t n)
{
    double s[MAX_ROUNDS];
    memcpy(s, v, (size_t)n * sizeof *s);
    qsort(s, (size_t)n, sizeof *s, compare);
    return n % 2 ? s[n / 2] : (s[n / 2 - 1] + s[n / 2]) / 2;
}

static int64_t test_tokens(const struct test *t) { return t->prompt + t->generate; }
static double rate(const struct test *t, const double *seconds, int64_t rounds)
{
    return (double)test_tokens(t) / median(seconds, rounds);
}

/* ---- ours ---- */

/* Pseudo-random ids: the speed does not depend on what they say, nothing is sampled on either side. */
static int feed(struct session *s, int64_t count, bool one_by_one, struct err *e)
{
    int32_t ids[64];
    int64_t vocab = s->dec->en->net.config.vocab, end = s->n + count;
    int32_t *all = NULL;
    if (!one_by_one) TRY(mem_new((void **)&all, (size_t)count * sizeof *all, "the prompt", e));
    for (int64_t i = 0; i < count && all; i++) all[i] = (int32_t)rng_below(1, 2, (uint64_t)(s->n + i), (uint64_t)vocab);
    int rc = all ? session_eval(s, all, count, e) : OK;
    while (!rc && s->n < end) {
        ids[0] = (int32_t)rng_below(1, 2, (uint64_t)s->n, (uint64_t)vocab);
        rc = session_eval(s, ids, 1, e);
    }
    mem_free(all);
    return rc;
}

static int run_ours(struct bench *b, struct test *t, double *seconds, struct err *e)
{
    struct session *s = &b->t.session;
    session_rewind(s, t->prompt ? 0 : min_i64(s->n, t->depth));
    if (!t->prompt && s->n < t->depth) TRY(feed(s, t->depth - s->n, false, e));
    double start = clock_seconds();
    TRY(feed(s, test_tokens(t), t->prompt == 0, e));
    *seconds = clock_seconds() - start;
    return OK;
}

static int run_theirs(struct bench *b, size_t peer, const struct test *t, double *seconds, struct err *e)
{
    char line[80];
    if (t->prompt) snprintf(line, sizeof line, "pp %" PRId64, t->prompt);
    else snprintf(line, sizeof line, "tg %" PRId64 " %" PRId64, t->generate, t->depth);
    return peer_seconds(&b->running[peer], line, seconds, e);
}

/* ---- rounds ---- */

static void show_round(const struct bench *b, const char *who, const struct test *t, int64_t round, double seconds)
{
    if (term_is_tty(stderr) && !b->json)
        fprintf(stderr, "%-12s %-14s round %" PRId64 " of %" PRId64 ": %.1f tok/s\n", who, t->name, round + 1, b->rounds,
                (double)test_tokens(t) / seconds);
}

/* One test: rounds of ours and, where there is one, of peer p in turn. The first of each warms up and is not counted. */
static int run_test(struct bench *b, struct test *t, size_t p, struct err *e)
{
    double ignored;
    bool peer = p < b->peers.n && !b->missing[p];
    TRY(run_ours(b, t, &ignored, e));
    if (peer) TRY(run_theirs(b, p, t, &ignored, e));
    for (int64_t r = 0; r < b->rounds; r++) {
        TRY(run_ours(b, t, &t->ours[p][r], e));
        if (p == 0 && t->generate) t->memory[r] = bandwidth_read(b->t.engine.pool, 0);
        show_round(b, "autarky", t, r, t->ours[p][r]);
        if (!peer) continue;
        TRY(run_theirs(b, p, t, &t->theirs[p][r], e));
        show_round(b, b->peers.v[p], t, r, t->theirs[p][r]);
    }
    return OK;
}

static int start_peer(struct bench *b, size_t i, const char *model, int64_t context, struct err *e)
{
    char python[PEER_PATH], script[PEER_PATH], name[NAME], path[SETUP_PATH], threads[24], ctx[24];
    peer_python(python, b->python);
    peer_script(script, b->script);
    snprintf(name, sizeof name, "%s", b->peers.v[i]);
    snprintf(path, sizeof path, "%s", model);
    snprintf(threads, sizeof threads, "%d", pool_threads(b->t.engine.pool));
    snprintf(ctx, sizeof ctx, "%" PRId64, context);
    char *argv[] = {python, script, name, path, threads, ctx, NULL};
    return peer_start(&b->running[i], b->peers.v[i], argv, &b->flags[i], e);
}

/* Without the peer, our own figures are still worth having. */
static void try_peer(struct bench *b, size_t i, const char *model, int64_t context)
{
    struct err e = {0};
    b->missing[i] = start_peer(b, i, model, context, &e) != OK;
    if (b->missing[i]) fprintf(stderr, "autarky bench: not compared: %s\n", e.msg);
}

static int add_result(struct bench *b, const char *model, const struct test *t, struct err *e)
{
    double ours = rate(t, t->ours[0], b->rounds), limit = 0;
    if (t->generate) {
        double bytes = b->token_bytes + b->cache_bytes * ((double)t->depth + (double)t->generate / 2);
        limit = median(t->memory, b->rounds) / bytes;
        b->bandwidth = fmax(b->bandwidth, median(t->memory, b->rounds));
    }
    json_t *o = json_pack("{s:s,s:s,s:f,s:o,s:o,s:f}", "model", model, "test", t->name, "tokens_per_second", ours,
                          "limit_of_memory", limit > 0 ? json_real(limit) : json_null(), "share_of_limit",
                          limit > 0 ? json_real(ours / limit) : json_null(), "token_bytes", b->token_bytes);
    if (!o || json_array_append_new(b->results, o)) FAIL(e, ERR_MEMORY, "out of memory for the results");
    for (size_t p = 0; p < b->peers.n; p++) {
        if (b->missing[p]) continue;
        double theirs = rate(t, t->theirs[p], b->rounds);
        ours = rate(t, t->ours[p], b->rounds);
        o = json_pack("{s:s,s:s,s:s,s:f,s:f,s:f,s:O?}", "model", model, "test", t->name, "peer", b->peers.v[p], "ours", ours,
                      "theirs", theirs, "ratio", ours / theirs, "flags", b->flags[p]);
        if (!o || json_array_append_new(b->ratios, o)) FAIL(e, ERR_MEMORY, "out of memory for the results");
    }
    if (b->json) return OK;
    printf("%-28s %-14s %9.1f tok/s", model, t->name, rate(t, t->ours[0], b->rounds));
    double share = limit > 0 ? 100 * rate(t, t->ours[0], b->rounds) / limit : 0;
    if (share > 100) printf("  above the memory's %.1f: from the processor's cache", limit);
    else if (share > 0) printf("  %3.0f%% of the memory's %.1f", share, limit);
    for (size_t p = 0; p < b->peers.n; p++)
        if (b->missing[p]) printf("  %s missing", b->peers.v[p]);
        else printf("  %s %.1f (x%.2f)", b->peers.v[p], rate(t, t->theirs[p], b->rounds),
               rate(t, t->ours[p], b->rounds) / rate(t, t->theirs[p], b->rounds));
    printf("\n");
    fflush(stdout);
    return OK;
}

/* ---- models ---- */

static void add_test(struct bench *b, int64_t prompt, int64_t generate, int64_t depth, bool named)
{
    struct test *t = &b->tests[b->n_tests++];
    *t = (struct test){.prompt = prompt, .generate = generate, .depth = depth};
    if (prompt) snprintf(t->name, NAME, "pp%" PRId64, prompt);
    else if (!named) snprintf(t->name, NAME, "tg%" PRId64, generate);
    else snprintf(t->name, NAME, "tg%" PRId64 "@d%" PRId64, generate, depth);
}

static int set_tests(struct bench *b, int64_t *context, struct err *e)
{
    b->n_tests = 0;
    if (b->prompt) add_test(b, b->prompt, 0, 0, false);
    if (b->generate) add_test(b, 0, b->generate, b->after, false);
    if (b->depths.n > MAX_TESTS - 2) FAIL(e, ERR_USAGE, "%zu depths, expected at most %d", b->depths.n, MAX_TESTS - 2);
    *context = max_i64(b->prompt, b->after + b->generate);
    for (size_t i = 0; i < b->depths.n && b->generate; i++) {
        char *end;
        long long d = strtoll(b->depths.v[i], &end, 10);
        if (*end || d < 0 || d > 1 << 24) FAIL(e, ERR_USAGE, "--depth %s: expected 0 to %d", b->depths.v[i], 1 << 24);
        add_test(b, 0, b->generate, d, true);
        *context = max_i64(*context, d + b->generate);
    }
    return OK;
}

static int bench_one(struct bench *b, const char *path, struct err *e)
{
    int64_t context = 0;
    TRY(set_tests(b, &context, e));
    struct model_args m = b->model;
    if (!m.ctx) m.ctx = context;
    TRY(talker_open(&b->t, path, &m, e));
    const char *slash = strrchr(path, '/'), *name = slash && slash[1] ? slash + 1 : path;
    b->token_bytes = (double)net_token_bytes(&b->t.engine.net);
    b->cache_bytes = (double)cache_page_bytes(&b->t.decoder.cache) / PAGE_ROWS;
    if (b->bandwidth == 0) b->bandwidth = bandwidth_read(b->t.engine.pool, 0);
    for (size_t p = 0; p == 0 || p < b->peers.n; p++) { /* one peer at a time: two copies of the model are enough */
        if (p < b->peers.n) try_peer(b, p, path, context + 64);
        for (size_t i = 0; i < b->n_tests; i++) TRY(run_test(b, &b->tests[i], p, e));
        peer_stop(&b->running[p]);
    }
    for (size_t i = 0; i < b->n_tests; i++) TRY(add_result(b, name, &b->tests[i], e));
    return OK;
}

static void close_one(struct bench *b)
{
    for (size_t i = 0; i < MAX_PEERS; i++) {
        peer_stop(&b->running[i]);
        json_decref(b->flags[i]);
        b->flags[i] = NULL;
    }
    talker_close(&b->t);
}

static int print_all(struct bench *b, struct err *e)
{
    if (!b->json) {
        printf("memory delivers %.1f GB/s to %d threads\n", b->bandwidth / 1e9,
               b->model.threads > 0 ? (int)b->model.threads : cpu_count());
        return term_flush() ? OK : err_set(e, ERR_IO, __FILE__, __LINE__, "stdout: cannot write");
    }
    json_t *o = json_pack("{s:O,s:O,s:f,s:s}", "ratios", b->ratios, "results", b->results, "bandwidth", b->bandwidth / 1e9,
                          "bandwidth_unit", "GB/s");
    if (!o) FAIL(e, ERR_MEMORY, "out of memory for the results");
    return answer_print_json(o, e);
}

int cmd_bench_model(int argc, char **argv)
{
    struct bench *b = mem_alloc(sizeof *b);
    struct err e = {0};
    char path[SETUP_PATH];
    int n, status, rc = OK;
    if (!b) return EXIT_MEMORY;
    b->prompt = b->after = 512;
    b->generate = 128;
    b->rounds = 5;
    b->script = "bench/peer_ggml.py";
    struct opts o = {
        .command = "bench",
        .usage = "[MODEL...]",
        .summary =
            "Speed of reading a prompt (pp) and of answering after it (tg), medians of several rounds, against\n"
            "what the memory can deliver; with --peer in turn with llama.cpp or ik_llama.cpp on the same file.\n"};
    opts_add(&o, (struct opt){"prompt", 'p', OPT_I64, &b->prompt, 0, 1 << 20, .help = "tokens of the prompt (512)"});
    opts_add(&o, (struct opt){"generate", 'n', OPT_I64, &b->generate, 0, 1 << 20, .help = "tokens of the answer (128)"});
    opts_add(&o, (struct opt){"after", 0, OPT_I64, &b->after, 0, 1 << 20, .help = "tokens before the answer (512)"});
    opts_add(&o, (struct opt){"depth", 'd', OPT_LIST, &b->depths, .arg = "N", .help = "also answer after N tokens (repeatable)"});
    opts_add(&o, (struct opt){"rounds", 'r', OPT_I64, &b->rounds, 1, MAX_ROUNDS, .help = "rounds (5)"});
    opts_add(&o, (struct opt){"peer", 0, OPT_LIST, &b->peers, .arg = "P", .help = "llama.cpp or ik_llama.cpp (repeatable)"});
    opts_add(&o, (struct opt){"python", 0, OPT_STR, &b->python, .arg = "PATH",
                              .help = "interpreter with the peers' packages (that of ./test long)"});
    opts_add(&o, (struct opt){"script", 0, OPT_STR, &b->script, .arg = "PATH", .help = "default bench/peer_ggml.py"});
    opts_flag(&o, "json", 0, &b->json, "one JSON object");
    model_args_add(&o, &b->model);
    if (!opts_begin(&o, argc, argv, &n, &status)) {
        mem_free(b);
        return status;
    }
    b->ratios = json_array();
    b->results = json_array();
    if (b->peers.n > MAX_PEERS) rc = err_set(&e, ERR_USAGE, __FILE__, __LINE__, "at most %d peers", MAX_PEERS);
    if (!rc && n == 0 && !(rc = model_default(path, &e))) rc = bench_one(b, path, &e);
    for (int i = 1; i <= n && !rc; i++) {
        rc = bench_one(b, argv[i], &e);
        close_one(b);
    }
    close_one(b);
    if (!rc) rc = print_all(b, &e);
    json_decref(b->ratios);
    json_decref(b->results);
    mem_free(b);
    return rc ? exit_fail("bench", &e) : EXIT_OK;
}
