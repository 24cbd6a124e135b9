/* autarky perplexity: how well a model predicts a text.
 *
 * Protocol: each document (data/docs.h; a .txt file without separators is one) is tokenized once. It is cut into windows
 * of W - 1 tokens (W = --ctx), which do not overlap; each is preceded by the token that begins a text, so every token is
 * predicted exactly once, from what stands before it in its window. A model whose texts do not begin with such a token
 * (its tokenizer says so) predicts all but the first of each window of W tokens.
 *   nats per token = sum of -log p / tokens predicted
 *   perplexity     = exp(nats per token)
 *   bits per byte  = sum of -log2 p / bytes of the tokens predicted: comparable between tokenizers
 * --logits keeps the numbers behind these: f32 (tokens predicted, vocabulary), rows in the order of the text, no header. */
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
#include "sys/clock.h"
#include "sys/file.h"

enum { DEFAULT_WINDOW = 2048 };

struct ppl {
    struct talker t;
    struct windows w;
    struct text_args texts;
    const char *out_path; /* of the logits; NULL: they are not kept */
    struct file_out out;
    double sum, seconds;
    int64_t predicted, bytes;
};

static void ppl_free(struct ppl *p)
{
    talker_close(&p->t);
    windows_free(&p->w);
    file_out_abort(&p->out); /* no effect after commit */
}

static int open_all(struct ppl *p, const char *model, const struct model_args *m, struct err *e)
{
    char found[SETUP_PATH];
    TRY(model_resolve(found, model, e));
    struct engine_options o = model_engine_options(found, m);
    o.decoder.all_logits = true;
    o.context_most = DEFAULT_WINDOW;
    return talker_open_with(&p->t, &o, e);
}

static int read_text(struct ppl *p, const char *path, int64_t limit, struct err *e)
{
    TRY(windows_begin(&p->w, p->t.engine.tok, limit, p->t.decoder.context, e));
    return texts_read_windows(&p->w, path, &p->texts, e);
}

static int open_logits(struct ppl *p, const char *text, struct err *e)
{
    if (!p->out_path) return OK;
    const char *inputs[2] = {p->t.engine.path, text};
    for (int i = 0; i < 2; i++)
        if (file_same(p->out_path, inputs[i]))
            FAIL(e, ERR_USAGE, "--logits: %s is %s, which would be lost", p->out_path, i ? "the text" : "the model");
    return file_out_open(&p->out, p->out_path, e);
}

/* A logits_fn: rows of the window at hand. */
static int score_rows(void *ctx, int64_t first, int64_t rows, const float *logits, int64_t stride, struct err *e)
{
    struct ppl *p = ctx;
    int64_t vocab = p->t.engine.net.config.vocab;
    for (int64_t i = 0; i < rows; i++, logits += stride) {
        size_t len;
        int32_t target = p->w.target[first + i];
        if (target >= vocab)
            FAIL(e, ERR_FORMAT, "%s: the text has token %d, the network predicts 0 to %" PRId64, p->t.engine.path,
                 target, vocab - 1);
        if (p->out_path) TRY(file_out_write(&p->out, logits, (size_t)vocab * sizeof *logits, e));
        tokenizer_bytes(p->t.engine.tok, target, &len);
        p->sum += session_nats(logits, vocab, target);
        p->bytes += (int64_t)len;
        p->predicted++;
    }
    return OK;
}

static int score_window(struct ppl *p, int64_t i, struct err *e)
{
    int64_t n = windows_take(&p->w, i);
    session_rewind(&p->t.session, 0);
    return n ? session_logits(&p->t.session, p->w.row, n, score_rows, p, e) : OK;
}

static int score(struct ppl *p, struct err *e)
{
    double t0 = clock_seconds(), n = (double)p->w.ids.n;
    for (int64_t i = 0; i < p->w.count; i++) {
        TRY(score_window(p, i, e));
        double done = (double)windows_end(&p->w, i), spent = clock_seconds() - t0;
        term_status("%3.0f%%  %.0f tok/s  %.0f s left  perplexity %.3f", 100 * done / n, done / spent,
                    spent * (n - done) / done, exp(p->sum / (double)p->predicted));
    }
    term_status_end();
    p->seconds = clock_seconds() - t0;
    if (!isfinite(p->sum)) return engine_fail_numeric(&p->t.engine, "a probability", e);
    return OK;
}

