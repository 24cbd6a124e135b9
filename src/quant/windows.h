/* Texts cut for scoring: windows of at most `size` tokens of one text, each after the token that begins a text, which do not
 * overlap, so that every token is predicted exactly once. A model whose texts do not begin with such a token predicts all but
 * the first of each window. */
#ifndef QUANT_WINDOWS_H
#define QUANT_WINDOWS_H

#include "infer/session.h"

struct windows {
    const struct tokenizer *tok;
    struct tokens ids;
    int64_t size, step, limit, count; /* limit 0: none */
    int64_t *end; /* of each window, in tokens; owned */
    int64_t cap;
    int32_t bos; /* -1: none is put first */
    int32_t *row, *target; /* the window at hand: what is read, and what comes next */
};
/* Windows of texts in the tokens of t; of `limit` tokens at most (0: all). size: the context. Free with windows_free in every
 * case. */
int windows_begin(struct windows *w, const struct tokenizer *t, int64_t limit, int64_t size, struct err *e);
/* Adds a text, as far as the limit goes: no more of it is turned into tokens than that takes. */
int windows_add(struct windows *w, const char *text, size_t len, struct err *e);
bool windows_full(const struct windows *w); /* the limit is reached */
/* After the last text: refuses when there is nothing to predict. */
int windows_end_of_text(struct windows *w, const char *name, struct err *e);
/* All at once, for one text. */
int windows_open(struct windows *w, const struct tokenizer *t, const char *text, size_t len, int64_t limit,
                 int64_t size, const char *name, struct err *e);
void windows_free(struct windows *w);
/* Fills row and target with window i; returns how many tokens it predicts, which may be none. */
int64_t windows_take(struct windows *w, int64_t i);
/* Tokens of the texts up to the end of window i. */
int64_t windows_end(const struct windows *w, int64_t i);

#endif
