/* The finished model for others to use: a folder as transformers reads it, and GGUF files. */
#ifndef TRAIN_EXPORT_H
#define TRAIN_EXPORT_H

#include "train/corpus.h"
#include "train/trainer.h"

/* RUN/model/ (model.safetensors, config.json, tokenizer.json, tokenizer_config.json), RUN/model.gguf, RUN/model-f32.gguf,
 * as far as the recipe wants them. */
int train_export(const struct trainer *t, const char *run, const struct recipe *r, const struct corpus *c, struct err *e);

#endif
