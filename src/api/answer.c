/* An answer under way: from events to a reply. What is sent in which dialect is said by the route's voice. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/json.h"
#include "api/inside.h"
#include "base/checked.h"
#include "base/mem.h"

/* ---- heads ---- */

void api_header_add(struct api_answer *a, const char *name, const char *fmt, ...)
{
    if (a->n_headers == ARRAY_LEN(a->header)) return;
    struct api_header *h = &a->header[a->n_headers++];
    va_list ap;
    h->name = name;
    va_start(ap, fmt);
    vsnprintf(h->value, sizeof h->value, fmt, ap);
    va_end(ap);
}

static void begin_reply(struct api_answer *a, int status, const char *type)
{
    if (a->begun) return;
    a->begun = true;
    a->status = status;
    a->type = type;
    api_header_add(a, "x-request-id", "%s", a->id);
    if (a->dialect == API_ANTHROPIC) api_header_add(a, "request-id", "%s", a->id);
    if (a->work && a->work->ignored.n) api_header_add(a, "x-autarky-ignored", "%s", a->work->ignored.text);
    if (a->work && a->work->clamped.n) api_header_add(a, "x-autarky-clamped", "%s", a->work->clamped.text);
}

void api_begin_stream(struct api_answer *a)
{
    if (a->begun) return;
    begin_reply(a, 200, a->route->voice->stream_type);
    api_header_add(a, "cache-control", "no-cache");
    api_header_add(a, "x-accel-buffering", "no");
}

void api_reply(struct api_answer *a, int status, const char *type)
{
    begin_reply(a, status, type);
    a->ended = true;
}

/* ---- what dialects share ---- */

int64_t api_seconds(const struct api_answer *a) { return a->created / 1000000000; }

void api_random_id(struct api_answer *a, const char *prefix, char *out, size_t room)
{
    unsigned char r[12];
    a->env->random(a->env->ctx, r, sizeof r);
    size_t len = (size_t)snprintf(out, room, "%s", prefix);
    for (size_t i = 0; i < sizeof r && len + 2 < room; i++)
        len += (size_t)snprintf(out + len, room - len, "%02x", r[i]);
}

struct jw api_sse(struct buf *out, const char *event)
{
    if (event) buf_printf(out, "event: %s\n", event);
    buf_add_str(out, "data: ");
    return (struct jw){.b = out};
}

void api_sse_end(struct jw *w) { buf_add_str(w->b, "\n\n"); }

void api_comment(struct api_answer *a, struct buf *out)
{
    (void)a;
    buf_add_str(out, ": keep-alive\n\n");
}

struct turn_usage api_usage(const struct api_answer *a)
{
    struct turn_usage u = {0};
    for (size_t i = 0; i < a->n_turns; i++) {
        const struct api_choice *c = &a->work->choice[i];
        if (i == 0 || c->prompt != c[-1].prompt) {
            u.prompt += c->usage.prompt;
            u.cached += c->usage.cached;
            u.dropped += c->usage.dropped;
        }
        u.answer += c->usage.answer;
        u.reasoning += c->usage.reasoning;
        u.drafted += c->usage.drafted;
        u.kept += c->usage.kept;
    }
    return u;
}

struct turn_time api_time(const struct api_answer *a)
{
    struct turn_time t = {0};
    for (size_t i = 0; i < a->n_turns; i++) {
        const struct turn_time *x = &a->work->choice[i].time;
        if (x->queue_ms > t.queue_ms) t.queue_ms = x->queue_ms;
        if (x->prompt_ms > t.prompt_ms) t.prompt_ms = x->prompt_ms;
        if (x->answer_ms > t.answer_ms) t.answer_ms = x->answer_ms;
    }
    return t;
}

