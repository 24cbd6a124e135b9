/* From a network with f32 weights to files: GGUF as llama.cpp reads it, and a folder as
 * transformers reads it. One table of tensors is walked twice, to declare and to write; numbers are converted a few
 * rows at a time. The same network gives the same bytes. */
#include "base/checked.h"
#include "base/mem.h"
#include "model/arch.h"
#include "sys/file.h"
#include <stdio.h>
#include <string.h>

enum { NAME_CAP = 160, CHUNK = 1 << 16, GGUF_QUANT_VERSION = 2 };

/* One tensor of the file: element (i, j) of matrix m is at data[m * stride + i * rs + j * cs]. */
struct piece {
    char name[NAME_CAP];
    enum dtype type;
    int nd;
    int64_t ne[3];
    const float *data;
    int64_t stride, rs, cs;
    enum { ROWS_SAME, ROWS_TO_NEIGHBOURS, ROWS_TO_HALVES } order;
    int64_t head; /* rows of a head, when they are put in another order */
    float minus;  /* taken off every number */
};
typedef int piece_fn(void *ctx, const struct piece *p, struct err *e);

struct saver {
    const struct net *net;
    struct tf_writer *w;
    enum dtype type;
    bool gguf;
    float *row;     /* CHUNK numbers waiting to be written, n of them valid */
    int64_t n;
    uint8_t *bytes; /* the same, converted */
};

/* The type the caller asked for, where the parameter may have it and its rows are whole blocks. */
static enum dtype piece_type(const struct saver *s, const struct param *p, int64_t cols)
{
    return p->quantise && cols % formats[s->type].block == 0 ? s->type : DT_F32;
}

static int64_t matrix_size(const struct piece *p) { return p->ne[p->nd - 1] * (p->nd > 1 ? p->ne[p->nd - 2] : 1); }

/* keys: W_UK of each head transposed, (H, rank, nope); values: W_UV, (H, v, rank). Both lie in W_kvb (H * (nope + v), rank). */
static int each_kv_b(const struct saver *s, const struct param *p, piece_fn *fn, void *ctx, struct err *e)
{
    const struct config *c = &s->net->config;
    int64_t rank = c->kv_lora_rank, nope = c->qk_nope_dim, head = (nope + c->v_dim) * rank;
    struct piece k = {.type = piece_type(s, p, nope), .nd = 3, .ne = {c->heads, rank, nope}, .data = tensor_f32(&p->t),
                      .stride = head, .rs = 1, .cs = rank};
    struct piece v = {.type = piece_type(s, p, rank), .nd = 3, .ne = {c->heads, c->v_dim, rank},
                      .data = tensor_f32(&p->t) + nope * rank, .stride = head, .rs = rank, .cs = 1};
    snprintf(k.name, sizeof k.name, "blk.%d.attn_k_b.weight", p->layer);
    snprintf(v.name, sizeof v.name, "blk.%d.attn_v_b.weight", p->layer);
    TRY(fn(ctx, &k, e));
    return fn(ctx, &v, e);
}

static int each_expert(const struct saver *s, const struct param *p, piece_fn *fn, void *ctx, struct err *e)
{
    const char *at = strstr(p->hf_name, "%d");
    int64_t k = tensor_cols(&p->t), size = p->t.ne[1] * k;
    for (int64_t i = 0; at && i < p->t.ne[0]; i++) {
        struct piece x = {.type = piece_type(s, p, k), .nd = 2, .ne = {p->t.ne[1], k}, .data = tensor_f32(&p->t) + i * size,
                          .stride = size, .rs = k, .cs = 1};
        snprintf(x.name, sizeof x.name, "%.*s%lld%s", (int)(at - p->hf_name), p->hf_name, (long long)i, at + 2);
        TRY(fn(ctx, &x, e));
    }
    return OK;
}

/* Rotated heads stand in the order that the container has for them. */
static void set_order(const struct saver *s, const struct param *p, struct piece *x)
{
    const struct config *c = &s->net->config;
    bool want = s->gguf ? c->arch->gguf_interleaved : c->arch->interleaved;
    if (p->form != FORM_TURNED || want == c->rope_interleaved) return;
    x->order = want ? ROWS_TO_NEIGHBOURS : ROWS_TO_HALVES;
    x->head = c->head_dim;
}

