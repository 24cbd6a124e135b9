/* The HTTP server: listening, accepting, time, the end. */
#include "http/server.h"
#include <errno.h>
#include <event2/event.h>
#include <openssl/rand.h>
#include <string.h>
#include "base/checked.h"
#include "base/mem.h"
#include "http/conn.h"
#include "sys/clock.h"

/* Accepted in one turn; connections above the limit that are told so, further ones are closed. */
enum { ACCEPT_AT_ONCE = 64, TOLD_OVER = 64 };
enum { PORT_TRIES = 8 };
enum { OTHER_DESCRIPTORS = 256 }; /* of the process, beside connections */
#define ACCEPT_PAUSE 0.2

const struct http_config http_config_default = {
    .times = {.head = 10, .idle = 60, .body = 10, .stall = 30, .linger = 2},
    .slow_in = 1024,
    .slow_out = 256,
    .connections = 4096,
    .per_peer = 256,
    .memory = 512 << 20,
    .ahead = 64 << 10,
    .stream_high = 256 << 10,
    .stream_low = 32 << 10,
    .stream_max = 8 << 20,
};

/* ---- accepting ---- */

/* Ends the connection that has done nothing for the longest time: between requests, or else in a head. False: all work. */
static bool make_room(struct http_server *s)
{
    struct http_conn *longest = NULL;
    for (struct http_conn *c = s->conns; c; c = c->next) {
        bool idle = http_conn_is_idle(c), better = longest && idle == http_conn_is_idle(longest) && c->since < longest->since;
        if (c->state > CONN_READY) continue;
        if (!longest || better || (idle && !http_conn_is_idle(longest))) longest = c;
    }
    if (!longest) return false;
    s->counts.made_room++;
    http_conn_kill(longest);
    return true;
}

static bool over_limit(struct http_server *s, const struct net_end *from, struct http_refusal *why)
{
    uint32_t same = 0;
    if (s->counts.connections >= s->config.connections && !make_room(s))
        return !http_refuse(why, 503, "the server has %u connections, and takes no more", s->config.connections);
    if (s->config.per_peer == 0 || from->local || net_ip_is_loopback(&from->ip)) return false;
    for (const struct http_conn *c = s->conns; c; c = c->next)
        same += !c->request.from.local && net_ip_is_near(&c->request.from.ip, &from->ip);
    if (same < s->config.per_peer) return false;
    return !http_refuse(why, 429, "this address has %u connections, and gets no more", same);
}

static void pause_accepting(struct http_server *s)
{
    for (struct http_listener *l = s->listeners; l; l = l->next) event_del(l->event);
    s->accept_again = clock_seconds() + ACCEPT_PAUSE;
}

static void on_accept(evutil_socket_t fd, short what, void *ctx)
{
    struct http_listener *l = ctx;
    struct http_server *s = l->server;
    struct net_end from, to;
    (void)what;
    for (int i = 0; i < ACCEPT_AT_ONCE; i++) {
        struct http_refusal why = {0};
        int one = net_accept(fd, &from, &to);
        if (one < 0) {
            if (net_error_is_passing(errno)) pause_accepting(s);
            return;
        }
        s->counts.accepted++;
        bool over = over_limit(s, &from, &why);
        if (over) s->counts.turned_away++;
        if (over && s->counts.connections >= s->config.connections + TOLD_OVER) net_close(one);
        else http_conn_open(s, l, one, &from, &to, over ? &why : NULL);
    }
}

/* ---- time ---- */

static double smallest_time(const struct http_times *t)
{
    const double all[] = {t->head, t->idle, t->body, t->stall, t->linger};
    double least = 4;
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (all[i] < least) least = all[i];
    return least / 4 > 0.01 ? least / 4 : 0.01;
}

static void finish_drain(struct http_server *s)
{
    http_wake_fn *done = s->drained;
    s->drained = NULL;
    if (done) done(s->drained_ctx);
}

static void on_tick(evutil_socket_t fd, short what, void *ctx)
{
    struct http_server *s = ctx;
    double now = clock_seconds();
    (void)fd, (void)what;
    for (struct http_conn *c = s->conns, *next; c; c = next) {
        next = c->next;
        http_conn_check_time(c, now);
        bool over = s->draining && (now > s->drain_until || http_conn_is_idle(c));
        if (over) http_conn_kill(c);
    }
    if (s->accept_again > 0 && now >= s->accept_again) {
        s->accept_again = 0;
        for (struct http_listener *l = s->listeners; l; l = l->next) event_add(l->event, NULL);
    }
    if (s->draining && s->counts.connections == 0) finish_drain(s);
}

static void on_reap(evutil_socket_t fd, short what, void *ctx)
{
    struct http_server *s = ctx;
    (void)fd, (void)what;
    http_conn_reap(s);
    if (s->draining && s->counts.connections == 0) finish_drain(s);
}

/* ---- beginning and end ---- */

