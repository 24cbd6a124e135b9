/* Conversations: messages are collected one by one, then given to the turn. */
#ifndef API_MESSAGES_H
#define API_MESSAGES_H

#include "api/inside.h"

/* A new message at the end, or NULL. */
struct chat_msg *api_message(struct api_answer *a, struct api_messages *m, enum chat_role role);
/* Appends text to a message's; a gap of two line feeds stands between two of them where `gap`. */
int api_message_text(struct api_answer *a, struct chat_msg *m, const char *s, size_t len, bool gap);
int api_message_reasoning(struct api_answer *a, struct chat_msg *m, const char *s, size_t len);
int api_message_call(struct api_answer *a, struct chat_msg *m, struct chat_call call);
/* Into work->base.chat; complains when there is none. continue_last: the last one is the beginning of the answer. */
int api_messages_give(struct api_answer *a, struct api_messages *m, bool continue_last);

/* Readers of OpenAI's shapes: "messages", "tools", "tool_choice". */
api_reader api_read_messages, api_read_tools, api_read_tool_choice;
/* One tool into a list of n; parameters is a JSON object or NULL. */
int api_tool(struct api_answer *a, struct chat_tool *t, const json_t *name, const json_t *description,
             const json_t *parameters);
bool api_tool_known(const struct api_answer *a, const char *name);
/* A text, or parts of text put together: `what` is said when something else is in it. */
int api_content(struct api_answer *a, const json_t *v, struct chat_msg *m);

#endif
