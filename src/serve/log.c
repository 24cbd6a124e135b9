/* What is written down about requests: who, when, what, how much; never a word of what was said. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "api/write.h"
#include "serve/inside.h"
#include "sys/clock.h"
#include "sys/file.h"

enum { ROUTE_MOST = 200 }; /* bytes of a path that are written down */

static void time_text(char out[40])
{
    int64_t ns = clock_unix_ns();
    time_t s = (time_t)(ns / 1000000000);
    struct tm tm;
    size_t n = gmtime_r(&s, &tm) ? strftime(out, 24, "%Y-%m-%dT%H:%M:%S", &tm) : 0;
    snprintf(out + n, 40 - n, ".%03dZ", (int)(ns / 1000000 % 1000));
}

/* Once for every time that it begins to fail: a full disk would be told at every request. */
static void audit_failed(struct front *f, const struct err *e)
{
    if (!f->audit_lost) serve_say(f, "the audit log cannot be written, nobody is served until it can: %s", e->msg);
    f->audit_lost = true;
}

static void add_audit(struct front *f, const struct buf *fields)
{
    struct err e = {0};
    if (!f->audit.path) return;
    int rc = buf_check(fields, "a line of the audit log", &e);
    if (!rc) rc = audit_add(&f->audit, fields->data, &e);
    if (rc) audit_failed(f, &e);
    else f->audit_lost = false;
}

void log_event(struct front *f, const char *event, const char *more)
{
    struct buf b = {0};
    char when[40];
    time_text(when);
    buf_printf(&b, "\"time\":\"%s\",\"event\":\"%s\"%s", when, event, more);
    add_audit(f, &b);
    buf_free(&b);
}

int log_open(struct front *f, struct err *e)
{
    if (f->o->log) TRY(file_append(f->o->log, "", 0, NULL, e)); /* can it be written? */
    return f->o->audit ? audit_open(&f->audit, f->o->audit, e) : OK;
}

void log_close(struct front *f)
{
    if (f->audit.path) log_event(f, "stop", "");
    audit_close(&f->audit);
}

void log_tick(struct front *f)
{
    struct err e = {0};
    if (audit_sync(&f->audit, &e)) audit_failed(f, &e);
    else if (f->audit_lost) log_event(f, "written again", "");
}

/* ---- requests ---- */

static void who(struct jw *w, const struct http_done *d, const struct ask *q)
{
    char when[40];
    time_text(when);
    jw_str(w, "time", when);
    jw_str(w, "event", "request");
    jw_str(w, "id", d->id);
    jw_str(w, "peer", d->peer);
    jw_str(w, "key", q && q->caller.key.id[0] ? q->caller.key.id : NULL);
    jw_str(w, "tenant", q && q->caller.account ? q->caller.key.tenant : NULL);
    jw_str(w, "method", http_method_names[d->method]);
    size_t len = d->path ? strlen(d->path) : 0;
    jw_text(w, "route", d->path ? d->path : "", len < ROUTE_MOST ? len : ROUTE_MOST); /* without the query */
    jw_str(w, "model", q ? q->a.model : NULL);
    jw_int(w, "status", d->status);
    if (d->gone) jw_bool(w, "gone", true);
    if (d->reason) jw_str(w, "refused", d->reason);
}

static void how_much(struct jw *w, const struct http_done *d, const struct ask *q)
{
    jw_int(w, "bytes_in", (int64_t)d->body_in);
    jw_int(w, "bytes_out", (int64_t)d->body_out);
    jw_real(w, "seconds", d->seconds);
    if (!q || q->a.n_turns == 0) return;
    jw_int(w, "turns", (int64_t)q->a.n_turns);
    jw_int(w, "prompt_tokens", q->used.prompt);
    jw_int(w, "cached_tokens", q->used.cached);
    jw_int(w, "answer_tokens", q->used.answer);
    jw_real(w, "queue_ms", q->time.queue_ms);
    jw_real(w, "prompt_ms", q->time.prompt_ms);
    jw_real(w, "answer_ms", q->time.answer_ms);
}

/* Members of an object without its braces. */
static void fields_of(struct buf *b, const struct http_done *d, const struct ask *q)
{
    struct jw w = {.b = b};
    who(&w, d, q);
    how_much(&w, d, q);
}

void log_request(struct front *f, const struct http_done *d, const struct ask *q)
{
    struct buf fields = {0}, line = {0};
    struct err e = {0};
    fields_of(&fields, d, q);
    if (!q || q->a.scope != API_PUBLIC || !q->a.route) add_audit(f, &fields);
    if (f->o->log && fields.data) {
        buf_printf(&line, "{%s}\n", fields.data);
        int rc = buf_check(&line, "a line of the log", &e);
        if (!rc) rc = file_append(f->o->log, line.data, line.len, NULL, &e);
        if (rc) serve_say(f, "%s", e.msg);
    }
    buf_free(&fields);
    buf_free(&line);
    if (f->o->quiet) return;
    serve_say(f, "%s %s %d %.3f s, %llu bytes in, %llu out%s%s%s", http_method_names[d->method], d->path ? d->path : "?",
              d->status,
              d->seconds, (unsigned long long)d->body_in, (unsigned long long)d->body_out,
              d->gone ? ", the client went away" : "", d->reason ? ", " : "", d->reason ? d->reason : "");
}
