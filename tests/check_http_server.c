/* The HTTP server over real sockets of this machine: requests and answers, refusals, connections, listening, its end. */
#include <ifaddrs.h>
#include <sys/stat.h>
#include <sys/un.h>
#include "tests/folder.h"
#include "tests/http_cases.h"
#include "tests/http_fixture.h"

static void test_plain(void)
{
    struct fixture f;
    struct buf b = {0};
    start(&f, NULL, NULL);
    const char *a = ask(&f, GET("/hi?x=1") CLOSE, &b);
    CHECK(has(a, "HTTP/1.1 200 OK\r\n") && has(a, "\r\n\r\n/hi?x=1"), "%s", a);
    CHECK(has(a, "\r\nX-Request-Id: req_") && has(a, "\r\nX-Content-Type-Options: nosniff\r\n") && has(a, "\r\nDate: ") &&
              has(a, "\r\nCache-Control: no-store\r\n") && has(a, "\r\nContent-Length: 7\r\n") && !has(a, "Access-Control"),
          "%s", a);
    a = ask(&f,
            ECHO "Content-Length: 2\r\n" CLOSE "{}",
            &b);
    CHECK(has(a, "200 OK") && has(a, "\r\n\r\n{}"), "%s", a);
    a = ask(&f,
            ECHO "Transfer-Encoding: chunked\r\n" CLOSE
            "1\r\n{\r\n1;x=y\r\n}\r\n0\r\nT: v\r\n\r\n",
            &b);
    CHECK(has(a, "200 OK") && has(a, "\r\n\r\n{}"), "%s", a);
    a = ask(&f, "HEAD /hi HTTP/1.1\r\nHost: localhost\r\n" CLOSE, &b);
    CHECK(has(a, "200 OK") && has(a, "Content-Length: 4\r\n") && has(a, "\r\n\r\n") && !strstr(a, "\r\n\r\n")[4], "%s", a);
    a = ask(&f, "HEAD /stream HTTP/1.1\r\nHost: localhost\r\n" CLOSE, &b);
    CHECK(has(a, "200 OK") && has(a, "chunked\r\n") && !strstr(a, "\r\n\r\n")[4], "%s", a);
    a = ask(&f, GET("/stream?n=2&size=3") CLOSE, &b);
    CHECK(has(a, "Transfer-Encoding: chunked\r\n") && has(a, "\r\n\r\n3\r\nxxx\r\n3\r\nxxx\r\n0\r\n\r\n"), "%s", a);
    a = ask(&f, "GET /stream?n=2&size=3 HTTP/1.0\r\nHost: localhost\r\n\r\n", &b);
    CHECK(!has(a, "chunked") && has(a, "Connection: close\r\n") && has(a, "\r\n\r\nxxxxxx"), "%s", a);
    a = ask(&f, GET("/split") CLOSE, &b);
    CHECK(has(a, "X-Bad: a??X-Evil: 1\r\n") && !has(a, "X Y") && has(a, "Content-Length: 2\r\n") && !has(a, "Length: 7"),
          "%s", a);
    a = ask(&f, GET("/abort") CLOSE, &b);
    CHECK(!has(a, "0\r\n\r\n"), "an answer that was given up looks whole: %s", a);
    CHECK(becomes(&f, &f.logged, 9), "%d lines of log", f.logged);
    stop(&f);
    buf_free(&b);
}


