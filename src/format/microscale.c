/* Decoding of formats whose scales are floats of 8 bits: mxfp4, mxfp8 (E8M0, a power of two) and nvfp4 (E4M3). The
 * small floats of four bits, E2M1, are in a table as twice their value, and the scales halved for it. */
#include "format/blocks.h"

const int8_t mxfp4_doubles[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

static inline float float_of(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, 4);
    return f;
}

/* 2^(e - 128), as ggml: so e = 0 and 1 are subnormal, and e = 255 is a number (2^128 itself does not fit). */
void mxfp4_load(float *dst, const void *src, int64_t n)
{
    const struct mxfp4_block *b = src;
    for (; n > 0; n -= SMALL_BLOCK, dst += SMALL_BLOCK, b++) {
        uint32_t half = b->e < 2 ? (uint32_t)0x00200000 << b->e : (uint32_t)(b->e - 1) << 23;
        load_table(dst, b->q, 16, mxfp4_doubles, float_of(half));
    }
}

/* Half the value of an E4M3 code. As in ggml the sign is not looked at, 0x7f is zero, and 0xff a number. */
static inline float nvfp4_half(uint8_t code)
{
    uint32_t exp = code >> 3 & 15, man = code & 7;
    if (code == 0x7f) return 0;
    return exp ? (float)(8 + man) * float_of((exp + 116) << 23) : (float)man * 0x1p-10f;
}

void nvfp4_load(float *dst, const void *src, int64_t n)
{
    const struct nvfp4_block *b = src;
    for (; n > 0; n -= 64, b++)
        for (int s = 0; s < 4; s++, dst += 16) load_table(dst, b->q + 8 * s, 8, mxfp4_doubles, nvfp4_half(b->scales[s]));
}

/* e = 255 is no number, as the standard of these formats has it. */
void mxfp8_load(float *dst, const void *src, int64_t n)
{
    const struct mxfp8_block *b = src;
    for (; n > 0; n -= SUPER_BLOCK, b++)
        for (int s = 0; s < 8; s++, dst += 32) {
            uint32_t e = b->scales[s];
            float d = float_of(e == 255 ? 0x7fc00000u : e ? e << 23 : 0x00400000u);
            f8_e4m3_load(dst, b->q + 32 * s, 32);
            for (int j = 0; j < 32; j++) dst[j] *= d;
        }
}
