/* The server of the check_http_* programs, in a thread, with a handler for each kind of answer; and clients of plain sockets. */
#ifndef TESTS_HTTP_FIXTURE_H
#define TESTS_HTTP_FIXTURE_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/mem.h"
#include "http/server.h"
#include "http/tls.h"
#include "sys/clock.h"
#include "sys/net.h"
#include "tests/test.h"

struct fixture {
    struct http_loop *loop;
    struct http_server *s;
    struct http_config config;
    struct http_watch *watch;
    pthread_t thread;
    pthread_mutex_t lock; /* of the job and of what handlers count */
    pthread_cond_t done;
    void (*job)(struct fixture *f, void *ctx);
    void *job_ctx;
    int wake, port;
    int closed, drained, handled, logged, admitted, drain_done;
    int told; /* how often http_stream_write said that much waits */
    uint64_t written, most_waiting;
    struct http_done last;
    char last_path[64], last_reason[200];
    struct http_request *parked[64];
    int n_parked;
};

struct stream {
    struct fixture *f;
    struct http_request *r;
    struct http_timer *timer;
    long left, size;
    bool heedless; /* writes on however much waits */
};

static inline int get_number(const struct http_request *r, const char *name, int usual)
{
    char text[20];
    return http_query_get(r->query, name, text, sizeof text) ? (int)strtol(text, NULL, 10) : usual;
}

static inline void on_closed(struct http_request *r)
{
    struct fixture *f = r->user;
    pthread_mutex_lock(&f->lock);
    f->closed++;
    for (int i = 0; i < f->n_parked; i++)
        if (f->parked[i] == r) f->parked[i] = f->parked[--f->n_parked];
    pthread_mutex_unlock(&f->lock);
}

static inline void stream_free(struct stream *st)
{
    http_timer_free(st->timer);
    mem_free(st);
}

static inline void stream_closed(struct http_request *r)
{
    struct stream *st = r->user;
    r->user = st->f;
    on_closed(r);
    stream_free(st);
}

static inline void stream_more(void *ctx)
{
    struct stream *st = ctx;
    struct fixture *f = st->f;
    char *data = mem_alloc((size_t)st->size + 1);
    size_t waiting = 0;
    if (!data) {
        http_stream_abort(st->r);
        stream_free(st);
        return;
    }
    memset(data, 'x', (size_t)st->size);
    while (st->left > 0 && (st->heedless || waiting <= f->config.stream_high)) {
        waiting = http_stream_write(st->r, data, (size_t)st->size);
        st->left--;
        f->written += (uint64_t)st->size;
        if (waiting > f->most_waiting) f->most_waiting = waiting;
    }
    mem_free(data);
    if (waiting > f->config.stream_high) f->told++;
    if (st->left > 0) return;
    if (!st->heedless) {
        http_stream_end(st->r);
        stream_free(st);
    }
}

static inline void stream_drained(struct http_request *r)
{
    struct stream *st = r->user;
    st->f->drained++;
    stream_more(st);
}

static inline void stream_start(struct fixture *f, struct http_request *r, bool heedless)
{
    struct stream *st = mem_alloc(sizeof *st);
    long n = get_number(r, "n", 3), size = get_number(r, "size", 5);
    if (st) *st = (struct stream){.f = f, .r = r, .left = n, .size = size, .heedless = heedless};
    if (!st || http_timer_new(&st->timer, f->loop, stream_more, st, NULL)) {
        mem_free(st);
        http_reply_refusal(r, &(struct http_refusal){503, "no memory"}, NULL);
        return;
    }
    r->user = st;
    r->closed = stream_closed;
    r->drained = stream_drained;
    http_stream_begin(r, 200, (struct http_field[]){{"Content-Type", "text/event-stream"}, {0}});
    http_timer_set(st->timer, 0);
}

static inline void route(void *ctx, const struct http_request *r, struct http_route *out)
{
    (void)ctx;
    if (!strcmp(r->path, "/v1/x")) *out = (struct http_route){.methods = HTTP_BIT(HTTP_POST)};
    else if (!strcmp(r->path, "/echo"))
        *out = (struct http_route){.methods = HTTP_BIT(HTTP_POST), .json = true, .needs_body = true};
    else if (!strcmp(r->path, "/small")) *out = (struct http_route){.methods = HTTP_BIT(HTTP_POST), .body_max = 10};
    else if (strcmp(r->path, "/none"))
        *out = (struct http_route){.methods = HTTP_BIT(HTTP_GET), .page = !strcmp(r->path, "/page")};
}

