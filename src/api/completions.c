/* OpenAI's legacy completions: prompts as texts and ids, echo, log-probabilities as lm-eval wants them, suffix (FIM). */
#include <string.h>
#include "api/ask.h"
#include "api/embed.h"
#include "api/openai.h"
#include "base/mem.h"
#include "base/utf8.h"

static int read_logprobs(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    struct turn *t = &a->work->base;
    (void)f;
    if (json_is_boolean(v)) { /* llama-server's and DeepSeek's clients */
        t->want_logprobs = json_is_true(v);
        return OK;
    }
    int64_t n;
    if (!api_whole(v, 0, 20, &n)) return api_bad(a, "is no integer from 0 to 20");
    t->want_logprobs = true;
    t->top_logprobs = (int32_t)n;
    return OK;
}

const struct api_field api_completion_fields[] = {
    ROW_READ("model", api_read_model, API_SCHEMA_NAME, "one of GET /v1/models; without it the first that is loaded"),
    {.name = "prompt",
     .needed = true,
     .read = api_read_prompts,
     .schema = API_SCHEMA_TEXTS,
     .note = "a text, texts, token ids, or lists of them; spellings of control tokens are control tokens"},
    ROW_TEXT("suffix", TURN_AT(suffix), "what stands behind the gap; needs a model with tokens for it"),
    ROW_INT("max_tokens", TURN_AT(max_tokens), -1, API_BIG, "16 unless said; -1: until the context is full"),
    ROW_INT("max_completion_tokens", TURN_AT(max_tokens), -1, API_BIG, "as max_tokens"),
    ROW_BOOL("echo", TURN_AT(echo),
             "the prompt comes before its continuation, with its log-probabilities where wanted"),
    ROW_READ("logprobs", read_logprobs, "{\"type\":[\"integer\",\"boolean\"],\"minimum\":0,\"maximum\":20}",
             "so many alternatives for every token"),
    ROW_INT("n", WISH_AT(n), 1, 64, "answers to each prompt"),
    {.name = "best_of",
     .type = FIELD_INT,
     WISH_AT(best_of),
     .lo = 1,
     .hi = 64,
     .read = api_read_best_of,
     .note = "without effect"},
    ROW_BOOL("stream", WISH_AT(stream), ""),
    ROW_SUB("stream_options", api_stream_options, ""),
    ROW_BOOL("add_special_tokens", TURN_AT(special),
             "true unless said: the beginning token, where the tokenizer has it so"),
    API_ROWS_SAMPLING,
    ROW_END,
};

int api_completion_begin(struct api_answer *a, struct buf *out)
{
    struct api_work *w = a->work;
    struct turn *t = &w->base;
    (void)out;
    t->kind = TURN_TEXT;
    t->raw_special = true;
    if (!api_given(a, "add_special_tokens")) t->special = true;
    if (!api_given(a, "max_tokens") && !api_given(a, "max_completion_tokens")) t->max_tokens = 16;
    TRY(api_choose_model(a, w->wish.model));
    if (t->suffix.len && w->n_prompts > 1) {
        api_enter(a, "suffix");
        return api_bad(a, "goes with one prompt, but there are %zu", w->n_prompts);
    }
    return api_prompt_turns(a);
}

/* ---- log-probabilities ---- */

/* A token's text; what is no UTF-8 as "bytes:\xc3", so that every token has another name. */
static void name_of(struct buf *out, const struct api_tokens *l, size_t at, size_t len)
{
    const char *s = l->bytes.data ? l->bytes.data + at : "";
    if (utf8_valid(s, len, NULL)) {
        buf_add(out, s, len);
        return;
    }
    buf_add_str(out, "bytes:");
    for (size_t i = 0; i < len; i++) buf_printf(out, "\\x%02x", (unsigned char)s[i]);
}

static void add_name(struct jw *w, const char *key, const struct api_tokens *l, size_t at, size_t len)
{
    struct buf b = {0};
    name_of(&b, l, at, len);
    jw_buf(w, key, &b);
    w->b->failed |= b.failed;
    buf_free(&b);
}

