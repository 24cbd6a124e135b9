/* Statements: a table of tags, one parser each. */
#include <string.h>
#include "base/checked.h"
#include "chat/template/node.h"
#include "chat/template/text.h"

/* All of them begin behind the tag's name, at offset `at`, and end at the "%}" of their last tag. */
typedef int statement_fn(struct parser *p, size_t at, struct node **out);

/* The body of a block: from the "%}" that opens it to the word of one of the tags that end it, where the parser then is.
 * words: NULL-terminated. */
static int body_until(struct parser *p, size_t at, const char *tag, const char *const *words, struct node **out)
{
    if (p->cur.kind == T_COLON) TRY(parser_next(p));
    TRY(expect(p, T_BLOCK_END, "\"%}\""));
    TRY(parse_body(p, out));
    for (size_t i = 0; words[i]; i++)
        if (at_word(p, words[i])) return OK;
    char shown[64];
    return parser_fault(p, p->cur.kind == T_END ? at : p->cur.at, ERR_FORMAT,
                        "{%% %s %%}: %s found, expected {%% %s %%}", tag,
                        token_words(&p->cur, shown, sizeof shown), words[0]);
}

static int whole_body(struct parser *p, size_t at, const char *tag, const char *end, struct node **out)
{
    const char *words[] = {end, NULL};
    TRY(body_until(p, at, tag, words, out));
    return parser_next(p);
}

static int cover(struct parser *p, struct node *n, const struct node *a, const struct node *b)
{
    TRY(node_over(p, n, a));
    return node_over(p, n, b);
}

/* ---- control ---- */

static bool assigns_loop(const struct node *target)
{
    bool does = target->kind == N_NAME && text_is(&target->var.name->text, "loop");
    for (uint32_t i = 0; target->kind == N_TUPLE && i < target->list.n; i++)
        does = does || assigns_loop(target->list.items[i]);
    return does;
}

static int for_statement(struct parser *p, size_t at, struct node **out)
{
    static const char *const ends[] = {"endfor", "else", NULL};
    struct for_node *f;
    TRY(node_new(p, N_FOR, at, out));
    P_NEW(p, f, 1);
    (*out)->loop = f;
    TRY(parse_target(p, "in", false, &f->target));
    if (assigns_loop(f->target))
        return parser_fault(p, at, ERR_FORMAT,
                            "\"loop\" as the target of a loop, where it is the loop's own");
    TRY(expect_word(p, "in"));
    TRY(parse_tuple(p, TUPLE_NO_CHOICE, "recursive", &f->iter));
    if (at_word(p, "if")) {
        TRY(parser_next(p));
        TRY(parse_expression(p, &f->test));
    }
    if (at_word(p, "recursive")) {
        f->recursive = true;
        TRY(parser_next(p));
    }
    p->loops++;
    TRY(body_until(p, at, "for", ends, &f->body));
    p->loops--;
    if (at_word(p, "else")) {
        TRY(parser_next(p));
        TRY(whole_body(p, at, "for", "endfor", &f->otherwise));
    } else TRY(parser_next(p));
    TRY(cover(p, *out, f->target, f->iter));
    TRY(cover(p, *out, f->test, f->body));
    return node_over(p, *out, f->otherwise);
}

static int if_statement(struct parser *p, size_t at, struct node **out)
{
    static const char *const ends[] = {"endif", "elif", "else", NULL};
    struct pointers parts = {0};
    struct node *n;
    for (bool more = true; more;) {
        TRY(parse_tuple(p, TUPLE_NO_CHOICE, NULL, &n));
        TRY(pointers_add(p, &parts, n));
        TRY(body_until(p, at, "if", ends, &n));
        TRY(pointers_add(p, &parts, n));
        more = at_word(p, "elif");
        if (more) TRY(parser_next(p));
    }
    if (at_word(p, "else")) {
        TRY(parser_next(p));
        TRY(whole_body(p, at, "if", "endif", &n));
        TRY(pointers_add(p, &parts, NULL));
        TRY(pointers_add(p, &parts, n));
    } else TRY(parser_next(p));
    TRY(node_new(p, N_IF, at, out));
    (*out)->list.items = (struct node **)parts.items;
    (*out)->list.n = parts.n;
    for (uint32_t i = 0; i < parts.n; i++) TRY(node_over(p, *out, parts.items[i]));
    return OK;
}