static inline void admit(void *ctx, struct http_request *r)
{
    struct fixture *f = ctx;
    f->admitted++;
    if (http_header(r, "x-deny"))
        http_reply_refusal(r, &(struct http_refusal){401, "no key"},
                           (struct http_field[]){{"WWW-Authenticate", "Bearer"}, {0}});
}

static inline void handle(void *ctx, struct http_request *r)
{
    struct fixture *f = ctx;
    char text[100];
    pthread_mutex_lock(&f->lock);
    f->handled++;
    r->user = f;
    r->closed = on_closed;
    bool park = !strcmp(r->path, "/never") && f->n_parked < 64;
    if (park) f->parked[f->n_parked++] = r;
    pthread_mutex_unlock(&f->lock);
    if (park) return;
    if (!strcmp(r->path, "/none")) http_reply_refusal(r, &(struct http_refusal){404, "no such path"}, NULL);
    else if (!strcmp(r->path, "/stream")) stream_start(f, r, false);
    else if (!strcmp(r->path, "/flood")) stream_start(f, r, true);
    else if (!strcmp(r->path, "/split"))
        http_reply(r, 200, (struct http_field[]){{"X-Bad", "a\r\nX-Evil: 1"}, {"X Y", "z"}, {"Content-Length", "7"}, {0}},
                   "ok", 2);
    else if (!strcmp(r->path, "/abort")) {
        http_stream_begin(r, 200, NULL);
        http_stream_write(r, "half", 4);
        http_stream_abort(r);
    } else if (!strcmp(r->path, "/big")) {
        size_t n = (size_t)get_number(r, "n", 1000);
        char *data = mem_alloc(n + 1);
        if (!data) {
            http_reply_refusal(r, &(struct http_refusal){503, "no memory"}, NULL);
            return;
        }
        memset(data, 'b', n);
        if (get_number(r, "take", 0)) http_reply_take(r, 200, NULL, &(struct buf){.data = data, .len = n, .cap = n + 1});
        else {
            http_reply(r, 200, NULL, data, n);
            mem_free(data);
        }
    } else if (r->body_len > 0) http_reply(r, 200, NULL, r->body, r->body_len);
    else {
        snprintf(text, sizeof text, "%s?%s", r->path, r->query);
        http_reply(r, 200, NULL, text, strlen(text));
    }
}

/* Of some paths, in words of their own. */
static inline void refuse(void *ctx, const struct http_request *r, const struct http_refusal *why, struct buf *json)
{
    (void)ctx;
    if (strncmp(r->path, "/own/", 5) == 0) buf_printf(json, "{\"own\":%d}", why->status);
}

static inline void on_log(void *ctx, const struct http_done *d)
{
    struct fixture *f = ctx;
    pthread_mutex_lock(&f->lock);
    f->logged++;
    f->last = *d;
    snprintf(f->last_path, sizeof f->last_path, "%s", d->path ? d->path : "");
    snprintf(f->last_reason, sizeof f->last_reason, "%s", d->reason ? d->reason : "");
    pthread_mutex_unlock(&f->lock);
}

static inline void on_job(void *ctx, unsigned ready)
{
    struct fixture *f = ctx;
    uint64_t n;
    (void)ready;
    if (read(f->wake, &n, sizeof n) != sizeof n) return;
    pthread_mutex_lock(&f->lock);
    void (*job)(struct fixture *, void *) = f->job;
    pthread_mutex_unlock(&f->lock);
    if (job) job(f, f->job_ctx);
    pthread_mutex_lock(&f->lock);
    f->job = NULL;
    pthread_cond_signal(&f->done);
    pthread_mutex_unlock(&f->lock);
}

/* Runs a piece of work in the server's thread, and waits for it. */
static inline void on_loop(struct fixture *f, void (*job)(struct fixture *f, void *ctx), void *ctx)
{
    uint64_t one = 1;
    pthread_mutex_lock(&f->lock);
    f->job = job;
    f->job_ctx = ctx;
    if (write(f->wake, &one, sizeof one) != sizeof one) CHECK(false, "eventfd"); /* how often this is called varies */
    while (f->job) pthread_cond_wait(&f->done, &f->lock);
    pthread_mutex_unlock(&f->lock);
}

static inline void job_counts(struct fixture *f, void *ctx) { *(struct http_counts *)ctx = http_counts(f->s); }
static inline struct http_counts counts(struct fixture *f)
{
    struct http_counts k;
    on_loop(f, job_counts, &k);
    return k;
}

static inline void *serve(void *ctx)
{
    struct fixture *f = ctx;
    struct err e;
    CHECK_OK(http_loop_run(f->loop, &e), &e);
    return NULL;
}

