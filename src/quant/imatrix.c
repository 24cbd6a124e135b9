/* Reading and writing files of importance. */
#include "quant/imatrix.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "sys/file.h"

#define SUMS   ".in_sum2"
#define COUNTS ".counts"
enum { NAME_CAP = TF_NAME_MAX + 16 };

/* The first of the texts it was made from. */
static int read_dataset(struct imatrix *im, struct err *e)
{
    const struct tf_kv *kv = tf_find_kv(&im->file, "imatrix.datasets");
    const char *s;
    size_t len;
    uint64_t pos = 0;
    if (!kv || !tf_array_next_str(kv, &pos, &s, &len)) return OK;
    im->dataset = mem_strndup(s, len);
    if (!im->dataset) FAIL(e, ERR_MEMORY, "%s: out of memory", im->file.path);
    return OK;
}

int imatrix_check(struct imatrix *im, struct err *e)
{
    char *type = NULL;
    bool found;
    const char *path = im->file.path;
    if (strcmp(im->file.container, "gguf") != 0) FAIL(e, ERR_FORMAT, "%s is not a GGUF file", path);
    TRY(tf_kv_str(&im->file, "general.type", &type, &found, e));
    bool good = found && !strcmp(type, "imatrix");
    mem_free(type);
    if (!good) FAIL(e, ERR_FORMAT, "%s: \"general.type\" is not \"imatrix\": no importance matrix", path);
    TRY(tf_kv_i64(&im->file, "imatrix.chunk_count", 0, INT64_MAX, &im->chunks, &found, e));
    TRY(read_dataset(im, e));
    for (size_t i = 0; i < im->file.n_tensors; i++) im->entries += str_ends_with(im->file.tensors[i].name, SUMS);
    if (!im->entries) FAIL(e, ERR_FORMAT, "%s: no tensor's name ends in \"%s\"", path, SUMS);
    return OK;
}

int imatrix_open(struct imatrix *im, const char *path, struct err *e)
{
    *im = (struct imatrix){0};
    int rc = tf_open(&im->file, path, e);
    if (rc == ERR_FORMAT)
        err_prefix(e, "an importance matrix is a GGUF file (llama-imatrix makes one of the older form with --in-file)");
    return rc ? rc : imatrix_check(im, e);
}

void imatrix_close(struct imatrix *im)
{
    tf_close(&im->file);
    mem_free(im->dataset);
    *im = (struct imatrix){0};
}

static int64_t elements(const struct tf_tensor *t)
{
    int64_t n = 1;
    for (int i = 0; i < t->nd; i++) n *= t->ne[i]; /* checked when the file was opened */
    return n;
}

/* n floats of t from element `at` on; the mapping need not be aligned. */
static float number(const struct tf_tensor *t, int64_t at)
{
    float v;
    memcpy(&v, t->data + at * (int64_t)sizeof v, sizeof v);
    return v;
}

/* Both tensors of a weight; *sums NULL when there is none. */
static int find(const struct imatrix *im, const char *name, const struct tf_tensor **sums,
                const struct tf_tensor **counts, struct err *e)
{
    char full[NAME_CAP];
    const char *path = im->file.path;
    snprintf(full, sizeof full, "%s" SUMS, name);
    *sums = tf_find(&im->file, full);
    if (!*sums) return OK;
    snprintf(full, sizeof full, "%s" COUNTS, name);
    *counts = tf_find(&im->file, full);
    if (!*counts) FAIL(e, ERR_FORMAT, "%s: %s%s is there, %s%s is missing", path, name, SUMS, name, COUNTS);
    if (!(*sums)->known || (*sums)->dtype != DT_F32 || !(*counts)->known || (*counts)->dtype != DT_F32)
        FAIL(e, ERR_FORMAT, "%s: sums and counts of %s must be f32", path, name);
    return OK;
}

