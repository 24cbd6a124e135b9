/* Writing JSON. */
#include "api/write.h"
#include <math.h>
#include <string.h>
#include "base/json.h"
#include "base/mem.h"
#include "base/utf8.h"

static void add_escaped(struct buf *b, unsigned char c)
{
    static const char names[] = "\bb\tt\nn\ff\rr\"\"\\\\";
    for (const char *p = names; *p; p += 2) {
        if ((unsigned char)*p != c) continue;
        buf_add_byte(b, '\\');
        buf_add_byte(b, p[1]);
        return;
    }
    buf_printf(b, "\\u%04x", c);
}

static bool is_plain(unsigned char c) { return c >= 0x20 && c != '"' && c != '\\' && c != 0x7f; }

void json_quote(struct buf *b, const char *s, size_t len)
{
    buf_add_byte(b, '"');
    while (len > 0) {
        size_t valid = utf8_valid_run(s, len);
        for (size_t i = 0, from = 0; i <= valid; i++) {
            if (i < valid && is_plain((unsigned char)s[i])) continue;
            if (i > from) buf_add(b, s + from, i - from);
            if (i < valid) add_escaped(b, (unsigned char)s[i]);
            from = i + 1;
        }
        s += valid;
        len -= valid;
        if (len == 0) break;
        size_t bad = utf8_bad_len(s, len);
        buf_add_str(b, "\xef\xbf\xbd");
        s += bad;
        len -= bad;
    }
    buf_add_byte(b, '"');
}

static void begin(struct jw *w, const char *key)
{
    if (w->comma) buf_add_byte(w->b, ',');
    w->comma = true;
    if (!key) return;
    json_quote(w->b, key, strlen(key));
    buf_add_byte(w->b, ':');
}

void jw_open(struct jw *w, const char *key, char bracket)
{
    begin(w, key);
    buf_add_byte(w->b, bracket);
    w->comma = false;
}

void jw_close(struct jw *w, char bracket)
{
    buf_add_byte(w->b, bracket);
    w->comma = true;
}

void jw_text(struct jw *w, const char *key, const char *s, size_t len)
{
    begin(w, key);
    json_quote(w->b, s, len);
}

void jw_str(struct jw *w, const char *key, const char *s)
{
    if (s) jw_text(w, key, s, strlen(s));
    else jw_null(w, key);
}

void jw_buf(struct jw *w, const char *key, const struct buf *b) { jw_text(w, key, b->len ? b->data : "", b->len); }

void jw_int(struct jw *w, const char *key, int64_t v)
{
    begin(w, key);
    buf_printf(w->b, "%lld", (long long)v);
}

void jw_float(struct jw *w, const char *key, float v)
{
    begin(w, key);
    if (!isfinite(v)) v = -9999;
    buf_printf(w->b, v == floorf(v) && fabsf(v) < 1e6f ? "%.1f" : "%.9g", (double)v);
}

void jw_real(struct jw *w, const char *key, double v)
{
    begin(w, key);
    if (!isfinite(v) || fabs(v) > 1e15) v = -9999;
    char text[64];
    int n = snprintf(text, sizeof text, "%.6f", v);
    while (n > 1 && text[n - 1] == '0') n--;
    if (text[n - 1] == '.') n++; /* 1.0 is no integer to those who look at the type */
    buf_add(w->b, text, (size_t)n);
}

void jw_bool(struct jw *w, const char *key, bool v) { jw_lit(w, key, v ? "true" : "false"); }
void jw_null(struct jw *w, const char *key) { jw_lit(w, key, "null"); }

void jw_raw(struct jw *w, const char *key, const char *json, size_t len)
{
    begin(w, key);
    buf_add(w->b, json, len);
}

void jw_lit(struct jw *w, const char *key, const char *json) { jw_raw(w, key, json, strlen(json)); }

void jw_json(struct jw *w, const char *key, const json_t *v)
{
    char *text = v ? json_text(v) : NULL;
    if (text) jw_lit(w, key, text);
    else jw_null(w, key);
    if (v && !text) w->b->failed = true;
    mem_free(text);
}
