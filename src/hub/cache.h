/* The Hugging Face cache, shared with every program that uses the hub's own library:
 *
 *   ROOT/models--org--name/blobs/HASH                     the bytes, once
 *                          blobs/HASH.incomplete          the same, not yet whole
 *                          snapshots/COMMIT/PATH          relative link to the blob
 *                          refs/REVISION                  the commit that a branch or tag means
 *   ROOT/.locks/models--org--name/HASH.lock               flock(2) held while a blob is written or removed
 *
 * A ref is written last, so what it names is whole. Names come from hub_repo_ok, hub_path_ok and hub_hash_ok. */
#ifndef HUB_CACHE_H
#define HUB_CACHE_H

#include <limits.h>
#include "hub/ref.h"

struct hub_cache {
    const char *root;   /* ROOT: may not exist yet */
    char repo[PATH_MAX]; /* ROOT/models--org--name */
    char locks[PATH_MAX];
};
int cache_at(struct hub_cache *c, const char *root, const char *repo, struct err *e);
/* "org/name" for a folder "models--org--name"; false when it is not one. */
bool cache_repo_name(char out[HUB_REPO], const char *folder);

int cache_blob(char out[PATH_MAX], const struct hub_cache *c, const char *hash, const char *suffix, struct err *e);
int cache_snapshot(char out[PATH_MAX], const struct hub_cache *c, const char *commit, const char *path, struct err *e);
/* Makes ROOT and the folders of the repository, with the mark that tells backup programs to leave a cache out. */
int cache_make(const struct hub_cache *c, struct err *e);
/* Locks a blob; *fd is -1 when another process has it. */
int cache_try_lock(int *fd, const struct hub_cache *c, const char *hash, struct err *e);

/* Links snapshots/commit/path to the blob. */
int cache_link(const struct hub_cache *c, const char *commit, const char *path, const char *hash, struct err *e);
int cache_set_ref(const struct hub_cache *c, const char *revision, const char *commit, struct err *e);
/* The commit of a revision, which may itself be a commit; *found is false when the cache does not know it. */
int cache_read_ref(bool *found, char commit[HUB_HASH], const struct hub_cache *c, const char *revision, struct err *e);
/* The same; false also when it cannot be read. */
bool cache_get_ref(char commit[HUB_HASH], const struct hub_cache *c, const char *revision);

#endif
