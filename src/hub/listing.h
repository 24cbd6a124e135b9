/* The files of a repository as its hub lists them: sizes and hashes come from here, before a byte is fetched. */
#ifndef HUB_LISTING_H
#define HUB_LISTING_H

#include <stdint.h>
#include "hub/net.h"

struct hub_file {
    char *path;          /* owned; passed hub_path_ok */
    uint64_t size;
    char hash[HUB_HASH]; /* 64 digits: SHA-256; 40: git's object id */
};

/* Invariant after hub_list_*: files sorted by path, no path twice. */
struct hub_listing {
    char commit[HUB_HASH]; /* names the snapshot */
    struct hub_file *files;
    size_t n, cap;
};
void listing_free(struct hub_listing *l); /* accepts a zeroed one */
/* The file with this path, or NULL. */
const struct hub_file *listing_find(const struct hub_listing *l, const char *path);

/* The Hugging Face hub and its mirrors: GET /api/models/REPO/revision/REV for the commit, then .../tree/COMMIT. */
int hub_list_hf(const struct hub_net *n, const struct hub_ref *ref, struct hub_listing *l, struct err *e);
/* ModelScope: GET /api/v1/models/REPO/repo/files. It names no commit for the whole repository, so the snapshot is named
 * by a hash over all paths and hashes. */
int hub_list_modelscope(const struct hub_net *n, const struct hub_ref *ref, struct hub_listing *l, struct err *e);

/* Where a file is fetched, and the page of the model. */
void hub_file_url(struct buf *b, const struct hub_net *n, const struct hub_ref *ref, const struct hub_listing *l,
                  const char *path);
void hub_page_url(struct buf *b, const struct hub_net *n, const struct hub_ref *ref);

/* For the readers of listings: checks and keeps one entry. `where` names the listing in messages. */
int listing_add(struct hub_listing *l, const char *path, int64_t size, const char *hash, const char *where,
                struct err *e);
int listing_finish(struct hub_listing *l, const char *where,
                   struct err *e); /* sorts; refuses a path that occurs twice */

#endif
