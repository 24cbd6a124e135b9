/* Documents out of lines: plain text, JSON lines. */
#include "data/docs.h"
#include "base/json.h"
#include "base/mem.h"
#include "data/generators.h"
#include "data/lines.h"
#include "sys/file.h"
#include <stdio.h>
#include <string.h>

#define SEPARATOR "<|endoftext|>"
#define MARK "\xef\xbb\xbf"

/* lines is first: their callback gets it, and finds the rest behind it. */
struct reader {
    struct lines lines;
    const struct docs_how *how;
    doc_fn *doc;
    void *ctx;
    struct buf text;  /* .txt: the document so far */
    struct buf clean; /* texts without byte order marks; never moves while a document is made */
};

static struct reader *reader_of(struct lines *l) { return (struct reader *)(void *)l; }

/* s[0, *n) without byte order marks; r->clean has room for it. */
static const char *without_marks(struct reader *r, const char *s, size_t *n)
{
    const char *at = *n ? memmem(s, *n, MARK, 3) : NULL;
    if (!at) return s;
    size_t begin = r->clean.len;
    while (at) {
        buf_add(&r->clean, s, (size_t)(at - s));
        *n -= (size_t)(at - s) + 3;
        s = at + 3;
        at = *n ? memmem(s, *n, MARK, 3) : NULL;
    }
    buf_add(&r->clean, s, *n);
    *n = r->clean.len - begin;
    return r->clean.data + begin;
}

static struct doc doc_here(const struct reader *r)
{
    const struct lines *l = &r->lines;
    return (struct doc){.name = l->name, .line = l->number, .read = l->read, .total = l->total};
}

static int emit(struct reader *r, const struct doc *d, struct err *e)
{
    if (d->msgs || d->len) return r->doc(r->ctx, d, e);
    if (r->how->left_out) r->how->left_out->empty++;
    return OK;
}

/* ---- text ---- */

static int emit_text(struct reader *r, struct err *e)
{
    size_t from = 0, to = r->text.len;
    while (!r->how->exact && to > from && r->text.data[to - 1] == '\n') to--;
    while (!r->how->exact && from < to && r->text.data[from] == '\n') from++;
    struct doc d = doc_here(r);
    d.text = r->text.data + from;
    d.len = to - from;
    int rc = d.len ? emit(r, &d, e) : OK; /* nothing between two separators is no document */
    buf_clear(&r->text);
    return rc;
}

static int text_line(struct lines *l, struct err *e)
{
    struct reader *r = reader_of(l);
    TRY(lines_check(l, e));
    if (l->line.len == sizeof SEPARATOR - 1 && !memcmp(l->line.data, SEPARATOR, l->line.len)) return emit_text(r, e);
    if (r->text.len > 0 && r->text.len + l->line.len >= DOC_PART_BYTES) TRY(emit_text(r, e));
    size_t n = l->line.len;
    buf_clear(&r->clean);
    buf_reserve(&r->clean, n);
    TRY(buf_check(&r->clean, l->name, e));
    const char *s = without_marks(r, l->line.data, &n);
    if (n) buf_add(&r->text, s, n);
    if (l->ended) buf_add_byte(&r->text, '\n');
    return buf_check(&r->text, l->name, e);
}

/* ---- JSON lines ---- */

static int role_of(const char *name, enum chat_role *out)
{
    static const char *const names[] = {"system", "user", "assistant"};
    for (int i = 0; i < 3; i++)
        if (!strcmp(name, names[i])) {
            *out = (enum chat_role)i;
            return OK;
        }
    return ERR_FORMAT;
}

/* The member, unless it is null. */
static const json_t *member(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return json_is_null(v) ? NULL : v;
}

static bool has_nul(const json_t *s) { return memchr(json_string_value(s), 0, json_string_length(s)) != NULL; }

