/* Formats that store every element by itself: f32, f16, bf16 and the 8-bit floats. */
#include <stdbool.h>
#include "format/blocks.h"

static inline float float_of(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, 4);
    return f;
}

static inline uint32_t bits_of(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}

static inline uint32_t pick(bool yes, uint32_t a, uint32_t b) { return (-(uint32_t)yes & a) | (((uint32_t)yes - 1) & b); }

/* Without branches, so that the loops below become vectors. Zero and subnormals: 0.5 + man * 2^-24, less 0.5, exactly. */
static inline float f16_value(uint16_t h)
{
    uint32_t a = h & 0x7fff, normal = (a << 13) + (112u << 23), small = bits_of(float_of(0x3f000000u | a) - 0.5f);
    uint32_t u = pick(a < 0x400, small, normal);
    u |= pick(a >= 0x7c00, 0x7f800000u, 0) | pick(a > 0x7c00, 0x400000u, 0); /* a NaN becomes quiet, as in hardware */
    return float_of(u | (uint32_t)(h & 0x8000) << 16);
}

float f16_to_f32(uint16_t h) { return f16_value(h); }

uint16_t f16_from_f32(float f)
{
    uint32_t u = bits_of(f);
    uint32_t sign = u >> 16 & 0x8000, a = u & 0x7fffffffu;
    if (a > 0x7f800000u) return (uint16_t)(sign | 0x7e00 | (a >> 13 & 0x3ff));
    if (a >= 0x477ff000u) return (uint16_t)(sign | 0x7c00); /* 65520 and above round to infinity */
    if (a >= 0x38800000u) { /* normal: the carry of the rounding may move into the exponent, as it should */
        a += 0xfff + (a >> 13 & 1);
        return (uint16_t)(sign | ((a >> 13) - (112 << 10)));
    }
    /* subnormal: a unit is 2^-24; adding 0.5 puts the unit in the last place of the sum, rounded to even */
    return (uint16_t)(sign | (bits_of(float_of(a) + 0.5f) - 0x3f000000u));
}

/* E4M3FN: sign, 4 bits of exponent with bias 7, 3 of fraction; no infinities, 0x7f and 0xff are NaN. */
static inline float f8_e4m3_value(uint32_t b)
{
    uint32_t a = b & 0x7f, normal = (a << 20) + (120u << 23), small = bits_of(float_of(0x46800000u | a) - 0x1p14f);
    uint32_t u = pick(a < 8, small, normal) | pick(a == 0x7f, 0x7fc00000u, 0);
    return float_of(u | (b & 0x80) << 24);
}

float f8_e4m3_to_f32(uint8_t b) { return f8_e4m3_value(b); }

uint8_t f8_e4m3_from_f32(float f)
{
    uint32_t u = bits_of(f);
    uint32_t sign = u >> 24 & 0x80, a = u & 0x7fffffffu;
    if (a > 0x7f800000u) return (uint8_t)(sign | 0x7f);
    if (a >= 0x43e00000u) return (uint8_t)(sign | 0x7e); /* 448 and above, infinity too: the largest number */
    if (a >= 0x3c800000u) {                              /* 2^-6 and above: normal */
        a += 0x7ffff + (a >> 20 & 1);
        return (uint8_t)(sign | ((a >> 20) - (120 << 3)));
    }
    /* subnormal: a unit is 2^-9; adding 2^14 puts the unit in the last place of the sum */
    return (uint8_t)(sign | (bits_of(float_of(a) + 0x1p14f) & 0xf));
}

void f32_load(float *dst, const void *src, int64_t n) { memcpy(dst, src, (size_t)n * 4); }
void f32_store(void *dst, const float *src, int64_t n) { memcpy(dst, src, (size_t)n * 4); }

enum { CHUNK = 16 }; /* a fixed count, for the vectoriser */

void f16_load(float *dst, const void *src, int64_t n)
{
    const char *s = src;
    uint16_t h[CHUNK];
    for (; n >= CHUNK; n -= CHUNK, dst += CHUNK, s += sizeof h) {
        memcpy(h, s, sizeof h);
        for (int i = 0; i < CHUNK; i++) dst[i] = f16_value(h[i]);
    }
    memcpy(h, s, (size_t)n * 2);
    for (int i = 0; i < n; i++) dst[i] = f16_value(h[i]);
}

void f16_store(void *dst, const float *src, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        uint16_t h = f16_from_f32(src[i]);
        memcpy((char *)dst + 2 * i, &h, 2);
    }
}

void bf16_load(float *dst, const void *src, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        uint16_t h;
        memcpy(&h, (const char *)src + 2 * i, 2);
        dst[i] = bf16_to_f32(h);
    }
}

void bf16_store(void *dst, const float *src, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        uint16_t h = bf16_from_f32(src[i]);
        memcpy((char *)dst + 2 * i, &h, 2);
    }
}

void f8_e4m3_load(float *dst, const void *src, int64_t n)
{
    const uint8_t *s = src;
    uint32_t b[CHUNK];
    for (; n >= CHUNK; n -= CHUNK, dst += CHUNK, s += CHUNK) {
        for (int i = 0; i < CHUNK; i++) b[i] = s[i];
        for (int i = 0; i < CHUNK; i++) dst[i] = f8_e4m3_value(b[i]);
    }
    for (int i = 0; i < n; i++) dst[i] = f8_e4m3_value(s[i]);
}

void f8_e4m3_store(void *dst, const float *src, int64_t n)
{
    for (int64_t i = 0; i < n; i++) ((uint8_t *)dst)[i] = f8_e4m3_from_f32(src[i]);
}
