/* Chats as token ids, and answers as events, in the forms of published models and in our own.
 *
 * A form is a pair of renderer and parser: built in, or the model's own template (chat/template) with a parser derived from
 * what it renders. What a form or a template writes by itself (role markers, instructions for tools) may hold markers,
 * which become their ids. Everything from outside (texts, names, arguments, schemas) goes through tokenizer_encode: a
 * text that spells a marker stays a text. Forms whose roles are ordinary words (deepseek-v2, llama-2) have nothing that
 * could be protected. */
#ifndef CHAT_CHAT_H
#define CHAT_CHAT_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>
#include "base/buf.h"
#include "text/tokenizer.h"

/* CHAT_DEVELOPER is another word for CHAT_SYSTEM. */
enum chat_role { CHAT_SYSTEM, CHAT_USER, CHAT_ASSISTANT, CHAT_TOOL, CHAT_DEVELOPER };

/* A tool that the model called. arguments: the text of a JSON object. */
struct chat_call {
    const char *id; /* NULL: none */
    const char *name;
    const char *arguments;
};

/* A tool that the model may call. parameters: the text of a JSON schema. */
struct chat_tool {
    const char *name;
    const char *description; /* NULL: none */
    const char *parameters;  /* NULL: none */
};

struct chat_msg {
    enum chat_role role;
    const char *text; /* NULL with len 0: none */
    size_t len;
    const char *reasoning; /* of an assistant; NULL: none */
    size_t reasoning_len;
    const struct chat_call *calls; /* of an assistant, after its text */
    size_t n_calls;
    const char *call_id; /* of a tool: the call it answers; NULL: results come in the order of the calls */
};

enum chat_thinking { CHAT_THINK_DEFAULT, CHAT_THINK_OFF, CHAT_THINK_ON };
enum chat_effort { CHAT_EFFORT_DEFAULT, CHAT_EFFORT_LOW, CHAT_EFFORT_HIGH, CHAT_EFFORT_MAX };

/* A conversation and how it is to go on. Zeroed and with messages it is complete. */
struct chat_request {
    const struct chat_msg *msgs;
    size_t n_msgs;
    const struct chat_tool *tools;
    size_t n_tools;
    enum chat_thinking thinking; /* of forms that leave the choice */
    enum chat_effort effort;     /* of deepseek-v4 and deepseek-v4-0731 */
    bool add_generation_prompt;  /* ends where the model's answer begins */
    bool continue_last;          /* the last message is the beginning of an answer: not closed, and no generation prompt */
    const char *date;            /* of forms that tell it, as "26 Jul 2024"; NULL: that of now */
    const struct tm *now;        /* the clock of forms that read one; NULL: 26 July 2024, so that nothing changes by itself */
    const char *schema;          /* JSON schema of the answer; written by deepseek-v3.2 and v4, the others have no place */
};

/* ---- forms ---- */

struct chat_form;

/* All forms, for lists: NULL behind the last. */
const struct chat_form *chat_form_at(size_t i);
const struct chat_form *chat_form_by_name(const char *name); /* NULL: no such form */
const char *chat_form_name(const struct chat_form *f);
bool chat_form_has_tools(const struct chat_form *f);
bool chat_form_may_think(const struct chat_form *f);    /* answers may begin with reasoning */
bool chat_form_always_thinks(const struct chat_form *f); /* no request can turn it off */

/* OK when the vocabulary has all markers that the form cannot do without; ERR_UNSUPPORTED names those missing. */
int chat_form_check(const struct chat_form *f, const struct tokenizer *t, struct err *e);

/* What is known about a model. */
struct chat_model {
    const char *template_text; /* the Jinja template in its files; NULL: none */
    const char *tools_text;    /* the one for conversations with tools, where it has two; NULL: the same */
    const char *arch;          /* "qwen2", "deepseek2", ... as GGUF or config.json call it; NULL: unknown */
    const char *name;          /* general.name or the file's name, a hint where the architecture leaves a choice; NULL */
};
/* The form of a model. Its template renders a few conversations: where that is what a built-in form renders, it is that
 * form. Else the template itself renders (*own, which holds the form: chat_own_free), and how answers are to be read is
 * derived from what it rendered. Without a template, architectures whose makers publish none have their form, and
 * vocabularies with the markers of a form of their architecture have that; everything else is ERR_NOTFOUND, with the names to
 * choose from. */
struct chat_own;
int chat_form_of(const struct chat_form **out, struct chat_own **own, const struct tokenizer *t, const struct chat_model *m,
                 struct err *e);
