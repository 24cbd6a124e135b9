/* Token shards: any file is refused or gives windows that stay inside it. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "data/loader.h"
#include "data/shard.h"

enum { LEN = 16 };

static void read_all(struct loader *l)
{
    int32_t ids[LEN], targets[LEN], seq[LEN], pos[LEN];
    const struct shard *s = &l->sources[0].shard;
    int source;
    for (uint64_t w = 0; w < 8; w++) {
        loader_window(l, w * 0x123456789abcu, ids, targets, seq, pos, &source);
        for (int i = 0; i < LEN; i++) {
            bool inside = ids[i] >= 0 && ids[i] < s->vocab && targets[i] >= -1 && targets[i] < s->vocab;
            if (!inside || pos[i] > i || seq[i] > i) __builtin_trap();
        }
    }
    uint64_t n = loader_source_windows(l, 0);
    if (n) loader_source_window(l, 0, n - 1, ids, targets, seq, pos);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    struct err e;
    struct loader l;
    int fd = memfd_create("shard", MFD_CLOEXEC);
    if (fd < 0) return 0;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (write(fd, data, size) == (ssize_t)size && !loader_init(&l, 1, LEN, &e)) {
        if (!loader_add(&l, path, "fuzz", 1, &e)) read_all(&l);
        loader_free(&l);
    }
    close(fd);
    return 0;
}
