/* Models and their workers: starting them, what they say, how they end. */
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "serve/inside.h"
#include "sys/clock.h"
#include "sys/process.h"

enum { WORKER_ARGS = 128, MOST_WAITING = 64 << 20 /* bytes for a worker that does not take them */ };

struct served *models_find(struct front *f, const char *id)
{
    for (size_t i = 0; i < f->o->n_models; i++)
        if (!strcmp(f->models[i].m->id, id)) return &f->models[i];
    return NULL;
}

void models_show(struct front *f)
{
    for (size_t i = 0; i < f->o->n_models; i++) {
        const struct served *m = &f->models[i];
        bool goes = m->state == API_LOADED && m->idle > 0 && !m->m->pinned;
        f->listed[i] = (struct api_model){.id = m->m->id,
                                          .alias = m->m->alias,
                                          .expires = goes ? clock_unix_ns() / 1000000000 +
                                                     (int64_t)(m->used + m->idle - clock_seconds()) : 0,
                                          .state = m->state,
                                          .why = m->why,
                                          .about = &m->about,
                                          .counts = m->state == API_LOADED ? &m->counts : NULL,
                                          .modified = m->m->modified,
                                          .memory = m->state == API_LOADED ? m->about.bytes : 0};
    }
    f->env.models = f->listed;
    f->env.n_models = f->o->n_models;
}

/* ---- ending ---- */

#define PATIENCE 0.5 /* seconds for a worker that is told to end */

/* how: how it ended, for people. */
static void drop_worker(struct served *m, bool hard, char how[64])
{
    if (!m->pid) return;
    http_watch_free(m->watch);
    m->watch = NULL;
    link_close(&m->link);
    process_signal(m->pid, hard);
    bool ended = false; /* one that was taken over may not want to */
    for (double end = clock_seconds() + PATIENCE; !hard && !ended && clock_seconds() < end; clock_sleep(0.002))
        ended = process_ended(m->pid, false, how);
    if (!ended) {
        process_signal(m->pid, true);
        process_ended(m->pid, true, how);
    }
    m->pid = 0;
}

static bool make_room(struct front *f, const char *why);

/* The worker is gone, or is told to go since it says what makes no sense. */
static void worker_lost(struct served *m, const char *why)
{
    char how[64] = "";
    bool loading = m->state == API_LOADING, had_reason = m->why[0] != 0;
    drop_worker(m, true, how);
    if (!had_reason) snprintf(m->why, sizeof m->why, "the process that computes ended: %.500s (%s)", why, how);
    m->state = loading ? API_FAILED : API_LISTED;
    serve_say(m->f, "%s: %s", m->m->id, m->why);
    char reason[sizeof m->why];
    snprintf(reason, sizeof reason, "%s", m->why);
    enum err_code code = m->code;
    m->code = OK;
    if (loading && code == ERR_MEMORY && make_room(m->f, "another model needs its memory")) {
        struct err e;
        m->state = API_LISTED;
        if (!model_load(m, &e)) return;
    }
    if (!loading) m->why[0] = 0; /* it is started again when somebody asks */
    models_show(m->f);
    asks_fail(m, reason);
}

void model_unload(struct served *m)
{
    drop_worker(m, false, (char[64]){0});
    m->state = API_LISTED;
    models_show(m->f);
}

/* ---- places ---- */

static bool may_go(const struct served *m) { return m->state == API_LOADED && !m->m->pinned && !asks_use(m->f, m); }

/* The one that has not been used for longest, of those that may go. */
static bool make_room(struct front *f, const char *why)
{
    struct served *oldest = NULL;
    for (size_t i = 0; i < f->o->n_models; i++) {
        struct served *m = &f->models[i];
        if (may_go(m) && (!oldest || m->used < oldest->used)) oldest = m;
    }
    if (!oldest) return false;
    serve_say(f, "%s: unloaded, %s", oldest->m->id, why);
    model_unload(oldest);
    return true;
}

static int take_place(struct front *f, struct err *e)
{
    int n = 0;
    for (size_t i = 0; i < f->o->n_models; i++) n += f->models[i].pid != 0;
    if (!f->o->most_loaded || n < f->o->most_loaded || make_room(f, "another model needs its place")) return OK;
    FAIL(e, ERR_LIMIT, "%d models are loaded and in use, no more may be: again in a moment", n);
}

void models_tick(struct front *f, double now)
{
    for (size_t i = 0; i < f->o->n_models; i++) {
        struct served *m = &f->models[i];
        if (!may_go(m) || m->idle == 0 || now - m->used < m->idle) continue;
        serve_say(f, "%s: unloaded, nobody has used it for %.0f s", m->m->id, now - m->used);
        model_unload(m);
    }
}

/* ---- what a worker says ---- */

static int take_model(struct served *m, const char *body, size_t len, struct err *e)
{
    turn_model_free(&m->about);
    TRY(frame_read_model(&m->about, body, len, e));
    m->state = API_LOADED;
    m->why[0] = 0;
    m->used = clock_seconds();
    models_show(m->f);
    serve_say(m->f, "%s: loaded in %.1f s, context of %lld tokens, up to %lld answers at once", m->m->id, m->used - m->started,
             (long long)m->about.context, (long long)m->about.slots);
    asks_go_on(m);
    return OK;
}

