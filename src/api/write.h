/* JSON written straight into a buffer, in the order in which it is said. Text that is not UTF-8 (half a character of a token) is
 * written with U+FFFD in place of what is wrong; numbers that are not finite as -9999, as DeepSeek writes them. */
#ifndef API_WRITE_H
#define API_WRITE_H

#include <jansson.h>
#include "base/buf.h"

struct jw {
    struct buf *b;
    bool comma; /* something stands before, on this level */
};

/* key NULL: an element of a list, or the whole. bracket: '{' or '['; jw_close takes '}' or ']'. */
void jw_open(struct jw *w, const char *key, char bracket);
void jw_close(struct jw *w, char bracket);
void jw_text(struct jw *w, const char *key, const char *s, size_t len);
void jw_str(struct jw *w, const char *key, const char *s); /* NULL is null */
void jw_buf(struct jw *w, const char *key, const struct buf *b);
void jw_int(struct jw *w, const char *key, int64_t v);
void jw_float(struct jw *w, const char *key, float v); /* 9 digits: the same float again */
void jw_real(struct jw *w, const char *key, double v); /* for people: at most 6 digits behind the point */
void jw_bool(struct jw *w, const char *key, bool v);
void jw_null(struct jw *w, const char *key);
void jw_raw(struct jw *w, const char *key, const char *json, size_t len); /* is JSON already */
void jw_lit(struct jw *w, const char *key, const char *json);             /* the same, NUL-terminated */
void jw_json(struct jw *w, const char *key, const json_t *v);             /* NULL is null */

/* The string s with its quotation marks. */
void json_quote(struct buf *b, const char *s, size_t len);

#endif
