/* Who may ask, as far as the head of a request tells: protection against pages of other sites in the browser of somebody who can
 * reach this server (DNS rebinding, cross-site requests). Keys are somebody else's business. */
#ifndef HTTP_GUARD_H
#define HTTP_GUARD_H

#include "http/head.h"
#include "sys/net.h"

/* What a route takes. Zeroed: an unknown path, whose handler answers 404. */
struct http_route {
    unsigned methods;   /* bits HTTP_BIT(HTTP_GET) ...; HEAD comes with GET, OPTIONS always */
    uint64_t body_max;  /* 0: the server's limit */
    bool json;          /* a body must say that it is application/json */
    bool needs_body;    /* POST and PUT without a length are refused with 411 */
    bool page;          /* a link on another site may lead here (GET, the whole window) */
    const void *user;   /* of whoever makes routes */
};
#define HTTP_BIT(method) (1u << (method))

/* Lists end with NULL. Zeroed: this machine's own names only, no other origin. */
struct http_guard {
    const char *const *hosts;   /* names and addresses, without port, beyond localhost and the address that was connected to */
    const char *const *origins; /* "https://chat.example", exactly as browsers send it; "*": any */
    bool any_host;
};

/* What is known of the connection. */
struct http_where {
    struct net_end to; /* our end */
    bool tls;
};

/* Host (421), Origin and Sec-Fetch-Site (403). *cors: the origin of another site that is allowed, or NULL. */
bool http_guard_site(const struct http_guard *g, const struct http_head *h, const struct http_where *w,
                     const struct http_route *route, const char **cors, struct http_refusal *r);
/* The method (405), and what the body is said to be (411, 415). */
bool http_guard_body(const struct http_head *h, const struct http_route *route, struct http_refusal *r);

/* Whether an OPTIONS request is a browser's question before a request of another origin. */
bool http_is_preflight(const struct http_head *h);
/* "GET, HEAD, OPTIONS" */
void http_allow_text(char out[64], unsigned methods);

#endif
