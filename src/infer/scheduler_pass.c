/* One step: who gets rows, the pass, the tokens that are drawn from it. */
#include "base/checked.h"
#include "infer/guess.h"
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
                    now - j->came, j->p.deadline);
            scheduler_end(s, j, JOB_LATE, &e);
        }
    }
}

/* Every row of its prompt says how likely the token after it was. */
static bool told_rows(const struct job *j) { return j->p.scores && j->p.logprobs && !j->writing; }

/* Tokens that those who write are likely to write next, where it pays to look. They lie behind the job's own. */
static void guess(struct scheduler *s, int64_t writers)
{
    int64_t room = s->dec->most_logits - s->dec->slots;
    double rows = (double)writers;
    for (int i = 0; i < s->n_jobs; i++) {
        struct job *j = s->order[i]->user;
        double luck = j->luck;
        if (j->entry.held || j->entry.prompt || s->o.no_guesses || j->p.no_guesses) continue;
        int64_t most = min_i64(min_i64(MOST_GUESSES, room), j->most - j->n), k = 0;
        int64_t n = guess_lookup(j->ids + j->n, most, j->ids, j->n);
        j->guessed = n > 0;
        for (; k < n && (s->o.always_guess || guess_pays(&s->line, rows, luck)); k++) {
            luck *= j->luck;
            rows++;
        }
        j->entry.draft = k;
        room -= k;
    }
}

