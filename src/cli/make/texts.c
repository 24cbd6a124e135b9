/* Reading texts for commands. */
#include "cli/make/texts.h"
#include <inttypes.h>
#include <stdio.h>
#include "base/buf.h"
#include "cli/term.h"
#include "data/encoding.h"

void text_args_add(struct opts *o, struct text_args *a)
{
    opts_add(o, (struct opt){"encoding", 0, OPT_CHOICE, &a->encoding, .choices = encoding_names, .find = encoding_find,
                             .help = "of texts that are not UTF-8"});
    opts_flag(o, "skip-bad-lines", 0, &a->skip_bad, "leave out and count lines of a .jsonl file that cannot be used");
}

struct docs_how text_args_how(struct text_args *a)
{
    return (struct docs_how){.encoding = a->encoding,
                             .skip_bad = a->skip_bad,
                             .any_name = a->any_name,
                             .exact = a->exact,
                             .left_out = &a->left_out};
}

void text_args_tell(const struct text_args *a)
{
    const struct docs_left_out *l = &a->left_out;
    if (l->bad_lines == 0 && l->empty == 0) return;
    fprintf(stderr, "left out: %" PRIu64 " bad lines, %" PRIu64 " empty texts%s%s\n", l->bad_lines, l->empty,
            *l->first ? "; the first: " : "", l->first);
}

struct adding {
    struct windows *w;
    struct buf chat;
};

static int add_doc(void *ctx, const struct doc *d, struct err *e)
{
    struct adding *a = ctx;
    if (term_interrupted) FAIL(e, ERR_INTERRUPTED, "interrupted");
    buf_clear(&a->chat);
    for (size_t i = 0; i < d->n_msgs; i++) {
        buf_add_str(&a->chat, i ? "\n\n" : "");
        buf_add(&a->chat, d->msgs[i].text, d->msgs[i].len);
    }
    TRY(buf_check(&a->chat, "a chat", e));
    TRY(windows_add(a->w, d->msgs ? a->chat.data : d->text, d->msgs ? a->chat.len : d->len, e));
    return windows_full(a->w) ? TEXTS_ENOUGH : OK;
}

int texts_check(const char *input, struct err *e)
{
    struct inputs files = {0};
    int rc = inputs_add(&files, input, e);
    inputs_free(&files);
    return rc;
}

int texts_each(struct text_args *a, char *const *inputs, int n, doc_fn *fn, void *ctx, struct err *e)
{
    struct inputs files = {0};
    struct docs_how how = text_args_how(a);
    int rc = inputs_add_all(&files, inputs, n, e);
    for (size_t i = 0; i < files.n && !rc; i++) rc = docs_each(files.v[i], &how, fn, ctx, e);
    inputs_free(&files);
    text_args_tell(a);
    return rc == TEXTS_ENOUGH ? OK : rc;
}

int texts_read_windows(struct windows *w, const char *input, struct text_args *a, struct err *e)
{
    char *inputs[1] = {(char *)(uintptr_t)input};
    struct adding adding = {.w = w};
    a->any_name = a->exact = true;
    int rc = texts_each(a, inputs, 1, add_doc, &adding, e);
    buf_free(&adding.chat);
    return rc ? rc : windows_end_of_text(w, input, e);
}