/* Every malformed request over a socket: a 4xx, 501 or 505 and the end, and the server goes on. */
static void test_bad(void)
{
    struct fixture f;
    struct buf b = {0};
    int n = 0, logged = 0;
    start(&f, NULL, NULL);
    for (size_t i = 0; i < sizeof bad_cases / sizeof bad_cases[0]; i++) {
        const struct bad_case *c = &bad_cases[i];
        char wanted[40];
        if (c->status == 0) continue;
        int fd = dial(&f);
        buf_clear(&b);
        CHECK(put_n(fd, c->text, c->len), "row %zu cannot be sent", i);
        CHECK(take(fd, &b, 3, NULL), "row %zu: the connection stays", i);
        buf_add_byte(&b, '\0');
        snprintf(wanted, sizeof wanted, "HTTP/1.1 %d ", c->status);
        CHECK(strncmp(b.data, wanted, strlen(wanted)) == 0 && !has(b.data + 1, "HTTP/1.1 ") &&
                  has(b.data, "Connection: close\r\n") && has(b.data, "{\"error\":{\"message\":\""),
              "row %zu: \"%.60s\" gives \"%.300s\"", i, c->text, b.data);
        close(fd);
        n++;
    }
    CHECK(n >= 300 && becomes(&f, &f.logged, n), "%d requests, %d lines of log", n, f.logged);
    logged = read_count(&f, &f.handled);
    CHECK(logged == 0, "%d of them came to the handler", logged);
    CHECK(counts(&f).refused == (uint64_t)n, "%d refused", (int)counts(&f).refused);
    CHECK(has(ask(&f, GET("/hi") CLOSE, &b), "200 OK"), "the server does not go on");
    stop(&f);
    buf_free(&b);
}

/* What is refused by route and guard, with the lines that must come along. */
static void test_refusals(void)
{
    struct fixture f;
    struct buf b = {0};
    start(&f, NULL, NULL);
    const char *a = ask(&f, "POST /hi HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", &b);
    CHECK(has(a, " 405 ") && has(a, "\r\nAllow: GET, HEAD, OPTIONS\r\n"), "%s", a);
    a = ask(&f, "POST /echo HTTP/1.1\r\nHost: localhost\r\n\r\n", &b);
    CHECK(has(a, " 411 "), "%s", a);
    a = ask(&f, "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\n{}", &b);
    CHECK(has(a, " 415 "), "%s", a);
    a = ask(&f, "POST /small HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\n\r\n", &b);
    CHECK(has(a, " 413 ") && has(a, "longer than 10 bytes"), "%s", a);
    a = ask(&f, "POST /small HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n123456\r\n5\r\n", &b);
    CHECK(has(a, " 413 "), "%s", a);
    a = ask(&f, "GET /hi HTTP/1.1\r\nHost: evil.example\r\n\r\n", &b);
    CHECK(has(a, " 421 ") && !has(a, "Access-Control"), "%s", a);
    a = ask(&f, GET("/hi") "Origin: http://evil.example\r\n\r\n", &b);
    CHECK(has(a, " 403 ") && !has(a, "Access-Control"), "%s", a);
    a = ask(&f,
            "OPTIONS /echo HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\nAccess-Control-Request-Method: "
            "POST\r\n\r\n",
            &b);
    CHECK(has(a, " 403 ") && !has(a, "Access-Control"), "%s", a);
    a = ask(&f, GET("/none") CLOSE, &b);
    CHECK(has(a, " 404 ") && has(a, "no such path"), "%s", a);
    a = ask(&f, "OPTIONS /echo HTTP/1.1\r\nHost: localhost\r\n" CLOSE, &b);
    CHECK(has(a, " 204 ") && has(a, "Allow: POST, OPTIONS\r\n") && !has(a, "\r\nContent-Length") &&
              !has(a, "\r\nContent-Type"),
          "%s", a);
    a = ask(&f, "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n" CLOSE, &b);
    CHECK(has(a, " 204 ") && has(a, "Allow: GET, HEAD, POST, PUT, DELETE, OPTIONS\r\n"), "%s", a);
    a = ask(&f, "HEAD /hi HTTP/1.1\r\nHost: evil.example\r\n\r\n", &b);
    CHECK(has(a, " 421 ") && strstr(a, "\r\n\r\n")[4] == '\0', "%s", a);
    int handled = read_count(&f, &f.handled);
    CHECK(handled == 1, "%d of them came to the handler", handled);
    /* bodies of the handler's own; the log knows why */
    a = ask(&f, "PUT /own/x HTTP/1.1\r\nHost: localhost\r\n\r\n", &b);
    CHECK(has(a, " 405 ") && has(a, "\r\n\r\n{\"own\":405}"), "%s", a);
    for (int i = 0; i < 400 && strcmp(f.last_path, "/own/x") != 0; i++) clock_sleep(0.005);
    CHECK(!strcmp(f.last_path, "/own/x") && has(f.last_reason, "takes GET") && f.last.status == 405, "%s: %s", f.last_path,
          f.last_reason);
    /* admit: the body is not waited for, and the answer is not lost */
    a = ask(&f,
            "POST /echo HTTP/1.1\r\nHost: localhost\r\nX-Deny: 1\r\nContent-Type: application/json\r\nContent-Length: "
            "1000000\r\n\r\n{",
            &b);
    CHECK(has(a, " 401 ") && has(a, "WWW-Authenticate: Bearer\r\n") && has(a, "Connection: close\r\n") && has(a, "no key"),
          "%s", a);
    /* without a body the connection may stay */
    a = ask(&f, GET("/a") "X-Deny: 1\r\n\r\n" GET("/b") CLOSE, &b);
    CHECK(has(a, " 401 ") && has(a, "\r\n\r\n/b?"), "%s", a);
    stop(&f);
    /* an origin that is allowed */
    static const char *const origins[] = {"https://ok.example", NULL};
    struct http_config c;
    config_for_tests(&c);
    c.guard.origins = origins;
    start(&f, &c, NULL);
    a = ask(
        &f,
        "OPTIONS /echo HTTP/1.1\r\nHost: localhost\r\nOrigin: https://ok.example\r\nAccess-Control-Request-Method: POST\r\n"
        "Access-Control-Request-Headers: authorization, content-type\r\n" CLOSE,
        &b);
    CHECK(has(a, " 204 ") && has(a, "Access-Control-Allow-Origin: https://ok.example\r\n") && has(a, "Vary: Origin\r\n") &&
              has(a, "Access-Control-Allow-Methods: POST, OPTIONS\r\n") &&
              has(a, "Access-Control-Allow-Headers: authorization, content-type\r\n") && !has(a, "Credentials"),
          "%s", a);
    a = ask(
        &f,
        "OPTIONS /echo HTTP/1.1\r\nHost: localhost\r\nOrigin: https://ok.example\r\nAccess-Control-Request-Method: POST\r\n"
        "Access-Control-Request-Headers: a b\r\n" CLOSE,
        &b);
    CHECK(has(a, " 204 ") && !has(a, "Access-Control-Allow-Headers"), "%s", a);
    a = ask(&f, GET("/hi") "Origin: https://ok.example\r\n" CLOSE, &b);
    CHECK(has(a, " 200 ") && has(a, "Access-Control-Allow-Origin: https://ok.example\r\n"), "%s", a);
    a = ask(&f, GET("/hi") CLOSE, &b);
    CHECK(has(a, " 200 ") && !has(a, "Access-Control"), "%s", a);
    stop(&f);
    buf_free(&b);
}

