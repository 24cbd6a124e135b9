/* Requests from the command line. */
#include "cli/talk/ask.h"
#include <string.h>
#include "base/mem.h"
#include "sys/file.h"

void ask_args_add(struct opts *o, struct ask *a)
{
    opts_add(o, (struct opt){"system", 0, OPT_STR, &a->system, .arg = "TEXT", .help = "instructions for the model"});
    opts_add(o, (struct opt){"messages", 0, OPT_STR, &a->messages, .arg = "FILE",
                             .help = "a conversation as JSON; the prompt, if any, is its next message"});
    opts_add(o, (struct opt){"tools", 0, OPT_STR, &a->tools, .arg = "FILE",
                             .help = "tools that the model may call, as JSON; calls are printed, not run"});
}

bool ask_needs_form(const struct ask *a) { return a->system || a->messages || a->tools; }

static int read_json(struct chat_loaded *l, const char *path, struct err *e,
                     int (*load)(struct chat_loaded *, const char *, size_t, const char *, struct err *))
{
    char *text;
    size_t len;
    TRY(file_read(&text, &len, path, ASK_MAX_BYTES, e));
    int rc = load(l, text, len, path, e);
    mem_free(text);
    return rc;
}

int ask_make(struct ask *a, const struct model_args *m, const struct buf *prompt, struct err *e)
{
    struct chat_loaded *l = &a->chat;
    if (a->messages) TRY(read_json(l, a->messages, e, chat_request_load));
    if (a->tools) TRY(read_json(l, a->tools, e, chat_request_tools));
    size_t n = l->q.n_msgs, at = a->system != NULL;
    struct chat_msg *msgs = mem_array(n + 2, sizeof *msgs);
    if (!msgs) FAIL(e, ERR_MEMORY, "out of memory for the messages");
    if (a->system) msgs[0] = (struct chat_msg){.role = CHAT_SYSTEM, .text = a->system, .len = strlen(a->system)};
    if (n) memcpy(msgs + at, l->msgs, n * sizeof *msgs);
    mem_free(l->msgs);
    l->q.msgs = l->msgs = msgs;
    l->q.n_msgs = at + n;
    if (prompt->len) msgs[l->q.n_msgs++] = (struct chat_msg){.role = CHAT_USER, .text = prompt->data, .len = prompt->len};
    if (l->q.n_msgs == at) FAIL(e, ERR_USAGE, "there is nothing to answer: %s holds no message, and there is no prompt",
                                a->messages ? a->messages : "the request");
    if (!a->messages) l->q.add_generation_prompt = true;
    if (m->thinking) l->q.thinking = (enum chat_thinking)m->thinking;
    l->q.now = &a->day;
    return chat_args_day(m, &a->day, e);
}

void ask_free(struct ask *a) { chat_loaded_free(&a->chat); }
