/* From a network with f32 weights to files: GGUF as llama.cpp reads it, and a folder as
 * transformers reads it. One table of tensors is walked twice, to declare and to write; numbers are converted a few
 * rows at a time. The same network gives the same bytes. */
#include "base/checked.h"
#include "base/mem.h"
#include "model/slices.h"
#include "sys/file.h"
#include <stdio.h>
#include <string.h>

enum { CHUNK = 1 << 16, GGUF_QUANT_VERSION = 2 };

struct saver {
    const struct net *net;
    struct tf_writer *w;
    enum dtype type;
    bool gguf;
    float *row;     /* CHUNK numbers waiting to be written, n of them valid */
    int64_t n;
    uint8_t *bytes; /* the same, converted */
};

/* The type the caller asked for, where the tensor may have it and its rows are whole blocks. */
static enum dtype slice_type(const struct saver *s, const struct slice *p)
{
    return p->quantise && slice_cols(p) % formats[s->type].block == 0 ? s->type : DT_F32;
}

static int declare_slice(void *ctx, const struct slice *p, struct err *e)
{
    struct saver *s = ctx;
    return tf_writer_declare(s->w, p->name, slice_type(s, p), p->nd, p->ne, e);
}

static int flush_row(struct saver *s, enum dtype type, struct err *e)
{
    formats[type].from_f32(s->bytes, s->row, s->n);
    int64_t n = s->n;
    s->n = 0;
    return tf_writer_data(s->w, s->bytes, format_bytes(type, n), e);
}

/* Rows are gathered into runs of CHUNK numbers. CHUNK and the rows of a block format are whole blocks, so runs are. */
static int write_slice(void *ctx, const struct slice *p, struct err *e)
{
    struct saver *s = ctx;
    enum dtype type = slice_type(s, p);
    const float *data = p->p ? tensor_f32(&p->p->t) + p->first : p->data, minus = p->less_one ? 1.0f : 0.0f;
    int64_t cols = slice_cols(p), rows = slice_matrix_rows(p);
    for (int64_t r = 0; r < slice_rows(p); r++) {
        const float *src = data + r / rows * p->stride + slice_source_row(p, r % rows) * p->rs;
        for (int64_t j = 0, n; j < cols; j += n) {
            n = min_i64(CHUNK - s->n, cols - j);
            for (int64_t i = 0; i < n; i++) s->row[s->n + i] = src[(j + i) * p->cs] - minus;
            s->n += n;
            if (s->n == CHUNK) TRY(flush_row(s, type, e));
        }
    }
    return flush_row(s, type, e);
}

static int write_all(struct saver *s, struct err *e)
{
    TRY(slices_each(s->net, s->gguf, declare_slice, s, e));
    TRY(tf_writer_begin(s->w, e));
    TRY(mem_new((void **)&s->row, CHUNK * sizeof(float), "a buffer", e));
    TRY(mem_new((void **)&s->bytes, CHUNK * sizeof(float), "a buffer", e));
    return slices_each(s->net, s->gguf, write_slice, s, e);
}

static int finish(struct saver *s, int rc, struct err *e)
{
    mem_free(s->row);
    mem_free(s->bytes);
    if (!rc) return tf_writer_commit(s->w, e);
    tf_writer_abort(s->w);
    return rc;
}

static int check_saveable(const struct net *net, const char *path, enum dtype type, struct err *e)
{
    if (type >= DT_COUNT || !formats[type].from_f32) FAIL(e, ERR_USAGE, "%s: weights cannot be stored in this type", path);
    for (int i = 0; i < net->n_params; i++)
        if (!net->params[i].t.data)
            FAIL(e, ERR_USAGE, "%s: the weights were loaded for inference; saving needs them as f32", path);
    return OK;
}

/* ---- GGUF ---- */

/* general.file_type as llama.cpp numbers it. */
static uint32_t file_type(enum dtype t)
{
    static const uint32_t types[DT_COUNT] = {[DT_F32] = 0, [DT_F16] = 1, [DT_BF16] = 32, [DT_Q8_0] = 7};
    return types[t];
}

int net_save_no_tokenizer(const struct config *c, struct tf_writer *w, struct err *e)
{
    TRY(tf_writer_kv_str(w, "tokenizer.ggml.model", "none", e));
    if (c->bos >= 0) TRY(tf_writer_kv_u32(w, "tokenizer.ggml.bos_token_id", (uint32_t)c->bos, e));
    if (c->eos >= 0) TRY(tf_writer_kv_u32(w, "tokenizer.ggml.eos_token_id", (uint32_t)c->eos, e));
    return OK;
}

int net_save_gguf(const struct net *net, const char *path, enum dtype type,
                  int (*extra)(void *ctx, struct tf_writer *w, struct err *e), void *ctx, struct err *e)
{
    struct saver s = {.net = net, .type = type, .gguf = true};
    TRY(check_saveable(net, path, type, e));
    TRY(tf_writer_gguf(&s.w, path, e));
    int rc = config_to_gguf(&net->config, s.w, e);
    if (!rc) rc = tf_writer_kv_u32(s.w, "general.file_type", file_type(type), e);
    if (!rc) rc = tf_writer_kv_u32(s.w, "general.quantization_version", GGUF_QUANT_VERSION, e);
    if (!rc) rc = extra ? extra(ctx, s.w, e) : net_save_no_tokenizer(&net->config, s.w, e);
    if (!rc) rc = write_all(&s, e);
    return finish(&s, rc, e);
}

/* ---- folder ---- */

static int save_tensors(struct saver *s, const char *folder, struct err *e)
{
    char path[4096];
    TRY(file_mkdirs(folder, e));
    TRY(path_join(path, sizeof path, folder, "model.safetensors", e));
    TRY(tf_writer_safetensors(&s->w, path, e));
    int rc = tf_writer_kv_str(s->w, "format", "pt", e); /* transformers asks for it */
    if (!rc) rc = write_all(s, e);
    return finish(s, rc, e);
}

/* The configuration is made first, since it may be refused, and written last: a folder without it is not a model yet. */
int net_save_folder(const struct net *net, const char *folder, enum dtype type, struct err *e)
{
    struct saver s = {.net = net, .type = type};
    char path[4096];
    struct buf json = {0};
    TRY(check_saveable(net, folder, type, e));
    if (!formats[type].safetensors_name)
        FAIL(e, ERR_UNSUPPORTED, "%s: safetensors cannot hold %s; use GGUF", folder, formats[type].name);
    int rc = config_to_json(&net->config, &json, e);
    if (!rc) rc = save_tensors(&s, folder, e);
    if (!rc) rc = path_join(path, sizeof path, folder, "config.json", e);
    if (!rc) rc = file_replace(path, json.data, json.len, e);
    buf_free(&json);
    return rc;
}
