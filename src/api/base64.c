/* Base64, and tokens that are authenticated by HMAC-SHA-256. */
#include "api/base64.h"
#include <string.h>
#include "base/hmac.h"

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

enum { MAC = HMAC_BYTES, HEAD = 4 };
static const char proof_head[] = "ak1p", whole_head[] = "ak1w";

void seal_add(struct buf *out, const unsigned char key[32], const char *text, size_t len, bool whole)
{
    const char *head = whole ? whole_head : proof_head;
    unsigned char mac[MAC];
    struct buf raw = {0};
    struct err e;
    bool good = hmac_sha256(mac, key, head, text, len, &e) == OK;
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
    struct err e;
    bool good = base64_take(&raw, s, n) && !raw.failed && raw.len == HEAD + MAC &&
                !memcmp(raw.data, proof_head, HEAD) && hmac_sha256(mac, key, proof_head, text, len, &e) == OK &&
                hmac_same((unsigned char *)raw.data + HEAD, mac);
    buf_free(&raw);
    return good;
}

bool seal_open(struct buf *out, const unsigned char key[32], const char *s, size_t n)
{
    struct buf raw = {0};
    unsigned char mac[MAC];
    struct err e;
    bool good = base64_take(&raw, s, n) && !raw.failed && raw.len >= HEAD + MAC && !memcmp(raw.data, whole_head, HEAD);
    const char *text = good ? raw.data + HEAD + MAC : NULL;
    size_t len = good ? raw.len - HEAD - MAC : 0;
    good = good && hmac_sha256(mac, key, whole_head, text, len, &e) == OK &&
           hmac_same((unsigned char *)raw.data + HEAD, mac);
    if (good && len) buf_add(out, text, len);
    buf_free(&raw);
    return good;
}
