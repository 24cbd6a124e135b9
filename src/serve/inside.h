/* Between the files of the front. */
#ifndef SERVE_INSIDE_H
#define SERVE_INSIDE_H

#include "api/api.h"
#include "http/server.h"
#include "serve/audit.h"
#include "serve/gate.h"
#include "serve/serve.h"
#include "sys/link.h"
#include "turn/frame.h"

struct front;

/* A model, and the worker that runs it when it is loaded. */
struct served {
    struct front *f;
    const struct serve_model *m;
    enum api_state state;
    struct turn_model about;   /* zeroed until it was loaded once */
    struct turn_counts counts;
    char why[700];             /* API_FAILED */
    int pid;                   /* 0: no worker */
    struct link link;
    struct http_watch *watch;
    double started, used;      /* by clock_seconds */
    double idle;               /* seconds after which it goes; 0: never; below 0: as soon as it may */
    enum err_code code;        /* of why */
    int64_t loading_done, loading_total;
};

/* A request under way. Turn i of it has the number serial * API_MOST_TURNS + i. */
struct ask {
    struct front *f;
    struct ask *next;
    uint64_t serial;
    struct http_request *http;
    struct api_answer a;
    bool opened;          /* a is to be freed */
    bool whole;           /* the body has come */
    struct caller caller;
    struct api_env env;       /* what this caller may know; unused where that is everything */
    struct api_model *listed; /* owned: its models */
    struct turn_usage used;   /* of all turns that have ended */
    struct turn_time time;
    struct served *model; /* that answers its turns; NULL: none */
    bool sent;            /* the turns went to the worker */
    bool *over;           /* (a.n_turns) turns that have ended */
    size_t left;          /* turns that have not */
    bool head_sent, paused;
    struct buf out;       /* of the body, not sent yet */
    double last;          /* when something was sent, by clock_seconds */
};

/* Turns of a request that is over, which will still tell what they took. */
struct owed {
    struct owed *next;
    struct served *model;
    uint64_t serial;
    size_t left;
    struct caller caller;
};

struct front {
    const struct serve_options *o;
    struct http_loop *loop;
    struct http_server *server;
    struct http_signal *term, *interrupt, *hangup;
    struct http_timer *tick, *beat;
    struct http_tls *tls; /* NULL: plain HTTP */
    int64_t beats;
    struct served *models;   /* (o->n_models) */
    struct api_model *listed; /* (o->n_models) what the interfaces are shown */
    struct api_env env;
    struct ask *asks;
    struct owed *owed;
    struct gate gate;
    struct audit audit;
    bool audit_lost; /* it cannot be written: nobody is served */
    uint64_t serials;
    bool stopping;
    struct err fault; /* what ended it */
};

/* A line for who runs the server. */
void serve_say(const struct front *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- requests (ask.c) ---- */

void ask_handler(struct http_handler *h, struct front *f);
/* The model has been loaded, or has failed: goes on with the requests that wait for it. */
void asks_go_on(struct served *m);
/* An event of a turn, from a worker. */
void ask_event(struct served *m, const struct turn_event *ev);
/* The worker has ended: what it was to answer fails. */
void asks_fail(struct served *m, const char *why);
/* Keeps connections alive that wait. */
void asks_tick(struct front *f, double now);
/* Other keys count now: ends the requests of those that do not any more. */
void asks_check_keys(struct front *f);
void asks_drop_owed(struct front *f, const struct served *m); /* m NULL: all */

/* ---- logs (log.c) ---- */

int log_open(struct front *f, struct err *e);
void log_close(struct front *f);
void log_request(struct front *f, const struct http_done *d, const struct ask *q); /* q NULL: refused by its form */
/* An event of the whole for the audit log: more is JSON members with a comma before them, or "". */
void log_event(struct front *f, const char *event, const char *more);
void log_tick(struct front *f);

/* ---- models (models.c) ---- */

int models_open(struct front *f, struct err *e);
void models_close(struct front *f);
struct served *models_find(struct front *f, const char *id);
/* Starts the worker unless there is one. ERR_LIMIT: others that are in use have all the places. */
int model_load(struct served *m, struct err *e);
void model_unload(struct served *m);
/* Queues a frame, and sends what goes out. */
int model_send_turn(struct served *m, const struct turn *t, struct err *e);
void model_control(struct served *m, enum control_kind kind, uint64_t turn);
/* Unloads what nobody has used for long. */
void models_tick(struct front *f, double now);
/* Has it a request? */
bool asks_use(const struct front *f, const struct served *m);
void models_show(struct front *f); /* f->listed as it is now */

#endif
