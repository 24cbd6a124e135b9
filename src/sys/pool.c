/* Thread pool: one job at a time. Every thread has a share of the job's tasks, a run of neighbours, so that it walks through
 * memory in order and touches no line of another's; who is through takes tasks from the ends of the others' shares. All
 * that a thread must know to take a task of a share is one 64-bit ticket: generation of the job, end, next task. A task is
 * taken by compare-and-swap, so a late worker can never touch a job that is over, and the caller waits for tasks, not for
 * workers: on a busy machine, where the system may not run a worker at all, the caller does the job alone. Workers spin for
 * a short while (the next operation of a step follows within microseconds) and then sleep on a condition variable. */
#include "sys/pool.h"
#include "base/mem.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

enum { SPIN = 4000, SPIN_CALLER = 2000, FIELD = 22, APART = 128 };
#define FIELD_MASK ((UINT64_C(1) << FIELD) - 1)

/* generation (20 bits, only compared for change) | end (22) | next (22) */
static uint64_t ticket_of(uint64_t generation, uint64_t next, uint64_t end)
{
    return generation << (2 * FIELD) | end << FIELD | next;
}
static uint64_t ticket_end(uint64_t t) { return t >> FIELD & FIELD_MASK; }
static uint64_t ticket_next(uint64_t t) { return t & FIELD_MASK; }

/* A thread's share. So far apart that what one thread writes does not slow another (lines of a cache have 64 bytes). */
struct share {
    atomic_uint_fast64_t ticket;
    _Atomic(pool_fn *) fn;
    _Atomic(void *) ctx;
    struct pool *pool;
    int index;
    char apart[APART];
};

struct pool {
    int threads, started;
    pthread_t *ids;
    struct share *shares; /* (threads) */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    uint64_t generation; /* the caller's */
    atomic_int sleeping;
    atomic_bool stop;
    char apart[APART];
    atomic_int_fast64_t done; /* tasks that are finished */
    char end[APART];
};

static void cpu_relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

/* Takes a task of a share, the first or the last, and runs it. fn and ctx are read after the task was taken: the job cannot
 * end before it. */
static bool take_task(struct share *s, bool last, int worker)
{
    uint64_t t = atomic_load_explicit(&s->ticket, memory_order_acquire);
    while (ticket_next(t) < ticket_end(t)) {
        uint64_t rest = last ? t - (UINT64_C(1) << FIELD) : t + 1;
        if (!atomic_compare_exchange_weak_explicit(&s->ticket, &t, rest, memory_order_acq_rel, memory_order_acquire)) continue;
        pool_fn *fn = atomic_load_explicit(&s->fn, memory_order_relaxed);
        fn(atomic_load_explicit(&s->ctx, memory_order_relaxed), (int64_t)(last ? ticket_end(rest) : ticket_next(t)), worker);
        return true;
    }
    return false;
}

/* All of the own share, then what is left of the others'. */
static void take_tasks(struct pool *p, int worker)
{
    int64_t count = 0;
    while (take_task(&p->shares[worker], false, worker)) count++;
    for (int i = 1; i < p->threads; i++)
        while (take_task(&p->shares[(worker + i) % p->threads], true, worker)) count++;
    if (count > 0) atomic_fetch_add_explicit(&p->done, count, memory_order_release);
}

static bool has_work(struct share *s)
{
    uint64_t t = atomic_load(&s->ticket);
    return ticket_next(t) < ticket_end(t) || atomic_load_explicit(&s->pool->stop, memory_order_relaxed);
}

static void wait_for_work(struct share *s)
{
    struct pool *p = s->pool;
    for (int i = 0; i < SPIN; i++) {
        if (has_work(s)) return;
        cpu_relax();
    }
    pthread_mutex_lock(&p->lock);
    atomic_fetch_add(&p->sleeping, 1);
    while (!has_work(s)) pthread_cond_wait(&p->wake, &p->lock);
    atomic_fetch_sub(&p->sleeping, 1);
    pthread_mutex_unlock(&p->lock);
}

