/* HMAC-SHA-256 (RFC 2104): a proof that whoever wrote something has the key. */
#ifndef BASE_HMAC_H
#define BASE_HMAC_H

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"

enum { HMAC_BYTES = 32 };

/* Of head and then body. */
int hmac_sha256(unsigned char out[HMAC_BYTES], const unsigned char key[32], const char *head, const void *body,
                size_t len, struct err *e);
/* In a time that does not depend on where they differ. */
bool hmac_same(const unsigned char a[HMAC_BYTES], const unsigned char b[HMAC_BYTES]);

#endif
