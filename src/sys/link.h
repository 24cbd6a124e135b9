/* A stream between two of our own processes: bytes that came and were not looked at yet, bytes that wait to go. */
#ifndef SYS_LINK_H
#define SYS_LINK_H

#include <stdbool.h>
#include "base/buf.h"

struct link {
    int fd;                /* not blocking; owned; -1: closed */
    struct buf in, out;
    size_t in_at, out_at;  /* bytes of them that are done with */
    bool gone;             /* the other end is closed, and all that came is in `in` */
};

/* A pair of ends: one for a link here, the other for a process that is started. Both are closed on exec. */
int link_pair(int fd[2], struct err *e);
int link_open(struct link *l, int fd, struct err *e); /* takes fd over, also on failure */
void link_close(struct link *l);                      /* accepts a zeroed link that was never opened only with fd -1 */

/* Takes all that has come into l->in (from in_at on it is new), up to `most` bytes that are not done with. */
int link_receive(struct link *l, size_t most, struct err *e);
/* Sends what goes out at once. */
int link_transmit(struct link *l, struct err *e);
size_t link_waiting(const struct link *l); /* bytes that are still to go */
/* Waits so many milliseconds (-1: for ever) for something to come, or for room when bytes wait. *came: there is something to
 * receive, the end included. */
int link_wait(struct link *l, int ms, bool *came, struct err *e);

#endif