static int jump(struct parser *p, size_t at, enum node_kind kind, const char *word, struct node **out)
{
    if (!p->loops) return parser_fault(p, at, ERR_FORMAT, "{%% %s %%} outside of a loop", word);
    return node_new(p, kind, at, out);
}

static int break_statement(struct parser *p, size_t at, struct node **out)
{
    return jump(p, at, N_BREAK, "break", out);
}
static int continue_statement(struct parser *p, size_t at, struct node **out)
{
    return jump(p, at, N_CONTINUE, "continue", out);
}

/* ---- assignment ---- */

static int set_statement(struct parser *p, size_t at, struct node **out)
{
    struct node *target, *n;
    struct block_node *b;
    TRY(parse_target(p, NULL, true, &target));
    if (p->cur.kind == T_ASSIGN) {
        TRY(parser_next(p));
        TRY(node_new(p, N_SET, at, out));
        TRY(parse_tuple(p, 0, NULL, &n));
        (*out)->a = target;
        (*out)->b = n;
        return cover(p, *out, target, n);
    }
    TRY(node_new(p, N_SET_BLOCK, at, out));
    P_NEW(p, b, 1);
    (*out)->block = b;
    b->target = target;
    if (p->cur.kind == T_PIPE) {
        TRY(node_new(p, N_INPUT, at, &n));
        TRY(parse_filters(p, n, false, &b->filter));
    }
    TRY(whole_body(p, at, "set", "endset", &b->body));
    TRY(cover(p, *out, b->filter, b->body));
    return node_over(p, *out, target);
}

static int with_statement(struct parser *p, size_t at, struct node **out)
{
    struct pointers targets = {0}, values = {0};
    struct with_node *w;
    struct node *n;
    TRY(node_new(p, N_WITH, at, out));
    P_NEW(p, w, 1);
    (*out)->with = w;
    while (p->cur.kind != T_BLOCK_END) {
        if (targets.n) TRY(expect(p, T_COMMA, "\",\" or \"%}\""));
        TRY(parse_target(p, NULL, false, &n));
        TRY(node_over(p, *out, n));
        TRY(pointers_add(p, &targets, n));
        TRY(expect(p, T_ASSIGN, "\"=\""));
        TRY(parse_expression(p, &n));
        TRY(node_over(p, *out, n));
        TRY(pointers_add(p, &values, n));
    }
    w->targets = (struct node **)targets.items;
    w->values = (struct node **)values.items;
    w->n = targets.n;
    TRY(whole_body(p, at, "with", "endwith", &w->body));
    return node_over(p, *out, w->body);
}

/* ---- functions ---- */

static int signature(struct parser *p, struct macro_node *m)
{
    struct pointers params = {0}, defaults = {0};
    struct name *name;
    struct node *n;
    TRY(expect(p, T_LPAREN, "\"(\""));
    while (p->cur.kind != T_RPAREN) {
        if (params.n) TRY(expect(p, T_COMMA, "\",\" or \")\""));
        struct token t = p->cur;
        TRY(expect(p, T_NAME, "the name of a parameter"));
        TRY(name_of(p, t.s, t.len, &name));
        for (uint32_t i = 0; i < params.n; i++)
            if (params.items[i] == name)
                return parser_fault(p, t.at, ERR_FORMAT, "a parameter that is already there");
        if (params.n == 64) return parser_fault(p, t.at, ERR_LIMIT, "more than 64 parameters");
        TRY(pointers_add(p, &params, name));
        if (p->cur.kind == T_ASSIGN) {
            TRY(parser_next(p));
            TRY(parse_expression(p, &n));
            TRY(pointers_add(p, &defaults, n));
        } else if (defaults.n) {
            return parser_fault(p, t.at, ERR_FORMAT, "a parameter without a default behind one that has it");
        }
    }
    m->params = (struct name **)params.items;
    m->n_params = params.n;
    m->defaults = (struct node **)defaults.items;
    m->n_defaults = defaults.n;
    P_NEW(p, m->param_refs, params.n);
    return parser_next(p);
}

