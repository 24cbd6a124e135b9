/* What goes to the front. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "autarky.h"
#include "base/mem.h"
#include "infer/state.h"
#include "model/arch.h"
#include "model/model_file.h"
#include "sys/clock.h"
#include "worker/inside.h"

int tell(struct worker *w, const struct turn_event *ev, struct err *e) { return frame_event(&w->link.out, ev, e); }

static struct turn_text text_of(const char *s) { return (struct turn_text){s, s ? strlen(s) : 0}; }

int tell_error(struct worker *w, uint64_t turn, enum turn_error kind, const struct err *why, struct err *e)
{
    struct turn_event ev = {.turn = turn, .kind = TURN_EV_ERROR, .error = kind, .text = text_of(why->msg)};
    return tell(w, &ev, e);
}

/* ---- of a job ---- */

static struct turn_usage usage_of(const struct request *r, const struct job *j)
{
    return (struct turn_usage){.prompt = j->prompt, .cached = j->cached, .answer = j->w.tokens, .reasoning = j->w.reasoning,
                               .done = j->writing ? j->prompt : j->s ? j->s->n : 0, .drafted = j->drafted,
                               .kept = j->kept, .dropped = r->dropped};
}

static struct turn_time time_of(const struct job *j)
{
    double now = clock_seconds(), end = j->ended > 0 ? j->ended : now;
    double started = j->started > 0 ? j->started : end, wrote = j->wrote > 0 ? j->wrote : end;
    return (struct turn_time){1000 * (started - j->came), 1000 * (wrote - started), 1000 * (end - wrote)};
}

static int on_read(void *ctx, struct job *j, struct err *e)
{
    struct request *r = ctx;
    if (!r->turn.want_progress) return OK;
    struct turn_event ev = {.turn = r->turn.id, .kind = TURN_EV_PROGRESS, .usage = usage_of(r, j), .time = time_of(j)};
    return tell(r->w, &ev, e);
}

static struct turn_text bytes_of(const struct engine *en, int32_t id)
{
    struct turn_text t = {"", 0};
    const char *s = tokenizer_bytes(en->tok, id, &t.len);
    if (s) t.s = s;
    else t.len = 0;
    return t;
}

static int on_token(void *ctx, struct job *j, const struct job_token *t, struct err *e)
{
    struct request *r = ctx;
    const struct engine *en = &r->w->en;
    struct turn_top top[20];
    (void)j;
    if (!r->turn.want_ids && !r->turn.want_logprobs) return OK;
    struct turn_event ev = {.turn = r->turn.id, .kind = TURN_EV_TOKEN};
    ev.token = (struct turn_token){.id = t->id, .of_prompt = t->of_prompt, .of_reasoning = t->thinking, .known = t->known,
                                   .logprob = t->logprob,
                                   .bytes = bytes_of(en, t->id), .top = top, .n_top = (size_t)t->n_top};
    for (int i = 0; i < t->n_top; i++) top[i] = (struct turn_top){t->top[i].id, t->top[i].logprob, bytes_of(en, t->top[i].id)};
    return tell(r->w, &ev, e);
}

static int on_event(void *ctx, struct job *j, const struct chat_event *c, struct err *e)
{
    struct request *r = ctx;
    struct turn_event ev = {.turn = r->turn.id, .text = {c->text, c->len}, .call = c->call, .malformed = c->malformed};
    (void)j;
    switch (c->kind) {
    case CHAT_EV_REASONING: ev.kind = TURN_EV_REASONING; break;
    case CHAT_EV_CONTENT: ev.kind = TURN_EV_TEXT; break;
    case CHAT_EV_CALL:
        ev.kind = TURN_EV_CALL;
        r->calls++;
        break;
    case CHAT_EV_ARGUMENTS: ev.kind = TURN_EV_ARGUMENTS; break;
    case CHAT_EV_CALL_END: ev.kind = TURN_EV_CALL_END; break;
    default: return OK;
    }
    bool is_call = c->kind != CHAT_EV_REASONING && c->kind != CHAT_EV_CONTENT;
    return is_call && r->turn.chat.n_tools == 0 ? OK : tell(r->w, &ev, e); /* else the call came as text */
}