static int report(const struct ppl *p, const char *file, bool json, struct err *e)
{
    double nats = p->sum / (double)p->predicted, bits = p->sum / log(2) / (double)p->bytes;
    if (!json) {
        printf("tokens %" PRId64 "  windows %" PRId64 " of %" PRId64
               "  nats/token %.5f  perplexity %.4f  bits/byte %.5f\n",
               p->predicted, p->w.count, p->t.decoder.context, nats, exp(nats), bits);
        if (!term_flush()) FAIL(e, ERR_IO, "stdout: cannot write");
        return OK;
    }
    json_t *o =
        json_pack("{s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:b,s:f,s:f,s:f,s:f,s:s,s:s,s:s,s:s}", "model", p->t.engine.path,
                  "file", file, "tokens", (json_int_t)p->predicted, "bytes", (json_int_t)p->bytes, "windows",
                  (json_int_t)p->w.count, "window", (json_int_t)p->t.decoder.context, "vocab",
                  (json_int_t)p->t.engine.net.config.vocab, "begin_token", p->w.bos >= 0,
                  "nats_per_token", nats, "perplexity", exp(nats), "bits_per_byte", bits, "seconds", p->seconds,
                  "level", cpu_level_name(p->t.engine.ks.level), "compute", engine_compute_name(&p->t.engine), "cache",
                  formats[p->t.engine.cache].name, "attention", p->t.engine.net.absorbed ? "absorbed" : "plain");
    if (!o) return json_bad("the result", e);
    return answer_print_json(o, e);
}

int cmd_perplexity(int argc, char **argv)
{
    struct model_args m;
    struct ppl p = {0};
    struct err e = {0};
    int n, status, rc;
    bool json = false;
    int64_t limit = 0;
    struct opts o = {.command = argv[0],
                     .usage = "MODEL TEXT",
                     .summary =
                         "Tells how well MODEL predicts TEXT: nats per token, perplexity, bits per byte.\n"
                         "TEXT is .txt, .jsonl, either with .zst, a folder or a pattern; other names are plain text.\n"
                         "Windows of --ctx tokens that do not overlap, each after the token that begins a text;\n"
                         "every token of the file is predicted exactly once. A model whose texts begin without one\n"
                         "predicts all but the first of each window.\n"};
    opts_add(&o, (struct opt){"limit", 'n', OPT_I64, &limit, 2, 1e15, .help = "only the first N tokens of the file"});
    opts_add(&o, (struct opt){"logits", 0, OPT_STR, &p.out_path, .arg = "OUT",
                              .help = "write the logits to OUT, to compare with other programs: f32 (tokens, vocabulary)"});
    opts_flag(&o, "json", 0, &json, "one JSON object");
    text_args_add(&o, &p.texts);
    model_args_add(&o, &m);
    model_args_window(&o, "tokens of a window (2048, or what the model holds if that is less)");
    if (!opts_begin(&o, argc, argv, &n, &status)) return status;
    if (n != 2) rc = err_set(&e, ERR_USAGE, __FILE__, __LINE__,
                             "MODEL and TEXT are wanted; %d %s given", n, n == 1 ? "is" : "are");
    else rc = open_all(&p, argv[1], &m, &e);
    if (!rc) rc = read_text(&p, argv[2], limit, &e);
    if (!rc) rc = open_logits(&p, argv[2], &e);
    if (!rc) rc = score(&p, &e);
    if (!rc && p.out_path) rc = file_out_commit(&p.out, &e);
    if (!rc) rc = report(&p, argv[2], json, &e);
    ppl_free(&p);
    return rc ? exit_fail(argv[0], &e) : EXIT_OK;
}
