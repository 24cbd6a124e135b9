/* The generation loop. */
#include "infer/generate.h"
#include "base/checked.h"
#include "base/mem.h"
#include "sys/clock.h"
#include "text/detok.h"

/* One generation under way. */
struct writer {
    struct session *s;
    const struct generate_params *p;
    struct generate_result *r;
    struct detok detok;
    struct stopper stopper;
    struct chat_parser *parser; /* of a form, else NULL */
    struct buf raw; /* text of the newest token */
    void *scratch;
    piece_fn *fn;
    void *ctx;
};

const char *stop_reason_name(enum stop_reason r)
{
    static const char *const names[] = {"end", "string", "length", "context", "interrupted", "caller"};
    return names[r];
}

void generate_result_free(struct generate_result *r)
{
    buf_free(&r->text);
    buf_free(&r->reasoning);
    for (size_t i = 0; i < r->n_calls; i++) {
        mem_free(r->calls[i].name);
        buf_free(&r->calls[i].arguments);
    }
    mem_free(r->calls);
    *r = (struct generate_result){0};
}

double generate_rate(const struct generate_result *r)
{
    return r->tokens > 1 && r->seconds > 0 ? (double)(r->tokens - 1) / r->seconds : 0;
}

static bool is_end(const struct session *s, int32_t id)
{
    const struct engine *en = s->dec->en;
    for (size_t i = 0; i < en->stops.n; i++)
        if (id == en->stops.ids[i]) return true;
    return id == tokenizer_eos(en->tok) || id == en->net.config.eos;
}

/* Hands what was appended to the text since `from` to the callback; true to stop. */
static bool deliver(struct writer *w, size_t from)
{
    struct buf *text = &w->r->text;
    if (text->len == from || !w->fn) return false;
    return w->fn(w->ctx, text->data + from, text->len - from) != 0;
}

static int add_call(struct generate_result *r, const char *name, size_t len, struct err *e)
{
    void *v = mem_grow(r->calls, r->n_calls * sizeof *r->calls, (r->n_calls + 1) * sizeof *r->calls);
    if (v) r->calls = v;
    if (v && (r->calls[r->n_calls].name = mem_strndup(name, len))) {
        r->n_calls++;
        return OK;
    }
    FAIL(e, ERR_MEMORY, "generated calls: out of memory");
}

/* Calls are kept apart; where nobody offered tools they are shown as text too. */
static int take_call(struct writer *w, const struct chat_event *ev, struct err *e)
{
    struct generate_result *r = w->r;
    bool shown = !w->p->request || w->p->request->n_tools == 0;
    if (ev->kind == CHAT_EV_CALL) {
        if (shown && r->text.len + w->raw.len > 0) buf_add_byte(&w->raw, '\n');
        TRY(add_call(r, ev->text, ev->len, e));
    } else if (ev->kind == CHAT_EV_ARGUMENTS) buf_add(&r->calls[r->n_calls - 1].arguments, ev->text, ev->len);
    else r->calls[r->n_calls - 1].malformed = ev->malformed;
    if (shown) buf_add(&w->raw, ev->text, ev->len);
    if (shown && ev->kind == CHAT_EV_CALL) buf_add_byte(&w->raw, ' ');
    return buf_check(&r->calls[r->n_calls - 1].arguments, "generated calls", e);
}

/* What the parser makes of an answer: thinking and calls go their own way, everything else is text. */
static int take_event(void *ctx, const struct chat_event *ev, struct err *e)
{
    struct writer *w = ctx;
    switch (ev->kind) {
    case CHAT_EV_REASONING:
        buf_add(&w->r->reasoning, ev->text, ev->len);
        if (w->p->reasoning) w->p->reasoning(w->ctx, ev->text, ev->len);
        return buf_check(&w->r->reasoning, "generated text", e);
    case CHAT_EV_CONTENT: buf_add(&w->raw, ev->text, ev->len); return OK;
    case CHAT_EV_CALL:
    case CHAT_EV_ARGUMENTS:
    case CHAT_EV_CALL_END: return take_call(w, ev, e);
    case CHAT_EV_END: return OK;
    }
    return OK;
}

