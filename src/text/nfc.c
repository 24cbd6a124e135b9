/* Unicode normalisation form C, through utf8proc. Only Qwen 2's files ask for it. */
#include "base/checked.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "text/vocab.h"
#include <utf8proc.h>

/* utf8proc sorts the marks after a letter by insertion. Real text has a few (UAX 15 allows 30 in stream-safe text);
 * a text with a run longer than this is left as it is, so that no input costs quadratic time. */
enum { MAX_MARKS = 256 };

static bool is_ascii(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((uint8_t)s[i] >= 0x80) return false;
    return true;
}

/* True when valid s has a run of marks that is too long. */
static bool too_many_marks(const char *s, size_t len)
{
    int run = 0;
    uint32_t cp = 0;
    for (size_t i = 0; i < len; i += utf8_decode(s + i, len - i, &cp)) {
        utf8_decode(s + i, len - i, &cp);
        run = utf8proc_get_property((utf8proc_int32_t)cp)->combining_class ? run + 1 : 0;
        if (run > MAX_MARKS) return true;
    }
    return false;
}

static int nfc_valid(struct buf *out, const char *s, size_t len, struct err *e)
{
    const utf8proc_option_t opt = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
    size_t bytes;
    utf8proc_ssize_t n = utf8proc_decompose((const utf8proc_uint8_t *)s, (utf8proc_ssize_t)len, NULL, 0, opt);
    if (n < 0 || !mul_size((size_t)n + 1, sizeof(utf8proc_int32_t), &bytes))
        FAIL(e, ERR_LIMIT, "text of %zu bytes cannot be normalised: %s", len, utf8proc_errmsg(n));
    utf8proc_int32_t *cps;
    TRY(mem_new((void **)&cps, bytes, "normalising text", e));
    utf8proc_decompose((const utf8proc_uint8_t *)s, (utf8proc_ssize_t)len, cps, n, opt);
    n = utf8proc_normalize_utf32(cps, n, opt);
    for (utf8proc_ssize_t i = 0; i < n; i++) {
        char ch[4];
        buf_add(out, ch, utf8_encode((uint32_t)cps[i], ch));
    }
    mem_free(cps);
    return OK;
}

int text_nfc(struct buf *out, const char *s, size_t len, struct err *e)
{
    buf_reserve(out, len);
    for (size_t i = 0; i < len;) {
        size_t n = utf8_valid_run(s + i, len - i);
        if (n == 0) buf_add(out, s + i, n = 1);
        else if (is_ascii(s + i, n) || too_many_marks(s + i, n)) buf_add(out, s + i, n);
        else TRY(nfc_valid(out, s + i, n, e));
        i += n;
    }
    return buf_check(out, "normalised text", e);
}
