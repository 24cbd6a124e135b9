/* Batches from shards. The content of a batch is a pure function of (shards, weights, seed, step, micro-batch):
 * there is no state, so a resumed run sees exactly what the uninterrupted one would have.
 *
 * Windows: the shard's token stream is cut into windows of seq_len tokens (+1 for the last target). Source s has a
 * weight; window number w of the whole run is drawn from the source given by a low-discrepancy rule on (seed, w),
 * and within the source, windows are visited in the order of a seeded permutation of each epoch (a Feistel or
 * cycle-walking permutation computed per index, nothing stored), with a fresh seeded offset of the cutting per epoch. */
#ifndef DATA_LOADER_H
#define DATA_LOADER_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "data/shard.h"

struct loader_source {
    struct shard shard; /* owned by the loader after loader_add */
    double weight;      /* > 0 */
    char *name;
};

struct loader {
    struct loader_source *sources;
    size_t n_sources;
    uint64_t seed;
    int seq_len;
};

int loader_init(struct loader *l, uint64_t seed, int seq_len, struct err *e);
int loader_add(struct loader *l, const char *path, const char *name, double weight, struct err *e);
void loader_free(struct loader *l);

/* Fills one window: ids (seq_len), targets (seq_len: the next token, or -1 where the next token begins another
 * document), seq (seq_len: number of the document inside this window, 0, 1, ...), pos (seq_len: position inside the
 * document's part in this window, from 0), and source (index into sources). `window` counts from 0 over the run:
 * window = step * windows_per_step + i. Allocates nothing. */
void loader_window(const struct loader *l, uint64_t window, int32_t *ids, int32_t *targets, int32_t *seq, int32_t *pos,
                   int *source);

/* Windows of the held-out part for validation, in order, wrapping nothing: returns their number for one source. */
uint64_t loader_source_windows(const struct loader *l, size_t source);
/* Window w (in order, offset 0) of a source, same outputs as loader_window. */
void loader_source_window(const struct loader *l, size_t source, uint64_t w, int32_t *ids, int32_t *targets, int32_t *seq,
                          int32_t *pos);

#endif
