/* The table of pre-tokenizers. Patterns are in the syntax shared by PCRE2 and Oniguruma (which the "tokenizers"
 * library uses), in canonical form: ASCII, with \r, \n and \x{..} spelled out. */
#ifndef TEXT_PRETOK_TABLE_H
#define TEXT_PRETOK_TABLE_H

#include <stdbool.h>

enum { PRETOK_MAX_RULES = 6 };

/* How a rule is written in tokenizer.json. */
enum pretok_form { FORM_SPLIT, FORM_DIGITS, FORM_BYTE_LEVEL };

struct pretok_rule {
    enum pretok_form form;
    const char *pattern; /* NULL ends the list */
    const char *pcre;    /* an equivalent without quadratic behaviour, or NULL */
};

struct pretok_entry {
    const char *name;
    bool ignore_merges;
    struct pretok_rule rules[PRETOK_MAX_RULES + 1];
};

/* NULL if there is none of that name (or alias). *own is the table's copy of the name. */
const struct pretok_entry *pretok_entry_find(const char *name, const char **own);
const struct pretok_entry *pretok_entry_at(int i); /* NULL after the last */

#endif
