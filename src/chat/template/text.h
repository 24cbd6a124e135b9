/* Texts with marks: building, cutting, searching, printing values as Python does. */
#ifndef CHAT_TEMPLATE_TEXT_H
#define CHAT_TEMPLATE_TEXT_H

#include "chat/template/value.h"

/* Grows. The first failure writes the fault and sticks, so that a writer may append many times and check once. */
struct builder {
    struct template_run *r;
    char *s;
    uint8_t *mark; /* NULL while all bytes have the mark `all` */
    size_t len, cap;
    uint8_t all;
    int failed; /* the code */
};

struct builder builder(struct template_run *r);
void add_marked(struct builder *b, const char *s, size_t len, const uint8_t *mark);
void add_bytes(struct builder *b, const char *s, size_t len, uint8_t mark); /* one mark for all */
void add_text(struct builder *b, const struct text *t);
void add_part(struct builder *b, const struct text *t, size_t from, size_t to);
void add_words(struct builder *b, const char *words, uint8_t mark); /* NUL-terminated */
void add_repeated(struct builder *b, const struct text *t, int64_t times);
void add_char(struct builder *b, uint32_t cp, uint8_t mark);
void add_printf(struct builder *b, uint8_t mark, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Puts a mark on everything from `from` on. */
void mark_since(struct builder *b, size_t from, uint8_t mark);
int builder_value(struct builder *b, struct value *out);

/* ---- making strings ---- */

/* Points to s and mark, which live as long as the render. */
int text_value(struct template_run *r, const char *s, size_t len, const uint8_t *mark, struct value *out);
int text_part(struct template_run *r, const struct text *t, size_t from, size_t to, struct value *out);
int words_value(struct template_run *r, const char *words, struct value *out); /* trusted, static */

/* ---- looking at them ---- */

uint32_t text_chars(struct text *t);
/* The byte where character i begins, i <= chars. */
size_t text_at(struct text *t, int64_t i);
bool text_is(const struct text *t, const char *words);
bool text_same(const struct text *a, const struct text *b);
/* The first (last) place of needle in [from, to) of t, SIZE_MAX: none. */
int text_find(struct template_run *r, const struct text *t, const struct text *needle, size_t from, size_t to, size_t *at);
int text_rfind(struct template_run *r, const struct text *t, const struct text *needle, size_t from, size_t to, size_t *at);
/* The mark of whether any byte is from outside. */
uint8_t text_mark(const struct text *t);
/* Characters as Python classes them. */
bool char_is_space(uint32_t cp);
bool char_is_alpha(uint32_t cp);
bool char_is_decimal(uint32_t cp);
bool char_is_digit(uint32_t cp);
bool char_is_numeric(uint32_t cp);
bool char_is_upper(uint32_t cp);
bool char_is_lower(uint32_t cp);
bool char_is_title(uint32_t cp);
bool char_is_printable(uint32_t cp);
static inline bool char_is_cased(uint32_t cp) { return char_is_upper(cp) || char_is_lower(cp) || char_is_title(cp); }
/* s.strip(chars): which ends, 1 left, 2 right. chars NULL: white space. r NULL: not charged, and then it cannot fail. */
int text_strip(struct template_run *r, const struct text *t, const struct text *chars, int which, size_t *from, size_t *to);
/* The character at byte i, and its length. */
uint32_t text_char(const struct text *t, size_t i, size_t *len);
/* Upper, lower, and title case, as whole mappings. */
enum letter_case { CASE_UPPER, CASE_LOWER, CASE_TITLE };
void add_cased(struct builder *b, const struct text *t, size_t from, size_t to, enum letter_case to_case);

/* ---- printing: print.c ---- */

/* str(v), and repr(v). */
void add_str(struct builder *b, const struct value *v);
void add_repr(struct builder *b, const struct value *v);
/* str(v) as a value: a string stays itself, with its mark of |safe. */
int to_string(struct template_run *r, const struct value *v, struct value *out);

struct json_style {
    const struct text *item, *colon; /* separators; NULL: the default */
    const struct text *indent;       /* NULL: on one line */
    bool ascii, sort;
};
void add_json(struct builder *b, const struct value *v, const struct json_style *style);

/* ---- format.c ---- */

/* format % values. */
int format_percent(struct template_run *r, const struct text *format, const struct value *values, struct value *out);
/* format.format(*args, **named). */
int format_braces(struct template_run *r, const struct text *format, const struct args *args, struct value *out);

/* & < > ' " as markupsafe writes them. */
void add_escaped(struct builder *b, const struct text *t);

#endif
