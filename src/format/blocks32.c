/* Decoding of the formats with blocks of 32. Products of an f16 and a small integer are exact in f32, so a value has
 * one rounding at most (the addition of m) and is the same on every machine and in every other program. */
#include "format/blocks.h"

const int8_t iq4_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

void q8_0_load(float *dst, const void *src, int64_t n)
{
    const struct q8_0_block *b = src;
    for (; n > 0; n -= SMALL_BLOCK, dst += SMALL_BLOCK, b++) {
        float d = load_f16(b->d);
        for (int j = 0; j < 32; j++) dst[j] = d * (float)b->q[j];
    }
}

void q4_0_load(float *dst, const void *src, int64_t n)
{
    const struct q4_0_block *b = src;
    for (; n > 0; n -= SMALL_BLOCK, dst += SMALL_BLOCK, b++) {
        float d = load_f16(b->d);
        for (int j = 0; j < 16; j++) dst[j] = (float)((b->q[j] & 15) - 8) * d;
        for (int j = 0; j < 16; j++) dst[j + 16] = (float)((b->q[j] >> 4) - 8) * d;
    }
}

void q4_1_load(float *dst, const void *src, int64_t n)
{
    const struct q4_1_block *b = src;
    for (; n > 0; n -= SMALL_BLOCK, dst += SMALL_BLOCK, b++) {
        float d = load_f16(b->d), m = load_f16(b->m);
        for (int j = 0; j < 16; j++) dst[j] = (float)(b->q[j] & 15) * d + m;
        for (int j = 0; j < 16; j++) dst[j + 16] = (float)(b->q[j] >> 4) * d + m;
    }
}

/* The 32 integers 0..31 of q5_0 and q5_1. */
static void five_bits(uint8_t n[32], const uint8_t q[16], const uint8_t high[4])
{
    uint32_t bits = load_u16(high) | (uint32_t)load_u16(high + 2) << 16;
    for (int j = 0; j < 16; j++) {
        n[j] = (uint8_t)((q[j] & 15) | (bits >> j & 1) << 4);
        n[j + 16] = (uint8_t)(q[j] >> 4 | (bits >> (j + 16) & 1) << 4);
    }
}

void q5_0_load(float *dst, const void *src, int64_t n)
{
    const struct q5_0_block *b = src;
    uint8_t q[32];
    for (; n > 0; n -= SMALL_BLOCK, dst += SMALL_BLOCK, b++) {
        float d = load_f16(b->d);
        five_bits(q, b->q, b->high);
        for (int j = 0; j < 32; j++) dst[j] = (float)(q[j] - 16) * d;
    }
}

void q5_1_load(float *dst, const void *src, int64_t n)
{
    const struct q5_1_block *b = src;
    uint8_t q[32];
    for (; n > 0; n -= SMALL_BLOCK, dst += SMALL_BLOCK, b++) {
        float d = load_f16(b->d), m = load_f16(b->m);
        five_bits(q, b->q, b->high);
        for (int j = 0; j < 32; j++) dst[j] = (float)q[j] * d + m;
    }
}

void iq4_nl_load(float *dst, const void *src, int64_t n)
{
    const struct q4_0_block *b = src;
    for (; n > 0; n -= SMALL_BLOCK, dst += SMALL_BLOCK, b++) load_table(dst, b->q, 16, iq4_values, load_f16(b->d));
}

void iq4_xs_load(float *dst, const void *src, int64_t n)
{
    const struct iq4_xs_block *b = src;
    for (; n > 0; n -= SUPER_BLOCK, b++) {
        float d = load_f16(b->d);
        unsigned high = load_u16(b->scales_high);
        for (int j = 0; j < 8; j++, dst += 32) {
            int scale = (b->scales_low[j / 2] >> 4 * (j % 2) & 15) | (int)(high >> 2 * j & 3) << 4;
            load_table(dst, b->q + 16 * j, 16, iq4_values, d * (float)(scale - 32));
        }
    }
}
