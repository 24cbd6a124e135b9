/* The machine that turns drawn tokens into the events of an answer. */
#include "infer/writer.h"
#include "base/checked.h"
#include "grammar/grammar.h"
#include "infer/engine.h"

const char *stop_reason_name(enum stop_reason r)
{
    static const char *const names[] = {"end", "string", "length", "context", "interrupted", "caller", "id"};
    return names[r];
}

void writer_stop(struct writer *w, enum stop_reason why)
{
    if (w->done) return;
    w->done = true;
    w->stop = why;
}

/* ---- events ---- */

static int send(struct writer *w, const struct chat_event *ev, struct err *e)
{
    return w->sink.event ? w->sink.event(w->sink.ctx, ev, e) : OK;
}

static int send_text(struct writer *w, struct err *e)
{
    TRY(buf_check(&w->safe, "generated text", e));
    if (w->safe.len == 0) return OK;
    struct chat_event ev = {.kind = CHAT_EV_CONTENT, .text = w->safe.data, .len = w->safe.len};
    int rc = send(w, &ev, e);
    buf_clear(&w->safe);
    return rc;
}

/* Text on its way to the reader: a stop string in it ends the answer. */
static int through_stops(struct writer *w, const char *s, size_t len, struct err *e)
{
    w->spoke |= len > 0;
    if (stopper_feed(&w->stopper, s, len, &w->safe)) {
        writer_stop(w, STOP_STRING);
        w->stop_index = w->stopper.found;
    }
    return send_text(w, e);
}

static int flush_stops(struct writer *w, struct err *e)
{
    if (w->stopper.found < 0) stopper_flush(&w->stopper, &w->safe);
    return send_text(w, e);
}

static bool offers_tools(const struct writer *w) { return w->p.request && w->p.request->n_tools > 0; }

/* Where nobody offered tools, a call is text too: its name on a line of its own, then the arguments. */
static int call_as_text(struct writer *w, const struct chat_event *ev, struct err *e)
{
    if (ev->kind == CHAT_EV_CALL_END) return OK;
    if (ev->kind == CHAT_EV_CALL && w->spoke) TRY(through_stops(w, "\n", 1, e));
    TRY(through_stops(w, ev->text, ev->len, e));
    return ev->kind == CHAT_EV_CALL ? through_stops(w, " ", 1, e) : OK;
}

static int take_event(void *ctx, const struct chat_event *ev, struct err *e)
{
    struct writer *w = ctx;
    if (w->stopper.found >= 0) return OK; /* nothing comes after a stop string */
    switch (ev->kind) {
    case CHAT_EV_CONTENT: return through_stops(w, ev->text, ev->len, e);
    case CHAT_EV_REASONING: return send(w, ev, e);
    case CHAT_EV_CALL:
    case CHAT_EV_ARGUMENTS:
    case CHAT_EV_CALL_END:
        w->calls += ev->kind == CHAT_EV_CALL;
        if (!offers_tools(w)) TRY(call_as_text(w, ev, e));
        else TRY(flush_stops(w, e)); /* a string does not go on behind a call */
        return send(w, ev, e);
    case CHAT_EV_END: return OK;
    }
    return OK;
}

/* ---- the machine ---- */

int writer_begin(struct writer *w, const struct engine *en, const struct writer_params *p, struct writer_sink sink, int64_t n,
                 struct err *e)
{
    *w = (struct writer){.en = en, .p = *p, .sink = sink, .first = n, .stop_index = -1};
    w->vocab = min_i64(tokenizer_vocab(en->tok), en->net.config.vocab); /* either may have more */
    TRY(sample_check(&p->sample, "sampling", e));
    detok_init(&w->detok, en->tok, p->with_special);
    stopper_init(&w->stopper, w->p.stops, w->p.n_stops);
    if (!p->form || p->with_special) return OK;
    return chat_parser_new(&w->parser, p->form, en->tok, p->request, (struct chat_sink){take_event, w}, e);
}

void writer_free(struct writer *w)
{
    grammar_state_free(w->grammar);
    chat_parser_free(w->parser);
    stopper_free(&w->stopper);
    buf_free(&w->raw);
    buf_free(&w->safe);
    tokens_free(&w->forced);
    *w = (struct writer){0};
}