/* The alternatives of a token and itself, each name once: lm-eval compares the token's value with the largest of them. */
static void alternatives(struct jw *w, const struct api_tokens *l, const struct api_token *t)
{
    struct buf seen = {0}, name = {0};
    jw_open(w, NULL, '{');
    for (size_t i = 0; i <= t->n_top; i++) {
        struct api_top own = {t->id, t->logprob, t->at, t->len};
        const struct api_top *x = i == 0 ? &own : &l->top[t->top + i - 1];
        buf_clear(&name);
        buf_add_byte(&name, 0);
        name_of(&name, l, x->at, x->len);
        buf_add_byte(&name, 0);
        if (name.failed || (seen.len && memmem(seen.data, seen.len, name.data, name.len))) continue;
        buf_add(&seen, name.data, name.len);
        jw_float(w, name.data + 1, x->logprob);
    }
    jw_close(w, '}');
    w->b->failed |= seen.failed || name.failed;
    buf_free(&seen);
    buf_free(&name);
}

static void lists(struct api_answer *a, struct jw *w, struct api_choice *c)
{
    const struct api_tokens *l = &c->tokens;
    size_t from = c->told, chars = c->chars;
    if (!a->work->base.want_logprobs) {
        jw_null(w, "logprobs");
        return;
    }
    jw_open(w, "logprobs", '{');
    jw_open(w, "tokens", '[');
    for (size_t i = from; i < l->n; i++) add_name(w, NULL, l, l->v[i].at, l->v[i].len);
    jw_close(w, ']');
    jw_open(w, "token_logprobs", '[');
    for (size_t i = from; i < l->n; i++) {
        if (l->v[i].known) jw_float(w, NULL, l->v[i].logprob);
        else jw_null(w, NULL);
    }
    jw_close(w, ']');
    jw_open(w, "top_logprobs", '[');
    for (size_t i = from; i < l->n; i++) {
        if (l->v[i].known) alternatives(w, l, &l->v[i]);
        else jw_null(w, NULL);
    }
    jw_close(w, ']');
    jw_open(w, "text_offset", '[');
    for (size_t i = from; i < l->n; i++) {
        jw_int(w, NULL, (int64_t)chars);
        chars += l->v[i].len ? utf8_count(l->bytes.data + l->v[i].at, l->v[i].len) : 0;
    }
    jw_close(w, ']');
    jw_close(w, '}');
    c->told = l->n;
    c->chars = chars;
}

/* ---- replies ---- */

static void choice(struct api_answer *a, struct jw *w, size_t i, struct turn_text text, const char *finish)
{
    jw_open(w, NULL, '{');
    jw_int(w, "index", (int64_t)i);
    jw_text(w, "text", text.s ? text.s : "", text.len);
    lists(a, w, &a->work->choice[i]);
    jw_str(w, "finish_reason", finish);
    jw_close(w, '}');
}

static void event(struct api_answer *a, size_t i, const struct turn_event *ev, struct buf *out)
{
    struct api_choice *c = &a->work->choice[i];
    bool text = ev->kind == TURN_EV_TEXT || ev->kind == TURN_EV_REASONING, done = ev->kind == TURN_EV_DONE;
    if (!(text && ev->text.len) && !done) return;
    struct jw w = openai_chunk(a, "text_completion", true, out);
    jw_open(&w, "choices", '[');
    choice(a, &w, i, text ? ev->text : (struct turn_text){0}, done ? openai_finish(c->reason, c) : NULL);
    jw_close(&w, ']');
    openai_chunk_end(a, &w, done && openai_all_done(a));
}

static void whole(struct api_answer *a, struct buf *out)
{
    struct jw w = openai_chunk(a, "text_completion", false, out);
    jw_open(&w, "choices", '[');
    for (size_t i = 0; i < a->n_turns; i++) {
        const struct api_choice *c = &a->work->choice[i];
        choice(a, &w, i, (struct turn_text){c->text.data, c->text.len}, openai_finish(c->reason, c));
    }
    jw_close(&w, ']');
    openai_usage(&w, a);
    openai_timings(&w, a);
    jw_close(&w, '}');
}

const struct api_voice api_completion_voice = {.stream_type = "text/event-stream",
                                               .event = event,
                                               .last = openai_last,
                                               .whole = whole,
                                               .fault = openai_fault,
                                               .alive = openai_alive};
