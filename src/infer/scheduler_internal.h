/* Between the two files of the scheduler. */
#ifndef INFER_SCHEDULER_INTERNAL_H
#define INFER_SCHEDULER_INTERNAL_H

#include "infer/scheduler.h"

enum { MOST_GUESSES = 8 }; /* with one token */

/* One token that is drawn, on any thread. */
struct draw {
    struct job *j;
    int64_t row;     /* of the pass's logits: that of the pending token; those of guesses follow */
    int64_t guesses;
    int rc;
    int32_t id;
    float logprob;
    struct sample_top top[SCHEDULER_TOP];
    struct err e;
};
size_t draw_scratch_bytes(int64_t vocab);

/* Takes the job out, gives its cache back, tells its sink, frees it. */
void scheduler_end(struct scheduler *s, struct job *j, enum job_end how, const struct err *e);
/* s->order is sorted: gives sessions to those that are first. */
int scheduler_begin(struct scheduler *s, struct err *e);
bool scheduler_preempt(struct scheduler *s, const struct job *than);
/* Rows that are kept (scheduler_cache.c); all do nothing without a cache. */
int scheduler_reserve(struct scheduler *s, struct session *x, int64_t rows, struct err *e); /* kept pages give way */
bool scheduler_give(struct scheduler *s, int64_t pages); /* so many free ones, of those that are kept */
void scheduler_attach(struct scheduler *s, struct job *j, struct session *x); /* whole pages from the first row on */
void scheduler_found(struct scheduler *s, struct job *j, int64_t before); /* rows behind `before` were not evaluated by it */
void scheduler_fetch(struct scheduler *s);               /* the rest, for a while, of those that are in order */
void scheduler_keep(struct scheduler *s, struct job *j, bool all); /* whole pages, or all rows: its session ends */
bool scheduler_waits(const struct scheduler *s, int i);  /* one before it in the order is about to evaluate what it needs too */

/* Of a row: of a prompt, or written. */
double scheduler_cost(const struct scheduler *s, bool prompt);

#endif
