/* What one key may use in a minute, a day, and at once. No clock in here: seconds since 1970 are given. */
#ifndef SERVE_QUOTA_H
#define SERVE_QUOTA_H

#include "serve/keys.h"

enum { QUOTA_MOST_RUNNING = 256 }; /* requests of one key at once, unless it says less */

/* Requests and tokens run out of buckets that hold a minute's worth and fill evenly. Zeroed: full, nothing used. */
struct quota {
    double requests, tokens; /* used and not refilled yet */
    double at;               /* when that was right */
    int64_t day, day_tokens; /* days since 1970, and what this one has used */
    int64_t running;
};

struct quota_no {
    char text[200];
    double wait; /* seconds, after which the same request would be let through if nobody else of that key asks */
};

/* One request more; false: not now. What it took must be given back by quota_end. */
bool quota_take(struct quota *q, const struct key *k, double now, struct quota_no *why);
void quota_end(struct quota *q);
/* Tokens are counted when they have been computed: a bucket may be overdrawn, and is waited for. */
void quota_spend(struct quota *q, const struct key *k, double now, int64_t tokens);

#endif