/* Reasoning is free: the grammar begins behind it. */
static bool thinks(const struct writer *w) { return w->parser && chat_parser_thinking(w->parser); }

int writer_prepare(struct writer *w, struct err *e)
{
    w->allowed = NULL;
    if (!w->p.grammar || w->done || thinks(w)) return OK;
    if (!w->grammar) TRY(grammar_begin(&w->grammar, w->p.grammar, e));
    return grammar_mask(w->grammar, &w->allowed, e);
}

static bool is_end(const struct writer *w, int32_t id)
{
    const struct engine *en = w->en;
    for (size_t i = 0; i < en->stops.n; i++)
        if (id == en->stops.ids[i]) return true;
    return id == tokenizer_eos(en->tok) || id == en->net.config.eos;
}

int writer_draw(const struct writer *w, int32_t *id, const float *logits, const int32_t *ids, int64_t n, void *scratch,
                struct err *e)
{
    if (w->forced_at < w->forced.n) {
        *id = w->forced.ids[w->forced_at];
        return OK;
    }
    struct sample_place at = {
        .history = ids, .n = n, .first = w->first, .position = (uint64_t)n, .allowed = w->allowed};
    int rc = sample_token(id, &w->en->ks, logits, w->vocab, &w->p.sample, &at, scratch, e);
    return rc == ERR_NUMERIC ? engine_fail_numeric(w->en, "a logit", e) : rc;
}

int writer_force(struct writer *w, const int32_t *ids, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++) TRY(tokens_add(&w->forced, ids[i], e));
    return OK;
}

bool writer_close_thinking(struct writer *w, struct err *e)
{
    if (w->done || !w->parser || !chat_parser_thinking(w->parser) || w->forced_at < w->forced.n) return false;
    return !chat_unthink_ids(w->p.form, w->en->tok, &w->forced, e);
}

/* Text that follows the token, through the parser of the form or as it is. */
static int spell(struct writer *w, int32_t id, struct err *e)
{
    if (w->parser) return chat_parser_feed(w->parser, id, e);
    buf_clear(&w->raw);
    TRY(detok_feed(&w->detok, id, &w->raw, e));
    TRY(buf_check(&w->raw, "generated text", e));
    return through_stops(w, w->raw.data, w->raw.len, e);
}

static bool ends_here(struct writer *w, int32_t id)
{
    if (w->grammar && grammar_ended(w->grammar)) {
        writer_stop(w, STOP_END);
        return true;
    }
    if (w->tokens < w->p.min_tokens) return false;
    for (size_t i = 0; i < w->p.n_stop_ids; i++)
        if (id == w->p.stop_ids[i]) {
            writer_stop(w, STOP_ID);
            w->stop_index = (int)i;
            return true;
        }
    if (w->p.ignore_end || !is_end(w, id)) return false;
    writer_stop(w, STOP_END);
    return true;
}

int writer_feed(struct writer *w, int32_t id, struct err *e)
{
    if (w->done) return OK;
    if (w->forced_at < w->forced.n) w->forced_at++;
    if (w->grammar) TRY(grammar_accept(w->grammar, id, e));
    if (ends_here(w, id)) return OK;
    bool thinking = thinks(w);
    w->tokens++;
    w->reasoning += thinking;
    TRY(spell(w, id, e));
    if (!w->done && w->p.max_tokens > 0 && w->tokens >= w->p.max_tokens) writer_stop(w, STOP_LENGTH);
    if (!w->done && thinking && w->p.max_thinking > 0 && w->reasoning >= w->p.max_thinking) writer_close_thinking(w, e);
    return OK;
}

int writer_end(struct writer *w, struct err *e)
{
    if (w->stop == STOP_STRING || w->stop == STOP_CALLER) return OK;
    if (w->parser) {
        TRY(chat_parser_finish(w->parser, e));
    } else {
        buf_clear(&w->raw);
        detok_flush(&w->detok, &w->raw);
        TRY(buf_check(&w->raw, "generated text", e));
        TRY(through_stops(w, w->raw.data, w->raw.len, e));
    }
    if (w->stopper.found >= 0) { /* it was complete only now */
        w->stop = STOP_STRING;
        w->stop_index = w->stopper.found;
    }
    return flush_stops(w, e);
}
