/* What is asked of a model: the options and files of which commands make a request. */
#ifndef CLI_ASK_H
#define CLI_ASK_H

#include "chat/request.h"
#include "cli/setup.h"

enum { ASK_MAX_BYTES = 64 << 20 };

/* Zeroed, then filled in by options. ask_free in every case. */
struct ask {
    const char *system, *tools, *messages; /* text and files */
    struct chat_loaded chat;
    struct tm day;
};

/* --system, --messages and --tools. */
void ask_args_add(struct opts *o, struct ask *a);
/* True when an option needs a form of chats. */
bool ask_needs_form(const struct ask *a);
/* The system text, the conversation of --messages, and the prompt (len 0: none), which is borrowed. */
int ask_make(struct ask *a, const struct model_args *m, const struct buf *prompt, struct err *e);
void ask_free(struct ask *a);

#endif
