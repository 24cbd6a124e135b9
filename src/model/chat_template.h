/* The Jinja templates and the name in a model's files. */
#ifndef MODEL_CHAT_TEMPLATE_H
#define MODEL_CHAT_TEMPLATE_H

#include "model/model_file.h"

#define CHAT_TEMPLATE_MAIN "default"
/* Where templates lie in GGUF (KEY, KEY.NAME, the list of those names), and in folders. */
#define CHAT_TEMPLATE_KEY "tokenizer.chat_template"
#define CHAT_TEMPLATE_KEYS "tokenizer.chat_templates"
#define CHAT_TEMPLATE_FILE "chat_template.jinja"
#define CHAT_TEMPLATE_DIR "additional_chat_templates"

struct chat_template {
    char *name, *text; /* owned */
};
/* All templates of a model, each name once. The one that is meant when none is named is called "default"; a usual other
 * is "tool_use". Zeroed is empty. */
struct chat_templates {
    struct chat_template *v; /* owned */
    size_t n;
};

/* GGUF: tokenizer.chat_template is "default", tokenizer.chat_template.NAME the others; those that
 * tokenizer.chat_templates lists must be there. In folders the first of these places that has any is the only one that
 * counts, as in the tokenizers of transformers:
 *   chat_template.jinja ("default") and additional_chat_templates/NAME.jinja
 *   "chat_template" of tokenizer_config.json: a text ("default"), or a list of {"name", "template"}
 *   "chat_template" of chat_template.json, in the same form (transformers reads it for processors of pictures only)
 * No template is no error; one that cannot be read is. chat_templates_free in every case. */
int model_chat_templates(struct chat_templates *t, struct model_file *m, struct err *e);
void chat_templates_free(struct chat_templates *t);
const char *chat_templates_find(const struct chat_templates *t, const char *name); /* its text, borrowed; NULL: none */

/* general.name of a GGUF file, _name_or_path of config.json; NULL when there is none. Owned. */
int model_name(char **out, struct model_file *m, struct err *e);

#endif
