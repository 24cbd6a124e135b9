/* What a training run tells: metrics.jsonl for machines, lines on stderr for people.
 *
 * metrics.jsonl has one object per line. A step: {"step","loss","lr","grad_norm","tokens","tok_s","gflops"} and with
 * experts "balance","load_min","load_max" (shares of the least and most loaded expert, 1 = equal), with an MTP layer
 * "mtp_loss". A validation: {"step","val":{NAME:{"loss","bpb","tokens"}}} and "load": rows per expert and layer. */
#ifndef TRAIN_REPORT_H
#define TRAIN_REPORT_H

#include <stdbool.h>
#include "train/trainer.h"

/* Where lines for people go. All NULL: to stderr, whole lines now and then. */
struct report_out {
    int (*columns)(void);             /* of a terminal; NULL: there is none */
    void (*line)(const char *text);   /* without an end of line; NULL: to stderr */
    void (*status)(const char *text); /* a line that the next one replaces; where there are columns */
};

struct report {
    char *metrics, *samples; /* paths, owned */
    int64_t metrics_bytes, samples_bytes;
    struct report_out out;
    bool quiet;
    int64_t steps;           /* of the whole run */
    double flops_per_token, peak; /* peak 0: unknown */
    double tokens_per_second, loss; /* moving averages for the progress line */
    double seconds_per_step, last_line;
    double guess;     /* loss of a uniform guess; 0: unknown */
    int64_t warmup, above; /* steps of the rising rate; steps in a row of a loss above the guess */
    struct buf line;
};

int report_open(struct report *r, const char *run, struct err *e);
void report_close(struct report *r); /* accepts a zeroed report */
/* Cuts both logs to the lengths that they had at a checkpoint. A log that is shorter, missing or not as it was loses what
 * is later than the checkpoint's step and half a line at its end; a warning says so. */
int report_rewind(struct report *r, int64_t step, int64_t metrics_bytes, int64_t samples_bytes, struct err *e);
/* Makes both logs last: a checkpoint counts on what is in them. */
int report_sync(const struct report *r, struct err *e);

int report_step(struct report *r, const struct trainer *t, const struct step_stats *s, int64_t total_tokens, double seconds,
                struct err *e);
/* names and results of n val sources. */
int report_eval(struct report *r, const struct trainer *t, const struct eval_stats *s, size_t n, struct err *e);
int report_sample(struct report *r, int64_t step, const char *text, size_t len, struct err *e);
/* A line for people, above the line of progress. Nothing when quiet. */
void report_say(struct report *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
