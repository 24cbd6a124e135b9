/* Replies of OpenAI's Responses. In a stream items open and close one after another; clients like Codex look only at the whole
 * item that response.output_item.done tells, and at response.completed. */
#include <string.h>
#include "api/base64.h"
#include "api/openai.h"
#include "api/responses.h"
#include "base/json.h"

/* What is open in a stream: api_choice.part. */
enum { NOTHING, REASONING, MESSAGE, CALL };

/* ---- items ---- */

static void item_id(const struct api_answer *a, char out[API_ID + 32], const char *kind, int64_t index)
{
    snprintf(out, API_ID + 32, "%s_%s%02d", kind, a->id, (int)(index % 100000));
}

static const char *call_kind(const struct api_answer *a, const struct api_call *c)
{
    return responses_is_custom(a, c) ? "ctc" : "fc";
}

static void tokens(struct api_answer *a, struct jw *w, struct api_choice *c, bool move)
{
    jw_open(w, "logprobs", '[');
    for (size_t i = c->told; a->work->base.want_logprobs && i < c->tokens.n; i++)
        if (!c->tokens.v[i].of_reasoning && !c->tokens.v[i].of_prompt) openai_token(w, &c->tokens, &c->tokens.v[i]);
    jw_close(w, ']');
    if (move) c->told = c->tokens.n;
}

static void reasoning_part(struct jw *w, const char *key, const char *s, size_t len)
{
    jw_open(w, key, '{');
    jw_str(w, "type", "reasoning_text");
    jw_text(w, "text", s, len);
    jw_close(w, '}');
}

static void reasoning_item(struct api_answer *a, struct jw *w, const char *key, int64_t index, const char *s,
                           size_t len, bool whole)
{
    char id[API_ID + 32];
    item_id(a, id, "rs", index);
    jw_open(w, key, '{');
    jw_str(w, "id", id);
    jw_str(w, "type", "reasoning");
    jw_open(w, "summary", '[');
    jw_close(w, ']');
    jw_open(w, "content", '[');
    if (whole) reasoning_part(w, NULL, s, len);
    jw_close(w, ']');
    if (whole && a->work->wish.seals) {
        struct buf b = {0};
        seal_add(&b, a->env->key, s, len, true);
        jw_buf(w, "encrypted_content", &b);
        w->b->failed |= b.failed;
        buf_free(&b);
    }
    jw_str(w, "status", whole ? "completed" : "in_progress");
    jw_close(w, '}');
}

static void text_part(struct api_answer *a, struct jw *w, const char *key, const char *s, size_t len,
                      struct api_choice *c)
{
    jw_open(w, key, '{');
    jw_str(w, "type", "output_text");
    jw_text(w, "text", s, len);
    jw_open(w, "annotations", '[');
    jw_close(w, ']');
    if (c) {
        tokens(a, w, c, true);
    } else {
        jw_open(w, "logprobs", '[');
        jw_close(w, ']');
    }
    jw_close(w, '}');
}

/* c: its tokens are told with it. */
static void message_item(struct api_answer *a, struct jw *w, const char *key, int64_t index, const char *s, size_t len,
                         const char *status, struct api_choice *c)
{
    char id[API_ID + 32];
    item_id(a, id, "msg", index);
    jw_open(w, key, '{');
    jw_str(w, "id", id);
    jw_str(w, "type", "message");
    jw_str(w, "role", "assistant");
    jw_str(w, "status", status);
    jw_open(w, "content", '[');
    if (strcmp(status, "in_progress") != 0) text_part(a, w, NULL, s, len, c);
    jw_close(w, ']');
    jw_close(w, '}');
}

/* The free text of a custom tool's call: the member "input" of its arguments, or the arguments as they are. */
static void custom_input(struct jw *w, const char *key, const struct api_call *call)
{
    json_t *args = NULL;
    struct err e;
    json_parse(&args, call->arguments.data ? call->arguments.data : "", call->arguments.len, "arguments", &e);
    const json_t *input = json_object_get(args, "input");
    if (json_is_string(input)) jw_text(w, key, json_string_value(input), json_string_length(input));
    else jw_buf(w, key, &call->arguments);
    json_decref(args);
}

static void name_members(struct api_answer *a, struct jw *w, const struct api_call *call)
{
    const char *name = call->name.len ? call->name.data : "";
    size_t space = responses_space(a, call), skip = space ? space + strlen("__") : 0;
    jw_text(w, "name", name + skip, call->name.len - skip);
    if (space) jw_text(w, "namespace", name, space);
}

