/* The HTTP server and clients that behave badly: they go away, stand still, come in numbers, send too much. */
#include <sys/resource.h>
#include "tests/http_fixture.h"

/* Clients that go away while the handler works: told once, at once, whatever has or has not been read. */
static void test_gone(void)
{
    struct fixture f;
    start(&f, NULL, NULL);
    int fd = dial(&f);
    put(fd, GET("/never") "\r\n");
    CHECK(becomes(&f, &f.handled, 1), "not handled");
    double t = clock_seconds();
    close(fd);
    CHECK(becomes(&f, &f.closed, 1), "not told of a close");
    CHECK(clock_seconds() - t < 0.5, "told after %.3f s", clock_seconds() - t);
    /* a reset */
    fd = dial(&f);
    put(fd, GET("/never") "\r\n");
    CHECK(becomes(&f, &f.handled, 2), "not handled");
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
    close(fd);
    CHECK(becomes(&f, &f.closed, 2), "not told of a reset");
    /* half closed, with a further request in front of the end */
    fd = dial(&f);
    put(fd, GET("/never") "\r\n" GET("/x") "\r\n");
    CHECK(becomes(&f, &f.handled, 3), "not handled");
    shutdown(fd, SHUT_WR);
    CHECK(becomes(&f, &f.closed, 3), "not told of a half close");
    close(fd);
    /* one that sends on and on ahead of its answer */
    fd = dial(&f);
    put(fd, GET("/never") "\r\n");
    CHECK(becomes(&f, &f.handled, 4), "not handled");
    for (int i = 0; i < 100000 && put(fd, GET("/x") "\r\n"); i++) {}
    CHECK(becomes(&f, &f.closed, 4), "not left");
    close(fd);
    /* in the middle of a stream, many times at different moments */
    int before = read_count(&f, &f.closed);
    for (int i = 0; i < 50; i++) {
        char text[100], block[4096];
        fd = dial(&f);
        snprintf(text, sizeof text, GET("/stream?n=100000&size=%d") "\r\n", 100 + i * 37);
        put(fd, text);
        for (int k = 0; k < i % 7; k++)
            if (recv(fd, block, sizeof block, 0) <= 0) break;
        if (i % 2) setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
        if (i % 7) close(fd);
        else shutdown(fd, SHUT_WR), close(fd);
    }
    /* those that went before the head was read never came to the handler */
    for (int i = 0; i < 400 && counts(&f).connections > 0; i++) clock_sleep(0.005);
    CHECK(counts(&f).connections == 0, "%u connections left", counts(&f).connections);
    CHECK(f.closed - before == f.handled - 4, "%d of %d told", f.closed - before, f.handled - 4);
    CHECK(f.handled > 20, "only %d came to the handler", f.handled);
    /* the server ends with a request under way */
    fd = dial(&f);
    before = read_count(&f, &f.closed);
    int handled = read_count(&f, &f.handled);
    put(fd, GET("/never") "\r\n");
    CHECK(becomes(&f, &f.handled, handled + 1), "not handled");
    stop(&f);
    CHECK(f.closed == before + 1, "not told of the end");
    close(fd);
}

/* A reader that stands still: the writer is told to wait, and what waits stays bounded. */
static void test_slow_reader(void)
{
    struct fixture f;
    struct buf b = {0};
    struct http_config c;
    config_for_tests(&c);
    c.stream_high = 100000;
    c.stream_low = 10000;
    c.stream_max = 1000000;
    start(&f, &c, NULL);
    int fd = dial(&f);
    put(fd, GET("/stream?n=10000&size=2000") CLOSE);
    for (int i = 0; i < 400 && counts(&f).bytes < 100000; i++) clock_sleep(0.005);
    clock_sleep(0.1);
    struct http_counts k = counts(&f);
    CHECK(k.bytes > 100000 && k.bytes < 140000, "%d bytes wait", (int)k.bytes);
    CHECK(f.written < 10000000, "%d bytes were written without anybody reading", (int)f.written);
    CHECK(take(fd, &b, 3, NULL) && b.len > 20000000 && !memcmp(b.data + b.len - 5, "0\r\n\r\n", 5), "%zu bytes", b.len);
    CHECK(f.drained == f.told || f.drained + 1 == f.told, "told %d times to wait, and %d times that little waits", f.told,
          f.drained);
    CHECK(f.drained > 5 && f.most_waiting < 110000, "%d times drained, at most %d waited", f.drained, (int)f.most_waiting);
    close(fd);
    /* a writer that does not heed it */
    fd = dial(&f);
    put(fd, GET("/flood?n=10000&size=2000") "\r\n");
    CHECK(becomes(&f, &f.closed, 1), "a flood goes on");
    CHECK(counts(&f).most_bytes < 1200000, "%d bytes waited", (int)counts(&f).most_bytes);
    close(fd);
    /* a pipeline of answers that nobody reads stops being answered */
    fd = dial(&f);
    int handled = read_count(&f, &f.handled);
    for (int i = 0; i < 60; i++) put(fd, GET("/big?n=50000") "\r\n");
    clock_sleep(0.3);
    CHECK(counts(&f).bytes < 300000, "%d bytes wait", (int)counts(&f).bytes);
    CHECK(read_count(&f, &f.handled) - handled < 60, "all were answered");
    buf_clear(&b);
    put(fd, GET("/end") CLOSE);
    CHECK(take(fd, &b, 3, NULL) && b.len > 3000000 && !memcmp(b.data + b.len - 5, "/end?", 5), "%zu bytes", b.len);
    close(fd);
    stop(&f);
    buf_free(&b);
}

