/* The texts of a run as files, and what they were when its shards were made. Internal to the corpus files. */
#ifndef TRAIN_CORPUS_TEXTS_H
#define TRAIN_CORPUS_TEXTS_H

#include "data/inputs.h"
#include "train/corpus.h"

/* Lists of files: those of the recipe's sources, then those of its vals. */
struct corpus_texts {
    struct inputs lists[2 * RECIPE_MAX_SOURCES];
    size_t n;
    char tokenizer[4096]; /* the recipe's tokenizer file; "": it has none, or it is not there */
    const char *absent; /* an input that is not there; NULL: all are */
};
int corpus_texts_open(struct corpus_texts *t, const struct recipe *r, struct err *e);
void corpus_texts_free(struct corpus_texts *t);

/* What the corpus is made from, as RUN/data/corpus.txt holds it: the recipe's lines, and the SHA-256 of each file. */
int corpus_identify(struct buf *out, const struct corpus_texts *t, const struct corpus_options *o, struct err *e);

/* NONE: nothing was made, or by another version. OTHER: from something else, which `what` names. */
enum corpus_state { CORPUS_NONE, CORPUS_READY, CORPUS_OTHER };
enum { CORPUS_WHAT = 300 };
struct corpus_found {
    enum corpus_state state;
    char what[CORPUS_WHAT];
    uint64_t skipped; /* bad lines that were left out when a corpus that is READY was made; a warning tells them, too */
};
/* Compares with the file `path`. Inputs that have gone since do not matter. */
int corpus_compare(struct corpus_found *found, const char *path, const struct buf *identity, const struct corpus_texts *t,
                   struct err *e);
/* Appends what a source left out, for the end of corpus.txt, and warns; nothing if it was nothing. */
void corpus_note_left_out(struct buf *out, const char *source, const struct docs_left_out *l);

#endif
