/* Streams between processes. */
#include "sys/link.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_BYTES = 1 << 16 };

int link_pair(int fd[2], struct err *e)
{
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd))
        FAIL(e, ERR_IO, "a socket between two processes: %s", strerror(errno));
    return OK;
}

int link_open(struct link *l, int fd, struct err *e)
{
    *l = (struct link){.fd = fd};
    int flags = fcntl(fd, F_GETFL);
    if (flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0) return OK;
    int rc = err_set(e, ERR_IO, __FILE__, __LINE__, "descriptor %d: %s", fd, strerror(errno));
    link_close(l);
    return rc;
}

void link_close(struct link *l)
{
    if (l->fd >= 0) close(l->fd);
    buf_free(&l->in);
    buf_free(&l->out);
    *l = (struct link){.fd = -1};
}

/* What is done with makes room. */
static void compact(struct buf *b, size_t *at)
{
    if (*at == 0) return;
    memmove(b->data, b->data + *at, b->len - *at);
    b->len -= *at;
    *at = 0;
}

int link_receive(struct link *l, size_t most, struct err *e)
{
    compact(&l->in, &l->in_at);
    while (l->in.len < most) {
        buf_reserve(&l->in, READ_BYTES);
        TRY(buf_check(&l->in, "what another process sent", e));
        ssize_t n = read(l->fd, l->in.data + l->in.len, READ_BYTES);
        if (n > 0) {
            l->in.len += (size_t)n;
            if (n < READ_BYTES) return OK;
        } else if (n == 0 || errno == ECONNRESET) {
            l->gone = true;
            return OK;
        } else if (errno == EAGAIN) {
            return OK;
        } else if (errno != EINTR) {
            FAIL(e, ERR_IO, "a socket between two processes: %s", strerror(errno));
        }
    }
    return OK;
}

int link_transmit(struct link *l, struct err *e)
{
    TRY(buf_check(&l->out, "what goes to another process", e));
    while (l->out_at < l->out.len) {
        ssize_t n = send(l->fd, l->out.data + l->out_at, l->out.len - l->out_at, MSG_NOSIGNAL);
        if (n >= 0) {
            l->out_at += (size_t)n;
        } else if (errno == EAGAIN) {
            if (l->out_at > l->out.len / 2) compact(&l->out, &l->out_at);
            return OK;
        } else if (errno == EPIPE || errno == ECONNRESET) {
            l->gone = true;
            return OK;
        } else if (errno != EINTR) {
            FAIL(e, ERR_IO, "a socket between two processes: %s", strerror(errno));
        }
    }
    buf_clear(&l->out);
    l->out_at = 0;
    return OK;
}

size_t link_waiting(const struct link *l) { return l->out.len - l->out_at; }

int link_wait(struct link *l, int ms, bool *came, struct err *e)
{
    struct pollfd p = {.fd = l->fd, .events = (short)(POLLIN | (link_waiting(l) ? POLLOUT : 0))};
    int n;
    while ((n = poll(&p, 1, ms)) < 0)
        if (errno != EINTR) FAIL(e, ERR_IO, "poll: %s", strerror(errno));
    *came = n > 0 && p.revents & (POLLIN | POLLHUP | POLLERR);
    return OK;
}
