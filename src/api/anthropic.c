/* Requests of Anthropic's clients. */
#include "api/anthropic.h"
#include <string.h>
#include "api/ask.h"
#include "api/base64.h"
#include "api/messages.h"

/* ---- texts ---- */

/* Claude Code begins its system prompt with a line that changes with every request: everything behind it would be read again.
 * It means nothing to a model. */
static struct turn_text without_billing(struct turn_text t)
{
    static const char head[] = "x-anthropic-billing-header:";
    size_t n = sizeof head - 1;
    if (t.len < n || memcmp(t.s, head, n) != 0) return t;
    const char *end = memchr(t.s, '\n', t.len);
    size_t skip = end ? (size_t)(end - t.s) + 1 : t.len;
    return (struct turn_text){t.s + skip, t.len - skip};
}

static int block_type(struct api_answer *a, const json_t *block, const char **type)
{
    TRY(api_want(a, block, JSON_OBJECT, "an object"));
    size_t was = api_enter(a, "type");
    TRY(api_text(a, json_object_get(block, "type"), type));
    api_leave(a, was);
    return OK;
}

static int text_of(struct api_answer *a, const json_t *block, const char *key, struct turn_text *t)
{
    const json_t *v = json_object_get(block, key);
    size_t was = api_enter(a, key);
    TRY(api_want(a, v, JSON_STRING, "a string"));
    *t = (struct turn_text){json_string_value(v), json_string_length(v)};
    api_leave(a, was);
    return OK;
}

/* A string, or text blocks put together; `gap` between them. */
static int read_texts(struct api_answer *a, const json_t *v, struct chat_msg *m, bool gap)
{
    size_t i;
    json_t *block;
    struct turn_text t;
    if (json_is_string(v)) {
        t = without_billing((struct turn_text){json_string_value(v), json_string_length(v)});
        return api_message_text(a, m, t.s, t.len, gap);
    }
    if (!json_is_array(v)) return api_bad(a, "is %s, expected a string or a list of blocks", api_type_name(v));
    json_array_foreach(v, i, block)
    {
        const char *type = NULL;
        size_t was = api_enter_at(a, NULL, i);
        TRY(block_type(a, block, &type));
        if (strcmp(type, "text") != 0)
            return api_unsupported(a, "is a block of type \"%.40s\"; this server reads text only", type);
        TRY(text_of(a, block, "text", &t));
        if (m->role == CHAT_SYSTEM) t = without_billing(t);
        if (t.len) TRY(api_message_text(a, m, t.s, t.len, gap));
        api_leave(a, was);
    }
    return OK;
}

/* ---- messages ---- */

static int read_thinking(struct api_answer *a, const json_t *block, struct chat_msg *m)
{
    const json_t *sign = json_object_get(block, "signature");
    struct turn_text t;
    TRY(text_of(a, block, "thinking", &t));
    bool ours =
        json_is_string(sign) && seal_proves(json_string_value(sign), json_string_length(sign), a->env->key, t.s, t.len);
    if (!ours && !api_says_nothing(sign))
        api_note(&a->work->ignored, "thinking.signature"); /* of another server, or changed: a text like any other */
    return api_message_reasoning(a, m, t.s, t.len);
}

static int read_use(struct api_answer *a, const json_t *block, struct chat_msg *m)
{
    struct chat_call call = {.arguments = "{}"};
    const json_t *input = json_object_get(block, "input");
    size_t was = api_enter(a, "id");
    TRY(api_text(a, json_object_get(block, "id"), &call.id));
    api_leave(a, was);
    was = api_enter(a, "name");
    TRY(api_text(a, json_object_get(block, "name"), &call.name));
    api_leave(a, was);
    was = api_enter(a, "input");
    if (input) TRY(api_want(a, input, JSON_OBJECT, "an object"));
    if (input) TRY(api_json_text(a, input, &call.arguments));
    api_leave(a, was);
    return api_message_call(a, m, call);
}

static int read_result(struct api_answer *a, const json_t *block, struct api_messages *list)
{
    const json_t *content = json_object_get(block, "content");
    struct chat_msg *m = api_message(a, list, CHAT_TOOL);
    if (!m) return ERR_MEMORY;
    size_t was = api_enter(a, "tool_use_id");
    TRY(api_text(a, json_object_get(block, "tool_use_id"), &m->call_id));
    api_leave(a, was);
    was = api_enter(a, "content");
    if (content && !json_is_null(content)) TRY(read_texts(a, content, m, false));
    api_leave(a, was);
    return OK;
}

/* The message that texts of this role are added to: the last one if it is of the same turn of the conversation. */
static struct chat_msg *message_of(struct api_answer *a, struct api_messages *list, size_t first, enum chat_role role)
{
    if (list->n > first && list->v[list->n - 1].role == role) return &list->v[list->n - 1];
    return api_message(a, list, role);
}