static void call_item(struct api_answer *a, struct jw *w, const char *key, int64_t index, const struct api_call *call,
                      bool whole)
{
    char id[API_ID + 32];
    bool custom = responses_is_custom(a, call);
    item_id(a, id, call_kind(a, call), index);
    jw_open(w, key, '{');
    jw_str(w, "id", id);
    jw_str(w, "type", custom ? "custom_tool_call" : "function_call");
    jw_str(w, "status", !whole ? "in_progress" : call->ended ? "completed" : "incomplete");
    jw_buf(w, "call_id", &call->id);
    name_members(a, w, call);
    if (!whole) jw_str(w, custom ? "input" : "arguments", "");
    else if (custom) custom_input(w, "input", call);
    else jw_buf(w, "arguments", &call->arguments);
    jw_close(w, '}');
}

/* ---- the response ---- */

static void usage(struct jw *w, const struct api_answer *a)
{
    struct turn_usage u = api_usage(a);
    jw_open(w, "usage", '{');
    jw_int(w, "input_tokens", u.prompt);
    jw_open(w, "input_tokens_details", '{');
    jw_int(w, "cached_tokens", u.cached);
    jw_int(w, "cache_write_tokens", 0);
    jw_close(w, '}');
    jw_int(w, "output_tokens", u.answer);
    jw_open(w, "output_tokens_details", '{');
    jw_int(w, "reasoning_tokens", u.reasoning);
    jw_close(w, '}');
    jw_int(w, "total_tokens", u.prompt + u.answer);
    jw_close(w, '}');
}

static void member(struct jw *w, const struct api_answer *a, const char *key, const char *without)
{
    const json_t *v = json_object_get(a->work->root, key);
    if (v && !json_is_null(v)) jw_json(w, key, v);
    else jw_lit(w, key, without);
}

static const char *response_id(const struct api_answer *a, char out[API_ID + 8])
{
    snprintf(out, API_ID + 8, "resp_%s", a->id);
    return out;
}

static bool cut(const struct api_answer *a)
{
    enum turn_reason r = a->work->choice[0].reason;
    return r == TURN_LENGTH || r == TURN_CONTEXT;
}

static void fault_member(struct jw *w, const struct api_answer *a, const struct api_fault *f)
{
    static const struct {
        enum api_fault_kind kind;
        const char *code;
    } codes[] = {{API_F_TOO_LONG, "context_length_exceeded"},
                 {API_F_QUEUE_FULL, "rate_limit_exceeded"},
                 {API_F_QUOTA, "rate_limit_exceeded"}};
    const char *code = "server_error";
    char text[sizeof f->message + 64];
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i].kind == f->kind) code = codes[i].code;
    (void)a;
    snprintf(text, sizeof text, f->retry_ms > 0 ? "%s Please try again in %.3gs." : "%s", f->message,
             (double)f->retry_ms / 1000);
    jw_open(w, "error", '{');
    jw_str(w, "code", code);
    jw_str(w, "message", text);
    jw_close(w, '}');
}

/* What the response object has besides its output. f: what went wrong; NULL: nothing. */
static void response_open(struct api_answer *a, struct jw *w, const char *key, const char *status,
                          const struct api_fault *f)
{
    char id[API_ID + 8];
    jw_open(w, key, '{');
    jw_str(w, "id", response_id(a, id));
    jw_str(w, "object", "response");
    jw_int(w, "created_at", api_seconds(a));
    jw_str(w, "status", status);
    if (f) fault_member(w, a, f);
    else jw_null(w, "error");
    if (!strcmp(status, "incomplete")) jw_lit(w, "incomplete_details", "{\"reason\":\"max_output_tokens\"}");
    else jw_null(w, "incomplete_details");
    member(w, a, "instructions", "null");
    member(w, a, "metadata", "{}");
    jw_str(w, "model", a->model);
    member(w, a, "parallel_tool_calls", "true");
    member(w, a, "tool_choice", "\"auto\"");
    member(w, a, "tools", "[]");
    member(w, a, "temperature", "null");
    member(w, a, "top_p", "null");
    member(w, a, "max_output_tokens", "null");
    jw_null(w, "previous_response_id");
    member(w, a, "reasoning", "{\"effort\":null,\"summary\":null}");
    member(w, a, "text", "{\"format\":{\"type\":\"text\"}}");
    member(w, a, "truncation", "\"disabled\"");
    jw_bool(w, "store", false);
    jw_bool(w, "background", false);
}

static void response_close(struct api_answer *a, struct jw *w, bool counted)
{
    if (counted) usage(w, a);
    else jw_null(w, "usage");
    jw_close(w, '}');
}

/* ---- a stream ---- */