static void test_connection(void)
{
    struct fixture f;
    struct buf b = {0};
    start(&f, NULL, NULL);
    /* a pipeline: answers in order, with streams and a body between */
    const char *a = ask(&f, GET("/1") "\r\n" GET("/stream?n=2&size=1") "\r\n"
                            ECHO "Content-Length: 3\r\n\r\n[1]"
                            GET("/stream?n=1&size=2") "\r\n" GET("/2") CLOSE GET("/never-answered") CLOSE, &b);
    const char *at[5] = {strstr(a, "\r\n\r\n/1?"), strstr(a, "\r\n\r\n1\r\nx\r\n1\r\nx\r\n0\r\n\r\n"), strstr(a, "\r\n\r\n[1]"),
                         strstr(a, "\r\n\r\n2\r\nxx\r\n0\r\n\r\n"), strstr(a, "\r\n\r\n/2?")};
    CHECK(at[0] && at[0] < at[1] && at[1] < at[2] && at[2] < at[3] && at[3] < at[4] && !has(a, "never"), "%s", a);
    /* a bad request behind a good one: the good one is answered first */
    a = ask(&f, GET("/1") "\r\nGET / HTTP/1.1\r\nHost : a\r\n\r\n", &b);
    CHECK(has(a, "\r\n\r\n/1?") && has(a, "HTTP/1.1 400 ") && strstr(a, "/1?") < strstr(a, " 400 "), "%s", a);
    /* byte by byte */
    int fd = dial(&f);
    const char *text =
        ECHO "Transfer-Encoding: chunked\r\n" CLOSE
        "2\r\n{}\r\n0\r\n\r\n";
    buf_clear(&b);
    for (const char *s = text; *s; s++) {
        CHECK(put_n(fd, s, 1), "cannot send");
        if ((s - text) % 16 == 0) clock_sleep(0.001);
    }
    CHECK(take(fd, &b, 3, NULL) && has(b.data, "\r\n\r\n{}"), "%s", b.data);
    close(fd);
    /* a body that waits for 100; and one that does not wait */
    fd = dial(&f);
    buf_clear(&b);
    put(fd, ECHO "Content-Length: 2\r\nExpect: "
            "100-continue\r\n" CLOSE);
    take(fd, &b, 2, "\r\n\r\n");
    CHECK(strcmp(b.data, "HTTP/1.1 100 Continue\r\n\r\n") == 0, "%s", b.data);
    put(fd, "{}");
    CHECK(take(fd, &b, 2, NULL) && has(b.data, "200 OK") && has(b.data, "\r\n\r\n{}"), "%s", b.data);
    close(fd);
    a = ask(&f,
            ECHO "Content-Length: 2\r\nExpect: "
            "100-continue\r\n" CLOSE "{}",
            &b);
    CHECK(!has(a, "100 Continue") && has(a, "\r\n\r\n{}"), "%s", a);
    /* one that is refused is not asked for its body */
    a = ask(&f, "POST /small HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\nExpect: 100-continue\r\n\r\n", &b);
    CHECK(has(a, " 413 ") && !has(a, "100 Continue"), "%s", a);
    /* HTTP/1.0 */
    a = ask(&f,
            "GET /a HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\nGET /b HTTP/1.0\r\nHost: localhost\r\n\r\n",
            &b);
    CHECK(has(a, "Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n") && has(a, "\r\n\r\n/a?") &&
              has(a, "Connection: close\r\n") && has(a, "/b?"),
          "%s", a);
    /* who closes its side and still reads gets the answer of what is answered at once */
    fd = dial(&f);
    buf_clear(&b);
    put(fd, GET("/big?n=3000000") "\r\n");
    shutdown(fd, SHUT_WR);
    CHECK(take(fd, &b, 3, NULL) && b.len > 3000000, "%zu bytes", b.len);
    close(fd);
    stop(&f);
    buf_free(&b);
}

