/* A model from one container or number format to another: everything is read as f32 and written anew. */
#ifndef QUANT_CONVERT_H
#define QUANT_CONVERT_H

#include "model/net.h"
#include "model/vocab.h"

struct converted {
    struct net net; /* f32 weights */
    struct tokenizer *tok;
    char *chat_template;  /* NULL: none */
    enum dtype main_type; /* the format that most bytes of the source are in */
};
/* Reads a model file or folder. Free with convert_close in every case. */
int convert_open(struct converted *c, const char *path, struct err *e);
void convert_close(struct converted *c);
int convert_save_gguf(struct converted *c, const char *path, enum dtype type, struct err *e);
/* model.safetensors, config.json, tokenizer.json, tokenizer_config.json. */
int convert_save_folder(struct converted *c, const char *folder, enum dtype type, struct err *e);

#endif
