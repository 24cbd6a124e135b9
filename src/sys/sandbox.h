/* What a process may do from now on: less. Layers that the kernel has are all used, and what is missing is told: no new
 * privileges, no memory image for others (not dumpable, no core), limits, Landlock (files, addresses, signals), a filter of
 * system
 * calls (seccomp). There is no way back, and processes that are started inherit it. */
#ifndef SYS_SANDBOX_H
#define SYS_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"

enum sandbox_kind {
    SANDBOX_COMPUTE, /* what is open is used; no socket, program, process, thread; files only in the folders */
    SANDBOX_SERVE,   /* sockets that are open are used, none is made or connected; files are read,
        and written only in the folders;
                        no program but this one is started */
};

/* What holds, or what the kernel offers. */
struct sandbox_posture {
    int landlock; /* the version of its interface; 0: none */
    bool addresses, signals; /* of Landlock: since versions 4 and 6 */
    bool filter;  /* of system calls */
    int threads;  /* that it holds for */
};

/* folders: may be read and written, with what is below; NULL-terminated, NULL: none. One that is not there is left out. Threads
 * of this process are included. What the kernel lacks is no failure. */
int sandbox_enter(enum sandbox_kind kind, const char *const *folders, struct sandbox_posture *got, struct err *e);
/* What the kernel offers; nothing changes. */
void sandbox_probe(struct sandbox_posture *p);
/* One line for people. */
void sandbox_text(char out[200], const struct sandbox_posture *p);

#endif
