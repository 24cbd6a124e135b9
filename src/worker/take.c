/* What comes from the front: turns become jobs, or are answered at once. */
#include <stddef.h>
#include <string.h>
#include "base/checked.h"
#include "base/mem.h"
#include "sys/entropy.h"
#include "worker/inside.h"

struct request *worker_find(struct worker *w, uint64_t turn)
{
    struct request *r = w->requests;
    while (r && r->turn.id != turn) r = r->next;
    return r;
}

void request_free(struct request *r)
{
    struct request **at = &r->w->requests;
    while (*at && *at != r) at = &(*at)->next;
    if (*at) *at = r->next;
    turn_free(&r->turn);
    tokens_free(&r->ids);
    mem_free(r->stops);
    mem_free(r->sum);
    shape_drop(r);
    mem_free(r);
}

/* ---- sampling ---- */

static void over(double *to, double from)
{
    if (from >= 0) *to = from;
}

/* What the request leaves open is the model's business. */
static int read_sampling(struct request *r, struct writer_params *p, struct err *e)
{
    const struct turn *t = &r->turn;
    struct turn_sampling *s = &r->turn.sampling;
    engine_sampling(&r->w->en, &p->sample);
    over(&p->sample.temp, s->temperature);
    over(&p->sample.top_p, s->top_p);
    over(&p->sample.min_p, s->min_p);
    over(&p->sample.repeat, s->repeat);
    if (s->top_k >= 0) p->sample.top_k = s->top_k;
    if (s->repeat_window >= 0) p->sample.repeat_window = s->repeat_window;
    p->sample.presence = s->presence;
    p->sample.frequency = s->frequency;
    p->sample.bias = (const struct sample_bias *)(const void *)t->bias;
    p->sample.n_bias = t->n_bias;
    if (!s->seeded) TRY(entropy(&s->seed, sizeof s->seed, e));
    s->seed &= s->seeded ? UINT64_MAX : (UINT64_C(1) << 53) - 1; /* JSON keeps such numbers exact */
    p->sample.seed = s->seed;
    return sample_check(&p->sample, "the request", e);
}
_Static_assert(sizeof(struct turn_bias) == sizeof(struct sample_bias) && offsetof(struct turn_bias, add) ==
               offsetof(struct sample_bias, add), "one layout: biases are handed on as they are");

static int read_params(struct request *r, struct job_params *p, struct err *e)
{
    const struct turn *t = &r->turn;
    *p = (struct job_params){.weight = t->weight, .priority = t->priority, .deadline = (double)t->deadline_ms / 1000,
                             .ids = r->ids.ids, .n = (int64_t)r->ids.n, .logprobs = t->want_logprobs,
                             .n_top = (int)max_i64(0, min_i64(t->top_logprobs, SCHEDULER_TOP)),
                             .scores = t->echo && (t->want_logprobs || t->want_ids),
                             .only_prompt = t->max_tokens == 0 || t->kind == TURN_EMBED,
                             .no_guesses = t->no_speculation, .no_cache = t->no_cache};
    p->name[FAIR_TENANT] = (struct fair_name){t->tenant.s, t->tenant.len};
    p->name[FAIR_USER] = (struct fair_name){t->user.s, t->user.len};
    p->name[FAIR_SESSION] = (struct fair_name){t->session.s, t->session.len};
    struct writer_params *w = &p->writer;
    TRY(read_sampling(r, w, e));
    w->max_tokens = max_i64(0, t->max_tokens);
    w->min_tokens = t->min_tokens;
    w->max_thinking = max_i64(0, t->max_thinking);
    w->ignore_end = t->ignore_end;
    w->grammar = r->shape ? r->shape->matcher : NULL;
    w->stop_ids = t->stop_ids;
    w->n_stop_ids = t->n_stop_ids;
    if (t->kind == TURN_CHAT) {
        w->form = r->w->en.chat.form;
        w->request = &r->turn.chat;
    }
    if (!t->n_stops) return OK;
    r->stops = mem_array(t->n_stops, sizeof *r->stops);
    if (!r->stops) FAIL(e, ERR_MEMORY, "out of memory for %zu strings", t->n_stops);
    for (size_t i = 0; i < t->n_stops; i++) r->stops[i] = t->stops[i].s ? t->stops[i].s : "";
    w->stops = r->stops;
    w->n_stops = t->n_stops;
    return OK;
}

/* ---- answers ---- */

static int too_long(const struct request *r, struct err *e)
{
    char text[160];
    struct turn_event ev = {.turn = r->turn.id, .kind = TURN_EV_ERROR, .error = TURN_TOO_LONG,
                            .usage.prompt = (int64_t)r->ids.n,
                            .limit = min_i64(r->w->dec.context, (int64_t)r->w->dec.pages.n * PAGE_ROWS)};
    snprintf(text, sizeof text, "the prompt has %zu tokens, and the context holds %lld, the answer included", r->ids.n,
             (long long)ev.limit);
    ev.text = (struct turn_text){text, strlen(text)};
    return tell(r->w, &ev, e);
}

