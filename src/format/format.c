/* The table of number formats and their conversions. Stored numbers are little-endian, like the machines. */
#include "format/format.h"
#include <math.h>
#include "base/checked.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files are read as they lie in memory");

float f16_to_f32(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exp = h >> 10 & 0x1f, man = h & 0x3ff, u;
    if (exp == 0x1f) {
        u = sign | 0x7f800000u | man << 13 | (man ? 0x400000u : 0); /* a NaN becomes quiet, as in hardware */
    } else if (exp) {
        u = sign | (exp + 112) << 23 | man << 13;
    } else { /* zero or subnormal: man * 2^-24 is exact */
        float f = (float)man * 0x1p-24f;
        memcpy(&u, &f, 4);
        u |= sign;
    }
    float f;
    memcpy(&f, &u, 4);
    return f;
}

uint16_t f16_from_f32(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    uint32_t sign = u >> 16 & 0x8000, a = u & 0x7fffffffu;
    if (a > 0x7f800000u) return (uint16_t)(sign | 0x7e00 | (a >> 13 & 0x3ff));
    if (a >= 0x477ff000u) return (uint16_t)(sign | 0x7c00); /* 65520 and above round to infinity */
    if (a >= 0x38800000u) { /* normal: the carry of the rounding may move into the exponent, as it should */
        a += 0xfff + (a >> 13 & 1);
        return (uint16_t)(sign | ((a >> 13) - (112 << 10)));
    }
    float v; /* subnormal: a unit is 2^-24; adding 0.5 puts the unit in the last place of the sum, rounded to even */
    memcpy(&v, &a, 4);
    v += 0.5f;
    memcpy(&a, &v, 4);
    return (uint16_t)(sign | (a - 0x3f000000u));
}

static void f32_copy(float *dst, const void *src, int64_t n) { memcpy(dst, src, (size_t)n * 4); }
static void f32_store(void *dst, const float *src, int64_t n) { memcpy(dst, src, (size_t)n * 4); }

static void f16_load(float *dst, const void *src, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        uint16_t h;
        memcpy(&h, (const char *)src + 2 * i, 2);
        dst[i] = f16_to_f32(h);
    }
}

static void f16_store(void *dst, const float *src, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        uint16_t h = f16_from_f32(src[i]);
        memcpy((char *)dst + 2 * i, &h, 2);
    }
}

static void bf16_load(float *dst, const void *src, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        uint16_t h;
        memcpy(&h, (const char *)src + 2 * i, 2);
        dst[i] = bf16_to_f32(h);
    }
}

static void bf16_store(void *dst, const float *src, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        uint16_t h = bf16_from_f32(src[i]);
        memcpy((char *)dst + 2 * i, &h, 2);
    }
}

/* Q8_0 block: [d: f16][q: 32 x int8], 34 bytes; value i is d * q[i]. */
enum { Q8_BLOCK = 32, Q8_BYTES = 34 };

static void q8_0_load(float *dst, const void *src, int64_t n)
{
    const char *s = src;
    for (int64_t i = 0; i < n; i += Q8_BLOCK, s += Q8_BYTES) {
        uint16_t h;
        memcpy(&h, s, 2);
        float d = f16_to_f32(h);
        for (int j = 0; j < Q8_BLOCK; j++) dst[i + j] = d * (float)(signed char)s[2 + j];
    }
}

/* The quotients use the scale before its rounding to f16, as other programs do: the files are then the same. */
static void q8_0_store(void *dst, const float *src, int64_t n)
{
    char *o = dst;
    for (int64_t i = 0; i < n; i += Q8_BLOCK, o += Q8_BYTES) {
        float top = 0;
        for (int j = 0; j < Q8_BLOCK; j++) {
            float a = fabsf(src[i + j]);
            if (a > top || a != a) top = a; /* a NaN stays: the scale tells of it */
        }
        float d = top / 127.0f, inv = d != 0 ? 1.0f / d : 0.0f;
        uint16_t h = f16_from_f32(d);
        memcpy(o, &h, 2);
        for (int j = 0; j < Q8_BLOCK; j++) {
            float v = roundf(src[i + j] * inv);
            o[2 + j] = (char)(v >= -127 && v <= 127 ? (int)v : v > 127 ? 127 : v < -127 ? -127 : 0);
        }
    }
}

const struct format formats[DT_COUNT] = {
    [DT_F32] = {"f32", 1, 4, 0, "F32", f32_copy, f32_store, NULL},
    [DT_F16] = {"f16", 1, 2, 1, "F16", f16_load, f16_store, NULL},
    [DT_BF16] = {"bf16", 1, 2, 30, "BF16", bf16_load, bf16_store, NULL},
    [DT_Q8_0] = {"q8_0", Q8_BLOCK, Q8_BYTES, 8, NULL, q8_0_load, q8_0_store, NULL},
    [DT_Q4_0] = {"q4_0", 32, 18, 2, NULL, NULL, NULL, NULL},
    [DT_Q4_1] = {"q4_1", 32, 20, 3, NULL, NULL, NULL, NULL},
    [DT_Q5_0] = {"q5_0", 32, 22, 6, NULL, NULL, NULL, NULL},
    [DT_Q5_1] = {"q5_1", 32, 24, 7, NULL, NULL, NULL, NULL},
    [DT_Q2_K] = {"q2_k", 256, 84, 10, NULL, NULL, NULL, NULL},
    [DT_Q3_K] = {"q3_k", 256, 110, 11, NULL, NULL, NULL, NULL},
    [DT_Q4_K] = {"q4_k", 256, 144, 12, NULL, NULL, NULL, NULL},
    [DT_Q5_K] = {"q5_k", 256, 176, 13, NULL, NULL, NULL, NULL},
    [DT_Q6_K] = {"q6_k", 256, 210, 14, NULL, NULL, NULL, NULL},
    [DT_IQ4_NL] = {"iq4_nl", 32, 18, 20, NULL, NULL, NULL, NULL},
    [DT_IQ4_XS] = {"iq4_xs", 256, 136, 23, NULL, NULL, NULL, NULL},
    [DT_MXFP4] = {"mxfp4", 32, 17, 39, NULL, NULL, NULL, NULL},
    [DT_F8_E4M3] = {"f8_e4m3", 1, 1, -1, "F8_E4M3", NULL, NULL, NULL},
    [DT_I32] = {"i32", 1, 4, 26, "I32", NULL, NULL, NULL},
};

bool format_bytes_checked(enum dtype t, uint64_t n, uint64_t *bytes)
{
    uint64_t block = (uint64_t)formats[t].block;
    return n % block == 0 && mul_u64(n / block, (uint64_t)formats[t].bytes, bytes) && *bytes <= INT64_MAX;
}

bool format_by_name(const char *name, enum dtype *out)
{
    for (int i = 0; i < DT_COUNT; i++)
        if (!strcmp(formats[i].name, name)) {
            *out = (enum dtype)i;
            return true;
        }
    return false;
}

bool format_by_ggml(uint32_t ggml_type, enum dtype *out)
{
    for (int i = 0; i < DT_COUNT; i++)
        if (formats[i].ggml_type >= 0 && (uint32_t)formats[i].ggml_type == ggml_type) {
            *out = (enum dtype)i;
            return true;
        }
    return false;
}

bool format_by_safetensors(const char *name, enum dtype *out)
{
    for (int i = 0; i < DT_COUNT; i++)
        if (formats[i].safetensors_name && !strcmp(formats[i].safetensors_name, name)) {
            *out = (enum dtype)i;
            return true;
        }
    return false;
}
