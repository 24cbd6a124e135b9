/* Templates as tokens, one at a time. White space is settled here: trim_blocks, lstrip_blocks, the marks - and +. */
#ifndef CHAT_TEMPLATE_LEXER_H
#define CHAT_TEMPLATE_LEXER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "chat/template/heap.h"
#include "chat/template/template.h"

enum token_kind {
    T_END,
    T_DATA,
    T_BLOCK_BEGIN,
    T_BLOCK_END,
    T_VARIABLE_BEGIN,
    T_VARIABLE_END,
    T_NAME,
    T_STRING,
    T_INT,
    T_FLOAT,
    T_ADD,
    T_SUB,
    T_MUL,
    T_DIV,
    T_FLOORDIV,
    T_MOD,
    T_POW,
    T_TILDE,
    T_EQ,
    T_NE,
    T_LT,
    T_LE,
    T_GT,
    T_GE,
    T_ASSIGN,
    T_DOT,
    T_COMMA,
    T_COLON,
    T_PIPE,
    T_SEMICOLON,
    T_LPAREN,
    T_RPAREN,
    T_LBRACKET,
    T_RBRACKET,
    T_LBRACE,
    T_RBRACE,
};

struct token {
    enum token_kind kind;
    uint32_t at;   /* offset in the source */
    const char *s; /* the text of data, names and strings (escapes resolved); otherwise as in the source */
    size_t len;
    int64_t i;
    double x;
};

/* What a place in the source is called in messages. */
struct source {
    const char *name;
    const char *text; /* newlines are \n, and one at the end is taken off */
    size_t len;
};

struct lexer {
    const struct source *src;
    struct heap *heap; /* of string literals */
    struct err *e;
    size_t pos;
    enum token_kind inside; /* T_BLOCK_BEGIN, T_VARIABLE_BEGIN; T_DATA: outside of tags */
    bool queued;            /* a beginning tag is next, behind its data */
    struct token queue;
    size_t n_brackets;
    char brackets[TEMPLATE_MAX_NESTING]; /* the closing ones that are due */
};

/* "NAME:line:column: " and the message; returns code. */
int source_fault(const struct source *src, size_t at, enum err_code code, struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
int lexer_next(struct lexer *l, struct token *t);
/* What a token is called in messages, "end of the template" or the source text: at most cap bytes. */
const char *token_words(const struct token *t, char *out, size_t cap);

#endif
