/* Number formats of single tensors by patterns on their names, beside a mixture. */
#ifndef QUANT_RULES_H
#define QUANT_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"
#include "format/format.h"

struct mix_rule {
    char pattern[120];
    enum dtype type;
};

/* Whether a pattern (* any characters, ? one, [a-c] one of a set, [!a-c] one of none) fits a name, or a part of it between
 * dots: "ffn_down" and "blk.[0-3].ffn_*" fit "blk.2.ffn_down.weight", "down" does not. */
bool rule_matches(const char *pattern, const char *name);
/* "PATTERN=FORMAT". */
int rule_parse(struct mix_rule *r, const char *text, struct err *e);
/* The format of the last rule that fits; matched[i] is set for every one that does. False: none. */
bool rules_find(const struct mix_rule *rules, size_t n, bool *matched, const char *name, enum dtype *out);

/* Whether GGUF can hold the format and this program can write it. */
bool format_is_written(enum dtype t);
/* By name, in small letters or capitals. An error names `option` and lists what is written. */
int format_to_write(const char *option, const char *name, enum dtype *out, struct err *e);

#endif
