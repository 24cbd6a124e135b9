/* One request of HTTP: the interface reads it, a worker answers its turns, the interface writes what they say. */
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "serve/inside.h"
#include "sys/clock.h"

#define KEEP_ALIVE 10.0 /* seconds without a byte */

/* ---- life ---- */

static void cancel_turns(struct ask *q)
{
    for (size_t i = 0; q->sent && i < q->a.n_turns; i++)
        if (!q->over[i]) model_control(q->model, CONTROL_CANCEL, q->serial * API_MOST_TURNS + i);
}

/* Turns that are still under way cost their key what they take until they have ended. */
static void owe(struct ask *q)
{
    struct owed *o = q->sent && q->left && q->caller.account ? mem_array(1, sizeof *o) : NULL;
    if (!o) return;
    *o = (struct owed){.next = q->f->owed, .model = q->model, .serial = q->serial, .left = q->left, .caller = q->caller};
    o->caller.counted = false;
    q->f->owed = o;
}

static void pay(struct front *f, const struct served *m, const struct turn_event *ev)
{
    struct owed **at = &f->owed;
    while (*at && (*at)->serial != ev->turn / API_MOST_TURNS) at = &(*at)->next;
    struct owed *o = *at;
    if (!o || o->model != m || (ev->kind != TURN_EV_DONE && ev->kind != TURN_EV_ERROR)) return;
    if (ev->kind == TURN_EV_DONE) gate_spend(&o->caller, &ev->usage);
    if (--o->left) return;
    *at = o->next;
    mem_free(o);
}

void asks_drop_owed(struct front *f, const struct served *m)
{
    for (struct owed **at = &f->owed, *o; (o = *at);) {
        if (m && o->model != m) {
            at = &o->next;
            continue;
        }
        *at = o->next;
        mem_free(o);
    }
}

/* How long the model is to stay, where the request says so; at most the longest that whoever runs the server allows. */
static void keep_model(struct ask *q)
{
    const struct serve_options *o = q->f->o;
    double wish = q->a.keep_alive_s < 0 ? 0 : q->a.keep_alive_s == 0 ? -1 : (double)q->a.keep_alive_s;
    if (!q->model) return;
    q->model->used = clock_seconds();
    if (!q->a.keep_alive_set || (q->caller.account && !(q->caller.key.scopes & 1u << API_MANAGE))) return;
    bool longer = o->idle_seconds > 0 && (wish == 0 || wish > o->idle_seconds);
    q->model->idle = longer ? o->idle_seconds : wish;
}

bool asks_use(const struct front *f, const struct served *m)
{
    for (const struct ask *q = f->asks; q; q = q->next)
        if (q->model == m) return true;
    for (const struct owed *o = f->owed; o; o = o->next)
        if (o->model == m) return true;
    return false;
}

static void ask_free(struct ask *q)
{
    keep_model(q);
    struct ask **at = &q->f->asks;
    while (*at && *at != q) at = &(*at)->next;
    if (*at) *at = q->next;
    owe(q);
    gate_end(&q->caller);
    mem_free(q->listed);
    if (q->opened) api_free(&q->a);
    mem_free(q->over);
    buf_free(&q->out);
    mem_free(q);
}

static void on_closed(struct http_request *r)
{
    struct ask *q = r->user;
    cancel_turns(q);
    ask_free(q);
    r->user = NULL;
}

static void pause_turns(struct ask *q, bool pause)
{
    if (q->paused == pause) return;
    q->paused = pause;
    for (size_t i = 0; q->sent && i < q->a.n_turns; i++)
        if (!q->over[i])
            model_control(q->model, pause ? CONTROL_PAUSE : CONTROL_RESUME, q->serial * API_MOST_TURNS + i);
}

static void on_drained(struct http_request *r) { pause_turns(r->user, false); }

/* ---- the reply ---- */

enum { MOST_FIELDS = 16 };