static void on_drained(void *ctx)
{
    struct fixture *f = ctx;
    pthread_mutex_lock(&f->lock);
    f->drain_done++;
    pthread_mutex_unlock(&f->lock);
}

static void job_drain(struct fixture *f, void *ctx) { http_server_drain(f->s, *(double *)ctx, on_drained, f); }

static void job_answer(struct fixture *f, void *ctx)
{
    struct http_request *r = f->parked[--f->n_parked];
    (void)ctx;
    http_reply(r, 200, NULL, "late", 4);
}

static void test_drain(void)
{
    struct fixture f;
    struct buf b = {0};
    double seconds = 5;
    struct http_config c;
    config_for_tests(&c);
    c.times.linger = 5; /* so that the server looks once a second only */
    start(&f, &c, NULL);
    int idle = dial(&f), busy = dial(&f), half = dial(&f);
    put(idle, GET("/hi") "\r\n");
    take(idle, &b, 2, "/hi?");
    put(busy, GET("/never") "\r\n");
    put(half, "GET /hi HTTP/1.1\r\n");
    CHECK(becomes(&f, &f.handled, 2), "not handled");
    clock_sleep(0.05);
    on_loop(&f, job_drain, &seconds);
    CHECK(dial(&f) < 0, "it still listens");
    buf_clear(&b);
    CHECK(take(idle, &b, 0.5, NULL) && b.len == 0, "an idle connection stays");
    put(half, "Host: localhost\r\n\r\n");
    CHECK(take(half, &b, 1, NULL) && has(b.data, "HTTP/1.1 503 ") && has(b.data, "Retry-After"), "%s", b.data);
    close(half);
    buf_clear(&b);
    CHECK(read_count(&f, &f.drain_done) == 0, "done before the last answer");
    on_loop(&f, job_answer, NULL);
    CHECK(take(busy, &b, 2, NULL) && has(b.data, "Connection: close\r\n") && has(b.data, "late"), "%s", b.data);
    close(busy);
    close(idle);
    CHECK(becomes(&f, &f.drain_done, 1), "not done");
    stop(&f);
    /* the limit */
    start(&f, NULL, NULL);
    busy = dial(&f);
    put(busy, GET("/never") "\r\n");
    CHECK(becomes(&f, &f.handled, 1), "not handled");
    seconds = 0.1;
    on_loop(&f, job_drain, &seconds);
    CHECK(becomes(&f, &f.drain_done, 1) && f.closed == 1, "not ended by the limit");
    close(busy);
    stop(&f);
    /* with nothing to wait for */
    start(&f, NULL, NULL);
    on_loop(&f, job_drain, &seconds);
    CHECK(becomes(&f, &f.drain_done, 1), "not done");
    stop(&f);
    buf_free(&b);
}

