/* What a model's files say about generating: the tokens that end an answer, and the sampling that its makers advise.
 * Folders: generation_config.json, and eos_token_id of config.json. GGUF: tokenizer.ggml.eos_token_id, eot_token_id and
 * eom_token_id, and general.sampling.*. */
#ifndef MODEL_GENERATION_H
#define MODEL_GENERATION_H

#include <stdint.h>
#include "base/buf.h"
#include "model/model_file.h"

enum { GENERATION_ENDS = 16 };

struct generation {
    int32_t ends[GENERATION_ENDS]; /* each once, in the order of the files */
    int n_ends;
    double temp, top_p, min_p, repeat; /* below 0: not said */
    int64_t top_k;                     /* 0: off; below 0: not said */
};

/* Nothing said. */
void generation_init(struct generation *g);
/* Advice: an id that is not below vocab, or a number out of its range, is named on stderr and ignored. */
int model_generation(struct generation *g, struct model_file *m, int64_t vocab, struct err *e);
/* Adds what one generation_config.json, an object, says. */
void generation_from_json(struct generation *g, const json_t *root, int64_t vocab, const char *name);

/* Advice of one's own: "temperature=0.7"; also top_k, top_p, min_p, repetition_penalty. ERR_USAGE names what is wrong. */
int generation_advise(struct generation *g, const char *setting, struct err *e);
/* What `over` says about sampling takes the place of what g says. */
void generation_replace(struct generation *g, const struct generation *over);
/* Is this key of GGUF metadata advice on sampling? */
bool generation_gguf_key(const char *key);

/* Appends generation_config.json. bos: -1 for none. */
int generation_to_json(const struct generation *g, int64_t bos, struct buf *out, struct err *e);
/* The sampling alone, and with it the ends but for eos, which the tokenizer's keys hold. */
int generation_sampling_to_gguf(const struct generation *g, struct tf_writer *w, struct err *e);
int generation_to_gguf(const struct generation *g, int64_t eos, struct tf_writer *w, struct err *e);

#endif