static bool has_param(const struct macro_node *m, const char *word, bool *with_default)
{
    for (uint32_t i = 0; i < m->n_params; i++) {
        if (!text_is(&m->params[i]->text, word)) continue;
        *with_default = i + m->n_defaults >= m->n_params;
        return true;
    }
    return false;
}

/* The body of a macro or a call block, and whether it uses the special names. */
static int function_body(struct parser *p, struct node *n, struct macro_node *m, const char *tag,
                         const char *end)
{
    bool before[] = {p->mentions_caller, p->mentions_kwargs, p->mentions_varargs}, with_default = true;
    int loops = p->loops;
    p->mentions_caller = p->mentions_kwargs = p->mentions_varargs = false;
    p->loops = 0;
    TRY(whole_body(p, n->at, tag, end, &m->body));
    p->loops = loops;
    m->uses_caller = p->mentions_caller && !has_param(m, "caller", &with_default);
    if (p->mentions_caller && !with_default)
        return parser_fault(p, n->at, ERR_FORMAT, "a parameter \"caller\" without a default");
    m->uses_kwargs = p->mentions_kwargs && !has_param(m, "kwargs", &with_default);
    m->uses_varargs = p->mentions_varargs && !has_param(m, "varargs", &with_default);
    p->mentions_caller |= before[0];
    p->mentions_kwargs |= before[1];
    p->mentions_varargs |= before[2];
    for (uint32_t i = 0; i < m->n_defaults; i++) TRY(node_over(p, n, m->defaults[i]));
    return node_over(p, n, m->body);
}

static int macro_statement(struct parser *p, size_t at, struct node **out)
{
    struct macro_node *m;
    struct token t = p->cur;
    TRY(node_new(p, N_MACRO, at, out));
    P_NEW(p, m, 1);
    (*out)->macro = m;
    TRY(expect(p, T_NAME, "the name of the macro"));
    TRY(name_of(p, t.s, t.len, &m->name));
    TRY(signature(p, m));
    return function_body(p, *out, m, "macro", "endmacro");
}

static int call_statement(struct parser *p, size_t at, struct node **out)
{
    struct macro_node *m;
    TRY(node_new(p, N_CALL_BLOCK, at, out));
    P_NEW(p, m, 1);
    (*out)->macro = m;
    if (p->cur.kind == T_LPAREN) TRY(signature(p, m));
    TRY(parse_expression(p, &m->call));
    if (m->call->kind != N_CALL)
        return parser_fault(p, m->call->at, ERR_FORMAT, "an expression found, expected a call");
    TRY(node_over(p, *out, m->call));
    return function_body(p, *out, m, "call", "endcall");
}

static int filter_statement(struct parser *p, size_t at, struct node **out)
{
    struct block_node *b;
    struct node *input;
    TRY(node_new(p, N_FILTER_BLOCK, at, out));
    P_NEW(p, b, 1);
    (*out)->block = b;
    TRY(node_new(p, N_INPUT, at, &input));
    TRY(parse_filters(p, input, true, &b->filter));
    TRY(whole_body(p, at, "filter", "endfilter", &b->body));
    return cover(p, *out, b->filter, b->body);
}

/* A function of its own in transformers, hence no break out of it. */
static int generation_statement(struct parser *p, size_t at, struct node **out)
{
    int loops = p->loops;
    TRY(node_new(p, N_GENERATION, at, out));
    P_NEW(p, (*out)->block, 1);
    p->loops = 0;
    TRY(whole_body(p, at, "generation", "endgeneration", &(*out)->block->body));
    p->loops = loops;
    return node_over(p, *out, (*out)->block->body);
}

