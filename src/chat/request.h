/* Conversations out of JSON, in the shape of OpenAI's interface. */
#ifndef CHAT_REQUEST_H
#define CHAT_REQUEST_H

#include <jansson.h>
#include "chat/chat.h"

/* A request and all that it points to. Zeroed is empty; chat_loaded_free in every case. */
struct chat_loaded {
    struct chat_request q;
    json_t *root, *tools; /* texts are borrowed from them */
    struct chat_msg *msgs;
    struct chat_tool *list;
    void **owned;
    size_t n_owned, cap_owned;
};

/* {"messages": [...], "tools": [...]} or the list of messages alone. Messages have "role" and "content" (a text, null, or
 * a list of parts of type text), assistants also "reasoning_content" and "tool_calls", tools "tool_call_id". Further
 * members: "add_generation_prompt" (true), "enable_thinking", "continue_final_message". name: for messages. */
int chat_request_load(struct chat_loaded *l, const char *json, size_t len, const char *name, struct err *e);
/* The tools alone: a list of {"type": "function", "function": {...}} or of the inner objects. */
int chat_request_tools(struct chat_loaded *l, const char *json, size_t len, const char *name, struct err *e);
void chat_loaded_free(struct chat_loaded *l);

#endif
