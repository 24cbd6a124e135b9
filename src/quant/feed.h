/* Where the tensors of a file to be written come from, one after the other and a few rows at a time: the tensors of a GGUF
 * file as they are, whatever its architecture; or the parameters of a network out of either container, in the names,
 * shapes and order of the other. */
#ifndef QUANT_FEED_H
#define QUANT_FEED_H

#include "model/source.h"

struct feed_tensor {
    const char *name; /* owned by the feed */
    int nd;
    int64_t ne[TF_MAX_DIMS];
    bool matrix;               /* may be stored in a block format */
    enum dtype from;           /* as its rows lie in the source; DT_F32 also where they have to be computed */
    uint64_t bytes;            /* that have to be read for it */
    const struct tf_tensor *t; /* of a GGUF file, or NULL: then */
    const struct slice *slice; /* of a network */
};

struct feed {
    struct model_file *model; /* borrowed */
    struct net_source *net;   /* NULL: the tensors of the file as they are */
    struct feed_tensor *v;
    size_t n;
    struct slice *slices;
    float *numbers; /* of slices that are computed from the configuration */
};

/* Of a GGUF file for a GGUF file. The model must outlive the feed. */
int feed_open_same(struct feed *f, struct model_file *m, struct err *e);
/* Of any model for a GGUF file or a folder. warn (NULL allowed) hears of parts that are left out. */
int feed_open_net(struct feed *f, struct model_file *m, bool gguf, warn_fn *warn, void *ctx, struct err *e);
void feed_close(struct feed *f); /* accepts a zeroed or half-opened feed */
static inline const struct tf *feed_file(const struct feed *f) { return &f->model->tf; }

static inline int64_t feed_cols(const struct feed_tensor *t) { return t->nd ? t->ne[t->nd - 1] : 1; }
int64_t feed_rows_of(const struct feed_tensor *t);
/* Rows of one matrix of a stack, for what differs from matrix to matrix. */
int64_t feed_matrix_rows(const struct feed_tensor *t);

/* As in model/source.h. */
int feed_begin(struct feed *f, const struct feed_tensor *t, struct pool *pool, struct err *e);
void feed_rows(const struct feed *f, const struct feed_tensor *t, int64_t row, int64_t n, float *dst);
const uint8_t *feed_raw(const struct feed *f, const struct feed_tensor *t, int64_t row);
void feed_end(const struct feed *f, const struct feed_tensor *t);

#endif
