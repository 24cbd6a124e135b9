/* The event loop: sockets, timers, signals, one thread. Everything that waits in the serving process waits here. Only this folder
 * knows that libevent does it. Callbacks are called from http_loop_run and may free what called them. */
#ifndef HTTP_LOOP_H
#define HTTP_LOOP_H

#include <stdbool.h>
#include "base/err.h"

struct http_loop;
/* Also turns SIGPIPE off for the process: a peer that has gone is an error of a write. */
int http_loop_open(struct http_loop **out, struct err *e);
void http_loop_free(struct http_loop *l); /* NULL allowed; after everything that is on it */
/* Until http_loop_stop, or until nothing is left to wait for. */
int http_loop_run(struct http_loop *l, struct err *e);
void http_loop_stop(struct http_loop *l); /* ends the turn that is under way */
struct event_base *http_loop_base(struct http_loop *l); /* for this folder */

typedef void http_wake_fn(void *ctx);

/* A descriptor that somebody else owns. What is ready is told again until it is dealt with. */
/* Gone: the other end has closed, also before its bytes have been read. */
enum http_ready { HTTP_READABLE = 1, HTTP_WRITABLE = 2, HTTP_GONE = 4 };
typedef void http_ready_fn(void *ctx, unsigned ready);
struct http_watch;
int http_watch_new(struct http_watch **out, struct http_loop *l, int fd, http_ready_fn *fn, void *ctx, struct err *e);
int http_watch_set(struct http_watch *w, unsigned wanted, struct err *e); /* 0: nothing, as in the beginning */
void http_watch_free(struct http_watch *w); /* NULL allowed; before the descriptor is closed */

/* A clock that calls once, seconds after it was set; set again it forgets the last time. */
struct http_timer;
int http_timer_new(struct http_timer **out, struct http_loop *l, http_wake_fn *fn, void *ctx, struct err *e);
void http_timer_set(struct http_timer *t, double seconds); /* 0: in the next turn; below 0: off */
void http_timer_free(struct http_timer *t); /* NULL allowed */

/* A signal of the process, told in the loop. */
struct http_signal;
int http_signal_new(struct http_signal **out, struct http_loop *l, int number, http_wake_fn *fn, void *ctx, struct err *e);
void http_signal_free(struct http_signal *s); /* NULL allowed */

#endif
