/* The computing process: one model, a socket to the front, no other way to the world. Turns come in as frames, events go
 * out; all
 * turns that are under way are answered side by side by one scheduler. */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include "infer/engine.h"
#include "infer/scheduler.h"
#include "turn/frame.h"

struct worker_options {
    struct engine_options engine; /* its callbacks are the worker's */
    struct scheduler_options scheduler; /* its cache is the worker's */
    struct prefix_options cache;
    bool open;                          /* no sandbox */
};

/* Answers what comes over the socket fd until the other end is closed or a drain is complete. A model that cannot be opened
 * is told as FRAME_FAILED, and is the error too. */
int worker_run(int fd, const struct worker_options *o, struct err *e);

#endif
