/* What must hold between the keys of a recipe, and the list of what does not. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/checked.h"
#include "train/recipe_faults.h"

enum { MOST_SHOWN = 12 };

void faults_add(struct faults *f, const struct err *why)
{
    if (f->n++ == 0) f->first = *why;
    if (f->n <= MOST_SHOWN) buf_printf(&f->text, "\n  %s", why->msg);
}

int faults_end(struct faults *f, const char *path, struct err *e)
{
    int rc = OK, n = f->n;
    char more[40] = "";
    if (n > MOST_SHOWN) snprintf(more, sizeof more, "\n  and %d more", n - MOST_SHOWN);
    if (n == 1) rc = err_set(e, f->first.code, f->first.file, f->first.line, "%s", f->first.msg);
    if (n > 1)
        rc = err_set(e, f->first.code, f->first.file, f->first.line, "%s: %d faults%s%s", path, n,
                     f->text.failed ? "" : f->text.data, more);
    buf_free(&f->text);
    return rc;
}

/* Keys of [model] that must be given and are not; vocab_size and max_position_embeddings may follow from others. */
static bool find_missing(const struct recipe *r, const struct config *c, struct faults *f)
{
    struct buf b = {0};
    int n = 0, at = 0;
    for (const char *key; (key = config_missing(c, &at)) != NULL; n++) buf_printf(&b, "%s%s", n ? ", " : "", key);
    const char *names = b.data && !b.failed ? b.data : "keys";
    if (n && r->model_line) FAULT(f, ERR_USAGE, "%s:%d: [model] lacks %s", r->path, r->model_line, names);
    else if (n) FAULT(f, ERR_USAGE, "%s: there is no [model]; it needs %s", r->path, names);
    buf_free(&b);
    return n > 0;
}

static void check_model(const struct recipe *r, struct faults *f)
{
    struct config c = r->model;
    struct err why = {0};
    if (r->model_line < 0) return;
    if (c.vocab == 0) c.vocab = r->vocab;
    c.context = max_i64(c.context, r->seq_len);
    if (!find_missing(r, &c, f) && config_check(&c, r->path, &why)) faults_add(f, &why);
}

int recipe_advice(const struct recipe *r, struct generation *g, bool *any, struct err *e)
{
    char word[80];
    struct err why = {0};
    generation_init(g);
    *any = false;
    for (const char *s = r->advise + strspn(r->advise, " \t"); *s;) {
        size_t n = strcspn(s, " \t");
        snprintf(word, sizeof word, "%.*s", (int)(n < sizeof word ? n : sizeof word - 1), s);
        if (generation_advise(g, word, &why)) FAIL(e, ERR_USAGE, "%s: advise: %s", r->path, why.msg);
        *any = true;
        s += n + strspn(s + n, " \t");
    }
    return OK;
}

void recipe_find_faults(const struct recipe *r, struct faults *f)
{
    int64_t micro = r->micro_batch * r->seq_len;
    struct generation advice;
    struct err why;
    bool any;
    check_model(r, f);
    if (recipe_advice(r, &advice, &any, &why)) faults_add(f, &why);
    if (micro > 1 << 24)
        FAULT(f, ERR_LIMIT, "%s: micro_batch x seq_len is %" PRId64 " tokens, at most 16777216", r->path, micro);
    else if (r->batch_tokens % micro != 0)
        FAULT(f, ERR_USAGE,
              "%s: batch_tokens = %" PRId64 ", expected a multiple of micro_batch (%" PRId64 ") x seq_len = %" PRId64, r->path,
              r->batch_tokens, r->micro_batch, micro);
    if (r->min_lr > r->lr) FAULT(f, ERR_USAGE, "%s: min_lr = %g is above lr = %g", r->path, r->min_lr, r->lr);
    if (r->n_sources == 0) FAULT(f, ERR_USAGE, "%s: no source under [data], expected at least one", r->path);
    for (size_t i = 0; i < r->n_vals; i++)
        for (size_t k = 0; k < r->n_sources; k++)
            if (!strcmp(r->vals[i].name, r->sources[k].name))
                FAULT(f, ERR_USAGE, "%s: val %s has the name of a source, expected another", r->path, r->vals[i].name);
}

int recipe_check(const struct recipe *r, struct err *e)
{
    struct faults f = {0};
    recipe_find_faults(r, &f);
    return faults_end(&f, r->path, e);
}
