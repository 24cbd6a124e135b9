/* A text cut for scoring: windows of at most `size` tokens, each after the token that begins a text, which do not overlap, so
 * that every token of the text is predicted exactly once. A model whose texts do not begin with such a token predicts all but
 * the first of each window. */
#ifndef QUANT_WINDOWS_H
#define QUANT_WINDOWS_H

#include "infer/session.h"

struct windows {
    struct tokens ids;
    int64_t size, step, count;
    int32_t bos; /* -1: none is put first */
    int32_t *row, *target; /* the window at hand: what is read, and what comes next */
};
/* The text in the tokens of t; at most `limit` of them (0: all). size: the context. Free with windows_free in every case. */
int windows_open(struct windows *w, const struct tokenizer *t, const char *text, size_t len, int64_t limit,
                 int64_t size, const char *name, struct err *e);
void windows_free(struct windows *w);
/* Fills row and target with window i; returns how many tokens it predicts, which may be none. */
int64_t windows_take(struct windows *w, int64_t i);
/* Tokens of the text up to the end of window i. */
int64_t windows_end(const struct windows *w, int64_t i);

#endif
