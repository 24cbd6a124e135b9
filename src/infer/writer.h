/* One answer, or continued text, under way: a machine with begin, feed and end. It evaluates nothing. Who drives it has the
 * logits of the last token, draws the next, feeds it back, and evaluates it when the machine wants more:
 *
 *     writer_begin(&w, ...);
 *     do writer_prepare(&w, e), writer_draw(&w, &id, logits, ids, n, scratch, e), writer_feed(&w, id, e);
 *     while (!w.done && evaluate(id));
 *     writer_end(&w, e);
 *
 * Text comes out as events: whole characters, nothing that a stop string may yet take back. */
#ifndef INFER_WRITER_H
#define INFER_WRITER_H

#include "base/buf.h"
#include "chat/chat.h"
#include "infer/sample.h"
#include "text/detok.h"

struct engine;
struct grammar_matcher;
struct grammar_state;

enum stop_reason {
    STOP_END, /* the model's end token */
    STOP_STRING,
    STOP_LENGTH,      /* max_tokens */
    STOP_CONTEXT,     /* the context is full */
    STOP_INTERRUPTED, /* by a flag, or by who drives */
    STOP_CALLER,      /* the callback did not want more */
    STOP_ID,          /* one of stop_ids */
};
const char *stop_reason_name(enum stop_reason r); /* "end", "string", ... */

struct writer_params {
    struct sample_params sample;
    int64_t max_tokens;       /* 0: until the context is full */
    int64_t min_tokens;       /* no end before */
    int64_t max_thinking;     /* with form: tokens of reasoning, then it is closed and the answer begins; 0: no limit */
    const char *const *stops; /* strings that end the text; they are not part of it */
    size_t n_stops;
    const int32_t *stop_ids;  /* ids that end it, as the end token does */
    size_t n_stop_ids;
    struct grammar_matcher *grammar;    /* what the text may be, thinking apart; borrowed; NULL: anything */
    const struct chat_form *form;       /* the text is an answer in this form; NULL: a text that goes on */
    const struct chat_request *request; /* with form: what it answers, whole; borrowed. Without tools, calls are text */
    bool ignore_end;   /* go on after the end token */
    bool with_special; /* spell out control tokens */
};

/* ev: as the parser of the form gives it; without a form all is CHAT_EV_CONTENT. Where the request offers no tools, what the
 * model writes as a call comes as content, and as a call. Non-zero (with e written) ends the feeding and is returned. */
struct writer_sink {
    int (*event)(void *ctx, const struct chat_event *ev, struct err *e);
    void *ctx;
};

struct writer {
    const struct engine *en; /* borrowed */
    struct writer_params p;
    struct writer_sink sink;
    int64_t vocab;           /* ids that can be drawn: both the tokenizer and the network know them */
    int64_t first;           /* position of the first token: penalties of the answer look no further back */
    int64_t tokens, reasoning; /* produced, the end token not counted; of them in reasoning */
    int32_t calls;           /* that were begun */
    bool spoke;              /* some text of the answer came */
    bool done;
    enum stop_reason stop;   /* when done */
    int stop_index;          /* of STOP_STRING or STOP_ID, else -1 */

    struct detok detok;
    struct stopper stopper;
    struct chat_parser *parser; /* of a form, else NULL */
    struct buf raw, safe;    /* text of the newest token; of it, what no stop string can take back */
    struct grammar_state *grammar; /* how far the text has come in it; NULL: it has not begun, or there is none */
    const uint32_t *allowed; /* tokens that may come next; NULL: all */
    struct tokens forced;    /* what comes next, whatever the logits say; from forced_at on */
    size_t forced_at;
};

/* n: tokens of the prompt. Pointers in *p are borrowed until the end. writer_free in every case. */
int writer_begin(struct writer *w, const struct engine *en, const struct writer_params *p, struct writer_sink sink, int64_t n,
                 struct err *e);
void writer_free(struct writer *w);
/* Before every draw: finds the tokens that are allowed. Of those with one grammar only one at a time. */
int writer_prepare(struct writer *w, struct err *e);
/* The next token, drawn from logits (vocab of the network) after ids (n). Changes nothing: may run beside other draws, with
 * scratch of its own (sample_scratch_bytes). */
int writer_draw(const struct writer *w, int32_t *id, const float *logits, const int32_t *ids, int64_t n, void *scratch,
                struct err *e);
/* Takes token id as the next. Sets done when it ends the answer; else it is to be evaluated. */
int writer_feed(struct writer *w, int32_t id, struct err *e);
/* Ends it from outside. */
void writer_stop(struct writer *w, enum stop_reason why);
/* Thinking is to be closed: its end marker comes next. False: nobody is thinking, or the form has no way to say so. */
bool writer_close_thinking(struct writer *w, struct err *e);
/* These tokens come next, whatever the logits say. */
int writer_force(struct writer *w, const int32_t *ids, size_t n, struct err *e);
/* After done: sends what was held back. */
int writer_end(struct writer *w, struct err *e);

#endif
