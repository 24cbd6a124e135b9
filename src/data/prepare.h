/* From documents to token shards: encode, and write (data/shard.h). */
#ifndef DATA_PREPARE_H
#define DATA_PREPARE_H

#include <signal.h>
#include "data/docs.h"
#include "data/inputs.h"
#include "data/shard.h"
#include "text/tokenizer.h"

typedef void prepare_progress_fn(void *ctx, const char *input, uint64_t read, uint64_t total);

struct prepare_options {
    const struct tokenizer *tok;
    const char *tokenizer_hash; /* SHA-256 of its tokenizer.json, 64 digits */
    const struct inputs *inputs; /* expanded */
    struct docs_how how;         /* left_out is not looked at */
    const char *out;
    /* Documents are numbered from 0 over all inputs. With holdout h > 0 those with number % h == h - 1 are left out, or
     * with take_holdout only those are taken: training and validation shards of the same input. */
    uint64_t holdout;
    bool take_holdout;
    prepare_progress_fn *progress; /* NULL allowed */
    void *progress_ctx;
    const volatile sig_atomic_t *stop; /* looked at between documents: ERR_INTERRUPTED. NULL allowed */
};

struct prepare_result {
    uint64_t docs, tokens, bytes; /* bytes of text, without special tokens */
    struct docs_left_out left_out;
};

/* Writes one shard, atomically. Text is BOS text EOS; a chat is encoded by chat_encode. ERR_FORMAT when nothing came. */
int data_prepare(const struct prepare_options *o, struct prepare_result *res, struct err *e);

/* Refuses when the disk that `out` will lie on cannot even hold the least that shards of n lists of inputs take. */
int prepare_check_space(const char *out, const struct inputs *lists, size_t n, struct err *e);

#endif
