/* Metrics and progress. */
#include "train/report.h"
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "base/mem.h"
#include "sys/clock.h"
#include "sys/file.h"

enum { BAR = 20, LINE = 240, PLAIN_INTERVAL = 10, PATIENCE = 50 }; /* the last: seconds between lines without a terminal */
static const double TTY_INTERVAL = 0.1, SMOOTH = 0.9;

int report_open(struct report *r, const char *run, struct err *e)
{
    char path[PATH_MAX];
    *r = (struct report){0};
    TRY(path_join(path, sizeof path, run, "metrics.jsonl", e));
    r->metrics = mem_strdup(path);
    TRY(path_join(path, sizeof path, run, "samples.txt", e));
    r->samples = mem_strdup(path);
    if (!r->metrics || !r->samples) FAIL(e, ERR_MEMORY, "out of memory");
    return OK;
}

void report_close(struct report *r)
{
    mem_free(r->metrics);
    mem_free(r->samples);
    buf_free(&r->line);
    *r = (struct report){0};
}

/* The step that a line of metrics.jsonl is about; -1: it is none. */
static int64_t step_of(const char *line, size_t n)
{
    int64_t step = 0;
    if (n < 10 || memcmp(line, "{\"step\":", 8) != 0 || line[8] < '0' || line[8] > '9') return -1;
    for (size_t i = 8; i < n && i < 26 && line[i] >= '0' && line[i] <= '9'; i++) step = 10 * step + (line[i] - '0');
    return step;
}

/* Up to where a log that is not as it was may stay: whole lines; of metrics, up to the first of a later step. */
static size_t usable(const char *text, size_t len, int64_t step, bool metrics)
{
    size_t at = 0;
    while (at < len) {
        const char *end = memchr(text + at, '\n', len - at);
        if (!end || (metrics && step_of(text + at, (size_t)(end - text) - at) > step)) break;
        at = (size_t)(end - text) + 1;
    }
    return at;
}

/* Cuts the log to `bytes`; *now is how long it is then. */
static int rewind_log(const char *path, int64_t step, int64_t bytes, bool metrics, int64_t *now, struct err *e)
{
    struct file_map m = {0};
    *now = bytes;
    if (bytes == 0) return file_truncate(path, 0, e);
    if (!file_absent(path)) TRY(file_map(&m, path, e));
    size_t want = (size_t)bytes;
    const char *text = (const char *)m.data;
    if (m.size < want || text[want - 1] != '\n') *now = m.size ? (int64_t)usable(text, m.size, step, metrics) : 0;
    if (*now != bytes)
        log_warn("%s is not as it was when the checkpoint was made: of %" PRId64 " bytes %" PRId64 " are kept; what is "
                 "missing is not written again", path, bytes, *now);
    bool cut = m.size > (size_t)*now;
    file_unmap(&m);
    return cut ? file_truncate(path, (uint64_t)*now, e) : OK;
}

int report_rewind(struct report *r, int64_t step, int64_t metrics_bytes, int64_t samples_bytes, struct err *e)
{
    TRY(rewind_log(r->metrics, step, metrics_bytes, true, &r->metrics_bytes, e));
    return rewind_log(r->samples, step, samples_bytes, false, &r->samples_bytes, e);
}

int report_sync(const struct report *r, struct err *e)
{
    TRY(file_sync(r->metrics, e));
    return file_sync(r->samples, e);
}

void report_say(struct report *r, const char *fmt, ...)
{
    if (r->quiet) return;
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (r->out.line) r->out.line(text);
    else fprintf(stderr, "%s\n", text);
}

/* "key":number, or null when it is not finite: JSON has no NaN. */
static void add_number(struct buf *b, const char *key, double v)
{
    if (isfinite(v)) buf_printf(b, ",\"%s\":%.7g", key, v);
    else buf_printf(b, ",\"%s\":null", key);
}

