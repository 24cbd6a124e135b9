/* The loop of one session that nobody else shares. */
#include "infer/generate.h"
#include "base/mem.h"
#include "sys/clock.h"

/* One generation under way. */
struct loop {
    struct session *s;
    const struct generate_params *p;
    struct generate_result *r;
    struct writer w;
    void *scratch;
    piece_fn *fn;
    void *ctx;
};

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

/* Thinking and calls go their own way, everything else is text. */
static int take_event(void *ctx, const struct chat_event *ev, struct err *e)
{
    struct loop *l = ctx;
    struct generate_result *r = l->r;
    switch (ev->kind) {
    case CHAT_EV_REASONING:
        buf_add(&r->reasoning, ev->text, ev->len);
        if (l->p->reasoning) l->p->reasoning(l->ctx, ev->text, ev->len);
        return buf_check(&r->reasoning, "generated text", e);
    case CHAT_EV_CONTENT:
        buf_add(&r->text, ev->text, ev->len);
        TRY(buf_check(&r->text, "generated text", e));
        if (l->fn && l->fn(l->ctx, ev->text, ev->len)) writer_stop(&l->w, STOP_CALLER);
        return OK;
    case CHAT_EV_CALL: return add_call(r, ev->text, ev->len, e);
    case CHAT_EV_ARGUMENTS:
        buf_add(&r->calls[r->n_calls - 1].arguments, ev->text, ev->len);
        return buf_check(&r->calls[r->n_calls - 1].arguments, "generated calls", e);
    case CHAT_EV_CALL_END: r->calls[r->n_calls - 1].malformed = ev->malformed; return OK;
    case CHAT_EV_END: return OK;
    }
    return OK;
}

/* The prompt is evaluated: the rest. */
static int run_loop(struct loop *l, struct err *e)
{
    struct session *s = l->s;
    while (!l->w.done) {
        int32_t id;
        if (s->interrupt && *s->interrupt) {
            writer_stop(&l->w, STOP_INTERRUPTED);
            break;
        }
        TRY(writer_prepare(&l->w, e));
        TRY(writer_draw(&l->w, &id, s->logits, s->ids, s->n, l->scratch, e));
        TRY(writer_feed(&l->w, id, e));
        if (l->w.done) break;
        if (s->n >= s->dec->context) {
            writer_stop(&l->w, STOP_CONTEXT);
            break;
        }
        int rc = session_eval(s, &id, 1, e);
        if (rc != ERR_INTERRUPTED) TRY(rc); /* else the flag is still set: seen above */
    }
    return writer_end(&l->w, e);
}

static int run_writer(struct loop *l, int64_t n, struct err *e)
{
    const struct engine *en = l->s->dec->en;
    struct generate_result *r = l->r;
    double t0 = clock_seconds();
    TRY(mem_new(&l->scratch, sample_scratch_bytes(en->net.config.vocab), "the sampler", e));
    int rc = writer_begin(&l->w, en, &l->p->w, (struct writer_sink){take_event, l}, n, e);
    if (!rc) rc = run_loop(l, e);
    r->tokens = l->w.tokens;
    r->stop = l->w.stop;
    r->stop_string = l->w.stop_index;
    r->seconds = clock_seconds() - t0;
    writer_free(&l->w);
    mem_free(l->scratch);
    return rc;
}

int generate(struct generate_result *r, struct session *s, const int32_t *prompt, int64_t n,
             const struct generate_params *p, piece_fn *fn, void *ctx, struct err *e)
{
    struct loop l = {.s = s, .p = p, .r = r, .fn = fn, .ctx = ctx};
    *r = (struct generate_result){.prompt_tokens = n, .stop_string = -1};
    TRY(sample_check(&p->w.sample, "sampling", e));
    double t0 = clock_seconds();
    int rc = session_sync(s, prompt, n, &r->cached, e);
    r->prompt_seconds = clock_seconds() - t0;
    if (rc == ERR_INTERRUPTED) {
        r->stop = STOP_INTERRUPTED;
        return OK;
    }
    TRY(rc);
    return run_writer(&l, n, e);
}
