/* GET over HTTP and HTTPS (libcurl), with redirects followed here and not by the library, because the rules matter:
 * a secret goes to the host it is meant for and to no other, an encrypted chain never becomes a plain one, at most
 * HTTP_HOPS steps. Nothing here reads the environment. */
#ifndef HUB_HTTP_H
#define HUB_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "hub/ref.h"

enum { HTTP_HOPS = 10, HTTP_FIELD = 200 };

struct http_options {
    const char *agent;                         /* User-Agent */
    const char *proxy_http, *proxy_https;      /* NULL: none */
    const char *no_proxy;                      /* hosts, comma-separated; NULL: none. This machine never needs one */
    const char *ca_file;                       /* NULL: the system's certificates */
    int connect_seconds, stall_seconds;        /* give up when connecting, or without data, for so long */
    bool (*stop)(void *ctx);                   /* asked at least once a second; true ends all with ERR_INTERRUPTED */
    void *stop_ctx;
};

struct http; /* keeps connections open between requests; one thread at a time */
int http_open(struct http **out, const struct http_options *o, struct err *e);
void http_close(struct http *h); /* NULL allowed */

/* What is known of a reply. Text fields are "" and numbers -1 when the header is missing or malformed. */
struct http_reply {
    long status;   /* 0: no reply came */
    bool broken;   /* the connection failed or broke: another try may help */
    bool moved;    /* the reply is not from the site that was asked first */
    bool page;     /* it is a page of HTML */
    int hops;
    char from[HTTP_FIELD]; /* the last address, without its query (which may be a signature): for messages */
    int64_t length, range_first, range_total, retry_after;
    char etag[HTTP_FIELD], error_code[HTTP_FIELD], error_text[HTTP_FIELD];
    char next[HUB_URL_MAX]; /* Link: <...>; rel="next" */
    /* of the first reply that has them, from the site asked first: the hub's own words before it sends us on */
    char commit[HTTP_FIELD], linked_etag[HTTP_FIELD];
    int64_t linked_size;
};

/* begin is called once when the last reply is a good one (2xx), also if it has no body; body then gets the bytes. An
 * error from either ends the request and is what http_get returns. */
typedef int http_begin_fn(void *ctx, const struct http_reply *r, struct err *e);
typedef int http_body_fn(void *ctx, const void *data, size_t n, struct err *e);

struct http_request {
    const char *url;
    const char *token; /* NULL: none. Sent to the site of url only, and only encrypted or inside this machine */
    uint64_t from;     /* above 0: Range: bytes=from- */
    http_begin_fn *begin;
    http_body_fn *body;
    void *ctx;
};
/* OK when a whole reply came, whatever its status. ERR_NETWORK when none came or it broke off (r->broken), or a
 * redirect was refused. */
int http_get(struct http *h, const struct http_request *q, struct http_reply *r, struct err *e);
/* The whole body of a good reply, at most max bytes; empty for other statuses. */
int http_get_text(struct http *h, const char *url, const char *token, size_t max, struct buf *out, struct http_reply *r,
                  struct err *e);

/* Is another try sensible after this reply (429, 408, 5xx, broken)? */
bool http_may_retry(const struct http_reply *r);
/* out: where a reply from url with this Location leads; ERR_NETWORK when a redirect may not lead there. */
int http_follow(char out[HUB_URL_MAX], const char *url, const char *location, struct err *e);
/* Do both addresses have the same scheme, host and port? */
bool http_same_site(const char *a, const char *b);
/* http to this machine only, or https to anywhere. */
bool http_is_private(const char *url);
/* Is url a valid http or https address without user name? */
bool http_url_ok(const char *url);
/* Appends s as one component of a path, percent-encoded; slashes stay when keep_slashes. */
void http_add_path(struct buf *b, const char *s, bool keep_slashes);

#endif
