/* Requests of OpenAI's Responses: the whole conversation as items, nothing is kept between requests. */
#include "api/responses.h"
#include <string.h>
#include "api/ask.h"
#include "api/base64.h"
#include "api/messages.h"
#include "base/checked.h"

enum { MOST_TOOLS = 1024 };

/* ---- items ---- */

/* The assistant's message that an item goes on with: reasoning begins a new one when something was said in the last. */
static struct chat_msg *assistant(struct api_answer *a, struct api_messages *list, bool reasoning)
{
    struct chat_msg *last = list->n ? &list->v[list->n - 1] : NULL;
    bool open = last && last->role == CHAT_ASSISTANT && !(reasoning && (last->len || last->n_calls));
    return open ? last : api_message(a, list, CHAT_ASSISTANT);
}

static int read_message(struct api_answer *a, const json_t *v, struct api_messages *list)
{
    static const struct {
        const char *name;
        enum chat_role role;
    } roles[] = {
        {"user", CHAT_USER}, {"assistant", CHAT_ASSISTANT}, {"system", CHAT_SYSTEM}, {"developer", CHAT_DEVELOPER}};
    const char *name;
    size_t i = 0, was = api_enter(a, "role");
    TRY(api_text(a, json_object_get(v, "role"), &name));
    while (i < ARRAY_LEN(roles) && strcmp(roles[i].name, name) != 0) i++;
    if (i == ARRAY_LEN(roles)) return api_bad(a, "is \"%.40s\", expected user, assistant, system or developer", name);
    api_leave(a, was);
    struct chat_msg *m =
        roles[i].role == CHAT_ASSISTANT ? assistant(a, list, false) : api_message(a, list, roles[i].role);
    if (!m) return ERR_MEMORY;
    if (m->len) m = api_message(a, list, CHAT_ASSISTANT); /* two texts of an assistant are two turns */
    if (!m) return ERR_MEMORY;
    was = api_enter(a, "content");
    TRY(api_content(a, json_object_get(v, "content"), m));
    api_leave(a, was);
    return OK;
}

/* A name in a name space: Codex wraps the tools of every server in one. */
static int spaced_name(struct api_answer *a, const char *space, const char **name)
{
    size_t n = strlen(space) + strlen(*name) + 3;
    char *text = api_new(a, n, 1);
    if (!text) return api_no_memory(a);
    snprintf(text, n, "%s__%s", space, *name);
    *name = text;
    return OK;
}

static int read_call(struct api_answer *a, const json_t *v, struct api_messages *list)
{
    struct chat_call call = {.arguments = "{}"};
    struct chat_msg *m = assistant(a, list, false);
    if (!m) return ERR_MEMORY;
    size_t was = api_enter(a, "call_id");
    TRY(api_text(a, json_object_get(v, "call_id"), &call.id));
    api_leave(a, was);
    was = api_enter(a, "name");
    TRY(api_text(a, json_object_get(v, "name"), &call.name));
    api_leave(a, was);
    const json_t *space = json_object_get(v, "namespace");
    was = api_enter(a, "namespace");
    if (space && !json_is_null(space)) {
        const char *outer;
        TRY(api_text(a, space, &outer));
        TRY(spaced_name(a, outer, &call.name));
    }
    api_leave(a, was);
    const json_t *input = json_object_get(v, "input"), *args = json_object_get(v, "arguments");
    was = api_enter(a, input ? "input" : "arguments");
    if (input) { /* of a tool with free text */
        json_t *object = json_object();
        if (!object || json_object_set(object, "input", (json_t *)(uintptr_t)input)) {
            json_decref(object);
            return api_no_memory(a);
        }
        int rc = api_json_text(a, object, &call.arguments);
        json_decref(object);
        TRY(rc);
    } else if (args && !json_is_null(args)) {
        TRY(api_text(a, args, &call.arguments));
    }
    api_leave(a, was);
    return api_message_call(a, m, call);
}

static int read_output(struct api_answer *a, const json_t *v, struct api_messages *list)
{
    struct chat_msg *m = api_message(a, list, CHAT_TOOL);
    if (!m) return ERR_MEMORY;
    size_t was = api_enter(a, "call_id");
    TRY(api_text(a, json_object_get(v, "call_id"), &m->call_id));
    api_leave(a, was);
    const json_t *output = json_object_get(v, "output");
    was = api_enter(a, "output");
    if (json_is_object(output)) { /* old clients: {"content", "success"} */
        const json_t *content = json_object_get(output, "content");
        TRY(api_content(a, content, m));
    } else {
        TRY(api_content(a, output, m));
    }
    api_leave(a, was);
    return OK;
}