static enum turn_reason reason_of(const struct request *r, const struct job *j)
{
    switch (j->w.stop) {
    case STOP_END: return r->calls && r->turn.chat.n_tools ? TURN_CALLS : TURN_END;
    case STOP_STRING: return TURN_STOP_STRING;
    case STOP_ID: return TURN_STOP_ID;
    case STOP_LENGTH: return TURN_LENGTH;
    case STOP_CONTEXT: return TURN_CONTEXT;
    case STOP_INTERRUPTED:
    case STOP_CALLER: break;
    }
    return TURN_CANCELLED;
}

int tell_text(struct request *r, const int32_t *ids, size_t n, struct err *why, struct err *e)
{
    struct buf raw = {0}, text = {0};
    struct detok d;
    detok_init(&d, r->w->en.tok, true);
    int rc = tokenizer_decode(r->w->en.tok, ids, n, true, &raw, why);
    if (!rc) detok_bytes(&d, raw.data, raw.len, &text);
    if (!rc) detok_flush(&d, &text);
    if (!rc) rc = buf_check(&text, "a text", why);
    struct turn_event ev = {.turn = r->turn.id, .kind = TURN_EV_TEXT, .text = {text.len ? text.data : "", text.len}};
    if (!rc) rc = tell(r->w, &ev, e);
    buf_free(&raw);
    buf_free(&text);
    return rc;
}

/* The mean of the hidden rows, of length 1. */
static int tell_vector(struct request *r, struct err *e)
{
    int64_t n = r->w->en.net.config.dim;
    double length = 0;
    float *v = mem_array((size_t)n, sizeof *v);
    if (!v) FAIL(e, ERR_MEMORY, "out of memory for an embedding");
    for (int64_t i = 0; i < n; i++) length += r->sum[i] * r->sum[i];
    length = sqrt(length);
    for (int64_t i = 0; i < n; i++) v[i] = length > 0 ? (float)(r->sum[i] / length) : 0;
    struct turn_event ev = {.turn = r->turn.id, .kind = TURN_EV_VECTOR, .vector = v, .n_vector = (size_t)n};
    int rc = tell(r->w, &ev, e);
    mem_free(v);
    return rc;
}

static void on_done(void *ctx, struct job *j, enum job_end how, const struct err *why)
{
    struct request *r = ctx;
    struct err e;
    struct turn_event ev = {.turn = r->turn.id, .kind = TURN_EV_DONE, .usage = usage_of(r, j), .time = time_of(j)};
    if (how == JOB_ANSWERED) {
        ev.reason = reason_of(r, j);
        ev.stop = j->w.stop_index;
    } else if (how == JOB_CANCELLED) {
        ev.reason = TURN_CANCELLED;
    } else {
        ev.kind = TURN_EV_ERROR;
        ev.error = how == JOB_LATE ? TURN_TOO_LATE : TURN_BROKEN;
        ev.text = text_of(why->msg);
    }
    r->job = NULL;
    if (how == JOB_ANSWERED && r->sum && tell_vector(r, &e)) r->w->link.out.failed = true;
    if (tell(r->w, &ev, &e)) r->w->link.out.failed = true; /* seen by the loop, which ends the process */
    request_free(r);
}

struct job_sink request_sink(struct request *r)
{
    return (struct job_sink){.read = on_read, .token = on_token, .event = on_event, .done = on_done, .ctx = r};
}

/* ---- of the whole ---- */

int tell_counts(struct worker *w, struct err *e)
{
    struct scheduler_counts c = scheduler_counts(&w->sched);
    struct turn_counts n = {.running = c.running, .waiting = c.waiting, .pages = w->dec.pages.n,
                            .pages_used = w->dec.pages.n - w->dec.pages.n_free,
                            .cache_pages = w->cache.tree.in[PREFIX_PAGE], .prompt_tokens = c.prompt_tokens,
                            .cached_tokens = c.cached_tokens, .answer_tokens = c.answer_tokens,
                            .requests = c.done + c.failed + c.cancelled, .failed = c.failed, .cancelled = c.cancelled,
                            .preempted = c.preempted, .drafted = c.drafted, .kept = c.kept,
                                    .prompt_seconds = c.prompt_seconds, .answer_seconds = c.write_seconds,
                            .busy_seconds = c.busy_seconds};
    return frame_counts(&w->link.out, &n, e);
}

