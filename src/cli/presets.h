/* Presets of the server: a file that says which models it offers, and how.
 *
 *     {"models": [{"id": "coder", "model": "qwen-coder.gguf", "aliases": ["gpt-4o", "claude-*"], "pinned": true, "load": true,
 *                  "options": ["--ctx", "16384"]}]}
 *
 * Only "model" must be there: a path or a name, as on the command line. Pinned models are not unloaded. */
#ifndef CLI_PRESETS_H
#define CLI_PRESETS_H

#include <stdbool.h>
#include <stddef.h>
#include "base/json.h"

enum { PRESETS_MOST = 64, PRESET_WORDS = 32 };

struct preset {
    const char *id, *model; /* id NULL: of the file's name */
    const char *aliases[PRESET_WORDS + 1], *options[PRESET_WORDS + 1]; /* NULL-terminated */
    bool pinned, load;
};
struct presets {
    json_t *root; /* owns the texts */
    struct preset *v;
    size_t n;
};
/* name: of the file, for messages. Empty afterwards on failure. */
int presets_parse(struct presets *p, const char *text, size_t len, const char *name, struct err *e);
void presets_free(struct presets *p);

#endif
