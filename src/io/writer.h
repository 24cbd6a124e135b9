/* What the writers of containers share. Internal to io. */
#ifndef IO_WRITER_H
#define IO_WRITER_H

#include "base/buf.h"
#include "io/tensor_file.h"
#include "sys/file.h"

enum { TF_WRITE_ALIGN = 32 }; /* of tensor data in GGUF: the format's default, so it needs no key */

struct tf_decl {
    char *name; /* owned */
    enum dtype dtype;
    int nd;
    int64_t ne[TF_MAX_DIMS];
    uint64_t bytes;
};

enum tf_writer_state { TF_DECLARING, TF_WRITING, TF_BROKEN };

struct tf_writer {
    bool gguf;
    enum tf_writer_state state;
    struct file_out out;
    struct buf kv; /* metadata, already in the container's form */
    char **keys;   /* n_kv, owned */
    size_t n_kv, cap_kv;
    struct tf_decl *t;
    size_t n_t, cap_t;
    size_t at;         /* the tensor whose data come next */
    uint64_t at_bytes; /* of it already written */
};

/* The bytes before the data, in h. */
void gguf_write_header(const struct tf_writer *w, struct buf *h);
void safetensors_write_header(const struct tf_writer *w, struct buf *h);

/* Key and type of a GGUF metadata entry; the value follows. */
void gguf_write_key(struct buf *b, const char *key, uint32_t type);
void gguf_write_str(struct buf *b, const char *s, size_t n);
/* One entry of __metadata__ with its comma. */
void safetensors_write_kv(struct buf *b, const char *key, const char *s, size_t n);

#endif
