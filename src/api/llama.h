/* llama-server's interface, and vLLM's tokenizer. */
#ifndef API_LLAMA_H
#define API_LLAMA_H

#include "api/inside.h"

extern const struct api_field llama_completion_fields[], llama_infill_fields[], llama_tokenize_fields[],
    llama_detokenize_fields[];
extern const struct api_field llama_control_fields[];
extern const struct api_voice llama_completion_voice, llama_tokenize_voice, llama_detokenize_voice, llama_render_voice;
extern const struct api_voice llama_count_voice;
int llama_completion_begin(struct api_answer *a, struct buf *out);
int llama_infill_begin(struct api_answer *a, struct buf *out);
int llama_tokenize_begin(struct api_answer *a, struct buf *out);
int llama_detokenize_begin(struct api_answer *a, struct buf *out);
int llama_render_begin(struct api_answer *a, struct buf *out);
int llama_count_begin(struct api_answer *a, struct buf *out);
int llama_control(struct api_answer *a, struct buf *out);
int llama_props(struct api_answer *a, struct buf *out);
int llama_slots(struct api_answer *a, struct buf *out);
int llama_metrics(struct api_answer *a, struct buf *out);
int llama_tokenizer_info(struct api_answer *a, struct buf *out);
int llama_balance(struct api_answer *a, struct buf *out);

#endif
