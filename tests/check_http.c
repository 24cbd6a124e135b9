/* Requests as bytes: what must be refused is, however it is cut; what is good gives the same in all cuts; limits; the guard. */
#include <string.h>
#include "base/buf.h"
#include "base/mem.h"
#include "base/rng.h"
#include "http/guard.h"
#include "http/parse.h"
#include "sys/file.h"
#include "tests/http_cases.h"
#include "tests/test.h"

/* ---- what a parse leads to ---- */

static void describe_head(struct buf *out, const struct http_head *h)
{
    buf_printf(out, "%s %s", http_method_names[h->method], h->path);
    if (*h->query) buf_printf(out, "?%s", h->query);
    buf_printf(out, " 1.%d %s", h->minor, h->host);
    if (h->port != HTTP_PORT_NONE) buf_printf(out, ":%d", h->port);
    if (!h->keep_alive) buf_add_str(out, " close");
    if (h->wants_continue) buf_add_str(out, " continue");
    for (uint32_t i = 0; i < h->n_fields; i++) {
        const char *name = h->text.data + h->fields[i].name;
        if (strcmp(name, "host") != 0) buf_printf(out, " %s=%s", name, h->text.data + h->fields[i].value);
    }
}

struct parsed {
    struct http_parser parser;
    struct buf out; /* requests that were read, or the refusal */
    int status;     /* 0: none refused */
    int ended;
    size_t used;
    bool begun; /* something came behind the last whole request */
};

/* One piece, which is in a block of its own size: a read beyond it is seen by AddressSanitizer. False after a refusal. */
static bool feed(struct parsed *p, const char *piece, size_t n)
{
    char *copy = mem_alloc(n);
    size_t at = 0, used, len;
    const char *body;
    memcpy(copy, piece, n);
    for (bool more = true; more;) {
        enum http_step step = http_parse(&p->parser, copy + at, n - at, &used, &body, &len);
        at += used;
        p->used += used;
        switch (step) {
        case HTTP_STEP_MORE: more = at < n; break;
        case HTTP_STEP_HEAD: describe_head(&p->out, &p->parser.head), buf_add_str(&p->out, " <"); break;
        case HTTP_STEP_BODY: buf_add(&p->out, body, len); break;
        case HTTP_STEP_END:
            buf_add_str(&p->out, ">\n");
            p->ended++;
            http_parser_next(&p->parser);
            break;
        default:
            p->status = p->parser.refusal.status;
            buf_printf(&p->out, "%d %s", p->status, p->parser.refusal.reason);
            more = false;
        }
    }
    mem_free(copy);
    return p->status == 0;
}

/* Cut in front of a and of b; both 0: in one piece; step: into pieces of that size. */
static void parse(struct parsed *p, const char *s, size_t n, size_t a, size_t b, size_t step)
{
    *p = (struct parsed){0};
    http_parser_init(&p->parser, &http_limits_default);
    if (step == 0) {
        bool good = feed(p, s, a) && feed(p, s + a, b - a);
        if (good) feed(p, s + b, n - b);
    }
    for (size_t i = 0; step > 0 && i < n; i += step)
        if (!feed(p, s + i, n - i < step ? n - i : step)) break;
    p->begun = p->parser.begun;
    buf_add_byte(&p->out, '\0');
}

static void parsed_free(struct parsed *p)
{
    http_parser_free(&p->parser);
    buf_free(&p->out);
}

/* Whether all cuts of s give the same as the whole. */
static void check_cuts(const char *s, size_t n, const struct parsed *whole, const char *name)
{
    size_t differ = 0;
    struct parsed p;
    for (size_t step = 1; step <= 7; step++) {
        parse(&p, s, n, 0, 0, step);
        differ += strcmp(p.out.data, whole->out.data) != 0 || p.used != whole->used;
        parsed_free(&p);
    }
    for (size_t a = 0; a <= n; a++) {
        size_t b = a + (n - a) / 3;
        parse(&p, s, n, a, b, 0);
        differ += strcmp(p.out.data, whole->out.data) != 0 || p.used != whole->used;
        parsed_free(&p);
    }
    CHECK(differ == 0, "%s: %zu cuts give another result than \"%s\"", name, differ, whole->out.data);
}

