/* Connections: bytes in, states, ends. */
#include "http/conn.h"
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <openssl/ssl.h>
#include <string.h>
#include "base/mem.h"
#include "http/tls.h"
#include "sys/clock.h"

enum { TLS_BYTES = 48 << 10, TLS_HANDSHAKE = 0x16 };

static void enter(struct http_conn *c, enum conn_state state)
{
    c->state = state;
    c->since = clock_seconds();
}

bool http_conn_is_idle(const struct http_conn *c)
{
    return (c->state == CONN_READY && !c->parser.begun && http_conn_waiting(c) == 0) || c->state == CONN_SNIFF ||
           c->state == CONN_SHAKE;
}

void http_conn_count(struct http_conn *c)
{
    struct http_counts *k = &c->server->counts;
    uint64_t now = 0;
    if (c->state != CONN_DEAD)
        now = sizeof *c + c->parser.head.text.cap + c->parser.line.cap + c->body.cap + (c->tls ? TLS_BYTES : 0);
    if (c->bev) now += evbuffer_get_length(bufferevent_get_input(c->bev)) + evbuffer_get_length(bufferevent_get_output(c->bev));
    k->bytes = k->bytes - c->counted + now;
    c->counted = now;
    if (k->bytes > k->most_bytes) k->most_bytes = k->bytes;
}

/* ---- ends ---- */

static void free_event(struct event **e)
{
    if (*e) event_free(*e);
    *e = NULL;
}

void http_conn_kill(struct http_conn *c)
{
    struct http_server *s = c->server;
    if (c->state == CONN_DEAD) return;
    c->state = CONN_DEAD;
    if (c->live && !c->answered) {
        s->counts.gone++;
        http_conn_log(c, true);
        if (c->request.closed) c->request.closed(&c->request);
    }
    free_event(&c->sniff);
    if (c->bev) bufferevent_free(c->bev); /* closes the descriptor */
    else net_close(c->fd);
    c->bev = NULL;
    http_parser_free(&c->parser);
    buf_free(&c->body);
    http_conn_count(c);
    s->counts.connections--;
    if (c->prev) c->prev->next = c->next;
    else s->conns = c->next;
    if (c->next) c->next->prev = c->prev;
    c->next = s->dead;
    s->dead = c;
    event_active(s->reap, EV_TIMEOUT, 0);
}

void http_conn_doom(struct http_conn *c)
{
    c->doomed = true;
    event_active(c->server->reap, EV_TIMEOUT, 0);
}

void http_conn_reap(struct http_server *s)
{
    for (struct http_conn *c = s->conns, *next; c; c = next) {
        next = c->next;
        if (c->doomed) http_conn_kill(c);
    }
    while (s->dead) {
        struct http_conn *c = s->dead;
        s->dead = c->next;
        mem_free(c);
    }
}

/* The last answer has gone out. */
static void linger(struct http_conn *c)
{
    if (c->eof || c->state == CONN_LINGER) {
        http_conn_kill(c);
        return;
    }
    enter(c, CONN_LINGER);
    struct ssl_st *ssl = c->tls ? bufferevent_openssl_get_ssl(c->bev) : NULL;
    if (ssl) SSL_shutdown(ssl);
    net_end_output(c->fd);
    bufferevent_enable(c->bev, EV_READ);
}

