/* Inside http/: a connection, and what its files share.
 *
 *     SNIFF -> SHAKE -> READY -> BODY -> HANDLING -> READY ... -> FLUSH -> LINGER -> DEAD
 *
 * A connection is freed only by the reaper, in a turn of its own, so that whoever is called back may end it. */
#ifndef HTTP_CONN_H
#define HTTP_CONN_H

#include <time.h>
#include "http/server.h"

struct bufferevent;
struct event;
struct event_base;
struct evbuffer;

enum conn_state {
    CONN_SNIFF,    /* a port of TLS: nothing has come yet */
    CONN_SHAKE,    /* the handshake of TLS */
    CONN_READY,    /* between requests, or in a head */
    CONN_BODY,
    CONN_HANDLING, /* the handler has the request, and answers */
    CONN_FLUSH,    /* the last answer goes out */
    CONN_LINGER,   /* it has; what the client still sends is read and dropped, or it would lose the answer */
    CONN_DEAD,
};

struct http_listener {
    struct http_listener *next;
    struct http_server *server;
    struct http_tls *tls;
    struct event *event;
    char *path; /* of a socket in the file system that is ours to remove */
    int fd;
};

struct http_conn {
    struct http_conn *prev, *next;
    struct http_server *server;
    struct http_tls *tls; /* NULL: plain */
    struct bufferevent *bev;
    struct event *sniff; /* the first byte on a port of TLS */
    int fd;
    enum conn_state state;
    bool advancing, doomed, eof, paused; /* paused: reading waits for answers to go out */
    bool named, live, answered, streaming, chunked, no_body, close_after, full;
    struct http_parser parser;
    struct buf body;
    struct http_request request;
    struct http_where where;
    const char *cors, *reason; /* of this request: the other origin that may read; why it was refused */
    struct http_refusal refusal;
    char id[32], peer[NET_IP_TEXT];
    int status;
    uint64_t requests, out_bytes;         /* of the connection; of this answer's body */
    double since, began;                  /* the state's beginning, the request's */
    double window;                        /* since when something has been waiting to go out */
    uint64_t queued, window_sent;         /* bytes ever queued; of them sent when the window began */
    uint64_t counted;                     /* bytes that the server has counted for it */
};

struct http_server {
    struct http_loop *loop;
    struct event_base *base;
    struct http_config config;
    struct http_listener *listeners;
    struct http_conn *conns, *dead;
    struct event *tick, *reap;
    double tick_seconds, accept_again; /* when accepting goes on after descriptors ran out; 0: it is on */
    bool draining;
    double drain_until;
    http_wake_fn *drained;
    void *drained_ctx;
    uint64_t seed, ids;
    time_t date_at;
    char date[40];
    struct http_counts counts;
};

/* conn.c. refuse NULL: a connection like any other; else its only answer. fd is taken in every case. */
void http_conn_open(struct http_server *s, struct http_listener *l, int fd, const struct net_end *from,
                    const struct net_end *to, const struct http_refusal *refuse);
void http_conn_kill(struct http_conn *c); /* at once; not from a call of the handler's */
void http_conn_doom(struct http_conn *c); /* in the next turn */
void http_conn_reap(struct http_server *s);
void http_conn_check_time(struct http_conn *c, double now);
bool http_conn_is_idle(const struct http_conn *c);
void http_conn_count(struct http_conn *c); /* what it takes now */
void http_conn_over(struct http_conn *c);  /* the answer to a request that was with the handler is complete */

/* request.c: what a head and the whole request lead to. */
void http_conn_take_head(struct http_conn *c);
void http_conn_take_request(struct http_conn *c);
void http_conn_name(struct http_conn *c); /* gives the request its id */

/* reply.c */
void http_conn_refuse(struct http_conn *c); /* c->refusal is the answer, and the last one */
void http_conn_log(struct http_conn *c, bool gone);
size_t http_conn_waiting(const struct http_conn *c); /* bytes to go out */
void http_conn_add(struct http_conn *c, const void *data, size_t n);

#endif
