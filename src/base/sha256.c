/* SHA-256 through OpenSSL's EVP interface. */
#include "base/sha256.h"
#include <openssl/evp.h>
#include <stdio.h>
#include "base/libs.h"

/* struct sha256 is OpenSSL's context under another name: one less allocation, no header leaks out. */
static EVP_MD_CTX *ctx_of(struct sha256 *s) { return (EVP_MD_CTX *)(void *)s; }

int sha256_new(struct sha256 **out, struct err *e)
{
    return libs_hash_new((void **)out, LIBS_SHA256, e);
}

void sha256_add(struct sha256 *s, const void *data, size_t n) { EVP_DigestUpdate(ctx_of(s), data, n); }

void sha256_hex(struct sha256 *s, char out[SHA256_HEX])
{
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    EVP_DigestFinal_ex(ctx_of(s), md, &n);
    EVP_MD_CTX_free(ctx_of(s));
    for (unsigned i = 0; i < n && i < 32; i++) snprintf(out + 2 * i, 3, "%02x", md[i]);
}

int sha256_of(const void *data, size_t n, char out[SHA256_HEX], struct err *e)
{
    struct sha256 *s;
    TRY(sha256_new(&s, e));
    sha256_add(s, data, n);
    sha256_hex(s, out);
    return OK;
}
