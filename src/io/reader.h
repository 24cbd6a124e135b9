/* What the readers of containers share: files, storage for names, tables of tensor types, the index. Internal to io,
 * and for fuzz targets. */
#ifndef IO_READER_H
#define IO_READER_H

#include "io/tensor_file.h"
#include "sys/file.h"

enum {
    IO_KEY_MAX = 65535, /* bytes of a metadata key: the limit of the GGUF specification */
    IO_MAX_KV = 1 << 16,
    IO_MAX_PARTS = 10000, /* of a divided GGUF */
    IO_QUOTE = 100 /* size of a buffer for io_quote */
};

/* One mapped file of a struct tf. A folder and a divided GGUF have several. */
struct tf_map {
    struct file_map map;
    char *path;              /* owned */
    size_t first, n_tensors; /* this file's tensors in tf.tensors */
};

/* A file that is not on disk. */
struct io_memory {
    const char *path;
    const void *data;
    size_t size;
};
/* As tf_open, but the whole file system is these files: a path is a folder when one of them lies in it. They must
 * outlive f. For fuzzing: nothing is asked of the operating system. */
int tf_open_memory(struct tf *f, const char *path, const struct io_memory *files, size_t n, struct err *e);

/* Types of metadata values in GGUF. */
enum gguf_type {
    GGUF_U8,
    GGUF_I8,
    GGUF_U16,
    GGUF_I16,
    GGUF_U32,
    GGUF_I32,
    GGUF_F32,
    GGUF_BOOL,
    GGUF_STR,
    GGUF_ARRAY,
    GGUF_U64,
    GGUF_I64,
    GGUF_F64,
    GGUF_TYPES
};
uint32_t io_value_bytes(uint32_t type); /* 0 for strings, arrays and unknown types */
uint64_t io_le(const uint8_t *p, uint32_t bytes); /* little-endian, 1 to 8 bytes */
/* Sets type, gguf_type and v from the io_value_bytes(type) bytes at p; false when type is not a scalar. */
bool io_scalar(struct tf_kv *kv, uint32_t type, const uint8_t *p);

/* A row of a table of types as the container names them. A type is readable by this program when format/ has it. */
struct raw_type {
    uint32_t id;
    const char *name;
    uint32_t block, bytes; /* elements and bytes per block */
};
const struct raw_type *io_ggml_type(uint32_t id);             /* NULL if its size is not known */
const char *io_ggml_name(uint32_t id);                        /* "?" if unknown */
/* Whether every program means the same by this number. Else the bytes up to the next tensor must agree with it. */
bool io_ggml_agreed(uint32_t id);
/* Whether so many bytes and less than an alignment of padding fill the room. */
bool io_fills(uint64_t bytes, uint64_t room, uint64_t alignment);
const struct raw_type *io_safetensors_type(const char *name); /* NULL if unknown */

/* Storage of names and strings: pointers stay valid until the end, memory is close to the sum of the lengths. */
struct io_chunk;
struct io_strings {
    struct io_chunk *head;
};
/* A NUL-terminated copy, or NULL when out of memory. */
char *io_strings_add(struct io_strings *p, const char *s, size_t n);
void io_strings_free(struct io_strings *p);

/* The private part of struct tf. Sorted arrays and not a hash table: names come from outside, and no choice of names
 * may make the search slow. */
struct io_index {
    struct io_strings strings;
    struct tf_tensor **by_name; /* n_tensors, sorted */
    struct tf_kv **by_key;      /* n_kv, sorted */
    size_t tensor_cap;          /* rows allocated in tf.tensors */
    const struct io_memory *files; /* NULL: the disk */
    size_t n_files;
};

/* Builds the sorted arrays and refuses duplicates. where_t and where_kv give the place of each name in the file for
 * messages; NULL when not known. */
int io_index_build(struct tf *f, const uint64_t *where_kv, const uint64_t *where_t, struct err *e);
/* Maps path as the next file of f, whose tensors begin after those already there. */
int io_add_map(struct tf *f, const char *path, struct err *e);
/* A file or folder of the file system of f. */
int io_map(const struct tf *f, struct file_map *m, const char *path, struct err *e);
void io_unmap(const struct tf *f, struct file_map *m);
bool io_exists(const struct tf *f, const char *path);
bool io_is_dir(const struct tf *f, const char *path);
/* The first name in the folder, by bytes, that `match` accepts; *name is owned by the caller, NULL when there is none. */
int io_find_name(const struct tf *f, const char *dir, bool (*match)(const char *name), char **name, struct err *e);
/* Room for n more tensors after the present ones (zeroed); n_tensors is not changed. */
int io_grow_tensors(struct tf *f, size_t n, struct err *e);

/* What a GGUF file says of its place among the parts of a divided one, and the places of its names. */
struct gguf_part {
    int64_t no, count, tensors; /* from 0; parts; tensors of all parts. count is 1 for a whole file */
    uint64_t *where_kv, *where_t; /* owned by the caller */
};
/* Parses the last map of f and appends its tensors, and its metadata when it is the only map. */
int gguf_read(struct tf *f, struct gguf_part *part, struct err *e);
/* From the mapped first file on: reads it and, when it is a part, all parts beside it. Builds the index. */
int gguf_open(struct tf *f, struct err *e);
/* Parses the last map of f and appends its tensors, and its metadata when it is the only map. */
int safetensors_read(struct tf *f, struct err *e);
/* A folder: model.safetensors, or shards with an index. Builds the index of names. */
int safetensors_open_folder(struct tf *f, const char *dir, struct err *e);
/* True for the names of files that hold Python objects, which this program never reads. */
bool io_is_pickle_name(const char *name);

/* s as a short quoted string that is safe to print. Returns out. */
const char *io_quote(char out[IO_QUOTE], const char *s, size_t n);
/* A name of a tensor (max TF_NAME_MAX - 1) or a key: 1 to max bytes of UTF-8 without NUL. NULL when good, else what
 * is wrong with it. */
const char *io_name_fault(const char *s, size_t n, size_t max);
/* Product of the dimensions: false on overflow above INT64_MAX. A dimension of 0 gives 0, but must not hide an
 * overflow of the others. */
bool io_elements(const int64_t *ne, int nd, uint64_t *out);

#endif
