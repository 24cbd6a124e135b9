/* Replies to Anthropic's clients: blocks that open and close one after another. */
#include <string.h>
#include "api/anthropic.h"
#include "api/base64.h"
#include "base/json.h"

/* What is open in a stream: api_choice.part. */
enum { NOTHING, THINKING, TEXT, TOOL };

static const char *reason_of(const struct api_choice *c)
{
    switch (c->reason) {
    case TURN_STOP_STRING:
        return "stop_sequence";
    case TURN_LENGTH:
        return "max_tokens";
    case TURN_CONTEXT:
        return "model_context_window_exceeded";
    case TURN_CALLS:
        return "tool_use";
    case TURN_END:
    case TURN_STOP_ID:
    case TURN_CANCELLED:
        break;
    }
    return c->n_calls ? "tool_use" : "end_turn";
}

static void stop_members(const struct api_answer *a, struct jw *w, const struct api_choice *c, bool done)
{
    const struct turn *t = &a->work->base;
    jw_str(w, "stop_reason", done ? reason_of(c) : NULL);
    bool known = done && c->reason == TURN_STOP_STRING && c->stop >= 0 && (size_t)c->stop < t->n_stops;
    if (known) jw_text(w, "stop_sequence", t->stops[c->stop].s, t->stops[c->stop].len);
    else jw_null(w, "stop_sequence");
}

/* input_tokens are those that were not cached, unlike in OpenAI's counts. */
static void usage(struct jw *w, const struct api_choice *c, int64_t answer)
{
    jw_open(w, "usage", '{');
    jw_int(w, "input_tokens", c->usage.prompt - c->usage.cached);
    jw_int(w, "cache_creation_input_tokens", 0);
    jw_int(w, "cache_read_input_tokens", c->usage.cached);
    jw_int(w, "output_tokens", answer);
    jw_close(w, '}');
}

static void message_head(const struct api_answer *a, struct jw *w)
{
    char id[API_ID + 8];
    snprintf(id, sizeof id, "msg_%s", a->id);
    jw_str(w, "id", id);
    jw_str(w, "type", "message");
    jw_str(w, "role", "assistant");
    jw_str(w, "model", a->model);
}

static struct jw event_open(struct buf *out, const char *type, const struct api_choice *c)
{
    struct jw w = api_sse(out, type);
    jw_open(&w, NULL, '{');
    jw_str(&w, "type", type);
    if (c) jw_int(&w, "index", c->index);
    return w;
}

static void event_close(struct jw *w)
{
    jw_close(w, '}');
    api_sse_end(w);
}

static void first(struct api_answer *a, struct buf *out)
{
    const struct api_choice *c = &a->work->choice[0];
    struct jw w = event_open(out, "message_start", NULL);
    jw_open(&w, "message", '{');
    message_head(a, &w);
    jw_open(&w, "content", '[');
    jw_close(&w, ']');
    stop_members(a, &w, c, false);
    usage(&w, c, 1);
    jw_close(&w, '}');
    event_close(&w);
    w = event_open(out, "ping", NULL);
    event_close(&w);
}

static void delta(struct buf *out, const struct api_choice *c, const char *type, const char *key, const char *s,
                  size_t len)
{
    struct jw w = event_open(out, "content_block_delta", c);
    jw_open(&w, "delta", '{');
    jw_str(&w, "type", type);
    jw_text(&w, key, s, len);
    jw_close(&w, '}');
    event_close(&w);
}

static void signature(const struct api_answer *a, const struct api_choice *c, struct buf *text)
{
    seal_add(text, a->env->key, c->reasoning.len ? c->reasoning.data : "", c->reasoning.len, false);
}

static void block_close(struct api_answer *a, struct api_choice *c, struct buf *out)
{
    if (c->part == NOTHING) return;
    if (c->part == THINKING) {
        struct buf text = {0};
        signature(a, c, &text);
        delta(out, c, "signature_delta", "signature", text.len ? text.data : "", text.len);
        out->failed |= text.failed;
        buf_free(&text);
    }
    struct jw w = event_open(out, "content_block_stop", c);
    event_close(&w);
    c->part = NOTHING;
    c->index++;
}