/* ---- requests that must be refused ---- */

static void test_bad(void)
{
    const char *group = "";
    int n = 0;
    for (size_t i = 0; i < sizeof bad_cases / sizeof bad_cases[0]; i++) {
        const struct bad_case *c = &bad_cases[i];
        struct parsed p;
        if (c->status == 0) {
            group = c->text;
            continue;
        }
        n++;
        parse(&p, c->text, c->len, 0, 0, 0);
        CHECK(p.status == c->status && p.ended == 0, "%s: row %zu: \"%.80s\": status %d, wanted %d (%s)", group, i, c->text,
              p.status, c->status, p.out.data);
        CHECK(strlen(p.parser.refusal.reason) > 10, "%s: row %zu has no reason", group, i);
        check_cuts(c->text, c->len, &p, group);
        parsed_free(&p);
    }
    CHECK(n >= 300, "%d requests that must be refused", n);
}

#define ALNUM "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define HEX "123456789abcdefABCDEF"

/* Every byte at places where few are allowed. */
static void test_bytes(void)
{
    static const struct {
        const char *before, *after, *good, *other; /* bytes with which it is a request; with which it is one that goes on */
    } places[] = {
        {"G", "T / HTTP/1.1\r\nHost: a\r\n\r\n", "E", ""},
        {"GET / HTTP/1.1\r\nHost: a\r\nX", ": y\r\n\r\n", ALNUM "!#$%&'*+-.^_`|~:", ""},
        {"GET / HTTP/1.1\r\nHost: a", "\r\n\r\n", ALNUM ".-_\t ", ""},
        {"GET /", " HTTP/1.1\r\nHost: a\r\n\r\n", ALNUM "-_~!$&'()*+,;=:@/?", ""},
        {"GET /?", " HTTP/1.1\r\nHost: a\r\n\r\n", ALNUM "-._~!$&'()*+,;=:@/?[]{}|^`\\", ""},
        {"GET / HTTP/", ".1\r\nHost: a\r\n\r\n", "1", ""},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ", "\r\n\r\n", "0", "123456789"},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1", "x\r\na\r\n0\r\n\r\n", ";", ""},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0", "\r\n\r\n", "0", HEX},
    };
    for (size_t k = 0; k < sizeof places / sizeof places[0]; k++)
        for (int c = 0; c < 256; c++) {
            struct buf b = {0};
            struct parsed p;
            buf_add_str(&b, places[k].before);
            buf_add_byte(&b, c);
            buf_add_str(&b, places[k].after);
            parse(&p, b.data, b.len, 0, 0, 0);
            bool good = c && strchr(places[k].good, c), other = c && strchr(places[k].other, c);
            CHECK((p.ended == 1) == good && (p.status >= 400 || good || other), "place %zu, byte 0x%02x: %s", k, c, p.out.data);
            parsed_free(&p);
            buf_free(&b);
        }
}

/* ---- good requests ---- */