/* GGUF has Llama 3's stretched frequencies as divisors. */
static int rope_factors(const struct saver *s, piece_fn *fn, void *ctx, struct err *e)
{
    const struct config *c = &s->net->config;
    double freq[512], magnitude, plain[512];
    float factor[512];
    struct config unscaled = *c;
    if (!s->gguf || c->rope_kind != ROPE_LLAMA3 || !config_rope_scaled(c)) return OK;
    unscaled.rope_kind = ROPE_PLAIN;
    config_rope_freq(c, freq, &magnitude);
    config_rope_freq(&unscaled, plain, &magnitude);
    int64_t n = config_rope_width(c) / 2;
    for (int64_t i = 0; i < n; i++) factor[i] = (float)(plain[i] / freq[i]);
    struct piece x = {
        .name = "rope_freqs.weight", .type = DT_F32, .nd = 1, .ne = {n}, .data = factor, .rs = n, .cs = 1, .stride = n};
    return fn(ctx, &x, e);
}

/* Calls fn for every tensor of the file, in the order of the file. */
static int each_piece(const struct saver *s, piece_fn *fn, void *ctx, struct err *e)
{
    for (int i = 0; i < s->net->n_params; i++) {
        const struct param *p = &s->net->params[i];
        int64_t k = tensor_cols(&p->t);
        if (s->gguf && p->form == FORM_KV_B) {
            TRY(each_kv_b(s, p, fn, ctx, e));
        } else if (!s->gguf && p->form == FORM_EXPERTS) {
            TRY(each_expert(s, p, fn, ctx, e));
        } else {
            struct piece x = {.type = piece_type(s, p, k), .nd = p->t.nd, .data = tensor_f32(&p->t), .rs = k, .cs = 1};
            memcpy(x.ne, p->t.ne, sizeof x.ne);
            x.stride = matrix_size(&x);
            snprintf(x.name, sizeof x.name, "%s", s->gguf ? p->gguf_name : p->hf_name);
            set_order(s, p, &x);
            if (!s->gguf && p->plus_one) x.minus = 1.0f;
            TRY(fn(ctx, &x, e));
        }
    }
    return rope_factors(s, fn, ctx, e);
}

static int declare_piece(void *ctx, const struct piece *p, struct err *e)
{
    struct saver *s = ctx;
    return tf_writer_declare(s->w, p->name, p->type, p->nd, p->ne, e);
}

static int flush_row(struct saver *s, const struct piece *p, struct err *e)
{
    formats[p->type].from_f32(s->bytes, s->row, s->n);
    int64_t n = s->n;
    s->n = 0;
    return tf_writer_data(s->w, s->bytes, format_bytes(p->type, n), e);
}

/* The row in memory that is row r of the file. */
static int64_t source_row(const struct piece *p, int64_t r)
{
    int64_t h = p->head / 2, i;
    if (p->order == ROWS_SAME) return r;
    i = r % p->head;
    return r - i + (p->order == ROWS_TO_NEIGHBOURS ? i % 2 * h + i / 2 : i % h * 2 + i / h);
}

/* Rows are gathered into runs of CHUNK numbers. CHUNK and the rows of a block format are whole blocks, so runs are. */
static int write_piece(void *ctx, const struct piece *p, struct err *e)
{
    struct saver *s = ctx;
    int64_t cols = p->ne[p->nd - 1], rows = p->nd > 1 ? p->ne[p->nd - 2] : 1, stack = p->nd > 2 ? p->ne[0] : 1;
    for (int64_t r = 0; r < stack * rows; r++) {
        const float *src = p->data + r / rows * p->stride + source_row(p, r % rows) * p->rs;
        for (int64_t j = 0, n; j < cols; j += n) {
            n = min_i64(CHUNK - s->n, cols - j);
            for (int64_t i = 0; i < n; i++) s->row[s->n + i] = src[(j + i) * p->cs] - p->minus;
            s->n += n;
            if (s->n == CHUNK) TRY(flush_row(s, p, e));
        }
    }
    return flush_row(s, p, e);
}

static int write_all(struct saver *s, struct err *e)
{
    TRY(each_piece(s, declare_piece, s, e));
    TRY(tf_writer_begin(s->w, e));
    TRY(mem_new((void **)&s->row, CHUNK * sizeof(float), "a buffer", e));
    TRY(mem_new((void **)&s->bytes, CHUNK * sizeof(float), "a buffer", e));
    return each_piece(s, write_piece, s, e);
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

/* llama.cpp wants to be told when there is no tokeniser. */
static int no_tokenizer(const struct config *c, struct tf_writer *w, struct err *e)
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
    if (!rc) rc = extra ? extra(ctx, s.w, e) : no_tokenizer(&net->config, s.w, e);
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
