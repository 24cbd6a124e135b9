/* The trees of infer/prefix_cache.h: tenants, blocks, who used which when. */
#ifndef INFER_PREFIX_TREE_H
#define INFER_PREFIX_TREE_H

#include "base/sha256.h"
#include "tensor/step.h"

enum { PREFIX_PAGE, PREFIX_FILE, PREFIX_PLACES };

struct prefix_tenant;

/* Invariants: only a block of PAGE_ROWS rows has children; one that is in a place has a parent there too. */
struct prefix_block {
    struct prefix_tenant *owner;
    struct prefix_block *parent, *child, *next, *last; /* its newest child; its siblings */
    struct prefix_block *older[PREFIX_PLACES], *newer[PREFIX_PLACES]; /* of the owner's */
    int32_t below[PREFIX_PLACES]; /* children there */
    bool in[PREFIX_PLACES];
    int32_t page, slot; /* of the cache's memory, of the file */
    int32_t depth;      /* blocks before it */
    int32_t rows;
    bool waits;         /* to be written: in the list of prefix_cache.c */
    struct prefix_block *todo, *done; /* there: next, previous */
    int32_t ids[PAGE_ROWS];
    char key[SHA256_HEX]; /* hash of all ids up to its end; where there is a file */
};

/* The oldest has no newer child anywhere: who is used is newer than what stands behind him in the text. */
struct prefix_use {
    struct prefix_block *oldest, *newest;
    int64_t n;
};

struct prefix_tenant {
    struct prefix_tenant *next;
    char *name; /* owned, len bytes; NULL: known from the file only, by its root */
    size_t len;
    char root[SHA256_HEX]; /* "": there is no file */
    struct prefix_block *child;
    struct prefix_use use[PREFIX_PLACES];
    int64_t users; /* jobs */
};

struct prefix_tree {
    struct prefix_tenant *tenants;
    int64_t blocks, in[PREFIX_PLACES];
};

/* NULL: no memory. */
struct prefix_tenant *prefix_tenant_new(struct prefix_tree *t, const char *name, size_t len, const char *root);
void prefix_tenant_free(struct prefix_tree *t, struct prefix_tenant *x); /* it has no blocks */

/* Behind parent (NULL: at the beginning), in no place yet. NULL: no memory. */
struct prefix_block *prefix_block_new(struct prefix_tree *t, struct prefix_tenant *owner, struct prefix_block *parent,
                                      const int32_t *ids, int32_t rows);
/* It has no children and is in no place. */
void prefix_block_free(struct prefix_tree *t, struct prefix_block *b);
void prefix_block_enter(struct prefix_tree *t, struct prefix_block *b, int place); /* as the newest there */
void prefix_block_leave(struct prefix_tree *t, struct prefix_block *b, int place);
/* It and all before it become the newest. */
void prefix_block_touch(struct prefix_block *b);
static inline struct prefix_block *prefix_children(const struct prefix_tenant *t, const struct prefix_block *b)
{
    return b ? b->child : t->child;
}

/* The block behind `at` whose beginning has most ids in common with ids (n); *same of them, 0: none. */
struct prefix_block *prefix_best(const struct prefix_tenant *t, const struct prefix_block *at, const int32_t *ids, int64_t n,
                                 int64_t *same);
/* The block that ends a text of whole blocks; false: it is not there. *at is NULL for an empty text. */
bool prefix_path(const struct prefix_tenant *t, const int32_t *ids, int64_t blocks, struct prefix_block **at);

#endif
