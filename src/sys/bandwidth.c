/* Reading bandwidth: every thread adds up its part of a large buffer. */
#include "sys/bandwidth.h"
#include <stdint.h>
#include <string.h>
#include "base/mem.h"
#include "sys/clock.h"

enum { PASSES = 7, PIECES = 16 };
static const size_t buffer_bytes = (size_t)512 << 20;

struct reading {
    const uint64_t *data;
    size_t words; /* of a piece */
    uint64_t sums[PIECES];
};

static void read_task(void *ctx, int64_t piece, int worker)
{
    (void)worker;
    struct reading *r = ctx;
    const uint64_t *p = r->data + (size_t)piece * r->words;
    uint64_t sum[8] = {0};
    for (size_t i = 0; i + 8 <= r->words; i += 8)
        for (int j = 0; j < 8; j++) sum[j] += p[i + (size_t)j];
    for (int j = 0; j < 8; j++) r->sums[piece] += sum[j];
}

double bandwidth_read(struct pool *pool)
{
    void *mem = mem_alloc(buffer_bytes);
    if (!mem) return 0;
    memset(mem, 1, buffer_bytes); /* real pages, not the page of zeros */
    struct reading r = {.data = mem, .words = buffer_bytes / sizeof(uint64_t) / PIECES};
    double best = 0;
    for (int i = 0; i < PASSES; i++) {
        double start = clock_seconds();
        pool_for(pool, PIECES, read_task, &r);
        double speed = (double)buffer_bytes / (clock_seconds() - start);
        if (speed > best) best = speed;
    }
    volatile uint64_t keep = r.sums[0]; /* the sums must not be optimised away */
    (void)keep;
    mem_free(mem);
    return best;
}
