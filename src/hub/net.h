/* How a hub is spoken to: address, token, patience; and what its refusals mean. */
#ifndef HUB_NET_H
#define HUB_NET_H

#include "hub/web.h"

struct hub_net {
    struct web *http;
    const char *endpoint; /* without a slash at the end */
    const char *token;    /* NULL: none */
    int tries;            /* of one request, or of one file without any progress in between */
    double backoff;       /* seconds before the second try; doubled for each further one */
    void (*say)(void *ctx, const char *text); /* a line for people; NULL allowed */
    bool (*stop)(void *ctx);                  /* NULL allowed */
    void *ctx;
};

void net_say(const struct hub_net *n, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool net_stopped(const struct hub_net *n);

/* After the failures-th failure in a row, told in *e: waits as long as the server asks, or longer and longer; OK: try
 * again. Otherwise *e stays, is returned, and says how many tries there were. */
int net_wait(const struct hub_net *n, int failures, const struct web_reply *r, struct err *e);

/* The error for a reply that is neither good nor worth another try. `what` names the file or model, page is where a
 * person can look. */
int net_refused(const struct hub_net *n, const struct web_reply *r, const char *what, const char *page, struct err *e);

/* GET of a JSON text below the endpoint, with tries. *out is owned by the caller: json_decref. `what` as above. */
struct json_t;
int net_get_json(const struct hub_net *n, struct json_t **out, const char *url, const char *what, const char *page,
                 struct web_reply *r, struct err *e);

#endif
