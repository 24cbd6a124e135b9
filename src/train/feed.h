/* The windows of one optimiser step as arrays, and its micro-batches as struct batch. Nothing is allocated after
 * feed_init. Documents in a window are separate segments: attention does not cross them. */
#ifndef TRAIN_FEED_H
#define TRAIN_FEED_H

#include <stdint.h>
#include "base/err.h"
#include "data/loader.h"
#include "tensor/step.h"

struct feed {
    int64_t seq_len, windows, micro; /* tokens per window; windows per step; windows per micro-batch */
    /* (windows * seq_len). targets2: the token after the next one, -1 where it is not in the same document and window. */
    int32_t *ids, *targets, *targets2, *seq, *pos;
    int64_t counted, counted2; /* targets of the step that count */
    struct segment *segs;      /* of the current micro-batch */
    struct batch batch;
};

int feed_init(struct feed *f, int64_t seq_len, int64_t windows, int64_t micro, struct err *e);
void feed_free(struct feed *f); /* accepts a zeroed or half-built feed */

/* Reads the windows of a step. */
void feed_step(struct feed *f, const struct loader *l, int64_t step);
/* Reads n <= windows windows of a source, numbered first, first + stride, ... */
void feed_source(struct feed *f, const struct loader *l, size_t source, uint64_t first, uint64_t stride, int64_t n);
/* Makes batch the windows [w0, w0 + n); returns the row its arrays start at. */
int64_t feed_micro(struct feed *f, int64_t w0, int64_t n);

#endif
