/* Between the files of the worker. */
#ifndef WORKER_INSIDE_H
#define WORKER_INSIDE_H

#include "infer/session.h"
#include "sys/link.h"
#include "worker/worker.h"

/* A turn under way, and what its job points to. */
struct request {
    struct worker *w;
    struct request *next;
    struct turn turn;
    struct job *job;     /* NULL: none (any more) */
    struct tokens ids;   /* of the prompt */
    const char **stops;  /* (turn.n_stops) */
    int64_t calls;       /* of tools that were begun */
    int64_t dropped;     /* messages that were taken away to make it fit */
    bool in_text;        /* the token that comes next has not been told yet */
};

struct worker {
    struct link link; /* to the front */
    struct engine en;
    struct decoder dec;
    struct scheduler sched;
    struct request *requests;
    bool draining;
    double began; /* by clock_seconds */
};

/* ---- turns (take.c) ---- */

/* Takes t over. Every failure is told to the front: what is returned is a fault of the process. */
int worker_take(struct worker *w, struct turn *t, struct err *e);
struct request *worker_find(struct worker *w, uint64_t turn);
void request_free(struct request *r); /* takes it off the list; its job has ended */

/* ---- events (tell.c) ---- */

int tell(struct worker *w, const struct turn_event *ev, struct err *e);
int tell_error(struct worker *w, uint64_t turn, enum turn_error kind, const struct err *why, struct err *e);
int tell_model(struct worker *w, struct err *e);
int tell_counts(struct worker *w, struct err *e);
/* The callbacks of the request's job. */
struct job_sink request_sink(struct request *r);

/* ---- prompts (prompt.c) ---- */

/* The ids of the turn's prompt into r->ids. *kind says what sort of failure it was. */
int prompt_make(struct request *r, enum turn_error *kind, struct err *e);
/* Has the model marks for a gap between a prefix and a suffix? */
bool prompt_can_infill(const struct tokenizer *t);

#endif
