/* Encoding documents into a shard. */
#include "data/prepare.h"
#include "sys/store.h"

struct work {
    const struct prepare_options *o;
    const char *input;
    struct shard_writer *w;
    struct tokens ids;
    struct prepare_result *res;
    struct docs_how how;
    uint64_t number;
};

static int encode(struct work *k, const struct doc *d, struct err *e)
{
    const struct tokenizer *t = k->o->tok;
    k->ids.n = 0;
    if (d->msgs) return chat_encode(t, d->msgs, d->n_msgs, false, &k->ids, e);
    TRY(tokens_add(&k->ids, tokenizer_bos(t), e));
    TRY(tokenizer_encode(t, d->text, d->len, &k->ids, e));
    return tokens_add(&k->ids, tokenizer_eos(t), e);
}

static uint64_t text_bytes(const struct doc *d)
{
    uint64_t n = d->len;
    for (size_t i = 0; i < d->n_msgs; i++) n += d->msgs[i].len;
    return n;
}

static int add_doc(void *ctx, const struct doc *d, struct err *e)
{
    struct work *k = ctx;
    const struct prepare_options *o = k->o;
    uint64_t number = k->number++;
    if (o->stop && *o->stop) FAIL(e, ERR_INTERRUPTED, "interrupted while preparing %s", o->out);
    if (o->progress && number % 256 == 0) o->progress(o->progress_ctx, k->input, d->read, d->total);
    if (o->holdout && (number % o->holdout == o->holdout - 1) != o->take_holdout) return OK;
    struct err why = {0};
    if (encode(k, d, &why)) return docs_bad(&k->how, d, &why, e);
    k->res->docs++;
    k->res->bytes += text_bytes(d);
    k->res->tokens += k->ids.n;
    return shard_writer_doc(k->w, k->ids.ids, k->ids.n, e);
}

int data_prepare(const struct prepare_options *o, struct prepare_result *res, struct err *e)
{
    struct work k = {.o = o, .res = res, .how = o->how};
    *res = (struct prepare_result){0};
    k.how.left_out = &res->left_out;
    if (tokenizer_bos(o->tok) < 0 || tokenizer_eos(o->tok) < 0)
        FAIL(e, ERR_FORMAT, "%s: the tokenizer has no begin or end token", o->out);
    TRY(shard_writer_open(&k.w, o->out, tokenizer_vocab(o->tok), o->tokenizer_hash, e));
    int rc = OK;
    for (size_t i = 0; i < o->inputs->n && !rc; i++) {
        k.input = o->inputs->v[i];
        rc = docs_each(k.input, &k.how, add_doc, &k, e);
    }
    if (!rc && res->docs == 0)
        rc = err_set(e, ERR_FORMAT, __FILE__, __LINE__, "%s: no document in %s (%llu bad lines and %llu empty texts)%s%s", o->out,
                     o->inputs->n ? o->inputs->v[0] : "no input", (unsigned long long)res->left_out.bad_lines,
                     (unsigned long long)res->left_out.empty, *res->left_out.first ? "; the first: " : "", res->left_out.first);
    tokens_free(&k.ids);
    if (rc) {
        shard_writer_abort(k.w);
        return rc;
    }
    return shard_writer_commit(k.w, e);
}

/* ---- room ---- */

/* The least that a document made by rule takes as tokens, and the most bytes of text that become one byte of tokens. */
enum { MADE_BYTES = 160, TEXT_PER_BYTE = 8 };

static int least_bytes(const char *input, uint64_t *bytes, struct err *e)
{
    struct file_map m;
    if (docs_is_generator(input)) {
        TRY(docs_generator_count(input, bytes, e));
        *bytes *= MADE_BYTES;
        return OK;
    }
    TRY(file_map(&m, input, e));
    *bytes = m.size / TEXT_PER_BYTE;
    file_unmap(&m);
    return OK;
}

int prepare_check_space(const char *out, const struct inputs *lists, size_t n, struct err *e)
{
    uint64_t need = 0, have, bytes;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < lists[i].n; k++) {
            TRY(least_bytes(lists[i].v[k], &bytes, e));
            need += bytes; /* far below 2^64: files that exist, and 2^20 times 10^9 documents */
        }
    TRY(file_free_space(out, &have, e));
    if (need <= have) return OK;
    FAIL(e, ERR_IO, "%s: the texts take %.1f GB as tokens, at least; the disk has %.1f GB left", out, 1e-9 * (double)need,
         1e-9 * (double)have);
}
