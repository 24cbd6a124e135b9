/* UTF-8 decoding by the table of well-formed sequences (Unicode, table 3-7). */
#include "base/utf8.h"
#include <string.h>

/* Length of the sequence a first byte announces, and the range of its second byte, which is narrower than 80..BF
 * where overlong forms, surrogates or too large values would begin. 0: not a first byte. */
static size_t lead(uint8_t b, uint8_t *lo, uint8_t *hi)
{
    *lo = 0x80;
    *hi = 0xBF;
    if (b < 0x80) return 1;
    if (b < 0xC2) return 0;
    if (b < 0xE0) return 2;
    if (b < 0xF0) {
        if (b == 0xE0) *lo = 0xA0;
        if (b == 0xED) *hi = 0x9F;
        return 3;
    }
    if (b > 0xF4) return 0;
    if (b == 0xF0) *lo = 0x90;
    if (b == 0xF4) *hi = 0x8F;
    return 4;
}

/* How many of the first n bytes fit the sequence that s[0] announces; *want is its length (0: none). */
static size_t fitting(const char *s, size_t n, size_t *want)
{
    uint8_t lo, hi;
    *want = lead((uint8_t)s[0], &lo, &hi);
    if (*want == 0) return 0;
    size_t i = 1;
    for (; i < *want && i < n; i++) {
        uint8_t b = (uint8_t)s[i];
        if (b < lo || b > hi) break;
        lo = 0x80;
        hi = 0xBF;
    }
    return i;
}

size_t utf8_decode(const char *s, size_t n, uint32_t *cp)
{
    static const uint8_t mask[5] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    size_t want;
    if (fitting(s, n, &want) != want || want == 0) return 0;
    uint32_t c = (uint8_t)s[0] & mask[want];
    for (size_t i = 1; i < want; i++) c = c << 6 | ((uint8_t)s[i] & 0x3F);
    *cp = c;
    return want;
}

size_t utf8_valid_run(const char *s, size_t n)
{
    size_t i = 0, want;
    while (i < n) {
        uint64_t eight;
        if (i + 8 <= n) {
            memcpy(&eight, s + i, 8);
            if (!(eight & 0x8080808080808080u)) {
                i += 8;
                continue;
            }
        }
        if (fitting(s + i, n - i, &want) != want || want == 0) break;
        i += want;
    }
    return i;
}

bool utf8_incomplete(const char *s, size_t n)
{
    size_t want, got = fitting(s, n, &want);
    return want > 0 && got == n && got < want;
}

size_t utf8_bad_len(const char *s, size_t n)
{
    size_t want, got = fitting(s, n, &want);
    return got ? got : 1;
}

size_t utf8_encode(uint32_t cp, char out[4])
{
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xC0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3F));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xE0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3F));
        out[2] = (char)(0x80 | (cp & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3F));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3F));
    out[3] = (char)(0x80 | (cp & 0x3F));
    return 4;
}

size_t utf8_count(const char *s, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; count++) {
        uint32_t cp;
        size_t k = utf8_decode(s + i, n - i, &cp);
        i += k ? k : 1;
    }
    return count;
}

bool utf8_valid(const char *s, size_t n, size_t *at)
{
    size_t good = utf8_valid_run(s, n);
    if (good < n && at) *at = good;
    return good == n;
}

bool utf8_is_safe(uint32_t cp)
{
    if (cp < 0x20 || (cp >= 0x7f && cp < 0xa0)) return false;
    if ((cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069)) return false;
    return cp != 0x061c && cp != 0x200e && cp != 0x200f && cp != 0xfeff;
}

size_t utf8_printable(char *out, size_t cap, const char *s, size_t n)
{
    size_t at = 0, width = 0, fit_at = 0, fit_width = 0; /* fit: the last state that leaves room for "..." */
    for (size_t i = 0, len; i < n; i += len) {
        uint32_t cp = 0;
        len = utf8_decode(s + i, n - i, &cp);
        bool safe = len > 0 && utf8_is_safe(cp);
        size_t put = safe ? len : 1;
        if (len == 0) len = 1;
        if (at + 4 <= cap) {
            fit_at = at;
            fit_width = width;
        }
        if (at + put + 1 > cap) {
            memcpy(out + fit_at, "...", 4);
            return fit_width + 3;
        }
        if (safe) memcpy(out + at, s + i, len);
        else out[at] = '?';
        at += put;
        width++;
    }
    out[at] = 0;
    return width;
}
