/* The tokenizer and the shards of a run: reuse or preparation, opening, hashes. */
#include "train/corpus.h"
#include <limits.h>
#include <string.h>
#include "base/mem.h"
#include "base/sha256.h"
#include "sys/file.h"
#include "train/prepare_corpus.h"

enum { MAX_TOKENIZER = 256 << 20 };

static int load_tokenizer(struct corpus *c, struct err *e)
{
    char *text;
    size_t len;
    TRY(file_read(&text, &len, c->tokenizer_json, MAX_TOKENIZER, e));
    int rc = sha256_of(text, len, c->tokenizer_hash, e);
    if (!rc) rc = tokenizer_from_json(&c->tok, text, len, c->tokenizer_json, e);
    mem_free(text);
    return rc;
}

static int make(struct corpus *c, const struct corpus_options *o, const struct corpus_texts *t, const char *dir,
                struct buf *id, struct err *e)
{
    char mark[PATH_MAX];
    if (t->absent)
        FAIL(e, ERR_NOTFOUND, "%s: no such file; --data DIR says where inputs are, names with blanks want quotation marks",
             t->absent);
    TRY(path_join(mark, sizeof mark, dir, "corpus.txt", e));
    TRY(file_remove(mark, e));
    if (!o->going_on || file_absent(c->tokenizer_json)) TRY(corpus_make_tokenizer(o, t, c->tokenizer_json, e));
    TRY(load_tokenizer(c, e));
    TRY(corpus_make_shards(o, t, c, dir, id, &c->skipped_lines, e));
    TRY(buf_check(id, mark, e));
    return file_replace(mark, id->data, id->len, e);
}

/* Tokenizer and shards in place, c->tok loaded. */
static int prepare(struct corpus *c, const struct corpus_options *o, const struct corpus_texts *t, const char *dir,
                   struct buf *id, struct err *e)
{
    char mark[PATH_MAX];
    struct corpus_found found;
    TRY(path_join(mark, sizeof mark, dir, "corpus.txt", e));
    TRY(corpus_identify(id, t, o, e));
    TRY(corpus_compare(&found, mark, id, t, e));
    c->skipped_lines = found.skipped;
    if (found.state == CORPUS_READY) return load_tokenizer(c, e);
    if (found.state == CORPUS_OTHER && o->going_on)
        FAIL(e, ERR_INTEGRITY,
             "%s: the texts are not those that the run began with: %s; put them back, or begin again with --fresh", o->run,
             found.what);
    return make(c, o, t, dir, id, e);
}

static int find_texts(struct corpus *c, const struct corpus_options *o, const char *dir, struct err *e)
{
    struct corpus_texts *t;
    struct buf id = {0};
    TRY(mem_new((void **)&t, sizeof *t, "lists of texts", e));
    int rc = corpus_texts_open(t, o->recipe, e);
    if (!rc) rc = prepare(c, o, t, dir, &id, e);
    corpus_texts_free(t);
    mem_free(t);
    buf_free(&id);
    return rc;
}

/* Sources with an upper bound on passes get no more than that; the others share what is left by weight. Weights become
 * shares of the whole. */
static int bound_epochs(const struct corpus *c, const struct recipe *r, int64_t steps, struct err *e)
{
    double total = (double)steps * (double)r->batch_tokens, fixed = 0;
    bool capped[RECIPE_MAX_SOURCES] = {false}, again = true;
    while (again) {
        double open = 0;
        again = false;
        for (size_t i = 0; i < r->n_sources; i++) open += capped[i] ? 0 : r->sources[i].weight;
        for (size_t i = 0; i < r->n_sources; i++) {
            struct loader_source *s = &c->data.sources[i];
            double most = r->sources[i].epochs * (double)s->shard.n_tokens / total;
            if (capped[i]) continue;
            s->weight = r->sources[i].weight / open * (1 - fixed);
            if (r->sources[i].epochs <= 0 || s->weight <= most) continue;
            s->weight = most;
            capped[i] = true;
            fixed += most;
            again = true;
            break; /* the others' shares have changed */
        }
    }
    bool all = true;
    for (size_t i = 0; i < r->n_sources; i++) all = all && capped[i];
    if (all && fixed < 1)
        FAIL(e, ERR_USAGE, "%s: %.1f M tokens are wanted, the sources give %.1f M within their epochs", r->path, 1e-6 * total,
             1e-6 * total * fixed);
    return OK;
}

