/* Jobs: who is there, who has a part of the cache, and how they end. The pass itself: scheduler_pass.c. */
#include "infer/scheduler.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/checked.h"
#include "base/mem.h"
#include "infer/scheduler_internal.h"
#include "infer/session.h"
#include "sys/clock.h"

enum { PROMISED = 1024 }; /* rows of an answer that pages are kept for before it begins */

/* ---- opening ---- */

static int open_arrays(struct scheduler *s, struct err *e)
{
    const struct decoder *d = s->dec;
    size_t slots = (size_t)d->slots, threads = (size_t)pool_threads(d->en->pool);
    TRY(mem_new((void **)&s->session, (size_t)s->o.sessions * sizeof *s->session, "sessions", e));
    TRY(mem_new((void **)&s->used, (size_t)s->o.sessions * sizeof *s->used, "sessions", e));
    TRY(mem_new((void **)&s->order, (size_t)s->o.jobs * sizeof *s->order, "a queue", e));
    TRY(mem_new((void **)&s->pieces, slots * sizeof *s->pieces, "a batch", e));
    TRY(mem_new((void **)&s->in_pass, slots * sizeof *s->in_pass, "a batch", e));
    TRY(mem_new((void **)&s->draws, slots * sizeof *s->draws, "a batch", e));
    TRY(mem_new(&s->scratch, threads * draw_scratch_bytes(d->en->net.config.vocab), "samplers", e));
    for (int i = 0; i < s->o.sessions; i++) TRY(session_open(&s->session[i], s->dec, e));
    return fair_new(&s->fair, e);
}

int scheduler_open(struct scheduler *s, struct decoder *d, const struct scheduler_options *o, struct err *e)
{
    *s = (struct scheduler){.dec = d, .o = *o};
    if (s->o.sessions == 0) s->o.sessions = 4 * d->slots;
    if (s->o.jobs == 0) s->o.jobs = 1024;
    if (s->o.waiting == 0) s->o.waiting = 64 * d->context;
    if (s->o.prompt_rows == 0) s->o.prompt_rows = 64;
    s->prompt_ms = s->write_ms = 1;
    int rc = open_arrays(s, e);
    if (rc) scheduler_close(s);
    return rc;
}

void scheduler_close(struct scheduler *s)
{
    while (s->jobs) scheduler_end(s, s->jobs, JOB_CANCELLED, NULL);
    for (int i = 0; s->session && i < s->o.sessions; i++) session_close(&s->session[i]);
    mem_free(s->session);
    mem_free(s->used);
    mem_free(s->order);
    mem_free(s->pieces);
    mem_free(s->in_pass);
    mem_free(s->draws);
    mem_free(s->scratch);
    fair_free(s->fair);
    *s = (struct scheduler){0};
}

/* ---- a job's life ---- */

/* What it is expected to take still: rows to evaluate, and an answer whose length nobody knows. */
static int64_t work_left(const struct job *j)
{
    int64_t answer = j->p.writer.max_tokens > 0 ? j->p.writer.max_tokens : PROMISED / 2;
    int64_t rows = j->s ? j->n - j->s->n : j->n;
    return rows + max_i64(0, min_i64(answer, j->most - j->prompt) - (j->n - j->prompt));
}

static int64_t work_waiting(const struct scheduler *s)
{
    int64_t sum = 0;
    for (const struct job *j = s->jobs; j; j = j->next) sum += work_left(j);
    return sum;
}

/* The promise of pages that a job needs to begin. */
static int64_t promised_rows(const struct job *j)
{
    return max_i64(j->n, min_i64(j->most, j->prompt + PROMISED));
}

