/* OpenAI's and DeepSeek's replies, as far as chat and completions share them. */
#ifndef API_OPENAI_H
#define API_OPENAI_H

#include "api/inside.h"

const char *openai_finish(enum turn_reason r, const struct api_choice *c); /* finish_reason */
void openai_usage(struct jw *w, const struct api_answer *a);               /* the member "usage" */
void openai_timings(struct jw *w, const struct api_answer *a);             /* llama-server's member "timings" */
/* One token with its alternatives. */
void openai_token(struct jw *w, const struct api_tokens *l, const struct api_token *t);
/* "[DONE]", and the counts before it where they come alone. */
void openai_last(struct api_answer *a, struct buf *out);
void openai_fault(struct api_answer *a, const struct api_fault *f, struct buf *out);
void openai_alive(struct api_answer *a, struct buf *out);
/* Opens a chunk or a reply up to its choices. */
struct jw openai_chunk(const struct api_answer *a, const char *object, bool stream, struct buf *out);
/* Closes it: counts where they belong, then the braces. last: the last chunk that has choices. */
void openai_chunk_end(struct api_answer *a, struct jw *w, bool last);
bool openai_all_done(const struct api_answer *a);

extern const struct api_field api_chat_fields[], api_completion_fields[];
extern const struct api_voice api_chat_voice, api_completion_voice;
int api_chat_begin(struct api_answer *a, struct buf *out);
int api_completion_begin(struct api_answer *a, struct buf *out);

#endif
