/* The front: opens everything, runs the loop, goes down in order. */
#include "serve/serve.h"
#include <stdarg.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "autarky.h"
#include "base/mem.h"
#include "serve/inside.h"
#include "sys/clock.h"
#include "sys/entropy.h"

void serve_say(const struct front *f, const char *fmt, ...)
{
    char line[1200];
    va_list ap;
    (void)f;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    fprintf(stderr, "autarky serve: %s\n", line);
}

/* ---- ending ---- */

static void on_drained(void *ctx) { http_loop_stop(((struct front *)ctx)->loop); }

static void go_down(void *ctx)
{
    struct front *f = ctx;
    if (f->stopping) { /* a second time: at once */
        http_loop_stop(f->loop);
        return;
    }
    f->stopping = f->env.stopping = true;
    serve_say(f, "going down: answers under way have %.0f s; once more ends at once", f->o->drain_seconds);
    http_server_drain(f->server, f->o->drain_seconds, on_drained, f);
}

static void on_tick(void *ctx)
{
    struct front *f = ctx;
    asks_tick(f, clock_seconds());
    for (size_t i = 0; i < f->o->n_models; i++)
        if (f->models[i].state == API_LOADED) model_control(&f->models[i], CONTROL_COUNTS, 0);
    http_timer_set(f->tick, 2);
}

/* ---- opening ---- */

static int64_t env_now(void *ctx)
{
    (void)ctx;
    return clock_unix_ns();
}

static void env_random(void *ctx, void *out, size_t n)
{
    struct front *f = ctx;
    struct err e;
    if (!entropy(out, n, &e)) return;
    memset(out, 0, n);
    f->fault = e;
    http_loop_stop(f->loop); /* nothing is safe without */
}

static int open_env(struct front *f, struct err *e)
{
    f->env = (struct api_env){.version = AUTARKY_VERSION, .now = env_now, .random = env_random, .ctx = f,
                              .strict = f->o->strict};
    return entropy(f->env.key, sizeof f->env.key, e);
}

static int open_server(struct front *f, struct err *e)
{
    const struct serve_options *o = f->o;
    struct http_config c = http_config_default;
    c.guard = (struct http_guard){.hosts = o->hosts, .origins = o->origins};
    ask_handler(&c.handler, f);
    TRY(http_server_open(&f->server, f->loop, &c, e));
    for (size_t i = 0; i < o->n_ports; i++) {
        int port = o->ports[i];
        TRY(http_server_listen(f->server, o->address, &port, NULL, e));
        serve_say(f, "http://%s:%d for everybody on this machine, without keys", !strcmp(o->address,
                "localhost") ? "127.0.0.1" : o->address,
                  port);
    }
    return OK;
}

static int open_signals(struct front *f, struct err *e)
{
    TRY(http_signal_new(&f->term, f->loop, SIGTERM, go_down, f, e));
    TRY(http_signal_new(&f->interrupt, f->loop, SIGINT, go_down, f, e));
    TRY(http_timer_new(&f->tick, f->loop, on_tick, f, e));
    http_timer_set(f->tick, 2);
    return OK;
}

static int open_all(struct front *f, struct err *e)
{
    TRY(http_loop_open(&f->loop, e));
    TRY(open_env(f, e));
    TRY(open_signals(f, e));
    TRY(open_server(f, e));
    return models_open(f, e);
}

int serve_run(const struct serve_options *o, struct err *e)
{
    struct front f = {.o = o};
    int rc = open_all(&f, e);
    for (size_t i = 0; !rc && i < o->n_models; i++) serve_say(&f, "offers %s (%s)", o->models[i].id, o->models[i].path);
    if (!rc) rc = http_loop_run(f.loop, e);
    if (!rc && f.fault.code) {
        *e = f.fault;
        rc = (int)e->code;
    }
    http_server_close(f.server);
    models_close(&f);
    http_timer_free(f.tick);
    http_signal_free(f.term);
    http_signal_free(f.interrupt);
    http_loop_free(f.loop);
    return rc;
}