/* Sorts the jobs, gives parts of the cache out, and decides about rows. */
static int64_t plan(struct scheduler *s, struct err *e, int *rc)
{
    struct queue_limits l = {.rows = s->dec->rows, .prompt_rows = s->o.prompt_rows, .entries = s->dec->slots};
    size_t n = 0;
    int64_t writers = 0;
    for (struct job *j = s->jobs; j; j = j->next) {
        j->entry.held = true;
        s->order[n++] = &j->entry;
    }
    queue_plan(s->order, n, &l); /* for the order */
    *rc = scheduler_begin(s, e);
    scheduler_fetch(s);
    for (size_t i = 0; i < n; i++) {
        struct job *j = s->order[i]->user;
        int64_t left = j->s ? j->n - j->s->n : 0;
        j->entry.held = !j->s || j->paused || j->cancelled || j->fetching;
        j->entry.prompt = j->writing && left == 1 ? 0 : left;
        j->entry.most = told_rows(j) ? s->dec->most_logits : 0;
        j->entry.draft = 0;
        writers += !j->entry.held && j->entry.prompt == 0;
    }
    guess(s, min_i64(writers, s->dec->slots));
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
        if (lacks <= s->dec->pages.n_free || scheduler_give(s, lacks)) break;
        const struct job *first = s->order[0]->user;
        if (!scheduler_preempt(s, first)) break;
    }
    int n = 0;
    int64_t logits = s->dec->most_logits;
    for (int i = 0; i < s->n_jobs; i++) {
        struct job *j = s->order[i]->user;
        int64_t rows = j->entry.rows, wanted;
        if (!j->s || !rows) continue;
        if (told_rows(j)) rows = min_i64(rows, logits - (s->dec->slots - n - 1)); /* a row is left for every other */
        if (rows <= 0) continue;
        wanted = told_rows(j) ? rows : j->entry.prompt == 0 ? rows : j->s->n + rows == j->n;
        logits -= wanted;
        j->entry.rows = rows;
        s->in_pass[n] = j;
        s->pieces[n++] = (struct piece){.s = j->s, .ids = j->ids + j->s->n, .n = rows, .logits = wanted,
                                        .sum = j->writing ? NULL : j->p.sum};
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
    if (prompt == 0) pass_line_add(&s->line, write, seconds);
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

static void draw_one(struct scheduler *s, struct draw *d, const float *logits, int worker)
{
    struct job *j = d->j;
    const struct engine *en = s->dec->en;
    char *scratch = (char *)s->scratch + (size_t)worker * draw_scratch_bytes(en->net.config.vocab);
    d->rc = writer_draw(&j->w, &d->id, logits, j->ids, j->n, scratch, &d->e);
    if (!d->rc && j->p.logprobs)
        sample_logprobs(&en->ks, logits, j->w.vocab, d->id, &d->logprob, d->top, (int)min_i64(j->p.n_top, SCHEDULER_TOP),
                        scratch);
}

static void draw_task(void *ctx, int64_t task, int worker)
{
    struct scheduler *s = ctx;
    struct draw *d = &s->draws[task];
    draw_one(s, d, decoder_logits(s->dec, d->row), worker);
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

/* One token more: its events. */
static int write_token(struct scheduler *s, const struct draw *d, struct err *e)
{
    struct job *j = d->j;
    struct job_token t = {.id = d->id, .known = j->p.logprobs, .logprob = d->logprob, .top = d->top,
                          .n_top = (int)min_i64(j->p.n_top, SCHEDULER_TOP)};
    t.thinking = j->w.parser && chat_parser_thinking(j->w.parser);
    if (j->sink.token) TRY(j->sink.token(j->sink.ctx, j, &t, e));
    int64_t before = j->w.tokens;
    TRY(writer_feed(&j->w, d->id, e));
    s->counts.answer_tokens += j->w.tokens - before;
    return OK;
}

/* The token that was drawn, and as many more as were guessed rightly: the logits after each of them are there. */
static int take(struct scheduler *s, struct draw *d)
{
    struct job *j = d->j;
    struct err *e = &d->e;
    for (int64_t i = 0;; i++) {
        bool looked = i < d->guesses || (i == 0 && j->guessed), right = looked && j->n < j->most && j->ids[j->n] == d->id;
        if (looked) j->luck += 0.1 * ((right ? 1 : 0) - j->luck);
        TRY(write_token(s, d, e));
        if (!j->w.done && j->n == j->most) writer_stop(&j->w, STOP_CONTEXT);
        if (j->w.done) break;
        j->ids[j->n++] = d->id;
        if (!right || i >= d->guesses) break;
        j->kept++;
        s->counts.kept++;
        TRY(writer_prepare(&j->w, e));
        draw_one(s, d, decoder_logits(s->dec, d->row + i + 1), 0);
        if (d->rc) return d->rc;
    }
    j->drafted += d->guesses;
    s->counts.drafted += d->guesses;
    session_rewind(j->s, j->n - 1);
    return OK;
}

/* The answer is whole, or failed. */
static void finish(struct scheduler *s, struct job *j, int rc, struct err *e)
{
    if (!rc) rc = writer_end(&j->w, e);
    if (rc) scheduler_end(s, j, JOB_FAILED, e);
    else scheduler_end(s, j, JOB_ANSWERED, NULL);
}

/* Tokens of the prompt, up to the one after row `end`; the first logits of the piece are those of row `from`. */
static int tell_prompt(struct scheduler *s, struct job *j, int64_t from, int64_t end, int64_t logits, struct err *e)
{
    struct sample_top top[SCHEDULER_TOP];
    int n_top = (int)min_i64(j->p.n_top, SCHEDULER_TOP);
    for (int64_t at = j->told; at < j->prompt && at <= end; at++, j->told++) {
        struct job_token t = {.id = j->ids[at], .of_prompt = true, .known = at > 0 && j->p.logprobs, .top = top};
        if (t.known) {
            t.n_top = n_top;
            sample_logprobs(&s->dec->en->ks, decoder_logits(s->dec, logits + at - 1 - from), j->w.vocab, t.id, &t.logprob,
                            top, n_top,
                            s->scratch);
        }
        if (j->sink.token) TRY(j->sink.token(j->sink.ctx, j, &t, e));
    }
    return OK;
}

/* What a piece of a prompt leads to; *draws: a token is drawn from its last row. */
static int after_prompt(struct scheduler *s, struct job *j, const struct piece *p, int64_t row, bool *draws, struct err *e)
{
    bool whole = j->s->n == j->n, first = !j->writing;
    *draws = false;
    if (first && whole) TRY(begin_writing(s, j, e));
    if (j->p.scores && first) {
        if (!j->w.vocab) j->w.vocab = min_i64(tokenizer_vocab(s->dec->en->tok), s->dec->en->net.config.vocab);
        TRY(tell_prompt(s, j, j->s->n - p->n, j->p.logprobs ? j->s->n : j->prompt, row, e));
    }
    if (j->sink.read && first) TRY(j->sink.read(j->sink.ctx, j, e));
    if (!whole) return OK;
    *draws = !j->p.only_prompt;
    if (*draws) return writer_prepare(&j->w, e);
    writer_stop(&j->w, STOP_LENGTH);
    return OK;
}

static void draw_all(struct scheduler *s, int n)
{
    int draws = 0;
    int64_t row = 0;
    for (int i = 0; i < n; i++) {
        struct job *j = s->in_pass[i];
        const struct piece *p = &s->pieces[i];
        struct err e;
        bool drawn = true;
        int rc = j->entry.prompt ? after_prompt(s, j, p, row, &drawn, &e) : writer_prepare(&j->w, &e);
        if (rc || (!drawn && j->w.done)) finish(s, j, rc, &e);
        else if (drawn && j->entry.prompt) s->draws[draws++] = (struct draw){.j = j, .row = row + p->logits - 1};
        else if (drawn) s->draws[draws++] = (struct draw){.j = j, .row = row, .guesses = p->n - 1};
        row += p->logits;
    }
    pool_for(s->dec->en->pool, draws, draw_task, s);
    for (int i = 0; i < draws; i++) {
        struct draw *d = &s->draws[i];
        int rc = d->rc ? d->rc : take(s, d);
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
    for (struct job *j = s->jobs; j; j = j->next) scheduler_keep(s, j, false);
    *worked = true;
    return OK;
}
