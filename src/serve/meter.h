/* Counts per key and day, in memory and in a file beside the keys. */
#ifndef SERVE_METER_H
#define SERVE_METER_H

#include "serve/quota.h"

/* Tokens: of prompts, those of them that were in the cache, of answers. */
struct usage {
    int64_t requests, refused, prompt, cached, answer;
};

/* One key's. Stays where it is as long as the meter. */
struct account {
    char id[KEY_ID];
    struct quota quota;
    int64_t day;           /* of `fresh` */
    struct usage fresh;    /* not in the file yet */
    struct account *next;
};

struct meter {
    struct account *all;
    struct db db; /* h NULL: counts stay in memory */
};

/* path NULL: no file. What the keys have used today is read, so that a new start is no new day. */
int meter_open(struct meter *m, const char *path, double now, struct err *e);
void meter_close(struct meter *m); /* what is not in the file is lost: meter_write before */
struct account *meter_account(struct meter *m, const char *id); /* made when it is new; NULL: no memory */
void meter_add(struct account *a, double now, const struct usage *u);
/* All that is new, in one transaction. On failure it is kept for the next time. */
int meter_write(struct meter *m, struct err *e);

/* For people: rows of the last `days` days, oldest first. */
typedef int usage_fn(void *ctx, const char *id, int64_t day, const struct usage *u, struct err *e);
int meter_each(struct db *d, int64_t from_day, usage_fn *fn, void *ctx, struct err *e);

#endif
