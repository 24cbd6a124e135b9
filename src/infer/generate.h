/* Generating text in one session, from the prompt to the end: the loop around infer/writer.h for who has nothing else to do. */
#ifndef INFER_GENERATE_H
#define INFER_GENERATE_H

#include "base/buf.h"
#include "infer/session.h"
#include "infer/writer.h"

struct generate_params {
    struct writer_params w;
    int (*reasoning)(void *ctx, const char *text, size_t len); /* with a form: thinking as it comes, NULL allowed */
};

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
    int stop_string;                /* index for STOP_STRING or STOP_ID, else -1 */
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
