/* The public interface (include/autarky.h) on top of engine, decoder, session and generate. */
#include "autarky.h"
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "chat/chat.h"
#include "infer/generate.h"

struct autarky {
    struct engine engine;
    struct decoder decoder;
    struct session session;
    volatile sig_atomic_t interrupted;
};

const char *autarky_version(void) { return AUTARKY_VERSION; }
void autarky_free(void *p) { mem_free(p); }
void autarky_interrupt(struct autarky *a) { a->interrupted = 1; }

static int report(int rc, const struct err *e, char *error)
{
    if (rc && error) snprintf(error, AUTARKY_ERROR, "%.*s", AUTARKY_ERROR - 1, e->msg);
    return rc;
}

int autarky_open(struct autarky **out, const char *model, const struct autarky_options *o, char *error)
{
    struct err e = {0};
    static const struct panels_rule beside; /* the model, where that is nobody else's folder */
    struct engine_options eo = {.model = model, .panels = &beside};
    struct decoder_options fits;
    *out = NULL;
    if (o) {
        eo.threads = o->threads;
        eo.decoder.context = o->context;
    }
    struct autarky *a = mem_alloc(sizeof *a);
    if (!a) return report(err_set(&e, ERR_MEMORY, __FILE__, __LINE__, "out of memory"), &e, error);
    int rc = engine_open(&a->engine, &eo, &fits, &e);
    if (!rc) rc = decoder_open(&a->decoder, &a->engine, &fits, &e);
    if (!rc) rc = session_open(&a->session, &a->decoder, &e);
    if (rc) {
        autarky_close(a);
        return report(rc, &e, error);
    }
    a->session.interrupt = &a->interrupted;
    *out = a;
    return OK;
}

void autarky_close(struct autarky *a)
{
    if (!a) return;
    session_close(&a->session);
    decoder_close(&a->decoder);
    engine_close(&a->engine);
    mem_free(a);
}

void autarky_sampling_default(struct autarky_sampling *s)
{
    struct sample_params p;
    sample_defaults(&p);
    *s = (struct autarky_sampling){
        .temperature = p.temp, .top_p = p.top_p, .min_p = p.min_p, .repetition_penalty = p.repeat, .top_k = p.top_k};
}

/* Continues ids; q: the request that they are the prompt of, NULL: none. */
static int produce(struct autarky *a, const struct tokens *ids, const struct chat_request *q, const struct autarky_sampling *s,
                   autarky_text_fn *fn, void *ctx, struct err *e)
{
    struct generate_params p = {.w = {.form = q ? a->engine.chat.form : NULL, .request = q}};
    struct generate_result r;
    engine_sampling(&a->engine, &p.w.sample);
    if (s) {
        p.w.sample.temp = s->temperature;
        p.w.sample.top_p = s->top_p;
        p.w.sample.min_p = s->min_p;
        p.w.sample.repeat = s->repetition_penalty;
        p.w.sample.top_k = s->top_k;
        p.w.sample.seed = s->seed;
        p.w.max_tokens = s->max_tokens;
        p.w.stops = s->stops;
        while (s->stops && s->stops[p.w.n_stops]) p.w.n_stops++;
    }
    a->interrupted = 0;
    int rc = generate(&r, &a->session, ids->ids, (int64_t)ids->n, &p, fn, ctx, e);
    if (!rc && r.stop == STOP_INTERRUPTED) rc = err_set(e, ERR_INTERRUPTED, __FILE__, __LINE__, "interrupted");
    generate_result_free(&r);
    return rc;
}

static int role_of(enum chat_role *out, const char *name, struct err *e)
{
    static const char *const names[] = {"system", "user", "assistant"};
    for (int i = 0; i < 3; i++)
        if (!strcmp(name, names[i])) {
            *out = (enum chat_role)i;
            return OK;
        }
    FAIL(e, ERR_USAGE, "role is \"%s\", expected system, user or assistant", name);
}

/* *msgs is owned by the caller: mem_free. */
static int read_chat(struct chat_request *q, struct chat_msg **msgs, const struct autarky_message *m, size_t n, struct err *e)
{
    *msgs = NULL;
    if (n == 0) FAIL(e, ERR_USAGE, "a chat needs at least one message");
    *msgs = mem_array(n, sizeof **msgs);
    if (!*msgs) FAIL(e, ERR_MEMORY, "out of memory for %zu messages", n);
    *q = (struct chat_request){.msgs = *msgs, .n_msgs = n, .add_generation_prompt = true};
    for (size_t i = 0; i < n; i++) {
        TRY(role_of(&(*msgs)[i].role, m[i].role, e));
        (*msgs)[i].text = m[i].text;
        (*msgs)[i].len = strlen(m[i].text);
    }
    return OK;
}

int autarky_chat(struct autarky *a, const struct autarky_message *m, size_t n, const struct autarky_sampling *s,
                 autarky_text_fn *fn, void *ctx, char *error)
{
    struct err e = {0};
    struct tokens ids = {0};
    struct chat_request q;
    struct chat_msg *msgs;
    const struct form_choice *chat = &a->engine.chat;
    int rc = read_chat(&q, &msgs, m, n, &e);
    if (!rc && !chat->form) rc = err_set(&e, ERR_UNSUPPORTED, __FILE__, __LINE__, "%s: %s", a->engine.path, chat->why.msg);
    if (!rc) rc = chat_form_encode(chat->form, a->engine.tok, &q, &ids, NULL, &e);
    if (!rc) rc = produce(a, &ids, &q, s, fn, ctx, &e);
    tokens_free(&ids);
    mem_free(msgs);
    return report(rc, &e, error);
}

int autarky_complete(struct autarky *a, const char *text, const struct autarky_sampling *s, autarky_text_fn *fn,
                     void *ctx, char *error)
{
    struct err e = {0};
    struct tokens ids = {0};
    const struct tokenizer *t = a->engine.tok;
    int rc = OK;
    if (tokenizer_bos(t) >= 0 && (tokenizer_add_bos(t) || !*text)) rc = tokens_add(&ids, tokenizer_bos(t), &e);
    if (!rc) rc = tokenizer_encode(t, text, strlen(text), &ids, &e);
    if (!rc) rc = produce(a, &ids, NULL, s, fn, ctx, &e);
    tokens_free(&ids);
    return report(rc, &e, error);
}

int autarky_tokenize(struct autarky *a, const char *text, int32_t **ids, size_t *n, char *error)
{
    struct err e = {0};
    struct tokens t = {0};
    *ids = NULL;
    *n = 0;
    int rc = tokenizer_encode(a->engine.tok, text, strlen(text), &t, &e);
    if (rc) {
        tokens_free(&t);
    } else {
        *ids = t.ids;
        *n = t.n;
    }
    return report(rc, &e, error);
}
