/* TLS of listening sockets. */
#ifndef HTTP_TLS_H
#define HTTP_TLS_H

#include "base/err.h"

struct http_tls;
/* Certificate chain and key, both PEM. TLS 1.2 with ephemeral keys and AEAD only, and 1.3. */
int http_tls_open(struct http_tls **out, const char *certificate, const char *key, struct err *e);
/* Reads both files anew, for connections from now on. When that fails, all stays as it was. */
int http_tls_reload(struct http_tls *t, struct err *e);
void http_tls_free(struct http_tls *t); /* NULL allowed; after the servers that use it */
struct ssl_st *http_tls_session(struct http_tls *t); /* for this folder; NULL: no memory */

#endif
