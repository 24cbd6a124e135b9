/* The Jinja template in a model's files. It is never run: its hash tells which built-in form the model speaks. */
#ifndef MODEL_CHAT_TEMPLATE_H
#define MODEL_CHAT_TEMPLATE_H

#include "base/err.h"

/* *out is owned (mem_free), NULL when there is none. GGUF: tokenizer.chat_template; a folder: chat_template.jinja, or a
 * member of tokenizer_config.json (a text, or of a list the one that is called "default"). */
int model_chat_template(char **out, const char *path, struct err *e);
/* general.name of a GGUF file, _name_or_path of config.json; NULL when there is none. Owned. */
int model_name(char **out, const char *path, struct err *e);

#endif