/* Sockets in the file system, sockets handed over, addresses. */
static void test_listening(void)
{
    struct http_loop *l = NULL;
    struct http_server *s = NULL;
    struct http_config c;
    struct err e = {0};
    int port = 0, port2, fd;
    const char *path = in_dir("socket");
    config_for_tests(&c);
    CHECK_OK(http_loop_open(&l, &e), &e);
    CHECK_OK(http_server_open(&s, l, &c, &e), &e);
    CHECK(http_server_listen(s, "example.org", &port, NULL, &e) == ERR_USAGE, "a name is resolved");
    CHECK(http_server_listen(s, "127.0.0.1x", &port, NULL, &e) == ERR_USAGE &&
              http_server_listen(s, "", &port, NULL, &e) == ERR_USAGE,
          "%s", e.msg);
    port2 = 70000;
    CHECK(http_server_listen(s, "127.0.0.1", &port2, NULL, &e) == ERR_USAGE, "port 70000");
    CHECK_OK(http_server_listen(s, "127.0.0.1", &port, NULL, &e), &e);
    CHECK(port > 0, "port %d", port);
    port2 = port;
    CHECK(http_server_listen(s, "127.0.0.1", &port2, NULL, &e) == ERR_USAGE && has(e.msg, "127.0.0.1:"), "a port twice: %s",
          e.msg);
    /* both kinds of addresses, or none: the port of one is taken */
    fd = -1;
    struct net_ip one;
    int six = net_ip_parse(&one, "::1") && net_listen(&fd, &one, 0, &e) == 0 ? net_port(fd) : 0;
    if (six > 0) {
        port2 = six;
        CHECK(http_server_listen(s, "localhost", &port2, NULL, &e) == ERR_USAGE && has(e.msg, "[::1]:"), "%s", e.msg);
        CHECK_OK(http_server_listen(s, "127.0.0.1", &six, NULL, &e), &e);
        net_close(fd);
    } else {
        test_skip("there is no IPv6");
    }
    /* a file that is no socket is left alone, a living socket as well, a dead one is replaced */
    const char *file = in_dir("file");
    fclose(fopen(file, "w"));
    CHECK(http_server_listen_path(s, file, &e) == ERR_USAGE && access(file, F_OK) == 0, "a file was replaced");
    CHECK_OK(http_server_listen_path(s, path, &e), &e);
    CHECK(http_server_listen_path(s, path, &e) == ERR_USAGE, "a living socket was replaced");
    struct stat st;
    CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600, "mode %o", st.st_mode & 0777);
    http_server_close(s);
    CHECK(access(path, F_OK) != 0, "the socket's file stays");
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 1) == 0 && close(fd) == 0, "no dead socket");
    CHECK_OK(http_server_open(&s, l, &c, &e), &e);
    CHECK_OK(http_server_listen_path(s, path, &e), &e);
    /* handed over */
    CHECK(http_server_listen_fd(s, 999, NULL, &e) == ERR_USAGE, "descriptor 999");
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(http_server_listen_fd(s, fd, NULL, &e) == ERR_USAGE, "a socket that does not listen");
    CHECK(listen(fd, 5) == 0, "listen");
    CHECK_OK(http_server_listen_fd(s, fd, NULL, &e), &e);
    http_server_close(s);
    http_loop_free(l);
    char pid[20];
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    CHECK(net_given(pid, "2") == 2 && net_given(pid, "64") == 64, "sockets were handed over");
    CHECK(!net_given(pid, "0") && !net_given(pid, "65") && !net_given(pid, "-1") && !net_given(pid, "2x") &&
              !net_given(pid, "") && !net_given(pid, NULL) && !net_given(NULL, "2") && !net_given("1", "2") &&
              !net_given("", "2"),
          "no sockets were handed over");
}

