/* Lines on stderr. */
#include "base/log.h"
#include <stdarg.h>
#include <stdio.h>

void log_warn(const char *fmt, ...)
{
    char line[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    fprintf(stderr, "warning: %s\n", line); /* one call: lines of several threads do not mix */
}
