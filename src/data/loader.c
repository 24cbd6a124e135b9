/* Batches from shards: a window's content is computed from its number alone. See loader.h for the contract.
 *
 * Which source: source 0 gets window w when floor((w + 1) p + u) > floor(w p + u), with p its share and u a seeded
 * phase (a Beatty sequence); the windows it leaves are numbered again and split among the others in the same way. So
 * after any number of windows each source has had its share up to a window or two, and how many windows a source had
 * before w is known without counting. Shares are 32-bit fractions: the same on every machine.
 *
 * Which window of the source: a Feistel network on the next power of four above the number of windows of an epoch,
 * walked until it falls below it (Black and Rogaway, "Ciphers with arbitrary finite domains", 2002). */
#include "data/loader.h"
#include "base/checked.h"
#include "base/mem.h"
#include "base/rng.h"
#include <math.h>
#include <string.h>

enum { MAX_SEQ_LEN = 1 << 24, MAX_SOURCES = 4096, FEISTEL_ROUNDS = 6 };
/* Random streams of the run's seed. */
enum { STREAM_PHASE = 0x10ad0001, STREAM_OFFSET = 0x10ad0002, STREAM_ORDER = 0x10ad0003 };

int loader_init(struct loader *l, uint64_t seed, int seq_len, struct err *e)
{
    *l = (struct loader){.seed = seed, .seq_len = seq_len};
    if (seq_len < 1 || seq_len > MAX_SEQ_LEN) FAIL(e, ERR_USAGE, "sequence length %d, expected 1 to %d", seq_len, MAX_SEQ_LEN);
    return OK;
}

static int check_source(const struct loader *l, const struct shard *s, const char *path, struct err *e)
{
    if (s->n_tokens < (uint64_t)l->seq_len)
        FAIL(e, ERR_USAGE, "%s: %llu tokens, one window needs %d", path, (unsigned long long)s->n_tokens, l->seq_len);
    if (l->n_sources == 0) return OK;
    const struct shard *first = &l->sources[0].shard;
    if (s->vocab != first->vocab || strcmp(s->tokenizer_hash, first->tokenizer_hash) != 0)
        FAIL(e, ERR_USAGE, "%s: made with another tokenizer (vocabulary %d, hash %.16s) than %s (%d, %.16s)", path, s->vocab,
             s->tokenizer_hash, l->sources[0].name, first->vocab, first->tokenizer_hash);
    return OK;
}

int loader_add(struct loader *l, const char *path, const char *name, double weight, struct err *e)
{
    if (!isfinite(weight) || weight <= 0 || weight > 1e9)
        FAIL(e, ERR_USAGE, "%s: weight %g, expected above 0 and at most 1e9", name, weight);
    if (l->n_sources >= MAX_SOURCES) FAIL(e, ERR_LIMIT, "%s: more than %d sources", name, MAX_SOURCES);
    struct loader_source s = {.weight = weight};
    TRY(shard_open(&s.shard, path, e));
    int rc = check_source(l, &s.shard, path, e);
    if (!rc && !(s.name = mem_strdup(name))) rc = err_set(e, ERR_MEMORY, __FILE__, __LINE__, "%s: out of memory", name);
    if (!rc) {
        size_t old = l->n_sources * sizeof s;
        struct loader_source *p = mem_grow(l->sources, old, old + sizeof s);
        if (!p) rc = err_set(e, ERR_MEMORY, __FILE__, __LINE__, "%s: out of memory for a list of sources", name);
        else l->sources = p;
    }
    if (rc) {
        mem_free(s.name);
        shard_close(&s.shard);
        return rc;
    }
    l->sources[l->n_sources++] = s;
    return OK;
}

void loader_free(struct loader *l)
{
    for (size_t i = 0; i < l->n_sources; i++) {
        shard_close(&l->sources[i].shard);
        mem_free(l->sources[i].name);
    }
    mem_free(l->sources);
    *l = (struct loader){0};
}

