/* Writing files of tensors: states, checks, and the stream of data. */
#include "io/writer.h"
#include "base/checked.h"
#include "base/mem.h"
#include "io/reader.h"
#include "base/utf8.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int writer_new(struct tf_writer **out, bool gguf, const char *path, struct err *e)
{
    void *p;
    *out = NULL;
    TRY(mem_new(&p, sizeof **out, "a file writer", e));
    struct tf_writer *w = p;
    w->gguf = gguf;
    int rc = file_out_open(&w->out, path, e);
    if (rc) mem_free(w);
    else *out = w;
    return rc;
}

int tf_writer_gguf(struct tf_writer **out, const char *path, struct err *e) { return writer_new(out, true, path, e); }
int tf_writer_safetensors(struct tf_writer **out, const char *path, struct err *e)
{
    return writer_new(out, false, path, e);
}

void tf_writer_abort(struct tf_writer *w)
{
    if (!w) return;
    file_out_abort(&w->out);
    buf_free(&w->kv);
    for (size_t i = 0; i < w->n_kv; i++) mem_free(w->keys[i]);
    for (size_t i = 0; i < w->n_t; i++) mem_free(w->t[i].name);
    mem_free(w->keys);
    mem_free(w->t);
    mem_free(w);
}

static int check_state(const struct tf_writer *w, enum tf_writer_state want, const char *what, struct err *e)
{
    static const char *const names[] = {"before begin", "after begin", "after an error"};
    if (w->state != want) FAIL(e, ERR_USAGE, "%s: %s %s, expected it %s", w->out.path, what, names[w->state], names[want]);
    return OK;
}

/* Makes room for one more of n rows of `size` bytes. */
static int grow(void **v, size_t n, size_t *cap, size_t size, struct err *e)
{
    if (n < *cap) return OK;
    size_t want = *cap ? 2 * *cap : 16;
    void *p = mem_grow(*v, n * size, want * size);
    if (!p) FAIL(e, ERR_MEMORY, "out of memory for %zu rows of a file's header", want);
    *v = p;
    *cap = want;
    return OK;
}

/* Checks a key and notes it. gguf_only: values that safetensors has no form for. */
static int add_key(struct tf_writer *w, const char *key, bool gguf_only, struct err *e)
{
    char q[IO_QUOTE];
    TRY(check_state(w, TF_DECLARING, "metadata", e));
    const char *fault = io_name_fault(key, strlen(key), IO_KEY_MAX);
    if (fault)
        FAIL(e, ERR_USAGE, "%s: metadata key is %s, which %s, expected 1 to %d bytes of UTF-8", w->out.path,
             io_quote(q, key, strlen(key)), fault, IO_KEY_MAX);
    if (gguf_only && !w->gguf)
        FAIL(e, ERR_UNSUPPORTED, "%s: metadata \"%s\" is not a string, expected one: safetensors has no other", w->out.path,
             key);
    if (w->gguf && !strcmp(key, "general.alignment"))
        FAIL(e, ERR_USAGE, "%s: metadata \"%s\" is set by the writer, expected other keys", w->out.path, key);
    if (w->n_kv >= IO_MAX_KV) FAIL(e, ERR_LIMIT, "%s: number of metadata entries is above %d", w->out.path, IO_MAX_KV);
    void *v = w->keys;
    TRY(grow(&v, w->n_kv, &w->cap_kv, sizeof *w->keys, e));
    w->keys = v;
    w->keys[w->n_kv] = mem_strdup(key);
    if (!w->keys[w->n_kv]) FAIL(e, ERR_MEMORY, "%s: out of memory for metadata", w->out.path);
    w->n_kv++;
    return OK;
}

int tf_writer_kv_u32(struct tf_writer *w, const char *key, uint32_t v, struct err *e)
{
    TRY(add_key(w, key, true, e));
    gguf_write_key(&w->kv, key, GGUF_U32);
    buf_u32(&w->kv, v);
    return buf_check(&w->kv, w->out.path, e);
}

