/* Published models by short names: where pull fetches them. */
#ifndef HUB_KNOWN_H
#define HUB_KNOWN_H

#include <stdbool.h>
#include <stddef.h>

/* The reference (hub_ref_parse) of a short name, as "qwen3-8b", in any case and perhaps with -instruct, -it or -chat behind
 * it, or with ':' before the size as Ollama has it ("llama3.2:1b"); NULL: unknown. */
const char *hub_known(const char *name);
/* Does word begin as the names of a known family do ("llama", "qwen", ...)? */
bool hub_known_family(const char *word);

/* Short names that word stands for when case, hyphens and dots do not count, as "llama-3.2-1b or llama-3.2-3b" of "llama3.2";
 * false: none. */
bool hub_known_near(char *out, size_t cap, const char *word);

/* A few that suit a laptop, small ones first: for help and README. NULL behind the end. */
struct hub_suggestion {
    const char *name;   /* for pull */
    const char *size;   /* of the file */
    const char *what;
};
const struct hub_suggestion *hub_suggestion(size_t i);

#endif
