/* Tensors of a feed into a file, in another number format: a few rows at a time on all threads, so that the memory does not
 * depend on the size of the model. The same input gives the same bytes, with any number of threads. */
#ifndef QUANT_WRITE_H
#define QUANT_WRITE_H

#include "quant/feed.h"
#include "quant/imatrix.h"

/* What became of a tensor. */
struct tensor_result {
    const char *name;            /* borrowed */
    enum dtype from, to, wanted; /* wanted differs from to when the rows do not fit */
    bool matrix;
    bool weighted; /* by an importance matrix */
    int64_t count;
    double rms;       /* root of mean square of the numbers                                             */
    double rms_error; /* of (number - stored number), relative to rms; 0 when rms is 0, or not measured */
    double max_error; /* largest |number - stored number|                                               */
};

struct write_options {
    struct pool *pool;                                          /* NULL: this thread only */
    const struct imatrix *importance;                           /* NULL: all columns alike */
    bool measure;                                               /* decode what was encoded, for rms and the errors */
    void (*report)(void *ctx, const struct tensor_result *r);   /* NULL allowed */
    bool (*progress)(void *ctx, uint64_t done, uint64_t total); /* bytes of the source; true: stop. NULL allowed */
    warn_fn *warn;                                              /* NULL allowed */
    void *ctx;
};

/* Sums over tensors, of those stored in other than f32. */
struct write_totals {
    double square, error, max;
    int64_t count;
    uint64_t done, total;     /* bytes of the source */
    int weighted, unweighted; /* matrices in a format that asks for importance, with and without it */
};

/* Writes tensor t of f to w, where it has been declared as to. */
int write_tensor(struct tf_writer *w, struct feed *f, const struct feed_tensor *t, enum dtype to, enum dtype wanted,
                 const struct write_options *o, struct write_totals *totals, struct err *e);

#endif
