/* Trace file in Chrome's JSON array format ("Trace Event Format", complete events, ph "X", microseconds). Events are
 * collected in a fixed buffer, so that tracing allocates nothing during a step. */
#include "base/mem.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "tensor/run.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { TRACE_BUF = 1 << 16, TRACE_EVENT_MAX = 1024 };

struct trace {
    struct file_out out;
    double origin;
    bool stats, first;
    size_t len;
    struct err err; /* the first write error; reported by trace_close */
    char buf[TRACE_BUF];
};

int trace_open(struct trace **out, const char *path, bool stats, struct err *e)
{
    void *p;
    TRY(mem_new(&p, sizeof(struct trace), "the trace", e));
    struct trace *t = p;
    int rc = file_out_open(&t->out, path, e);
    if (rc) {
        mem_free(t);
        return rc;
    }
    t->origin = clock_seconds();
    t->stats = stats;
    t->first = true;
    *out = t;
    return OK;
}

static void flush(struct trace *t)
{
    if (!t->err.code && t->len) file_out_write(&t->out, t->buf, t->len, &t->err);
    t->len = 0;
}

static int add_stats(char *s, size_t cap, const struct tensor *x)
{
    double min = INFINITY, max = -INFINITY, sum = 0;
    int64_t bad = 0, n = 0;
    for (int64_t r = 0; r < tensor_rows(x); r++)
        for (int64_t i = 0; i < tensor_cols(x); i++) {
            double v = tensor_f32(x)[r * x->ld + i];
            if (!isfinite(v)) {
                bad++;
                continue;
            }
            min = v < min ? v : min;
            max = v > max ? v : max;
            sum += v;
            n++;
        }
    if (n == 0) min = max = 0;
    return snprintf(s, cap, ",\"min\":%.6g,\"max\":%.6g,\"mean\":%.6g,\"nonfinite\":%lld", min, max, n ? sum / (double)n : 0.0,
                    (long long)bad);
}

void trace_step(struct trace *t, const struct run *r, const struct step *s, double t0, double t1, bool backward)
{
    if (t->len + TRACE_EVENT_MAX > TRACE_BUF) flush(t);
    char *p = t->buf + t->len;
    const struct tensor *x = s->out[0];
    int n = snprintf(p, TRACE_EVENT_MAX,
                     "%s{\"name\":\"%s\",\"cat\":\"%s\",\"ph\":\"X\",\"pid\":1,\"tid\":1,\"ts\":%.3f,\"dur\":%.3f,"
                     "\"args\":{\"layer\":%d,\"out\":\"%.60s\",\"rows\":%lld,\"cols\":%lld",
                     t->first ? "[\n" : ",\n", s->op->name, backward ? "backward" : "forward", 1e6 * (t0 - t->origin),
                     1e6 * (t1 - t0), r->layer, x->name ? x->name : "", (long long)tensor_rows(x),
                     (long long)tensor_cols(x));
    if (t->stats && !backward && x->dtype == DT_F32) n += add_stats(p + n, (size_t)(TRACE_EVENT_MAX - n), x);
    n += snprintf(p + n, (size_t)(TRACE_EVENT_MAX - n), "}}");
    t->len += (size_t)n;
    t->first = false;
}

int trace_close(struct trace *t, struct err *e)
{
    if (!t) return OK;
    memcpy(t->buf + t->len, t->first ? "[\n]\n" : "\n]\n", t->first ? 4 : 3);
    t->len += t->first ? 4 : 3;
    flush(t);
    int rc = t->err.code;
    if (rc) {
        if (e) *e = t->err;
        file_out_abort(&t->out);
    } else rc = file_out_commit(&t->out, e);
    mem_free(t);
    return rc;
}
