/* Sockets of a server. */
#include "sys/net.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "sys/calls.h"

/* What the kernel keeps of an answer that is not read: small, so that a reader that stands still is seen. */
enum { BACKLOG = 1024, SEND_BYTES = 128 << 10 };

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un un;
};

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

static void set_v6(struct net_ip *out, const uint8_t bytes[16])
{
    *out = (struct net_ip){.v6 = memcmp(bytes, mapped, sizeof mapped) != 0};
    if (out->v6) memcpy(out->bytes, bytes, 16);
    else memcpy(out->bytes, bytes + sizeof mapped, 4);
}

bool net_ip_parse(struct net_ip *out, const char *text)
{
    uint8_t bytes[16];
    *out = (struct net_ip){0};
    if (inet_pton(AF_INET, text, out->bytes) == 1) return true;
    if (inet_pton(AF_INET6, text, bytes) != 1) return false;
    set_v6(out, bytes);
    return true;
}

void net_ip_text(char out[NET_IP_TEXT], const struct net_ip *ip)
{
    if (!inet_ntop(ip->v6 ? AF_INET6 : AF_INET, ip->bytes, out, NET_IP_TEXT)) out[0] = '\0';
}

bool net_ip_equal(const struct net_ip *a, const struct net_ip *b)
{
    return a->v6 == b->v6 && memcmp(a->bytes, b->bytes, a->v6 ? 16 : 4) == 0;
}

bool net_ip_is_loopback(const struct net_ip *ip)
{
    static const uint8_t one[16] = {[15] = 1};
    return ip->v6 ? memcmp(ip->bytes, one, 16) == 0 : ip->bytes[0] == 127;
}

bool net_ip_is_near(const struct net_ip *a, const struct net_ip *b)
{
    return a->v6 == b->v6 && memcmp(a->bytes, b->bytes, a->v6 ? 8 : 4) == 0;
}

static void set_end(struct net_end *out, const union address *a)
{
    *out = (struct net_end){0};
    if (a->any.sa_family == AF_INET) {
        memcpy(out->ip.bytes, &a->v4.sin_addr, 4);
        out->port = ntohs(a->v4.sin_port);
    } else if (a->any.sa_family == AF_INET6) {
        set_v6(&out->ip, a->v6.sin6_addr.s6_addr);
        out->port = ntohs(a->v6.sin6_port);
    } else {
        out->local = true;
    }
}

/* ---- listening ---- */

static int socket_new(int family) { return sys_above_standard(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)); }

static void set_option(int fd, int level, int name, int value) { setsockopt(fd, level, name, &value, sizeof value); }

int net_listen(int *fd, const struct net_ip *ip, int port, struct err *e)
{
    union address a = {0};
    char text[NET_IP_TEXT];
    net_ip_text(text, ip);
    *fd = -1;
    if (port < 0 || port > 65535) FAIL(e, ERR_USAGE, "%s: port %d, wanted 0 to 65535", text, port);
    if (ip->v6) {
        a.v6.sin6_family = AF_INET6;
        a.v6.sin6_port = htons((uint16_t)port);
        memcpy(&a.v6.sin6_addr, ip->bytes, 16);
    } else {
        a.v4.sin_family = AF_INET;
        a.v4.sin_port = htons((uint16_t)port);
        memcpy(&a.v4.sin_addr, ip->bytes, 4);
    }
    int s = socket_new(a.any.sa_family);
    if (s >= 0) {
        set_option(s, SOL_SOCKET, SO_REUSEADDR, 1);
        if (ip->v6) set_option(s, IPPROTO_IPV6, IPV6_V6ONLY, 1); /* each address of the list is its own */
    }
    if (s < 0 || bind(s, &a.any, ip->v6 ? sizeof a.v6 : sizeof a.v4) != 0 || listen(s, BACKLOG) != 0) {
        int no = errno;
        if (s >= 0) sys_close(s);
        FAIL(e, no == EADDRINUSE ? ERR_USAGE : call_error(no),
             ip->v6 ? "[%s]:%d: cannot listen: %s" : "%s:%d: cannot listen: %s", text, port, strerror(no));
    }
    *fd = s;
    return OK;
}

/* Whether the socket at path is one that nobody answers. */
static bool is_dead(const union address *a)
{
    struct stat st;
    if (sys_stat(&st, a->un.sun_path, false) != 0 || !S_ISSOCK(st.st_mode)) return false;
    int s = socket_new(AF_UNIX);
    bool dead = s >= 0 && connect(s, &a->any, sizeof a->un) != 0 && errno == ECONNREFUSED;
    if (s >= 0) sys_close(s);
    return dead;
}

