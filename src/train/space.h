/* Room on the disk for what a run writes. */
#ifndef TRAIN_SPACE_H
#define TRAIN_SPACE_H

#include "train/trainer.h"

/* Bytes of one checkpoint, and of the exported models. */
uint64_t space_checkpoint(const struct trainer *t);
uint64_t space_exports(const struct trainer *t);
/* All that lies there at once, at most; *kept: checkpoints that stay. */
uint64_t space_needed(const struct trainer *t, uint64_t *kept);
/* Refuses, with figures, when the disk of folder `run` has no room for the checkpoints that are kept, one more while it is
 * written, and the models at the end. What checkpoints of this run take already counts as room. */
int space_check(const struct trainer *t, const char *run, struct err *e);

#endif
