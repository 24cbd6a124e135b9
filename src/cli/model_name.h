/* Names of models on the command line: a path, a name that `list` shows, a training run, the short name of a published model.
 * Every command finds its model here, so that a name means the same everywhere. */
#ifndef CLI_MODEL_NAME_H
#define CLI_MODEL_NAME_H

#include "cli/setup.h"
#include "text/tokenizer.h"

/* The path that `name` means. ERR_NOTFOUND says what there is instead, and how to fetch it. */
int model_resolve(char out[SETUP_PATH], const char *name, struct err *e);

/* The tokenizer of the model (or the tokenizer.json) that `name` means. */
int tokenizer_resolve(struct tokenizer **out, const char *name, struct err *e);

/* The model that ships with the program, or that the user keeps: $AUTARKY_MODEL, ./models/first/first.gguf, the same
 * beside the program and in the repository it was built in, $XDG_DATA_HOME/autarky/models/first/first.gguf.
 * ERR_NOTFOUND names the places looked at and what to do. */
int model_default(char out[SETUP_PATH], struct err *e);
/* What a model is called on a screen: the name that was given, of a path the last part; of a run's files the run. */
void model_shown(char *out, size_t cap, const char *word);
/* The folder "models" of those that ship; false when there is none. */
bool model_shipped_folder(char out[SETUP_PATH]);

/* `run [MODEL] [PROMPT...]`: is words[0] (of n) a model, or does the prompt begin there? A word that looks like a name and
 * is none here is an error, never a prompt: behind "--" all words are prompt. */
int model_leads(bool *leads, char *const *words, int n, const struct opts_seen *seen, struct err *e);

#endif
