/* One step: who gets rows, the pass, the tokens that are drawn from it. */
#include "base/checked.h"
#include "infer/scheduler_internal.h"
#include "infer/session.h"
#include "sys/clock.h"

size_t draw_scratch_bytes(int64_t vocab) { return round_up(sample_scratch_bytes(vocab), 64); }

double scheduler_cost(const struct scheduler *s, bool prompt)
{
    double fixed = prompt ? s->o.prompt_cost : s->o.write_cost;
    return fixed > 0 ? fixed : prompt ? s->prompt_ms : s->write_ms;
}

/* Jobs that were cancelled, or whose time to begin is over. */
static void drop(struct scheduler *s)
{
    double now = clock_seconds();
    for (struct job *j = s->jobs, *next; j; j = next) {
        struct err e;
        next = j->next;
        if (j->cancelled) {
            err_set(&e, ERR_INTERRUPTED, __FILE__, __LINE__, "cancelled");
            scheduler_end(s, j, JOB_CANCELLED, &e);
        } else if (!j->started && j->p.deadline > 0 && now - j->came > j->p.deadline) {
            err_set(&e, ERR_LIMIT, __FILE__, __LINE__, "the request waited for %.1f s, and its deadline was %.1f s",
                    now - j->came,
                    j->p.deadline);
            scheduler_end(s, j, JOB_LATE, &e);
        }
    }
}

/* Sorts the jobs, gives parts of the cache out, and decides about rows. */
static int64_t plan(struct scheduler *s, struct err *e, int *rc)
{
    struct queue_limits l = {.rows = s->dec->rows, .prompt_rows = s->o.prompt_rows, .entries = s->dec->slots};
    size_t n = 0;
    for (struct job *j = s->jobs; j; j = j->next) {
        j->entry.held = true;
        s->order[n++] = &j->entry;
    }
    queue_plan(s->order, n, &l); /* for the order */
    *rc = scheduler_begin(s, e);
    for (size_t i = 0; i < n; i++) {
        struct job *j = s->order[i]->user;
        int64_t left = j->s ? j->n - j->s->n : 0;
        j->entry.held = !j->s || j->paused || j->cancelled;
        j->entry.prompt = j->writing && left == 1 ? 0 : left;
    }
    return *rc ? 0 : queue_plan(s->order, n, &l);
}

/* Pages for all rows of the pass; the last in order give theirs back, or get none. */
static int make_room(struct scheduler *s)
{
    for (;;) {
        int64_t lacks = 0;
        for (int i = 0; i < s->n_jobs; i++) {
            const struct job *j = s->order[i]->user;
            if (j->s && j->entry.rows) lacks += session_lacks(j->s, j->s->n + j->entry.rows);
        }
        if (lacks <= s->dec->pages.n_free) break;
        const struct job *first = s->order[0]->user;
        if (!scheduler_preempt(s, first)) break;
    }
    int n = 0;
    for (int i = 0; i < s->n_jobs; i++) {
        struct job *j = s->order[i]->user;
        if (!j->s || !j->entry.rows) continue;
        s->in_pass[n] = j;
        s->pieces[n++] = (struct piece){.s = j->s, .ids = j->ids + j->s->n, .n = j->entry.rows,
                                        .logits = j->s->n + j->entry.rows == j->n};
    }
    return n;
}

/* What it cost, by kind of row: measured where a pass had one kind, or one is known. */
static void account(struct scheduler *s, int n, double seconds)
{
    double prompt = 0, write = 0, ms = 1000 * seconds;
    for (int i = 0; i < n; i++) {
        const struct queue_entry *x = &s->in_pass[i]->entry;
        *(x->prompt ? &prompt : &write) += (double)x->rows;
    }
    double known = prompt > 0 ? ms - write * s->write_ms : ms;
    double *rate = prompt > 0 ? &s->prompt_ms : &s->write_ms, count = prompt > 0 ? prompt : write;
    bool first = s->counts.passes < 2;
    if (known > 0) *rate += (known / count - *rate) * (first ? 1 : 0.05);
    double all = prompt * s->prompt_ms + write * s->write_ms;
    s->counts.busy_seconds += seconds;
    s->counts.prompt_seconds += all > 0 ? seconds * prompt * s->prompt_ms / all : 0;
    s->counts.write_seconds += all > 0 ? seconds * write * s->write_ms / all : 0;
    s->counts.passes++;
    for (int i = 0; i < n; i++) {
        struct job *j = s->in_pass[i];
        double memory = ms * j->s->n_pages / s->dec->pages.n; /* of the cache that others cannot have meanwhile */
        if (s->o.prompt_cost > 0) memory = 0;
        fair_charge(s->fair, j->entry.account, (double)j->entry.rows * scheduler_cost(s, j->entry.prompt > 0) + memory);
    }
}

