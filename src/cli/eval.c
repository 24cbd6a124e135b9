/* autarky perplexity: how well a model predicts a text.
 *
 * Protocol: the whole text is tokenized once. It is cut into windows of W - 1 tokens (W = --ctx), which do not overlap;
 * each is preceded by the token that begins a text, so every token of the text is predicted exactly once, from what
 * stands before it in its window. A model without such a token predicts all but the first of each window of W tokens.
 *   nats per token = sum of -log p / tokens predicted
 *   perplexity     = exp(nats per token)
 *   bits per byte  = sum of -log2 p / bytes of the tokens predicted: comparable between tokenizers */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/checked.h"
#include "base/mem.h"
#include "cli/answer.h"
#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/setup.h"
#include "cli/term.h"
#include "sys/clock.h"
#include "sys/file.h"

enum { MAX_TEXT = 1 << 30, DEFAULT_WINDOW = 2048 };

struct ppl {
    struct engine en;
    struct decoder dec;
    struct session s;
    struct tokens ids;
    int32_t *row, *target; /* one window */
    double *nats;
    double sum, seconds;
    int64_t predicted, bytes, windows;
};

static void ppl_free(struct ppl *p)
{
    session_close(&p->s);
    decoder_close(&p->dec);
    engine_close(&p->en);
    tokens_free(&p->ids);
    mem_free(p->row);
    mem_free(p->target);
    mem_free(p->nats);
}

static int open_all(struct ppl *p, const char *model, const struct model_args *m, struct err *e)
{
    struct engine_options o = model_engine_options(model, m);
    struct config c;
    TRY(model_check_path(model, e));
    o.all_logits = true;
    TRY(engine_read_config(&c, NULL, model, e));
    if (o.context == 0) o.context = min_i64(c.context, DEFAULT_WINDOW);
    TRY(engine_open(&p->en, &o, e));
    TRY(decoder_open(&p->dec, &p->en, e));
    TRY(session_open(&p->s, &p->dec, e));
    p->s.interrupt = &term_interrupted;
    size_t w = (size_t)p->en.context;
    TRY(mem_new((void **)&p->row, w * sizeof *p->row, "a window", e));
    TRY(mem_new((void **)&p->target, w * sizeof *p->target, "a window", e));
    return mem_new((void **)&p->nats, w * sizeof *p->nats, "a window", e);
}

static int read_text(struct ppl *p, const char *path, int64_t limit, struct err *e)
{
    char *text;
    size_t len;
    TRY(file_read(&text, &len, path, MAX_TEXT, e));
    int rc = tokenizer_encode(p->en.tok, text, len, &p->ids, e);
    mem_free(text);
    TRY(rc);
    if (limit > 0 && (int64_t)p->ids.n > limit) p->ids.n = (size_t)limit;
    if (p->ids.n < 2) FAIL(e, ERR_FORMAT, "%s has %zu tokens, at least 2 are needed", path, p->ids.n);
    return OK;
}

/* Tokens [from, to) of the text as one window. */
static int score_window(struct ppl *p, int64_t from, int64_t to, int32_t bos, struct err *e)
{
    int64_t n = 0;
    if (bos >= 0) p->row[n++] = bos;
    for (int64_t i = from; i < to - 1; i++) p->row[n++] = p->ids.ids[i];
    for (int64_t i = 0; i < n; i++) p->target[i] = p->ids.ids[to - n + i];
    if (n == 0) return OK; /* one token alone, and nothing to predict it from */
    session_rewind(&p->s, 0);
    TRY(session_score(&p->s, p->row, n, p->target, p->nats, e));
    for (int64_t i = 0; i < n; i++) {
        size_t len;
        tokenizer_bytes(p->en.tok, p->target[i], &len);
        p->sum += p->nats[i];
        p->bytes += (int64_t)len;
    }
    p->predicted += n;
    p->windows++;
    return OK;
}

