/* Token shards (.tok): the training data on disk. A fixed header, token ids, and document starts.
 *
 *   0  8  magic "AKTOK\0\0\1"        8  4  bytes per token (2 or 4)     12 4  vocabulary size
 *  16  8  number of tokens n         24 8  number of documents d        32 32 SHA-256 of the tokenizer.json
 *  64  d x u64  start of each document (in tokens, increasing, first is 0)      then n tokens, little-endian
 *
 * Every document begins with BOS and ends with EOS. A shard is written once, atomically. */
#ifndef DATA_SHARD_H
#define DATA_SHARD_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "sys/file.h"

struct shard {
    struct file_map map;
    uint64_t n_tokens, n_docs;
    int token_bytes;
    int32_t vocab;
    char tokenizer_hash[65];
    const uint8_t *docs;   /* d x u64, unaligned little-endian: use shard_doc_start */
    const uint8_t *tokens; /* use shard_token */
};

/* Maps and validates: sizes, increasing document starts, every token below vocab. */
int shard_open(struct shard *s, const char *path, struct err *e);
void shard_close(struct shard *s);
uint64_t shard_doc_start(const struct shard *s, uint64_t doc); /* doc == n_docs gives n_tokens */
int32_t shard_token(const struct shard *s, uint64_t i);

struct shard_writer;
int shard_writer_open(struct shard_writer **out, const char *path, int32_t vocab, const char tokenizer_hash[65], struct err *e);
int shard_writer_doc(struct shard_writer *w, const int32_t *ids, size_t n, struct err *e); /* one document, BOS..EOS */
int shard_writer_commit(struct shard_writer *w, struct err *e); /* frees w */
void shard_writer_abort(struct shard_writer *w);                /* frees w; NULL allowed */

#endif
