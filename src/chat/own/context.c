/* A conversation as the variables of a template, as transformers hands them over. Roles and the keys of messages are
 * ours; everything that a person, a model or a program wrote is from outside. */
#include <stdio.h>
#include <string.h>
#include "base/json.h"
#include "base/utf8.h"
#include "chat/own/own.h"

struct context {
    const struct chat_own *o;
    const struct own_ways *w;
    const struct chat_request *q;
    struct template_run *r;
    struct err *e;
};

static struct value *ours(struct context *c, const char *s) { return template_string(c->r, s, strlen(s), TEMPLATE_OURS); }

static struct value *text(struct context *c, const char *s, size_t len, enum template_origin origin)
{
    return template_string(c->r, len ? s : "", len, origin);
}

static struct value *outside(struct context *c, const char *s) { return text(c, s, strlen(s), TEMPLATE_OUTSIDE); }

/* {"type": type, key: text} */
static void add_part(struct context *c, struct value *list, const char *type, const char *key, struct value *v)
{
    struct value *part = template_dict(c->r);
    template_put(c->r, part, "type", ours(c, type));
    template_put(c->r, part, key, v);
    template_append(c->r, list, part);
}

/* A content: text, or the list of parts that it is wrapped in. */
static struct value *content(struct context *c, const struct chat_msg *m, struct value *v)
{
    bool thinks = m->reasoning && c->w->reasoning == REASON_PART;
    if (!c->w->parts && !thinks) return v;
    struct value *list = template_list(c->r);
    if (thinks) add_part(c, list, "thinking", "thinking", text(c, m->reasoning, m->reasoning_len, TEMPLATE_ANSWER));
    if (m->len || !thinks) add_part(c, list, "text", "text", v);
    return list;
}

/* Arguments as an object where they are one and the template wants that. */
static struct value *arguments(struct context *c, const struct chat_call *call)
{
    json_t *j = NULL;
    struct err ignored;
    size_t len = strlen(call->arguments);
    struct value *v = NULL;
    if (!c->w->text_arguments && json_parse(&j, call->arguments, len, "arguments", &ignored) == OK && json_is_object(j))
        v = template_json(c->r, j, TEMPLATE_ANSWER);
    else v = text(c, call->arguments, len, TEMPLATE_ANSWER);
    json_decref(j);
    return v;
}

/* The id of call k of message i: given, or made up in the shape that the strictest templates want, nine letters or digits. */
static struct value *call_id(struct context *c, const char *id, size_t i, size_t k, enum template_origin origin)
{
    char made[32];
    if (id) return text(c, id, strlen(id), origin);
    snprintf(made, sizeof made, "call%03zu%02zu", i % 1000, k % 100);
    return ours(c, made);
}

static void add_calls(struct context *c, struct value *msg, size_t i)
{
    const struct chat_msg *m = &c->q->msgs[i];
    struct value *list = template_list(c->r);
    for (size_t k = 0; k < m->n_calls; k++) {
        struct value *call = template_dict(c->r), *function = template_dict(c->r);
        template_put(c->r, function, "name", text(c, m->calls[k].name, strlen(m->calls[k].name), TEMPLATE_ANSWER));
        template_put(c->r, function, "arguments", arguments(c, &m->calls[k]));
        template_put(c->r, call, "id", call_id(c, m->calls[k].id, i, k, TEMPLATE_ANSWER));
        template_put(c->r, call, "type", ours(c, "function"));
        template_put(c->r, call, "function", function);
        template_append(c->r, list, call);
    }
    if (m->n_calls) template_put(c->r, msg, "tool_calls", list);
}

/* The call that message i, of a tool, answers: by its id, or by its place behind them. */
static bool answered(const struct chat_request *q, size_t i, size_t *msg, size_t *call)
{
    size_t from = i;
    while (from > 0 && q->msgs[from].role == CHAT_TOOL) from--;
    const struct chat_msg *m = &q->msgs[from];
    size_t k = i - from - 1;
    for (size_t j = 0; q->msgs[i].call_id && j < m->n_calls; j++)
        if (m->calls[j].id && strcmp(m->calls[j].id, q->msgs[i].call_id) == 0) k = j;
    *msg = from;
    *call = k;
    return m->role == CHAT_ASSISTANT && k < m->n_calls;
}

static void add_result(struct context *c, struct value *msg, size_t i)
{
    const struct chat_msg *m = &c->q->msgs[i];
    size_t from, k;
    bool known = answered(c->q, i, &from, &k);
    const struct chat_call *call = known ? &c->q->msgs[from].calls[k] : NULL;
    if (call) template_put(c->r, msg, "name", outside(c, call->name));
    if (m->call_id) template_put(c->r, msg, "tool_call_id", outside(c, m->call_id));
    else if (call) template_put(c->r, msg, "tool_call_id", call_id(c, call->id, from, k, TEMPLATE_OUTSIDE));
}

static struct value *message(struct context *c, size_t i)
{
    static const char *const roles[] = {"system", "user", "assistant", "tool", "system"};
    static const char *const reasonings[] = {"reasoning_content", "reasoning", "thinking", NULL};
    const struct chat_msg *m = &c->q->msgs[i];
    enum template_origin origin = m->role == CHAT_ASSISTANT ? TEMPLATE_ANSWER : TEMPLATE_OUTSIDE;
    struct value *msg = template_dict(c->r);
    const char *key = reasonings[c->w->reasoning];
    bool none = m->n_calls && m->len == 0 && !c->w->empty_text;
    template_put(c->r, msg, "role", ours(c, roles[m->role]));
    if (none) template_put(c->r, msg, "content", template_none(c->r));
    else template_put(c->r, msg, "content", content(c, m, text(c, m->text, m->len, origin)));
    if (m->reasoning && key) template_put(c->r, msg, key, text(c, m->reasoning, m->reasoning_len, TEMPLATE_ANSWER));
    add_calls(c, msg, i);
    if (m->role == CHAT_TOOL) add_result(c, msg, i);
    return msg;
}

