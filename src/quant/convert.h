/* A model from one container or number format to another. Tensors are read, converted and written a few rows at a time, so
 * the model may be larger than memory. What exists under the new name is replaced only when the new model is whole. */
#ifndef QUANT_CONVERT_H
#define QUANT_CONVERT_H

#include "model/generation.h"
#include "quant/mix.h"
#include "quant/rules.h"
#include "quant/write.h"

struct convert_options {
    const char *in, *out;
    const struct mix *mix;       /* GGUF: NULL: numbers stay as they are */
    const struct mix_rule *rules; /* GGUF: of single tensors, before the mix; each must fit a matrix */
    size_t n_rules;
    enum dtype type;             /* folder: of matrices; DT_COUNT: as they are, bf16 for what safetensors cannot hold */
    uint64_t shard;              /* folder: most bytes of a file */
    bool replace;                /* folder: also in place of one that holds a model and nothing else */
    const char *name;                /* of the model in the new file; NULL: as in the old one, else its file's name */
    const struct generation *advice; /* on sampling, in place of the model's own; NULL: none */
    const char *importance_file; /* for the metadata, with write.importance */
    struct write_options write;
};

struct convert_result {
    uint64_t bytes; /* of tensors written */
    int64_t numbers;
    int files;
    enum dtype from, to; /* in which most matrices were, and are */
    struct {
        int tensors;
        uint64_t bytes;
    } of[DT_COUNT];      /* what is written, by format */
    bool requantised;    /* matrices that were in blocks have been put into other blocks */
    struct write_totals totals;
};

/* out is a file. From GGUF all metadata and tensors are kept, whatever the architecture. */
int convert_to_gguf(const struct convert_options *o, struct convert_result *r, struct err *e);
/* out is a folder: weights as safetensors, in several files with an index when they are larger than `shard`; config.json,
 * tokenizer.json, tokenizer_config.json, generation_config.json. It appears whole, where nothing is or an empty folder,
 * or with `replace` a folder of such files only. */
int convert_to_folder(const struct convert_options *o, struct convert_result *r, struct err *e);

/* Shared by the two. */
struct convert_plan {
    struct model_file model;
    struct feed feed;
    enum dtype *to, *wanted; /* per tensor */
};
void convert_plan_free(struct convert_plan *p);
int convert_plan_init(struct convert_plan *p, struct err *e); /* after the feed is open */
/* The format in which most bytes of the feed's matrices are; FP8, which nothing writes, counts as bf16. */
enum dtype convert_main_type(const struct feed *f, const enum dtype *types);
/* Adds tensor i of the plan to the sums of what is written. */
void convert_count(struct convert_result *r, const struct convert_plan *p, size_t i);
/* ERR_LIMIT with figures when the disk has not the room. */
int convert_check_space(const char *out, uint64_t bytes, struct err *e);

#endif