int tf_writer_kv_f32(struct tf_writer *w, const char *key, float v, struct err *e)
{
    uint32_t u;
    memcpy(&u, &v, 4);
    TRY(add_key(w, key, true, e));
    gguf_write_key(&w->kv, key, GGUF_F32);
    buf_u32(&w->kv, u);
    return buf_check(&w->kv, w->out.path, e);
}

int tf_writer_kv_bool(struct tf_writer *w, const char *key, bool v, struct err *e)
{
    TRY(add_key(w, key, true, e));
    gguf_write_key(&w->kv, key, GGUF_BOOL);
    buf_add_byte(&w->kv, v);
    return buf_check(&w->kv, w->out.path, e);
}

static int write_str(struct tf_writer *w, const char *key, const char *s, size_t n, struct err *e)
{
    size_t at;
    if (!w->gguf && !utf8_valid(s, n, &at))
        FAIL(e, ERR_FORMAT, "%s: metadata \"%s\" has byte 0x%02x at %zu, expected UTF-8", w->out.path, key,
             (unsigned char)s[at], at);
    TRY(add_key(w, key, false, e));
    if (w->gguf) {
        gguf_write_key(&w->kv, key, GGUF_STR);
        gguf_write_str(&w->kv, s, n);
    } else {
        safetensors_write_kv(&w->kv, key, s, n);
    }
    return buf_check(&w->kv, w->out.path, e);
}

int tf_writer_kv_str(struct tf_writer *w, const char *key, const char *s, struct err *e)
{
    return write_str(w, key, s, strlen(s), e);
}

static int begin_array(struct tf_writer *w, const char *key, uint32_t elem, size_t n, struct err *e)
{
    TRY(add_key(w, key, true, e));
    gguf_write_key(&w->kv, key, GGUF_ARRAY);
    buf_u32(&w->kv, elem);
    buf_u64(&w->kv, n);
    return OK;
}

int tf_writer_kv_str_array(struct tf_writer *w, const char *key, const char *const *s, const size_t *len, size_t n,
                           struct err *e)
{
    TRY(begin_array(w, key, GGUF_STR, n, e));
    for (size_t i = 0; i < n; i++) gguf_write_str(&w->kv, s[i], len[i]);
    return buf_check(&w->kv, w->out.path, e);
}

int tf_writer_kv_i32_array(struct tf_writer *w, const char *key, const int32_t *v, size_t n, struct err *e)
{
    TRY(begin_array(w, key, GGUF_I32, n, e));
    for (size_t i = 0; i < n; i++) buf_u32(&w->kv, (uint32_t)v[i]);
    return buf_check(&w->kv, w->out.path, e);
}

int tf_writer_kv_f32_array(struct tf_writer *w, const char *key, const float *v, size_t n, struct err *e)
{
    TRY(begin_array(w, key, GGUF_F32, n, e));
    for (size_t i = 0; i < n; i++) {
        uint32_t u;
        memcpy(&u, &v[i], 4);
        buf_u32(&w->kv, u);
    }
    return buf_check(&w->kv, w->out.path, e);
}

int tf_writer_kv_copy(struct tf_writer *w, const struct tf_kv *kv, struct err *e)
{
    uint64_t bits = 0;
    if (kv->type == TF_STR) return write_str(w, kv->key, kv->v.str.s, kv->v.str.len, e);
    if (kv->type == TF_ARRAY) {
        TRY(begin_array(w, kv->key, kv->v.array.elem, kv->v.array.n, e));
        buf_add(&w->kv, kv->v.array.data, kv->v.array.bytes);
        return buf_check(&w->kv, w->out.path, e);
    }
    TRY(add_key(w, kv->key, true, e));
    gguf_write_key(&w->kv, kv->key, kv->gguf_type);
    if (kv->type == TF_BOOL) bits = kv->v.b;
    else if (kv->gguf_type == GGUF_F32) {
        float v = (float)kv->v.f;
        memcpy(&bits, &v, 4);
    } else memcpy(&bits, &kv->v, 8); /* i, u or f */
    for (uint32_t i = 0; i < io_value_bytes(kv->gguf_type); i++) buf_add_byte(&w->kv, (int)(bits >> 8 * i & 255));
    return buf_check(&w->kv, w->out.path, e);
}

