/* Forms of models that bring a template of their own: the template renders, and what it renders for a few conversations
 * tells how its answers are to be read. Internal to chat/. */
#ifndef CHAT_OWN_OWN_H
#define CHAT_OWN_OWN_H

#include "chat/form.h"
#include "chat/template/template.h"

/* Where a template looks for the reasoning of an answer. */
enum own_reasoning { REASON_CONTENT, REASON_SHORT, REASON_THINKING, REASON_PART, REASON_WAYS };

/* What a template wants conversations to look like. Zeroed is what most templates take. */
struct own_ways {
    bool parts;          /* contents are lists of parts, not strings */
    bool tools_list;     /* no tools are an empty list, not none */
    bool no_system;      /* it has no place for a system text: that goes before the first message of the user */
    bool empty_text;     /* an answer of calls alone has the empty text, not none */
    bool text_arguments; /* arguments of calls are text, not objects */
    enum own_reasoning reasoning;
};

enum { OWN_MAX_STRINGS = 24, OWN_MAX_MARKS = 64, OWN_LEADS = 3 };

struct chat_own {
    struct chat_form form;        /* its row */
    struct template *one, *tools; /* tools: for requests with tools; NULL: the same */
    char *bos, *eos, *pad, *unk;  /* as the vocabulary spells them; NULL: none */
    struct own_ways ways;
    bool shows_tools;     /* a list of tools is rendered */
    const char *lead[OWN_LEADS]; /* what stands between a prompt and the first text of the answer to it */
    int n_leads;
    int32_t marks[OWN_MAX_MARKS]; /* markers that the source spells: text never yields them */
    int n_marks;
    char *string[OWN_MAX_STRINGS]; /* what the row points to */
    int n_strings;
};

/* Renders q: out lives until the next use of r. A template that refuses the conversation is ERR_USAGE. */
int own_render(const struct chat_own *o, const struct own_ways *w, const struct chat_request *q, struct template_run *r,
               struct template_output *out, struct err *e);
/* Sets the variables of q. */
int own_context(const struct chat_own *o, const struct own_ways *w, const struct chat_request *q, struct template_run *r,
                struct err *e);
/* Finds out about ways, marks of reasoning, calls, ends; fills in form. A template that renders no plain question is an
 * error. */
int own_derive(struct chat_own *o, const struct tokenizer *t, const char *source, struct err *e);
/* The built-in form that says what the template says in all conversations that it does not lose parts of; NULL: none. */
int own_recognise(const struct chat_form **out, const struct chat_own *o, const struct tokenizer *t, struct err *e);

/* The state that the prompt of q leaves a parser in: 1 in reasoning, -1 behind it, 0 nothing is decided. */
int own_prompt_state(const struct chat_own *o, const struct chat_request *q);
bool own_is_mark(const struct chat_own *o, int32_t id);
/* Keeps a copy of s for the row; NULL: out of memory or places. */
const char *own_keep(struct chat_own *o, const char *s, size_t len);
void own_drop(struct chat_own *o, int from); /* frees the copies kept since there were so many */

#endif
