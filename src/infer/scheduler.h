/* Many answers at once on one decoder: continuous batching. Every step is one pass over rows of many jobs, single rows of those
 * that write and pieces of prompts side by side. Who gets rows is decided by shares (infer/queue.h); what a job says does not
 * depend on it, to the bit.
 *
 * A job is accepted or refused when it is added; accepted, it will be answered. Its cache is promised when it begins: pages for
 * its prompt and for the first part of the answer. When pages run short later, the job that is furthest behind in the order
 * of shares gives its own back and evaluates its tokens again when its turn comes: nothing that was said is lost.
 *
 * One thread drives a scheduler. Callbacks come from scheduler_add, scheduler_step and scheduler_close; they may cancel jobs
 * and
 * add others, but not step. */
#ifndef INFER_SCHEDULER_H
#define INFER_SCHEDULER_H

#include "infer/decoder.h"
#include "infer/prefix_cache.h"
#include "infer/queue.h"
#include "infer/writer.h"

struct scheduler_options {
    int sessions;        /* jobs that have a part of the cache at once; 0: 4 times the slots of the decoder */
    int jobs;            /* jobs at once, waiting ones included; 0: 1024 */
    int64_t waiting;     /* tokens that may wait to be evaluated or written, by estimate; 0: 64 times the context */
    int64_t prompt_rows; /* rows of prompts in a pass in which somebody writes; 0: 64 */
    struct prefix_cache *cache; /* where rows are kept and found again; borrowed, NULL: nowhere */
    double prompt_cost, write_cost; /* of a row, for shares; 0: measured, in milliseconds */
    bool no_guesses;       /* never guess tokens ahead; it changes no bit, only the time */
    bool always_guess;     /* for tests: also where it does not pay */
};

/* A token as it is written, or of the prompt (job_params.scores), with how likely it was. */
struct job_token {
    int32_t id;
    bool of_prompt, thinking;
    bool known;            /* logprob is */
    float logprob;
    const struct sample_top *top; /* (n_top) */
    int n_top;
};

enum job_end { JOB_ANSWERED, JOB_CANCELLED, JOB_LATE, JOB_FAILED };

struct job;
/* NULL: not wanted. A non-zero result ends the job as JOB_FAILED with the error written. */
struct job_sink {
    int (*began)(void *ctx, struct job *j, struct err *e);                   /* its prompt is about to be evaluated */
    int (*read)(void *ctx, struct job *j, struct err *e);                    /* some of it was */
    int (*token)(void *ctx, struct job *j, const struct job_token *t, struct err *e); /* before the events it leads to */
    int (*event)(void *ctx, struct job *j, const struct chat_event *ev, struct err *e);
    void (*done)(void *ctx, struct job *j, enum job_end how, const struct err *e); /* the last; the job is freed after it */
    void *ctx;
};

struct job_params {
    struct fair_name name[FAIR_LEVELS]; /* copied */
    double weight;          /* of the tenant; 0: 1 */
    int32_t priority;
    double deadline;        /* seconds: not begun by then, it ends as JOB_LATE; 0: none */
    const int32_t *ids;     /* (n) the prompt, copied */
    int64_t n;
    bool no_cache;          /* neither finds what is kept, nor is kept */
    struct writer_params writer; /* what it points to stays until `done` */
    bool logprobs;          /* with every token */
    int n_top;              /* and of so many others, at most SCHEDULER_TOP */
    bool scores;            /* the tokens of the prompt are told too; with logprobs, how likely each was after those before */
    bool only_prompt;       /* nothing is written: it ends as if it had been cut to no token */
    double *sum;            /* (width) the hidden rows of the prompt are added to it; NULL: not wanted */
    bool no_guesses;
};
enum { SCHEDULER_TOP = 20 };

struct job {
    struct queue_entry entry;
    struct job_sink sink;
    struct job_params p;
    struct scheduler *on;
    struct job *next;
    int32_t *ids;      /* (capacity of prompt and answer) the timeline: the prompt, then what was written */
    int64_t n, prompt; /* of ids; of the prompt */
    int64_t most;      /* rows it can have at all */
    int64_t cached;    /* of the prompt, not evaluated by this job */
    struct session *s; /* its part of the cache; NULL: none now */
    struct prefix_tenant *tenant; /* whose rows it may use; NULL: no rows are kept for it */
    bool fetching;     /* rows that are kept are still being brought */
    uint64_t looked;   /* prefix_cache.changes when it last looked for more of them */
    int64_t whole;     /* pages that are kept already */
    struct writer w;
    bool writing;      /* the prompt was evaluated once: w is begun */
    bool cancelled, paused;
    int64_t lost;      /* times that it gave its pages back */
    int64_t drafted, kept; /* tokens that were guessed, and those that were right */
    double luck;       /* how likely a guess is right, by those of late */
    bool guessed;      /* ids[n] is what the text itself suggests */
    int64_t told;      /* tokens of the prompt that the sink knows */
    double came, started, wrote, ended; /* by clock_seconds; 0: not yet */
};

/* The time of a pass by its rows, t = base + slope * rows: sums of what was measured, older ones weigh less. */
struct pass_line {
    double n, x, xx, y, xy;
};

struct scheduler_counts {
    int64_t running, waiting;      /* jobs with a session, and without */
    int64_t waiting_tokens;        /* estimated */
    int64_t prompt_tokens, cached_tokens, answer_tokens, done, failed, cancelled, preempted, passes, drafted, kept;
    double busy_seconds, prompt_seconds, write_seconds; /* of passes; of it for prompts and for writing, by cost */
};

struct scheduler {
    struct decoder *dec; /* borrowed */
    struct scheduler_options o;
    struct fair *fair;
    struct session *session; /* (o.sessions) */
    bool *used;
    struct job *jobs;        /* all of them, in the order of arrival */
    int n_jobs;
    struct queue_entry **order; /* (o.jobs) */
    struct piece *pieces;       /* (slots) */
    struct job **in_pass;       /* (slots) */
    struct draw *draws;         /* (slots) */
    void *scratch;              /* of draws, one for each thread */
    uint64_t arrivals;
    double prompt_ms, write_ms; /* of a row, measured */
    struct pass_line line;      /* what a pass of written rows costs */
    struct scheduler_counts counts;
};

int scheduler_open(struct scheduler *s, struct decoder *d, const struct scheduler_options *o, struct err *e);
/* Cancels what is left. Accepts a zeroed or half-opened scheduler. */
void scheduler_close(struct scheduler *s);
/* ERR_LIMIT: it can never fit; or too much waits, and *wait_ms (> 0) tells when that will have changed. */
int scheduler_add(struct scheduler *s, struct job **out, const struct job_params *p, const struct job_sink *sink,
                  double *wait_ms,
                  struct err *e);
void scheduler_cancel(struct job *j);             /* `done` comes with the next step */
void scheduler_pause(struct job *j, bool paused); /* it writes nothing while nobody reads */
/* One pass, if there is anything to do: *worked. An error is of the machine; those of single jobs go to their sinks. */
int scheduler_step(struct scheduler *s, bool *worked, struct err *e);
/* Jobs under way that a step could do something for. */
bool scheduler_busy(const struct scheduler *s);
struct scheduler_counts scheduler_counts(const struct scheduler *s);

#endif
