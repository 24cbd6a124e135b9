/* From a head to the handler: what is asked, whether it may be, and what can be answered here. */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdio.h>
#include <string.h>
#include "base/rng.h"
#include "http/conn.h"
#include "sys/clock.h"

enum { PREFLIGHT_SECONDS = 600 };

void http_conn_name(struct http_conn *c)
{
    struct http_server *s = c->server;
    uint64_t n = s->ids++;
    snprintf(c->id, sizeof c->id, "req_%016llx%08x", (unsigned long long)rng_u64(s->seed, 1, n),
             (unsigned)rng_u64(s->seed, 2, n));
    c->request.id = c->id;
    c->named = true;
    c->status = 0;
    c->out_bytes = 0;
    c->requests++;
    s->counts.requests++;
}

static void fill(struct http_conn *c)
{
    struct http_request *r = &c->request;
    const struct http_head *h = &c->parser.head;
    *r = (struct http_request){.method = h->method, .path = h->path, .query = h->query, .head = h, .body = "", .id = c->id,
                               .peer = c->peer, .from = r->from, .tls = r->tls};
}

/* The lines that a browser's question asks for, if they are names. */
static bool asked_fields(const struct http_head *h, struct buf *out)
{
    const char *s = http_head_get(h, "access-control-request-headers"), *word;
    size_t n;
    while (s && http_list_next(&s, &word, &n)) {
        if (!http_is_token(word, n)) return false;
        buf_printf(out, "%s%.*s", out->len ? ", " : "", (int)n, word);
    }
    return !out->failed;
}

/* OPTIONS is answered here: a browser's question before a request of another origin, or what a path takes. */
static void reply_options(struct http_conn *c)
{
    const struct http_head *h = &c->parser.head;
    const struct http_route *route = &c->request.route;
    struct buf fields = {0};
    char allow[64], seconds[16];
    http_allow_text(allow, strcmp(h->path, "*") == 0 ? (1u << HTTP_METHODS) - 1 : route->methods);
    snprintf(seconds, sizeof seconds, "%d", PREFLIGHT_SECONDS);
    if (c->cors && http_is_preflight(h)) {
        bool good = asked_fields(h, &fields);
        struct http_field list[6] = {
            {"Allow", allow}, {"Access-Control-Allow-Methods", allow}, {"Access-Control-Max-Age", seconds}};
        int n = 3;
        if (good && fields.len > 0) list[n++] = (struct http_field){"Access-Control-Allow-Headers", fields.data};
        if (http_head_get(h, "access-control-request-private-network"))
            list[n++] = (struct http_field){"Access-Control-Allow-Private-Network", "true"};
        http_reply(&c->request, 204, list, NULL, 0);
    } else {
        http_reply(&c->request, 204, (struct http_field[]){{"Allow", allow}, {0}}, NULL, 0);
    }
    buf_free(&fields);
}

static bool may_pass(struct http_conn *c)
{
    struct http_server *s = c->server;
    struct http_request *r = &c->request;
    const struct http_head *h = &c->parser.head;
    if (s->config.handler.route) s->config.handler.route(s->config.handler.ctx, r, &r->route);
    if (!http_guard_site(&s->config.guard, h, &c->where, &r->route, &c->cors, &c->refusal)) return false;
    if (s->draining) return http_refuse(&c->refusal, 503, "the server is being stopped");
    if (!http_guard_body(h, &r->route, &c->refusal)) return false;
    if (!http_parser_accept(&c->parser, r->route.body_max ? r->route.body_max : s->config.limits.body)) {
        c->refusal = c->parser.refusal;
        return false;
    }
    return true;
}

void http_conn_take_head(struct http_conn *c)
{
    const struct http_handler *handler = &c->server->config.handler;
    const struct http_head *h = &c->parser.head;
    http_conn_name(c);
    fill(c);
    if (!may_pass(c)) {
        http_conn_refuse(c);
        return;
    }
    c->live = true;
    if (h->method == HTTP_OPTIONS && (c->request.route.methods || strcmp(h->path, "*") == 0)) reply_options(c);
    else if (handler->admit) handler->admit(handler->ctx, &c->request);
    if (c->answered || c->state != CONN_READY) return;
    if (h->wants_continue && evbuffer_get_length(bufferevent_get_input(c->bev)) == 0) {
        static const char go[] = "HTTP/1.1 100 Continue\r\n\r\n";
        http_conn_add(c, go, sizeof go - 1);
    }
}

void http_conn_take_request(struct http_conn *c)
{
    const struct http_handler *handler = &c->server->config.handler;
    if (c->answered) { /* by admit; there was no body */
        http_conn_over(c);
        return;
    }
    c->state = CONN_HANDLING;
    c->since = clock_seconds();
    if (c->body.data) c->request.body = c->body.data;
    c->request.body_len = c->body.len;
    handler->handle(handler->ctx, &c->request);
}
