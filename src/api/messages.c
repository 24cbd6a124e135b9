/* Conversations, and the readers of OpenAI's messages and tools. */
#include "api/messages.h"
#include <string.h>
#include "base/checked.h"

enum { MOST_MESSAGES = 100000, MOST_TOOLS = 1024, MOST_NAME = 256 };

struct chat_msg *api_message(struct api_answer *a, struct api_messages *m, enum chat_role role)
{
    if (m->n == m->cap) {
        size_t cap = m->cap ? 2 * m->cap : 16;
        struct chat_msg *v = cap <= 2 * MOST_MESSAGES ? api_new(a, cap, sizeof *v) : NULL;
        if (!v) {
            api_no_memory(a);
            return NULL;
        }
        if (m->n) memcpy(v, m->v, m->n * sizeof *v);
        m->v = v;
        m->cap = cap;
    }
    struct chat_msg *x = &m->v[m->n++];
    *x = (struct chat_msg){.role = role};
    return x;
}

/* a and then b, with a gap where wanted. */
static int joined(struct api_answer *a, const char **text, size_t *len, const char *s, size_t n, bool gap)
{
    if (!*text || *len == 0) {
        *text = s;
        *len = n;
        return OK;
    }
    if (n == 0) return OK;
    size_t all;
    if (!add_size(*len, n, &all) || !add_size(all, 2, &all)) return api_no_memory(a);
    char *p = api_new(a, all + 1, 1);
    if (!p) return api_no_memory(a);
    memcpy(p, *text, *len);
    if (gap) memcpy(p + *len, "\n\n", 2);
    memcpy(p + *len + 2 * gap, s, n);
    *text = p;
    *len += n + 2 * gap;
    return OK;
}

int api_message_text(struct api_answer *a, struct chat_msg *m, const char *s, size_t len, bool gap)
{
    return joined(a, &m->text, &m->len, s, len, gap);
}

int api_message_reasoning(struct api_answer *a, struct chat_msg *m, const char *s, size_t len)
{
    return len ? joined(a, &m->reasoning, &m->reasoning_len, s, len, false) : OK;
}

int api_message_call(struct api_answer *a, struct chat_msg *m, struct chat_call call)
{
    size_t n = m->n_calls;
    if ((n & (n - 1)) == 0) { /* full: 0, 1, 2, 4, 8, ... */
        struct chat_call *v = api_new(a, n ? 2 * n : 1, sizeof *v);
        if (!v) return api_no_memory(a);
        if (n) memcpy(v, m->calls, n * sizeof *v);
        m->calls = v;
    }
    ((struct chat_call *)(uintptr_t)m->calls)[m->n_calls++] = call;
    return OK;
}

int api_messages_give(struct api_answer *a, struct api_messages *m, bool continue_last)
{
    struct chat_request *q = &a->work->base.chat;
    if (m->n == 0) return api_bad(a, "has no message, expected at least one");
    q->msgs = m->v;
    q->n_msgs = m->n;
    q->continue_last = continue_last && m->v[m->n - 1].role == CHAT_ASSISTANT;
    q->add_generation_prompt = !q->continue_last;
    return OK;
}

/* ---- OpenAI's messages ---- */

static const char *text_part(const json_t *part)
{
    const char *type = json_string_value(json_object_get(part, "type"));
    if (!type) type = "text";
    if (!strcmp(type, "refusal")) return "refusal";
    bool text = !strcmp(type, "text") || !strcmp(type, "input_text") || !strcmp(type, "output_text");
    return text ? "text" : NULL;
}

int api_content(struct api_answer *a, const json_t *v, struct chat_msg *m)
{
    size_t i;
    json_t *part;
    if (!v || json_is_null(v)) return OK;
    if (json_is_string(v)) return api_message_text(a, m, json_string_value(v), json_string_length(v), false);
    if (!json_is_array(v)) return api_bad(a, "is %s, expected a string or a list of parts", api_type_name(v));
    json_array_foreach(v, i, part)
    {
        size_t was = api_enter_at(a, NULL, i);
        if (json_is_string(part)) {
            TRY(api_message_text(a, m, json_string_value(part), json_string_length(part), false));
            api_leave(a, was);
            continue;
        }
        TRY(api_want(a, part, JSON_OBJECT, "an object"));
        const char *key = text_part(part);
        if (!key)
            return api_unsupported(a, "is a part of type \"%.40s\"; this server reads text only",
                                   json_string_value(json_object_get(part, "type")));
        const json_t *text = json_object_get(part, key);
        TRY(api_want(a, text, JSON_STRING, "text, a string"));
        TRY(api_message_text(a, m, json_string_value(text), json_string_length(text), false));
        api_leave(a, was);
    }
    return OK;
}