static int begin_job(struct request *r, enum turn_error *kind, bool *told, struct err *why, struct err *e)
{
    struct worker *w = r->w;
    struct job_params p;
    struct job_sink sink = request_sink(r);
    double wait = 0;
    *kind = TURN_BAD;
    TRY(shape_make(r, kind, why));
    TRY(read_params(r, &p, why));
    if (r->turn.kind == TURN_EMBED) {
        p.sum = r->sum = mem_array((size_t)w->en.net.config.dim, sizeof *r->sum);
        if (!r->sum) FAIL(why, ERR_MEMORY, "out of memory for an embedding");
    }
    if (p.n >= min_i64(w->dec.context, (int64_t)w->dec.pages.n * PAGE_ROWS) || p.n == 0) {
        *told = p.n > 0;
        if (*told) return too_long(r, e);
        FAIL(why, ERR_USAGE, "the prompt is empty: there is nothing to continue from");
    }
    int rc = scheduler_add(&w->sched, &r->job, &p, &sink, &wait, why);
    if (!rc) {
        struct turn_event ev = {.turn = r->turn.id, .kind = TURN_EV_ACCEPTED, .usage.prompt = p.n, .usage.dropped = r->dropped,
                                .seed = r->turn.sampling.seed};
        TRY(tell(w, &ev, e));
        return r->turn.echo ? tell_text(r, r->ids.ids, r->ids.n, e, e) : OK;
    }
    if (wait > 0) {
        struct turn_event ev = {.turn = r->turn.id, .kind = TURN_EV_ERROR, .error = TURN_QUEUE_FULL, .retry_ms = (int64_t)wait,
                                .text = {why->msg, strlen(why->msg)}};
        *told = true;
        return tell(w, &ev, e);
    }
    *kind = rc == ERR_MEMORY ? TURN_BROKEN : TURN_BAD;
    return rc;
}

static int done_at_once(struct request *r, struct err *e)
{
    struct turn_event ev = {.turn = r->turn.id, .kind = TURN_EV_DONE, .reason = TURN_END, .usage.prompt = (int64_t)r->ids.n,
                            .usage.dropped = r->dropped};
    return tell(r->w, &ev, e);
}

/* The text that the model would see, markers spelled. */
static int render(struct request *r, struct err *why, struct err *e)
{
    struct buf b = {0};
    int rc = chat_form_text(r->w->en.chat.form, &r->turn.chat, &b, why);
    if (!rc) rc = buf_check(&b, "a prompt", why);
    struct turn_event ev = {.turn = r->turn.id, .kind = TURN_EV_TEXT, .text = {b.data, b.len}};
    int told = rc ? OK : tell(r->w, &ev, e);
    buf_free(&b);
    return rc ? rc : told;
}

/* Every token with its bytes. */
static int tell_pieces(struct request *r, struct err *e)
{
    for (size_t i = 0; i < r->ids.n; i++) {
        struct turn_event ev = {.turn = r->turn.id, .kind = TURN_EV_TOKEN, .token = {.id = r->ids.ids[i], .of_prompt = true}};
        ev.token.bytes.s = tokenizer_bytes(r->w->en.tok, r->ids.ids[i], &ev.token.bytes.len);
        if (!ev.token.bytes.s) ev.token.bytes = (struct turn_text){"", 0};
        TRY(tell(r->w, &ev, e));
    }
    return OK;
}

/* Turns that need no evaluation. *told: an event has said what was wrong; rc then is of the process. */
static int answer_at_once(struct request *r, struct err *why, struct err *e)
{
    if (r->turn.kind == TURN_RENDER) TRY(render(r, why, e));
    if (r->turn.kind == TURN_DETOKENIZE) TRY(tell_text(r, r->turn.prompt_ids, r->turn.n_prompt_ids, why, e));
    if (r->turn.kind == TURN_TOKENIZE && r->turn.want_ids) TRY(tell_pieces(r, e));
    if (r->turn.kind == TURN_TOKENIZE || r->turn.kind == TURN_RENDER) {
        struct turn_event ev = {.turn = r->turn.id, .kind = TURN_EV_IDS, .ids = r->ids.ids, .n_ids = r->ids.n};
        TRY(tell(r->w, &ev, e));
    }
    return done_at_once(r, e);
}

/* Errors of the turn go to `why`, those of the process to e; *told: the front knows already. */
static int answer(struct request *r, enum turn_error *kind, bool *told, struct err *why, struct err *e)
{
    *kind = TURN_BAD;
    if (r->w->draining) {
        *kind = TURN_STOPPING;
        FAIL(why, ERR_INTERRUPTED, "the server is going down");
    }
    if (r->turn.kind != TURN_DETOKENIZE) TRY(prompt_make(r, kind, why));
    bool runs = r->turn.kind == TURN_CHAT || r->turn.kind == TURN_TEXT || r->turn.kind == TURN_EMBED;
    if (runs) return begin_job(r, kind, told, why, e);
    return answer_at_once(r, why, e);
}

int worker_take(struct worker *w, struct turn *t, struct err *e)
{
    struct err why = {0};
    enum turn_error kind;
    bool told = false;
    struct request *r = mem_array(1, sizeof *r);
    if (!r) {
        err_set(&why, ERR_MEMORY, __FILE__, __LINE__, "out of memory for a request");
        int rc = tell_error(w, t->id, TURN_BROKEN, &why, e);
        turn_free(t);
        return rc;
    }
    *r = (struct request){.w = w, .turn = *t, .next = w->requests};
    *t = (struct turn){0};
    w->requests = r;
    int rc = answer(r, &kind, &told, &why, e);
    if (rc && why.code) rc = told ? OK : tell_error(w, r->turn.id, kind, &why, e);
    if (!r->job) request_free(r);
    return rc;
}
