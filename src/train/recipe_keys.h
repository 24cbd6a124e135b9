/* The table of recipe keys: one row says what a key is called, where it goes, what it may be and what it means. It
 * drives reading, printing, comparing and help. Internal to train/recipe*.c. */
#ifndef TRAIN_RECIPE_KEYS_H
#define TRAIN_RECIPE_KEYS_H

#include "train/recipe.h"

enum recipe_type { KEY_INT, KEY_NUM, KEY_BOOL, KEY_STR, KEY_CHOICE, KEY_SOURCE, KEY_PROMPT };
enum recipe_flags {
    KEY_FREE = 1,  /* may differ when a run is resumed: it does not change what a step computes */
    KEY_CORPUS = 2 /* decides the tokenizer or the shards */
};

struct recipe_key {
    const char *section, *name;
    enum recipe_type type;
    size_t offset;      /* in struct recipe; of the array for sources and prompts */
    size_t count;       /* offset of the number of elements, for those two */
    const char *preset; /* default, as written in a file */
    double lo, hi;
    int flags;
    const char *const *choices; /* words, NULL at the end */
    const char *help;
    int (*find)(const char *); /* NULL allowed: the index of a choice by any of its names, -1: none */
};

extern const struct recipe_key recipe_keys[];
extern const size_t recipe_n_keys;

/* The row, or NULL. */
const struct recipe_key *recipe_key_find(const char *name);
/* The known name with the fewest edits. */
const char *recipe_key_nearest(const char *name);
/* Reads a value into r. where is "file:line". */
int recipe_key_set(struct recipe *r, const struct recipe_key *k, const char *value, const char *where, struct err *e);
/* Of a word in quotation marks that begins here: its second mark, which a blank or the end follows. NULL: it is none. */
const char *recipe_quoted_end(const char *s);
/* Appends "name = value" lines (none for an empty list). */
void recipe_key_print(const struct recipe *r, const struct recipe_key *k, struct buf *out);

#endif
