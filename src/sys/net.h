/* Sockets of a server: addresses as they are written, listening, accepting. Nothing here resolves a name or connects outward. */
#ifndef SYS_NET_H
#define SYS_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

/* An address of IPv4 (v6 false, 4 bytes) or IPv6. One of IPv4 written in IPv6 (::ffff:1.2.3.4) is one of IPv4. */
struct net_ip {
    bool v6;
    uint8_t bytes[16];
};

enum { NET_IP_TEXT = 48 };
bool net_ip_parse(struct net_ip *out, const char *text); /* numbers only, no brackets, no zone */
void net_ip_text(char out[NET_IP_TEXT], const struct net_ip *ip);
bool net_ip_equal(const struct net_ip *a, const struct net_ip *b);
bool net_ip_is_loopback(const struct net_ip *ip);
/* Whether both are likely to be one machine: equal, or of IPv6 the same network of 64 bits. */
bool net_ip_is_near(const struct net_ip *a, const struct net_ip *b);

/* One end of a connection. */
struct net_end {
    bool local; /* a socket in the file system: no address */
    struct net_ip ip;
    int port;
};

/* Listening sockets: not blocking, closed on exec, above the standard descriptors. Port 0: any that is free. */
int net_listen(int *fd, const struct net_ip *ip, int port, struct err *e);
/* A socket in the file system that only its owner may use. One that a dead process left is replaced, any other file is not. */
int net_listen_path(int *fd, const char *path, struct err *e);
void net_remove_path(const char *path); /* of such a socket */
/* fd was handed over by whoever started us: it must be a listening stream socket. */
int net_listen_given(int fd, struct err *e);
/* How many sockets from descriptor NET_GIVEN_FIRST on were handed over, by what the environment says (LISTEN_PID, LISTEN_FDS;
 * NULL allowed): 0 when they are for another process or the words are no numbers. */
int net_given(const char *pid, const char *count);
enum { NET_GIVEN_FIRST = 3, NET_GIVEN_MAX = 64 };
int net_port(int fd); /* of a listening socket; 0 for one in the file system, -1 */

/* A connection, not blocking, with both its ends; -1 with errno. */
int net_accept(int fd, struct net_end *from, struct net_end *to);
/* What can be seen without taking it: number of bytes, 0 at the end, -1 with errno. */
long net_peek(int fd, void *out, size_t n);
/* Sends what goes out at once, and never raises SIGPIPE. */
long net_send(int fd, const void *data, size_t n);
void net_end_output(int fd); /* the other side sees the end; reading goes on */
void net_close(int fd);
/* Descriptors that this process may have: raised to `wanted` where the system allows it. */
uint32_t net_descriptors(uint32_t wanted);
void net_ignore_sigpipe(void); /* for the whole process: writing to a peer that is gone is an error, not a signal */
bool net_error_is_passing(int no); /* accept failed by what waiting mends: descriptors, memory */
bool net_error_is_peer(int no);    /* it failed by that connection alone, or there is none */

#endif
