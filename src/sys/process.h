/* Processes of our own: this program, started again. */
#ifndef SYS_PROCESS_H
#define SYS_PROCESS_H

#include <stdbool.h>
#include "base/err.h"

/* Starts this program with args (NULL-terminated, args[0] is its name); it gets fd as PROCESS_FD and the standard
 * descriptors, nothing else. It is told to end when this process does. */
enum { PROCESS_FD = 3 };
int process_start(int *pid, const char *const *args, int fd, struct err *e);
void process_signal(int pid, bool hard); /* SIGTERM or SIGKILL */
/* True when it has ended: *how says how, for people. Does not wait unless `wait`. */
bool process_ended(int pid, bool wait, char how[64]);

#endif
