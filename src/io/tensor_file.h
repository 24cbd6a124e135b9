/* A file (or folder) of named tensors and metadata, whatever its container: GGUF or safetensors. Opened files are
 * mapped read-only and validated completely: after open, every tensor's bytes lie inside the mapping. */
#ifndef IO_TENSOR_FILE_H
#define IO_TENSOR_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "format/format.h"

/* Tensors of more than TF_MAX_DIMS dimensions are listed, but never `known`. */
enum { TF_MAX_DIMS = 4, TF_LISTED_DIMS = 8, TF_MAX_TENSORS = 1 << 20, TF_NAME_MAX = 256 };

/* Row-major: ne[0] is the slowest dimension, as in safetensors (GGUF's order is reversed on reading and writing). */
struct tf_tensor {
    char *name; /* owned by the file */
    enum dtype dtype;
    /* false: a format or shape this program does not use, or bytes that disagree with the format; dtype is unspecified, data
     * and bytes are what the file has in its place */
    bool known;
    uint32_t raw_type; /* the container's number of the format */
    int nd; /* 0 to TF_MAX_DIMS, or TF_LISTED_DIMS when not known; 0 is a scalar */
    int64_t ne[TF_LISTED_DIMS];
    const uint8_t *data; /* borrowed from the mapping; may be unaligned in safetensors, 8-byte aligned in GGUF */
    uint64_t bytes;
    uint64_t offset; /* of the data, from the start of the file: for messages and `show` */
};

/* Metadata value (GGUF key/values; safetensors __metadata__ gives strings only). */
enum tf_kv_type { TF_I64, TF_U64, TF_F64, TF_BOOL, TF_STR, TF_ARRAY };
struct tf_kv {
    char *key; /* owned */
    enum tf_kv_type type;
    union {
        int64_t i;
        uint64_t u;
        double f;
        bool b;
        struct { const char *s; size_t len; } str; /* borrowed from the mapping, NOT NUL-terminated */
        struct {
            uint32_t elem; /* GGUF element type number (never 9: nested arrays are refused) */
            uint64_t n;
            const uint8_t *data; /* first element; strings are u64 length + bytes, validated */
            uint64_t bytes;
        } array;
    } v;
    uint32_t gguf_type;
};

struct tf {
    char *path; /* owned */
    const char *container; /* "gguf" or "safetensors" */
    struct tf_tensor *tensors;
    size_t n_tensors;
    struct tf_kv *kv;
    size_t n_kv;
    uint64_t alignment;
    struct tf_map *maps; /* private: one file, or the shards of a folder, or the parts of a GGUF */
    size_t n_maps;
    void *index; /* private: name lookup */
};

/* Opens PATH: a .gguf file, a .safetensors file, or a folder with model.safetensors or
 * model.safetensors.index.json + shards. Decides by content, not by name; only the parts of a divided GGUF
 * (NAME-00001-of-00003.gguf) are found by name: opening any of them opens all. Tensors come in the order of the files
 * (GGUF) or of their data (safetensors); metadata are those of the first part or shard, without the split.* keys.
 * Reads headers only: the time does not depend on the size of the data. */
