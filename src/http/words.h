/* The words of HTTP that several files need: methods, statuses, limits, refusals. */
#ifndef HTTP_WORDS_H
#define HTTP_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Those that are served, in the order in which Allow names them. */
enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_DELETE, HTTP_OPTIONS, HTTP_METHODS };
extern const char *const http_method_names[HTTP_METHODS];

const char *http_status_text(int status); /* "Not Found"; "Status" for one that is not in the table */

/* What a message may take. Bytes of lines are counted without CRLF. */
struct http_limits {
    uint32_t line;        /* the request line: above it 414; a header line: 431 */
    uint32_t head;        /* request line and header lines together, at most 65535: 431 */
    uint32_t fields;      /* header lines, at most HTTP_FIELDS: 431 */
    uint32_t chunk_line;  /* the line with the size of a chunk, extensions included */
    uint32_t chunk_extra; /* all extensions of a body */
    uint32_t trailers;    /* bytes of the lines behind the last chunk */
    uint64_t body;        /* 413 */
};
enum { HTTP_FIELDS = 100 };
extern const struct http_limits http_limits_default;

/* Why a request is not served: a status from 400 on, and one sentence without bytes of the request that could hurt anybody. */
struct http_refusal {
    int status; /* 0: it is served */
    char reason[200];
};
/* Writes it and returns false. */
bool http_refuse(struct http_refusal *r, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Of a name of a field or a method (RFC 9110, section 5.6.2). */
bool http_is_token_byte(unsigned char c);
bool http_is_token(const char *s, size_t n); /* at least one byte */
/* Of the value of a field: visible, blank, tab, or above 127. */
bool http_is_value_byte(unsigned char c);
/* Equal but for the case of ASCII letters. */
bool http_same(const char *a, const char *b);
bool http_same_n(const char *a, size_t n, const char *b);
/* The next word of a list with commas: *s goes behind it. False at the end; empty words are left out. */
bool http_list_next(const char **s, const char **word, size_t *n);

#endif
