/* Options of other programs (llama.cpp, Ollama, ik_llama.cpp, transformers): what means something here works, the rest is
 * named. One table; consulted only where a command has no option of that name. */
#ifndef CLI_OPTIONS_OTHER_H
#define CLI_OPTIONS_OTHER_H

#include <stdbool.h>

enum other_kind {
    OTHER_SAME,    /* another name of our option `ours` */
    OTHER_MODEL,   /* its value is the model */
    OTHER_WORD,    /* its value is the argument `ours` of the command's usage: PROMPT, TEXT */
    OTHER_NOTHING, /* changes nothing here; `ours` says why */
    OTHER_REFUSED, /* would change the answer; `ours` says what to do */
};

/* How many words it takes: a flag none, OTHER_MAYBE one of on, off, auto, 0, 1 if that follows. */
enum other_value { OTHER_FLAG, OTHER_VALUE, OTHER_MAYBE };

struct other_option {
    const char *names; /* each between blanks, without dashes: " ngl gpu-layers " */
    enum other_kind kind;
    enum other_value value;
    const char *ours;
};

/* The row of the option word ("-ngl", "--ctx-size=4096", "--ctx_size"), or NULL. */
const struct other_option *other_find(const char *word);
/* Is `word` a value that an OTHER_MAYBE takes? */
bool other_takes(const char *word);

#endif
