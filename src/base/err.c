/* Error messages: formatting, and the promise that a message is safe to print: it may quote a file. */
#include "base/err.h"
#include "base/utf8.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Bytes that are no UTF-8, or that steer a terminal, become '?'. A newline stays where two blanks follow: what comes behind is
 * indented, and cannot be taken for a line of its own. */
static void clean(char *s)
{
    for (size_t n = strlen(s), i = 0, len; i < n; i += len) {
        uint32_t cp;
        len = utf8_decode(s + i, n - i, &cp);
        if (len && utf8_is_safe(cp)) continue;
        if (!strncmp(s + i, "\n  ", 3)) continue;
        if (!len) len = 1;
        memset(s + i, '?', len);
    }
}

int err_set(struct err *e, enum err_code code, const char *file, int line, const char *fmt, ...)
{
    if (!e) return code;
    va_list ap;
    va_start(ap, fmt);
    e->code = code;
    e->file = file;
    e->line = line;
    vsnprintf(e->msg, sizeof e->msg, fmt, ap);
    va_end(ap);
    clean(e->msg);
    return code;
}

void err_prefix(struct err *e, const char *fmt, ...)
{
    if (!e) return;
    char old[sizeof e->msg], head[256];
    memcpy(old, e->msg, sizeof old);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(head, sizeof head, fmt, ap);
    va_end(ap);
    snprintf(e->msg, sizeof e->msg, "%s: %.*s", head, (int)(sizeof e->msg - sizeof head - 3), old);
    clean(e->msg);
}
