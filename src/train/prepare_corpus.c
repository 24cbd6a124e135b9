/* Text to tokenizer and shards. */
#include "train/prepare_corpus.h"
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "base/mem.h"
#include "data/docs.h"
#include "data/prepare.h"
#include "sys/file.h"

enum { MAX_TOKENIZER = 256 << 20, PROGRESS_EVERY = 256, ENOUGH = -1 /* ends docs_each without an error */ };

static int check_stop(const struct corpus_options *o, struct err *e)
{
    if (o->stop && *o->stop) FAIL(e, ERR_INTERRUPTED, "stopped while preparing the data; what is complete will be used again");
    return OK;
}

/* ---- The tokenizer ---- */

struct learning {
    const struct corpus_options *o;
    const struct corpus_texts *texts;
    struct bpe_trainer *trainer;
    uint64_t bytes, limit; /* of the current input */
    uint64_t docs;
};

static int learn_doc(void *ctx, const struct doc *d, struct err *e)
{
    struct learning *l = ctx;
    TRY(check_stop(l->o, e));
    if (l->bytes >= l->limit) return ENOUGH;
    if (d->n_msgs == 0) {
        TRY(bpe_trainer_add(l->trainer, d->text, d->len, e));
        l->bytes += d->len;
    }
    for (size_t i = 0; i < d->n_msgs; i++) {
        TRY(bpe_trainer_add(l->trainer, d->msgs[i].text, d->msgs[i].len, e));
        l->bytes += d->msgs[i].len;
    }
    if (++l->docs % PROGRESS_EVERY == 0 && l->o->progress)
        l->o->progress(l->o->progress_ctx, "tokenizer: documents read", l->docs, 0);
    return OK;
}

static void show_merges(void *ctx, int done, int want)
{
    const struct corpus_options *o = ctx;
    if (o->progress) o->progress(o->progress_ctx, "tokenizer: merges", (uint64_t)done, (uint64_t)want);
}

/* Each source gives a part of the text by its weight, each of its files an equal part of that. */
static int learn_sources(struct learning *l, struct err *e)
{
    const struct recipe *r = l->o->recipe;
    double all = 0;
    for (size_t i = 0; i < r->n_sources; i++) all += r->sources[i].weight;
    for (size_t i = 0; i < r->n_sources; i++) {
        const struct inputs *files = &l->texts->lists[i];
        struct docs_left_out told_later = {0};
        struct docs_how how = recipe_how(r, &r->sources[i]);
        how.left_out = &told_later;
        for (size_t k = 0; k < files->n; k++) {
            l->bytes = 0;
            l->limit = (uint64_t)(1e6 * r->tokenizer_megabytes * r->sources[i].weight / all / (double)files->n) + 1;
            int rc = docs_each(files->v[k], &how, learn_doc, l, e);
            if (rc && rc != ENOUGH) return rc;
        }
    }
    return OK;
}

static int train_tokenizer(struct learning *l, const char *path, struct err *e)
{
    struct tokenizer *tok = NULL;
    struct buf b = {0};
    int rc = learn_sources(l, e);
    if (!rc) rc = bpe_trainer_finish(l->trainer, &tok, show_merges, (void *)(uintptr_t)l->o, e);
    if (!rc && tokenizer_vocab(tok) < l->o->recipe->vocab)
        log_warn("the text is too small for a vocabulary of %lld: it has %d tokens", (long long)l->o->recipe->vocab,
                 tokenizer_vocab(tok));
    if (!rc) rc = tokenizer_to_json(tok, &b, e);
    if (!rc) rc = buf_check(&b, path, e);
    if (!rc) rc = file_replace(path, b.data, b.len, e);
    tokenizer_free(tok);
    buf_free(&b);
    return rc;
}

static int copy_tokenizer(const struct recipe *r, const char *path, struct err *e)
{
    char from[PATH_MAX], *text;
    size_t len;
    TRY(recipe_resolve(r, from, sizeof from, r->tokenizer_file, e));
    TRY(file_read(&text, &len, from, MAX_TOKENIZER, e));
    int rc = file_replace(path, text, len, e);
    mem_free(text);
    return rc;
}

