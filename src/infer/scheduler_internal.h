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
/* Of a row: of a prompt, or written. */
double scheduler_cost(const struct scheduler *s, bool prompt);

#endif
