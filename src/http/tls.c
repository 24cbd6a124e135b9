/* TLS of listening sockets. */
#include "http/tls.h"
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include "base/libs.h"
#include "base/mem.h"

struct http_tls {
    char *certificate, *key;
    SSL_CTX *ctx;
};

/* Of TLS 1.2: an ephemeral key and an AEAD. Those of 1.3 are all like that. */
static const char suites[] = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!eNULL";

static int fail_tls(const char *what, const char *path, struct err *e)
{
    char why[256];
    unsigned long code = ERR_peek_last_error();
    const char *reason = ERR_reason_error_string(code);
    ERR_error_string_n(code, why, sizeof why);
    ERR_clear_error();
    FAIL(e, ERR_FORMAT, "%s: %s: %s", path, what, reason ? reason : why);
}

static int make(SSL_CTX **out, const char *certificate, const char *key, struct err *e)
{
    *out = NULL;
    libs_prepare();
    ERR_clear_error();
    SSL_CTX *c = SSL_CTX_new(TLS_server_method());
    int rc = OK;
    if (!c) FAIL(e, ERR_MEMORY, "no memory for TLS");
    SSL_CTX_set_options(c,
                        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS); /* an idle connection keeps none */
    if (SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION) != 1 || SSL_CTX_set_cipher_list(c, suites) != 1)
        rc = fail_tls("TLS cannot be set up", certificate, e);
    else if (SSL_CTX_use_certificate_chain_file(c, certificate) != 1)
        rc = fail_tls("no certificate chain in PEM can be read", certificate, e);
    else if (SSL_CTX_use_PrivateKey_file(c, key, SSL_FILETYPE_PEM) != 1) rc = fail_tls("no key in PEM can be read", key, e);
    else if (SSL_CTX_check_private_key(c) != 1) rc = fail_tls("the key is not that of the certificate", key, e);
    if (rc) SSL_CTX_free(c);
    else *out = c;
    return rc;
}

int http_tls_open(struct http_tls **out, const char *certificate, const char *key, struct err *e)
{
    TRY(mem_new((void **)out, sizeof **out, "TLS", e));
    struct http_tls *t = *out;
    t->certificate = mem_strdup(certificate);
    t->key = mem_strdup(key);
    int rc = OK;
    if (!t->certificate || !t->key) rc = err_set(e, ERR_MEMORY, __FILE__, __LINE__, "no memory for TLS");
    else rc = make(&t->ctx, certificate, key, e);
    if (rc) {
        http_tls_free(t);
        *out = NULL;
    }
    return rc;
}

int http_tls_reload(struct http_tls *t, struct err *e)
{
    SSL_CTX *c;
    TRY(make(&c, t->certificate, t->key, e));
    SSL_CTX_free(t->ctx); /* connections keep what they have */
    t->ctx = c;
    return OK;
}

void http_tls_free(struct http_tls *t)
{
    if (!t) return;
    SSL_CTX_free(t->ctx);
    mem_free(t->certificate);
    mem_free(t->key);
    mem_free(t);
}

struct ssl_st *http_tls_session(struct http_tls *t)
{
    SSL *s = SSL_new(t->ctx);
    ERR_clear_error();
    return s;
}