static void *worker_main(void *arg)
{
    struct share *s = arg;
    for (;;) {
        wait_for_work(s);
        if (atomic_load(&s->pool->stop)) return NULL;
        take_tasks(s->pool, s->index);
    }
}

static void wake_workers(struct pool *p)
{
    if (atomic_load(&p->sleeping) == 0) return;
    pthread_mutex_lock(&p->lock);
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
}

int pool_open(struct pool **out, int threads, struct err *e)
{
    *out = NULL;
    if (threads < 1 || threads > POOL_MOST) FAIL(e, ERR_USAGE, "threads is %d, expected 1 to %d", threads, POOL_MOST);
    struct pool *p = mem_alloc(sizeof *p);
    if (!p) FAIL(e, ERR_MEMORY, "out of memory for the thread pool");
    p->threads = threads;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    p->ids = mem_array((size_t)threads, sizeof *p->ids);
    p->shares = mem_array((size_t)threads, sizeof *p->shares);
    if (!p->ids || !p->shares) {
        pool_close(p);
        FAIL(e, ERR_MEMORY, "out of memory for %d threads", threads);
    }
    for (int i = 0; i < threads; i++) {
        p->shares[i].pool = p;
        p->shares[i].index = i;
    }
    for (int i = 1; i < threads; i++) {
        if (pthread_create(&p->ids[i], NULL, worker_main, &p->shares[i]) != 0) {
            pool_close(p);
            FAIL(e, ERR_MEMORY, "thread %d of %d could not be started", i, threads);
        }
        p->started++;
    }
    *out = p;
    return OK;
}

void pool_close(struct pool *p)
{
    if (!p) return;
    atomic_store(&p->stop, true);
    wake_workers(p);
    for (int i = 1; i <= p->started; i++) pthread_join(p->ids[i], NULL);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    mem_free(p->ids);
    mem_free(p->shares);
    mem_free(p);
}

int pool_threads(const struct pool *p) { return p ? p->threads : 1; }

/* At most FIELD_MASK tasks. The ticket is published last: whoever sees it sees fn, ctx and the counter. */
static void run_job(struct pool *p, int64_t n, pool_fn *fn, void *ctx)
{
    p->generation++;
    atomic_store_explicit(&p->done, 0, memory_order_relaxed);
    for (int i = p->threads - 1; i >= 0; i--) {
        struct share *s = &p->shares[i];
        uint64_t next = (uint64_t)(n * i / p->threads), end = (uint64_t)(n * (i + 1) / p->threads);
        atomic_store_explicit(&s->fn, fn, memory_order_relaxed);
        atomic_store_explicit(&s->ctx, ctx, memory_order_relaxed);
        atomic_store(&s->ticket, ticket_of(p->generation, next, end));
    }
    wake_workers(p);
    take_tasks(p, 0);
    for (int i = 0; atomic_load_explicit(&p->done, memory_order_acquire) < n; i++) {
        if (i < SPIN_CALLER) cpu_relax();
        else sched_yield(); /* the worker with the last task may be waiting for this processor */
    }
}

struct slab {
    pool_fn *fn;
    void *ctx;
    int64_t first;
};

static void run_slab_task(void *ctx, int64_t task, int worker)
{
    const struct slab *s = ctx;
    s->fn(s->ctx, s->first + task, worker);
}

void pool_for(struct pool *p, int64_t n, pool_fn *fn, void *ctx)
{
    if (!p || p->threads == 1 || n <= 1) {
        for (int64_t i = 0; i < n; i++) fn(ctx, i, 0);
        return;
    }
    for (int64_t first = 0; first < n; first += (int64_t)FIELD_MASK) {
        struct slab s = {fn, ctx, first};
        int64_t left = n - first < (int64_t)FIELD_MASK ? n - first : (int64_t)FIELD_MASK;
        if (n <= (int64_t)FIELD_MASK) run_job(p, n, fn, ctx);
        else run_job(p, left, run_slab_task, &s);
    }
}
