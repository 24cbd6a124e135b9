/* autarky compare: how far a model is from another, such as a quantised one from its original. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/checked.h"
#include "base/mem.h"
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/model_name.h"
#include "cli/setup.h"
#include "cli/term.h"
#include "cli/make/texts.h"
#include "quant/compare.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/meminfo.h"

enum { DEFAULT_WINDOW = 512 };

struct compare_job {
    struct model_args model;
    const char *text;
    int64_t limit;
    bool json;
    char found[2][SETUP_PATH];
    const char *path[2]; /* A and B */
    struct model_file file[2];
    struct talker t[2];
    struct windows w;
    struct text_args texts;
    struct compare_result r;
    double start;
};

static void show(void *ctx, int64_t done, int64_t total)
{
    struct compare_job *j = ctx;
    double spent = clock_seconds() - j->start;
    term_status("%3.0f%%  %.0f tok/s  %.0f s left", 100 * (double)done / (double)total, (double)done / spent,
                spent * (double)(total - done) / (double)done);
    if (done == total) term_status_end();
}

static struct engine_options options_of(struct compare_job *j, int i, int64_t context, uint64_t memory)
{
    struct engine_options o = model_engine_options(j->path[i], &j->model);
    o.file = &j->file[i];
    o.decoder.all_logits = true;
    o.decoder.context = context;
    o.memory = memory;
    return o;
}

/* Both are in memory at once: their sum must fit. */
static int check_memory(struct compare_job *j, int64_t context, uint64_t share[2], struct err *e)
{
    struct engine_memory m[2];
    struct meminfo info;
    meminfo_read(&info);
    uint64_t have = j->model.memory ? (uint64_t)j->model.memory : info.known ? info.available : 0;
    for (int i = 0; i < 2; i++) {
        struct engine_options o = options_of(j, i, context, have);
        TRY(engine_plan(&o, &m[i], e));
        share[i] = m[i].total;
    }
    if (have == 0 || m[0].total + m[1].total <= have) return OK;
    FAIL(e, ERR_MEMORY, "%s (%.1f MiB) and %s (%.1f MiB) do not fit into %.1f MiB together; a smaller --ctx needs less",
         j->path[0], (double)m[0].total / (1 << 20), j->path[1], (double)m[1].total / (1 << 20),
         (double)have / (1 << 20));
}

static int open_models(struct compare_job *j, struct err *e)
{
    int64_t context = j->model.ctx ? j->model.ctx : DEFAULT_WINDOW;
    uint64_t share[2];
    if (j->text) TRY(texts_check(j->text, e));
    for (int i = 0; i < 2; i++) {
        struct config c;
        TRY(model_resolve(j->found[i], j->path[i], e));
        j->path[i] = j->found[i];
        TRY(model_file_open(&j->file[i], j->path[i], e));
        TRY(net_read_config(&c, &j->file[i], e));
        if (!j->model.ctx) context = min_i64(context, c.context);
    }
    TRY(check_memory(j, context, share, e));
    for (int i = 0; i < 2; i++) {
        struct engine_options o = options_of(j, i, context, share[i]);
        TRY(talker_open_with(&j->t[i], &o, e));
        model_file_close(&j->file[i]);
    }
    return compare_vocabularies(j->t[0].engine.tok, j->t[1].engine.tok, e);
}

static int read_text(struct compare_job *j, struct err *e)
{
    const struct tokenizer *tok = j->t[0].engine.tok;
    int64_t size = j->t[0].decoder.context;
    if (!j->text) return windows_open(&j->w, tok, compare_text, strlen(compare_text), j->limit, size, "the text", e);
    TRY(windows_begin(&j->w, tok, j->limit, size, e));
    return texts_read_windows(&j->w, j->text, &j->texts, e);
}