static const struct {
    const char *text, *wanted;
} good_cases[] = {
    {"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET / 1.1 localhost <>\n"},
    {"\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET / 1.1 localhost <>\n"},
    {"GET /a/b?c=d&e=%20 HTTP/1.1\r\nhost:LocalHost:8080\r\n\r\n", "GET /a/b?c=d&e=%20 1.1 localhost:8080 <>\n"},
    {"GET /v1/models/org%2Fname%20x HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", "GET /v1/models/org/name x 1.1 ::1:80 <>\n"},
    {"GET /%c3%a9%E2%82%ac HTTP/1.1\r\nHost: a\r\n\r\n", "GET /\xc3\xa9\xe2\x82\xac 1.1 a <>\n"},
    {"GET /a%252e%252e/b HTTP/1.1\r\nHost: a\r\n\r\n", "GET /a%2e%2e/b 1.1 a <>\n"},
    {"GET /.../..a/.b HTTP/1.1\r\nHost: a\r\n\r\n", "GET /.../..a/.b 1.1 a <>\n"},
    {"GET /?../.. HTTP/1.1\r\nHost: a\r\n\r\n", "GET /?../.. 1.1 a <>\n"},
    {"GET http://localhost/x?y HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET /x?y 1.1 localhost <>\n"},
    {"GET HTTPS://a:8/ HTTP/1.1\r\nHost: a:8\r\n\r\n", "GET / 1.1 a:8 <>\n"},
    {"GET http://a HTTP/1.1\r\nHost: A\r\n\r\n", "GET / 1.1 a <>\n"},
    {"GET http://a?q HTTP/1.1\r\nHost: a\r\n\r\n", "GET /?q 1.1 a <>\n"},
    {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS * 1.1 a <>\n"},
    {"HEAD / HTTP/1.0\r\nHost: a\r\n\r\n", "HEAD / 1.0 a close <>\n"},
    {"GET / HTTP/1.0\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\n", "GET / 1.0 a connection=Keep-Alive <>\n"},
    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: x, CLOSE ,y\r\n\r\n", "GET / 1.1 a close connection=x, CLOSE ,y <>\n"},
    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: x\r\nConnection: close\r\n\r\n",
     "GET / 1.1 a close connection=x connection=close <>\n"},
    {"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n",
     "GET / 1.1 a connection=keep-alive, Upgrade, HTTP2-Settings upgrade=h2c <>\n"},
    {"GET / HTTP/1.1\r\nHost: a\r\nX:\r\nY: \t \r\nz:\ta b \t\r\n\r\n", "GET / 1.1 a x= y= z=a b <>\n"},
    {"GET / HTTP/1.1\r\nHost: a\r\nX: caf\xc3\xa9 \xff\r\n\r\n", "GET / 1.1 a x=caf\xc3\xa9 \xff <>\n"},
    {"GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\na: 2\r\n\r\n", "GET / 1.1 a a=1 a=2 <>\n"},
    {"GET / HTTP/1.1\r\nHost: a.\r\n!#$%&'*+-.^_`|~: x\r\n\r\n", "GET / 1.1 a. !#$%&'*+-.^_`|~=x <>\n"},
    {"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", "POST /x 1.1 a content-length=5 <hello>\n"},
    {"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "POST /x 1.1 a content-length=0 <>\n"},
    {"POST /x HTTP/1.1\r\nHost: a\r\n\r\n", "POST /x 1.1 a <>\n"},
    {"GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi", "GET /x 1.1 a content-length=2 <hi>\n"},
    {"DELETE /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}", "DELETE /x 1.1 a content-length=2 <{}>\n"},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-Continue\r\n\r\nhello",
     "POST / 1.1 a continue content-length=5 expect=100-Continue <hello>\n"},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n",
     "POST / 1.1 a content-length=0 expect=100-continue <>\n"},
    {"POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 1\r\nExpect: x\r\n\r\n.",
     "POST / 1.0 a close content-length=1 expect=x <.>\n"},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "POST / 1.1 a transfer-encoding=chunked <>\n"},
    {"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n00A\r\n0123456789\r\n0\r\n\r\n",
     "PUT / 1.1 a transfer-encoding=Chunked <hello0123456789>\n"},
    {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;a\r\n\r\n\r\n"
     "1;a=\"b; \\\"c\xc3\";d\r\n\n\r\n0;x=y;z\r\nT: u\r\nContent-Len: 9\r\n\r\n",
     "POST / 1.1 a transfer-encoding=chunked <\r\n\n>\n"},
    {"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nGET"
     "GET /3 HTTP/1.1\r\nHost: a\r\n\r\n\r\n"
     "GET /4 HTTP/1.1\r\nHost: a\r\n\r\n",
     "GET /1 1.1 a <>\nPOST /2 1.1 a content-length=3 <GET>\nGET /3 1.1 a <>\nGET /4 1.1 a <>\n"},
    {"POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nGET\r\n0\r\n\r\nGET /3 HTTP/1.1\r\nHost: a\r\n\r\n",
     "POST /2 1.1 a transfer-encoding=chunked <GET>\nGET /3 1.1 a <>\n"},
};

