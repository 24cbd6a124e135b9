/* OpenAI's Responses. */
#ifndef API_RESPONSES_H
#define API_RESPONSES_H

#include "api/inside.h"

extern const struct api_field responses_fields[], responses_count_fields[];
extern const struct api_voice responses_voice, responses_count_voice;
int responses_begin(struct api_answer *a, struct buf *out);
int responses_count_begin(struct api_answer *a, struct buf *out);
bool responses_is_custom(const struct api_answer *a, const struct api_call *call);
/* Bytes of the name space in front of "__" in a call's name; 0: it is in none. */
size_t responses_space(const struct api_answer *a, const struct api_call *call);

#endif
