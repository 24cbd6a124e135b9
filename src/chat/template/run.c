/* One render: its memory, its bounds, its variables, its result. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/checked.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "chat/template/builtin.h"
#include "chat/template/exec.h"
#include "chat/template/template.h"
#include "chat/template/text.h"

int fault(struct template_run *r, enum err_code code, const char *fmt, ...)
{
    char words[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(words, sizeof words, fmt, ap);
    va_end(ap);
    if (r->t) return source_fault(&r->t->src, r->at ? r->at->at : 0, code, r->e, "%s", words);
    return code; /* of the variables: vars_fault tells */
}

int charge(struct template_run *r, uint64_t steps)
{
    if (!r->t) return OK; /* variables are bounded by memory */
    r->steps += steps < r->max_steps ? steps : r->max_steps + 1;
    if (r->steps <= r->max_steps) return OK;
    return fault(r, ERR_LIMIT, "more than %llu steps", (unsigned long long)r->max_steps);
}

int enter_node(struct template_run *r, const struct node *n)
{
    r->at = n;
    TRY(charge(r, 1));
    if (r->depth >= TEMPLATE_MAX_DEPTH)
        return fault(r, ERR_LIMIT, "more than %d levels of evaluation: a macro without end?", TEMPLATE_MAX_DEPTH);
    r->depth++;
    return OK;
}

void *run_alloc(struct template_run *r, size_t count, size_t size)
{
    void *p = heap_array(r->now, count, size);
    if (p) return p;
    if (r->now->full) fault(r, ERR_LIMIT, "more than %d MiB of memory", TEMPLATE_MAX_MEMORY >> 20);
    else fault(r, ERR_MEMORY, "out of memory");
    return NULL;
}

/* The first fault of the variables is the one that the next render tells. */
static void *vars_fail(struct template_run *r, enum err_code code, const char *words)
{
    if (r->vars_fault) return NULL;
    r->vars_fault = words;
    r->vars_code = code;
    return NULL;
}

static void *no_room(struct template_run *r)
{
    return r->vars.full ? vars_fail(r, ERR_LIMIT, "take more memory than a template may use (64 MiB)")
                        : vars_fail(r, ERR_MEMORY, "do not fit into memory");
}

int template_run_new(struct template_run **out, struct err *e)
{
    *out = NULL;
    struct template_run *r = mem_alloc(sizeof *r);
    if (!r) FAIL(e, ERR_MEMORY, "out of memory: %zu bytes for rendering a template", sizeof *r);
    r->heap.limit = r->vars.limit = TEMPLATE_MAX_MEMORY;
    r->max_steps = TEMPLATE_MAX_STEPS;
    r->now = &r->vars;
    if (dict_new(r, &r->variables)) no_room(r);
    *out = r;
    return OK;
}

void template_run_free(struct template_run *r)
{
    if (!r) return;
    heap_free(&r->heap);
    heap_free(&r->vars);
    mem_free(r);
}

void template_run_clock(struct template_run *r, const struct tm *now)
{
    r->clock = *now;
    r->has_clock = true;
}

/* ---- variables ---- */

static struct value *keep(struct template_run *r, struct value v)
{
    struct value *p = r->vars_fault ? NULL : heap_alloc(&r->vars, sizeof *p);
    if (!p) return no_room(r);
    *p = v;
    return p;
}

static int copy_text(struct template_run *r, const char *s, size_t len, const uint8_t *mark, struct value *out)
{
    char *copy;
    if (len <= TEMPLATE_MAX_MEMORY && !utf8_valid(s, len, NULL)) {
        vars_fail(r, ERR_FORMAT, "hold a text that is not UTF-8");
        return ERR_FORMAT;
    }
    NEW(r, copy, len);
    if (len) memcpy(copy, s, len);
    return text_value(r, copy, len, mark, out);
}

static uint8_t mark_of_origin(enum template_origin o)
{
    return o == TEMPLATE_OURS ? 0 : o == TEMPLATE_OUTSIDE ? MARK_OUTSIDE : MARK_OUTSIDE | MARK_ANSWER;
}

