/* Hashes through OpenSSL's EVP interface. */
#include "hub/digest.h"
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include "base/libs.h"

/* struct digest is OpenSSL's context under another name. */
static EVP_MD_CTX *ctx_of(struct digest *d) { return (EVP_MD_CTX *)(void *)d; }

int digest_new(struct digest **out, const char *hex, uint64_t size, struct err *e)
{
    bool git = strlen(hex) == 40;
    void *c;
    *out = NULL;
    TRY(libs_hash_new(&c, git ? LIBS_SHA1 : LIBS_SHA256, e));
    if (git) {
        char head[40];
        int n = snprintf(head, sizeof head, "blob %" PRIu64, size);
        EVP_DigestUpdate(c, head, (size_t)n + 1); /* with the NUL */
    }
    *out = (struct digest *)(void *)c;
    return OK;
}

void digest_add(struct digest *d, const void *data, size_t n) { EVP_DigestUpdate(ctx_of(d), data, n); }

void digest_hex(struct digest *d, char out[HUB_HASH])
{
    unsigned char md[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    EVP_DigestFinal_ex(ctx_of(d), md, &n);
    for (unsigned i = 0; i < n && i < 32; i++) snprintf(out + 2 * i, 3, "%02x", md[i]);
}

void digest_free(struct digest *d) { EVP_MD_CTX_free(ctx_of(d)); }
