/* Chat forms of DeepSeek V2, V3 (and our own models), R1 with its distilled models, and V3.1. */
#include <string.h>
#include "chat/form.h"

#define USER CHAT_USER_MARK
#define ASSISTANT CHAT_ASSISTANT_MARK

static void say_msg(struct chat_writer *w, const struct chat_msg *m) { chat_say(w, m->text, m->len); }

/* The answer up to its end marker, which belongs to the model too. */
static void end_answer(struct chat_writer *w, size_t i)
{
    if (!chat_is_open(w, i)) chat_put_end(w);
    chat_by_model(w, false);
}

void chat_render_deepseek_v2(struct chat_writer *w)
{
    chat_put_bos(w);
    for (size_t i = 0; i < w->q->n_msgs; i++) {
        const struct chat_msg *m = &w->q->msgs[i];
        if (m->role == CHAT_ASSISTANT) {
            chat_put(w, "Assistant:");
            chat_by_model(w, true);
            chat_put(w, " ");
            say_msg(w, m);
            end_answer(w, i);
            continue;
        }
        if (m->role == CHAT_USER) chat_put(w, "User: ");
        say_msg(w, m);
        chat_put(w, "\n\n");
    }
    if (chat_wants_prompt(w)) chat_put(w, "Assistant:");
}

/* ---- V3 and R1 ---- */

/* The template of V3 has no place for a list of tools; this is the text that serving software agrees on for V3 and R1. */
static void say_tools_v3(struct chat_writer *w, bool after_text)
{
    if (w->q->n_tools == 0) return;
    if (after_text) chat_put(w, "\n\n");
    chat_put(w, "You are a helpful assistant with tool calling capabilities. When a tool call is needed, you MUST use the "
                "following format to issue the call:\n" DS_CALLS DS_CALL "function" DS_SEP "FUNCTION_NAME\n```json\n"
                "{\"param1\": \"value1\", \"param2\": \"value2\"}\n```" DS_CALL_END DS_CALLS_END "\n\n"
                "Make sure the JSON is valid.## Tools\n\n### Function\n\nYou have the following functions available:\n\n");
    for (size_t i = 0; i < w->q->n_tools && !w->rc; i++) {
        struct buf b = {0};
        chat_put(w, "\n```json\n");
        w->rc = chat_json_tool(&b, &w->q->tools[i], true, 0, w->e);
        chat_say_buf(w, &b);
        chat_put(w, "\n```\n");
    }
}

static void say_calls_v3(struct chat_writer *w, const struct chat_msg *m)
{
    for (size_t k = 0; k < m->n_calls; k++) {
        chat_put(w, k ? "\n" DS_CALL "function" DS_SEP : DS_CALLS DS_CALL "function" DS_SEP);
        chat_say_str(w, m->calls[k].name);
        chat_put(w, "\n```json\n");
        chat_say_str(w, m->calls[k].arguments);
        chat_put(w, "\n```" DS_CALL_END);
    }
    if (m->n_calls) chat_put(w, DS_CALLS_END);
}

static void say_answer_v3(struct chat_writer *w, size_t i, bool after_tools)
{
    const struct chat_msg *m = &w->q->msgs[i];
    bool reasoner = w->f->variant == DS_REASONER, keep = reasoner && chat_keeps_reasoning(w, i);
    chat_put(w, after_tools ? DS_OUTPUTS_END : ASSISTANT);
    if (keep && !after_tools && w->f->think_prompt) chat_put(w, w->f->think_prompt);
    chat_by_model(w, true);
    if (keep && (after_tools || !w->f->think_prompt)) chat_put(w, THINK "\n");
    if (keep) chat_say(w, m->reasoning, m->reasoning_len);
    if (keep && (m->len || m->n_calls || !chat_is_open(w, i))) chat_put(w, "\n" UNTHINK "\n\n");
    struct chat_span text = reasoner ? chat_after_think(m->text, m->len, true) : (struct chat_span){m->text, m->len};
    chat_say(w, text.s, text.len);
    say_calls_v3(w, m);
    end_answer(w, i);
}

