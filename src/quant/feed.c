/* Tensors for the writers. */
#include "quant/feed.h"
#include <string.h>
#include "base/mem.h"
#include "sys/file.h"

static bool has(const char *s, const char *part) { return strstr(s, part) != NULL; }

/* Matrices are stored in blocks; indices, norms, routers, rotary factors, tables of positions and short convolutions are not, in
 * whatever architecture: few numbers that matter much. */
static bool is_matrix(const struct tf_tensor *t)
{
    static const char *const kept[] = {"_norm",    "ffn_gate_inp", "rope_freqs", "rope_factors", "position_embd",
                                       "pos_embd", "token_types",  "conv",       "altup",        "laurel"};
    if (t->nd < 2 || !str_ends_with(t->name, ".weight") || !formats[t->dtype].to_f32) return false;
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (has(t->name, kept[i])) return false;
    return true;
}

int feed_open_same(struct feed *f, struct model_file *m, struct err *e)
{
    const struct tf *file = &m->tf;
    *f = (struct feed){.model = m};
    if (!m->gguf) FAIL(e, ERR_USAGE, "%s is not a GGUF file", m->path);
    TRY(mem_new((void **)&f->v, file->n_tensors * sizeof *f->v, "the list of tensors", e));
    for (size_t i = 0; i < file->n_tensors; i++) {
        const struct tf_tensor *t = &file->tensors[i];
        TRY(tf_check_known(file, t, e));
        struct feed_tensor *x = &f->v[f->n++];
        *x = (struct feed_tensor){
            .name = t->name, .nd = t->nd, .matrix = is_matrix(t), .from = t->dtype, .bytes = t->bytes, .t = t};
        memcpy(x->ne, t->ne, sizeof x->ne);
    }
    return OK;
}

/* Gathers the slices of a network; first only counts. */
struct gather {
    struct feed *f;
    size_t cap, n_numbers, cap_numbers;
};

static int count_slice(void *ctx, const struct slice *p, struct err *e)
{
    struct gather *g = ctx;
    (void)e;
    g->cap++;
    if (!p->p) g->cap_numbers += (size_t)(slice_rows(p) * slice_cols(p));
    return OK;
}

static int add_slice(void *ctx, const struct slice *p, struct err *e)
{
    struct gather *g = ctx;
    struct feed *f = g->f;
    struct slice *copy = &f->slices[f->n];
    struct feed_tensor *x = &f->v[f->n++];
    size_t n = (size_t)(slice_rows(p) * slice_cols(p));
    (void)e;
    *copy = *p;
    if (!p->p) {
        copy->data = memcpy(f->numbers + g->n_numbers, p->data, n * sizeof(float));
        g->n_numbers += n;
    }
    *x = (struct feed_tensor){
        .name = copy->name, .nd = p->nd, .matrix = p->quantise, .from = net_source_type(f->net, copy), .slice = copy};
    for (int i = 0; i < p->nd; i++) x->ne[i] = p->ne[i];
    x->bytes = format_bytes(x->from, (int64_t)n);
    return OK;
}

int feed_open_net(struct feed *f, struct model_file *m, bool gguf, warn_fn *warn, void *ctx, struct err *e)
{
    struct gather g = {.f = f};
    *f = (struct feed){.model = m};
    TRY(net_source_open(&f->net, m, warn, ctx, e));
    const struct net *net = net_source_net(f->net);
    TRY(slices_each(net, gguf, count_slice, &g, e));
    TRY(mem_new((void **)&f->v, g.cap * sizeof *f->v, "the list of tensors", e));
    TRY(mem_new((void **)&f->slices, g.cap * sizeof *f->slices, "the list of tensors", e));
    TRY(mem_new((void **)&f->numbers, g.cap_numbers * sizeof *f->numbers, "the list of tensors", e));
    return slices_each(net, gguf, add_slice, &g, e);
}

void feed_close(struct feed *f)
{
    net_source_close(f->net);
    mem_free(f->v);
    mem_free(f->slices);
    mem_free(f->numbers);
    *f = (struct feed){0};
}

int64_t feed_matrix_rows(const struct feed_tensor *t) { return t->nd > 1 ? t->ne[t->nd - 2] : 1; }

int64_t feed_rows_of(const struct feed_tensor *t)
{
    int64_t n = 1;
    for (int i = 0; i + 1 < t->nd; i++) n *= t->ne[i]; /* checked when the file was opened */
    return n;
}

int feed_begin(struct feed *f, const struct feed_tensor *t, struct pool *pool, struct err *e)
{
    return t->slice ? net_source_begin(f->net, t->slice, pool, e) : OK;
}

const uint8_t *feed_raw(const struct feed *f, const struct feed_tensor *t, int64_t row)
{
    return t->slice ? net_source_raw(f->net, t->slice, row) : t->t->data + format_bytes(t->from, row * feed_cols(t));
}

void feed_rows(const struct feed *f, const struct feed_tensor *t, int64_t row, int64_t n, float *dst)
{
    if (t->slice) net_source_rows(f->net, t->slice, row, n, dst);
    else formats[t->from].to_f32(dst, feed_raw(f, t, row), n * feed_cols(t));
}

void feed_end(const struct feed *f, const struct feed_tensor *t)
{
    if (t->slice) net_source_forget(f->net, t->slice);
    else tf_forget(feed_file(f), t->t);
}