static void print_people(const struct compare_job *j)
{
    const struct compare_result *r = &j->r;
    int64_t differ = r->tokens - r->same_top;
    printf("tokens %" PRId64 " of %s\n", r->tokens, j->text ? j->text : "the built-in text (--text FILE: another)");
    printf("perplexity      A %.4f  B %.4f  (B/A %.4f)\n", exp(r->nats_a), exp(r->nats_b), exp(r->nats_b - r->nats_a));
    printf("KL divergence   mean %.6f  median %.6f  90%% %.6f  99%% %.6f  max %.6f nats\n", r->mean, r->median, r->p90,
           r->p99, r->max);
    printf("same top token  %.2f%%", 100 * (double)r->same_top / (double)r->tokens);
    if (differ)
        printf("; of %" PRId64 " that differ %" PRId64 " are near-ties (below %g nats in A), the widest gap is %.3f",
               differ, r->near_ties, COMPARE_NEAR_TIE, r->widest_gap);
    printf("\n");
}

static int report(const struct compare_job *j, struct err *e)
{
    const struct compare_result *r = &j->r;
    if (!j->json) {
        print_people(j);
        if (!term_flush()) FAIL(e, ERR_IO, "stdout: cannot write");
        return OK;
    }
    json_t *o = json_pack("{s:s,s:s,s:s,s:I,s:I,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:I,s:I,s:f,s:f}", "a", j->path[0], "b",
                          j->path[1], "text", j->text ? j->text : "built in", "tokens", (json_int_t)r->tokens, "window",
                          (json_int_t)j->w.size, "perplexity_a", exp(r->nats_a), "perplexity_b", exp(r->nats_b),
                          "kl_mean", r->mean, "kl_median", r->median, "kl_p90", r->p90, "kl_p99", r->p99, "kl_max",
                          r->max, "same_top_share", (double)r->same_top / (double)r->tokens, "differing_tops",
                          (json_int_t)(r->tokens - r->same_top), "near_ties", (json_int_t)r->near_ties, "near_tie_nats",
                          COMPARE_NEAR_TIE, "widest_gap", r->widest_gap);
    if (!o) return json_bad("the result", e);
    return answer_print_json(o, e);
}

int cmd_compare(int argc, char **argv)
{
    struct compare_job j = {0};
    struct err e = {0};
    int n, status, rc;
    struct opts o = {
        .command = "compare",
        .usage = "A B [--text FILE]",
        .summary =
            "Reads a text with both models and tells how far the predictions of B are from those of A, the reference:\n"
            "the Kullback-Leibler divergence at every token, how often the likeliest tokens are the same, and both\n"
            "perplexities, in windows of --ctx tokens (512). The models must have the same vocabulary.\n\n"
            "  autarky compare original.gguf quantised.gguf --text wiki.txt\n"};
    opts_add(&o,
             (struct opt){"text", 0, OPT_STR, &j.text, .arg = "FILE",
                          .help = "the text: .txt, .jsonl, .zst, a folder (a short one is built in)"});
    opts_add(&o, (struct opt){"limit", 'n', OPT_I64, &j.limit, 2, 1e15, .help = "only the first N tokens of the text"});
    opts_flag(&o, "json", 0, &j.json, "one JSON object");
    text_args_add(&o, &j.texts);
    model_args_add(&o, &j.model);
    model_args_window(&o, "tokens of a window (512, or what the model holds if that is less)");
    if (!opts_begin(&o, argc, argv, &n, &status)) return status;
    j.path[0] = argv[1];
    j.path[1] = n > 1 ? argv[2] : NULL;
    j.start = clock_seconds();
    if (n != 2) rc = err_set(&e, ERR_USAGE, __FILE__, __LINE__,
                             "two models are wanted, A and B; %d %s given", n, n == 1 ? "is" : "are");
    else rc = open_models(&j, &e);
    if (!rc) rc = read_text(&j, &e);
    j.start = clock_seconds();
    if (!rc) rc = compare_models(&j.t[0].session, &j.t[1].session, &j.w, &j.r, show, &j, &e);
    if (!rc && j.r.tokens == 0) rc = err_set(&e, ERR_FORMAT, __FILE__, __LINE__, "the text predicts no token");
    if (!rc) rc = report(&j, &e);
    windows_free(&j.w);
    for (int i = 0; i < 2; i++) {
        talker_close(&j.t[i]);
        model_file_close(&j.file[i]);
    }
    return rc ? exit_fail("compare", &e) : EXIT_OK;
}
