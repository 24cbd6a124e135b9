/* Inside of the chat forms: rows of the table, the writer that renderers use, JSON as templates print it. */
#ifndef CHAT_FORM_H
#define CHAT_FORM_H

#include <jansson.h>
#include <time.h>
#include "chat/chat.h"

enum { CHAT_MAX_MARKERS = 24, CHAT_MAX_ENDS = 3 };

#define BAR "\xef\xbd\x9c" /* U+FF5C */
#define LOW "\xe2\x96\x81" /* U+2581 */
#define DS_CALLS "<" BAR "tool" LOW "calls" LOW "begin" BAR ">"
#define DS_CALLS_END "<" BAR "tool" LOW "calls" LOW "end" BAR ">"
#define DS_CALL "<" BAR "tool" LOW "call" LOW "begin" BAR ">"
#define DS_CALL_END "<" BAR "tool" LOW "call" LOW "end" BAR ">"
#define DS_OUTPUTS "<" BAR "tool" LOW "outputs" LOW "begin" BAR ">"
#define DS_OUTPUTS_END "<" BAR "tool" LOW "outputs" LOW "end" BAR ">"
#define DS_OUTPUT "<" BAR "tool" LOW "output" LOW "begin" BAR ">"
#define DS_OUTPUT_END "<" BAR "tool" LOW "output" LOW "end" BAR ">"
#define DS_SEP "<" BAR "tool" LOW "sep" BAR ">"
#define DSML BAR "DSML" BAR
#define THINK "<think>"
#define UNTHINK "</think>"
#define IM_START "<|im_start|>"
#define IM_END "<|im_end|>"

/* How calls of tools look in an answer. White space at the borders of what is spelled here does not count. */
enum chat_calls {
    CALLS_NONE,
    CALLS_NAMED,  /* head NAME mid {...} tail                           */
    CALLS_OBJECT, /* {"name": NAME, "arguments": {...}}                 */
    CALLS_TAGGED, /* head NAME mid (param KEY value VALUE param_end)... */
    CALLS_DSML,   /* elements invoke and parameter in a block           */
};

/* In head and mid: any text, once. */
enum { CHAT_ANY = 1 };

/* NULL: nothing stands there. */
struct chat_syntax {
    enum chat_calls kind;
    const char *block, *block_end; /* around all calls of an answer */
    const char *call, *call_end;   /* around each */
    const char *head, *mid, *tail;
    bool counted;                  /* NAMED: a colon and a number stand behind the name */
    bool bare;                     /* OBJECT: an answer that begins with an object may be a call */
    const char *name_key, *args_key;       /* OBJECT; without name_key the name is the key of the arguments */
    const char *param, *value, *param_end; /* TAGGED */
};

/* What chat_request.thinking can do: nothing, nothing since the form always thinks, or choose, with this default. */
enum chat_thinks { CHAT_NEVER_THINKS, CHAT_ALWAYS_THINKS, CHAT_MAY_THINK, CHAT_THINKS_UNLESS_OFF };

struct chat_writer;
struct chat_own;

struct chat_form {
    const char *name;
    void (*render)(struct chat_writer *w);
    const char *bos;             /* NULL: none is written */
    const char *ends[CHAT_MAX_ENDS]; /* of an answer; the first is the one rendered */
    const char *const *markers;  /* NULL-terminated */
    int n_needed;                /* so many of them, from the first, must be in the vocabulary */
    bool any_eos;                /* where bos or ends[0] are not in the vocabulary, the tokenizer's own are meant */
    const char *system;          /* when there is no system message; NULL: none */
    enum chat_thinks thinks;
    const char *think, *unthink; /* around reasoning; NULL: <think> and </think> */
    const char *think_prompt;    /* what the generation prompt ends in when the form always thinks; NULL: nothing */
    struct chat_syntax calls;
    const char *call_gap;        /* line ends that stand between a text and the calls after it */
    bool loose_think;            /* line ends around reasoning belong to the form */
    bool answer_space;           /* answers begin with a space */
    int variant;                 /* of the renderer's own */
    const struct chat_own *own;  /* of a form that a model's template makes (own/own.h); NULL: built in */
};