static void test_good(void)
{
    for (size_t i = 0; i < sizeof good_cases / sizeof good_cases[0]; i++) {
        const char *text = good_cases[i].text;
        size_t n = strlen(text), bad = 0;
        struct parsed p, part;
        parse(&p, text, n, 0, 0, 0);
        CHECK(p.status == 0 && strcmp(p.out.data, good_cases[i].wanted) == 0, "row %zu: \"%s\", wanted \"%s\"", i, p.out.data,
              good_cases[i].wanted);
        CHECK(p.used == n && !p.begun, "row %zu: %zu of %zu bytes used", i, p.used, n);
        check_cuts(text, n, &p, text);
        for (size_t k = 0; k < n; k++) { /* cut off: never an error, never the last request */
            parse(&part, text, k, 0, 0, 0);
            bad += part.status != 0 || part.ended >= p.ended;
            parsed_free(&part);
        }
        CHECK(bad == 0, "row %zu: %zu of its beginnings are taken for a whole request or refused", i, bad);
        parsed_free(&p);
    }
}

/* ---- limits ---- */

static int status_of(const struct buf *b, const struct http_limits *l)
{
    struct http_parser p;
    size_t used, len, at = 0;
    const char *body;
    enum http_step step;
    http_parser_init(&p, l);
    do {
        step = http_parse(&p, b->data + at, b->len - at, &used, &body, &len);
        at += used;
    } while (step == HTTP_STEP_HEAD || step == HTTP_STEP_BODY);
    int status = step == HTTP_STEP_END ? 200 : step == HTTP_STEP_BAD ? p.refusal.status : 0;
    http_parser_free(&p);
    return status;
}

static void repeat(struct buf *b, const char *s, size_t n)
{
    while (n-- > 0) buf_add_str(b, s);
}

/* Text, then `part` so often that the limit is met, or passed by one; then the rest. */
static void check_limit(const char *name, const char *before, const char *part, size_t fits, const char *after, int status,
                        const struct http_limits *l)
{
    for (size_t over = 0; over < 2; over++) {
        struct buf b = {0};
        buf_add_str(&b, before);
        repeat(&b, part, fits + over);
        buf_add_str(&b, after);
        int got = status_of(&b, l), wanted = over ? status : 200;
        CHECK(got == wanted, "%s, %zu times: status %d, wanted %d", name, fits + over, got, wanted);
        buf_free(&b);
    }
}

