/* Fuzz target: importance matrices, whatever shape the model has. Means that are handed out are finite and not negative. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "io/reader.h"
#include "quant/imatrix.h"

/* The weight NAME of the tensor NAME.in_sum2, with the shape it has there and with others. */
static void read_weight(const struct imatrix *im, const struct tf_tensor *t)
{
    static const int64_t matrices[] = {1, 2, 3, 0};
    char name[TF_NAME_MAX];
    struct err e;
    size_t n = strlen(t->name);
    if (n <= 8 || t->nd < 1) return;
    memcpy(name, t->name, n - 8);
    name[n - 8] = 0;
    for (int i = 0; i < 4; i++) {
        float *v;
        int64_t cols = t->ne[t->nd - 1], m = matrices[i] ? matrices[i] : t->nd > 1 ? t->ne[0] : 1;
        if (cols < 1 || m < 1 || cols > 1 << 16 || m > 1 << 8) continue;
        if (imatrix_means(im, name, m, cols, &v, &e) || !v) continue;
        for (int64_t k = 0; k < m * cols; k++)
            if (!isfinite(v[k]) || v[k] < 0) abort();
        mem_free(v);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct io_memory file = {"im.gguf", data, size};
    struct imatrix im = {0};
    struct err e;
    if (tf_open_memory(&im.file, "im.gguf", &file, 1, &e)) return 0;
    if (imatrix_check(&im, &e) == OK)
        for (size_t i = 0; i < im.file.n_tensors; i++) read_weight(&im, &im.file.tensors[i]);
    imatrix_close(&im);
    return 0;
}
