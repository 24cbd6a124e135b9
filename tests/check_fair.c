/* Shares by a virtual clock: many passes of a machine that computes nothing. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/checked.h"
#include "base/mem.h"
#include "base/rng.h"
#include "infer/queue.h"
#include "tests/test.h"

enum { CLIENTS = 12, MOST_OPEN = 512 };
#define PROMPT_COST 1.0
#define WRITE_COST 2.0
#define PASS_COST 12.0 /* of a pass with no rows: what a batch saves */

/* One client, and the requests it has under way. */
struct client {
    const char *tenant, *user;
    double weight;
    int open;          /* requests it keeps under way */
    int64_t prompt, answer; /* rows of one of its requests, give or take a half */
    double from, until;     /* of the virtual clock: it is there */
    double served;
    int now; /* requests under way */
};
struct request {
    struct queue_entry e;
    struct client *of;
    int64_t answer;
    double came, first; /* first: its prompt was read */
};
struct machine {
    struct fair *fair;
    struct queue_limits limits;
    struct request req[MOST_OPEN]; /* the first n are under way */
    size_t n;
    uint64_t arrivals, draws, passes;
    double clock, rows;
    double worst_wait; /* from arrival to the end of the prompt, of who asked for `watched` */
    const struct client *watched;
    double waits[4096];
    int n_waits;
    bool first_come;
};

static int64_t about(struct machine *m, int64_t n)
{
    return n / 2 + (int64_t)rng_below(7, 1, m->draws++, (uint64_t)n + 1);
}

static void arrive(struct machine *m, struct client *c)
{
    struct err e = {0};
    struct request *r = &m->req[m->n++];
    c->now++;
    *r = (struct request){.of = c, .answer = max_i64(1, about(m, c->answer)), .came = m->clock};
    r->e = (struct queue_entry){.prompt = max_i64(1, about(m, c->prompt)), .arrival = m->arrivals++};
    struct fair_name name[FAIR_LEVELS] = {{c->tenant, strlen(c->tenant)}, {c->user, strlen(c->user)}, {NULL, 0}};
    if (m->first_come) name[0] = name[1] = (struct fair_name){NULL, 0};
    CHECK_OK(fair_join(m->fair, &r->e.account, name, c->weight, &e), &e);
}

static void fill(struct machine *m, struct client *c, int n)
{
    for (int i = 0; i < n; i++) {
        bool there = m->clock >= c[i].from && m->clock < c[i].until;
        while (there && c[i].now < c[i].open) arrive(m, &c[i]);
    }
}

/* One pass; returns its cost. */
static double pass(struct machine *m)
{
    struct queue_entry *list[MOST_OPEN];
    size_t n = m->n;
    if (!n) return 1;
    for (size_t k = 0; k < n; k++) {
        list[k] = &m->req[k].e;
        list[k]->user = &m->req[k];
    }
    double cost = PASS_COST + (double)queue_plan(list, n, &m->limits);
    for (size_t i = 0; i < n; i++) {
        struct request *r = list[i]->user;
        if (!list[i]->rows) continue;
        double price = (double)list[i]->rows * (list[i]->prompt ? PROMPT_COST : WRITE_COST);
        r->of->served += price;
        m->rows += (double)list[i]->rows;
        fair_charge(m->fair, list[i]->account, price);
        if (list[i]->prompt) {
            list[i]->prompt -= list[i]->rows;
            if (list[i]->prompt == 0 && r->of == m->watched && m->n_waits < 4096)
                m->waits[m->n_waits++] = m->clock + cost - r->came;
        } else if (--r->answer == 0) {
            fair_leave(m->fair, list[i]->account);
            r->of->now--;
            r->e.account = NULL;
        }
    }
    for (size_t k = 0; k < m->n;)
        if (m->req[k].e.account) k++;
        else m->req[k] = m->req[--m->n];
    m->passes++;
    return cost;
}

static struct machine *machine_new(void)
{
    struct err e = {0};
    struct machine *m = mem_alloc(sizeof *m);
    *m = (struct machine){.limits = {.rows = 64, .prompt_rows = 32, .entries = 16}};
    CHECK_OK(fair_new(&m->fair, &e), &e);
    return m;
}

static void machine_free(struct machine *m)
{
    fair_free(m->fair);
    mem_free(m);
}

static void run(struct machine *m, struct client *c, int n, uint64_t passes)
{
    for (uint64_t i = 0; i < passes; i++) {
        fill(m, c, n);
        m->clock += pass(m);
    }
}

static int by_size(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return a < b ? -1 : a > b;
}

static double p95(struct machine *m)
{
    qsort(m->waits, (size_t)m->n_waits, sizeof *m->waits, by_size);
    return m->waits[m->n_waits * 95 / 100];
}

