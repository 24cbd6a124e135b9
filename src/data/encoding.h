/* Encodings of text files. Inside, text is UTF-8; a file in another encoding is turned into it while it is read, by the C
 * library's iconv(3). */
#ifndef DATA_ENCODING_H
#define DATA_ENCODING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"

extern const char *const encoding_names[]; /* NULL at the end; [0] is utf-8 */
/* The index of an encoding by its name here or a usual other one (iso-8859-1, windows-1252, sjis); upper and lower case are
 * the same, and signs between letters and digits do not count. -1: there is none. */
int encoding_find(const char *name);

/* The beginning of a file, by which its encoding is guessed for messages. */
enum { ENCODING_HEAD = 256 };
struct encoding_head {
    uint8_t bytes[ENCODING_HEAD];
    size_t n;
};
void encoding_head_add(struct encoding_head *h, const char *data, size_t n);

/* A stream of bytes on its way to UTF-8. */
struct decoder_stream;
/* head: the first bytes of the file (all that it has, if it is shorter than ENCODING_HEAD). */
int decoder_stream_open(struct decoder_stream **out, int encoding, const struct encoding_head *head, const char *path,
                        struct err *e);
/* Appends to out what these bytes mean. Bytes of a character that is not whole yet are kept. */
int decoder_stream_add(struct decoder_stream *d, const char *data, size_t n, struct buf *out, struct err *e);
/* Fails when the stream ends inside a character. */
int decoder_stream_end(struct decoder_stream *d, struct err *e);
void decoder_stream_free(struct decoder_stream *d); /* NULL allowed */

/* What to do about a text that is not UTF-8, or has NUL bytes: a clause for the end of a message. damage: the text before shows
 * that it is UTF-8. */
void encoding_advice(struct buf *out, const struct encoding_head *head, bool nul, bool damage, const char *path);

#endif
