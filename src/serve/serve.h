/* The serving process: sockets, HTTP, the interfaces; no model in it. Each model that is loaded runs in a worker of its own. */
#ifndef SERVE_SERVE_H
#define SERVE_SERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

/* A model that is offered. */
struct serve_model {
    const char *id;   /* without '/' */
    const char *path; /* file or folder */
    int64_t modified; /* seconds since 1970 */
    bool first;       /* loaded at the start */
    bool pinned;      /* never unloaded but by a request that says so */
    const char *const *alias; /* other names, NULL-terminated; NULL: none */
    const char *const *args;  /* options of its worker beside those of all; the same */
};

struct serve_options {
    const char *address;            /* "localhost", "*", or numbers */
    const int *ports;               /* (n_ports) the first is ours, the others stand in for other servers */
    size_t n_ports;
    const char *const *hosts;       /* names it may be called by, beyond localhost; NULL-terminated */
    const char *const *origins;     /* of pages of other sites that may ask; NULL-terminated */
    const struct serve_model *models;
    size_t n_models;
    const char *const *worker_args; /* options of every worker, NULL-terminated */
    double idle_seconds;            /* a model that is not used for so long is unloaded; 0: never */
    int most_loaded;                /* at once; 0: no limit */
    double drain_seconds;           /* for requests under way when it is told to end */
    bool strict;                    /* what would be ignored is refused */
    bool quiet;                     /* no line for every request */
    const char *keys;               /* file of keys; NULL: everybody may do everything */
    const char *log, *audit;        /* files; NULL: none */
    const char *certificate, *key;  /* of TLS, PEM; NULL: plain */
    const char *path;               /* a socket in the file system, too; NULL: none */
    int first_given, n_given;       /* listening sockets that were handed over, instead of address and ports */
    const char *const *folders;     /* that workers write in, beside those of the models: NULL-terminated, NULL: none */
    bool open;                      /* no sandbox */
    bool insecure;                  /* other machines may come without keys or without TLS */
};

/* Serves until SIGTERM or SIGINT. What it serves, and where, is told on stderr. */
int serve_run(const struct serve_options *o, struct err *e);

#endif
