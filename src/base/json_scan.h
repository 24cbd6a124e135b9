/* A strict JSON text (RFC 8259) read once from front to back, for texts that are too large to become a tree, or of which little
 * is wanted: memory is that of the longest string with an escape in it.
 *
 * Invariant: pos <= len; everything before pos was well-formed so far. */
#ifndef BASE_JSON_SCAN_H
#define BASE_JSON_SCAN_H

#include "base/buf.h"
#include "base/err.h"

struct json_scan {
    const char *text;
    size_t len, pos;
    uint64_t base;     /* offset of text in its file, for messages */
    const char *path;  /* borrowed */
    bool python;       /* NaN, Infinity and -Infinity are values, too */
    struct buf escape; /* the last string, when it had escapes */
};

void json_scan_free(struct json_scan *s);

/* The next byte that is not a blank, not taken; 0 at the end. */
char json_scan_peek(struct json_scan *s);
/* Takes the byte c (after blanks); `what` names it for the message. */
int json_scan_expect(struct json_scan *s, char c, struct err *e);
/* For the members of an object or array after its opening bracket: *more is false when `close` was taken. first is true
 * before the first member; a comma is taken before each other one. */
int json_scan_next(struct json_scan *s, char close, bool first, bool *more, struct err *e);
/* A string: *out is valid until the next string, not NUL-terminated and may hold NUL; it is UTF-8. */
int json_scan_string(struct json_scan *s, const char **out, size_t *n, struct err *e);
/* A string and the colon after it. */
int json_scan_key(struct json_scan *s, const char **out, size_t *n, struct err *e);
/* An integer from 0 to 2^63 - 1. `what` begins the message: "FILE: offset 8: shape of tensor A". */
int json_scan_int(struct json_scan *s, int64_t *out, const char *what, struct err *e);
/* Any value, of at most 32 levels; NaN and Infinity, too. */
int json_scan_skip(struct json_scan *s, struct err *e);
/* Nothing but blanks may follow. */
int json_scan_end(struct json_scan *s, struct err *e);

#endif