int tf_open(struct tf *f, const char *path, struct err *e);
void tf_close(struct tf *f); /* accepts a zeroed or half-opened f */
/* The type as the container names it ("q4_k", "F8_E4M3"), also for those this program cannot read. */
const char *tf_type_name(const struct tf *f, const struct tf_tensor *t);
/* OK for a tensor that is `known`, else the error that says what it is stored as and what to do. */
int tf_check_known(const struct tf *f, const struct tf_tensor *t, struct err *e);
const char *tf_kv_type_name(uint32_t gguf_type); /* "u32", "str", ...: for a value or the elements of an array */
/* The file that holds the tensor: f->path, or a shard, or a part. */
const char *tf_file_of(const struct tf *f, const struct tf_tensor *t);
uint64_t tf_file_bytes(const struct tf *f); /* of all files together */
/* What tells these files from others of the same names: their sizes and times when they were opened. */
struct sha256;
void tf_identify(const struct tf *f, struct sha256 *h);
/* Whether the files of these names are still those that were opened, as far as sizes and times tell. */
bool tf_unchanged(const struct tf *f);
/* The first part of a divided GGUF of which path is a part by its name; false for any other name, or when out is too small. */
bool tf_first_part(char *out, size_t cap, const char *path);
/* The tensor's pages need not stay in memory: what was read once does not count twice. */
void tf_forget(const struct tf *f, const struct tf_tensor *t);
const struct tf_tensor *tf_find(const struct tf *f, const char *name); /* NULL if absent */
const struct tf_kv *tf_find_kv(const struct tf *f, const char *key);   /* NULL if absent */
/* Typed metadata with range check; missing key: *found = false and OK. Integers of any GGUF width are accepted. */
int tf_kv_i64(const struct tf *f, const char *key, int64_t lo, int64_t hi, int64_t *out, bool *found, struct err *e);
int tf_kv_f64(const struct tf *f, const char *key, double *out, bool *found, struct err *e);
int tf_kv_bool(const struct tf *f, const char *key, bool *out, bool *found, struct err *e);
/* *out owned by the caller (mem_free), NUL-terminated; a string that holds a NUL is refused. */
int tf_kv_str(const struct tf *f, const char *key, char **out, bool *found, struct err *e);
/* Walks an array of strings: *pos starts at 0 and is advanced; borrowed bytes. Returns false at the end. */
bool tf_array_next_str(const struct tf_kv *kv, uint64_t *pos, const char **s, size_t *len);
/* Element i of an integer or float array; false when out of range or not a number. */
bool tf_array_i64(const struct tf_kv *kv, uint64_t i, int64_t *out);
bool tf_array_f64(const struct tf_kv *kv, uint64_t i, double *out);

/* Writers. Usage: init; add metadata and declare all tensors (name, type, shape) in order; begin (writes the
 * header); data for each tensor in the same order (may come in pieces); commit. abort at any time. Files are
 * replaced atomically. */
struct tf_writer;
int tf_writer_gguf(struct tf_writer **out, const char *path, struct err *e);
int tf_writer_safetensors(struct tf_writer **out, const char *path, struct err *e);
int tf_writer_kv_u32(struct tf_writer *w, const char *key, uint32_t v, struct err *e);
int tf_writer_kv_f32(struct tf_writer *w, const char *key, float v, struct err *e);
int tf_writer_kv_bool(struct tf_writer *w, const char *key, bool v, struct err *e);
int tf_writer_kv_str(struct tf_writer *w, const char *key, const char *s, struct err *e); /* the only one safetensors takes */
int tf_writer_kv_str_array(struct tf_writer *w, const char *key, const char *const *s, const size_t *len, size_t n,
                           struct err *e);
int tf_writer_kv_i32_array(struct tf_writer *w, const char *key, const int32_t *v, size_t n, struct err *e);
int tf_writer_kv_f32_array(struct tf_writer *w, const char *key, const float *v, size_t n, struct err *e);
/* Any value of an open file, type and bytes unchanged; safetensors takes strings only. */
int tf_writer_kv_copy(struct tf_writer *w, const struct tf_kv *kv, struct err *e);
/* nd 0 is a scalar; GGUF, which has none, stores it as one dimension of 1. */
int tf_writer_declare(struct tf_writer *w, const char *name, enum dtype t, int nd, const int64_t *ne, struct err *e);
int tf_writer_begin(struct tf_writer *w, struct err *e);
int tf_writer_data(struct tf_writer *w, const void *data, size_t bytes, struct err *e);
int tf_writer_commit(struct tf_writer *w, struct err *e); /* checks that all declared data came; frees w in every case */
void tf_writer_abort(struct tf_writer *w);                /* frees w; NULL allowed */

#endif
