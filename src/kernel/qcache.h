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

/* q8_values by tiles: 32 rows by 32 columns into a unit of each of two panels. */
typedef void qcache_tile_fn(unsigned char *const unit[2], const unsigned char *rows, size_t row_bytes);
INLINE void qcache_values(qcache_tile_fn *tile, void *panels, const void *rows, size_t row_bytes, int64_t tiles,
                          int64_t n)
{
    size_t unit = qlayout_unit(DT_Q8_0), panel = unit * (size_t)tiles;
    for (int64_t i = 0; i < tiles; i++) {
        const unsigned char *src = (const unsigned char *)rows + (size_t)(i * QP_BLOCK) * row_bytes;
        unsigned char *to = (unsigned char *)panels + (size_t)i * unit;
        for (int64_t b = 0; b < n / QP_BLOCK; b++, src += Q8_BYTES, to += 2 * panel)
            tile((unsigned char *[]){to, to + panel}, src, row_bytes);
    }
}

#endif