/* The reasoning that we sealed counts; else what stands there. */
static int read_reasoning(struct api_answer *a, const json_t *v, struct api_messages *list)
{
    const json_t *sealed = json_object_get(v, "encrypted_content"), *part;
    const json_t *lists[] = {json_object_get(v, "content"), json_object_get(v, "summary")};
    struct chat_msg *m = assistant(a, list, true);
    struct buf open = {0};
    if (!m) return ERR_MEMORY;
    if (json_is_string(sealed) &&
        seal_open(&open, a->env->key, json_string_value(sealed), json_string_length(sealed))) {
        char *text = open.failed ? NULL : turn_mem_text(&a->work->mem, open.data ? open.data : "", open.len);
        size_t len = open.len;
        buf_free(&open);
        return text ? api_message_reasoning(a, m, text, len) : api_no_memory(a);
    }
    buf_free(&open);
    for (size_t k = 0, i; k < ARRAY_LEN(lists) && !m->reasoning_len; k++) {
        json_array_foreach(lists[k], i, part)
        {
            const json_t *text = json_object_get(part, "text");
            if (json_is_string(text))
                TRY(api_message_reasoning(a, m, json_string_value(text), json_string_length(text)));
        }
    }
    if (!api_says_nothing(sealed) && !m->reasoning_len) TRY(api_ignored_member(a, "encrypted_content"));
    return OK;
}

static int read_item(struct api_answer *a, const json_t *v, struct api_messages *list)
{
    static const struct {
        const char *type;
        int (*read)(struct api_answer *a, const json_t *v, struct api_messages *list);
    } types[] = {{"message", read_message},       {"function_call", read_call},
                 {"custom_tool_call", read_call}, {"function_call_output", read_output},
                 {"reasoning", read_reasoning},   {"custom_tool_call_output", read_output}};
    TRY(api_want(a, v, JSON_OBJECT, "an object"));
    const json_t *given = json_object_get(v, "type");
    const char *type = "message";
    if (given) TRY(api_text(a, given, &type));
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (!strcmp(types[i].type, type)) return types[i].read(a, v, list);
    return api_ignored_member(a, type);
}

static int read_instructions(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    (void)f;
    TRY(api_want(a, v, JSON_STRING, "a string"));
    if (json_string_length(v) == 0) return OK;
    struct chat_msg *m = api_message(a, &a->work->before, CHAT_SYSTEM);
    if (!m) return ERR_MEMORY;
    return api_message_text(a, m, json_string_value(v), json_string_length(v), false);
}

static int read_input(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    struct api_messages list = a->work->before;
    size_t i;
    json_t *one;
    (void)f;
    if (json_is_string(v)) {
        struct chat_msg *m = api_message(a, &list, CHAT_USER);
        if (!m) return ERR_MEMORY;
        TRY(api_message_text(a, m, json_string_value(v), json_string_length(v), false));
        return api_messages_give(a, &list, false);
    }
    if (!json_is_array(v)) return api_bad(a, "is %s, expected a string or a list of items", api_type_name(v));
    json_array_foreach(v, i, one)
    {
        size_t was = api_enter_at(a, NULL, i);
        TRY(read_item(a, one, &list));
        api_leave(a, was);
    }
    return api_messages_give(a, &list, false);
}

/* ---- tools ---- */

static const char custom_schema[] = "{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\"}},"
                                    "\"required\":[\"input\"],\"additionalProperties\":false}";

/* The index of the tool that is called; n_tools: none of those that were told. */
static size_t tool_of(const struct api_answer *a, const struct api_call *call)
{
    const struct chat_request *q = &a->work->base.chat;
    size_t i = 0;
    while (i < q->n_tools &&
           (strlen(q->tools[i].name) != call->name.len || memcmp(q->tools[i].name, call->name.data, call->name.len)))
        i++;
    return i;
}

bool responses_is_custom(const struct api_answer *a, const struct api_call *call)
{
    const struct chat_request *q = &a->work->base.chat;
    size_t i = tool_of(a, call);
    return i < q->n_tools && q->tools[i].parameters == custom_schema;
}

