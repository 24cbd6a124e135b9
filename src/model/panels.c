/* The file of panels: a page of header (magic, key), then the arena. */
#include "model/panels.h"
#include <stdio.h>
#include <string.h>
#include "model/load_internal.h"
#include "sys/file.h"

enum { HEADER = 4096, LAYOUT = 3, SAMPLE = 4096 };
#define MAGIC "autarky panels\n"

static void add_tensor(struct sha256 *h, const struct tf_tensor *t)
{
    char line[TF_NAME_MAX + 160];
    int n = snprintf(line, sizeof line, "%s %u %d %lld %lld %lld %lld %llu %llu\n", t->name, t->raw_type, t->nd,
                     (long long)t->ne[0], (long long)t->ne[1], (long long)t->ne[2], (long long)t->ne[3],
                     (unsigned long long)t->offset, (unsigned long long)t->bytes);
    size_t sample = t->bytes < SAMPLE ? (size_t)t->bytes : SAMPLE;
    sha256_add(h, line, (size_t)n < sizeof line ? (size_t)n : sizeof line);
    sha256_add(h, t->data, sample);
    sha256_add(h, t->data + (t->bytes - sample), sample);
}

int panels_key(char key[SHA256_HEX], const struct load *l, size_t need, struct err *e)
{
    struct sha256 *h;
    struct file_times times;
    char line[256];
    const struct kernels *ks = l->o->ks;
    TRY(file_times(&times, l->file->path, e));
    TRY(sha256_new(&h, e));
    int n = snprintf(line, sizeof line,
                     "layout %d need %zu size %llu time %lld.%09ld compute %d nr %d %d absorbed %d int8 %d\n", LAYOUT, need,
                     (unsigned long long)tf_file_bytes(l->file), (long long)times.seconds, times.nanoseconds, l->o->compute,
                     ks->gemm_f32.nr, ks->gemm_bf16.nr, l->net->absorbed, l->o->int8);
    sha256_add(h, line, (size_t)n);
    for (size_t i = 0; i < l->file->n_tensors; i++) {
        add_tensor(h, &l->file->tensors[i]);
        tf_forget(l->file, &l->file->tensors[i]); /* the system maps what is around the samples too */
    }
    sha256_hex(h, key);
    return OK;
}

static bool header_is(const uint8_t *h, const char *key)
{
    size_t m = strlen(MAGIC);
    return !memcmp(h, MAGIC, m) && !memcmp(h + m, key, SHA256_HEX - 1);
}

int panels_open(struct shared *p, const char *path, const char *key, size_t need, struct err *e)
{
    TRY(shared_open(p, path, need + HEADER, e));
    if (header_is(p->data, key)) return OK;
    shared_close(p);
    FAIL(e, ERR_NOTFOUND, "%s: made for another model or another way of computing", path);
}

int panels_create(struct shared *p, const char *path, const char *key, size_t need, struct err *e)
{
    int rc = shared_create(p, path, need + HEADER, e);
    if (rc) {
        err_prefix(e, "the packed weights stay in memory");
        return rc;
    }
    memcpy(p->data, MAGIC, strlen(MAGIC));
    memcpy(p->data + strlen(MAGIC), key, SHA256_HEX - 1);
    return OK;
}

void *panels_data(const struct shared *p) { return p->data + HEADER; }
