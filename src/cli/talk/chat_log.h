/* The messages of a chat, in memory and as a JSON file:
 *   {"autarky_chat": 1, "messages": [{"role": "user", "content": "..."}, ...]}
 * A message that was stopped before its end has "stopped": true. */
#ifndef CLI_CHAT_LOG_H
#define CLI_CHAT_LOG_H

#include "chat/chat.h"

struct chat_entry {
    enum chat_role role;
    char *text; /* owned */
    size_t len;
    bool stopped;
};
/* Zeroed is empty. A system message, if any, is the first. */
struct chat_log {
    struct chat_entry *v;
    size_t n, cap;
    struct chat_msg *msgs; /* of the newest request */
};

void chat_log_free(struct chat_log *l);
int chat_log_add(struct chat_log *l, enum chat_role role, const char *text, size_t len, struct err *e);
void chat_log_pop(struct chat_log *l);         /* the newest, if any */
void chat_log_clear(struct chat_log *l);       /* all but the system message */
void chat_log_drop_oldest(struct chat_log *l); /* the oldest question and what follows it up to the next */
/* Sets, replaces or (text NULL) removes the system message. */
int chat_log_system(struct chat_log *l, const char *text, struct err *e);
const char *chat_log_get_system(const struct chat_log *l); /* NULL: none */
/* Messages that are not the system message. */
size_t chat_log_turns(const struct chat_log *l);

/* Makes q ask for an answer to the whole chat; its messages are borrowed until the chat changes. */
int chat_log_request(struct chat_log *l, struct chat_request *q, struct err *e);
/* Replaces the file; refuses one that exists and is not a chat. */
int chat_log_save(const struct chat_log *l, const char *path, struct err *e);
int chat_log_load(struct chat_log *l, const char *path, struct err *e); /* *l must be empty */

#endif
