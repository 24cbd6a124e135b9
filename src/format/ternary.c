/* Decoding of formats with one scale a block and numbers of one or two bits: tq1_0, tq2_0, q1_0, q2_0. */
#include "format/blocks.h"

/* The k-th of the five trits of a byte, 0 to 2: the byte is a fraction of 256, and a trit the whole part of three times
 * what is left of it. */
static inline int trit(uint8_t byte, int k)
{
    static const uint8_t power[5] = {1, 3, 9, 27, 81};
    return (uint8_t)(byte * power[k]) * 3 >> 8;
}

/* Element k * bytes + j is trit k of byte j. */
static float *load_trits(float *dst, const uint8_t *q, int bytes, int trits, float d)
{
    for (int k = 0; k < trits; k++)
        for (int j = 0; j < bytes; j++) *dst++ = d * (float)(trit(q[j], k) - 1);
    return dst;
}

void tq1_0_load(float *dst, const void *src, int64_t n)
{
    const struct tq1_0_block *b = src;
    for (; n > 0; n -= SUPER_BLOCK, b++) {
        float d = load_f16(b->d);
        dst = load_trits(dst, b->q, 32, 5, d);
        dst = load_trits(dst, b->q + 32, 16, 5, d);
        dst = load_trits(dst, b->high, 4, 4, d);
    }
}

void tq2_0_load(float *dst, const void *src, int64_t n)
{
    const struct tq2_0_block *b = src;
    for (; n > 0; n -= SUPER_BLOCK, b++) {
        float d = load_f16(b->d);
        for (int i = 0; i < 8; i++, dst += 32) { /* run i: field i % 4 of half i / 4 */
            const uint8_t *q = b->q + 32 * (i / 4);
            for (int j = 0; j < 32; j++) dst[j] = d * (float)((q[j] >> 2 * (i % 4) & 3) - 1);
        }
    }
}

void q1_0_load(float *dst, const void *src, int64_t n)
{
    const struct q1_0_block *b = src;
    for (; n > 0; n -= 128, dst += 128, b++) {
        float d = load_f16(b->d);
        for (int i = 0; i < 128; i++) dst[i] = b->q[i / 8] >> i % 8 & 1 ? d : -d;
    }
}

void q2_0_load(float *dst, const void *src, int64_t n)
{
    const struct q2_0_block *b = src;
    for (; n > 0; n -= 64, dst += 64, b++) {
        float d = load_f16(b->d);
        for (int i = 0; i < 64; i++) dst[i] = d * (float)((b->q[i / 4] >> 2 * (i % 4) & 3) - 1);
    }
}
