/* A peer that is measured beside us: a program that answers lines of requests with lines of JSON. */
#ifndef CLI_PEER_H
#define CLI_PEER_H

#include <stdio.h>
#include <sys/types.h>
#include "base/err.h"
#include "base/json.h"

struct peer {
    const char *name; /* for messages */
    pid_t pid;        /* 0: not running */
    FILE *to, *from;
};

enum { PEER_PATH = 4096 };
/* The interpreter with the peers' packages: `given` when not NULL, else what ./test long takes: $AUTARKY_PYTHON, build/peers in
 * the repository, python3. */
void peer_python(char out[PEER_PATH], const char *given);
/* A script of the repository, as "bench/peer_ggml.py": in the current folder, else in the one the program was built in. */
void peer_script(char out[PEER_PATH], const char *given);
/* How to get the packages, for messages. */
extern const char peer_advice[];

/* Starts argv (NULL-terminated) and waits for its line {"ready": ...}; *ready (NULL allowed) is that value, owned. */
int peer_start(struct peer *p, const char *name, char *const argv[], json_t **ready, struct err *e);
/* Sends a request and gives the number "seconds" of the answer. */
int peer_seconds(struct peer *p, const char *request, double *seconds, struct err *e);
void peer_stop(struct peer *p); /* accepts one that is not running */

#endif
