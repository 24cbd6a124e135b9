/* Expressions: the grammar of jinja2's parser, operators from a table. */
#include "chat/template/node.h"
#include <string.h>
#include "base/checked.h"
#include "chat/template/builtin.h"
#include "chat/template/text.h"

static int unary(struct parser *p, bool filters, struct node **out);
static int primary(struct parser *p, bool namespaces, struct node **out);
static int or_expr(struct parser *p, struct node **out);

static int pair(struct parser *p, enum node_kind kind, size_t at, struct node *a, struct node *b,
                struct node **out)
{
    struct node *n;
    TRY(node_new(p, kind, at, &n));
    n->a = a;
    n->b = b;
    TRY(node_over(p, n, a));
    TRY(node_over(p, n, b));
    *out = n;
    return OK;
}

static int list_node(struct parser *p, enum node_kind kind, size_t at, const struct pointers *items,
                     struct node **out)
{
    struct node *n;
    TRY(node_new(p, kind, at, &n));
    n->list.items = (struct node **)items->items;
    n->list.n = items->n;
    for (uint32_t i = 0; i < items->n; i++) TRY(node_over(p, n, items->items[i]));
    *out = n;
    return OK;
}

/* ---- operators ---- */

/* Levels of binary operators, all of them from left to right; the tightest last. */
static const uint8_t levels[][5] = {{T_ADD, T_SUB}, {T_TILDE}, {T_MUL, T_DIV, T_FLOORDIV, T_MOD}, {T_POW}};

static bool on_level(size_t level, enum token_kind kind)
{
    for (size_t i = 0; levels[level][i]; i++)
        if (levels[level][i] == kind) return true;
    return false;
}

static int arithmetic(struct parser *p, size_t level, struct node **out)
{
    struct pointers parts = {0}; /* of ~, which joins them all at once */
    struct node *left, *right;
    size_t start = p->cur.at;
    if (level == ARRAY_LEN(levels)) return unary(p, true, out);
    TRY(arithmetic(p, level + 1, &left));
    while (on_level(level, p->cur.kind)) {
        struct token op = p->cur;
        TRY(parser_next(p));
        TRY(arithmetic(p, level + 1, &right));
        if (op.kind == T_TILDE) {
            if (!parts.n) TRY(pointers_add(p, &parts, left));
            TRY(pointers_add(p, &parts, right));
            continue;
        }
        TRY(pair(p, N_BINARY, op.at, left, right, &left));
        left->op = (uint8_t)op.kind;
    }
    if (parts.n) return list_node(p, N_CONCAT, start, &parts, out);
    *out = left;
    return OK;
}

/* The comparison at the current token, consumed; T_END: none. */
static int comparison(struct parser *p, enum token_kind *op)
{
    *op = T_END;
    if (p->cur.kind >= T_EQ && p->cur.kind <= T_GE) *op = p->cur.kind;
    else if (at_word(p, "in")) *op = T_NAME;
    else if (at_word(p, "not")) {
        TRY(parser_look(p));
        if (p->ahead.kind != T_NAME || p->ahead.len != 2 || memcmp(p->ahead.s, "in", 2) != 0) return OK;
        *op = T_TILDE;
        TRY(parser_next(p));
    }
    return *op == T_END ? OK : parser_next(p);
}

static int compare_expr(struct parser *p, struct node **out)
{
    struct node *first, *n = NULL;
    enum token_kind op;
    struct operand ops[64];
    uint32_t count = 0;
    size_t at = p->cur.at;
    TRY(arithmetic(p, 0, &first));
    ops[count++] = (struct operand){first, T_END};
    for (;;) {
        size_t here = p->cur.at;
        TRY(comparison(p, &op));
        if (op == T_END) break;
        if (count == ARRAY_LEN(ops))
            return parser_fault(p, here, ERR_LIMIT, "more than 63 comparisons in a chain");
        TRY(arithmetic(p, 0, &first));
        ops[count++] = (struct operand){first, op};
    }
    if (count == 1) {
        *out = first;
        return OK;
    }
    TRY(node_new(p, N_COMPARE, at, &n));
    P_NEW(p, n->compare.items, count);
    memcpy(n->compare.items, ops, count * sizeof *ops);
    n->compare.n = count;
    for (uint32_t i = 0; i < count; i++) TRY(node_over(p, n, ops[i].node));
    *out = n;
    return OK;
}

