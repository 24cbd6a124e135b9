/* Answers: their heads, whole bodies, streams. */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <jansson.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include "base/checked.h"
#include "base/json.h"
#include "base/mem.h"
#include "http/conn.h"
#include "sys/clock.h"

enum { SMALL = 16 << 10 }; /* bytes of an answer that are copied, and sent even when memory is short */

/* Of the framing and of the connection: a handler's are left out. */
static const char *const own_fields[] = {"connection", "content-length", "transfer-encoding", "date", "keep-alive", "upgrade",
                                         "trailer", "x-request-id", "te"};

/* Unless the handler gives them. Answers are for programs: nobody else's page may show, keep or guess at them. */
static const struct http_field usual_fields[] = {
    {"Content-Type", "application/json"},
    {"Cache-Control", "no-store"},
    {"X-Content-Type-Options", "nosniff"},
    {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
    {"X-Frame-Options", "DENY"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
};

static struct http_conn *conn_of(struct http_request *r)
{
    return (struct http_conn *)((char *)r - offsetof(struct http_conn, request));
}

size_t http_conn_waiting(const struct http_conn *c) { return c->bev ? evbuffer_get_length(bufferevent_get_output(c->bev)) : 0; }

/* Whether an answer can still be written. */
static bool is_open(const struct http_conn *c) { return c->state != CONN_DEAD && !c->doomed && c->bev; }

/* Before bytes are added: how fast the reader takes them is counted from the first that wait. */
static void begin_window(struct http_conn *c)
{
    if (http_conn_waiting(c) > 0) return;
    c->window = clock_seconds();
    c->window_sent = c->queued;
}

void http_conn_add(struct http_conn *c, const void *data, size_t n)
{
    if (!is_open(c) || n == 0) return;
    begin_window(c);
    if (evbuffer_add(bufferevent_get_output(c->bev), data, n) != 0) http_conn_doom(c);
    else c->queued += n;
}

/* After something was added: within the limits, or the connection ends. */
static void check_memory(struct http_conn *c)
{
    struct http_server *s = c->server;
    http_conn_count(c);
    if (s->counts.bytes <= s->config.memory || !is_open(c)) return;
    s->counts.over_memory++;
    http_conn_doom(c);
}

/* ---- heads ---- */

static const char *date_text(struct http_server *s)
{
    static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t now = time(NULL);
    struct tm t;
    if (now == s->date_at || !gmtime_r(&now, &t)) return s->date;
    s->date_at = now;
    snprintf(s->date, sizeof s->date, "%.3s, %02d %.3s %d %02d:%02d:%02d GMT", days + 3 * t.tm_wday, t.tm_mday,
             months + 3 * t.tm_mon, t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
    return s->date;
}

static bool is_own(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(own_fields); i++)
        if (http_same(own_fields[i], name)) return true;
    return false;
}

static bool is_given(const struct http_field *list, const char *name)
{
    for (; list && list->name; list++)
        if (http_same(list->name, name)) return true;
    return false;
}

/* Values may hold words of a request: nothing in them ends the line. */
static void add_field(struct buf *b, const char *name, const char *value)
{
    if (!http_is_token(name, strlen(name))) return;
    buf_printf(b, "%s: ", name);
    for (; *value; value++) buf_add_byte(b, http_is_value_byte((unsigned char)*value) ? (unsigned char)*value : '?');
    buf_add_str(b, "\r\n");
}

static bool has_body(int status) { return status != 204 && status != 304 && status >= 200; }

/* length: of the body; SIZE_MAX when nobody knows. */
static void write_head(struct http_conn *c, int status, const struct http_field *fields, size_t length)
{
    struct buf b = {0};
    const struct http_head *h = c->request.head;
    bool stream = length == SIZE_MAX, old = h && h->minor == 0;
    c->status = status;
    c->no_body = (h && h->method == HTTP_HEAD) || !has_body(status);
    c->chunked = stream && !old && has_body(status);
    if (!h || !h->keep_alive || c->server->draining || (stream && old)) c->close_after = true;
    if (c->state != CONN_HANDLING && h && (h->chunked || h->length > 0)) c->close_after = true; /* the body is not read */
    buf_printf(&b, "HTTP/1.1 %d %s\r\nDate: %s\r\n", status, http_status_text(status), date_text(c->server));
    add_field(&b, "X-Request-Id", c->id);
    for (const struct http_field *f = fields; f && f->name; f++)
        if (!is_own(f->name)) add_field(&b, f->name, f->value);
    for (size_t i = has_body(status) ? 0 : 1; i < ARRAY_LEN(usual_fields); i++)
        if (!is_given(fields, usual_fields[i].name)) add_field(&b, usual_fields[i].name, usual_fields[i].value);
    if (c->cors) {
        add_field(&b, "Access-Control-Allow-Origin", c->cors);
        add_field(&b, "Access-Control-Expose-Headers", "*");
        if (!is_given(fields, "Vary")) add_field(&b, "Vary", "Origin");
    }
    if (c->chunked) buf_add_str(&b, "Transfer-Encoding: chunked\r\n");
    else if (!stream && has_body(status)) buf_printf(&b, "Content-Length: %zu\r\n", length);
    if (c->close_after) buf_add_str(&b, "Connection: close\r\n");
    else
        buf_printf(&b, "%sKeep-Alive: timeout=%d\r\n", old ? "Connection: keep-alive\r\n" : "",
                   (int)c->server->config.times.idle);
    buf_add_str(&b, "\r\n");
    if (b.failed) http_conn_doom(c);
    else http_conn_add(c, b.data, b.len);
    buf_free(&b);
}

/* ---- ends ---- */

void http_conn_log(struct http_conn *c, bool gone)
{
    const struct http_handler *handler = &c->server->config.handler;
    const struct http_request *r = &c->request;
    struct http_done d = {.method = r->method,
                          .path = r->head ? r->path : NULL,
                          .id = c->id,
                          .peer = c->peer,
                          .user = c->live ? r->user : NULL,
                          .status = c->status,
                          .gone = gone,
                          .reason = c->reason,
                          .body_in = c->parser.body_bytes,
                          .body_out = c->out_bytes,
                          .seconds = clock_seconds() - c->began};
    if (handler->log) handler->log(handler->ctx, &d);
}

/* All of the answer has been queued. */
static void answer_done(struct http_conn *c)
{
    c->answered = true;
    http_conn_log(c, false);
    check_memory(c);
    if (c->state == CONN_HANDLING || c->close_after) http_conn_over(c);
}

/* Whether the handler may answer. On a connection that is about to end nothing goes out any more; but `last`, the call that
 * completes an answer, ends the request all the same: `closed` is not called behind it. */
static bool may_answer(struct http_conn *c, bool streaming, bool last)
{
    if (c->state == CONN_DEAD || c->answered) return false;
    if (is_open(c)) return c->streaming == streaming;
    if (last) {
        c->answered = true;
        c->server->counts.gone++;
        http_conn_log(c, true);
    }
    return false;
}

/* ---- interface ---- */

/* True when a body of len bytes would be too much: the answer is another one then, and made. */
static bool no_room(struct http_conn *c, size_t len)
{
    struct http_server *s = c->server;
    if (len == 0 || (s->counts.bytes <= s->config.memory && len <= s->config.memory - s->counts.bytes)) return false;
    s->counts.over_memory++;
    http_refuse(&c->refusal, 503, "the server has no memory for an answer of %zu bytes now", len);
    http_reply_refusal(&c->request, &c->refusal, (struct http_field[]){{"Retry-After", "1"}, {0}});
    return true;
}

void http_reply(struct http_request *r, int status, const struct http_field *fields, const void *body, size_t len)
{
    struct http_conn *c = conn_of(r);
    if (!may_answer(c, false, true)) return;
    if (len > SMALL && no_room(c, len)) return;
    write_head(c, status, fields, len);
    if (!c->no_body) {
        http_conn_add(c, body, len);
        c->out_bytes += len;
    }
    answer_done(c);
}

static void free_body(const void *data, size_t n, void *ctx)
{
    (void)data, (void)n;
    mem_free(ctx);
}

static void send_taken(struct http_conn *c, struct buf *body)
{
    begin_window(c);
    if (evbuffer_add_reference(bufferevent_get_output(c->bev), body->data, body->len, free_body, body->data) != 0) {
        http_conn_doom(c);
        return;
    }
    c->queued += body->len;
    c->out_bytes += body->len;
    *body = (struct buf){0};
}

void http_reply_take(struct http_request *r, int status, const struct http_field *fields, struct buf *body)
{
    struct http_conn *c = conn_of(r);
    bool open = may_answer(c, false, true);
    if (open && body->failed) {
        http_refuse(&c->refusal, 503, "the server has no memory for the answer");
        http_reply_refusal(r, &c->refusal, (struct http_field[]){{"Retry-After", "1"}, {0}});
    } else if (open && body->len <= SMALL) {
        http_reply(r, status, fields, body->data, body->len);
    } else if (open && !no_room(c, body->len)) {
        write_head(c, status, fields, body->len);
        if (!c->no_body && is_open(c)) send_taken(c, body);
        answer_done(c);
    }
    buf_free(body);
}

void http_stream_begin(struct http_request *r, int status, const struct http_field *fields)
{
    struct http_conn *c = conn_of(r);
    if (!may_answer(c, false, false)) return;
    write_head(c, status, fields, SIZE_MAX);
    c->streaming = true;
    check_memory(c);
}

size_t http_stream_write(struct http_request *r, const void *data, size_t len)
{
    struct http_conn *c = conn_of(r);
    char size[24];
    if (!may_answer(c, true, false) || c->no_body || len == 0) return 0;
    if (http_conn_waiting(c) + len > c->server->config.stream_max) {
        c->server->counts.too_slow++;
        http_conn_doom(c);
        return 0;
    }
    if (c->chunked) http_conn_add(c, size, (size_t)snprintf(size, sizeof size, "%zx\r\n", len));
    http_conn_add(c, data, len);
    if (c->chunked) http_conn_add(c, "\r\n", 2);
    c->out_bytes += len;
    check_memory(c);
    size_t waiting = is_open(c) ? http_conn_waiting(c) : 0;
    if (waiting > c->server->config.stream_high) c->full = true;
    return waiting;
}

void http_stream_end(struct http_request *r)
{
    struct http_conn *c = conn_of(r);
    if (!may_answer(c, true, true)) return;
    if (c->chunked && !c->no_body) http_conn_add(c, "0\r\n\r\n", 5);
    answer_done(c);
}

void http_stream_abort(struct http_request *r)
{
    struct http_conn *c = conn_of(r);
    if (c->state == CONN_DEAD || c->answered) return;
    http_conn_doom(c);
    may_answer(c, true, true);
}

void http_request_drop_body(struct http_request *r)
{
    struct http_conn *c = conn_of(r);
    if (c->state != CONN_HANDLING) return;
    buf_free(&c->body);
    r->body = "";
    r->body_len = 0;
    http_conn_count(c);
}

const char *http_header(const struct http_request *r, const char *name)
{
    return r->head ? http_head_get(r->head, name) : NULL;
}

/* ---- refusals ---- */

static void usual_refusal(const struct http_refusal *why, struct buf *out)
{
    json_t *all = json_object(), *inner = json_object();
    json_put(inner, "message", json_string(why->reason));
    json_put(inner, "type", json_string(why->status >= 500 ? "server_error" : "invalid_request_error"));
    json_put(inner, "param", json_null());
    json_put(inner, "code", json_null());
    json_put(all, "error", inner);
    char *text = json_text(all);
    if (text) buf_add_str(out, text);
    json_decref(all);
    mem_free(text);
}

void http_reply_refusal(struct http_request *r, const struct http_refusal *why, const struct http_field *fields)
{
    struct http_conn *c = conn_of(r);
    const struct http_handler *handler = &c->server->config.handler;
    struct buf body = {0};
    c->reason = why->reason;
    if (handler->refuse) handler->refuse(handler->ctx, r, why, &body);
    if (body.len == 0) usual_refusal(why, &body);
    http_reply(r, why->status, fields, body.data, body.failed ? 0 : body.len);
    buf_free(&body);
}

void http_conn_refuse(struct http_conn *c)
{
    const struct http_refusal *why = &c->refusal;
    struct http_field fields[3] = {{0}};
    char allow[64];
    int n = 0;
    c->server->counts.refused++;
    if (c->streaming || c->answered) { /* too late to say anything */
        http_conn_doom(c);
        return;
    }
    if (!c->named) { /* the head was never whole */
        http_conn_name(c);
        c->request.head = NULL;
        c->request.path = c->request.query = c->request.body = "";
        c->request.body_len = 0;
    }
    if (c->live && c->request.closed) c->request.closed(&c->request); /* admitted, and its body is refused */
    c->request.closed = c->request.drained = NULL;
    c->live = false;
    c->close_after = true;
    if (why->status == 405) {
        http_allow_text(allow, c->request.route.methods);
        fields[n++] = (struct http_field){"Allow", allow};
    }
    if (why->status == 503 || why->status == 429) fields[n++] = (struct http_field){"Retry-After", "1"};
    http_reply_refusal(&c->request, why, fields);
}
