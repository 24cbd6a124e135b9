/* The two hashes a hub names files by: SHA-256 of the bytes (large files), and git's object id (small ones), which is
 * SHA-1 of "blob SIZE", a NUL and the bytes. SHA-1 only tells a damaged file here; nothing trusts it further. */
#ifndef HUB_DIGEST_H
#define HUB_DIGEST_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "hub/ref.h"

struct digest; /* owns an OpenSSL context */

/* hex has 64 digits: SHA-256; 40 digits: git's id of a file of size bytes. */
int digest_new(struct digest **out, const char *hex, uint64_t size, struct err *e);
void digest_add(struct digest *d, const void *data, size_t n);
void digest_hex(struct digest *d, char out[HUB_HASH]); /* once; then only digest_free */
void digest_free(struct digest *d);                    /* NULL allowed */

#endif