/* Fills m[0, n) from the list. */
static int read_messages(struct reader *r, const json_t *list, struct chat_msg *m, const char *where, struct err *e)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *x = json_array_get(list, i), *role = member(x, "role"), *content = member(x, "content");
        if (!json_is_string(role) || !json_is_string(content) || role_of(json_string_value(role), &m[i].role))
            FAIL(e, ERR_FORMAT, "%s: message %zu needs \"role\" (system, user or assistant) and \"content\", both strings",
                 where, i);
        if (has_nul(content)) FAIL(e, ERR_FORMAT, "%s: message %zu holds a NUL character", where, i);
        m[i].len = json_string_length(content);
        m[i].text = without_marks(r, json_string_value(content), &m[i].len);
    }
    return OK;
}

static int open_messages(struct reader *r, const json_t *list, struct doc *d, const char *where, struct err *e)
{
    void *p;
    d->n_msgs = json_array_size(list);
    if (!json_is_array(list) || d->n_msgs == 0 || d->n_msgs > DOC_MAX_MSGS)
        FAIL(e, ERR_FORMAT, "%s: \"messages\" is not a list of 1 to %d messages", where, DOC_MAX_MSGS);
    TRY(mem_new(&p, d->n_msgs * sizeof(struct chat_msg), "messages", e));
    d->msgs = p;
    return read_messages(r, list, p, where, e);
}

/* "neither text nor messages", with what is there instead. */
static int no_text(const json_t *root, const char *where, struct err *e)
{
    struct buf b = {0};
    void *at = json_object_iter((json_t *)(uintptr_t)root);
    for (int i = 0; i < 5 && at; i++, at = json_object_iter_next((json_t *)(uintptr_t)root, at))
        buf_printf(&b, "%s\"%.40s\"", i ? ", " : "", json_object_iter_key(at));
    int rc = err_set(e, ERR_FORMAT, __FILE__, __LINE__, "%s: neither \"text\" nor \"messages\"; the line has %s", where,
                     b.len && !b.failed ? b.data : "no member");
    buf_free(&b);
    return rc;
}

/* What the object of a line holds. d->msgs is owned by the caller. */
static int read_row(struct reader *r, const json_t *root, struct doc *d, const char *where, struct err *e)
{
    const json_t *text = member(root, "text"), *messages = member(root, "messages");
    buf_clear(&r->clean);
    buf_reserve(&r->clean, r->lines.line.len);
    TRY(buf_check(&r->clean, r->lines.name, e));
    if (!json_is_object(root)) FAIL(e, ERR_FORMAT, "%s: not an object", where);
    if (messages) return open_messages(r, messages, d, where, e);
    if (!text && json_is_null(json_object_get(root, "text"))) return OK;
    if (!text) return no_text(root, where, e);
    if (!json_is_string(text)) FAIL(e, ERR_FORMAT, "%s: \"text\" is not a string", where);
    if (has_nul(text)) FAIL(e, ERR_FORMAT, "%s: the text holds a NUL character", where);
    d->len = json_string_length(text);
    d->text = without_marks(r, json_string_value(text), &d->len);
    return OK;
}

/* Counts a bad line, or makes it the error that it is. A shortage of memory is not the line's fault. */
static int bad_line(const struct docs_how *how, const struct err *why, struct err *e)
{
    if (why->code != ERR_FORMAT && why->code != ERR_LIMIT && why->code != ERR_USAGE)
        return err_set(e, why->code, why->file, why->line, "%s", why->msg);
    if (!how->skip_bad)
        return err_set(e, why->code, why->file, why->line,
                       "%s\n  bad_lines = skip in the recipe under [data], or --skip-bad-lines, leaves out and counts such lines",
                       why->msg);
    if (how->left_out->bad_lines++ == 0) {
        snprintf(how->left_out->first, sizeof how->left_out->first, "%.239s", why->msg);
        how->left_out->first[strcspn(how->left_out->first, "\n")] = 0;
    }
    return OK;
}

