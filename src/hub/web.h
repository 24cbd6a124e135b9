/* GET over HTTP and HTTPS (libcurl), with redirects followed here and not by the library, because the rules matter:
 * a secret goes to the host it is meant for and to no other, an encrypted chain never becomes a plain one, at most
 * WEB_HOPS steps. Nothing here reads the environment. */
#ifndef HUB_WEB_H
#define HUB_WEB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "hub/ref.h"

enum { WEB_HOPS = 10, WEB_FIELD = 200 };

struct web_options {
    const char *agent;                         /* User-Agent */
    const char *proxy_http, *proxy_https;      /* NULL: none */
    const char *no_proxy;                      /* hosts, comma-separated; NULL: none. This machine never needs one */
    const char *ca_file;                       /* NULL: the system's certificates */
    int connect_seconds, stall_seconds;        /* give up when connecting, or without data, for so long */
    bool (*stop)(void *ctx);                   /* asked at least once a second; true ends all with ERR_INTERRUPTED */
    void *stop_ctx;
};

struct web; /* keeps connections open between requests; one thread at a time */
int web_open(struct web **out, const struct web_options *o, struct err *e);
void web_close(struct web *h); /* NULL allowed */

/* What is known of a reply. Text fields are "" and numbers -1 when the header is missing or malformed. */
struct web_reply {
    long status;   /* 0: no reply came */
    bool broken;   /* the connection failed or broke: another try may help */
    bool moved;    /* the reply is not from the site that was asked first */
    bool page;     /* it is a page of HTML */
    int hops;
    char from[WEB_FIELD]; /* the last address, without its query (which may be a signature): for messages */
    int64_t length, range_first, range_total, retry_after;
    char etag[WEB_FIELD], error_code[WEB_FIELD], error_text[WEB_FIELD];
    char next[HUB_URL_MAX]; /* Link: <...>; rel="next" */
    /* of the first reply that has them, from the site asked first: the hub's own words before it sends us on */
    char commit[WEB_FIELD], linked_etag[WEB_FIELD];
    int64_t linked_size;
};

/* begin is called once when the last reply is a good one (2xx), also if it has no body; body then gets the bytes. An
 * error from either ends the request and is what web_get returns. */
typedef int web_begin_fn(void *ctx, const struct web_reply *r, struct err *e);
typedef int web_body_fn(void *ctx, const void *data, size_t n, struct err *e);

struct web_request {
    const char *url;
    const char *token; /* NULL: none. Sent to the site of url only, and only encrypted or inside this machine */
    uint64_t from;     /* above 0: Range: bytes=from- */
    web_begin_fn *begin;
    web_body_fn *body;
    void *ctx;
};
/* OK when a whole reply came, whatever its status. ERR_NETWORK when none came or it broke off (r->broken), or a
 * redirect was refused. */
int web_get(struct web *h, const struct web_request *q, struct web_reply *r, struct err *e);
/* The whole body of a good reply, at most max bytes; empty for other statuses. */
int web_get_text(struct web *h, const char *url, const char *token, size_t max, struct buf *out, struct web_reply *r,
                  struct err *e);

/* Is another try sensible after this reply (429, 408, 5xx, broken)? */
bool web_may_retry(const struct web_reply *r);
/* out: where a reply from url with this Location leads; ERR_NETWORK when a redirect may not lead there. */
int web_follow(char out[HUB_URL_MAX], const char *url, const char *location, struct err *e);
/* Do both addresses have the same scheme, host and port? */
bool web_same_site(const char *a, const char *b);
/* http to this machine only, or https to anywhere. */
bool web_is_private(const char *url);
/* Is url a valid http or https address without user name? */
bool web_url_ok(const char *url);
/* Appends s as one component of a path, percent-encoded; slashes stay when keep_slashes. */
void web_add_path(struct buf *b, const char *s, bool keep_slashes);

#endif
