/* What the variants of q8_keys and q8_values share. Internal to kernel/. */
#ifndef KERNEL_QCACHE_H
#define KERNEL_QCACHE_H

#include "kernel/qlayout.h"
#include "kernel/variants.h"

/* The scales, as f16, of a block of each of the 32 rows of a tile; returns the largest: their bits are ordered as they are,
 * since a cache has no negative ones. */
static inline uint16_t qcache_scales(uint16_t scale[QP_BLOCK], const unsigned char *rows, size_t row_bytes)
{
    uint16_t top = 0;
    for (int t = 0; t < QP_BLOCK; t++) {
        memcpy(&scale[t], rows + (size_t)t * row_bytes, 2);
        if (scale[t] > top) top = scale[t];
    }
    return top;
}

/* 2^15 / the largest scale of a tile; 0 when that is zero, or no number: then all integers are 0 and the scale says enough. */
static inline float qcache_inverse(uint16_t top)
{
    float s = f16_to_f32(top);
    return s > 0 && s < INFINITY ? 32768.0f / s : 0.0f;
}

/* scale / top in units of 2^-15, at most 2^15 - 1, which changes no integer up to 127. */
static inline uint16_t qcache_factor(uint16_t scale, uint16_t top)
{
    float inverse = qcache_inverse(top);
    return inverse == 0 ? 0 : (uint16_t)fminf(rintf(f16_to_f32(scale) * inverse), 32767.0f);
}

#endif