static int append_metrics(struct report *r, struct err *e)
{
    buf_add_str(&r->line, "}\n");
    TRY(buf_check(&r->line, "a line of metrics", e));
    uint64_t size;
    TRY(file_append_shared(r->metrics, r->line.data, r->line.len, &size, e));
    r->metrics_bytes = (int64_t)size;
    return OK;
}

static double smooth(double old, double now) { return old > 0 ? SMOOTH * old + (1 - SMOOTH) * now : now; }

static void print_left(char *out, size_t cap, double s)
{
    if (s >= 3600) snprintf(out, cap, "%dh%02dm", (int)(s / 3600), (int)(s / 60) % 60);
    else if (s >= 60) snprintf(out, cap, "%dm%02ds", (int)(s / 60), (int)s % 60);
    else snprintf(out, cap, "%ds", (int)s);
}

/* Adds a piece to the line if there is room for all of it. */
__attribute__((format(printf, 3, 4))) static void add_piece(char *line, size_t room, const char *fmt, ...)
{
    char piece[64];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(piece, sizeof piece, fmt, ap);
    va_end(ap);
    size_t have = strlen(line), n = strlen(piece);
    if (have + n <= room) memcpy(line + have, piece, n + 1);
}

/* The line of a step in at most room columns: what matters least stands last and is left out first. */
static void step_line(const struct report *r, const struct step_stats *s, char *line, size_t room)
{
    char left[32], bar[BAR + 2] = "", share[32] = "";
    double gflops = r->tokens_per_second * r->flops_per_token * 1e-9;
    print_left(left, sizeof left, r->seconds_per_step * (double)(r->steps - s->step));
    if (r->peak > 1e9 * gflops) snprintf(share, sizeof share, " (%.0f%% of the kernel)", 1e11 * gflops / r->peak);
    if (r->out.columns && room >= 60) {
        int done = (int)(s->step * BAR / r->steps);
        memset(bar, '.', BAR);
        memset(bar, '#', (size_t)done);
        bar[BAR] = ' ';
    }
    line[0] = 0;
    add_piece(line, room, "%sstep %" PRId64 "/%" PRId64, bar, s->step, r->steps);
    add_piece(line, room, "  loss %.4f", r->loss);
    add_piece(line, room, "  %s left", left);
    add_piece(line, room, "  %.0f tok/s", r->tokens_per_second);
    add_piece(line, room, "  lr %.2e", s->lr);
    add_piece(line, room, "  grad %.2f", s->grad_norm);
    add_piece(line, room, "  %.1f GFLOP/s%s", gflops, share);
    if (s->load_max > 0) add_piece(line, room, "  experts %.2f-%.2f", s->load_min, s->load_max);
}

/* Says once that the network learns nothing: PATIENCE steps in a row, behind the warmup, above the loss of one that gives
 * every token the same chance. */
static void watch_loss(struct report *r, int64_t step)
{
    r->above = r->guess > 0 && r->loss > r->guess ? r->above + 1 : 0;
    if (r->above < PATIENCE || step < r->warmup + PATIENCE) return;
    log_warn("step %" PRId64 ": the loss, %.2f, stays above that of a uniform guess, %.2f: the model learns nothing; lr or "
             "init_std may be too large, or the text may be no text", step, r->loss, r->guess);
    r->guess = 0;
}

static void progress(struct report *r, const struct step_stats *s)
{
    double now = clock_seconds();
    bool last = s->step == r->steps;
    char line[LINE + 1];
    if (r->quiet || (!last && r->last_line > 0 && now - r->last_line < (r->out.columns ? TTY_INTERVAL : PLAIN_INTERVAL)))
        return;
    r->last_line = now;
    int columns = r->out.columns ? r->out.columns() - 1 : LINE;
    step_line(r, s, line, (size_t)(columns < 20 ? 20 : columns > LINE ? LINE : columns));
    if (r->out.columns) r->out.status(line);
    else if (r->out.line) r->out.line(line);
    else fprintf(stderr, "%s\n", line);
}