static struct jw event_open(struct api_answer *a, struct buf *out, const char *type)
{
    struct jw w = api_sse(out, type);
    jw_open(&w, NULL, '{');
    jw_str(&w, "type", type);
    jw_int(&w, "sequence_number", a->work->sequence++);
    return w;
}

static void event_close(struct jw *w)
{
    jw_close(w, '}');
    api_sse_end(w);
}

static void response_event(struct api_answer *a, struct buf *out, const char *type, const char *status,
                           const struct api_fault *f)
{
    struct jw w = event_open(a, out, type);
    response_open(a, &w, "response", status, f);
    jw_open(&w, "output", '[');
    if (a->work->items.len) jw_raw(&w, NULL, a->work->items.data, a->work->items.len);
    jw_close(&w, ']');
    response_close(a, &w, !f && strcmp(status, "in_progress") != 0);
    event_close(&w);
}

static void first(struct api_answer *a, struct buf *out)
{
    response_event(a, out, "response.created", "in_progress", NULL);
    response_event(a, out, "response.in_progress", "in_progress", NULL);
}

/* An event about the open item. */
static struct jw item_event(struct api_answer *a, const struct api_choice *c, struct buf *out, const char *type,
                            const char *kind)
{
    char id[API_ID + 32];
    struct jw w = event_open(a, out, type);
    item_id(a, id, kind, c->index);
    jw_str(&w, "item_id", id);
    jw_int(&w, "output_index", c->index);
    if (*kind == 'r' || *kind == 'm') jw_int(&w, "content_index", 0);
    return w;
}

/* The item that is open, as a whole. */
static void whole_item(struct api_answer *a, struct api_choice *c, struct jw *w, const char *key, const char *status)
{
    if (c->part == REASONING)
        reasoning_item(a, w, key, c->index, c->reasoning.data + c->from, c->reasoning.len - c->from, true);
    else if (c->part == MESSAGE)
        message_item(a, w, key, c->index, c->text.data + c->from, c->text.len - c->from, status, NULL);
    else call_item(a, w, key, c->index, &c->calls[c->n_calls - 1], true);
}

static void reasoning_done(struct api_answer *a, struct api_choice *c, struct buf *out)
{
    const char *s = c->reasoning.data + c->from;
    size_t len = c->reasoning.len - c->from;
    struct jw w = item_event(a, c, out, "response.reasoning_text.done", "rs");
    jw_text(&w, "text", s, len);
    event_close(&w);
    w = item_event(a, c, out, "response.content_part.done", "rs");
    reasoning_part(&w, "part", s, len);
    event_close(&w);
}

static void text_done(struct api_answer *a, struct api_choice *c, struct buf *out)
{
    const char *s = c->text.data + c->from;
    size_t len = c->text.len - c->from;
    struct jw w = item_event(a, c, out, "response.output_text.done", "msg");
    jw_text(&w, "text", s, len);
    jw_open(&w, "logprobs", '[');
    jw_close(&w, ']');
    event_close(&w);
    w = item_event(a, c, out, "response.content_part.done", "msg");
    text_part(a, &w, "part", s, len, NULL);
    event_close(&w);
}

static void call_done(struct api_answer *a, struct api_choice *c, struct buf *out)
{
    const struct api_call *call = &c->calls[c->n_calls - 1];
    struct jw w;
    if (responses_is_custom(a, call)) {
        w = item_event(a, c, out, "response.custom_tool_call_input.delta", "ctc");
        custom_input(&w, "delta", call);
        event_close(&w);
        w = item_event(a, c, out, "response.custom_tool_call_input.done", "ctc");
        custom_input(&w, "input", call);
    } else {
        w = item_event(a, c, out, "response.function_call_arguments.done", "fc");
        name_members(a, &w, call);
        jw_buf(&w, "arguments", &call->arguments);
    }
    event_close(&w);
}

static void item_close(struct api_answer *a, struct api_choice *c, const char *status, struct buf *out)
{
    struct buf *items = &a->work->items;
    if (c->part == NOTHING) return;
    if (c->part == MESSAGE) text_done(a, c, out);
    if (c->part == CALL) call_done(a, c, out);
    if (c->part == REASONING) reasoning_done(a, c, out);
    struct jw w = event_open(a, out, "response.output_item.done");
    jw_int(&w, "output_index", c->index);
    whole_item(a, c, &w, "item", status);
    event_close(&w);
    struct jw kept = {.b = items, .comma = items->len > 0};
    whole_item(a, c, &kept, NULL, status);
    out->failed |= items->failed;
    c->part = NOTHING;
    c->index++;
}