int net_listen_path(int *fd, const char *path, struct err *e)
{
    union address a = {.un.sun_family = AF_UNIX};
    *fd = -1;
    if (strlen(path) >= sizeof a.un.sun_path)
        FAIL(e, ERR_USAGE, "%s: %zu bytes, and the path of a socket has at most %zu", path, strlen(path),
             sizeof a.un.sun_path - 1);
    memcpy(a.un.sun_path, path, strlen(path) + 1);
    if (is_dead(&a)) sys_unlink_at(AT_FDCWD, path, 0);
    int s = socket_new(AF_UNIX);
    mode_t before = umask(0177); /* the socket is never open to others, not even for a moment */
    int rc = s < 0 ? -1 : bind(s, &a.any, sizeof a.un), no = errno;
    umask(before);
    if (rc == 0 && listen(s, BACKLOG) != 0) {
        rc = -1;
        no = errno;
        sys_unlink_at(AT_FDCWD, path, 0);
    }
    if (rc != 0) {
        if (s >= 0) sys_close(s);
        FAIL(e, no == EADDRINUSE ? ERR_USAGE : call_error(no), "%s: cannot listen: %s", path, strerror(no));
    }
    *fd = s;
    return OK;
}

void net_remove_path(const char *path) { sys_unlink_at(AT_FDCWD, path, 0); }

int net_listen_given(int fd, struct err *e)
{
    int listening = 0, type = 0;
    socklen_t n = sizeof listening, m = sizeof type;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n) != 0)
        FAIL(e, ERR_USAGE, "descriptor %d was to be a listening socket: %s", fd, strerror(errno));
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &m) != 0 || type != SOCK_STREAM || !listening)
        FAIL(e, ERR_USAGE, "descriptor %d is no listening stream socket", fd);
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
        FAIL(e, ERR_IO, "descriptor %d: %s", fd, strerror(errno));
    return OK;
}

/* A number of digits up to max; -1. */
static long read_number(const char *s, long max)
{
    long n = 0;
    if (!s || *s == '\0') return -1;
    for (; *s; s++) {
        if (*s < '0' || *s > '9') return -1;
        n = n * 10 + (*s - '0');
        if (n > max) return -1;
    }
    return n;
}

int net_given(const char *pid, const char *count)
{
    long n = read_number(count, NET_GIVEN_MAX);
    return n > 0 && read_number(pid, INT_MAX) == getpid() ? (int)n : 0;
}

int net_port(int fd)
{
    union address a = {0};
    socklen_t n = sizeof a;
    struct net_end end;
    if (getsockname(fd, &a.any, &n) != 0) return -1;
    set_end(&end, &a);
    return end.port;
}

/* ---- connections ---- */

int net_accept(int fd, struct net_end *from, struct net_end *to)
{
    union address a = {0}, b = {0};
    socklen_t n = sizeof a, m = sizeof b;
    int s = sys_above_standard(accept4(fd, &a.any, &n, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (s < 0) return -1;
    if (getsockname(s, &b.any, &m) != 0) {
        int no = errno;
        sys_close(s);
        errno = no;
        return -1;
    }
    set_end(from, &a);
    set_end(to, &b);
    if (!from->local) {
        set_option(s, IPPROTO_TCP, TCP_NODELAY, 1); /* a token is sent when it is there */
        set_option(s, SOL_SOCKET, SO_SNDBUF, SEND_BYTES);
    }
    return s;
}

long net_peek(int fd, void *out, size_t n) { return recv(fd, out, n, MSG_PEEK | MSG_DONTWAIT); }
long net_send(int fd, const void *data, size_t n) { return send(fd, data, n, MSG_NOSIGNAL | MSG_DONTWAIT); }
void net_end_output(int fd) { shutdown(fd, SHUT_WR); }
void net_close(int fd) { sys_close(fd); }
uint32_t net_descriptors(uint32_t wanted)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) != 0) return wanted;
    if (r.rlim_cur < wanted) {
        struct rlimit more = {.rlim_cur = r.rlim_max < wanted ? r.rlim_max : wanted, .rlim_max = r.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &more) == 0) r = more;
    }
    return r.rlim_cur < wanted ? (uint32_t)r.rlim_cur : wanted;
}

void net_ignore_sigpipe(void) { signal(SIGPIPE, SIG_IGN); }

bool net_error_is_passing(int no) { return no == EMFILE || no == ENFILE || no == ENOBUFS || no == ENOMEM; }

bool net_error_is_peer(int no)
{
    return no == EAGAIN || no == EWOULDBLOCK || no == EINTR || no == ECONNABORTED || no == EPROTO || no == ENOTCONN ||
           no == ENETDOWN || no == ENOPROTOOPT || no == EHOSTDOWN || no == ENONET || no == EHOSTUNREACH || no == EOPNOTSUPP ||
           no == ENETUNREACH;
}