/* Two that always want more, of very different habits, over a million passes: never further apart than the bound. */
static void test_bound(void)
{
    struct machine *m = machine_new();
    struct client c[2] = {{"a", "u", 1, 40, 600, 30, 0, INFINITY, 0, 0}, {"b", "u", 1, 20, 40, 300, 0, INFINITY, 0, 0}};
    double bound = 2 * fmax(PROMPT_COST * (double)m->limits.rows, WRITE_COST * (double)m->limits.entries), worst = 0;
    for (int i = 0; i < 1000; i++) {
        for (int k = 0; k < 1000; k++) {
            fill(m, c, 2);
            m->clock += pass(m);
            worst = fmax(worst, fabs(c[0].served - c[1].served));
        }
    }
    CHECK(m->passes == 1000000, "%d passes", (int)m->passes);
    CHECK(worst <= bound, "the difference reached %g, bound %g", worst, bound);
    CHECK(c[0].served > 1e6, "served %g", c[0].served);
    printf("difference of two tenants over 1,000,000 passes: at most %.0f (bound %.0f)\n", worst, bound);
    machine_free(m);
}

static void test_equal(void)
{
    struct machine *m = machine_new();
    struct client c[8];
    double sum = 0, squares = 0;
    static const char *const names[8] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    for (int i = 0; i < 8; i++) c[i] = (struct client){names[i], "u", 1, 4 + 3 * i, 20 << i, 400 >> i, 0, INFINITY, 0, 0};
    run(m, c, 8, 100000);
    for (int i = 0; i < 8; i++) {
        sum += c[i].served;
        squares += c[i].served * c[i].served;
    }
    double jain = sum * sum / (8 * squares);
    CHECK(jain >= 0.99, "Jain index %g", jain);
    printf("Jain index of eight equal tenants: %.6f\n", jain);
    machine_free(m);
}

static void test_weights(void)
{
    struct machine *m = machine_new();
    struct client c[3] = {{"a", "u", 1, 20, 200, 50, 0, INFINITY, 0, 0}, {"b", "u", 2, 40, 50, 200, 0, INFINITY, 0, 0},
                          {"c", "u", 5, 40, 400, 20, 0, INFINITY, 0, 0}};
    run(m, c, 3, 200000);
    double sum = c[0].served + c[1].served + c[2].served;
    for (int i = 0; i < 3; i++) {
        double share = c[i].served / sum, want = c[i].weight / 8;
        CHECK(fabs(share / want - 1) <= 0.02, "weight %g got a share of %g, expected %g", c[i].weight, share, want);
    }
    machine_free(m);
}

/* Ten keys of one organisation get what one gets; among its users the shares are equal. */
static void test_many_keys(void)
{
    struct machine *m = machine_new();
    static const char *const keys[10] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
    struct client c[11] = {{"alone", "u", 1, 20, 100, 100, 0, INFINITY, 0, 0}};
    double many = 0, low = INFINITY, high = 0;
    for (int i = 0; i < 10; i++) c[i + 1] = (struct client){"many", keys[i], 1, 2 + i % 5, 100 + 30 * i, 100, 0, INFINITY, 0,
                                                            0};
    run(m, c, 11, 100000);
    for (int i = 1; i < 11; i++) {
        many += c[i].served;
        low = fmin(low, c[i].served);
        high = fmax(high, c[i].served);
    }
    CHECK(many / c[0].served <= 1.02 && many / c[0].served >= 0.98, "ten keys got %g times what one got", many / c[0].served);
    CHECK(high / low <= 1.02, "of ten keys one got %g times another", high / low);
    machine_free(m);
}

/* Who comes back has saved nothing up, and is not punished either. */
static void test_pause(void)
{
    struct machine *m = machine_new();
    struct client c[2] = {{"steady", "u", 1, 20, 200, 50, 0, INFINITY, 0, 0}, {"back", "u", 1, 20, 200, 50, 4e5, INFINITY, 0,
            0}};
    while (m->clock < 4e5) run(m, c, 2, 100);
    double before = c[0].served;
    run(m, c, 2, 5000);
    double got = c[0].served - before;
    CHECK(fabs(got / c[1].served - 1) < 0.05, "after a pause of one the shares are %g and %g", got, c[1].served);
    machine_free(m);
}

/* A light user beside one who floods: hardly later than alone. First come first served is shown beside it, with its rows per
 * unit of time: fairness costs no throughput. */