static struct turn_text special_of(const struct tokenizer *t, int32_t id)
{
    struct turn_text x = {NULL, 0};
    if (id >= 0) x.s = tokenizer_bytes(t, id, &x.len);
    return x;
}

static int64_t params_of(const struct net *net)
{
    int64_t sum = 0;
    for (int i = 0; i < net->n_params; i++) sum += tensor_count(&net->params[i].t);
    return sum;
}

/* The format of most numbers. */
static const char *usual_format(const struct model_file *f)
{
    uint64_t count[DT_COUNT] = {0};
    int best = DT_F32;
    for (size_t i = 0; i < f->tf.n_tensors; i++) {
        const struct tf_tensor *t = &f->tf.tensors[i];
        uint64_t n = 1;
        for (int d = 0; t->known && d < t->nd; d++) n *= (uint64_t)t->ne[d]; /* checked when it was opened */
        if (t->known) count[t->dtype] += n;
    }
    for (int i = 0; i < DT_COUNT; i++)
        if (count[i] > count[best]) best = i;
    return formats[best].name;
}

int about_read(struct about *a, struct model_file *f, struct err *e)
{
    *a = (struct about){0};
    TRY(model_file_tensors(f, e));
    a->quant = usual_format(f);
    a->bytes = tf_file_bytes(&f->tf);
    TRY(model_name(&a->name, f, e));
    struct err ignored;
    if (model_chat_templates(&a->templates, f, &ignored)) chat_templates_free(&a->templates); /* engine_open tells about it */
    return OK;
}

void about_free(struct about *a)
{
    chat_templates_free(&a->templates);
    mem_free(a->name);
    *a = (struct about){0};
}

/* Of what decides bits. */
static int hash_of(unsigned char out[32], const struct engine *en, struct err *e)
{
    struct state_key key;
    char hex[SHA256_HEX];
    TRY(state_key(&key, en, e));
    TRY(sha256_of(&key, sizeof key, hex, e));
    for (int i = 0; i < 32; i++) {
        char digits[3] = {hex[2 * i], hex[2 * i + 1], 0};
        out[i] = (unsigned char)strtoul(digits, NULL, 16);
    }
    return OK;
}

int tell_model(struct worker *w, const struct about *a, struct err *e)
{
    const struct engine *en = &w->en;
    const struct config *c = &en->net.config;
    struct sample_params p;
    struct buf how = {0};
    char build[160];
    engine_sampling(en, &p);
    snprintf(build, sizeof build, "autarky %s, %s", AUTARKY_VERSION, engine_compute_name(en));
    if (en->chat.form) chat_form_describe(en->chat.form, &how);
    const char *base = strrchr(en->path, '/');
    struct turn_model m = {.name = text_of(a->name ? a->name : base ? base + 1 : en->path), .quant = text_of(a->quant),
                           .template_text = text_of(chat_templates_find(&a->templates, "default")), .bytes = (int64_t)a->bytes,
                           .path = text_of(en->path),
                           .arch = text_of(c->arch->gguf),
                           .form = text_of(en->chat.form ? chat_form_name(en->chat.form) : NULL), .build = text_of(build),
                           .form_how = {how.data, how.len}, .bos = special_of(en->tok, tokenizer_bos(en->tok)),
                           .eos = special_of(en->tok, tokenizer_eos(en->tok)), .context = w->dec.context,
                           .model_context = en->model_context, .vocab = c->vocab, .width = c->dim, .layers = c->layers,
                           .slots = w->sched.o.sessions, .pages = w->dec.pages.n, .page_rows = PAGE_ROWS,
                           .params = params_of(&en->net), .chats = en->chat.form != NULL,
                           .tools = en->chat.form && chat_form_has_tools(en->chat.form),
                           .thinks = en->chat.form && chat_form_may_think(en->chat.form),
                           .thinks_always = en->chat.form && chat_form_always_thinks(en->chat.form),
                           .infill = prompt_can_infill(en->tok),
                           .temperature = p.temp, .top_p = p.top_p, .min_p = p.min_p, .repeat = p.repeat, .top_k = p.top_k};
    int rc = buf_check(&how, "a description", e);
    if (!rc) rc = hash_of(m.hash, en, e);
    if (!rc) rc = frame_model(&w->link.out, &m, e);
    buf_free(&how);
    return rc;
}
