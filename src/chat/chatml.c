/* Chat forms with <|im_start|> and <|im_end|>: ChatML as SmolLM2 and Qwen 2 speak it, and Qwen 3 with its reasoning. */
#include <string.h>
#include "chat/form.h"

static const char tools_begin[] =
    "# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
    "You are provided with function signatures within <tools></tools> XML tags:\n<tools>";
static const char tools_end[] =
    "\n</tools>\n\nFor each function call, return a json object with function name and arguments within "
    "<tool_call></tool_call> XML tags:\n<tool_call>\n{\"name\": <function-name>, \"arguments\": <args-json-object>}\n"
    "</tool_call>" IM_END "\n";

/* The end of the system turn. */
static void say_tools(struct chat_writer *w)
{
    chat_put(w, tools_begin);
    for (size_t i = 0; i < w->q->n_tools && !w->rc; i++) {
        struct buf b = {0};
        chat_put(w, "\n");
        w->rc = chat_json_tool(&b, &w->q->tools[i], true, 0, w->e);
        chat_say_buf(w, &b);
    }
    chat_put(w, tools_end);
}

static void say_turn(struct chat_writer *w, const struct chat_msg *m)
{
    chat_put(w, m->role == CHAT_USER ? IM_START "user\n" : IM_START "system\n");
    chat_say(w, m->text, m->len);
    chat_put(w, IM_END "\n");
}

/* Results that follow each other are one turn of the user. */
static void say_result(struct chat_writer *w, size_t i)
{
    const struct chat_request *q = w->q;
    if (i == 0 || q->msgs[i - 1].role != CHAT_TOOL) chat_put(w, IM_START "user");
    chat_put(w, "\n<tool_response>\n");
    chat_say(w, q->msgs[i].text, q->msgs[i].len);
    chat_put(w, "\n</tool_response>");
    if (i + 1 == q->n_msgs || q->msgs[i + 1].role != CHAT_TOOL) chat_put(w, IM_END "\n");
}

static void say_call(struct chat_writer *w, const struct chat_call *call, bool again)
{
    struct buf b = {0};
    chat_put(w, "<tool_call>\n{\"name\": \"");
    chat_say_str(w, call->name);
    chat_put(w, "\", \"arguments\": ");
    if (again) chat_json_again(&b, call->arguments);
    else buf_add_str(&b, call->arguments);
    chat_say_buf(w, &b);
    chat_put(w, "}\n</tool_call>");
}

/* The end marker is the model's, the line end after it is not. */
static void end_answer(struct chat_writer *w, size_t i)
{
    if (!chat_is_open(w, i)) chat_put_end(w);
    chat_by_model(w, false);
    if (!chat_is_open(w, i)) chat_put(w, "\n");
}

/* ---- ChatML ---- */

static void say_answer(struct chat_writer *w, size_t i)
{
    const struct chat_msg *m = &w->q->msgs[i];
    chat_put(w, IM_START "assistant\n");
    chat_by_model(w, true);
    chat_say(w, m->text, m->len);
    for (size_t k = 0; k < m->n_calls; k++) {
        if (k || m->len) chat_put(w, "\n");
        say_call(w, &m->calls[k], true);
    }
    end_answer(w, i);
}

void chat_render_chatml(struct chat_writer *w)
{
    const struct chat_request *q = w->q;
    bool first = q->n_msgs && chat_is_system(&q->msgs[0]);
    if (first || w->f->system || q->n_tools) {
        chat_put(w, IM_START "system\n");
        if (first) chat_say(w, q->msgs[0].text, q->msgs[0].len);
        else if (w->f->system) chat_put(w, w->f->system);
        if (q->n_tools) {
            chat_put(w, "\n\n");
            say_tools(w);
        } else chat_put(w, IM_END "\n");
    }
    for (size_t i = first; i < q->n_msgs; i++) {
        if (q->msgs[i].role == CHAT_ASSISTANT) say_answer(w, i);
        else if (q->msgs[i].role == CHAT_TOOL) say_result(w, i);
        else say_turn(w, &q->msgs[i]);
    }
    if (chat_wants_prompt(w)) chat_put(w, IM_START "assistant\n");
}

