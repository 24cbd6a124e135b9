/* Scalar packing for the GEMM panels: the C kernels, and the ends of panels in the others. Internal to kernel/.
 *
 * A panel is [k / step][width][step]. `across` is the stride in the source over the panel's width, `along` that over k.
 * count <= width is what the source has; the rest, and k up to a multiple of step, becomes zero. */
#ifndef KERNEL_PACK_H
#define KERNEL_PACK_H

#include "kernel/variants.h"

static inline float pack_load(const void *src, enum dtype type, int64_t i)
{
    if (type == DT_F32) {
        float f;
        memcpy(&f, (const char *)src + 4 * i, 4);
        return f;
    }
    uint16_t h;
    memcpy(&h, (const char *)src + 2 * i, 2);
    return bf16_to_f32(h);
}

static inline const void *pack_at(const void *src, enum dtype type, int64_t i)
{
    return (const char *)src + (type == DT_F32 ? 4 * i : 2 * i);
}

struct pack_source {
    const void *src;
    enum dtype type; /* DT_F32 or DT_BF16 */
    int64_t across, along;
    int count;
};

/* Elements [k0, kc) of k. dst is the start of the panel; k0 a multiple of step. */
static inline void pack_floats(float *dst, int width, int step, bool round, const struct pack_source *s, int64_t k0, int64_t kc)
{
    dst += k0 * width;
    for (int64_t k = k0; k < kc; k += step)
        for (int i = 0; i < width; i++)
            for (int e = 0; e < step; e++) {
                float f = i < s->count && k + e < kc ? pack_load(s->src, s->type, i * s->across + (k + e) * s->along) : 0.0f;
                *dst++ = round ? bf16_to_f32(bf16_from_f32(f)) : f;
            }
}

static inline void pack_bf16s(uint16_t *dst, int width, int step, const struct pack_source *s, int64_t k0, int64_t kc)
{
    dst += k0 * width;
    for (int64_t k = k0; k < kc; k += step)
        for (int i = 0; i < width; i++)
            for (int e = 0; e < step; e++) {
                float f = i < s->count && k + e < kc ? pack_load(s->src, s->type, i * s->across + (k + e) * s->along) : 0.0f;
                *dst++ = bf16_from_f32(f);
            }
}

#endif
