/* UTF-8 (RFC 3629): validity, decoding, encoding, and a form of untrusted text that is safe on a terminal. Overlong
 * forms, surrogates and values above U+10FFFF are invalid, exactly as in PCRE2, which is handed only text that passed
 * here. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Length of the valid sequence at the start of s (1 to 4), or 0 if there is none; its code point in *cp. n > 0. */
size_t utf8_decode(const char *s, size_t n, uint32_t *cp);
/* Number of leading bytes of s that are valid UTF-8. */
size_t utf8_valid_run(const char *s, size_t n);
/* When s starts with an incomplete but so far valid sequence that ends at n: true (more bytes are needed). n > 0. */
bool utf8_incomplete(const char *s, size_t n);
/* Bytes of the longest beginning of a valid sequence at the start of an invalid s, at least 1: what one U+FFFD
 * stands for (Unicode, section 3.9, "maximal subpart"). */
size_t utf8_bad_len(const char *s, size_t n);
/* Writes cp, which is a valid code point, and returns its length. */
size_t utf8_encode(uint32_t cp, char out[4]);
/* Number of characters; every invalid byte counts as one. */
size_t utf8_count(const char *s, size_t n);

/* True when all of s[0, n) is UTF-8. *at (NULL allowed) is the position of the first bad byte. */
bool utf8_valid(const char *s, size_t n, size_t *at);
/* False for characters that steer a terminal or turn the direction of reading: C0, C1, DEL, bidi controls,
 * line separators. */
bool utf8_is_safe(uint32_t cp);
/* Writes s as printable text into out (cap >= 8), NUL-terminated: unsafe or invalid bytes become '?', and what does
 * not fit ends in "...". Returns the number of code points written (the width of plain text). */
size_t utf8_printable(char *out, size_t cap, const char *s, size_t n);

#endif