static int take_frame(struct served *m, uint32_t type, const char *body, size_t len, struct err *e)
{
    struct turn_event ev;
    struct frame_failed f;
    struct frame_loading l;
    switch (type) {
    case FRAME_EVENT:
        TRY(frame_read_event(&ev, body, len, e));
        ask_event(m, &ev);
        turn_event_free(&ev);
        return OK;
    case FRAME_MODEL: return take_model(m, body, len, e);
    case FRAME_COUNTS: return frame_read_counts(&m->counts, body, len, e);
    case FRAME_LOADING:
        TRY(frame_read_loading(&l, body, len, e));
        m->loading_done = l.done;
        m->loading_total = l.total;
        return OK;
    case FRAME_FAILED:
        TRY(frame_read_failed(&f, body, len, e));
        snprintf(m->why, sizeof m->why, "%.*s", (int)f.text.len, f.text.s ? f.text.s : "");
        m->code = (enum err_code)f.code;
        turn_mem_free(&f.mem);
        return OK;
    }
    FAIL(e, ERR_FORMAT, "a frame of type %u came, which only the server sends", type);
}

static int take_frames(struct served *m, struct err *e)
{
    struct link *l = &m->link;
    while (m->pid) { /* an event may lead to its unloading */
        uint32_t type;
        size_t len;
        bool whole;
        const char *at = l->in.data + l->in_at;
        TRY(frame_look(at, l->in.len - l->in_at, &type, &len, &whole, e));
        if (!type || !whole) return OK;
        l->in_at += FRAME_HEAD + len;
        TRY(take_frame(m, type, at + FRAME_HEAD, len, e));
    }
    return OK;
}

static int set_watch(struct served *m, struct err *e)
{
    return http_watch_set(m->watch, HTTP_READABLE | (link_waiting(&m->link) ? HTTP_WRITABLE : 0), e);
}

static void on_ready(void *ctx, unsigned ready)
{
    struct served *m = ctx;
    struct err e = {0};
    int rc = OK;
    if (ready & (HTTP_READABLE | HTTP_GONE)) {
        rc = link_receive(&m->link, FRAME_MOST, &e);
        if (!rc) rc = take_frames(m, &e);
    }
    if (!m->pid) return;
    if (!rc && !m->link.gone) rc = link_transmit(&m->link, &e);
    if (!rc && !m->link.gone) rc = set_watch(m, &e);
    if (rc || m->link.gone) worker_lost(m, rc ? e.msg : "its socket was closed");
}

/* ---- starting ---- */

static int start(struct served *m, struct err *e)
{
    const char *args[WORKER_ARGS] = {"autarky", "worker", m->m->path};
    int fd[2], n = 3;
    const char *const *lists[] = {m->f->o->worker_args, m->m->args};
    for (int i = 0; i < 2; i++)
        for (const char *const *a = lists[i]; a && *a; a++) {
            if (n + 1 == WORKER_ARGS) FAIL(e, ERR_LIMIT, "a worker gets more than %d options", WORKER_ARGS - 4);
            args[n++] = *a;
        }
    TRY(link_pair(fd, e));
    int rc = process_start(&m->pid, args, fd[1], e);
    struct link other;
    if (!link_open(&other, fd[1], NULL)) link_close(&other);
    if (rc) m->pid = 0;
    int opened = link_open(&m->link, fd[0], rc ? NULL : e);
    return rc ? rc : opened;
}

int model_load(struct served *m, struct err *e)
{
    if (m->pid) return OK;
    TRY(take_place(m->f, e));
    m->why[0] = 0;
    TRY(start(m, e));
    m->state = API_LOADING;
    m->started = clock_seconds();
    m->loading_done = m->loading_total = 0;
    int rc = http_watch_new(&m->watch, m->f->loop, m->link.fd, on_ready, m, e);
    if (!rc) rc = set_watch(m, e);
    if (rc) model_unload(m);
    models_show(m->f);
    return rc;
}

int model_send_turn(struct served *m, const struct turn *t, struct err *e)
{
    if (link_waiting(&m->link) > MOST_WAITING) FAIL(e, ERR_LIMIT, "%s is too busy to take a request", m->m->id);
    TRY(frame_turn(&m->link.out, t, e));
    m->used = clock_seconds();
    TRY(link_transmit(&m->link, e));
    return set_watch(m, e);
}

void model_control(struct served *m, enum control_kind kind, uint64_t turn)
{
    struct err e;
    if (!m->pid || frame_control(&m->link.out, &(struct frame_control){kind, turn}, &e)) return;
    if (!link_transmit(&m->link, &e)) set_watch(m, &e); /* a failure is seen by on_ready */
}

int models_open(struct front *f, struct err *e)
{
    size_t n = f->o->n_models;
    f->models = mem_array(n ? n : 1, sizeof *f->models);
    f->listed = mem_array(n ? n : 1, sizeof *f->listed);
    if (!f->models || !f->listed) FAIL(e, ERR_MEMORY, "out of memory for %zu models", n);
    for (size_t i = 0; i < n; i++)
        f->models[i] = (struct served){.f = f, .m = &f->o->models[i], .state = API_LISTED, .link.fd = -1,
                                     .idle = f->o->idle_seconds};
    models_show(f);
    for (size_t i = 0; i < n; i++)
        if (f->o->models[i].first) TRY(model_load(&f->models[i], e));
    return OK;
}

void models_close(struct front *f)
{
    for (size_t i = 0; f->models && i < f->o->n_models; i++) {
        drop_worker(&f->models[i], false, (char[64]){0});
        turn_model_free(&f->models[i].about);
    }
    mem_free(f->models);
    mem_free(f->listed);
    f->models = NULL;
    f->listed = NULL;
}