/* Is it the markers of the vocabulary that tell the form, for want of a template? */
bool chat_form_by_markers(const struct tokenizer *t, const struct chat_model *m);
/* The form of a template alone, whatever the built-in ones say. */
int chat_own_new(struct chat_own **out, const struct tokenizer *t, const struct chat_model *m, struct err *e);
void chat_own_free(struct chat_own *o); /* NULL allowed */
const struct chat_form *chat_own_form(const struct chat_own *o);

/* What people want to know of a form: lines "name: value". */
void chat_form_describe(const struct chat_form *f, struct buf *out);

/* Appends the ids that end an answer: the tokenizer's EOS and those of the form (NULL: no form). */
int chat_stop_ids(const struct chat_form *f, const struct tokenizer *t, struct tokens *out, struct err *e);

/* ---- rendering ---- */

/* Appends the ids of q. learn (NULL: not wanted) gets one byte for every id: 1 for those the model is to produce, 0 for
 * those it is given; the reasoning of the last answer is then rendered also by forms whose history drops it. An answer
 * always begins at a border of tokens, as it did when it was generated: the ids of a prompt are the beginning of the
 * ids of the conversation that goes on from it. On failure out and learn are as before. */
int chat_form_encode(const struct chat_form *f, const struct tokenizer *t, const struct chat_request *q, struct tokens *out,
                     struct buf *learn, struct err *e);
/* The same as text, markers spelled. For people and tests: text that spells a marker cannot be told from one here. */
int chat_form_text(const struct chat_form *f, const struct chat_request *q, struct buf *out, struct err *e);

/* ---- parsing ---- */

enum chat_event_kind {
    CHAT_EV_REASONING, /* text */
    CHAT_EV_CONTENT,   /* text; malformed: of a call that could not be understood */
    CHAT_EV_CALL,      /* text is the name; call counts from 0 */
    CHAT_EV_ARGUMENTS, /* text is a piece of the arguments of that call */
    CHAT_EV_CALL_END,  /* malformed: what was sent as arguments is not a JSON object */
    CHAT_EV_END,       /* the model ended its answer; what is fed afterwards is ignored */
};
struct chat_event {
    enum chat_event_kind kind;
    int call;
    bool malformed;
    const char *text; /* whole characters; borrowed for the time of the call */
    size_t len;
};
/* A non-zero result (with e written) ends the feeding and is returned by it. */
typedef int chat_event_fn(void *ctx, const struct chat_event *ev, struct err *e);
struct chat_sink {
    chat_event_fn *fn;
    void *ctx;
};

/* Reads one answer as it is generated. The pieces of texts depend on how it is cut, their sums do not. */
struct chat_parser;
/* q: the request that the answer is to; only what it says about thinking, tools and the last message is looked at, and
 * not kept. t NULL: only chat_parser_text is used. */
int chat_parser_new(struct chat_parser **out, const struct chat_form *f, const struct tokenizer *t,
                    const struct chat_request *q, struct chat_sink sink, struct err *e);
void chat_parser_free(struct chat_parser *p);
int chat_parser_feed(struct chat_parser *p, int32_t id, struct err *e);
/* Text with markers spelled, as chat_form_text writes it. */
int chat_parser_text(struct chat_parser *p, const char *s, size_t len, struct err *e);
/* The end, when no end marker came: sends what was held back. */
int chat_parser_finish(struct chat_parser *p, struct err *e);
bool chat_parser_malformed(const struct chat_parser *p); /* some event was */
bool chat_parser_thinking(const struct chat_parser *p);  /* what comes next is reasoning, unless its end marker is */
/* Appends the ids with which the model would close its reasoning. */
int chat_unthink_ids(const struct chat_form *f, const struct tokenizer *t, struct tokens *out, struct err *e);

/* ---- our own form, deepseek-v3, in short ---- */

/* True when the vocabulary has the markers and an end token. */
bool chat_supported(const struct tokenizer *t);
/* Appends the chat to out. System messages are put together at the front, "\n\n" between them, wherever they stand.
 * With a generation prompt the ids end in <Assistant>: the model continues with its answer. */
int chat_encode(const struct tokenizer *t, const struct chat_msg *msgs, size_t n, bool add_generation_prompt, struct tokens *out,
                struct err *e);
/* The same form as a Jinja template, for GGUF and tokenizer_config.json. Static. */
const char *chat_template_jinja(void);
/* That template when the vocabulary has the markers, else NULL. */
const char *chat_template_of(const struct tokenizer *t);

#endif