static inline void config_for_tests(struct http_config *c)
{
    *c = http_config_default;
    c->times = (struct http_times){.head = 5, .idle = 5, .body = 5, .stall = 5, .linger = 1};
}

/* All but the thread. config NULL: that of config_for_tests. Listens on localhost, or on path alone. */
static inline void open_at(struct fixture *f, const struct http_config *config, struct http_tls *tls, const char *path)
{
    struct err e = {0};
    *f = (struct fixture){.wake = eventfd(0, EFD_CLOEXEC)};
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->done, NULL);
    if (config) f->config = *config;
    else config_for_tests(&f->config);
    f->config.handler = (struct http_handler){
        .ctx = f, .route = route, .admit = admit, .handle = handle, .refuse = refuse, .log = on_log};
    CHECK_OK(http_loop_open(&f->loop, &e), &e);
    CHECK_OK(http_server_open(&f->s, f->loop, &f->config, &e), &e);
    if (path) CHECK_OK(http_server_listen_path(f->s, path, &e), &e);
    else CHECK_OK(http_server_listen(f->s, "localhost", &f->port, tls, &e), &e);
    CHECK_OK(http_watch_new(&f->watch, f->loop, f->wake, on_job, f, &e), &e);
    CHECK_OK(http_watch_set(f->watch, HTTP_READABLE, &e), &e);
}

static inline void start_at(struct fixture *f, const struct http_config *config, struct http_tls *tls, const char *path)
{
    open_at(f, config, tls, path);
    CHECK(pthread_create(&f->thread, NULL, serve, f) == 0, "thread");
}

static inline void start(struct fixture *f, const struct http_config *config, struct http_tls *tls)
{
    start_at(f, config, tls, NULL);
}

static inline void job_stop(struct fixture *f, void *ctx)
{
    (void)ctx;
    http_loop_stop(f->loop);
}

static inline void close_all(struct fixture *f)
{
    http_server_close(f->s);
    http_watch_free(f->watch);
    http_loop_free(f->loop);
    close(f->wake);
    pthread_mutex_destroy(&f->lock);
    pthread_cond_destroy(&f->done);
}

static inline void stop(struct fixture *f)
{
    on_loop(f, job_stop, NULL);
    pthread_join(f->thread, NULL);
    close_all(f);
}

static inline int read_count(struct fixture *f, const int *n)
{
    pthread_mutex_lock(&f->lock);
    int is = *n;
    pthread_mutex_unlock(&f->lock);
    return is;
}

/* Whether *n becomes wanted within two seconds. */
static inline bool becomes(struct fixture *f, const int *n, int wanted)
{
    for (int i = 0; i < 400 && read_count(f, n) != wanted; i++) clock_sleep(0.005);
    return read_count(f, n) == wanted;
}

/* ---- clients ---- */

static inline int dial(const struct fixture *f)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)f->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0) return fd;
    if (fd >= 0) close(fd);
    return -1;
}

static inline bool put_n(int fd, const char *s, size_t n)
{
    while (n > 0) {
        ssize_t k = send(fd, s, n, MSG_NOSIGNAL);
        if (k <= 0) return false;
        s += k;
        n -= (size_t)k;
    }
    return true;
}
static inline bool put(int fd, const char *s) { return put_n(fd, s, strlen(s)); }

/* Reads until the end, or until nothing comes for `seconds`, or `enough` is in it. True at the end. */
static inline bool take(int fd, struct buf *out, double seconds, const char *enough)
{
    char block[65536];
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (enough && out->data && strstr(out->data, enough)) return false;
        if (poll(&p, 1, (int)(seconds * 1000)) <= 0) return false;
        ssize_t n = recv(fd, block, sizeof block, 0);
        if (n <= 0) return true;
        buf_add(out, block, (size_t)n);
    }
}

/* Sends a whole text on a connection of its own; the answer until the server closes. */
static inline const char *ask(const struct fixture *f, const char *text, struct buf *out)
{
    int fd = dial(f);
    buf_clear(out);
    CHECK(fd >= 0 && put(fd, text), "cannot send");
    CHECK(take(fd, out, 5, NULL), "the server did not close after %.60s", text);
    close(fd);
    buf_add_byte(out, '\0');
    return out->data;
}

static inline bool has(const char *text, const char *part) { return strstr(text, part) != NULL; }

#define GET(path) "GET " path " HTTP/1.1\r\nHost: localhost\r\n"
#define ECHO "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
#define CLOSE "Connection: close\r\n\r\n"

#endif
