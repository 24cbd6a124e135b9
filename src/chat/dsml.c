/* Chat forms of DeepSeek V3.2 and V4, as their published encoders write them: tools in elements marked with DSML, and
 * reasoning that is kept while tools are at work. */
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "base/mem.h"
#include "chat/form.h"

#define USER CHAT_USER_MARK
#define ASSISTANT CHAT_ASSISTANT_MARK

static const char tools_v32[] =
    "## Tools\n\nYou have access to a set of tools you can use to answer the user's question.\n"
    "You can invoke functions by writing a \"<" DSML "function_calls>\" block like the following as part of your reply to "
    "the user:\n<" DSML "function_calls>\n<" DSML "invoke name=\"$FUNCTION_NAME\">\n"
    "<" DSML "parameter name=\"$PARAMETER_NAME\" string=\"true|false\">$PARAMETER_VALUE</" DSML "parameter>\n...\n"
    "</" DSML "invoke>\n<" DSML "invoke name=\"$FUNCTION_NAME2\">\n...\n</" DSML "invoke>\n</" DSML "function_calls>\n\n"
    "String and scalar parameters should be specified as is without any escaping or quotes, while lists and objects should "
    "use JSON format. The \"string\" attribute should be set to \"true\" for string type parameters and \"false\" for other "
    "types (numbers, booleans, arrays, objects).\n\n"
    "If the thinking_mode is enabled, then after function results you should strongly consider outputting a thinking "
    "block. Here is an example:\n\n<" DSML "function_calls>\n...\n</" DSML "function_calls>\n\n"
    "<function_results>\n...\n</function_results>\n\n" THINK "...thinking about results" UNTHINK "\n\n"
    "Here are the functions available in JSONSchema format:\n<functions>\n";
static const char tools_end_v32[] = "\n</functions>\n";

static const char tools_v4[] =
    "## Tools\n\nYou have access to a set of tools to help answer the user's question. You can invoke tools by writing a "
    "\"<" DSML "tool_calls>\" block like the following:\n\n<" DSML "tool_calls>\n<" DSML "invoke name=\"$TOOL_NAME\">\n"
    "<" DSML "parameter name=\"$PARAMETER_NAME\" string=\"true|false\">$PARAMETER_VALUE</" DSML "parameter>\n...\n"
    "</" DSML "invoke>\n<" DSML "invoke name=\"$TOOL_NAME2\">\n...\n</" DSML "invoke>\n</" DSML "tool_calls>\n\n"
    "String parameters should be specified as is and set `string=\"true\"`. For all other types (numbers, booleans, arrays, "
    "objects), pass the value in JSON format and set `string=\"false\"`.\n\n"
    "If thinking_mode is enabled (triggered by " THINK "), you MUST output your complete reasoning inside " THINK "..."
    UNTHINK " BEFORE any tool calls or final response.\n\n"
    "Otherwise, output directly after " UNTHINK " with tool calls or final response.\n\n### Available Tool Schemas\n\n";
static const char tools_end_v4[] =
    "\n\nYou MUST strictly follow the above defined tool name and parameter schemas to invoke tool calls.\n";

static const char effort_absolute[] =
    "Reasoning Effort: Absolute maximum with no shortcuts permitted.\nYou MUST be very thorough in your thinking and "
    "comprehensively decompose the problem to resolve the root cause, rigorously stress-testing your logic against all "
    "potential paths, edge cases, and adversarial scenarios.\nExplicitly write out your entire deliberation process, "
    "documenting every intermediate step, considered alternative, and rejected hypothesis to ensure absolutely no "
    "assumption is left unchecked.\n\n";
static const char effort_beyond[] =
    "Reasoning Effort: Beyond maximum \xe2\x80\x94 exhaustive, relentless, and uncompromising.\nYou MUST reason with the "
    "utmost depth and rigor, leaving absolutely nothing to chance: exhaustively decompose the problem into its most "
    "fundamental components, trace every causal chain to its root, and resolve the underlying cause rather than any surface "
    "symptom.\nDo not stop reasoning until you have independently verified the solution from multiple angles and are "
    "certain that no assumption remains unchecked and no error remains undiscovered.\n\n";

/* ---- what both share ---- */

/* Tools and schema stand behind the text of the first system message, also when that is missing. */
static void say_tools(struct chat_writer *w)
{
    bool v4 = w->f->render == chat_render_deepseek_v4;
    if (w->q->n_tools) {
        chat_put(w, "\n\n");
        chat_put(w, v4 ? tools_v4 : tools_v32);
    }
    for (size_t i = 0; i < w->q->n_tools && !w->rc; i++) {
        struct buf b = {0};
        if (i) chat_put(w, "\n");
        w->rc = chat_json_tool(&b, &w->q->tools[i], false, 0, w->e);
        chat_say_buf(w, &b);
    }
    if (w->q->n_tools) chat_put(w, v4 ? tools_end_v4 : tools_end_v32);
    if (w->q->schema) {
        struct buf b = {0};
        chat_put(w, "\n\n## Response Format:\n\nYou MUST strictly adhere to the following schema to reply:\n");
        chat_json_again(&b, w->q->schema);
        chat_say_buf(w, &b);
    }
}

