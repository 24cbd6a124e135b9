/* libautarky: opening a model and getting text out of it. Everything else of the library is internal.
 *
 *     struct autarky *a;
 *     char error[AUTARKY_ERROR];
 *     if (autarky_open(&a, "first.gguf", NULL, error)) ...
 *     struct autarky_message m = {"user", "Tell me a story."};
 *     autarky_chat(a, &m, 1, NULL, print, NULL, error);
 *     autarky_close(a);
 *
 * Functions return 0 or an error number and then write one line into error (NULL allowed). A handle is used by one
 * thread at a time; different handles are independent. Text is UTF-8. */
#ifndef AUTARKY_H
#define AUTARKY_H

#include <stddef.h>
#include <stdint.h>

#define AUTARKY_VERSION "0.1.0"

#ifdef __cplusplus
extern "C" {
#endif

enum { AUTARKY_ERROR = 600 }; /* bytes of an error line, with its NUL */

struct autarky; /* a model with one timeline of tokens */

/* Zeroed: the defaults. */
struct autarky_options {
    int threads;     /* 0: all processors */
    int64_t context; /* tokens; 0: the model's */
};
struct autarky_sampling {
    double temperature, top_p, min_p, repetition_penalty;
    int64_t top_k, max_tokens; /* 0: off */
    uint64_t seed;             /* same model, input, sampling and seed: same text */
    const char *const *stops;  /* NULL-terminated list of strings that end the text; NULL: none */
};
struct autarky_message {
    const char *role; /* "system", "user" or "assistant" */
    const char *text;
};
/* A piece of text (whole characters, NOT NUL-terminated). Non-zero ends the generation. */
typedef int autarky_text_fn(void *ctx, const char *text, size_t len);

int autarky_open(struct autarky **out, const char *model, const struct autarky_options *o, char *error);
void autarky_close(struct autarky *a);                     /* NULL allowed */
void autarky_sampling_default(struct autarky_sampling *s); /* with seed 0 */

/* Answers a chat; sampling NULL: the defaults. What the text has in common with the last call is not computed again. */
int autarky_chat(struct autarky *a, const struct autarky_message *m, size_t n, const struct autarky_sampling *s,
                 autarky_text_fn *fn, void *ctx, char *error);
/* Continues a text. */
int autarky_complete(struct autarky *a, const char *text, const struct autarky_sampling *s, autarky_text_fn *fn,
                     void *ctx, char *error);
/* Tokens of a text; *ids is freed with autarky_free. */
int autarky_tokenize(struct autarky *a, const char *text, int32_t **ids, size_t *n, char *error);
void autarky_free(void *p);

/* May be called from a signal handler or another thread: the running generation ends soon. */
void autarky_interrupt(struct autarky *a);
const char *autarky_version(void);

#ifdef __cplusplus
}
#endif
#endif
