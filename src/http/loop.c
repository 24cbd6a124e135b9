/* The event loop. */
#include "http/loop.h"
#include <event2/event.h>
#include "base/mem.h"
#include "sys/net.h"

enum { LAST_TURNS = 16 };

struct http_loop {
    struct event_base *base;
};

/* Before main: nothing of libevent may exist yet. */
__attribute__((constructor)) static void set_memory(void)
{
    event_set_mem_functions(mem_lib_alloc, mem_lib_grow, mem_lib_free);
}

int http_loop_open(struct http_loop **out, struct err *e)
{
    *out = NULL;
    struct http_loop *l = mem_alloc(sizeof *l);
    struct event_config *c = l ? event_config_new() : NULL;
    if (c) {
        event_config_require_features(c, EV_FEATURE_O1 | EV_FEATURE_EARLY_CLOSE);
        event_config_set_flag(c, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV | EVENT_BASE_FLAG_PRECISE_TIMER);
        l->base = event_base_new_with_config(c);
        event_config_free(c);
    }
    if (!l || !l->base) {
        http_loop_free(l);
        FAIL(e, ERR_MEMORY, "libevent could not begin an event loop");
    }
    net_ignore_sigpipe();
    *out = l;
    return OK;
}

void http_loop_free(struct http_loop *l)
{
    /* What libevent still has to do for buffers that were freed: event_base_free would forget it, and them. */
    for (int i = 0; i < LAST_TURNS && l && l->base && event_base_get_num_events(l->base, EVENT_BASE_COUNT_ACTIVE) > 0; i++)
        event_base_loop(l->base, EVLOOP_NONBLOCK);
    if (l && l->base) event_base_free(l->base);
    mem_free(l);
}

int http_loop_run(struct http_loop *l, struct err *e)
{
    if (event_base_dispatch(l->base) < 0) FAIL(e, ERR_IO, "the event loop broke off");
    return OK;
}

void http_loop_stop(struct http_loop *l) { event_base_loopbreak(l->base); }
struct event_base *http_loop_base(struct http_loop *l) { return l->base; }

/* ---- descriptors ---- */

struct http_watch {
    struct event *event; /* NULL while nothing is wanted */
    struct http_loop *loop;
    int fd;
    unsigned wanted;
    http_ready_fn *fn;
    void *ctx;
};

static const struct {
    unsigned ready;
    short event;
} kinds[] = {{HTTP_READABLE, EV_READ}, {HTTP_WRITABLE, EV_WRITE}, {HTTP_GONE, EV_CLOSED}};

int http_watch_new(struct http_watch **out, struct http_loop *l, int fd, http_ready_fn *fn, void *ctx, struct err *e)
{
    TRY(mem_new((void **)out, sizeof **out, "a watch on a descriptor", e));
    **out = (struct http_watch){.loop = l, .fd = fd, .fn = fn, .ctx = ctx};
    return OK;
}

static void on_ready(evutil_socket_t fd, short what, void *ctx)
{
    struct http_watch *w = ctx;
    unsigned ready = 0;
    (void)fd;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (what & kinds[i].event) ready |= kinds[i].ready;
    w->fn(w->ctx, ready);
}

int http_watch_set(struct http_watch *w, unsigned wanted, struct err *e)
{
    short what = EV_PERSIST;
    if (wanted == w->wanted) return OK;
    if (w->event) event_free(w->event);
    w->event = NULL;
    w->wanted = 0;
    if (wanted == 0) return OK;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (wanted & kinds[i].ready) what |= kinds[i].event;
    w->event = event_new(w->loop->base, w->fd, what, on_ready, w);
    if (!w->event || event_add(w->event, NULL) != 0) {
        if (w->event) event_free(w->event);
        w->event = NULL;
        FAIL(e, ERR_MEMORY, "descriptor %d cannot be watched", w->fd);
    }
    w->wanted = wanted;
    return OK;
}

void http_watch_free(struct http_watch *w)
{
    if (w && w->event) event_free(w->event);
    mem_free(w);
}

/* ---- timers and signals ---- */

struct http_timer {
    struct event *event;
    http_wake_fn *fn;
    void *ctx;
};

struct http_signal {
    struct http_timer wake;
};

static void on_wake(evutil_socket_t fd, short what, void *ctx)
{
    struct http_timer *t = ctx;
    (void)fd, (void)what;
    t->fn(t->ctx);
}

int http_timer_new(struct http_timer **out, struct http_loop *l, http_wake_fn *fn, void *ctx, struct err *e)
{
    TRY(mem_new((void **)out, sizeof **out, "a timer", e));
    struct http_timer *t = *out;
    *t = (struct http_timer){.fn = fn, .ctx = ctx, .event = event_new(l->base, -1, 0, on_wake, t)};
    if (t->event) return OK;
    mem_free(t);
    *out = NULL;
    FAIL(e, ERR_MEMORY, "no memory for a timer");
}

void http_timer_set(struct http_timer *t, double seconds)
{
    event_del(t->event);
    if (seconds < 0) return;
    if (seconds > 1e8) seconds = 1e8;
    struct timeval tv = {.tv_sec = (time_t)seconds, .tv_usec = (suseconds_t)((seconds - (double)(time_t)seconds) * 1e6)};
    event_add(t->event, &tv);
}

void http_timer_free(struct http_timer *t)
{
    if (t && t->event) event_free(t->event);
    mem_free(t);
}

int http_signal_new(struct http_signal **out, struct http_loop *l, int number, http_wake_fn *fn, void *ctx, struct err *e)
{
    TRY(mem_new((void **)out, sizeof **out, "a signal", e));
    struct http_signal *s = *out;
    s->wake = (struct http_timer){.fn = fn, .ctx = ctx, .event = evsignal_new(l->base, number, on_wake, &s->wake)};
    if (s->wake.event && event_add(s->wake.event, NULL) == 0) return OK;
    http_signal_free(s);
    *out = NULL;
    FAIL(e, ERR_MEMORY, "signal %d cannot be watched", number);
}

void http_signal_free(struct http_signal *s)
{
    if (s && s->wake.event) event_free(s->wake.event);
    mem_free(s);
}
