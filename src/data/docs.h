/* Documents out of text files and generators, one at a time, in order.
 *
 * An input is one of
 *   FILE.txt[.zst]     documents separated by lines that hold only <|endoftext|>
 *   FILE.jsonl[.zst]   one object a line: {"text": "..."} or {"messages": [{"role": "user", "content": "..."}, ...]};
 *                      roles system, user, assistant; other keys are not looked at
 *   generate:stories?seed=S&count=N       stories made by rule (stories/stories.h)
 *   generate:dialogues?seed=S&count=N     short chats made by rule
 *   generate:chats?seed=S&count=N         conversations of one to four of them
 * Bytes need not be UTF-8 in text files. Empty documents are left out. */
#ifndef DATA_DOCS_H
#define DATA_DOCS_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "chat/chat.h"

enum { DOC_MAX_BYTES = 64 << 20, DOC_MAX_MSGS = 4096 };

/* Either text (msgs NULL) or messages. Borrowed: valid during the call. */
struct doc {
    const char *text;
    size_t len;
    const struct chat_msg *msgs;
    size_t n_msgs;
    uint64_t read, total; /* progress: bytes of the file or documents of the generator */
};

/* Called for each document; a non-zero result (with e written) ends the walk and is returned. */
typedef int doc_fn(void *ctx, const struct doc *d, struct err *e);

int docs_each(const char *input, doc_fn *fn, void *ctx, struct err *e);
/* The same on bytes in memory, as a .jsonl (or .txt) file of this name would be read. */
int docs_each_jsonl(const char *data, size_t len, const char *name, doc_fn *fn, void *ctx, struct err *e);
int docs_each_txt(const char *data, size_t len, const char *name, doc_fn *fn, void *ctx, struct err *e);

#endif
