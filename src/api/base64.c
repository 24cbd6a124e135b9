/* Base64, and tokens that are authenticated by HMAC-SHA-256. */
#include "api/base64.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_add(struct buf *out, const void *data, size_t n)
{
    const unsigned char *p = data;
    for (size_t i = 0; i < n; i += 3) {
        size_t k = n - i < 3 ? n - i : 3;
        unsigned v = (unsigned)p[i] << 16 | (k > 1 ? (unsigned)p[i + 1] << 8 : 0) | (k > 2 ? p[i + 2] : 0);
        char text[4];
        for (size_t j = 0; j < 4; j++) text[j] = j <= k ? digits[v >> (18 - 6 * j) & 63] : '=';
        buf_add(out, text, 4);
    }
}

bool base64_take(struct buf *out, const char *s, size_t len)
{
    if (len % 4) return false;
    for (size_t i = 0; i < len; i += 4) {
        size_t pad = i + 4 == len ? (size_t)(s[i + 3] == '=') + (s[i + 3] == '=' && s[i + 2] == '=') : 0;
        unsigned v = 0;
        for (size_t j = 0; j < 4 - pad; j++) {
            const char *d = s[i + j] ? strchr(digits, s[i + j]) : NULL;
            if (!d) return false;
            v |= (unsigned)(d - digits) << (18 - 6 * j);
        }
        for (size_t j = 0; j < 3 - pad; j++) buf_add_byte(out, (int)(v >> (16 - 8 * j) & 255));
    }
    return true;
}

enum { MAC = 32, HEAD = 4 };
static const char proof_head[HEAD + 1] = "ak1p", whole_head[HEAD + 1] = "ak1w";

static bool mac_of(unsigned char out[MAC], const unsigned char key[32], const char *head, const char *text, size_t len)
{
    struct buf b = {0};
    unsigned n = 0;
    buf_add(&b, head, HEAD);
    if (len) buf_add(&b, text, len);
    bool good = !b.failed && HMAC(EVP_sha256(), key, 32, (unsigned char *)b.data, b.len, out, &n) && n == MAC;
    buf_free(&b);
    return good;
}

void seal_add(struct buf *out, const unsigned char key[32], const char *text, size_t len, bool whole)
{
    const char *head = whole ? whole_head : proof_head;
    unsigned char mac[MAC];
    struct buf raw = {0};
    bool good = mac_of(mac, key, head, text, len);
    buf_add(&raw, head, HEAD);
    buf_add(&raw, mac, MAC);
    if (whole && len) buf_add(&raw, text, len);
    base64_add(out, raw.data, raw.len);
    out->failed |= !good || raw.failed;
    buf_free(&raw);
}

bool seal_proves(const char *s, size_t n, const unsigned char key[32], const char *text, size_t len)
{
    struct buf raw = {0};
    unsigned char mac[MAC];
    bool good = base64_take(&raw, s, n) && !raw.failed && raw.len == HEAD + MAC &&
                !memcmp(raw.data, proof_head, HEAD) && mac_of(mac, key, proof_head, text, len) &&
                !CRYPTO_memcmp(raw.data + HEAD, mac, MAC);
    buf_free(&raw);
    return good;
}

bool seal_open(struct buf *out, const unsigned char key[32], const char *s, size_t n)
{
    struct buf raw = {0};
    unsigned char mac[MAC];
    bool good = base64_take(&raw, s, n) && !raw.failed && raw.len >= HEAD + MAC && !memcmp(raw.data, whole_head, HEAD);
    const char *text = good ? raw.data + HEAD + MAC : NULL;
    size_t len = good ? raw.len - HEAD - MAC : 0;
    good = good && mac_of(mac, key, whole_head, text, len) && !CRYPTO_memcmp(raw.data + HEAD, mac, MAC);
    if (good && len) buf_add(out, text, len);
    buf_free(&raw);
    return good;
}
