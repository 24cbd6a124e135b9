/* Documents made by rule. Internal to data/docs.c. */
#ifndef DATA_GENERATORS_H
#define DATA_GENERATORS_H

#include "data/docs.h"

/* More would fill any disk: 10^9 stories are 700 GB. */
#define GENERATOR_MAX_COUNT 1000000000ull

/* input begins with "generate:". */
int generator_each(const char *input, doc_fn *fn, void *ctx, struct err *e);

#endif