/* The bytes of a declared tensor; refuses shapes the readers would. */
static int declared_bytes(const struct tf_writer *w, struct tf_decl *t, struct err *e)
{
    const struct format *f = &formats[t->dtype];
    uint64_t n;
    for (int i = 0; i < t->nd; i++)
        if (t->ne[i] < 0 || (w->gguf && t->ne[i] == 0))
            FAIL(e, ERR_USAGE, "%s: tensor \"%s\": dimension %d is %" PRId64 ", expected %d or more", w->out.path, t->name,
                 i, t->ne[i], w->gguf);
    int64_t row = t->nd ? t->ne[t->nd - 1] : 1;
    if (row % f->block != 0)
        FAIL(e, ERR_USAGE, "%s: tensor \"%s\": row is %" PRId64 " elements, expected a multiple of %d for %s", w->out.path,
             t->name, row, f->block, f->name);
    if (!io_elements(t->ne, t->nd, &n) || !format_bytes_checked(t->dtype, n, &t->bytes))
        FAIL(e, ERR_USAGE, "%s: tensor \"%s\": number of elements overflows", w->out.path, t->name);
    if (!w->gguf && !f->safetensors_name)
        FAIL(e, ERR_UNSUPPORTED, "%s: tensor \"%s\": type is %s, expected one that safetensors has", w->out.path, t->name,
             f->name);
    return OK;
}

int tf_writer_declare(struct tf_writer *w, const char *name, enum dtype t, int nd, const int64_t *ne, struct err *e)
{
    char q[IO_QUOTE];
    TRY(check_state(w, TF_DECLARING, "declaration of a tensor", e));
    const char *fault = io_name_fault(name, strlen(name), TF_NAME_MAX - 1);
    if (!fault && !w->gguf && !strcmp(name, "__metadata__")) fault = "is reserved";
    if (fault)
        FAIL(e, ERR_USAGE, "%s: tensor name is %s, which %s, expected 1 to %d bytes of UTF-8", w->out.path,
             io_quote(q, name, strlen(name)), fault, TF_NAME_MAX - 1);
    if (nd < 0 || nd > TF_MAX_DIMS || (unsigned)t >= DT_COUNT)
        FAIL(e, ERR_USAGE, "%s: tensor \"%s\": dimensions %d and type %d, expected 0 to %d and 0 to %d", w->out.path, name,
             nd, (int)t, TF_MAX_DIMS, DT_COUNT - 1);
    if (w->n_t >= TF_MAX_TENSORS) FAIL(e, ERR_LIMIT, "%s: number of tensors is above %d", w->out.path, TF_MAX_TENSORS);
    void *v = w->t;
    TRY(grow(&v, w->n_t, &w->cap_t, sizeof *w->t, e));
    w->t = v;
    struct tf_decl *d = &w->t[w->n_t];
    *d = (struct tf_decl){.dtype = t, .nd = nd};
    for (int i = 0; i < nd; i++) d->ne[i] = ne[i];
    d->name = mem_strdup(name);
    if (!d->name) FAIL(e, ERR_MEMORY, "%s: out of memory for names", w->out.path);
    w->n_t++; /* from here on the name is freed with the rest */
    int rc = declared_bytes(w, d, e);
    if (rc) w->state = TF_BROKEN;
    return rc;
}

