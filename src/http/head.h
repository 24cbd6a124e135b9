/* The head of a request: its first line and its header lines, checked as they come. Everything is held to the grammar of
 * RFC 9112 and 9110, and where these allow two readings or a choice, the request is refused: two programs in a row that read one
 * request differently are the way in for the second one hidden behind it. */
#ifndef HTTP_HEAD_H
#define HTTP_HEAD_H

#include "base/buf.h"
#include "http/words.h"

enum { HTTP_PORT_NONE = -1 };

/* A header line: places in the text of the head. */
struct http_head_field {
    uint16_t name, value;
};

/* Valid after http_head_end: strings end with NUL and contain none. Names are in small letters. */
struct http_head {
    enum http_method method;
    int minor;             /* HTTP/1.minor */
    const char *path;      /* percent-decoded once, UTF-8, without control characters, "." or ".."; or "*" */
    const char *query;     /* as it came, without the question mark; "" */
    const char *host;      /* in small letters, without port and brackets */
    int port;              /* of Host; HTTP_PORT_NONE */
    bool keep_alive;       /* the client wants the connection to stay */
    bool wants_continue;   /* it waits for 100 before it sends the body */
    bool chunked, has_length;
    uint64_t length;       /* of Content-Length */
    uint32_t n_fields;
    struct http_head_field fields[HTTP_FIELDS];
    struct buf text;       /* owned: the lines, each with a NUL behind it */
    /* while reading */
    uint32_t line, lines;  /* where the line begins, lines so far */
    uint16_t target, target_query, authority; /* places; 0: none */
};

void http_head_free(struct http_head *h);
void http_head_clear(struct http_head *h); /* for the next request; gives the memory back */
/* A whole line has been put behind text[line], with NUL: takes it. */
bool http_head_take_line(struct http_head *h, const struct http_limits *l, struct http_refusal *r);
/* The empty line has come: what must agree between lines. */
bool http_head_end(struct http_head *h, struct http_refusal *r);

/* Whether a line of that name, in any case, may come once only. */
bool http_head_is_single(const char *name, size_t n);

/* The first value of a name given in small letters, or NULL. */
const char *http_head_get(const struct http_head *h, const char *name);
/* The value number *at or later of that name; *at goes behind it. NULL when there is none. */
const char *http_head_next(const struct http_head *h, const char *name, uint32_t *at);

/* "host", "host:port", "[v6]", "[v6]:port". host is cut out of s in place (small letters, no brackets). */
bool http_split_host(char *s, const char **host, int *port);

/* The parameter of a query, percent- and plus-decoded, into out; false when it is missing, malformed or too long. */
bool http_query_get(const char *query, const char *name, char *out, size_t cap);

#endif
