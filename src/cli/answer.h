/* Showing an answer while it comes, and the line of figures after it. */
#ifndef CLI_ANSWER_H
#define CLI_ANSWER_H

#include "base/json.h"
#include "cli/wrap.h"
#include "infer/generate.h"

/* An answer on stdout: on a terminal without control characters and broken between words, elsewhere as it is. */
struct answer {
    bool wrapping;
    struct wrap wrap;
    bool newline; /* the text so far ends in one */
};
void answer_begin(struct answer *a);
int answer_piece(void *answer, const char *text, size_t len); /* a piece_fn; stops when stdout cannot be written to */
/* Thinking: dimmed on stderr when that is a terminal, else nowhere. */
int answer_reasoning(void *answer, const char *text, size_t len);
void answer_end(struct answer *a);                            /* in every case; ends the line */
/* A progress function for sessions: one line on stderr, rewritten at most ten times a second, on terminals only. */
void answer_progress(void *ctx, int64_t done, int64_t total);

/* "2.1 s . 412 tok . 38.7 tok/s . prompt 204 (180 cached) . ctx 3% . end" on stderr. */
void answer_stats(const struct generate_result *r, const struct session *s);

/* Every call as a JSON object on a line of its own. */
int answer_calls(const struct generate_result *r, struct err *e);
/* The figures as one line of JSON on stdout, with everything needed to get the answer again; with the text, or with
 * "done": true after a stream of pieces; with reasoning and calls. */
int answer_json(const struct generate_result *r, const struct session *s, const struct sample_params *p, bool with_text,
                struct err *e);
/* A piece_fn that writes {"text": piece}. */
int answer_json_piece(void *ctx, const char *text, size_t len);
/* Prints obj on one line on stdout and frees it. */
int answer_print_json(json_t *obj, struct err *e);

#endif