int api_turns(struct api_answer *a, size_t n)
{
    struct api_work *w = a->work;
    size_t each = w->wish.n > 0 ? (size_t)w->wish.n : 1;
    if (n == 0 || n > API_MOST_TURNS)
        return api_bad(a, "asks for %zu answers at once, expected 1 to %d", n, API_MOST_TURNS);
    a->turn = api_new(a, n, sizeof *a->turn);
    w->choice = api_new(a, n, sizeof *w->choice);
    if (!a->turn || !w->choice) return api_no_memory(a);
    for (size_t i = 0; i < n; i++) {
        a->turn[i] = w->base;
        a->turn[i].sampling.seed += i % each;
        w->choice[i].prompt = i / each;
    }
    a->n_turns = n;
    a->stream = w->wish.stream;
    a->task = API_TURNS;
    return OK;
}

/* ---- what comes is kept ---- */

static void *grown(void *v, size_t n, size_t *cap, size_t size, bool *failed)
{
    if (n < *cap) return v;
    size_t to = *cap ? 2 * *cap : 16;
    void *p = mem_grow(v, *cap * size, to * size);
    if (!p) *failed = true;
    else *cap = to;
    return p ? p : v;
}

static void keep(struct api_work *w, struct buf *b, struct turn_text t)
{
    if (t.len == 0) return;
    w->kept += t.len;
    buf_add(b, t.s, t.len);
}

static bool keep_token(struct api_work *w, struct api_tokens *l, const struct turn_token *t)
{
    bool failed = false;
    l->v = grown(l->v, l->n, &l->cap, sizeof *l->v, &failed);
    if (failed) return false;
    struct api_token *k = &l->v[l->n];
    *k = (struct api_token){.id = t->id,
                            .of_prompt = t->of_prompt,
                            .of_reasoning = t->of_reasoning,
                            .known = t->known,
                            .logprob = t->logprob,
                            .at = l->bytes.len,
                            .len = t->bytes.len,
                            .top = l->n_top};
    keep(w, &l->bytes, t->bytes);
    for (size_t i = 0; i < t->n_top; i++) {
        l->top = grown(l->top, l->n_top, &l->cap_top, sizeof *l->top, &failed);
        if (failed) return false;
        const struct turn_top *x = &t->top[i];
        l->top[l->n_top++] =
            (struct api_top){.id = x->id, .logprob = x->logprob, .at = l->bytes.len, .len = x->bytes.len};
        keep(w, &l->bytes, x->bytes);
    }
    k->n_top = t->n_top;
    w->kept += sizeof *k + t->n_top * sizeof *l->top;
    l->n++;
    return true;
}

static bool keep_call(struct api_answer *a, struct api_choice *c, const struct turn_event *ev)
{
    bool failed = false;
    char id[API_ID + 8];
    if (ev->call < 0 || (size_t)ev->call != c->n_calls || c->n_calls >= 1024) return false;
    c->calls = grown(c->calls, c->n_calls, &c->cap_calls, sizeof *c->calls, &failed);
    if (failed) return false;
    struct api_call *k = &c->calls[c->n_calls++];
    *k = (struct api_call){0};
    keep(a->work, &k->name, ev->text);
    keep(a->work, &k->id, ev->id);
    if (k->id.len > 0) return true;
    api_random_id(a, "call_", id, sizeof id);
    buf_add_str(&k->id, id);
    return true;
}

