/* GGUF version 3: header. See gguf_read.c for the layout. */
#include "base/checked.h"
#include "io/reader.h"
#include "io/writer.h"
#include <string.h>

void gguf_write_str(struct buf *b, const char *s, size_t n)
{
    buf_u64(b, n);
    buf_add(b, s, n);
}

void gguf_write_key(struct buf *b, const char *key, uint32_t type)
{
    gguf_write_str(b, key, strlen(key));
    buf_u32(b, type);
}

static void write_tensor(struct buf *h, const struct tf_decl *t, uint64_t offset)
{
    gguf_write_str(h, t->name, strlen(t->name));
    buf_u32(h, t->nd ? (uint32_t)t->nd : 1);
    if (t->nd == 0) buf_u64(h, 1);
    for (int i = t->nd - 1; i >= 0; i--) buf_u64(h, (uint64_t)t->ne[i]);
    buf_u32(h, (uint32_t)formats[t->dtype].ggml_type);
    buf_u64(h, offset);
}

void gguf_write_header(const struct tf_writer *w, struct buf *h)
{
    static const char zeros[TF_WRITE_ALIGN];
    uint64_t offset = 0;
    buf_add_str(h, "GGUF");
    buf_u32(h, 3);
    buf_u64(h, w->n_t);
    buf_u64(h, w->n_kv);
    buf_add(h, w->kv.data, w->kv.len);
    for (size_t i = 0; i < w->n_t; i++) {
        write_tensor(h, &w->t[i], offset);
        offset += round_up(w->t[i].bytes, TF_WRITE_ALIGN); /* the sum was checked when the tensors were declared */
    }
    buf_add(h, zeros, round_up(h->len, TF_WRITE_ALIGN) - h->len);
}
