/* The front: opens everything, runs the loop, goes down in order. */
#include "serve/serve.h"
#include <stdarg.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "autarky.h"
#include "base/checked.h"
#include "base/mem.h"
#include "http/tls.h"
#include "serve/inside.h"
#include "sys/clock.h"
#include "sys/entropy.h"
#include "sys/file.h"
#include "sys/sandbox.h"

#define BEAT 0.4
enum {
    WRITE_BEATS = 12, /* between two writings of counts */
    MOST_FOLDERS = 80,
    FOLDER = 4096, /* bytes of a path */
};

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
    models_tick(f, clock_seconds());
    for (size_t i = 0; i < f->o->n_models; i++)
        if (f->models[i].state == API_LOADED) model_control(&f->models[i], CONTROL_COUNTS, 0);
    http_timer_set(f->tick, 2);
}

/* ---- keys, logs ---- */

/* Often, since a key that is revoked is none within a second. */
static void on_beat(void *ctx)
{
    struct front *f = ctx;
    struct err e = {0};
    bool changed;
    if (gate_follow(&f->gate, &changed, &e)) serve_say(f, "no keys count any more: %s", e.msg);
    if (changed) {
        serve_say(f, "%zu keys", f->gate.keys.n);
        log_event(f, "keys", "");
        asks_check_keys(f);
    }
    log_tick(f);
    if (++f->beats % WRITE_BEATS == 0 && meter_write(&f->gate.meter, &e))
        serve_say(f, "what keys have used is not kept: %s", e.msg);
    http_timer_set(f->beat, BEAT);
}

static void on_hangup(void *ctx)
{
    struct front *f = ctx;
    struct err e = {0};
    serve_say(f, "reading keys and certificates anew");
    log_event(f, "reload", "");
    if (f->tls && http_tls_reload(f->tls, &e)) serve_say(f, "the certificate stays as it was: %s", e.msg);
    f->gate.version = -1; /* whatever it was */
    http_timer_set(f->beat, 0);
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

static void say_where(const struct front *f, const char *where)
{
    const struct serve_options *o = f->o;
    const char *who = f->gate.needed ? "whoever has a key" : o->insecure ? "ANYBODY who can reach it, without keys" :
                      "everybody on this machine, without keys";
    serve_say(f, "%s for %s", where, who);
}

static int listen_all(struct front *f, struct err *e)
{
    const struct serve_options *o = f->o;
    char where[300];
    for (int i = 0; i < o->n_given; i++) {
        TRY(http_server_listen_fd(f->server, o->first_given + i, f->tls, e));
        snprintf(where, sizeof where, "socket %d, which was handed over,", o->first_given + i);
        say_where(f, where);
    }
    for (size_t i = 0; !o->n_given && i < o->n_ports; i++) {
        int port = o->ports[i];
        TRY(http_server_listen(f->server, o->address, &port, f->tls, e));
        bool v6 = strchr(o->address, ':') != NULL;
        snprintf(where, sizeof where, "%s://%s%s%s:%d", f->tls ? "https" : "http", v6 ? "[" : "",
                 !strcmp(o->address, "localhost") ? "127.0.0.1" : o->address, v6 ? "]" : "", port);
        say_where(f, where);
    }
    if (!o->path) return OK;
    TRY(http_server_listen_path(f->server, o->path, e));
    snprintf(where, sizeof where, "unix:%.250s", o->path);
    say_where(f, where);
    return OK;
}

static int open_server(struct front *f, struct err *e)
{
    const struct serve_options *o = f->o;
    struct http_config c = http_config_default;
    c.guard = (struct http_guard){.hosts = o->hosts, .origins = o->origins};
    ask_handler(&c.handler, f);
    if (o->certificate) TRY(http_tls_open(&f->tls, o->certificate, o->key, e));
    TRY(http_server_open(&f->server, f->loop, &c, e));
    return listen_all(f, e);
}

static int open_signals(struct front *f, struct err *e)
{
    TRY(http_signal_new(&f->term, f->loop, SIGTERM, go_down, f, e));
    TRY(http_signal_new(&f->interrupt, f->loop, SIGINT, go_down, f, e));
    TRY(http_signal_new(&f->hangup, f->loop, SIGHUP, on_hangup, f, e));
    TRY(http_timer_new(&f->tick, f->loop, on_tick, f, e));
    TRY(http_timer_new(&f->beat, f->loop, on_beat, f, e));
    http_timer_set(f->beat, BEAT);
    http_timer_set(f->tick, 2);
    return OK;
}

/* The folder of a file, or nothing. */
static int add_folder(char (*list)[FOLDER], size_t *n, const char *file, struct err *e)
{
    if (!file) return OK;
    if (*n == MOST_FOLDERS) FAIL(e, ERR_LIMIT, "the sandbox: more than %d folders", MOST_FOLDERS);
    TRY(path_dir(list[*n], FOLDER, file, e));
    (*n)++;
    return OK;
}

/* Files are written only where something is to be written, from here on. */
static int close_up(struct front *f, struct err *e)
{
    const struct serve_options *o = f->o;
    struct sandbox_posture got;
    char text[200], (*list)[FOLDER] = mem_array(MOST_FOLDERS, FOLDER);
    const char *folders[2 * MOST_FOLDERS + 1] = {NULL}, *files[] = {o->keys, o->log, o->audit, o->path};
    size_t n = 0, all = 0;
    int rc = list ? OK : err_set(e, ERR_MEMORY, __FILE__, __LINE__, "out of memory");
    for (size_t i = 0; !rc && i < ARRAY_LEN(files); i++) rc = add_folder(list, &n, files[i], e);
    for (size_t i = 0; !rc && i < o->n_models; i++) rc = add_folder(list, &n, o->models[i].path, e);
    for (size_t i = 0; i < n; i++) folders[all++] = list[i];
    for (size_t i = 0; o->folders && o->folders[i] && i < MOST_FOLDERS; i++) folders[all++] = o->folders[i];
    if (!rc) rc = sandbox_enter(SANDBOX_SERVE, folders, &got, e);
    mem_free(list);
    if (rc) return rc;
    sandbox_text(text, &got);
    serve_say(f, "sandbox: %s", text);
    return OK;
}

static int open_all(struct front *f, struct err *e)
{
    TRY(http_loop_open(&f->loop, e));
    TRY(open_env(f, e));
    TRY(gate_open(&f->gate, f->o->keys, e));
    TRY(log_open(f, e));
    TRY(open_signals(f, e));
    TRY(open_server(f, e));
    if (f->o->insecure) {
        serve_say(f, "WARNING: --insecure-network: other machines may come %s%s%s", f->gate.needed ? "" : "without keys",
                  f->gate.needed || f->tls ? "" : " and ", f->tls ? "" : "without TLS: all can be read and changed on the way");
    }
    log_event(f, "start", f->o->insecure ? ",\"insecure\":true" : "");
    if (f->audit_lost) FAIL(e, ERR_IO, "%s: cannot be written", f->o->audit);
    if (f->o->open) serve_say(f, "WARNING: --no-sandbox: a fault of this program is a fault of this user's");
    else TRY(close_up(f, e));
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
    asks_drop_owed(&f, NULL);
    gate_close(&f.gate);
    log_close(&f);
    http_tls_free(f.tls);
    http_timer_free(f.tick);
    http_timer_free(f.beat);
    http_signal_free(f.hangup);
    http_signal_free(f.term);
    http_signal_free(f.interrupt);
    http_loop_free(f.loop);
    return rc;
}