static int open_loaders(struct corpus *c, const struct recipe *r, const char *dir, struct err *e)
{
    char path[PATH_MAX];
    TRY(loader_init(&c->data, (uint64_t)r->seed, (int)r->seq_len, e));
    TRY(loader_init(&c->val, (uint64_t)r->seed, (int)r->seq_len, e));
    for (size_t i = 0; i < r->n_sources; i++) {
        TRY(corpus_shard_path(path, sizeof path, dir, r->sources[i].name, false, e));
        TRY(loader_add(&c->data, path, r->sources[i].name, r->sources[i].weight, e));
        if (r->holdout == 0) continue;
        TRY(corpus_shard_path(path, sizeof path, dir, r->sources[i].name, true, e));
        TRY(loader_add(&c->val, path, r->sources[i].name, 1, e));
    }
    for (size_t i = 0; i < r->n_vals; i++) {
        TRY(corpus_shard_path(path, sizeof path, dir, r->vals[i].name, false, e));
        TRY(loader_add(&c->val, path, r->vals[i].name, 1, e));
    }
    return OK;
}

static int open_all(struct corpus *c, const struct corpus_options *o, struct err *e)
{
    char path[PATH_MAX], dir[PATH_MAX];
    TRY(path_join(path, sizeof path, o->run, "tokenizer.json", e));
    TRY(path_join(dir, sizeof dir, o->run, "data", e));
    TRY(file_mkdirs(dir, e));
    c->tokenizer_json = mem_strdup(path);
    if (!c->tokenizer_json) FAIL(e, ERR_MEMORY, "out of memory");
    TRY(find_texts(c, o, dir, e));
    TRY(open_loaders(c, o->recipe, dir, e));
    TRY(bound_epochs(c, o->recipe, o->recipe->steps, e));
    return corpus_hash(c, e);
}

int corpus_open(struct corpus *c, const struct corpus_options *o, struct err *e)
{
    *c = (struct corpus){0};
    int rc = open_all(c, o, e);
    if (rc) corpus_close(c);
    return rc;
}

void corpus_close(struct corpus *c)
{
    tokenizer_free(c->tok);
    mem_free(c->tokenizer_json);
    loader_free(&c->data);
    loader_free(&c->val);
    *c = (struct corpus){0};
}

static int hash_data(const struct corpus *c, char out[65], struct err *e)
{
    struct buf b = {0};
    int rc = OK;
    for (size_t i = 0; i < c->data.n_sources && !rc; i++) {
        const struct loader_source *s = &c->data.sources[i];
        char hash[SHA256_HEX];
        rc = sha256_of(s->shard.map.data, s->shard.map.size, hash, e);
        if (!rc) buf_printf(&b, "%s %.17g %s\n", s->name, s->weight, hash);
    }
    if (!rc) rc = buf_check(&b, "the hash of the data", e);
    if (!rc) rc = sha256_of(b.data, b.len, out, e);
    buf_free(&b);
    return rc;
}

int corpus_hash(struct corpus *c, struct err *e) { return hash_data(c, c->data_hash, e); }

int corpus_hash_at(const struct corpus *c, const struct recipe *r, int64_t steps, char out[65], struct err *e)
{
    double weights[RECIPE_MAX_SOURCES];
    if (r->n_sources != c->data.n_sources) FAIL(e, ERR_USAGE, "%s: another number of sources than the corpus has", r->path);
    for (size_t i = 0; i < r->n_sources; i++) weights[i] = c->data.sources[i].weight;
    int rc = bound_epochs(c, r, steps, e);
    if (!rc) rc = hash_data(c, out, e);
    for (size_t i = 0; i < r->n_sources; i++) c->data.sources[i].weight = weights[i];
    return rc;
}
