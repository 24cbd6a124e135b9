/* Which tensors a file has for a network's parameters, and which numbers of which parameter each of them holds: the
 * order, names and shapes of GGUF and of folders. Used by those who write files: from a network in memory (save.c), and
 * from another file without the network (source.c). */
#ifndef MODEL_SLICES_H
#define MODEL_SLICES_H

#include "model/net.h"

enum { SLICE_NAME = 160 };
enum slice_order { ROWS_SAME, ROWS_TO_NEIGHBOURS, ROWS_TO_HALVES };

/* One tensor of the file: element (i, j) of matrix m is the parameter's first + m * stride + i * rs + j * cs. */
struct slice {
    char name[SLICE_NAME];
    const struct param *p; /* NULL: the numbers are at data */
    const float *data;     /* borrowed, during the call only */
    int nd;
    int64_t ne[3];
    int64_t first, stride, rs, cs;
    enum slice_order order;
    int64_t head;  /* rows of a head, when they are put in another order */
    bool less_one; /* the file holds the numbers less one */
    bool quantise; /* may be stored in a block format */
};
typedef int slice_fn(void *ctx, const struct slice *p, struct err *e);

/* Calls fn for every tensor of the file (GGUF or folder), in the order of the file. The net need not have numbers. */
int slices_each(const struct net *net, bool gguf, slice_fn *fn, void *ctx, struct err *e);
/* The row of the matrix in memory that is row r of the file's. */
int64_t slice_source_row(const struct slice *p, int64_t r);
static inline int64_t slice_cols(const struct slice *p) { return p->ne[p->nd - 1]; }
static inline int64_t slice_matrix_rows(const struct slice *p) { return p->nd > 1 ? p->ne[p->nd - 2] : 1; }
static inline int64_t slice_rows(const struct slice *p) { return slice_matrix_rows(p) * (p->nd > 2 ? p->ne[0] : 1); }

#endif
