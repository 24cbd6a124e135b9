/* What is warned of, kept for a look at it. */
#ifndef TESTS_WARNED_H
#define TESTS_WARNED_H

#include <stdio.h>
#include <string.h>
#include "base/log.h"

static char warned[4096]; /* a line each, since listen */

static void note_warning(void *ctx, const char *line)
{
    (void)ctx;
    snprintf(warned + strlen(warned), sizeof warned - strlen(warned), "%s\n", line);
}

static void listen(void)
{
    warned[0] = 0;
    log_to(note_warning, NULL);
}

#endif
