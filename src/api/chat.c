/* OpenAI chat completions, with DeepSeek's, vLLM's and llama-server's fields. */
#include <string.h>
#include "api/ask.h"
#include "api/messages.h"
#include "api/openai.h"
#include "base/checked.h"

static int read_max(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    (void)f, (void)v;
    if (a->work->base.max_tokens == 0) return api_bad(a, "is 0, expected at least 1, or -1 for no limit");
    return OK;
}

static int read_parallel(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    (void)f;
    a->work->base.one_call = json_is_false(v);
    return OK;
}

static int read_continue(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    struct chat_request *q = &a->work->base.chat;
    (void)f;
    if (json_is_true(v) && q->msgs[q->n_msgs - 1].role != CHAT_ASSISTANT)
        return api_bad(a, "is true, but the last message is no assistant's");
    q->continue_last |= json_is_true(v);
    q->add_generation_prompt &= !q->continue_last;
    return OK;
}

static int read_top_logprobs(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    struct turn *t = &a->work->base;
    (void)f, (void)v;
    if (!t->want_logprobs && t->top_logprobs > 0) {
        t->top_logprobs = 0;
        return api_ignored(a);
    }
    return OK;
}

static int read_modalities(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    size_t i;
    json_t *one;
    (void)f;
    TRY(api_want(a, v, JSON_ARRAY, "a list"));
    json_array_foreach(v, i, one)
    {
        const char *s = json_string_value(one);
        if (!s || strcmp(s, "text") != 0)
            return api_unsupported(a, "has something besides \"text\"; this server answers in text only");
    }
    return OK;
}

#define SCHEMA_MESSAGES "{\"type\":\"array\",\"minItems\":1,\"items\":{\"$ref\":\"#/components/schemas/chat_message\"}}"

const struct api_field api_chat_fields[] = {
    ROW_READ("model", api_read_model, API_SCHEMA_NAME, "one of GET /v1/models; without it the first that is loaded"),
    {.name = "messages",
     .needed = true,
     .read = api_read_messages,
     .schema = SCHEMA_MESSAGES,
     .note = "roles system, developer, user, assistant, tool; text only; an assistant's reasoning_content, reasoning "
             "or thinking, "
             "tool_calls and prefix"},
    ROW_READ("tools", api_read_tools,
             "{\"type\":\"array\",\"maxItems\":1024,\"items\":{\"$ref\":\"#/components/schemas/chat_tool\"}}",
             "functions; other types are ignored"),
    ROW_READ("tool_choice", api_read_tool_choice, API_SCHEMA_CHOICE, "none, auto, required, or a function by name"),
    {.name = "parallel_tool_calls", .type = FIELD_BOOL, .read = read_parallel, .note = "false: at most one call"},
    {.name = "max_tokens",
     .type = FIELD_INT,
     TURN_AT(max_tokens),
     .lo = -1,
     .hi = API_BIG,
     .read = read_max,
     .note = "reasoning and answer; -1 or none: until the context is full"},
    {.name = "max_completion_tokens",
     .type = FIELD_INT,
     TURN_AT(max_tokens),
     .lo = -1,
     .hi = API_BIG,
     .read = read_max,
     .note = "as max_tokens, and counts more"},
    ROW_INT("n", WISH_AT(n), 1, 64, "answers"),
    ROW_BOOL("stream", WISH_AT(stream), ""),
    ROW_SUB("stream_options", api_stream_options, ""),
    API_ROWS_SAMPLING,
    ROW_BOOL("logprobs", TURN_AT(want_logprobs), ""),
    {.name = "top_logprobs",
     .type = FIELD_INT32,
     TURN_AT(top_logprobs),
     .lo = 0,
     .hi = 20,
     .read = read_top_logprobs,
     .note = "needs logprobs"},
    ROW_READ("reasoning_effort", api_read_effort, API_SCHEMA_EFFORT, "none: no thinking"),
    ROW_SUB("reasoning", api_reasoning_fields, ""),
    ROW_READ("thinking", api_read_thinking, API_SCHEMA_THINKING,
             "{\"type\": \"enabled\", \"disabled\" or \"adaptive\", \"budget_tokens\"}"),
    ROW_READ("enable_thinking", api_read_enable_thinking, "{\"type\":\"boolean\"}", ""),
    ROW_INT("thinking_budget_tokens", TURN_AT(max_thinking), -1, API_BIG, "tokens of thinking; -1: no limit"),
    ROW_SUB("chat_template_kwargs", api_template_kwargs, ""),
    ROW_WORD("reasoning_format", WISH_AT(reasoning_format), api_reasoning_formats,
             "deepseek: reasoning_content; both: also reasoning; none: in the content, between <think> and </think>"),
    {.name = "continue_final_message",
     .type = FIELD_BOOL,
     .read = read_continue,
     .note = "the last message, an assistant's, is the beginning of the answer; as its prefix: true"},
    ROW_BOOL("return_progress", TURN_AT(want_progress), "of reading the prompt, in a stream"),
    ROW_READ("modalities", read_modalities, "{\"type\":\"array\",\"items\":{\"enum\":[\"text\"]}}", "text"),
    ROW_REFUSED("audio", "this server answers in text only"),
    ROW_REFUSED("functions", "an old form: use tools"),
    ROW_REFUSED("function_call", "an old form: use tool_choice"),
    ROW_REFUSED("web_search_options", "this server does not search"),
    ROW_IGNORED("verbosity", ""),
    ROW_IGNORED("store", "nothing is stored"),
    ROW_IGNORED("metadata", ""),
    ROW_IGNORED("prediction", ""),
    ROW_IGNORED("add_generation_prompt", ""),
    ROW_IGNORED("timings_per_token", ""),
    ROW_IGNORED("chat_template", ""),
    ROW_END,
};