size_t responses_space(const struct api_answer *a, const struct api_call *call)
{
    size_t i = tool_of(a, call);
    return i < a->work->base.chat.n_tools ? a->work->space[i] : 0;
}

static int add_tool(struct api_answer *a, struct chat_tool *list, const json_t *v, const char *space)
{
    struct chat_request *q = &a->work->base.chat;
    const char *type = "function";
    TRY(api_want(a, v, JSON_OBJECT, "an object"));
    if (json_object_get(v, "type")) TRY(api_text(a, json_object_get(v, "type"), &type));
    bool custom = !strcmp(type, "custom");
    if (!custom && strcmp(type, "function") != 0) return api_ignored_member(a, type); /* of somebody's server */
    if (q->n_tools == MOST_TOOLS) return api_bad(a, "is one tool too many, expected at most %d", MOST_TOOLS);
    struct chat_tool *t = &list[q->n_tools];
    *t = (struct chat_tool){0};
    TRY(api_tool(a, t, json_object_get(v, "name"), json_object_get(v, "description"),
                 custom ? NULL : json_object_get(v, "parameters")));
    if (custom) t->parameters = custom_schema;
    if (space) TRY(spaced_name(a, space, &t->name));
    a->work->space[q->n_tools] = space ? strlen(space) : 0;
    if (api_tool_known(a, t->name)) return api_bad(a, "name \"%.60s\" occurs twice", t->name);
    q->n_tools++;
    return OK;
}

static int add_space(struct api_answer *a, struct chat_tool *list, const json_t *v)
{
    const json_t *tools = json_object_get(v, "tools");
    const char *name;
    size_t i, was = api_enter(a, "name");
    json_t *one;
    TRY(api_text(a, json_object_get(v, "name"), &name));
    api_leave(a, was);
    was = api_enter(a, "tools");
    TRY(api_want(a, tools, JSON_ARRAY, "a list"));
    json_array_foreach(tools, i, one)
    {
        size_t at = api_enter_at(a, NULL, i);
        TRY(add_tool(a, list, one, name));
        api_leave(a, at);
    }
    api_leave(a, was);
    return OK;
}

static int read_tools(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    size_t i;
    json_t *one;
    (void)f;
    TRY(api_want(a, v, JSON_ARRAY, "a list"));
    struct chat_tool *list = api_new(a, MOST_TOOLS, sizeof *list);
    a->work->space = api_new(a, MOST_TOOLS, sizeof *a->work->space);
    if (!list || !a->work->space) return api_no_memory(a);
    a->work->base.chat.tools = list;
    json_array_foreach(v, i, one)
    {
        size_t was = api_enter_at(a, NULL, i);
        const char *type = json_string_value(json_object_get(one, "type"));
        TRY(type && !strcmp(type, "namespace") ? add_space(a, list, one) : add_tool(a, list, one, NULL));
        api_leave(a, was);
    }
    return OK;
}

static int read_choice(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    const char *type = json_string_value(json_object_get(v, "type"));
    if (!type || strcmp(type, "allowed_tools") != 0) return api_read_tool_choice(a, f, v);
    TRY(api_ignored_member(a, "tools"));
    return api_read_tool_choice(a, f, json_object_get(v, "mode"));
}

/* ---- the rest ---- */

static int read_include(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    size_t i;
    json_t *one;
    (void)f;
    TRY(api_want(a, v, JSON_ARRAY, "a list of strings"));
    json_array_foreach(v, i, one)
    {
        const char *s = json_string_value(one);
        if (!s) return api_bad(a, "[%zu] is %s, expected a string", i, api_type_name(one));
        if (!strcmp(s, "reasoning.encrypted_content")) a->work->wish.seals = true;
        else if (!strcmp(s, "message.output_text.logprobs")) a->work->base.want_logprobs = true;
        else TRY(api_ignored_member(a, s));
    }
    return OK;
}

static int read_truncation(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    const char *s;
    (void)f;
    TRY(api_text(a, v, &s));
    a->work->base.truncate = !strcmp(s, "auto");
    return !strcmp(s, "auto") || !strcmp(s, "disabled") ? OK : api_bad(a, "is \"%.40s\", expected auto or disabled", s);
}

static int read_top(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    (void)f, (void)v;
    if (a->work->base.top_logprobs > 0) a->work->base.want_logprobs = true;
    return OK;
}

static int read_parallel(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    (void)f;
    a->work->base.one_call = json_is_false(v);
    return OK;
}

