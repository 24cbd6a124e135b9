/* Rows of slices out of a file: straight from the tensor that holds them, or, where the two containers disagree about W_kvb,
 * from that matrix put together. */
#include "model/source.h"
#include <string.h>
#include "base/mem.h"
#include "model/load_internal.h"

struct net_source {
    struct net net;
    struct load_options options;
    struct load load;
    const struct param *joined; /* the W_kvb in `numbers`, or NULL */
    float *numbers;
    size_t cap;
};

int net_source_open(struct net_source **out, struct model_file *m, warn_fn *warn, void *ctx, struct err *e)
{
    *out = NULL;
    void *mem;
    TRY(mem_new(&mem, sizeof **out, "a model", e));
    struct net_source *s = mem;
    s->options = (struct load_options){.plain = true, .warn = warn, .warn_ctx = ctx};
    s->load = (struct load){.net = &s->net, .o = &s->options};
    int rc = load_open(&s->load, m, e);
    if (rc) net_source_close(s);
    else *out = s;
    return rc;
}

void net_source_close(struct net_source *s)
{
    if (!s) return;
    load_close(&s->load);
    net_free(&s->net);
    mem_free(s->numbers);
    mem_free(s);
}

const struct net *net_source_net(const struct net_source *s) { return &s->net; }

static const struct sources *sources_of(const struct net_source *s, const struct slice *p)
{
    return &s->load.src[p->p - s->net.params];
}

/* W_kvb is one matrix in folders and two stacks in GGUF: whether the source has it the way the slice wants it. */
static bool is_joined(const struct net_source *s, const struct slice *p)
{
    return p->p && p->p->form == FORM_KV_B && (sources_of(s, p)->n == 2) != (p->nd == 3);
}

/* Where row r of the slice lies: a row of a tensor of the source. */
struct place {
    const struct tf_tensor *t, *scale;
    int64_t row;
};

static struct place find(const struct net_source *s, const struct slice *p, int64_t r)
{
    const struct sources *src = sources_of(s, p);
    int64_t rows = slice_matrix_rows(p), cols = slice_cols(p);
    if (p->p->form == FORM_KV_B && src->n == 2) return (struct place){src->t[p->first > 0], NULL, r};
    int64_t at = p->first / cols + r / rows * rows + slice_source_row(p, r % rows), which = 0;
    if (src->n > 1) { /* one tensor per expert */
        which = at / p->p->t.ne[1];
        at %= p->p->t.ne[1];
    }
    return (struct place){src->t[which], src->scale ? src->scale[which] : NULL, at};
}

/* What is added to the numbers of the source: norms that one of the two files holds less one. */
static float shift(const struct net_source *s, const struct slice *p)
{
    return (float)(p->p->plus_one && !s->load.gguf) - (float)p->less_one;
}

static bool is_raw(const struct net_source *s, const struct slice *p)
{
    return p->p && !is_joined(s, p) && !sources_of(s, p)->scale && shift(s, p) == 0;
}

enum dtype net_source_type(const struct net_source *s, const struct slice *p)
{
    return is_raw(s, p) ? find(s, p, 0).t->dtype : DT_F32;
}

int net_source_begin(struct net_source *s, const struct slice *p, struct pool *pool, struct err *e)
{
    if (!is_joined(s, p) || s->joined == p->p) return OK;
    struct tensor t = p->p->t;
    size_t need = (size_t)tensor_count(&t) * sizeof(float);
    if (s->cap < need) {
        mem_free(s->numbers);
        s->numbers = NULL;
        s->cap = 0;
        TRY(mem_new((void **)&s->numbers, need, "one matrix", e));
        s->cap = need;
    }
    t.data = s->numbers;
    s->options.pool = pool;
    s->joined = NULL;
    TRY(load_tensor(&s->load, sources_of(s, p), &t, e));
    s->joined = p->p;
    return OK;
}

static void joined_row(const float *data, const struct slice *p, int64_t r, float *dst)
{
    int64_t rows = slice_matrix_rows(p), cols = slice_cols(p);
    const float *from = data + p->first + r / rows * p->stride + slice_source_row(p, r % rows) * p->rs;
    for (int64_t i = 0; i < cols; i++) dst[i] = from[i * p->cs];
}

void net_source_rows(const struct net_source *s, const struct slice *p, int64_t row, int64_t n, float *dst)
{
    int64_t cols = slice_cols(p);
    for (int64_t r = row; r < row + n; r++, dst += cols) {
        if (!p->p || is_joined(s, p)) {
            joined_row(p->p ? s->numbers : p->data, p, r, dst);
            continue;
        }
        struct place at = find(s, p, r);
        if (at.scale) load_scaled_rows(at.t, at.scale, at.row, 1, cols, dst);
        else formats[at.t->dtype].to_f32(dst, at.t->data + format_bytes(at.t->dtype, at.row * cols), cols);
        float add = shift(s, p);
        for (int64_t i = 0; add != 0 && i < cols; i++) dst[i] += add;
    }
}

const uint8_t *net_source_raw(const struct net_source *s, const struct slice *p, int64_t row)
{
    if (!is_raw(s, p)) return NULL;
    struct place at = find(s, p, row);
    return at.t->data + format_bytes(at.t->dtype, at.row * slice_cols(p));
}

void net_source_forget(const struct net_source *s, const struct slice *p)
{
    if (!p->p || is_joined(s, p)) return;
    int64_t first = p->nd > 2 ? slice_matrix_rows(p) : slice_rows(p);
    for (int64_t r = 0; r < slice_rows(p); r += first) tf_forget(s->load.file, find(s, p, r).t);
}
