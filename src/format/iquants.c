/* Decoding of the IQ formats whose numbers are rows of a codebook (grids.h). A block is first taken apart into whole
 * numbers: half steps of the sub-blocks' scales and eighths of iq1's offset go into d. */
#include "format/blocks.h"
#include "format/grids.h"

/* Element i of a block stands for d * scale[i / 16] * q[i]; the products are exact in f32, in any order. */
struct iq_numbers {
    int8_t q[256];     /* -62 .. 62, never 0 */
    uint8_t scale[16]; /* odd, 1 .. 31 */
    float d;
};
/* block: the bytes of one block in the file, at any address. */
typedef void numbers_fn(struct iq_numbers *n, const void *block);

/* Eight values; bit j of signs set: element j is negative. */
static inline void put8(int8_t q[8], uint64_t values, uint32_t signs)
{
    memcpy(q, &values, 8);
    for (int j = 0; j < 8; j++) {
        int negative = (int)(signs >> j & 1);
        q[j] = (int8_t)((q[j] ^ -negative) + negative);
    }
}

static inline uint64_t two_rows(uint32_t low, uint32_t high) { return low | (uint64_t)high << 32; }

/* Two nibbles a byte, low first, as 2 n + 1. */
static void nibble_scales(uint8_t *scale, const uint8_t *nibbles, int bytes)
{
    for (int j = 0; j < bytes; j++) {
        scale[2 * j] = (uint8_t)(2 * (nibbles[j] & 15) + 1);
        scale[2 * j + 1] = (uint8_t)(2 * (nibbles[j] >> 4) + 1);
    }
}

static void iq2_xxs_numbers(struct iq_numbers *n, const void *block)
{
    const struct iq2_xxs_block *b = block;
    n->d = load_f16(b->d) * 0.125f;
    for (int g = 0; g < 8; g++) {
        const uint8_t *rows = b->q + 8 * g;
        uint32_t w = load_u32(rows + 4);
        for (int l = 0; l < 4; l++) put8(n->q + 32 * g + 8 * l, grid_iq2_row(grid_iq2_xxs[rows[l]]), grid_signs(w >> 7 * l));
        n->scale[2 * g] = n->scale[2 * g + 1] = (uint8_t)(2 * (w >> 28) + 1);
    }
}

static void iq2_xs_numbers(struct iq_numbers *n, const void *block)
{
    const struct iq2_xs_block *b = block;
    n->d = load_f16(b->d) * 0.125f;
    nibble_scales(n->scale, b->scales, 8);
    for (int i = 0; i < 32; i++) {
        uint32_t v = load_u16(b->q + 2 * i);
        put8(n->q + 8 * i, grid_iq2_row(grid_iq2_xs[v & 511]), grid_signs(v >> 9));
    }
}

static void iq2_s_numbers(struct iq_numbers *n, const void *block)
{
    const struct iq2_s_block *b = block;
    n->d = load_f16(b->d) * 0.125f;
    nibble_scales(n->scale, b->scales, 8);
    for (int i = 0; i < 32; i++) {
        uint32_t row = b->q[i] | (b->high[i / 4] >> 2 * (i % 4) & 3u) << 8;
        put8(n->q + 8 * i, grid_iq2_row(grid_iq2_s[row]), b->signs[i]);
    }
}

static void iq3_xxs_numbers(struct iq_numbers *n, const void *block)
{
    const struct iq3_xxs_block *b = block;
    n->d = load_f16(b->d) * 0.25f;
    for (int g = 0; g < 8; g++) {
        const uint8_t *rows = b->q + 8 * g;
        uint32_t w = load_u32(b->words + 4 * g);
        for (int l = 0; l < 4; l++) {
            uint64_t v = two_rows(grid_iq3_xxs_row(grid_iq3_xxs[rows[2 * l]]), grid_iq3_xxs_row(grid_iq3_xxs[rows[2 * l + 1]]));
            put8(n->q + 32 * g + 8 * l, v, grid_signs(w >> 7 * l));
        }
        n->scale[2 * g] = n->scale[2 * g + 1] = (uint8_t)(2 * (w >> 28) + 1);
    }
}

