/* Importance matrices: for every weight matrix the mean square of what meets each of its columns in a text. The file is GGUF
 * in the form that llama.cpp writes: general.type "imatrix", and for each weight NAME the tensors NAME.in_sum2 (matrices,
 * columns) and NAME.counts (matrices). */
#ifndef QUANT_IMATRIX_H
#define QUANT_IMATRIX_H

#include "io/tensor_file.h"

struct imatrix {
    struct tf file;
    size_t entries;
    int64_t chunks; /* windows of text, 0 if not said */
    char *dataset;  /* owned; NULL if not said */
};
/* Free with imatrix_close in every case. */
int imatrix_open(struct imatrix *im, const char *path, struct err *e);
void imatrix_close(struct imatrix *im);
/* The same for the opened file im->file. */
int imatrix_check(struct imatrix *im, struct err *e);
/* *out (matrices, cols), owned: the mean squares; a matrix that nothing met has zeros. NULL when the weight is not in the
 * file. Other shapes, and numbers that are no mean squares, are errors. */
int imatrix_means(const struct imatrix *im, const char *name, int64_t matrices, int64_t cols, float **out,
                  struct err *e);

/* Sums of one weight, for writing. */
struct imatrix_sums {
    char name[96];
    int64_t matrices, cols;
    double *sum;    /* (matrices, cols) */
    int64_t *count; /* (matrices): rows that met it */
};
/* Those whose counts are all 0 are left out. */
int imatrix_write(const char *path, const struct imatrix_sums *v, size_t n, const char *dataset, int64_t chunks,
                  int64_t chunk_size, struct err *e);

#endif