/* ---- drawing ---- */

static void draw_task(void *ctx, int64_t task, int worker)
{
    struct scheduler *s = ctx;
    struct draw *d = &s->draws[task];
    struct job *j = d->j;
    const struct engine *en = s->dec->en;
    char *scratch = (char *)s->scratch + (size_t)worker * draw_scratch_bytes(en->net.config.vocab);
    d->rc = writer_draw(&j->w, &d->id, j->s->logits, j->ids, j->n, scratch, &d->e);
    if (!d->rc && j->p.logprobs)
        sample_logprobs(&en->ks, j->s->logits, j->w.vocab, d->id, &d->logprob, d->top, (int)min_i64(j->p.n_top, DRAW_MOST_TOP),
                        scratch);
}

static int on_event(void *ctx, const struct chat_event *ev, struct err *e)
{
    struct job *j = ctx;
    return j->sink.event ? j->sink.event(j->sink.ctx, j, ev, e) : OK;
}

/* The prompt was read for the first time. */
static int begin_writing(struct scheduler *s, struct job *j, struct err *e)
{
    j->writing = true;
    j->wrote = clock_seconds();
    return writer_begin(&j->w, s->dec->en, &j->p.writer, (struct writer_sink){on_event, j}, j->prompt, e);
}

/* The token that was drawn: its events, and what follows from it. */
static int take(struct scheduler *s, const struct draw *d, struct err *e)
{
    struct job *j = d->j;
    struct job_token t = {.id = d->id, .known = j->p.logprobs, .logprob = d->logprob, .top = d->top,
                          .n_top = (int)min_i64(j->p.n_top, DRAW_MOST_TOP)};
    t.thinking = j->w.parser && chat_parser_thinking(j->w.parser);
    if (j->sink.token) TRY(j->sink.token(j->sink.ctx, j, &t, e));
    int64_t before = j->w.tokens;
    TRY(writer_feed(&j->w, d->id, e));
    s->counts.answer_tokens += j->w.tokens - before;
    if (j->w.done) return OK;
    if (j->n == j->most) writer_stop(&j->w, STOP_CONTEXT);
    else j->ids[j->n++] = d->id;
    return OK;
}

/* The answer is whole, or failed. */
static void finish(struct scheduler *s, struct job *j, int rc, struct err *e)
{
    if (!rc) rc = writer_end(&j->w, e);
    if (rc) scheduler_end(s, j, JOB_FAILED, e);
    else scheduler_end(s, j, JOB_ANSWERED, NULL);
}

static void draw_all(struct scheduler *s, int n)
{
    int draws = 0;
    for (int i = 0; i < n; i++) {
        struct job *j = s->in_pass[i];
        struct err e;
        int rc = OK;
        if (s->pieces[i].logits && !j->writing) rc = begin_writing(s, j, &e);
        if (rc) finish(s, j, rc, &e);
        else if (s->pieces[i].logits) s->draws[draws++].j = j;
        else if (j->sink.read && !j->writing && (rc = j->sink.read(j->sink.ctx, j, &e))) finish(s, j, rc, &e);
    }
    pool_for(s->dec->en->pool, draws, draw_task, s);
    for (int i = 0; i < draws; i++) {
        struct draw *d = &s->draws[i];
        int rc = d->rc ? d->rc : take(s, d, &d->e);
        if (rc || d->j->w.done) finish(s, d->j, rc, &d->e);
    }
}

int scheduler_step(struct scheduler *s, bool *worked, struct err *e)
{
    int rc = OK;
    *worked = false;
    drop(s);
    if (!s->jobs || plan(s, e, &rc) == 0) return rc;
    int n = make_room(s);
    if (n == 0) return OK;
    double t0 = clock_seconds();
    TRY(decoder_eval(s->dec, s->pieces, n, e));
    account(s, n, clock_seconds() - t0);
    draw_all(s, n);
    *worked = true;
    return OK;
}
