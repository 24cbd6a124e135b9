/* Reading bandwidth: every thread adds up its part of a large buffer. */
#include "sys/bandwidth.h"
#include <stdint.h>
#include <string.h>
#include "base/mem.h"
#include "sys/clock.h"
#include "sys/meminfo.h"

enum { PASSES = 7, PIECES = 16 };
enum { MOST_BYTES = 512 << 20, LEAST_BYTES = 32 << 20 };

/* Never so much that the probe itself ends the process. */
static size_t buffer_size(uint64_t most)
{
    struct meminfo m;
    uint64_t bytes = MOST_BYTES;
    meminfo_read(&m);
    if (m.known && m.available / 2 < bytes) bytes = m.available / 2;
    if (most && most / 2 < bytes) bytes = most / 2;
    return bytes >= LEAST_BYTES ? (size_t)(bytes >> 20 << 20) : 0;
}

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

double bandwidth_read(struct pool *pool, uint64_t most)
{
    size_t buffer_bytes = buffer_size(most);
    void *mem = buffer_bytes ? mem_alloc(buffer_bytes) : NULL;
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
