/* A template as a tree, its names resolved to slots. Immutable after parsing. */
#ifndef CHAT_TEMPLATE_NODE_H
#define CHAT_TEMPLATE_NODE_H

#include "chat/template/lexer.h"
#include "chat/template/value.h"

enum node_kind {
    /* expressions */
    N_CONST,
    N_NAME,
    N_LIST,
    N_TUPLE,
    N_DICT, /* key, value, key, value, ... */
    N_UNARY,
    N_BINARY,
    N_NOT,
    N_AND,
    N_OR,
    N_CONCAT,
    N_COMPARE,
    N_CHOICE, /* a if b else c */
    N_ATTR,
    N_ITEM,
    N_SLICE,
    N_CALL,
    N_FILTER,
    N_TEST,
    N_INPUT, /* what a filter block filters */
    N_NSREF, /* the target ns.name */
    /* statements */
    N_BODY,
    N_DATA,
    N_OUTPUT,
    N_FOR,
    N_IF, /* condition, body, condition, body, ...; the condition of else is NULL */
    N_SET,
    N_SET_BLOCK,
    N_MACRO,
    N_CALL_BLOCK,
    N_FILTER_BLOCK,
    N_WITH, /* target, value, ... */
    N_GENERATION,
    N_BREAK,
    N_CONTINUE,
};

/* A name of the template, once each. */
struct name {
    struct text text;
    uint32_t hash;
    uint32_t global;         /* number + 1 of the free variable; 0: it is none */
    struct name *next;       /* in its bucket */
    struct binding *binding; /* the innermost one, while names are resolved */
};

/* Where a variable lives: `hops` functions (macros) outwards, in a slot; or a free variable. */
enum { REF_GLOBAL = 0xffff };
struct ref {
    uint16_t hops;
    uint32_t slot;
};

/* What becomes of slots when a scope is entered. */
enum load { LOAD_MISSING, LOAD_COPY, LOAD_PARAM };
struct init {
    uint32_t slot;
    enum load load;
    struct ref from;
};
struct scope {
    struct init *inits;
    uint32_t n;
};

struct call_args {
    struct node **pos;
    struct name **names;
    struct node **named;
    struct node *star, *star_star; /* *args, **kwargs; NULL: none */
    uint32_t n, n_named;
};

/* A node of a list, and how it is compared with the one before it. */
struct operand {
    struct node *node;
    enum token_kind op; /* T_EQ to T_GE; T_NAME: in; T_TILDE: not in */
};

struct for_node {
    struct node *target, *iter, *test, *body, *otherwise; /* test, otherwise: NULL: none */
    struct scope scope, test_scope, else_scope;
    struct ref loop;       /* the variable `loop` */
    uint32_t first_target; /* the slots of the target */
    uint32_t n_targets;
    uint32_t n_slots; /* of a recursive loop, which is a function */
    bool recursive;
};

struct macro_node {
    struct name *name; /* NULL: of a call block */
    struct ref ref;    /* where the macro is put */
    struct name **params;
    struct ref *param_refs;
    struct node **defaults; /* of the last n_defaults parameters */
    struct node *body;
    struct node *call; /* of a call block */
    struct scope scope;
    struct ref caller, kwargs, varargs;
    uint32_t n_params, n_defaults, n_slots;
    bool uses_caller, uses_kwargs, uses_varargs; /* and they are no parameters */
};

struct with_node {
    struct node **targets, **values, *body;
    struct scope scope;
    uint32_t n;
};

struct block_node { /* set, filter, generation */
    struct node *target, *filter, *body;
    struct scope scope;
};

struct node {
    uint8_t kind;   /* enum node_kind */
    uint8_t op;     /* enum token_kind of unary and binary */
    uint16_t depth; /* of the tree below */
    uint32_t at;    /* offset in the source */
    union {
        struct value constant;
        struct {
            struct name *name;
            struct ref ref;
        } var;
        struct {
            struct node *a, *b, *c;
        };
        struct {
            struct node **items;
            uint32_t n;
        } list;
        struct {
            struct operand *items;
            uint32_t n;
        } compare;
        struct {
            struct node *of;
            struct name *name;
        } attr;
        struct {
            struct node *of, *bounds[3];
        } slice;
        struct {
            struct node *of;
            const struct builtin *row; /* of a filter or test; NULL: not known, or refused */
            struct call_args *args;
            const struct name *name;
        } call;
        struct {
            struct name *name, *attr;
            struct ref ref;
        } nsref;
        struct for_node *loop;
        struct macro_node *macro;
        struct with_node *with;
        struct block_node *block;
    };
};

struct template {
    struct heap heap;
    struct source src;
    struct node *body;
    struct scope scope;
    uint32_t n_slots;
    struct name **globals; /* the free variables */
    uint32_t n_globals;
};

/* ---- parsing ---- */

enum { NAME_BUCKETS = 512 };
struct parser {
    struct template *t;
    struct lexer lex;
    struct token cur, ahead; /* ahead: only when looked */
    bool looked;
    struct err *e;
    int depth;
    int loops;   /* for bodies around, within the innermost function: break and continue need one */
    int soft;    /* if statements and choices around: a filter that is not known is an error only when it is reached */
    int in_for;  /* for statements around, through functions: `loop` may not be assigned there */
    bool mentions_caller, mentions_kwargs, mentions_varargs; /* since the innermost macro began */
    struct name *buckets[NAME_BUCKETS];
};

int parser_fault(struct parser *p, size_t at, enum err_code code, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void *parser_alloc(struct parser *p, size_t count, size_t size);
/* Allocates zeroed elements, or returns from the function. */
#define P_NEW(p, ptr, count)                                                                       \
    do {                                                                                           \
        (ptr) = parser_alloc((p), (count), sizeof *(ptr));                                         \
        if (!(ptr)) return ERR_LIMIT;                                                              \
    } while (0)
int parser_next(struct parser *p);
int parser_look(struct parser *p); /* fills p->ahead */
bool at_word(const struct parser *p, const char *word);
int expect(struct parser *p, enum token_kind kind, const char *wanted);
int expect_word(struct parser *p, const char *word);
int node_new(struct parser *p, enum node_kind kind, size_t at, struct node **out);
/* Sets n->depth from a child (NULL: none); a fault when it is too deep. */
int node_over(struct parser *p, struct node *n, const struct node *child);
int name_of(struct parser *p, const char *s, size_t len, struct name **out);
int enter(struct parser *p); /* one level of nesting; p->depth-- leaves it */

/* A growing list of nodes (or of other pointers). */
struct pointers {
    void **items;
    uint32_t n, cap;
};
int pointers_add(struct parser *p, struct pointers *list, void *item);

enum { TUPLE_PARENS = 1, TUPLE_NO_CHOICE = 2 };
int parse_expression(struct parser *p, struct node **out);
/* end_word: a word that ends the tuple, NULL: none. */
int parse_tuple(struct parser *p, int flags, const char *end_word, struct node **out);
int parse_target(struct parser *p, const char *end_word, bool namespaces, struct node **out);
/* A chain of filters; at "|", or (first) at the name of the first. */
int parse_filters(struct parser *p, struct node *input, bool first, struct node **out);
int parse_body(struct parser *p, struct node **out);

/* Gives every name its slot: scope.c. */
int resolve_names(struct parser *p);

#endif