static const struct api_field text_fields[] = {
    ROW_READ("format", api_read_format, API_SCHEMA_FORMAT_FLAT, "text, json_object, json_schema"),
    ROW_IGNORED("verbosity", ""),
    ROW_END,
};

#define ROWS_PROMPT                                                                                                    \
    ROW_READ("model", api_read_model, API_SCHEMA_NAME, "without it the first that is loaded"),                         \
        ROW_READ("instructions", read_instructions, API_SCHEMA_STRING, "the system prompt"),                           \
        {.name = "input",                                                                                              \
         .needed = true,                                                                                               \
         .read = read_input,                                                                                           \
         .schema = "{\"anyOf\":[{\"type\":\"string\",\"minLength\":1},{\"type\":\"array\",\"minItems\":1,\"items\":{"  \
                   "\"$ref\":"                                                                                         \
                   "\"#/components/schemas/response_item\"}}]}",                                                       \
         .note = "a text, or items: message, reasoning, function_call, function_call_output, custom_tool_call and "    \
                 "its output"},                                                                                        \
        ROW_READ("tools", read_tools, API_SCHEMA_TOOLS("parameters"),                                                  \
                 "function, custom (free text), namespace (flattened to ns__tool)"),                                   \
        ROW_READ("tool_choice", read_choice, API_SCHEMA_CHOICE, "none, auto, required, or one by name"),               \
        ROW_SUB("reasoning", api_reasoning_fields, ""), ROW_SUB("text", text_fields, ""),                              \
        {.name = "parallel_tool_calls", .type = FIELD_BOOL, .read = read_parallel, .note = "false: at most one call"}, \
        ROW_READ("truncation", read_truncation, "{\"enum\":[\"auto\",\"disabled\"]}",                                  \
                 "auto: the oldest messages may go"),                                                                  \
        ROW_REFUSED("previous_response_id", "this server keeps no responses: send the whole input"),                   \
        ROW_REFUSED("conversation", "this server keeps no conversations: send the whole input"),                       \
        ROW_REFUSED("prompt", "this server keeps no prompts")

const struct api_field responses_fields[] = {
    ROWS_PROMPT,
    ROW_INT("max_output_tokens", TURN_AT(max_tokens), 1, API_BIG, "reasoning and answer"),
    ROW_BOOL("stream", WISH_AT(stream), ""),
    ROW_REAL("temperature", TURN_AT(sampling.temperature), 0, 2, ""),
    ROW_REAL("top_p", TURN_AT(sampling.top_p), 0, 1, ""),
    {.name = "top_logprobs",
     .type = FIELD_INT32,
     TURN_AT(top_logprobs),
     .lo = 0,
     .hi = 20,
     .read = read_top,
     .note = ""},
    {.name = "seed",
     .type = FIELD_INT,
     TURN_AT(sampling.seed),
     .lo = -0x1p63,
     .hi = 0x1p63,
     .read = api_read_seed,
     .note = ""},
    ROW_READ("include", read_include, "{\"type\":\"array\",\"items\":{\"type\":\"string\"}}",
             "reasoning.encrypted_content, message.output_text.logprobs"),
    ROW_READ("user", api_read_user, API_SCHEMA_NAME, "shares are dealt out by user"),
    {.name = "prompt_cache_key", .type = FIELD_TEXT, TURN_AT(session), .hi = 512, .note = "names the session"},
    {.name = "metadata", .type = FIELD_OBJECT, .note = "told again in the reply"},
    ROW_REFUSED("background", "this server does nothing in the background"),
    ROW_IGNORED("store", "nothing is stored"),
    ROW_IGNORED("service_tier", ""),
    ROW_IGNORED("safety_identifier", ""),
    ROW_IGNORED("max_tool_calls", "tools are the client's"),
    ROW_IGNORED("stream_options", ""),
    ROW_IGNORED("prompt_cache_retention", ""),
    ROW_END,
};

const struct api_field responses_count_fields[] = {ROWS_PROMPT, ROW_END};

int responses_begin(struct api_answer *a, struct buf *out)
{
    (void)out;
    TRY(api_choose_model(a, a->work->wish.model));
    return api_turns(a, 1);
}

int responses_count_begin(struct api_answer *a, struct buf *out)
{
    (void)out;
    a->work->base.kind = TURN_COUNT;
    TRY(api_choose_model(a, a->work->wish.model));
    return api_turns(a, 1);
}
