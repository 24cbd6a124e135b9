/* Token shards on disk. The reader checks the whole file once, so that everything after it may trust the numbers; the
 * writer does not know the number of documents before the end, so tokens wait in a second temporary file. */
#include "data/shard.h"
#include "base/checked.h"
#include "base/mem.h"
#include "text/tokenizer.h"
#include <stdio.h>
#include <string.h>

enum { HEADER_BYTES = 64, HASH_OFFSET = 32, HASH_BYTES = 32, WRITE_BUFFER = 1 << 20 };

static const uint8_t shard_magic[8] = {'A', 'K', 'T', 'O', 'K', 0, 0, 1};

static uint64_t load_le(const uint8_t *p, int bytes)
{
    uint64_t v = 0;
    for (int i = bytes - 1; i >= 0; i--) v = v << 8 | p[i];
    return v;
}

static void store_le(uint8_t *p, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++) p[i] = (uint8_t)(v >> 8 * i);
}

static int bytes_for(int32_t vocab) { return vocab <= 65536 ? 2 : 4; }

static int read_header(struct shard *s, const char *path, struct err *e)
{
    const uint8_t *h = s->map.data;
    if (s->map.size < HEADER_BYTES)
        FAIL(e, ERR_FORMAT, "%s: %zu bytes, a token shard has at least %d", path, s->map.size, HEADER_BYTES);
    if (memcmp(h, shard_magic, sizeof shard_magic) != 0)
        FAIL(e, ERR_FORMAT, "%s: offset 0: magic %016llx, expected %016llx (a token shard)", path,
             (unsigned long long)load_le(h, 8), (unsigned long long)load_le(shard_magic, 8));
    uint64_t token_bytes = load_le(h + 8, 4), vocab = load_le(h + 12, 4);
    if (vocab < 1 || vocab > TOK_MAX_VOCAB)
        FAIL(e, ERR_FORMAT, "%s: offset 12: vocabulary of %llu, expected 1 to %d", path, (unsigned long long)vocab,
             TOK_MAX_VOCAB);
    if (token_bytes != (uint64_t)bytes_for((int32_t)vocab))
        FAIL(e, ERR_FORMAT, "%s: offset 8: %llu bytes per token, expected %d for a vocabulary of %llu", path,
             (unsigned long long)token_bytes, bytes_for((int32_t)vocab), (unsigned long long)vocab);
    s->token_bytes = (int)token_bytes;
    s->vocab = (int32_t)vocab;
    s->n_tokens = load_le(h + 16, 8);
    s->n_docs = load_le(h + 24, 8);
    for (int i = 0; i < HASH_BYTES; i++) snprintf(s->tokenizer_hash + 2 * i, 3, "%02x", h[HASH_OFFSET + i]);
    return OK;
}

static int check_sizes(struct shard *s, const char *path, struct err *e)
{
    uint64_t docs, tokens, want;
    bool fits = mul_u64(s->n_docs, 8, &docs) && mul_u64(s->n_tokens, (uint64_t)s->token_bytes, &tokens) &&
                add_u64(docs, tokens, &want) && add_u64(want, HEADER_BYTES, &want);
    if (!fits || want != s->map.size)
        FAIL(e, ERR_FORMAT, "%s: offset 16: %llu tokens and %llu documents do not match the file's %zu bytes", path,
             (unsigned long long)s->n_tokens, (unsigned long long)s->n_docs, s->map.size);
    if ((s->n_docs == 0) != (s->n_tokens == 0))
        FAIL(e, ERR_FORMAT, "%s: offset 24: %llu documents for %llu tokens", path, (unsigned long long)s->n_docs,
             (unsigned long long)s->n_tokens);
    s->docs = s->map.data + HEADER_BYTES;
    s->tokens = s->docs + docs;
    return OK;
}

