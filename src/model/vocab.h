/* The tokenizer that belongs to a model file: in GGUF it is metadata, in a folder it is tokenizer.json. */
#ifndef MODEL_VOCAB_H
#define MODEL_VOCAB_H

#include "model/chat_template.h"
#include "text/tokenizer.h"

/* From the metadata of a GGUF file, or tokenizer.json in a folder or beside a file of safetensors, where
 * tokenizer_config.json names the special tokens, and whether texts begin with one. */
int model_load_tokenizer(struct tokenizer **out, struct model_file *m, struct err *e);
/* Of a model, or of a tokenizer.json alone: whoever needs nothing else of it. */
int model_tokenizer_at(struct tokenizer **out, const char *path, struct err *e);
/* From an opened GGUF file. */
int model_tokenizer_from_gguf(struct tokenizer **out, const struct tf *f, struct err *e);

/* Extra metadata for net_save_gguf: tokenizer.ggml.* as llama.cpp reads them, and the chat template. */
struct model_vocab {
    const struct tokenizer *tok;
    const char *chat_template; /* "default"; NULL: none */
    const struct chat_templates *templates; /* those with other names; NULL: none. "default" in it does not count */
    int64_t vocab; /* tokens of the network: in GGUF those that the tokenizer lacks are written as unused. 0: none lack */
};
/* folder/tokenizer.json and folder/tokenizer_config.json, as transformers reads them; templates under other names, which
 * must do as names of files, are files, and then "default" is one, too. context: model_max_length. */
int model_save_tokenizer(const struct model_vocab *v, int64_t context, const char *folder, struct err *e);
/* ctx is a struct model_vocab. */
int model_tokenizer_to_gguf(void *ctx, struct tf_writer *w, struct err *e);

#endif
