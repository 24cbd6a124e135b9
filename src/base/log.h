/* Warnings for people, on stderr, one line each, for what goes on nevertheless. Results go to stdout, never through here. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