static void say_system(struct chat_writer *w, const struct chat_msg *m, bool *tools_said)
{
    chat_say(w, m->text, m->len);
    if (!*tools_said) say_tools(w);
    *tools_said = true;
}

static bool has_system(const struct chat_request *q)
{
    for (size_t i = 0; i < q->n_msgs; i++)
        if (chat_is_system(&q->msgs[i])) return true;
    return false;
}

static void say_parameter(struct chat_writer *w, const char *key, size_t len, const json_t *v)
{
    struct buf b = {0};
    chat_put(w, "<" DSML "parameter name=\"");
    chat_say(w, key, len);
    chat_put(w, json_is_string(v) ? "\" string=\"true\">" : "\" string=\"false\">");
    if (json_is_string(v)) buf_add(&b, json_string_value(v), json_string_length(v));
    else chat_json_dump(&b, v, 0);
    chat_say_buf(w, &b);
    chat_put(w, "</" DSML "parameter>");
}

/* Arguments that are no JSON object become one parameter of that name. */
static void say_parameters(struct chat_writer *w, const char *arguments)
{
    json_t *args, *v;
    struct err ignored;
    const char *key;
    size_t len, k = 0;
    if (json_parse(&args, arguments, strlen(arguments), "arguments", &ignored) || !json_is_object(args)) {
        chat_put(w, "<" DSML "parameter name=\"arguments\" string=\"true\">");
        chat_say_str(w, arguments);
        chat_put(w, "</" DSML "parameter>");
        json_decref(args);
        return;
    }
    json_object_keylen_foreach(args, key, len, v)
    {
        if (k++) chat_put(w, "\n");
        say_parameter(w, key, len, v);
    }
    json_decref(args);
}

static void put_block(struct chat_writer *w, const char *open)
{
    chat_put(w, open);
    chat_put(w, w->f->calls.block);
    chat_put(w, ">");
}

static void say_calls(struct chat_writer *w, const struct chat_msg *m)
{
    if (m->n_calls == 0) return;
    put_block(w, "\n\n<" DSML);
    for (size_t k = 0; k < m->n_calls; k++) {
        chat_put(w, "\n<" DSML "invoke name=\"");
        chat_say_str(w, m->calls[k].name);
        chat_put(w, "\">\n");
        say_parameters(w, m->calls[k].arguments);
        chat_put(w, "\n</" DSML "invoke>");
    }
    put_block(w, "\n</" DSML);
}

/* thought: the answer follows <think>, so that its reasoning and </think> are to be written. */
static void say_answer(struct chat_writer *w, size_t i, bool thought)
{
    const struct chat_msg *m = &w->q->msgs[i];
    chat_by_model(w, true);
    if (thought) chat_say(w, m->reasoning, m->reasoning_len);
    if (thought && (m->len || m->n_calls || !chat_is_open(w, i))) chat_put(w, UNTHINK);
    chat_say(w, m->text, m->len);
    say_calls(w, m);
    if (!chat_is_open(w, i)) chat_put_end(w);
    chat_by_model(w, false);
}

/* ---- V3.2 ---- */

/* Index of the last message of a user plus one; 0: none. */
static size_t after_last_user(const struct chat_request *q)
{
    size_t n = q->n_msgs;
    while (n > 0 && q->msgs[n - 1].role != CHAT_USER) n--;
    return n;
}

/* Results, the calls' whole lot in one block. */
static void say_results_v32(struct chat_writer *w, size_t i, bool thinking)
{
    const struct chat_request *q = w->q;
    if (i == 0 || q->msgs[i - 1].role != CHAT_TOOL) chat_put(w, "\n\n<function_results>");
    chat_put(w, "\n<result>");
    chat_say(w, q->msgs[i].text, q->msgs[i].len);
    chat_put(w, "</result>");
    bool more = i + 1 < q->n_msgs;
    if (more && q->msgs[i + 1].role == CHAT_TOOL) return;
    chat_put(w, "\n</function_results>");
    if (more || chat_wants_prompt(w)) chat_put(w, thinking ? "\n\n" THINK : "\n\n" UNTHINK);
}