int api_chat_begin(struct api_answer *a, struct buf *out)
{
    struct api_work *w = a->work;
    (void)out;
    w->base.kind = TURN_CHAT;
    TRY(api_choose_model(a, w->wish.model));
    return api_turns(a, (size_t)w->wish.n);
}

/* ---- replies ---- */

static void told_tokens(struct jw *w, struct api_choice *c, const char *key, bool reasoning)
{
    jw_open(w, key, '[');
    for (size_t i = c->told; i < c->tokens.n; i++)
        if (c->tokens.v[i].of_reasoning == reasoning && !c->tokens.v[i].of_prompt)
            openai_token(w, &c->tokens, &c->tokens.v[i]);
    jw_close(w, ']');
}

static void logprobs(struct api_answer *a, struct jw *w, struct api_choice *c)
{
    if (!a->work->base.want_logprobs || c->told == c->tokens.n) {
        jw_null(w, "logprobs");
        return;
    }
    jw_open(w, "logprobs", '{');
    told_tokens(w, c, "content", false);
    told_tokens(w, c, "reasoning_content", true);
    jw_null(w, "refusal");
    jw_close(w, '}');
    c->told = c->tokens.n;
}

static struct jw delta(struct api_answer *a, size_t i, struct buf *out)
{
    struct jw w = openai_chunk(a, "chat.completion.chunk", true, out);
    jw_open(&w, "choices", '[');
    jw_open(&w, NULL, '{');
    jw_int(&w, "index", (int64_t)i);
    jw_open(&w, "delta", '{');
    return w;
}

static void delta_end(struct api_answer *a, size_t i, struct jw *w, const char *finish)
{
    jw_close(w, '}');
    logprobs(a, w, &a->work->choice[i]);
    jw_str(w, "finish_reason", finish); /* null, never "" */
    jw_close(w, '}');
    jw_close(w, ']');
    openai_chunk_end(a, w, finish && openai_all_done(a));
}

static void role(struct api_answer *a, size_t i, struct buf *out)
{
    struct api_choice *c = &a->work->choice[i];
    if (c->spoke) return;
    size_t told = c->told;
    c->spoke = true;
    c->told = c->tokens.n; /* they come with the text that they complete */
    struct jw w = delta(a, i, out);
    jw_str(&w, "role", "assistant");
    jw_str(&w, "content", "");
    if (a->work->has_reasoning && a->work->wish.reasoning_format != REASONING_NONE) jw_str(&w, "reasoning_content", "");
    delta_end(a, i, &w, NULL);
    c->told = told;
}

static void text(struct api_answer *a, size_t i, const char *key, struct turn_text t, struct buf *out)
{
    struct jw w = delta(a, i, out);
    jw_text(&w, key, t.s, t.len);
    if (key[0] == 'r' && a->work->wish.reasoning_format == REASONING_BOTH) jw_text(&w, "reasoning", t.s, t.len);
    delta_end(a, i, &w, NULL);
}

/* Thinking that goes with the content is put between tags; part is 1 while one is open. */
static void tag(struct api_answer *a, size_t i, bool open, struct buf *out)
{
    struct api_choice *c = &a->work->choice[i];
    if (a->work->wish.reasoning_format != REASONING_NONE || (c->part == 1) == open) return;
    c->part = open;
    text(a, i, "content", open ? (struct turn_text){"<think>", 7} : (struct turn_text){"</think>", 8}, out);
}

static void call_delta(struct api_answer *a, size_t i, const struct turn_event *ev, struct buf *out)
{
    const struct api_call *call = &a->work->choice[i].calls[ev->call];
    struct jw w = delta(a, i, out);
    jw_open(&w, "tool_calls", '[');
    jw_open(&w, NULL, '{');
    jw_int(&w, "index", ev->call);
    if (ev->kind == TURN_EV_CALL) {
        jw_buf(&w, "id", &call->id);
        jw_str(&w, "type", "function");
    }
    jw_open(&w, "function", '{');
    if (ev->kind == TURN_EV_CALL) jw_buf(&w, "name", &call->name);
    if (ev->kind == TURN_EV_ARGUMENTS) jw_text(&w, "arguments", ev->text.s, ev->text.len);
    else jw_str(&w, "arguments", ev->kind == TURN_EV_CALL ? "" : "{}");
    jw_close(&w, '}');
    jw_close(&w, '}');
    jw_close(&w, ']');
    delta_end(a, i, &w, NULL);
}