static int read_block(struct api_answer *a, const json_t *block, struct api_messages *list, size_t first,
                      enum chat_role role)
{
    const char *type = NULL;
    struct turn_text t;
    TRY(block_type(a, block, &type));
    if (!strcmp(type, "tool_result")) return read_result(a, block, list);
    struct chat_msg *m = message_of(a, list, first, role);
    if (!m) return ERR_MEMORY;
    if (!strcmp(type, "text")) {
        TRY(text_of(a, block, "text", &t));
        return api_message_text(a, m, t.s, t.len, false);
    }
    if (role == CHAT_ASSISTANT && !strcmp(type, "thinking")) return read_thinking(a, block, m);
    if (role == CHAT_ASSISTANT && !strcmp(type, "tool_use")) return read_use(a, block, m);
    bool other = !strcmp(type, "redacted_thinking") || !strcmp(type, "server_tool_use") || strstr(type, "_tool_result");
    if (other) return api_ignored_member(a, type);
    return api_unsupported(a, "is a block of type \"%.40s\"; this server reads text only", type);
}

static int read_message(struct api_answer *a, const json_t *v, struct api_messages *list)
{
    const json_t *content = json_object_get(v, "content");
    size_t i, first = list->n, was;
    json_t *block;
    const char *name;
    TRY(api_want(a, v, JSON_OBJECT, "an object"));
    was = api_enter(a, "role");
    TRY(api_text(a, json_object_get(v, "role"), &name));
    bool user = !strcmp(name, "user"), system = !strcmp(name, "system");
    if (!user && !system && strcmp(name, "assistant") != 0)
        return api_bad(a, "is \"%.40s\", expected user, assistant or system", name);
    enum chat_role role = user ? CHAT_USER : system ? CHAT_SYSTEM : CHAT_ASSISTANT;
    api_leave(a, was);
    was = api_enter(a, "content");
    if (system || json_is_string(content)) {
        struct chat_msg *m = api_message(a, list, role);
        if (!m) return ERR_MEMORY;
        TRY(system ? read_texts(a, content, m, true)
                   : api_message_text(a, m, json_string_value(content), json_string_length(content), false));
    } else {
        TRY(api_want(a, content, JSON_ARRAY, "a string or a list of blocks"));
        json_array_foreach(content, i, block)
        {
            size_t at = api_enter_at(a, NULL, i);
            TRY(read_block(a, block, list, first, role));
            api_leave(a, at);
        }
        if (list->n == first && !api_message(a, list, role)) return ERR_MEMORY;
    }
    api_leave(a, was);
    return OK;
}

static int read_messages(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    struct api_messages list = a->work->before;
    size_t i;
    json_t *one;
    (void)f;
    TRY(api_want(a, v, JSON_ARRAY, "a list of messages"));
    if (json_array_size(v) == 0) return api_bad(a, "has no message, expected at least one");
    json_array_foreach(v, i, one)
    {
        size_t was = api_enter_at(a, NULL, i);
        TRY(read_message(a, one, &list));
        api_leave(a, was);
    }
    return api_messages_give(a, &list, true); /* an assistant's at the end is the beginning of the answer */
}

static int read_system(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    struct api_messages *list = &a->work->before;
    (void)f;
    struct chat_msg *m = api_message(a, list, CHAT_SYSTEM);
    if (!m) return ERR_MEMORY;
    TRY(read_texts(a, v, m, true));
    if (m->len == 0) list->n--;
    return OK;
}

/* ---- tools ---- */

static int read_tools(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    struct chat_request *q = &a->work->base.chat;
    size_t i, n = json_array_size(v);
    json_t *one;
    (void)f;
    TRY(api_want(a, v, JSON_ARRAY, "a list"));
    if (n > 1024) return api_bad(a, "has %zu tools, expected at most 1024", n);
    struct chat_tool *list = api_new(a, n, sizeof *list);
    if (!list) return api_no_memory(a);
    q->tools = list;
    json_array_foreach(v, i, one)
    {
        size_t was = api_enter_at(a, NULL, i);
        TRY(api_want(a, one, JSON_OBJECT, "an object"));
        const char *type = json_string_value(json_object_get(one, "type"));
        if (type && strcmp(type, "custom") != 0) { /* one of Anthropic's own servers */
            TRY(api_ignored_member(a, type));
        } else {
            TRY(api_tool(a, &list[q->n_tools], json_object_get(one, "name"), json_object_get(one, "description"),
                         json_object_get(one, "input_schema")));
            if (api_tool_known(a, list[q->n_tools].name))
                return api_bad(a, "name \"%.60s\" occurs twice", list[q->n_tools].name);
            q->n_tools++;
        }
        api_leave(a, was);
    }
    return OK;
}