static int check_contents(const struct shard *s, const char *path, struct err *e)
{
    uint64_t before = 0;
    for (uint64_t d = 0; d < s->n_docs; d++) {
        uint64_t start = load_le(s->docs + 8 * d, 8), least = d ? before + 1 : 0, most = d ? s->n_tokens - 1 : 0;
        if (start < least || start > most)
            FAIL(e, ERR_FORMAT, "%s: offset %llu: document %llu starts at token %llu, expected %llu to %llu", path,
                 (unsigned long long)(HEADER_BYTES + 8 * d), (unsigned long long)d, (unsigned long long)start,
                 (unsigned long long)least, (unsigned long long)most);
        before = start;
    }
    for (uint64_t i = 0; i < s->n_tokens; i++) {
        uint64_t id = load_le(s->tokens + i * (uint64_t)s->token_bytes, s->token_bytes);
        if (id >= (uint64_t)s->vocab)
            FAIL(e, ERR_FORMAT, "%s: offset %llu: token %llu is %llu, expected below the vocabulary of %d", path,
                 (unsigned long long)((uint64_t)(s->tokens - s->map.data) + i * (uint64_t)s->token_bytes),
                 (unsigned long long)i, (unsigned long long)id, s->vocab);
    }
    return OK;
}

int shard_open(struct shard *s, const char *path, struct err *e)
{
    *s = (struct shard){0};
    TRY(file_map(&s->map, path, e));
    int rc = read_header(s, path, e);
    if (!rc) rc = check_sizes(s, path, e);
    if (!rc) rc = check_contents(s, path, e);
    if (rc) shard_close(s);
    return rc;
}

void shard_close(struct shard *s)
{
    file_unmap(&s->map);
    *s = (struct shard){0};
}

uint64_t shard_doc_start(const struct shard *s, uint64_t doc)
{
    return doc >= s->n_docs ? s->n_tokens : load_le(s->docs + 8 * doc, 8);
}

int32_t shard_token(const struct shard *s, uint64_t i)
{
    const uint8_t *p = s->tokens + i * (uint64_t)s->token_bytes;
    return s->token_bytes == 2 ? (int32_t)(p[0] | p[1] << 8) : (int32_t)load_le(p, 4);
}

struct shard_writer {
    struct file_out out, spool; /* the shard; its tokens until the number of documents is known */
    int32_t vocab;
    int token_bytes;
    uint8_t hash[HASH_BYTES];
    uint64_t n_tokens, n_docs, cap_docs;
    uint64_t *starts;
    uint8_t *pending; /* WRITE_BUFFER bytes waiting for the spool */
    size_t n_pending;
};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}

static int parse_hash(uint8_t out[HASH_BYTES], const char *hex, const char *path, struct err *e)
{
    for (int i = 0; i < HASH_BYTES; i++) {
        int hi = hex_digit(hex[2 * i]), lo = hi < 0 ? -1 : hex_digit(hex[2 * i + 1]);
        if (lo < 0) FAIL(e, ERR_USAGE, "%s: the tokenizer's hash has no hexadecimal digit at place %d", path, 2 * i);
        out[i] = (uint8_t)(hi << 4 | lo);
    }
    return OK;
}

static int open_files(struct shard_writer *w, const char *path, struct err *e)
{
    TRY(file_out_open(&w->spool, path, e));
    return file_out_open(&w->out, path, e);
}

int shard_writer_open(struct shard_writer **out, const char *path, int32_t vocab, const char tokenizer_hash[65], struct err *e)
{
    *out = NULL;
    if (vocab < 1 || vocab > TOK_MAX_VOCAB)
        FAIL(e, ERR_USAGE, "%s: vocabulary of %d, expected 1 to %d", path, vocab, TOK_MAX_VOCAB);
    struct shard_writer *w = NULL;
    TRY(mem_new((void **)&w, sizeof *w, "a shard writer", e));
    w->vocab = vocab;
    w->token_bytes = bytes_for(vocab);
    int rc = parse_hash(w->hash, tokenizer_hash, path, e);
    if (!rc) rc = mem_new((void **)&w->pending, WRITE_BUFFER, "a shard's buffer", e);
    if (!rc) rc = open_files(w, path, e);
    if (rc) {
        shard_writer_abort(w);
        return rc;
    }
    *out = w;
    return OK;
}

