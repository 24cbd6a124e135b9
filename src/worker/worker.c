/* The worker's loop: frames in, a pass, frames out. */
#include "worker/worker.h"
#include <string.h>
#include "base/checked.h"
#include "base/log.h"
#include "base/mem.h"
#include "model/model_file.h"
#include "sys/clock.h"
#include "sys/sandbox.h"
#include "worker/inside.h"

enum { OUT_HIGH = 8 << 20 }; /* bytes that wait for the front: above it nothing is computed */
#define KEEP_SLICE 0.002 /* seconds for writing what is kept, after a pass; */
#define KEEP_AT_END 2.0  /* and before the process ends */

/* ---- frames ---- */

static int control(struct worker *w, const struct frame_control *c, struct err *e)
{
    struct err ignored;
    struct request *r = worker_find(w, c->turn);
    struct job *j = r ? r->job : NULL;
    switch (c->kind) {
    case CONTROL_CANCEL:
        if (j) scheduler_cancel(j);
        return OK;
    case CONTROL_PAUSE:
    case CONTROL_RESUME:
        if (j) scheduler_pause(j, c->kind == CONTROL_PAUSE);
        return OK;
    case CONTROL_ANSWER:
        if (j && j->writing) writer_close_thinking(&j->w, &ignored);
        return OK;
    case CONTROL_COUNTS: return tell_counts(w, e);
    case CONTROL_DRAIN: w->draining = true; return OK;
    }
    return OK;
}

static int take_frame(struct worker *w, uint32_t type, const char *body, size_t len, struct err *e)
{
    struct frame_control c;
    struct turn t;
    switch (type) {
    case FRAME_TURN:
        TRY(frame_read_turn(&t, body, len, e));
        return worker_take(w, &t, e);
    case FRAME_CONTROL:
        TRY(frame_read_control(&c, body, len, e));
        return control(w, &c, e);
    }
    FAIL(e, ERR_FORMAT, "a frame of type %u came, which only a worker sends", type);
}

static int take_frames(struct worker *w, struct err *e)
{
    for (;;) {
        uint32_t type;
        size_t len;
        bool whole;
        struct link *l = &w->link;
        const char *at = l->in.data + l->in_at;
        TRY(frame_look(at, l->in.len - l->in_at, &type, &len, &whole, e));
        if (!type || !whole) return OK;
        TRY(take_frame(w, type, at + FRAME_HEAD, len, e));
        l->in_at += FRAME_HEAD + len;
    }
}

/* ---- the loop ---- */

/* Waits while there is nothing to do, looks only otherwise. keeps: there is something to write meanwhile. */
static int wait_for(struct worker *w, bool keeps, struct err *e)
{
    bool came, idle = link_waiting(&w->link) > OUT_HIGH || !scheduler_busy(&w->sched);
    TRY(link_wait(&w->link, idle && !keeps ? -1 : 0, &came, e));
    if (!came) return OK;
    TRY(link_receive(&w->link, FRAME_MOST, e));
    return take_frames(w, e);
}

/* The disk does not take what is to be kept: who runs the server is told once. */
static void tell_trouble(struct worker *w)
{
    const struct kv_store *s = w->cache.store;
    if (!s || !s->trouble.code || w->told_trouble) return;
    w->told_trouble = true;
    if (w->warn) w->warn(w->warn_ctx, s->trouble.msg);
}

static int loop(struct worker *w, struct err *e)
{
    bool keeps = false;
    while (!w->link.gone) {
        bool worked;
        TRY(link_transmit(&w->link, e));
        TRY(wait_for(w, keeps, e));
        if (link_waiting(&w->link) <= OUT_HIGH) TRY(scheduler_step(&w->sched, &worked, e));
        keeps = prefix_cache_write(&w->cache, clock_seconds() + KEEP_SLICE);
        if (!keeps && !scheduler_busy(&w->sched)) keeps = prefix_cache_warm(&w->cache);
        tell_trouble(w);
        if (w->draining && !w->requests && link_waiting(&w->link) == 0) return OK;
    }
    return OK;
}

/* ---- opening ---- */

/* Loading is told now and then: the front shows it. */
static void on_progress(void *ctx, int64_t done, int64_t total)
{
    struct worker *w = ctx;
    struct err e;
    if (!frame_loading(&w->link.out, &(struct frame_loading){done, total}, &e)) link_transmit(&w->link, &e);
}

/* Without a store it works too, and says so. */
static int open_jobs(struct worker *w, const struct worker_options *o, struct err *e)
{
    struct scheduler_options so = o->scheduler;
    struct err why;
    TRY(prefix_cache_open(&w->cache, &w->dec, &o->cache, &why, e));
    if (why.code && w->warn) w->warn(w->warn_ctx, why.msg);
    so.cache = &w->cache;
    return scheduler_open(&w->sched, &w->dec, &so, e);
}

/* From here on what comes from outside is computed with: no files but those of
 * the cache, no network, no processes any more. */
static int close_up(const struct worker_options *o, struct err *e)
{
    struct sandbox_posture p;
    char text[200];
    const char *folders[] = {o->cache.store.bytes ? o->cache.store.folder : NULL, NULL};
    TRY(sandbox_enter(SANDBOX_COMPUTE, folders, &p, e));
    if (p.landlock && p.filter) return OK;
    sandbox_text(text, &p);
    log_warn("the process that computes: %s", text);
    return OK;
}

static int open_all(struct worker *w, const struct worker_options *o, struct err *e)
{
    struct decoder_options fits;
    struct engine_options eo = o->engine;
    struct model_file file;
    struct about about = {0};
    eo.progress = on_progress;
    eo.ctx = w;
    TRY(model_file_open(&file, eo.model, e));
    eo.file = &file;
    int rc = about_read(&about, &file, e); /* before the engine takes the tensors over */
    if (!rc) rc = engine_open(&w->en, &eo, &fits, e);
    model_file_close(&file);
    if (!rc) rc = decoder_open(&w->dec, &w->en, &fits, e);
    if (!rc) rc = open_jobs(w, o, e);
    if (!rc && !o->open) rc = close_up(o, e);
    if (!rc) rc = tell_model(w, &about, e);
    about_free(&about);
    return rc;
}

/* To the end of what is to be said, whatever the socket does. */
static void say_why(struct worker *w, const struct err *why)
{
    struct err e;
    struct frame_failed f = {.code = (int32_t)why->code, .text = {why->msg, strlen(why->msg)}};
    if (frame_failed(&w->link.out, &f, &e)) return;
    while (!w->link.gone && !link_transmit(&w->link, &e) && link_waiting(&w->link) > 0) {
        bool came;
        if (link_wait(&w->link, 5000, &came, &e) || came) return;
    }
}

int worker_run(int fd, const struct worker_options *o, struct err *e)
{
    struct worker *w = mem_array(1, sizeof *w);
    if (!w) FAIL(e, ERR_MEMORY, "out of memory");
    *w = (struct worker){.began = clock_seconds(), .warn = o->engine.warn, .warn_ctx = o->engine.ctx};
    int rc = link_open(&w->link, fd, e);
    if (!rc && (rc = open_all(w, o, e))) say_why(w, e);
    else if (!rc) rc = loop(w, e);
    scheduler_close(&w->sched); /* requests go with their jobs */
    while (w->requests) request_free(w->requests);
    shapes_free(w);
    prefix_cache_write(&w->cache, clock_seconds() + KEEP_AT_END);
    prefix_cache_close(&w->cache);
    decoder_close(&w->dec);
    engine_close(&w->en);
    link_close(&w->link);
    mem_free(w);
    return rc;
}