int http_server_open(struct http_server **out, struct http_loop *l, const struct http_config *c, struct err *e)
{
    TRY(mem_new((void **)out, sizeof **out, "the HTTP server", e));
    struct http_server *s = *out;
    s->loop = l;
    s->base = http_loop_base(l);
    s->config = *c;
    if (s->config.limits.head == 0) s->config.limits = http_limits_default;
    uint32_t most = net_descriptors(c->connections + OTHER_DESCRIPTORS);
    if (most < c->connections + OTHER_DESCRIPTORS)
        s->config.connections = most > 2 * OTHER_DESCRIPTORS ? most - OTHER_DESCRIPTORS : most / 2;
    s->tick_seconds = smallest_time(&c->times);
    s->tick = event_new(s->base, -1, EV_PERSIST, on_tick, s);
    s->reap = event_new(s->base, -1, 0, on_reap, s);
    struct timeval tv = {.tv_sec = (time_t)s->tick_seconds};
    tv.tv_usec = (suseconds_t)((s->tick_seconds - (double)tv.tv_sec) * 1e6);
    bool good = RAND_bytes((unsigned char *)&s->seed, sizeof s->seed) == 1;
    if (good && s->tick && s->reap && event_add(s->tick, &tv) == 0) return OK;
    http_server_close(s);
    *out = NULL;
    FAIL(e, ERR_MEMORY, "the HTTP server could not begin");
}

static void drop_listener(struct http_server *s)
{
    struct http_listener *l = s->listeners;
    s->listeners = l->next;
    if (l->event) event_free(l->event);
    if (l->path) net_remove_path(l->path);
    net_close(l->fd);
    mem_free(l->path);
    mem_free(l);
}

static void close_listeners(struct http_server *s)
{
    while (s->listeners) drop_listener(s);
    s->accept_again = 0;
}

void http_server_close(struct http_server *s)
{
    if (!s) return;
    close_listeners(s);
    while (s->conns) http_conn_kill(s->conns);
    http_conn_reap(s);
    if (s->tick) event_free(s->tick);
    if (s->reap) event_free(s->reap);
    mem_free(s);
}

void http_server_drain(struct http_server *s, double seconds, http_wake_fn *done, void *ctx)
{
    close_listeners(s);
    s->draining = true;
    s->drain_until = clock_seconds() + seconds;
    s->drained = done;
    s->drained_ctx = ctx;
    for (struct http_conn *c = s->conns; c; c = c->next)
        if (http_conn_is_idle(c)) http_conn_doom(c);
    event_active(s->reap, EV_TIMEOUT, 0);
}

struct http_counts http_counts(const struct http_server *s)
{
    struct http_counts k = s->counts;
    k.idle = 0;
    k.connections_max = s->config.connections;
    for (const struct http_conn *c = s->conns; c; c = c->next) k.idle += http_conn_is_idle(c);
    return k;
}

/* ---- listening ---- */

static int add_listener(struct http_server *s, int fd, const char *path, struct http_tls *tls, struct err *e)
{
    struct http_listener *l = mem_alloc(sizeof *l);
    if (l) {
        *l = (struct http_listener){.server = s, .tls = tls, .fd = fd, .path = path ? mem_strdup(path) : NULL};
        l->event = event_new(s->base, fd, EV_READ | EV_PERSIST, on_accept, l);
    }
    if (!l || !l->event || (path && !l->path) || event_add(l->event, NULL) != 0) {
        if (l && l->event) event_free(l->event);
        if (l) mem_free(l->path);
        mem_free(l);
        if (path) net_remove_path(path);
        net_close(fd);
        FAIL(e, ERR_MEMORY, "no memory for a listening socket");
    }
    l->next = s->listeners;
    s->listeners = l;
    return OK;
}

static int listen_one(struct http_server *s, const char *address, int *port, struct http_tls *tls, struct err *e)
{
    struct net_ip ip;
    int fd;
    if (!net_ip_parse(&ip, address))
        FAIL(e, ERR_USAGE, "%s: no address to listen on; wanted numbers, as in 127.0.0.1 or ::1, or localhost or *", address);
    TRY(net_listen(&fd, &ip, *port, e));
    *port = net_port(fd);
    return add_listener(s, fd, NULL, tls, e);
}

/* The same port on both; one that the system chose for v4 may be taken on v6, then another is tried. */
static int listen_both(struct http_server *s, const char *v4, const char *v6, int *port, struct http_tls *tls, struct err *e)
{
    int asked = *port, rc = OK;
    for (int i = 0; i < PORT_TRIES; i++) {
        *port = asked;
        TRY(listen_one(s, v4, port, tls, e));
        rc = listen_one(s, v6, port, tls, e);
        if (rc != ERR_USAGE && rc != ERR_MEMORY) return OK; /* else than these: there is no IPv6 here */
        drop_listener(s);
        if (asked != 0 || rc == ERR_MEMORY) break;
    }
    return rc;
}

int http_server_listen(struct http_server *s, const char *address, int *port, struct http_tls *tls, struct err *e)
{
    static const struct {
        const char *name, *v4, *v6;
    } both[] = {{"localhost", "127.0.0.1", "::1"}, {"*", "0.0.0.0", "::"}};
    for (size_t i = 0; i < ARRAY_LEN(both); i++)
        if (strcmp(address, both[i].name) == 0) return listen_both(s, both[i].v4, both[i].v6, port, tls, e);
    return listen_one(s, address, port, tls, e);
}

int http_server_listen_path(struct http_server *s, const char *path, struct err *e)
{
    int fd;
    TRY(net_listen_path(&fd, path, e));
    return add_listener(s, fd, path, NULL, e);
}

int http_server_listen_fd(struct http_server *s, int fd, struct http_tls *tls, struct err *e)
{
    TRY(net_listen_given(fd, e));
    return add_listener(s, fd, NULL, tls, e);
}
