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

struct pack_source {
    const void *src;
    enum dtype type; /* DT_F32 or DT_BF16 */
    int64_t across, along;
    int count;
};

static inline float pack_element(const struct pack_source *s, int i, int64_t k, int64_t kc)
{
    return i < s->count && k < kc ? pack_load(s->src, s->type, i * s->across + k * s->along) : 0.0f;
}

/* Elements [k0, kc) of k. dst is the start of the panel; k0 a multiple of step. */
static inline void pack_floats(float *dst, int width, int step, bool round, const struct pack_source *s, int64_t k0, int64_t kc)
{
    dst += k0 * width;
    for (int64_t k = k0; k < kc; k += step)
        for (int i = 0; i < width; i++)
            for (int e = 0; e < step; e++) {
                float f = pack_element(s, i, k + e, kc);
                *dst++ = round ? bf16_to_f32(bf16_from_f32(f)) : f;
            }
}

static inline void pack_bf16s(uint16_t *dst, int width, int step, const struct pack_source *s, int64_t k0, int64_t kc)
{
    dst += k0 * width;
    for (int64_t k = k0; k < kc; k += step)
        for (int i = 0; i < width; i++)
            for (int e = 0; e < step; e++) *dst++ = bf16_from_f32(pack_element(s, i, k + e, kc));
}

/* How a processor packs full panels as far as its vectors go: returns how many k it has done, and pack_floats or pack_bf16s
 * does the rest. "Rows": the source is contiguous across the panel, stride is that over k. "Columns": it is contiguous along
 * k and gets transposed, stride is that over the width. */
typedef int64_t pack_vectors_fn(int width, void *dst, const void *src, enum dtype type, int64_t stride, int64_t kc);

/* The type is handed on as a constant, so that the choice is made outside the loops. */
INLINE int64_t pack_vectors(pack_vectors_fn *rows, pack_vectors_fn *columns, int width, void *dst, const struct pack_source *s,
                            int64_t kc)
{
    bool f32 = s->type == DT_F32;
    if (s->count != width) return 0;
    if (s->across == 1)
        return f32 ? rows(width, dst, s->src, DT_F32, s->along, kc) : rows(width, dst, s->src, DT_BF16, s->along, kc);
    if (s->along == 1)
        return f32 ? columns(width, dst, s->src, DT_F32, s->across, kc) : columns(width, dst, s->src, DT_BF16, s->across, kc);
    return 0;
}

#endif