static int read_call(struct api_answer *a, const json_t *v, struct chat_msg *m)
{
    struct chat_call call = {.arguments = "{}"};
    const json_t *f = json_object_get(v, "function"), *id = json_object_get(v, "id");
    TRY(api_want(a, v, JSON_OBJECT, "an object"));
    if (!f) f = json_object_get(v, "custom");
    TRY(api_want(a, f, JSON_OBJECT, "function, an object"));
    if (id && !json_is_null(id)) TRY(api_text(a, id, &call.id));
    size_t was = api_enter(a, "name");
    TRY(api_text(a, json_object_get(f, "name"), &call.name));
    api_leave(a, was);
    const json_t *args = json_object_get(f, "arguments");
    if (!args) args = json_object_get(f, "input");
    was = api_enter(a, "arguments");
    if (json_is_object(args)) TRY(api_json_text(a, args, &call.arguments));
    else if (args && !json_is_null(args)) TRY(api_text(a, args, &call.arguments));
    api_leave(a, was);
    return api_message_call(a, m, call);
}

static int read_calls(struct api_answer *a, const json_t *list, struct chat_msg *m)
{
    size_t i, was = api_enter(a, "tool_calls");
    json_t *v;
    if (list && !json_is_null(list)) {
        TRY(api_want(a, list, JSON_ARRAY, "a list"));
        json_array_foreach(list, i, v)
        {
            size_t at = api_enter_at(a, NULL, i);
            TRY(read_call(a, v, m));
            api_leave(a, at);
        }
    }
    api_leave(a, was);
    return OK;
}

static int read_reasoning(struct api_answer *a, const json_t *v, struct chat_msg *m)
{
    static const char *const names[] = {"reasoning_content", "reasoning", "thinking"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const json_t *r = json_object_get(v, names[i]);
        if (json_is_string(r) && !m->reasoning_len)
            TRY(api_message_reasoning(a, m, json_string_value(r), json_string_length(r)));
    }
    return OK;
}

static int read_role(struct api_answer *a, const json_t *v, enum chat_role *role)
{
    static const struct {
        const char *name;
        enum chat_role role;
    } roles[] = {
        {"system", CHAT_SYSTEM},       {"user", CHAT_USER},     {"assistant", CHAT_ASSISTANT},   {"tool", CHAT_TOOL},
        {"developer", CHAT_DEVELOPER}, {"function", CHAT_TOOL}, {"latest_reminder", CHAT_SYSTEM}};
    size_t was = api_enter(a, "role");
    const char *name;
    TRY(api_text(a, v, &name));
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        if (strcmp(roles[i].name, name) != 0) continue;
        *role = roles[i].role;
        api_leave(a, was);
        return OK;
    }
    return api_bad(a, "is \"%.40s\", expected system, developer, user, assistant or tool", name);
}

static int read_message(struct api_answer *a, const json_t *v, struct api_messages *list, bool *prefix)
{
    enum chat_role role = CHAT_USER;
    TRY(api_want(a, v, JSON_OBJECT, "an object"));
    TRY(read_role(a, json_object_get(v, "role"), &role));
    struct chat_msg *m = api_message(a, list, role);
    if (!m) return ERR_MEMORY;
    const json_t *content = json_object_get(v, "content"), *id = json_object_get(v, "tool_call_id");
    size_t was = api_enter(a, "content");
    if (role != CHAT_ASSISTANT && role != CHAT_TOOL && a->dialect != API_OLLAMA && (!content || json_is_null(content)))
        return api_bad(a, "is %s, expected a string or a list of parts", api_type_name(content));
    TRY(api_content(a, content, m));
    api_leave(a, was);
    if (json_object_get(v, "name") && role != CHAT_TOOL) TRY(api_ignored_member(a, "name"));
    if (!api_says_nothing(json_object_get(v, "images")))
        return api_unsupported(a, "has images; this server reads text only");
    *prefix = role == CHAT_ASSISTANT && json_is_true(json_object_get(v, "prefix"));
    if (role == CHAT_ASSISTANT) {
        TRY(read_reasoning(a, v, m));
        return read_calls(a, json_object_get(v, "tool_calls"), m);
    }
    was = api_enter(a, "tool_call_id");
    if (role == CHAT_TOOL && id && !json_is_null(id)) TRY(api_text(a, id, &m->call_id));
    api_leave(a, was);
    return OK;
}

