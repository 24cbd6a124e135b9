/* Unicode normalisation form C, through utf8proc. Only Qwen's files ask for it. Most text is in this form: only the
 * neighbourhood of a character that combines, or that has another form, is looked at closely. */
#include "base/checked.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "text/unicode.h"
#include "text/vocab.h"
#include <utf8proc.h>

/* utf8proc sorts the marks after a letter by insertion. Real text has a few (UAX 15 allows 30 in stream-safe text);
 * a longer run of characters that combine is left as it is, so that no input costs quadratic time. */
enum { MAX_RUN = 256, MAX_BYTES = 4 * (MAX_RUN + 1), MAX_PARTS = 4 * (MAX_RUN + 1) };

/* The position of the first character of valid s that normalisation may change, len if there is none; *before is the
 * position of the character before it (or its own if there is none). */
static size_t find_unstable(const struct unicode *u, const char *s, size_t len, size_t *before)
{
    size_t n;
    *before = 0;
    for (size_t i = 0; i < len; i += n) {
        if (!(unicode_class(u, unicode_char(s + i, &n)) & UC_STABLE)) return i;
        *before = i;
    }
    return len;
}

/* Appends the form of s, a stable character (perhaps) and unstable ones. */
static void normalise_run(struct buf *out, const char *s, size_t len)
{
    utf8proc_int32_t cps[MAX_PARTS];
    const utf8proc_option_t opt = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
    utf8proc_ssize_t n = -1;
    if (len <= MAX_BYTES)
        n = utf8proc_decompose((const utf8proc_uint8_t *)s, (utf8proc_ssize_t)len, cps, MAX_PARTS, opt);
    if (n < 0 || n > MAX_PARTS) {
        buf_add(out, s, len);
        return;
    }
    n = utf8proc_normalize_utf32(cps, n, opt);
    for (utf8proc_ssize_t i = 0; i < n; i++) {
        char ch[4];
        buf_add(out, ch, utf8_encode((uint32_t)cps[i], ch));
    }
}

/* A mark that is to stay where it is (see unicode.c), though utf8proc would move it; *n: its length. */
static bool stays(const struct unicode *u, const char *s, size_t *n)
{
    uint32_t cp = unicode_char(s, n);
    return unicode_class(u, cp) & UC_STABLE && utf8proc_get_property((utf8proc_int32_t)cp)->combining_class;
}

static void nfc_valid(const struct unicode *u, struct buf *out, const char *s, size_t len)
{
    while (len) {
        size_t before, n, end = find_unstable(u, s, len, &before);
        if (end < len)
            for (; end < len && !(unicode_class(u, unicode_char(s + end, &n)) & UC_STABLE); end += n) continue;
        else before = len;
        if (before < end && stays(u, s + before, &n)) before += n;
        buf_add(out, s, before);
        if (end > before) normalise_run(out, s + before, end - before);
        s += end;
        len -= end;
    }
}

bool text_is_nfc(const char *s, size_t len)
{
    const struct unicode *u = unicode_table();
    for (size_t i = 0, before; i < len;) {
        size_t n = utf8_valid_run(s + i, len - i);
        if (find_unstable(u, s + i, n, &before) < n) return false;
        i += n ? n : 1;
    }
    return true;
}

int text_nfc(struct buf *out, const char *s, size_t len, struct err *e)
{
    const struct unicode *u = unicode_table();
    buf_reserve(out, len);
    for (size_t i = 0; i < len;) {
        size_t n = utf8_valid_run(s + i, len - i);
        if (n == 0) buf_add(out, s + i, n = 1);
        else nfc_valid(u, out, s + i, n);
        i += n;
    }
    return buf_check(out, "normalised text", e);
}
