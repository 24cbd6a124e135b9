/* Replies to llama-server's clients. */
#include <string.h>
#include "api/llama.h"
#include "api/openai.h"
#include "base/utf8.h"

static void token_ids(struct api_answer *a, struct jw *w, const struct api_choice *c)
{
    jw_open(w, "tokens", '[');
    for (size_t i = c->told; a->work->wish.return_tokens && i < c->tokens.n; i++)
        if (!c->tokens.v[i].of_prompt) jw_int(w, NULL, c->tokens.v[i].id);
    jw_close(w, ']');
}

static void probabilities(struct api_answer *a, struct jw *w, struct api_choice *c)
{
    if (a->work->base.want_logprobs && c->told < c->tokens.n) {
        jw_open(w, "completion_probabilities", '[');
        for (size_t i = c->told; i < c->tokens.n; i++)
            if (!c->tokens.v[i].of_prompt) openai_token(w, &c->tokens, &c->tokens.v[i]);
        jw_close(w, ']');
    }
    c->told = c->tokens.n;
}

static void counts(struct jw *w, const struct api_choice *c)
{
    jw_int(w, "tokens_predicted", c->usage.answer);
    jw_int(w, "tokens_evaluated", c->usage.prompt);
}

static void end_members(struct api_answer *a, struct jw *w, const struct api_choice *c)
{
    const struct turn *t = &a->work->base;
    bool word = c->reason == TURN_STOP_STRING && c->stop >= 0 && (size_t)c->stop < t->n_stops;
    bool limit = c->reason == TURN_LENGTH || c->reason == TURN_CONTEXT;
    jw_str(w, "model", a->model);
    jw_str(w, "stop_type", word ? "word" : limit ? "limit" : c->reason == TURN_CANCELLED ? "none" : "eos");
    jw_text(w, "stopping_word", word ? t->stops[c->stop].s : "", word ? t->stops[c->stop].len : 0);
    jw_int(w, "tokens_cached", c->usage.cached);
    jw_bool(w, "truncated", c->usage.dropped > 0);
    jw_bool(w, "has_new_line", c->text.len && memchr(c->text.data, '\n', c->text.len));
    jw_open(w, "generation_settings", '{');
    jw_int(w, "n_ctx", a->work->n_ctx);
    jw_int(w, "seed", (int64_t)(c->seed & INT64_MAX));
    jw_int(w, "n_predict", t->max_tokens);
    jw_close(w, '}');
    openai_timings(w, a);
}

static void piece(struct api_answer *a, struct jw *w, size_t i, struct turn_text text, bool stop)
{
    struct api_choice *c = &a->work->choice[i];
    jw_open(w, NULL, '{');
    jw_int(w, "index", (int64_t)i);
    jw_text(w, "content", text.s ? text.s : "", text.len);
    token_ids(a, w, c);
    probabilities(a, w, c);
    jw_bool(w, "stop", stop);
    jw_int(w, "id_slot", -1);
    counts(w, c);
    if (stop) end_members(a, w, c);
    jw_close(w, '}');
}

static void event(struct api_answer *a, size_t i, const struct turn_event *ev, struct buf *out)
{
    bool text = (ev->kind == TURN_EV_TEXT || ev->kind == TURN_EV_REASONING) && ev->text.len,
         done = ev->kind == TURN_EV_DONE;
    if (!text && !done) return;
    struct jw w = api_sse(out, NULL);
    piece(a, &w, i, text ? ev->text : (struct turn_text){0}, done);
    api_sse_end(&w);
}

static void whole(struct api_answer *a, struct buf *out)
{
    struct jw w = {.b = out};
    if (a->n_turns > 1) jw_open(&w, NULL, '[');
    for (size_t i = 0; i < a->n_turns; i++) {
        const struct api_choice *c = &a->work->choice[i];
        piece(a, &w, i, (struct turn_text){c->text.data, c->text.len}, true);
    }
    if (a->n_turns > 1) jw_close(&w, ']');
}

static void fault(struct api_answer *a, const struct api_fault *f, struct buf *out)
{
    buf_add_str(out, "data: ");
    api_fault_body(a, f, out);
    buf_add_str(out, "\n\n");
}

const struct api_voice llama_completion_voice = {
    .stream_type = "text/event-stream", .event = event, .whole = whole, .fault = fault, .alive = api_comment};

/* ---- tokens, counts, rendered conversations ---- */

static void piece_text(struct jw *w, const char *s, size_t len)
{
    if (utf8_valid(s, len, NULL)) {
        jw_text(w, "piece", s, len);
        return;
    }
    jw_open(w, "piece", '[');
    for (size_t i = 0; i < len; i++) jw_int(w, NULL, (unsigned char)s[i]);
    jw_close(w, ']');
}

static void tokenize_whole(struct api_answer *a, struct buf *out)
{
    const struct api_choice *c = &a->work->choice[0];
    const struct api_tokens *l = &c->tokens;
    size_t n = c->ids.len / sizeof(int32_t);
    bool pieces = a->work->wish.pieces && l->n == n;
    struct jw w = {.b = out};
    jw_open(&w, NULL, '{');
    jw_open(&w, "tokens", '[');
    for (size_t i = 0; i < n; i++) {
        int32_t id;
        memcpy(&id, c->ids.data + i * sizeof id, sizeof id);
        if (!pieces) {
            jw_int(&w, NULL, id);
            continue;
        }
        jw_open(&w, NULL, '{');
        jw_int(&w, "id", id);
        piece_text(&w, l->v[i].len ? l->bytes.data + l->v[i].at : "", l->v[i].len);
        jw_close(&w, '}');
    }
    jw_close(&w, ']');
    jw_int(&w, "count", (int64_t)n);
    if (a->work->n_ctx > 0) jw_int(&w, "max_model_len", a->work->n_ctx);
    jw_close(&w, '}');
}

static void detokenize_whole(struct api_answer *a, struct buf *out)
{
    const struct api_choice *c = &a->work->choice[0];
    struct jw w = {.b = out};
    jw_open(&w, NULL, '{');
    jw_buf(&w, "content", &c->text); /* llama-server's name, and vLLM's */
    jw_buf(&w, "prompt", &c->text);
    jw_close(&w, '}');
}

static void render_whole(struct api_answer *a, struct buf *out)
{
    const struct api_choice *c = &a->work->choice[0];
    struct jw w = {.b = out};
    jw_open(&w, NULL, '{');
    jw_buf(&w, "prompt", &c->text);
    jw_int(&w, "n_tokens", c->usage.prompt);
    jw_close(&w, '}');
}

static void count_whole(struct api_answer *a, struct buf *out)
{
    struct jw w = {.b = out};
    jw_open(&w, NULL, '{');
    jw_str(&w, "object", "response.input_tokens");
    jw_int(&w, "input_tokens", a->work->choice[0].usage.prompt);
    jw_close(&w, '}');
}

const struct api_voice llama_tokenize_voice = {.whole = tokenize_whole},
                       llama_detokenize_voice = {.whole = detokenize_whole},
                       llama_render_voice = {.whole = render_whole}, llama_count_voice = {.whole = count_whole};