static int refuse(struct scheduler *s, const struct job_params *p, double *wait_ms, struct err *e)
{
    const struct decoder *d = s->dec;
    *wait_ms = 0;
    if (p->n <= 0) FAIL(e, ERR_USAGE, "the prompt is empty: there is nothing to continue from");
    if (p->n > d->context)
        FAIL(e, ERR_LIMIT, "the prompt has %lld tokens, the context holds %lld", (long long)p->n, (long long)d->context);
    if (cache_pages(p->n) > d->pages.n)
        FAIL(e, ERR_LIMIT, "the prompt has %lld tokens, the cache holds %lld", (long long)p->n,
             (long long)d->pages.n * PAGE_ROWS);
    int64_t waiting = work_waiting(s);
    if (s->n_jobs < s->o.jobs && (s->n_jobs == 0 || waiting + p->n <= s->o.waiting)) return OK;
    int64_t over = max_i64(1, waiting + p->n - s->o.waiting);
    *wait_ms = fmax(1, (double)over * fmax(s->prompt_ms, 0.001));
    FAIL(e, ERR_LIMIT, "%d requests are under way, with about %lld tokens to come: there is no room for more now", s->n_jobs,
         (long long)waiting);
}

static int new_job(struct scheduler *s, struct job **out, const struct job_params *p, const struct job_sink *sink,
                   struct err *e)
{
    void *mem;
    TRY(mem_new(&mem, sizeof(struct job), "a request", e));
    struct job *j = mem;
    int64_t room = min_i64(s->dec->context, s->dec->pages.n * PAGE_ROWS);
    *j = (struct job){.sink = *sink, .p = *p, .on = s, .n = p->n, .prompt = p->n, .most = room, .luck = 0.5,
                      .came = clock_seconds()};
    /* The last token is drawn and not evaluated: it needs no row. */
    if (p->writer.max_tokens > 0 && p->writer.max_tokens < room - p->n) j->most = p->n + p->writer.max_tokens;
    int rc = mem_new((void **)&j->ids, (size_t)(j->most + 1 + MOST_GUESSES) * sizeof *j->ids, "the tokens of a request", e);
    if (!rc) rc = fair_join(s->fair, &j->entry.account, p->name, p->weight > 0 ? p->weight : 1, e);
    if (rc) {
        mem_free(j->ids);
        mem_free(j);
        return rc;
    }
    memcpy(j->ids, p->ids, (size_t)p->n * sizeof *j->ids);
    if (s->o.cache && !p->no_cache)
        j->tenant = prefix_cache_join(s->o.cache, p->name[FAIR_TENANT].s, p->name[FAIR_TENANT].len);
    j->entry.priority = p->priority;
    j->entry.arrival = s->arrivals++;
    j->entry.user = j;
    j->p.ids = NULL;
    memset(j->p.name, 0, sizeof j->p.name);
    *out = j;
    return OK;
}

int scheduler_add(struct scheduler *s, struct job **out, const struct job_params *p, const struct job_sink *sink,
                  double *wait_ms,
                  struct err *e)
{
    *out = NULL;
    TRY(refuse(s, p, wait_ms, e));
    for (int64_t i = 0; i < p->n; i++)
        if (p->ids[i] < 0 || p->ids[i] >= s->dec->en->net.config.vocab)
            FAIL(e, ERR_FORMAT, "token %lld of the prompt is id %d, expected 0 to %lld", (long long)i, p->ids[i],
                 (long long)s->dec->en->net.config.vocab - 1);
    TRY(sample_check(&p->writer.sample, "the request", e));
    TRY(new_job(s, out, p, sink, e));
    struct job **at = &s->jobs;
    while (*at) at = &(*at)->next;
    *at = *out;
    s->n_jobs++;
    return OK;
}

/* Its session is free for others; what it evaluated is kept as long as nobody needs the pages. */
static void release(struct scheduler *s, struct job *j)
{
    if (!j->s) return;
    struct err e;
    scheduler_keep(s, j, true);
    session_rewind(j->s, 0);
    session_reserve(j->s, 0, &e); /* fewer than before cannot fail */
    s->used[j->s - s->session] = false;
    j->s = NULL;
    j->fetching = false;
    j->whole = 0;
}