static void item_open(struct api_answer *a, struct api_choice *c, int part, const struct turn_event *ev,
                      struct buf *out)
{
    if (c->part == part && part != CALL) return;
    item_close(a, c, "completed", out);
    c->part = part;
    c->from =
        (part == REASONING ? c->reasoning.len : c->text.len) - ev->text.len; /* this event was added to it already */
    struct jw w = event_open(a, out, "response.output_item.added");
    jw_int(&w, "output_index", c->index);
    if (part == REASONING) reasoning_item(a, &w, "item", c->index, "", 0, false);
    else if (part == MESSAGE) message_item(a, &w, "item", c->index, "", 0, "in_progress", NULL);
    else call_item(a, &w, "item", c->index, &c->calls[c->n_calls - 1], false);
    event_close(&w);
    if (part == CALL) return;
    w = item_event(a, c, out, "response.content_part.added", part == MESSAGE ? "msg" : "rs");
    if (part == MESSAGE) text_part(a, &w, "part", "", 0, NULL);
    else reasoning_part(&w, "part", "", 0);
    event_close(&w);
}

static void delta(struct api_answer *a, struct api_choice *c, const char *type, const char *kind,
                  const struct turn_event *ev, struct buf *out)
{
    struct jw w = item_event(a, c, out, type, kind);
    jw_text(&w, "delta", ev->text.s ? ev->text.s : "", ev->text.len);
    if (*kind == 'm') tokens(a, &w, c, true);
    event_close(&w);
}

static void event(struct api_answer *a, size_t i, const struct turn_event *ev, struct buf *out)
{
    struct api_choice *c = &a->work->choice[i];
    switch (ev->kind) {
    case TURN_EV_REASONING:
        if (ev->text.len == 0) return;
        item_open(a, c, REASONING, ev, out);
        delta(a, c, "response.reasoning_text.delta", "rs", ev, out);
        return;
    case TURN_EV_TEXT:
        if (ev->text.len == 0) return;
        item_open(a, c, MESSAGE, ev, out);
        delta(a, c, "response.output_text.delta", "msg", ev, out);
        return;
    case TURN_EV_CALL:
        item_open(a, c, CALL, &(struct turn_event){0}, out);
        return;
    case TURN_EV_ARGUMENTS:
        if (c->part == CALL && (size_t)ev->call + 1 == c->n_calls && !responses_is_custom(a, &c->calls[ev->call]))
            delta(a, c, "response.function_call_arguments.delta", "fc", ev, out);
        return;
    case TURN_EV_CALL_END:
        item_close(a, c, "completed", out);
        return;
    default:
        return;
    }
}

static void last(struct api_answer *a, struct buf *out)
{
    const char *status = cut(a) ? "incomplete" : "completed";
    item_close(a, &a->work->choice[0], status, out);
    response_event(a, out, cut(a) ? "response.incomplete" : "response.completed", status, NULL);
}

static void fault(struct api_answer *a, const struct api_fault *f, struct buf *out)
{
    if (a->work->sequence == 0) first(a, out); /* clients want it to come before all */
    response_event(a, out, "response.failed", "failed", f);
}

/* ---- not a stream ---- */

static void whole(struct api_answer *a, struct buf *out)
{
    struct api_choice *c = &a->work->choice[0];
    struct jw w = {.b = out};
    int64_t index = 0;
    response_open(a, &w, NULL, cut(a) ? "incomplete" : "completed", NULL);
    jw_open(&w, "output", '[');
    if (c->reasoning.len) reasoning_item(a, &w, NULL, index++, c->reasoning.data, c->reasoning.len, true);
    if (c->text.len) {
        const char *status = cut(a) && !c->n_calls ? "incomplete" : "completed";
        message_item(a, &w, NULL, index++, c->text.data, c->text.len, status, c);
    }
    for (size_t i = 0; i < c->n_calls; i++) call_item(a, &w, NULL, index++, &c->calls[i], true);
    jw_close(&w, ']');
    response_close(a, &w, true);
}

const struct api_voice responses_voice = {.stream_type = "text/event-stream",
                                          .first = first,
                                          .event = event,
                                          .last = last,
                                          .whole = whole,
                                          .fault = fault,
                                          .alive = api_comment};

static void count_whole(struct api_answer *a, struct buf *out)
{
    struct jw w = {.b = out};
    jw_open(&w, NULL, '{');
    jw_str(&w, "object", "response.input_tokens");
    jw_int(&w, "input_tokens", a->work->choice[0].usage.prompt);
    jw_close(&w, '}');
}

const struct api_voice responses_count_voice = {.whole = count_whole};