static void test_time(void)
{
    struct fixture f;
    struct buf b = {0};
    struct http_config c;
    config_for_tests(&c);
    c.times = (struct http_times){.head = 0.6, .idle = 1, .body = 0.6, .stall = 0.8, .linger = 0.3};
    start(&f, &c, NULL);
    double t = clock_seconds();
    int quiet = dial(&f), head = dial(&f), body = dial(&f), idle = dial(&f), reader = dial(&f), drip = dial(&f),
        fair = dial(&f);
    put(head, "GET / HTTP/1.1\r\nHost: loc");
    put(body, "POST /small HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n123");
    put(idle, GET("/hi") "\r\n");
    put(reader, GET("/big?n=4000000") "\r\n");
    put(fair, ECHO "Content-Length: 4000\r\n" CLOSE);
    char kilo[1001];
    memset(kilo, ' ', 1000);
    kilo[1000] = '\0';
    for (int i = 0; i < 16; i++) { /* a byte now and then does not help; a kilobyte does */
        put(drip, i == 0 ? "GET / HTTP/1.1\r\nHost: localhost\r\nX: " : "y");
        if (i % 4 == 3) put(fair, kilo);
        clock_sleep(0.1);
    }
    CHECK(take(quiet, &b, 2, NULL) && b.len == 0, "%s", b.data);
    CHECK(take(head, &b, 2, NULL) && has(b.data, "HTTP/1.1 408 "), "%s", b.data);
    buf_clear(&b);
    CHECK(take(drip, &b, 2, NULL) && has(b.data, "HTTP/1.1 408 "), "%s", b.data);
    buf_clear(&b);
    CHECK(take(body, &b, 2, NULL) && has(b.data, "HTTP/1.1 408 "), "%s", b.data);
    buf_clear(&b);
    CHECK(take(fair, &b, 2, NULL) && has(b.data, "HTTP/1.1 200 "), "%s", b.data);
    buf_clear(&b);
    CHECK(take(idle, &b, 2, NULL) && has(b.data, "HTTP/1.1 200 "), "%s", b.data);
    CHECK(clock_seconds() - t < 5, "it took %.1f s", clock_seconds() - t);
    for (int i = 0; i < 400 && counts(&f).connections > 0; i++) clock_sleep(0.005);
    CHECK(counts(&f).connections == 0, "who does not read its answer stays");
    CHECK(counts(&f).too_slow == 5, "%d were too slow", (int)counts(&f).too_slow);
    int all[] = {quiet, head, body, idle, reader, drip, fair};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) close(all[i]);
    stop(&f);
    buf_free(&b);
}

/* So many connections at once, all but one idle. */
static void test_many(void)
{
    enum { MANY = 1000 };
    static int fds[MANY];
    struct fixture f;
    struct buf b = {0};
    struct http_config c;
    struct rlimit r;
    int many = getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < 2 * MANY + 300 ? (int)(r.rlim_cur - 300) / 2 : MANY;
    config_for_tests(&c);
    start(&f, &c, NULL);
    for (int i = 0; i < many; i++) fds[i] = dial(&f);
    const char *a = ask(&f, GET("/hi") CLOSE, &b);
    CHECK(has(a, " 200 OK"), "%s", a);
    for (int i = 0; i < 400 && counts(&f).idle < (uint32_t)many; i++) clock_sleep(0.005);
    struct http_counts k = counts(&f);
    CHECK(k.idle == (uint32_t)many && k.bytes / (uint64_t)many < 4096, "%u idle, %d bytes each", k.idle,
          (int)(k.bytes / (uint64_t)many));
    for (int i = 0; i < many; i++) close(fds[i]);
    stop(&f);
    buf_free(&b);
}