/* Collects text and marks; a failure sticks in rc. t NULL: everything is spelled into text. */
struct chat_writer {
    const struct chat_form *f;
    const struct chat_request *q;
    const struct tokenizer *t;
    struct tokens *ids;
    struct buf *learn, *text;
    int32_t marker[CHAT_MAX_MARKERS]; /* ids of f->markers, -1: written as text */
    struct buf pending;               /* text not yet encoded */
    int32_t taker;                    /* 1 + the marker before pending, which may take blanks; 0: none */
    bool glued;                       /* pending follows a text directly, no marker between */
    bool model;                       /* what is written now is the model's */
    int rc;
    struct err *e;
};

/* Text of the form's own: markers in it become ids. */
void chat_put(struct chat_writer *w, const char *s);
/* Text from outside. */
void chat_say(struct chat_writer *w, const char *s, size_t len);
void chat_say_str(struct chat_writer *w, const char *s);
void chat_say_buf(struct chat_writer *w, struct buf *b); /* checks and frees b */
void chat_put_bos(struct chat_writer *w);
void chat_put_end(struct chat_writer *w); /* the end of an answer */
void chat_put_id(struct chat_writer *w, int32_t id);
/* From now on it is the model that speaks, or not: a border of tokens. */
void chat_by_model(struct chat_writer *w, bool model);
void chat_fail(struct chat_writer *w, enum err_code code, const char *what);

bool chat_is_system(const struct chat_msg *m);
struct tm chat_day(const struct chat_request *q); /* the one of the request, or a fixed one */
bool chat_is_open(const struct chat_writer *w, size_t i);      /* message i is an answer to be continued */
bool chat_wants_prompt(const struct chat_writer *w);           /* a generation prompt is to be written */
bool chat_thinks(const struct chat_form *f, const struct chat_request *q);
/* Reasoning of an answer that history would drop is rendered: it is learnt, or continued. */
bool chat_keeps_reasoning(const struct chat_writer *w, size_t i);
/* All system messages, "\n\n" between them, but for empty ones. False: there is none. */
bool chat_collect_system(struct chat_writer *w, struct buf *out);

/* A piece of text, borrowed. */
struct chat_span {
    const char *s;
    size_t len;
};
struct chat_span chat_trim(const char *s, size_t len);                 /* Unicode white space, as Python's strip() */
struct chat_span chat_trim_lines(struct chat_span x, bool front, bool back); /* line feeds */
/* What follows the last (first) </think>, or all of it. */
struct chat_span chat_after_think(const char *s, size_t len, bool last);
const char *chat_find(const char *s, size_t len, const char *what); /* NULL: not in s */

/* JSON as Python's json.dumps(ensure_ascii=False) prints it, which is what templates and encoders use. indent 0: one
 * line. Appends to out. */
void chat_json_dump(struct buf *out, const json_t *v, int indent);
void chat_json_string(struct buf *out, const char *s, size_t len);
/* A tool as templates get it: {"type": "function", "function": {"name", "description", "parameters"}}, or the inner
 * object alone. */
int chat_json_tool(struct buf *out, const struct chat_tool *tool, bool whole, int indent, struct err *e);
/* The same as a value, owned by the caller. */
int chat_tool_json(json_t **out, const struct chat_tool *tool, bool whole, struct err *e);
/* Text that is JSON is printed again, other text is kept as it is. */
void chat_json_again(struct buf *out, const char *text);

void chat_render_deepseek_v2(struct chat_writer *w);
void chat_render_deepseek_v3(struct chat_writer *w); /* and R1 */
void chat_render_deepseek_v31(struct chat_writer *w);
void chat_render_deepseek_v32(struct chat_writer *w);
void chat_render_deepseek_v4(struct chat_writer *w);
void chat_render_chatml(struct chat_writer *w);
void chat_render_qwen3(struct chat_writer *w);
void chat_render_llama3(struct chat_writer *w);
void chat_render_llama2(struct chat_writer *w);
void chat_render_gemma3(struct chat_writer *w);
void chat_render_own(struct chat_writer *w); /* of a model's template */

/* Values of chat_form.variant. */
enum { DS_PLAIN, DS_REASONER };                              /* chat_render_deepseek_v3 */
enum { V4_FIRST, V4_0731 };                                  /* chat_render_deepseek_v4 */
enum { QWEN3_HYBRID, QWEN3_INSTRUCT, QWEN3_THINKING };       /* chat_render_qwen3 */
enum { LLAMA3_PLAIN, LLAMA3_DATED };                         /* chat_render_llama3 */

#endif