static void fields_of(struct http_field out[MOST_FIELDS], const struct api_answer *a)
{
    size_t n = 0;
    if (a->type) out[n++] = (struct http_field){"content-type", a->type};
    for (size_t i = 0; i < a->n_headers && n + 1 < MOST_FIELDS; i++)
        if (strcmp(a->header[i].name, "x-request-id") != 0) out[n++] = (struct http_field){a->header[i].name,
                a->header[i].value};
    out[n] = (struct http_field){0};
}

/* Sends what the interface has settled. False: the request is over, and q is freed. */
static bool flush(struct ask *q)
{
    struct api_answer *a = &q->a;
    struct http_field fields[MOST_FIELDS];
    if (!a->begun) return true;
    if (!q->head_sent) fields_of(fields, a);
    if (!q->head_sent && a->ended) {
        struct http_request *r = q->http;
        http_reply(r, a->status, fields, q->out.data, q->out.len);
        ask_free(q);
        return false;
    }
    if (!q->head_sent) http_stream_begin(q->http, a->status, fields);
    q->head_sent = true;
    if (q->out.len) {
        size_t waiting = http_stream_write(q->http, q->out.data, q->out.len);
        buf_clear(&q->out);
        q->last = clock_seconds();
        if (!a->ended && waiting > http_config_default.stream_high) pause_turns(q, true);
    }
    if (!a->ended) return true;
    http_stream_end(q->http);
    ask_free(q);
    return false;
}

static bool fail(struct ask *q, const struct api_fault *f)
{
    cancel_turns(q);
    q->sent = false;
    if (!q->a.ended) api_fault(&q->a, f, &q->out);
    return flush(q);
}

static bool fail_with(struct ask *q, enum api_fault_kind kind, const char *message)
{
    struct api_fault f;
    api_fault_set(&f, kind, "", "%s", message);
    return fail(q, &f);
}

/* ---- turns ---- */

/* The tenant is the key's alone; whom of its people a request is for, a key that names nobody may say. */
static void set_asker(struct turn *t, const struct key *k)
{
    t->tenant = (struct turn_text){k->tenant, strlen(k->tenant)};
    if (k->user[0]) t->user = (struct turn_text){k->user, strlen(k->user)};
    t->weight = k->weight;
    t->priority = (int32_t)k->priority;
}

static void spend(struct ask *q, const struct turn *t, const struct turn_event *ev)
{
    struct turn_usage *u = &q->used;
    bool computed = t->kind == TURN_CHAT || t->kind == TURN_TEXT || t->kind == TURN_EMBED;
    if (ev->kind != TURN_EV_DONE || !computed) return;
    u->prompt += ev->usage.prompt;
    u->cached += ev->usage.cached;
    u->answer += ev->usage.answer;
    q->time.queue_ms += ev->time.queue_ms;
    q->time.prompt_ms += ev->time.prompt_ms;
    q->time.answer_ms += ev->time.answer_ms;
    gate_spend(&q->caller, &ev->usage);
}

static void send_turns(struct ask *q)
{
    struct err e;
    q->sent = true;
    for (size_t i = 0; i < q->a.n_turns; i++) {
        struct turn *t = &q->a.turn[i];
        t->id = q->serial * API_MOST_TURNS + i;
        set_asker(t, &q->caller.key);
        int rc = model_send_turn(q->model, t, &e);
        if (!rc) continue;
        fail_with(q, rc == ERR_LIMIT ? API_F_QUEUE_FULL : API_F_BROKEN, e.msg);
        return;
    }
}

/* False: the request is over. */
static bool must_load(struct ask *q)
{
    struct err e;
    struct api_fault f;
    struct served *m = q->model;
    q->model = NULL; /* it is not in use by this one while room is made */
    int rc = model_load(m, &e);
    q->model = m;
    if (!rc) return true;
    api_fault_set(&f, rc == ERR_LIMIT ? API_F_LOADING : API_F_BROKEN, "", "%s", e.msg);
    f.retry_ms = rc == ERR_LIMIT ? 2000 : 0;
    fail(q, &f);
    return false;
}