/* A connection more than are allowed. */
static void test_room(void)
{
    int fds[5];
    struct fixture f;
    struct buf b = {0};
    struct http_config c;
    /* the longest idle goes, between requests before those that have not asked yet */
    config_for_tests(&c);
    c.connections = 5;
    start(&f, &c, NULL);
    for (int i = 0; i < 5; i++) {
        fds[i] = dial(&f);
        put(fds[i], i == 0 ? "GET / HT" : i == 2 ? GET("/never") "\r\n" : "");
        for (int n = 0; n < 400 && counts(&f).connections < (uint32_t)i + 1; n++) clock_sleep(0.005);
    }
    CHECK(becomes(&f, &f.handled, 1), "not handled");
    const char *a = ask(&f, GET("/hi") CLOSE, &b);
    CHECK(has(a, " 200 OK"), "%s", a);
    buf_clear(&b);
    CHECK(take(fds[1], &b, 2, NULL) && b.len == 0 && !take(fds[3], &b, 0.05, NULL), "not the longest idle one");
    CHECK(counts(&f).made_room == 1 && counts(&f).turned_away == 0, "%d made room", (int)counts(&f).made_room);
    for (int i = 0; i < 5; i++) close(fds[i]);
    stop(&f);
    /* where all work, it is told so */
    config_for_tests(&c);
    c.connections = 5;
    start(&f, &c, NULL);
    for (int i = 0; i < 5; i++) {
        fds[i] = dial(&f);
        put(fds[i], GET("/never") "\r\n");
    }
    CHECK(becomes(&f, &f.handled, 5), "not handled");
    a = ask(&f, "", &b);
    CHECK(has(a, "HTTP/1.1 503 ") && has(a, "Retry-After: 1\r\n"), "%s", a);
    close(fds[0]);
    for (int i = 0; i < 400 && counts(&f).connections > 4; i++) clock_sleep(0.005);
    a = ask(&f, GET("/hi") CLOSE, &b);
    CHECK(has(a, " 200 OK"), "%s", a);
    CHECK(counts(&f).turned_away == 1, "%d turned away", (int)counts(&f).turned_away);
    for (int i = 1; i < 5; i++) close(fds[i]);
    stop(&f);
    buf_free(&b);
}

/* Memory of all buffers. */
static void test_memory(void)
{
    static char block[1 << 20];
    struct fixture f;
    struct buf b = {0};
    struct http_config c;
    config_for_tests(&c);
    c.memory = 3 << 20;
    start(&f, &c, NULL);
    char head[200];
    memset(block, ' ', sizeof block);
    snprintf(head, sizeof head,
             ECHO "Content-Length: %d\r\n" CLOSE,
             20 << 20);
    int fd = dial(&f);
    put(fd, head);
    for (int i = 0; i < 20 && put_n(fd, block, sizeof block); i++) {}
    buf_clear(&b);
    take(fd, &b, 2, NULL);
    CHECK(b.data && has(b.data, "HTTP/1.1 503 "), "%s", b.data);
    close(fd);
    struct http_counts k = counts(&f);
    CHECK(k.over_memory == 1 && k.most_bytes < (6 << 20), "%d over memory, at most %d bytes", (int)k.over_memory,
          (int)k.most_bytes);
    const char *a = ask(&f, GET("/hi") CLOSE, &b);
    CHECK(has(a, " 200 OK"), "%s", a);
    /* an answer above it, copied or taken, is refused; one below goes */
    for (int take = 0; take < 2; take++) {
        a = ask(&f, take ? GET("/big?n=4000000&take=1") CLOSE : GET("/big?n=4000000") CLOSE, &b);
        CHECK(has(a, "HTTP/1.1 503 ") && has(a, "4000000 bytes") && has(a, "Retry-After: 1"), "%.300s", a);
        a = ask(&f, take ? GET("/big?n=2000000&take=1") CLOSE : GET("/big?n=2000000") CLOSE, &b);
        CHECK(has(a, " 200 OK") && b.len > 2000000 && b.len < 2001000, "%zu bytes: %.300s", b.len, a);
        a = ask(&f, take ? GET("/big?n=200&take=1") CLOSE : GET("/big?n=200") CLOSE, &b);
        CHECK(has(a, " 200 OK") && has(a, "Content-Length: 200\r\n"), "%s", a);
    }
    CHECK(counts(&f).over_memory == 3, "%d over memory", (int)counts(&f).over_memory);
    stop(&f);
    buf_free(&b);
}

int main(void)
{
    test_gone();
    test_slow_reader();
    test_time();
    test_many();
    test_room();
    test_memory();
    return test_end();
}