static int flush(struct shard_writer *w, struct err *e)
{
    size_t n = w->n_pending;
    w->n_pending = 0;
    return file_out_write(&w->spool, w->pending, n, e);
}

static int note_start(struct shard_writer *w, struct err *e)
{
    if (w->n_docs == w->cap_docs) {
        size_t cap = w->cap_docs ? 2 * w->cap_docs : 1024, bytes;
        if (!mul_size(cap, sizeof *w->starts, &bytes)) FAIL(e, ERR_LIMIT, "%s: too many documents", w->out.path);
        uint64_t *p = mem_grow(w->starts, w->cap_docs * sizeof *w->starts, bytes);
        if (!p) FAIL(e, ERR_MEMORY, "%s: out of memory for %zu document starts", w->out.path, cap);
        w->starts = p;
        w->cap_docs = cap;
    }
    w->starts[w->n_docs++] = w->n_tokens;
    return OK;
}

int shard_writer_doc(struct shard_writer *w, const int32_t *ids, size_t n, struct err *e)
{
    if (n < 2) FAIL(e, ERR_USAGE, "%s: document %llu has %zu tokens, at least BOS and EOS are expected", w->out.path,
                    (unsigned long long)w->n_docs, n);
    for (size_t i = 0; i < n; i++)
        if (ids[i] < 0 || ids[i] >= w->vocab)
            FAIL(e, ERR_USAGE, "%s: document %llu: token %zu is %d, expected 0 to %d", w->out.path, (unsigned long long)w->n_docs,
                 i, ids[i], w->vocab - 1);
    TRY(note_start(w, e));
    for (size_t i = 0; i < n; i++) {
        if (w->n_pending + (size_t)w->token_bytes > WRITE_BUFFER) TRY(flush(w, e));
        store_le(w->pending + w->n_pending, (uint64_t)ids[i], w->token_bytes);
        w->n_pending += (size_t)w->token_bytes;
    }
    w->n_tokens += n;
    return OK;
}

static int write_all(struct shard_writer *w, struct err *e)
{
    uint8_t h[HEADER_BYTES];
    memcpy(h, shard_magic, sizeof shard_magic);
    store_le(h + 8, (uint64_t)w->token_bytes, 4);
    store_le(h + 12, (uint64_t)w->vocab, 4);
    store_le(h + 16, w->n_tokens, 8);
    store_le(h + 24, w->n_docs, 8);
    memcpy(h + HASH_OFFSET, w->hash, HASH_BYTES);
    TRY(flush(w, e));
    TRY(file_out_write(&w->out, h, sizeof h, e));
    for (uint64_t d = 0; d < w->n_docs; d++) {
        store_le(w->pending + w->n_pending, w->starts[d], 8);
        w->n_pending += 8;
        if (w->n_pending < WRITE_BUFFER && d + 1 < w->n_docs) continue;
        TRY(file_out_write(&w->out, w->pending, w->n_pending, e));
        w->n_pending = 0;
    }
    struct file_map tokens;
    TRY(file_out_map(&tokens, &w->spool, e));
    int rc = file_out_write(&w->out, tokens.data, tokens.size, e);
    file_unmap(&tokens);
    return rc;
}

int shard_writer_commit(struct shard_writer *w, struct err *e)
{
    int rc = write_all(w, e);
    if (!rc) rc = file_out_commit(&w->out, e);
    shard_writer_abort(w); /* removes the spool; no effect on a committed file */
    return rc;
}

void shard_writer_abort(struct shard_writer *w)
{
    if (!w) return;
    file_out_abort(&w->out);
    file_out_abort(&w->spool);
    mem_free(w->pending);
    mem_free(w->starts);
    mem_free(w);
}