/* An address of this machine that is not its own only; clients of it count as others. */
static bool find_address(char out[NET_IP_TEXT])
{
    struct ifaddrs *all, *one;
    bool found = false;
    if (getifaddrs(&all) != 0) return false;
    for (one = all; one && !found; one = one->ifa_next) {
        if (!one->ifa_addr || one->ifa_addr->sa_family != AF_INET) continue;
        struct net_ip ip = {0};
        memcpy(ip.bytes, &((struct sockaddr_in *)one->ifa_addr)->sin_addr, 4);
        found = !net_ip_is_loopback(&ip);
        if (found) net_ip_text(out, &ip);
    }
    freeifaddrs(all);
    return found;
}

static void job_listen(struct fixture *f, void *ctx)
{
    struct err e = {0};
    f->port = 0;
    CHECK_OK(http_server_listen(f->s, ctx, &f->port, NULL, &e), &e);
}

static int dial_at(const struct fixture *f, const char *address)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)f->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(inet_pton(AF_INET, address, &a.sin_addr) == 1 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0,
          "%s: no connection", address);
    return fd;
}

static void test_peers(void)
{
    struct fixture f;
    struct buf b = {0};
    struct http_config c;
    char address[NET_IP_TEXT], text[100];
    if (!find_address(address)) {
        test_skip("this machine has no address but its own");
        return;
    }
    config_for_tests(&c);
    c.per_peer = 2;
    start(&f, &c, NULL);
    on_loop(&f, job_listen, address);
    int fds[3];
    for (int i = 0; i < 3; i++) fds[i] = dial_at(&f, address);
    CHECK(take(fds[2], &b, 2, NULL) && has(b.data, "HTTP/1.1 429 ") && has(b.data, "Retry-After: 1\r\n"), "%s", b.data);
    /* its name is the address that was connected to */
    snprintf(text, sizeof text, "GET /hi HTTP/1.1\r\nHost: %s:%d\r\n" CLOSE, address, f.port);
    buf_clear(&b);
    put(fds[1], text);
    CHECK(take(fds[1], &b, 2, NULL) && has(b.data, " 200 OK"), "%s", b.data);
    buf_clear(&b);
    put(fds[0], "GET /hi HTTP/1.1\r\nHost: 9.9.9.9\r\n" CLOSE);
    CHECK(take(fds[0], &b, 2, NULL) && has(b.data, " 421 "), "%s", b.data);
    for (int i = 0; i < 3; i++) close(fds[i]);
    stop(&f);
    buf_free(&b);
    static const struct {
        const char *a, *b;
        bool near;
    } pairs[] = {
        {"10.0.0.1", "10.0.0.1", true}, {"10.0.0.1", "10.0.0.2", false}, {"2001:db8::1", "2001:db8:0:0:9::2", true},
        {"2001:db8::1", "2001:db8:0:1::1", false}, {"10.0.0.1", "::ffff:10.0.0.1", true}, {"10.0.0.1", "a00:1::", false},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct net_ip x, y;
        bool good = net_ip_parse(&x, pairs[i].a) && net_ip_parse(&y, pairs[i].b);
        CHECK(good && net_ip_is_near(&x, &y) == pairs[i].near, "%s and %s", pairs[i].a, pairs[i].b);
    }
}