static void test_limits(void)
{
    struct http_limits l = {
        .line = 100, .head = 300, .fields = 7, .chunk_line = 20, .chunk_extra = 50, .trailers = 40, .body = 64};
    const char *end = "\r\n\r\n", *head = "GET / HTTP/1.1\r\nHost: a\r\n"
                      "A: 34567890123456789012345678901234567890123456789012345678901234567890123456789\r\n"
                      "A: 345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\r\nX: ";
    check_limit("the request line", "GET /", "a", 100 - strlen("GET / HTTP/1.1"), " HTTP/1.1\r\nHost: a\r\n\r\n", 414, &l);
    check_limit("a header line", "GET / HTTP/1.1\r\nHost: a\r\nX: ", "a", 97, end, 431, &l);
    check_limit("header lines", "GET / HTTP/1.1\r\nHost: a\r\n", "X: y\r\n", 6, "\r\n", 431, &l);
    check_limit("the head", head, "a", 300 - strlen(head) - strlen(end), end, 431, &l);
    check_limit("a body", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\na\r\n", 64, "0\r\n\r\n",
                413, &l);
    check_limit("a chunk's line", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0;", "a", 18, end, 400, &l);
    check_limit("all extensions", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "1;23456789\r\na\r\n",
                5, "0\r\n\r\n", 400, &l);
    check_limit("trailers", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nT: ", "a", 40 - 3 - 4, end,
                431, &l);
    struct buf b = {0};
    buf_add_str(&b, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 65\r\n\r\n");
    CHECK(status_of(&b, &l) == 413, "a length above the limit waits for its body");
    buf_free(&b);
    /* The usual limits, and a head of the largest size there can be. */
    check_limit("usual header lines", "GET / HTTP/1.1\r\nHost: a\r\n", "X: y\r\n", 99, "\r\n", 431, &http_limits_default);
    struct http_limits most = http_limits_default;
    most.head = UINT32_MAX;
    most.line = UINT32_MAX;
    most.fields = UINT32_MAX;
    check_limit("the largest head", "GET / HTTP/1.1\r\nHost: a\r\nX: ", "a", 65535 - 32, end, 431, &most);
    /* A route's own limit. */
    for (uint64_t max = 9; max < 12; max++) {
        struct http_parser p;
        const char *text = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789", *body;
        size_t used, len;
        http_parser_init(&p, &l);
        CHECK(http_parse(&p, text, strlen(text), &used, &body, &len) == HTTP_STEP_HEAD, "no head");
        CHECK(http_parser_accept(&p, max) == (max >= 10), "a limit of %d for ten bytes", (int)max);
        CHECK(max >= 10 || p.refusal.status == 413, "status %d", p.refusal.status);
        http_parser_free(&p);
    }
}

/* ---- the guard ---- */

static const char *const hosts[] = {"box.example", "192.168.1.9", NULL}, *const origins[] = {"https://ok.example", NULL};

/* 0 when it passes; the head has its lines behind GET / or another first line. */
static int guard_status(const char *lines, const struct http_route *route, bool tls, const char *to, bool *cors)
{
    struct http_guard g = {.hosts = hosts, .origins = origins};
    struct http_where w = {.tls = tls};
    struct http_refusal r = {0};
    struct http_parser p;
    const char *body, *other = NULL;
    size_t used, len;
    w.to.local = !net_ip_parse(&w.to.ip, to);
    http_parser_init(&p, &http_limits_default);
    CHECK(http_parse(&p, lines, strlen(lines), &used, &body, &len) == HTTP_STEP_HEAD, "%s: %s", lines, p.refusal.reason);
    bool good = http_guard_site(&g, &p.head, &w, route, &other, &r) && http_guard_body(&p.head, route, &r);
    CHECK(good == (r.status == 0), "%s", lines);
    *cors = other != NULL;
    http_parser_free(&p);
    return r.status;
}

static const struct http_route get = {.methods = HTTP_BIT(HTTP_GET)}, page = {.methods = HTTP_BIT(HTTP_GET), .page = true},
                               post = {.methods = HTTP_BIT(HTTP_POST), .json = true, .needs_body = true};

#define G "GET / HTTP/1.1\r\n"
#define P "POST / HTTP/1.1\r\nContent-Length: 2\r\n"
#define L "Host: localhost:1\r\n"
#define J "Content-Type: application/json\r\n"
static const struct {
    const char *lines;
    const struct http_route *route;
    int status;
    bool tls, cors;
    const char *to;
} guard_rows[] = {
    {G "Host: localhost\r\n\r\n", &get, 0, false, false, NULL},
    {G "Host: LOCALHOST:11434\r\n\r\n", &get, 0, false, false, NULL},
    {G "Host: localhost.\r\n\r\n", &get, 0, false, false, NULL},
    {G "Host: app.localhost\r\n\r\n", &get, 0, false, false, NULL},
    {G "Host: 127.0.0.1\r\n\r\n", &get, 0, false, false, NULL},
    {G "Host: 127.9.9.9:80\r\n\r\n", &get, 0, false, false, NULL},
    {G "Host: [::1]:80\r\n\r\n", &get, 0, false, false, NULL},
    {G "Host: box.example\r\n\r\n", &get, 0, false, false, NULL},
    {G "Host: Box.Example.:80\r\n\r\n", &get, 0, false, false, NULL},
    {G "Host: 192.168.1.9\r\n\r\n", &get, 0, false, false, NULL},
    {G "Host: 10.0.0.5\r\n\r\n", &get, 0, false, false, "10.0.0.5"},
    {G "Host: [2001:db8::1]\r\n\r\n", &get, 0, false, false, "2001:DB8:0::1"},
    {G "Host: anything\r\n\r\n", &get, 0, false, false, "unix"},
    /* a name that was made to point here */
    {G "Host: evil.example\r\n\r\n", &get, 421, false, false, NULL},
    {G "Host: localhost.evil.example\r\n\r\n", &get, 421, false, false, NULL},
    {G "Host: evillocalhost\r\n\r\n", &get, 421, false, false, NULL},
    {G "Host: .localhost\r\n\r\n", &get, 421, false, false, NULL},
    {G "Host: 127.0.0.1.evil.example\r\n\r\n", &get, 421, false, false, NULL},
    {G "Host: 128.0.0.1\r\n\r\n", &get, 421, false, false, NULL},
    {G "Host: 127.1\r\n\r\n", &get, 421, false, false, NULL},
    {G "Host: 2130706433\r\n\r\n", &get, 421, false, false, NULL},
    {G "Host: 0.0.0.0\r\n\r\n", &get, 421, false, false, NULL},
    {G "Host: 0\r\n\r\n", &get, 421, false, false, NULL},
    {G "Host: [::]\r\n\r\n", &get, 421, false, false, NULL},
    {G "Host: [::ffff:10.0.0.1]\r\n\r\n", &get, 421, false, false, NULL},
    {G "Host: 10.0.0.5\r\n\r\n", &get, 421, false, false, "10.0.0.6"},
    {G "Host: box.example.evil\r\n\r\n", &get, 421, false, false, NULL},
    {G "Host: xbox.example\r\n\r\n", &get, 421, false, false, NULL},
    {P "Host: evil.example\r\nOrigin: http://evil.example\r\n" J "\r\n", &post, 421, false, false, NULL},
    /* pages of other origins */
    {P L J "Origin: http://localhost:1\r\n\r\n", &post, 0, false, false, NULL},
    {P "Host: localhost\r\n" J "Origin: http://localhost\r\n\r\n", &post, 0, false, false, NULL},
    {P "Host: localhost\r\n" J "Origin: http://localhost:80\r\n\r\n", &post, 0, false, false, NULL},
    {P "Host: localhost\r\n" J "Origin: https://localhost\r\n\r\n", &post, 0, true, false, NULL},
    {P "Host: localhost:443\r\n" J "Origin: https://localhost\r\n\r\n", &post, 0, true, false, NULL},
    {P "Host: [::1]:1\r\n" J "Origin: http://[::1]:1\r\n\r\n", &post, 0, false, false, NULL},
    {P L J "Origin: https://ok.example\r\n\r\n", &post, 0, false, true, NULL},
    {P L J "Origin: http://ok.example\r\n\r\n", &post, 403, false, false, NULL},
    {P L J "Origin: https://ok.example:8443\r\n\r\n", &post, 403, false, false, NULL},
    {P L J "Origin: https://ok.example.evil\r\n\r\n", &post, 403, false, false, NULL},
    {P L J "Origin: http://localhost:2\r\n\r\n", &post, 403, false, false, NULL},
    {P L J "Origin: https://localhost:1\r\n\r\n", &post, 403, false, false, NULL},
    {P L J "Origin: http://127.0.0.1:1\r\n\r\n", &post, 403, false, false, NULL},
    {P L J "Origin: null\r\n\r\n", &post, 403, false, false, NULL},
    {P L J "Origin:\r\n\r\n", &post, 403, false, false, NULL},
    {P L J "Origin: http://evil.example\r\n\r\n", &post, 403, false, false, NULL},
    {P L J "Origin: http://localhost:1@evil.example\r\n\r\n", &post, 403, false, false, NULL},
    {P L J "Origin: http://localhost:1 http://evil.example\r\n\r\n", &post, 403, false, false, NULL},
    {P L J "Origin: http://localhost:1/\r\n\r\n", &post, 403, false, false, NULL},
    {P L J "Origin: chrome-extension://abc\r\n\r\n", &post, 403, false, false, NULL},
    {P L J "Origin: file://\r\n\r\n", &post, 403, false, false, NULL},
    {G L "Origin: http://evil.example\r\nSec-Fetch-Site: cross-site\r\n\r\n", &get, 403, false, false, NULL},
    {G L "Origin: https://ok.example\r\nSec-Fetch-Site: cross-site\r\n\r\n", &get, 0, false, true, NULL},
    {G L "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image\r\n\r\n", &get, 403, false,
     false, NULL},
    {G L "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n\r\n", &get, 403, false,
     false, NULL},
    {G L "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n\r\n", &page, 0, false,
     false, NULL},
    {G L "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n\r\n", &page, 403, false,
     false, NULL},
    {G L "Sec-Fetch-Site: cross-site\r\n\r\n", &page, 403, false, false, NULL},
    {G L "Sec-Fetch-Site: same-origin\r\n\r\n", &get, 0, false, false, NULL},
    {G L "Sec-Fetch-Site: none\r\n\r\n", &get, 0, false, false, NULL},
    {P L J "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n\r\n", &post, 403,
     false, false, NULL},
    /* bodies that a form of another site can send without asking */
    {P L J "\r\n", &post, 0, false, false, NULL},
    {P L "Content-Type: APPLICATION/JSON; charset=UTF-8\r\n\r\n", &post, 0, false, false, NULL},
    {P L "Content-Type: application/json ;charset=\"utf-8\"\r\n\r\n", &post, 0, false, false, NULL},
    {P L "\r\n", &post, 415, false, false, NULL},
    {P L "Content-Type:\r\n\r\n", &post, 415, false, false, NULL},
    {P L "Content-Type: text/plain\r\n\r\n", &post, 415, false, false, NULL},
    {P L "Content-Type: text/plain; application/json\r\n\r\n", &post, 415, false, false, NULL},
    {P L "Content-Type: text/plain, application/json\r\n\r\n", &post, 415, false, false, NULL},
    {P L "Content-Type: application/x-www-form-urlencoded\r\n\r\n", &post, 415, false, false, NULL},
    {P L "Content-Type: multipart/form-data; boundary=a\r\n\r\n", &post, 415, false, false, NULL},
    {P L "Content-Type: application/jsonx\r\n\r\n", &post, 415, false, false, NULL},
    {P L "Content-Type: application/json; charset=utf-16\r\n\r\n", &post, 415, false, false, NULL},
    {P L J "Content-Encoding: gzip\r\n\r\n", &post, 415, false, false, NULL},
    {P L J "Content-Encoding: identity\r\n\r\n", &post, 0, false, false, NULL},
    {"POST / HTTP/1.1\r\n" L J "\r\n", &post, 411, false, false, NULL},
    {G L "\r\n", &post, 405, false, false, NULL},
    {P L J "\r\n", &get, 405, false, false, NULL},
    {"HEAD / HTTP/1.1\r\n" L "\r\n", &get, 0, false, false, NULL},
    {"HEAD / HTTP/1.1\r\n" L "\r\n", &post, 405, false, false, NULL},
    {"OPTIONS / HTTP/1.1\r\n" L "\r\n", &post, 0, false, false, NULL},
};

static void test_guard(void)
{
    for (size_t i = 0; i < sizeof guard_rows / sizeof guard_rows[0]; i++) {
        bool cors;
        int got = guard_status(guard_rows[i].lines, guard_rows[i].route, guard_rows[i].tls,
                               guard_rows[i].to ? guard_rows[i].to : "127.0.0.1", &cors);
        CHECK(got == guard_rows[i].status && cors == guard_rows[i].cors, "row %zu: %s: status %d%s, wanted %d", i,
              guard_rows[i].lines, got, cors ? " and an origin" : "", guard_rows[i].status);
    }
    char text[64];
    http_allow_text(text, HTTP_BIT(HTTP_GET) | HTTP_BIT(HTTP_POST));
    CHECK(strcmp(text, "GET, HEAD, POST, OPTIONS") == 0, "%s", text);
    http_allow_text(text, (1u << HTTP_METHODS) - 1);
    CHECK(strcmp(text, "GET, HEAD, POST, PUT, DELETE, OPTIONS") == 0, "%s", text);
}

/* ---- small things ---- */

static void test_query(void)
{
    char v[16];
    CHECK(http_query_get("a=1&b=two+w%6frds&c", "b", v, sizeof v) && strcmp(v, "two words") == 0, "%s", v);
    CHECK(http_query_get("a=1&c", "c", v, sizeof v) && v[0] == '\0', "%s", v);
    CHECK(http_query_get("%61=1", "a", v, sizeof v) && strcmp(v, "1") == 0, "%s", v);
    CHECK(!http_query_get("a=1", "b", v, sizeof v) && !http_query_get("", "a", v, sizeof v), "found what is not there");
    CHECK(!http_query_get("a=%00", "a", v, sizeof v) && !http_query_get("a=%zz", "a", v, sizeof v), "malformed");
    CHECK(http_query_get("a=012345678901234", "a", v, sizeof v) && !http_query_get("a=0123456789012345", "a", v, sizeof v),
          "room");
}

/* A shortage at every allocation: refused with 503, nothing lost. */
static void test_memory(void)
{
    const char *text = "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nT: v\r\n\r\n";
    struct buf b = {0};
    buf_add_str(&b, text);
    int64_t live = mem_live();
    int refused = 0, k = 1;
    for (; k < 100; k++) {
        mem_fail_at((uint64_t)k);
        int status = status_of(&b, &http_limits_default);
        bool hit = mem_fail_left() == 0;
        mem_fail_at(0);
        if (!hit) break;
        CHECK(status == 503, "allocation %d: status %d", k, status);
        refused++;
    }
    CHECK(refused >= 2 && k < 100, "%d allocations failed", refused);
    CHECK(mem_live() == live, "blocks were lost");
    buf_free(&b);
}

/* One line: "METHOD body-in-hex|" for each whole request, then "refused" or "unfinished". As the server, this stops at a request
 * that ends the connection. */
static void print_case(const char *s, size_t n)
{
    struct http_parser p;
    struct buf one = {0};
    enum http_step step;
    size_t used, len;
    const char *body;
    bool stays = true;
    http_parser_init(&p, &http_limits_default);
    do {
        step = http_parse(&p, s, n, &used, &body, &len);
        s += used;
        n -= used;
        if (step == HTTP_STEP_HEAD) {
            stays = p.head.keep_alive;
            buf_printf(&one, "%s ", http_method_names[p.head.method]);
        }
        for (size_t i = 0; i < len; i++) buf_printf(&one, "%02x", (unsigned char)body[i]);
        if (step == HTTP_STEP_END) {
            printf("%s|", one.data);
            buf_clear(&one);
            http_parser_next(&p);
        }
    } while ((stays || step != HTTP_STEP_END) && step != HTTP_STEP_BAD && (step != HTTP_STEP_MORE || n > 0));
    printf("%s\n", step == HTTP_STEP_BAD ? "refused" : one.len > 0 ? "unfinished" : "");
    buf_free(&one);
    http_parser_free(&p);
}

/* For tools/http_parity.mjs: a file of cases, "LENGTH\nBYTES" each. */
static int print_cases(const char *path)
{
    char *text, *end;
    size_t n;
    struct err e;
    if (file_read(&text, &n, path, 1 << 30, &e)) {
        fprintf(stderr, "%s\n", e.msg);
        return EXIT_FAILURE;
    }
    for (size_t at = 0; at < n;) {
        size_t len = strtoul(text + at, &end, 10), from = (size_t)(end + 1 - text);
        if (*end != '\n' || len > n - from) break;
        print_case(text + from, len);
        at = from + len;
    }
    mem_free(text);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "cases") == 0) return print_cases(argv[2]);
    test_bad();
    test_bytes();
    test_good();
    test_limits();
    test_guard();
    test_query();
    test_memory();
    return test_end();
}
