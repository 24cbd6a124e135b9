/* Documents out of lines: plain text, JSON lines. */
#include "data/docs.h"
#include "data/generators.h"
#include "data/json_row.h"
#include "data/lines.h"
#include "sys/file.h"
#include <stdio.h>
#include <string.h>

#define SEPARATOR "<|endoftext|>"

/* lines is first: their callback gets it, and finds the rest behind it. */
struct reader {
    struct lines lines;
    const struct docs_how *how;
    doc_fn *doc;
    void *ctx;
    struct buf text; /* .txt: the document so far */
    struct json_row row; /* .jsonl: the line at hand */
};

static struct reader *reader_of(struct lines *l) { return (struct reader *)(void *)l; }

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
    if (l->line.len) add_without_marks(&r->text, l->line.data, l->line.len);
    if (l->ended) buf_add_byte(&r->text, '\n');
    return buf_check(&r->text, l->name, e);
}

/* ---- JSON lines ---- */

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

/* The line without byte order marks and blanks at its beginning. */
static size_t line_begin(const struct buf *line)
{
    size_t at = 0;
    while (line->len - at >= 3 && !memcmp(line->data + at, BYTE_ORDER_MARK, 3)) at += 3;
    while (at < line->len && strchr(" \t", line->data[at])) at++;
    return at;
}

static int json_line(struct lines *l, struct err *e)
{
    struct reader *r = reader_of(l);
    char where[300];
    struct doc d = doc_here(r);
    struct err why = {0};
    size_t at = line_begin(&l->line);
    if (at == l->line.len) return OK;
    snprintf(where, sizeof where, "%.250s:%llu", l->name, (unsigned long long)l->number);
    int rc = lines_check(l, &why);
    if (!rc) rc = json_row_read(&r->row, l->line.data + at, l->line.len - at, where, &why);
    if (rc) return bad_line(r->how, &why, e);
    d.text = r->row.text;
    d.len = r->row.len;
    d.msgs = r->row.n_msgs ? r->row.msgs : NULL;
    d.n_msgs = r->row.n_msgs;
    return emit(r, &d, e);
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
    json_row_free(&r->row);
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