static int print_statement(struct parser *p, size_t at, struct node **out)
{
    struct pointers parts = {0};
    struct node *n, *item;
    while (p->cur.kind != T_BLOCK_END) {
        if (parts.n) TRY(expect(p, T_COMMA, "\",\" or \"%}\""));
        TRY(node_new(p, N_OUTPUT, p->cur.at, &n));
        TRY(parse_expression(p, &item));
        n->a = item;
        TRY(node_over(p, n, item));
        TRY(pointers_add(p, &parts, n));
    }
    TRY(node_new(p, N_BODY, at, out));
    (*out)->list.items = (struct node **)parts.items;
    (*out)->list.n = parts.n;
    for (uint32_t i = 0; i < parts.n; i++) TRY(node_over(p, *out, parts.items[i]));
    return OK;
}

/* ---- tags ---- */

static const struct {
    const char *name;
    statement_fn *parse; /* NULL: known to Jinja and refused here */
} statements[] = {
    {"for", for_statement},
    {"if", if_statement},
    {"set", set_statement},
    {"break", break_statement},
    {"continue", continue_statement},
    {"macro", macro_statement},
    {"call", call_statement},
    {"filter", filter_statement},
    {"with", with_statement},
    {"generation", generation_statement},
    {"print", print_statement},
    {"include", NULL},
    {"import", NULL},
    {"from", NULL},
    {"extends", NULL},
    {"block", NULL},
    {"autoescape", NULL},
};

static int statement(struct parser *p, struct node **out)
{
    struct token t = p->cur;
    size_t i = 0;
    while (i < ARRAY_LEN(statements) && !at_word(p, statements[i].name)) i++;
    if (!statements[i].parse)
        return parser_fault(p, t.at, ERR_UNSUPPORTED, "{%% %s %%} is refused: a template stands alone",
                            statements[i].name);
    TRY(parser_next(p));
    TRY(statements[i].parse(p, t.at, out));
    return expect(p, T_BLOCK_END, "\"%}\"");
}

/* True at the word of a tag that begins nothing: the caller knows whether it ends its block. */
static bool at_end(const struct parser *p)
{
    if (p->cur.kind != T_NAME) return true;
    for (size_t i = 0; i < ARRAY_LEN(statements); i++)
        if (at_word(p, statements[i].name)) return false;
    return true;
}

static int leaf(struct parser *p, struct node **out)
{
    struct text *text;
    TRY(node_new(p, N_DATA, p->cur.at, out));
    if (p->cur.kind == T_DATA) {
        P_NEW(p, text, 1);
        *text = (struct text){.s = p->cur.s, .len = (uint32_t)p->cur.len, .chars = TEXT_UNCOUNTED};
        (*out)->constant = (struct value){.kind = K_STRING, .text = text};
        return parser_next(p);
    }
    (*out)->kind = N_OUTPUT;
    TRY(parser_next(p));
    TRY(parse_tuple(p, 0, NULL, &(*out)->a));
    TRY(node_over(p, *out, (*out)->a));
    return expect(p, T_VARIABLE_END, "\"}}\"");
}

/* Statements up to the end of the source or to a tag that none begins with; then the parser is at the tag's word. */
int parse_body(struct parser *p, struct node **out)
{
    struct pointers parts = {0};
    struct node *n;
    size_t at = p->cur.at;
    TRY(enter(p));
    while (p->cur.kind != T_END) {
        if (p->cur.kind == T_BLOCK_BEGIN) {
            TRY(parser_next(p));
            if (at_end(p)) break;
            TRY(statement(p, &n));
        } else TRY(leaf(p, &n));
        TRY(pointers_add(p, &parts, n));
    }
    TRY(node_new(p, N_BODY, at, out));
    (*out)->list.items = (struct node **)parts.items;
    (*out)->list.n = parts.n;
    for (uint32_t i = 0; i < parts.n; i++) TRY(node_over(p, *out, parts.items[i]));
    p->depth--;
    return OK;
}
