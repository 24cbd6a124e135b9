/* Documents out of text files and generators, one at a time, in order. Whoever reads texts reads them through here.
 *
 * An input is one of
 *   FILE.txt[.zst]     documents separated by lines that hold only <|endoftext|>. One of more than 16 MiB is parted at the end
 *                      of a line
 *   FILE.jsonl[.zst]   one object a line: {"text": "..."} or {"messages": [{"role": "user", "content": "..."}, ...]};
 *                      roles system, user, assistant. "messages" counts where both are there; other members are not looked
 *                      at; null counts as missing
 *   generate:stories?seed=S&count=N       stories made by rule (stories/stories.h)
 *   generate:dialogues?seed=S&count=N     short chats made by rule
 *   generate:chats?seed=S&count=N         conversations of one to four of them
 *
 * Text is UTF-8 without NUL, or the first place where it is not is an error that says what to do. Byte order marks (U+FEFF) are
 * taken out. A line of a .jsonl file that cannot be used - no object, not UTF-8, neither text nor messages - is an error, or is
 * left out and counted. A text that is empty or null is a document that holds nothing: left out and counted. */
#ifndef DATA_DOCS_H
#define DATA_DOCS_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "chat/chat.h"

enum { DOC_MAX_BYTES = 64 << 20, DOC_PART_BYTES = 16 << 20, DOC_MAX_MSGS = 4096 };

/* Either text (msgs NULL) or messages. Borrowed: valid during the call. */
struct doc {
    const char *text;
    size_t len;
    const struct chat_msg *msgs;
    size_t n_msgs;
    const char *name;     /* of the file */
    uint64_t line;        /* in it, of the document or, in a .txt file, of its last line; 0: a generator's */
    uint64_t read, total; /* progress: bytes of the file or documents of the generator */
};

/* What was left out so far, over all inputs that were read with it. */
struct docs_left_out {
    uint64_t bad_lines, empty;
    char first[240]; /* why the first bad line was */
};

/* How inputs are read; zeroed is the default. */
struct docs_how {
    int encoding;  /* of files that are not UTF-8: an index of data/encoding.h */
    bool skip_bad; /* bad lines are left out and counted */
    bool any_name; /* files with other names than the above are text, too */
    bool exact;    /* text as it stands: without this, newlines around a document and carriage returns go */
    struct docs_left_out *left_out; /* NULL allowed, unless skip_bad */
};

/* Called for each document; a non-zero result (with e written) ends the walk and is returned. */
typedef int doc_fn(void *ctx, const struct doc *d, struct err *e);

/* how: NULL is the default. */
int docs_each(const char *input, const struct docs_how *how, doc_fn *fn, void *ctx, struct err *e);
/* The same on bytes in memory, as a .jsonl (or .txt) file of this name would be read. */
int docs_each_jsonl(const char *data, size_t len, const char *name, doc_fn *fn, void *ctx, struct err *e);
int docs_each_txt(const char *data, size_t len, const char *name, doc_fn *fn, void *ctx, struct err *e);

/* For a document that proves unusable where it is used: OK when it was left out and counted, else `why` with its file and
 * line. */
int docs_bad(const struct docs_how *how, const struct doc *d, const struct err *why, struct err *e);

bool docs_is_generator(const char *input);
/* Whether a file's name says that it holds documents. */
bool docs_has_name(const char *path);
/* How many documents a generator makes. ERR_USAGE when `input` is not well formed. */
int docs_generator_count(const char *input, uint64_t *count, struct err *e);

#endif
