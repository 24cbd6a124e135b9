/* Warnings for people, one line each, for what goes on nevertheless: on stderr. Results go to stdout, never through here.
 * What a file says wrongly is met by whoever reads it, perhaps several times in a start: the same line is said once. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* From now on lines go to fn instead, without "warning: " and without an end of line; NULL: to stderr again. What was said
 * before counts no more. Only while one thread runs. */
void log_to(void (*fn)(void *ctx, const char *line), void *ctx);

#endif
