/* A request out of bytes, in whatever pieces they come: the same bytes give the same result however they are cut. No sockets
 * here and nothing that waits.
 *
 *     http_parse -> HTTP_STEP_HEAD, then http_parser_accept -> HTTP_STEP_BODY any number of times -> HTTP_STEP_END
 *
 * and HTTP_STEP_MORE whenever the bytes are used up. After HTTP_STEP_BAD the refusal says why; the connection can carry nothing
 * more, since nobody knows where a next request would begin. */
#ifndef HTTP_PARSE_H
#define HTTP_PARSE_H

#include "http/head.h"

enum http_step { HTTP_STEP_MORE, HTTP_STEP_HEAD, HTTP_STEP_BODY, HTTP_STEP_END, HTTP_STEP_BAD };

struct http_parser {
    struct http_limits limits;
    struct http_head head; /* whole from HTTP_STEP_HEAD until http_parser_next */
    struct http_refusal refusal;
    int state;
    bool cr, begun, skipped; /* the last byte was CR; a byte of the request has come; so has an empty line before it */
    uint32_t head_bytes, extra_bytes, trailer_bytes;
    uint64_t body_max, body_bytes, left; /* so far; of the body or chunk to come */
    struct buf line;                     /* of a chunk or trailer */
};

void http_parser_init(struct http_parser *p, const struct http_limits *l);
void http_parser_free(struct http_parser *p);
/* Forgets the request that has ended, for the next one on the connection. */
void http_parser_next(struct http_parser *p);
/* Takes bytes from data: *used of n. With HTTP_STEP_BODY, [*body, *body + *body_len) of them are the body's. */
enum http_step http_parse(struct http_parser *p, const char *data, size_t n, size_t *used, const char **body, size_t *body_len);
/* After HTTP_STEP_HEAD: the body may have max bytes. False, and HTTP_STEP_BAD from now on, when the head already says more.
 * Without this call it is the limit of http_parser_init. */
bool http_parser_accept(struct http_parser *p, uint64_t max);

#endif