static void block_open(struct api_answer *a, struct api_choice *c, int part, const struct api_call *call,
                       struct buf *out)
{
    if (c->part == part && part != TOOL) return;
    block_close(a, c, out);
    c->part = part;
    struct jw w = event_open(out, "content_block_start", c);
    jw_open(&w, "content_block", '{');
    jw_str(&w, "type", part == THINKING ? "thinking" : part == TEXT ? "text" : "tool_use");
    if (part == THINKING) jw_str(&w, "thinking", "");
    if (part == THINKING) jw_str(&w, "signature", "");
    if (part == TEXT) jw_str(&w, "text", "");
    if (part == TOOL) {
        jw_buf(&w, "id", &call->id);
        jw_buf(&w, "name", &call->name);
        jw_open(&w, "input", '{');
        jw_close(&w, '}');
    }
    jw_close(&w, '}');
    event_close(&w);
}

static void done(struct api_answer *a, struct api_choice *c, struct buf *out)
{
    if (c->index == 0 && c->part == NOTHING) block_open(a, c, TEXT, NULL, out); /* clients expect a block */
    block_close(a, c, out);
    struct jw w = event_open(out, "message_delta", NULL);
    jw_open(&w, "delta", '{');
    stop_members(a, &w, c, true);
    jw_close(&w, '}');
    usage(&w, c, c->usage.answer);
    event_close(&w);
    w = event_open(out, "message_stop", NULL);
    event_close(&w);
}

static void event(struct api_answer *a, size_t i, const struct turn_event *ev, struct buf *out)
{
    struct api_choice *c = &a->work->choice[i];
    switch (ev->kind) {
    case TURN_EV_REASONING:
        if (ev->text.len == 0) return;
        block_open(a, c, THINKING, NULL, out);
        delta(out, c, "thinking_delta", "thinking", ev->text.s, ev->text.len);
        return;
    case TURN_EV_TEXT:
        if (ev->text.len == 0) return;
        block_open(a, c, TEXT, NULL, out);
        delta(out, c, "text_delta", "text", ev->text.s, ev->text.len);
        return;
    case TURN_EV_CALL:
        block_open(a, c, TOOL, &c->calls[ev->call], out);
        return;
    case TURN_EV_ARGUMENTS:
        delta(out, c, "input_json_delta", "partial_json", ev->text.s, ev->text.len);
        return;
    case TURN_EV_CALL_END:
        if (c->calls[ev->call].empty) delta(out, c, "input_json_delta", "partial_json", "{}", 2);
        block_close(a, c, out);
        return;
    case TURN_EV_DONE:
        done(a, c, out);
        return;
    default:
        return;
    }
}

static void call_block(struct jw *w, const struct api_call *call)
{
    jw_open(w, NULL, '{');
    jw_str(w, "type", "tool_use");
    jw_buf(w, "id", &call->id);
    jw_buf(w, "name", &call->name);
    api_call_object(w, "input", call);
    jw_close(w, '}');
}

static void whole(struct api_answer *a, struct buf *out)
{
    struct api_choice *c = &a->work->choice[0];
    struct jw w = {.b = out};
    jw_open(&w, NULL, '{');
    message_head(a, &w);
    jw_open(&w, "content", '[');
    if (c->reasoning.len) {
        struct buf text = {0};
        signature(a, c, &text);
        jw_open(&w, NULL, '{');
        jw_str(&w, "type", "thinking");
        jw_buf(&w, "thinking", &c->reasoning);
        jw_buf(&w, "signature", &text);
        jw_close(&w, '}');
        out->failed |= text.failed;
        buf_free(&text);
    }
    if (c->text.len || (!c->reasoning.len && !c->n_calls)) {
        jw_open(&w, NULL, '{');
        jw_str(&w, "type", "text");
        jw_buf(&w, "text", &c->text);
        jw_close(&w, '}');
    }
    for (size_t i = 0; i < c->n_calls; i++) call_block(&w, &c->calls[i]);
    jw_close(&w, ']');
    stop_members(a, &w, c, true);
    usage(&w, c, c->usage.answer);
    jw_close(&w, '}');
}

static void fault(struct api_answer *a, const struct api_fault *f, struct buf *out)
{
    buf_add_str(out, "event: error\ndata: ");
    api_fault_body(a, f, out);
    buf_add_str(out, "\n\n");
}

static void alive(struct api_answer *a, struct buf *out)
{
    (void)a;
    struct jw w = event_open(out, "ping", NULL);
    event_close(&w);
}

const struct api_voice anthropic_voice = {
    .stream_type = "text/event-stream", .first = first, .event = event, .whole = whole, .fault = fault, .alive = alive};

static void count_whole(struct api_answer *a, struct buf *out)
{
    struct jw w = {.b = out};
    jw_open(&w, NULL, '{');
    jw_int(&w, "input_tokens", a->work->choice[0].usage.prompt);
    jw_close(&w, '}');
}

const struct api_voice anthropic_count_voice = {.whole = count_whole};
