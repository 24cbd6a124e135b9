/* What OpenAI's chat and completions share in their replies, with DeepSeek's and llama-server's additions. */
#include "api/openai.h"
#include <string.h>

const char *openai_finish(enum turn_reason r, const struct api_choice *c)
{
    switch (r) {
    case TURN_LENGTH:
    case TURN_CONTEXT:
        return "length";
    case TURN_CALLS:
        return "tool_calls";
    case TURN_END:
    case TURN_STOP_STRING:
    case TURN_STOP_ID:
    case TURN_CANCELLED:
        break;
    }
    return c->n_calls ? "tool_calls" : "stop";
}

void openai_usage(struct jw *w, const struct api_answer *a)
{
    struct turn_usage u = api_usage(a);
    jw_open(w, "usage", '{');
    jw_int(w, "prompt_tokens", u.prompt);
    jw_int(w, "completion_tokens", u.answer);
    jw_int(w, "total_tokens", u.prompt + u.answer);
    jw_open(w, "prompt_tokens_details", '{');
    jw_int(w, "cached_tokens", u.cached);
    jw_close(w, '}');
    jw_int(w, "prompt_cache_hit_tokens", u.cached);
    jw_int(w, "prompt_cache_miss_tokens", u.prompt - u.cached);
    jw_open(w, "completion_tokens_details", '{');
    jw_int(w, "reasoning_tokens", u.reasoning);
    jw_int(w, "accepted_prediction_tokens", 0);
    jw_int(w, "rejected_prediction_tokens", 0);
    jw_close(w, '}');
    jw_close(w, '}');
}

static void rate(struct jw *w, const char *key, int64_t n, double ms)
{
    jw_real(w, key, ms > 0 ? (double)n * 1000 / ms : 0);
}

void openai_timings(struct jw *w, const struct api_answer *a)
{
    struct turn_usage u = api_usage(a);
    struct turn_time t = api_time(a);
    int64_t read = u.prompt - u.cached;
    jw_open(w, "timings", '{');
    jw_int(w, "cache_n", u.cached);
    jw_int(w, "prompt_n", read);
    jw_real(w, "prompt_ms", t.prompt_ms);
    jw_real(w, "prompt_per_token_ms", read > 0 ? t.prompt_ms / (double)read : 0);
    rate(w, "prompt_per_second", read, t.prompt_ms);
    jw_int(w, "predicted_n", u.answer);
    jw_real(w, "predicted_ms", t.answer_ms);
    jw_real(w, "predicted_per_token_ms", u.answer > 0 ? t.answer_ms / (double)u.answer : 0);
    rate(w, "predicted_per_second", u.answer, t.answer_ms);
    if (u.drafted) {
        jw_int(w, "draft_n", u.drafted);
        jw_int(w, "draft_n_accepted", u.kept);
    }
    jw_close(w, '}');
}

static void bytes_of(struct jw *w, const char *s, size_t len)
{
    jw_open(w, "bytes", '[');
    for (size_t i = 0; i < len; i++) jw_int(w, NULL, (unsigned char)s[i]);
    jw_close(w, ']');
}

static void token_members(struct jw *w, const struct api_tokens *l, size_t at, size_t len, float logprob)
{
    const char *s = l->bytes.data ? l->bytes.data + at : "";
    jw_text(w, "token", s, len);
    jw_float(w, "logprob", logprob);
    bytes_of(w, s, len);
}

void openai_token(struct jw *w, const struct api_tokens *l, const struct api_token *t)
{
    jw_open(w, NULL, '{');
    jw_int(w, "id", t->id);
    token_members(w, l, t->at, t->len, t->logprob);
    jw_open(w, "top_logprobs", '[');
    for (size_t i = 0; i < t->n_top; i++) {
        const struct api_top *x = &l->top[t->top + i];
        jw_open(w, NULL, '{');
        jw_int(w, "id", x->id);
        token_members(w, l, x->at, x->len, x->logprob);
        jw_close(w, '}');
    }
    jw_close(w, ']');
    jw_close(w, '}');
}

bool openai_all_done(const struct api_answer *a) { return a->work->n_done == a->n_turns; }

struct jw openai_chunk(const struct api_answer *a, const char *object, bool stream, struct buf *out)
{
    bool chat = object[0] == 'c';
    char id[API_ID + 16];
    snprintf(id, sizeof id, "%s%s", chat ? "chatcmpl-" : "cmpl-", a->id);
    struct jw w = stream ? api_sse(out, NULL) : (struct jw){.b = out};
    jw_open(&w, NULL, '{');
    jw_str(&w, "id", id);
    jw_str(&w, "object", object);
    jw_int(&w, "created", api_seconds(a));
    jw_str(&w, "model", a->model);
    jw_str(&w, "system_fingerprint", a->work->fingerprint);
    return w;
}

void openai_chunk_end(struct api_answer *a, struct jw *w, bool last)
{
    const struct api_wish *wish = &a->work->wish;
    if (wish->continuous_usage || (last && !wish->include_usage)) openai_usage(w, a);
    else if (wish->include_usage) jw_null(w, "usage");
    if (last && !wish->include_usage) openai_timings(w, a);
    jw_close(w, '}');
    api_sse_end(w);
}

static const char *object_of(const struct api_answer *a)
{
    return a->route->voice == &api_chat_voice ? "chat.completion.chunk" : "text_completion";
}

static struct jw empty_chunk(const struct api_answer *a, struct buf *out)
{
    struct jw w = openai_chunk(a, object_of(a), true, out);
    jw_open(&w, "choices", '[');
    jw_close(&w, ']');
    return w;
}

void openai_last(struct api_answer *a, struct buf *out)
{
    if (a->work->wish.include_usage) {
        struct jw w = empty_chunk(a, out);
        openai_usage(&w, a);
        openai_timings(&w, a);
        jw_close(&w, '}');
        api_sse_end(&w);
    }
    buf_add_str(out, "data: [DONE]\n\n");
}

/* Clients take a chunk with "error" for a fault, and a stream without [DONE] for a broken one. */
void openai_fault(struct api_answer *a, const struct api_fault *f, struct buf *out)
{
    struct jw w = api_sse(out, NULL);
    jw_open(&w, NULL, '{');
    api_fault_object(&w, "error", a, f);
    jw_close(&w, '}');
    api_sse_end(&w);
    buf_add_str(out, "data: [DONE]\n\n");
}

/* vLLM's client loses a stream with a comment that comes alone; it asks for the counts, and passes over chunks without choices.
 * Clients that do not ask for them may read choices[0] of every chunk. */
void openai_alive(struct api_answer *a, struct buf *out)
{
    if (!a->work->wish.include_usage) {
        api_comment(a, out);
        return;
    }
    struct jw w = empty_chunk(a, out);
    jw_null(&w, "usage");
    jw_close(&w, '}');
    api_sse_end(&w);
}