/* The text of token id; *stop when it ends the generation. */
static int write_token(struct writer *w, int32_t id, bool *stop, struct err *e)
{
    size_t from = w->r->text.len;
    buf_clear(&w->raw);
    if (w->parser) TRY(chat_parser_feed(w->parser, id, e));
    else TRY(detok_feed(&w->detok, id, &w->raw, e));
    TRY(buf_check(&w->raw, "generated text", e));
    bool found = stopper_feed(&w->stopper, w->raw.data, w->raw.len, &w->r->text);
    TRY(buf_check(&w->r->text, "generated text", e));
    *stop = true;
    if (deliver(w, from)) {
        w->r->stop = STOP_CALLER;
    } else if (found) {
        w->r->stop = STOP_STRING;
        w->r->stop_string = w->stopper.found;
    } else {
        *stop = false;
    }
    return OK;
}

/* What was held back, at the end of a text that no stop string ended. */
static int flush(struct writer *w, struct err *e)
{
    size_t from = w->r->text.len;
    bool stop;
    if (w->r->stop == STOP_STRING || w->r->stop == STOP_CALLER) return OK;
    buf_clear(&w->raw);
    if (w->parser) TRY(chat_parser_finish(w->parser, e));
    else detok_flush(&w->detok, &w->raw);
    TRY(buf_check(&w->raw, "generated text", e));
    stop = stopper_feed(&w->stopper, w->raw.data, w->raw.len, &w->r->text);
    if (stop) {
        w->r->stop = STOP_STRING;
        w->r->stop_string = w->stopper.found;
    } else {
        stopper_flush(&w->stopper, &w->r->text);
    }
    TRY(buf_check(&w->r->text, "generated text", e));
    deliver(w, from);
    return OK;
}

static int loop(struct writer *w, struct err *e)
{
    struct session *s = w->s;
    struct generate_result *r = w->r;
    const struct engine *en = s->dec->en;
    int64_t vocab = min_i64(tokenizer_vocab(en->tok), en->net.config.vocab); /* either may have more */
    for (;;) {
        int32_t id;
        bool stop;
        if (s->interrupt && *s->interrupt) {
            r->stop = STOP_INTERRUPTED;
            return OK;
        }
        int bad = sample_token(&id, &en->ks, s->logits, vocab, &w->p->sample, s->ids, s->n, (uint64_t)s->n, w->scratch, e);
        if (bad == ERR_NUMERIC) return engine_fail_numeric(en, "a logit", e);
        TRY(bad);
        if (is_end(s, id) && !w->p->ignore_end) {
            r->stop = STOP_END;
            return OK;
        }
        r->tokens++;
        TRY(write_token(w, id, &stop, e));
        if (stop) return OK;
        if (w->p->max_tokens > 0 && r->tokens >= w->p->max_tokens) {
            r->stop = STOP_LENGTH;
            return OK;
        }
        if (s->n >= s->dec->context) {
            r->stop = STOP_CONTEXT;
            return OK;
        }
        int rc = session_eval(s, &id, 1, e);
        if (rc == ERR_INTERRUPTED) continue; /* the flag is still set: seen above */
        TRY(rc);
    }
}

/* prompt evaluated: the rest. */
static int run_writer(struct writer *w, struct err *e)
{
    const struct engine *en = w->s->dec->en;
    TRY(mem_new(&w->scratch, sample_scratch_bytes(en->net.config.vocab), "the sampler", e));
    detok_init(&w->detok, en->tok, w->p->with_special);
    stopper_init(&w->stopper, w->p->stops, w->p->n_stops);
    double t0 = clock_seconds();
    int rc = OK;
    if (w->p->form && !w->p->with_special)
        rc = chat_parser_new(&w->parser, w->p->form, en->tok, w->p->request, (struct chat_sink){take_event, w}, e);
    if (!rc) rc = loop(w, e);
    if (!rc) rc = flush(w, e);
    w->r->seconds = clock_seconds() - t0;
    chat_parser_free(w->parser);
    stopper_free(&w->stopper);
    buf_free(&w->raw);
    mem_free(w->scratch);
    return rc;
}

int generate(struct generate_result *r, struct session *s, const int32_t *prompt, int64_t n,
             const struct generate_params *p, piece_fn *fn, void *ctx, struct err *e)
{
    struct writer w = {.s = s, .p = p, .r = r, .fn = fn, .ctx = ctx};
    *r = (struct generate_result){.prompt_tokens = n, .stop_string = -1};
    TRY(sample_check(&p->sample, "sampling", e));
    double t0 = clock_seconds();
    int rc = session_sync(s, prompt, n, &r->cached, e);
    r->prompt_seconds = clock_seconds() - t0;
    if (rc == ERR_INTERRUPTED) {
        r->stop = STOP_INTERRUPTED;
        return OK;
    }
    TRY(rc);
    return run_writer(&w, e);
}
