/* Calls of tools as a grammar: the texts around them are those of a chat form, the arguments those of each tool's schema. */
#ifndef GRAMMAR_TOOLS_H
#define GRAMMAR_TOOLS_H

#include <jansson.h>
#include "grammar/build.h"

struct tokenizer;

/*   open (call head NAME mid ARGUMENTS tail call_end) gap (call ... call_end) close
 *
 * ARGUMENTS are a JSON object; where param is there, elements: (param KEY value VALUE param_end)..., whose VALUE is bare text for
 * strings and JSON for others, after value_other if that is there. NULL is nothing. What the vocabulary has as a marker becomes
 * that token. */
struct grammar_call_form {
    const char *open, *close, *gap;
    const char *call, *call_end;
    const char *head, *mid, *tail;
    const char *param, *value, *value_other, *param_end;
};

/* parameters NULL: there are none. loose: a schema that is not supported means any object, instead of an error. */
struct grammar_tool {
    const char *name;
    const json_t *parameters;
    bool loose;
};

/* Answers with min to max calls (GRAMMAR_NO_MAX); text: any text may come before them, and with min 0 instead of them. */
struct grammar_calls {
    const struct grammar_call_form *form;
    const struct grammar_tool *tools;
    size_t n_tools;
    uint32_t min, max;
    bool text;
};

int grammar_from_calls(struct grammar **out, const struct tokenizer *t, const struct grammar_calls *c, struct err *e);

/* Parts for others: text in which markers of the vocabulary become tokens; any text, none of it `stop` (NULL: any). */
uint32_t build_marked(struct build *b, const struct tokenizer *t, const char *s);
uint32_t build_text_without(struct build *b, const char *stop);
/* Values of a schema, as grammar_from_schema. */
uint32_t build_schema(struct build *b, const json_t *schema);

#endif
