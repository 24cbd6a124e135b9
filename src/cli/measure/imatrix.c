/* autarky imatrix: what meets the columns of a model's weights in a text, for autarky quantize. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include "base/mem.h"
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/confirm.h"
#include "cli/exit.h"
#include "cli/model_name.h"
#include "cli/setup.h"
#include "cli/term.h"
#include "cli/make/texts.h"
#include "quant/collect.h"
#include "sys/clock.h"
#include "sys/file.h"

enum { DEFAULT_WINDOW = 512 };

struct imatrix_job {
    struct model_args model;
    const char *out;
    int64_t limit;
    bool json, force;
    struct talker t;
    struct windows w;
    struct text_args texts;
    struct collector c;
    struct collect_result r;
    double start;
};

static void show(void *ctx, int64_t done, int64_t total, const struct collect_result *r)
{
    struct imatrix_job *j = ctx;
    double spent = clock_seconds() - j->start;
    term_status("%3.0f%%  %.0f tok/s  %.0f s left  perplexity %.3f", 100 * (double)done / (double)total, (double)done / spent,
                spent * (double)(total - done) / (double)done, exp(r->nats / (double)r->tokens));
    if (done == total) term_status_end();
}

static int open_model(struct imatrix_job *j, const char *model, struct err *e)
{
    char found[SETUP_PATH];
    TRY(model_resolve(found, model, e));
    struct engine_options o = model_engine_options(found, &j->model);
    o.decoder.all_logits = true;
    o.context_most = DEFAULT_WINDOW;
    return talker_open_with(&j->t, &o, e);
}

static int read_text(struct imatrix_job *j, const char *path, struct err *e)
{
    TRY(windows_begin(&j->w, j->t.engine.tok, j->limit, j->t.decoder.context, e));
    return texts_read_windows(&j->w, path, &j->texts, e);
}

static int report(const struct imatrix_job *j, size_t written, int64_t unmet, struct err *e)
{
    double ppl = exp(j->r.nats / (double)j->r.tokens);
    if (!j->json) {
        fprintf(stderr, "%s: %zu weights, %" PRId64 " tokens in %" PRId64 " windows, perplexity %.4f\n", j->out,
                written, j->r.tokens, j->r.windows, ppl);
        if (unmet)
            fprintf(stderr, "%" PRId64 " experts were never chosen: a longer text reaches more of them\n", unmet);
        return OK;
    }
    json_t *o = json_pack("{s:s,s:I,s:I,s:I,s:I,s:f}", "file", j->out, "weights", (json_int_t)written, "tokens",
                          (json_int_t)j->r.tokens, "windows", (json_int_t)j->r.windows, "experts_never_chosen",
                          (json_int_t)unmet, "perplexity", ppl);
    if (!o) return json_bad("the report", e);
    return answer_print_json(o, e);
}

static int run(struct imatrix_job *j, const char *model, const char *text, struct err *e)
{
    size_t written = 0;
    int64_t unmet = 0;
    TRY(texts_check(text, e));
    char found[SETUP_PATH];
    TRY(model_resolve(found, model, e));
    TRY(confirm_not_input(j->out, found, e));
    TRY(confirm_not_input(j->out, text, e));
    TRY(confirm_remake(j->out, j->force, e));
    TRY(open_model(j, model, e));
    TRY(read_text(j, text, e));
    TRY(collector_init(&j->c, &j->t.engine.net, e));
    j->start = clock_seconds();
    TRY(collect(&j->c, &j->t.session, &j->w, &j->r, show, j, e));
    for (size_t i = 0; i < j->c.n; i++) {
        int64_t met = 0;
        for (int64_t m = 0; m < j->c.v[i].matrices; m++) met += j->c.v[i].count[m] > 0;
        written += met > 0;
        if (met) unmet += j->c.v[i].matrices - met;
    }
    TRY(imatrix_write(j->out, j->c.v, j->c.n, text, j->r.windows, j->w.size, e));
    return report(j, written, unmet, e);
}

int cmd_imatrix(int argc, char **argv)
{
    struct imatrix_job j = {0};
    struct err e = {0};
    int n, status, rc;
    struct opts o = {
        .command = "imatrix",
        .usage = "MODEL TEXT -o FILE.gguf",
        .summary =
            "Lets MODEL read TEXT (.txt, .jsonl, either with .zst, a folder, a pattern; other names are plain text)\n"
            "and writes, for every column of every weight, the mean square of what meets it: the importance matrix that quantize weighs errors by. A few 100,000 tokens of what the model\n"
            "will be used for are plenty. The file has the form that llama.cpp reads and writes.\n"};
    opts_add(&o, (struct opt){"out", 'o', OPT_STR, &j.out, .arg = "FILE", .help = "where to write it"});
    opts_add(&o, (struct opt){"limit", 'n', OPT_I64, &j.limit, 2, 1e15, .help = "only the first N tokens of the text"});
    opts_flag(&o, "force", 0, &j.force, "replace FILE without asking");
    opts_flag(&o, "json", 0, &j.json, "one JSON object on stdout");
    text_args_add(&o, &j.texts);
    model_args_add(&o, &j.model);
    model_args_window(&o, "tokens of a window (512, or what the model holds if that is less)");
    if (!opts_begin(&o, argc, argv, &n, &status)) return status;
    if (n != 2) rc = err_set(&e, ERR_USAGE, __FILE__, __LINE__,
                             "MODEL and TEXT are wanted; %d %s given", n, n == 1 ? "is" : "are");
    else if (!j.out) rc = err_set(&e, ERR_USAGE, __FILE__, __LINE__, "-o is missing: where to write the result");
    else rc = run(&j, argv[1], argv[2], &e);
    collector_free(&j.c);
    windows_free(&j.w);
    talker_close(&j.t);
    return rc ? exit_fail("imatrix", &e) : EXIT_OK;
}
