/* Who is let in: keys, limits, what they have used. Without a file of keys everybody is. */
#ifndef SERVE_GATE_H
#define SERVE_GATE_H

#include "api/api.h"
#include "serve/meter.h"
#include "sys/file.h"

/* Which keys count now. Follows the file: a key that is revoked is none within a second. */
struct gate {
    bool needed;           /* there is a file of keys */
    char *path, *usage;    /* owned */
    struct db db;
    struct file_id file; /* the one that is open */
    struct keys keys;
    int64_t version;
    double read;           /* when the file was last known to be the same, by clock_seconds */
    bool lost;             /* it cannot be read: told once */
    struct meter meter;
};

/* path NULL: no keys. */
int gate_open(struct gate *g, const char *path, struct err *e);
void gate_close(struct gate *g);
/* Has the file changed? *changed: other keys count now. A file that cannot be read lets nobody in after some seconds. */
int gate_follow(struct gate *g, bool *changed, struct err *e);

/* One that asks: a copy of its key, which may go away, and its account. Zeroed: everybody, where no keys are needed. */
struct caller {
    struct key key;
    struct account *account;
    bool counted; /* a request of its account is under way */
};

/* Finds out who asks by the words of the request, for what scope needs. */
bool gate_let(struct gate *g, struct caller *c, const struct api_request *r, enum api_scope scope, struct api_fault *f);
/* The same for what does not exist: any key will do. */
bool gate_knows(struct gate *g, struct caller *c, const struct api_request *r, struct api_fault *f);
bool gate_count(struct caller *c, struct api_fault *f); /* a request that computes: limits */
void gate_end(struct caller *c);
void gate_spend(struct caller *c, const struct turn_usage *u);
/* May it still be answered? */
bool gate_holds(const struct gate *g, const struct caller *c);

#endif
