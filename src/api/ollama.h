/* Ollama's interface. */
#ifndef API_OLLAMA_H
#define API_OLLAMA_H

#include "api/inside.h"

/* The version of Ollama's interface that this is like: clients ask for it before they use what is newer. */
#define OLLAMA_LEVEL "0.14.0"

extern const struct api_field ollama_chat_fields[], ollama_generate_fields[], ollama_embed_fields[],
    ollama_embedding_fields[];
extern const struct api_field ollama_show_fields[], ollama_pull_fields[], ollama_name_fields[], ollama_copy_fields[];
extern const struct api_voice ollama_chat_voice, ollama_generate_voice, ollama_embed_voice, ollama_embedding_voice;
extern const struct api_voice ollama_pull_voice, ollama_empty_voice;
int ollama_chat_begin(struct api_answer *a, struct buf *out);
int ollama_generate_begin(struct api_answer *a, struct buf *out);
int ollama_embed_begin(struct api_answer *a, struct buf *out);
int ollama_root(struct api_answer *a, struct buf *out);
int ollama_version(struct api_answer *a, struct buf *out);
int ollama_tags(struct api_answer *a, struct buf *out);
int ollama_ps(struct api_answer *a, struct buf *out);
int ollama_show(struct api_answer *a, struct buf *out);
int ollama_pull(struct api_answer *a, struct buf *out);
int ollama_delete(struct api_answer *a, struct buf *out);
int ollama_copy(struct api_answer *a, struct buf *out);
int ollama_cannot(struct api_answer *a, struct buf *out);

api_reader ollama_read_keep_alive, ollama_read_context;
/* What /api/generate gives to be sent back: the conversation as numbers. */
void ollama_context(struct api_answer *a, struct jw *w);

#endif