static void iq3_s_numbers(struct iq_numbers *n, const void *block)
{
    const struct iq3_s_block *b = block;
    uint8_t scale[8];
    n->d = load_f16(b->d);
    nibble_scales(scale, b->scales, 4);
    for (int g = 0; g < 16; g++) n->scale[g] = scale[g / 2];
    for (int i = 0; i < 32; i++) {
        uint32_t high = b->high[i / 4] >> 2 * (i % 4), r0 = b->q[2 * i] | (high & 1) << 8, r1 = b->q[2 * i + 1] | (high & 2) << 7;
        put8(n->q + 8 * i, two_rows(grid_iq3_s_row(grid_iq3_s[r0]), grid_iq3_s_row(grid_iq3_s[r1])), b->signs[i]);
    }
}

/* A value of iq1 is -1, 0 or 1, and an eighth above or below it: whole numbers of eighths. */
static inline void put_iq1(int8_t q[8], uint32_t row, bool below)
{
    uint64_t codes = grid_iq1_row(grid_iq1[row]);
    memcpy(q, &codes, 8);
    for (int j = 0; j < 8; j++) q[j] = (int8_t)(8 * q[j] - (below ? 9 : 7));
}

static void iq1_s_numbers(struct iq_numbers *n, const void *block)
{
    const struct iq1_s_block *b = block;
    n->d = load_f16(b->d) * 0.125f;
    for (int g = 0; g < 8; g++) {
        uint32_t h = load_u16(b->high + 2 * g);
        for (int l = 0; l < 4; l++) put_iq1(n->q + 32 * g + 8 * l, b->q[4 * g + l] | (h >> 3 * l & 7) << 8, h >> 15);
        n->scale[2 * g] = n->scale[2 * g + 1] = (uint8_t)(2 * (h >> 12 & 7) + 1);
    }
}

static void iq1_m_numbers(struct iq_numbers *n, const void *block)
{
    const struct iq1_m_block *b = block;
    uint32_t d = 0;
    for (int k = 0; k < 4; k++) {
        uint32_t s = load_u16(b->scales + 2 * k);
        d |= s >> 12 << 4 * k;
        for (int j = 0; j < 4; j++) n->scale[4 * k + j] = (uint8_t)(2 * (s >> 3 * j & 7) + 1);
    }
    n->d = f16_to_f32((uint16_t)d) * 0.125f;
    for (int i = 0; i < 32; i++) {
        uint32_t h = b->high[i / 2] >> 4 * (i % 2);
        put_iq1(n->q + 8 * i, b->q[i] | (h & 7) << 8, h >> 3 & 1);
    }
}

static inline void load_blocks(float *dst, const void *src, int64_t n, size_t bytes, numbers_fn *numbers)
{
    const uint8_t *b = src;
    struct iq_numbers x;
    for (; n > 0; n -= SUPER_BLOCK, dst += SUPER_BLOCK, b += bytes) {
        numbers(&x, b);
        for (int s = 0; s < 16; s++) {
            float scale = x.d * (float)x.scale[s];
            for (int l = 0; l < 16; l++) dst[16 * s + l] = scale * (float)x.q[16 * s + l];
        }
    }
}

#define IQ_LOAD(name)                                                                                                      \
    void name##_load(float *dst, const void *src, int64_t n)                                                               \
    {                                                                                                                      \
        load_blocks(dst, src, n, sizeof(struct name##_block), name##_numbers);                                             \
    }
IQ_LOAD(iq2_xxs)
IQ_LOAD(iq2_xs)
IQ_LOAD(iq2_s)
IQ_LOAD(iq3_xxs)
IQ_LOAD(iq3_s)
IQ_LOAD(iq1_s)
IQ_LOAD(iq1_m)
