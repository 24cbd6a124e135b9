/* Documents from bytes: JSON lines, text, both behind zstd and in other encodings. The first byte chooses. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "data/docs.h"
#include "data/encoding.h"

static int touch(void *ctx, const struct doc *d, struct err *e)
{
    size_t *sum = ctx;
    (void)e;
    for (size_t i = 0; i < d->len; i++) *sum += (unsigned char)d->text[i];
    for (size_t k = 0; k < d->n_msgs; k++)
        for (size_t i = 0; i < d->msgs[k].len; i++) *sum += (unsigned char)d->msgs[k].text[i];
    return OK;
}

/* Also in an encoding that the last byte chooses, without bad lines. */
static void each_file(const char *end, const uint8_t *data, size_t size, size_t *sum)
{
    char path[96], link_to[64];
    struct err e;
    int encoding = 0, wanted = size ? data[size - 1] % 20 : 0;
    while (encoding < wanted && encoding_names[encoding + 1]) encoding++;
    int fd = memfd_create("docs", MFD_CLOEXEC);
    if (fd < 0) return;
    snprintf(link_to, sizeof link_to, "/proc/self/fd/%d", fd);
    snprintf(path, sizeof path, "/tmp/fuzz_jsonl.%ld%s", (long)getpid(), end);
    if (write(fd, data, size) == (ssize_t)size && symlink(link_to, path) == 0) {
        struct docs_left_out left_out = {0};
        struct docs_how how = {.encoding = encoding, .skip_bad = encoding > 0, .left_out = &left_out};
        docs_each(path, &how, touch, sum, &e);
        unlink(path);
    }
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err e;
    size_t sum = 0;
    if (size == 0) return 0;
    const char *text = (const char *)data + 1;
    switch (data[0] % 8) {
    case 0: docs_each_jsonl(text, size - 1, "fuzz.jsonl", touch, &sum, &e); break;
    case 1: docs_each_txt(text, size - 1, "fuzz.txt", touch, &sum, &e); break;
    case 2: each_file(".jsonl.zst", data + 1, size - 1, &sum); break;
    case 3: each_file(".txt.zst", data + 1, size - 1, &sum); break;
    case 4: each_file(".jsonl", data + 1, size - 1, &sum); break;
    default: each_file(".txt", data + 1, size - 1, &sum);
    }
    return 0;
}