static int not_expr(struct parser *p, struct node **out)
{
    struct node *n;
    size_t at = p->cur.at;
    if (!at_word(p, "not")) return compare_expr(p, out);
    TRY(enter(p));
    TRY(parser_next(p));
    TRY(not_expr(p, &n));
    p->depth--;
    return pair(p, N_NOT, at, n, NULL, out);
}

static int and_expr(struct parser *p, struct node **out)
{
    struct node *left, *right;
    TRY(not_expr(p, &left));
    while (at_word(p, "and")) {
        size_t at = p->cur.at;
        TRY(parser_next(p));
        TRY(not_expr(p, &right));
        TRY(pair(p, N_AND, at, left, right, &left));
    }
    *out = left;
    return OK;
}

static int or_expr(struct parser *p, struct node **out)
{
    struct node *left, *right;
    TRY(and_expr(p, &left));
    while (at_word(p, "or")) {
        size_t at = p->cur.at;
        TRY(parser_next(p));
        TRY(and_expr(p, &right));
        TRY(pair(p, N_OR, at, left, right, &left));
    }
    *out = left;
    return OK;
}

int parse_expression(struct parser *p, struct node **out)
{
    struct node *n, *condition, *otherwise;
    TRY(enter(p));
    TRY(or_expr(p, &n));
    while (at_word(p, "if")) {
        size_t at = p->cur.at;
        TRY(parser_next(p));
        TRY(or_expr(p, &condition));
        otherwise = NULL;
        if (at_word(p, "else")) {
            TRY(parser_next(p));
            TRY(parse_expression(p, &otherwise));
        }
        TRY(pair(p, N_CHOICE, at, n, condition, &n));
        n->c = otherwise;
        TRY(node_over(p, n, otherwise));
    }
    p->depth--;
    *out = n;
    return OK;
}

/* ---- calls, filters, tests, subscripts ---- */

static int one_argument(struct parser *p, struct call_args *args, struct pointers lists[3], size_t at)
{
    struct node *value;
    struct name *name;
    bool star = p->cur.kind == T_MUL, star_star = p->cur.kind == T_POW, named = false;
    if (p->cur.kind == T_NAME) {
        TRY(parser_look(p));
        named = p->ahead.kind == T_ASSIGN;
    }
    if (args->star_star || (args->star && !star_star && !named) ||
        (!star && !star_star && !named && lists[1].n))
        return parser_fault(p, at, ERR_FORMAT,
                            "arguments in a wrong order: expected positional ones first, then named ones");
    if (named) TRY(name_of(p, p->cur.s, p->cur.len, &name));
    for (int skip = named ? 2 : star || star_star; skip > 0; skip--) TRY(parser_next(p));
    TRY(parse_expression(p, &value));
    if (star) args->star = value;
    else if (star_star) args->star_star = value;
    else if (named) {
        TRY(pointers_add(p, &lists[1], name));
        TRY(pointers_add(p, &lists[2], value));
    } else TRY(pointers_add(p, &lists[0], value));
    return OK;
}

static int arguments(struct parser *p, struct call_args **out)
{
    struct pointers lists[3] = {{0}}; /* positional, names, named */
    struct call_args *args;
    size_t at = p->cur.at;
    P_NEW(p, args, 1);
    TRY(expect(p, T_LPAREN, "\"(\""));
    for (bool first = true; p->cur.kind != T_RPAREN; first = false) {
        if (!first) TRY(expect(p, T_COMMA, "\",\" or \")\""));
        if (p->cur.kind == T_RPAREN) break;
        TRY(one_argument(p, args, lists, at));
    }
    args->pos = (struct node **)lists[0].items;
    args->n = lists[0].n;
    args->names = (struct name **)lists[1].items;
    args->named = (struct node **)lists[2].items;
    args->n_named = lists[1].n;
    *out = args;
    return parser_next(p);
}

static int call_node(struct parser *p, enum node_kind kind, size_t at, struct node *of, struct node **out)
{
    struct node *n;
    TRY(node_new(p, kind, at, &n));
    n->call.of = of;
    TRY(node_over(p, n, of));
    if (p->cur.kind == T_LPAREN) TRY(arguments(p, &n->call.args));
    const struct call_args *a = n->call.args;
    for (uint32_t i = 0; a && i < a->n; i++) TRY(node_over(p, n, a->pos[i]));
    for (uint32_t i = 0; a && i < a->n_named; i++) TRY(node_over(p, n, a->named[i]));
    if (a) TRY(node_over(p, n, a->star));
    if (a) TRY(node_over(p, n, a->star_star));
    *out = n;
    return OK;
}

