/* The learning rate of a step: linear warm-up, constant, then linear decay over the last fraction of the run
 * (a trapezium; arXiv 2405.18392 finds it as good as a cosine, and the length of a run may be changed late). */
#ifndef TRAIN_SCHEDULE_H
#define TRAIN_SCHEDULE_H

#include <stdint.h>

struct schedule {
    double peak, final;      /* learning rates */
    int64_t steps, warmup;   /* of the whole run; steps of warm-up */
    double decay;            /* fraction of the run over which it falls from peak to final */
};

/* Learning rate of step 0 .. steps - 1. Step 0 already learns: the warm-up's first value is peak / warmup. */
double schedule_rate(const struct schedule *s, int64_t step);

#endif