int imatrix_means(const struct imatrix *im, const char *name, int64_t matrices, int64_t cols, float **out,
                  struct err *e)
{
    const struct tf_tensor *sums, *counts;
    const char *path = im->file.path;
    *out = NULL;
    TRY(find(im, name, &sums, &counts, e));
    if (!sums) return OK;
    int64_t have = elements(counts);
    if (sums->nd < 1 || sums->ne[sums->nd - 1] != cols || elements(sums) / cols != have ||
        (have != matrices && have != 1))
        FAIL(e, ERR_FORMAT, "%s: %s has %lld numbers for %lld matrices, the model has %lld matrices of %lld columns",
             path, name, (long long)elements(sums), (long long)have, (long long)matrices, (long long)cols);
    float *v = mem_array((size_t)matrices, (size_t)cols * sizeof *v);
    if (!v) FAIL(e, ERR_MEMORY, "out of memory for the importance of %s", name);
    for (int64_t m = 0; m < matrices; m++) {
        int64_t from = have == 1 ? 0 : m;
        float n = number(counts, from);
        for (int64_t i = 0; i < cols; i++) {
            float s = number(sums, from * cols + i), mean = n > 0 ? s / n : 0;
            if (!(s >= 0) || !(n >= 0) || !isfinite(mean)) {
                mem_free(v);
                FAIL(e, ERR_FORMAT, "%s: %s, matrix %lld, column %lld: the sum of squares is %g of %g rows", path, name,
                     (long long)m, (long long)i, (double)s, (double)n);
            }
            v[m * cols + i] = mean;
        }
    }
    *out = v;
    return OK;
}

/* ---- writing ---- */

static bool was_met(const struct imatrix_sums *s)
{
    for (int64_t m = 0; m < s->matrices; m++)
        if (s->count[m] > 0) return true;
    return false;
}

static int declare(struct tf_writer *w, const struct imatrix_sums *s, struct err *e)
{
    char name[NAME_CAP];
    const int64_t sums[] = {s->matrices, s->cols}, counts[] = {s->matrices, 1};
    snprintf(name, sizeof name, "%s" SUMS, s->name);
    TRY(tf_writer_declare(w, name, DT_F32, 2, sums, e));
    snprintf(name, sizeof name, "%s" COUNTS, s->name);
    return tf_writer_declare(w, name, DT_F32, 2, counts, e);
}

static int write_sums(struct tf_writer *w, const struct imatrix_sums *s, struct err *e)
{
    float row[1024];
    for (int64_t n = s->matrices * s->cols, at = 0, k; at < n; at += k) {
        for (k = 0; k < 1024 && at + k < n; k++) row[k] = (float)s->sum[at + k];
        TRY(tf_writer_data(w, row, (size_t)k * sizeof *row, e));
    }
    for (int64_t m = 0; m < s->matrices; m++) {
        float n = (float)s->count[m];
        TRY(tf_writer_data(w, &n, sizeof n, e));
    }
    return OK;
}

static int write_all(struct tf_writer *w, const struct imatrix_sums *v, size_t n, const char *dataset, int64_t chunks,
                     int64_t chunk_size, struct err *e)
{
    const size_t len = strlen(dataset);
    TRY(tf_writer_kv_str(w, "general.type", "imatrix", e));
    TRY(tf_writer_kv_str_array(w, "imatrix.datasets", &dataset, &len, 1, e));
    TRY(tf_writer_kv_u32(w, "imatrix.chunk_count", (uint32_t)chunks, e));
    TRY(tf_writer_kv_u32(w, "imatrix.chunk_size", (uint32_t)chunk_size, e));
    for (size_t i = 0; i < n; i++)
        if (was_met(&v[i])) TRY(declare(w, &v[i], e));
    TRY(tf_writer_begin(w, e));
    for (size_t i = 0; i < n; i++)
        if (was_met(&v[i])) TRY(write_sums(w, &v[i], e));
    return OK;
}

int imatrix_write(const char *path, const struct imatrix_sums *v, size_t n, const char *dataset, int64_t chunks,
                  int64_t chunk_size, struct err *e)
{
    struct tf_writer *w;
    TRY(tf_writer_gguf(&w, path, e));
    int rc = write_all(w, v, n, dataset, chunks, chunk_size, e);
    if (!rc) return tf_writer_commit(w, e);
    tf_writer_abort(w);
    return rc;
}
