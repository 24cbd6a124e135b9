/* HMAC-SHA-256 out of two hashes. */
#include "base/hmac.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>
#include "base/libs.h"

enum { BLOCK = 64 }; /* bytes that SHA-256 takes at once */

/* The hash of the key with `pad` in every byte, and then of head and body. */
static int keyed(unsigned char out[HMAC_BYTES], const unsigned char key[32], unsigned char pad, const char *head,
                 const void *body, size_t len, struct err *e)
{
    unsigned char block[BLOCK];
    void *c;
    TRY(libs_hash_new(&c, LIBS_SHA256, e));
    for (size_t i = 0; i < BLOCK; i++) block[i] = (i < 32 ? key[i] : 0) ^ pad;
    EVP_DigestUpdate(c, block, BLOCK);
    EVP_DigestUpdate(c, head, strlen(head));
    if (len) EVP_DigestUpdate(c, body, len);
    EVP_DigestFinal_ex(c, out, NULL);
    EVP_MD_CTX_free(c);
    OPENSSL_cleanse(block, sizeof block);
    return OK;
}

int hmac_sha256(unsigned char out[HMAC_BYTES], const unsigned char key[32], const char *head, const void *body,
                size_t len, struct err *e)
{
    unsigned char inner[HMAC_BYTES];
    TRY(keyed(inner, key, 0x36, head, body, len, e));
    return keyed(out, key, 0x5c, "", inner, sizeof inner, e);
}

bool hmac_same(const unsigned char a[HMAC_BYTES], const unsigned char b[HMAC_BYTES])
{
    return !CRYPTO_memcmp(a, b, HMAC_BYTES);
}