int api_read_messages(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    struct api_messages list = {0};
    bool prefix = false;
    size_t i;
    json_t *msg;
    (void)f;
    TRY(api_want(a, v, JSON_ARRAY, "a list of messages"));
    json_array_foreach(v, i, msg)
    {
        size_t was = api_enter_at(a, NULL, i);
        TRY(read_message(a, msg, &list, &prefix));
        api_leave(a, was);
    }
    return api_messages_give(a, &list, prefix);
}

/* ---- tools ---- */

bool api_tool_known(const struct api_answer *a, const char *name)
{
    const struct chat_request *q = &a->work->base.chat;
    for (size_t i = 0; i < q->n_tools; i++)
        if (!strcmp(q->tools[i].name, name)) return true;
    return false;
}

int api_tool(struct api_answer *a, struct chat_tool *t, const json_t *name, const json_t *description,
             const json_t *parameters)
{
    size_t was = api_enter(a, "name");
    TRY(api_text(a, name, &t->name));
    size_t len = strlen(t->name);
    if (len == 0 || len > MOST_NAME) return api_bad(a, "has %zu bytes, expected 1 to %d", len, MOST_NAME);
    api_leave(a, was);
    was = api_enter(a, "description");
    if (description && !json_is_null(description)) TRY(api_text(a, description, &t->description));
    api_leave(a, was);
    was = api_enter(a, "parameters");
    if (parameters && !json_is_null(parameters)) {
        TRY(api_want(a, parameters, JSON_OBJECT, "a JSON schema, an object"));
        TRY(api_json_text(a, parameters, &t->parameters));
    }
    api_leave(a, was);
    return OK;
}

int api_read_tools(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    struct chat_request *q = &a->work->base.chat;
    size_t i, n = json_array_size(v), was;
    json_t *one;
    (void)f;
    TRY(api_want(a, v, JSON_ARRAY, "a list"));
    if (n > MOST_TOOLS) return api_bad(a, "has %zu tools, expected at most %d", n, MOST_TOOLS);
    struct chat_tool *list = api_new(a, n, sizeof *list);
    if (!list) return api_no_memory(a);
    q->tools = list;
    json_array_foreach(v, i, one)
    {
        was = api_enter_at(a, NULL, i);
        TRY(api_want(a, one, JSON_OBJECT, "an object"));
        const json_t *type = json_object_get(one, "type"), *fn = json_object_get(one, "function");
        const char *kind = json_string_value(type);
        if (type && !kind) return api_bad(a, "type is %s, expected a string", api_type_name(type));
        if (kind && strcmp(kind, "function") != 0) {
            TRY(api_ignored_member(a, kind)); /* a tool of somebody's server */
        } else {
            if (!fn && json_object_get(one, "name")) fn = one;
            size_t in = api_enter(a, "function");
            TRY(api_want(a, fn, JSON_OBJECT, "an object"));
            TRY(api_tool(a, &list[q->n_tools], json_object_get(fn, "name"), json_object_get(fn, "description"),
                         json_object_get(fn, "parameters")));
            if (api_tool_known(a, list[q->n_tools].name))
                return api_bad(a, "name \"%.60s\" occurs twice", list[q->n_tools].name);
            q->n_tools++;
            api_leave(a, in);
        }
        api_leave(a, was);
    }
    return OK;
}

int api_read_tool_choice(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    static const struct {
        const char *word;
        enum turn_choice choice;
    } words[] = {{"auto", TURN_TOOLS_AUTO},
                 {"none", TURN_TOOLS_NONE},
                 {"required", TURN_TOOLS_REQUIRED},
                 {"any", TURN_TOOLS_REQUIRED}};
    struct turn *t = &a->work->base;
    const char *s = json_string_value(v), *name;
    (void)f;
    for (size_t i = 0; s && i < ARRAY_LEN(words); i++) {
        if (strcmp(s, words[i].word) != 0) continue;
        t->choice = words[i].choice;
        if (t->choice == TURN_TOOLS_REQUIRED && t->chat.n_tools == 0)
            return api_bad(a, "is \"%s\", but there are no tools", s);
        return OK;
    }
    if (!json_is_object(v))
        return api_bad(a, "is %s, expected none, auto, required or a function", s ? "another word" : api_type_name(v));
    const json_t *fn = json_object_get(v, "function");
    size_t was = api_enter(a, fn ? "function.name" : "name");
    TRY(api_text(a, json_object_get(fn ? fn : v, "name"), &name));
    if (!api_tool_known(a, name)) return api_bad(a, "is \"%.60s\", which is none of the tools", name);
    t->choice = TURN_TOOLS_NAMED;
    t->choice_name = (struct turn_text){name, strlen(name)};
    api_leave(a, was);
    return OK;
}
