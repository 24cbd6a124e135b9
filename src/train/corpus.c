/* The tokenizer and the shards of a run: reuse or preparation, opening, hashes. */
#include "train/corpus.h"
#include <limits.h>
#include <string.h>
#include "base/log.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "sys/file.h"
#include "train/prepare_corpus.h"

enum { MAX_TOKENIZER = 256 << 20, MAX_IDENTITY = 4 << 20 };

/* What the corpus is made from, as text: recipe lines, then a line for each file. */
struct identity {
    struct buf b;
    size_t recipe_len;  /* of the first part */
    const char *absent; /* an input file that is not there; NULL if all are */
};

static int add_file(struct identity *id, const struct recipe *r, const char *input, struct err *e)
{
    char path[PATH_MAX];
    struct file_map m;
    if (!strncmp(input, "generate:", 9)) return OK;
    TRY(recipe_resolve_input(r, path, sizeof path, input, e));
    if (file_absent(path)) {
        id->absent = input;
        return OK;
    }
    TRY(file_map(&m, path, e));
    buf_printf(&id->b, "%s has %zu bytes\n", input, m.size);
    file_unmap(&m);
    return OK;
}

static int identify(struct identity *id, const struct recipe *r, struct err *e)
{
    recipe_print_corpus(r, &id->b);
    id->recipe_len = id->b.len;
    for (size_t i = 0; i < r->n_sources; i++)
        for (size_t k = 0; k < r->sources[i].n_inputs; k++) TRY(add_file(id, r, r->sources[i].inputs[k], e));
    for (size_t i = 0; i < r->n_vals; i++)
        for (size_t k = 0; k < r->vals[i].n_inputs; k++) TRY(add_file(id, r, r->vals[i].inputs[k], e));
    return buf_check(&id->b, "the identity of the data", e);
}

/* True when the corpus of the run folder was made from the same. Files that have gone since do not matter. */
static bool is_ready(const struct identity *id, const char *path)
{
    char *old;
    size_t len;
    if (file_absent(path) || file_read(&old, &len, path, MAX_IDENTITY, NULL)) return false;
    bool same = id->absent ? len >= id->recipe_len && !memcmp(old, id->b.data, id->recipe_len)
                           : len == id->b.len && !memcmp(old, id->b.data, len);
    if (same && id->absent) log_warn("%s is not there any more; the prepared data is used", id->absent);
    mem_free(old);
    return same;
}

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

/* Tokenizer and shards in place, c->tok loaded. */
static int prepare(struct corpus *c, const struct corpus_options *o, const char *dir, struct err *e)
{
    char mark[PATH_MAX];
    struct identity id = {0};
    TRY(path_join(mark, sizeof mark, dir, "corpus.txt", e));
    int rc = identify(&id, o->recipe, e);
    bool ready = !rc && is_ready(&id, mark);
    if (!rc && !ready && id.absent)
        rc = err_set(e, ERR_NOTFOUND, __FILE__, __LINE__, "%s: no such file; --data DIR says where inputs are", id.absent);
    if (!rc && !ready) rc = file_remove(mark, e);
    if (!rc && !ready) rc = corpus_make_tokenizer(o, c->tokenizer_json, e);
    if (!rc) rc = load_tokenizer(c, e);
    if (!rc && !ready) rc = corpus_make_shards(o, c->tok, c->tokenizer_hash, dir, e);
    if (!rc && !ready) rc = file_replace(mark, id.b.data, id.b.len, e);
    buf_free(&id.b);
    return rc;
}

/* Sources with an upper bound on passes get no more than that; the others share what is left by weight. Weights become
 * shares of the whole. */
static int bound_epochs(struct corpus *c, const struct recipe *r, struct err *e)
{
    double total = (double)r->steps * (double)r->batch_tokens, fixed = 0;
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
    TRY(prepare(c, o, dir, e));
    TRY(open_loaders(c, o->recipe, dir, e));
    TRY(bound_epochs(c, o->recipe, e));
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

int corpus_hash(struct corpus *c, struct err *e)
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
    if (!rc) rc = sha256_of(b.data, b.len, c->data_hash, e);
    buf_free(&b);
    return rc;
}