static int cmp_str(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

/* v is sorted in place. */
static int check_unique(const struct tf_writer *w, const char **v, size_t n, const char *what, struct err *e)
{
    if (n > 1) qsort(v, n, sizeof *v, cmp_str);
    for (size_t i = 1; i < n; i++)
        if (!strcmp(v[i - 1], v[i]))
            FAIL(e, ERR_USAGE, "%s: %s \"%s\" comes twice, expected once", w->out.path, what, v[i]);
    return OK;
}

static int check_names(const struct tf_writer *w, struct err *e)
{
    size_t n = w->n_t > w->n_kv ? w->n_t : w->n_kv;
    uint64_t total = 0, padded;
    const char **v = mem_array(n, sizeof *v);
    if (!v) FAIL(e, ERR_MEMORY, "%s: out of memory for %zu names", w->out.path, n);
    for (size_t i = 0; i < w->n_kv; i++) v[i] = w->keys[i];
    int rc = check_unique(w, v, w->n_kv, "metadata key", e);
    for (size_t i = 0; i < w->n_t; i++) v[i] = w->t[i].name;
    if (!rc) rc = check_unique(w, v, w->n_t, "tensor", e);
    mem_free(v);
    TRY(rc);
    for (size_t i = 0; i < w->n_t; i++)
        if (!align_u64(w->t[i].bytes, TF_WRITE_ALIGN, &padded) || !add_u64(total, padded, &total) || total > INT64_MAX)
            FAIL(e, ERR_USAGE, "%s: the tensors together are above 2^63 bytes", w->out.path);
    return OK;
}

int tf_writer_begin(struct tf_writer *w, struct err *e)
{
    struct buf h = {0};
    TRY(check_state(w, TF_DECLARING, "begin", e));
    TRY(buf_check(&w->kv, w->out.path, e));
    w->state = TF_BROKEN; /* until all went well */
    TRY(check_names(w, e));
    if (w->gguf) gguf_write_header(w, &h);
    else safetensors_write_header(w, &h);
    int rc = buf_check(&h, w->out.path, e);
    if (!rc) rc = file_out_write(&w->out, h.data, h.len, e);
    buf_free(&h);
    if (!rc) w->state = TF_WRITING;
    return rc;
}

/* Steps over tensors whose data are complete, and pads them. */
static int next_tensor(struct tf_writer *w, struct err *e)
{
    static const char zeros[TF_WRITE_ALIGN];
    while (w->at < w->n_t && w->at_bytes == w->t[w->at].bytes) {
        size_t rest = (size_t)(w->at_bytes % TF_WRITE_ALIGN);
        if (w->gguf && rest) TRY(file_out_write(&w->out, zeros, TF_WRITE_ALIGN - rest, e));
        w->at++;
        w->at_bytes = 0;
    }
    return OK;
}

static int write_data(struct tf_writer *w, const uint8_t *p, size_t bytes, struct err *e)
{
    while (bytes > 0) {
        TRY(next_tensor(w, e));
        if (w->at == w->n_t)
            FAIL(e, ERR_USAGE, "%s: data has %zu bytes more than the declared tensors", w->out.path, bytes);
        uint64_t left = w->t[w->at].bytes - w->at_bytes;
        size_t n = bytes < left ? bytes : (size_t)left;
        TRY(file_out_write(&w->out, p, n, e));
        w->at_bytes += n;
        p += n;
        bytes -= n;
    }
    return OK;
}

int tf_writer_data(struct tf_writer *w, const void *data, size_t bytes, struct err *e)
{
    TRY(check_state(w, TF_WRITING, "data", e));
    int rc = write_data(w, data, bytes, e);
    if (rc) w->state = TF_BROKEN;
    return rc;
}

static int finish(struct tf_writer *w, struct err *e)
{
    TRY(check_state(w, TF_WRITING, "commit", e));
    TRY(next_tensor(w, e));
    if (w->at < w->n_t)
        FAIL(e, ERR_USAGE, "%s: tensor \"%s\" has %" PRIu64 " bytes of data, expected %" PRIu64, w->out.path,
             w->t[w->at].name, w->at_bytes, w->t[w->at].bytes);
    return file_out_commit(&w->out, e);
}

int tf_writer_commit(struct tf_writer *w, struct err *e)
{
    int rc = finish(w, e);
    tf_writer_abort(w); /* after a commit it only frees */
    return rc;
}
