/* Streaming output. */
#include "text/detok.h"
#include "base/utf8.h"
#include <string.h>

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

void detok_init(struct detok *d, const struct tokenizer *t, bool with_special)
{
    *d = (struct detok){.t = t, .with_special = with_special, .at_start = tokenizer_has_prefix(t)};
}

void detok_continue(struct detok *d) { d->at_start = false; }

/* Takes one byte. */
static void feed_byte(struct detok *d, char c, struct buf *out)
{
    uint32_t cp;
    d->held[d->n_held++] = c;
    while (d->n_held) {
        size_t k = utf8_decode(d->held, d->n_held, &cp);
        if (k) buf_add(out, d->held, k);
        else {
            if (utf8_incomplete(d->held, d->n_held)) return;
            k = utf8_bad_len(d->held, d->n_held);
            buf_add_str(out, REPLACEMENT);
        }
        d->n_held -= k;
        memmove(d->held, d->held + k, d->n_held);
    }
}

void detok_bytes(struct detok *d, const char *s, size_t len, struct buf *out)
{
    for (size_t i = 0; i < len;) {
        size_t k = d->n_held ? 0 : utf8_valid_run(s + i, len - i);
        if (k) buf_add(out, s + i, k);
        else feed_byte(d, s[i], out);
        i += k ? k : 1;
    }
}

int detok_feed(struct detok *d, int32_t id, struct buf *out, struct err *e)
{
    size_t len;
    if (id < 0 || id >= tokenizer_vocab(d->t))
        FAIL(e, ERR_FORMAT, "token %d, expected 0 to %d", id, tokenizer_vocab(d->t) - 1);
    if (tokenizer_is_control(d->t, id) && !d->with_special) return OK;
    const char *s = tokenizer_bytes(d->t, id, &len);
    size_t skip = d->at_start && len && *s == ' ';
    detok_bytes(d, s + skip, len - skip, out);
    if (len) d->at_start = false;
    return buf_check(out, "decoded text", e);
}

void detok_flush(struct detok *d, struct buf *out)
{
    if (d->n_held) buf_add_str(out, REPLACEMENT);
    d->n_held = 0;
}

void stopper_init(struct stopper *s, const char *const *stops, size_t n_stops)
{
    *s = (struct stopper){.stops = stops, .n_stops = n_stops, .found = -1};
}

void stopper_free(struct stopper *s) { buf_free(&s->held); }

/* The longest stop string that the text of n bytes ends in; its index in s->found. 0: none. */
static size_t ends_in_stop(struct stopper *s, const char *text, size_t n)
{
    size_t best = 0;
    for (size_t i = 0; i < s->n_stops; i++) {
        size_t len = strlen(s->stops[i]);
        if (len > best && len <= n && memcmp(text + n - len, s->stops[i], len) == 0) {
            best = len;
            s->found = (int)i;
        }
    }
    return best;
}

/* How many of the last bytes could be the beginning of a stop string. */
static size_t maybe_stop(const struct stopper *s, const char *text, size_t n)
{
    size_t best = 0;
    for (size_t i = 0; i < s->n_stops; i++) {
        size_t len = strlen(s->stops[i]);
        size_t k = len == 0 ? 0 : len - 1 < n ? len - 1 : n;
        while (k > best && memcmp(text + n - k, s->stops[i], k) != 0) k--;
        if (k > best) best = k;
    }
    return best;
}

bool stopper_feed(struct stopper *s, const char *text, size_t len, struct buf *out)
{
    if (s->found >= 0) return true;
    size_t old = s->held.len;
    buf_add(&s->held, text, len);
    if (s->held.failed) out->failed = true;
    if (out->failed || s->held.len == 0) return false;
    for (size_t end = old + 1; end <= s->held.len; end++) {
        size_t k = ends_in_stop(s, s->held.data, end);
        if (k == 0) continue;
        buf_add(out, s->held.data, end - k);
        buf_clear(&s->held);
        return true;
    }
    size_t keep = maybe_stop(s, s->held.data, s->held.len), show = s->held.len - keep;
    buf_add(out, s->held.data, show);
    memmove(s->held.data, s->held.data + show, keep);
    s->held.len = keep;
    return false;
}

void stopper_flush(struct stopper *s, struct buf *out)
{
    if (s->found < 0 && s->held.len) buf_add(out, s->held.data, s->held.len);
    buf_clear(&s->held);
}

static bool is_bidi(uint32_t cp)
{
    return (cp >= 0x202A && cp <= 0x202E) || (cp >= 0x2066 && cp <= 0x2069) || cp == 0x200E || cp == 0x200F ||
           cp == 0x061C;
}

void text_sanitize_terminal(const char *s, size_t len, struct buf *out)
{
    for (size_t i = 0; i < len;) {
        uint32_t cp = 0;
        size_t k = utf8_decode(s + i, len - i, &cp);
        size_t bytes = k ? k : utf8_bad_len(s + i, len - i);
        bool dropped = k && (is_bidi(cp) || (cp == '\r' && i + 1 < len && s[i + 1] == '\n'));
        bool control = (cp < 32 && cp != '\n' && cp != '\t') || (cp >= 0x7F && cp <= 0x9F);
        if (k == 0 || (control && !dropped)) buf_add_str(out, REPLACEMENT);
        else if (!dropped) buf_add(out, s + i, k);
        i += bytes;
    }
}
