/* The tables of filters, tests, methods and functions: one row each. */
#ifndef CHAT_TEMPLATE_BUILTIN_H
#define CHAT_TEMPLATE_BUILTIN_H

#include "chat/template/value.h"

/* Tables end with a row without a name. */
extern const struct builtin filters_values[], filters_lists[], filters_texts[];
extern builtin_fn wordwrap_filter; /* wrap.c */
extern const struct builtin tests[];
extern const struct builtin functions[];
extern const struct builtin string_methods[], list_methods[], tuple_methods[], dict_methods[];

/* NULL: no such row. A row without fn and variadic is known to Jinja and refused here. */
const struct builtin *filter_find(const char *name, size_t len);
const struct builtin *test_find(const char *name, size_t len);
const struct builtin *function_find(const char *name, size_t len);
const struct builtin *method_find(enum kind kind, const char *name, size_t len);

/* For both times when an unknown name is noticed: filter or test, length and name, what is wrong. */
#define UNKNOWN_ROW "the %s \"%.*s\" is %s"

/* Calls a row with arguments. what: "the filter", for messages. */
int builtin_call(struct template_run *r, const struct builtin *row, const char *what, const struct value *self,
                 const struct args *args, struct value *out);

/* Getters for parameters: the default when a[i] is missing, a fault for another type. */
int int_param(struct template_run *r, const struct value *v, int64_t fallback, const char *what, int64_t *out);
int text_param(struct template_run *r, const struct value *v, const char *what, struct text **out);

/* ---- attributes and items: attr.c ---- */

int get_attr(struct template_run *r, const struct value *of, const struct text *name, struct value *out);
int get_item(struct template_run *r, const struct value *of, const struct value *key, struct value *out);
/* "a.0.b", as filters with attribute= take it: a string or an int; default: NULL or used for what is undefined. */
int get_path(struct template_run *r, const struct value *of, const struct value *path, const struct value *fallback,
             struct value *out);
/* An undefined value that says which name was not found in what. */
int undefined_value(struct template_run *r, const struct text *name, const char *object, struct value *out);
int undefined_words(struct template_run *r, const char *words, struct value *out);

/* ---- macro.c ---- */

int call_value(struct template_run *r, const struct value *f, const struct args *args, struct value *out);

#endif