/* False: the event makes no sense, or memory ran out. */
static bool keep_event(struct api_answer *a, struct api_choice *c, const struct turn_event *ev)
{
    struct api_work *w = a->work;
    struct api_call *call = ev->call >= 0 && (size_t)ev->call < c->n_calls ? &c->calls[ev->call] : NULL;
    switch (ev->kind) {
    case TURN_EV_ACCEPTED:
        c->accepted = true;
        c->usage = ev->usage;
        c->seed = ev->seed;
        break;
    case TURN_EV_PROGRESS:
        c->usage = ev->usage;
        c->time = ev->time;
        break;
    case TURN_EV_TOKEN:
        return keep_token(w, &c->tokens, &ev->token);
    case TURN_EV_REASONING:
        keep(w, &c->reasoning, ev->text);
        break;
    case TURN_EV_TEXT:
        keep(w, &c->text, ev->text);
        break;
    case TURN_EV_CALL:
        return keep_call(a, c, ev);
    case TURN_EV_ARGUMENTS:
        if (!call || call->ended) return false;
        keep(w, &call->arguments, ev->text);
        break;
    case TURN_EV_CALL_END:
        if (!call || call->ended) return false;
        call->ended = true;
        call->empty = call->arguments.len == 0;
        if (call->empty) buf_add_str(&call->arguments, "{}");
        call->malformed = ev->malformed;
        break;
    case TURN_EV_IDS:
        w->kept += ev->n_ids * sizeof *ev->ids;
        if (ev->n_ids) buf_add(&c->ids, ev->ids, ev->n_ids * sizeof *ev->ids);
        break;
    case TURN_EV_VECTOR:
        w->kept += ev->n_vector * sizeof *ev->vector;
        if (ev->n_vector) buf_add(&c->vector, ev->vector, ev->n_vector * sizeof *ev->vector);
        break;
    case TURN_EV_DONE:
        c->done = true;
        c->reason = ev->reason;
        c->stop = ev->stop;
        c->usage = ev->usage;
        c->time = ev->time;
        w->n_done++;
        break;
    case TURN_EV_ERROR:
        break;
    }
    return !c->text.failed && !c->reasoning.failed && !c->ids.failed && !c->vector.failed && w->kept <= API_MOST_ANSWER;
}

/* ---- events ---- */

static void fault_of_event(struct api_answer *a, const struct turn_event *ev, struct api_fault *f)
{
    static const enum api_fault_kind kinds[] = {
        [TURN_BAD] = API_F_BAD,
        [TURN_TOO_LONG] = API_F_TOO_LONG,
        [TURN_UNSUPPORTED] = API_F_UNSUPPORTED,
        [TURN_REFUSED] = API_F_BAD,
        [TURN_QUEUE_FULL] = API_F_QUEUE_FULL,
        [TURN_TOO_LATE] = API_F_TOO_LATE,
        [TURN_NO_MEMORY] = API_F_NO_MEMORY,
        [TURN_BROKEN] = API_F_BROKEN,
        [TURN_STOPPING] = API_F_STOPPING,
    };
    size_t e = (size_t)ev->error;
    enum api_fault_kind kind = e < ARRAY_LEN(kinds) ? kinds[e] : API_F_BROKEN;
    char param[sizeof f->param];
    snprintf(param, sizeof param, "%.*s", (int)(ev->param.len < 90 ? ev->param.len : 90),
             ev->param.s ? ev->param.s : "");
    api_fault_set(f, kind, param, "%.*s", (int)(ev->text.len < 700 ? ev->text.len : 700), ev->text.s ? ev->text.s : "");
    f->retry_ms = ev->retry_ms;
    if (kind != API_F_TOO_LONG) return;
    f->n_prompt = ev->usage.prompt;
    f->n_ctx = ev->limit;
    if (a->dialect == API_ANTHROPIC)
        snprintf(f->message, sizeof f->message, "prompt is too long: %lld tokens > %lld maximum",
                 (long long)f->n_prompt, (long long)f->n_ctx);
    else
        snprintf(f->message, sizeof f->message,
                 "This model's maximum context length is %lld tokens, but the request has %lld tokens and wants an "
                 "answer behind "
                 "them. Nothing is cut off in silence: send less, or a smaller limit of output.",
                 (long long)f->n_ctx, (long long)f->n_prompt);
}

static void broken(struct api_answer *a, const char *why, struct buf *out)
{
    struct api_fault f;
    api_fault_set(&f, API_F_BROKEN, "", "%s", why);
    api_fault(a, &f, out);
}

static void finish(struct api_answer *a, struct buf *out)
{
    const struct api_voice *v = a->route->voice;
    if (a->stream) {
        if (v->last) v->last(a, out);
        a->ended = true;
        return;
    }
    v->whole(a, out);
    api_reply(a, 200, "application/json");
}