static void test_path(void)
{
    struct fixture f;
    struct buf b = {0};
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    start_at(&f, NULL, NULL, in_dir("api"));
    snprintf(a.sun_path, sizeof a.sun_path, "%s", in_dir("api"));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(connect(fd, (struct sockaddr *)&a, sizeof a) == 0, "connect");
    put(fd, "GET /hi HTTP/1.1\r\nHost: whatever\r\n" CLOSE);
    CHECK(take(fd, &b, 2, NULL) && has(b.data, " 200 OK"), "%s", b.data);
    close(fd);
    CHECK(strcmp(f.last_path, "/hi") == 0, "%s", f.last_path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(connect(fd, (struct sockaddr *)&a, sizeof a) == 0, "connect");
    int handled = read_count(&f, &f.handled);
    put(fd, GET("/never") "\r\n");
    CHECK(becomes(&f, &f.handled, handled + 1), "not handled");
    close(fd);
    CHECK(becomes(&f, &f.closed, 1), "not told of a close");
    stop(&f);
    buf_free(&b);
}

static void stop_loop(void *ctx) { http_loop_stop(((struct fixture *)ctx)->loop); }

/* Every allocation of a request fails once, those of libevent included: the connection ends, with or without an answer; never
 * with half of one that looks whole. The server goes on, and nothing is lost. One thread here. */
static void test_shortage(const char *text, const char *end)
{
    struct fixture f;
    struct buf b = {0};
    struct http_timer *timer;
    struct err e = {0};
    int k = 1, short_of = 0;
    open_at(&f, NULL, NULL, NULL);
    CHECK_OK(http_timer_new(&timer, f.loop, stop_loop, &f, &e), &e);
    buf_reserve(&b, 1 << 20);
    for (bool hit = true; hit && k < 1000; k++) {
        int fd = dial(&f);
        put(fd, text);
        for (int turn = 0; turn < 2; turn++) {
            http_timer_set(timer, 0.004);
            if (turn == 0) mem_fail_at((uint64_t)k);
            CHECK_OK(http_loop_run(f.loop, &e), &e);
            if (turn == 0) hit = mem_fail_left() == 0;
            mem_fail_at(0);
        }
        buf_clear(&b);
        CHECK(take(fd, &b, 0, NULL), "allocation %d: the connection stays: %s", k, b.data);
        bool whole = has(b.data, " 200 OK") && !memcmp(b.data + b.len - strlen(end), end, strlen(end));
        bool refused = has(b.data, "HTTP/1.1 503 ") || b.len == 0 || !memcmp(b.data, "HTTP/1.1 500", 12);
        bool cut = has(b.data, "chunked") && !has(b.data, "\r\n0\r\n\r\n");
        CHECK(whole || refused || cut, "allocation %d: %s", k, b.data);
        CHECK(whole || hit, "no allocation failed: %s", b.data);
        short_of += !whole;
        close(fd);
        f.parked[0] = NULL;
    }
    CHECK(short_of > 5 && k < 1000, "%d of %d allocations were missed", short_of, k);
    http_timer_free(timer);
    close_all(&f);
    buf_free(&b);
}

/* Everything again, and nothing of it remains. */
static void test_leaks(void)
{
    int64_t live = mem_live(); /* what the libraries set up once is there by now */
    test_plain();
    test_connection();
    test_drain();
    test_shortage(GET("/hi") CLOSE, "/hi?");
    test_shortage(ECHO "Transfer-Encoding: chunked\r\n" CLOSE "2\r\n{}\r\n0\r\n\r\n", "{}");
    test_shortage(GET("/stream?n=5&size=3000") CLOSE, "x\r\n0\r\n\r\n");
    test_shortage(GET("/big?n=30000&take=1") CLOSE, "bbb");
    CHECK(mem_live() == live, "%d blocks were lost", (int)(mem_live() - live));
}

int main(void)
{
    folder_make();
    test_plain();
    test_bad();
    test_refusals();
    test_connection();
    test_drain();
    test_listening();
    test_path();
    test_peers();
    test_leaks();
    folder_remove();
    return test_end();
}
