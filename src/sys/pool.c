/* Thread pool: one job at a time. All that a thread must know to take a task is one 64-bit ticket: generation of the
 * job, number of tasks, next task. A task is taken by adding one to it with compare-and-swap, so a late worker can never
 * touch a job that is over, and the caller waits for tasks, not for workers: on a busy machine, where the system may
 * not run a worker at all, the caller does the job alone. Workers spin for a short while (the next operation of a step
 * follows within microseconds) and then sleep on a condition variable. */
#include "sys/pool.h"
#include "base/mem.h"
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

enum { SPIN = 4000, SPIN_CALLER = 2000, MAX_THREADS = 1024, FIELD = 22 };
#define FIELD_MASK ((UINT64_C(1) << FIELD) - 1)

/* generation (20 bits, only compared for change) | tasks (22) | next (22) */
static uint64_t ticket_of(uint64_t generation, uint64_t tasks) { return generation << (2 * FIELD) | tasks << FIELD; }
static uint64_t ticket_tasks(uint64_t t) { return t >> FIELD & FIELD_MASK; }
static uint64_t ticket_next(uint64_t t) { return t & FIELD_MASK; }

struct pool {
    int threads, started;
    pthread_t *ids;
    struct worker *workers;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    atomic_int sleeping;
    atomic_bool stop;
    uint64_t generation; /* the caller's */
    atomic_uint_fast64_t ticket;
    atomic_int_fast64_t done; /* tasks that are finished */
    _Atomic(pool_fn *) fn;
    _Atomic(void *) ctx;
};

struct worker {
    struct pool *pool;
    int index;
};

static void cpu_relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

/* Takes tasks until there is none left. fn and ctx are read after a task was taken: the job cannot end before it. */
static void take_tasks(struct pool *p, int worker)
{
    uint64_t t = atomic_load_explicit(&p->ticket, memory_order_acquire);
    while (ticket_next(t) < ticket_tasks(t)) {
        if (!atomic_compare_exchange_weak_explicit(&p->ticket, &t, t + 1, memory_order_acq_rel, memory_order_acquire)) continue;
        pool_fn *fn = atomic_load_explicit(&p->fn, memory_order_relaxed);
        fn(atomic_load_explicit(&p->ctx, memory_order_relaxed), (int64_t)ticket_next(t), worker);
        atomic_fetch_add_explicit(&p->done, 1, memory_order_release);
        t = atomic_load_explicit(&p->ticket, memory_order_acquire);
    }
}

static bool has_work(struct pool *p)
{
    uint64_t t = atomic_load(&p->ticket);
    return ticket_next(t) < ticket_tasks(t) || atomic_load(&p->stop);
}

static void wait_for_work(struct pool *p)
{
    for (int i = 0; i < SPIN; i++) {
        if (has_work(p)) return;
        cpu_relax();
    }
    pthread_mutex_lock(&p->lock);
    atomic_fetch_add(&p->sleeping, 1);
    while (!has_work(p)) pthread_cond_wait(&p->wake, &p->lock);
    atomic_fetch_sub(&p->sleeping, 1);
    pthread_mutex_unlock(&p->lock);
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    for (;;) {
        wait_for_work(w->pool);
        if (atomic_load(&w->pool->stop)) return NULL;
        take_tasks(w->pool, w->index);
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
    if (threads < 1 || threads > MAX_THREADS) FAIL(e, ERR_USAGE, "threads is %d, expected 1 to %d", threads, MAX_THREADS);
    struct pool *p = mem_alloc(sizeof *p);
    if (!p) FAIL(e, ERR_MEMORY, "out of memory for the thread pool");
    p->threads = threads;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    p->ids = mem_array((size_t)threads, sizeof *p->ids);
    p->workers = mem_array((size_t)threads, sizeof *p->workers);
    if (!p->ids || !p->workers) {
        pool_close(p);
        FAIL(e, ERR_MEMORY, "out of memory for %d threads", threads);
    }
    for (int i = 1; i < threads; i++) {
        p->workers[i] = (struct worker){p, i};
        if (pthread_create(&p->ids[i], NULL, worker_main, &p->workers[i]) != 0) {
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
    mem_free(p->workers);
    mem_free(p);
}

int pool_threads(const struct pool *p) { return p ? p->threads : 1; }

/* At most FIELD_MASK tasks. */
static void run_job(struct pool *p, int64_t n, pool_fn *fn, void *ctx)
{
    atomic_store_explicit(&p->fn, fn, memory_order_relaxed);
    atomic_store_explicit(&p->ctx, ctx, memory_order_relaxed);
    atomic_store_explicit(&p->done, 0, memory_order_relaxed);
    atomic_store(&p->ticket, ticket_of(++p->generation, (uint64_t)n));
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
