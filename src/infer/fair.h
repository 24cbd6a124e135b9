/* Shares of a machine that many use: virtual token counters (Sheng et al., OSDI 2024) over a tree of tenants, their users and
 * their sessions. A counter grows by the cost of what was done, divided by the weight; whose counter is least goes first. Who
 * comes back from a pause begins where the least of those present is: nobody saves up, and nobody is punished for the past.
 *
 * Between two siblings that always want something the difference of what they got, each divided by its weight, stays below
 * twice the cost of one pass. Names are bytes; ten sessions of one user share what one would get. */
#ifndef INFER_FAIR_H
#define INFER_FAIR_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

enum { FAIR_TENANT, FAIR_USER, FAIR_SESSION, FAIR_LEVELS };
enum { FAIR_ACCOUNTS = 4096 }; /* most at once; idle ones that are owed nothing go first */

struct fair;
struct fair_account; /* a session; it leads to its user and tenant */

struct fair_name {
    const char *s; /* NULL: "" */
    size_t len;
};

int fair_new(struct fair **out, struct err *e);
void fair_free(struct fair *f); /* NULL allowed */
/* One more request of the session is there: *out is its account, until fair_leave. weight > 0: of the tenant, as of now. */
int fair_join(struct fair *f, struct fair_account **out, const struct fair_name name[FAIR_LEVELS], double weight,
              struct err *e);
/* A request is gone. */
void fair_leave(struct fair *f, struct fair_account *a);
/* Something was done for it. */
void fair_charge(struct fair *f, struct fair_account *a, double cost);
/* Below 0: a goes before b; 0: they are of one session. A total order of sessions. */
int fair_compare(const struct fair_account *a, const struct fair_account *b);
/* How much less a got than b where they differ first, divided by the weight; 0: they are of one session. */
double fair_lead(const struct fair_account *a, const struct fair_account *b);
/* What its tenant got by now, not divided by the weight. */
double fair_served(const struct fair_account *a);

#endif
