/* Learning merges from counted words; the inner half of bpe_trainer. */
#ifndef TEXT_BPE_LEARN_H
#define TEXT_BPE_LEARN_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "text/vocab.h"

/* A distinct piece of the training text. While learning, its symbols are sym[at .. at + len). */
struct word {
    uint64_t at; /* into the text of all words */
    uint32_t len;
    int64_t count;
};

struct learner;

/* words and text are borrowed; len of the words shrinks as symbols merge. base_id[b] is the id of byte b; new tokens
 * get ids from first_id on. */
int learner_new(struct learner **out, struct word *words, size_t n_words, const char *text, size_t text_len,
                const int32_t base_id[256], struct err *e);
void learner_free(struct learner *l);

/* The most frequent pair (ties: smaller ids) that occurs at least twice; false when there is none left. best->result
 * is -1, or its token if it was merged before and has come up again: where a merge gives a token that existed. */
bool learner_best(struct learner *l, struct merge *best);
/* Replaces the pair learner_best gave by `result` in all words. */
int learner_merge(struct learner *l, int32_t result, struct err *e);
/* Or gives it up for good. */
void learner_skip(struct learner *l);

#endif
