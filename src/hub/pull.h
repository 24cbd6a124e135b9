/* Fetching models: the one part of autarky that opens a connection to another machine. */
#ifndef HUB_PULL_H
#define HUB_PULL_H

#include <limits.h>
#include "hub/choose.h"
#include "hub/fetch.h"

/* One file, while it comes. */
struct hub_progress {
    const char *path;
    size_t index, n; /* index-th of n, from 1 */
    uint64_t done, total; /* total 0: unknown */
};

/* What is about to happen. */
struct hub_plan {
    const char *name, *into; /* the reference as shown; the folder */
    size_t files;
    uint64_t bytes, fetch, free; /* all files; of them still to come; space there */
};

struct hub_options {
    const char *hf_endpoint, *modelscope_endpoint;
    const char *hf_token, *modelscope_token; /* NULL: none */
    const char *cache;  /* ROOT of the shared cache */
    const char *folder; /* where single files go that belong to no hub */
    struct web_options http; /* its stop and stop_ctx are set from the ones below */
    int tries;
    double backoff; /* seconds */
    bool offline;   /* refuse */
    bool plan_only; /* stop before anything is fetched */
    bool verify;    /* hash files that are already here, too */

    void *ctx; /* of all below; each may be NULL */
    bool (*stop)(void *ctx);
    void (*say)(void *ctx, const char *text); /* may be several lines */
    void (*progress)(void *ctx, const struct hub_progress *p);
    int (*agree)(void *ctx, const struct hub_plan *p, struct err *e); /* an error ends it */
};

struct hub_got {
    char *path; /* inside the repository, or the file's name; owned */
    uint64_t size;
    char hash[HUB_HASH];
    enum fetch_state state;
};

struct hub_result {
    char name[HUB_REPO + HUB_REVISION + HUB_PATH];
    char commit[HUB_HASH]; /* "" for a single file */
    char path[PATH_MAX];   /* what other commands open: a file, or a folder */
    struct hub_got *files; /* owned */
    size_t n;
    uint64_t bytes, fetched;
};
void hub_result_free(struct hub_result *r); /* accepts a zeroed one */

/* sha256: of a single file (HUB_URL), or NULL. The result is filled in as far as it went, also after an error. */
int hub_pull(const struct hub_options *o, const struct hub_ref *ref, const char *sha256, struct hub_result *r,
             struct err *e);

#endif
