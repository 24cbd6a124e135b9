/* Windows to batches. */
#include "train/feed.h"
#include "base/mem.h"

int feed_init(struct feed *f, int64_t seq_len, int64_t windows, int64_t micro, struct err *e)
{
    *f = (struct feed){.seq_len = seq_len, .windows = windows, .micro = micro};
    size_t n = (size_t)(windows * seq_len);
    f->ids = mem_array(n, sizeof *f->ids);
    f->targets = mem_array(n, sizeof *f->targets);
    f->targets2 = mem_array(n, sizeof *f->targets2);
    f->seq = mem_array(n, sizeof *f->seq);
    f->pos = mem_array(n, sizeof *f->pos);
    f->segs = mem_array((size_t)(micro * seq_len), sizeof *f->segs); /* at worst each token is a document */
    if (f->ids && f->targets && f->targets2 && f->seq && f->pos && f->segs) return OK;
    feed_free(f);
    FAIL(e, ERR_MEMORY, "out of memory for a batch of %zu tokens", n);
}

void feed_free(struct feed *f)
{
    mem_free(f->ids);
    mem_free(f->targets);
    mem_free(f->targets2);
    mem_free(f->seq);
    mem_free(f->pos);
    mem_free(f->segs);
    *f = (struct feed){0};
}

/* The targets of multi-token prediction, and the counts. */
static void derive(struct feed *f, int64_t windows)
{
    f->counted = f->counted2 = 0;
    for (int64_t w = 0; w < windows; w++)
        for (int64_t i = 0; i < f->seq_len; i++) {
            int64_t n = w * f->seq_len + i;
            bool inside = f->targets[n] >= 0 && i + 1 < f->seq_len && f->seq[n + 1] == f->seq[n];
            f->targets2[n] = inside ? f->targets[n + 1] : -1;
            f->counted += f->targets[n] >= 0;
            f->counted2 += f->targets2[n] >= 0;
        }
}

void feed_step(struct feed *f, const struct loader *l, int64_t step)
{
    int source;
    for (int64_t w = 0; w < f->windows; w++) {
        int64_t at = w * f->seq_len;
        loader_window(l, (uint64_t)(step * f->windows + w), f->ids + at, f->targets + at, f->seq + at, f->pos + at, &source);
    }
    derive(f, f->windows);
}

void feed_source(struct feed *f, const struct loader *l, size_t source, uint64_t first, uint64_t stride, int64_t n)
{
    for (int64_t w = 0; w < n; w++) {
        int64_t at = w * f->seq_len;
        loader_source_window(l, source, first + (uint64_t)w * stride, f->ids + at, f->targets + at, f->seq + at, f->pos + at);
    }
    derive(f, n);
}

int64_t feed_micro(struct feed *f, int64_t w0, int64_t n)
{
    int64_t at = w0 * f->seq_len, rows = n * f->seq_len, n_segs = 0;
    for (int64_t i = 0; i < rows; i++) {
        if (i % f->seq_len == 0 || f->seq[at + i] != f->seq[at + i - 1])
            f->segs[n_segs++] = (struct segment){.row0 = i, .key0 = i};
        f->segs[n_segs - 1].n++;
    }
    f->batch = (struct batch){.n = rows,
                              .ids = f->ids + at,
                              .pos = f->pos + at,
                              .segs = f->segs,
                              .n_segs = n_segs,
                              .n_keys = rows,
                              .window = f->seq_len};
    return at;
}