static void test_flood(void)
{
    double wait[3], rate[3];
    for (int way = 0; way < 3; way++) {
        struct machine *m = machine_new();
        struct client c[2] = {{"light", "u", 1, 1, 64, 20, 0, INFINITY, 0, 0}, {"flood", "u", 1, way ? 50 : 0, 200, 100, 0,
                INFINITY, 0, 0}};
        m->first_come = way == 2;
        m->watched = &c[0];
        run(m, c, 2, 60000);
        wait[way] = p95(m);
        rate[way] = m->rows / m->clock;
        CHECK(m->n_waits > 50, "%d requests of the light user", m->n_waits);
        machine_free(m);
    }
    double chunk = PASS_COST + 64;
    CHECK(wait[1] <= 1.5 * wait[0] + chunk, "p95 of a light user: %g alone, %g beside a flood", wait[0], wait[1]);
    CHECK(wait[2] > 3 * wait[1], "first come first served: %g", wait[2]);
    CHECK(rate[1] >= 0.97 * rate[2], "rows per unit of time: %g fair, %g first come first served", rate[1], rate[2]);
    printf("p95 to the first token of a light user: %.0f alone, %.0f beside a flood (first come first served: %.0f); rows per "
           "unit of time %.3f and %.3f\n", wait[0], wait[1], wait[2], rate[1], rate[2]);
}

/* The order is total, whatever the counters are; limits hold. */
static void test_plan(void)
{
    struct err e = {0};
    struct fair *f;
    enum { N = 40 };
    struct queue_entry x[N], *list[N];
    char names[N][8];
    CHECK_OK(fair_new(&f, &e), &e);
    for (uint64_t i = 0; i < N; i++) {
        snprintf(names[i], 8, "%d", (int)(i % 7));
        struct fair_name name[FAIR_LEVELS] = {{names[i], strlen(names[i])}, {names[i / 3], 1}, {NULL, 0}};
        x[i] = (struct queue_entry){.arrival = i, .priority = (int)(i % 3), .prompt = i % 4 ? 0 : 100, .draft = 3,
                                    .held = i % 9 == 8};
        list[i] = &x[i];
        CHECK_OK(fair_join(f, &x[i].account, name, 1, &e), &e);
    }
    for (uint64_t k = 0; k < 300; k++) {
        struct queue_limits l = {.rows = 1 + (int64_t)rng_below(1, 1, k, 90), .prompt_rows = (int64_t)rng_below(1, 2, k, 40),
                                 .entries = 1 + (int64_t)rng_below(1, 3, k, 20)};
        int64_t sum = queue_plan(list, N, &l), count = 0, total = 0, prompts = 0;
        int wrong = 0;
        for (int i = 0; i < N; i++) {
            total += list[i]->rows;
            count += list[i]->rows > 0;
            if (list[i]->prompt) prompts += list[i]->rows;
            for (int j = 0; j < i; j++) wrong += fair_compare(list[j]->account, list[i]->account) > 0;
            CHECK(!list[i]->held || !list[i]->rows, "one that can do nothing got rows");
            CHECK(list[i]->rows <= (list[i]->prompt ? list[i]->prompt : 4), "more rows than it wanted");
        }
        CHECK(wrong == 0, "%d pairs are not in order", wrong);
        for (int i = 0; i < N; i++) fair_charge(f, list[i]->account, (double)list[i]->rows);
        CHECK(total == sum && sum <= l.rows && count <= l.entries && prompts <= l.prompt_rows,
              "rows %d of %d, entries %d of %d",
              (int)sum, (int)l.rows, (int)count, (int)l.entries);
        CHECK(sum > 0, "nobody was served");
    }
    for (int i = 0; i < N; i++) fair_leave(f, x[i].account);
    CHECK(fair_join(f, &x[0].account, (struct fair_name[FAIR_LEVELS]){0}, 0, &e) == ERR_USAGE, "a weight of 0");
    fair_free(f);
}

/* A hundred thousand users who come once do not fill the memory. */
static void test_many_users(void)
{
    struct err e = {0};
    struct fair *f;
    CHECK_OK(fair_new(&f, &e), &e);
    int failed = 0;
    int64_t live = mem_live();
    for (int i = 0; i < 100000; i++) {
        char name[16];
        struct fair_account *a;
        snprintf(name, sizeof name, "%d", i);
        struct fair_name names[FAIR_LEVELS] = {{name, strlen(name)}, {NULL, 0}, {NULL, 0}};
        if (fair_join(f, &a, names, 1, &e)) {
            failed++;
            continue;
        }
        fair_charge(f, a, 10);
        fair_leave(f, a);
    }
    CHECK(failed == 0, "%d were refused: %s", failed, e.msg);
    CHECK(mem_live() - live <= FAIR_ACCOUNTS, "%d accounts are kept", (int)(mem_live() - live));
    fair_free(f);
}

int main(void)
{
    test_bound();
    test_equal();
    test_weights();
    test_many_keys();
    test_pause();
    test_flood();
    test_plan();
    test_many_users();
    return test_end();
}