int docs_bad(const struct docs_how *how, const struct doc *d, const struct err *why, struct err *e)
{
    static const struct docs_how plain = {0};
    struct err here = *why;
    err_prefix(&here, "%s:%llu", d->name, (unsigned long long)d->line);
    return bad_line(how ? how : &plain, &here, e);
}

static int parse_line(struct reader *r, json_t **root, const char *where, struct err *e)
{
    struct lines *l = &r->lines;
    size_t at = 0;
    TRY(lines_check(l, e));
    while (l->line.len - at >= 3 && !memcmp(l->line.data + at, MARK, 3)) at += 3;
    while (at < l->line.len && strchr(" \t", l->line.data[at])) at++;
    if (at == l->line.len) return OK;
    int rc = json_parse(root, l->line.data + at, l->line.len - at, where, e);
    char *one = rc ? strstr(e->msg, ": line 1, ") : NULL; /* the line is ours to count */
    if (one) memmove(one + 2, one + 10, strlen(one + 10) + 1);
    return rc;
}

static int json_line(struct lines *l, struct err *e)
{
    struct reader *r = reader_of(l);
    char where[300];
    json_t *root = NULL;
    struct doc d = doc_here(r);
    struct err why = {0};
    snprintf(where, sizeof where, "%.250s:%llu", l->name, (unsigned long long)l->number);
    int rc = parse_line(r, &root, where, &why);
    bool blank = !rc && !root;
    if (root) rc = read_row(r, root, &d, where, &why);
    if (rc) rc = bad_line(r->how, &why, e);
    else if (!blank) rc = emit(r, &d, e);
    mem_free((void *)(uintptr_t)d.msgs);
    json_decref(root);
    return rc;
}

/* ---- inputs ---- */

static bool is_json(const char *path) { return str_ends_with(path, ".jsonl") || str_ends_with(path, ".jsonl.zst"); }
bool docs_is_generator(const char *input) { return !strncmp(input, "generate:", 9); }

bool docs_has_name(const char *path)
{
    return is_json(path) || str_ends_with(path, ".txt") || str_ends_with(path, ".txt.zst");
}

static struct reader reader_for(const char *name, bool json, const struct docs_how *how, doc_fn *fn, void *ctx)
{
    static const struct docs_how plain = {0};
    struct reader r = {.how = how ? how : &plain, .doc = fn, .ctx = ctx};
    r.lines.name = name;
    r.lines.fn = json ? json_line : text_line;
    r.lines.keep_cr = !json && r.how->exact;
    return r;
}

static int finish(struct reader *r, int rc, struct err *e)
{
    if (!rc && r->text.len) rc = emit_text(r, e);
    buf_free(&r->text);
    buf_free(&r->clean);
    return rc;
}

int docs_each_jsonl(const char *data, size_t len, const char *name, doc_fn *fn, void *ctx, struct err *e)
{
    struct reader r = reader_for(name, true, NULL, fn, ctx);
    return finish(&r, lines_of_memory(&r.lines, data, len, e), e);
}

int docs_each_txt(const char *data, size_t len, const char *name, doc_fn *fn, void *ctx, struct err *e)
{
    struct reader r = reader_for(name, false, NULL, fn, ctx);
    return finish(&r, lines_of_memory(&r.lines, data, len, e), e);
}

int docs_each(const char *input, const struct docs_how *how, doc_fn *fn, void *ctx, struct err *e)
{
    if (docs_is_generator(input)) return generator_each(input, fn, ctx, e);
    if (!docs_has_name(input) && !(how && how->any_name))
        FAIL(e, ERR_USAGE, "%s: expected a file named .txt, .jsonl, .txt.zst or .jsonl.zst, or generate:...", input);
    struct reader r = reader_for(input, is_json(input), how, fn, ctx);
    return finish(&r, lines_of_file(&r.lines, input, r.how->encoding, e), e);
}
