/* One file from a server to its place: resumed, tried again, hashed while it streams, and given its name only when its
 * hash is right. */
#ifndef HUB_FETCH_H
#define HUB_FETCH_H

#include <stdint.h>
#include "hub/net.h"

enum fetch_state { FETCH_CACHED, FETCH_NEW, FETCH_RESUMED };

struct fetch {
    const struct hub_net *net;
    const char *url, *part, *name; /* name: where it goes; part: its place until then */
    const char *what, *page;       /* for messages */
    const char *commit;            /* "" or what X-Repo-Commit must say */
    bool send_token;
    bool sized;                    /* size is known: a reply with another one is refused */
    uint64_t size;
    char hash[HUB_HASH]; /* expected (SHA-256 or git's id); "" none: filled in with the SHA-256 found */
    void (*progress)(void *ctx, uint64_t done, uint64_t total); /* total 0: unknown; NULL allowed */
    int (*size_known)(void *ctx, uint64_t size, struct err *e); /* when it was not before; an error ends it all */
    void *ctx;                                                  /* of both */
    enum fetch_state state; /* result */
};

/* ERR_INTEGRITY: the hash is wrong and the file is deleted. After any other error what has come stays in `part` for the
 * next run. */
int fetch_file(struct fetch *f, struct err *e);

#endif
