/* Chats as token ids, in the form of DeepSeek V3: BOS, system text, then for every turn
 * <User>text<Assistant>answer EOS. Markers are ids, texts go through tokenizer_encode: no text can imitate a marker. */
#ifndef TEXT_CHAT_H
#define TEXT_CHAT_H

#include <stdbool.h>
#include <stddef.h>
#include "base/buf.h"
#include "text/tokenizer.h"

/* Spellings of the special tokens of our own models (U+FF5C for the bars, U+2581 for the spaces). */
#define CHAT_BOS "<\xef\xbd\x9c" "begin\xe2\x96\x81of\xe2\x96\x81sentence\xef\xbd\x9c>"
#define CHAT_EOS "<\xef\xbd\x9c" "end\xe2\x96\x81of\xe2\x96\x81sentence\xef\xbd\x9c>"
#define CHAT_PAD "<\xef\xbd\x9c\xe2\x96\x81pad\xe2\x96\x81\xef\xbd\x9c>"
#define CHAT_USER_MARK "<\xef\xbd\x9cUser\xef\xbd\x9c>"
#define CHAT_ASSISTANT_MARK "<\xef\xbd\x9c" "Assistant\xef\xbd\x9c>"

enum chat_role { CHAT_SYSTEM, CHAT_USER, CHAT_ASSISTANT };

struct chat_msg {
    enum chat_role role;
    const char *text;
    size_t len;
};

/* True when the vocabulary has the markers and an end token. */
bool chat_supported(const struct tokenizer *t);

/* Appends the chat to out. System messages are put together at the front, "\n\n" between them, wherever they stand.
 * With a generation prompt the ids end in <Assistant>: the model continues with its answer. */
int chat_encode(const struct tokenizer *t, const struct chat_msg *msgs, size_t n, bool add_generation_prompt, struct tokens *out,
                struct err *e);
/* The same for training, without generation prompt: learn gets one byte for every id appended, 1 for those the model
 * is to produce (answers and the EOS after them), 0 for those it is given. */
int chat_encode_marked(const struct tokenizer *t, const struct chat_msg *msgs, size_t n, struct tokens *out, struct buf *learn,
                       struct err *e);

/* The same form as a Jinja template, for GGUF and tokenizer_config.json. Static. */
const char *chat_template_jinja(void);
/* That template when the vocabulary has the markers, else NULL. */
const char *chat_template_of(const struct tokenizer *t);

#endif