/* A copy of s that has this mark on every byte. */
static int marked_text(struct template_run *r, const char *s, size_t len, uint8_t mark, struct value *out)
{
    uint8_t *marks;
    if (mark == 0 || mark == MARK_OUTSIDE) return copy_text(r, s, len, mark ? mark_outside : NULL, out);
    NEW(r, marks, len);
    if (len) memset(marks, mark, len);
    return copy_text(r, s, len, marks, out);
}

struct value *template_string(struct template_run *r, const char *s, size_t len, enum template_origin origin)
{
    struct value v;
    if (r->vars_fault || marked_text(r, s, len, mark_of_origin(origin), &v)) return no_room(r);
    return keep(r, v);
}

struct value *template_int(struct template_run *r, int64_t i)
{
    return keep(r, (struct value){.kind = K_INT, .mark = MARK_OUTSIDE, .i = i});
}
struct value *template_float(struct template_run *r, double x)
{
    return keep(r, (struct value){.kind = K_FLOAT, .mark = MARK_OUTSIDE, .x = x});
}
struct value *template_bool(struct template_run *r, bool b)
{
    return keep(r, (struct value){.kind = K_BOOL, .mark = MARK_OUTSIDE, .b = b});
}
struct value *template_none(struct template_run *r)
{
    return keep(r, (struct value){.kind = K_NONE, .mark = MARK_OUTSIDE});
}

struct value *template_list(struct template_run *r)
{
    struct value v;
    if (r->vars_fault || list_new(r, 0, &v)) return no_room(r);
    v.mark = MARK_OUTSIDE;
    return keep(r, v);
}

struct value *template_dict(struct template_run *r)
{
    struct value v;
    if (r->vars_fault || dict_new(r, &v)) return no_room(r);
    v.mark = MARK_OUTSIDE;
    return keep(r, v);
}

void template_append(struct template_run *r, struct value *list, const struct value *item)
{
    if (r->vars_fault || !list || !item) return;
    if (list->kind != K_LIST) vars_fail(r, ERR_USAGE, "are appended to what is no list");
    else if (list_add(r, list->list, item)) no_room(r);
}

static int put(struct template_run *r, struct dict *d, const char *key, size_t len, const struct value *item)
{
    struct value name;
    TRY(copy_text(r, key, len, mark_outside, &name));
    return dict_put(r, d, &name, item);
}

void template_put(struct template_run *r, struct value *dict, const char *key, const struct value *item)
{
    if (r->vars_fault || !dict || !item) return;
    if (dict->kind != K_DICT) vars_fail(r, ERR_USAGE, "are put into what is no dict");
    else if (put(r, dict->dict, key, strlen(key), item)) no_room(r);
}

void template_set(struct template_run *r, const char *name, const struct value *v)
{
    if (r->vars_fault || !v) return;
    if (put(r, r->variables.dict, name, strlen(name), v)) no_room(r);
}

static int from_json(struct template_run *r, const json_t *j, int depth, uint8_t mark, struct value *out);

static int from_object(struct template_run *r, const json_t *j, int depth, uint8_t mark, struct value *out)
{
    const char *key;
    size_t len;
    json_t *item;
    struct value v, name;
    TRY(dict_new(r, out));
    json_object_keylen_foreach((json_t *)j, key, len, item)
    {
        TRY(from_json(r, item, depth + 1, mark, &v));
        TRY(marked_text(r, key, len, mark, &name));
        TRY(dict_put(r, out->dict, &name, &v));
    }
    return OK;
}

static int from_array(struct template_run *r, const json_t *j, int depth, uint8_t mark, struct value *out)
{
    size_t n = json_array_size(j);
    TRY(list_new(r, n, out));
    for (size_t i = 0; i < n; i++)
        TRY(from_json(r, json_array_get(j, i), depth + 1, mark, &out->list->items[i]));
    out->list->n = n;
    return OK;
}