void scheduler_end(struct scheduler *s, struct job *j, enum job_end how, const struct err *e)
{
    struct job **at = &s->jobs;
    while (*at != j) at = &(*at)->next;
    *at = j->next;
    s->n_jobs--;
    release(s, j);
    if (j->tenant) prefix_cache_leave(s->o.cache, j->tenant);
    fair_leave(s->fair, j->entry.account);
    j->ended = clock_seconds();
    s->counts.done += how == JOB_ANSWERED;
    s->counts.failed += how == JOB_FAILED || how == JOB_LATE;
    s->counts.cancelled += how == JOB_CANCELLED;
    if (j->sink.done) j->sink.done(j->sink.ctx, j, how, e);
    writer_free(&j->w);
    mem_free(j->ids);
    mem_free(j);
}

void scheduler_cancel(struct job *j) { j->cancelled = true; }
void scheduler_pause(struct job *j, bool paused) { j->paused = paused; }

/* ---- parts of the cache ---- */

static struct session *free_session(struct scheduler *s)
{
    for (int i = 0; i < s->o.sessions; i++)
        if (!s->used[i]) return &s->session[i];
    return NULL;
}

/* Takes the pages of the last in order that has some and comes after `than`; false: there is none. */
bool scheduler_preempt(struct scheduler *s, const struct job *than)
{
    for (int i = s->n_jobs - 1; i >= 0; i--) {
        struct job *j = s->order[i]->user;
        if (j == than) return false;
        if (!j->s) continue;
        release(s, j);
        j->lost++;
        s->counts.preempted++;
        return true;
    }
    return false;
}

/* A part of the cache for a job: promised whole or not at all. */
static bool begin(struct scheduler *s, struct job *j, struct err *e)
{
    struct session *x = free_session(s);
    if (!x) return false;
    scheduler_attach(s, j, x);
    if (scheduler_reserve(s, x, promised_rows(j), e)) {
        session_reset(x);
        return false;
    }
    s->used[x - s->session] = true;
    j->s = x;
    j->fetching = j->tenant != NULL;
    scheduler_found(s, j, 0);
    return true;
}

/* A job that waits takes the place of one that got more than its share: only of another tenant, user or session, and only when
 * those are behind by more than what it costs to evaluate the tokens again. */
static bool take_place(struct scheduler *s, struct job *j)
{
    for (int i = s->n_jobs - 1; i >= 0; i--) {
        struct job *v = s->order[i]->user;
        if (v == j) return false;
        if (!v->s) continue;
        double again = (double)v->s->n * scheduler_cost(s, true);
        if (fair_lead(j->entry.account, v->entry.account) <= again) return false;
        release(s, v);
        v->lost++;
        s->counts.preempted++;
        return true;
    }
    return false;
}

/* Those that are first in order and have no part of the cache get one. */
int scheduler_begin(struct scheduler *s, struct err *e)
{
    for (int i = 0; i < s->n_jobs; i++) {
        struct job *j = s->order[i]->user;
        struct err why;
        if (j->s || j->paused || scheduler_waits(s, i)) continue;
        bool there = begin(s, j, &why);
        while (!there && take_place(s, j)) there = begin(s, j, &why);
        if (!there) break; /* nobody overtakes it: it would never get a large part */
        if (j->started > 0) continue;
        j->started = clock_seconds();
        s->counts.prompt_tokens += j->prompt;
        if (j->sink.began) TRY(j->sink.began(j->sink.ctx, j, e));
    }
    return OK;
}

bool scheduler_busy(const struct scheduler *s)
{
    for (const struct job *j = s->jobs; j; j = j->next)
        if (!j->paused || j->cancelled) return true;
    return false;
}

struct scheduler_counts scheduler_counts(const struct scheduler *s)
{
    struct scheduler_counts c = s->counts;
    for (const struct job *j = s->jobs; j; j = j->next) {
        if (j->s) c.running++;
        else c.waiting++;
    }
    c.waiting_tokens = work_waiting(s);
    return c;
}