static int bound(struct parser *p, struct node **out, bool *slice)
{
    bool none = p->cur.kind == T_COLON || p->cur.kind == T_RBRACKET;
    if (!none) TRY(parse_expression(p, out));
    *slice = p->cur.kind == T_COLON;
    return OK;
}

static int bracketed(struct parser *p, size_t at, struct node *of, struct node **out)
{
    struct node *bounds[3] = {NULL}, *n;
    int count = 0;
    for (bool more = true; more;) {
        TRY(bound(p, &bounds[count], &more));
        count++;
        if (more && count == 3) return parser_fault(p, p->cur.at, ERR_FORMAT, "\":\" found, expected \"]\"");
        if (more) TRY(parser_next(p));
    }
    if (count == 1 && !bounds[0])
        return parser_fault(p, p->cur.at, ERR_FORMAT, "\"]\" found, expected an expression");
    if (p->cur.kind == T_COMMA) { /* x[1, 2]: a tuple as key */
        struct pointers items = {0};
        if (count > 1) return parser_fault(p, p->cur.at, ERR_UNSUPPORTED, "several slices in one subscript");
        TRY(pointers_add(p, &items, bounds[0]));
        while (p->cur.kind == T_COMMA) {
            TRY(parser_next(p));
            TRY(parse_expression(p, &n));
            TRY(pointers_add(p, &items, n));
        }
        TRY(list_node(p, N_TUPLE, at, &items, &bounds[0]));
    }
    TRY(expect(p, T_RBRACKET, "\"]\""));
    if (count == 1) return pair(p, N_ITEM, at, of, bounds[0], out);
    TRY(node_new(p, N_SLICE, at, &n));
    n->slice.of = of;
    TRY(node_over(p, n, of));
    for (int i = 0; i < 3; i++) {
        n->slice.bounds[i] = bounds[i];
        TRY(node_over(p, n, bounds[i]));
    }
    *out = n;
    return OK;
}

static int subscript(struct parser *p, struct node *of, struct node **out)
{
    struct token t = p->cur;
    struct node *n;
    TRY(parser_next(p));
    if (t.kind == T_LBRACKET) return bracketed(p, t.at, of, out);
    if (p->cur.kind == T_INT) {
        TRY(node_new(p, N_CONST, p->cur.at, &n));
        n->constant = INT(p->cur.i);
        TRY(parser_next(p));
        return pair(p, N_ITEM, t.at, of, n, out);
    }
    TRY(node_new(p, N_ATTR, t.at, &n));
    n->attr.of = of;
    TRY(node_over(p, n, of));
    if (p->cur.kind == T_NAME) TRY(name_of(p, p->cur.s, p->cur.len, &n->attr.name));
    *out = n;
    return expect(p, T_NAME, "a name or a number behind \".\"");
}

static int postfix(struct parser *p, struct node **n)
{
    for (;;) {
        if (p->cur.kind == T_DOT || p->cur.kind == T_LBRACKET) TRY(subscript(p, *n, n));
        else if (p->cur.kind == T_LPAREN) TRY(call_node(p, N_CALL, p->cur.at, *n, n));
        else return OK;
    }
}

/* A filter or test by the name at the current token. Whether the name is known is checked when names are resolved. */
static int row_node(struct parser *p, enum node_kind kind, struct node *of, struct node **out)
{
    struct token t = p->cur;
    struct name *name;
    const struct builtin *row;
    TRY(expect(p, T_NAME, kind == N_FILTER ? "the name of a filter" : "the name of a test"));
    TRY(name_of(p, t.s, t.len, &name));
    TRY(call_node(p, kind, t.at, of, out));
    row = kind == N_FILTER ? filter_find(t.s, t.len) : test_find(t.s, t.len);
    if (row && (row->fn || row->variadic)) (*out)->call.row = row;
    (*out)->call.name = name;
    return OK;
}

int parse_filters(struct parser *p, struct node *input, bool first, struct node **out)
{
    struct node *n = input;
    for (; first || p->cur.kind == T_PIPE; first = false) {
        if (!first) TRY(parser_next(p));
        TRY(row_node(p, N_FILTER, n, &n));
    }
    *out = n;
    return OK;
}

