/* Blocks of evaluated rows in a file, for later runs. A store belongs to one model and one form of computing (infer/state.h) and
 * is two files in a folder: an index with a record for every place, and the rows of the places. Whoever has them open has them
 * locked; another process goes without. docs/FORMATS.md has the layout.
 *
 * Nothing in it is trusted. A record counts when its hash is right; the rows count when the record, read again, still is that of
 * the wanted block and their sum is right. The rows are written first, the record last, and a record is wiped before its place is
 * used again: whenever a process is killed, a place has what its record says or is empty. What is damaged is as if it had never
 * been there. */
#ifndef INFER_KV_STORE_H
#define INFER_KV_STORE_H

#include "infer/prefix_tree.h"
#include "infer/state.h"
#include "sys/block_file.h"

struct kv_store_options {
    const char *folder; /* made if need be; NULL: no store */
    uint64_t bytes;     /* that all stores of the folder may take together; 0: no store */
};

struct kv_place; /* a record, as it lies in the index */

/* A block on its way to the file. */
struct kv_writing {
    struct prefix_block *block; /* NULL: none */
    int layer;
    uint64_t *sums; /* (layers) */
};

struct kv_store {
    const struct decoder *dec; /* borrowed */
    struct block_file index, rows;
    struct state_key key;
    size_t place_bytes;     /* of the rows of one place */
    int32_t n, most;        /* places that there are, and may be */
    int32_t *free, n_free;  /* (cap) of the n those that are empty */
    int32_t cap;
    uint64_t clock;         /* grows with every use */
    struct kv_writing w;
    struct kv_place *place; /* one, for reading and writing */
    int64_t read, written, damaged;
    struct err trouble;     /* the first that a file made; writing has stopped */
};

/* ERR_USAGE: another process has it. Places that hold blocks are given to `found`, those at the beginning of
 * texts first; it returns false for what it cannot use, which is wiped. */
struct kv_found {
    const char *key, *parent; /* SHA256_HEX; parent of a first block: the tenant's root */
    const int32_t *ids;
    int32_t rows, depth, slot;
    uint64_t used; /* grows with time */
    size_t of;     /* so many come in all */
};
typedef bool kv_found_fn(void *ctx, const struct kv_found *f);
int kv_store_open(struct kv_store **out, const struct decoder *d, const struct kv_store_options *o, kv_found_fn *found, void *ctx,
                  struct err *e);
void kv_store_close(struct kv_store *s); /* NULL allowed */

/* The root of a tenant's tree, and the key of a block behind a parent's (or a root). */
int kv_root(const struct kv_store *s, const char *name, size_t len, char out[SHA256_HEX], struct err *e);
int kv_key(const char *parent, const int32_t *ids, int32_t rows, char out[SHA256_HEX], struct err *e);

/* An empty place, or -1: one must be wiped first, or nothing can be written. */
int32_t kv_store_place(struct kv_store *s);
/* Begins to write a block, whose slot is such a place and whose page stays until the end. */
void kv_store_begin(struct kv_store *s, struct prefix_block *b);
/* A piece of it. False: not done yet. True: *well tells whether the place has it now; if not, it is empty again. */
bool kv_store_step(struct kv_store *s, bool *well);
void kv_store_stop(struct kv_store *s); /* leaves it; the place is empty again */
/* The rows of the block into a page of the cache. False: they are not there, or damaged: then the place is empty now. */
bool kv_store_read(struct kv_store *s, const struct prefix_block *b, int32_t page);
void kv_store_wipe(struct kv_store *s, int32_t slot);
void kv_store_used(struct kv_store *s, int32_t slot); /* just now */

#endif
