/* SHA-256 (FIPS 180-4) through OpenSSL: hashes of weights, texts and runs. */
#ifndef BASE_SHA256_H
#define BASE_SHA256_H

#include <stddef.h>
#include "base/err.h"

enum { SHA256_HEX = 65 }; /* 64 digits and the NUL */

struct sha256; /* owns an OpenSSL context */

int sha256_new(struct sha256 **out, struct err *e);
void sha256_add(struct sha256 *s, const void *data, size_t n);
/* Writes the digest in hexadecimal and frees s. */
void sha256_hex(struct sha256 *s, char out[SHA256_HEX]);
/* All at once. */
int sha256_of(const void *data, size_t n, char out[SHA256_HEX], struct err *e);

#endif
