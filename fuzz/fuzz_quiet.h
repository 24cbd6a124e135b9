/* For fuzz targets of what may warn: warnings are made, and go nowhere. */
#ifndef FUZZ_QUIET_H
#define FUZZ_QUIET_H

#include <stddef.h>
#include "base/log.h"

static void fuzz_drop_line(void *ctx, const char *line)
{
    (void)ctx, (void)line;
}

/* Before the first input. */
__attribute__((constructor)) static void fuzz_be_quiet(void) { log_to(fuzz_drop_line, NULL); }

#endif