static int score(struct ppl *p, struct err *e)
{
    int32_t bos = tokenizer_bos(p->en.tok);
    int64_t n = (int64_t)p->ids.n, step = bos >= 0 ? p->en.context - 1 : p->en.context;
    if (step < 1) FAIL(e, ERR_USAGE, "a context of %lld is too short for a window", (long long)p->en.context);
    bool tell = term_is_tty(stderr) && !term_plain();
    double t0 = clock_seconds();
    for (int64_t at = 0; at < n; at += step) {
        TRY(score_window(p, at, min_i64(n, at + step), bos, e));
        double done = (double)min_i64(n, at + step), spent = clock_seconds() - t0;
        if (tell)
            fprintf(stderr, "\r%3.0f%%  %.0f tok/s  %.0f s left  perplexity %.3f\033[K", 100 * done / (double)n,
                    done / spent, spent * ((double)n - done) / done, exp(p->sum / (double)p->predicted));
    }
    if (tell) fprintf(stderr, "\r\033[K");
    p->seconds = clock_seconds() - t0;
    if (!isfinite(p->sum)) FAIL(e, ERR_NUMERIC, "%s: a probability is not a number", p->en.path);
    return OK;
}

static int report(const struct ppl *p, const char *file, bool json, struct err *e)
{
    double nats = p->sum / (double)p->predicted, bits = p->sum / log(2) / (double)p->bytes;
    if (!json) {
        printf("tokens %" PRId64 "  windows %" PRId64 " of %" PRId64
               "  nats/token %.5f  perplexity %.4f  bits/byte %.5f\n",
               p->predicted, p->windows, p->en.context, nats, exp(nats), bits);
        if (!term_flush()) FAIL(e, ERR_IO, "stdout: cannot write");
        return OK;
    }
    json_t *o = json_pack("{s:s,s:s,s:I,s:I,s:I,s:I,s:b,s:f,s:f,s:f,s:f,s:s,s:s,s:s,s:s}", "model", p->en.path, "file",
                          file, "tokens", (json_int_t)p->predicted, "bytes", (json_int_t)p->bytes, "windows",
                          (json_int_t)p->windows, "window", (json_int_t)p->en.context, "begin_token",
                          tokenizer_bos(p->en.tok) >= 0, "nats_per_token", nats, "perplexity", exp(nats),
                          "bits_per_byte", bits, "seconds", p->seconds, "level", cpu_level_name(p->en.ks.level),
                          "compute", engine_compute_name(&p->en), "cache", formats[p->en.cache].name, "form", p->en.net.absorbed ? "absorbed" : "plain");
    if (!o) FAIL(e, ERR_MEMORY, "the result cannot be written as JSON (out of memory, or a path that is not UTF-8)");
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
                     .usage = "MODEL FILE",
                     .summary =
                         "Tells how well MODEL predicts the text in FILE: nats per token, perplexity, bits per byte.\n"
                         "Windows of --ctx tokens that do not overlap, each after the token that begins a text;\n"
                         "every token of the file is predicted exactly once.\n"};
    opts_add(&o, (struct opt){"limit", 'n', OPT_I64, &limit, 2, 1e15, .help = "only the first N tokens of the file"});
    opts_flag(&o, "json", 0, &json, "one JSON object");
    model_args_add(&o, &m);
    if (!opts_begin(&o, argc, argv, &n, &status)) return status;
    if (n != 2) rc = err_set(&e, ERR_USAGE, __FILE__, __LINE__, "found %d names, expected MODEL and FILE", n);
    else rc = open_all(&p, argv[1], &m, &e);
    if (!rc) rc = read_text(&p, argv[2], limit, &e);
    if (!rc) rc = score(&p, &e);
    if (!rc) rc = report(&p, argv[2], json, &e);
    ppl_free(&p);
    return rc ? exit_fail(argv[0], &e) : EXIT_OK;
}