int report_step(struct report *r, const struct trainer *t, const struct step_stats *s, int64_t total_tokens, double seconds,
                struct err *e)
{
    struct buf *b = &r->line;
    double rate = (double)s->tokens / seconds;
    r->tokens_per_second = smooth(r->tokens_per_second, rate);
    r->seconds_per_step = smooth(r->seconds_per_step, seconds);
    r->loss = smooth(r->loss, s->loss);
    buf_clear(b);
    buf_printf(b, "{\"step\":%" PRId64, s->step);
    add_number(b, "loss", s->loss);
    add_number(b, "lr", s->lr);
    add_number(b, "grad_norm", s->grad_norm);
    buf_printf(b, ",\"tokens\":%" PRId64, total_tokens);
    add_number(b, "tok_s", rate);
    add_number(b, "gflops", rate * r->flops_per_token * 1e-9);
    if (t->net.config.mtp_layers > 0) add_number(b, "mtp_loss", s->mtp_loss);
    if (s->load_max > 0) {
        add_number(b, "balance", s->balance);
        add_number(b, "load_min", s->load_min);
        add_number(b, "load_max", s->load_max);
    }
    TRY(append_metrics(r, e));
    watch_loss(r, s->step);
    progress(r, s);
    return OK;
}

static void add_loads(struct buf *b, const struct trainer *t)
{
    const struct config *c = &t->net.config;
    const char *comma = "";
    buf_add_str(b, ",\"load\":{");
    for (int64_t l = 0; l < t->layers; l++) {
        if (!t->net.layers[l].router) continue;
        buf_printf(b, "%s\"%" PRId64 "\":[", comma, l);
        comma = ",";
        for (int64_t i = 0; i < c->experts; i++) buf_printf(b, "%s%" PRId64, i ? "," : "", t->load[l * c->experts + i]);
        buf_add_str(b, "]");
    }
    buf_add_str(b, "}");
}

int report_eval(struct report *r, const struct trainer *t, const struct eval_stats *s, size_t n, struct err *e)
{
    struct buf *b = &r->line;
    buf_clear(b);
    buf_printf(b, "{\"step\":%" PRId64 ",\"val\":{", t->step);
    for (size_t i = 0; i < n; i++) {
        const char *name = t->o.val->sources[i].name; /* a-z, 0-9, _ and -: needs no escaping */
        buf_printf(b, "%s\"%s\":{\"tokens\":%" PRId64, i ? "," : "", name, s[i].tokens);
        add_number(b, "loss", s[i].loss);
        if (s[i].bytes > 0) add_number(b, "bpb", s[i].bits_per_byte);
        buf_add_str(b, "}");
        char bits[48] = "";
        if (s[i].bytes > 0) snprintf(bits, sizeof bits, ", %.4f bits per byte", s[i].bits_per_byte);
        report_say(r, "step %" PRId64 ": validation on %s: %.4f nats per token%s (%" PRId64 " tokens)", t->step, name,
                   s[i].loss, bits, s[i].tokens);
    }
    buf_add_str(b, "}");
    if (t->net.config.experts > 0) add_loads(b, t);
    return append_metrics(r, e);
}

int report_sample(struct report *r, int64_t step, const char *text, size_t len, struct err *e)
{
    struct buf *b = &r->line;
    buf_clear(b);
    buf_printf(b, "--- step %" PRId64 "\n", step);
    buf_add(b, text, len);
    buf_add_str(b, "\n\n");
    TRY(buf_check(b, "a sample", e));
    uint64_t size;
    TRY(file_append_shared(r->samples, b->data, b->len, &size, e));
    r->samples_bytes = (int64_t)size;
    char shown[900];
    size_t n = len < sizeof shown - 1 ? len : sizeof shown - 1;
    for (size_t i = 0; i < n; i++) /* control characters of a half-trained model must not reach the terminal */
        shown[i] = (unsigned char)text[i] >= 32 && text[i] != 127 ? text[i] : ' ';
    shown[n] = 0;
    report_say(r, "step %" PRId64 ": sample: %s", step, shown);
    return OK;
}