/* The system texts and the first message of the user in one. */
static int with_system(struct context *c, size_t i, struct value **out)
{
    struct buf b = {0};
    const struct chat_msg *m = &c->q->msgs[i];
    for (size_t k = 0; k < c->q->n_msgs; k++) {
        if (!chat_is_system(&c->q->msgs[k]) || c->q->msgs[k].len == 0) continue;
        buf_add(&b, c->q->msgs[k].text, c->q->msgs[k].len);
        buf_add_str(&b, "\n\n");
    }
    if (m->len) buf_add(&b, m->text, m->len);
    int rc = buf_check(&b, "the chat", c->e);
    *out = template_dict(c->r);
    template_put(c->r, *out, "role", ours(c, "user"));
    template_put(c->r, *out, "content", content(c, m, text(c, b.data, b.len, TEMPLATE_OUTSIDE)));
    buf_free(&b);
    return rc;
}

static int set_messages(struct context *c)
{
    struct value *list = template_list(c->r);
    bool unsaid = false;
    for (size_t i = 0; i < c->q->n_msgs; i++) {
        struct value *msg;
        if (c->w->no_system && chat_is_system(&c->q->msgs[i])) {
            unsaid = true;
            continue;
        }
        if (unsaid && c->q->msgs[i].role == CHAT_USER) {
            TRY(with_system(c, i, &msg));
            unsaid = false;
        } else msg = message(c, i);
        template_append(c->r, list, msg);
    }
    template_set(c->r, "messages", list);
    if (unsaid)
        FAIL(c->e, ERR_USAGE,
             "the template has no place for a system text, and there is no message of the user after it");
    return OK;
}

static int set_tools(struct context *c)
{
    struct value *list = template_list(c->r);
    for (size_t i = 0; i < c->q->n_tools; i++) {
        json_t *j;
        TRY(chat_tool_json(&j, &c->q->tools[i], true, c->e));
        template_append(c->r, list, template_json(c->r, j, TEMPLATE_OUTSIDE));
        json_decref(j);
    }
    template_set(c->r, "tools", c->q->n_tools || c->w->tools_list ? list : template_none(c->r));
    template_set(c->r, "documents", template_none(c->r));
    return OK;
}

static void set_switches(struct context *c)
{
    static const char *const efforts[] = {NULL, "low", "high", "max"};
    const struct chat_request *q = c->q;
    struct tm day = chat_day(q);
    if (q->thinking != CHAT_THINK_DEFAULT) {
        template_set(c->r, "enable_thinking", template_bool(c->r, q->thinking == CHAT_THINK_ON));
        template_set(c->r, "thinking", template_bool(c->r, q->thinking == CHAT_THINK_ON));
    }
    if (q->effort != CHAT_EFFORT_DEFAULT) template_set(c->r, "reasoning_effort", ours(c, efforts[q->effort]));
    if (q->date) template_set(c->r, "date_string", outside(c, q->date));
    template_run_clock(c->r, &day);
}

/* Templates work on characters. */
static int check_text(const char *s, size_t len, size_t i, const char *what, struct err *e)
{
    size_t good = len ? utf8_valid_run(s, len) : 0;
    if (good < len)
        FAIL(e, ERR_FORMAT,
             "%s of message %zu is not UTF-8 at byte %zu, and the model's chat template takes nothing else", what,
             i + 1, good);
    return OK;
}

static int check_texts(const struct chat_request *q, struct err *e)
{
    for (size_t i = 0; i < q->n_msgs; i++) {
        const struct chat_msg *m = &q->msgs[i];
        TRY(check_text(m->text, m->len, i, "the text", e));
        TRY(check_text(m->reasoning, m->reasoning_len, i, "the reasoning", e));
        for (size_t k = 0; k < m->n_calls; k++) {
            TRY(check_text(m->calls[k].name, strlen(m->calls[k].name), i, "a call", e));
            TRY(check_text(m->calls[k].arguments, strlen(m->calls[k].arguments), i, "a call", e));
        }
    }
    return OK;
}

int own_context(const struct chat_own *o, const struct own_ways *w, const struct chat_request *q, struct template_run *r,
                struct err *e)
{
    struct context c = {o, w, q, r, e};
    const struct {
        const char *name, *text;
    } borders[] = {{"bos_token", o->bos}, {"eos_token", o->eos}, {"pad_token", o->pad}, {"unk_token", o->unk}};
    TRY(check_texts(q, e));
    bool open = q->continue_last && q->n_msgs && q->msgs[q->n_msgs - 1].role == CHAT_ASSISTANT;
    for (size_t i = 0; i < sizeof borders / sizeof *borders; i++)
        if (borders[i].text) template_set(r, borders[i].name, ours(&c, borders[i].text));
    template_set(r, "add_generation_prompt", template_bool(r, q->add_generation_prompt && !open));
    set_switches(&c);
    TRY(set_tools(&c));
    return set_messages(&c);
}

int own_render(const struct chat_own *o, const struct own_ways *w, const struct chat_request *q, struct template_run *r,
               struct template_output *out, struct err *e)
{
    *out = (struct template_output){0};
    TRY(own_context(o, w, q, r, e));
    int rc = template_render(r, q->n_tools && o->tools ? o->tools : o->one, out, e);
    if (rc && out->raised) FAIL(e, ERR_USAGE, "the model's chat template refuses the conversation: %.300s", out->raised);
    return rc;
}
