/* Decoding of the K formats: blocks of 256 whose sub-blocks have small integer scales. d * scale is rounded to f32
 * first (it is exact), then times n (exact too): one rounding at most, in the subtraction of the minimum. */
#include "format/blocks.h"

void q2_k_load(float *dst, const void *src, int64_t n)
{
    const struct q2_k_block *b = src;
    for (; n > 0; n -= SUPER_BLOCK, b++) {
        float d = load_f16(b->d), dmin = load_f16(b->dmin);
        for (int s = 0; s < 16; s++, dst += 16) { /* sub-block s: half s / 8, field (s % 8) / 2, bytes 16 (s % 2) .. */
            const uint8_t *q = b->q + 32 * (s / 8) + 16 * (s % 2);
            int shift = s % 8 / 2 * 2;
            float scale = d * (float)(b->scales[s] & 15), min = dmin * (float)(b->scales[s] >> 4);
            for (int l = 0; l < 16; l++) dst[l] = scale * (float)(q[l] >> shift & 3) - min;
        }
    }
}

void q3_k_load(float *dst, const void *src, int64_t n)
{
    const struct q3_k_block *b = src;
    for (; n > 0; n -= SUPER_BLOCK, b++) {
        float d = load_f16(b->d);
        for (int s = 0; s < 16; s++, dst += 16) {
            const uint8_t *q = b->q + 32 * (s / 8) + 16 * (s % 2), *high = b->high + 16 * (s % 2), *a = b->scales;
            int shift = s % 8 / 2 * 2, bit = s / 2; /* s / 2 = 4 * half + field */
            int scale = (s < 8 ? a[s] & 15 : a[s - 8] >> 4) | (a[8 + s % 4] >> 2 * (s / 4) & 3) << 4;
            float f = d * (float)(scale - 32);
            for (int l = 0; l < 16; l++) dst[l] = f * (float)((q[l] >> shift & 3) + (high[l] >> bit & 1) * 4 - 4);
        }
    }
}

void q4_k_load(float *dst, const void *src, int64_t n)
{
    const struct q4_k_block *b = src;
    for (; n > 0; n -= SUPER_BLOCK, b++) {
        float d = load_f16(b->d), dmin = load_f16(b->dmin);
        for (int j = 0; j < 8; j++, dst += 32) {
            const uint8_t *q = b->q + 32 * (j / 2);
            int sc, m, shift = 4 * (j % 2);
            scale_min_load(b->scales, j, &sc, &m);
            float scale = d * (float)sc, min = dmin * (float)m;
            for (int l = 0; l < 32; l++) dst[l] = scale * (float)(q[l] >> shift & 15) - min;
        }
    }
}

void q5_k_load(float *dst, const void *src, int64_t n)
{
    const struct q5_k_block *b = src;
    for (; n > 0; n -= SUPER_BLOCK, b++) {
        float d = load_f16(b->d), dmin = load_f16(b->dmin);
        for (int j = 0; j < 8; j++, dst += 32) {
            const uint8_t *q = b->q + 32 * (j / 2), *high = b->high;
            int sc, m, shift = 4 * (j % 2);
            scale_min_load(b->scales, j, &sc, &m);
            float scale = d * (float)sc, min = dmin * (float)m;
            for (int l = 0; l < 32; l++) dst[l] = scale * (float)((q[l] >> shift & 15) + (high[l] >> j & 1) * 16) - min;
        }
    }
}

void q6_k_load(float *dst, const void *src, int64_t n)
{
    const struct q6_k_block *b = src;
    for (; n > 0; n -= SUPER_BLOCK, b++) {
        float d = load_f16(b->d);
        for (int s = 0; s < 16; s++, dst += 16) { /* quarter k = (s % 8) / 2 of the half: 32 elements */
            int h = s / 8, k = s % 8 / 2, at = 16 * (s % 2);
            const uint8_t *low = b->low + 64 * h + 32 * (k % 2) + at, *high = b->high + 32 * h + at;
            int nibble = k / 2 * 4;
            float scale = d * (float)b->scales[s];
            for (int l = 0; l < 16; l++)
                dst[l] = scale * (float)(((low[l] >> nibble & 15) | (high[l] >> 2 * k & 3) << 4) - 32);
        }
    }
}
