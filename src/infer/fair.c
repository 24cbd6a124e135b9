/* The tree of accounts. */
#include "infer/fair.h"
#include <math.h>
#include <stdbool.h>
#include <string.h>
#include "base/mem.h"

/* A tenant, a user or a session. Siblings are a list. */
struct fair_account {
    struct fair_account *parent, *next, *kids;
    double counter, weight, served;
    double floor;     /* of kids: where one begins when no other is there */
    int64_t present;  /* requests below */
    uint64_t serial;  /* of those with equal counters the older goes first */
    int level;        /* -1: the root */
    size_t len;
    char name[];
};

struct fair {
    struct fair_account *root;
    int64_t accounts;
    uint64_t serial;
};

static struct fair_account *new_account(struct fair *f, struct fair_account *parent, const char *name, size_t len)
{
    struct fair_account *a = mem_array(1, sizeof *a + len + 1);
    if (!a) return NULL;
    a->parent = parent;
    a->level = parent ? parent->level + 1 : -1;
    a->weight = 1;
    a->len = len;
    if (len) memcpy(a->name, name, len);
    if (parent) {
        a->next = parent->kids;
        a->counter = parent->floor;
        parent->kids = a;
        a->serial = f->serial++;
        f->accounts++;
    }
    return a;
}

int fair_new(struct fair **out, struct err *e)
{
    void *mem;
    *out = NULL;
    TRY(mem_new(&mem, sizeof(struct fair), "accounts", e));
    struct fair *f = mem;
    *f = (struct fair){.root = new_account(NULL, NULL, NULL, 0)};
    if (!f->root) {
        mem_free(f);
        FAIL(e, ERR_MEMORY, "accounts: out of memory");
    }
    *out = f;
    return OK;
}

static void free_tree(struct fair_account *a)
{
    while (a->kids) {
        struct fair_account *kid = a->kids;
        a->kids = kid->next;
        free_tree(kid);
    }
    mem_free(a);
}

void fair_free(struct fair *f)
{
    if (!f) return;
    free_tree(f->root);
    mem_free(f);
}

/* The least counter of those present. */
static double present_least(const struct fair_account *parent)
{
    double x = INFINITY;
    for (const struct fair_account *k = parent->kids; k; k = k->next)
        if (k->present > 0 && k->counter < x) x = k->counter;
    return x;
}

/* The same; without any, where the last of them left. */
static double least(const struct fair_account *parent)
{
    double x = present_least(parent);
    return isinf(x) ? parent->floor : x;
}

/* Takes idle kids of `parent` away that a new one would be no worse than; all of them when `hard`. */
static void sweep(struct fair *f, struct fair_account *parent, bool hard)
{
    double low = least(parent);
    struct fair_account **at = &parent->kids;
    while (*at) {
        struct fair_account *k = *at;
        if (k->kids) sweep(f, k, hard);
        if (k->present == 0 && !k->kids && (hard || k->counter <= low)) {
            *at = k->next;
            mem_free(k);
            f->accounts--;
        } else {
            at = &k->next;
        }
    }
}

static struct fair_account *find(struct fair *f, struct fair_account *parent, const struct fair_name *name)
{
    size_t len = name->s ? name->len : 0;
    for (struct fair_account **at = &parent->kids; *at; at = &(*at)->next) {
        struct fair_account *k = *at;
        if (k->len != len || (len && memcmp(k->name, name->s, len) != 0)) continue;
        *at = k->next; /* to the front: it is likely to come again */
        k->next = parent->kids;
        return parent->kids = k;
    }
    return new_account(f, parent, name->s, len);
}

int fair_join(struct fair *f, struct fair_account **out, const struct fair_name name[FAIR_LEVELS], double weight, struct err *e)
{
    struct fair_account *a = f->root;
    *out = NULL;
    if (!(weight > 0) || isinf(weight)) FAIL(e, ERR_USAGE, "the weight of a share is %g, expected a number above 0", weight);
    if (f->accounts + FAIR_LEVELS > FAIR_ACCOUNTS) sweep(f, f->root, false);
    if (f->accounts + FAIR_LEVELS > FAIR_ACCOUNTS) sweep(f, f->root, true);
    if (f->accounts + FAIR_LEVELS > FAIR_ACCOUNTS) FAIL(e, ERR_LIMIT, "more than %d users at once", FAIR_ACCOUNTS);
    for (int i = 0; i < FAIR_LEVELS; i++)
        if (!(a = find(f, a, &name[i]))) FAIL(e, ERR_MEMORY, "accounts: out of memory");
    *out = a;
    for (; a->parent; a = a->parent) {
        if (a->level == FAIR_TENANT) a->weight = weight;
        if (a->present == 0) a->counter = fmax(a->counter, least(a->parent));
        a->present++;
    }
    return OK;
}

void fair_leave(struct fair *f, struct fair_account *a)
{
    (void)f;
    for (; a->parent; a = a->parent)
        if (--a->present == 0 && isinf(present_least(a->parent))) a->parent->floor = a->counter;
}

void fair_charge(struct fair *f, struct fair_account *a, double cost)
{
    (void)f;
    for (; a->parent; a = a->parent) {
        a->counter += cost / a->weight;
        a->served += cost;
    }
}

/* Goes up to where the two are siblings, or one. */
static void to_siblings(const struct fair_account **a, const struct fair_account **b)
{
    for (int level = FAIR_SESSION; level > FAIR_TENANT && (*a)->parent != (*b)->parent; level--) {
        *a = (*a)->parent;
        *b = (*b)->parent;
    }
}

int fair_compare(const struct fair_account *a, const struct fair_account *b)
{
    to_siblings(&a, &b);
    if (a == b) return 0;
    if (a->counter != b->counter) return a->counter < b->counter ? -1 : 1;
    return a->serial < b->serial ? -1 : 1;
}

double fair_lead(const struct fair_account *a, const struct fair_account *b)
{
    to_siblings(&a, &b);
    return b->counter - a->counter;
}

double fair_served(const struct fair_account *a)
{
    while (a->level > FAIR_TENANT) a = a->parent;
    return a->served;
}
