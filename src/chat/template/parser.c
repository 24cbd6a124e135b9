/* Parsing: tokens, names, nodes, and the way from a source to a template. Expressions are in parse_expr.c, statements in
 * parse_stmt.c. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/checked.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "chat/template/builtin.h"
#include "chat/template/node.h"

int parser_fault(struct parser *p, size_t at, enum err_code code, const char *fmt, ...)
{
    char words[300];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(words, sizeof words, fmt, ap);
    va_end(ap);
    return source_fault(&p->t->src, at, code, p->e, "%s", words);
}

void *parser_alloc(struct parser *p, size_t count, size_t size)
{
    void *q = heap_array(&p->t->heap, count, size);
    if (q) memset(q, 0, count * size);
    else if (p->t->heap.full)
        parser_fault(p, p->cur.at, ERR_LIMIT, "the template takes more than %d MiB when parsed",
                     TEMPLATE_MAX_MEMORY >> 20);
    else parser_fault(p, p->cur.at, ERR_LIMIT, "out of memory for a template");
    return q;
}

int parser_next(struct parser *p)
{
    if (p->looked) {
        p->cur = p->ahead;
        p->looked = false;
        return OK;
    }
    return lexer_next(&p->lex, &p->cur);
}

int parser_look(struct parser *p)
{
    if (p->looked) return OK;
    p->looked = true;
    return lexer_next(&p->lex, &p->ahead);
}

bool at_word(const struct parser *p, const char *word)
{
    return p->cur.kind == T_NAME && p->cur.len == strlen(word) && memcmp(p->cur.s, word, p->cur.len) == 0;
}

int expect(struct parser *p, enum token_kind kind, const char *wanted)
{
    char shown[64];
    if (p->cur.kind == kind) return parser_next(p);
    return parser_fault(p, p->cur.at, ERR_FORMAT, "%s found, expected %s",
                        token_words(&p->cur, shown, sizeof shown), wanted);
}

int expect_word(struct parser *p, const char *word)
{
    char shown[64];
    if (at_word(p, word)) return parser_next(p);
    return parser_fault(p, p->cur.at, ERR_FORMAT, "%s found, expected \"%s\"",
                        token_words(&p->cur, shown, sizeof shown), word);
}

int enter(struct parser *p)
{
    if (++p->depth > TEMPLATE_MAX_NESTING)
        return parser_fault(p, p->cur.at, ERR_LIMIT, "nested deeper than %d levels", TEMPLATE_MAX_NESTING);
    return OK;
}

int node_new(struct parser *p, enum node_kind kind, size_t at, struct node **out)
{
    P_NEW(p, *out, 1);
    (*out)->kind = (uint8_t)kind;
    (*out)->at = (uint32_t)at;
    return OK;
}

int node_over(struct parser *p, struct node *n, const struct node *child)
{
    if (!child || child->depth < n->depth) return OK;
    n->depth = (uint16_t)(child->depth + 1);
    if (n->depth > 2 * TEMPLATE_MAX_NESTING)
        return parser_fault(p, n->at, ERR_LIMIT, "a chain of more than %d operations",
                            2 * TEMPLATE_MAX_NESTING);
    return OK;
}

int name_of(struct parser *p, const char *s, size_t len, struct name **out)
{
    uint32_t hash = text_hash(s, len);
    struct name **bucket = &p->buckets[hash % NAME_BUCKETS], *n;
    for (n = *bucket; n; n = n->next)
        if (n->hash == hash && n->text.len == len && memcmp(n->text.s, s, len) == 0) break;
    if (!n) {
        char *copy;
        P_NEW(p, n, 1);
        P_NEW(p, copy, len + 1); /* NUL-terminated: template_variable hands it out */
        memcpy(copy, s, len);
        n->text = (struct text){.s = copy, .len = (uint32_t)len, .chars = (uint32_t)utf8_count(s, len)};
        n->hash = hash;
        n->next = *bucket;
        *bucket = n;
    }
    *out = n;
    return OK;
}

int pointers_add(struct parser *p, struct pointers *list, void *item)
{
    if (list->n == list->cap) {
        void **more;
        uint32_t cap = list->cap ? 2 * list->cap : 4;
        P_NEW(p, more, cap);
        if (list->n) memcpy(more, list->items, list->n * sizeof *more);
        list->items = more;
        list->cap = cap;
    }
    list->items[list->n++] = item;
    return OK;
}

/* A copy of the source with newlines as \n and without one at the end. */
static int copy_source(struct template *t, const char *source, size_t len, struct err *e)
{
    char *out = heap_alloc(&t->heap, len + 1);
    if (!out) FAIL(e, ERR_MEMORY, "%.120s: out of memory: %zu bytes for the template", t->src.name, len);
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (source[i] == '\r' && i + 1 < len && source[i + 1] == '\n') continue;
        out[n++] = source[i];
        if (source[i] == '\r') out[n - 1] = '\n';
    }
    if (n && out[n - 1] == '\n') n--;
    out[n] = 0;
    t->src.text = out;
    t->src.len = n;
    return OK;
}

static int parse_all(struct template *t, struct err *e)
{
    char shown[64];
    struct parser *p = mem_alloc(sizeof *p); /* too large for the stack of a thread */
    if (!p) FAIL(e, ERR_MEMORY, "out of memory: %zu bytes for parsing a template", sizeof *p);
    p->t = t;
    p->e = e;
    p->lex = (struct lexer){.src = &t->src, .heap = &t->heap, .e = e, .inside = T_DATA};
    int rc = parser_next(p);
    if (!rc) rc = parse_body(p, &t->body);
    if (!rc && p->cur.kind != T_END)
        rc = parser_fault(p, p->cur.at, ERR_FORMAT, "%s without its beginning",
                          token_words(&p->cur, shown, sizeof shown));
    if (!rc) rc = resolve_names(p);
    mem_free(p);
    return rc;
}

int template_parse(struct template **out, const char *name, const char *source, size_t len, struct err *e)
{
    size_t bad;
    *out = NULL;
    if (len > TEMPLATE_MAX_SOURCE)
        FAIL(e, ERR_LIMIT, "%.120s: a template of %zu bytes, expected at most %d", name, len,
             TEMPLATE_MAX_SOURCE);
    if (!utf8_valid(source, len, &bad)) FAIL(e, ERR_FORMAT, "%.120s: offset %zu: not UTF-8", name, bad);
    struct template *t = mem_alloc(sizeof *t);
    if (!t) FAIL(e, ERR_MEMORY, "%.120s: out of memory: %zu bytes for a template", name, sizeof *t);
    t->heap.limit = TEMPLATE_MAX_MEMORY;
    t->src.name = name = mem_strdup(name);
    int rc = name ? copy_source(t, source, len, e)
                  : err_set(e, ERR_MEMORY, __FILE__, __LINE__, "out of memory for a name");
    if (!rc) rc = parse_all(t, e);
    if (rc) template_free(t);
    else *out = t;
    return rc;
}

void template_free(struct template *t)
{
    if (!t) return;
    mem_free((char *)t->src.name);
    heap_free(&t->heap);
    mem_free(t);
}

bool template_reads(const struct template *t, const char *name)
{
    for (uint32_t i = 0; i < t->n_globals; i++)
        if (strcmp(t->globals[i]->text.s, name) == 0) return true;
    return false;
}

const char *template_variable(const struct template *t, size_t i)
{
    for (uint32_t g = 0; g < t->n_globals; g++) {
        const struct text *name = &t->globals[g]->text;
        if (!function_find(name->s, name->len) && i-- == 0) return name->s;
    }
    return NULL;
}