/* Behind "is": [not] NAME, with arguments in parentheses or one without. */
static int test(struct parser *p, struct node *of, struct node **out)
{
    static const char *const enders[] = {"else", "or", "and"};
    struct node *n, *arg;
    bool negated = false, argument;
    size_t at = p->cur.at;
    TRY(parser_next(p));
    if (at_word(p, "not")) {
        negated = true;
        TRY(parser_next(p));
    }
    TRY(row_node(p, N_TEST, of, &n));
    enum token_kind k = p->cur.kind;
    argument = !n->call.args && (k == T_NAME || k == T_STRING || k == T_INT || k == T_FLOAT ||
                                 k == T_LBRACKET || k == T_LBRACE);
    for (size_t i = 0; i < ARRAY_LEN(enders); i++) argument = argument && !at_word(p, enders[i]);
    if (argument && at_word(p, "is"))
        return parser_fault(p, p->cur.at, ERR_FORMAT, "tests cannot be chained with \"is\"");
    if (argument) {
        struct pointers one = {0};
        TRY(primary(p, false, &arg));
        TRY(postfix(p, &arg));
        TRY(pointers_add(p, &one, arg));
        P_NEW(p, n->call.args, 1);
        n->call.args->pos = (struct node **)one.items;
        n->call.args->n = 1;
        TRY(node_over(p, n, arg));
    }
    return negated ? pair(p, N_NOT, at, n, NULL, out) : (*out = n, OK);
}

static int unary(struct parser *p, bool filters, struct node **out)
{
    struct node *n;
    struct token t = p->cur;
    TRY(enter(p));
    if (t.kind == T_ADD || t.kind == T_SUB) {
        TRY(parser_next(p));
        TRY(unary(p, false, &n));
        TRY(pair(p, N_UNARY, t.at, n, NULL, &n));
        n->op = (uint8_t)t.kind;
    } else TRY(primary(p, false, &n));
    TRY(postfix(p, &n));
    while (filters) {
        if (p->cur.kind == T_PIPE) TRY(parse_filters(p, n, false, &n));
        else if (at_word(p, "is")) TRY(test(p, n, &n));
        else if (p->cur.kind == T_LPAREN) TRY(call_node(p, N_CALL, p->cur.at, n, &n));
        else break;
    }
    p->depth--;
    *out = n;
    return OK;
}

/* ---- literals and names ---- */

static int name_node(struct parser *p, bool namespaces, struct node **out)
{
    static const struct {
        const char *word;
        struct value value;
    } words[] = {{"true", BOOL(true)}, {"True", BOOL(true)}, {"false", BOOL(false)},
                 {"False", BOOL(false)}, {"none", NONE},     {"None", NONE}};
    struct token t = p->cur;
    struct node *n;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (!at_word(p, words[i].word)) continue;
        TRY(node_new(p, N_CONST, t.at, out));
        (*out)->constant = words[i].value;
        return parser_next(p);
    }
    p->mentions_caller |= at_word(p, "caller");
    p->mentions_kwargs |= at_word(p, "kwargs");
    p->mentions_varargs |= at_word(p, "varargs");
    TRY(parser_next(p));
    TRY(node_new(p, N_NAME, t.at, &n));
    TRY(name_of(p, t.s, t.len, &n->var.name));
    if (namespaces && p->cur.kind == T_DOT) {
        struct name *name = n->var.name;
        TRY(parser_next(p));
        n->kind = N_NSREF;
        n->nsref.name = name;
        if (p->cur.kind == T_NAME) TRY(name_of(p, p->cur.s, p->cur.len, &n->nsref.attr));
        TRY(expect(p, T_NAME, "the name of an attribute"));
    }
    *out = n;
    return OK;
}

/* Strings that follow each other are one. */
static int string_node(struct parser *p, struct node *n)
{
    struct token first = p->cur;
    struct text *text;
    char *all = NULL;
    size_t len = first.len, cap = 0;
    TRY(parser_next(p));
    while (p->cur.kind == T_STRING) {
        size_t want = len + p->cur.len;
        if (!all || want > cap) {
            char *more;
            P_NEW(p, more, cap = 2 * want + 1);
            memcpy(more, all ? all : first.s, len);
            all = more;
        }
        memcpy(all + len, p->cur.s, p->cur.len);
        len = want;
        TRY(parser_next(p));
    }
    P_NEW(p, text, 1);
    *text = (struct text){.s = all ? all : first.s, .len = (uint32_t)len, .chars = TEXT_UNCOUNTED};
    text_chars(text);
    n->constant = (struct value){.kind = K_STRING, .text = text};
    return OK;
}

