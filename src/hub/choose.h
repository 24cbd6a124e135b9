/* Which files of a repository make a model that autarky can use, and which of several quantisations is meant. The same
 * rules choose on a hub and in the caches of this machine. */
#ifndef HUB_CHOOSE_H
#define HUB_CHOOSE_H

#include "base/buf.h"
#include "hub/listing.h"

/* Indices into a listing, increasing. */
struct hub_choice {
    size_t *index; /* owned */
    size_t n;
    uint64_t bytes;
    const char *main; /* path to open: the first part of a GGUF file, or NULL when the whole folder is the model */
};
void choice_free(struct hub_choice *c); /* accepts a zeroed one */

/* pick "" for the default: config.json, tokenizer, *.safetensors and what belongs to them; without safetensors, the one
 * GGUF file there is. Pickled weights are never chosen. A pick is a path, or a part of a GGUF file's name such as
 * Q4_K_M, or "safetensors" for the default of a repository that also has GGUF files. ERR_USAGE when several fit, ERR_NOTFOUND
 * when nothing does: then hub_print_choices helps. `what` names the repository. */
int hub_choose(struct hub_choice *c, const struct hub_listing *l, const char *pick, const char *what, struct err *e);

/* All GGUF models of a listing, a line each: the word that picks it, its size, its path. */
void hub_print_choices(struct buf *b, const struct hub_listing *l);

/* The quantisation in a file's name ("Q4_K_M" of "m-Q4_K_M-00001-of-00002.gguf"); false when there is none. */
bool hub_quant_of(const char *path, char out[32]);
/* Is path a GGUF model (not a projector or an importance matrix), and not the second or a later part of one? */
bool hub_is_gguf_head(const char *path);
/* Does `path` belong to the same file as its first part `head`? */
bool hub_same_split(const char *head, const char *path);
/* Is it one of several parts? */
bool hub_is_part(const char *path);
/* A size for people: "4.37 GB", decimal units as the hubs show them. */
const char *hub_size_text(char out[24], uint64_t bytes);

#endif
