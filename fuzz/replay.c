/* Runs a fuzz target without a fuzzer: every file of its corpus, every beginning of it, and some hundred damaged
 * copies that are the same on every machine. A leak, crash or hang fails. replay_X FILE... runs only these files. */
#include "base/mem.h"
#include "base/rng.h"
#include "sys/file.h"
#include "tests/test.h"
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_FILE = 1 << 20, PREFIXES = 600, DAMAGED = 400, SECONDS_PER_FILE = 60 };

/* The input lies in a block of exactly its size, so that AddressSanitizer sees a read beyond it. */
static void run_one(const char *bytes, size_t n)
{
    uint8_t *copy = mem_alloc(n);
    if (!copy) return;
    memcpy(copy, bytes, n);
    LLVMFuzzerTestOneInput(copy, n);
    mem_free(copy);
}

/* One to four changes: a bit, a byte of interest, a 4-byte count of interest, a piece taken out or put in twice. */
static size_t damage(char *d, size_t n, size_t cap, struct rng *r)
{
    static const unsigned char bytes[] = {0, 1, 0x7f, 0x80, 0xff, '"', '{', '['};
    static const uint32_t counts[] = {0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x10000};
    for (uint64_t k = 1 + rng_next_below(r, 4); k > 0 && n > 0; k--) {
        size_t at = rng_next_below(r, n), len = 1 + rng_next_below(r, 64);
        if (len > n - at) len = n - at;
        switch (rng_next_below(r, 5)) {
        case 0: d[at] ^= (char)(1 << rng_next_below(r, 8)); break;
        case 1: d[at] = (char)bytes[rng_next_below(r, sizeof bytes)]; break;
        case 2:
            if (n - at >= 4) memcpy(d + at, &counts[rng_next_below(r, sizeof counts / sizeof counts[0])], 4);
            break;
        case 3:
            memmove(d + at, d + at + len, n - at - len);
            n -= len;
            break;
        default:
            if (n + len > cap) break;
            memmove(d + at + len, d + at, n - at);
            n += len;
        }
    }
    return n;
}

static void run_file(const char *path, uint64_t index)
{
    char *text;
    size_t len;
    struct err e;
    if (file_read(&text, &len, path, MAX_FILE, &e)) {
        CHECK(false, "%s", e.msg);
        return;
    }
    size_t cap = len + 256;
    char *copy = mem_alloc(cap);
    int64_t live = 0;
    alarm(SECONDS_PER_FILE);
    for (int pass = 0; pass < 2; pass++) { /* tables are made when first needed: leaks are counted in the second pass */
        struct rng r = {.seed = 1, .stream = index};
        size_t step = len / PREFIXES + 1;
        live = mem_live();
        run_one(text, len);
        for (size_t n = 0; n < len; n += step) run_one(text, n);
        for (int i = 0; copy && i < DAMAGED; i++) {
            memcpy(copy, text, len);
            run_one(copy, damage(copy, len, cap, &r));
        }
    }
    alarm(0);
    CHECK(copy && mem_live() == live, "%s: %lld blocks leaked", path, (long long)(mem_live() - live));
    mem_free(copy);
    mem_free(text);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) run_file(argv[i], (uint64_t)i);
    if (argc > 1) return test_end();
    const char *name = strstr(argv[0], "replay_");
    char dir[256], path[512], **files;
    size_t n;
    struct err e;
    if (!name || path_join(dir, sizeof dir, "fuzz/corpora", name + strlen("replay_"), &e) || file_list(&files, &n, dir, &e)) {
        CHECK(name, "the program's name must be replay_TARGET");
        CHECK(!name, "%s", e.msg);
        return test_end();
    }
    CHECK(n > 0, "%s: the corpus is empty", dir);
    for (size_t i = 0; i < n; i++) {
        if (!path_join(path, sizeof path, dir, files[i], &e)) run_file(path, i);
        mem_free(files[i]);
    }
    mem_free(files);
    return test_end();
}
