/* A recipe: the one text file that describes a training run. Lines `key = value` under [model], [tokenizer], [data],
 * [train] and [out]; '#' after a blank or at the start of a line begins a comment. Paths are relative to the recipe.
 *
 * [model] keys are those of a Hugging Face config.json (model/config.h). The others are rows of one table in
 * recipe_keys.c, which gives type, bounds, default and help; `autarky train --keys` prints it. An unknown key is an
 * error that names the nearest known one. All faults are told at once. */
#ifndef TRAIN_RECIPE_H
#define TRAIN_RECIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "data/docs.h"
#include "data/inputs.h"
#include "model/config.h"
#include "model/generation.h"

enum { RECIPE_MAX_SOURCES = 64, RECIPE_MAX_INPUTS = 32, RECIPE_MAX_PROMPTS = 16, RECIPE_MAX_MODEL_KEYS = 64 };

/* source = NAME [weight=W] [epochs=E] [encoding=E] INPUT... ; val = NAME [encoding=E] INPUT... */
struct recipe_source {
    char *name;
    double weight; /* share of the windows, relative to the other sources */
    double epochs; /* upper bound on passes over the source; 0: none */
    char *encoding; /* NULL: the recipe's */
    char *inputs[RECIPE_MAX_INPUTS];
    size_t n_inputs;
};

struct recipe {
    char *path, *dir; /* the file, and the folder its paths are relative to */
    char *name;       /* the file's name without folder and extension */
    struct config model;
    int model_line; /* of [model]; 0: there is none; -1: its model_type is wrong */
    char *model_lines[RECIPE_MAX_MODEL_KEYS]; /* "key = value" as given */
    size_t n_model_lines;

    int64_t vocab;
    char *digits, *tokenizer_file;
    double tokenizer_megabytes;

    char *data_root, *encoding, *bad_lines;
    bool data_from_here; /* data_root came from the command line: relative to the current folder */
    struct recipe_source sources[RECIPE_MAX_SOURCES], vals[RECIPE_MAX_SOURCES];
    size_t n_sources, n_vals;
    int64_t holdout;

    int64_t steps, batch_tokens, micro_batch, seq_len;
    double lr, min_lr;
    int64_t warmup;
    double decay, beta1, beta2, eps, weight_decay, clip;
    int64_t seed;
    char *compute;
    bool recompute;
    double balance, bias_update, mtp_weight, init_std;
    int64_t eval_every, eval_windows, sample_every, sample_tokens;
    double temperature;
    char *prompts[RECIPE_MAX_PROMPTS];
    size_t n_prompts;
    int64_t checkpoint_every, checkpoint_keep;

    char *out, *export_folder, *export_gguf;
    bool export_gguf_f32;
    char *model_name, *advise;
};

int recipe_load(struct recipe *r, const char *path, struct err *e);
/* From a text; name stands for the file in messages, dir is what paths are relative to. Both copied. */
int recipe_parse(struct recipe *r, const char *text, size_t len, const char *name, const char *dir, struct err *e);
void recipe_free(struct recipe *r); /* accepts a zeroed or half-built recipe */

/* Relations between keys; also called after the command line has changed a value. */
int recipe_check(const struct recipe *r, struct err *e);
/* The key advise as numbers; *any: there are some. */
int recipe_advice(const struct recipe *r, struct generation *g, bool *any, struct err *e);
/* Appends the full effective configuration: every key with its value, in the form of a recipe. */
void recipe_print(const struct recipe *r, struct buf *out);
/* Appends the lines that decide the tokenizer and the shards only: their identity. */
void recipe_print_corpus(const struct recipe *r, struct buf *out);
/* OK when a run begun under `before` (text of recipe_print) may go on under r, else ERR_USAGE naming the first key
 * that differs and must not. */
int recipe_same(const struct recipe *r, const char *before, struct err *e);
/* The number of steps in such a text; dir as for recipe_parse. */
int recipe_steps(const char *before, const char *dir, int64_t *steps, struct err *e);
/* Appends the table of keys, for people. */
void recipe_help(struct buf *out);
/* dir/path, or path when absolute. */
int recipe_resolve(const struct recipe *r, char *out, size_t cap, const char *path, struct err *e);
/* The folder that inputs are relative to. */
int recipe_root(const struct recipe *r, char *out, size_t cap, struct err *e);
/* Appends the files and generators that a source means: inputs as data/inputs.h has them. Words in a row that are together
 * the name of a file that exists are one input. *absent, if it is NULL, is set to an input that is not there; absent NULL:
 * that is an error. */
int recipe_inputs(const struct recipe *r, const struct recipe_source *s, struct inputs *out, const char **absent,
                  struct err *e);
/* How the files of a source are read; left_out is not set. */
struct docs_how recipe_how(const struct recipe *r, const struct recipe_source *s);

#endif