void api_event(struct api_answer *a, size_t turn, const struct turn_event *ev, struct buf *out)
{
    struct api_fault f;
    if (a->ended || turn >= a->n_turns) return;
    struct api_choice *c = &a->work->choice[turn];
    const struct api_voice *v = a->route->voice;
    if (ev->kind == TURN_EV_ERROR) {
        fault_of_event(a, ev, &f);
        api_fault(a, &f, out);
        return;
    }
    if (c->done) return;
    if (!keep_event(a, c, ev)) {
        broken(a, "the answer could not be kept: it is too long, memory is short, or the model's process went wrong",
               out);
        return;
    }
    if (ev->kind == TURN_EV_ACCEPTED && a->work->n_accepted++ == 0) {
        a->work->accepted_at = a->env->now(a->env->ctx);
        if (a->stream) {
            api_begin_stream(a);
            if (v->first) v->first(a, out);
        }
    }
    if (a->stream && !a->work->n_accepted) {
        broken(a, "the model's process answered before it accepted", out);
        return;
    }
    if (a->stream && v->event && ev->kind != TURN_EV_ACCEPTED) v->event(a, turn, ev, out);
    if (ev->kind == TURN_EV_DONE && a->work->n_done == a->n_turns) finish(a, out);
}

void api_fault(struct api_answer *a, const struct api_fault *f, struct buf *out)
{
    if (a->ended) return;
    a->failed = true;
    a->task = API_REPLIED;
    if (a->begun && a->stream && a->route->voice->fault) {
        a->route->voice->fault(a, f, out);
        a->ended = true;
        return;
    }
    api_fault_body(a, f, out);
    if (!a->begun) {
        if (f->retry_ms > 0) api_header_add(a, "retry-after", "%lld", (long long)ceil_div(f->retry_ms, 1000));
        if (f->kind == API_F_METHOD) api_header_add(a, "allow", "%s", f->allow);
        if (f->kind == API_F_BROKEN || f->kind == API_F_NO_MEMORY) api_header_add(a, "x-should-retry", "false");
    }
    api_reply(a, api_fault_status(a, f->kind), "application/json");
}

void api_keep_alive(struct api_answer *a, struct buf *out)
{
    if (a->ended || !a->route || !a->route->voice) return;
    const struct api_voice *v = a->route->voice;
    if (a->stream) {
        api_begin_stream(a);
        if (v->alive) v->alive(a, out);
    } else if (a->work->asks_json) {
        begin_reply(a, 200, "application/json");
        buf_add_byte(out, '\n');
    }
}

static void choice_free(struct api_choice *c)
{
    buf_free(&c->text);
    buf_free(&c->reasoning);
    for (size_t i = 0; i < c->n_calls; i++) {
        buf_free(&c->calls[i].id);
        buf_free(&c->calls[i].name);
        buf_free(&c->calls[i].arguments);
    }
    mem_free(c->calls);
    mem_free(c->tokens.v);
    mem_free(c->tokens.top);
    buf_free(&c->tokens.bytes);
    buf_free(&c->vector);
    buf_free(&c->ids);
}

void api_free(struct api_answer *a)
{
    struct api_work *w = a->work;
    if (w) {
        for (size_t i = 0; i < a->n_turns; i++) choice_free(&w->choice[i]);
        buf_free(&w->items);
        json_decref(w->root);
        turn_mem_free(&w->mem);
        mem_free(w);
    }
    *a = (struct api_answer){0};
}

void api_call_object(struct jw *w, const char *key, const struct api_call *call)
{
    json_t *args = NULL;
    struct err e;
    if (!call->malformed) json_parse(&args, call->arguments.data, call->arguments.len, "arguments", &e);
    if (json_is_object(args)) {
        jw_raw(w, key, call->arguments.data, call->arguments.len);
    } else {
        jw_open(w, key, '{');
        jw_buf(w, "malformed", &call->arguments);
        jw_close(w, '}');
    }
    json_decref(args);
}