static int read_choice(struct api_answer *a, const struct api_field *f, const json_t *v)
{
    struct turn *t = &a->work->base;
    const char *type = NULL, *name;
    TRY(block_type(a, v, &type));
    if (json_is_true(json_object_get(v, "disable_parallel_tool_use"))) t->one_call = true;
    if (strcmp(type, "tool") != 0) return api_read_tool_choice(a, f, json_object_get(v, "type"));
    size_t was = api_enter(a, "name");
    TRY(api_text(a, json_object_get(v, "name"), &name));
    if (!api_tool_known(a, name)) return api_bad(a, "is \"%.60s\", which is none of the tools", name);
    t->choice = TURN_TOOLS_NAMED;
    t->choice_name = (struct turn_text){name, strlen(name)};
    api_leave(a, was);
    return OK;
}

/* ---- the rest ---- */

static const struct api_field output_fields[] = {
    ROW_READ("effort", api_read_effort, API_SCHEMA_EFFORT, ""),
    ROW_READ("format", api_read_format, API_SCHEMA_FORMAT_FLAT, "{\"type\": \"json_schema\", \"schema\"}"),
    ROW_END,
};
static const struct api_field metadata_fields[] = {
    ROW_READ("user_id", api_read_user, API_SCHEMA_NAME, "shares are dealt out by user"),
    ROW_END,
};

#define SCHEMA_MESSAGES                                                                                                \
    "{\"type\":\"array\",\"minItems\":1,\"items\":{\"$ref\":\"#/components/schemas/anthropic_message\"}}"
#define SCHEMA_TEXT_OR_BLOCKS                                                                                          \
    "{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"type\":"   \
    "{\"const\":\"text\"},\"text\":{\"type\":\"string\"}},\"required\":[\"type\",\"text\"]}}]}"

/* system and tools come before messages and tool_choice, which look at them. */
#define ROWS_PROMPT                                                                                                    \
    {.name = "model", .needed = true, .read = api_read_model, .schema = API_SCHEMA_NAME},                              \
        ROW_READ("system", read_system, SCHEMA_TEXT_OR_BLOCKS,                                                         \
                 "a line x-anthropic-billing-header at its beginning is left out"),                                    \
        {.name = "messages",                                                                                           \
         .needed = true,                                                                                               \
         .read = read_messages,                                                                                        \
         .schema = SCHEMA_MESSAGES,                                                                                    \
         .note = "roles user, assistant, system; blocks text, thinking, tool_use, tool_result"},                       \
        ROW_READ("tools", read_tools, API_SCHEMA_TOOLS("input_schema"), "those without type or of type custom"),       \
        ROW_READ(                                                                                                      \
            "tool_choice", read_choice,                                                                                \
            "{\"type\":\"object\",\"required\":[\"type\"],\"properties\":{\"type\":{\"enum\":[\"auto\",\"none\"]}}}",  \
            "auto, any, tool, none; disable_parallel_tool_use"),                                                       \
        ROW_READ("thinking", api_read_thinking, API_SCHEMA_THINKING, "enabled, adaptive, disabled; budget_tokens"),    \
        ROW_SUB("output_config", output_fields, ""), ROW_IGNORED("cache_control", "caching is automatic"),             \
        ROW_IGNORED("context_management", ""), ROW_IGNORED("mcp_servers", "")

const struct api_field anthropic_fields[] = {
    ROWS_PROMPT,
    ROW_INT("max_tokens", TURN_AT(max_tokens), 1, API_BIG, "4096 unless said"),
    ROW_READ("stop_sequences", api_read_stop, API_SCHEMA_STOP, "up to 16"),
    ROW_BOOL("stream", WISH_AT(stream), ""),
    ROW_REAL("temperature", TURN_AT(sampling.temperature), 0, 2, ""),
    ROW_REAL("top_p", TURN_AT(sampling.top_p), 0, 1, ""),
    {.name = "top_k", .type = FIELD_INT, TURN_AT(sampling.top_k), .lo = 0, .hi = API_BIG, .note = "0: off"},
    ROW_SUB("metadata", metadata_fields, ""),
    ROW_IGNORED("container", ""),
    ROW_IGNORED("service_tier", ""),
    ROW_IGNORED("inference_geo", ""),
    ROW_IGNORED("speed", ""),
    ROW_END,
};

const struct api_field anthropic_count_fields[] = {ROWS_PROMPT, ROW_END};

int anthropic_begin(struct api_answer *a, struct buf *out)
{
    struct api_work *w = a->work;
    (void)out;
    if (w->base.max_tokens < 0) w->base.max_tokens = 4096;
    TRY(api_choose_model(a, w->wish.model));
    return api_turns(a, 1);
}

int anthropic_count_begin(struct api_answer *a, struct buf *out)
{
    (void)out;
    a->work->base.kind = TURN_COUNT;
    TRY(api_choose_model(a, a->work->wish.model));
    return api_turns(a, 1);
}