static int list_literal(struct parser *p, struct node **out)
{
    struct pointers items = {0};
    struct node *item;
    size_t at = p->cur.at;
    TRY(parser_next(p));
    while (p->cur.kind != T_RBRACKET) {
        if (items.n) TRY(expect(p, T_COMMA, "\",\" or \"]\""));
        if (p->cur.kind == T_RBRACKET) break;
        TRY(parse_expression(p, &item));
        TRY(pointers_add(p, &items, item));
    }
    TRY(parser_next(p));
    return list_node(p, N_LIST, at, &items, out);
}

static int dict_literal(struct parser *p, struct node **out)
{
    struct pointers items = {0};
    struct node *item;
    size_t at = p->cur.at;
    TRY(parser_next(p));
    while (p->cur.kind != T_RBRACE) {
        if (items.n) TRY(expect(p, T_COMMA, "\",\" or \"}\""));
        if (p->cur.kind == T_RBRACE) break;
        TRY(parse_expression(p, &item));
        TRY(pointers_add(p, &items, item));
        TRY(expect(p, T_COLON, "\":\""));
        TRY(parse_expression(p, &item));
        TRY(pointers_add(p, &items, item));
    }
    TRY(parser_next(p));
    return list_node(p, N_DICT, at, &items, out);
}

static int primary(struct parser *p, bool namespaces, struct node **out)
{
    struct token t = p->cur;
    char shown[64];
    switch (t.kind) {
    case T_NAME: return name_node(p, namespaces, out);
    case T_LBRACKET: return list_literal(p, out);
    case T_LBRACE: return dict_literal(p, out);
    case T_LPAREN:
        TRY(parser_next(p));
        TRY(parse_tuple(p, TUPLE_PARENS, NULL, out));
        return expect(p, T_RPAREN, "\")\"");
    case T_STRING:
    case T_INT:
    case T_FLOAT:
        TRY(node_new(p, N_CONST, t.at, out));
        if (t.kind == T_STRING) return string_node(p, *out);
        (*out)->constant = t.kind == T_INT ? INT(t.i) : FLOAT(t.x);
        return parser_next(p);
    default:
        return parser_fault(p, t.at, ERR_FORMAT, "%s found, expected an expression",
                            token_words(&t, shown, sizeof shown));
    }
}

/* ---- tuples and targets ---- */

static int tuple(struct parser *p, int flags, const char *end_word, int item(struct parser *, struct node **),
                 struct node **out)
{
    struct pointers items = {0};
    struct node *n;
    bool is_tuple = false;
    size_t at = p->cur.at;
    char shown[64];
    for (;;) {
        if (items.n) TRY(expect(p, T_COMMA, "\",\""));
        enum token_kind k = p->cur.kind;
        if (k == T_VARIABLE_END || k == T_BLOCK_END || k == T_RPAREN || (end_word && at_word(p, end_word)))
            break;
        TRY(item(p, &n));
        TRY(pointers_add(p, &items, n));
        if (p->cur.kind != T_COMMA) break;
        is_tuple = true;
    }
    if (!is_tuple && items.n) {
        *out = items.items[0];
        return OK;
    }
    if (!is_tuple && !(flags & TUPLE_PARENS))
        return parser_fault(p, at, ERR_FORMAT, "%s found, expected an expression",
                            token_words(&p->cur, shown, sizeof shown));
    return list_node(p, N_TUPLE, at, &items, out);
}

int parse_tuple(struct parser *p, int flags, const char *end_word, struct node **out)
{
    return tuple(p, flags, end_word, flags & TUPLE_NO_CHOICE ? or_expr : parse_expression, out);
}

static int plain_primary(struct parser *p, struct node **out) { return primary(p, false, out); }
static int namespace_primary(struct parser *p, struct node **out) { return primary(p, true, out); }

static int check_target(struct parser *p, const struct node *n)
{
    if (n->kind == N_NAME || n->kind == N_NSREF) return OK;
    if (n->kind != N_TUPLE)
        return parser_fault(p, n->at, ERR_FORMAT, "an expression found, expected a name to assign to");
    for (uint32_t i = 0; i < n->list.n; i++) TRY(check_target(p, n->list.items[i]));
    return OK;
}

int parse_target(struct parser *p, const char *end_word, bool namespaces, struct node **out)
{
    TRY(tuple(p, 0, end_word, namespaces ? namespace_primary : plain_primary, out));
    return check_target(p, *out);
}
