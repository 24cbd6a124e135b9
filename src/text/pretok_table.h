/* The table of pre-tokenizers. Patterns are in the syntax of Oniguruma (which the "tokenizers" library uses), in
 * canonical form: ASCII, with \r, \n and \x{..} spelled out. They are for recognising and writing files; what cuts text
 * is code in pretok.c, one function for each enum pretok_kind. */
#ifndef TEXT_PRETOK_TABLE_H
#define TEXT_PRETOK_TABLE_H

#include <stdbool.h>

enum { PRETOK_MAX_RULES = 6 };

/* How a rule is written in tokenizer.json. */
enum pretok_form { FORM_SPLIT, FORM_DIGITS, FORM_BYTE_LEVEL };

enum pretok_kind {
    KIND_DEEPSEEK3,
    KIND_DEEPSEEK_LLM,
    KIND_DEEPSEEK_CODER,
    KIND_GPT2,
    KIND_SMOLLM,
    KIND_QWEN2,
    KIND_LLAMA3,
    KIND_TEKKEN
};

struct pretok_rule {
    enum pretok_form form;
    const char *pattern; /* NULL ends the list */
};

struct pretok_entry {
    const char *name;
    enum pretok_kind kind;
    bool ignore_merges;
    struct pretok_rule rules[PRETOK_MAX_RULES + 1];
};

/* NULL if there is none of that name (or alias). *own is the table's copy of the name. */
const struct pretok_entry *pretok_entry_find(const char *name, const char **own);
const struct pretok_entry *pretok_entry_at(int i); /* NULL after the last */

#endif
