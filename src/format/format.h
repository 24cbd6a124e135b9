/* How numbers are stored: one table, one row per format. The only place that knows the bytes of a format; no
 * `switch (dtype)` outside format/ and kernel/. */
#ifndef FORMAT_FORMAT_H
#define FORMAT_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum dtype {
    DT_F32,
    DT_F16,
    DT_BF16,
    DT_Q8_0, /* blocks of 32: f16 scale d, 32 x int8 q; value d * q */
    DT_Q4_0, /* blocks of 32; the layouts of this and the next are in format/blocks.h, as ggml defines them */
    DT_Q4_1,
    DT_Q5_0,
    DT_Q5_1,
    DT_Q2_K, /* the K formats and IQ4_XS: blocks of 256 */
    DT_Q3_K,
    DT_Q4_K,
    DT_Q5_K,
    DT_Q6_K,
    DT_IQ4_NL,
    DT_IQ4_XS,
    DT_MXFP4,   /* blocks of 32: E8M0 scale, 32 x E2M1 */
    DT_IQ2_XXS, /* from here on formats that are only read: no encoder. The IQ ones: blocks of 256, codebooks */
    DT_IQ2_XS,
    DT_IQ2_S,
    DT_IQ3_XXS,
    DT_IQ3_S,
    DT_IQ1_S,
    DT_IQ1_M,
    DT_TQ1_0, /* blocks of 256: -1, 0 or 1 */
    DT_TQ2_0,
    DT_NVFP4, /* blocks of 64 */
    DT_MXFP8, /* blocks of 256: 8 x E8M0 scale, 256 x E4M3 */
    DT_Q1_0,  /* blocks of 128: one bit each */
    DT_Q2_0,  /* blocks of 64: two bits each */
    DT_F8_E4M3, /* single bytes; the scales of its 128 x 128 blocks are a tensor of their own */
    DT_I32,     /* indices: no conversion to f32 */
    DT_COUNT
};

struct format {
    const char *name;             /* "q8_0" */
    int block;                    /* elements per block            */
    int bytes;                    /* bytes per block               */
    int ggml_type;                /* type number in GGUF; -1: none */
    const char *safetensors_name; /* "BF16"; NULL if not storable  */
    /* n elements, a multiple of block. NULL for DT_I32. Neither aligns nor aliases. from_f32 is NULL where this program
     * only reads the format. */
    void (*to_f32)(float *dst, const void *src, int64_t n);
    void (*from_f32)(void *dst, const float *src, int64_t n);
    /* One row of n elements, the error of element i weighted by importance[i] >= 0 (mean square of the activation that
     * meets column i). NULL: the format has no use for it. */
    void (*from_f32_weighted)(void *dst, const float *src, int64_t n, const float *importance);
};

extern const struct format formats[DT_COUNT];

/* Bytes of n elements (n a multiple of the block). Caller has checked the range: see format_bytes_checked. */
static inline size_t format_bytes(enum dtype t, int64_t n) { return (size_t)(n / formats[t].block) * (size_t)formats[t].bytes; }
/* For counts from outside: false when n is not a multiple of the block or the product overflows. */
bool format_bytes_checked(enum dtype t, uint64_t n, uint64_t *bytes);
/* Whether n stored numbers (n a multiple of the block) are all finite. Costs little beside reading them. */
bool format_all_finite(enum dtype t, const void *data, int64_t n);
/* Lookup; false if unknown. */
bool format_by_name(const char *name, enum dtype *out);
bool format_by_ggml(uint32_t ggml_type, enum dtype *out);
bool format_by_safetensors(const char *name, enum dtype *out);

/* bf16: round to nearest even; a NaN stays a NaN. */
static inline uint16_t bf16_from_f32(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    if ((u & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(u >> 16 | 0x40);
    return (uint16_t)((u + 0x7fffu + (u >> 16 & 1)) >> 16);
}
static inline float bf16_to_f32(uint16_t h)
{
    uint32_t u = (uint32_t)h << 16;
    float f;
    memcpy(&f, &u, 4);
    return f;
}
float f16_to_f32(uint16_t h);
uint16_t f16_from_f32(float f); /* round to nearest even; overflow gives infinity */
/* E4M3 without infinities: 448 and above become 448; rounds to nearest even; a NaN stays a NaN. */
float f8_e4m3_to_f32(uint8_t b);
uint8_t f8_e4m3_from_f32(float f);

#endif