static void run_turns(struct ask *q)
{
    q->model = models_find(q->f, q->a.model);
    q->left = q->a.n_turns;
    q->over = mem_array(q->a.n_turns ? q->a.n_turns : 1, sizeof *q->over);
    if (!q->over || !q->model) {
        fail_with(q, API_F_BROKEN, q->model ? "out of memory" : "the model is not there any more");
        return;
    }
    if (q->model->state == API_LOADED) {
        send_turns(q);
        return;
    }
    must_load(q);
}

void asks_go_on(struct served *m)
{
    for (struct ask *q = m->f->asks, *next; q; q = next) {
        next = q->next;
        if (q->model != m || q->sent) continue;
        if (q->a.task == API_LOAD) {
            api_done(&q->a, &q->out);
            flush(q);
        } else {
            send_turns(q);
        }
    }
}

void ask_event(struct served *m, const struct turn_event *ev)
{
    struct ask *q = m->f->asks;
    size_t i = (size_t)(ev->turn % API_MOST_TURNS);
    while (q && q->serial != ev->turn / API_MOST_TURNS) q = q->next;
    if (!q) pay(m->f, m, ev);
    if (!q || q->model != m || i >= q->a.n_turns || q->over[i]) return; /* of a request that is over */
    if (ev->kind == TURN_EV_DONE || ev->kind == TURN_EV_ERROR) {
        q->over[i] = true;
        q->left--;
        spend(q, &q->a.turn[i], ev);
    }
    api_event(&q->a, i, ev, &q->out);
    if (q->a.ended && q->left) cancel_turns(q); /* one failed: the others are not wanted */
    flush(q);
}

void asks_check_keys(struct front *f)
{
    for (struct ask *q = f->asks, *next; q; q = next) {
        next = q->next;
        if (q->whole && !gate_holds(&f->gate, &q->caller)) fail_with(q, API_F_NO_KEY, "the key was revoked");
    }
}

void asks_fail(struct served *m, const char *why)
{
    asks_drop_owed(m->f, m);
    for (struct ask *q = m->f->asks, *next; q; q = next) {
        next = q->next;
        if (q->model != m) continue;
        q->sent = false;
        fail_with(q, m->state == API_FAILED ? API_F_NO_MEMORY : API_F_BROKEN, why);
    }
}

/* ---- what is to be done ---- */

static void load(struct ask *q)
{
    q->model = models_find(q->f, q->a.model);
    if (!q->model) fail_with(q, API_F_BROKEN, "the model is not there any more");
    else if (must_load(q) && q->model->state == API_LOADED) {
        api_done(&q->a, &q->out);
        flush(q);
    }
}

static void unload(struct ask *q)
{
    struct served *m = models_find(q->f, q->a.model);
    if (m && m->pid) {
        model_unload(m);
        asks_fail(m, "the model was unloaded");
    }
    api_done(&q->a, &q->out);
    flush(q);
}

static bool is_tenant(const struct ask *a, const struct ask *b) { return !strcmp(a->caller.key.tenant, b->caller.key.tenant); }

/* The thinking of another request of the same tenant is to end. */
static void hurry(struct ask *q)
{
    struct ask *x = q->f->asks;
    while (x && (x == q || !x->sent || strcmp(x->a.id, q->a.name) != 0 || !is_tenant(x, q))) x = x->next;
    for (size_t i = 0; x && i < x->a.n_turns; i++)
        if (!x->over[i]) model_control(x->model, CONTROL_ANSWER, x->serial * API_MOST_TURNS + i);
    if (!x) {
        fail_with(q, API_F_NOT_FOUND, "no such request is under way");
        return;
    }
    api_done(&q->a, &q->out);
    flush(q);
}

static void go_on(struct ask *q)
{
    switch (q->a.task) {
    case API_REPLIED: flush(q); return;
    case API_TURNS: run_turns(q); return;
    case API_LOAD: load(q); return;
    case API_UNLOAD: unload(q); return;
    case API_HURRY: hurry(q); return;
    case API_PULL:
    case API_DELETE:
    case API_COPY: break;
    }
    fail_with(q, API_F_NOT_DONE, "this server does not do that; the command line does");
}

/* ---- requests ---- */

static const char *header_of(void *ctx, const char *name) { return http_header(ctx, name); }

