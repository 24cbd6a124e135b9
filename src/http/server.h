/* The HTTP server: sockets, connections, requests and answers. One thread, that of its loop; all calls below come from there.
 *
 * A request is handed to a handler, which answers it at once or later, whole (http_reply) or in pieces (http_stream_*). The
 * pointer is good until the answer is complete, or until `closed` has been called because the client has gone: exactly one of the
 * two happens to each request, and `closed` is never called from inside a call of the handler's. Answers to a client that has
 * gone, of which `closed` has not told yet, go nowhere. */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "http/guard.h"
#include "http/loop.h"
#include "http/parse.h"

struct http_tls; /* http/tls.h */
struct http_server;

struct http_request {
    enum http_method method;
    const char *path, *query;     /* as in struct http_head */
    const struct http_head *head; /* NULL when a request was refused before its head was whole */
    const char *body;             /* whole, with a NUL behind it */
    size_t body_len;
    const char *id;               /* what x-request-id says */
    const char *peer;             /* the client's address, or "unix" */
    struct net_end from;
    bool tls;
    struct http_route route;
    /* of the handler */
    void *user;
    void (*closed)(struct http_request *r);  /* the client has gone, or was too slow: nobody reads an answer */
    void (*drained)(struct http_request *r); /* http_stream_write had said that much waits; little does now */
};

/* A line of an answer; a list ends with a NULL name. */
struct http_field {
    const char *name, *value;
};

/* One request that is over, for the log. */
struct http_done {
    enum http_method method;
    const char *path; /* NULL: refused before it was known */
    const char *id, *peer;
    const void *user; /* the request's, unless it was refused before the handler had it */
    int status; /* 0: gone before an answer began */
    bool gone;  /* before the answer was complete */
    const char *reason; /* of a refusal, else NULL */
    uint64_t body_in, body_out;
    double seconds; /* since the first byte */
};

struct http_handler {
    void *ctx;
    /* What the route of r->path takes. Only looks. */
    void (*route)(void *ctx, const struct http_request *r, struct http_route *route);
    /* The head has come, and passed all checks; NULL allowed. May answer with http_reply: then the body is never read. */
    void (*admit)(void *ctx, struct http_request *r);
    /* The request has come. */
    void (*handle)(void *ctx, struct http_request *r);
    /* The body (JSON) of a refusal, where the usual one does not do; NULL allowed. r may be known in parts only. */
    void (*refuse)(void *ctx, const struct http_request *r, const struct http_refusal *why, struct buf *json);
    void (*log)(void *ctx, const struct http_done *d); /* NULL allowed */
};

/* Seconds. */
struct http_times {
    double head;     /* from the first byte (or connecting) to the end of the head, TLS included */
    double idle;     /* between requests */
    double body;     /* a body may come slowly for so long, ... */
    double stall;    /* an answer is given up when its reader takes less than slow_out bytes a second for so long */
    double linger;   /* what still comes after a refusal is read for so long */
};

struct http_config {
    struct http_limits limits;
    struct http_times times;
    double slow_in, slow_out;  /* bytes per second: ... then must have come as fast as this since its beginning */
    uint32_t connections;      /* at once; fewer where the process may have fewer descriptors. Above, the longest idle one goes */
    uint32_t per_peer;         /* of one address that is not this machine; 0: no limit */
    uint64_t memory;           /* bytes in all buffers together */
    size_t ahead;              /* bytes that a client may send ahead of an answer */
    size_t stream_high, stream_low; /* bytes that wait: above high http_stream_write says so, at low `drained` is called */
    size_t stream_max;         /* above it the connection is given up */
    struct http_guard guard;   /* its lists must outlive the server */
    struct http_handler handler;
};
extern const struct http_config http_config_default; /* without handler */

int http_server_open(struct http_server **out, struct http_loop *l, const struct http_config *c, struct err *e);
/* Ends all connections (`closed` is called) and frees. NULL allowed. Not from inside a callback of the server. */
void http_server_close(struct http_server *s);

/* Listens. address: numbers, "localhost" (127.0.0.1, and ::1 where there is IPv6) or "*" (all of both kinds). *port: 0 becomes
 * the port that was given. tls: NULL for plain HTTP; kept, not owned. */
int http_server_listen(struct http_server *s, const char *address, int *port, struct http_tls *tls, struct err *e);
/* A socket in the file system, for the same user; removed in the end. */
int http_server_listen_path(struct http_server *s, const char *path, struct err *e);
/* A listening socket that was handed over (sys/net.h:net_given); owned from here on. */
int http_server_listen_fd(struct http_server *s, int fd, struct http_tls *tls, struct err *e);

/* Answers. Fields of the framing and of the connection are the server's: given ones are left out. Usual fields (Content-Type:
 * application/json, Cache-Control: no-store, ...) are added unless given. Bytes that would end a line become '?'. */
void http_reply(struct http_request *r, int status, const struct http_field *fields, const void *body, size_t len);
/* The same without a copy: body's memory is taken, and body is empty afterwards. */
void http_reply_take(struct http_request *r, int status, const struct http_field *fields, struct buf *body);
/* The same with the body that the server makes of a refusal; http_refuse makes one. */
void http_reply_refusal(struct http_request *r, const struct http_refusal *why, const struct http_field *fields);
void http_stream_begin(struct http_request *r, int status, const struct http_field *fields);
/* One piece, sent as one chunk. Returns how many bytes wait to be sent: above stream_high the caller should stop until
 * `drained`. 0 also when the client has gone, of which `closed` tells soon. */
size_t http_stream_write(struct http_request *r, const void *data, size_t len);
void http_stream_end(struct http_request *r);
/* Ends the connection without the end of the answer, so that nobody takes what came for all of it. */
void http_stream_abort(struct http_request *r);
/* The body is needed no more; its memory is given back. */
void http_request_drop_body(struct http_request *r);
const char *http_header(const struct http_request *r, const char *name); /* name in small letters; NULL */

/* Stops listening, ends idle connections and lets running requests come to their end, for so many seconds; then calls done. */
void http_server_drain(struct http_server *s, double seconds, http_wake_fn *done, void *ctx);

struct http_counts {
    uint32_t connections, idle, most_connections, connections_max;
    uint64_t bytes, most_bytes; /* in all buffers */
    uint64_t accepted, turned_away; /* connections: all, and those over a limit */
    uint64_t requests, refused;     /* heads that were whole or refused; the refused ones */
    uint64_t gone;                  /* clients that left before their answer was complete */
    uint64_t too_slow, over_memory, made_room; /* connections ended for it */
};
struct http_counts http_counts(const struct http_server *s);

#endif