/* ---- Qwen 3 ---- */

static bool has_ends(const struct chat_msg *m, const char *front, const char *back)
{
    size_t a = strlen(front), b = strlen(back);
    return m->len >= a && m->len >= b && !memcmp(m->text, front, a) && !memcmp(m->text + m->len - b, back, b);
}

/* The last message that really is a user's: reasoning before it is dropped. */
static size_t last_query(const struct chat_request *q)
{
    for (size_t i = q->n_msgs; i-- > 0;)
        if (q->msgs[i].role == CHAT_USER && !has_ends(&q->msgs[i], "<tool_response>", "</tool_response>")) return i;
    return q->n_msgs ? q->n_msgs - 1 : 0;
}

/* Reasoning that stands in the text itself, before </think>. */
static struct chat_span inner_reasoning(const struct chat_msg *m)
{
    const char *end = chat_find(m->text, m->len, UNTHINK);
    struct chat_span x = {m->text, end ? (size_t)(end - m->text) : 0};
    x = chat_trim_lines(x, false, true);
    for (const char *at; (at = chat_find(x.s, x.len, THINK));) {
        at += strlen(THINK);
        x = (struct chat_span){at, (size_t)(x.s + x.len - at)};
    }
    return chat_trim_lines(x, true, false);
}

/* The block before an answer after the last question. Without reasoning, and where the prompt begins it, it is given. */
static void say_think(struct chat_writer *w, struct chat_span reasoning, bool closed)
{
    bool prompted = w->f->think_prompt || reasoning.len == 0;
    if (!prompted) chat_by_model(w, true);
    chat_put(w, THINK "\n");
    if (reasoning.len) chat_by_model(w, true);
    reasoning = chat_trim_lines(reasoning, true, true);
    chat_say(w, reasoning.s, reasoning.len);
    if (closed) chat_put(w, "\n" UNTHINK "\n\n");
}

static void say_answer3(struct chat_writer *w, size_t i, size_t last)
{
    const struct chat_msg *m = &w->q->msgs[i];
    struct chat_span text = {m->text, m->len}, reasoning = {m->reasoning, m->reasoning_len};
    if (!m->reasoning && chat_find(m->text, m->len, UNTHINK)) {
        reasoning = inner_reasoning(m);
        text = chat_trim_lines(chat_after_think(m->text, m->len, true), true, false);
    }
    bool spoke = text.len > 0;
    chat_put(w, IM_START "assistant\n");
    if (i > last && (i + 1 == w->q->n_msgs || reasoning.len)) {
        say_think(w, reasoning, m->len || m->n_calls || !chat_is_open(w, i));
        text = chat_trim_lines(text, true, false);
    }
    chat_by_model(w, true);
    chat_say(w, text.s, text.len);
    for (size_t k = 0; k < m->n_calls; k++) {
        if (k || spoke) chat_put(w, "\n");
        say_call(w, &m->calls[k], false);
    }
    end_answer(w, i);
}

void chat_render_qwen3(struct chat_writer *w)
{
    const struct chat_request *q = w->q;
    bool first = q->n_msgs && chat_is_system(&q->msgs[0]);
    size_t last = last_query(q);
    if (first || q->n_tools) chat_put(w, IM_START "system\n");
    if (first) {
        chat_say(w, q->msgs[0].text, q->msgs[0].len);
        chat_put(w, q->n_tools ? "\n\n" : IM_END "\n");
    }
    if (q->n_tools) say_tools(w);
    for (size_t i = first; i < q->n_msgs; i++) {
        if (q->msgs[i].role == CHAT_ASSISTANT) say_answer3(w, i, last);
        else if (q->msgs[i].role == CHAT_TOOL) say_result(w, i);
        else say_turn(w, &q->msgs[i]);
    }
    if (!chat_wants_prompt(w)) return;
    chat_put(w, IM_START "assistant\n");
    if (w->f->think_prompt) chat_put(w, w->f->think_prompt);
    else if (w->f->variant == QWEN3_HYBRID && !chat_thinks(w->f, q)) chat_put(w, THINK "\n\n" UNTHINK "\n\n");
}
