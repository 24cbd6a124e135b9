/* A small HTTP server on loopback that behaves like a model hub and the store behind it, and misbehaves on demand. Two
 * ports: the hub (lists, resolve addresses) and the store (bytes), so that a redirect goes to another host. One thread
 * per connection, one request per connection. */
#ifndef TESTS_HUB_SERVER_H
#define TESTS_HUB_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hub_server;

enum fault {
    FAULT_NONE,
    FAULT_BREAK,     /* the connection breaks after `at` bytes of the body */
    FAULT_STALL,     /* nothing more comes after `at` bytes, the connection stays open */
    FAULT_SLOW,      /* `at` bytes every 10 ms; for looking at progress */
    FAULT_NO_RANGE,  /* Range is ignored: 200 and all bytes; breaks after `at` bytes when that is not 0 */
    FAULT_BAD_RANGE, /* 206 from another place than was asked for */
    FAULT_416,       /* Range is refused */
    FAULT_CORRUPT,   /* byte `at` is wrong */
    FAULT_LONG,      /* more bytes than the list says; the length says so too when at is 1 */
    FAULT_EXPIRED,   /* the store answers 403 */
    FAULT_BUSY,      /* 429 with Retry-After: `at` */
    FAULT_500,
    FAULT_PAGE,         /* 200 and a page of HTML */
    FAULT_LOOP,         /* resolve redirects to itself */
    FAULT_SCHEME,       /* resolve redirects to ftp:// */
    FAULT_USER,         /* resolve redirects to an address with a user name */
    FAULT_OTHER_COMMIT, /* X-Repo-Commit is not the one asked for */
    FAULT_OTHER_HASH,   /* X-Linked-Etag is not the one listed */
    FAULT_PING_PONG,    /* the store sends back to the hub, which then serves the bytes: the token must not come back */
};

struct fault_plan {
    enum fault kind;
    int times;        /* so often, then all is well; below 0: always */
    size_t at;
    const char *only; /* only requests whose path holds this; NULL: all that the fault is about */
};

/* What was seen. */
struct server_seen {
    int hub, store, resolves, ranges, pages; /* requests; of them with Range; pages of lists */
    int hub_tokens, store_tokens;            /* requests with Authorization */
    uint64_t sent;                           /* bytes of bodies of files */
    uint64_t last_range;
};

/* NULL when there are no sockets. The data of files is borrowed. */
struct hub_server *server_start(void);
void server_stop(struct hub_server *s);
const char *server_hub(const struct hub_server *s);   /* "http://127.0.0.1:PORT" */
const char *server_store(const struct hub_server *s);
void server_add(struct hub_server *s, const char *repo, const char *path, const void *data, size_t size, bool large);
/* A file that is listed but cannot be fetched. */
void server_claim(struct hub_server *s, const char *repo, const char *path, size_t size);
void server_set_commit(struct hub_server *s, const char *commit);
void server_set_page(struct hub_server *s, int entries); /* of a list; 0: all on one */
void server_fault(struct hub_server *s, struct fault_plan plan);
struct server_seen server_seen(struct hub_server *s); /* and begins to count anew */

#endif
