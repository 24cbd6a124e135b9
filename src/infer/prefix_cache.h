/* What was evaluated, kept for whoever begins alike: blocks of up to PAGE_ROWS rows in trees (infer/prefix_tree.h). A block is
 * named by its ids and, through its parent, by all ids before them; its rows lie in a page of the decoder's cache, in a file
 * (infer/kv_store.h), or in both. Each tenant has a tree of his own: nobody gets, or loses below his share, what another asked.
 *
 * A page in a tree is never written again. Nothing here fails a request: what cannot be kept or found is evaluated. */
#ifndef INFER_PREFIX_CACHE_H
#define INFER_PREFIX_CACHE_H

#include "infer/kv_store.h"
#include "infer/session.h"

struct prefix_options {
    int64_t pages; /* most that are kept; 0: as many as the decoder has */
    struct kv_store_options store;
};

struct prefix_counts {
    int64_t pages, spare;    /* kept in memory; of them such as nobody else has */
    int64_t blocks, in_file; /* all; those that lie in the file */
    int64_t written, read, damaged, evicted; /* since the start; evicted: from memory */
};

/* Written block after block, parents first. */
struct prefix_todo {
    struct prefix_block *first, *last;
};

struct prefix_cache {
    struct decoder *dec; /* borrowed */
    struct prefix_tree tree;
    struct kv_store *store; /* NULL: none */
    struct prefix_todo todo;
    int64_t most, evicted;
    uint64_t changes; /* grows whenever something is added */
};

/* With a store, if that can be opened: else *why is the reason (its code is 0 otherwise), and there is none. */
int prefix_cache_open(struct prefix_cache *c, struct decoder *d, const struct prefix_options *o, struct err *why, struct err *e);
void prefix_cache_close(struct prefix_cache *c); /* before the decoder; accepts a zeroed one */

/* The tree of a name, until prefix_cache_leave; NULL: out of memory. */
struct prefix_tenant *prefix_cache_join(struct prefix_cache *c, const char *name, size_t len);
void prefix_cache_leave(struct prefix_cache *c, struct prefix_tenant *t); /* NULL allowed */

/* Keeps the first n <= s->n rows of a session: whole pages are shared with it, also while it goes on. A last page that is cut is
 * kept only where s will write to it no more: it is rewound to nothing next. */
void prefix_cache_keep(struct prefix_cache *c, struct prefix_tenant *t, struct session *s, int64_t n);
/* Goes on from s->n, up to n, with rows of ids that are kept. own: s has reserved pages for n, so that rows can be copied and
 * read from the file; else whole pages are shared. True: there is more, and the time (clock_seconds) is up. */
bool prefix_cache_extend(struct prefix_cache *c, struct prefix_tenant *t, struct session *s, const int32_t *ids, int64_t n,
                         bool own, double until);

/* Gives up pages until so many are free: those used longest ago, of the tenant that has most. False, and nothing done: there
 * are not enough. */
bool prefix_cache_give(struct prefix_cache *c, int64_t pages);
/* Forgets everything; file: what lies in the file too. */
void prefix_cache_clear(struct prefix_cache *c, bool file);

/* Writes what waits, a piece of about 1 MiB at a time, until the time is up. True: there is more to write. */
bool prefix_cache_write(struct prefix_cache *c, double until);
/* For times without work: brings one block from the file, of those used last, as long as half of the decoder's pages are free.
 * False: there is nothing to bring. */
bool prefix_cache_warm(struct prefix_cache *c);
struct prefix_counts prefix_cache_counts(const struct prefix_cache *c);

/* What came behind ids (n) in texts that are kept: fn gets it, text by text, until it returns false; at most `most` ids each. */
typedef bool prefix_text_fn(void *ctx, const int32_t *ids, int64_t n);
void prefix_cache_follow(const struct prefix_cache *c, const struct prefix_tenant *t, const int32_t *ids, int64_t n, int64_t most,
                         prefix_text_fn *fn, void *ctx);

#endif
