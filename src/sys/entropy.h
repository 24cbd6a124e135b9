/* Random bytes of the system, for seeds, ids and keys. */
#ifndef SYS_ENTROPY_H
#define SYS_ENTROPY_H

#include <stddef.h>
#include "base/err.h"

int entropy(void *out, size_t n, struct err *e);

#endif
