/* Encoding documents into a shard. */
#include "data/prepare.h"

struct work {
    const struct prepare_options *o;
    const char *input;
    struct shard_writer *w;
    struct tokens ids;
    struct prepare_result *res;
    uint64_t number;
};

static int encode(struct work *k, const struct doc *d, struct err *e)
{
    const struct tokenizer *t = k->o->tok;
    k->ids.n = 0;
    if (d->msgs) {
        for (size_t i = 0; i < d->n_msgs; i++) k->res->bytes += d->msgs[i].len;
        return chat_encode(t, d->msgs, d->n_msgs, false, &k->ids, e);
    }
    k->res->bytes += d->len;
    TRY(tokens_add(&k->ids, tokenizer_bos(t), e));
    TRY(tokenizer_encode(t, d->text, d->len, &k->ids, e));
    return tokens_add(&k->ids, tokenizer_eos(t), e);
}

static int add_doc(void *ctx, const struct doc *d, struct err *e)
{
    struct work *k = ctx;
    const struct prepare_options *o = k->o;
    uint64_t number = k->number++;
    if (o->stop && *o->stop) FAIL(e, ERR_INTERRUPTED, "interrupted while preparing %s", o->out);
    if (o->progress && number % 256 == 0) o->progress(o->progress_ctx, k->input, d->read, d->total);
    if (o->holdout && (number % o->holdout == o->holdout - 1) != o->take_holdout) return OK;
    TRY(encode(k, d, e));
    k->res->docs++;
    k->res->tokens += k->ids.n;
    return shard_writer_doc(k->w, k->ids.ids, k->ids.n, e);
}

int data_prepare(const struct prepare_options *o, struct prepare_result *res, struct err *e)
{
    struct work k = {.o = o, .res = res};
    *res = (struct prepare_result){0};
    if (tokenizer_bos(o->tok) < 0 || tokenizer_eos(o->tok) < 0)
        FAIL(e, ERR_FORMAT, "%s: the tokenizer has no begin or end token", o->out);
    TRY(shard_writer_open(&k.w, o->out, tokenizer_vocab(o->tok), o->tokenizer_hash, e));
    int rc = OK;
    for (size_t i = 0; i < o->n_inputs && !rc; i++) {
        k.input = o->inputs[i];
        rc = docs_each(o->inputs[i], add_doc, &k, e);
    }
    if (!rc && res->docs == 0)
        rc = err_set(e, ERR_FORMAT, __FILE__, __LINE__, "%s: no document in %s", o->out, o->n_inputs ? o->inputs[0] : "no input");
    tokens_free(&k.ids);
    if (rc) {
        shard_writer_abort(k.w);
        return rc;
    }
    return shard_writer_commit(k.w, e);
}
