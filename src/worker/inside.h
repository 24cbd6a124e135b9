/* Between the files of the worker. */
#ifndef WORKER_INSIDE_H
#define WORKER_INSIDE_H

#include "infer/session.h"
#include "model/chat_template.h"
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
    double *sum;         /* (width) of TURN_EMBED */
    struct shape *shape; /* what the answer may be; NULL: anything */
};

/* A compiled grammar that requests share: many ask for the same. */
struct shape {
    struct shape *next;
    enum turn_shape kind; /* TURN_FREE: calls of tools */
    char *text;           /* what it was made of */
    size_t len;
    struct grammar *grammar;
    struct grammar_matcher *matcher;
    int users;
    uint64_t used;       /* of the worker's clock of shapes */
};

struct worker {
    struct link link; /* to the front */
    struct engine en;
    struct decoder dec;
    struct prefix_cache cache;
    struct scheduler sched;
    struct request *requests;
    struct shape *shapes;
    struct grammar_vocab *vocab; /* NULL: nobody has needed it yet */
    uint64_t shape_clock;
    void (*warn)(void *ctx, const char *message); /* NULL: nobody wants it */
    void *warn_ctx;
    bool told_trouble;           /* of the store of kept tokens */
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
/* What the model's files say, kept for the front. */
struct about {
    struct chat_templates templates;
    char *name;        /* as its makers call it; NULL: they do not */
    const char *quant; /* the format that most numbers are stored in; static */
    uint64_t bytes;
};
int about_read(struct about *a, struct model_file *f, struct err *e);
void about_free(struct about *a);
int tell_model(struct worker *w, const struct about *a, struct err *e);
int tell_counts(struct worker *w, struct err *e);
/* The callbacks of the request's job. */
struct job_sink request_sink(struct request *r);

/* The text of ids (n), markers spelled. Ids that are none are an error of the request: why. */
int tell_text(struct request *r, const int32_t *ids, size_t n, struct err *why, struct err *e);

/* ---- shapes of answers (shape.c) ---- */

/* The grammar that the turn asks for, as response format or by its choice of tools, into r->shape. */
int shape_make(struct request *r, enum turn_error *kind, struct err *e);
void shape_drop(struct request *r);
void shapes_free(struct worker *w);
/* The calls that the turn demands (shape_calls.c). */
int shape_calls(struct grammar **out, const struct worker *w, const struct turn *t, struct err *e);

/* ---- prompts (prompt.c) ---- */

/* The ids of the turn's prompt into r->ids. *kind says what sort of failure it was. */
int prompt_make(struct request *r, enum turn_error *kind, struct err *e);
/* Answers of earlier turns as the ids that the model wrote (replay.c), where they are kept. Wanted: there could be some; then
 * learn is what chat_form_encode said of r->ids. */
bool replay_wanted(const struct request *r);
int replay(struct request *r, const struct buf *learn, struct err *e);
/* Has the model marks for a gap between a prefix and a suffix? */
bool prompt_can_infill(const struct tokenizer *t);

#endif