void chat_render_deepseek_v32(struct chat_writer *w)
{
    const struct chat_request *q = w->q;
    bool thinking = chat_thinks(w->f, q), tools_said = !has_system(q), asked = false;
    size_t after = after_last_user(q);
    chat_put_bos(w);
    if (tools_said) say_tools(w);
    for (size_t i = 0; i < q->n_msgs; i++) {
        const struct chat_msg *m = &q->msgs[i];
        if (chat_is_system(m)) say_system(w, m, &tools_said);
        else if (m->role == CHAT_TOOL) say_results_v32(w, i, thinking && i >= after);
        else if (m->role == CHAT_ASSISTANT) {
            if (!asked) chat_put(w, thinking && i >= after ? ASSISTANT THINK : ASSISTANT UNTHINK);
            say_answer(w, i, thinking && i >= after);
        } else {
            chat_put(w, USER);
            chat_say(w, m->text, m->len);
            if (i + 1 < q->n_msgs || chat_wants_prompt(w))
                chat_put(w, thinking && i + 1 == after ? ASSISTANT THINK : ASSISTANT UNTHINK);
        }
        asked = m->role == CHAT_USER || m->role == CHAT_TOOL;
    }
    if (chat_wants_prompt(w) && !asked) chat_put(w, thinking ? ASSISTANT THINK : ASSISTANT UNTHINK);
}

/* ---- V4 ---- */

struct result {
    size_t order, i; /* place of its call, and of its message */
};

static int by_order(const void *a, const void *b)
{
    const struct result *x = a, *y = b;
    if (x->order != y->order) return x->order < y->order ? -1 : 1;
    return x->i < y->i ? -1 : x->i > y->i;
}

/* Place of the call that a result answers among the calls; 0 when it does not say. */
static size_t call_order(const struct chat_msg *answer, const char *id)
{
    for (size_t k = 0; answer && id && k < answer->n_calls; k++)
        if (answer->calls[k].id && strcmp(answer->calls[k].id, id) == 0) return k;
    return 0;
}

/* Messages [from, to), of users and tools, are one turn; its results stand in the order of the calls they answer. */
static void say_turn_v4(struct chat_writer *w, const struct chat_msg *answer, size_t from, size_t to)
{
    const struct chat_request *q = w->q;
    size_t n = 0, next = 0;
    struct result *r = mem_array(to - from, sizeof *r);
    if (!r) {
        chat_fail(w, ERR_MEMORY, "out of memory for the results of tools");
        return;
    }
    for (size_t i = from; i < to; i++)
        if (q->msgs[i].role == CHAT_TOOL) r[n++] = (struct result){call_order(answer, q->msgs[i].call_id), i};
    qsort(r, n, sizeof *r, by_order);
    chat_put(w, USER);
    for (size_t i = from; i < to; i++) {
        bool tool = q->msgs[i].role == CHAT_TOOL;
        const struct chat_msg *m = &q->msgs[tool ? r[next++].i : i];
        if (i > from) chat_put(w, "\n\n");
        if (tool) chat_put(w, "<tool_result>");
        chat_say(w, m->text, m->len);
        if (tool) chat_put(w, "</tool_result>");
    }
    mem_free(r);
}

static bool is_asking(const struct chat_msg *m) { return m->role == CHAT_USER || m->role == CHAT_TOOL; }

static void say_effort(struct chat_writer *w)
{
    enum chat_effort effort = w->q->effort;
    if (!chat_thinks(w->f, w->q)) return;
    if (w->f->variant == V4_FIRST) {
        if (effort == CHAT_EFFORT_MAX) chat_put(w, effort_absolute);
        return;
    }
    if (effort == CHAT_EFFORT_HIGH) chat_put(w, effort_absolute);
    if (effort == CHAT_EFFORT_MAX) chat_put(w, effort_beyond);
}

void chat_render_deepseek_v4(struct chat_writer *w)
{
    const struct chat_request *q = w->q;
    bool thinking = chat_thinks(w->f, q), tools_said = !has_system(q);
    size_t last = q->n_msgs; /* where the last turn of a user begins */
    const struct chat_msg *answer = NULL;
    for (size_t i = 0; i < q->n_msgs; i++)
        if (is_asking(&q->msgs[i]) && (i == 0 || !is_asking(&q->msgs[i - 1]))) last = i;
    chat_put_bos(w);
    say_effort(w);
    if (tools_said) say_tools(w);
    for (size_t i = 0; i < q->n_msgs; i++) {
        const struct chat_msg *m = &q->msgs[i];
        bool keep = thinking && (q->n_tools || last == q->n_msgs || i > last);
        if (chat_is_system(m)) say_system(w, m, &tools_said);
        else if (m->role == CHAT_ASSISTANT) {
            chat_put(w, keep ? ASSISTANT THINK : ASSISTANT UNTHINK);
            say_answer(w, i, keep);
            answer = m;
        } else {
            size_t to = i + 1;
            while (to < q->n_msgs && is_asking(&q->msgs[to])) to++;
            say_turn_v4(w, answer, i, to);
            i = to - 1;
        }
    }
    if (chat_wants_prompt(w)) chat_put(w, thinking ? ASSISTANT THINK : ASSISTANT UNTHINK);
}