/* Of the models only those that the key allows, as they are now. */
static bool narrow(struct ask *q)
{
    const struct api_env *all = &q->f->env;
    if (!q->caller.key.models[0]) return true;
    q->listed = mem_array(all->n_models ? all->n_models : 1, sizeof *q->listed);
    q->env = *all;
    q->env.models = q->listed;
    q->env.n_models = 0;
    for (size_t i = 0; q->listed && i < all->n_models; i++)
        if (key_allows_model(&q->caller.key, all->models[i].id)) q->listed[q->env.n_models++] = all->models[i];
    q->a.env = &q->env;
    return q->listed != NULL;
}

/* Who asks, and may they? Before the body is read. */
static bool let_in(struct ask *q, const struct api_request *head, struct api_fault *fault)
{
    struct front *f = q->f;
    struct api_fault who;
    bool there = api_open(&q->a, &f->env, head, fault);
    if (!there) { /* what is not there is nobody's business without a key */
        if (!gate_knows(&f->gate, &q->caller, head, &who)) *fault = who;
        return false;
    }
    if (!gate_let(&f->gate, &q->caller, head, q->a.scope, fault)) return false;
    if (q->a.scope == API_PUBLIC) return true;
    if (f->stopping) api_fault_set(fault, API_F_STOPPING, "", "the server is going down");
    else if (f->audit_lost) api_fault_set(fault, API_F_BROKEN, "", "the server cannot write its audit log");
    else return q->a.scope != API_ASK || gate_count(&q->caller, fault);
    return false;
}

static void on_admit(void *ctx, struct http_request *r)
{
    struct front *f = ctx;
    struct api_fault fault;
    struct ask *q = mem_array(1, sizeof *q);
    if (!q) {
        http_reply(r, 503, NULL, "{\"error\":{\"message\":\"out of memory\"}}", 37);
        return;
    }
    *q = (struct ask){.f = f, .http = r, .serial = ++f->serials, .next = f->asks, .opened = true, .last = clock_seconds()};
    f->asks = q;
    r->user = q;
    r->closed = on_closed;
    r->drained = on_drained;
    struct api_request head = {.method = http_method_names[r->method], .path = r->path, .query = r->query,
                               .header = header_of, .ctx = r};
    if (!let_in(q, &head, &fault)) fail(q, &fault);
}

static void on_handle(void *ctx, struct http_request *r)
{
    struct ask *q = r->user;
    (void)ctx;
    q->whole = true;
    bool holds = gate_holds(&q->f->gate, &q->caller);
    if (!holds || !narrow(q)) {
        fail_with(q, holds ? API_F_BROKEN : API_F_NO_KEY, holds ? "out of memory" : "the key was revoked");
        return;
    }
    api_begin(&q->a, r->body, r->body_len, &q->out);
    http_request_drop_body(r);
    go_on(q);
}

/* Every path goes to the interfaces, which know theirs. What a browser sends must be JSON: other kinds of bodies can be sent by
 * pages of other sites without asking. Programs that say nothing about themselves may leave the kind out. */
static void on_route(void *ctx, const struct http_request *r, struct http_route *route)
{
    (void)ctx;
    route->methods = HTTP_BIT(HTTP_GET) | HTTP_BIT(HTTP_POST) | HTTP_BIT(HTTP_DELETE) | HTTP_BIT(HTTP_HEAD);
    route->json = http_header(r, "origin") || http_header(r, "sec-fetch-site");
}

static void on_log(void *ctx, const struct http_done *d) { log_request(ctx, d, d->user); }

void ask_handler(struct http_handler *h, struct front *f)
{
    *h = (struct http_handler){.ctx = f, .route = on_route, .admit = on_admit, .handle = on_handle, .log = on_log};
}

void asks_tick(struct front *f, double now)
{
    for (struct ask *q = f->asks, *next; q; q = next) {
        next = q->next;
        if (!q->whole || now - q->last < KEEP_ALIVE || q->a.ended) continue;
        q->last = now;
        api_keep_alive(&q->a, &q->out);
        flush(q);
    }
}