void chat_render_deepseek_v3(struct chat_writer *w)
{
    struct buf system = {0};
    bool outputs = false; /* results are written and not yet closed */
    chat_put_bos(w);
    chat_collect_system(w, &system);
    bool has_system = system.len > 0;
    chat_say_buf(w, &system);
    say_tools_v3(w, has_system);
    for (size_t i = 0; i < w->q->n_msgs; i++) {
        const struct chat_msg *m = &w->q->msgs[i];
        if (chat_is_system(m)) continue;
        if (m->role == CHAT_TOOL) {
            chat_put(w, outputs ? "\n" DS_OUTPUT : DS_OUTPUTS DS_OUTPUT);
            say_msg(w, m);
            chat_put(w, DS_OUTPUT_END);
        } else if (m->role == CHAT_USER) {
            chat_put(w, outputs ? DS_OUTPUTS_END USER : USER);
            say_msg(w, m);
        } else say_answer_v3(w, i, outputs);
        outputs = m->role == CHAT_TOOL;
    }
    if (outputs) chat_put(w, DS_OUTPUTS_END); /* the answer follows directly */
    else if (chat_wants_prompt(w)) {
        chat_put(w, ASSISTANT);
        if (w->f->think_prompt) chat_put(w, w->f->think_prompt);
    }
}

/* ---- V3.1 ---- */

static void say_tools_v31(struct chat_writer *w)
{
    if (w->q->n_tools == 0) return;
    chat_put(w, "\n\n## Tools\nYou have access to the following tools:\n");
    for (size_t i = 0; i < w->q->n_tools && !w->rc; i++) {
        const struct chat_tool *tool = &w->q->tools[i];
        struct buf b = {0};
        chat_put(w, "\n### ");
        chat_say_str(w, tool->name);
        chat_put(w, "\nDescription: ");
        chat_say_str(w, tool->description ? tool->description : "");
        chat_put(w, "\n\nParameters: ");
        chat_json_again(&b, tool->parameters ? tool->parameters : "{}");
        chat_say_buf(w, &b);
        chat_put(w, "\n");
    }
    chat_put(w, "\nIMPORTANT: ALWAYS adhere to this exact format for tool use:\n" DS_CALLS DS_CALL "tool_call_name" DS_SEP
                "tool_call_arguments" DS_CALL_END "{{additional_tool_calls}}" DS_CALLS_END "\n\nWhere:\n\n"
                "- `tool_call_name` must be an exact match to one of the available tools\n"
                "- `tool_call_arguments` must be valid JSON that strictly follows the tool's Parameters Schema\n"
                "- For multiple tool calls, chain them directly without separators or spaces\n");
}

static void say_calls_v31(struct chat_writer *w, const struct chat_msg *m)
{
    if (m->n_calls) chat_put(w, DS_CALLS);
    for (size_t k = 0; k < m->n_calls; k++) {
        struct buf b = {0};
        chat_put(w, DS_CALL);
        chat_say_str(w, m->calls[k].name);
        chat_put(w, DS_SEP);
        chat_json_again(&b, m->calls[k].arguments);
        chat_say_buf(w, &b);
        chat_put(w, DS_CALL_END);
    }
    if (m->n_calls) chat_put(w, DS_CALLS_END);
}

static void say_answer_v31(struct chat_writer *w, size_t i, bool after_tools)
{
    const struct chat_msg *m = &w->q->msgs[i];
    bool keep = !after_tools && chat_keeps_reasoning(w, i);
    if (!after_tools) chat_put(w, keep ? ASSISTANT THINK : ASSISTANT UNTHINK);
    chat_by_model(w, true);
    if (keep) chat_say(w, m->reasoning, m->reasoning_len);
    if (keep && (m->len || m->n_calls || !chat_is_open(w, i))) chat_put(w, UNTHINK);
    struct chat_span text = chat_after_think(m->text, m->len, false);
    chat_say(w, text.s, text.len);
    say_calls_v31(w, m);
    end_answer(w, i);
}

void chat_render_deepseek_v31(struct chat_writer *w)
{
    struct buf system = {0};
    bool after_tools = false;
    chat_put_bos(w);
    chat_collect_system(w, &system);
    chat_say_buf(w, &system);
    say_tools_v31(w);
    for (size_t i = 0; i < w->q->n_msgs; i++) {
        const struct chat_msg *m = &w->q->msgs[i];
        if (chat_is_system(m)) continue;
        if (m->role == CHAT_ASSISTANT) say_answer_v31(w, i, after_tools);
        else {
            bool tool = m->role == CHAT_TOOL;
            chat_put(w, tool ? DS_OUTPUT : USER);
            say_msg(w, m);
            if (tool) chat_put(w, DS_OUTPUT_END);
        }
        after_tools = m->role == CHAT_TOOL;
    }
    if (chat_wants_prompt(w) && !after_tools) chat_put(w, chat_thinks(w->f, w->q) ? ASSISTANT THINK : ASSISTANT UNTHINK);
}
