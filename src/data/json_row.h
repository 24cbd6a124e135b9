/* One line of a .jsonl file: what is wanted of it, without a tree of the rest. Internal to data/docs.c. */
#ifndef DATA_JSON_ROW_H
#define DATA_JSON_ROW_H

#include "base/buf.h"
#include "chat/chat.h"

/* U+FEFF in UTF-8. */
#define BYTE_ORDER_MARK "\xef\xbb\xbf"
/* Appends s[0, n) without byte order marks. */
void add_without_marks(struct buf *out, const char *s, size_t n);

/* Zeroed is valid; used again for each line. */
struct json_row {
    const char *text; /* "text" without byte order marks, valid until the next line; len 0: empty or null */
    size_t len;
    struct chat_msg *msgs; /* "messages": n_msgs 0: none, or null; owned */
    size_t n_msgs, cap_msgs;
    struct buf strings; /* texts and contents; its memory does not move while a line is read */
};
/* Reads the line s[0, n), n > 0, which is UTF-8. where: file and line. ERR_FORMAT or ERR_LIMIT: the line cannot be used. */
int json_row_read(struct json_row *row, const char *s, size_t n, const char *where, struct err *e);
void json_row_free(struct json_row *row);

#endif