static int from_json(struct template_run *r, const json_t *j, int depth, uint8_t mark, struct value *out)
{
    if (depth > TEMPLATE_MAX_NESTING) {
        vars_fail(r, ERR_LIMIT, "are nested deeper than 200 levels");
        return ERR_LIMIT;
    }
    *out = NONE;
    switch (json_typeof(j)) {
    case JSON_OBJECT: TRY(from_object(r, j, depth, mark, out)); break;
    case JSON_ARRAY: TRY(from_array(r, j, depth, mark, out)); break;
    case JSON_STRING: return marked_text(r, json_string_value(j), json_string_length(j), mark, out);
    case JSON_INTEGER: *out = INT(json_integer_value(j)); break;
    case JSON_REAL: *out = FLOAT(json_real_value(j)); break;
    case JSON_TRUE:
    case JSON_FALSE: *out = BOOL(json_is_true(j)); break;
    case JSON_NULL: break;
    }
    out->mark = mark;
    return OK;
}

struct value *template_json(struct template_run *r, const json_t *j, enum template_origin origin)
{
    struct value v;
    if (r->vars_fault || from_json(r, j, 0, mark_of_origin(origin), &v)) return no_room(r);
    return keep(r, v);
}

/* ---- rendering ---- */

static int set_globals(struct template_run *r)
{
    const struct template *t = r->t;
    NEW(r, r->globals, t->n_globals);
    for (uint32_t i = 0; i < t->n_globals; i++) {
        const struct text *name = &t->globals[i]->text;
        const struct value *v = dict_get(r->variables.dict, name->s, name->len);
        const struct builtin *f = v ? NULL : function_find(name->s, name->len);
        r->globals[i] = v ? *v : f ? (struct value){.kind = K_FUNCTION, .function = f} : MISSING;
    }
    return OK;
}

static uint8_t mark_at(const struct builder *b, size_t i) { return b->mark ? b->mark[i] : b->all; }

/* The text as stretches of one mark. */
static int cut(struct template_run *r, struct builder *b, struct template_output *out)
{
    struct template_piece *pieces;
    size_t n = b->len > 0;
    add_bytes(b, "", 1, b->all); /* NUL */
    if (b->failed) return b->failed;
    size_t len = b->len - 1;
    for (size_t i = 1; b->mark && i < len; i++) n += b->mark[i] != b->mark[i - 1];
    NEW(r, pieces, n);
    n = 0;
    for (size_t i = 0, end; i < len; i = end) {
        uint8_t mark = mark_at(b, i);
        end = b->mark ? i + 1 : len;
        while (end < len && b->mark[end] == mark) end++;
        pieces[n++] = (struct template_piece){b->s + i, end - i, !(mark & MARK_OUTSIDE), mark & MARK_ANSWER,
                                              mark & MARK_GENERATION};
    }
    *out = (struct template_output){.text = b->s, .len = len, .pieces = pieces, .n_pieces = n};
    return OK;
}

static int run_template(struct template_run *r, struct template_output *out)
{
    struct builder b = builder(r);
    struct frame *f;
    enum flow flow = FLOW_ON;
    TRY(set_globals(r));
    TRY(frame_new(r, NULL, r->t->n_slots, &f));
    r->out = &b;
    enter_scope(r, f, &r->t->scope);
    TRY(exec(r, f, r->t->body, &flow));
    return cut(r, &b, out);
}

int template_render(struct template_run *r, const struct template *t, struct template_output *out,
                    struct err *e)
{
    struct err unseen;
    *out = (struct template_output){0};
    if (r->vars_fault) FAIL(e, r->vars_code, "%.120s: the variables %s", t->src.name, r->vars_fault);
    heap_reset(&r->heap);
    r->now = &r->heap;
    r->t = t;
    r->e = e ? e : &unseen;
    r->at = NULL;
    r->steps = 0;
    r->depth = 0;
    r->raised = NULL;
    int rc = run_template(r, out);
    out->raised = r->raised;
    r->t = NULL;
    r->e = NULL;
    r->now = &r->vars;
    return rc;
}

void template_run_limit(struct template_run *r, uint64_t steps)
{
    r->max_steps = steps < TEMPLATE_MAX_STEPS ? steps : TEMPLATE_MAX_STEPS;
}

uint64_t template_run_steps(const struct template_run *r) { return r->steps; }