static void progress(struct api_answer *a, size_t i, const struct turn_event *ev, struct buf *out)
{
    struct jw w = openai_chunk(a, "chat.completion.chunk", true, out);
    jw_open(&w, "choices", '[');
    jw_close(&w, ']');
    jw_open(&w, "prompt_progress", '{');
    jw_int(&w, "total", ev->usage.prompt);
    jw_int(&w, "cache", ev->usage.cached);
    jw_int(&w, "processed", ev->usage.done);
    jw_int(&w, "time_ms", (int64_t)ev->time.prompt_ms);
    jw_close(&w, '}');
    jw_close(&w, '}');
    api_sse_end(&w);
    (void)i;
}

static void chat_event(struct api_answer *a, size_t i, const struct turn_event *ev, struct buf *out)
{
    struct api_choice *c = &a->work->choice[i];
    bool thought = ev->kind == TURN_EV_REASONING;
    switch (ev->kind) {
    case TURN_EV_PROGRESS:
        progress(a, i, ev, out);
        return;
    case TURN_EV_REASONING:
    case TURN_EV_TEXT:
        if (ev->text.len == 0) return;
        role(a, i, out);
        tag(a, i, thought, out);
        text(a, i, thought && a->work->wish.reasoning_format != REASONING_NONE ? "reasoning_content" : "content",
             ev->text, out);
        return;
    case TURN_EV_CALL_END:
        if (c->calls[ev->call].empty) call_delta(a, i, ev, out);
        return;
    case TURN_EV_CALL:
    case TURN_EV_ARGUMENTS:
        role(a, i, out);
        tag(a, i, false, out);
        call_delta(a, i, ev, out);
        return;
    case TURN_EV_DONE: {
        role(a, i, out);
        tag(a, i, false, out);
        struct jw w = delta(a, i, out);
        delta_end(a, i, &w, openai_finish(c->reason, c));
        return;
    }
    default:
        return;
    }
}

static void message(struct api_answer *a, struct jw *w, struct api_choice *c)
{
    int form = a->work->wish.reasoning_format;
    jw_open(w, "message", '{');
    jw_str(w, "role", "assistant");
    if (form == REASONING_NONE && c->reasoning.len) {
        struct buf all = {0};
        buf_add_str(&all, "<think>");
        buf_add(&all, c->reasoning.data, c->reasoning.len);
        buf_add_str(&all, "</think>");
        if (c->text.len) buf_add(&all, c->text.data, c->text.len);
        jw_buf(w, "content", &all);
        w->b->failed |= all.failed;
        buf_free(&all);
    } else if (c->text.len || !c->n_calls) {
        jw_buf(w, "content", &c->text);
    } else {
        jw_null(w, "content");
    }
    if (form != REASONING_NONE && (c->reasoning.len || a->work->has_reasoning)) {
        if (c->reasoning.len) jw_buf(w, "reasoning_content", &c->reasoning);
        else jw_null(w, "reasoning_content");
        if (form == REASONING_BOTH && c->reasoning.len) jw_buf(w, "reasoning", &c->reasoning);
    }
    jw_null(w, "refusal");
    if (c->n_calls) {
        jw_open(w, "tool_calls", '[');
        for (size_t i = 0; i < c->n_calls; i++) {
            jw_open(w, NULL, '{');
            jw_buf(w, "id", &c->calls[i].id);
            jw_str(w, "type", "function");
            jw_open(w, "function", '{');
            jw_buf(w, "name", &c->calls[i].name);
            jw_buf(w, "arguments", &c->calls[i].arguments);
            jw_close(w, '}');
            jw_close(w, '}');
        }
        jw_close(w, ']');
    }
    jw_close(w, '}');
}

static void chat_whole(struct api_answer *a, struct buf *out)
{
    struct jw w = openai_chunk(a, "chat.completion", false, out);
    jw_open(&w, "choices", '[');
    for (size_t i = 0; i < a->n_turns; i++) {
        struct api_choice *c = &a->work->choice[i];
        jw_open(&w, NULL, '{');
        jw_int(&w, "index", (int64_t)i);
        message(a, &w, c);
        logprobs(a, &w, c);
        jw_str(&w, "finish_reason", openai_finish(c->reason, c));
        jw_close(&w, '}');
    }
    jw_close(&w, ']');
    openai_usage(&w, a);
    openai_timings(&w, a);
    jw_close(&w, '}');
}

const struct api_voice api_chat_voice = {.stream_type = "text/event-stream",
                                         .event = chat_event,
                                         .last = openai_last,
                                         .whole = chat_whole,
                                         .fault = openai_fault,
                                         .alive = openai_alive};
