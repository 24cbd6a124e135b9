/* Generating text: prompt in, tokens one by one, text out as it comes, until something ends it. */
#ifndef INFER_GENERATE_H
#define INFER_GENERATE_H

#include "base/buf.h"
#include "infer/sample.h"
#include "infer/session.h"

struct generate_params {
    struct sample_params sample;
    int64_t max_tokens;       /* 0: until the context is full */
    const char *const *stops; /* strings that end the text; they are not part of it */
    size_t n_stops;
    const struct chat_form *form;       /* the text is an answer in this form; NULL: a text that goes on */
    const struct chat_request *request; /* with form: what it answers, whole. With tools, calls are no part of the text */
    int (*reasoning)(void *ctx, const char *text, size_t len); /* with form: thinking as it comes, NULL allowed */
    bool ignore_end;   /* go on after the end token */
    bool with_special; /* spell out control tokens */
};

enum stop_reason {
    STOP_END, /* the model's end token */
    STOP_STRING,
    STOP_LENGTH,      /* max_tokens */
    STOP_CONTEXT,     /* the context is full */
    STOP_INTERRUPTED, /* the session's interrupt flag */
    STOP_CALLER,      /* the callback did not want more */
};
const char *stop_reason_name(enum stop_reason r); /* "end", "string", ... */

/* A tool that the model called. arguments: the text of a JSON object, unless malformed. */
struct generate_call {
    char *name;
    struct buf arguments;
    bool malformed;
};

struct generate_result {
    struct buf text; /* all of it, valid UTF-8; freed with generate_result_free */
    struct buf reasoning; /* with form: what was thought before; not part of text */
    struct generate_call *calls; /* with form; in order */
    size_t n_calls;
    enum stop_reason stop;
    int stop_string;                /* index for STOP_STRING, else -1 */
    int64_t prompt_tokens, cached;  /* cached: of these, reused from the session */
    int64_t tokens;                 /* produced, the end token not counted */
    double prompt_seconds, seconds; /* evaluating the prompt; everything after */
};
void generate_result_free(struct generate_result *r);
double generate_rate(const struct generate_result *r); /* tokens per second after the first; 0 when there is none */

/* A piece of text: whole characters. Non-zero ends the generation. */
typedef int piece_fn(void *ctx, const char *text, size_t len);

/* Continues prompt (n). The prompt longer than the context is an error; nothing is ever cut. fn may be NULL. *r is
 * initialised here; free it in every case. */
int generate(struct generate_result *r, struct session *s, const int32_t *prompt, int64_t n,
             const struct generate_params *p, piece_fn *fn, void *ctx, struct err *e);

#endif
