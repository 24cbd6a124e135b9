/* Prompts as texts, lists of texts, ids and lists of ids; embeddings. */
#ifndef API_EMBED_H
#define API_EMBED_H

#include "api/inside.h"

#define API_SCHEMA_TEXTS                                                                                               \
    "{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"array\",\"minItems\":1,\"maxItems\":8,\"items\":{\"type\":"         \
    "\"string\"}},"                                                                                                    \
    "{\"type\":\"array\",\"minItems\":1,\"items\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":2147483647}},"       \
    "{\"type\":\"array\",\"minItems\":1,\"maxItems\":8,\"items\":{\"type\":\"array\",\"minItems\":1,\"items\":"        \
    "{\"type\":\"integer\",\"minimum\":0,\"maximum\":2147483647}}}]}"

/* Into work->prompts. */
api_reader api_read_prompts;
/* Ids out of a list of numbers. */
int api_ids(struct api_answer *a, const json_t *list, const int32_t **ids, size_t *n);
/* One turn (times n) for every prompt. */
int api_prompt_turns(struct api_answer *a);
int api_embed_turns(struct api_answer *a, struct buf *out);

extern const struct api_field api_embedding_fields[];
extern const struct api_voice api_embedding_voice;
int api_embedding_begin(struct api_answer *a, struct buf *out);

/* The vector of a choice as a list; shortened to `dimensions` and made of length 1 again. */
void api_vector(struct api_answer *a, struct jw *w, const char *key, const struct api_choice *c);

#endif