int corpus_make_tokenizer(const struct corpus_options *o, const struct corpus_texts *t, const char *path, struct err *e)
{
    static const char *const specials[] = {CHAT_BOS, CHAT_EOS, CHAT_PAD, CHAT_USER_MARK, CHAT_ASSISTANT_MARK};
    const struct recipe *r = o->recipe;
    if (*r->tokenizer_file) return copy_tokenizer(r, path, e);
    struct bpe_options options = {(int32_t)r->vocab, specials, 5, !strcmp(r->digits, "single")};
    struct learning l = {.o = o, .texts = t};
    TRY(bpe_trainer_new(&l.trainer, &options, e));
    int rc = train_tokenizer(&l, path, e);
    bpe_trainer_free(l.trainer);
    return rc;
}

/* ---- The shards ---- */

/* One shard: a source without its held-out documents, or these alone. */
struct shard_job {
    const struct corpus_options *o;
    const struct recipe_source *source;
    const struct inputs *files;
    const struct corpus *c;
    const char *dir;
    uint64_t holdout; /* 0: none */
    bool take;
    struct prepare_result res;
    int rc;
    struct err e;
};

static void show_shard(void *ctx, const char *input, uint64_t read, uint64_t total)
{
    const struct corpus_options *o = ctx;
    o->progress(o->progress_ctx, input, read, total);
}

static void shard_task(void *ctx, int64_t task, int worker)
{
    struct shard_job *j = (struct shard_job *)ctx + task;
    char out[PATH_MAX];
    bool shows = worker == 0 && j->o->progress; /* the caller's thread */
    struct prepare_options p = {.tok = j->c->tok,
                                .tokenizer_hash = j->c->tokenizer_hash,
                                .inputs = j->files,
                                .how = recipe_how(j->o->recipe, j->source),
                                .out = out,
                                .holdout = j->holdout,
                                .take_holdout = j->take,
                                .progress = shows ? show_shard : NULL,
                                .progress_ctx = (void *)(uintptr_t)j->o,
                                .stop = j->o->stop};
    j->rc = corpus_shard_path(out, sizeof out, j->dir, j->source->name, j->take, &j->e);
    if (!j->rc) j->rc = data_prepare(&p, &j->res, &j->e);
}

int corpus_shard_path(char *out, size_t cap, const char *dir, const char *name, bool held, struct err *e)
{
    char file[128];
    snprintf(file, sizeof file, "%.64s%s.tok", name, held ? ".val" : "");
    return path_join(out, cap, dir, file, e);
}

int corpus_make_shards(const struct corpus_options *o, const struct corpus_texts *t, const struct corpus *c, const char *dir,
                       struct buf *notes, uint64_t *skipped, struct err *e)
{
    const struct recipe *r = o->recipe;
    size_t n = 0;
    TRY(prepare_check_space(dir, t->lists, t->n, e));
    struct shard_job *jobs = mem_array(2 * r->n_sources + r->n_vals, sizeof *jobs);
    if (!jobs) FAIL(e, ERR_MEMORY, "out of memory for %zu sources", r->n_sources + r->n_vals);
    for (size_t i = 0; i < r->n_sources; i++)
        for (int take = 0; take <= (r->holdout > 0); take++)
            jobs[n++] = (struct shard_job){.o = o, .source = &r->sources[i], .files = &t->lists[i], .c = c, .dir = dir,
                                           .holdout = (uint64_t)r->holdout, .take = take};
    for (size_t i = 0; i < r->n_vals; i++)
        jobs[n++] = (struct shard_job){
            .o = o, .source = &r->vals[i], .files = &t->lists[r->n_sources + i], .c = c, .dir = dir};
    pool_for(o->pool, (int64_t)n, shard_task, jobs);
    int rc = OK;
    for (size_t i = 0; i < n && !rc; i++) {
        if ((rc = jobs[i].rc) && e) *e = jobs[i].e;
        if (!rc && !jobs[i].take) corpus_note_left_out(notes, jobs[i].source->name, &jobs[i].res.left_out);
        if (!rc && !jobs[i].take) *skipped += jobs[i].res.left_out.bad_lines;
    }
    mem_free(jobs);
    return rc;
}
