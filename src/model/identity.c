/* The hash of a network. */
#include "model/identity.h"
#include <stdio.h>
#include "base/buf.h"

enum { END = 4096, SPOT = 512, SPOTS = 8 };

static void add_bytes(struct sha256 *h, const uint8_t *data, uint64_t bytes)
{
    if (bytes <= 2 * END + SPOTS * SPOT) {
        sha256_add(h, data, (size_t)bytes);
        return;
    }
    uint64_t step = (bytes - 2 * END) / SPOTS;
    sha256_add(h, data, END);
    for (uint64_t i = 0; i < SPOTS; i++) sha256_add(h, data + END + i * step, SPOT);
    sha256_add(h, data + bytes - END, END);
}

static void add_tensor(struct sha256 *h, const char *name, unsigned type, int nd, const int64_t *ne)
{
    char line[TF_NAME_MAX + 200];
    int n = snprintf(line, sizeof line, "%s %u", name, type);
    for (int i = 0; i < nd && n > 0 && (size_t)n < sizeof line; i++)
        n += snprintf(line + n, sizeof line - (size_t)n, " %lld", (long long)ne[i]);
    sha256_add(h, line, (size_t)n < sizeof line ? (size_t)n + 1 : sizeof line);
}

static void add_file(struct sha256 *h, const struct tf *f)
{
    for (size_t i = 0; i < f->n_tensors; i++) {
        const struct tf_tensor *t = &f->tensors[i];
        add_tensor(h, t->name, t->raw_type, t->nd, t->ne);
        add_bytes(h, t->data, t->bytes);
        tf_forget(f, t); /* the system maps what is around the samples too */
    }
}

static void add_params(struct sha256 *h, const struct net *net)
{
    for (int i = 0; i < net->n_params; i++) {
        const struct tensor *t = &net->params[i].t;
        add_tensor(h, net->params[i].gguf_name, (unsigned)t->dtype, t->nd, t->ne);
        if (!t->packed_stride) add_bytes(h, t->data, format_bytes(t->dtype, tensor_count(t)));
    }
}

int net_identity(char out[SHA256_HEX], const struct net *net, struct err *e)
{
    struct sha256 *h;
    struct buf config = {0};
    int rc = config_to_json(&net->config, &config, e);
    if (!rc) rc = sha256_new(&h, e);
    if (!rc) {
        sha256_add(h, config.data, config.len);
        if (net->file.n_tensors) add_file(h, &net->file);
        else add_params(h, net);
        sha256_hex(h, out);
    }
    buf_free(&config);
    return rc;
}
