/* Guessing tokens ahead by looking them up in the text itself (prompt lookup), so that one pass can check several: what is
 * written
 * comes out of the same draws, so no bit changes. Whether it pays is measured. */
#ifndef INFER_GUESS_H
#define INFER_GUESS_H

#include <stdint.h>
#include "infer/scheduler.h"

/* What followed the last time that the end of ids (n) stood there: up to `most` ids into out; returns how many. */
int64_t guess_lookup(int32_t *out, int64_t most, const int32_t *ids, int64_t n);

/* One pass of written rows was measured. */
void pass_line_add(struct pass_line *l, double rows, double seconds);
/* Is it worth while to add guesses that are right with probability `luck` to a pass of so many rows? */
bool guess_pays(const struct pass_line *l, double rows, double luck);

#endif
