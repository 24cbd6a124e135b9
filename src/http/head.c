/* The head of a request. */
#include "http/head.h"
#include <string.h>
#include "base/checked.h"
#include "base/utf8.h"
#include "sys/net.h"

enum { LENGTH_DIGITS = 18 };

/* Lines that mean something to us and must not come twice: of two, the programs before and behind us could each take another. */
static const char *const single_fields[] = {
    "host", "content-length", "transfer-encoding", "content-type", "content-encoding", "expect", "authorization", "x-api-key",
    "origin", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest", "access-control-request-method",
};

void http_head_free(struct http_head *h)
{
    buf_free(&h->text);
    *h = (struct http_head){0};
}

void http_head_clear(struct http_head *h) { http_head_free(h); }

/* ---- the first line ---- */

static int hex_digit(unsigned char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_path_byte(unsigned char c)
{
    return c != '\0' && ((c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || strchr("-._~!$&'()*+,;=:@/%", c));
}

/* Browsers do not encode the last eight. */
static bool is_query_byte(unsigned char c) { return is_path_byte(c) || (c != '\0' && strchr("?[]{}|^`\\", c)); }

static bool check_segments(const char *path, struct http_refusal *r)
{
    for (const char *s = path; *s == '/';) {
        size_t n = strcspn(++s, "/");
        if ((n == 1 && s[0] == '.') || (n == 2 && s[0] == '.' && s[1] == '.'))
            return http_refuse(r, 400, "the path has a segment \"%.*s\"", (int)n, s);
        s += n;
    }
    return true;
}

/* Decodes once and in place. A slash may be encoded: names of models have some. */
static bool decode_path(char *path, struct http_refusal *r)
{
    char *to = path;
    for (const char *s = path; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (!is_path_byte(c)) return http_refuse(r, 400, "the path has the byte 0x%02x, which must be percent-encoded", c);
        if (c == '%') {
            int high = hex_digit((unsigned char)s[1]), low = high < 0 ? -1 : hex_digit((unsigned char)s[2]);
            if (low < 0) return http_refuse(r, 400, "the path has a %% without two hexadecimal digits");
            c = (unsigned char)(high * 16 + low);
            s += 2;
            if (c < ' ' || c == 0x7f || c == '\\') return http_refuse(r, 400, "the path has the encoded byte 0x%02x", c);
        }
        *to++ = (char)c;
    }
    *to = '\0';
    if (!utf8_valid(path, (size_t)(to - path), NULL)) return http_refuse(r, 400, "the path is not UTF-8");
    return check_segments(path, r);
}

static bool check_query(const char *query, struct http_refusal *r)
{
    for (const char *s = query; *s; s++) {
        if (!is_query_byte((unsigned char)*s))
            return http_refuse(r, 400, "the query has the byte 0x%02x, which must be percent-encoded", (unsigned char)*s);
        if (*s == '%' && (hex_digit((unsigned char)s[1]) < 0 || hex_digit((unsigned char)s[2]) < 0))
            return http_refuse(r, 400, "the query has a %% without two hexadecimal digits");
    }
    return true;
}

/* "/path?query", "http://authority/path?query" or "*". */
static bool take_target(struct http_head *h, char *target, struct http_refusal *r)
{
    char *text = h->text.data, *path = target;
    size_t scheme = http_same_n(target, strnlen(target, 7), "http://")    ? 7
                    : http_same_n(target, strnlen(target, 8), "https://") ? 8
                                                                          : 0;
    if (strcmp(target, "*") == 0) {
        if (h->method != HTTP_OPTIONS) return http_refuse(r, 400, "the target \"*\" is for OPTIONS only");
        h->target = (uint16_t)(target - text);
        return true;
    }
    if (scheme) {
        /* One byte forward, so that a NUL fits between authority and path. */
        char *authority = target + scheme - 1;
        size_t n = strcspn(authority + 1, "/?");
        memmove(authority, authority + 1, n);
        authority[n] = '\0';
        h->authority = (uint16_t)(authority - text);
        path = authority + n + 1;
    }
    char *query = strchr(path, '?');
    if (query) {
        *query = '\0';
        h->target_query = (uint16_t)(query + 1 - text);
        if (!check_query(query + 1, r)) return false;
    }
    if (!scheme && *path != '/')
        return http_refuse(r, 400, "the target of the request is neither a path nor an address of http");
    if (*path == '\0') return true; /* the root */
    h->target = (uint16_t)(path - text);
    return decode_path(path, r);
}

static bool take_version(struct http_head *h, const char *s, struct http_refusal *r)
{
    bool good = strlen(s) == 8 && strncmp(s, "HTTP/", 5) == 0 && s[5] >= '0' && s[5] <= '9' && s[6] == '.' && s[7] >= '0' &&
                s[7] <= '9';
    if (!good) return http_refuse(r, 400, "the request line does not end with HTTP/1.1");
    if (s[5] != '1' || s[7] > '1')
        return http_refuse(r, 505, "the request is of HTTP/%c.%c, served are 1.0 and 1.1", s[5], s[7]);
    h->minor = s[7] - '0';
    return true;
}

static bool take_request_line(struct http_head *h, char *s, struct http_refusal *r)
{
    char *target = strchr(s, ' '), *version = target ? strchr(target + 1, ' ') : NULL;
    if (!version) return http_refuse(r, 400, "the request line has no three words");
    *target++ = *version++ = '\0';
    if (!http_is_token(s, strlen(s))) return http_refuse(r, 400, "the request line does not begin with a method");
    if (*target == '\0') return http_refuse(r, 400, "the request line has two blanks in a row");
    if (!take_version(h, version, r)) return false;
    int m = 0;
    while (m < HTTP_METHODS && strcmp(s, http_method_names[m]) != 0) m++;
    if (m == HTTP_METHODS) return http_refuse(r, 501, "the method is none of GET, HEAD, POST, PUT, DELETE, OPTIONS");
    h->method = (enum http_method)m;
    return take_target(h, target, r);
}

/* ---- header lines ---- */

bool http_head_is_single(const char *name, size_t n)
{
    for (size_t i = 0; i < ARRAY_LEN(single_fields); i++)
        if (http_same_n(name, n, single_fields[i])) return true;
    return false;
}

static bool take_field(struct http_head *h, char *s, uint32_t max, struct http_refusal *r)
{
    uint32_t number = h->n_fields + 1;
    if (h->n_fields >= max) return http_refuse(r, 431, "the request has more than %u header lines", max);
    if (*s == ' ' || *s == '\t') return http_refuse(r, 400, "header line %u begins with a blank (a folded line)", number);
    char *colon = strchr(s, ':');
    if (!colon) return http_refuse(r, 400, "header line %u has no colon", number);
    if (!http_is_token(s, (size_t)(colon - s))) {
        bool blank = colon > s && (colon[-1] == ' ' || colon[-1] == '\t');
        return http_refuse(r, 400, blank ? "header line %u has a blank before its colon" : "header line %u has no valid name",
                           number);
    }
    *colon = '\0';
    for (char *c = s; c < colon; c++)
        if (*c >= 'A' && *c <= 'Z') *c = (char)(*c + 32);
    char *value = colon + 1 + strspn(colon + 1, " \t"), *end = value + strlen(value);
    while (end > value && (end[-1] == ' ' || end[-1] == '\t')) end--;
    *end = '\0';
    if (http_head_is_single(s, (size_t)(colon - s)) && http_head_get(h, s))
        return http_refuse(r, 400, "header line %u: a second %s", number, s);
    h->fields[h->n_fields++] = (struct http_head_field){(uint16_t)(s - h->text.data), (uint16_t)(value - h->text.data)};
    return true;
}

bool http_head_take_line(struct http_head *h, const struct http_limits *l, struct http_refusal *r)
{
    char *s = h->text.data + h->line;
    uint32_t max = l->fields < HTTP_FIELDS ? l->fields : HTTP_FIELDS;
    return h->lines++ == 0 ? take_request_line(h, s, r) : take_field(h, s, max, r);
}

const char *http_head_next(const struct http_head *h, const char *name, uint32_t *at)
{
    while (*at < h->n_fields) {
        const struct http_head_field *f = &h->fields[(*at)++];
        if (strcmp(h->text.data + f->name, name) == 0) return h->text.data + f->value;
    }
    return NULL;
}

const char *http_head_get(const struct http_head *h, const char *name)
{
    uint32_t at = 0;
    return http_head_next(h, name, &at);
}

/* ---- what must agree ---- */

static bool is_host_name(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!((s[i] >= '0' && s[i] <= '9') || ((s[i] | 32) >= 'a' && (s[i] | 32) <= 'z') || s[i] == '-' || s[i] == '.' ||
              s[i] == '_'))
            return false;
    return n > 0 && n <= 253;
}

bool http_split_host(char *s, const char **host, int *port)
{
    struct net_ip ip;
    char *end = *s == '[' ? strchr(s, ']') : s + strcspn(s, ":"), *rest = end;
    if (!end) return false;
    *host = s;
    if (*s == '[') {
        ++*host;
        rest = end + 1;
    }
    *port = HTTP_PORT_NONE;
    if (*rest == ':') {
        size_t n = strspn(rest + 1, "0123456789");
        if (n < 1 || n > 5 || rest[1 + n] != '\0' || rest[1] == '0') return false;
        *port = 0;
        for (size_t i = 0; i < n; i++) *port = *port * 10 + (rest[1 + i] - '0');
        if (*port > 65535) return false;
    } else if (*rest != '\0') {
        return false;
    }
    *end = '\0';
    for (char *c = s; c < end; c++)
        if (*c >= 'A' && *c <= 'Z') *c = (char)(*c + 32);
    return *s == '[' ? strchr(*host, ':') && net_ip_parse(&ip, *host) : is_host_name(*host, strlen(*host));
}

static bool check_host(struct http_head *h, struct http_refusal *r)
{
    uint32_t at = 0;
    if (!http_head_next(h, "host", &at)) return http_refuse(r, 400, "the request has no Host line");
    char *host = h->text.data + h->fields[at - 1].value;
    const char *same = h->authority ? h->text.data + h->authority : NULL;
    if (same && !http_same(same, host)) return http_refuse(r, 400, "Host is not the host of the request line");
    if (!http_split_host(host, &h->host, &h->port)) return http_refuse(r, 400, "Host is not a name with an optional port");
    return true;
}

static bool check_length(struct http_head *h, struct http_refusal *r)
{
    const char *length = http_head_get(h, "content-length"), *coding = http_head_get(h, "transfer-encoding");
    if (length && coding) return http_refuse(r, 400, "the request has both Content-Length and Transfer-Encoding");
    if (coding) {
        if (h->minor == 0) return http_refuse(r, 400, "a request of HTTP/1.0 has no Transfer-Encoding");
        if (*coding == '\0') return http_refuse(r, 400, "Transfer-Encoding is empty");
        if (!http_same(coding, "chunked")) return http_refuse(r, 501, "Transfer-Encoding is not \"chunked\" alone");
        h->chunked = true;
    }
    if (length) {
        size_t n = strspn(length, "0123456789");
        if (n == 0 || length[n] != '\0') return http_refuse(r, 400, "Content-Length is not a number of digits");
        if (n > 1 && *length == '0') return http_refuse(r, 400, "Content-Length begins with a zero");
        if (n > LENGTH_DIGITS) return http_refuse(r, 413, "Content-Length has %zu digits", n);
        for (; *length; length++) h->length = h->length * 10 + (uint64_t)(*length - '0');
        h->has_length = true;
    }
    return true;
}

static bool check_expect(struct http_head *h, struct http_refusal *r)
{
    const char *expect = http_head_get(h, "expect");
    if (!expect || h->minor == 0) return true;
    if (!http_same(expect, "100-continue")) return http_refuse(r, 417, "Expect is not 100-continue");
    h->wants_continue = h->chunked || h->length > 0;
    return true;
}

static void read_connection(struct http_head *h)
{
    bool close = false, stay = h->minor == 1;
    const char *s, *word;
    size_t n;
    for (uint32_t at = 0; (s = http_head_next(h, "connection", &at));)
        while (http_list_next(&s, &word, &n)) {
            close |= http_same_n(word, n, "close");
            stay |= http_same_n(word, n, "keep-alive");
        }
    h->keep_alive = stay && !close;
}

bool http_head_end(struct http_head *h, struct http_refusal *r)
{
    h->path = h->target ? h->text.data + h->target : "/";
    h->query = h->target_query ? h->text.data + h->target_query : "";
    read_connection(h);
    return check_host(h, r) && check_length(h, r) && check_expect(h, r);
}

/* ---- queries ---- */

/* [s, end) decoded into out; false when it is malformed or too long. */
static bool decode_part(const char *s, const char *end, char *out, size_t cap)
{
    size_t n = 0;
    for (; s < end; s++) {
        int c = (unsigned char)*s;
        if (c == '+') c = ' ';
        if (c == '%') {
            int high = s + 2 < end ? hex_digit((unsigned char)s[1]) : -1, low = high < 0 ? -1 : hex_digit((unsigned char)s[2]);
            if (low < 0 || high + low == 0) return false;
            c = high * 16 + low;
            s += 2;
        }
        if (n + 1 >= cap) return false;
        out[n++] = (char)c;
    }
    out[n] = '\0';
    return true;
}

bool http_query_get(const char *query, const char *name, char *out, size_t cap)
{
    for (const char *s = query; *s;) {
        const char *end = s + strcspn(s, "&"), *is = memchr(s, '=', (size_t)(end - s)), *stop = is ? is : end;
        char found[64];
        if (decode_part(s, stop, found, sizeof found) && strcmp(found, name) == 0)
            return decode_part(is ? is + 1 : end, end, out, cap);
        s = *end ? end + 1 : end;
    }
    return false;
}
