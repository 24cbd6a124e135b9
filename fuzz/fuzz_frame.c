/* Bodies of frames between front and worker: the first byte is the type. What is read is written again with equal bytes. */
#include <stdlib.h>
#include <string.h>
#include "turn/frame.h"

static void same(const struct buf *out, int rc, const uint8_t *data, size_t size)
{
    if (rc || out->len != size + FRAME_HEAD || memcmp(out->data + FRAME_HEAD, data, size)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define KIND(number, name, type, free_it)                                           \
    case number: {                                                                  \
        struct type x;                                                              \
        if (frame_read_##name(&x, body, size - 1, &e)) break;                       \
        rc = frame_##name(&out, &x, &e);                                            \
        same(&out, rc, data + 1, size - 1);                                         \
        free_it;                                                                    \
        break;                                                                      \
    }

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err e;
    struct buf out = {0};
    int rc;
    uint32_t type;
    size_t len;
    bool whole;
    if (size == 0) return 0;
    const char *body = (const char *)data + 1;
    frame_look(body, size - 1, &type, &len, &whole, &e);
    switch (data[0]) {
        KIND(FRAME_TURN, turn, turn, turn_free(&x))
        KIND(FRAME_CONTROL, control, frame_control, (void)0)
        KIND(FRAME_EVENT, event, turn_event, turn_event_free(&x))
        KIND(FRAME_MODEL, model, turn_model, turn_model_free(&x))
        KIND(FRAME_COUNTS, counts, turn_counts, (void)0)
        KIND(FRAME_FAILED, failed, frame_failed, turn_mem_free(&x.mem))
        KIND(FRAME_LOADING, loading, frame_loading, (void)0)
    }
    buf_free(&out);
    return 0;
}