void http_conn_over(struct http_conn *c)
{
    buf_free(&c->body);
    c->live = false;
    if (c->close_after) {
        enter(c, CONN_FLUSH);
        if (http_conn_waiting(c) == 0) linger(c);
        return;
    }
    http_parser_next(&c->parser);
    c->named = c->answered = c->streaming = c->full = false;
    c->request.head = NULL;
    c->cors = c->reason = NULL;
    enter(c, CONN_READY);
    if (c->server->draining && http_conn_waiting(c) == 0 && !c->advancing) http_conn_doom(c);
    else if (!c->advancing) bufferevent_trigger(c->bev, EV_READ, BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
}

/* ---- bytes in ---- */

static bool reads(const struct http_conn *c) { return (c->state == CONN_READY || c->state == CONN_BODY) && !c->doomed; }

/* Before the next request of a pipeline is looked at, most of the answers must have gone out. */
static bool must_wait(const struct http_conn *c)
{
    return c->state == CONN_READY && !c->parser.begun && http_conn_waiting(c) > c->server->config.stream_high;
}

static void refuse(struct http_conn *c, int status, const char *reason)
{
    http_refuse(&c->refusal, status, "%s", reason);
    http_conn_refuse(c);
}

static void take_body(struct http_conn *c, const char *data, size_t n)
{
    buf_add(&c->body, data, n);
    http_conn_count(c);
    if (c->body.failed || c->server->counts.bytes > c->server->config.memory) {
        buf_free(&c->body);
        c->server->counts.over_memory++;
        refuse(c, 503, "the server has no memory for the body now");
    }
}

/* False: nothing more can be done with what has come. */
static bool take_step(struct http_conn *c, enum http_step step, const char *body, size_t n)
{
    switch (step) {
    case HTTP_STEP_MORE: return evbuffer_get_length(bufferevent_get_input(c->bev)) > 0;
    case HTTP_STEP_HEAD:
        http_conn_take_head(c);
        if (c->state == CONN_READY) enter(c, CONN_BODY);
        return true;
    case HTTP_STEP_BODY: take_body(c, body, n); return true;
    case HTTP_STEP_END: http_conn_take_request(c); return true;
    default:
        c->refusal = c->parser.refusal;
        http_conn_refuse(c);
        return false;
    }
}

static void advance(struct http_conn *c)
{
    bool more = true;
    if (c->advancing) return;
    c->advancing = true;
    while (more && reads(c) && !must_wait(c)) {
        struct evbuffer *in = bufferevent_get_input(c->bev);
        size_t n = evbuffer_get_contiguous_space(in), used, len;
        const char *body, *data = n ? (const char *)evbuffer_pullup(in, (ev_ssize_t)n) : "";
        bool begun = c->parser.begun;
        enum http_step step = http_parse(&c->parser, data, data ? n : 0, &used, &body, &len);
        if (!begun && c->parser.begun) {
            c->began = clock_seconds();
            if (c->requests > 0) c->since = c->began;
        }
        if (step == HTTP_STEP_BODY) more = take_step(c, step, body, len); /* they lie in the input */
        if (c->state != CONN_DEAD) evbuffer_drain(in, used);
        if (step != HTTP_STEP_BODY) more = take_step(c, step, NULL, 0);
    }
    c->advancing = false;
}

static void set_paused(struct http_conn *c, bool paused)
{
    if (c->paused == paused) return;
    c->paused = paused;
    if (paused) bufferevent_disable(c->bev, EV_READ);
    else bufferevent_enable(c->bev, EV_READ);
}

/* Reads, parses, and sees to it that no more is taken in than is allowed. */
static void read_on(struct http_conn *c)
{
    struct http_server *s = c->server;
    if (reads(c)) advance(c);
    if (c->state == CONN_DEAD) return;
    struct evbuffer *in = bufferevent_get_input(c->bev);
    if (c->state == CONN_FLUSH || c->state == CONN_LINGER) {
        evbuffer_drain(in, evbuffer_get_length(in));
    } else if (c->state == CONN_HANDLING && evbuffer_get_length(in) > s->config.ahead) {
        /* Reading must go on, or nobody would see that the client has gone: so who sends without listening is left. */
        http_conn_kill(c);
        return;
    }
    set_paused(c, must_wait(c));
    http_conn_count(c);
}

static void on_read(struct bufferevent *bev, void *ctx)
{
    struct http_conn *c = ctx;
    (void)bev;
    read_on(c);
}

/* ---- bytes out ---- */

static void on_written(struct bufferevent *bev, void *ctx)
{
    struct http_conn *c = ctx;
    (void)bev;
    size_t waiting = http_conn_waiting(c);
    if (c->state == CONN_FLUSH && waiting == 0) {
        linger(c);
        return;
    }
    if (c->full && waiting <= c->server->config.stream_low) {
        c->full = false;
        if (c->live && !c->answered && c->request.drained) c->request.drained(&c->request);
        if (c->state == CONN_DEAD) return;
    }
    if (c->paused && !must_wait(c)) {
        set_paused(c, false);
        read_on(c);
        if (c->state == CONN_DEAD) return;
    }
    if (waiting == 0 && c->server->draining && http_conn_is_idle(c)) http_conn_kill(c);
    else http_conn_count(c);
}

/* ---- other events ---- */

static void on_event(struct bufferevent *bev, short what, void *ctx)
{
    struct http_conn *c = ctx;
    (void)bev;
    if (what & BEV_EVENT_CONNECTED) {
        c->state = CONN_READY; /* the time for the head goes on */
        return;
    }
    c->eof = true;
    bool whole = c->state == CONN_FLUSH || (c->state == CONN_READY && !c->parser.begun);
    if ((what & BEV_EVENT_EOF) && !(what & BEV_EVENT_ERROR) && whole && http_conn_waiting(c) > 0 && !c->tls) {
        c->state = CONN_FLUSH; /* it asked, closed its side, and still reads; with TLS, libevent writes no more then */
        return;
    }
    http_conn_kill(c);
}

/* ---- beginnings ---- */

static bool attach(struct http_conn *c, struct ssl_st *ssl)
{
    struct http_server *s = c->server;
    int options = BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS;
    uint64_t shortages = mem_shortages(); /* libevent passes over some, and leaves a buffer that never sends */
    if (ssl) c->bev = bufferevent_openssl_socket_new(s->base, c->fd, ssl, BUFFEREVENT_SSL_ACCEPTING, options);
    else c->bev = bufferevent_socket_new(s->base, c->fd, options);
    if (!c->bev) return false;
    if (ssl) bufferevent_openssl_set_allow_dirty_shutdown(c->bev, 1);
    bufferevent_setcb(c->bev, on_read, on_written, on_event, c);
    bufferevent_setwatermark(c->bev, EV_WRITE, s->config.stream_low, 0);
    return bufferevent_enable(c->bev, EV_READ | EV_WRITE) == 0 && mem_shortages() == shortages;
}

/* The first byte on a port of TLS: a handshake, or somebody who speaks plain HTTP and is told so. */
static void on_first(evutil_socket_t fd, short what, void *ctx)
{
    struct http_conn *c = ctx;
    unsigned char first = 0;
    long n = net_peek(fd, &first, 1);
    (void)what;
    if (n < 0 && net_error_is_peer(errno)) return;
    free_event(&c->sniff);
    bool plain = n == 1 && first != TLS_HANDSHAKE;
    struct ssl_st *ssl = n == 1 && !plain ? http_tls_session(c->tls) : NULL;
    if (plain) c->tls = NULL;
    if (n < 1 || (!plain && !ssl) || !attach(c, ssl)) {
        if (ssl && !c->bev) SSL_free(ssl);
        http_conn_kill(c);
        return;
    }
    c->state = plain ? CONN_READY : CONN_SHAKE;
    if (plain) refuse(c, 400, "this port speaks HTTPS, and the request came as plain HTTP");
    if (c->state != CONN_DEAD) http_conn_count(c);
}

static bool begin(struct http_conn *c)
{
    struct http_server *s = c->server;
    if (!c->tls) {
        c->state = CONN_READY;
        return attach(c, NULL);
    }
    c->sniff = event_new(s->base, c->fd, EV_READ | EV_PERSIST, on_first, c);
    return c->sniff && event_add(c->sniff, NULL) == 0;
}

void http_conn_open(struct http_server *s, struct http_listener *l, int fd, const struct net_end *from,
                    const struct net_end *to, const struct http_refusal *why)
{
    struct http_conn *c = mem_alloc(sizeof *c);
    if (!c) {
        net_close(fd);
        return;
    }
    c->server = s;
    c->fd = fd;
    c->tls = l->tls;
    c->where = (struct http_where){.to = *to, .tls = l->tls != NULL};
    c->request.from = *from;
    c->request.tls = c->where.tls;
    c->request.peer = c->peer;
    if (from->local) memcpy(c->peer, "unix", 5);
    else net_ip_text(c->peer, &from->ip);
    http_parser_init(&c->parser, &s->config.limits);
    c->since = c->began = clock_seconds();
    c->next = s->conns;
    if (s->conns) s->conns->prev = c;
    s->conns = c;
    if (++s->counts.connections > s->counts.most_connections) s->counts.most_connections = s->counts.connections;
    if (!begin(c)) {
        http_conn_kill(c);
        return;
    }
    if (why && c->bev) {
        c->refusal = *why;
        http_conn_refuse(c);
    } else if (why) {
        http_conn_kill(c); /* before a handshake nothing can be said */
        return;
    }
    if (c->state != CONN_DEAD) http_conn_count(c);
}

/* ---- time ---- */

/* Whether what waits to go out is taken too slowly. */
static bool reads_too_slowly(struct http_conn *c, double now)
{
    const struct http_config *k = &c->server->config;
    size_t waiting = c->bev ? http_conn_waiting(c) : 0;
    uint64_t sent = c->queued - waiting;
    if (waiting == 0) {
        c->window = 0;
        return false;
    }
    if (c->window == 0) {
        c->window = now;
        c->window_sent = sent;
    }
    if (now - c->window < k->times.stall) return false;
    bool slow = (double)(sent - c->window_sent) < k->slow_out * (now - c->window);
    c->window = now;
    c->window_sent = sent;
    return slow;
}

void http_conn_check_time(struct http_conn *c, double now)
{
    const struct http_config *k = &c->server->config;
    double t = now - c->since;
    bool over = false;
    if (reads_too_slowly(c, now)) {
        over = true;
    } else if (c->state == CONN_SNIFF || c->state == CONN_SHAKE) {
        over = t > k->times.head;
    } else if (c->state == CONN_READY && (c->parser.begun || c->requests == 0)) {
        if (t > k->times.head && c->parser.begun) {
            c->server->counts.too_slow++;
            refuse(c, 408, "the head of the request did not come in time");
            return;
        }
        over = t > k->times.head;
    } else if (c->state == CONN_READY) {
        if (t > k->times.idle && http_conn_waiting(c) == 0) http_conn_kill(c);
    } else if (c->state == CONN_BODY && t > k->times.body && (double)c->parser.body_bytes < (t - k->times.body) * k->slow_in) {
        c->server->counts.too_slow++;
        refuse(c, 408, "the body of the request comes too slowly");
        return;
    } else if (c->state == CONN_LINGER && t > k->times.linger) {
        http_conn_kill(c);
    }
    if (over) {
        c->server->counts.too_slow++;
        http_conn_kill(c);
    }
}