/* The source of window w, and how many windows it had before. */
static size_t pick_source(const struct loader *l, uint64_t w, uint64_t *nth)
{
    double left = 0;
    for (size_t i = 0; i < l->n_sources; i++) left += l->sources[i].weight;
    for (size_t i = 0; i + 1 < l->n_sources; i++) {
        uint64_t share = (uint64_t)(l->sources[i].weight / left * 4294967296.0 + 0.5);
        unsigned __int128 phase = rng_below(l->seed, STREAM_PHASE, i, (uint64_t)1 << 32);
        uint64_t before = (uint64_t)(((unsigned __int128)w * share + phase) >> 32);
        uint64_t after = (uint64_t)((((unsigned __int128)w + 1) * share + phase) >> 32);
        if (after > before) {
            *nth = before;
            return i;
        }
        w -= before;
        left -= l->sources[i].weight;
    }
    *nth = w;
    return l->n_sources - 1;
}

/* Place `i` of a seeded permutation of [0, n). */
static uint64_t permute(uint64_t i, uint64_t n, uint64_t seed, uint64_t stream, uint64_t epoch)
{
    int half = 1;
    while (half < 32 && (uint64_t)1 << 2 * half < n) half++;
    uint64_t mask = ((uint64_t)1 << half) - 1;
    do { /* i < n, and the network permutes a set that holds [0, n): the walk comes back below n */
        uint64_t a = i >> half, b = i & mask;
        for (uint64_t r = 0; r < FEISTEL_ROUNDS; r++) {
            uint64_t f = rng_u64(seed, stream, (epoch * FEISTEL_ROUNDS + r) << 32 | b) & mask;
            uint64_t t = a ^ f;
            a = b;
            b = t;
        }
        i = a << half | b;
    } while (i >= n);
    return i;
}

/* Windows of one epoch: as many as fit for every offset of the cutting, and at least one. */
static uint64_t epoch_windows(uint64_t n_tokens, uint64_t seq_len)
{
    uint64_t n = (n_tokens - (seq_len - 1)) / seq_len;
    return n ? n : 1;
}

/* The number of the document that holds token t. */
static uint64_t doc_of(const struct shard *s, uint64_t t)
{
    uint64_t lo = 0, hi = s->n_docs; /* start(lo) <= t < start(hi) */
    while (hi - lo > 1) {
        uint64_t mid = lo + (hi - lo) / 2;
        if (shard_doc_start(s, mid) <= t) lo = mid;
        else hi = mid;
    }
    return lo;
}

static void fill(const struct shard *s, uint64_t start, int seq_len, int32_t *ids, int32_t *targets, int32_t *seq, int32_t *pos)
{
    uint64_t doc = doc_of(s, start), end = shard_doc_start(s, doc + 1);
    int32_t part = 0, place = 0;
    for (int i = 0; i < seq_len; i++) {
        uint64_t t = start + (uint64_t)i;
        if (t == end) {
            end = shard_doc_start(s, ++doc + 1);
            part++;
            place = 0;
        }
        ids[i] = shard_token(s, t);
        targets[i] = t + 1 == end ? -1 : shard_token(s, t + 1);
        seq[i] = part;
        pos[i] = place++;
    }
}

void loader_window(const struct loader *l, uint64_t window, int32_t *ids, int32_t *targets, int32_t *seq, int32_t *pos,
                   int *source)
{
    uint64_t nth, len = (uint64_t)l->seq_len;
    size_t k = pick_source(l, window, &nth);
    const struct shard *s = &l->sources[k].shard;
    uint64_t per_epoch = epoch_windows(s->n_tokens, len), epoch = nth / per_epoch, high = (uint64_t)k << 32;
    uint64_t slack = s->n_tokens - per_epoch * len; /* at least the longest offset, or what a single window leaves */
    uint64_t offset = rng_below(l->seed, STREAM_OFFSET | high, epoch, (slack < len ? slack : len - 1) + 1);
    uint64_t place = permute(nth % per_epoch, per_epoch, l->seed, STREAM_ORDER | high, epoch);
    fill(s, offset + place * len, l->seq_len, ids, targets, seq, pos);
    *source = (int)k;
}

uint64_t loader_source_windows(const struct loader *l, size_t source)
{
    return l->sources[source].shard.n_tokens / (uint64_t)l->seq_len;
}

void loader_source_window(const struct loader *l, size_t source, uint64_t w, int32_t *ids, int32_t *targets, int32_t *seq,
                          int32_t *pos)
{
    fill(&l->sources[source].shard, w * (uint64_t)l->seq_len, l->seq_len, ids, targets, seq, pos);
}
