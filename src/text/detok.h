/* Text as it streams out: ids to whole characters, stop strings, and what may go to a terminal. */
#ifndef TEXT_DETOK_H
#define TEXT_DETOK_H

#include <stdbool.h>
#include <stddef.h>
#include "base/buf.h"
#include "text/tokenizer.h"

/* Ids to valid UTF-8. Holds back an incomplete character (at most 3 bytes); a sequence that can no longer become one
 * gives U+FFFD. Needs no freeing. */
struct detok {
    const struct tokenizer *t; /* borrowed */
    bool with_special;         /* control tokens give their spelling instead of nothing */
    bool at_start;             /* the next space may be the one that SentencePiece puts before a text */
    char held[4];
    size_t n_held;
};
void detok_init(struct detok *d, const struct tokenizer *t, bool with_special);
/* The text goes on after other text: a space at its beginning stays. */
void detok_continue(struct detok *d);
int detok_feed(struct detok *d, int32_t id, struct buf *out, struct err *e);
/* The end of the text: what is held back gives U+FFFD. */
void detok_flush(struct detok *d, struct buf *out);

/* Any bytes to valid UTF-8, in pieces, in the same way. */
void detok_bytes(struct detok *d, const char *s, size_t len, struct buf *out);

/* Looks for the first of several strings in a stream. Holds back text that may be the beginning of one of them. The
 * result does not depend on how the stream is cut: the string that is complete first ends it; of several that are
 * complete at the same byte, the longest. */
struct stopper {
    const char *const *stops; /* borrowed; empty strings are ignored */
    size_t n_stops;
    int found; /* index of the string found, or -1 */
    struct buf held;
};
void stopper_init(struct stopper *s, const char *const *stops, size_t n_stops);
void stopper_free(struct stopper *s);
/* Appends to out the text that is safe to show. True when a stop string is complete: out ends before it, and what
 * follows is dropped, now and later. A failed allocation shows in out->failed. */
bool stopper_feed(struct stopper *s, const char *text, size_t len, struct buf *out);
/* The end of the text: appends what was held back. */
void stopper_flush(struct stopper *s, struct buf *out);

/* Appends text without anything that acts on a terminal or reorders what is read: ESC and other control characters
 * (except newline and tab), DEL, U+0080 to U+009F and invalid bytes become U+FFFD; bidirectional controls and the
 * carriage return before a newline are dropped. Give it whole characters. */
void text_sanitize_terminal(const char *s, size_t len, struct buf *out);

#endif
