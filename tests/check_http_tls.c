/* The HTTP server behind TLS, and the event loop. */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <signal.h>
#include "tests/folder.h"
#include "tests/http_fixture.h"

/* A certificate for localhost and its key, made now; different each time. */
static void make_certificate(const char *certificate, const char *key, long serial)
{
    EVP_PKEY *k = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    X509_NAME *name = X509_get_subject_name(x);
    FILE *c = fopen(certificate, "w"), *p = fopen(key, "w");
    ASN1_INTEGER_set(X509_get_serialNumber(x), serial);
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_set_pubkey(x, k);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1, 0);
    X509_set_issuer_name(x, name);
    CHECK(X509_sign(x, k, EVP_sha256()) > 0 && PEM_write_X509(c, x) && PEM_write_PrivateKey(p, k, NULL, NULL, 0, NULL, NULL),
          "no certificate");
    fclose(c);
    fclose(p);
    X509_free(x);
    EVP_PKEY_free(k);
}

struct tls_client {
    int fd;
    SSL_CTX *ctx;
    SSL *ssl; /* NULL: the handshake failed */
};

static struct tls_client tls_dial(const struct fixture *f, int newest)
{
    struct tls_client c = {.fd = dial(f), .ctx = SSL_CTX_new(TLS_client_method())};
    SSL_CTX_set_min_proto_version(c.ctx, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(c.ctx, newest);
    SSL_CTX_set_security_level(c.ctx, 0);
    c.ssl = SSL_new(c.ctx);
    SSL_set_fd(c.ssl, c.fd);
    if (SSL_connect(c.ssl) == 1) return c;
    SSL_free(c.ssl);
    c.ssl = NULL;
    return c;
}

static void tls_close(struct tls_client *c)
{
    SSL_free(c->ssl);
    SSL_CTX_free(c->ctx);
    close(c->fd);
}

static long tls_serial(const struct tls_client *c)
{
    X509 *x = SSL_get1_peer_certificate(c->ssl);
    long serial = x ? ASN1_INTEGER_get(X509_get_serialNumber(x)) : -1;
    X509_free(x);
    return serial;
}

/* True when the server ended the session properly. */
static bool tls_take(struct tls_client *c, struct buf *out, size_t most)
{
    char block[16384];
    buf_clear(out);
    while (out->len < most) {
        int n = SSL_read(c->ssl, block, sizeof block);
        if (n <= 0) return SSL_get_error(c->ssl, n) == SSL_ERROR_ZERO_RETURN;
        buf_add(out, block, (size_t)n);
    }
    return false;
}

static void tls_put(struct tls_client *c, const char *s)
{
    CHECK(SSL_write(c->ssl, s, (int)strlen(s)) == (int)strlen(s), "cannot send");
}

static void job_reload(struct fixture *f, void *ctx)
{
    struct err e = {0};
    (void)f;
    CHECK_OK(http_tls_reload(ctx, &e), &e);
}

static void job_reload_fails(struct fixture *f, void *ctx)
{
    struct err e = {0};
    (void)f;
    CHECK(http_tls_reload(ctx, &e) == ERR_FORMAT && has(e.msg, "cert.pem"), "%s", e.msg);
}

/* Clients that go with an answer on its way. */
static void check_leaving(struct fixture *f)
{
    struct buf b = {0};
    for (int i = 0; i < 2; i++) {
        struct tls_client c = tls_dial(f, TLS1_3_VERSION);
        tls_put(&c, GET("/big?n=3000000") "\r\n");
        tls_take(&c, &b, 1);
        if (i == 0) SSL_shutdown(c.ssl);
        tls_close(&c);
    }
    for (int i = 0; i < 400 && counts(f).connections > 0; i++) clock_sleep(0.005);
    CHECK(counts(f).connections == 0, "%u connections of clients that have gone", counts(f).connections);
    buf_free(&b);
}

static void test_tls(void)
{
    struct fixture f;
    struct buf b = {0};
    struct err e = {0};
    struct http_tls *tls = NULL;
    struct http_config config;
    const char *certificate = in_dir("cert.pem"), *key = in_dir("key.pem"), *other = in_dir("other.pem");
    CHECK(http_tls_open(&tls, certificate, key, &e) == ERR_FORMAT && has(e.msg, "cert.pem"), "%s", e.msg);
    make_certificate(certificate, other, 7);
    make_certificate(certificate, key, 1);
    CHECK(http_tls_open(&tls, certificate, other, &e) == ERR_FORMAT && has(e.msg, "other.pem"), "%s", e.msg);
    CHECK(http_tls_open(&tls, key, key, &e) == ERR_FORMAT, "a key as a certificate");
    CHECK_OK(http_tls_open(&tls, certificate, key, &e), &e);
    config_for_tests(&config);
    config.stream_high = 100000;
    config.stream_low = 10000;
    config.times.head = 0.5;
    start(&f, &config, tls);
    struct tls_client c = tls_dial(&f, TLS1_3_VERSION);
    CHECK(c.ssl && tls_serial(&c) == 1 && SSL_version(c.ssl) == TLS1_3_VERSION, "no TLS 1.3");
    tls_put(&c, GET("/hi") "Origin: https://localhost\r\n" CLOSE);
    CHECK(tls_take(&c, &b, SIZE_MAX) && has(b.data, " 200 OK") && has(b.data, "/hi?"), "%s", b.data);
    tls_close(&c);
    c = tls_dial(&f, TLS1_2_VERSION);
    CHECK(c.ssl && has(SSL_get_cipher(c.ssl), "ECDHE") && has(SSL_get_cipher(c.ssl), "GCM"), "no TLS 1.2");
    tls_put(&c, GET("/stream?n=3000&size=2000") CLOSE);
    clock_sleep(0.1);
    CHECK(counts(&f).bytes < 250000, "%d bytes wait", (int)counts(&f).bytes);
    CHECK(tls_take(&c, &b, SIZE_MAX) && b.len > 6000000 && !memcmp(b.data + b.len - 5, "0\r\n\r\n", 5), "%zu bytes", b.len);
    tls_close(&c);
    c = tls_dial(&f, TLS1_2_VERSION);
    tls_put(&c, GET("/big?n=3000000&take=1") CLOSE);
    CHECK(tls_take(&c, &b, SIZE_MAX) && b.len > 3000000 && b.len < 3001000, "%zu bytes", b.len);
    tls_close(&c);
    c = tls_dial(&f, TLS1_1_VERSION);
    CHECK(!c.ssl, "TLS 1.1");
    tls_close(&c);
    /* plain HTTP is told what is wrong, other bytes as well; silence is ended */
    const char *a = ask(&f, GET("/hi") "\r\n", &b);
    CHECK(has(a, "HTTP/1.1 400 ") && has(a, "HTTPS") && !has(a, "/hi?"), "%s", a);
    int handled = read_count(&f, &f.handled);
    a = ask(&f, "\x16\x03\x01\x02", &b);
    CHECK(*a == '\0', "%s", a);
    a = ask(&f, "", &b);
    CHECK(*a == '\0', "%s", a);
    CHECK(read_count(&f, &f.handled) == handled, "something came to the handler");
    /* the client goes */
    c = tls_dial(&f, TLS1_3_VERSION);
    tls_put(&c, GET("/never") "\r\n");
    CHECK(becomes(&f, &f.handled, handled + 1), "not handled");
    int closed = read_count(&f, &f.closed);
    tls_close(&c);
    CHECK(becomes(&f, &f.closed, closed + 1), "not told of a close");
    check_leaving(&f);
    /* a new certificate, without dropping the connection that has the old one */
    c = tls_dial(&f, TLS1_3_VERSION);
    make_certificate(certificate, key, 2);
    on_loop(&f, job_reload, tls);
    struct tls_client d = tls_dial(&f, TLS1_3_VERSION);
    CHECK(d.ssl && tls_serial(&d) == 2, "the old certificate");
    tls_put(&c, GET("/old") "\r\n");
    tls_take(&c, &b, 1);
    CHECK(has(b.data, " 200 OK"), "%s", b.data);
    tls_close(&c);
    fclose(fopen(certificate, "w"));
    on_loop(&f, job_reload_fails, tls);
    c = tls_dial(&f, TLS1_3_VERSION);
    CHECK(c.ssl && tls_serial(&c) == 2, "not the last good certificate");
    tls_close(&c);
    tls_close(&d);
    stop(&f);
    http_tls_free(tls);
    buf_free(&b);
}

/* ---- the loop ---- */

struct loop_test {
    struct http_loop *l;
    int timers, signals, pair[2];
    unsigned ready;
};

static void on_timer(void *ctx) { ((struct loop_test *)ctx)->timers++; }
static void on_end(void *ctx) { http_loop_stop(((struct loop_test *)ctx)->l); }

static void on_signal(void *ctx)
{
    struct loop_test *t = ctx;
    t->signals++;
    CHECK(send(t->pair[1], "x", 1, 0) == 1, "send");
}

static void on_pair(void *ctx, unsigned ready)
{
    struct loop_test *t = ctx;
    char c;
    t->ready |= ready;
    if (ready & HTTP_READABLE && recv(t->pair[0], &c, 1, MSG_DONTWAIT) == 1) {
        close(t->pair[1]);
        return;
    }
    if (t->ready & HTTP_GONE) http_loop_stop(t->l);
}

static void test_loop(void)
{
    struct loop_test t = {0};
    struct http_timer *once, *never, *end;
    struct http_watch *w;
    struct http_signal *s;
    struct err e = {0};
    CHECK_OK(http_loop_open(&t.l, &e), &e);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, t.pair) == 0, "socketpair");
    CHECK_OK(http_timer_new(&once, t.l, on_timer, &t, &e), &e);
    CHECK_OK(http_timer_new(&never, t.l, on_timer, &t, &e), &e);
    CHECK_OK(http_timer_new(&end, t.l, on_end, &t, &e), &e);
    CHECK_OK(http_signal_new(&s, t.l, SIGUSR1, on_signal, &t, &e), &e);
    CHECK_OK(http_watch_new(&w, t.l, t.pair[0], on_pair, &t, &e), &e);
    CHECK_OK(http_watch_set(w, HTTP_READABLE | HTTP_GONE, &e), &e);
    http_timer_set(once, 0.01);
    http_timer_set(never, 0.01);
    http_timer_set(never, -1);
    http_timer_set(end, 5);
    raise(SIGUSR1);
    double begun = clock_seconds();
    CHECK_OK(http_loop_run(t.l, &e), &e);
    CHECK(t.signals == 1 && (t.ready & HTTP_GONE) && clock_seconds() - begun < 2, "%d signals, ready %u", t.signals, t.ready);
    CHECK_OK(http_watch_set(w, 0, &e), &e);
    http_timer_set(end, 0.1);
    CHECK_OK(http_loop_run(t.l, &e), &e);
    CHECK(t.timers == 1, "%d timers", t.timers);
    http_signal_free(s);
    http_watch_free(w);
    http_timer_free(once);
    http_timer_free(never);
    http_timer_free(end);
    http_loop_free(t.l);
    close(t.pair[0]);
}

/* Again, and nothing remains. */
static void test_leaks(void)
{
    int64_t live = mem_live(); /* what the libraries set up once is there by now */
    test_loop();
    test_tls();
    CHECK(mem_live() == live, "%d blocks were lost", (int)(mem_live() - live));
}

int main(void)
{
    folder_make();
    test_loop();
    test_tls();
    test_leaks();
    folder_remove();
    return test_end();
}
