/* Anthropic's messages. */
#ifndef API_ANTHROPIC_H
#define API_ANTHROPIC_H

#include "api/inside.h"

extern const struct api_field anthropic_fields[], anthropic_count_fields[];
extern const struct api_voice anthropic_voice, anthropic_count_voice;
int anthropic_begin(struct api_answer *a, struct buf *out);
int anthropic_count_begin(struct api_answer *a, struct buf *out);

#endif
