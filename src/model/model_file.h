/* An opened model: a GGUF file, a file of safetensors, or a folder. It is opened once; whoever needs its metadata,
 * configuration, tokenizer, templates or tensors is given this, and no path. What a folder keeps in files of its own is
 * read when it is asked for, and parsed once. Used by one thread. */
#ifndef MODEL_MODEL_FILE_H
#define MODEL_MODEL_FILE_H

#include "base/json.h"
#include "io/tensor_file.h"

/* The small files of a folder. */
enum model_json {
    MODEL_CONFIG,
    MODEL_TOKENIZER_CONFIG,
    MODEL_GENERATION_CONFIG,
    MODEL_CHAT_TEMPLATE, /* chat_template.json */
    MODEL_JSONS
};
struct model_json_file {
    char *path;   /* owned; NULL: not looked for yet */
    json_t *root; /* owned, an object; NULL: there is no such file */
};

/* Files of a folder that belong to the model beside its configuration and weights; ends with NULL. */
extern const char *const model_side_files[];
/* Whether a name in a folder is one that a model's files have: what may go when another model takes the folder's place. */
bool model_is_file_name(const char *name);

struct model_file {
    char *path;   /* as it was named; owned */
    char *folder; /* where the files beside the tensors lie; owned. NULL in GGUF, which has everything in itself */
    bool gguf;
    struct tf tf; /* of a folder empty until model_file_tensors */
    struct model_json_file json[MODEL_JSONS];
};

/* A folder may lack its tensors, and a file of safetensors what belongs beside it, until they are asked for. */
int model_file_open(struct model_file *m, const char *path, struct err *e);
void model_file_close(struct model_file *m); /* accepts a zeroed or half-opened m */
/* Sees to it that m->tf is there. */
int model_file_tensors(struct model_file *m, struct err *e);
/* *out is borrowed; its root is NULL when there is no such file, as always in GGUF (then path is NULL, too). A file that
 * is there and cannot be read is an error. */
int model_file_json(const struct model_json_file **out, struct model_file *m, enum model_json which, struct err *e);
/* The text of another file of the folder, NUL-terminated: *out is owned (mem_free), NULL when there is no such file.
 * path is set in every case, for messages. */
int model_file_text(char **out, size_t *len, char *path, size_t cap, const struct model_file *m, const char *name, size_t max,
                    struct err *e);

#endif
