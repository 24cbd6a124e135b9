/* Base64 (RFC 4648), and texts that clients carry for us: authenticated, so that what comes back is what we gave. */
#ifndef API_BASE64_H
#define API_BASE64_H

#include "base/buf.h"

void base64_add(struct buf *out, const void *data, size_t n); /* a failure is out->failed */
/* False: it is not base64. */
bool base64_take(struct buf *out, const char *s, size_t len);

/* Appends a token over `text`: it proves that text came from whoever has the key. whole: the text is in it. */
void seal_add(struct buf *out, const unsigned char key[32], const char *text, size_t len, bool whole);
/* Whether s is a token over text. */
bool seal_proves(const char *s, size_t n, const unsigned char key[32], const char *text, size_t len);
/* The text of a whole token; false: it is none of ours. */
bool seal_open(struct buf *out, const unsigned char key[32], const char *s, size_t n);

#endif
